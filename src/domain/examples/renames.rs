//! A policy under a new name: its shelves, backups, decided slots and open requests go with it.

use super::world::{World, creates, daily, machine_id};
use crate::domain::effect::Outcome;
use crate::domain::id::PolicyName;
use crate::domain::policy::PolicySet;
use crate::domain::slot::Shelf;
use crate::domain::time::Seconds;

fn renamed(to: &str, from: &str) -> impl FnOnce(&mut PolicySet) {
    let (to, from) = (PolicyName::new(to), PolicyName::new(from));
    move |set| {
        let mut policy = set.policies.remove(&from).unwrap();
        policy.was.insert(from);
        set.policies.insert(to, policy);
    }
}

/// How many creates are planned an hour after the last slot was taken under the old name.
fn planned_after_a_rename() -> usize {
    let mut world = World::new(2);
    world.take_all();
    world.adopt(renamed("nightly", "daily"));
    world.wait(Seconds::hours(1));
    creates(&world.pass()).len()
}

#[test]
fn a_slot_that_was_taken_under_the_old_name_is_not_taken_again() {
    assert_eq!(planned_after_a_rename(), 0);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_rename_that_forgets_decided_slots_is_noticed() {
    use crate::planted::{Bug, plant};
    plant(Some(Bug::RenameForgetsSlots));
    let planned = planned_after_a_rename();
    plant(None);
    assert_eq!(planned, 1);
}

#[test]
fn the_old_backups_stand_on_the_new_shelf_and_count_for_its_rules() {
    let mut world = World::new(1);
    let nights: Vec<_> = (0..2).map(|_| world.take_all().pop().unwrap()).collect();
    world.adopt(renamed("nightly", "daily"));
    let shelf = Shelf { policy: PolicyName::new("nightly"), machine: machine_id(1) };
    assert_eq!(world.backup(&nights[0]).shelf(), Some(shelf.clone()));
    world.now = world.state.schedule(&shelf.policy).unwrap().next_after(world.now).unwrap() + Seconds(30);
    let create = creates(&world.pass()).pop().unwrap();
    let id = world.appear(&create, crate::domain::fleet::SnapshotStatus::Ready);
    world.perform(&create, Outcome::Answered { snapshot: Some(id) });
    world.pass();
    world.wait(Seconds(60));
    world.pass();
    // The last two are kept: the oldest, taken under the old name, is the third.
    let dooms: Vec<bool> = nights.iter().map(|id| world.backup(id).doom.is_some()).collect();
    assert_eq!(dooms, [true, false]);
    assert_eq!(world.state.shelves.keys().collect::<Vec<_>>(), [&shelf]);
}

#[test]
fn without_was_another_name_is_another_policy() {
    let mut world = World::new(1);
    let old = world.take_all().pop().unwrap();
    world.adopt(|set| {
        let policy = set.policies.remove(&daily()).unwrap();
        set.policies.insert(PolicyName::new("other"), policy);
    });
    world.wait(Seconds::hours(1));
    assert!(creates(&world.pass()).is_empty(), "a new policy begins when it is first adopted");
    assert_eq!(world.backup(&old).shelf().unwrap().policy, daily());
}

#[test]
fn a_request_of_the_old_name_is_asked_for_again_and_not_twice() {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, Outcome::NotSent { why: "no route".to_owned() });
    world.adopt(renamed("nightly", "daily"));
    world.wait(Seconds::minutes(2));
    let planned = creates(&world.pass());
    assert_eq!(planned.iter().map(|effect| &effect.id).collect::<Vec<_>>(), [&create.id]);
    assert!(world.audit(&planned[0]).is_ok());
}

#[test]
fn two_renames_in_a_row_lead_to_the_last_name() {
    let mut world = World::new(1);
    let old = world.take_all().pop().unwrap();
    let since = world.state.adopted.as_ref().unwrap().scheduled_since[&daily()];
    world.adopt(renamed("second", "daily"));
    world.adopt(|set| {
        renamed("third", "second")(set);
        set.policies.get_mut(&PolicyName::new("third")).unwrap().was = [PolicyName::new("second")].into();
    });
    let third = PolicyName::new("third");
    let adopted = world.state.adopted.as_ref().unwrap();
    assert_eq!(adopted.current(&daily()), &third);
    assert_eq!((adopted.scheduled_since[&third], world.backup(&old).shelf().unwrap().policy), (since, third));
}
