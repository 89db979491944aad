//! A cron expression over the wall clock: which readings of a clock on the wall it names.
//!
//! It knows no zone and no instant; a reading is counted in seconds as if the wall stood in UTC.

use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CronPattern, Weekday};
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

use super::ScheduleError;

/// Seconds from 1970-01-01T00:00:00 on the wall to a reading of it.
pub type Reading = i64;

const DAY: i64 = 86_400;

/// How far a search goes. 29 February is at most 8 years away (from 2096 to 2104).
const SEARCH_DAYS: u32 = 8 * 366;

/// Longer than any sensible expression (a list of all 60 minutes has 170 characters).
const MAX_LENGTH: usize = 400;

#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    fields: CronPattern,
    hours: u64,
    minutes: u64,
    seconds: u64,
    is_fixed: bool,
}

impl Pattern {
    pub fn parse(expression: &str) -> Result<Self, ScheduleError> {
        let refuse =
            |rule: String| Err(ScheduleError::Expression { expression: shortened(expression), rule });
        if expression.len() > MAX_LENGTH {
            return refuse(format!("has at most {MAX_LENGTH} characters"));
        }
        let text = expression.trim();
        let count = text.split_whitespace().count();
        if text.starts_with('@') {
            let known = ["@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually"];
            if !known.iter().any(|name| text.eq_ignore_ascii_case(name)) {
                return refuse("a nickname is @hourly, @daily, @weekly, @monthly or @yearly".to_owned());
            }
        } else if !(5..=6).contains(&count) {
            return refuse(format!(
                "has 5 fields (minute hour day month weekday) or 6 (second first), not {count}"
            ));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let fields = match parser.parse(text) {
            Ok(cron) => cron.pattern,
            Err(error) => return refuse(rule_of(&parser, text, &error)),
        };
        let is_wild = fields.seconds.from_wildcard || fields.minutes.from_wildcard;
        let pattern = Self {
            hours: mask(&fields.hours.values()),
            minutes: mask(&fields.minutes.values()),
            seconds: mask(&fields.seconds.values()),
            is_fixed: !is_wild && !fields.hours.from_wildcard,
            fields,
        };
        // Any start will do: without a year field the calendar repeats. 2026 holds no surprise.
        if pattern.at_or_after(1_767_225_600).is_none() {
            return Err(ScheduleError::Never { expression: shortened(expression) });
        }
        Ok(pattern)
    }

    /// Whether every time of day is spelled out, so that each is owed once a day.
    pub fn is_fixed(&self) -> bool {
        self.is_fixed
    }

    /// As a person would say it: `at 02:30, only on Monday`.
    pub fn in_words(&self) -> String {
        let told = self.fields.describe();
        let mut letters = told.trim_end_matches('.').chars();
        letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
    }

    /// The first reading named, not before `from`; `None` if there is none in 8 years.
    pub fn at_or_after(&self, from: Reading) -> Option<Reading> {
        let mut date = date_of(from)?;
        let mut midnight = from.div_euclid(DAY) * DAY;
        let mut earliest = from - midnight;
        for _ in 0..=SEARCH_DAYS {
            if !self.names_month(date) {
                let next = date.last_of_month().tomorrow().ok()?;
                midnight += i64::from(date.days_in_month() - date.day() + 1) * DAY;
                (date, earliest) = (next, 0);
                continue;
            }
            if self.names_day(date)
                && let Some(second) = self.time_at_or_after(earliest)
            {
                return Some(midnight + second);
            }
            (date, midnight, earliest) = (date.tomorrow().ok()?, midnight + DAY, 0);
        }
        None
    }

    /// The last reading named, not after `until`; `None` if there is none in 8 years.
    pub fn at_or_before(&self, until: Reading) -> Option<Reading> {
        let mut date = date_of(until)?;
        let mut midnight = until.div_euclid(DAY) * DAY;
        let mut latest = until - midnight;
        for _ in 0..=SEARCH_DAYS {
            if !self.names_month(date) {
                let previous = date.first_of_month().yesterday().ok()?;
                midnight -= i64::from(date.day()) * DAY;
                (date, latest) = (previous, DAY - 1);
                continue;
            }
            if self.names_day(date)
                && let Some(second) = self.time_at_or_before(latest)
            {
                return Some(midnight + second);
            }
            (date, midnight, latest) = (date.yesterday().ok()?, midnight - DAY, DAY - 1);
        }
        None
    }

    fn names_month(&self, date: Date) -> bool {
        self.fields.month_match(u32::from(date.month().unsigned_abs())).unwrap_or(false)
    }

    fn names_day(&self, date: Date) -> bool {
        let weekday =
            Weekday::from_days_from_sunday(u32::from(date.weekday().to_sunday_zero_offset().unsigned_abs()));
        let (month, day) = (u32::from(date.month().unsigned_abs()), u32::from(date.day().unsigned_abs()));
        self.fields.day_match(i32::from(date.year()), month, day, weekday).unwrap_or(false)
    }

    /// The first second of the day named, not before `earliest`.
    fn time_at_or_after(&self, earliest: i64) -> Option<i64> {
        let (hour, minute, second) = split(earliest);
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = first_from(self.seconds, second)
            {
                return Some(join(hour, minute, second));
            }
            if let Some(minute) = first_from(self.minutes, minute + 1) {
                return Some(join(hour, minute, first_from(self.seconds, 0)?));
            }
        }
        let hour = first_from(self.hours, hour + 1)?;
        Some(join(hour, first_from(self.minutes, 0)?, first_from(self.seconds, 0)?))
    }

