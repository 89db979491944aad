//! Judging a walk before it is written down: which records changed, by how much, and what cannot be.

use std::collections::{BTreeMap, BTreeSet};

use super::event::{Billed, FinalsDiffered, Grown, MOST_REVISIONS, Sight};
use super::ledger::{Book, Finals, Record, day_of};
use super::record::{Bill, BillKind, LOOKED_BACK};
use super::spread::{DAY_HOURS, HOUR};
use crate::domain::event::Event;
use crate::domain::money::{Currency, Nanos};
use crate::domain::time::Timestamp;
use crate::planted::{Bug, is_planted};

/// A record as a walk saw it, with the cloud's own text.
pub struct SeenBill<'a> {
    pub bill: &'a Bill,
    pub raw: &'a str,
}

enum Revision {
    Grown(Grown),
    Sight(Box<Sight>),
}

/// The events that a walk comes to; of a record that it saw twice, the last sight counts.
pub fn revisions<'a>(
    kind: BillKind,
    book: &Book,
    seen: impl Iterator<Item = SeenBill<'a>>,
    now: Timestamp,
) -> Vec<Event> {
    let seen: Vec<SeenBill<'_>> = seen.collect();
    let last: BTreeMap<&str, usize> =
        seen.iter().enumerate().map(|(index, seen)| (seen.bill.id.as_str(), index)).collect();
    let is_last = |(index, seen): &(usize, &SeenBill<'_>)| {
        is_planted(Bug::BillWithoutKey) || last.get(seen.bill.id.as_str()) == Some(index)
    };
    let last_sights = seen.iter().enumerate().filter(is_last).map(|(_, seen)| seen);
    let mut revisions = last_sights.filter_map(|seen| revision(book, seen, now)).peekable();
    let mut events = Vec::new();
    while revisions.peek().is_some() {
        let mut billed = Billed { kind, grown: Vec::new(), sights: Vec::new() };
        for revision in revisions.by_ref().take(MOST_REVISIONS) {
            match revision {
                Revision::Grown(grown) => billed.grown.push(grown),
                Revision::Sight(sight) => billed.sights.push(*sight),
            }
        }
        events.push(Event::Billed(billed));
    }
    events
}

/// What is new in this sight of a record; `None` if nothing is, or if the books no longer look at it.
fn revision(book: &Book, seen: &SeenBill<'_>, now: Timestamp) -> Option<Revision> {
    let SeenBill { bill, raw } = seen;
    let sight = |ordinal, delta, odd| {
        let (bill, raw) = ((*bill).clone(), (*raw).to_owned());
        Some(Revision::Sight(Box::new(Sight { ordinal, delta, bill, odd, raw })))
    };
    let Some(record) = book.records.get(&bill.id) else {
        let is_past = was_final(book, bill) || bill.end.is_some_and(|end| end + LOOKED_BACK < now);
        return if is_past { None } else { sight(0, bill.cost, None) };
    };
    if let Some(odd) = oddness(record, bill) {
        return if record.odd.as_ref() == Some(&odd) {
            None
        } else {
            sight(record.next, Nanos::ZERO, Some(odd))
        };
    }
    if (record.minutes, record.cost, record.end) == (bill.minutes, bill.cost, bill.end) {
        return None;
    }
    let delta = Nanos(bill.cost.0.saturating_sub(record.cost.0));
    if record.end != bill.end || bill.minutes < record.minutes {
        return sight(record.next, delta, None);
    }
    Some(Revision::Grown(Grown(bill.id.clone(), record.next, bill.minutes, delta)))
}

/// What no record can change into: it would be another one under the same id.
fn oddness(record: &Record, bill: &Bill) -> Option<String> {
    if bill.currency != record.currency {
        return Some(format!("its currency became {}, from {}", bill.currency, record.currency));
    }
    if bill.resource != record.resource {
        return Some(format!("it became one of {}, from {}", bill.resource, record.resource));
    }
    (bill.start != record.start).then(|| format!("its start became {}, from {}", bill.start, record.start))
}

/// Whether a record that the book does not have was counted once, and became final.
pub fn was_final(book: &Book, bill: &Bill) -> bool {
    bill.end.zip(book.final_until).is_some_and(|(end, until)| end <= until)
}

/// Whether a walk that began at the growing end has nothing more to find in this record.
pub fn is_closed_and_known(book: &Book, bill: &Bill) -> bool {
    let Some(record) = book.records.get(&bill.id) else { return was_final(book, bill) };
    record.end.is_some() && (record.minutes, record.cost, record.end) == (bill.minutes, bill.cost, bill.end)
}

/// After a complete whole walk: the days on which other sums are final than the books have.
pub fn finals_that_differ<'a>(
    kind: BillKind,
    book: &Book,
    seen: impl Iterator<Item = &'a Bill>,
    now: Timestamp,
) -> Vec<Event> {
    let Some(until) = book.final_until else { return Vec::new() };
    // The first and the last of these days are final, or listed, in part only.
    let days = day_of(now - LOOKED_BACK) + 1..day_of(until);
    if days.is_empty() {
        return Vec::new();
    }
    let mut shown: BTreeMap<(i64, Currency), Finals> = BTreeMap::new();
    for bill in seen.filter(|bill| !book.records.contains_key(&bill.id)) {
        let Some(end) = bill.end.filter(|end| days.contains(&day_of(*end))) else { continue };
        let sum = shown.entry((day_of(end), bill.currency)).or_default();
        sum.records = sum.records.saturating_add(1);
        sum.cost = Nanos(sum.cost.0.saturating_add(bill.cost.0));
    }
    let had =
        book.finals.range(days.clone()).flat_map(|(day, sums)| sums.keys().map(|currency| (*day, *currency)));
    let keys: BTreeSet<(i64, Currency)> = had.chain(shown.keys().copied()).collect();
    let differs = |(day, currency): &(i64, Currency)| {
        let had = book.finals.get(day).and_then(|sums| sums.get(currency)).copied().unwrap_or_default();
        let now = shown.get(&(*day, *currency)).copied().unwrap_or_default();
        (had != now).then_some((*day, *currency, now))
    };
    let told = |(day, currency, Finals { records, cost })| {
        let day = Timestamp::from_seconds(day * HOUR * DAY_HOURS);
        Event::FinalsDiffered(FinalsDiffered { kind, day, currency, records, cost })
    };
    keys.iter().filter_map(differs).map(told).collect()
}
