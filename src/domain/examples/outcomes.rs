//! What becomes of a request, whatever the cloud answers and whenever the answer is true.

use super::world::{World, creates, daily, deletes, hold_of, machine_id};
use crate::domain::ask::Ask;
use crate::domain::backup::Life;
use crate::domain::draft::Hold;
use crate::domain::effect::{Effect, Outcome, Reason, Refusal, Standing};
use crate::domain::fleet::{Scope, SnapshotStatus};
use crate::domain::id::SnapshotId;
use crate::domain::policy::Mode;
use crate::domain::time::Seconds;

pub fn refused() -> Outcome {
    Outcome::Refused(Refusal {
        reason: Reason::Other,
        status: 409,
        code: "busy".to_owned(),
        message: "another operation is running".to_owned(),
        request_id: "r-1".to_owned(),
    })
}

pub fn unclear() -> Outcome {
    Outcome::Unclear { why: "timeout".to_owned() }
}

/// A machine whose first slot was asked for, and what came back.
pub fn asked(outcome: Outcome) -> (World, Effect) {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, outcome);
    (world, create)
}

pub fn standing<'a>(world: &'a World, effect: &Effect) -> &'a Standing {
    &world.state.effects[&effect.id].standing
}

fn life(world: &World, effect: &Effect) -> Life {
    world.backup(effect.verb.backup()).life
}

/// Two complete looks after the settle time that do not show it.
pub fn settle(world: &mut World) {
    world.wait(Seconds::minutes(61));
    world.pass();
    world.pass();
}

#[test]
fn an_unclear_create_that_is_absent_after_the_settle_time_is_asked_again_by_the_same_name() {
    let (mut world, create) = asked(unclear());
    settle(&mut world);
    let again = creates(&world.pass()).pop().unwrap();
    assert_eq!((again.id, again.verb), (create.id, create.verb));
}

#[test]
fn an_unclear_create_is_not_asked_again_beside_one_whose_name_cannot_be_read() {
    let (mut world, _) = asked(unclear());
    let nameless = world.make("", 1, SnapshotStatus::Pending);
    settle(&mut world);
    assert_eq!(creates(&world.pass()), []);
    world.cloud.snapshots.remove(&nameless);
    settle(&mut world);
    assert_eq!(creates(&world.pass()).len(), 1);
}

#[test]
fn an_unclear_create_is_not_asked_again_before_the_settle_time() {
    let (mut world, create) = asked(unclear());
    for _ in 0..6 {
        world.wait(Seconds::minutes(9));
        assert!(creates(&world.pass()).is_empty());
    }
    assert!(matches!(standing(&world, &create), Standing::Unknown { .. }));
}

#[test]
fn one_complete_look_is_not_enough_to_prove_an_absence() {
    let (mut world, create) = asked(unclear());
    world.wait(Seconds::minutes(61));
    world.pass();
    assert!(matches!(standing(&world, &create), Standing::Unknown { .. }));
}

#[test]
fn looks_that_broke_off_prove_no_absence() {
    let (mut world, create) = asked(unclear());
    world.wait(Seconds::minutes(61));
    for _ in 0..5 {
        world.look_in_part(&Scope::Snapshots);
        world.conclude();
    }
    assert!(matches!(standing(&world, &create), Standing::Unknown { .. }));
}

#[test]
fn an_absent_create_is_given_up_once_a_newer_slot_is_due() {
    let (mut world, create) = asked(unclear());
    world.wait_for_slot();
    world.pass();
    world.pass();
    world.pass();
    assert!(matches!(standing(&world, &create), Standing::Failed(why) if why.starts_with("superseded")));
    assert_eq!(life(&world, &create), Life::Failed);
}

#[test]
fn a_create_that_was_absent_three_times_is_given_up() {
    let (mut world, create) = asked(unclear());
    for _ in 0..2 {
        settle(&mut world);
        let again = creates(&world.pass()).pop().unwrap();
        world.perform(&again, unclear());
    }
    settle(&mut world);
    world.pass();
    assert!(matches!(standing(&world, &create), Standing::Failed(why) if why.starts_with("absent after 3")));
}

#[test]
fn any_look_that_shows_it_proves_a_create_even_one_that_broke_off() {
    let (mut world, create) = asked(unclear());
    world.appear(&create, SnapshotStatus::Pending);
    world.look_in_part(&Scope::Snapshots);
    world.conclude();
    assert_eq!((standing(&world, &create), life(&world, &create)), (&Standing::Done, Life::Pending));
}

#[test]
fn a_created_answer_whose_snapshot_never_appears_is_not_believed() {
    let snapshot = Some(SnapshotId::new("BRK-777777S"));
    let (mut world, create) = asked(Outcome::Answered { snapshot });
    assert_eq!(life(&world, &create), Life::Requested);
    settle(&mut world);
    assert_eq!(creates(&world.pass()).len(), 1);
}

