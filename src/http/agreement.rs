//! Letters, page, metrics, digest and verbs never differ about which backup is late.

use std::collections::{BTreeMap, BTreeSet};

use super::fresh::fresh;
use crate::domain::alert::event::{Content, News};
use crate::domain::alert::matter::{Fact, Matter};
use crate::domain::alert::review::review;
use crate::domain::alert::{Sight, alert};
use crate::domain::ask::Ask;
use crate::domain::cover::{Lateness, covers};
use crate::domain::event::Event;
use crate::domain::examples::world::{World, daily, machine_id, policies};
use crate::domain::fleet::{MachineStatus, Scope};
use crate::domain::id::PolicyName;
use crate::domain::policy::{Mode, PolicySet};
use crate::domain::time::Seconds;
use crate::metrics::{Process, Scrape, text};
use crate::report::command::Commands;
use crate::report::finding::findings;
use crate::report::machines::Machines;
use crate::report::plan::Planned;
use crate::report::status::{Source, Status};
use crate::report::stops::Writer;

type Late = BTreeSet<String>;

/// A world of so many machines with backups of last night, whose people get letters.
fn told(machines: u32) -> World {
    let mut world = World::new(machines);
    world.adopt(|set| {
        set.alerts.told = true;
        set.alerts.digest = None;
    });
    if machines > 0 {
        world.take_all();
    }
    world
}

/// The machine is seen to be so from now on.
fn turn(world: &mut World, number: u32, status: MachineStatus) {
    world.cloud.machines.get_mut(&machine_id(number)).unwrap().status = status;
    world.pass();
}

fn id(number: u32) -> String {
    machine_id(number).to_string()
}

fn of(numbers: &[u32]) -> Late {
    numbers.iter().map(|number| id(*number)).collect()
}

/// What each surface calls late; and once more with those that would be if their machines were on.
fn judged(world: &World) -> (Late, Late) {
    let World { state, now, .. } = world;
    let judged = covers(state, *now);
    let those = |wanted: &[Lateness]| -> Late {
        let found = judged.iter().filter(|(_, cover)| wanted.contains(&cover.lateness(*now)));
        found.map(|((_, machine), _)| machine.to_string()).collect()
    };
    (those(&[Lateness::Late]), those(&[Lateness::Late, Lateness::Asleep]))
}

fn in_letters(world: &World) -> Late {
    let sight = Sight { holds: &[], head: "", is_room_low: false, is_thorough: true };
    let news = alert(&world.state, world.now, &sight).into_iter().filter_map(|event| match event {
        Event::LetterQueued(letter) => match letter.content {
            Content::Alert(news) if news.matter == Matter::BackupLate => Some(news),
            _ => None,
        },
        _ => None,
    });
    let facts = news.flat_map(|News { facts, .. }| facts);
    let machine = |fact| match fact {
        Fact::Late { machine, .. } => machine.to_string(),
        other => panic!("{other:?}"),
    };
    facts.map(machine).collect()
}

/// As the two shipped rules have it, one after the other.
fn in_metrics(world: &World) -> Late {
    let process = Process::default();
    let scrape = Scrape { state: &world.state, now: world.now, holds: &[], process: &process };
    let text = text(&scrape).unwrap();
    let series = |name: &str| -> BTreeMap<String, f64> {
        let begin = format!("quartermaster_backup_{name}{{policy=\"daily\",machine=\"");
        let lines = text.lines().filter_map(|line| line.strip_prefix(begin.as_str())?.split_once("\"} "));
        lines.map(|(machine, value)| (machine.to_owned(), value.parse().unwrap())).collect()
    };
    let expected = series("expected_age_seconds");
    let now = world.now.seconds() as f64;
    let stale = series("newest_good_timestamp_seconds").into_iter().filter(|(_, newest)| *newest > 0.0);
    let since = stale.chain(series("awaited_since_timestamp_seconds"));
    since.filter(|(machine, since)| now - since > expected[machine]).map(|(machine, _)| machine).collect()
}

fn status(world: &World) -> Status {
    let source = Source { simulated: true, daemon_runs: Some(true), ..Source::default() };
    Status::of(&world.state, world.now, source)
}

