//! The fold of billing: revisions into the ledger, and balances beside it.

use std::collections::BTreeMap;

use super::billing::event::{Billed, FinalsDiffered, Sight, ToppedUp};
use super::billing::record::BillKind;
use super::id::SnapshotId;
use super::money::{Currency, Nanos};
use super::snapshot_price::{self, Implied};
use super::state::State;
use super::time::Timestamp;

impl State {
    pub(super) fn bill(&mut self, billed: &Billed, at: Timestamp) {
        let odd = billed.sights.iter().filter(|sight| sight.odd.is_some()).count();
        self.counters.anomalies += odd as u64;
        self.ledger.bill(billed, at);
        if billed.kind == BillKind::Snapshot && self.ledger.snapshot_price.is_none() {
            self.ledger.snapshot_price = billed.sights.iter().find_map(|sight| self.implied(sight));
        }
    }

    /// Which of the two prices a record follows, once it is closed. Its own size may be the fixed one, so
    /// what the list of snapshots said of it counts for more.
    fn implied(&self, sight: &Sight) -> Option<Implied> {
        let bill = &sight.bill;
        if sight.odd.is_some() || bill.end.is_none() {
            return None;
        }
        let id = SnapshotId::new(&*bill.resource);
        let of_backup = || self.backups.get(self.owners.get(&id)?)?.sized.map(|sized| sized.bytes);
        let listed = self.fleet.snapshots.get(&id).and_then(|known| known.item.size_bytes);
        let size = of_backup().or(listed).or(bill.size_bytes);
        let prices = self.fleet.prices.as_ref()?.snapshot_hour()?;
        let basis = snapshot_price::implied(bill, size, prices)?;
        Some(Implied { basis, bill: bill.id.clone() })
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
