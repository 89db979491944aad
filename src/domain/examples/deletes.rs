//! The rails around one deletion: it is ready and permitted, one thing changes, and both the audit
//! and the plan keep their hands off.

use super::world::{World, daily, deletes, hold_of, machine_id};
use crate::domain::ask::Ask;
use crate::domain::audit::Objection::{self, Changed, Forbidden};
use crate::domain::draft::Hold;
use crate::domain::effect::{Cause, Effect, Outcome, Verb};
use crate::domain::fleet::{Image, LookResult, MachineStatus, Scope, SnapshotStatus};
use crate::domain::id::{BackupId, ImageId, SnapshotId};
use crate::domain::policy::Mode;
use crate::domain::time::Seconds;

/// A deletion that nothing holds, and the world in which it waits.
struct Ready {
    world: World,
    victim: BackupId,
    delete: Effect,
    /// All four of the machine, oldest first.
    backups: Vec<BackupId>,
}

/// Four nights of one machine out of two; two are kept, so two are doomed, and the older may go.
fn ready() -> Ready {
    let mut ready = unapproved();
    let backups = [ready.victim.clone()].into();
    ready.world.ask(Ask::Approve { backups });
    ready
}

fn unapproved() -> Ready {
    let mut world = World::new(2);
    let nights: Vec<Vec<BackupId>> = (0..4).map(|_| world.take_all()).collect();
    let of_first = |night: &Vec<BackupId>| {
        night.iter().find(|id| world.backup(id).machine == machine_id(1)).cloned().unwrap()
    };
    let backups: Vec<BackupId> = nights.iter().map(of_first).collect();
    let victim = backups[0].clone();
    let backup = world.backup(&victim);
    let cause = Cause::Doom { policy: daily(), seq: backup.doom.as_ref().unwrap().seq };
    let verb = Verb::DeleteSnapshot {
        backup: victim.clone(),
        machine: backup.machine.clone(),
        snapshot: world.snapshot_of(&victim),
    };
    Ready { victim, delete: Effect::new(cause, verb), backups, world }
}

impl Ready {
    /// What the audit says after a fresh look, and what the plan holds it for.
    fn judged(&mut self) -> (Option<Objection>, Option<Hold>) {
        self.world.look_at_all();
        self.judged_without_a_look()
    }

    fn judged_without_a_look(&mut self) -> (Option<Objection>, Option<Hold>) {
        let objection = self.world.audit(&self.delete).err();
        let plan = self.world.conclude();
        let is_proposed = deletes(&plan).iter().any(|effect| effect.verb.backup() == &self.victim);
        let hold = hold_of(&plan, &self.victim);
        let is_doomed = self.world.state.backups.get(&self.victim).is_some_and(|b| b.doom.is_some());
        assert!(is_proposed || hold.is_some() || !is_doomed, "doomed, and neither proposed nor held");
        assert!(!is_proposed || hold.is_none(), "proposed and held");
        (objection, if is_proposed { Some(PROPOSED) } else { hold })
    }

    /// A last time, so that what held it is shown to have been the one thing.
    fn is_permitted(&mut self) -> bool {
        self.judged() == (None, Some(PROPOSED))
    }
}

/// No hold of the plan looks like this; it stands for "it would be performed".
const PROPOSED: Hold = Hold::Frozen { until: crate::domain::time::Timestamp::EPOCH };

/// One change, and what both sides make of it.
#[track_caller]
fn stopped(change: impl FnOnce(&mut Ready), objection: Objection, hold: Option<Hold>) {
    let mut ready = ready();
    assert!(ready.is_permitted(), "the control is not permitted: {:?}", ready.judged());
    change(&mut ready);
    assert_eq!(ready.judged(), (Some(objection), hold));
}

#[test]
fn a_ready_deletion_is_proposed_and_permitted() {
    assert_eq!(ready().judged(), (None, Some(PROPOSED)));
}

#[test]
fn nothing_is_deleted_without_an_approval_after_the_change_to_enforce() {
    let mut ready = unapproved();
    let expected = (Some(Forbidden("no person approved it")), Some(Hold::AwaitsApproval));
    assert_eq!(ready.judged(), expected);
}

#[test]
fn an_approval_that_grew_old_does_not_delete() {
    let change = |ready: &mut Ready| {
        ready.world.adopt(|set| set.rules.approval_life = Seconds(60));
        ready.world.wait(Seconds(90));
    };
    stopped(change, Forbidden("no person approved it"), Some(Hold::AwaitsApproval));
}

