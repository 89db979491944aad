//! Schedules: at which instants a policy owes a backup, in its own zone and across clock changes.
//!
//! Pure: it never asks what time it is, and it knows nothing of what was taken.
//!
//! The rule is that of Vixie cron and of the POSIX drafts. A time of day that is spelled out runs
//! once a day: where the clock jumps over it, at the first valid instant after; where the clock
//! shows it twice, at the first. An expression with a wildcard in its second, minute or hour
//! follows the wall clock: what the clock skips is skipped, what it shows twice runs twice.
//! The cron crate reads the fields only: its own search calls `0 2,14 * * *` a wildcard and drops
//! the 2 o'clock of the day on which summer time begins.

use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};
use wall::{Pattern, Reading};

pub mod wall;

/// Kept parsed by whoever owns it: parsing is slow, asking is quick.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pattern: Pattern,
    zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    #[error("time zone {zone:?} is not in the IANA database, such as \"UTC\" or \"Europe/Berlin\"")]
    Zone { zone: String },
    #[error("schedule {expression:?} cannot be read: {rule}")]
    Expression { expression: String, rule: String },
    #[error("schedule {expression:?} names no day within 8 years")]
    Never { expression: String },
}

/// The zone of that name, from the database inside this program and not from the machine's.
pub fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let found = TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown());
    found.ok_or_else(|| ScheduleError::Zone { zone: name.chars().take(80).collect() })
}

impl Schedule {
    /// Cron with 5 or 6 fields, or a nickname such as `@daily`, in an IANA zone.
    pub fn parse(cron: &str, zone_name: &str) -> Result<Self, ScheduleError> {
        Self::in_zone(cron, zone(zone_name)?)
    }

    pub fn in_zone(cron: &str, zone: TimeZone) -> Result<Self, ScheduleError> {
        Ok(Self { pattern: Pattern::parse(cron)?, zone })
    }

    /// What it means, as a person would say it: `at 02:30, once a day whatever the clock does`.
    pub fn in_words(&self) -> String {
        let clock = if self.pattern.is_fixed() {
            "each time once a day, whatever the clock does"
        } else {
            "as the clock on the wall shows it"
        };
        format!("{}; {clock}", self.pattern.in_words())
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The newest slot that is later than `after` and not later than `now`.
    pub fn latest_at_or_before(&self, now: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let slot = if self.is_fixed() { self.fixed_before(now) } else { self.wild_before(now) };
        slot.map(Timestamp::from_seconds).filter(|slot| *slot > after)
    }

    /// The first slot later than `instant`.
    pub fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let second = instant.seconds();
        let slot = if self.is_fixed() { self.fixed_after(second) } else { self.wild_after(second) };
        slot.map(Timestamp::from_seconds).filter(|slot| *slot > instant)
    }

    /// The first slot later than `after`, and how many there are up to `until`, counted to `at_most`.
    pub fn count_between(
        &self,
        after: Timestamp,
        until: Timestamp,
        at_most: u32,
    ) -> (Option<Timestamp>, u32) {
        let first = self.next_after(after).filter(|slot| *slot <= until);
        let mut next = first;
        let mut count = 0;
        while let Some(slot) = next
            && count < at_most
        {
            count += 1;
            next = self.next_after(slot).filter(|slot| *slot <= until);
        }
        (first, count)
    }

    /// The longest time between two slots of which the first comes before `from` + 366 days.
    ///
    /// Gaps of a schedule with more than [`EXACT`] slots in that time are looked for in steps of at
    /// least [`COARSE`]: one that is shorter, and first seen after the exact part, is not found.
    pub fn longest_gap(&self, from: Timestamp) -> Seconds {
        let end = from + Seconds::days(366);
        let before = self.latest_at_or_before(from, Timestamp::from_seconds(i64::MIN));
        let Some(mut slot) = before.or_else(|| self.next_after(from)) else { return Seconds(0) };
        let mut longest = 0;
        for _ in 0..EXACT {
            let Some(next) = self.next_after(slot) else { return Seconds(longest) };
            longest = longest.max(next.since(slot).as_secs());
            slot = next;
            if slot >= end {
                return Seconds(longest);
            }
        }
        // No gap that begins before `newest` and is longer than `step` escapes: the slots up to
        // `newest` lie within one step.
        while slot < end {
            let step = Seconds(longest.max(COARSE.0));
            if let Some(newest) = self.latest_at_or_before(slot + step, slot) {
                slot = newest;
            } else {
                let Some(next) = self.next_after(slot) else { break };
                longest = next.since(slot).as_secs();
                slot = next;
            }
        }
        Seconds(longest)
    }

