//! The balance beside the records: a rise that no refund explains is a top-up; and which reading is so odd
//! that it is made twice.

use std::collections::BTreeMap;

use super::event::ToppedUp;
use crate::domain::event::Event;
use crate::domain::money::{Currency, Nanos};
use crate::domain::state::State;

pub type Balance = BTreeMap<Currency, Nanos>;

/// Whether it is worth asking twice: it rose, more than half of it is gone, or a currency is.
pub fn is_surprise(before: &Balance, now: &Balance) -> bool {
    before.iter().any(|(currency, before)| match now.get(currency) {
        Some(now) => {
            let (before, now) = (i128::from(before.0), i128::from(now.0));
            now > before || (before - now) * 2 > before.abs()
        }
        None => true,
    })
}

/// Whether two readings in a row tell of the same: at least half of each other in every currency.
pub fn agree(one: &Balance, other: &Balance) -> bool {
    let is_near = |one: i128, other: i128| (one >= 0) == (other >= 0) && one.abs() <= 2 * other.abs();
    one.len() == other.len()
        && one.iter().all(|(currency, one)| {
            other.get(currency).is_some_and(|other| {
                let (one, other) = (i128::from(one.0), i128::from(other.0));
                is_near(one, other) && is_near(other, one)
            })
        })
}

/// Judged before a new balance is written down. What was charged in between hides that much of it.
pub fn top_ups(state: &State, balance: &Balance) -> Vec<Event> {
    let (before, refunds) = (&state.ledger.refunds_at_balance, state.ledger.refunds());
    let sum = |sums: &Balance, currency| sums.get(currency).copied().unwrap_or_default().0;
    let risen = balance.iter().filter_map(|(currency, now)| {
        let rise = now.0.saturating_sub(state.fleet.balance.get(currency)?.0);
        let refunded = sum(&refunds, currency).saturating_sub(sum(before, currency));
        let amount = Nanos(rise.saturating_sub(refunded));
        (amount.0 > 0).then_some(Event::ToppedUp(ToppedUp { currency: *currency, amount }))
    });
    risen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(amount: i64) -> Balance {
        BTreeMap::from([(Currency::Usd, Nanos(amount))])
    }

    #[test]
    fn a_balance_that_rose_lost_more_than_half_or_a_currency_is_a_surprise() {
        let told = |before, now| is_surprise(&usd(before), &usd(now));
        assert_eq!([100, 99, 50].map(|now| told(100, now)), [false; 3]);
        assert_eq!([101, 49, 0, -12, i64::MAX].map(|now| told(100, now)), [true; 5]);
        // What is owed grows as it is used.
        assert_eq!([-10, -11, -15, -16].map(|now| told(-10, now)), [false, false, false, true]);
        assert!(is_surprise(&usd(1), &BTreeMap::from([(Currency::Eur, Nanos(1))])));
        assert!(!is_surprise(&Balance::new(), &usd(1)), "the first one that is seen");
    }

    #[test]
    fn two_readings_agree_where_neither_is_more_than_twice_the_other() {
        let told = |one, other| agree(&usd(one), &usd(other));
        assert_eq!([50, 100, 200].map(|other| told(100, other)), [true; 3]);
        assert_eq!([49, 201, -100, 0].map(|other| told(100, other)), [false; 4]);
        assert_eq!([told(-12, -13), told(-12, 12), told(0, 0)], [true, false, true]);
        assert!(!agree(&usd(1), &BTreeMap::from([(Currency::Eur, Nanos(1))])));
    }
}
