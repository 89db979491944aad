//! Money: the balance, and what was charged, refunded and paid in so far, each in its own currency.

use super::families::Families;
use super::{Scrape, names};
use crate::domain::billing::ledger::Totals;
use crate::domain::billing::record::BillKind;
use crate::domain::money::{Currency, Nanos};

pub fn tell(scrape: &Scrape<'_>, families: &mut Families) {
    let state = scrape.state;
    let balance = state.fleet.balance.iter().map(|(currency, sum)| ([currency.code()], credits(*sum)));
    families.tell(&names::BALANCE, balance);
    let ledger = &state.ledger;
    let totals = |pick: fn(&Totals) -> Nanos| {
        let every = BillKind::ALL.into_iter().flat_map(|kind| Currency::ALL.map(|currency| (kind, currency)));
        every.map(move |(kind, currency)| {
            let totals = ledger.books.get(&kind).and_then(|book| book.totals.get(&currency));
            ([kind.word(), currency.code()], credits(totals.map_or(Nanos::ZERO, pick)))
        })
    };
    families.tell(&names::CHARGED, totals(|totals| totals.charges));
    families.tell(&names::REFUNDED, totals(|totals| totals.refunds));
    let topped_up = Currency::ALL.map(|currency| {
        let sum = ledger.topped_up.get(&currency).copied().unwrap_or_default();
        ([currency.code()], credits(sum))
    });
    families.tell(&names::TOPPED_UP, topped_up);
}

/// The one place at which money becomes a floating-point number.
fn credits(sum: Nanos) -> f64 {
    sum.0 as f64 / 1e9
}
