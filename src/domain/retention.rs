//! Retention: which backups of one machine and policy the rules keep, and why.
//!
//! Pure: it sees ids and instants, never the clock, the cloud or a state. It condemns nothing:
//! what no rule keeps is only named, and the rails around deletion decide the rest.
//!
//! The words and the meaning are those of restic's `forget` (`internal/data/snapshot_policy.go`):
//! newest first, rules OR-ed, the newest of each of the n newest periods that hold any, and the
//! oldest of all while a periodic rule has not used up its count. Two differences: periods are
//! those of the policy's zone, and a backup from the future is kept outside every count.

use std::collections::BTreeMap;
use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::id::BackupId;
use super::policy::{Keep, Retention};
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

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
    Expire,
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
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.write_str("no rule"),
            Self::Future => f.write_str("future"),
            Self::Counted { rule, used, keep: Keep::All } => write!(f, "{rule} {used} of all"),
            Self::Counted { rule, used, keep: Keep::Count(count) } => write!(f, "{rule} {used} of {count}"),
            Self::Oldest { rule } => write!(f, "oldest, {rule} not used up"),
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
    let mut rows = rows(retention);
    let mut verdicts = BTreeMap::new();
    for (position, candidate) in present.iter().enumerate() {
        let is_oldest = position + 1 == present.len();
        let mut reasons: Vec<Reason> =
            rows.iter_mut().filter_map(|row| row.keeps(*candidate, calendar.zone, is_oldest)).collect();
        if rows.is_empty() {
            reasons.push(Reason::NoRule);
        }
        let verdict = if reasons.is_empty() { Verdict::Expire } else { Verdict::Keep { reasons } };
        verdicts.entry(candidate.id).or_insert(verdict);
    }
    for candidate in future {
        verdicts.insert(candidate.id, Verdict::Keep { reasons: vec![Reason::Future] });
    }
    verdicts
}

/// One keep rule: how far it has counted, and the period that it counted last.
struct Row<'a> {
    rule: &'static str,
    keep: Keep,
    period: Period,
    used: u32,
    newest: Option<Mark<'a>>,
}

/// What a rule counts: every backup, or those days that hold any.
#[derive(Clone, Copy)]
enum Period {
    Each,
    Day,
}

/// The period in which a backup lies; two in the same compare equal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark<'a> {
    Backup(&'a BackupId),
    Day(Date),
}

impl Period {
    fn mark<'a>(self, candidate: Candidate<'a>, zone: &TimeZone) -> Mark<'a> {
        match self {
            Self::Each => Mark::Backup(candidate.id),
            Self::Day => Mark::Day(zone.to_datetime(candidate.taken_at.zoned()).date()),
        }
    }

    /// restic keeps the oldest for a periodic rule, so that a young shelf grows to its full reach.
    fn keeps_oldest(self) -> bool {
        match self {
            Self::Each => false,
            Self::Day => true,
        }
    }
}

/// The rules that are set, in the order in which their reasons are told.
fn rows<'a>(retention: &Retention) -> Vec<Row<'a>> {
    let table = [("last", retention.keep_last, Period::Each), ("daily", retention.keep_daily, Period::Day)];
    let row = |(rule, keep, period)| {
        let keep: Option<Keep> = keep;
        keep.map(|keep| Row { rule, keep, period, used: 0, newest: None })
    };
    table.into_iter().filter_map(row).collect()
}

impl<'a> Row<'a> {
    /// The reason for which this rule keeps the candidate, if it does. Called from new to old.
    fn keeps(&mut self, candidate: Candidate<'a>, zone: &TimeZone, is_oldest: bool) -> Option<Reason> {
        if let Keep::Count(count) = self.keep
            && self.used + u32::from(is_planted(Bug::KeepCountOffByOne)) >= count
        {
            return None;
        }
        let mark = self.period.mark(candidate, zone);
        if self.newest != Some(mark) {
            self.newest = Some(mark);
            self.used += 1;
            return Some(Reason::Counted { rule: self.rule, used: self.used, keep: self.keep });
        }
        (is_oldest && self.period.keeps_oldest()).then_some(Reason::Oldest { rule: self.rule })
    }
}

#[cfg(test)]
mod tests;
