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
use crate::domain::billing::judge::is_closed_and_known;
use crate::domain::billing::ledger::Book;
use crate::domain::billing::record::{Bill, BillKind, LOOKED_BACK, Reach};
use crate::domain::event::Call;
use crate::domain::fleet::LookResult;
use crate::domain::time::Timestamp;

/// Pages of one walk: 40,000 records at 100 a page.
const MOST_PAGES: u64 = 400;
const NAMES: [&str; 4] = ["records", "data", "results", "items"];

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
    let is_quiet = walk.add(page) && length > 0;
    let has_all = total == Some(walk.ids.len() as u64);
    Ok((length, walk.awaited.is_empty() && (is_quiet || has_all)))
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
    let query = format!("?page={number}&limit={}", route.page_size);
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
