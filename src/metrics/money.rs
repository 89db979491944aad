//! Money: the balance and how long it lasts, and what was charged, refunded and paid in so far, each in its own currency.

use super::families::{Families, seconds};
use super::{Scrape, names};
use crate::domain::billing::ledger::Totals;
use crate::domain::billing::record::BillKind;
use crate::domain::burn::{RunOut, outlooks};
use crate::domain::money::{Currency, Nanos};

pub fn tell(scrape: &Scrape<'_>, families: &mut Families) {
    let state = scrape.state;
    let balance = state.fleet.balance.iter().map(|(currency, sum)| ([currency.code()], credits(*sum)));
    families.tell(&names::BALANCE, balance);
    let outlooks = outlooks(state, scrape.now);
    let burns = outlooks.iter().flat_map(|(currency, outlook)| {
        let burns = outlook.burns.iter();
        burns.map(|(basis, burn)| ([currency.code(), basis.word()], credits(burn.per_hour)))
    });
    families.tell(&names::BURN, burns);
    let run_outs = outlooks.iter().filter_map(|(currency, outlook)| {
        let at = match outlook.run_out() {
            RunOut::At(at) => seconds(Some(at)),
            RunOut::Never => f64::INFINITY,
            RunOut::Unknown => return None,
        };
        Some(([currency.code()], at))
    });
    families.tell(&names::RUN_OUT, run_outs);
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
