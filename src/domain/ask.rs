//! What a person can ask for: each an event, judged before it is written.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::id::{BackupId, SnapshotId};
use super::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The deletion of exactly these.
    Approve {
        backups: BTreeSet<BackupId>,
    },
    /// No deletion until then.
    Freeze {
        until: Timestamp,
        reason: String,
    },
    Thaw,
    /// A snapshot that the journal does not own becomes a backup of no policy.
    Adopt {
        snapshot: SnapshotId,
    },
    /// It only looks like ours; it no longer holds deletions.
    Disown {
        snapshot: SnapshotId,
        reason: String,
    },
    Pin {
        backup: BackupId,
    },
    Unpin {
        backup: BackupId,
    },
}
