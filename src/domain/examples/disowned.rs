//! What a person said is not ours, and what the daemon learns of it later.

use super::ready::{Ready, stopped};
use super::world::{World, creates, deletes};
use crate::domain::ask::Ask;
use crate::domain::audit::Objection::Forbidden;
use crate::domain::draft::Hold;
use crate::domain::effect::{Effect, Outcome};
use crate::domain::fleet::{Scope, SnapshotStatus};
use crate::domain::id::SnapshotId;
use crate::domain::time::Seconds;

/// A snapshot without a readable name, from a create without an answer.
fn unread() -> (World, Effect, SnapshotId) {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    let id = world.appear(&create, SnapshotStatus::Ready);
    let snapshot = world.in_cloud_by_id(&id);
    (snapshot.name, snapshot.unreadable) = (String::new(), vec!["name".to_owned()]);
    world.pass();
    (world, create, id)
}

fn becomes_readable(world: &mut World, create: &Effect, id: &SnapshotId) {
    let snapshot = world.in_cloud_by_id(id);
    snapshot.name = create.verb.backup().to_string();
    snapshot.unreadable.clear();
    world.pass();
}

fn disown(world: &mut World, snapshot: &SnapshotId) {
    world.ask(Ask::Disown { snapshot: snapshot.clone(), reason: "a colleague's".to_owned() });
}

#[test]
fn what_a_person_disowned_does_not_become_ours_when_its_name_can_be_read() {
    let (mut world, create, id) = unread();
    becomes_readable(&mut world, &create, &id);
    assert!(world.state.owners.contains_key(&id));

    let (mut world, create, id) = unread();
    disown(&mut world, &id);
    becomes_readable(&mut world, &create, &id);
    assert!(!world.state.owners.contains_key(&id) && world.state.suspects().count() == 0);
    for _ in 0..6 {
        world.take_all();
        let plan = world.pass();
        assert!(!creates(&plan).iter().any(|again| again.id == create.id));
        assert!(!deletes(&plan).iter().any(|delete| delete.verb.backup() == create.verb.backup()));
    }
    assert!(world.state.disowned.contains_key(&id) && !world.state.owners.contains_key(&id));
}

#[test]
fn what_a_person_disowned_stays_disowned_when_a_list_left_it_out() {
    let (mut world, create, id) = unread();
    disown(&mut world, &id);
    let hidden = world.cloud.snapshots.remove(&id).unwrap();
    world.pass();
    world.look(&Scope::Prices);
    world.wait(Seconds::minutes(15));
    world.cloud.snapshots.insert(id.clone(), hidden);
    becomes_readable(&mut world, &create, &id);
    assert!(!world.state.owners.contains_key(&id));
}

#[test]
fn a_person_who_changes_their_mind_adopts_what_they_disowned() {
    let (mut world, create, id) = unread();
    disown(&mut world, &id);
    becomes_readable(&mut world, &create, &id);
    world.ask(Ask::Adopt { snapshot: id.clone() });
    assert!(world.state.owners.contains_key(&id) && !world.state.disowned.contains_key(&id));
}

#[test]
fn what_a_person_disowned_is_not_deleted_even_if_the_journal_owns_it() {
    let change = |ready: &mut Ready| {
        let snapshot = ready.world.snapshot_of(&ready.victim);
        disown(&mut ready.world, &snapshot);
    };
    stopped(change, Forbidden("a person said that it is not ours"), Some(Hold::Protected));
}
