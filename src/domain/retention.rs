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

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::id::BackupId;
use super::policy::{Keep, Retention};
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: BackupId,
    pub taken_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Each rule that keeps it, such as `last 2 of 3` or `daily 1 of 7`; without any rule, `no rule`.
    Keep {
        reasons: Vec<String>,
    },
    Expire,
}

/// From when a period counts, in which zone, and how far ahead a clock may be.
#[derive(Clone, Copy, Debug)]
pub struct Calendar<'a> {
    pub zone: &'a TimeZone,
    pub now: Timestamp,
    pub skew: Seconds,
}

/// A verdict on each candidate. Of two with the same id the newer counts.
pub fn judge(
    candidates: &[Candidate],
    retention: &Retention,
    calendar: Calendar<'_>,
) -> BTreeMap<BackupId, Verdict> {
    let latest = calendar.now + calendar.skew;
    let (mut present, future): (Vec<_>, Vec<_>) =
        candidates.iter().partition(|candidate| candidate.taken_at <= latest);
    present.sort_by(|a, b| b.taken_at.cmp(&a.taken_at).then_with(|| a.id.cmp(&b.id)));
    let mut rows = rows(retention);
    let mut verdicts = BTreeMap::new();
    for (position, candidate) in present.iter().enumerate() {
        let is_oldest = position + 1 == present.len();
        let day = calendar.zone.to_datetime(candidate.taken_at.zoned()).date();
        let mut reasons: Vec<String> =
            rows.iter_mut().filter_map(|row| row.keeps(candidate, day, is_oldest)).collect();
        if rows.is_empty() {
            reasons.push("no rule".to_owned());
        }
        let verdict = if reasons.is_empty() { Verdict::Expire } else { Verdict::Keep { reasons } };
        verdicts.entry(candidate.id.clone()).or_insert(verdict);
    }
    for candidate in future {
        verdicts.insert(candidate.id.clone(), Verdict::Keep { reasons: vec!["future".to_owned()] });
    }
    verdicts
}

/// One keep rule: how far it has counted, and the period that it counted last.
struct Row {
    word: &'static str,
    keep: Keep,
    period: Period,
    used: u32,
    newest: Option<Mark>,
}

/// What a rule counts: every backup, or those days that hold any.
#[derive(Clone, Copy)]
enum Period {
    Each,
    Day,
}

/// The period in which a backup lies; two in the same compare equal.
#[derive(Clone, PartialEq, Eq)]
enum Mark {
    Backup(BackupId),
    Day(Date),
}

impl Period {
    fn mark(self, candidate: &Candidate, day: Date) -> Mark {
        match self {
            Self::Each => Mark::Backup(candidate.id.clone()),
            Self::Day => Mark::Day(day),
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
fn rows(retention: &Retention) -> Vec<Row> {
    let table = [("last", retention.keep_last, Period::Each), ("daily", retention.keep_daily, Period::Day)];
    let row = |(word, keep, period)| {
        let keep: Option<Keep> = keep;
        keep.map(|keep| Row { word, keep, period, used: 0, newest: None })
    };
    table.into_iter().filter_map(row).collect()
}

impl Row {
    /// The reason for which this rule keeps the candidate, if it does. Called from new to old.
    fn keeps(&mut self, candidate: &Candidate, day: Date, is_oldest: bool) -> Option<String> {
        if let Keep::Count(count) = self.keep
            && self.used + u32::from(is_planted(Bug::KeepCountOffByOne)) >= count
        {
            return None;
        }
        let mark = self.period.mark(candidate, day);
        if self.newest.as_ref() != Some(&mark) {
            self.newest = Some(mark);
            self.used += 1;
            return Some(match self.keep {
                Keep::All => format!("{} {} of all", self.word, self.used),
                Keep::Count(count) => format!("{} {} of {count}", self.word, self.used),
            });
        }
        (is_oldest && self.period.keeps_oldest()).then(|| format!("oldest, {} not used up", self.word))
    }
}

#[cfg(test)]
mod tests;
