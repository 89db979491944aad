//! The page as text: what it answers, and what no name can do to it.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use super::page::html;
use super::present::{Live, Present};
use super::shelf::Wanted;
use crate::domain::alert::event::AlertChanged;
use crate::domain::alert::matter::{Level, Matter};
use crate::domain::alert::standing::Active;
use crate::domain::event::{Event, KeyJudged, Reloaded};
use crate::domain::examples::world::World;
use crate::domain::fleet::{MachineStatus, SnapshotStatus};
use crate::domain::policy::Mode;
use crate::domain::state::Freeze;
use crate::domain::time::Seconds;
use crate::metrics::Process;
use crate::report::command::Commands;

/// What could leave its place in a page, a line or a terminal.
const HOSTILE: &str =
    "<b onload=x>\"'&\r\n\u{1b}[31m\u{202e}\u{2066}</td></table><script>alert(1)</script>{{ 7 * 7 }}";

fn published(world: &World) -> Present {
    Present::Live(Arc::new(Live {
        state: Arc::new(world.state.clone()),
        now: world.now,
        simulated: true,
        seq: 17,
        hash: "0123456789abcdef".to_owned(),
        last_event_at: Some(world.now),
        holds: Vec::new(),
        process: Process { head: "0123456789ab@17".to_owned(), ..Process::default() },
        trouble: None,
        commands: Commands::default(),
        series: OnceLock::new(),
    }))
}

fn shown(world: &World) -> String {
    html(&published(world), &Wanted::default()).unwrap()
}

/// The text between two marks.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    rest.split_once(end).map_or(rest, |(found, _)| found)
}

/// Every tag that is opened is closed, in the right order; the names of all tags.
fn tags(html: &str) -> BTreeSet<String> {
    const ALONE: [&str; 6] = ["meta", "link", "input", "br", "!doctype", "rect"];
    let (mut open, mut seen) = (Vec::new(), BTreeSet::new());
    for part in html.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap_or_else(|| panic!("<{part} never ends"));
        let name = tag.split([' ', '\n']).next().unwrap_or_default().to_owned();
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "near {part:?}");
        } else if !ALONE.contains(&&*name) {
            open.push(name.clone());
        }
        seen.insert(name);
    }
    assert_eq!(open, Vec::<String>::new());
    seen
}

#[test]
fn the_page_answers_its_questions_in_their_order() {
    let mut world = World::new(2);
    world.take_all();
    let page = shown(&world);
    let questions: Vec<&str> =
        page.split("<h2 id=\"").skip(1).map(|part| between(part, ">", "</h2>")).collect();
    assert_eq!(
        questions,
        [
            "Are my backups fresh?",
            "How long do credits last?",
            "What burns money now?",
            "What happens next?",
            "What is held, and why?",
            "Backups by region",
        ]
    );
    assert!(page.contains(">All 2 are fresh.</p>"), "{page}");
    assert!(page.contains("0123456789ab@17") && page.contains("<strong>SIMULATED</strong>"));
    assert!(!tags(&page).contains("script"));
}

#[test]
fn a_late_backup_is_the_first_thing_that_is_said() {
    let mut world = World::new(2);
    world.take_all();
    world.wait(Seconds::days(3));
    world.look_at_all();
    let page = shown(&world);
    assert!(page.contains(">2 of 2 are late.</p>"), "{page}");
    assert!(page.contains("state bad\">late<"));
}

#[test]
fn what_is_in_no_list_any_more_is_not_said_to_be_fresh() {
    let mut world = World::new(3);
    world.take_all();
    world.cloud.snapshots.clear();
    world.look_at_all();
    let page = shown(&world);
    assert!(
        page.contains(
            "verdict bad\">3 good backups are in no list of the cloud&#39;s any more. As last known: All 3"
        ),
        "{page}"
    );
    assert_eq!(page.matches(">1 of the good ones in no list any more<").count(), 3, "{page}");
    // One of many may be a list that lags.
    let mut world = World::new(9);
    world.take_all();
    world.cloud.snapshots.pop_first();
    world.look_at_all();
    assert!(shown(&world).contains("verdict warn\">1 good backup is in no list"), "{}", shown(&world));
}

