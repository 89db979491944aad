//! What is known of alerts and letters between two passes: bounded by the fleet and the waiting letters.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{AlertChanged, LetterQueued, Step};
use super::matter::{Level, Matter};
use crate::domain::id::{BackupId, LetterId};
use crate::domain::time::{Seconds, Timestamp};

/// How long it is remembered, and told, which of ours somebody else deleted.
pub const GONE_FOR: Seconds = Seconds::hours(24);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Alerts {
    pub active: BTreeMap<Matter, Active>,
    /// Letters that not everybody has taken yet.
    pub waiting: BTreeMap<LetterId, Waiting>,
    /// Since when no listing could be read to its end.
    pub unreached_since: Option<Timestamp>,
    /// Slots that were not taken for the mode alone, since the mode is what it is.
    pub observed_slots: u64,
    /// Every digest up to here is written.
    pub digested_until: Option<Timestamp>,
    /// The counts at the last digest.
    pub made_then: u64,
    pub deleted_then: u64,
    /// When matters that were told ended, as long as that makes a difference.
    pub ended: BTreeMap<Matter, Timestamp>,
    /// Backups of ours that somebody else deleted within [`GONE_FOR`].
    pub gone: BTreeMap<BackupId, Timestamp>,
    pub queued: u64,
    pub sent: u64,
    pub failed_tries: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Active {
    pub level: Level,
    pub since: Timestamp,
    /// What it is about, where that is more than one thing.
    pub subjects: BTreeSet<String>,
    /// Those that no letter has told yet.
    pub untold: BTreeSet<String>,
    pub easing: Option<Timestamp>,
    /// What the letters of this episode told; `None`: there is none yet.
    pub told: Option<Told>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The first letter, which all others refer to.
    pub root: LetterId,
    /// The worst level that was told, and is still that bad.
    pub level: Level,
    pub at: Timestamp,
    /// Letters of this level.
    pub count: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub seq: u64,
    pub queued_at: Timestamp,
    pub letter: LetterQueued,
    pub tries: u32,
    /// Why the last try failed.
    pub failed: Option<String>,
    /// Somebody has it: it holds up no other letter.
    #[serde(default)]
    pub taken: bool,
}

/// Where many things fall ill one after another, they are told together, this far apart.
const MORE_EVERY: Seconds = Seconds::hours(1);

/// What ended and begins again within so long …
const COMES_AND_GOES: Seconds = Seconds::hours(6);
/// … is told again once it has lasted for this long.
const STAYS: Seconds = Seconds::hours(1);

impl Alerts {
    /// How long a matter must last before a letter tells it. Where little is to be lost, what comes and goes
    /// is told once: who hears of it ten times a day does not hear the eleventh.
    pub fn quiet(&self, matter: Matter, active: &Active) -> Seconds {
        let ended = self.ended.get(&matter);
        let is_again = ended.is_some_and(|at| active.since.since(*at) < COMES_AND_GOES.duration());
        let is_mild = active.level < Level::Urgent && !matches!(matter, Matter::Balance(_));
        if is_again && is_mild { matter.quiet().max(STAYS) } else { matter.quiet() }
    }

    pub fn end(&mut self, matter: Matter, at: Timestamp) {
        self.ended.retain(|_, ended| at.since(*ended) < COMES_AND_GOES.duration());
        if self.active.remove(&matter).is_some_and(|active| active.told.is_some()) {
            self.ended.insert(matter, at);
        }
    }
}

impl Active {
    pub fn new(at: Timestamp, level: Level) -> Self {
        let none = BTreeSet::new;
        Self { level, since: at, subjects: none(), untold: none(), easing: None, told: None }
    }

    /// What an event makes of it.
    pub fn change(&mut self, level: Level, change: &AlertChanged) {
        if let Some(told) = self.told.as_mut().filter(|told| level < told.level) {
            (told.level, told.count) = (level, 0);
        }
        self.level = level;
        self.easing = change.easing;
        self.subjects.extend(change.added.iter().cloned());
        self.untold.extend(change.added.iter().cloned());
        for gone in &change.removed {
            self.subjects.remove(gone);
            self.untold.remove(gone);
        }
    }

    pub fn tell(&mut self, letter: &LetterQueued, at: Timestamp) {
        self.untold.clear();
        let level = self.level;
        let told = self.told.get_or_insert_with(|| Told { root: letter.id.clone(), level, at, count: 0 });
        told.count = if told.level == level { told.count.saturating_add(1) } else { 1 };
        (told.level, told.at) = (level, at);
    }

    /// Whether a letter is due, and why. What only repeats or adds waits for the one before it.
    pub fn due(&self, matter: Matter, quiet: Seconds, now: Timestamp, has_waiting: bool) -> Option<Step> {
        let Some(told) = &self.told else {
            return (now.since(self.since) >= quiet.duration()).then_some(Step::Began);
        };
        if self.level > told.level {
            return Some(Step::Worse);
        }
        let passed = now.since(told.at);
        if has_waiting {
            None
        } else if !self.untold.is_empty() && matter.has_parts() && passed >= MORE_EVERY.duration() {
            Some(Step::More)
        } else {
            let after = self.level.repeats_after(told.count)?;
            (passed >= after.duration()).then_some(Step::Again)
        }
    }
}
