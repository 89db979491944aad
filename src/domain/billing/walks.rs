//! When each billing list is walked, and how far.

use super::ledger::{Book, Ledger};
use super::record::{BillKind, Reach};
use crate::domain::fleet::Scope;
use crate::domain::time::{Seconds, Timestamp};

/// Records are read this long after a round hour, so that the hour's minutes are in them.
const LATEST_OFFSET: u64 = 60;
/// A whole walk is due once a day, in an hour of its own for each list.
const DAY: u64 = 86_400;
const WHOLE_AT: [Seconds; 3] = [Seconds::hours(3), Seconds::hours(4), Seconds::hours(5)];
/// A day's whole walk that failed is tried again after this.
const WHOLE_AGAIN: Seconds = Seconds::hours(2);

pub fn next(ledger: &Ledger, kind: BillKind, every: Seconds, now: Timestamp) -> (Scope, Timestamp) {
    let book = ledger.books.get(&kind);
    let at = book.and_then(|book| book.look.tried).map_or(now, |tried| after(tried, every));
    let reach =
        if book.is_none_or(|book| wants_whole(book, kind, now)) { Reach::Whole } else { Reach::Growing };
    (Scope::Billing(kind, reach), at)
}

/// The next round multiple of `every` and a little more.
fn after(tried: Timestamp, every: Seconds) -> Timestamp {
    let step = i64::try_from(every.0.max(1)).unwrap_or(i64::MAX);
    let offset = i64::try_from((every.0 / 60).min(LATEST_OFFSET)).unwrap_or(0);
    let round = (tried.seconds() - offset).div_euclid(step).saturating_add(1).saturating_mul(step);
    Timestamp::from_seconds(round.saturating_add(offset))
}

fn wants_whole(book: &Book, kind: BillKind, now: Timestamp) -> bool {
    let tried = book.whole_tried.is_some_and(|tried| now.since(tried) < WHOLE_AGAIN.duration());
    let Some(complete) = book.whole_complete.filter(|complete| *complete <= now) else { return !tried };
    let at = match kind {
        BillKind::Instance => WHOLE_AT[0],
        BillKind::Snapshot => WHOLE_AT[1],
        BillKind::Volume => WHOLE_AT[2],
    };
    let day_of = |instant: Timestamp| (instant - at).seconds().div_euclid(DAY.cast_signed());
    day_of(complete) < day_of(now) && !tried
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many seconds of the first day of 2026.
    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_767_225_600 + seconds)
    }

    #[test]
    fn lists_are_walked_a_minute_after_each_round_hour() {
        let hourly = |tried| after(at(tried), Seconds::hours(1));
        assert_eq!([60, 61, 3_659].map(hourly), [at(3_660); 3]);
        assert_eq!([59, 3_660].map(hourly), [at(60), at(7_260)]);
        assert_eq!(after(at(60), Seconds::hours(2)), at(7_260));
        // Of a shorter pace the sixtieth part.
        assert_eq!(after(at(10), Seconds::minutes(10)), at(610));
    }

    #[test]
    fn each_list_has_its_whole_walk_in_an_hour_of_its_own_and_again_after_two() {
        for (kind, hour) in [(BillKind::Instance, 3), (BillKind::Snapshot, 4), (BillKind::Volume, 5)] {
            let begins = hour * 3_600;
            let whole = |complete: i64, tried: Option<i64>, now: i64| {
                let (whole_complete, whole_tried) = (Some(at(complete)), tried.map(at));
                wants_whole(&Book { whole_complete, whole_tried, ..Book::default() }, kind, at(now))
            };
            assert_eq!([begins - 1, begins].map(|now| whole(begins - 60, None, now)), [false, true]);
            // Once done, the next is due a day later.
            let tomorrow = begins + 86_400;
            assert_eq!([tomorrow - 1, tomorrow].map(|now| whole(begins, None, now)), [false, true]);
            // One that failed is tried again.
            let again = [7_199, 7_200].map(|after| whole(begins - 60, Some(begins), begins + after));
            assert_eq!(again, [false, true]);
        }
    }
}
