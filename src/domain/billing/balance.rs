//! The balance beside the records: a rise that no refund explains is a top-up.

use std::collections::BTreeMap;

use super::event::ToppedUp;
use crate::domain::event::Event;
use crate::domain::money::{Currency, Nanos};
use crate::domain::state::State;

/// Judged before a new balance is written down. What was charged in between hides that much of it.
pub fn top_ups(state: &State, balance: &BTreeMap<Currency, Nanos>) -> Vec<Event> {
    let (before, refunds) = (&state.ledger.refunds_at_balance, state.ledger.refunds());
    let sum = |sums: &BTreeMap<Currency, Nanos>, currency| sums.get(currency).copied().unwrap_or_default().0;
    let risen = balance.iter().filter_map(|(currency, now)| {
        let rise = now.0.saturating_sub(state.fleet.balance.get(currency)?.0);
        let refunded = sum(&refunds, currency).saturating_sub(sum(before, currency));
        let amount = Nanos(rise.saturating_sub(refunded));
        (amount.0 > 0).then_some(Event::ToppedUp(ToppedUp { currency: *currency, amount }))
    });
    risen.collect()
}
