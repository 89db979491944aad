//! Walks through the billing lists: from their growing end as far as news can be, or through the whole.
//!
//! Which end grows is learned from a whole walk, not assumed; where the pages have no order, every
//! walk is a whole one.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::asking::Asking;
use super::bill;
use super::line::{Answered, Line, ReadFailure, Unusable};
use super::wire;
use crate::config::paths::Parameters;
use crate::domain::billing::judge::is_closed_and_known;
use crate::domain::billing::ledger::Book;
use crate::domain::billing::record::{Bill, BillKind, LOOKED_BACK, Reach};
use crate::domain::event::Call;
use crate::domain::fleet::LookResult;
use crate::domain::time::Timestamp;

/// Pages of one walk: 40,000 records at 100 a page.
const MOST_PAGES: u64 = 400;
pub(super) const NAMES: [&str; 4] = ["records", "data", "results", "items"];

/// A record as a page showed it; its own text is a part of the page.
#[derive(Clone, Debug)]
pub struct Shown {
    pub bill: Bill,
    body: Bytes,
    at: Range<usize>,
}

impl Shown {
    pub fn raw(&self) -> &str {
        std::str::from_utf8(&self.body[self.at.clone()]).unwrap_or_default()
    }
}

/// How the records follow each other through the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    NewestFirst,
    OldestFirst,
    None,
}

/// What whole walks have shown of one list.
#[derive(Debug, Default)]
pub struct Habit {
    order: Option<Order>,
    /// Records on a full page, and in all.
    page: u64,
    total: u64,
}

pub struct Route<'a> {
    pub kind: BillKind,
    pub endpoint: &'a str,
    pub parameters: &'a Parameters,
    pub page_size: u32,
}

#[derive(Debug)]
pub struct Walked {
    pub shown: Vec<Shown>,
    pub result: LookResult,
    /// The walk went through all that the books still look at.
    pub is_whole: bool,
}

struct Page {
    shown: Vec<Shown>,
    total: Option<u64>,
    unreadable: usize,
}

/// One way through the pages.
struct Walk<'a> {
    book: &'a Book,
    now: Timestamp,
    shown: Vec<Shown>,
    ids: BTreeSet<Arc<str>>,
    totals: BTreeSet<Option<u64>>,
    /// Open in the book, and not seen yet.
    awaited: BTreeSet<&'a str>,
    first_page: u64,
    unreadable: usize,
    repeated: bool,
    /// It ended where all that follows ended long ago.
    rest_is_past: bool,
    /// A whole page held only closed, known records: further on there is no news but of open ones.
    was_quiet: bool,
}

pub async fn walk(
    line: &mut Line,
    route: &Route<'_>,
    habit: &mut Habit,
    reach: Reach,
    (book, now): (&Book, Timestamp),
    calls: &mut Vec<Call>,
) -> Walked {
    let order = habit.order.filter(|order| reach == Reach::Growing && *order != Order::None);
    match order {
        Some(order) => growing(line, route, habit, order, Walk::new(book, now), calls).await,
        None => whole(line, route, habit, (book, now), calls).await,
    }
}

/// Until a whole page holds only closed, known records, and every open one was seen.
async fn growing(
    line: &mut Line,
    route: &Route<'_>,
    habit: &mut Habit,
    order: Order,
    mut walk: Walk<'_>,
    calls: &mut Vec<Call>,
) -> Walked {
    let last = match order {
        Order::OldestFirst => habit.total.div_ceil(habit.page.max(1)).max(1),
        Order::NewestFirst | Order::None => 1,
    };
    // What came after the page that was the last: up to one that is not full.
    let mut number = last;
    let mut is_done;
    loop {
        let (length, done) = match step(line, route, number, &mut walk, calls).await {
            Ok(step) => step,
            Err(why) => return walk.broken(number, &why),
        };
        is_done = done;
        let is_over = match order {
            Order::OldestFirst => length < habit.page.max(1),
            Order::NewestFirst | Order::None => done || length == 0,
        };
        if is_over {
            break;
        }
        if number - last >= MOST_PAGES {
            return walk.broken(number, "no end of the pages");
        }
        number += 1;
    }
    // Then back, to what is known.
    is_done |= order != Order::OldestFirst;
    for number in (1..last).rev() {
        if is_done {
            break;
        }
        is_done = match step(line, route, number, &mut walk, calls).await {
            Ok((_, done)) => done,
            Err(why) => return walk.broken(number, &why),
        };
    }
    habit.total = habit.total.max(walk.totals.iter().flatten().copied().max().unwrap_or(0));
    walk.ended(false)
}

