//! Effects: every call that changes the cloud, with one life from intent to certainty.
//!
//! An answer is only a hint; what makes an effect certain is a look. Hence a `201` and a timeout
//! lead to the same place, [`Standing::Unknown`], and leave it by the same door, [`evidence`].

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::id::{AskId, BackupId, EffectId, MachineId, PolicyName, SnapshotId};
use super::slot::Slot;
use super::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    pub id: EffectId,
    pub cause: Cause,
    pub verb: Verb,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Slot(Slot),
    /// The `Doomed` event with this sequence number.
    Doom {
        policy: PolicyName,
        seq: u64,
    },
    Ask(AskId),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    CreateSnapshot { backup: BackupId, machine: MachineId, name: String, description: String },
    DeleteSnapshot { backup: BackupId, machine: MachineId, snapshot: SnapshotId },
}

impl Verb {
    pub fn backup(&self) -> &BackupId {
        match self {
            Self::CreateSnapshot { backup, .. } | Self::DeleteSnapshot { backup, .. } => backup,
        }
    }

    pub fn machine(&self) -> &MachineId {
        match self {
            Self::CreateSnapshot { machine, .. } | Self::DeleteSnapshot { machine, .. } => machine,
        }
    }

    pub fn is_create(&self) -> bool {
        matches!(self, Self::CreateSnapshot { .. })
    }
}

impl Effect {
    /// The same decision is the same effect, for ever: its id is a hash of cause, verb and object.
    pub fn new(cause: Cause, verb: Verb) -> Self {
        let cause_fields = match &cause {
            Cause::Slot(slot) => ["slot".to_owned(), slot.line()],
            Cause::Doom { policy, seq } => ["doom".to_owned(), format!("{policy} {seq}")],
            Cause::Ask(ask) => ["ask".to_owned(), ask.to_string()],
        };
        let verb_fields = match &verb {
            Verb::CreateSnapshot { machine, name, .. } => ["create", machine.as_str(), name.as_str()],
            Verb::DeleteSnapshot { backup, snapshot, .. } => ["delete", backup.as_str(), snapshot.as_str()],
        };
        let fields = cause_fields.iter().map(String::as_bytes).chain(verb_fields.map(str::as_bytes));
        let id = EffectId::new(Digest::of_fields(fields).short());
        Self { id, cause, verb }
    }
}

/// Where an effect stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Journalled, and perhaps under way: a crash leaves it here.
    Intended {
        since: Timestamp,
    },
    /// Surely not sent; may be intended again at once.
    NotSent {
        since: Timestamp,
    },
    /// It may have happened, or may still: no answer, or one that only a look can confirm.
    Unknown {
        since: Timestamp,
        answered: Option<SnapshotId>,
    },
    /// A look after the settle time proved that it did not happen.
    Absent {
        since: Timestamp,
    },
    /// A look proved it.
    Done,
    Refused(Refusal),
    Failed(String),
}

impl Standing {
    /// Whether it may still have happened, or may still happen.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Intended { .. } | Self::Unknown { .. } => true,
            Self::NotSent { .. } | Self::Absent { .. } | Self::Done | Self::Refused(_) | Self::Failed(_) => {
                false
            }
        }
    }
}

/// The cloud's own words for a no that asking again does not change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub reason: Reason,
    pub status: u16,
    pub code: String,
    pub message: String,
    pub request_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Not enough credit.
    Credit,
    /// Somebody else uses our names.
    NameTaken,
    /// Profile, quota or permission: the whole account cannot create.
    Account,
    /// This machine can never be snapshotted.
    Unsupported,
    /// The object is not known to the cloud.
    NoSuchObject,
    Other,
}

/// What a call came to, or what a look proved later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The cloud says it did it; a look must agree.
    Answered {
        snapshot: Option<SnapshotId>,
    },
    /// Whether it happened is open: timeout, reset, 5xx, 429, 3xx, an unreadable answer.
    Unclear {
        why: String,
    },
    /// Never left this machine.
    NotSent {
        why: String,
    },
    Refused(Refusal),
    /// A look showed it.
    Happened {
        snapshot: Option<SnapshotId>,
    },
    /// A look after the settle time did not.
    DidNotHappen,
    /// Given up: superseded, or too many attempts.
    GaveUp {
        why: String,
    },
}