#[test]
fn a_backup_that_the_journal_does_not_own_is_not_deleted() {
    let mut ready = ready();
    let stranger = ready.world.make("before upgrade", 1, SnapshotStatus::Ready);
    ready.world.look_at_all();
    let Verb::DeleteSnapshot { machine, .. } = ready.delete.verb.clone() else { unreachable!() };
    let forge = |backup: BackupId| {
        let verb = Verb::DeleteSnapshot { backup, machine: machine.clone(), snapshot: stranger.clone() };
        Effect::new(ready.delete.cause.clone(), verb)
    };
    let unknown = forge(BackupId::new("before upgrade"));
    let misled = forge(ready.victim.clone());
    let objections = [unknown, misled].map(|effect| ready.world.audit(&effect).unwrap_err());
    let (nobodys, anothers) = ("the journal does not own it", "the snapshot is not this backup's");
    assert_eq!(objections, [Forbidden(nobodys), Forbidden(anothers)]);
}

#[test]
fn an_adopted_backup_belongs_to_no_policy_and_is_not_deleted() {
    let mut ready = ready();
    let snapshot = ready.world.make("before upgrade", 1, SnapshotStatus::Ready);
    ready.world.look_at_all();
    ready.world.ask(Ask::Adopt { snapshot: snapshot.clone() });
    let backup = ready.world.state.owners[&snapshot].clone();
    let verb = Verb::DeleteSnapshot { backup, machine: machine_id(1), snapshot };
    let effect = Effect::new(ready.delete.cause.clone(), verb);
    assert_eq!(ready.world.audit(&effect).unwrap_err(), Forbidden("it belongs to no policy"));
}

#[test]
fn a_pinned_backup_is_not_deleted() {
    let change = |ready: &mut Ready| ready.world.ask(Ask::Pin { backup: ready.victim.clone() });
    stopped(change, Changed("it is pinned"), None);
}

#[test]
fn a_backup_that_was_not_doomed_is_not_deleted() {
    let mut ready = ready();
    let kept = ready.backups[2].clone();
    let verb = Verb::DeleteSnapshot {
        snapshot: ready.world.snapshot_of(&kept),
        machine: machine_id(1),
        backup: kept,
    };
    let effect = Effect::new(ready.delete.cause.clone(), verb);
    assert_eq!(ready.world.audit(&effect).unwrap_err(), Forbidden("it is not doomed"));
}

#[test]
fn a_doom_that_was_lifted_and_spoken_again_is_another_cause() {
    let mut ready = ready();
    ready.world.ask(Ask::Pin { backup: ready.victim.clone() });
    ready.world.pass();
    ready.world.ask(Ask::Unpin { backup: ready.victim.clone() });
    ready.world.pass();
    let objection = ready.judged().0;
    assert_eq!(objection, Some(Forbidden("it was doomed by another event")));
}

#[test]
fn a_doom_waits_for_its_grace() {
    let mut ready = ready();
    ready.world.adopt(|set| set.rules.grace = Seconds::hours(48));
    let until = ready.world.backup(&ready.victim).doom.as_ref().unwrap().since + Seconds::hours(48);
    let expected = (Some(Forbidden("its grace has not passed")), Some(Hold::Grace { until }));
    assert_eq!(ready.judged(), expected);
}

#[test]
fn a_change_back_to_enforce_starts_softly_again() {
    let mut ready = ready();
    ready.world.adopt(|set| set.mode = Mode::Protect);
    ready.world.adopt(|set| set.mode = Mode::Enforce);
    let until = ready.world.now + Seconds::hours(72);
    let soft = "enforce began less than the soft start ago";
    assert_eq!(ready.judged(), (Some(Forbidden(soft)), Some(Hold::SoftStart { until })));
}

#[test]
fn no_laxer_mode_than_enforce_deletes() {
    for mode in [Mode::Observe, Mode::Protect] {
        let change = |ready: &mut Ready| ready.world.adopt(|set| set.mode = mode);
        stopped(change, Forbidden("the mode does not delete"), Some(Hold::Mode));
    }
}

#[test]
fn a_policy_may_be_stricter_than_the_whole() {
    for mode in [Mode::Observe, Mode::Protect] {
        let change = |ready: &mut Ready| {
            ready.world.adopt(|set| set.policies.get_mut(&daily()).unwrap().mode = mode);
        };
        stopped(change, Forbidden("the mode does not delete"), Some(Hold::Mode));
    }
}

#[test]
fn the_backups_of_a_removed_policy_stay() {
    let change = |ready: &mut Ready| ready.world.adopt(|set| set.policies.clear());
    stopped(change, Forbidden("its policy is not in force"), Some(Hold::Mode));
}

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
    let unread = crate::domain::audit::audit(&ready.world.state, ready.world.now, ready.delete.clone());
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
    let objection = Changed("an image was made from it, or from something unnamed");
    stopped(change, objection, Some(Hold::MaybeLinked));
}

#[test]
fn an_image_of_unknown_source_could_be_of_any_backup() {
    let change = |ready: &mut Ready| add_image(ready, image(None));
    let objection = Changed("an image was made from it, or from something unnamed");
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
        let create = super::world::creates(&ready.world.pass()).pop().unwrap();
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
    ready.world.perform(&ready.delete.clone(), super::outcomes::refused());
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