#[test]
fn a_machine_that_is_off_is_late_and_no_cause_for_alarm() {
    let mut world = World::new(2);
    world.take_all();
    let (_, machine) = world.cloud.machines.iter_mut().next().unwrap();
    machine.status = MachineStatus::Hibernated;
    for _ in 0..3 {
        world.wait_for_slot();
        world.look_at_all();
        world.take_all();
    }
    let page = shown(&world);
    assert!(page.contains(">1 of 2 are fresh; 1 wait for a machine that is off.</p>"), "{page}");
}

#[test]
fn observing_a_freeze_and_a_refused_key_are_loud() {
    let mut world = World::new(1);
    world.adopt(|set| set.mode = Mode::Observe);
    world.record(Event::KeyJudged(KeyJudged { refused: Some(401) }));
    let page = shown(&world);
    for word in ["OBSERVING", "KEY REFUSED"] {
        assert!(page.contains(&format!("<strong>{word}</strong>")), "{word}: {page}");
    }
    assert!(page.contains("tells <code>quartermaster doctor --api</code>"), "{page}");
    assert!(page.contains("Nothing is backed up while observing."));
    let degraded = Present::Degraded { why: HOSTILE.to_owned() };
    let page = html(&degraded, &Wanted::default()).unwrap();
    assert!(page.contains("<strong>DEGRADED</strong>") && !page.contains("<script>"));
    tags(&page);
    let page = html(&Present::Replaying, &Wanted::default()).unwrap();
    assert!(page.contains("<strong>STARTING</strong>"));
}

#[test]
fn a_freeze_is_told_once_and_what_stops_everything_is_red() {
    let mut world = World::new(1);
    world.take_all();
    let until = world.now + Seconds::days(1);
    for (by_itself, expected) in
        [(false, "warn\"><strong>FROZEN<"), (true, "bad\"><strong>FROZEN BY ITSELF<")]
    {
        let reason = "3 of 4 machines were gone at once".to_owned();
        world.state.frozen = Some(Freeze { until, since: world.now, reason, by_itself });
        let page = shown(&world);
        assert_eq!(page.matches("<strong>FROZEN").count(), 1, "{page}");
        assert!(page.contains(expected), "{page}");
    }
    let active = Active::new(world.now, Level::Critical);
    world.state.alerts.active.insert(Matter::DiskFull, active.clone());
    world.state.alerts.active.insert(Matter::ApiUnreachable, active);
    let page = shown(&world);
    for word in ["DISK FULL", "CLOUD UNREACHABLE"] {
        assert!(page.contains(&format!("bad\"><strong>{word}<")), "{word}: {page}");
    }
}

