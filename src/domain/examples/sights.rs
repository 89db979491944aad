//! The rails around one deletion, as far as they rest on what was seen: listings, the object itself,
//! images, look-alikes, the clock, and how much was deleted before.

use super::outcomes::refused;
use super::ready::{PROPOSED, Ready, ready, stopped};
use super::world::{creates, machine_id};
use crate::domain::ask::Ask;
use crate::domain::audit::Objection::{Changed, Forbidden};
use crate::domain::audit::audit;
use crate::domain::draft::Hold;
use crate::domain::effect::Outcome;
use crate::domain::fleet::{Image, LookResult, MachineStatus, Scope, SnapshotStatus};
use crate::domain::id::{ImageId, SnapshotId};
use crate::domain::time::Seconds;

#[test]
fn an_old_listing_deletes_nothing() {
    let mut ready = ready();
    ready.world.pass();
    ready.world.wait(Seconds(121));
    let objection = Changed("the snapshots were not listed completely just now");
    assert_eq!(ready.judged_without_a_look(), (Some(objection), Some(Hold::LookFirst)));
}

#[test]
fn a_listing_that_broke_off_deletes_nothing() {
    let mut ready = ready();
    ready.world.pass();
    ready.world.wait(Seconds(121));
    ready.world.look_in_part(&Scope::Snapshots);
    let objection = Changed("the snapshots were not listed completely just now");
    assert_eq!(ready.judged_without_a_look(), (Some(objection), Some(Hold::LookFirst)));
}

#[test]
fn what_an_earlier_process_saw_deletes_nothing() {
    let mut ready = ready();
    ready.world.pass();
    ready.world.restart();
    let objection = Changed("the snapshots were not listed completely just now");
    assert_eq!(ready.judged_without_a_look(), (Some(objection), Some(Hold::LookFirst)));
}

#[test]
fn a_backup_is_read_again_before_it_is_deleted() {
    let mut ready = ready();
    ready.world.pass();
    let unread = audit(&ready.world.state, ready.world.now, ready.delete.clone());
    assert_eq!(unread.unwrap_err(), Changed("it was not read again just now"));
}

#[test]
fn a_backup_that_is_not_found_when_read_again_is_not_deleted() {
    let mut ready = ready();
    ready.world.pass();
    let snapshot = ready.world.snapshot_of(&ready.victim);
    ready.world.cloud.snapshots.remove(&snapshot);
    let objection = ready.world.audit(&ready.delete).unwrap_err();
    assert_eq!(objection, Changed("reading it again did not show it"));
}

#[test]
fn a_backup_that_fails_after_it_was_found_good_is_left_to_a_person() {
    let change = |ready: &mut Ready| {
        let victim = ready.victim.clone();
        ready.world.in_cloud(&victim).status = SnapshotStatus::Failed;
    };
    stopped(change, Changed("it is neither good nor failed"), None);
}

#[test]
fn a_backup_that_is_pending_again_is_not_deleted() {
    let change = |ready: &mut Ready| {
        let victim = ready.victim.clone();
        ready.world.in_cloud(&victim).status = SnapshotStatus::Pending;
    };
    stopped(change, Changed("its status changed"), Some(Hold::Protected));
}

#[test]
fn a_backup_that_somebody_renamed_is_not_deleted() {
    let change = |ready: &mut Ready| {
        let victim = ready.victim.clone();
        ready.world.in_cloud(&victim).name = "keep me".to_owned();
    };
    stopped(change, Changed("its name changed"), Some(Hold::Protected));
}

#[test]
fn a_backup_that_moved_to_another_machine_is_not_deleted() {
    let mut ready = ready();
    let victim = ready.victim.clone();
    ready.world.in_cloud(&victim).machine = Some(machine_id(9));
    assert_eq!(ready.judged().0, Some(Changed("it is of another machine")));
}

fn image(of: Option<SnapshotId>) -> Image {
    Image { id: ImageId::new("BRK-1I"), name: "golden".to_owned(), status: "active".to_owned(), snapshot: of }
}

fn add_image(ready: &mut Ready, image: Image) {
    ready.world.cloud.images.insert(image.id.clone(), image);
}

#[test]
fn a_backup_that_the_image_list_names_is_not_deleted() {
    let change = |ready: &mut Ready| {
        let of = Some(ready.world.snapshot_of(&ready.victim));
        add_image(ready, image(of));
    };
    stopped(change, Changed("an image was made from it"), Some(Hold::Linked));
}

