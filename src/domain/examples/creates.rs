//! The rails around one create: it is due and permitted, one thing changes, and neither the audit
//! nor the plan lets it go.

use super::world::{World, creates, daily, machine_id};
use crate::domain::audit::Objection::{self, Changed, Forbidden};
use crate::domain::backup::Life;
use crate::domain::draft::Plan;
use crate::domain::effect::{Cause, Effect, Outcome, Verb};
use crate::domain::event::{ClockStepped, Event, Recorded};
use crate::domain::fleet::{MachineStatus, SnapshotStatus};
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::policy::Mode;
use crate::domain::slot::{Decision, Held, Shelf, Skip, Slot};
use crate::domain::time::Seconds;

/// The first slot of two machines is due, and the create of one is planned.
fn due() -> (World, Effect) {
    let mut world = World::new(2);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    (world, create)
}

fn is_proposed(plan: &Plan, create: &Effect) -> bool {
    creates(plan).iter().any(|effect| effect.id == create.id)
}

fn held(world: &World, machine: &MachineId) -> Option<Held> {
    let shelf = Shelf { policy: daily(), machine: machine.clone() };
    world.state.shelves.get(&shelf)?.open.as_ref().map(|(_, held)| held.clone())
}

/// One change; then what the audit says, and what the plan holds it for.
#[track_caller]
fn stopped(change: impl FnOnce(&mut World, &Effect), objection: Objection, held_for: Option<Held>) {
    let (mut world, create) = due();
    let control = world.audit(&create).map(|permit| permit.attempt());
    assert_eq!(control, Ok(1));
    change(&mut world, &create);
    world.look_at_all();
    assert_eq!(world.audit(&create).err(), Some(objection));
    let plan = world.conclude();
    assert!(!is_proposed(&plan, &create));
    assert_eq!(held(&world, create.verb.machine()), held_for);
}

#[test]
fn only_an_active_machine_is_snapshotted() {
    for (status, word) in [
        (MachineStatus::Shutoff, "SHUTOFF"),
        (MachineStatus::Hibernated, "HIBERNATED"),
        (MachineStatus::Error, "ERROR"),
        (MachineStatus::Unknown("PAUSED".to_owned()), "PAUSED"),
    ] {
        let change = |world: &mut World, create: &Effect| {
            world.cloud.machines.get_mut(create.verb.machine()).unwrap().status = status;
        };
        stopped(change, Changed("the machine is not ACTIVE"), Some(Held::NotActive(word.to_owned())));
    }
}

#[test]
fn a_machine_that_sleeps_is_taken_once_when_it_wakes() {
    let (mut world, create) = due();
    let machine = create.verb.machine().clone();
    world.cloud.machines.get_mut(&machine).unwrap().status = MachineStatus::Hibernated;
    world.pass();
    world.wait(Seconds::hours(5));
    world.cloud.machines.get_mut(&machine).unwrap().status = MachineStatus::Active;
    let ids: Vec<_> = creates(&world.pass()).into_iter().map(|effect| effect.id).collect();
    assert_eq!(ids, [create.id]);
}

#[test]
fn a_machine_that_is_missing_from_a_listing_is_not_snapshotted() {
    let change = |world: &mut World, create: &Effect| {
        world.cloud.machines.remove(create.verb.machine());
    };
    stopped(change, Changed("the machine was missing from the last look"), None);
}

#[test]
fn no_machine_is_restarted_against_its_policy() {
    let change = |world: &mut World, _: &Effect| {
        world.adopt(|set| set.policies.get_mut(&daily()).unwrap().may_restart = false);
    };
    let objection = Forbidden("its policy does not let the machine restart");
    stopped(change, objection, Some(Held::MayRestart));
}

#[test]
fn observing_takes_nothing_and_decides_the_slot() {
    let change = |world: &mut World, _: &Effect| world.adopt(|set| set.mode = Mode::Observe);
    stopped(change, Forbidden("the mode is observe"), None);
}

#[test]
fn a_policy_that_observes_takes_nothing() {
    let change = |world: &mut World, _: &Effect| {
        world.adopt(|set| set.policies.get_mut(&daily()).unwrap().mode = Mode::Observe);
    };
    stopped(change, Forbidden("the mode is observe"), None);
}

