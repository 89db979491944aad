//! Edits of the configuration between two processes, and files that somebody broke while one ran: F38.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::id::PolicyName;
use crate::domain::policy::{Keep, Policy, PolicySet};
use crate::domain::time::{Seconds, Timestamp};
use crate::rehearsal::setup::Setup;
use crate::rehearsal::variety::{DAILY, RENAMED, SECOND};
use crate::sim::cloud::Cloud;
use crate::sim::dialect::{Dialect, Way};
use crate::sim::fault::Fault;
use crate::sim::rules::{Promise, Rules};

/// So long before the calm the file is again as it was, so that graces and soft starts are over in it.
const RESTORED_BEFORE: Seconds = Seconds::days(4);
const OTHER_ZONES: [&str; 3] = ["America/New_York", "Asia/Kathmandu", "Pacific/Auckland"];
/// How often somebody may break the file of a process that runs.
const BROKEN_EVERY: Seconds = Seconds::hours(12);

pub struct Edits {
    rng: fastrand::Rng,
    until: Timestamp,
    edit: Option<Edit>,
    /// The daily policy has its other name. A renaming stays until the next one.
    is_renamed: bool,
    was_renamed: bool,
    broken_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit {
    ShorterRetention,
    LongerRetention,
    Zone(&'static str),
    Hour,
    NoPolicy,
    NoSecondPolicy,
    OtherName,
}

impl Edits {
    pub fn new(setup: &Setup) -> Self {
        let until = setup.calm_begins().shifted(-(RESTORED_BEFORE.0.cast_signed() * 1_000_000));
        let rng = fastrand::Rng::with_seed(setup.seed ^ 0x5851_f42d_4c95_7f2d);
        Self { rng, until, edit: None, is_renamed: false, was_renamed: false, broken_at: setup.begins() }
    }

    /// The policies of the next process. The truth is told of them.
    pub fn adopted(&mut self, setup: &Setup, cloud: &Cloud, now: Timestamp) -> PolicySet {
        let strikes = self.rng.u32(..10_000) < cloud.fault_rate(Fault::Edited) && now < self.until;
        let edit = self.drawn(setup.is_varied);
        match self.edit {
            // An edit lives for a process or a few.
            Some(_) if now >= self.until || self.rng.bool() => self.edit = None,
            None if strikes => {
                if edit == Edit::OtherName {
                    (self.is_renamed, self.was_renamed) = (!self.is_renamed, true);
                } else {
                    self.edit = Some(edit);
                }
                cloud.note_hit(Fault::Edited);
            }
            _ => {}
        }
        let mut set = setup.policies();
        let mut keep_last = setup.keep_last;
        if let Some(edit) = self.edit {
            edit.make(&mut set, &mut keep_last);
        }
        let rules = promised(&set, setup.dialect, keep_last);
        cloud.with_world(|world| world.truth.adopt_rules(rules));
        self.rename(&mut set);
        set
    }

    fn rename(&self, set: &mut PolicySet) {
        let (daily, renamed) = (PolicyName::new(DAILY), PolicyName::new(RENAMED));
        let (name, old) = if self.is_renamed { (renamed, daily.clone()) } else { (daily.clone(), renamed) };
        if self.was_renamed
            && let Some(policy) = set.policies.remove(&daily)
        {
            set.policies.insert(name, Policy { was: BTreeSet::from([old]), ..policy });
        }
    }

    /// When the process that runs the edited file must end for the old one.
    pub fn over_in(&self, now: Timestamp) -> Option<Duration> {
        self.edit.map(|_| self.until.since(now))
    }

    /// Whether somebody breaks the file now, and has it read again.
    pub fn breaks(&mut self, setup: &Setup, cloud: &Cloud, now: Timestamp) -> bool {
        if !setup.is_varied || now.distance(self.broken_at) < BROKEN_EVERY.duration() {
            return false;
        }
        self.broken_at = now;
        let strikes = self.rng.u32(..10_000) < cloud.fault_rate(Fault::Edited);
        if strikes {
            cloud.note_hit(Fault::Edited);
        }
        strikes
    }

    fn drawn(&mut self, is_varied: bool) -> Edit {
        match self.rng.u8(..if is_varied { 8 } else { 5 }) {
            0 => Edit::ShorterRetention,
            1 => Edit::LongerRetention,
            2 => Edit::Zone(OTHER_ZONES[self.rng.usize(..OTHER_ZONES.len())]),
            3 => Edit::Hour,
            4 => Edit::NoPolicy,
            5 => Edit::NoSecondPolicy,
            _ => Edit::OtherName,
        }
    }
}

/// What these policies promise, under their first names. Where instants cannot be read for certain, only
/// the order of backups is promised.
pub fn promised(set: &PolicySet, dialect: Dialect, keep_last: u32) -> Rules {
    let promise = |(name, policy): (&PolicyName, &Policy)| {
        let is_daily = name.as_str() == DAILY;
        let by_words = !is_daily && !dialect.has(Way::OddTimes);
        let words = by_words.then(|| (policy.retention.clone(), policy.timezone.clone()));
        let keep_last = if is_daily { keep_last } else { 1 };
        (name.to_string(), Promise { keep_last: keep_last as usize, words })
    };
    let in_force: BTreeMap<String, Promise> = set.policies.iter().map(promise).collect();
    let min_good = set.rules.min_good as usize;
    Rules { min_good, keep_last: keep_last as usize, in_force: Some(in_force) }
}

impl Edit {
    fn make(self, set: &mut PolicySet, keep_last: &mut u32) {
        match self {
            Self::ShorterRetention => *keep_last = (*keep_last - 1).max(1),
            Self::LongerRetention => *keep_last += 2,
            Self::Zone(_) | Self::Hour | Self::OtherName => {}
            Self::NoPolicy => set.policies.clear(),
            Self::NoSecondPolicy => _ = set.policies.remove(&PolicyName::new(SECOND)),
        }
        for (name, policy) in &mut set.policies {
            self.make_in(policy, (name.as_str() == DAILY).then_some(*keep_last));
        }
    }

    fn make_in(self, policy: &mut Policy, keep_last: Option<u32>) {
        if let Some(keep_last) = keep_last {
            policy.retention.keep_last = Some(Keep::Count(keep_last));
        }
        match self {
            Self::Zone(zone) => zone.clone_into(&mut policy.timezone),
            Self::Hour if keep_last.is_some() => "30 14 * * *".clone_into(&mut policy.schedule),
            Self::Hour
            | Self::ShorterRetention
            | Self::LongerRetention
            | Self::NoPolicy
            | Self::NoSecondPolicy
            | Self::OtherName => {}
        }
    }
}
