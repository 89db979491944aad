//! What each resource has cost in this month and the one before, as its records were observed.
//!
//! Bounded: older months are told by the days in the journal, and not kept here.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::spread::HOUR;
use crate::domain::money::{Currency, Nanos};
use crate::domain::time::Timestamp;

/// A month of UTC, counted from the year 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(i32);

/// By resource, and by currency.
pub type Costs = BTreeMap<String, BTreeMap<Currency, Nanos>>;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Months {
    pub(super) costs: BTreeMap<Month, Costs>,
    /// What came before is not taken in.
    first: Month,
}

impl Month {
    pub fn of(at: Timestamp) -> Self {
        let date = at.zoned().to_zoned(TimeZone::UTC).date();
        Self(i32::from(date.year()) * 12 + i32::from(date.month()) - 1)
    }

    pub fn before(self) -> Self {
        Self(self.0 - 1)
    }

    /// `2026-03`
    pub fn name(self) -> String {
        format!("{:04}-{:02}", self.0.div_euclid(12), self.0.rem_euclid(12) + 1)
    }
}

impl Months {
    pub fn of(&self, month: Month) -> Option<&Costs> {
        self.costs.get(&month)
    }

    /// Forgets what is older than the month before the present one.
    pub(super) fn begin(&mut self, at: Timestamp) {
        let first = Month::of(at).before();
        if first != self.first {
            self.costs = self.costs.split_off(&first);
            self.first = first;
        }
    }

    /// Hours since 1970 and what each has cost, in order.
    pub(super) fn lay(&mut self, resource: &str, currency: Currency, hours: &[(i64, Nanos)]) {
        let month_at = |hour: i64| Month::of(Timestamp::from_seconds(hour.saturating_mul(HOUR)));
        let (Some((begin, _)), Some((end, _))) = (hours.first(), hours.last()) else { return };
        let (begin, end) = (month_at(*begin), month_at(*end));
        for (hour, amount) in hours {
            let month = if begin == end { begin } else { month_at(*hour) };
            if month < self.first || amount.0 == 0 {
                continue;
            }
            let costs = self.costs.entry(month).or_default();
            if !costs.contains_key(resource) {
                costs.insert(resource.to_owned(), BTreeMap::new());
            }
            if let Some(of_resource) = costs.get_mut(resource) {
                let sum = of_resource.entry(currency).or_default();
                *sum = Nanos(sum.0.saturating_add(amount.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_cost_is_of_the_month_of_its_hours_and_two_months_are_kept() {
        let mut months = Months::default();
        let hour = |text: &str| at(text).seconds() / HOUR;
        let mut lay = |now: &str, text: &str| {
            months.begin(at(now));
            let first = hour(text);
            months.lay("BRK-1D", Currency::Usd, &[(first, Nanos(2)), (first + 1, Nanos(3))]);
            months.clone()
        };
        let kept = lay("2026-03-01T02:00:00Z", "2026-02-28T23:00:00Z");
        let march = Month::of(at("2026-03-31T23:59:59Z"));
        assert_eq!((march.name().as_str(), march.before().name().as_str()), ("2026-03", "2026-02"));
        let cost = |kept: &Months, month| kept.of(month).map(|costs| costs["BRK-1D"][&Currency::Usd].0);
        assert_eq!((cost(&kept, march), cost(&kept, march.before())), (Some(3), Some(2)));
        // A correction of a month that is no longer kept does not bring it back.
        let kept = lay("2026-04-01T00:00:00Z", "2026-02-10T00:00:00Z");
        assert_eq!((cost(&kept, march), cost(&kept, march.before())), (Some(3), None));
    }
}
