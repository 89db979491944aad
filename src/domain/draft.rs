//! What a plan is made of: conclusions, actions, holds. Values only; nothing here decides.

use std::collections::BTreeMap;

use super::backup::{Backup, Life};
use super::effect::{Effect, Outcome};
use super::event::{Event, Settled};
use super::id::{BackupId, MachineId, PolicyName};
use super::state::{EffectLife, State};
use super::time::Timestamp;

#[derive(Debug, Default)]
pub struct Plan {
    /// Conclusions to be recorded before anything else; then the plan is made again.
    pub events: Vec<Event>,
    pub actions: Vec<Action>,
    /// What is not done, and why.
    pub holds: Vec<(BackupId, Hold)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The list of snapshots is read again, once a deletion went out.
    Look,
    Perform {
        effect: Effect,
    },
}

/// Why a doomed backup is not deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    Mode,
    /// Its policy is in force no longer, and nobody retired it.
    NoPolicy,
    SoftStart {
        until: Timestamp,
    },
    Grace {
        until: Timestamp,
    },
    AwaitsApproval,
    /// A person paused all policies.
    Paused {
        until: Timestamp,
    },
    Frozen {
        until: Timestamp,
    },
    ClockUnsure,
    Protected,
    /// Of a request by hand: a rule keeps it, or none has doomed it yet.
    Kept,
    /// An image was made from it.
    Linked,
    LastGood,
    /// Its machine has no good backup that is young enough.
    Stale,
    /// What became of a request on its machine is not known yet.
    Unknown,
    /// A snapshot on its machine could be ours and is not in the journal.
    Suspect,
    /// Of a snapshot on its machine, a part that matters cannot be read.
    Unreadable,
    /// Something of ours was missing from a listing.
    Shaken,
    Capped,
    /// The cloud refused; asked again a day later.
    Refused,
    /// An image may have been made from it.
    MaybeLinked,
    /// The audit let it wait, for the reason that it gave.
    Postponed {
        until: Timestamp,
        why: String,
    },
    /// The listing must be looked at anew first.
    LookFirst,
}

impl Hold {
    /// One word for a script, a label or a stored fact.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Mode => "mode",
            Self::NoPolicy => "no_policy",
            Self::SoftStart { .. } => "soft_start",
            Self::Grace { .. } => "grace",
            Self::AwaitsApproval => "awaits_approval",
            Self::Paused { .. } => "paused",
            Self::Frozen { .. } => "frozen",
            Self::ClockUnsure => "clock_unsure",
            Self::Protected => "protected",
            Self::Kept => "kept",
            Self::Linked => "linked",
            Self::LastGood => "last_good",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
            Self::Suspect => "suspect",
            Self::Unreadable => "unreadable",
            Self::Shaken => "shaken",
            Self::Capped => "capped",
            Self::Refused => "refused",
            Self::MaybeLinked => "maybe_linked",
            Self::Postponed { .. } => "postponed",
            Self::LookFirst => "look_first",
        }
    }
}

pub(super) fn settled(life: &EffectLife, outcome: Outcome) -> Event {
    Event::Settled(Settled { effect: life.effect.id.clone(), attempt: life.attempt, outcome })
}

/// The backups of each (policy, machine), without copying their names.
pub(super) type Shelves<'a> = BTreeMap<(&'a PolicyName, &'a MachineId), Vec<(&'a BackupId, &'a Backup)>>;

pub(super) fn shelves(state: &State) -> Shelves<'_> {
    let mut shelves = Shelves::new();
    let is_there = |backup: &Backup| !matches!(backup.life, Life::Deleted | Life::Vanished);
    for (id, backup) in state.backups.iter().filter(|(_, backup)| is_there(backup)) {
        if let Some(slot) = &backup.slot {
            shelves.entry((&slot.policy, &slot.machine)).or_default().push((id, backup));
        }
    }
    shelves
}
