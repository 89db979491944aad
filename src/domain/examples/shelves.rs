//! The shelf around a deletion: what the rules keep, how many good ones stay, and what was lost.

use std::collections::BTreeSet;

use super::world::{World, creates, daily, deletes, hold_of, machine_id};
use crate::domain::ask::Ask;
use crate::domain::audit::Objection::{self, Changed, Forbidden};
use crate::domain::backup::{Life, Proof};
use crate::domain::digest::Digest;
use crate::domain::draft::Hold;
use crate::domain::effect::{Cause, Effect, Outcome, Verb};
use crate::domain::event::{Doomed, Event};
use crate::domain::fleet::{MachineStatus, SnapshotStatus};
use crate::domain::id::BackupId;
use crate::domain::policy::Keep;
use crate::domain::time::Seconds;

/// So many nights of one machine; two are kept, the others doomed and approved.
pub fn nights(count: u32) -> (World, Vec<BackupId>) {
    let mut world = World::new(1);
    let backups: Vec<BackupId> = (0..count).flat_map(|_| world.take_all()).collect();
    let doomed: BTreeSet<BackupId> = doomed(&world);
    if !doomed.is_empty() {
        world.ask(Ask::Approve { backups: doomed });
    }
    (world, backups)
}

pub fn doomed(world: &World) -> BTreeSet<BackupId> {
    let of = world.state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
    of.map(|(id, _)| id.clone()).collect()
}

pub fn delete_of(world: &World, id: &BackupId) -> Effect {
    let backup = world.backup(id);
    let seq = backup.doom.as_ref().map_or(0, |doom| doom.seq);
    let (machine, snapshot) = (backup.machine.clone(), world.snapshot_of(id));
    let verb = Verb::DeleteSnapshot { backup: id.clone(), machine, snapshot };
    Effect::new(Cause::Doom { policy: daily(), seq }, verb)
}

fn is_proposed(world: &mut World, id: &BackupId) -> bool {
    deletes(&world.pass()).iter().any(|effect| effect.verb.backup() == id)
}

#[track_caller]
fn stopped(change: impl FnOnce(&mut World, &[BackupId]), objection: Objection) {
    let (mut world, backups) = nights(4);
    assert!(is_proposed(&mut world, &backups[0]), "the control is not proposed");
    let delete = delete_of(&world, &backups[0]);
    change(&mut world, &backups);
    world.look_at_all();
    assert_eq!(world.audit(&delete).err(), Some(objection));
    assert!(!is_proposed(&mut world, &backups[0]));
}

pub fn keep(world: &mut World, last: Option<u32>, daily_count: Option<u32>) {
    world.adopt(|set| {
        let retention = &mut set.policies.get_mut(&daily()).unwrap().retention;
        retention.keep_last = last.map(Keep::Count);
        retention.keep_daily = daily_count.map(Keep::Count);
    });
}

#[test]
fn what_keep_last_keeps_again_is_not_deleted() {
    stopped(|world, _| keep(world, Some(4), None), Forbidden("keep_last keeps it"));
}

#[test]
fn what_keep_daily_keeps_is_not_deleted() {
    stopped(|world, _| keep(world, Some(2), Some(4)), Forbidden("keep_daily keeps it"));
}

#[test]
fn the_oldest_stays_while_keep_daily_has_not_used_up_its_count() {
    stopped(|world, _| keep(world, Some(2), Some(9)), Forbidden("keep_daily keeps it"));
}

#[test]
fn a_policy_without_rules_keeps_everything() {
    stopped(|world, _| keep(world, None, None), Forbidden("its policy keeps everything"));
}

#[test]
fn a_rule_that_keeps_a_doomed_one_again_lifts_its_doom() {
    let (mut world, backups) = nights(4);
    keep(&mut world, Some(4), None);
    world.pass();
    assert_eq!(world.backup(&backups[0]).doom, None);
}

#[test]
fn a_least_number_of_good_backups_stays() {
    stopped(
        |world, _| world.adopt(|set| set.rules.min_good = 4),
        Forbidden("too few good backups would be left"),
    );
}

#[test]
fn a_failed_backup_does_not_count_as_good() {
    let change = |world: &mut World, backups: &[BackupId]| {
        world.adopt(|set| set.rules.min_good = 3);
        world.in_cloud(&backups[1]).status = SnapshotStatus::Failed;
    };
    stopped(change, Forbidden("too few good backups would be left"));
}