#[test]
fn a_crash_between_intent_and_outcome_leaves_an_unknown() {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.intend(&create);
    world.restart();
    assert!(matches!(standing(&world, &create), Standing::Unknown { answered: None, .. }));
    world.appear(&create, SnapshotStatus::Pending);
    world.pass();
    assert_eq!(standing(&world, &create), &Standing::Done);
}

#[test]
fn a_request_that_surely_was_not_sent_is_sent_a_minute_later() {
    let (mut world, create) = asked(Outcome::NotSent { why: "no route".to_owned() });
    assert!(creates(&world.pass()).is_empty());
    world.wait(Seconds::minutes(1));
    assert_eq!(creates(&world.pass()).pop().map(|again| again.id), Some(create.id));
}

#[test]
fn a_refused_create_is_not_asked_again() {
    let (mut world, create) = asked(refused());
    assert_eq!(life(&world, &create), Life::Failed);
    for _ in 0..20 {
        world.wait(Seconds::hours(1));
        assert!(creates(&world.pass()).is_empty());
    }
}

#[test]
fn a_refused_create_that_happened_all_the_same_is_ours() {
    let (mut world, create) = asked(refused());
    world.appear(&create, SnapshotStatus::Ready);
    world.pass();
    assert_eq!(life(&world, &create), Life::Ready);
}

#[test]
fn an_effect_later_than_any_settle_time_is_found_and_not_asked_for_again() {
    let (mut world, create) = asked(unclear());
    settle(&mut world);
    assert!(matches!(standing(&world, &create), Standing::Absent { .. }));
    world.appear(&create, SnapshotStatus::Pending);
    assert!(creates(&world.pass()).is_empty());
    assert_eq!((standing(&world, &create), life(&world, &create)), (&Standing::Done, Life::Pending));
}

#[test]
fn a_retry_is_given_up_when_the_mode_becomes_observe() {
    let (mut world, create) = asked(Outcome::NotSent { why: "no route".to_owned() });
    world.adopt(|set| set.mode = Mode::Observe);
    world.wait(Seconds::minutes(2));
    assert!(creates(&world.pass()).is_empty());
    assert!(matches!(standing(&world, &create), Standing::Failed(_)));
}

#[test]
fn a_retry_is_given_up_when_the_schedule_changes() {
    let (mut world, create) = asked(Outcome::NotSent { why: "no route".to_owned() });
    world.adopt(|set| {
        set.policies.get_mut(&daily()).unwrap().schedule = "0 5 * * *".to_owned();
    });
    world.wait(Seconds::minutes(2));
    assert!(creates(&world.pass()).is_empty());
    assert!(matches!(standing(&world, &create), Standing::Failed(_)));
}

#[test]
fn two_snapshots_of_one_name_are_both_protected_for_good() {
    let (mut world, create) = asked(unclear());
    world.appear(&create, SnapshotStatus::Ready);
    world.appear(&create, SnapshotStatus::Ready);
    world.pass();
    assert_eq!(life(&world, &create), Life::Disputed);
    world.adopt(|set| set.rules.min_good = 1);
    for _ in 0..9 {
        world.take_all();
        world.pass();
    }
    let backup = world.backup(create.verb.backup());
    assert_eq!((backup.life, backup.doom.is_some()), (Life::Disputed, false));
}

#[test]
fn a_dispute_ends_when_none_of_its_snapshots_is_left() {
    let (mut world, create) = asked(unclear());
    let first = world.appear(&create, SnapshotStatus::Ready);
    let second = world.appear(&create, SnapshotStatus::Ready);
    world.take_all();
    for (snapshot, expected) in [(first, Life::Disputed), (second, Life::Vanished)] {
        world.cloud.snapshots.remove(&snapshot);
        world.pass();
        world.wait(Seconds::hours(2));
        world.pass();
        world.pass();
        assert_eq!(life(&world, &create), expected);
    }
}

#[test]
fn a_snapshot_of_our_name_from_before_the_intent_is_foreign() {
    let (mut world, create) = asked(unclear());
    let id = world.appear(&create, SnapshotStatus::Ready);
    let intent = world.backup(create.verb.backup()).requested_at;
    world.cloud.snapshots.get_mut(&id).unwrap().created_at = Some(intent - Seconds(121));
    world.pass();
    assert!(!world.state.owners.contains_key(&id));
}

#[test]
fn a_snapshot_of_our_name_on_another_machine_is_foreign() {
    let (mut world, create) = asked(unclear());
    let id = world.appear(&create, SnapshotStatus::Ready);
    world.cloud.snapshots.get_mut(&id).unwrap().machine = Some(machine_id(7));
    world.pass();
    assert!(!world.state.owners.contains_key(&id));
}

#[test]
fn a_local_clock_far_from_the_clouds_still_finds_its_own() {
    for behind_seconds in [-86_400_i64, -3_600, 3_600, 86_400] {
        let mut world = World::new(1);
        world.cloud.date = Some(behind_seconds * 1_000_000);
        world.wait_for_slot();
        let create = creates(&world.pass()).pop().unwrap();
        world.perform(&create, unclear());
        world.wait(Seconds(10));
        world.appear(&create, SnapshotStatus::Ready);
        world.pass();
        assert_eq!(life(&world, &create), Life::Ready, "{behind_seconds}");
    }
}

