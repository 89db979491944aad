//! A reach back in time by the calendar, as restic writes it: `1y2m3d4h`.
//!
//! Years, months and days are those of a calendar, hours are always of 3600 seconds.

use std::fmt;
use std::str::FromStr;

use jiff::Span;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

use super::time::{Seconds, Timestamp};

/// Never nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reach {
    pub years: u32,
    pub months: u32,
    pub days: u32,
    pub hours: u32,
}

/// More than any calendar holds, and no sum of such numbers overflows.
const LARGEST: u32 = 10_000_000;

impl Reach {
    /// So far before `anchor`, whose day and month are those of the zone.
    ///
    /// A day that the month does not have runs over into the next one, as with Go's `AddDate`:
    /// 31 March less one month is 3 March, or 2 March in a leap year.
    pub fn before(self, anchor: Timestamp, zone: &TimeZone) -> Timestamp {
        let hours = Seconds::hours(u64::from(self.hours));
        if (self.years, self.months, self.days) == (0, 0, 0) {
            return anchor - hours;
        }
        let local = zone.to_datetime(anchor.zoned());
        let date = self.date_before(local.date());
        let moved = date.map(|date| instant(date.to_datetime(local.time()), zone));
        // Further back than the calendar goes.
        moved.unwrap_or(Timestamp::from_micros(i64::MIN)) - hours
    }

    fn date_before(self, date: Date) -> Option<Date> {
        let month = i64::from(date.year()) * 12 + i64::from(date.month()) - 1;
        let month = month - i64::from(self.years) * 12 - i64::from(self.months);
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        let first = Date::new(year, i8::try_from(month.rem_euclid(12) + 1).ok()?, 1).ok()?;
        let days = i64::from(date.day()) - 1 - i64::from(self.days);
        first.checked_add(Span::new().try_days(days).ok()?).ok()
    }
}

/// The instant of a time on the wall. Where the zone skips it or shows it twice, the choice is Go's:
/// the offset in force at that time of UTC, if it is still in force at the instant that follows
/// from it, else the one that is.
fn instant(wall: DateTime, zone: &TimeZone) -> Timestamp {
    let read_with =
        |offset: Offset| offset.to_timestamp(wall).map_or(Timestamp::from_micros(i64::MIN), Timestamp::from);
    let offset_at = |instant: Timestamp| zone.to_offset(instant.zoned());
    let guess = offset_at(read_with(Offset::UTC));
    let instant = read_with(guess);
    read_with(offset_at(instant))
}

/// Such as `1y2m3d4h`.
impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [(self.years, 'y'), (self.months, 'm'), (self.days, 'd'), (self.hours, 'h')];
        parts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .try_for_each(|(number, unit)| write!(f, "{number}{unit}"))
    }
}

/// An error is the rule that the text breaks.
impl FromStr for Reach {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        if rest.starts_with('-') {
            return Err("must not be negative".to_owned());
        }
        let mut parts = [('y', None), ('m', None), ('d', None), ('h', None)];
        while !rest.is_empty() {
            let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            let mut letters = after.chars();
            let (Some(unit), false) = (letters.next(), number.is_empty()) else {
                return Err(RULE.to_owned());
            };
            let Some(part) = parts.iter_mut().find(|(known, _)| *known == unit) else {
                return Err(format!("has the unit `{unit}`; {RULE}"));
            };
            if part.1.is_some() {
                return Err(format!("names the unit `{unit}` twice"));
            }
            let number = number.parse().ok().filter(|number| *number <= LARGEST);
            part.1 = Some(number.ok_or_else(|| format!("must have numbers up to {LARGEST}"))?);
            rest = letters.as_str();
        }
        let [years, months, days, hours] = parts.map(|(_, number)| number.unwrap_or(0));
        if text.trim().is_empty() {
            return Err(RULE.to_owned());
        }
        if (years, months, days, hours) == (0, 0, 0, 0) {
            return Err("must be longer than nothing; leave it out instead".to_owned());
        }
        Ok(Self { years, months, days, hours })
    }
}

