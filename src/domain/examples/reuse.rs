//! Ids that the cloud gives out again, and ids that change their form.

use super::ready::{Ready, ready};
use super::world::{World, creates, deletes};
use crate::domain::ask::Ask;
use crate::domain::backup::Life;
use crate::domain::effect::{Effect, Outcome};
use crate::domain::fleet::{Snapshot, SnapshotStatus};
use crate::domain::id::{BackupId, SnapshotId};
use crate::domain::time::Seconds;

/// The id is given to something of this name.
fn reuse(world: &mut World, id: &SnapshotId, name: &str) {
    let (mut template, now) = (world.cloud.snapshots.values().next().cloned(), world.now);
    let template = template.as_mut().expect("the cloud of a story holds a snapshot");
    let reused =
        Snapshot { id: id.clone(), name: name.to_owned(), created_at: Some(now), ..template.clone() };
    world.cloud.snapshots.insert(id.clone(), reused);
}

fn vanished(ready: &mut Ready, id: &SnapshotId) {
    ready.world.cloud.snapshots.remove(id);
    ready.world.pass();
    ready.world.wait(Seconds::hours(2));
    ready.world.pass();
    ready.world.pass();
}

/// One of ours was deleted by us, and its id now belongs to the next request, whose answer was lost.
fn asked_under_a_used_id() -> (World, Effect, SnapshotId) {
    let mut ready = ready();
    assert!(ready.is_permitted());
    let Ready { mut world, delete, victim, .. } = ready;
    let id = world.snapshot_of(&victim);
    world.perform(&delete, Outcome::Answered { snapshot: None });
    world.cloud.snapshots.remove(&id);
    world.pass();
    world.wait(Seconds::hours(3));
    world.pass();
    assert_eq!(world.backup(&victim).life, Life::Deleted);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().expect("a slot is due");
    world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    reuse(&mut world, &id, create.verb.backup().as_str());
    let machine = Some(create.verb.machine().clone());
    world.in_cloud_by_id(&id).machine = machine;
    (world, create, id)
}

#[test]
fn what_bears_the_id_of_a_deleted_one_is_judged_by_its_name() {
    let (mut world, create, id) = asked_under_a_used_id();
    world.pass();
    assert_eq!(world.state.owners.get(&id), Some(create.verb.backup()));
    for _ in 0..4 {
        world.wait(Seconds::hours(1));
        let plan = world.pass();
        assert!(!creates(&plan).iter().any(|again| again.id == create.id), "it would be made twice");
    }
}

#[test]
fn while_its_name_cannot_be_read_it_may_be_the_one_that_was_asked_for() {
    let (mut world, create, id) = asked_under_a_used_id();
    let snapshot = world.in_cloud_by_id(&id);
    (snapshot.name, snapshot.unreadable) = (String::new(), vec!["name".to_owned()]);
    for _ in 0..4 {
        world.wait(Seconds::hours(1));
        let plan = world.pass();
        assert!(!creates(&plan).iter().any(|again| again.id == create.id), "it would be made twice");
    }
}

#[test]
fn a_strangers_snapshot_under_the_id_of_a_lost_one_is_not_ours() {
    let mut ready = ready();
    let lost = ready.backups[1].clone();
    let id = ready.world.snapshot_of(&lost);
    vanished(&mut ready, &id);
    reuse(&mut ready.world, &id, "before upgrade");
    ready.world.pass();
    assert!(!ready.world.state.owners.contains_key(&id));
    assert_eq!(ready.world.backup(&lost).life, Life::Vanished);
}

#[test]
fn one_whose_id_shows_another_name_is_gone_and_counts_for_nothing() {
    let mut ready = ready();
    // The two that are kept: without them the doomed are the last good ones.
    let kept: Vec<BackupId> = ready.backups[2..].to_vec();
    assert!(ready.is_permitted());
    for backup in &kept {
        let id = ready.world.snapshot_of(backup);
        reuse(&mut ready.world, &id, "before upgrade");
    }
    let (objection, _) = ready.judged();
    assert!(objection.is_some(), "its shelf would be left with one");
    assert!(kept.iter().all(|backup| ready.world.backup(backup).life == Life::Vanished));
    // A person is told of each.
    assert!(kept.iter().all(|backup| ready.world.state.alerts.gone.contains_key(backup)));
}

#[test]
fn a_deletion_under_way_is_done_when_its_id_shows_another_name() {
    let mut ready = ready();
    let id = ready.world.snapshot_of(&ready.victim);
    ready.judged();
    ready.world.perform(&ready.delete.clone(), Outcome::Unclear { why: "timeout".to_owned() });
    reuse(&mut ready.world, &id, "before upgrade");
    for _ in 0..3 {
        ready.world.wait(Seconds::hours(1));
        let plan = ready.world.pass();
        assert!(deletes(&plan).iter().all(|again| again.verb.backup() != &ready.victim));
    }
    assert_eq!(ready.world.backup(&ready.victim).life, Life::Deleted);
}

#[test]
fn what_a_person_disowned_says_nothing_of_the_next_one_under_its_id() {
    let mut world = World::new(1);
    let id = world.make("qm-trainer-1-aaaaaaaaaa", 1, SnapshotStatus::Ready);
    world.pass();
    world.ask(Ask::Disown { snapshot: id.clone(), reason: "a colleague's".to_owned() });
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().expect("a slot is due");
    world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    reuse(&mut world, &id, create.verb.backup().as_str());
    world.pass();
    assert_eq!(world.state.owners.get(&id), Some(create.verb.backup()));
}

#[test]
fn an_id_that_changes_its_form_makes_a_dispute_and_deletes_nothing() {
    let mut ready = ready();
    let id = ready.world.snapshot_of(&ready.victim);
    let mut snapshot = ready.world.in_cloud_by_id(&id).clone();
    snapshot.id = SnapshotId::new("100001");
    ready.world.cloud.snapshots.remove(&id);
    ready.world.cloud.snapshots.insert(snapshot.id.clone(), snapshot);
    let (objection, _) = ready.judged();
    assert!(objection.is_some());
    assert_eq!(ready.world.backup(&ready.victim).life, Life::Disputed);
}