#[test]
fn a_slot_skipped_while_observing_is_not_caught_up_later() {
    let (mut world, create) = due();
    world.adopt(|set| set.mode = Mode::Observe);
    world.pass();
    world.adopt(|set| set.mode = Mode::Protect);
    assert!(!is_proposed(&world.pass(), &create));
}

#[test]
fn protecting_takes_backups() {
    let (mut world, create) = due();
    world.adopt(|set| set.mode = Mode::Protect);
    assert!(world.audit(&create).is_ok() && is_proposed(&world.pass(), &create));
}

#[test]
fn an_edited_schedule_never_reaches_into_its_past() {
    let change = |world: &mut World, _: &Effect| {
        world.adopt(|set| set.policies.get_mut(&daily()).unwrap().schedule = "0 1 * * *".to_owned());
    };
    stopped(change, Forbidden("the slot is older than the schedule"), None);
}

#[test]
fn a_policy_that_was_removed_takes_nothing() {
    let change = |world: &mut World, _: &Effect| world.adopt(|set| set.policies.clear());
    stopped(change, Forbidden("its policy is not in force"), None);
}

#[test]
fn a_name_that_a_stranger_uses_is_not_used_again() {
    let (mut world, create) = due();
    let id = world.make(create.verb.backup().as_str(), 1, SnapshotStatus::Ready);
    world.look_at_all();
    assert_eq!(world.audit(&create).err(), Some(Changed("a snapshot of this name exists")));
    assert!(!is_proposed(&world.conclude(), &create));
    assert_eq!(held(&world, create.verb.machine()), Some(Held::NameInUse(id.to_string())));
}

#[test]
fn no_more_run_at_one_time_than_may() {
    let (mut world, create) = due();
    let snapshot = world.appear(&create, SnapshotStatus::Pending);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot) });
    let plan = world.pass();
    let other = if *create.verb.machine() == machine_id(1) { machine_id(2) } else { machine_id(1) };
    assert_eq!((creates(&plan).len(), held(&world, &other)), (0, Some(Held::Concurrent)));
}

#[test]
fn two_may_run_where_the_file_says_so() {
    let (mut world, _) = due();
    world.adopt(|set| set.rules.concurrent = 2);
    assert_eq!(creates(&world.pass()).len(), 2);
}

#[test]
fn a_machine_with_an_open_request_gets_no_other() {
    let (mut world, create) = due();
    world.perform(&create, Outcome::Unclear { why: "reset".to_owned() });
    world.wait_for_slot();
    let slot = Slot { policy: daily(), machine: create.verb.machine().clone(), due: world.now - Seconds(30) };
    let plan = world.pass();
    assert!(creates(&plan).iter().all(|effect| effect.verb.machine() != create.verb.machine()));
    let objection = world.audit(&of(&slot, &world)).unwrap_err();
    assert_eq!(objection, Changed("another request on this machine is open"));
}

fn of(slot: &Slot, world: &World) -> Effect {
    let name = slot.snapshot_name(&world.state.fleet.machines[&slot.machine].item.name);
    let (backup, machine) = (BackupId::new(&*name), slot.machine.clone());
    let verb = Verb::CreateSnapshot { backup, machine, name, description: slot.line() };
    Effect::new(Cause::Slot(slot.clone()), verb)
}

#[test]
fn a_slot_that_is_not_due_is_not_taken() {
    let (world, create) = due();
    let mut world = world;
    let slot = Slot { policy: daily(), machine: create.verb.machine().clone(), due: world.now + Seconds(1) };
    let effect = of(&slot, &world);
    assert_eq!(world.audit(&effect).unwrap_err(), Forbidden("the slot is not due yet"));
}

#[test]
fn a_create_of_another_name_than_its_slots_is_forged() {
    let (mut world, create) = due();
    let Cause::Slot(slot) = create.cause.clone() else { unreachable!() };
    let name = "qm-trainer-1-aaaaaaaaaa".to_owned();
    let (backup, machine) = (BackupId::new(&*name), slot.machine.clone());
    let verb = Verb::CreateSnapshot { backup, machine, name, description: String::new() };
    let effect = Effect::new(Cause::Slot(slot), verb);
    assert_eq!(world.audit(&effect).unwrap_err(), Forbidden("the name is not that of the slot"));
}

