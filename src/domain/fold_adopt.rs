//! Adoption: a person says that a snapshot is ours.

use std::collections::BTreeSet;

use super::backup::{Backup, Life};
use super::fleet::Snapshot;
use super::id::{BackupId, SnapshotId};
use super::state::State;
use super::time::Timestamp;

impl State {
    /// What was asked for under its name, or a backup of no policy.
    pub(super) fn adopt_snapshot(&mut self, id: &SnapshotId, at: Timestamp) {
        let Some(known) = self.fleet.snapshots.get(id) else { return };
        let snapshot = known.item.clone();
        if self.owners.contains_key(id) {
            return;
        }
        let asked_for = self.asked_for(&snapshot);
        let Some(owner) = asked_for.or_else(|| self.adopt_for_nobody(&snapshot, at)) else { return };
        self.owners.insert(id.clone(), owner);
        self.see_snapshot(&snapshot, at);
    }

    /// The backup that was asked for by this name on this machine, and that nothing was found for: were it left
    /// open, its slot would be asked for again once this one is gone.
    fn asked_for(&self, snapshot: &Snapshot) -> Option<BackupId> {
        let id = BackupId::new(&*snapshot.name);
        let backup = self.backups.get(&id)?;
        let is_open = backup.snapshots.is_empty() && !matches!(backup.life, Life::Deleted | Life::Vanished);
        let is_ours = !self.halts.rivals.contains_key(&id);
        (is_open && is_ours && snapshot.machine.as_ref() == Some(&backup.machine)).then_some(id)
    }

    fn adopt_for_nobody(&mut self, snapshot: &Snapshot, at: Timestamp) -> Option<BackupId> {
        let machine = snapshot.machine.clone()?;
        let id = BackupId::new(format!("id:{}", snapshot.id));
        self.backups.insert(
            id.clone(),
            Backup {
                machine,
                name: snapshot.name.clone(),
                slot: None,
                requested_at: at,
                waiting_since: at,
                offset_micros: None,
                life: Life::Pending,
                snapshots: BTreeSet::from([snapshot.id.clone()]),
                taken_at: snapshot.created_at.unwrap_or(at),
                sized: None,
                pinned: false,
                held: None,
                doom: None,
                expires_at: None,
                life_before: Life::Pending,
                ended_at: None,
            },
        );
        self.note_backup(&id);
        Some(id)
    }
}
