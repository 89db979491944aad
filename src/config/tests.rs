//! What the configuration accepts, and in which words it refuses the rest; every sample file is read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::refusal::RefusalClass;
use crate::domain::policy::{Keep, Retention};
use crate::domain::time::Seconds;

const INVALID: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/invalid");
const EXAMPLE: &str = include_str!("../../config/example.toml");

fn now() -> Timestamp {
    "2026-03-27T12:00:00Z".parse().unwrap()
}

fn accepted(text: &str) -> Config {
    parse("test.toml", text).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn every_file_of_the_invalid_folder_is_refused_in_the_words_beside_it() {
    let mut count = 0;
    for entry in std::fs::read_dir(INVALID).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let text = encoding::text(bytes).map_err(|said| unreadable(&name, said));
        let Err(faults) = text.and_then(|text| parse(&name, &text)) else { panic!("{name} is accepted") };
        let said = format!("{faults}\n");
        let beside = path.with_extension("txt");
        // `BLESS=1 cargo test` writes them anew; read the difference before it is committed.
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&beside, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(said, expected, "{name} is refused in other words than {}", beside.display());
        count += 1;
    }
    assert!(count >= 40, "only {count} files");
}

#[test]
fn the_example_is_accepted_and_holds_the_defaults() {
    let example = accepted(EXAMPLE);
    let bare = accepted("");
    assert_eq!(example.warnings, []);
    assert_eq!(example.data_dir, bare.data_dir);
    assert_eq!(example.cloud, Cloud { key_file: example.cloud.key_file.clone(), ..bare.cloud });
    assert_eq!(example.lateness, bare.lateness);
    assert_eq!(HttpSetting { token_file: None, ..example.http }, bare.http);
    assert_eq!(JournalSetting { backup_dir: None, ..example.journal }, bare.journal);
    assert_eq!(Rules { day_cap: None, ..example.rules }, Rules::default());
    let floors = BTreeMap::new();
    assert_eq!(AlertRules { told: false, floors, ..example.alerts }, bare.alerts);
    assert_eq!(bare.alerts, AlertRules { digest: Some("0 8 * * 1".to_owned()), ..AlertRules::default() });
    assert_eq!(bare.rules, Rules::default());
    assert_eq!((bare.mode, bare.email), (Mode::Observe, Email::Unset));
}