    /// The last second of the day named, not after `latest`.
    fn time_at_or_before(&self, latest: i64) -> Option<i64> {
        let (hour, minute, second) = split(latest);
        if has(self.hours, hour) {
            if has(self.minutes, minute)
                && let Some(second) = last_below(self.seconds, second + 1)
            {
                return Some(join(hour, minute, second));
            }
            if let Some(minute) = last_below(self.minutes, minute) {
                return Some(join(hour, minute, last_below(self.seconds, 60)?));
            }
        }
        let hour = last_below(self.hours, hour)?;
        Some(join(hour, last_below(self.minutes, 60)?, last_below(self.seconds, 60)?))
    }
}

/// What the wall shows, and back.
pub fn datetime_of(reading: Reading) -> Option<DateTime> {
    Some(Offset::UTC.to_datetime(jiff::Timestamp::from_second(reading).ok()?))
}

fn date_of(reading: Reading) -> Option<Date> {
    Some(datetime_of(reading)?.date())
}

fn split(second_of_day: i64) -> (u32, u32, u32) {
    // A second of a day is below 86,400.
    let second = u32::try_from(second_of_day).unwrap_or(0);
    (second / 3600, second / 60 % 60, second % 60)
}

fn join(hour: u32, minute: u32, second: u32) -> i64 {
    i64::from(hour * 3600 + minute * 60 + second)
}

fn mask(values: &[u16]) -> u64 {
    values.iter().fold(0, |mask, value| mask | 1 << value)
}

fn has(mask: u64, value: u32) -> bool {
    mask >> value & 1 == 1
}

/// The first value in the mask from `value` on.
fn first_from(mask: u64, value: u32) -> Option<u32> {
    let rest = mask.checked_shr(value).unwrap_or(0);
    (rest != 0).then(|| value + rest.trailing_zeros())
}

/// The last value in the mask below `value`, which is at most 60.
fn last_below(mask: u64, value: u32) -> Option<u32> {
    let rest = mask & ((1 << value) - 1);
    rest.checked_ilog2()
}

/// croner's words without its own class names, after the field that is to blame, which it does not say.
fn rule_of(parser: &CronParser, text: &str, error: &CronError) -> String {
    let told = match error {
        CronError::IllegalCharacters(_) => "a character that this field does not take".to_owned(),
        CronError::EmptyPattern
        | CronError::InvalidDate
        | CronError::InvalidTime
        | CronError::TimeSearchLimitExceeded => error.to_string(),
        CronError::InvalidPattern(words) | CronError::ComponentError(words) => words.clone(),
    };
    let mut letters = told.trim_end_matches('.').chars();
    let told: String =
        letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default();
    let fields: Vec<&str> = text.split_whitespace().collect();
    let names = [
        ("second", "0 to 59"),
        ("minute", "0 to 59"),
        ("hour", "0 to 23"),
        ("day", "1 to 31"),
        ("month", "1 to 12"),
        ("weekday", "0 to 7"),
    ];
    let names = &names[names.len().saturating_sub(fields.len())..];
    for (position, (field, (name, limits))) in fields.iter().zip(names).enumerate() {
        let mut alone = vec!["*"; fields.len()];
        alone[position] = field;
        if parser.parse(&alone.join(" ")).is_err() {
            return format!("{name} {:?}: {told}; it takes {limits}", shortened(field));
        }
    }
    told
}

fn shortened(expression: &str) -> String {
    expression.chars().take(80).collect()
}