/// One page: how long it was, and whether no page further on can hold news.
async fn step(
    line: &mut Line,
    route: &Route<'_>,
    number: u64,
    walk: &mut Walk<'_>,
    calls: &mut Vec<Call>,
) -> Result<(u64, bool), String> {
    let page = read(line, route, number, calls).await?;
    let (length, total) = (page.shown.len() as u64, page.total);
    walk.was_quiet |= walk.add(page) && length > 0;
    let has_all = total == Some(walk.ids.len() as u64);
    Ok((length, walk.awaited.is_empty() && (walk.was_quiet || has_all)))
}

async fn whole(
    line: &mut Line,
    route: &Route<'_>,
    habit: &mut Habit,
    (book, now): (&Book, Timestamp),
    calls: &mut Vec<Call>,
) -> Walked {
    let first = match through(line, route, habit, Walk::new(book, now), calls).await {
        Ok(first) => first,
        Err(walked) => return walked,
    };
    if first.is_proven() || first.unreadable > 0 {
        return first.ended(true);
    }
    let second = match through(line, route, habit, Walk::new(book, now), calls).await {
        Ok(second) => second,
        Err(walked) => return walked,
    };
    let agree = first.ids == second.ids;
    let mut walked = second.ended(true);
    if !agree {
        let why = "two walks in a row saw different billing records".to_owned();
        walked = Walked { result: LookResult::Incomplete(why), is_whole: false, ..walked };
    }
    walked
}

/// From the first page to an end, or to where all is older than the books look back.
async fn through<'a>(
    line: &mut Line,
    route: &Route<'_>,
    habit: &mut Habit,
    mut walk: Walk<'a>,
    calls: &mut Vec<Call>,
) -> Result<Walk<'a>, Walked> {
    for number in 1..=MOST_PAGES {
        let page = match read(line, route, number, calls).await {
            Ok(page) => page,
            Err(why) => return Err(walk.broken(number, &why)),
        };
        let (before, length, total) = (walk.ids.len(), page.shown.len(), page.total);
        let is_past = !page.shown.is_empty() && page.shown.iter().all(|shown| is_past(&shown.bill, walk.now));
        walk.add(page);
        if number == 1 {
            habit.page = length as u64;
        }
        // A first page could be all that its total counts.
        let has_all = number > 1 && total == Some(walk.ids.len() as u64);
        let is_over = walk.ids.len() == before || has_all;
        walk.rest_is_past = is_past && walk.awaited.is_empty() && walk.order() == Order::NewestFirst;
        if is_over || walk.rest_is_past {
            habit.order = Some(walk.order());
            habit.total = total.unwrap_or(walk.ids.len() as u64);
            return Ok(walk);
        }
    }
    Err(walk.broken(MOST_PAGES, "no end of the pages"))
}

fn is_past(bill: &Bill, now: Timestamp) -> bool {
    bill.end.is_some_and(|end| end + LOOKED_BACK < now)
}

async fn read(
    line: &mut Line,
    route: &Route<'_>,
    number: u64,
    calls: &mut Vec<Call>,
) -> Result<Page, String> {
    let Parameters { billing_page, billing_page_size, .. } = route.parameters;
    let query = format!("?{billing_page}={number}&{billing_page_size}={}", route.page_size);
    let asking = Asking { query, ..Asking::get(route.endpoint, None) };
    let parse = |body: &Bytes| page(body, route.kind);
    line.read(&asking, calls, parse).await.map_err(|failure| match failure {
        ReadFailure::Gated(why) | ReadFailure::Failed(why) => why,
        ReadFailure::Refused { status, words } => {
            format!("HTTP {status} {} {}", words.code, words.message).trim_end().to_owned()
        }
    })
}

