//! The ledger: what the journalled revisions come to, per kind and currency, and what of it was told.
//!
//! Charges and refunds never fall. Final records are folded into sums and forgotten, so that the
//! ledger is as large as the fleet and not as old.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::event::{Billed, DayClosed, FinalsDiffered, Grown, HourClosed, Sight, Standing};
use super::months::Months;
use super::recent::Recent;
use super::record::{Bill, BillKind, FINAL_AFTER, LOOKED_BACK, Reach};
use super::spread::{self, DAY_HOURS, HOUR};
use crate::domain::fleet::{Look, LookResult};
use crate::domain::freshness::Freshness;
use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};
use crate::domain::snapshot_price::Implied;
use crate::domain::time::Timestamp;
use crate::planted::{Bug, is_planted};

/// How long it is remembered that an hour or a day was settled; an older one surely was.
pub const SETTLED_KEPT_HOURS: i64 = 10 * DAY_HOURS;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The first start: what records from before it had cost when they were first seen is an opening
    /// position.
    pub since: Option<Timestamp>,
    pub books: BTreeMap<BillKind, Book>,
    pub topped_up: BTreeMap<Currency, Nanos>,
    /// The refunds that were known when the balance was last seen to change.
    pub refunds_at_balance: BTreeMap<Currency, Nanos>,
    pub recent: Recent,
    /// What a closed record told of how snapshots are priced.
    pub snapshot_price: Option<Implied>,
}

/// The records of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// All that are not final.
    pub records: BTreeMap<BillId, Record>,
    pub totals: BTreeMap<Currency, Totals>,
    /// By hours since 1970: what was not told yet.
    pub hours: BTreeMap<i64, BTreeMap<Currency, Untold>>,
    pub settled_hours: BTreeMap<i64, BTreeSet<Currency>>,
    /// By days since 1970, for each resource.
    pub days: BTreeMap<i64, BTreeMap<String, BTreeMap<Currency, Nanos>>>,
    pub settled_days: BTreeSet<i64>,
    pub months: Months,
    /// The day on which days were last told.
    pub days_told_on: Option<i64>,
    /// What is final, by the day on which it ended.
    pub finals: BTreeMap<i64, BTreeMap<Currency, Finals>>,
    pub look: Freshness,
    /// The beginning of the last try of a whole walk.
    pub whole_tried: Option<Timestamp>,
    /// The beginning of the last complete one.
    pub whole_complete: Option<Timestamp>,
    /// The latest end of a final record, in the cloud's time: what ended by then and is not among the
    /// records was counted and forgotten. It never goes back, whatever clocks do.
    pub final_until: Option<Timestamp>,
    /// Stored revisions that do not follow from the one before: such a journal was not written by us.
    pub contradictions: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub resource: String,
    pub currency: Currency,
    pub start: Timestamp,
    pub end: Option<Timestamp>,
    pub minutes: u64,
    /// The sum of its deltas.
    pub cost: Nanos,
    /// Of the next revision.
    pub next: u32,
    /// What was last found odd about it.
    pub odd: Option<String>,
}

