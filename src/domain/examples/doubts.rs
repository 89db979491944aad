//! What is not believed, and from where on: lists that lost a share of ours, totals, names that nobody can read.

use super::outcomes::{asked, settle, unclear};
use super::ready::{PROPOSED, ready};
use super::shelves::{doomed, keep, nights};
use super::world::{World, creates, deletes, machine_id};
use crate::domain::audit::Objection::Changed;
use crate::domain::backup::Life;
use crate::domain::draft::Hold;
use crate::domain::effect::{Outcome, Standing};
use crate::domain::fleet::{Scope, SnapshotStatus};
use crate::domain::id::BackupId;
use crate::domain::time::Seconds;

fn lose(world: &mut World, backups: &[BackupId]) {
    for backup in backups {
        let lost = world.snapshot_of(backup);
        world.cloud.snapshots.remove(&lost);
    }
    world.pass();
}

#[test]
fn a_list_is_doubted_that_lost_more_than_a_fifth_and_at_least_three_or_all() {
    let is_doubted = |of: u32, lost: usize| {
        let (mut world, backups) = nights(of);
        lose(&mut world, &backups[..lost]);
        world.state.fleet.doubtful_since.is_some()
    };
    assert_eq!([(14, 3), (1, 1), (2, 2)].map(|(of, lost)| is_doubted(of, lost)), [true; 3]);
    assert_eq!([(15, 3), (3, 2), (2, 1)].map(|(of, lost)| is_doubted(of, lost)), [false; 3]);
}

#[test]
fn under_a_list_that_is_doubted_nothing_is_doomed() {
    for (of, dooms) in [(14, false), (15, true)] {
        let mut world = World::new(1);
        keep(&mut world, Some(99), None);
        let backups: Vec<BackupId> = (0..of).flat_map(|_| world.take_all()).collect();
        lose(&mut world, &backups[..3]);
        keep(&mut world, Some(2), None);
        world.pass();
        assert_eq!(!doomed(&world).is_empty(), dooms, "three of {of} are missing");
    }
}

#[test]
fn a_great_loss_is_believed_after_a_day_to_the_second() {
    let (mut world, backups) = nights(4);
    lose(&mut world, &backups);
    world.wait(Seconds(24 * 3_600 - 1));
    world.pass();
    assert!(backups.iter().all(|id| world.backup(id).life == Life::Good));
    world.wait(Seconds(1));
    world.pass();
    assert!(backups.iter().all(|id| world.backup(id).life == Life::Vanished));
}

#[test]
fn each_sign_of_a_loss_holds_deletions_by_itself() {
    let calm = |ready: &mut super::ready::Ready| ready.judged_without_a_look();
    for sign in 0..3 {
        let mut ready = ready();
        ready.world.look_at_all();
        assert_eq!(calm(&mut ready), (None, Some(PROPOSED)));
        let missing = ready.world.snapshot_of(&ready.backups[1]);
        let (fleet, now) = (&mut ready.world.state.fleet, ready.world.now);
        match sign {
            0 => fleet.shaken = 1,
            1 => fleet.doubtful_since = Some(now),
            _ => fleet.snapshots.get_mut(&missing).unwrap().missing_since = Some(now),
        }
        let objection = ready.world.audit(&ready.delete).err();
        assert_eq!(objection, Some(Changed("something of ours is missing")), "sign {sign}");
        // A list that lacks something of ours shakes the plan with the look itself.
        if sign < 2 {
            assert_eq!(calm(&mut ready).1, Some(Hold::Shaken), "sign {sign}");
        }
    }
}

/// Looks at these seconds after the first that counted five too many; whether the total is corrected then.
fn is_corrected_after(looks: &[u64]) -> bool {
    let mut world = World::new(1);
    world.cloud.excess = 5;
    world.pass();
    let first = world.now;
    for second in looks {
        world.now = first + Seconds(*second);
        world.pass();
    }
    world.state.fleet.excess(&Scope::Snapshots).is_some()
}