#[test]
fn refusals_are_read_in_their_order() {
    let text = "[[cloud.refusal]]\nstatus = 403\ncode = \"A\"\nclass = \"account\"\n\
        [[cloud.refusal]]\nmessage = \"b\"\nclass = \"name_taken\"\n";
    let refusals = accepted(text).cloud.refusals;
    let told = refusals.iter().map(|one| (one.status, one.code.as_str(), one.message.as_str(), one.class));
    let expected = [(Some(403), "A", "", RefusalClass::Account), (None, "", "b", RefusalClass::NameTaken)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn the_example_names_every_setting() {
    let keys: BTreeSet<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once(" = "))
        .map(|(key, _)| key)
        .collect();
    // A setting unknown to the whole answers with all that are known.
    let sections = [
        "",
        "[cloud]",
        "[[cloud.refusal]]",
        "[cloud.paths]",
        "[cloud.parameters]",
        "[clock]",
        "[rules]",
        "[journal]",
        "[http]",
        "[mail]",
        "[alerts]",
        "[socket]",
        "[[policy]]",
    ];
    for section in sections.into_iter().chain(["[policy.retention]", "[policy.busy_check]"]) {
        let text = match section {
            "[policy.retention]" | "[policy.busy_check]" => {
                format!("[[policy]]\n{section}\nqqqqqqqqqqqqqqqqqqqqqqqqq = 1\n")
            }
            _ => format!("{section}\nqqqqqqqqqqqqqqqqqqqqqqqqq = 1\n"),
        };
        let faults = parse("test.toml", &text).unwrap_err();
        let said = faults.list().iter().find_map(|fault| fault.rule.split_once("known here: ")).unwrap().1;
        let tables = [
            "http",
            "mail",
            "alerts",
            "cloud",
            "clock",
            "rules",
            "journal",
            "socket",
            "policy",
            "retention",
            "busy_check",
            "refusal",
            "paths",
            "parameters",
        ];
        for key in said.split(", ").filter(|key| !tables.contains(key)) {
            assert!(keys.contains(key), "config/example.toml does not explain {section} {key}");
        }
    }
}

#[test]
fn the_description_shows_the_next_three_times_in_both_zones() {
    insta::assert_snapshot!(describe::describe(&accepted(EXAMPLE), now()), @r"
    mode       protect
    data_dir   /var/lib/quartermaster
    cloud      https://barrack.ai/api
    email      ops@example.org
    letters    over smtp.example.org, port 587, security starttls

    policy nightly
      mode       protect
      was        every-night
      machines   trainer-*, notebook
      not        trainer-old-*
      in         CANADA-1, NORWAY-1
      of tier    legacy
      labelled   backup=yes
      restart    a snapshot may restart the machine
      keeps      last 2, hourly 6, daily 7, weekly 4, monthly 3, yearly 1, within 2d, hourly within 1d12h, daily within 7d, weekly within 1m, monthly within 6m, yearly within 1y6m, but nothing older than 2y
      schedule   30 2 * * * in Europe/Berlin
      that is    at 02:30; each time once a day, whatever the clock does
      window     22:00-06:00; nothing starts outside it
      jitter     up to 30 min after each time
      missed     caught up to 12 h late, one for all
      busy       asks /usr/local/bin/is-idle --quiet
      next       Sat 2026-03-28 02:30:00 CET = 2026-03-28 01:30:00 UTC
      next       Sun 2026-03-29 03:00:00 CEST = 2026-03-29 01:00:00 UTC
      next       Mon 2026-03-30 02:30:00 CEST = 2026-03-30 00:30:00 UTC
      longest    25 h between two in the coming year

    policy weekly-archive
      mode       protect
      machines   trainer-1
      restart    the machine must not be restarted
      keeps      monthly 12
      schedule   @weekly in UTC
      that is    at 00:00, on Sunday; each time once a day, whatever the clock does
      next       Sun 2026-03-29 00:00:00 UTC
      next       Sun 2026-04-05 00:00:00 UTC
      next       Sun 2026-04-12 00:00:00 UTC
      longest    7 d between two in the coming year
    ");
}

#[test]
fn a_policy_without_rules_keeps_everything_and_says_so() {
    let text = "email = \"off\"\n[cloud]\nkey_file = \"/k\"\n[[policy]]\nname = \"a\"\nmachines = [\"*\"]\n\
                schedule = \"@daily\"\nmay_restart = true\n";
    for text in [text.to_owned(), format!("{text}[policy.retention]\n")] {
        let config = accepted(&text);
        let said: Vec<_> = config.warnings.iter().map(|warning| warning.said.as_str()).collect();
        assert_eq!(said, ["policy \"a\".retention.keep_* has no rule: every backup is kept and billed"]);
        assert_eq!(config.policies[0].retention, Retention::default());
    }
}

#[test]
fn minus_one_and_all_mean_all() {
    for word in ["-1", "\"all\""] {
        let text = format!(
            "[[policy]]\nname = \"a\"\nmachines = [\"*\"]\nschedule = \"@daily\"\nmay_restart = true\n\
             [policy.retention]\nkeep_daily = {word}\n"
        );
        assert_eq!(accepted(&text).policies[0].retention.keep_daily, Some(Keep::All));
    }
}

#[test]
fn the_policy_set_carries_what_a_plan_needs() {
    let set = accepted(EXAMPLE).policy_set(now());
    let nightly = &set.policies[&crate::domain::id::PolicyName::new("nightly")];
    assert_eq!((set.mode, nightly.mode), (Mode::Protect, Mode::Protect));
    assert_eq!((nightly.schedule.as_str(), nightly.timezone.as_str()), ("30 2 * * *", "Europe/Berlin"));
    // The autumn night has an hour more, and the spring night an hour less.
    assert_eq!(nightly.longest_gap, Seconds::hours(25));
    assert_eq!(set.rules.day_cap, Some(10));
}

#[test]
fn a_fast_clock_is_accepted_beside_a_cloud_on_this_machine() {
    for host in ["localhost", "127.0.0.1:8080", "[::1]:80"] {
        let text = format!(
            "[cloud]\nbase_url = \"http://{host}/api/\"\n[clock]\nscale = 60\nepoch = 2026-03-01T00:00:00Z\n"
        );
        let config = accepted(&text);
        assert_eq!(config.cloud.base_url, format!("http://{host}/api"));
        assert_eq!(config.clock.unwrap().scale, 60);
    }
    for host in ["localhost.example.org", "127.0.0.1.example.org", "10.0.0.1"] {
        assert!(parse("test.toml", &format!("[cloud]\nbase_url = \"http://{host}/api\"\n")).is_err());
    }
}

#[test]
fn a_file_that_cannot_be_read_is_one_fault() {
    let faults = load(Path::new("/nowhere/quartermaster.toml")).unwrap_err().to_string();
    assert!(faults.starts_with("/nowhere/quartermaster.toml: cannot be read: "), "{faults}");
}

#[test]
fn a_key_in_the_wrong_place_is_never_shown() {
    let text = "[cloud]\nkey_file = \"s3cret\"\nkey = \"s3cret\"\nkey_scheme = \"Bearer s3cret\"\n\
                base_url = \"https://me:s3cret@barrack.ai/api?key=s3cret\"\n";
    let faults = parse("test.toml", text).unwrap_err();
    assert_eq!(faults.list().len(), 4);
    assert!(!faults.to_string().contains("s3cret"), "{faults}");
    for line in ["key_file = s3cret", "key_file = \"s3cret", "api_key = 's3cret"] {
        let faults = parse("test.toml", &format!("[cloud]\n{line}\n")).unwrap_err();
        assert!(!faults.to_string().contains("s3cret"), "{faults}");
    }
}

#[test]
fn every_fault_stays_inside_its_terminal() {
    let text = format!("data_dir = \"\u{1b}[31m{}\"\nnamé = \"\t\u{7}\"", "x".repeat(500));
    let said = parse("test.toml", &text).unwrap_err().to_string();
    assert!(said.chars().all(|character| character == '\n' || !character.is_control()), "{said}");
    assert!(said.lines().all(|line| line.chars().count() < 200), "{said}");
}

proptest! {
    /// I23.
    #[test]
    fn no_text_panics(text in any::<String>(), position in 0..EXAMPLE.len(), put in "[\\[\\]=\"'{}#a-z0-9\\-é\\n]{0,4}") {
        let _ = parse("test.toml", &text).map_err(|faults| faults.to_string());
        let mut broken = EXAMPLE.to_owned();
        if broken.is_char_boundary(position) {
            broken.insert_str(position, &put);
            let _ = parse("test.toml", &broken).map_err(|faults| faults.to_string());
            broken.truncate(position);
            let _ = parse("test.toml", &broken).map_err(|faults| faults.to_string());
        }
    }
}