#[test]
fn a_backup_that_is_not_yet_found_good_does_not_count() {
    let (mut world, backups) = nights(4);
    world.adopt(|set| set.rules.min_good = 4);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Ready);
    world.cloud.snapshots.get_mut(&snapshot).unwrap().size_bytes = Some(0);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot) });
    world.wait(Seconds(60));
    world.pass();
    assert!(!is_proposed(&mut world, &backups[0]));
    assert_eq!(world.backup(create.verb.backup()).life, Life::Ready);
}

#[test]
fn the_newest_good_backup_stays_even_if_it_was_doomed() {
    let (mut world, backups) = nights(4);
    let newest = &backups[3];
    // No plan says so; the journal does.
    let proof = Proof { inventory: Digest::default(), policy_seq: 1, kept: [].into(), judged_at: None };
    world.record(Event::Doomed(Doomed { backup: newest.clone(), proof }));
    world.ask(Ask::Approve { backups: [newest.clone()].into() });
    world.wait(Seconds::hours(24));
    world.look_at_all();
    let delete = delete_of(&world, newest);
    assert_eq!(world.audit(&delete).err(), Some(Forbidden("it is the newest good backup")));
    assert!(!is_proposed(&mut world, newest));
}

#[test]
fn a_shelf_keeps_its_newest_even_without_a_least_number() {
    let (mut world, backups) = nights(3);
    world.adopt(|set| set.rules.min_good = 0);
    keep(&mut world, Some(0), None);
    world.pass();
    assert!(!doomed(&world).contains(&backups[2]));
}

#[test]
fn a_pin_on_one_backup_never_dooms_another() {
    let (mut world, backups) = nights(2);
    keep(&mut world, Some(1), None);
    world.take_all();
    world.pass();
    let before = doomed(&world);
    world.ask(Ask::Pin { backup: backups[0].clone() });
    world.pass();
    assert!(doomed(&world).is_subset(&before), "{:?} after {before:?}", doomed(&world));
}

#[test]
fn a_backup_dated_in_the_future_does_not_make_a_shelf_young() {
    let (mut world, backups) = nights(4);
    world.wait(Seconds::days(4));
    for machine in world.cloud.machines.values_mut() {
        machine.status = MachineStatus::Shutoff;
    }
    world.look_at_all();
    // Only a clock that went back does this; here the state is bent by hand.
    world.state.backups.get_mut(&backups[3]).unwrap().taken_at = world.now + Seconds::days(9);
    let delete = delete_of(&world, &backups[0]);
    let objection = world.audit(&delete).err();
    assert_eq!(objection, Some(Changed("no good backup of this machine is young enough")));
    let plan = world.pass();
    assert_eq!(hold_of(&plan, &backups[0]), Some(Hold::Stale));
}

#[test]
fn a_backup_dated_in_the_future_takes_no_place_among_the_newest() {
    let (mut world, backups) = nights(4);
    keep(&mut world, Some(3), None);
    world.look_at_all();
    let delete = delete_of(&world, &backups[0]);
    assert!(world.audit(&delete).is_ok());
    world.state.backups.get_mut(&backups[3]).unwrap().taken_at = world.now + Seconds::days(9);
    assert_eq!(world.audit(&delete).err(), Some(Forbidden("keep_last keeps it")));
    world.state.backups.get_mut(&backups[0]).unwrap().taken_at = world.now + Seconds::days(8);
    assert_eq!(world.audit(&delete).err(), Some(Changed("it is dated later than now")));
}

#[test]
fn a_loss_of_ours_holds_every_deletion() {
    let change = |world: &mut World, backups: &[BackupId]| {
        let lost = world.snapshot_of(&backups[1]);
        world.cloud.snapshots.remove(&lost);
    };
    stopped(change, Changed("something of ours is missing"));
}

#[test]
fn a_list_that_lacks_all_others_is_a_change_and_no_fault_of_the_plan() {
    let change = |world: &mut World, backups: &[BackupId]| {
        let lost: Vec<_> = backups[1..].iter().map(|backup| world.snapshot_of(backup)).collect();
        world.cloud.snapshots.retain(|id, _| !lost.contains(id));
    };
    stopped(change, Changed("something of ours is missing"));
}

#[test]
fn after_a_loss_two_complete_looks_must_agree_before_deletions_go_on() {
    let (mut world, backups) = nights(4);
    let lost = world.snapshot_of(&backups[1]);
    let snapshot = world.cloud.snapshots.remove(&lost).unwrap();
    world.pass();
    world.cloud.snapshots.insert(lost, snapshot);
    let proposed: Vec<bool> = (0..3).map(|_| is_proposed(&mut world, &backups[0])).collect();
    assert_eq!(proposed, [false, true, true]);
}