#[test]
fn a_total_is_corrected_after_four_looks_over_the_settle_time_to_the_second() {
    assert!(is_corrected_after(&[1, 2, 3_600]));
    assert!(!is_corrected_after(&[1, 2, 3_599]));
    assert!(!is_corrected_after(&[1, 3_600]));
    assert!(!is_corrected_after(&[3_600]));
}

#[test]
fn an_absence_proves_nothing_a_second_before_the_settle_time() {
    for (waited, count) in [(3_599, 0), (3_600, 1)] {
        let (mut world, _) = asked(unclear());
        world.wait(Seconds(waited));
        world.pass();
        assert_eq!(creates(&world.pass()).len(), count, "after {waited} s");
    }
}

#[test]
fn only_a_nameless_one_that_came_later_on_its_machine_may_be_what_was_asked_for() {
    // Of which machine it is, and whether it was there before.
    let changes = [(Some(1), false, 0), (None, false, 0), (Some(2), false, 1), (Some(1), true, 1)];
    for (machine, was_there, expected) in changes {
        let mut world = World::new(1);
        let appears = |world: &mut World| {
            let id = world.make("", 1, SnapshotStatus::Pending);
            world.in_cloud_by_id(&id).machine = machine.map(machine_id);
            world.in_cloud_by_id(&id).unreadable = vec!["name".to_owned()];
            world.look(&Scope::Snapshots);
        };
        if was_there {
            appears(&mut world);
        }
        world.wait_for_slot();
        let create = creates(&world.pass()).pop().unwrap();
        world.perform(&create, unclear());
        if !was_there {
            appears(&mut world);
        }
        settle(&mut world);
        assert_eq!(creates(&world.pass()).len(), expected, "{machine:?}, there before: {was_there}");
    }
}

#[test]
fn what_cannot_be_read_is_ours_all_the_same_and_holds_the_deletions_of_its_machine_alone() {
    let mut ready = ready();
    let others: Vec<BackupId> =
        ready.world.state.backups.keys().filter(|id| !ready.backups.contains(id)).cloned().collect();
    // From now on its size and date cannot be read: it stays what it was, good and counted.
    let garble = |ready: &mut super::ready::Ready, id: &BackupId| {
        ready.world.in_cloud(id).unreadable = vec!["size".to_owned()];
    };
    garble(&mut ready, &others[0]);
    assert!(ready.is_permitted());
    let newest = ready.backups[3].clone();
    garble(&mut ready, &newest);
    let objection = Changed("a snapshot of this machine cannot be read");
    assert_eq!(ready.judged(), (Some(objection), Some(Hold::Unreadable)));
    assert_eq!(ready.world.backup(&newest).life, Life::Good);
}

#[test]
fn a_deletion_that_is_listed_at_the_end_of_the_settle_time_did_not_happen() {
    let mut ready = ready();
    let delete = deletes(&ready.world.pass()).pop().unwrap();
    ready.world.perform(&delete, unclear());
    ready.world.wait(Seconds(3_599));
    ready.world.pass();
    assert_eq!(ready.world.backup(delete.verb.backup()).life, Life::DeleteIntended);
    ready.world.wait(Seconds(1));
    ready.world.pass();
    assert_eq!(ready.world.backup(delete.verb.backup()).life, Life::Good);
}

#[test]
fn a_create_that_was_not_sent_is_given_up_by_the_second_list_without_its_machine() {
    let (mut world, create) = asked(Outcome::NotSent { why: "no route".to_owned() });
    world.cloud.machines.clear();
    let is_given_up = |world: &World| matches!(world.state.effects[&create.id].standing, Standing::Failed(_));
    world.pass();
    assert!(!is_given_up(&world));
    world.wait(Seconds(1));
    world.pass();
    assert!(is_given_up(&world));
}
