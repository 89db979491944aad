//! What is done about answers that cannot be understood, or that contradict themselves.

use super::ready::{Ready, ready, stopped};
use super::world::{World, creates, machine_id};
use crate::domain::ask::Ask;
use crate::domain::audit::Objection::Changed;
use crate::domain::backup::Life;
use crate::domain::draft::Hold;
use crate::domain::effect::{Outcome, Standing};
use crate::domain::event::{Event, Postponed};
use crate::domain::fleet::{Scope, SnapshotStatus};
use crate::domain::time::{Seconds, Timestamp};

/// A stranger's snapshot of which a part cannot be read.
fn garble(ready: &mut Ready, machine: Option<u32>) {
    let id = ready.world.make("before upgrade", machine.unwrap_or(1), SnapshotStatus::Ready);
    let snapshot = ready.world.cloud.snapshots.get_mut(&id).unwrap();
    snapshot.unreadable = vec!["status".to_owned()];
    snapshot.machine = machine.map(machine_id);
}

#[test]
fn a_snapshot_that_cannot_be_read_holds_the_deletions_of_its_machine() {
    let objection = Changed("a snapshot of this machine cannot be read");
    stopped(|ready| garble(ready, Some(1)), objection, Some(Hold::Unreadable));
}

#[test]
fn one_of_no_known_machine_holds_every_deletion() {
    let objection = Changed("a snapshot of this machine cannot be read");
    stopped(|ready| garble(ready, None), objection, Some(Hold::Unreadable));
}

#[test]
fn one_of_another_machine_or_disowned_holds_nothing() {
    let mut ready = ready();
    garble(&mut ready, Some(2));
    assert!(ready.is_permitted());
    garble(&mut ready, Some(1));
    assert!(!ready.is_permitted());
    let unreadable: Vec<_> = ready.world.state.unreadable().map(|item| item.id.clone()).collect();
    for snapshot in unreadable {
        ready.world.ask(Ask::Disown { snapshot, reason: "a colleague's".to_owned() });
    }
    assert!(ready.is_permitted());
}

/// When a backup counts as taken whose date cannot be read, and that was seen two hours late.
fn seen_without_a_date() -> (Timestamp, Timestamp) {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    let id = world.appear(&create, SnapshotStatus::Ready);
    world.in_cloud_by_id(&id).created_at = None;
    world.wait(Seconds::hours(2));
    world.pass();
    let backup = world.backup(create.verb.backup());
    (backup.taken_at, backup.requested_at)
}

#[test]
fn a_backup_whose_date_cannot_be_read_was_taken_when_it_was_asked_for() {
    let (taken, asked) = seen_without_a_date();
    assert_eq!(taken, asked);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_date_that_cannot_be_read_and_becomes_now_is_noticed() {
    use crate::planted::{Bug, plant};
    plant(Some(Bug::BadDateIsNow));
    let (taken, asked) = seen_without_a_date();
    plant(None);
    assert_ne!(taken, asked);
}

/// An account whose cloud always counts five more snapshots than it shows.
fn miscounting() -> World {
    let mut world = World::new(1);
    world.cloud.excess = 5;
    world
}

/// Looks every ten minutes for an hour and a bit.
fn look_for_an_hour(world: &mut World) {
    for _ in 0..8 {
        world.wait(Seconds::minutes(10));
        world.pass();
    }
}

#[test]
fn a_total_that_is_off_by_the_same_number_for_the_settle_time_is_corrected_by_it() {
    let mut world = miscounting();
    for _ in 0..5 {
        world.wait(Seconds::minutes(10));
        world.pass();
        assert_eq!(world.state.fleet.excess(&Scope::Snapshots), None);
    }
    world.wait(Seconds::minutes(20));
    world.pass();
    assert_eq!(world.state.fleet.excess(&Scope::Snapshots), Some(5));
    assert!(world.rows.iter().any(|row| matches!(row.event, Event::TotalDisbelieved(_))));
    assert_eq!(world.take_all().len(), 1);
}

#[test]
fn a_corrected_total_that_is_off_by_another_number_is_not_believed() {
    let mut world = miscounting();
    look_for_an_hour(&mut world);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    // It was made: the cloud counts it, and does not show it.
    world.cloud.excess = 6;
    for _ in 0..20 {
        world.wait(Seconds::minutes(30));
        assert!(creates(&world.pass()).is_empty());
    }
    assert!(matches!(world.state.effects[&create.id].standing, Standing::Unknown { .. }));
}

#[test]
fn a_create_that_no_listing_can_deny_is_given_up_after_a_day_and_never_asked_for_again() {
    let mut world = miscounting();
    look_for_an_hour(&mut world);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    world.cloud.excess = 6;
    for _ in 0..60 {
        world.wait(Seconds::minutes(30));
        let again = creates(&world.pass());
        assert!(again.iter().all(|effect| effect.id != create.id));
    }
    assert!(matches!(world.state.effects[&create.id].standing, Standing::Failed(_)));
    world.cloud.excess = 5;
    world.appear(&create, SnapshotStatus::Ready);
    world.pass();
    assert_eq!(world.backup(create.verb.backup()).life, Life::Ready);
}

#[test]
fn a_create_that_was_not_made_is_asked_for_again_although_the_total_is_off() {
    let mut world = miscounting();
    look_for_an_hour(&mut world);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    world.wait(Seconds::minutes(61));
    world.pass();
    world.pass();
    assert_eq!(creates(&world.pass()).pop().map(|again| again.id), Some(create.id));
}

#[test]
fn a_deletion_that_the_audit_lets_wait_is_proposed_ever_less_often() {
    let mut ready = ready();
    let mut waits = Vec::new();
    for _ in 0..12 {
        assert!(ready.is_permitted());
        let (backup, why) = (ready.victim.clone(), "its images could not be asked for".to_owned());
        ready.world.record(Event::Postponed(Postponed { backup, why: why.clone() }));
        let until = ready.world.state.postponed[&ready.victim].until;
        assert_eq!(ready.judged().1, Some(Hold::Postponed { until, why }));
        let wait = until.since(ready.world.now).as_secs();
        ready.world.wait(Seconds(wait));
        ready.world.adopt(|set| {
            set.rules.approval_life = Seconds::days(30);
            set.rules.freeze_margin = Seconds::days(30);
        });
        waits.push(wait / 60);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]);
}