/// Sums of one currency; charges and refunds never fall.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    pub opening: Nanos,
    pub charges: Nanos,
    pub refunds: Nanos,
    pub final_cost: Nanos,
    pub told_in_hours: Nanos,
    pub told_in_days: Nanos,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Untold {
    pub amount: Nanos,
    /// Something was told of this hour already.
    pub is_told: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finals {
    pub records: u32,
    pub cost: Nanos,
}

impl Ledger {
    pub fn start(&mut self, at: Timestamp) {
        self.since.get_or_insert(at);
        for book in self.books.values_mut() {
            (book.look.tried, book.look.complete, book.look.read_at) = (None, None, None);
        }
    }

    pub fn bill(&mut self, billed: &Billed, at: Timestamp) {
        let since = self.since;
        let book = self.books.entry(billed.kind).or_default();
        book.months.begin(at);
        for sight in &billed.sights {
            book.see(sight, since);
        }
        for grown in &billed.grown {
            book.grow(grown);
        }
    }

    pub fn look(&mut self, kind: BillKind, reach: Reach, look: &Look, began: Timestamp, at: Timestamp) {
        let book = self.books.entry(kind).or_default();
        book.look.tried = Some(began);
        book.look.unavailable = matches!(look.result, LookResult::Unavailable(_));
        if reach == Reach::Whole {
            book.whole_tried = Some(began);
        }
        if look.result != LookResult::Complete {
            return;
        }
        book.look.complete = Some(began);
        book.look.read_at = Some(at);
        if reach == Reach::Whole {
            // Of two clocks that differ, the slower makes nothing final too early.
            let known = look.server_date.map_or(began, |date| date.min(began));
            book.whole_complete = Some(began);
            book.finish(known);
        }
    }

    /// Moves every wait with a step of the clock.
    pub fn move_waits(&mut self, moved: impl Fn(Timestamp) -> Timestamp) {
        for book in self.books.values_mut() {
            let look = &mut book.look;
            let places = [&mut look.tried, &mut look.complete, &mut look.read_at, &mut book.whole_tried];
            for place in places.into_iter().chain([&mut book.whole_complete]) {
                *place = place.map(&moved);
            }
        }
        self.recent.forget_spans(moved);
    }

    pub fn refunds(&self) -> BTreeMap<Currency, Nanos> {
        let mut refunds = BTreeMap::new();
        for (currency, totals) in self.books.values().flat_map(|book| &book.totals) {
            let sum: &mut Nanos = refunds.entry(*currency).or_default();
            *sum = plus(*sum, totals.refunds);
        }
        refunds
    }

    pub fn see_balance(&mut self, balance: &BTreeMap<Currency, Nanos>, began: Timestamp) {
        self.recent.see_balance(balance, &self.topped_up, began);
    }

    /// Up to when every list that the cloud has was read; `None` where one was not, since the start.
    pub fn records_read(&self) -> Option<Timestamp> {
        let offered = self.books.values().filter(|book| !book.look.unavailable);
        let read: Option<Vec<Timestamp>> = offered.map(|book| book.look.complete).collect();
        read.and_then(|read| read.into_iter().min())
    }

    pub fn close_hour(&mut self, closed: &HourClosed, at: Timestamp) {
        self.recent.close_hour(closed, at);
        self.books.entry(closed.kind).or_default().close_hour(closed, at);
    }

    pub fn close_day(&mut self, closed: &DayClosed, at: Timestamp) {
        self.books.entry(closed.kind).or_default().close_day(closed, at);
    }

    /// The sums that were told of are the ones to compare with from now on.
    pub fn note_finals(&mut self, differed: &FinalsDiffered) {
        let book = self.books.entry(differed.kind).or_default();
        let day = day_of(differed.day);
        let finals = Finals { records: differed.records, cost: differed.cost };
        book.finals.entry(day).or_default().insert(differed.currency, finals);
    }
}

impl Book {
    fn see(&mut self, sight: &Sight, since: Option<Timestamp>) {
        let Sight { bill, ordinal, delta, odd, .. } = sight;
        if odd.is_some() && !self.records.contains_key(&bill.id) {
            return;
        }
        let is_new = !self.records.contains_key(&bill.id);
        let record = self.records.entry(bill.id.clone()).or_insert_with(|| Record::before(bill));
        if !record.takes(*ordinal) {
            self.contradictions += 1;
            return;
        }
        record.odd.clone_from(odd);
        if odd.is_some() {
            return;
        }
        let before = record.minutes;
        record.cost = plus(record.cost, *delta);
        (record.minutes, record.end) = (bill.minutes, bill.end);
        self.contradictions += u64::from(record.cost != bill.cost);
        let is_opening = is_new && since.is_some_and(|since| bill.start < since);
        let totals = self.totals.entry(bill.currency).or_default();
        if is_opening {
            totals.opening = plus(totals.opening, *delta);
            return;
        }
        totals.count(*delta);
        let (start, resource) = (bill.start, bill.resource.clone());
        let covered = spread::covered(before, bill.minutes);
        self.lay(&resource, bill.currency, spread::over_hours(start, covered, *delta));
    }

    fn grow(&mut self, Grown(id, ordinal, minutes, delta): &Grown) {
        let Some(record) = self.records.get_mut(id).filter(|record| record.is_next(*ordinal)) else {
            self.contradictions += 1;
            return;
        };
        record.next += 1;
        record.odd = None;
        let covered = spread::covered(record.minutes, *minutes);
        record.cost = plus(record.cost, *delta);
        record.minutes = *minutes;
        let (resource, currency) = (record.resource.clone(), record.currency);
        let hours = spread::over_hours(record.start, covered, *delta);
        self.totals.entry(currency).or_default().count(*delta);
        self.lay(&resource, currency, hours);
    }

    fn lay(&mut self, resource: &str, currency: Currency, hours: Vec<(i64, Nanos)>) {
        self.months.lay(resource, currency, &hours);
        for (hour, amount) in hours.into_iter().filter(|(_, amount)| amount.0 != 0) {
            let is_settled = || self.settled_hours.get(&hour).is_some_and(|told| told.contains(&currency));
            if !(is_planted(Bug::CorrectionEdits) && is_settled()) {
                let untold = self.hours.entry(hour).or_default().entry(currency).or_default();
                untold.amount = plus(untold.amount, amount);
            }
            let day = self.days.entry(hour.div_euclid(DAY_HOURS)).or_default();
            if !day.contains_key(resource) {
                day.insert(resource.to_owned(), BTreeMap::new());
            }
            if let Some(costs) = day.get_mut(resource) {
                let cost = costs.entry(currency).or_default();
                *cost = plus(*cost, amount);
            }
        }
    }

    /// What ended long enough before `known` was read once more, and is final.
    fn finish(&mut self, known: Timestamp) {
        let (finals, totals, until) = (&mut self.finals, &mut self.totals, &mut self.final_until);
        self.records.retain(|_, record| {
            let Some(end) = record.end.filter(|end| is_final(*end, known)) else { return true };
            let of_day = finals.entry(day_of(end)).or_default().entry(record.currency).or_default();
            of_day.records = of_day.records.saturating_add(1);
            of_day.cost = plus(of_day.cost, record.cost);
            let totals = totals.entry(record.currency).or_default();
            totals.final_cost = plus(totals.final_cost, record.cost);
            *until = (*until).max(Some(end));
            false
        });
        let first = day_of(known - LOOKED_BACK);
        self.finals.retain(|day, _| *day >= first);
    }

    fn close_hour(&mut self, closed: &HourClosed, at: Timestamp) {
        let HourClosed { currency, amount, standing, .. } = closed;
        let hour = closed.hour.seconds().div_euclid(HOUR);
        let totals = self.totals.entry(*currency).or_default();
        totals.told_in_hours = plus(totals.told_in_hours, *amount);
        let Some(of_hour) = self.hours.get_mut(&hour) else { return };
        match standing {
            Standing::Provisional => {
                let untold = of_hour.entry(*currency).or_default();
                *untold = Untold { amount: minus(untold.amount, *amount), is_told: true };
            }
            Standing::Settled | Standing::Restated => {
                of_hour.remove(currency);
                if of_hour.is_empty() {
                    self.hours.remove(&hour);
                }
                self.settled_hours.entry(hour).or_default().insert(*currency);
            }
        }
        let oldest = at.seconds().div_euclid(HOUR) - SETTLED_KEPT_HOURS;
        self.settled_hours.retain(|hour, _| *hour >= oldest);
    }

    fn close_day(&mut self, closed: &DayClosed, at: Timestamp) {
        let day = day_of(closed.day);
        let mut of_day = self.days.remove(&day).unwrap_or_default();
        for cost in &closed.costs {
            let totals = self.totals.entry(cost.currency).or_default();
            totals.told_in_days = plus(totals.told_in_days, cost.amount);
            if let Some(costs) = of_day.get_mut(&cost.resource) {
                costs.remove(&cost.currency);
            }
        }
        of_day.retain(|_, costs| !costs.is_empty());
        if !of_day.is_empty() {
            self.days.insert(day, of_day);
        }
        self.settled_days.insert(day);
        self.days_told_on = Some(day_of(at));
        let oldest = day_of(at) - SETTLED_KEPT_HOURS / DAY_HOURS;
        self.settled_days.retain(|day| *day >= oldest);
    }
}

impl Record {
    fn before(bill: &Bill) -> Self {
        Self {
            resource: bill.resource.clone(),
            currency: bill.currency,
            start: bill.start,
            end: None,
            minutes: 0,
            cost: Nanos::ZERO,
            next: 0,
            odd: None,
        }
    }

    fn is_next(&self, ordinal: u32) -> bool {
        ordinal == self.next || is_planted(Bug::BillWithoutKey)
    }

    fn takes(&mut self, ordinal: u32) -> bool {
        let is_next = self.is_next(ordinal);
        self.next += u32::from(is_next);
        is_next
    }
}

impl Totals {
    fn count(&mut self, delta: Nanos) {
        if delta.0 >= 0 {
            self.charges = plus(self.charges, delta);
        } else {
            self.refunds = minus(self.refunds, delta);
        }
    }
}

/// Whether a record that ended then is final for a walk that began at `known`.
pub fn is_final(end: Timestamp, known: Timestamp) -> bool {
    end + FINAL_AFTER <= known
}

/// Days since 1970.
pub fn day_of(at: Timestamp) -> i64 {
    at.seconds().div_euclid(HOUR * DAY_HOURS)
}

/// Nine thousand million of any currency are out of reach of an account's sums.
fn plus(sum: Nanos, amount: Nanos) -> Nanos {
    Nanos(sum.0.saturating_add(amount.0))
}

fn minus(sum: Nanos, amount: Nanos) -> Nanos {
    Nanos(sum.0.saturating_sub(amount.0))
}