#[test]
fn a_lost_backup_has_vanished_once_looks_the_settle_time_apart_agree() {
    let (mut world, backups) = nights(4);
    let lost = world.snapshot_of(&backups[1]);
    world.cloud.snapshots.remove(&lost);
    world.pass();
    world.wait(Seconds(3_599));
    world.pass();
    assert_eq!(world.backup(&backups[1]).life, Life::Good);
    world.wait(Seconds(1));
    world.pass();
    assert_eq!(world.backup(&backups[1]).life, Life::Vanished);
}

#[test]
fn a_listing_that_lost_most_of_ours_is_doubted_for_a_day() {
    let (mut world, backups) = nights(4);
    let all = std::mem::take(&mut world.cloud.snapshots);
    world.pass();
    world.wait(Seconds::hours(23));
    world.pass();
    assert!(backups.iter().all(|id| world.backup(id).life == Life::Good));
    world.cloud.snapshots = all;
    world.pass();
    assert_eq!(world.state.fleet.doubtful_since, None);
}

#[test]
fn a_great_loss_that_is_believed_makes_every_doom_wait_for_a_person() {
    let (mut world, backups) = nights(6);
    for id in &backups[1..4] {
        let lost = world.snapshot_of(id);
        world.cloud.snapshots.remove(&lost);
    }
    for _ in 0..26 {
        world.pass();
        world.wait(Seconds::hours(1));
    }
    assert_eq!(world.backup(&backups[1]).life, Life::Vanished);
    world.take_all();
    world.pass();
    let plan = world.pass();
    assert_eq!(hold_of(&plan, &backups[0]), Some(Hold::AwaitsApproval));
}

#[test]
fn our_own_open_deletes_do_not_hide_that_all_else_is_lost() {
    let (mut world, backups) = nights(3);
    world.wait(Seconds::hours(24));
    let delete = deletes(&world.pass()).pop().unwrap();
    assert_eq!(delete.verb.backup(), &backups[0]);
    world.perform(&delete, Outcome::Answered { snapshot: None });
    world.cloud.snapshots.clear();
    world.pass();
    assert!(world.state.fleet.doubtful_since.is_some());
    world.pass();
    assert_eq!(world.backup(&backups[0]).life, Life::DeleteIntended);
}

#[test]
fn a_failed_remnant_goes_once_enough_newer_good_ones_exist() {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Failed);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot) });
    world.pass();
    let remnant = create.verb.backup().clone();
    assert_eq!(world.backup(&remnant).doom, None);
    for _ in 0..3 {
        world.take_all();
    }
    world.wait(Seconds::hours(24));
    world.ask(Ask::Approve { backups: [remnant.clone()].into() });
    world.look_at_all();
    let delete = delete_of(&world, &remnant);
    assert!(world.audit(&delete).is_ok());
    assert!(is_proposed(&mut world, &remnant));
}

#[test]
fn a_pending_backup_is_never_doomed() {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Pending);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot) });
    for _ in 0..4 {
        world.take_all();
    }
    let backup = world.backup(create.verb.backup());
    assert_eq!((backup.life, &backup.doom), (Life::TimedOut, &None));
}

#[test]
fn more_dooms_than_new_backups_explain_wait_for_a_person() {
    let (mut world, _) = nights(2);
    keep(&mut world, Some(9), None);
    for _ in 0..6 {
        world.take_all();
    }
    world.wait(Seconds::hours(25));
    // The first approval of this mode; from now on only a multitude needs one.
    world.ask(Ask::Approve { backups: BTreeSet::new() });
    keep(&mut world, Some(2), None);
    world.pass();
    let waiting = world.state.backups.values().filter_map(|backup| backup.doom.as_ref());
    assert_eq!(waiting.map(|doom| doom.needs_approval).collect::<Vec<_>>(), [true; 6]);
}

#[test]
fn an_approval_covers_the_ones_it_names_and_no_others() {
    let (mut world, backups) = nights(2);
    for _ in 0..3 {
        world.take_all();
    }
    world.ask(Ask::Approve { backups: [backups[1].clone()].into() });
    world.wait(Seconds::hours(24));
    assert!(!is_proposed(&mut world, &backups[0]));
    assert_eq!(world.backup(&backups[0]).machine, machine_id(1));
}
