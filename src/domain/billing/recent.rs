//! The last hours: what each hour has cost by its records, and what was spent by the balance. Bounded,
//! and only there to tell how fast money goes now.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::close::SETTLES_AFTER;
use super::event::HourClosed;
use super::spread::HOUR;
use crate::domain::money::{Currency, Nanos};
use crate::domain::time::{Seconds, Timestamp};

/// Hours of which the cost is remembered; more than what settles late and is averaged.
const KEPT_HOURS: i64 = 12;
/// Hours that the burn by records is the mean of.
const AVERAGED_HOURS: i64 = 3;
/// Records that were last read longer ago tell nothing of now.
const RECORDS_LAST: Seconds = Seconds::hours(8);
/// The balance of so long ago is what the present one is compared with.
const BALANCE_WINDOW: Seconds = Seconds::hours(6);
/// A shorter span says more of when the cloud books than of how fast it does.
const LEAST_SPAN: Seconds = Seconds::hours(1);
const BETWEEN_SAMPLES: Seconds = Seconds::minutes(15);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recent {
    /// By hours since 1970.
    hours: BTreeMap<i64, BTreeMap<Currency, Nanos>>,
    /// What was topped up by then, less what was left: it grows by what is spent and by nothing else.
    spent: BTreeMap<Currency, Vec<Sample>>,
    /// The beginning of the last complete look at the balance, of whichever process.
    pub balance_seen: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    at: Timestamp,
    spent: Nanos,
}

impl Recent {
    pub(super) fn close_hour(&mut self, closed: &HourClosed, at: Timestamp) {
        let first = at.seconds().div_euclid(HOUR) - KEPT_HOURS;
        self.hours = self.hours.split_off(&first);
        let hour = closed.hour.seconds().div_euclid(HOUR);
        if hour >= first {
            let sum = self.hours.entry(hour).or_default().entry(closed.currency).or_default();
            *sum = Nanos(sum.0.saturating_add(closed.amount.0));
        }
    }

    pub(super) fn see_balance(
        &mut self,
        balance: &BTreeMap<Currency, Nanos>,
        topped_up: &BTreeMap<Currency, Nanos>,
        began: Timestamp,
    ) {
        self.balance_seen = Some(began);
        self.spent.retain(|currency, _| balance.contains_key(currency));
        for (currency, left) in balance {
            let topped = topped_up.get(currency).copied().unwrap_or_default();
            let spent = Nanos(topped.0.saturating_sub(left.0));
            let samples = self.spent.entry(*currency).or_default();
            let is_soon = |last: &Sample| began.since(last.at) < BETWEEN_SAMPLES.duration();
            // The newest is always the last look, so that the fall is told up to it.
            if samples.len() > 1 && samples.iter().rev().nth(1).is_some_and(is_soon) {
                samples.pop();
            }
            samples.push(Sample { at: began, spent });
            samples.retain(|sample| began.since(sample.at) <= BALANCE_WINDOW.duration());
        }
    }

    /// After a step of the clock no two instants can be compared.
    pub(super) fn forget_spans(&mut self, moved: impl Fn(Timestamp) -> Timestamp) {
        self.spent.clear();
        self.balance_seen = self.balance_seen.map(moved);
    }

    /// The mean of the last hours that are settled, up to where all records were read.
    pub fn by_records(
        &self,
        currency: Currency,
        since: Timestamp,
        read: Timestamp,
        now: Timestamp,
    ) -> Option<Nanos> {
        let until = (now - SETTLES_AFTER.duration()).min(read).seconds().div_euclid(HOUR);
        // Of an hour in which the first look fell, a part was never counted.
        let first = since.seconds().div_euclid(HOUR) + 1;
        let from = (until - AVERAGED_HOURS).max(first);
        if from >= until || now.since(read) > RECORDS_LAST.duration() {
            return None;
        }
        let costs = self.hours.range(from..until).filter_map(|(_, costs)| costs.get(&currency));
        let sum: i128 = costs.map(|cost| i128::from(cost.0)).sum();
        per_hour(sum, i128::from((until - from) * HOUR) * 1_000_000)
    }

    /// The fall of the balance over its last hours.
    pub fn by_balance(&self, currency: Currency) -> Option<Nanos> {
        let samples = self.spent.get(&currency)?;
        let (first, last) = (samples.first()?, samples.last()?);
        let span = last.at.since(first.at);
        if span < LEAST_SPAN.duration() {
            return None;
        }
        let spent = i128::from(last.spent.0) - i128::from(first.spent.0);
        per_hour(spent, i128::try_from(span.as_micros()).ok()?)
    }
}

