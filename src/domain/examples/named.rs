//! A snapshot under a name that was asked for: what its date and a person's word make of it.

use super::outcomes::{asked, settle, standing, unclear};
use super::world::creates;
use crate::domain::ask::Ask;
use crate::domain::effect::Standing;
use crate::domain::fleet::SnapshotStatus;
use crate::domain::time::Seconds;

#[test]
fn a_date_from_before_the_slot_was_due_is_a_lie_and_the_name_is_believed() {
    let (mut world, create) = asked(unclear());
    let id = world.appear(&create, SnapshotStatus::Ready);
    let intent = world.backup(create.verb.backup()).requested_at;
    for days in [1, 20_000] {
        world.cloud.snapshots.get_mut(&id).unwrap().created_at = Some(intent - Seconds::days(days));
        world.pass();
        assert_eq!(world.state.owners.get(&id), Some(create.verb.backup()));
    }
    assert!(world.backup(create.verb.backup()).taken_at >= intent);
    settle(&mut world);
    assert_eq!(standing(&world, &create), &Standing::Done);
}

#[test]
fn what_a_person_adopts_under_a_name_that_was_asked_for_is_what_was_asked_for() {
    let (mut world, create) = asked(unclear());
    let id = world.appear(&create, SnapshotStatus::Ready);
    let intent = world.backup(create.verb.backup()).requested_at;
    world.cloud.snapshots.get_mut(&id).unwrap().created_at = Some(intent - Seconds(121));
    world.pass();
    world.ask(Ask::Adopt { snapshot: id.clone() });
    world.pass();
    assert_eq!(world.state.owners.get(&id), Some(create.verb.backup()));
    assert_eq!(standing(&world, &create), &Standing::Done);
    world.cloud.snapshots.remove(&id);
    for _ in 0..3 {
        settle(&mut world);
        let again = creates(&world.pass());
        assert!(again.iter().all(|effect| effect.id != create.id), "{again:?}");
    }
}
