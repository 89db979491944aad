//! What a person can ask for: each an event, judged before it is written.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::id::{BackupId, MachineId, PolicyName, SnapshotId};
use super::state::State;
use super::time::{Seconds, Timestamp};

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
    /// What the cloud refused is asked for again with the next slot.
    Retry {
        halted: Halted,
    },
}

/// What the cloud's refusals stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halted {
    Account,
    Policy(PolicyName),
    Machine(MachineId),
}

/// Why a person's ask is not taken; nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskRefusal {
    #[error("{0} is not a backup in this journal")]
    NoSuchBackup(BackupId),
    #[error("{0} is not doomed, so there is nothing to approve; see status")]
    NotDoomed(BackupId),
    #[error("no backup waits for approval")]
    Nothing,
    #[error("the cloud was not seen to hold a snapshot {0}")]
    NoSuchSnapshot(SnapshotId),
    #[error("snapshot {0} is ours already, as backup {1}")]
    Owned(SnapshotId, BackupId),
    #[error("snapshot {0} does not say which machine it is of, so it cannot be adopted")]
    NoMachine(SnapshotId),
    #[error("a freeze must end later than now and within 30 days, not at {0}")]
    FreezeEnd(Timestamp),
    #[error("no freeze is in force")]
    NotFrozen,
    #[error("no refusal of the cloud stops that; see status")]
    NotHalted,
}

pub const LONGEST_FREEZE: Seconds = Seconds::days(30);

/// Whether an ask makes sense in this state. Judged before it is written, so that the fold need not.
pub fn judge(state: &State, now: Timestamp, ask: &Ask) -> Result<(), AskRefusal> {
    let backup = |id: &BackupId| state.backups.get(id).ok_or_else(|| AskRefusal::NoSuchBackup(id.clone()));
    let snapshot = |id: &SnapshotId| match (state.fleet.snapshots.get(id), state.owners.get(id)) {
        (None, _) => Err(AskRefusal::NoSuchSnapshot(id.clone())),
        (Some(_), Some(owner)) => Err(AskRefusal::Owned(id.clone(), owner.clone())),
        (Some(known), None) => Ok(known),
    };
    match ask {
        Ask::Approve { backups } if backups.is_empty() => Err(AskRefusal::Nothing),
        Ask::Approve { backups } => backups.iter().try_for_each(|id| match &backup(id)?.doom {
            Some(_) => Ok(()),
            None => Err(AskRefusal::NotDoomed(id.clone())),
        }),
        Ask::Freeze { until, .. } if *until <= now || until.since(now) > LONGEST_FREEZE.duration() => {
            Err(AskRefusal::FreezeEnd(*until))
        }
        Ask::Freeze { .. } => Ok(()),
        Ask::Thaw if state.frozen.is_none() => Err(AskRefusal::NotFrozen),
        Ask::Thaw => Ok(()),
        Ask::Adopt { snapshot: id } => match snapshot(id)?.item.machine {
            Some(_) => Ok(()),
            None => Err(AskRefusal::NoMachine(id.clone())),
        },
        Ask::Disown { snapshot: id, .. } => snapshot(id).map(|_| ()),
        Ask::Retry { halted } => {
            let is_halted = match halted {
                Halted::Account => state.halts.account.is_some(),
                Halted::Policy(policy) => state.halts.policies.contains_key(policy),
                Halted::Machine(machine) => state.halts.impossible.contains_key(machine),
            };
            if is_halted { Ok(()) } else { Err(AskRefusal::NotHalted) }
        }
        Ask::Pin { backup: id } | Ask::Unpin { backup: id } => backup(id).map(|_| ()),
    }
}