#[test]
fn an_image_that_a_list_leaves_out_holds_for_another_day() {
    let mut ready = ready();
    let of = Some(ready.world.snapshot_of(&ready.victim));
    add_image(&mut ready, image(of));
    let linked = (Some(Changed("an image was made from it")), Some(Hold::Linked));
    assert_eq!(ready.judged(), linked);
    ready.world.cloud.images.clear();
    assert_eq!(ready.judged(), linked);
    ready.world.wait(Seconds::hours(23));
    assert_eq!(ready.judged(), linked);
    ready.world.wait(Seconds::hours(1));
    assert!(ready.is_permitted(), "{:?}", ready.judged());
}

#[test]
fn a_step_of_the_clock_neither_ends_nor_stretches_the_day_for_which_a_lost_image_holds() {
    for step in [30, -3_000] {
        let mut ready = ready();
        let of = Some(ready.world.snapshot_of(&ready.victim));
        add_image(&mut ready, image(of));
        ready.world.look_at_all();
        ready.world.cloud.images.clear();
        ready.world.look_at_all();
        ready.world.step_clock(step * 3_600);
        ready.world.look_at_all();
        let is_held = |ready: &Ready| !ready.world.state.fleet.lost_images.is_empty();
        assert!(is_held(&ready), "{step} h");
        ready.world.wait(Seconds::hours(24));
        ready.world.look_at_all();
        assert!(!is_held(&ready), "{step} h");
    }
}

#[test]
fn an_image_of_unknown_source_could_be_of_any_backup() {
    let change = |ready: &mut Ready| add_image(ready, image(None));
    let objection = Changed("an image was made from something unnamed");
    stopped(change, objection, Some(Hold::MaybeLinked));
}

#[test]
fn an_image_of_another_snapshot_holds_nothing() {
    let mut ready = ready();
    add_image(&mut ready, image(Some(SnapshotId::new("BRK-999999S"))));
    assert_eq!(ready.judged(), (None, Some(PROPOSED)));
}

#[test]
fn a_backup_that_the_relation_names_is_not_deleted() {
    let mut ready = ready();
    ready.world.cloud.related.insert(ImageId::new("BRK-1I"));
    assert_eq!(ready.judged().0, Some(Changed("an image was made from it")));
}

#[test]
fn a_relation_that_cannot_be_read_deletes_nothing() {
    let mut ready = ready();
    ready.world.cloud.relation = LookResult::Incomplete("timeout".to_owned());
    assert_eq!(ready.judged().0, Some(Changed("its images could not be asked for")));
}

#[test]
fn one_of_relation_and_image_list_is_enough() {
    let mut no_relation = ready();
    no_relation.world.cloud.relation = LookResult::Unavailable("404".to_owned());
    let mut no_list = ready();
    no_list.world.cloud.image_list = LookResult::Unavailable("404".to_owned());
    assert_eq!([no_relation.judged().0, no_list.judged().0], [None, None]);
}

#[test]
fn without_relation_and_image_list_any_backup_could_be_linked() {
    let mut ready = ready();
    ready.world.wait(Seconds::hours(1));
    ready.world.cloud.relation = LookResult::Unavailable("404".to_owned());
    ready.world.cloud.image_list = LookResult::Unavailable("404".to_owned());
    let objection = Changed("neither its images nor the image list could be read");
    assert_eq!(ready.judged().0, Some(objection));
}

#[test]
fn a_clock_that_the_server_contradicts_deletes_nothing() {
    let change = |ready: &mut Ready| ready.world.cloud.date = Some(180_000_000);
    stopped(change, Changed("the clock is not sure"), Some(Hold::ClockUnsure));
}

#[test]
fn a_step_of_the_clock_begins_the_grace_anew() {
    let mut ready = ready();
    ready.world.step_clock(3_600);
    ready.world.cloud.date = Some(0);
    let until = ready.world.now + Seconds::hours(24);
    let expected = (Some(Forbidden("its grace has not passed")), Some(Hold::Grace { until }));
    assert_eq!(ready.judged(), expected);
}

#[test]
fn a_freeze_holds_until_it_ends() {
    let mut ready = ready();
    let until = ready.world.now + Seconds::hours(2);
    ready.world.ask(Ask::Freeze { until, reason: "audit".to_owned() });
    let expected = (Some(Changed("deletions are frozen")), Some(Hold::Frozen { until }));
    assert_eq!(ready.judged(), expected);
    ready.world.wait(Seconds::hours(2));
    ready.world.pass();
    assert!(ready.is_permitted());
}

#[test]
fn a_thaw_ends_a_freeze() {
    let mut ready = ready();
    let until = ready.world.now + Seconds::hours(2);
    ready.world.ask(Ask::Freeze { until, reason: "audit".to_owned() });
    ready.world.ask(Ask::Thaw);
    assert!(ready.is_permitted());
}

/// The victim is asked to go and surely did not: each try counts as a deletion.
fn tries(ready: &mut Ready, count: u32) {
    for _ in 0..count {
        let outcome = Outcome::NotSent { why: "no route".to_owned() };
        ready.world.look_at_all();
        ready.world.perform(&ready.delete.clone(), outcome);
        // Each in a pass of its own.
        ready.world.wait(Seconds::minutes(2));
    }
}

