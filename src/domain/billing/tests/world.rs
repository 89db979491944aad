//! A cloud of billing records that grow, are corrected and are walked, for stories and laws.

use crate::domain::billing::close;
use crate::domain::billing::event::{FinalsDiffered, Grown, HourClosed};
use crate::domain::billing::judge::{SeenBill, finals_that_differ, revisions};
use crate::domain::billing::ledger::Book;
use crate::domain::billing::months::Month;
use crate::domain::billing::record::{Bill, BillKind, Reach};
use crate::domain::billing::spread;
use crate::domain::digest::Digest;
use crate::domain::event::{Event, Recorded, Started};
use crate::domain::fleet::{Look, LookResult, Scope};
use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::prop_oneof;
use proptest::sample::Index;
use std::collections::BTreeMap;

pub const KIND: BillKind = BillKind::Snapshot;
pub const MINUTE: i64 = 60_000_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const BEGIN: Timestamp = Timestamp::EPOCH;

/// A cloud's records, a journal of what was seen of them, and the state that it comes to.
pub struct World {
    pub now: Timestamp,
    pub bills: Vec<Bill>,
    pub journal: Vec<Recorded>,
    pub state: State,
}

#[derive(Clone, Debug)]
pub enum Step {
    Wait(i64),
    New(Currency),
    Grow(Index, u64),
    Correct(Index, i64),
    Close(Index),
    Walk { seen: Vec<Index>, whole: bool },
    Tell,
    Crash,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let currency = prop_oneof![Just(Currency::Usd), Just(Currency::Eur), Just(Currency::Inr)];
    let step = prop_oneof![
        3 => (1_i64..80).prop_map(Step::Wait),
        2 => currency.prop_map(Step::New),
        6 => (any::<Index>(), 1_u64..5_000).prop_map(|(index, minutes)| Step::Grow(index, minutes)),
        3 => (any::<Index>(), -900_000_000_i64..900_000_000).prop_map(|(index, by)| Step::Correct(index, by)),
        2 => any::<Index>().prop_map(Step::Close),
        6 => (vec(any::<Index>(), 0..6), any::<bool>()).prop_map(|(seen, whole)| Step::Walk { seen, whole }),
        3 => Just(Step::Tell),
        1 => Just(Step::Crash),
    ];
    vec(step, 1..80)
}

impl World {
    pub fn new() -> Self {
        let now = BEGIN.shifted(20_000 * 24 * HOUR + 17 * MINUTE);
        let mut world = Self { now, bills: Vec::new(), journal: Vec::new(), state: State::default() };
        world.record(vec![Event::Started(Started { version: String::new() })]);
        world
    }

    pub fn record(&mut self, events: Vec<Event>) {
        for event in events {
            let recorded = Recorded { seq: self.journal.len() as u64 + 1, at: self.now, event };
            self.state.apply(&recorded);
            self.journal.push(recorded);
        }
    }

    pub fn book(&self) -> Book {
        self.state.ledger.books.get(&KIND).cloned().unwrap_or_default()
    }

    pub fn new_bill(&mut self, currency: Currency) {
        let number = self.bills.len();
        self.bills.push(Bill {
            id: BillId::new(format!("B{number}")),
            resource: format!("S{}", number / 2),
            name: String::new(),
            start: self.now,
            end: None,
            minutes: 0,
            rate: String::new(),
            cost: Nanos::ZERO,
            currency,
            status: "active".to_owned(),
            size_bytes: None,
        });
    }

    /// A walk that saw these, in this order; a complete one ends the look as such.
    pub fn walk(&mut self, seen: &[Bill], result: LookResult, reach: Reach) {
        let book = self.book();
        let shown = seen.iter().map(|bill| SeenBill { bill, raw: "{}" });
        let mut events = revisions(KIND, &book, shown, self.now);
        if reach == Reach::Whole && result == LookResult::Complete {
            events.extend(finals_that_differ(KIND, &book, seen.iter(), self.now));
        }
        events.push(Event::Looked(Look {
            scope: Scope::Billing(KIND, reach),
            began: self.now,
            result,
            digest: Digest::default(),
            items: 0,
            server_date: None,
            miscount: None,
        }));
        self.record(events);
    }

    pub fn walk_all(&mut self) {
        self.walk(&self.bills.clone(), LookResult::Complete, Reach::Whole);
    }

    pub fn wait(&mut self, hours: i64) {
        self.now = self.now.shifted(hours * HOUR);
    }

    pub fn tell(&mut self) {
        self.record(close::due(&self.state.ledger, self.now));
    }

    pub fn replayed(&self) -> State {
        let mut state = State::default();
        self.journal.iter().for_each(|recorded| state.apply(recorded));
        state
    }