/// Asks every surface, and is content with nothing but one answer. The late ones; then those of
/// machines that are off.
fn agreed(world: &World) -> (Late, usize) {
    let World { state, now, .. } = world;
    let (late, with_asleep) = judged(world);
    let asleep = with_asleep.len() - late.len();
    let shown = status(world);

    assert_eq!(in_letters(world), with_asleep, "letters");
    assert_eq!(in_metrics(world), late, "metrics");
    let page = fresh(state, *now);
    let on_page = |word: &str| -> usize {
        page.parts.iter().filter(|part| part.word == word).map(|part| part.count).sum()
    };
    assert_eq!((on_page("late"), on_page("machine off")), (late.len(), asleep), "page");
    let digest = review(state, *now, *now);
    assert_eq!((digest.late as usize, digest.asleep as usize), (late.len(), asleep), "digest");
    assert_eq!(digest.fresh + digest.late + digest.asleep + digest.awaited, digest.shelves, "digest");
    let writer = Writer { simulated: true, runs: Some(true), commands: Commands::default() };
    let machines = Machines::of(state, *now, &writer).machines.into_iter().filter(|one| one.is_late);
    assert_eq!(machines.map(|one| one.machine.to_string()).collect::<Late>(), late, "machines");
    let found = findings(state, *now, &shown);
    let is_late = |said: &&String| said.contains("good backup");
    assert_eq!(found.iter().filter(is_late).count(), late.len(), "status --check: {found:?}");
    let shelves = shown.shelves.iter().filter(|shelf| shelf.lateness == Lateness::Late);
    let on_status: Late = shelves.map(|shelf| shelf.machine.to_string()).collect();
    assert_eq!(on_status, late, "status");
    // And what the plan says of the same machines is what the status says.
    let planned = Planned::of(state, *now, &writer);
    assert_eq!(planned.now, shown.now);
    for slot in planned.slots.iter().filter(|slot| slot.is_due) {
        let shelf = shown.shelves.iter().find(|shelf| shelf.machine == slot.machine);
        let held = shelf.and_then(|shelf| shelf.held.as_ref()).map(|held| held.why.clone());
        assert!(held.is_none() || held == slot.obstacle, "{held:?} {:?}", slot.obstacle);
    }
    let holds = |backups: Vec<(String, Option<String>)>| backups.into_iter().collect::<BTreeMap<_, _>>();
    assert_eq!(
        holds(shown.doomed.iter().map(|one| (one.backup.to_string(), one.held.clone())).collect()),
        holds(planned.doomed.iter().map(|one| (one.backup.to_string(), one.held.clone())).collect()),
    );
    (late, asleep)
}

#[test]
fn what_grows_old_is_late_everywhere_at_the_same_second() {
    let mut world = told(2);
    let taken = world.state.backups.values().map(|backup| backup.taken_at).max().unwrap();
    world.now = taken + Seconds::hours(27);
    assert_eq!(agreed(&world).0.len(), 1, "the older of the two");
    world.wait(Seconds(1));
    assert_eq!(agreed(&world), (of(&[1, 2]), 0));
}

#[test]
fn a_backup_from_the_future_is_no_proof_of_a_fresh_one() {
    let mut world = told(2);
    let first = world.state.backups.iter().find(|(_, backup)| backup.machine == machine_id(1));
    let first = first.unwrap().0.clone();
    world.wait(Seconds::days(3));
    world.look_at_all();
    let tomorrow = world.now + Seconds::days(1);
    world.state.backups.get_mut(&first).unwrap().taken_at = tomorrow;
    assert_eq!(agreed(&world).0, of(&[1, 2]), "its wait began long before");
}

#[test]
fn a_new_machine_has_its_time_and_no_more() {
    let mut world = told(1);
    let mut second = world.cloud.machines.values().next().unwrap().clone();
    second.id = machine_id(2);
    second.name = "trainer-2".to_owned();
    world.cloud.machines.insert(second.id.clone(), second);
    world.look_at_all();
    let seen = world.now;
    world.now = seen + Seconds::hours(27);
    assert_eq!(agreed(&world).0, of(&[1]), "that one's is of the night before");
    world.wait(Seconds(1));
    assert_eq!(agreed(&world).0, of(&[1, 2]));
}

#[test]
fn a_pause_and_a_freeze_excuse_nothing() {
    let mut world = told(1);
    world.ask(Ask::Pause { until: world.now + Seconds::days(9) });
    world.ask(Ask::Freeze { until: world.now + Seconds::days(9), reason: "moving".to_owned() });
    world.wait(Seconds::days(2));
    world.pass();
    assert_eq!(agreed(&world).0, of(&[1]));
}

