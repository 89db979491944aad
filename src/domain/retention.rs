//! Retention: which backups of one machine and policy the rules keep, and why.
//!
//! Pure: it sees ids and instants, never the clock, the cloud or a state. It condemns nothing:
//! what no rule keeps is only named, and the rails around deletion decide the rest.
//!
//! The words and the meaning are those of restic's `forget` (`internal/data/snapshot_policy.go`):
//! newest first, rules OR-ed, the newest of each of the n newest periods that hold any, the oldest
//! of all while a periodic rule has not used up its count, and reaches counted back from the newest.
//! Two differences: periods are those of the policy's zone, and a backup from the future is kept
//! outside every count. `delete_after` is ours: what is older is no candidate for any rule.

use std::collections::BTreeMap;
use std::fmt;

use jiff::tz::TimeZone;

use super::id::BackupId;
use super::policy::{Keep, Retention};
use super::reach::Reach;
use super::time::{Seconds, Timestamp};
use rule::Rule;

mod rule;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    pub id: &'a BackupId,
    pub taken_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// By each rule that keeps it.
    Keep {
        reasons: Vec<Reason>,
    },
    Expire(Expiry),
}

/// Why a backup is kept. Printed such as `last 2 of 3`, `daily 1 of all` or `no rule`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no rule at all.
    NoRule,
    /// It is dated later than now.
    Future,
    /// The `used`th that this rule keeps, of so many.
    Counted { rule: &'static str, used: u32, keep: Keep },
    /// The oldest of all, while the rule's count is not used up.
    Oldest { rule: &'static str },
    /// Younger than the newest less the reach; the newest of its period where the rule has periods.
    Within { rule: &'static str, reach: Reach },
}

/// Why it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    NoRuleKeepsIt,
    /// Older than `delete_after`.
    TooOld {
        limit: Reach,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.write_str("no rule"),
            Self::Future => f.write_str("future"),
            Self::Counted { rule, used, keep: Keep::All } => write!(f, "{rule} {used} of all"),
            Self::Counted { rule, used, keep: Keep::Count(count) } => write!(f, "{rule} {used} of {count}"),
            Self::Oldest { rule } => write!(f, "oldest, {rule} not used up"),
            Self::Within { rule, reach } => write!(f, "{rule} {reach}"),
        }
    }
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuleKeepsIt => f.write_str("no rule keeps it"),
            Self::TooOld { limit } => write!(f, "older than delete_after {limit}"),
        }
    }
}

/// From when a period counts, in which zone, and how far ahead a clock may be.
#[derive(Clone, Copy, Debug)]
pub struct Calendar<'a> {
    pub zone: &'a TimeZone,
    pub now: Timestamp,
    pub skew: Seconds,
}

/// A verdict on each candidate. Of two with the same id the newer counts.
pub fn judge<'a>(
    candidates: &[Candidate<'a>],
    retention: &Retention,
    calendar: Calendar<'_>,
) -> BTreeMap<&'a BackupId, Verdict> {
    let latest = calendar.now + calendar.skew;
    let (mut present, future): (Vec<Candidate>, Vec<Candidate>) =
        candidates.iter().partition(|candidate| candidate.taken_at <= latest);
    present.sort_by(|a, b| b.taken_at.cmp(&a.taken_at).then_with(|| a.id.cmp(b.id)));
    // What is too old has no part in what the rules keep, or the oldest would be kept in vain.
    let too_old = retention.delete_after.map(|limit| (limit, limit.before(calendar.now, calendar.zone)));
    let young =
        too_old.map_or(present.len(), |(_, bound)| present.partition_point(|one| one.taken_at > bound));
    let old = present.split_off(young);
    let mut verdicts = BTreeMap::new();
    if let Some(newest) = present.first() {
        let mut rules = rule::rules(retention, newest.taken_at, calendar);
        for (position, candidate) in present.iter().enumerate() {
            let is_oldest = position + 1 == present.len();
            let verdict = verdict(&mut rules, *candidate, calendar.zone, is_oldest);
            verdicts.entry(candidate.id).or_insert(verdict);
        }
    }
    for (candidate, (limit, _)) in old.iter().zip(too_old.into_iter().cycle()) {
        verdicts.entry(candidate.id).or_insert(Verdict::Expire(Expiry::TooOld { limit }));
    }
    for candidate in future {
        verdicts.insert(candidate.id, Verdict::Keep { reasons: vec![Reason::Future] });
    }
    verdicts
}

fn verdict(rules: &mut [Rule], candidate: Candidate, zone: &TimeZone, is_oldest: bool) -> Verdict {
    if rules.is_empty() {
        return Verdict::Keep { reasons: vec![Reason::NoRule] };
    }
    let mut wall = rule::Wall::new(candidate.taken_at, zone);
    let reasons: Vec<Reason> = rules.iter_mut().filter_map(|rule| rule.keeps(&mut wall, is_oldest)).collect();
    if reasons.is_empty() { Verdict::Expire(Expiry::NoRuleKeepsIt) } else { Verdict::Keep { reasons } }
}

#[cfg(test)]
pub(in crate::domain) mod tests;
