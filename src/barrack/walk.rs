//! Walks through the pages of a listing, and the proof that nothing was left out.
//!
//! It judges only what the pages show; what an absence means is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use http::Method;

use super::line::{Asking, Line, ReadFailure};
use super::page::{self, Page, Read, Seen};
use super::parse::Listing;
use crate::domain::digest::Digest;
use crate::domain::event::Call;

/// Pages of one walk: at 50 a page, ten times what the largest account we plan for has.
const MOST_PAGES: u32 = 400;

/// The last complete walk of a listing.
#[derive(Debug)]
pub struct Memo {
    pages: Vec<Stop>,
    pub items: Arc<[Seen]>,
    pub digest: Digest,
}

/// One page on the way, and how many ids no earlier page had.
#[derive(Clone, Debug)]
struct Stop {
    page: Arc<Page>,
    new_ids: usize,
}

/// What a listing came to.
#[derive(Debug)]
pub struct Listed {
    pub items: Arc<[Seen]>,
    pub digest: Digest,
    pub unchanged: bool,
    pub gap: Option<Gap>,
}

/// Why a listing is not known to be complete.
#[derive(Debug)]
pub enum Gap {
    /// The cloud's no to the listing itself, on its first page.
    Refused(u16, String),
    Other(String),
}

/// One way through the pages, from the first to an end or to a failure.
#[derive(Debug, Default)]
struct Walk {
    stops: Vec<Stop>,
    totals: BTreeSet<Option<u64>>,
    ids: usize,
    /// Every page so far is the one of the memo.
    same: bool,
    gap: Option<Gap>,
}

/// How one listing is asked for, and what is remembered of it.
pub struct Route<'a> {
    pub listing: Listing,
    pub endpoint: &'a str,
    pub page_size: u32,
    pub is_core: bool,
}

/// Walks once, and a second time where the pages' own total proves nothing. `total_lied` is
/// set for good by the first total that its pages contradict.
pub async fn list(
    line: &mut Line,
    route: &Route<'_>,
    memo: &mut Option<Memo>,
    total_lied: &mut bool,
    calls: &mut Vec<Call>,
) -> Listed {
    let first = walk(line, route, memo.as_ref(), calls).await;
    let proven = first.is_proven() && !*total_lied;
    *total_lied |= first.contradicts_its_total();
    if proven || first.gap.is_some() {
        return finished(vec![first], None, memo);
    }
    let second = walk(line, route, memo.as_ref(), calls).await;
    *total_lied |= second.contradicts_its_total();
    let doubt = doubt(&first, &second);
    finished(vec![first, second], doubt, memo)
}

/// Why two walks in a row prove nothing; `None` if they do.
fn doubt(first: &Walk, second: &Walk) -> Option<String> {
    let same_ids = (first.same && second.same) || first.id_set() == second.id_set();
    if second.gap.is_some() {
        return None;
    }
    if !same_ids {
        return Some("two walks in a row saw different ids".to_owned());
    }
    // Pages that show less than they count leave something out, however often they do.
    let counted = second.totals.iter().flatten().max().copied().unwrap_or(0);
    let missing = counted > second.ids as u64 && first.totals.iter().flatten().max() == Some(&counted);
    missing.then(|| format!("the cloud counts {counted}, and its pages show {}", second.ids))
}

async fn walk(line: &mut Line, route: &Route<'_>, memo: Option<&Memo>, calls: &mut Vec<Call>) -> Walk {
    let mut walk = Walk { same: memo.is_some(), ..Walk::default() };
    let mut ids = None;
    for number in 1..=MOST_PAGES {
        let at = walk.stops.len();
        let known = memo.and_then(|memo| memo.pages.get(at));
        let asking = asking(route, number);
        let parse = |body: &Bytes| page::read(body, route.listing, known.map(|stop| &stop.page));
        let read = match line.read(&asking, calls, parse).await {
            Ok(read) => read,
            Err(failure) => {
                walk.gap = Some(gap(number, failure, route));
                return walk;
            }
        };
        if walk.add(read, known, &mut ids) == 0 {
            walk.same &= memo.is_some_and(|memo| memo.pages.len() == walk.stops.len());
            return walk;
        }
    }
    walk.gap = Some(Gap::Other(format!("no end after {MOST_PAGES} pages")));
    walk
}

