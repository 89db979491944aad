//! A backup: what was asked for, and its life from intent to deletion.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::id::{BackupId, MachineId, SnapshotId};
use super::slot::{Shelf, Slot};
use super::time::{Seconds, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    pub machine: MachineId,
    pub name: String,
    /// `None`: made by hand and adopted; never pruned by a policy.
    pub slot: Option<Slot>,
    pub requested_at: Timestamp,
    /// Where the wait for it began; a step of the clock moves it, unlike `requested_at`.
    pub waiting_since: Timestamp,
    /// Our clock less the cloud's, in microseconds, when it was asked for; `None`: not known.
    pub offset_micros: Option<i64>,
    pub life: Life,
    /// The cloud's objects that bear this name. More than one is a dispute, and protects all.
    pub snapshots: BTreeSet<SnapshotId>,
    /// The cloud's `created_at` where it can be believed, else the time of the request.
    pub taken_at: Timestamp,
    /// When the first look saw it ready, and with which size.
    pub sized: Option<Sized>,
    pub pinned: bool,
    pub held: Option<ComplianceHold>,
    pub doom: Option<Doom>,
    /// Made by hand with an end: from then on it may be doomed.
    pub expires_at: Option<Timestamp>,
    /// What it was when its deletion was asked for: what it is again if that is abandoned.
    pub life_before: Life,
    /// When it entered a final state.
    pub ended_at: Option<Timestamp>,
}

/// A size seen in a look that began at `seen`; stable once a later look agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sized {
    pub bytes: i64,
    pub seen: Timestamp,
    /// How often a size above zero became another one.
    pub changes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    Intended,
    /// The cloud said yes; no look has shown it yet.
    Requested,
    Pending,
    Ready,
    /// Ready, and verification level 1 passed.
    Good,
    /// The request, or the snapshot, failed.
    Failed,
    /// Pending past the deadline; only a person deletes it.
    TimedOut,
    /// A check failed; only a person deletes it.
    Bad,
    /// Gone without our doing.
    Vanished,
    /// It came back, or two share its name: protected.
    Disputed,
    DeleteIntended,
    Deleted,
}

impl Life {
    pub fn word(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Requested => "requested",
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Good => "good",
            Self::Failed => "failed",
            Self::TimedOut => "timed out",
            Self::Bad => "bad",
            Self::Vanished => "vanished",
            Self::Disputed => "disputed",
            Self::DeleteIntended => "delete intended",
            Self::Deleted => "deleted",
        }
    }

    /// On its way to being good, or to being gone.
    pub fn is_unsettled(self) -> bool {
        matches!(self, Self::Intended | Self::Requested | Self::Pending | Self::Ready | Self::DeleteIntended)
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Failed | Self::Vanished | Self::Deleted)
    }
}

/// What can happen to a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    Accepted,
    SeenPending,
    SeenReady,
    SeenFailed,
    RequestFailed,
    RequestOpen,
    Overdue,
    Passed,
    FailedCheck,
    SeenTwice,
    Missed,
    DeleteAsked,
    /// It stays, and is what it was: ready, or the remnant of a failure.
    DeleteAbandoned,
    RemnantStays,
    OverdueStays,
    BadStays,
    SeenGone,
}

impl Life {
    /// The whole life on one screen. What cannot be stays as it is.
    pub fn after(self, happening: Happening) -> Self {
        use Happening as H;
        match (self, happening) {
            (Self::Deleted | Self::Vanished, H::SeenPending | H::SeenReady | H::SeenFailed) => Self::Disputed,
            (_, H::SeenTwice) => Self::Disputed,
            (Self::Disputed, H::Missed) => Self::Vanished,
            (Self::Deleted | Self::Disputed, _) => self,
            (Self::DeleteIntended, H::SeenGone) => Self::Deleted,
            (Self::DeleteIntended, H::DeleteAbandoned) => Self::Good,
            (Self::DeleteIntended, H::RemnantStays) => Self::Failed,
            (Self::DeleteIntended, H::OverdueStays) => Self::TimedOut,
            (Self::DeleteIntended, H::BadStays) => Self::Bad,
            (Self::DeleteIntended, _) => self,
            (Self::Vanished, _) => self,
            (_, H::Missed) => Self::Vanished,
            (Self::Good | Self::Bad, H::DeleteAsked) => Self::DeleteIntended,
            (Self::Good | Self::Bad, H::SeenFailed) | (Self::Ready | Self::Good, H::FailedCheck) => Self::Bad,
            (Self::Good | Self::Bad, _) => self,
            (Self::Ready, H::Passed) => Self::Good,
            (Self::Ready, H::SeenFailed) => Self::Bad,
            (Self::Ready, _) => self,
            (Self::Failed | Self::TimedOut, H::DeleteAsked) => Self::DeleteIntended,
            (_, H::SeenReady) => Self::Ready,
            (Self::Pending | Self::TimedOut, H::Overdue) => Self::TimedOut,
            (Self::TimedOut, H::SeenPending) => Self::TimedOut,
            (_, H::SeenPending) => Self::Pending,
            (_, H::SeenFailed) | (Self::Intended | Self::Requested, H::RequestFailed) => Self::Failed,
            (Self::Intended, H::Accepted) => Self::Requested,
            (Self::Requested | Self::Failed, H::RequestOpen) => Self::Intended,
            (Self::Intended | Self::Requested | Self::Pending | Self::Failed | Self::TimedOut, _) => self,
        }
    }
}

/// Kept until a date whatever any rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplianceHold {
    pub until: Timestamp,
    pub reason: String,
}

/// Condemned, and visible until its grace has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doom {
    /// The `Doomed` event; it is part of the cause of the delete.
    pub seq: u64,
    /// Where the grace begins; a step of the clock moves it.
    pub since: Timestamp,
    /// A new good backup of the last 24 hours stands for it.
    pub explained: bool,
    /// More dooms than new backups explain: waits until a person approves.
    pub needs_approval: bool,
    pub approved_at: Option<Timestamp>,
    /// How long before it its policy was last edited; `None`: never.
    pub edited_before: Option<Seconds>,
}

/// Why a backup may go: enough to judge the decision again later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The digest of the complete listing that was the base.
    pub inventory: Digest,
    /// The `PoliciesAdopted` event in force.
    pub policy_seq: u64,
    /// What the rules keep of its machine and policy, each with the rules that keep it.
    pub kept: Arc<[Survivor]>,
    /// When it was judged so, by the clock of that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    pub backup: BackupId,
    pub reasons: Vec<String>,
}

/// The verdict of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Level 1: size above zero and stable over two looks, of the right machine.
    Good {
        size_bytes: i64,
    },
    Bad {
        why: String,
    },
    TimedOut,
    /// Absent from complete looks, and not by our doing.
    Vanished,
}

impl Backup {
    pub fn shelf(&self) -> Option<Shelf> {
        self.slot.as_ref().map(Slot::shelf)
    }

    /// Pinned, or held until a later date: whatever else is true, it stays.
    pub fn is_protected(&self, now: Timestamp) -> bool {
        self.pinned || self.held.as_ref().is_some_and(|hold| now < hold.until)
    }
}
