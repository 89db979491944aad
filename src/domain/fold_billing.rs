//! The fold of billing: revisions into the ledger, and balances beside it.

use std::collections::BTreeMap;

use super::billing::event::{Billed, FinalsDiffered, ToppedUp};
use super::money::{Currency, Nanos};
use super::state::State;

impl State {
    pub(super) fn bill(&mut self, billed: &Billed) {
        let odd = billed.sights.iter().filter(|sight| sight.odd.is_some()).count();
        self.counters.anomalies += odd as u64;
        self.ledger.bill(billed);
    }

    pub(super) fn note_finals(&mut self, differed: &FinalsDiffered) {
        self.counters.anomalies += 1;
        self.ledger.note_finals(differed);
    }

    pub(super) fn see_balance(&mut self, balance: &BTreeMap<Currency, Nanos>) {
        self.fleet.balance = balance.clone();
        self.ledger.refunds_at_balance = self.ledger.refunds();
    }

    pub(super) fn top_up(&mut self, topped: &ToppedUp) {
        let sum = self.ledger.topped_up.entry(topped.currency).or_default();
        *sum = Nanos(sum.0.saturating_add(topped.amount.0));
    }
}
