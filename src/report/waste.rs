//! Waste: what nothing deletes by itself and nobody may need, with what it costs and the way out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::command::Commands;
use super::money::{Ranges, SnapshotPrices};
use super::status::{machine_name, word};
use crate::domain::backup::{Backup, Life};
use crate::domain::id::BackupId;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// What is alike in why it stays.
#[derive(Clone, Debug, Serialize)]
pub struct Waste {
    pub why: String,
    pub backups: Vec<BackupId>,
    /// At list price; a range while nothing settled what the price is for.
    pub a_month: Ranges,
    /// What a person can do, where anything helps.
    pub command: String,
}

pub fn of(state: &State, now: Timestamp, commands: &Commands) -> Vec<Waste> {
    let mut groups: BTreeMap<(String, String), Vec<(&BackupId, &Backup)>> = BTreeMap::new();
    for (id, backup) in &state.backups {
        let is_there = backup.snapshots.iter().any(|snapshot| state.fleet.snapshots.contains_key(snapshot));
        if is_there && let Some(kind) = kind(state, now, backup, commands) {
            groups.entry(kind).or_default().push((id, backup));
        }
    }
    let prices = SnapshotPrices::of(state);
    groups.into_iter().map(|((why, command), backups)| waste(why, command, &backups, &prices)).collect()
}

/// Why it stays, and the command for all that stay for this.
fn kind(state: &State, now: Timestamp, backup: &Backup, commands: &Commands) -> Option<(String, String)> {
    let by_hand = commands.of("snapshots delete", "BACKUP");
    let machine = state.fleet.machines.get(&backup.machine);
    let is_lost = machine.is_none_or(|known| known.missing_since.is_some());
    let removed = backup.slot.as_ref().map(|slot| &slot.policy).filter(|name| state.policy(name).is_none());
    match backup.life {
        // Kept on purpose, or on its way out.
        _ if backup.is_protected(now) || backup.doom.is_some() => None,
        Life::Bad => Some(("a check failed".to_owned(), by_hand)),
        Life::TimedOut => Some(("pending for too long".to_owned(), by_hand)),
        Life::Good | Life::Ready => match removed {
            Some(name) if state.retired.contains(name) => {
                Some((format!("policy {name} is retired, and these are the last"), by_hand))
            }
            Some(name) => {
                let command = commands.of("policies retire", &word(name.as_str()));
                Some((format!("policy {name} is no longer in force"), command))
            }
            None if is_lost => {
                let name = machine_name(state, &backup.machine);
                let id = word(backup.machine.as_str());
                let what = format!("--keep 1 --reason \"it is gone\" {id}");
                let command = commands.of("retention thaw", &what);
                Some((format!("machine {name} is gone"), command))
            }
            None => None,
        },
        Life::Intended
        | Life::Requested
        | Life::Pending
        | Life::Failed
        | Life::Vanished
        | Life::Disputed
        | Life::DeleteIntended
        | Life::Deleted => None,
    }
}

fn waste(why: String, command: String, backups: &[(&BackupId, &Backup)], prices: &SnapshotPrices) -> Waste {
    Waste {
        why,
        backups: backups.iter().map(|(id, _)| (*id).clone()).collect(),
        a_month: prices.month(backups.iter().map(|(_, backup)| *backup)),
        command,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::backup::{Doom, Sized};
    use crate::domain::fleet::{Snapshot, SnapshotStatus};
    use crate::domain::id::{MachineId, PolicyName, SnapshotId};
    use crate::domain::money::{Currency, Nanos};
    use crate::domain::slot::Slot;
    use crate::domain::snapshot_price::Range;
    use crate::domain::state::Known;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn holding(life: Life) -> State {
        let (mut state, id) = (State::default(), SnapshotId::new("BRK-1S"));
        let machine = MachineId::new("BRK-1D");
        let slot = Slot { policy: PolicyName::new("nightly"), machine: machine.clone(), due: NOW };
        let backup = Backup {
            machine: machine.clone(),
            name: "qm-a".to_owned(),
            slot: Some(slot),
            requested_at: NOW,
            waiting_since: NOW,
            offset_micros: None,
            life,
            snapshots: BTreeSet::from([id.clone()]),
            taken_at: NOW,
            sized: Some(Sized { bytes: 40_000_000_000, seen: NOW, changes: 0 }),
            pinned: false,
            held: None,
            doom: None,
            expires_at: None,
            life_before: Life::Intended,
            ended_at: None,
        };
        let item = Snapshot {
            id: id.clone(),
            name: "qm-a".to_owned(),
            description: String::new(),
            status: SnapshotStatus::Ready,
            size_bytes: None,
            region: "CANADA-1".to_owned(),
            machine: Some(machine),
            created_at: None,
            is_image: false,
            unreadable: Vec::new(),
        };
        state.fleet.snapshots.insert(id, Known { item, first_seen: NOW, missing_since: None });
        state.backups.insert(BackupId::new("qm-a"), backup);
        state
    }

    #[test]
    fn what_a_removed_policy_left_is_priced_by_size_and_by_the_fixed_price() {
        let found = of(&holding(Life::Good), NOW, &Commands::default());
        assert_eq!(found[0].command, "quartermaster policies retire nightly");
        let range = Range { least: Nanos(29_200_000_000), most: Nanos(73_000_000_000) };
        assert_eq!(found[0].a_month, Ranges::from([(Currency::Usd, range)]));
    }

    #[test]
    fn what_a_person_keeps_is_no_waste() {
        let mut state = holding(Life::TimedOut);
        assert_eq!(of(&state, NOW, &Commands::default()).len(), 1);
        state.backups.values_mut().for_each(|backup| backup.pinned = true);
        assert!(of(&state, NOW, &Commands::default()).is_empty());
        let mut state = holding(Life::Good);
        assert_eq!(of(&state, NOW, &Commands::default()).len(), 1);
        state.backups.values_mut().for_each(|backup| {
            let (since, explained, needs_approval) = (NOW, false, true);
            backup.doom = Some(Doom {
                seq: 1,
                since,
                explained,
                needs_approval,
                approved_at: None,
                edited_before: None,
            });
        });
        assert!(of(&state, NOW, &Commands::default()).is_empty(), "it goes by itself");
    }
}