/// Rounded down; what came back is no burn.
fn per_hour(nanos: i128, micros: i128) -> Option<Nanos> {
    let hour = i128::from(HOUR) * 1_000_000;
    let each = nanos.max(0).checked_mul(hour)?.checked_div(micros)?;
    i64::try_from(each).ok().map(Nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::billing::event::Standing;
    use crate::domain::billing::record::BillKind;

    const USD: Currency = Currency::Usd;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_seconds(1_772_330_400 + minutes * 60)
    }

    fn seen(looks: &[(i64, i64, i64)]) -> Recent {
        let mut recent = Recent::default();
        for (minutes, left, topped) in looks {
            let sums = |amount: i64| BTreeMap::from([(USD, Nanos(amount))]);
            recent.see_balance(&sums(*left), &sums(*topped), at(*minutes));
        }
        recent
    }

    #[test]
    fn the_fall_of_the_balance_leaves_top_ups_out() {
        let recent = seen(&[(0, 10_000, 0), (60, 9_000, 0), (120, 108_000, 100_000)]);
        assert_eq!(recent.by_balance(USD), Some(Nanos(1_000)));
        assert_eq!(recent.by_balance(Currency::Eur), None);
    }

    #[test]
    fn a_balance_of_less_than_an_hour_says_nothing_of_how_fast_it_falls() {
        assert_eq!(seen(&[(0, 10_000, 0), (59, 9_000, 0)]).by_balance(USD), None);
        assert_eq!(seen(&[(0, 10_000, 0), (61, 10_000, 0)]).by_balance(USD), Some(Nanos(0)));
    }

    #[test]
    fn what_is_remembered_of_the_balance_is_bounded_and_reaches_to_the_last_look() {
        let looks: Vec<(i64, i64, i64)> = (0..2_000).map(|minute| (minute, -minute, 0)).collect();
        let recent = seen(&looks);
        let samples = &recent.spent[&USD];
        assert!(samples.len() <= 26, "{}", samples.len());
        assert_eq!(samples.last().unwrap().at, at(1_999));
        assert_eq!(recent.by_balance(USD), Some(Nanos(60)));
    }

    #[test]
    fn hours_that_are_not_settled_or_not_read_do_not_count() {
        let mut recent = Recent::default();
        for (hour, amount) in [(0, 7_000), (1, 7_000), (2, 10), (3, 20), (4, 30), (5, 9_000)] {
            let (kind, standing) = (BillKind::Instance, Standing::Settled);
            let closed =
                HourClosed { kind, currency: USD, hour: at(hour * 60), standing, amount: Nanos(amount) };
            recent.close_hour(&closed, at(hour * 60 + 180));
        }
        let (since, now) = (at(-600), at(7 * 60 + 30));
        assert_eq!(recent.by_records(USD, since, now, now), Some(Nanos(20)));
        assert_eq!(recent.by_records(USD, since, at(4 * 60 + 5), now), Some(Nanos(2_343)));
        // The first hour that was looked at from its beginning on is the fourth.
        assert_eq!(recent.by_records(USD, at(3 * 60 + 1), now, now), Some(Nanos(30)));
        assert_eq!(recent.by_records(USD, at(5 * 60), now, now), None);
        assert_eq!(recent.by_records(USD, since, now, now + Seconds::hours(9).duration()), None);
        // Nothing burnt is a figure, too.
        assert_eq!(recent.by_records(Currency::Inr, since, now, now), Some(Nanos(0)));
    }

    #[test]
    fn hours_are_kept_for_twelve_and_records_tell_for_eight() {
        let mut recent = Recent::default();
        for hour in 0..30 {
            let (kind, standing) = (BillKind::Instance, Standing::Settled);
            let closed = HourClosed { kind, currency: USD, hour: at(hour * 60), standing, amount: Nanos(60) };
            recent.close_hour(&closed, at(hour * 60 + 59));
        }
        assert_eq!(recent.hours.len(), 13);
        let read = at(30 * 60);
        let told = |after: u64| recent.by_records(USD, at(0), read, read + Seconds(after).duration());
        assert_eq!([0, 8 * 3_600].map(told), [Some(Nanos(60)); 2]);
        assert_eq!(told(8 * 3_600 + 1), None);
    }

    #[test]
    fn the_balance_is_compared_with_that_of_six_hours_ago_in_steps_of_a_quarter() {
        let count = |minutes: &[i64]| {
            let looks: Vec<(i64, i64, i64)> = minutes.iter().map(|minute| (*minute, 0, 0)).collect();
            seen(&looks).spent[&USD].len()
        };
        assert_eq!([count(&[0, 7, 14]), count(&[0, 7, 15])], [2, 3]);
        assert_eq!([count(&[0, 360]), count(&[0, 361])], [2, 1]);
    }
}
