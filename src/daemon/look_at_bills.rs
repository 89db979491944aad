//! Looking at a billing list: what a walk shows new is judged against the ledger and written down.

use crate::daemon::engine::{Engine, Trouble};
use crate::daemon::look::somebody_waits;
use crate::domain::billing::judge::{self, SeenBill};
use crate::domain::billing::ledger::Book;
use crate::domain::billing::record::{BillKind, Reach};
use crate::domain::digest::Digest;
use crate::domain::event::Event;
use crate::domain::fleet::{Look, LookResult, Scope};

impl Engine {
    /// What an incomplete walk saw are facts all the same; only its silence says nothing.
    pub(super) async fn look_at_bills(&mut self, kind: BillKind, reach: Reach) -> Result<(), Trouble> {
        let began = self.clock.now();
        let empty = Book::default();
        let book = self.state.ledger.books.get(&kind).unwrap_or(&empty);
        let (walked, calls, server_date) = tokio::select! {
            biased;
            walked = self.client.bills(kind, reach, book, began) => walked,
            () = self.stop.cancelled() => return self.record_given_up(None).await,
            () = somebody_waits(&self.inbox, self.clock.is_simulated(), self.hurried) => {
                return self.give_up_on(&Scope::Billing(kind, reach), began).await;
            }
        };
        self.hurried = false;
        let seen = walked.shown.iter().map(|shown| SeenBill { bill: &shown.bill, raw: shown.raw() });
        let mut events: Vec<Event> = calls.into_iter().map(Event::Called).collect();
        events.extend(judge::revisions(kind, book, seen, began));
        if walked.is_whole && walked.result == LookResult::Complete {
            let bills = walked.shown.iter().map(|shown| &shown.bill);
            events.extend(judge::finals_that_differ(kind, book, bills, began));
        }
        let reach = if walked.is_whole { Reach::Whole } else { reach };
        events.push(Event::Looked(Look {
            scope: Scope::Billing(kind, reach),
            began,
            result: walked.result,
            digest: Digest::default(),
            items: u32::try_from(walked.shown.len()).unwrap_or(u32::MAX),
            miscount: None,
            server_date,
        }));
        self.record(events).await
    }
}