#[test]
fn a_step_of_the_clock_holds_creates_until_it_is_confirmed_or_half_an_hour_old() {
    let (mut world, create) = due();
    world.cloud.date = None;
    let noticed = "in a story".to_owned();
    world.record(Event::ClockStepped(ClockStepped { by_micros: 0, noticed }));
    assert_eq!(world.audit(&create).err(), Some(Changed("the clock stepped a moment ago")));
    assert!(creates(&world.conclude()).is_empty());
    assert_eq!(held(&world, create.verb.machine()), Some(Held::ClockUnsure));
    world.wait(Seconds::minutes(30));
    assert!(is_proposed(&world.pass(), &create));
}

#[test]
fn looks_that_agree_confirm_a_step_of_the_clock() {
    let (mut world, create) = due();
    world.step_clock(3_600);
    world.cloud.date = Some(0);
    assert!(is_proposed(&world.pass(), &create));
}

#[test]
fn a_slot_that_was_taken_is_not_taken_again_after_the_clock_went_back() {
    let mut world = World::new(1);
    world.take_all();
    world.wait(Seconds::hours(1));
    world.step_clock(-2 * 3_600);
    world.cloud.date = Some(0);
    world.pass();
    world.wait_for_slot();
    assert!(creates(&world.pass()).is_empty());
}

#[test]
fn a_slot_is_not_taken_again_under_another_name_of_its_machine() {
    let (mut world, create) = due();
    world.take_all();
    world.cloud.machines.get_mut(create.verb.machine()).unwrap().name = "renamed".to_owned();
    world.wait(Seconds::hours(1));
    world.step_clock(-2 * 3_600);
    world.cloud.date = Some(0);
    world.pass();
    world.wait_for_slot();
    let plan = world.pass();
    assert!(creates(&plan).is_empty(), "{plan:?}");
}

#[test]
fn nothing_is_taken_before_this_process_has_looked() {
    let (mut world, _) = due();
    world.restart();
    assert!(creates(&world.conclude()).is_empty());
}

#[test]
fn many_missed_slots_are_served_by_one_backup() {
    let mut world = World::new(1);
    world.wait(Seconds::days(5));
    let plan = world.pass();
    assert_eq!(creates(&plan).len(), 1);
    world.perform(&creates(&plan)[0], Outcome::NotSent { why: "no route".to_owned() });
    world.wait(Seconds::minutes(2));
    assert_eq!(creates(&world.pass()).len(), 1);
}

#[test]
fn a_backup_still_pending_skips_the_next_slot_of_its_machine() {
    let mut world = World::new(1);
    world.adopt(|set| set.rules.pending_deadline = Seconds::days(3));
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Pending);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot.clone()) });
    world.wait_for_slot();
    assert!(creates(&world.pass()).is_empty());
    assert_eq!(held(&world, &machine_id(1)), None);
    let decided = |row: &Recorded| match &row.event {
        Event::SlotDecided(decided) => Some(decided.decision.clone()),
        _ => None,
    };
    assert_eq!(world.rows.iter().rev().find_map(decided), Some(Decision::Skipped(Skip::Overlap)));
    // It is skipped for good, and not taken once the one before it is done.
    world.in_cloud_by_id(&snapshot).status = SnapshotStatus::Ready;
    world.wait(Seconds::minutes(1));
    world.pass();
    assert!(creates(&world.pass()).is_empty());
}

#[test]
fn a_backup_of_another_policy_that_is_still_pending_holds_a_slot_and_does_not_skip_it() {
    let mut world = World::new(1);
    world.adopt(|set| {
        let mut other = set.policies[&daily()].clone();
        other.schedule = "0 3 * * *".to_owned();
        set.policies.insert(PolicyName::new("nightly"), other);
    });
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Pending);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot.clone()) });
    world.wait(Seconds::hours(1));
    assert!(creates(&world.pass()).is_empty());
    world.in_cloud_by_id(&snapshot).status = SnapshotStatus::Ready;
    world.pass();
    assert_eq!(creates(&world.pass()).len(), 1);
}

#[test]
fn a_backup_that_was_seen_and_then_lost_is_not_asked_for_again() {
    let mut world = World::new(3);
    let lost = world.take_all().remove(0);
    let snapshot = world.snapshot_of(&lost);
    world.cloud.snapshots.remove(&snapshot);
    for _ in 0..5 {
        assert_eq!(creates(&world.pass()), []);
        world.wait(Seconds::minutes(61));
    }
    assert_eq!(world.backup(&lost).life, Life::Vanished);
}