#[test]
fn no_more_is_deleted_in_a_day_than_the_file_allows() {
    let change = |ready: &mut Ready| {
        ready.world.adopt(|set| set.rules.day_cap = Some(1));
        tries(ready, 1);
    };
    stopped(change, Changed("as many were deleted in 24 hours as may be"), Some(Hold::Capped));
}

#[test]
fn no_more_of_a_machine_is_deleted_in_a_day_than_twice_its_slots() {
    let change = |ready: &mut Ready| tries(ready, 2);
    stopped(change, Changed("as many of this machine were deleted as may be"), Some(Hold::Capped));
}

#[test]
fn a_cap_is_free_again_after_a_day() {
    let mut ready = ready();
    ready.world.adopt(|set| set.rules.freeze_margin = Seconds::days(9));
    tries(&mut ready, 2);
    ready.world.wait(Seconds::hours(24));
    assert!(ready.is_permitted());
}

#[test]
fn deletions_before_a_step_of_the_clock_count_as_made_at_the_step() {
    let mut ready = ready();
    ready.world.adopt(|set| (set.rules.freeze_margin, set.rules.grace) = (Seconds::days(9), Seconds(0)));
    tries(&mut ready, 2);
    ready.world.step_clock(30 * 3_600);
    ready.world.cloud.date = Some(0);
    ready.world.wait(Seconds::minutes(2));
    ready.world.look_at_all();
    let objection = Changed("as many of this machine were deleted as may be");
    assert_eq!(ready.judged(), (Some(objection), Some(Hold::Capped)));
}

#[test]
fn a_look_alike_holds_the_deletions_of_its_machine() {
    let change = |ready: &mut Ready| {
        ready.world.make("qm-trainer-1-aaaaaaaaaa", 1, SnapshotStatus::Ready);
    };
    stopped(change, Changed("a snapshot of this machine looks like ours"), Some(Hold::Suspect));
}

#[test]
fn a_look_alike_of_no_known_machine_holds_every_deletion() {
    let change = |ready: &mut Ready| {
        let id = ready.world.make("qm-trainer-1-aaaaaaaaaa", 1, SnapshotStatus::Ready);
        ready.world.cloud.snapshots.get_mut(&id).unwrap().machine = None;
    };
    stopped(change, Changed("a snapshot of this machine looks like ours"), Some(Hold::Suspect));
}

#[test]
fn three_look_alikes_of_another_machine_hold_nothing_and_four_hold_all() {
    let mut ready = ready();
    for last in "abc".chars() {
        ready.world.make(&format!("qm-trainer-2-aaaaaaaaa{last}"), 2, SnapshotStatus::Ready);
    }
    assert!(ready.is_permitted());
    ready.world.make("qm-trainer-2-aaaaaaaaad", 2, SnapshotStatus::Ready);
    let objection = Changed("too many snapshots look like ours");
    assert_eq!(ready.judged(), (Some(objection), Some(Hold::Suspect)));
}

#[test]
fn a_disowned_look_alike_holds_nothing() {
    let mut ready = ready();
    let snapshot = ready.world.make("qm-trainer-1-aaaaaaaaaa", 1, SnapshotStatus::Ready);
    ready.world.look_at_all();
    ready.world.ask(Ask::Disown { snapshot, reason: "a colleague's".to_owned() });
    assert!(ready.is_permitted());
}

#[test]
fn an_unknown_request_on_the_machine_holds_its_deletions() {
    let change = |ready: &mut Ready| {
        ready.world.wait_for_slot();
        let create = creates(&ready.world.pass()).pop().unwrap();
        assert_eq!(create.verb.machine(), &machine_id(1));
        ready.world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    };
    stopped(change, Changed("another request on this machine is open"), Some(Hold::Unknown));
}

#[test]
fn a_refused_deletion_is_held_for_a_day() {
    let mut ready = ready();
    ready.world.adopt(|set| set.rules.freeze_margin = Seconds::days(9));
    ready.world.pass();
    ready.world.perform(&ready.delete.clone(), refused());
    assert_eq!(ready.judged().1, Some(Hold::Refused));
    ready.world.wait(Seconds::hours(24));
    assert!(ready.is_permitted());
}

#[test]
fn a_machine_without_a_young_backup_keeps_its_old_ones() {
    let change = |ready: &mut Ready| {
        for machine in ready.world.cloud.machines.values_mut() {
            machine.status = MachineStatus::Shutoff;
        }
        ready.world.wait(Seconds::hours(2 * 24 + 6));
    };
    stopped(change, Changed("no good backup of this machine is young enough"), Some(Hold::Stale));
}
