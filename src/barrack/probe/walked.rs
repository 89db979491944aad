//! Walks through a list to its end, as a look does, and what shows that it is whole.

use super::{Finding, Probe, Proof};
use crate::barrack::billing::{self, Habit};
use crate::barrack::page::Seen;
use crate::barrack::parse::Listing;
use crate::barrack::walk;
use crate::domain::billing::ledger::Book;
use crate::domain::billing::record::{BillKind, Reach};
use crate::domain::fleet::{Item, LookResult, MachineStatus, SnapshotStatus};
use crate::domain::time::Timestamp;

impl Probe<'_> {
    pub(super) async fn walk(&mut self, listing: Listing, finding: &mut Finding) {
        self.settle();
        let (parameters, page_size) = (&self.settings.parameters, self.settings.page_size);
        let endpoint = &finding.path;
        let route = walk::Route { listing, endpoint, parameters, page_size, is_core: false, excess: None };
        let listed =
            walk::list(&mut self.line, &route, &mut None, &mut self.total_lied, &mut Vec::new()).await;
        finding.count = Some(listed.items.len());
        finding.trouble = listed.gap.map(|gap| match gap {
            walk::Gap::Refused(_, why) | walk::Gap::Other(why) => why,
        });
        if finding.trouble.is_none() {
            self.listed.insert(listing);
        }
        for Seen { item, .. } in &*listed.items {
            match &**item {
                Item::Machine(machine) => {
                    self.machine.get_or_insert_with(|| machine.id.to_string());
                    if let MachineStatus::Unknown(word) = &machine.status {
                        finding.odd_words.insert(word.clone());
                    }
                }
                Item::Snapshot(snapshot) => {
                    if self.snapshot.is_none() || snapshot.status == SnapshotStatus::Ready {
                        self.snapshot = Some(snapshot.id.to_string());
                    }
                    if let SnapshotStatus::Unknown(word) = &snapshot.status {
                        finding.odd_words.insert(word.clone());
                    }
                }
                Item::Image(_) | Item::Links { .. } | Item::Balance(_) | Item::Prices(_) => {}
            }
        }
        self.prove(finding, &self.settings.parameters.page.clone());
    }

    pub(super) async fn walk_bills(&mut self, kind: BillKind, now: Timestamp, finding: &mut Finding) {
        self.settle();
        let (parameters, page_size) = (&self.settings.parameters, self.settings.billing_page_size);
        let route = billing::Route { kind, endpoint: &finding.path, parameters, page_size };
        let (book, mut habit) = (Book::default(), Habit::default());
        let mut calls = Vec::new();
        let walked =
            billing::walk(&mut self.line, &route, &mut habit, Reach::Whole, (&book, now), &mut calls).await;
        finding.count = Some(walked.shown.len());
        finding.currencies = walked.shown.iter().map(|shown| shown.bill.currency.to_string()).collect();
        if let LookResult::Incomplete(why) = walked.result {
            finding.trouble = Some(why);
        }
        self.prove(finding, &self.settings.parameters.billing_page.clone());
    }

    /// Once from the first page: the total was enough.
    fn prove(&mut self, finding: &mut Finding, page: &str) {
        let first = format!("?{page}=1&");
        let heard = self.line.take_heard();
        let walks = heard.iter().filter(|heard| heard.is_good() && heard.address.contains(&first)).count();
        self.heard.extend(heard);
        if finding.trouble.is_none() {
            finding.proof = Some(if walks > 1 { Proof::TwoWalks } else { Proof::Total });
        }
    }
}
