//! What people have made by hand: of no policy, kept until they say otherwise, and made once.

use super::outcomes::{settle, unclear};
use super::world::{World, creates, daily, deletes, machine_id};
use crate::domain::ask::Ask;
use crate::domain::audit::Objection::Changed;
use crate::domain::backup::Life;
use crate::domain::effect::{Effect, Outcome};
use crate::domain::fleet::{MachineStatus, SnapshotStatus};
use crate::domain::hand::create_held;
use crate::domain::id::BackupId;
use crate::domain::policy::Mode;
use crate::domain::slot::Held;
use crate::domain::time::Seconds;

fn ask_to_create(world: &mut World, expire: Option<Seconds>) -> Effect {
    world.ask(Ask::Create { machine: machine_id(1), expire });
    let effect = creates(&world.pass()).pop().unwrap();
    assert!(world.audit(&effect).is_ok());
    effect
}

/// Made by hand, and found to be good.
fn made(world: &mut World, expire: Option<Seconds>) -> BackupId {
    let effect = ask_to_create(world, expire);
    let snapshot = world.appear(&effect, SnapshotStatus::Ready);
    world.perform(&effect, Outcome::Answered { snapshot: Some(snapshot) });
    for _ in 0..2 {
        world.wait(Seconds(60));
        world.pass();
    }
    assert_eq!(world.backup(effect.verb.backup()).life, Life::Good);
    effect.verb.backup().clone()
}

#[test]
fn a_backup_made_by_hand_is_of_no_policy_and_never_pruned() {
    let mut world = World::new(1);
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().may_restart = false);
    let id = made(&mut world, None);
    assert_eq!(world.backup(&id).slot, None);
    assert!(world.state.requests.is_empty());
    world.wait(Seconds::days(700));
    world.pass();
    assert_eq!(world.backup(&id).doom, None);
}

#[test]
fn a_backup_made_by_hand_with_an_end_is_doomed_after_it() {
    let mut world = World::new(1);
    let id = made(&mut world, Some(Seconds::days(10)));
    world.wait(Seconds::days(9));
    world.pass();
    assert_eq!(world.backup(&id).doom, None);
    world.wait(Seconds::days(1));
    world.pass();
    world.ask(Ask::Approve { backups: [id.clone()].into() });
    world.wait(Seconds::hours(24));
    let plan = world.pass();
    let delete = deletes(&plan).into_iter().find(|effect| effect.verb.backup() == &id).unwrap();
    assert!(world.audit(&delete).is_ok());
    world.ask(Ask::Pin { backup: id.clone() });
    assert_eq!(world.audit(&delete).err(), Some(Changed("it is pinned")));
}

#[test]
fn a_create_by_hand_without_an_answer_is_looked_for_and_not_made_twice() {
    let mut world = World::new(1);
    let effect = ask_to_create(&mut world, None);
    world.intend(&effect);
    world.appear(&effect, SnapshotStatus::Ready);
    world.restart();
    world.pass();
    world.pass();
    assert_eq!(creates(&world.pass()), []);
    assert!(world.state.requests.is_empty());
    assert_eq!(world.cloud.snapshots.len(), 1);
}

#[test]
fn a_create_by_hand_waits_for_a_machine_that_is_not_active() {
    let mut world = World::new(1);
    for machine in world.cloud.machines.values_mut() {
        machine.status = MachineStatus::Shutoff;
    }
    world.look_at_all();
    world.ask(Ask::Create { machine: machine_id(1), expire: None });
    assert_eq!(creates(&world.pass()), []);
    for machine in world.cloud.machines.values_mut() {
        machine.status = MachineStatus::Active;
    }
    assert_eq!(creates(&world.pass()).len(), 1);
}

#[test]
fn a_create_by_hand_that_was_absent_three_times_is_given_up_and_not_before() {
    let mut world = World::new(1);
    world.adopt(|set| set.mode = Mode::Observe);
    let effect = ask_to_create(&mut world, None);
    for attempt in 1..=3 {
        world.perform(&effect, unclear());
        settle(&mut world);
        assert_eq!(creates(&world.pass()).len(), usize::from(attempt < 3), "attempt {attempt}");
    }
    assert!(world.state.requests.is_empty());
}

#[test]
fn a_backup_made_by_hand_may_go_from_the_second_of_its_end_on() {
    let mut world = World::new(1);
    world.adopt(|set| set.rules.grace = Seconds(0));
    let id = made(&mut world, Some(Seconds::days(10)));
    world.now = world.backup(&id).expires_at.unwrap() - Seconds(1);
    world.pass();
    assert_eq!(world.backup(&id).doom, None);
    world.wait(Seconds(1));
    world.pass();
    world.ask(Ask::Approve { backups: [id.clone()].into() });
    let delete = deletes(&world.pass()).pop().unwrap();
    assert_eq!((delete.verb.backup(), world.audit(&delete).err()), (&id, None));
}

#[test]
fn a_create_by_hand_that_waits_for_an_unclear_one_of_another_machine_says_so() {
    let mut world = World::new(2);
    world.adopt(|set| set.rules.concurrent = 1);
    let effect = ask_to_create(&mut world, None);
    world.perform(&effect, unclear());
    world.ask(Ask::Create { machine: machine_id(2), expire: None });
    assert_eq!(creates(&world.pass()), []);
    let waiting =
        world.state.requests.values().find(|one| *one.effect.verb.machine() == machine_id(2)).unwrap();
    assert_eq!(create_held(&world.state, world.now, waiting), Some(Held::Concurrent));
}