#[test]
fn a_schedule_that_was_edited_makes_nothing_late_at_once_and_excuses_nothing() {
    let schedule = |world: &mut World, cron: &str, gap: Seconds| {
        world.adopt(|set| {
            let policy = set.policies.get_mut(&daily()).unwrap();
            (policy.schedule, policy.longest_gap) = (cron.to_owned(), gap);
        });
    };
    let mut world = told(1);
    world.wait(Seconds::hours(20));
    schedule(&mut world, "0 * * * *", Seconds::hours(1));
    assert_eq!(agreed(&world).0, of(&[]), "by the hour, and not one hour was owed yet");
    world.wait(Seconds::hours(4));
    assert_eq!(agreed(&world).0, of(&[]));
    world.wait(Seconds(1));
    assert_eq!(agreed(&world).0, of(&[1]));
    // Another edit does not end it.
    schedule(&mut world, "30 * * * *", Seconds::hours(1));
    assert_eq!(agreed(&world).0, of(&[1]));
    schedule(&mut world, "0 3 * * *", Seconds::days(1));
    assert_eq!(agreed(&world).0, of(&[]), "by the day it would not be");
    // Nor do two in a row make it late.
    schedule(&mut world, "0 * * * *", Seconds::hours(1));
    schedule(&mut world, "*/30 * * * *", Seconds::minutes(30));
    assert_eq!(agreed(&world).0, of(&[]));
}

#[test]
fn a_machine_that_the_policy_may_not_snapshot_is_late_and_one_that_is_off_is_not() {
    let mut world = told(2);
    world.adopt(|set| set.policies.values_mut().for_each(|policy| policy.may_restart = false));
    turn(&mut world, 2, MachineStatus::Hibernated);
    world.wait(Seconds::days(2));
    for status in [MachineStatus::Hibernated, MachineStatus::Shutoff] {
        turn(&mut world, 2, status);
        assert_eq!(agreed(&world), (of(&[1]), 1));
    }
    for status in [MachineStatus::Error, MachineStatus::Unknown("NAPPING".to_owned())] {
        turn(&mut world, 2, status);
        assert_eq!(agreed(&world), (of(&[1, 2]), 0), "nobody knows that nothing runs there");
    }
}

#[test]
fn what_is_late_when_its_machine_is_switched_off_stays_late() {
    let mut world = told(2);
    turn(&mut world, 1, MachineStatus::Shutoff);
    world.wait(Seconds::days(3));
    assert_eq!(agreed(&world), (of(&[2]), 1), "the one that ran on, and the one that did not");
    turn(&mut world, 2, MachineStatus::Shutoff);
    assert_eq!(agreed(&world), (of(&[2]), 1));
    world.restart();
    world.wait(Seconds::days(3));
    turn(&mut world, 2, MachineStatus::Hibernated);
    assert_eq!(agreed(&world), (of(&[2]), 1));
    // It ran for a moment: what it wrote then is in no backup.
    turn(&mut world, 1, MachineStatus::Active);
    turn(&mut world, 1, MachineStatus::Shutoff);
    assert_eq!(agreed(&world), (of(&[1, 2]), 0));
    // Of one that is deleted no backup can come any more.
    turn(&mut world, 2, MachineStatus::Deleted);
    assert_eq!(agreed(&world), (of(&[1]), 1));
}

#[test]
fn no_edit_ends_the_wait_for_a_first_backup_and_observing_does() {
    let edits: [fn(&mut PolicySet); 4] = [
        |set| set.policies.values_mut().for_each(|policy| policy.schedule = "30 2 * * *".to_owned()),
        |set| set.policies.values_mut().for_each(|policy| policy.timezone = "Europe/Zurich".to_owned()),
        |set| set.policies.values_mut().for_each(|policy| policy.mode = Mode::Protect),
        |set| set.mode = Mode::Protect,
    ];
    for edit in edits {
        let mut world = told(0);
        world.cloud = World::new(1).cloud;
        world.look_at_all();
        world.wait(Seconds::hours(27));
        world.adopt(edit);
        assert_eq!(agreed(&world).0, of(&[]));
        world.wait(Seconds(1));
        assert_eq!(agreed(&world).0, of(&[1]));
        world.adopt(|set| *set = PolicySet { alerts: set.alerts.clone(), ..policies() });
        assert_eq!(agreed(&world).0, of(&[1]), "nor does the way back");
        world.adopt(|set| set.mode = Mode::Observe);
        world.adopt(|set| set.mode = Mode::Enforce);
        assert_eq!(agreed(&world).0, of(&[]));
    }
}

