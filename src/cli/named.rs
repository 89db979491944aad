//! What people call a machine or a backup, turned into the id that the journal has.
//!
//! What nobody knows stays as it was typed, for whoever judges the ask to say so.

use std::collections::BTreeSet;

use crate::cli::ending::Ending;
use crate::cli::place::Place;
use crate::domain::id::{BackupId, MachineId, SnapshotId};
use crate::domain::state::State;
use crate::report::foreign::visible;

/// The machine of this id, or the only one of this name.
pub fn machine(place: &Place, typed: &str) -> Result<MachineId, Ending> {
    let Ok(seen) = place.find()?.read() else { return Ok(MachineId::new(typed)) };
    let machines = &seen.state.fleet.machines;
    if machines.contains_key(&MachineId::new(typed)) {
        return Ok(MachineId::new(typed));
    }
    let there =
        machines.iter().filter(|(_, known)| known.missing_since.is_none() && known.item.name == typed);
    let ids: BTreeSet<&str> = there.map(|(id, _)| id.as_str()).collect();
    only("machines", typed, &ids).map(MachineId::new)
}

/// The backup of this id, of this snapshot, or the only one of this name.
pub fn backup(place: &Place, typed: &str) -> Result<BackupId, Ending> {
    match place.find()?.read() {
        Ok(seen) => backup_in(&seen.state, typed),
        Err(_) => Ok(BackupId::new(typed)),
    }
}

fn backup_in(state: &State, typed: &str) -> Result<BackupId, Ending> {
    if state.backups.contains_key(&BackupId::new(typed)) {
        return Ok(BackupId::new(typed));
    }
    if let Some(owner) = state.owners.get(&SnapshotId::new(typed)) {
        return Ok(owner.clone());
    }
    let shown = |id: &SnapshotId| state.fleet.snapshots.get(id).is_some_and(|known| known.item.name == typed);
    let named = state.backups.iter().filter(|(_, backup)| backup.snapshots.iter().any(shown));
    let ids: BTreeSet<&str> = named.map(|(id, _)| id.as_str()).collect();
    only("backups", typed, &ids).map(BackupId::new)
}

fn only<'a>(what: &str, typed: &'a str, ids: &BTreeSet<&'a str>) -> Result<&'a str, Ending> {
    match (ids.len(), ids.first()) {
        (0, _) | (_, None) => Ok(typed),
        (1, Some(one)) => Ok(one),
        (count, _) => {
            let ids: Vec<String> = ids.iter().map(|id| visible(id)).collect();
            Err(Ending::usage(format!("{count} {what} have this name: say which of {}", ids.join(", "))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ask::Ask;
    use crate::domain::examples::world::World;
    use crate::domain::fleet::SnapshotStatus;

    #[test]
    fn a_backup_goes_by_its_id_its_snapshot_and_the_name_that_the_lists_show() {
        let mut world = World::new(1);
        let ours = world.take_all().remove(0);
        for _ in 0..2 {
            world.make("before the upgrade", 1, SnapshotStatus::Ready);
        }
        world.look_at_all();
        let theirs: Vec<SnapshotId> = world
            .state
            .fleet
            .snapshots
            .keys()
            .filter(|id| !world.state.owners.contains_key(*id))
            .cloned()
            .collect();
        let found = |world: &World, typed: &str| {
            backup_in(&world.state, typed).map_err(|ending| ending.told().unwrap_or_default())
        };
        assert_eq!(found(&world, ours.as_str()), Ok(ours.clone()));
        assert_eq!(found(&world, world.snapshot_of(&ours).as_str()), Ok(ours));
        assert_eq!(
            found(&world, "before the upgrade"),
            Ok(BackupId::new("before the upgrade")),
            "nobody's yet"
        );
        world.ask(Ask::Adopt { snapshot: theirs[0].clone() });
        let adopted = world.state.owners[&theirs[0]].clone();
        assert_eq!(found(&world, "before the upgrade"), Ok(adopted.clone()));
        assert_eq!(found(&world, theirs[0].as_str()), Ok(adopted));
        world.ask(Ask::Adopt { snapshot: theirs[1].clone() });
        let several = found(&world, "before the upgrade").unwrap_err();
        assert!(several.contains("2 backups have this name: say which of "), "{several}");
    }
}
