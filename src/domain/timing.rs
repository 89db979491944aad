//! Timing: when the backup of a slot may start, and how late it may still be caught up.
//!
//! It knows no machine's state; what else stands in the way is for those who decide slots.

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use serde::{Deserialize, Serialize};

use super::busy::BusyCheck;
use super::policy::Rules;
use super::schedule::Schedule;
use super::slot::Slot;
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

/// What a policy says about time beside its schedule. The default says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The hours in which a backup may start, in the policy's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// A slot starts later by a span up to this, always the same for the same slot.
    #[serde(default)]
    pub jitter: Seconds,
    #[serde(default)]
    pub catch_up: CatchUp,
    /// How late a slot is still caught up; without it, the rule for all policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up_window: Option<Seconds>,
    /// Who is asked whether a machine is busy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_check: Option<BusyCheck>,
}

/// What is made up for slots that passed while nothing could be taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// One backup for all that were missed.
    #[default]
    Latest,
    /// Nothing: a slot starts in its own time or never.
    None,
}

/// Under `catch_up = "none"`: a start within this is in time. A queue of machines needs some.
const IN_TIME: Seconds = Seconds::hours(1);

impl Timing {
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// When a slot starts: at its time, or later by its share of the jitter, but before the next
    /// slot and before the allowed hours end. What is caught up is late already and starts at once.
    pub fn start_of(&self, slot: &Slot, schedule: &Schedule, catches_up: bool) -> Timestamp {
        if self.jitter.0 == 0 || (catches_up && !is_planted(Bug::JitterOnCatchUp)) {
            return slot.due;
        }
        let next = schedule.next_after(slot.due).unwrap_or(slot.due + self.jitter);
        let closes = self.window.filter(|window| window.contains(schedule.zone(), slot.due));
        let closes = closes.and_then(|window| window.change_after(schedule.zone(), slot.due, false));
        let end = closes.map_or(next, |closes| closes.min(next));
        let bound = self.jitter.0.min(end.since(slot.due).as_secs().saturating_sub(1));
        slot.due + Seconds(slot.draw() % (bound + 1))
    }

    /// The last moment at which the slot that starts at `start` may start.
    pub fn latest_start(&self, due: Timestamp, start: Timestamp, rules: &Rules) -> Timestamp {
        match self.catch_up {
            CatchUp::Latest => due + self.catch_up_window.unwrap_or(rules.catch_up),
            CatchUp::None => start + IN_TIME,
        }
    }
}

/// Allowed hours of the day, such as `22:00-06:00`; the end is not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Window {
    /// Minutes from midnight.
    pub from_minute: u16,
    pub until_minute: u16,
}

impl Window {
    /// Whether a backup may start at this instant.
    pub fn contains(self, zone: &TimeZone, at: Timestamp) -> bool {
        let wall = zone.to_datetime(at.zoned());
        let minute = u16::from(wall.hour().unsigned_abs()) * 60 + u16::from(wall.minute().unsigned_abs());
        if self.from_minute < self.until_minute {
            (self.from_minute..self.until_minute).contains(&minute)
        } else {
            minute >= self.from_minute || minute < self.until_minute
        }
    }

    /// The first instant after `at` at which it opens (or closes): at its hour, or where the clock
    /// jumps over it.
    pub fn change_after(self, zone: &TimeZone, at: Timestamp, opens: bool) -> Option<Timestamp> {
        let minute = if opens { self.from_minute } else { self.until_minute };
        let today = Zoned::new(at.zoned(), zone.clone()).start_of_day().ok()?.datetime();
        let hours = (0..=DAYS_AHEAD).flat_map(|day| {
            // An hour that the wall shows twice opens twice.
            let shown = wall_time(today, day, minute).map(|wall| zone.to_ambiguous_timestamp(wall));
            let both = shown.map(|shown| [shown.earlier(), shown.later()]);
            both.into_iter().flatten().filter_map(|instant| Some(Timestamp::from(instant.ok()?)))
        });
        let end = at + Seconds::days(DAYS_AHEAD.unsigned_abs());
        let changes = zone.following(at.zoned()).map(|change| Timestamp::from(change.timestamp()));
        let mut edges: Vec<Timestamp> = hours.chain(changes.take_while(|change| *change <= end)).collect();
        edges.sort_unstable();
        edges.into_iter().find(|edge| *edge > at && self.contains(zone, *edge) == opens)
    }
}