fn page(body: &Bytes, kind: BillKind) -> Result<Answered<Page>, Unusable> {
    let envelope = wire::envelope(body, &NAMES).ok_or(Unusable::Unreadable)?;
    if envelope.says_no {
        return Err(Unusable::SaysNo);
    }
    let items_at = envelope.items_at.ok_or(Unusable::Unreadable)?;
    let items: Vec<&RawValue> = serde_json::from_slice(&body[items_at]).map_err(|_| Unusable::Unreadable)?;
    let shown = items.iter().filter_map(|raw| {
        let bill = bill::bill(raw.get(), kind)?;
        let begin = raw.get().as_ptr().addr() - body.as_ptr().addr();
        Some(Shown { bill, body: body.clone(), at: begin..begin + raw.get().len() })
    });
    let shown: Vec<Shown> = shown.collect();
    let unreadable = items.len() - shown.len();
    let page = Page { shown, total: envelope.total, unreadable };
    Ok(Answered { value: page, request_id: envelope.request_id })
}

impl<'a> Walk<'a> {
    fn new(book: &'a Book, now: Timestamp) -> Self {
        let open = book.records.iter().filter(|(_, record)| record.end.is_none());
        Self {
            book,
            now,
            shown: Vec::new(),
            ids: BTreeSet::new(),
            totals: BTreeSet::new(),
            awaited: open.map(|(id, _)| id.as_str()).collect(),
            first_page: 0,
            unreadable: 0,
            repeated: false,
            rest_is_past: false,
            was_quiet: false,
        }
    }

    /// Whether all on the page is closed and known.
    fn add(&mut self, page: Page) -> bool {
        self.totals.insert(page.total);
        self.unreadable += page.unreadable;
        let is_quiet = page.shown.iter().all(|shown| is_closed_and_known(self.book, &shown.bill));
        if self.shown.is_empty() {
            self.first_page = page.shown.len() as u64;
        }
        for shown in &page.shown {
            let id = shown.bill.id.as_str();
            self.awaited.remove(id);
            self.repeated |= !self.ids.insert(id.into());
        }
        self.shown.extend(page.shown);
        is_quiet
    }

    fn order(&self) -> Order {
        let starts = || self.shown.windows(2).map(|pair| (pair[0].bill.start, pair[1].bill.start));
        match () {
            () if starts().all(|(this, next)| this >= next) => Order::NewestFirst,
            () if starts().all(|(this, next)| this <= next) => Order::OldestFirst,
            () => Order::None,
        }
    }

    /// Every page repeated one total, no record came twice, and the total is the number of records and
    /// cannot be a page's count; or the pages that were left out are past.
    fn is_proven(&self) -> bool {
        let mut totals = self.totals.iter();
        let (Some(Some(total)), None) = (totals.next(), totals.next()) else { return false };
        let more_than_a_page = self.shown.len() as u64 > self.first_page;
        let fits = *total == self.ids.len() as u64 && (!more_than_a_page || *total > self.first_page);
        !self.repeated && (fits || self.rest_is_past)
    }

    fn ended(self, is_whole: bool) -> Walked {
        let result = match self.unreadable {
            0 => LookResult::Complete,
            count => LookResult::Incomplete(format!("{count} billing records that cannot be read")),
        };
        let is_whole = is_whole && result == LookResult::Complete;
        Walked { shown: self.shown, result, is_whole }
    }

