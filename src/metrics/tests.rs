//! What a scrape answers: every series that is described, from zero, harmless, and as promtool wants it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::domain::alert::rules::AlertRules;
use crate::domain::counters::{CallFailure, Decided};
use crate::domain::event::{Answer, Call, Event, Failure, Observed, Recorded};
use crate::domain::fleet::{Change, Item, Machine, MachineStatus};
use crate::domain::id::{MachineId, PolicyName};
use crate::domain::policy::{Images, Mode, Policy, PolicySet, Retention, Rules};
use crate::domain::selection::Selection;
use crate::domain::snapshot_price::PriceBasisSaid;
use crate::domain::time::Seconds;
use crate::domain::timing::Timing;

fn scraped(state: &State) -> String {
    let process = Process { passes: 3, head: "0123456789ab@17".to_owned(), ..Process::default() };
    text(&Scrape { state, now: Timestamp::from_seconds(1_800_000_000), holds: &[], process: &process })
        .unwrap()
}

fn see(state: &mut State, id: &str, name: &str) {
    see_as(state, id, name, MachineStatus::Active);
}

fn see_as(state: &mut State, id: &str, name: &str, status: MachineStatus) {
    let machine = Machine {
        id: MachineId::new(id),
        name: name.to_owned(),
        status,
        region: "CANADA-1".to_owned(),
        tier: String::new(),
        labels: BTreeSet::new(),
        gpus: None,
        created_at: None,
    };
    let change = Change::Seen(Item::Machine(machine));
    let event = Event::Observed(Observed { change, raw: String::new() });
    state.apply(&Recorded { seq: 1, at: Timestamp::EPOCH, event });
}

fn call(state: &mut State, method: &str, endpoint: &str, answer: Answer) {
    let call = Call {
        method: method.to_owned(),
        endpoint: endpoint.to_owned(),
        object: None,
        answer,
        duration_ms: 1,
        request_id: None,
        attempt: 1,
        bytes: 0,
    };
    state.apply(&Recorded { seq: 1, at: Timestamp::EPOCH, event: Event::Called(call) });
}

#[test]
fn every_series_that_is_told_is_described_and_counters_begin_at_zero() {
    let text = scraped(&State::default());
    let told: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let described: BTreeSet<&str> = names::ALL.iter().map(|one| one.name).collect();
    for name in told.iter().filter(|name| !name.starts_with("process_")) {
        assert!(described.contains(name), "{name} is told and not described");
    }
    // What hangs on what the cloud shows, or on policies, is absent from an empty state.
    let later = [
        "quartermaster_balance_credits",
        "quartermaster_burn_credits_per_hour",
        "quartermaster_runout_timestamp_seconds",
        "quartermaster_machine_info",
        "quartermaster_backup_newest_good_timestamp_seconds",
        "quartermaster_backup_awaited_since_timestamp_seconds",
        "quartermaster_backup_expected_age_seconds",
        "quartermaster_backups_good",
    ];
    for name in described.iter().filter(|name| !later.contains(name)) {
        assert!(told.contains(name), "{name} is described and not told");
    }
    for class in CallFailure::ALL {
        let series = format!(
            "quartermaster_api_failed_calls_total{{method=\"GET\",endpoint=\"/instances/\",class=\"{}\"}} 0\n",
            class.word()
        );
        assert!(text.contains(&series), "{series}");
    }
    for decided in Decided::ALL {
        let series = format!("quartermaster_slots_decided_total{{decision=\"{}\"}} 0\n", decided.word());
        assert!(text.contains(&series), "{series}");
    }
    assert!(text.contains("quartermaster_charged_credits_total{kind=\"volume\",currency=\"INR\"} 0\n"));
}

#[test]
fn calls_are_counted_by_endpoint_and_class_and_the_endpoints_are_bounded() {
    let mut state = State::default();
    call(&mut state, "GET", "/balance/", Answer::Status(200));
    call(&mut state, "GET", "/balance/", Answer::Failure(Failure::Timeout));
    for number in 0..1_000 {
        call(&mut state, "GET", &format!("/x{number}/"), Answer::Status(503));
    }
    let text = scraped(&state);
    for series in [
        "quartermaster_api_calls_total{method=\"GET\",endpoint=\"/balance/\"} 2\n",
        "quartermaster_api_failed_calls_total{method=\"GET\",endpoint=\"/balance/\",class=\"timeout\"} 1\n",
    ] {
        assert!(text.contains(series), "{series}");
    }
    assert!(text.matches("quartermaster_api_calls_total{").count() <= 48, "a series for each address");
    let made = text.lines().filter(|line| line.starts_with("quartermaster_api_calls_total{"));
    let sum: f64 = made.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum();
    assert_eq!(sum, 1_002.0, "none is lost");
}

