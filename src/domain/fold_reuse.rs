//! The fold of ids that the cloud gives out again: an id alone does not tell what bears it.
//!
//! Another readable name under a known id, and not made at the same instant, is another thing. What bore
//! the id before is gone, whoever took it away, and what a person said of it does not hold for the new one.

use super::backup::{Happening, Life};
use super::fleet::Snapshot;
use super::state::State;
use super::time::Timestamp;

impl State {
    /// Before anything else is made of what a look shows.
    pub(super) fn part_from_reused(&mut self, snapshot: &Snapshot, at: Timestamp) {
        let known = self.fleet.snapshots.get(&snapshot.id).and_then(|known| known.item.created_at);
        if known.is_some() && known == snapshot.created_at {
            // Somebody renamed it.
            return;
        }
        let is_another = |name: &str| is_another(name, &snapshot.name);
        if self.disowned.get(&snapshot.id).is_some_and(|disowned| is_another(&disowned.name)) {
            self.disowned.remove(&snapshot.id);
        }
        let owner = self.owners.get(&snapshot.id);
        let Some((id, backup)) = owner.and_then(|id| self.backups.get_key_value(id)) else { return };
        // What was gone and comes back without a name is nobody's until that can be read.
        let was_gone = matches!(backup.life, Life::Deleted | Life::Vanished);
        let is_nobodys = was_gone && snapshot.name.is_empty();
        if !(is_another(&backup.name) || is_nobodys) {
            return;
        }
        let id = id.clone();
        self.owners.remove(&snapshot.id);
        self.fleet.snapshots.remove(&snapshot.id);
        let Some(backup) = self.backups.get_mut(&id) else { return };
        backup.snapshots.remove(&snapshot.id);
        let is_bare = backup.snapshots.is_empty();
        let by_us = matches!(backup.life, Life::Deleted | Life::DeleteIntended);
        let was_there = !was_gone && !by_us;
        if is_bare {
            self.happen(&id, Happening::Missed, at);
        }
        if was_there {
            self.note_foreign_deletion(at);
            self.note_gone(&id, at);
        }
    }
}

/// Two names that can both be read.
fn is_another(known: &str, shown: &str) -> bool {
    !known.is_empty() && !shown.is_empty() && known != shown
}