    fn broken(self, number: u64, why: &str) -> Walked {
        let result = LookResult::Incomplete(format!("page {number}: {why}"));
        Walked { shown: self.shown, result, is_whole: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::barrack::client::Client;
    use crate::barrack::scripted::{self, answer, json};
    use crate::domain::billing::judge::{SeenBill, revisions};
    use crate::domain::event::{Event, Recorded};
    use crate::domain::state::State;

    const KIND: BillKind = BillKind::Snapshot;
    const SIZE: usize = 100;
    const NOW: i64 = 1_780_000_000;

    /// Record `number` began ten minutes after the one before it; open ones run on.
    fn record(number: usize, is_open: bool) -> String {
        let begin = 1_779_000_000 + number as i64 * 600;
        let end = if is_open { "null".to_owned() } else { (begin + 300).to_string() };
        format!(
            r#"{{"billing_id":"B{number}","snapshot_id":"S{number}","start_time":{begin},"end_time":{end},"total_duration_minutes":5,"total_cost":"0.5","currency":"USD"}}"#
        )
    }

    /// A cloud that lists these records in this order, with a total or without.
    fn cloud(numbers: Vec<usize>, open: &'static [usize], has_total: bool) -> Client {
        scripted::client(move |asked| {
            let page = numbers.chunks(SIZE).nth(asked.page() - 1).unwrap_or_default();
            let records: Vec<String> =
                page.iter().map(|number| record(*number, open.contains(number))).collect();
            let total = if has_total { format!(r#","total":{}"#, numbers.len()) } else { String::new() };
            json(&format!(r#"{{"records":[{}]{total}}}"#, records.join(",")))
        })
    }

    async fn bills(client: &mut Client, reach: Reach, book: &Book) -> (Walked, usize) {
        let now = Timestamp::from_seconds(NOW);
        let (walked, calls, _) = client.bills(KIND, reach, book, now).await;
        (walked, calls.len())
    }

    /// A book that has taken in what a walk saw.
    fn book(walked: &Walked) -> Book {
        let (mut state, at) = (State::default(), Timestamp::from_seconds(NOW));
        let seen = walked.shown.iter().map(|shown| SeenBill { bill: &shown.bill, raw: shown.raw() });
        let events: Vec<Event> = revisions(KIND, &Book::default(), seen, at);
        events.into_iter().for_each(|event| state.apply(&Recorded { seq: 1, at, event }));
        state.ledger.books.remove(&KIND).unwrap_or_default()
    }

    #[tokio::test(start_paused = true)]
    async fn a_walk_from_the_newest_ends_at_a_page_of_closed_and_known_records() {
        let mut client = cloud((0..450).rev().collect(), &[449], true);
        let (walked, calls) = bills(&mut client, Reach::Whole, &Book::default()).await;
        assert_eq!((walked.result.clone(), walked.shown.len(), calls), (LookResult::Complete, 450, 5));
        let (again, calls) = bills(&mut client, Reach::Growing, &book(&walked)).await;
        assert_eq!((again.result, again.is_whole, calls), (LookResult::Complete, false, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_record_is_looked_for_as_deep_as_it_stands() {
        let mut client = cloud((0..450).rev().collect(), &[449, 120], true);
        let (walked, _) = bills(&mut client, Reach::Whole, &Book::default()).await;
        let (again, calls) = bills(&mut client, Reach::Growing, &book(&walked)).await;
        assert_eq!((again.shown.len(), calls), (400, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_last_page_grows_the_walk_begins_there() {
        let mut client = cloud((0..450).collect(), &[449], true);
        let (walked, _) = bills(&mut client, Reach::Whole, &Book::default()).await;
        let (again, calls) = bills(&mut client, Reach::Growing, &book(&walked)).await;
        let first = again.shown.first().map(|shown| shown.bill.id.to_string());
        assert_eq!((first.as_deref(), calls), (Some("B400"), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn where_pages_have_no_order_every_walk_is_a_whole_one() {
        let scrambled: Vec<usize> = (0..450).map(|number| number * 7 % 450).collect();
        let mut client = cloud(scrambled, &[449], true);
        let (walked, _) = bills(&mut client, Reach::Whole, &Book::default()).await;
        let (again, _) = bills(&mut client, Reach::Growing, &book(&walked)).await;
        assert_eq!((again.is_whole, again.shown.len()), (true, 450));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_total_two_whole_walks_must_agree() {
        let mut client = cloud((0..150).rev().collect(), &[], false);
        let (walked, calls) = bills(&mut client, Reach::Whole, &Book::default()).await;
        assert_eq!((walked.result, walked.is_whole, calls), (LookResult::Complete, true, 6));
        let mut client = scripted::client(|asked| match asked.page() {
            1 => json(&format!(r#"{{"records":[{}]}}"#, record(asked.number, false))),
            _ => json(r#"{"records":[]}"#),
        });
        let (walked, _) = bills(&mut client, Reach::Whole, &Book::default()).await;
        assert!(matches!(walked.result, LookResult::Incomplete(why) if why.contains("different")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_total_that_counts_its_page_does_not_end_a_whole_walk() {
        let mut client = scripted::client(|asked| {
            let begin = (asked.page() - 1) * SIZE;
            let records: Vec<String> =
                (begin..(begin + SIZE).min(250)).map(|one| record(one, false)).collect();
            json(&format!(r#"{{"records":[{}],"total":{}}}"#, records.join(","), records.len()))
        });
        let (walked, _) = bills(&mut client, Reach::Whole, &Book::default()).await;
        assert_eq!((walked.result, walked.shown.len()), (LookResult::Complete, 250));
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_fails_or_a_record_that_cannot_be_read_leaves_the_walk_incomplete() {
        let mut client = scripted::client(|asked| match asked.page() {
            1 => json(&format!(r#"{{"records":[{}],"total":2}}"#, record(1, true))),
            _ => Ok(answer(502, "<html>")),
        });
        let (walked, _) = bills(&mut client, Reach::Whole, &Book::default()).await;
        assert!(matches!(walked.result, LookResult::Incomplete(why) if why.contains("page 2: HTTP 502")));
        assert_eq!(walked.shown.len(), 1, "what was seen stays seen");
        let mut client = scripted::client(|asked| match asked.page() {
            1 => json(&format!(r#"{{"records":[{},{{"total_cost":1}}],"total":2}}"#, record(1, true))),
            _ => json(r#"{"records":[],"total":2}"#),
        });
        let (walked, _) = bills(&mut client, Reach::Whole, &Book::default()).await;
        assert!(matches!(walked.result, LookResult::Incomplete(why) if why.contains("cannot be read")));
        assert!(!walked.is_whole);
    }

    #[tokio::test(start_paused = true)]
    async fn a_total_that_may_only_count_its_page_proves_nothing_by_itself() {
        let records = || (0..SIZE).map(|one| record(one, false)).collect::<Vec<_>>().join(",");
        let same = format!(r#"{{"records":[{}],"total":{SIZE}}}"#, records());
        let mut client = scripted::client(move |_| json(&same));
        let (walked, calls) = bills(&mut client, Reach::Whole, &Book::default()).await;
        assert_eq!((walked.result, calls), (LookResult::Complete, 4));
        let mut client = cloud((0..SIZE).collect(), &[], true);
        let (walked, calls) = bills(&mut client, Reach::Whole, &Book::default()).await;
        assert_eq!((walked.result, calls), (LookResult::Complete, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_walk_ends_at_its_four_hundredth_page() {
        for (count, is_whole) in [(400, true), (401, false)] {
            let mut client = scripted::client(move |asked| {
                let shown: Vec<String> =
                    (asked.page() - 1..asked.page().min(count)).map(|one| record(one, false)).collect();
                json(&format!(r#"{{"records":[{}],"total":{count}}}"#, shown.join(",")))
            });
            let (walked, calls) = bills(&mut client, Reach::Whole, &Book::default()).await;
            assert_eq!((walked.is_whole, calls, walked.shown.len()), (is_whole, 400, 400));
        }
    }
}