fn wall_time(today: DateTime, day: i64, minute: u16) -> Option<DateTime> {
    let midnight = today.checked_add(SignedDuration::from_hours(24 * day)).ok()?;
    Some(midnight.date().at(i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?, 0, 0))
}

/// A window opens every day; where a whole day is skipped, on the one after.
const DAYS_AHEAD: i64 = 3;

impl FromStr for Window {
    /// The rule that the text breaks.
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be two times of day, such as \"22:00-06:00\"";
        let minute = |time: &str| {
            let (hour, minute) = time.trim().split_once(':')?;
            let is_number = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            if !is_number(hour) || !is_number(minute) {
                return None;
            }
            let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
            (hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        let (from, until) = text.split_once('-').ok_or(RULE)?;
        let (from_minute, until_minute) = (minute(from).ok_or(RULE)?, minute(until).ok_or(RULE)?);
        if from_minute == until_minute {
            return Err("must begin and end at different times; leave it out to allow every hour");
        }
        Ok(Self { from_minute, until_minute })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (self.from_minute, self.until_minute);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, until / 60, until % 60)
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

impl TryFrom<String> for Window {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{MachineId, PolicyName};
    use crate::domain::schedule::zone;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_over_midnight_holds_both_ends_of_the_night() {
        let window: Window = "22:00-06:00".parse().unwrap();
        let berlin = zone("Europe/Berlin").unwrap();
        let is_open = |text: &str| window.contains(&berlin, at(text));
        // Berlin is an hour ahead in winter.
        assert!(is_open("2026-01-05T21:00:00Z") && is_open("2026-01-05T04:59:59Z"));
        assert!(!is_open("2026-01-05T05:00:00Z") && !is_open("2026-01-05T20:59:59Z"));
    }

    #[test]
    fn a_window_opens_and_closes_as_a_walk_over_every_minute_says() {
        for (window, zone_name, from) in [
            ("22:00-06:00", "Europe/Berlin", "2026-03-28T00:00:00Z"),
            ("02:30-03:30", "Europe/Berlin", "2026-03-28T00:00:00Z"),
            ("02:15-02:45", "Europe/Berlin", "2026-10-24T00:00:00Z"),
            ("00:00-00:30", "Africa/Cairo", "2026-04-23T00:00:00Z"),
            ("09:00-17:00", "Pacific/Apia", "2011-12-28T00:00:00Z"),
        ] {
            let (window, zone): (Window, _) = (window.parse().unwrap(), zone(zone_name).unwrap());
            let begin = at(from);
            let minutes = (0..4 * 1440).map(|minute| begin + Seconds::minutes(minute));
            let mut was_open = window.contains(&zone, begin);
            let mut change = begin;
            for minute in minutes {
                let is_open = window.contains(&zone, minute);
                if is_open != was_open {
                    let found = window.change_after(&zone, change, is_open);
                    assert_eq!(found, Some(minute), "{window} in {zone_name} after {change}");
                    (was_open, change) = (is_open, minute);
                }
            }
            assert!(change > begin);
        }
    }

    #[test]
    fn a_window_is_two_different_times_of_day() {
        assert_eq!("22:00-06:30".parse::<Window>().unwrap().to_string(), "22:00-06:30");
        for wrong in ["", "22-06", "22:00", "24:00-06:00", "22:60-06:00", "22:00-22:00", "+1:00-02:00"] {
            assert!(wrong.parse::<Window>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn jitter_is_the_same_for_a_slot_and_stays_before_the_next_slot_and_in_the_window() {
        let schedule = Schedule::parse("*/10 * * * *", "UTC").unwrap();
        let timing = Timing {
            jitter: Seconds::minutes(30),
            window: Some("00:00-01:02".parse().unwrap()),
            ..Timing::default()
        };
        let mut starts = std::collections::BTreeSet::new();
        for number in 0..200 {
            let machine = MachineId::new(format!("BRK-{number}D"));
            for (due, length) in [("2026-03-01T00:10:00Z", 600), ("2026-03-01T01:00:00Z", 120)] {
                let slot = Slot { policy: PolicyName::new("p"), machine: machine.clone(), due: at(due) };
                let start = timing.start_of(&slot, &schedule, false);
                assert_eq!(start, timing.start_of(&slot, &schedule, false));
                assert!(start >= slot.due && start.since(slot.due).as_secs() < length);
                assert_eq!(timing.start_of(&slot, &schedule, true), slot.due);
                starts.insert(start);
            }
        }
        assert!(starts.len() > 150, "only {} different starts", starts.len());
    }
}