impl Walk {
    /// Takes in a page and says how many ids it brought that no earlier page had.
    fn add(&mut self, read: Read, known: Option<&Stop>, ids: &mut Option<BTreeSet<String>>) -> usize {
        self.same &= known.is_some_and(|known| Arc::ptr_eq(&known.page, &read.page));
        let new_ids = match known.filter(|_| self.same) {
            Some(known) => known.new_ids,
            None => {
                let ids = ids.get_or_insert_with(|| self.id_set());
                let before = ids.len();
                ids.extend(read.page.seen.iter().map(|seen| seen.id().to_owned()));
                ids.len() - before
            }
        };
        self.ids += new_ids;
        self.totals.insert(read.total);
        self.stops.push(Stop { page: read.page, new_ids });
        new_ids
    }

    fn id_set(&self) -> BTreeSet<String> {
        self.stops.iter().flat_map(|stop| &stop.page.seen).map(|seen| seen.id().to_owned()).collect()
    }

    fn unreadable(&self) -> usize {
        self.stops.iter().map(|stop| stop.page.unreadable).sum()
    }

    /// Every page repeated one total, it is the number of ids, and it cannot be a page's count.
    fn is_proven(&self) -> bool {
        let mut totals = self.totals.iter();
        let (Some(Some(total)), None) = (totals.next(), totals.next()) else { return false };
        let lengths: Vec<usize> = self.stops.iter().map(|stop| stop.page.seen.len()).collect();
        let second_brought = lengths.get(1).is_some_and(|length| *length > 0);
        let first_length = lengths.first().copied().unwrap_or(0) as u64;
        // A second page that only repeats the first brought nothing.
        let second_brought = second_brought && self.stops.get(1).is_some_and(|stop| stop.new_ids > 0);
        self.gap.is_none() && *total == self.ids as u64 && (!second_brought || *total > first_length)
    }

    fn contradicts_its_total(&self) -> bool {
        self.gap.is_none() && self.totals.iter().any(Option::is_some) && !self.is_proven()
    }
}

fn finished(mut walks: Vec<Walk>, doubt: Option<String>, memo: &mut Option<Memo>) -> Listed {
    let unreadable = walks.iter().map(Walk::unreadable).max().unwrap_or(0);
    let unnamed = (unreadable > 0).then(|| format!("{unreadable} items without a readable id"));
    let gap = walks.iter_mut().find_map(|walk| walk.gap.take());
    let gap = gap.or(doubt.or(unnamed).map(Gap::Other));
    let same = walks.iter().all(|walk| walk.same);
    if let (None, true, Some(memo)) = (&gap, same, memo.as_ref()) {
        return Listed { items: memo.items.clone(), digest: memo.digest, unchanged: true, gap: None };
    }
    let mut items = BTreeMap::new();
    for seen in walks.iter().flat_map(|walk| &walk.stops).flat_map(|stop| &stop.page.seen) {
        items.insert(seen.id(), seen);
    }
    let items: Arc<[Seen]> = items.into_values().cloned().collect();
    let digest = digest(&items);
    if let (None, Some(last)) = (&gap, walks.pop()) {
        *memo = Some(Memo { pages: last.stops, items: items.clone(), digest });
    }
    Listed { items, digest, unchanged: false, gap }
}

/// Over the ids and texts of the items, in order of id.
pub fn digest(items: &[Seen]) -> Digest {
    Digest::of_fields(items.iter().flat_map(|seen| [seen.id().as_bytes(), seen.raw.as_bytes()]))
}

fn asking(route: &Route, number: u32) -> Asking {
    Asking {
        method: Method::GET,
        endpoint: route.endpoint.to_owned(),
        object: None,
        query: format!("?page={number}&pageSize={}", route.page_size),
        body: Bytes::new(),
        is_core: route.is_core,
    }
}

fn gap(number: u32, failure: ReadFailure, route: &Route) -> Gap {
    match failure {
        ReadFailure::Gated(why) => Gap::Other(why),
        ReadFailure::Failed(why) => Gap::Other(format!("page {number}: {why}")),
        ReadFailure::Refused { status: 404, .. } if route.is_core => {
            Gap::Refused(404, format!("404 for page {number}: the path is wrong or the cloud is in trouble"))
        }
        ReadFailure::Refused { status, words } => {
            let why = format!("page {number}: HTTP {status} {} {}", words.code, words.message);
            if number == 1 { Gap::Refused(status, why.trim_end().to_owned()) } else { Gap::Other(why) }
        }
    }
}