#[test]
fn a_clock_that_stepped_and_was_not_compared_since_still_finds_its_own() {
    let mut world = World::new(1);
    world.step_clock(86_400);
    world.wait(Seconds::minutes(31));
    // Looks without a date do not tell how far the clocks are apart.
    let behind = world.cloud.date.take();
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, unclear());
    world.cloud.date = behind;
    world.appear(&create, SnapshotStatus::Ready);
    world.cloud.date = None;
    world.pass();
    assert_eq!(life(&world, &create), Life::Ready);
}

/// A deletion that was asked for, and what came back.
fn deleting(outcome: Outcome) -> (World, Effect) {
    let mut world = World::new(1);
    for _ in 0..4 {
        world.take_all();
    }
    let doomed = world.state.backups.iter().filter(|(_, b)| b.doom.is_some()).map(|(id, _)| id.clone());
    let backups = doomed.collect();
    world.ask(Ask::Approve { backups });
    let delete = deletes(&world.pass()).pop().unwrap();
    world.perform(&delete, outcome);
    (world, delete)
}

fn remove(world: &mut World, delete: &Effect) {
    let snapshot = world.snapshot_of(delete.verb.backup());
    world.cloud.snapshots.remove(&snapshot);
}

#[test]
fn an_answered_delete_is_done_when_two_complete_looks_lack_it() {
    let (mut world, delete) = deleting(Outcome::Answered { snapshot: None });
    remove(&mut world, &delete);
    world.pass();
    assert_eq!(life(&world, &delete), Life::DeleteIntended);
    world.pass();
    assert_eq!((standing(&world, &delete), life(&world, &delete)), (&Standing::Done, Life::Deleted));
}

#[test]
fn our_own_delete_is_no_shock() {
    let (mut world, delete) = deleting(Outcome::Answered { snapshot: None });
    remove(&mut world, &delete);
    world.pass();
    assert_eq!((world.state.fleet.shaken, world.state.fleet.doubtful_since), (0, None));
}

#[test]
fn a_delete_that_is_still_listed_after_the_settle_time_did_not_happen() {
    let (mut world, delete) = deleting(Outcome::Answered { snapshot: None });
    settle(&mut world);
    assert!(matches!(standing(&world, &delete), Standing::Absent { .. }));
    assert_eq!(life(&world, &delete), Life::Good);
    assert_eq!(deletes(&world.pass()).pop().map(|again| again.id), Some(delete.id));
}

#[test]
fn a_refused_delete_of_a_failed_remnant_does_not_make_it_good() {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Failed);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot) });
    for _ in 0..4 {
        world.take_all();
    }
    let backup = create.verb.backup().clone();
    world.ask(Ask::Approve { backups: [backup.clone()].into() });
    let planned = deletes(&world.pass());
    let delete = planned.into_iter().find(|effect| effect.verb.backup() == &backup).unwrap();
    world.perform(&delete, refused());
    assert_eq!(life(&world, &create), Life::Failed);
}

#[test]
fn a_good_backup_that_fails_while_its_delete_is_open_does_not_stay_good() {
    let (mut world, delete) = deleting(unclear());
    world.in_cloud(delete.verb.backup()).status = SnapshotStatus::Failed;
    settle(&mut world);
    assert_eq!(life(&world, &delete), Life::Bad);
}

#[test]
fn a_deleted_one_that_comes_back_is_disputed() {
    let (mut world, delete) = deleting(Outcome::Answered { snapshot: None });
    let snapshot = world.snapshot_of(delete.verb.backup());
    let before = world.cloud.snapshots.remove(&snapshot).unwrap();
    world.pass();
    world.pass();
    world.cloud.snapshots.insert(snapshot, before);
    world.pass();
    assert_eq!(life(&world, &delete), Life::Disputed);
}

#[test]
fn another_snapshot_of_a_deleted_ones_name_is_disputed() {
    let (mut world, delete) = deleting(Outcome::Answered { snapshot: None });
    remove(&mut world, &delete);
    world.pass();
    world.pass();
    world.make(delete.verb.backup().as_str(), 1, SnapshotStatus::Ready);
    world.pass();
    assert_eq!(life(&world, &delete), Life::Disputed);
}

#[test]
fn while_a_delete_is_unknown_nothing_else_of_its_machine_is_deleted() {
    let (mut world, delete) = deleting(unclear());
    let other =
        world.state.backups.iter().find(|(id, backup)| backup.doom.is_some() && *id != delete.verb.backup());
    let other = other.map(|(id, _)| id.clone()).unwrap();
    world.adopt(|set| set.rules.grace = Seconds(0));
    let plan = world.pass();
    assert_eq!((deletes(&plan).len(), hold_of(&plan, &other)), (0, Some(Hold::Unknown)));
}
