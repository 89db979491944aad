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
    /// Matters that were told and ended, as long as that makes a difference.
    pub ended: BTreeMap<Matter, Ended>,
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

/// Where many things fall ill one after another, they are told together, this far apart, and twice as far with
/// each letter.
const MORE_EVERY: Seconds = Seconds::hours(1);
const MOST_APART: u32 = 2;

/// What a matter was about when it ended, and each of these for itself; empty where it is about one thing only.
pub type Ended = BTreeMap<String, Past>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    pub at: Timestamp,
    /// How often it came and went and was told.
    pub times: u32,
}

/// What ended and begins again within so long …
const COMES_AND_GOES: Seconds = Seconds::hours(12);
/// … is told again once it has lasted for this long, and for twice as long with each time that it was told.
const STAYS: Seconds = Seconds::hours(1);
const MOST_DOUBLINGS: u32 = 3;

impl Alerts {
    /// How long a matter must last before a letter tells it. Where little is to be lost, what comes and goes
    /// of the same things is told once: who hears of it ten times a day does not hear the eleventh.
    pub fn quiet(&self, matter: Matter, active: &Active) -> Seconds {
        let is_mild = active.level < Level::Urgent && !matches!(matter, Matter::Balance(_));
        let past = |subject: &String| self.ended.get(&matter)?.get(subject);
        let is_soon = |past: &&Past| active.since.since(past.at) < COMES_AND_GOES.duration();
        // Of several, what is newest to a person decides; what never was there is told at once.
        let times = active
            .parts(matter)
            .into_iter()
            .map(|part| past(&part).filter(is_soon).map_or(0, |past| past.times));
        match times.min() {
            Some(times @ 1..) if is_mild => {
                matter.quiet().max(Seconds(STAYS.0 << (times - 1).min(MOST_DOUBLINGS)))
            }
            Some(_) | None => matter.quiet(),
        }
    }

    /// Where nothing at all can be read, it is no news that one thing cannot; nor while it may be so.
    pub fn is_inhibited(&self, matter: Matter) -> bool {
        let causes = [Matter::KeyRefused, Matter::ApiUnreachable];
        let is_all_blind =
            self.unreached_since.is_some() || causes.iter().any(|cause| self.active.contains_key(cause));
        is_all_blind && matches!(matter, Matter::BalanceBlind | Matter::ListsBlind)
    }

    pub fn end(&mut self, matter: Matter, at: Timestamp) {
        for ended in self.ended.values_mut() {
            ended.retain(|_, past| at.since(past.at) < COMES_AND_GOES.duration());
        }
        self.ended.retain(|_, ended| !ended.is_empty());
        let Some(active) = self.active.remove(&matter).filter(|active| active.told.is_some()) else { return };
        let ended = self.ended.entry(matter).or_default();
        for part in active.parts(matter) {
            let past = ended.entry(part).or_insert(Past { at, times: 0 });
            (past.at, past.times) = (at, past.times.saturating_add(1));
        }
    }
}

impl Active {
    pub fn new(at: Timestamp, level: Level) -> Self {
        let none = BTreeSet::new;
        Self { level, since: at, subjects: none(), untold: none(), easing: None, told: None }
    }

    /// What it is about, one by one. Each freeze and each pause names its own end, and is the same for all that.
    fn parts(&self, matter: Matter) -> BTreeSet<String> {
        match matter {
            Matter::Frozen | Matter::Paused => BTreeSet::from([String::new()]),
            _ if self.subjects.is_empty() => BTreeSet::from([String::new()]),
            _ => self.subjects.clone(),
        }
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
        } else if !self.untold.is_empty()
            && matter.has_parts()
            && passed >= Seconds(MORE_EVERY.0 << told.count.saturating_sub(1).min(MOST_APART)).duration()
        {
            Some(Step::More)
        } else {
            let after = self.level.repeats_after(told.count)?;
            (passed >= after.duration()).then_some(Step::Again)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_772_330_400)
    }

    #[test]
    fn only_what_is_mild_and_was_told_of_the_same_things_waits_to_be_told_again() {
        let began = |level, names: &[&str]| Active { subjects: subjects(names), ..Active::new(now(), level) };
        let ended = |ago: Seconds| {
            let past = Past { at: now() - ago, times: 1 };
            let ended: Ended = ["a", "b", ""].map(|part| (part.to_owned(), past.clone())).into();
            let all = [Matter::BackupLate, Matter::Balance(crate::domain::money::Currency::Usd)];
            Alerts { ended: all.map(|matter| (matter, ended.clone())).into(), ..Alerts::default() }
        };
        let late =
            |alerts: &Alerts, level, names: &[&str]| alerts.quiet(Matter::BackupLate, &began(level, names));
        let soon = ended(Seconds::minutes(5));
        assert_eq!(late(&soon, Level::Warning, &["a"]), STAYS);
        assert_eq!(late(&soon, Level::Warning, &["a", "c"]), Seconds(0), "another machine is news");
        assert_eq!(late(&soon, Level::Urgent, &["a"]), Seconds(0), "what is urgent is told at once");
        assert_eq!(late(&ended(COMES_AND_GOES), Level::Warning, &["a"]), Seconds(0));
        let balance = Matter::Balance(crate::domain::money::Currency::Usd);
        assert_eq!(soon.quiet(balance, &began(Level::Warning, &[])), Seconds(0));
    }

    #[test]
    fn what_comes_and_goes_all_day_is_told_ever_less_often_until_it_stays_away() {
        let mut alerts = Alerts::default();
        let mut at = now();
        let mut again = |alerts: &mut Alerts, name: &str, wait: Seconds| {
            at = at + wait;
            let root = LetterId::new("root");
            let told = Some(Told { root, level: Level::Warning, at, count: 1 });
            let active = Active { subjects: subjects(&[name]), told, ..Active::new(at, Level::Warning) };
            let quiet = alerts.quiet(Matter::BackupLate, &active);
            alerts.active.insert(Matter::BackupLate, active);
            at = at + Seconds::minutes(1);
            alerts.end(Matter::BackupLate, at);
            quiet
        };
        let soon = Seconds::hours(1);
        assert_eq!(again(&mut alerts, "a", soon), Seconds(0));
        assert_eq!(again(&mut alerts, "a", soon), Seconds::hours(1));
        assert_eq!(again(&mut alerts, "b", soon), Seconds(0), "another machine is news");
        assert_eq!(again(&mut alerts, "a", soon), Seconds::hours(2), "and the first is none for that");
        assert_eq!(again(&mut alerts, "a", soon), Seconds::hours(4));
        for _ in 0..9 {
            assert_eq!(again(&mut alerts, "a", soon), Seconds::hours(8));
        }
        assert_eq!(again(&mut alerts, "b", soon), Seconds(0), "it stayed away for half a day meanwhile");
        assert_eq!(again(&mut alerts, "a", COMES_AND_GOES), Seconds(0));
        for one in 0..10_000 {
            again(&mut alerts, &format!("backup {one}"), soon);
        }
        assert!(alerts.ended[&Matter::BackupLate].len() <= 14, "what ended long ago is forgotten");
    }
}
