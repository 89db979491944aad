//! Looking: one scope is read from the cloud, and what changed is written down in one transaction.

use std::time::Duration;

use crate::barrack::client::Walked;
use crate::barrack::page::Seen;
use crate::daemon::engine::{Engine, Trouble};
use crate::daemon::inbox::Inbox;
use crate::domain::billing::balance::{self, Balance};
use crate::domain::digest::Digest;
use crate::domain::event::{Event, KeyJudged, Observed};
use crate::domain::fleet::{Change, Item, Look, LookResult, Scope};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

impl Engine {
    /// A read that is under way when it is told to stop is given up: nobody will act on it.
    pub(super) async fn look(&mut self, scope: &Scope) -> Result<(), Trouble> {
        if let Scope::Billing(kind, reach) = scope {
            return self.look_at_bills(*kind, *reach).await;
        }
        let began = self.clock.now();
        self.client.expect_excess(scope, self.state.fleet.excess(scope));
        let Some(mut walked) = self.walk(scope, began).await? else { return Ok(()) };
        if let Some(surprise) = surprise(&self.state, &walked) {
            // One odd answer must not tell of a ruin, nor of a top-up that never was.
            self.record(walked.calls.iter().cloned().map(Event::Called).collect()).await?;
            let Some(second) = self.walk(scope, began).await? else { return Ok(()) };
            walked = agreed(&self.state, &surprise, second);
        }
        self.hurried = false;
        let mut events = changes(&self.state, scope, &walked);
        events.splice(0..0, walked.calls.iter().cloned().map(Event::Called));
        events.push(Event::Looked(Look {
            scope: scope.clone(),
            began,
            result: walked.result,
            digest: walked.digest,
            items: u32::try_from(walked.items.len()).unwrap_or(u32::MAX),
            server_date: walked.server_date,
            miscount: walked.miscount,
        }));
        events.extend(self.key_judged());
        let stored = self.record(events).await;
        if stored.is_err() {
            // Or the same pages again would count as unchanged, and what they show never be written down.
            self.client.forget_listings();
        }
        stored
    }

    /// One walk to its end; `None`: it was given up, which is written down.
    async fn walk(&mut self, scope: &Scope, began: Timestamp) -> Result<Option<Walked>, Trouble> {
        tokio::select! {
            biased;
            walked = self.client.look(scope) => Ok(Some(walked)),
            () = self.stop.cancelled() => self.record_given_up(None).await.map(|()| None),
            () = somebody_waits(&self.inbox, self.clock.is_simulated(), self.hurried) => {
                self.give_up_on(scope, began).await.map(|()| None)
            }
        }
    }

    /// Somebody waits for the engine. What was read counts as unread, and the next look is given more time, or
    /// whoever asks without end would keep it from seeing anything.
    pub(super) async fn give_up_on(&mut self, scope: &Scope, began: Timestamp) -> Result<(), Trouble> {
        self.hurried = true;
        let result = LookResult::Incomplete("it was given up for a person who waited".to_owned());
        let scope = scope.clone();
        let (digest, miscount, server_date) = (Digest::default(), None, None);
        let look = Look { scope, began, result, digest, items: 0, server_date, miscount };
        self.record_given_up(Some(Event::Looked(look))).await
    }

    /// No call goes without its row, whoever ended the look.
    pub(super) async fn record_given_up(&mut self, look: Option<Event>) -> Result<(), Trouble> {
        let calls = self.client.give_up();
        self.record(calls.into_iter().map(Event::Called).chain(look).collect()).await
    }

    /// What the answers since the last time say of the key, where it is news.
    pub(super) fn key_judged(&self) -> Option<Event> {
        let is_refused = self.state.key_refused.is_some();
        match self.client.key_refused() {
            Some(refused) if !is_refused => {
                Some(Event::KeyJudged(KeyJudged { refused: Some(refused.status) }))
            }
            None if is_refused && self.client.is_key_accepted() => {
                Some(Event::KeyJudged(KeyJudged { refused: None }))
            }
            Some(_) | None => None,
        }
    }
}

/// A person waits for so long while a server that says nothing is listened to ...
const PATIENCE_SECONDS: u32 = 5;
/// ... and for so long where the look before was given up: most walks are over by then.
const MORE_PATIENCE_SECONDS: u32 = 20;

/// In simulation nobody waits: time stands still while people ask.
pub(super) async fn somebody_waits(inbox: &Inbox, is_simulated: bool, hurried: bool) {
    if is_simulated {
        std::future::pending::<()>().await;
    }
    let patience = if hurried { MORE_PATIENCE_SECONDS } else { PATIENCE_SECONDS };
    let mut seconds = 0;
    while seconds < patience {
        tokio::time::sleep(Duration::from_secs(1)).await;
        seconds = if inbox.is_empty() { 0 } else { seconds + 1 };
    }
}

fn changes(state: &State, scope: &Scope, walked: &Walked) -> Vec<Event> {
    let seen = walked.items.iter().filter(|seen| differs(state, &seen.item)).map(|seen| {
        Event::Observed(Observed { change: Change::Seen(Item::clone(&seen.item)), raw: seen.raw.to_string() })
    });
    let mut events: Vec<Event> = if walked.unchanged { Vec::new() } else { seen.collect() };
    events.splice(0..0, walked.items.iter().flat_map(|seen| top_ups(state, &seen.item)));
    if walked.result == LookResult::Complete {
        let missing = missing(state, scope, walked).into_iter();
        events.extend(missing.map(|change| Event::Observed(Observed { change, raw: String::new() })));
    }
    events
}

