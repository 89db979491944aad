//! I16, from outside: what the journal's revisions sum to is what the cloud answered, and what it is owed.
//!
//! It adds up events as they are recorded, by itself; the daemon's ledger is only asked for its own
//! contradictions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::billing::event::Grown;
use crate::domain::billing::record::BillKind;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::rehearsal::watch::Observer;
use crate::sim::books::Owed;
use crate::sim::cloud::Cloud;

/// By then every late correction of a closed record was published, and read in a whole walk.
const ALL_IS_KNOWN: Seconds = Seconds::days(9);

#[derive(Clone)]
pub struct Bookkeeper {
    observer: Observer,
    sums: Arc<Mutex<Sums>>,
}

#[derive(Default)]
struct Sums {
    records: BTreeMap<BillKind, BTreeMap<BillId, i128>>,
    /// Charges and refunds when they were last looked at.
    counters: BTreeMap<(BillKind, Currency), (Nanos, Nanos)>,
    objections: u64,
}

impl Bookkeeper {
    pub fn new(observer: &Observer) -> Self {
        Self { observer: observer.clone(), sums: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// After each event that the daemon wrote down.
    pub fn recorded(&self, state: &State, recorded: &Recorded) {
        match &recorded.event {
            Event::Billed(billed) => {
                let mut sums = self.lock();
                let of_kind = sums.records.entry(billed.kind).or_default();
                for sight in &billed.sights {
                    add(of_kind, &sight.bill.id, sight.delta);
                }
                for Grown(id, _, _, delta) in &billed.grown {
                    add(of_kind, id, *delta);
                }
            }
            Event::HourClosed(_) | Event::DayClosed(_) => self.weigh(state),
            _ => {}
        }
    }

    /// Whether the ledger holds together, and its counters rose only.
    fn weigh(&self, state: &State) {
        for fault in state.ledger.faults() {
            self.object(fault);
        }
        let mut sums = self.lock();
        let mut fell = Vec::new();
        for (kind, book) in &state.ledger.books {
            for (currency, totals) in &book.totals {
                let now = (totals.charges, totals.refunds);
                let before = sums.counters.insert((*kind, *currency), now).unwrap_or_default();
                if now.0 < before.0 || now.1 < before.1 {
                    fell.push(format!("a counter of {} {currency} fell", kind.word()));
                }
            }
        }
        drop(sums);
        fell.into_iter().for_each(|line| self.object(line));
    }

    fn object(&self, line: String) {
        self.lock().objections += 1;
        self.observer.object(format!("I16: {line}"));
    }

    /// At the end: whether the ledger matches the truth.
    pub fn judge(&self, cloud: &Cloud, state: &State, now: Timestamp) {
        self.weigh(state);
        for kind in BillKind::ALL {
            let read_at = state.ledger.books.get(&kind).and_then(|book| book.look.read_at);
            let journalled = self.lock().records.get(&kind).cloned().unwrap_or_default();
            let wrong: Vec<String> = cloud.with_world(|world| {
                let ledger = match kind {
                    BillKind::Instance => world.machine_ledger_mut(),
                    BillKind::Snapshot => world.snapshot_ledger_mut(),
                    BillKind::Volume => world.volume_ledger_mut(),
                };
                let wrong = |owed: Owed<'_>| {
                    let sum = journalled.get(&BillId::new(owed.billing_id.as_str())).copied();
                    mismatch(&owed, sum, read_at, now)
                };
                ledger.owed(now).filter_map(wrong).collect()
            });
            wrong.into_iter().for_each(|line| self.object(line));
        }
    }

    pub fn matches_truth(&self) -> bool {
        self.lock().objections == 0
    }
}

fn add(records: &mut BTreeMap<BillId, i128>, id: &BillId, delta: Nanos) {
    match records.get_mut(id) {
        Some(sum) => *sum += i128::from(delta.0),
        None => {
            records.insert(id.clone(), i128::from(delta.0));
        }
    }
}

fn mismatch(
    owed: &Owed<'_>,
    sum: Option<i128>,
    read_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<String> {
    let Owed { billing_id, cost, end, answered } = owed;
    if end.is_some_and(|end| now.since(end) > ALL_IS_KNOWN.duration()) && sum != Some(i128::from(cost.0)) {
        return Some(format!("{billing_id}: the journal sums to {sum:?} nanos, and {cost} is owed"));
    }
    // An answer that came after the last complete walk may or may not have been written down.
    let last = answered.iter().rposition(|one| read_at.is_some_and(|read_at| one.at <= read_at));
    let told = &answered[last.unwrap_or(0)..];
    let is_told = told.iter().any(|one| sum == Some(i128::from(one.cost.0)));
    let is_unknown = last.is_none() && sum.is_none();
    (!is_told && !is_unknown).then(|| {
        let answers: Vec<String> = told.iter().map(|one| one.cost.to_string()).collect();
        format!("{billing_id}: the journal sums to {sum:?} nanos, and {} was answered", answers.join(", "))
    })
}