const RULE: &str = "must be numbers with the units y, m (months), d and h, such as \"7d\" or \"1y6m\"";

impl TryFrom<String> for Reach {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Reach> for String {
    fn from(reach: Reach) -> Self {
        reach.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(text: &str) -> Reach {
        text.parse().unwrap()
    }

    fn before(text: &str, anchor: &str, zone: &str) -> String {
        let zone = crate::domain::schedule::zone(zone).unwrap();
        let before = reach(text).before(anchor.parse().unwrap(), &zone);
        before.zoned().to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    #[test]
    fn a_reach_survives_its_text_and_has_one_form() {
        for (text, form) in [("1y2m3d4h", "1y2m3d4h"), ("4h3d", "3d4h"), ("007d", "7d"), (" 12m ", "12m")] {
            assert_eq!(reach(text).to_string(), form);
            assert_eq!(reach(form), reach(text));
        }
    }

    #[test]
    fn what_is_no_reach_is_refused_with_its_rule() {
        let said = |text: &str| text.parse::<Reach>().unwrap_err();
        for text in ["", "d", "7", "7d3", "d7", "7 d", "1.5d"] {
            assert!(said(text).contains("such as"), "{text}: {}", said(text));
        }
        assert!(said("2w").contains("`w`"));
        assert!(said("7D").contains("`D`"));
        assert_eq!(said("-1d"), "must not be negative");
        assert_eq!(said("1d2d"), "names the unit `d` twice");
        assert_eq!(said("0d0h"), "must be longer than nothing; leave it out instead");
        assert_eq!(said("99999999999d"), "must have numbers up to 10000000");
    }

    #[test]
    fn a_day_that_the_month_lacks_runs_over_into_the_next_month() {
        assert_eq!(before("1m", "2026-03-31T12:00:00Z", "UTC"), "2026-03-03 12:00:00 +00:00");
        assert_eq!(before("1m", "2024-03-31T12:00:00Z", "UTC"), "2024-03-02 12:00:00 +00:00");
        assert_eq!(before("1y", "2024-02-29T12:00:00Z", "UTC"), "2023-03-01 12:00:00 +00:00");
        assert_eq!(before("1m1d", "2026-03-31T12:00:00Z", "UTC"), "2026-03-02 12:00:00 +00:00");
    }

    #[test]
    fn days_are_those_of_the_calendar_and_hours_are_always_as_long() {
        let anchor = "2026-03-29T10:00:00Z";
        assert_eq!(before("1d", anchor, "Europe/Berlin"), "2026-03-28 12:00:00 +01:00");
        assert_eq!(before("24h", anchor, "Europe/Berlin"), "2026-03-28 11:00:00 +01:00");
    }

    /// Go reads them so; restic inherits it.
    #[test]
    fn a_time_that_the_wall_skips_or_shows_twice_is_read_as_restic_reads_it() {
        assert_eq!(before("1d", "2026-03-30T00:30:00Z", "Europe/Berlin"), "2026-03-29 03:30:00 +02:00");
        assert_eq!(before("1d", "2026-10-26T01:30:00Z", "Europe/Berlin"), "2026-10-25 02:30:00 +01:00");
        assert_eq!(before("1d", "2026-03-09T06:30:00Z", "America/New_York"), "2026-03-08 01:30:00 -05:00");
        assert_eq!(before("1d", "2026-11-02T06:30:00Z", "America/New_York"), "2026-11-01 01:30:00 -04:00");
    }

    #[test]
    fn a_reach_past_the_calendar_is_all_of_it() {
        assert_eq!(
            reach("10000000y").before(Timestamp::EPOCH, &TimeZone::UTC),
            Timestamp::from_micros(i64::MIN)
        );
        assert!(reach("10000000d").before(Timestamp::EPOCH, &TimeZone::UTC) <= Timestamp::EPOCH);
    }
}