#[test]
fn no_name_escapes_turns_the_page_or_makes_it_long() {
    let plain = {
        let mut world = World::new(3);
        world.take_all();
        tags(&shown(&world))
    };
    for name in [HOSTILE.to_owned(), HOSTILE.repeat(200), "x".repeat(10_000), "\u{202e}".repeat(10_000)] {
        let mut world = World::new(3);
        for machine in world.cloud.machines.values_mut() {
            machine.name.clone_from(&name);
            machine.region.clone_from(&name);
        }
        world
            .adopt(|set| set.policies.values_mut().for_each(|policy| policy.machines = vec!["*".to_owned()]));
        world.look_at_all();
        world.take_all();
        let foreign = world.make(&name, 1, SnapshotStatus::Unknown(name.clone()));
        world.in_cloud_by_id(&foreign).region.clone_from(&name);
        world.look_at_all();
        let page = shown(&world);
        assert_eq!(tags(&page).difference(&plain).collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(!page.contains(['\u{1b}', '\u{202e}', '\u{2066}', '\r']), "{name:.40}");
        assert!(!page.contains("<script") && !page.contains("onload=x>"));
        assert!(page.len() < 200_000, "{} bytes", page.len());
        let wanted = Wanted { q: name.clone(), region: name, page: Some(usize::MAX) };
        let page = html(&published(&world), &wanted).unwrap();
        tags(&page);
        assert!(!page.contains("<script") && page.len() < 200_000, "{} bytes", page.len());
    }
}

#[test]
fn backups_are_searched_and_shown_a_page_at_a_time() {
    let mut world = World::new(1);
    for number in 0..120 {
        world.make(&format!("by-hand-{number:03}"), 0, SnapshotStatus::Ready);
    }
    world.look_at_all();
    let at = |q: &str, page| {
        let wanted = Wanted { q: q.to_owned(), region: String::new(), page: Some(page) };
        html(&published(&world), &wanted).unwrap()
    };
    assert!(at("", 1).contains("1 to 50 of 120") && at("", 1).contains("rel=\"next\""));
    assert!(at("", 3).contains("101 to 120 of 120") && !at("", 3).contains("rel=\"next\""));
    assert!(at("", 99).contains("101 to 120 of 120"), "beyond the last page is the last");
    assert!(at("HAND-007", 1).contains("1 to 1 of 1"));
    assert!(at("no such thing", 1).contains("Nothing fits."));
}

#[test]
fn of_many_scrapes_of_one_state_the_first_makes_the_series_and_the_process_is_told_anew() {
    let mut world = World::new(2);
    world.take_all();
    let Present::Live(live) = published(&world) else { panic!() };
    let first = live.metrics().unwrap();
    let made = live.series.get().unwrap();
    let (at, length) = (made.as_ptr(), made.len());
    let second = live.metrics().unwrap();
    assert_eq!((live.series.get().unwrap().as_ptr(), first[..length] == second[..length]), (at, true));
    for text in [&first, &second] {
        assert!(text.starts_with(made.as_str()) && text[length..].starts_with("# HELP process_"), "{text}");
    }
    assert!(!made.contains("process_"));
    // Another state has series of its own.
    world.wait(Seconds::days(1));
    let Present::Live(other) = published(&world) else { panic!() };
    assert!(other.series.get().is_none());
}

#[test]
fn what_observing_comes_to_is_one_number_on_every_surface_and_begins_anew_with_the_mode() {
    let mut world = World::new(2);
    let observe = |world: &mut World, mode| {
        world.adopt(|set| set.mode = mode);
        if mode == Mode::Observe {
            world.wait_for_slot();
            world.pass();
        }
    };
    // An earlier time of observing is told no more.
    for mode in [Mode::Observe, Mode::Protect, Mode::Observe] {
        observe(&mut world, mode);
    }
    let would = "2 backups would have been taken";
    assert_eq!(world.state.observed_slots(), 2);
    assert!(shown(&world).contains(would), "{}", shown(&world));
    let stops = crate::report::stops::stops(
        &world.state,
        world.now,
        &crate::report::stops::Writer { simulated: true, runs: Some(true), commands: Commands::default() },
    );
    assert!(stops.iter().any(|stop| stop.said.contains(would)), "{stops:?}");
}

#[test]
fn a_restart_that_is_needed_is_loud() {
    let mut world = World::new(1);
    let restart = vec!["http.listen".to_owned()];
    let reloaded = Reloaded { file: "/etc/qm.toml".to_owned(), faults: Vec::new(), restart };
    world.record(Event::Reloaded(reloaded));
    let page = shown(&world);
    assert!(page.contains("<strong>RESTART NEEDED</strong>") && page.contains("http.listen"), "{page}");
    world.restart();
    assert!(!shown(&world).contains("RESTART NEEDED"));
}

#[test]
fn a_balance_that_cannot_be_read_is_never_beside_a_calm_verdict() {
    let mut world = World::new(1);
    world.see_balance(500);
    let verdict = |world: &World| {
        let page = shown(world);
        between(between(&page, "<article class=\"account\">", "</article>"), "<p class=\"verdict ", "</p>")
            .to_owned()
    };
    assert!(!verdict(&world).contains("cannot be read"), "{}", verdict(&world));
    let (matter, level) = (Matter::BalanceBlind, Some(Level::Warning));
    let (added, removed, easing) = (BTreeSet::new(), BTreeSet::new(), None);
    world.record(Event::AlertChanged(AlertChanged { matter, level, added, removed, easing }));
    let blind = verdict(&world);
    assert!(
        blind.starts_with("warn\">Not known now: the balance cannot be read. By the last one"),
        "{blind}"
    );
}

#[test]
fn a_command_on_the_page_names_the_journal_that_it_is_about() {
    let mut world = World::new(1);
    world.make("qm-trainer-1-aaaaaaaaaa", 1, SnapshotStatus::Ready);
    world.look_at_all();
    let Present::Live(live) = published(&world) else { panic!() };
    let Some(mut live) = Arc::into_inner(live) else { panic!() };
    live.commands = Commands::with([("--data-dir", std::path::Path::new("/srv/qm"))]);
    let page = html(&Present::Live(Arc::new(live)), &Wanted::default()).unwrap();
    assert!(page.contains(" adopt --data-dir /srv/qm "), "{page}");
}
