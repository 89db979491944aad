//! The rails around one deletion: it is ready and permitted, one thing changes in what was decided,
//! and both the audit and the plan keep their hands off.

use super::ready::{PROPOSED, Ready, ready, stopped, unapproved};
use super::world::{World, daily, deletes, machine_id};
use crate::domain::ask::Ask;
use crate::domain::audit::Objection::{Changed, Forbidden};
use crate::domain::backup::Life;
use crate::domain::draft::Hold;
use crate::domain::effect::{Effect, Outcome, Verb};
use crate::domain::fleet::{Scope, SnapshotStatus};
use crate::domain::id::BackupId;
use crate::domain::outlook::proposes;
use crate::domain::policy::Mode;
use crate::domain::time::Seconds;

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
    let doomed = ready.world.backup(&ready.victim).doom.as_ref().unwrap().since;
    // All but a few minutes of it have passed.
    let grace = Seconds(ready.world.now.since(doomed).as_secs() + 300);
    ready.world.adopt(|set| set.rules.grace = grace);
    let until = doomed + grace;
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
    stopped(change, Forbidden("its policy is not in force"), Some(Hold::NoPolicy));
}

#[test]
fn what_the_state_speaks_against_by_now_is_not_proposed_again() {
    let mut ready = ready();
    ready.world.look_at_all();
    let is_proposed = |ready: &Ready| proposes(&ready.world.state, ready.world.now, &ready.delete.id);
    assert!(is_proposed(&ready));
    // The look just before the deletion showed that the newest two are none.
    for newest in &ready.backups[2..] {
        ready.world.state.backups.get_mut(newest).unwrap().life = Life::Bad;
    }
    let objection = ready.world.audit(&ready.delete).err();
    assert!(matches!(objection, Some(Forbidden(_))), "{objection:?}");
    assert!(!is_proposed(&ready), "so it is no fault of the plan");
}

/// A night of deletions that are all ready: those of one pass.
fn many() -> (World, Vec<Effect>) {
    let mut world = World::new(12);
    world.adopt(|set| set.rules.concurrent = 12);
    (0..4).for_each(|_| drop(world.take_all()));
    let doomed = world.state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
    let backups = doomed.map(|(id, _)| id.clone()).collect();
    world.ask(Ask::Approve { backups });
    let planned = deletes(&world.pass());
    assert_eq!(planned.len(), 6, "a quarter of twice the slots");
    (world, planned)
}

#[test]
fn after_each_deletion_of_a_pass_the_rest_of_its_plan_is_proposed_as_before() {
    let (mut world, planned) = many();
    for (at, delete) in planned.iter().enumerate() {
        for rest in &planned[at..] {
            assert!(proposes(&world.state, world.now, &rest.id), "after {at}: {rest:?}");
        }
        let Verb::DeleteSnapshot { snapshot, .. } = &delete.verb else { unreachable!() };
        world.perform(delete, Outcome::Answered { snapshot: None });
        world.cloud.snapshots.remove(snapshot);
        if at == 0 {
            world.look(&Scope::Snapshots);
        }
    }
}
