//! One keep rule at work: the periods it knows, how far it has counted, and where it ends.
//!
//! It is asked about one backup after the other, from new to old, and never looks back.

use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;

use super::{Calendar, Reason};
use crate::domain::policy::{Keep, Retention};
use crate::domain::reach::Reach;
use crate::domain::time::Timestamp;
use crate::planted::{Bug, is_planted};

pub struct Rule {
    word: &'static str,
    period: Period,
    bound: Bound,
    used: u32,
    /// The period that it kept a backup of last.
    last: Option<i64>,
}

/// How far back a rule keeps.
#[derive(Clone, Copy)]
enum Bound {
    Count(Keep),
    /// Only what is taken after this instant.
    After(Timestamp, Reach),
}

/// Of what a rule keeps the newest.
#[derive(Clone, Copy)]
enum Period {
    /// Every backup is one of its own.
    Each,
    Hour,
    Day,
    /// From Monday to Sunday.
    Week,
    Month,
    Year,
}

const PERIODS: [Period; 6] =
    [Period::Each, Period::Hour, Period::Day, Period::Week, Period::Month, Period::Year];

/// The rules that are set, in the order in which their reasons are told.
pub fn rules(retention: &Retention, newest: Timestamp, calendar: Calendar<'_>) -> Vec<Rule> {
    let anchor = if is_planted(Bug::WithinFromNow) { calendar.now } else { newest };
    let mut rules = Vec::new();
    let mut add = |word, period, bound| rules.push(Rule { word, period, bound, used: 0, last: None });
    for ((word, keep), period) in retention.counts().into_iter().zip(PERIODS) {
        if let Some(keep) = keep {
            add(word, period, Bound::Count(keep));
        }
    }
    for ((word, reach), period) in retention.reaches().into_iter().zip(PERIODS) {
        if let Some(reach) = reach {
            add(word, period, Bound::After(reach.before(anchor, calendar.zone), reach));
        }
    }
    rules
}

impl Rule {
    /// The reason for which this rule keeps the candidate, if it does. Called from new to old.
    pub fn keeps(&mut self, candidate: &mut Wall<'_>, is_oldest: bool) -> Option<Reason> {
        let is_over = match self.bound {
            Bound::Count(Keep::All) => false,
            Bound::Count(Keep::Count(count)) => {
                self.used + u32::from(is_planted(Bug::KeepCountOffByOne)) >= count
            }
            Bound::After(after, _) => candidate.taken_at <= after,
        };
        if is_over {
            return None;
        }
        let period = self.period.number(candidate);
        if period.is_none() || period != self.last {
            self.last = period;
            self.used += 1;
            return Some(match self.bound {
                Bound::Count(keep) => Reason::Counted { rule: self.word, used: self.used, keep },
                Bound::After(_, reach) => Reason::Within { rule: self.word, reach },
            });
        }
        // So that a young shelf grows to its full reach.
        let keeps_oldest = is_oldest && matches!(self.bound, Bound::Count(_));
        keeps_oldest.then_some(Reason::Oldest { rule: self.word })
    }
}

/// A candidate, with its time on the wall once somebody asks for it.
pub struct Wall<'a> {
    taken_at: Timestamp,
    zone: &'a TimeZone,
    read: Option<DateTime>,
}

impl<'a> Wall<'a> {
    pub fn new(taken_at: Timestamp, zone: &'a TimeZone) -> Self {
        Self { taken_at, zone, read: None }
    }

    fn time(&mut self) -> DateTime {
        *self.read.get_or_insert_with(|| self.zone.to_datetime(self.taken_at.zoned()))
    }
}

impl Period {
    /// Two of the same period in a row have the same number.
    fn number(self, candidate: &mut Wall<'_>) -> Option<i64> {
        let mut time = || candidate.time();
        match self {
            Self::Each => None,
            Self::Hour => Some(day_number(time()) * 24 + i64::from(time().hour())),
            Self::Day => Some(day_number(time())),
            // The day 0 is a Monday.
            Self::Week if is_planted(Bug::WeeksFromSunday) => Some((day_number(time()) + 1).div_euclid(7)),
            Self::Week => Some(day_number(time()).div_euclid(7)),
            Self::Month => Some(i64::from(time().year()) * 12 + i64::from(time().month())),
            Self::Year => Some(i64::from(time().year())),
        }
    }
}

/// Days since Monday, 5 January 1970.
fn day_number(time: DateTime) -> i64 {
    const MONDAY: Date = date(1970, 1, 5);
    time.date().duration_since(MONDAY).as_hours() / 24
}
