//! I16: the sums of the ledger against each other. What does not agree was not written by us.

use std::collections::BTreeMap;

use super::ledger::{Book, Ledger, Record};
use super::record::BillKind;
use crate::domain::money::Nanos;

impl Ledger {
    /// I16, as far as sums can show it.
    pub fn faults(&self) -> Vec<String> {
        let of_book = |(kind, book): (&BillKind, &Book)| {
            let word = kind.word();
            book.faults().into_iter().map(move |fault| format!("{word} records: {fault}"))
        };
        self.books.iter().flat_map(of_book).collect()
    }
}

impl Book {
    /// I16, as far as sums can show it: one line for each currency in which it does not hold.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if self.contradictions > 0 {
            faults.push(format!("{} revisions do not follow from the one before", self.contradictions));
        }
        for (currency, totals) in &self.totals {
            let of_currency = |record: &&Record| record.currency == *currency;
            let living: i128 = self.records.values().filter(of_currency).map(|one| wide(one.cost)).sum();
            let net = wide(totals.charges) - wide(totals.refunds);
            let records = living + wide(totals.final_cost) - wide(totals.opening);
            let untold = self.hours.values().filter_map(|hour| hour.get(currency));
            let hours = wide(totals.told_in_hours) + untold.map(|untold| wide(untold.amount)).sum::<i128>();
            let of_days = self.days.values().flat_map(BTreeMap::values);
            let of_days = of_days.filter_map(|costs| costs.get(currency));
            let days = wide(totals.told_in_days) + of_days.map(|cost| wide(*cost)).sum::<i128>();
            for (what, sum) in [("records", records), ("hours", hours), ("days", days)] {
                if sum != net {
                    faults.push(format!("{what} sum to {sum} nanos of {currency}, and deltas to {net}"));
                }
            }
        }
        faults
    }
}

fn wide(amount: Nanos) -> i128 {
    i128::from(amount.0)
}
