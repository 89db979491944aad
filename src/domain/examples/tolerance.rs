//! What is done about answers that cannot be understood, or that contradict themselves.

use super::ready::{Ready, ready, stopped};
use super::world::machine_id;
use crate::domain::ask::Ask;
use crate::domain::audit::Objection::Changed;
use crate::domain::draft::Hold;
use crate::domain::fleet::SnapshotStatus;

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
