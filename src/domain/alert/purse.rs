//! Purses: what is left in each currency and how long it lasts, or that nobody can tell.

use std::collections::BTreeSet;

use super::matter::{Matter, Purse};
use crate::domain::money::{Currency, Nanos};
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};

/// After so many looks in a row that failed, the balance of before is no longer believed.
const BELIEVED_FOR: u32 = 3;
const MONTH: Seconds = Seconds::days(30);

/// The currencies whose balance matters: those that are spent, that a floor is set for, or that an
/// alert is about already.
pub fn currencies(state: &State) -> BTreeSet<Currency> {
    let burning = Currency::ALL.into_iter().filter(|of| burn(state, *of).is_some_and(|burn| burn.0 > 0));
    let held = state.alerts.active.keys().filter_map(|matter| match matter {
        Matter::Balance(currency) => Some(*currency),
        _ => None,
    });
    burning.chain(state.alert_rules().floors.keys().copied()).chain(held).collect()
}

/// `None`: it cannot be read, or was not read by this process yet.
pub fn of(state: &State, now: Timestamp, currency: Currency) -> Option<Purse> {
    let look = &state.fleet.balance_look;
    let amount = *state.fleet.balance.get(&currency)?;
    if look.complete.is_none() || look.failures >= BELIEVED_FOR {
        return None;
    }
    Some(purse(now, currency, amount, burn(state, currency)))
}

fn purse(now: Timestamp, currency: Currency, amount: Nanos, burn_per_hour: Option<Nanos>) -> Purse {
    let burning = burn_per_hour.filter(|burn| burn.0 > 0);
    let lasts = burning.map(|burn| {
        let seconds = i128::from(amount.0.max(0)) * 3_600 / i128::from(burn.0);
        Seconds(u64::try_from(seconds).unwrap_or(u64::MAX).min(LONGEST.0))
    });
    let month = burning.map(|burn| burn.0.saturating_mul(MONTH.0 as i64 / 3_600));
    let missing = month.map(|month| Nanos(month.saturating_sub(amount.0))).filter(|sum| sum.0 > 0);
    Purse {
        currency,
        amount,
        burn_per_hour,
        runs_out: lasts.map(|lasts| now + lasts),
        add_for_month: missing,
        by_hours: false,
    }
}

/// A run-out later than a hundred years from now is told as that.
const LONGEST: Seconds = Seconds::days(36_500);

/// What all that is there costs in an hour; `None`: not known.
fn burn(_state: &State, _currency: Currency) -> Option<Nanos> {
    None
}