#[test]
fn what_the_cloud_calls_a_machine_breaks_no_line_and_no_label() {
    let mut state = State::default();
    let long = "x".repeat(10_000);
    for (id, name) in [
        ("a", "quote\" back\\slash\nnew line\u{202e}\u{1b}[31m<b>"),
        ("b\u{202e}", &long),
        ("b\\u{202e}", "a name that looks like the escape of another"),
    ] {
        see(&mut state, id, name);
    }
    let text = scraped(&state);
    let lines: Vec<&str> =
        text.lines().filter(|line| line.starts_with("quartermaster_machine_info{")).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), 3);
    assert!(lines.iter().all(|line| line.len() < 600 && line.ends_with("} 1")));
    assert!(!text.contains(['\u{202e}', '\u{1b}']));
    assert!(
        text.contains(r#"name="quote\" back\\slash\\u{a}new line\\u{202e}\\u{1b}[31m<b>""#),
        "{}",
        lines[0]
    );
    assert!(promtool_objects(&text).is_none_or(|said| said.is_empty()));
}

#[test]
fn machines_beyond_the_bound_are_counted_and_have_no_series() {
    let mut state = State::default();
    for number in 0..MOST_SHOWN + 7 {
        see(&mut state, &format!("BRK-{number:06}D"), "trainer");
    }
    let text = scraped(&state);
    assert_eq!(text.matches("quartermaster_machine_info{").count(), MOST_SHOWN);
    assert!(text.contains("quartermaster_machines_left_out 7\n"));
}

/// What promtool says against it; `None` where there is no promtool.
fn promtool_objects(text: &str) -> Option<String> {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    // One that says no early reads no further.
    drop(child.stdin.take()?.write_all(text.as_bytes()));
    let output = child.wait_with_output().ok()?;
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Some(if output.status.success() { String::new() } else { said.concat() })
}

#[test]
fn promtool_has_nothing_to_say_against_a_scrape() {
    match promtool_objects(&scraped(&State::default())) {
        None => {
            // As in tests/it/machine.rs: where all parts must be there, one that is missing is a failure.
            let is_required =
                std::env::var_os("QUARTERMASTER_REAL_PARTS").is_some_and(|word| word == "required");
            assert!(!is_required, "promtool is not installed, and QUARTERMASTER_REAL_PARTS=required");
            println!("SKIPPED: promtool is not installed");
        }
        Some(said) => assert_eq!(said, ""),
    }
}

#[test]
fn while_a_machine_is_off_no_age_of_its_newest_backup_is_too_great() {
    let policy = Policy {
        mode: Mode::Protect,
        machines: vec!["*".to_owned()],
        schedule: "@daily".to_owned(),
        timezone: "UTC".to_owned(),
        may_restart: true,
        retention: Retention::default(),
        longest_gap: Seconds::days(1),
        selection: Selection::default(),
        timing: Timing::default(),
        was: BTreeSet::new(),
    };
    let set = PolicySet {
        mode: Mode::Protect,
        policies: [(PolicyName::new("daily"), policy)].into(),
        rules: Rules::default(),
        images: Images::Ask,
        alerts: AlertRules::default(),
        snapshot_price_basis: PriceBasisSaid::Auto,
    };
    let mut state = State::default();
    let event = Event::PoliciesAdopted(set);
    state.apply(&Recorded { seq: 1, at: Timestamp::EPOCH, event });
    let age = |state: &State| {
        let text = scraped(state);
        let of_machine = "quartermaster_backup_expected_age_seconds{policy=\"daily\",machine=\"BRK-1\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(of_machine)).unwrap();
        line.parse::<f64>().unwrap()
    };
    see(&mut state, "BRK-1", "trainer");
    assert!(age(&state).is_finite());
    see_as(&mut state, "BRK-1", "trainer", MachineStatus::Hibernated);
    assert!(age(&state).is_infinite());
}

#[test]
fn a_number_is_written_as_exactly_as_it_is_known() {
    let described = names::BALANCE;
    for (value, text) in [
        (0.0, "0"),
        (-3.0, "-3"),
        (0.25, "0.25"),
        (1_772_330_407.5, "1772330407.5"),
        (9_007_199_254_740_993.0, "9007199254740992"),
        (1e300, &format!("1{}", "0".repeat(300))),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ] {
        let mut families = families::Families::default();
        families.tell(&described, [(["USD"], value)]);
        let line = families.into_text().lines().last().unwrap().to_owned();
        assert_eq!(line, format!("quartermaster_balance_credits{{currency=\"USD\"}} {text}"));
    }
}
