//! Which hours and days can be told now: each once, and later changes as restatements.

use super::event::{DayClosed, DayCost, HourClosed, MOST_REVISIONS, Standing};
use super::ledger::{Book, Ledger, SETTLED_KEPT_HOURS, day_of};
use super::record::BillKind;
use super::spread::{DAY_HOURS, HOUR};
use crate::domain::event::Event;
use crate::domain::time::{Seconds, Timestamp};

/// This long after its end an hour or a day is settled.
pub const SETTLES_AFTER: Seconds = Seconds::hours(2);
/// Hours told by one plan: more than a month of restatements follow with the next.
const MOST_HOURS: usize = 1_000;

pub fn due(ledger: &Ledger, now: Timestamp) -> Vec<Event> {
    let mut events = Vec::new();
    for (kind, book) in &ledger.books {
        close_hours(*kind, book, now, &mut events);
        close_days(*kind, book, now, &mut events);
    }
    events
}

fn close_hours(kind: BillKind, book: &Book, now: Timestamp, events: &mut Vec<Event>) {
    let oldest = now.seconds().div_euclid(HOUR) - SETTLED_KEPT_HOURS;
    let current = now.seconds().div_euclid(HOUR);
    let untold = book.hours.range(..current).flat_map(|(hour, sums)| sums.iter().map(|sum| (*hour, sum)));
    let due = untold.filter_map(|(hour, (currency, untold))| {
        let end = Timestamp::from_seconds((hour + 1) * HOUR);
        let was_settled = book.settled_hours.get(&hour).is_some_and(|told| told.contains(currency));
        let is_read = book.look.complete.is_some_and(|began| began >= end);
        let standing = match () {
            () if hour < oldest || was_settled => Standing::Restated,
            () if end + SETTLES_AFTER <= now => Standing::Settled,
            () if is_read && (untold.amount.0 != 0 || !untold.is_told) => Standing::Provisional,
            () => return None,
        };
        let hour = Timestamp::from_seconds(hour * HOUR);
        let (currency, amount) = (*currency, untold.amount);
        Some(Event::HourClosed(HourClosed { kind, currency, hour, standing, amount }))
    });
    events.extend(due.take(MOST_HOURS));
}

/// Once a day, all that is over: a day that was told before is told again only together with a new one.
fn close_days(kind: BillKind, book: &Book, now: Timestamp, events: &mut Vec<Event>) {
    let today = day_of(now - SETTLES_AFTER);
    if book.days_told_on == Some(day_of(now)) || today < day_of(now) {
        return;
    }
    let oldest = today - SETTLED_KEPT_HOURS / DAY_HOURS;
    for (day, resources) in book.days.range(..today) {
        let is_restated = *day < oldest || book.settled_days.contains(day);
        let standing = if is_restated { Standing::Restated } else { Standing::Settled };
        let costs = resources.iter().flat_map(|(resource, costs)| {
            let cost = move |(currency, amount): (&_, &_)| DayCost {
                resource: resource.clone(),
                currency: *currency,
                amount: *amount,
            };
            costs.iter().map(cost)
        });
        let costs: Vec<DayCost> = costs.collect();
        let day = Timestamp::from_seconds(day * HOUR * DAY_HOURS);
        for costs in costs.chunks(MOST_REVISIONS) {
            events.push(Event::DayClosed(DayClosed { kind, day, standing, costs: costs.to_vec() }));
        }
    }
}