/// A balance that the one before does not lead to.
fn surprise(state: &State, walked: &Walked) -> Option<Balance> {
    walked.items.iter().find_map(|seen| match &*seen.item {
        Item::Balance(balance) => {
            balance::is_surprise(&state.fleet.balance, balance).then(|| balance.clone())
        }
        _ => None,
    })
}

/// The second look, after a first one that was a surprise: believed where it is none, or the same one.
fn agreed(state: &State, first: &Balance, second: Walked) -> Walked {
    match surprise(state, &second) {
        Some(again) if !balance::agree(first, &again) => {
            let why = "two looks in a row saw another balance each".to_owned();
            Walked { items: [].into(), result: LookResult::Incomplete(why), ..second }
        }
        Some(_) | None => second,
    }
}

fn top_ups(state: &State, item: &Item) -> Vec<Event> {
    match item {
        Item::Balance(balance) => balance::top_ups(state, balance),
        Item::Machine(_) | Item::Snapshot(_) | Item::Image(_) | Item::Prices(_) | Item::Links { .. } => {
            Vec::new()
        }
    }
}

fn differs(state: &State, item: &Item) -> bool {
    let fleet = &state.fleet;
    match item {
        Item::Machine(machine) => fleet
            .machines
            .get(&machine.id)
            .is_none_or(|known| known.item != *machine || known.missing_since.is_some()),
        Item::Snapshot(snapshot) => fleet
            .snapshots
            .get(&snapshot.id)
            .is_none_or(|known| known.item != *snapshot || known.missing_since.is_some()),
        Item::Image(image) => fleet.images.get(&image.id) != Some(image),
        Item::Balance(balance) => fleet.balance != *balance,
        Item::Prices(prices) => fleet.prices.as_ref() != Some(prices),
        Item::Links { images, .. } => !images.is_empty(),
    }
}

/// What we knew and a complete listing does not have.
fn missing(state: &State, scope: &Scope, walked: &Walked) -> Vec<Change> {
    let fleet = &state.fleet;
    // Both sides are in order of id.
    let mut shown = walked.items.iter().map(Seen::id).peekable();
    let mut is_absent = |id: &str| {
        while shown.next_if(|shown| *shown < id).is_some() {}
        shown.peek() != Some(&id)
    };
    match scope {
        Scope::Machines => fleet
            .machines
            .iter()
            .filter(|(id, known)| known.missing_since.is_none() && is_absent(id.as_str()))
            .map(|(id, _)| Change::MachineMissing(id.clone()))
            .collect(),
        Scope::Snapshots => fleet
            .snapshots
            .iter()
            .filter(|(id, known)| known.missing_since.is_none() && is_absent(id.as_str()))
            .map(|(id, _)| Change::SnapshotMissing(id.clone()))
            .collect(),
        Scope::Images => {
            let absent = fleet.images.keys().filter(|id| is_absent(id.as_str()));
            absent.map(|id| Change::ImageMissing(id.clone())).collect()
        }
        Scope::Balance | Scope::Prices | Scope::Snapshot(_) | Scope::Links(_) | Scope::Billing(..) => {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::domain::money::{Currency, Nanos};

    fn usd(amount: i64) -> Balance {
        BTreeMap::from([(Currency::Usd, Nanos(amount))])
    }

    fn read(balance: Option<i64>) -> Walked {
        let seen = balance.map(|amount| Seen { item: Arc::new(Item::Balance(usd(amount))), raw: "".into() });
        let result = match seen {
            Some(_) => LookResult::Complete,
            None => LookResult::Incomplete("HTTP 500".to_owned()),
        };
        Walked {
            items: seen.into_iter().collect(),
            unchanged: false,
            result,
            digest: Digest::default(),
            miscount: None,
            server_date: None,
            calls: Vec::new(),
        }
    }

    /// What a second reading comes to after an odd first one, with 100 believed: the balance, and the top-up.
    fn believed(first: i64, second: Option<i64>) -> (Option<i64>, i64) {
        let mut state = State::default();
        state.fleet.balance = usd(100);
        let surprise = surprise(&state, &read(Some(first))).expect("the first one is odd");
        let walked = agreed(&state, &surprise, read(second));
        let balance = walked.items.iter().find_map(|seen| match &*seen.item {
            Item::Balance(balance) => Some(balance[&Currency::Usd].0),
            _ => None,
        });
        assert_eq!(balance.is_some(), walked.result == LookResult::Complete);
        let topped = changes(&state, &Scope::Balance, &walked).into_iter().map(|event| match event {
            Event::ToppedUp(topped) => topped.amount.0,
            _ => 0,
        });
        (balance, topped.sum())
    }

    #[test]
    fn an_odd_balance_is_believed_only_by_a_second_reading_that_is_alike_or_by_none_that_is_odd() {
        assert_eq!(believed(-12, Some(-12)), (Some(-12), 0), "it is true, and to be told");
        assert_eq!(believed(150, Some(150)), (Some(150), 50), "a top-up");
        assert_eq!(believed(-12, Some(99)), (Some(99), 0));
        assert_eq!(believed(-12, Some(7_000)), (None, 0), "another odd one: neither");
        assert_eq!(believed(7_000, Some(1)), (None, 0));
        assert_eq!(believed(-12, None), (None, 0));
    }
}
