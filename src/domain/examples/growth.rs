//! The state is as large as the fleet and not as old; and it survives its own bytes.

use super::world::{World, creates};
use crate::domain::ask::Ask;
use crate::domain::draft::Action;
use crate::domain::effect::{Outcome, Verb};
use crate::domain::fleet::{Scope, SnapshotStatus};
use crate::domain::policy::Mode;
use crate::domain::state::State;
use crate::domain::time::Seconds;

/// A night, and all that is ready to go goes.
fn night(world: &mut World) {
    world.take_all();
    let doomed = world.state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
    let backups = doomed.map(|(id, _)| id.clone()).collect();
    world.ask(Ask::Approve { backups });
    for action in world.pass().actions {
        let Action::Perform { effect, .. } = action else { continue };
        if let Verb::DeleteSnapshot { snapshot, .. } = &effect.verb {
            world.look_at_all();
            world.perform(&effect, Outcome::Answered { snapshot: None });
            world.cloud.snapshots.remove(snapshot);
            world.pass();
            world.pass();
        }
    }
    world.look(&Scope::Prices);
}

#[test]
fn a_state_of_two_hundred_nights_is_no_larger_than_one_of_eighty() {
    let mut world = World::new(1);
    let mut size_after = |nights: u32| {
        (0..nights).for_each(|_| night(&mut world));
        world.state.to_bytes().len()
    };
    let (early, late) = (size_after(80), size_after(120));
    assert!(late < early + early / 20, "{early} bytes grew to {late}");
}

#[test]
fn a_failed_snapshot_stays_ours_as_long_as_it_is_there() {
    let mut world = World::new(1);
    world.adopt(|set| set.mode = Mode::Protect);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Failed);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot.clone()) });
    world.pass();
    world.wait(Seconds::days(31));
    world.pass();
    world.look(&Scope::Prices);
    assert_eq!(world.state.owners.get(&snapshot), Some(create.verb.backup()));
    assert_eq!(world.state.suspects().count(), 0);
}

#[test]
fn a_failed_snapshot_that_somebody_deleted_leaves_nothing_behind() {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Failed);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot.clone()) });
    world.pass();
    world.cloud.snapshots.remove(&snapshot);
    for days in [0, 2, 31, 31] {
        world.wait(Seconds::days(days));
        world.pass();
        world.look(&Scope::Prices);
    }
    assert!(!world.state.fleet.snapshots.contains_key(&snapshot));
    assert_eq!(world.state.suspects().count(), 0);
}

#[test]
fn machines_that_are_long_gone_are_forgotten() {
    let mut world = World::new(3);
    world.take_all();
    world.cloud.machines.clear();
    world.pass();
    world.wait(Seconds(30 * 86_400 - 1));
    world.pass();
    world.look(&Scope::Prices);
    assert_eq!(world.state.fleet.machines.len(), 3);
    world.wait(Seconds(1));
    world.pass();
    world.look(&Scope::Prices);
    assert!(world.state.fleet.machines.is_empty() && world.state.shelves.is_empty());
}

#[test]
fn a_clock_that_stepped_while_we_were_down_does_not_end_a_wait() {
    let mut world = World::new(1);
    world.pass();
    let until = world.now + Seconds::hours(50);
    world.ask(Ask::Freeze { until, reason: "audit".to_owned() });
    world.wait(Seconds::hours(10));
    let jump: i64 = 100 * 3_600 * 1_000_000;
    world.now = world.now.shifted(jump);
    world.cloud.date = Some(jump);
    world.restart();
    world.pass();
    let left = world.state.frozen.as_ref().unwrap().until.since(world.now);
    assert_eq!(left, Seconds::hours(40).duration());
}

#[test]
fn a_state_survives_its_own_bytes() {
    let mut world = World::new(2);
    for _ in 0..5 {
        night(&mut world);
    }
    assert_eq!(State::restore(&world.state.to_bytes()), Some(world.state));
}

#[test]
fn the_look_at_one_snapshot_is_remembered_for_two_hours_to_the_second() {
    for (after, count) in [(7_199, 2), (7_200, 1)] {
        let mut world = World::new(2);
        let [first, second] = [1, 2].map(|machine| world.make("other", machine, SnapshotStatus::Ready));
        world.look(&Scope::Snapshot(first));
        world.wait(Seconds(after));
        world.look(&Scope::Snapshot(second));
        assert_eq!(world.state.fleet.details.len(), count);
    }
}