    /// What the journal's revisions of each record sum to, without asking the fold.
    pub fn sums(&self) -> BTreeMap<BillId, i64> {
        let mut sums = BTreeMap::new();
        for recorded in &self.journal {
            let Event::Billed(billed) = &recorded.event else { continue };
            let sights = billed.sights.iter().map(|sight| (&sight.bill.id, sight.delta));
            let grown = billed.grown.iter().map(|Grown(id, _, _, delta)| (id, *delta));
            for (id, delta) in sights.chain(grown) {
                *sums.entry(id.clone()).or_insert(0) += delta.0;
            }
        }
        sums
    }

    /// What the journalled deltas of the kept months come to, without asking the fold.
    pub fn months_told(&self) -> Vec<(Month, String, Currency, i64)> {
        let mut known: BTreeMap<&BillId, (&Bill, u64)> = BTreeMap::new();
        let (mut sums, mut first) = (BTreeMap::new(), Month::default());
        for recorded in &self.journal {
            let Event::Billed(billed) = &recorded.event else { continue };
            first = Month::of(recorded.at).before();
            let sights = billed.sights.iter().filter(|sight| sight.odd.is_none());
            let sights =
                sights.map(|sight| (&sight.bill.id, Some(&sight.bill), sight.bill.minutes, sight.delta));
            let grown = billed.grown.iter().map(|Grown(id, _, minutes, delta)| (id, None, *minutes, *delta));
            for (id, bill, minutes, delta) in sights.chain(grown) {
                let (bill, before) = known.get(id).copied().unwrap_or_else(|| (bill.unwrap(), 0));
                known.insert(id, (bill, minutes));
                for (hour, amount) in spread::over_hours(bill.start, spread::covered(before, minutes), delta)
                {
                    let month = Month::of(Timestamp::from_seconds(hour * 3_600));
                    let key = (month, bill.resource.clone(), bill.currency);
                    *sums.entry(key).or_insert(0) += amount.0;
                }
            }
        }
        let kept = sums.into_iter().filter(|((month, ..), sum)| *month >= first && *sum != 0);
        kept.map(|((month, resource, currency), sum)| (month, resource, currency, sum)).collect()
    }

    /// The same as the books have it.
    pub fn months_kept(&self) -> Vec<(Month, String, Currency, i64)> {
        let mut kept = Vec::new();
        for (month, costs) in &self.book().months.costs {
            for (resource, sums) in costs {
                let sums = sums.iter().filter(|(_, sum)| sum.0 != 0);
                kept.extend(sums.map(|(currency, sum)| (*month, resource.clone(), *currency, sum.0)));
            }
        }
        kept
    }

    pub fn hours(&self) -> Vec<&HourClosed> {
        let hours = self.journal.iter().filter_map(|recorded| match &recorded.event {
            Event::HourClosed(closed) => Some(closed),
            _ => None,
        });
        hours.collect()
    }

    pub fn differed(&self) -> Vec<&FinalsDiffered> {
        let differed = self.journal.iter().filter_map(|recorded| match &recorded.event {
            Event::FinalsDiffered(differed) => Some(differed),
            _ => None,
        });
        differed.collect()
    }

    pub fn go(&mut self, step: &Step) {
        let count = self.bills.len();
        let of = |index: &Index| index.index(count.max(1));
        match step {
            Step::Wait(hours) => self.wait(*hours),
            Step::New(currency) => self.new_bill(*currency),
            Step::Grow(index, minutes) => {
                if let Some(bill) = self.bills.get_mut(of(index)).filter(|bill| bill.end.is_none()) {
                    bill.minutes += minutes;
                    bill.cost.0 += i64::try_from(*minutes).unwrap() * 1_666_667;
                }
            }
            Step::Correct(index, by) => {
                if let Some(bill) = self.bills.get_mut(of(index)) {
                    bill.cost.0 += by;
                }
            }
            Step::Close(index) => {
                let now = self.now;
                if let Some(bill) = self.bills.get_mut(of(index)) {
                    bill.end.get_or_insert(now);
                }
            }
            Step::Walk { whole: true, .. } => self.walk_all(),
            Step::Walk { seen, whole: false } => {
                let seen: Vec<Bill> =
                    seen.iter().filter_map(|index| self.bills.get(of(index)).cloned()).collect();
                self.walk(&seen, LookResult::Incomplete("page 2".to_owned()), Reach::Growing);
            }
            Step::Tell => self.tell(),
            Step::Crash => {
                self.state = State::restore(&self.state.to_bytes()).unwrap();
                self.record(vec![Event::Started(Started { version: String::new() })]);
            }
        }
    }
}
