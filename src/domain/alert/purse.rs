//! Purses: what is left in each currency and how long it lasts, or that nobody can tell.

use std::collections::BTreeMap;

use super::ladder::{self, Stand};
use super::matter::{Matter, Purse};
use crate::domain::burn::{Outlook, RunOut, outlooks};
use crate::domain::money::{Currency, Nanos};
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};

/// After so many looks in a row that failed, the balance of before is no longer believed.
const BELIEVED_FOR: u32 = 3;
const MONTH: Seconds = Seconds::days(30);

/// The currencies whose balance matters: those that are spent, that a floor is set for, or that an
/// alert is about already. `None`: it cannot be read, or was not read by this process yet.
pub fn purses(state: &State, now: Timestamp) -> BTreeMap<Currency, Option<Purse>> {
    let outlooks = outlooks(state, now);
    let matters = |currency: &Currency| {
        let burns = outlooks
            .get(currency)
            .is_some_and(|outlook| outlook.burns.values().any(|burn| burn.per_hour.0 > 0));
        let was_billed = state.ledger.books.values().any(|book| book.totals.contains_key(currency));
        let is_held = state.alerts.active.contains_key(&Matter::Balance(*currency));
        burns || was_billed || is_held || state.alert_rules().floors.contains_key(currency)
    };
    let each = Currency::ALL.into_iter().filter(matters);
    let rules = state.alert_rules();
    let whole = |purse: Purse| {
        let held = Stand::of(state, purse.currency);
        Purse { floor: ladder::floor(&purse, rules, now, held), ..purse }
    };
    each.map(|currency| (currency, purse(state, currency, outlooks.get(&currency)).map(whole))).collect()
}

fn purse(state: &State, currency: Currency, outlook: Option<&Outlook>) -> Option<Purse> {
    let look = &state.fleet.balance_look;
    let (outlook, amount) = (outlook?, outlook?.balance?);
    if look.complete.is_none() || look.failures >= BELIEVED_FOR {
        return None;
    }
    let worst = outlook.worst().and_then(|basis| outlook.burns.get(&basis)).map(|burn| burn.per_hour);
    let (runs_out, burn_per_hour) = match outlook.run_out() {
        RunOut::Unknown => (None, None),
        RunOut::Never => (None, Some(Nanos::ZERO)),
        RunOut::At(at) => (Some(at), worst),
    };
    let hours = i64::try_from(MONTH.0 / 3_600).unwrap_or(i64::MAX);
    let month = burn_per_hour.map(|burn| burn.0.saturating_mul(hours));
    let add_for_month = month.map(|month| Nanos(month.saturating_sub(amount.0))).filter(|sum| sum.0 > 0);
    Some(Purse { currency, amount, burn_per_hour, runs_out, add_for_month, floor: None, by_hours: false })
}