#[test]
fn an_edit_gives_a_first_backup_the_longer_gap_and_no_second_one() {
    let mut world = told(0);
    world.cloud = World::new(1).cloud;
    world.look_at_all();
    let begun = world.now;
    let weeks = ["0 2 * * 1", "0 2 * * 2"].into_iter().cycle();
    for schedule in weeks.take(10) {
        world.adopt(|set| {
            let policy = set.policies.get_mut(&daily()).unwrap();
            (policy.schedule, policy.longest_gap) = (schedule.to_owned(), Seconds::days(7));
        });
        world.wait(Seconds::hours(20));
    }
    assert_eq!(agreed(&world).0, of(&[1]), "{}", world.now.since(begun).as_secs());
}

#[test]
fn while_all_or_one_policy_observes_nothing_of_it_is_late() {
    let observing: [fn(&mut PolicySet); 2] = [
        |set| set.mode = Mode::Observe,
        |set| set.policies.values_mut().for_each(|policy| policy.mode = Mode::Observe),
    ];
    for observes in observing {
        let mut world = told(1);
        world.adopt(observes);
        world.wait(Seconds::days(5));
        world.look_at_all();
        assert_eq!(agreed(&world), (of(&[]), 0));
    }
}

#[test]
fn a_renamed_policy_is_late_only_by_what_it_took_under_either_name() {
    let mut world = told(1);
    world.adopt(|set| {
        let mut policy = set.policies.remove(&daily()).unwrap();
        policy.was.insert(daily());
        set.policies.insert(PolicyName::new("nightly"), policy);
    });
    assert_eq!(judged(&world).0, of(&[]));
    assert_eq!(in_letters(&world), of(&[]));
    assert_eq!(status(&world).shelves[0].lateness, Lateness::Fresh);
}

#[test]
fn one_listing_without_a_machine_leaves_it_late_and_two_end_that() {
    let mut world = told(1);
    world.wait(Seconds::days(2));
    world.look_at_all();
    world.cloud.machines.clear();
    world.wait(Seconds(60));
    world.look_at_all();
    assert_eq!(judged(&world).0, of(&[1]));
    assert_eq!(in_letters(&world), of(&[1]));
    assert_eq!(in_metrics(&world), of(&[1]));
    world.wait(Seconds(60));
    world.look_at_all();
    assert_eq!(agreed(&world), (of(&[]), 0));
    // Nor does a start make late what is gone for long.
    world.wait(Seconds::days(2));
    world.restart();
    assert_eq!(agreed(&world), (of(&[]), 0));
    world.look(&Scope::Snapshots);
    world.look(&Scope::Snapshots);
    assert_eq!(agreed(&world), (of(&[]), 0));
}

#[test]
fn a_clock_that_nobody_trusts_hides_what_is_late_for_two_hours_and_no_longer() {
    let mut world = told(1);
    world.wait(Seconds::days(2));
    let is_said = |world: &World| {
        let found = findings(&world.state, world.now, &status(world));
        found.iter().any(|said| said.contains("our clock and the cloud's differ by 3 h"))
    };
    assert!(!is_said(&world));
    // A proxy answers with an old date, again and again; steps and starts begin nothing anew.
    world.cloud.date = Some(3 * 3_600 * 1_000_000);
    world.look_at_all();
    assert!(is_said(&world));
    for upset in [|_: &mut World| (), |world: &mut World| world.step_clock(-600), World::restart] {
        assert_eq!((in_letters(&world), judged(&world).0), (of(&[]), of(&[1])));
        upset(&mut world);
        world.wait(Seconds::minutes(39));
        world.look_at_all();
    }
    assert_eq!(in_letters(&world), of(&[]));
    world.wait(Seconds::minutes(3));
    world.look_at_all();
    assert_eq!(agreed(&world).0, of(&[1]));
    world.cloud.date = Some(0);
    world.look_at_all();
    assert!(!is_said(&world));
    // Nobody answers after a start: what was late is late.
    world.restart();
    assert_eq!(in_letters(&world), of(&[]));
    world.wait(Seconds::hours(2));
    assert_eq!(in_letters(&world), of(&[1]));
}

/// A fast clock puts hours between two passes: the state is of the last one, and the time is not.
#[test]
fn between_two_passes_that_are_hours_apart_all_agree_at_every_instant() {
    let mut world = told(2);
    for _ in 0..3 {
        world.take_all();
    }
    for _ in 0..40 {
        world.wait(Seconds::minutes(53));
        agreed(&world);
    }
}