    fn is_fixed(&self) -> bool {
        self.pattern.is_fixed() && !is_planted(Bug::NaiveSummerTime)
    }

    fn fixed_after(&self, second: i64) -> Option<i64> {
        let mut from = second + self.offset_at(second)? + 1;
        // Within the second showing of an hour, its times lie in the past already.
        for _ in 0..=REPEATED {
            let reading = self.pattern.at_or_after(from)?;
            let slot = self.instant_of(reading)?;
            if slot > second {
                return Some(slot);
            }
            from = reading + 1;
        }
        None
    }

    fn fixed_before(&self, now: Timestamp) -> Option<i64> {
        let now = now.seconds();
        // In the second showing of an hour, all of the first showing is past.
        let reading = now + self.offset_at(now)?;
        let mut until = match self.shown_twice(reading)? {
            Some(before) => now + before,
            None => reading,
        };
        for _ in 0..=REPEATED {
            let reading = self.pattern.at_or_before(until)?;
            let slot = self.instant_of(reading)?;
            if slot <= now {
                return Some(slot);
            }
            until = reading - 1;
        }
        None
    }

    fn wild_after(&self, second: i64) -> Option<i64> {
        let mut start = second + 1;
        for _ in 0..CLOCK_CHANGES {
            let offset = self.offset_at(start)?;
            let slot = self.pattern.at_or_after(start + offset)? - offset;
            if slot - start < QUIET && self.offset_at(slot)? == offset {
                return Some(slot);
            }
            let before_start = jiff::Timestamp::from_second(start).ok()?;
            let change =
                self.zone.following(before_start).next().map(|change| change.timestamp().as_second());
            match change {
                Some(change) if change <= slot => start = change,
                Some(_) | None => return Some(slot),
            }
        }
        None
    }

    fn wild_before(&self, now: Timestamp) -> Option<i64> {
        let mut end = now.seconds();
        for _ in 0..CLOCK_CHANGES {
            let offset = self.offset_at(end)?;
            let slot = self.pattern.at_or_before(end + offset)? - offset;
            if end - slot < QUIET && self.offset_at(slot)? == offset {
                return Some(slot);
            }
            match self.change_at_or_before(end) {
                Some(change) if change > slot => end = change - 1,
                Some(_) | None => return Some(slot),
            }
        }
        None
    }

    /// The instant at which a time that is owed once a day runs.
    fn instant_of(&self, reading: Reading) -> Option<i64> {
        match self.zone.to_ambiguous_timestamp(wall::datetime_of(reading)?).offset() {
            AmbiguousOffset::Unambiguous { offset } => Some(reading - i64::from(offset.seconds())),
            AmbiguousOffset::Fold { before, .. } => Some(reading - i64::from(before.seconds())),
            AmbiguousOffset::Gap { before, .. } => {
                // Read by the old offset, a skipped time lies behind the change.
                self.change_at_or_before(reading - i64::from(before.seconds()))
            }
        }
    }

    /// The old offset, if the wall shows this reading twice.
    fn shown_twice(&self, reading: Reading) -> Option<Option<i64>> {
        match self.zone.to_ambiguous_timestamp(wall::datetime_of(reading)?).offset() {
            AmbiguousOffset::Fold { before, .. } => Some(Some(i64::from(before.seconds()))),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => Some(None),
        }
    }

    fn change_at_or_before(&self, second: i64) -> Option<i64> {
        let just_after = jiff::Timestamp::from_second(second + 1).ok()?;
        self.zone.preceding(just_after).next().map(|change| change.timestamp().as_second())
    }

    fn offset_at(&self, second: i64) -> Option<i64> {
        let instant = jiff::Timestamp::from_second(second).ok()?;
        Some(i64::from(self.zone.to_offset(instant).seconds()))
    }
}

/// Slots between which the longest gap is looked for one by one.
const EXACT: u32 = 10_000;

/// 366 days in steps of this are 100,000 steps; to a freeze age, which adds hours, it is nothing.
const COARSE: Seconds = Seconds(317);

/// No hour that the wall shows twice is longer than three of them, and a slot a second is the most.
const REPEATED: u32 = 3 * 3600;

/// A search of 8 years meets at most two changes of the clock a year; some zones had four.
const CLOCK_CHANGES: u32 = 8 * 4 + 2;

/// Seconds within which no zone changes its clock twice: the same offset at both ends is no accident.
const QUIET: i64 = 86_400;

#[cfg(test)]
mod tests;
