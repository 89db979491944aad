//! When a slot starts: allowed hours, jitter, catching up, and runs of missed slots.

use super::world::{World, creates, daily, machine_id};
use crate::domain::audit::Objection::Changed;
use crate::domain::effect::{Cause, Effect, Outcome};
use crate::domain::event::Event;
use crate::domain::fleet::{MachineStatus, SnapshotStatus};
use crate::domain::id::MachineId;
use crate::domain::looks::{due, next_due};
use crate::domain::slot::{Decision, Held, Shelf, Skip, Slot};
use crate::domain::time::{Seconds, Timestamp};
use crate::domain::timing::{CatchUp, Timing};

/// One policy with this timing, at two each night, over so many machines.
fn timed(machines: u32, change: impl FnOnce(&mut Timing)) -> World {
    let mut world = World::new(machines);
    world.adopt(|set| change(&mut set.policies.get_mut(&daily()).unwrap().timing));
    world
}

fn hours(text: &str) -> impl FnOnce(&mut Timing) {
    move |timing| timing.window = Some(text.parse().unwrap())
}

fn set_status(world: &mut World, machine: &MachineId, status: MachineStatus) {
    world.cloud.machines.get_mut(machine).unwrap().status = status;
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn pass_at(world: &mut World, text: &str) -> Vec<Effect> {
    world.now = at(text);
    creates(&world.pass())
}

fn decisions(world: &World) -> Vec<(Timestamp, Decision)> {
    let decided = world.rows.iter().filter_map(|row| match &row.event {
        Event::SlotDecided(decided) => Some((decided.slot.due, decided.decision.clone())),
        _ => None,
    });
    decided.collect()
}

fn held(world: &World, machine: u32) -> Option<Held> {
    let shelf = Shelf { policy: daily(), machine: machine_id(machine) };
    world.state.shelves.get(&shelf)?.open.as_ref().map(|(_, held)| held.clone())
}

#[test]
fn nothing_starts_outside_the_allowed_hours() {
    let mut world = timed(1, |_| {});
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    assert!(world.audit(&create).is_ok());
    world.adopt(|set| hours("03:00-05:00")(&mut set.policies.get_mut(&daily()).unwrap().timing));
    assert_eq!(world.audit(&create).err(), Some(Changed("it is outside the allowed hours")));
    assert_eq!(creates(&world.pass()).len(), 0);
    assert_eq!(held(&world, 1), Some(Held::OutsideWindow(at("2026-03-02T03:00:00Z"))));
    assert_eq!(pass_at(&mut world, "2026-03-02T03:00:00Z").len(), 1);
}

/// The machine sleeps through the night; how many creates are planned the next day at noon.
fn caught_up_at_noon(window: &str) -> (usize, World) {
    let mut world = timed(1, hours(window));
    set_status(&mut world, &machine_id(1), MachineStatus::Hibernated);
    assert_eq!(pass_at(&mut world, "2026-03-02T02:00:30Z").len(), 0);
    set_status(&mut world, &machine_id(1), MachineStatus::Active);
    (pass_at(&mut world, "2026-03-02T12:00:00Z").len(), world)
}

#[test]
fn a_backup_that_is_caught_up_waits_for_the_allowed_hours_too() {
    assert_eq!(caught_up_at_noon("01:00-13:00").0, 1);
    let (count, mut world) = caught_up_at_noon("22:00-06:00");
    assert_eq!((count, held(&world, 1)), (0, Some(Held::OutsideWindow(at("2026-03-02T22:00:00Z")))));
    assert_eq!(pass_at(&mut world, "2026-03-02T22:00:00Z").len(), 1);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_catch_up_that_ignores_the_allowed_hours_is_noticed_and_refused_by_the_audit() {
    use crate::planted::{Bug, plant};
    plant(Some(Bug::CatchUpIgnoresWindow));
    let (count, mut world) = caught_up_at_noon("22:00-06:00");
    let refused = creates(&world.pass()).pop().map(|create| world.audit(&create).err());
    plant(None);
    assert_eq!((count, refused), (1, Some(Some(Changed("it is outside the allowed hours")))));
}

#[test]
fn a_slot_is_skipped_when_its_hours_open_again_too_late() {
    let (count, world) = caught_up_at_noon("01:00-03:00");
    let due = at("2026-03-02T02:00:00Z");
    assert_eq!((count, held(&world, 1)), (0, Some(Held::OutsideWindow(at("2026-03-03T01:00:00Z")))));
    let mut world = timed(1, |timing| {
        timing.catch_up_window = Some(Seconds::hours(12));
        hours("01:00-03:00")(timing);
    });
    set_status(&mut world, &machine_id(1), MachineStatus::Shutoff);
    pass_at(&mut world, "2026-03-02T02:00:30Z");
    pass_at(&mut world, "2026-03-02T03:00:00Z");
    assert_eq!(decisions(&world).last(), Some(&(due, Decision::Skipped(Skip::WindowPassed))));
}

#[test]
fn a_create_that_is_asked_for_again_waits_for_the_allowed_hours() {
    let mut world = timed(1, hours("02:00-03:00"));
    let create = pass_at(&mut world, "2026-03-02T02:59:00Z").pop().unwrap();
    world.perform(&create, Outcome::NotSent { why: "no route".to_owned() });
    assert!(pass_at(&mut world, "2026-03-02T03:05:00Z").is_empty());
    assert!(world.audit(&create).is_err());
}

#[test]
fn jitter_puts_each_slot_off_by_its_own_span_and_not_beyond_the_bound() {
    let mut world = timed(3, |timing| timing.jitter = Seconds::minutes(30));
    world.adopt(|set| set.rules.concurrent = 9);
    let mut starts = Vec::new();
    let begin = at("2026-03-02T02:00:00Z");
    for minute in 0..=30 {
        world.now = begin + Seconds::minutes(minute);
        for create in creates(&world.pass()) {
            world.perform(&create, Outcome::Answered { snapshot: None });
            starts.push(minute);
        }
    }
    starts.dedup();
    assert_eq!(starts.len(), 3, "{starts:?}");
}

#[test]
fn the_next_wake_is_when_the_first_slot_that_was_put_off_starts() {
    let mut world = timed(1, |timing| timing.jitter = Seconds::minutes(30));
    world.adopt(|set| {
        set.rules.machines_every = Seconds::hours(5);
        set.rules.snapshots_every = Seconds::hours(5);
        set.rules.balance_every = Seconds::hours(5);
        set.rules.billing_every = Seconds::hours(5);
    });
    assert!(pass_at(&mut world, "2026-03-02T02:00:00Z").is_empty());
    let slot = Slot { policy: daily(), machine: machine_id(1), due: world.now };
    let policy = world.state.policy(&daily()).unwrap();
    let start = policy.timing.start_of(&slot, world.state.schedule(&daily()).unwrap(), false);
    assert!(start > world.now);
    // Looks of other kinds wake it too; none of them may pass the start by.
    for _ in 0..100 {
        for scope in due(&world.state, world.now) {
            world.look(&scope);
        }
        if world.now < start {
            world.now = next_due(&world.state, world.now);
        }
    }
    assert_eq!(world.now, start);
    assert_eq!(creates(&world.pass()).len(), 1);
}

/// Two nights were missed; half a minute after the third slot the daemon looks again.
fn caught_up_after_three_nights(catch_up: CatchUp) -> (usize, Vec<(Timestamp, Decision)>) {
    let mut world = timed(1, |timing| {
        timing.jitter = Seconds::hours(12);
        timing.catch_up = catch_up;
    });
    let created = pass_at(&mut world, "2026-03-04T02:00:30Z").len();
    (created, decisions(&world))
}

#[test]
fn what_is_caught_up_is_not_put_off_and_a_run_of_missed_slots_is_one_event() {
    let by = at("2026-03-04T02:00:00Z");
    let superseded = Decision::Superseded { first: at("2026-03-02T02:00:00Z"), count: 2, by };
    let (created, decided) = caught_up_after_three_nights(CatchUp::Latest);
    assert_eq!((created, decided), (1, vec![(at("2026-03-03T02:00:00Z"), superseded)]));
}

#[cfg(feature = "planted-bugs")]
#[test]
fn jitter_on_a_catch_up_is_noticed() {
    use crate::planted::{Bug, plant};
    plant(Some(Bug::JitterOnCatchUp));
    let (created, _) = caught_up_after_three_nights(CatchUp::Latest);
    plant(None);
    assert_eq!(created, 0);
}

#[test]
fn without_catching_up_missed_slots_are_gone_and_the_next_comes_in_its_own_time() {
    let missed = Decision::Missed { first: at("2026-03-02T02:00:00Z"), count: 2 };
    let (created, decided) = caught_up_after_three_nights(CatchUp::None);
    assert_eq!((created, decided), (0, vec![(at("2026-03-03T02:00:00Z"), missed)]));
}

#[test]
fn without_catching_up_a_slot_starts_within_the_hour_or_never() {
    for (seconds, count) in [(3_600, 1), (3_601, 0)] {
        let mut world = timed(1, |timing| timing.catch_up = CatchUp::None);
        world.now = at("2026-03-02T02:00:00Z") + Seconds(seconds);
        assert_eq!(creates(&world.pass()).len(), count, "{seconds} s after");
    }
}

#[test]
fn many_slots_of_which_none_can_be_caught_up_are_one_event() {
    let mut world = timed(1, |timing| timing.catch_up = CatchUp::None);
    assert!(pass_at(&mut world, "2026-03-05T12:00:00Z").is_empty());
    let missed = Decision::Missed { first: at("2026-03-02T02:00:00Z"), count: 4 };
    assert_eq!(decisions(&world), [(at("2026-03-05T02:00:00Z"), missed)]);
}

#[test]
fn a_policys_own_catch_up_window_bounds_how_late_it_is() {
    for (window, count) in [(9, 0), (11, 1)] {
        let mut world = timed(1, |timing| timing.catch_up_window = Some(Seconds::hours(window)));
        assert_eq!(pass_at(&mut world, "2026-03-02T12:00:00Z").len(), count, "{window} h");
    }
}

#[test]
fn a_create_whose_outcome_is_unknown_counts_among_the_running() {
    let mut world = World::new(2);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    assert!(creates(&world.pass()).is_empty());
    let other = if *create.verb.machine() == machine_id(1) { 2 } else { 1 };
    assert_eq!(held(&world, other), Some(Held::Concurrent));
    world.adopt(|set| set.rules.concurrent = 2);
    let next = creates(&world.pass()).pop().unwrap();
    assert!(world.audit(&next).is_ok());
    world.adopt(|set| set.rules.concurrent = 1);
    assert_eq!(world.audit(&next).err(), Some(Changed("as many run as may run")));
}

#[test]
fn the_machine_whose_backup_is_stalest_comes_first() {
    let mut world = World::new(3);
    set_status(&mut world, &machine_id(2), MachineStatus::Shutoff);
    world.wait_for_slot();
    for _ in 0..2 {
        let create = creates(&world.pass()).pop().unwrap();
        let snapshot = world.appear(&create, SnapshotStatus::Ready);
        world.perform(&create, Outcome::Answered { snapshot: Some(snapshot) });
        world.pass();
        world.wait(Seconds(60));
        world.pass();
    }
    set_status(&mut world, &machine_id(2), MachineStatus::Active);
    world.wait_for_slot();
    let first: Vec<_> = creates(&world.pass()).iter().map(|create| create.verb.machine().clone()).collect();
    assert_eq!(first, [machine_id(2)]);
}

#[test]
fn every_slot_of_a_sleeping_machine_is_served_by_one_backup_when_it_wakes() {
    let mut world = World::new(1);
    set_status(&mut world, &machine_id(1), MachineStatus::Hibernated);
    for _ in 0..4 {
        world.wait_for_slot();
        world.pass();
    }
    set_status(&mut world, &machine_id(1), MachineStatus::Active);
    world.wait(Seconds::hours(3));
    let planned = creates(&world.pass());
    let Cause::Slot(slot) = &planned[0].cause else { unreachable!() };
    assert_eq!((planned.len(), slot.due), (1, at("2026-03-05T02:00:00Z")));
}

#[test]
fn missed_slots_are_counted_up_to_a_hundred_thousand() {
    let mut world = World::new(1);
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().schedule = "* * * * * *".to_owned());
    world.wait(Seconds::days(2));
    world.pass();
    let counts = decisions(&world).into_iter().filter_map(|(_, decision)| match decision {
        Decision::Superseded { count, .. } => Some(count),
        _ => None,
    });
    assert_eq!(counts.collect::<Vec<_>>(), [100_000]);
}
