//! Walks through the pages of a listing, and the proof that nothing was left out.
//!
//! It judges only what the pages show; what an absence means is decided elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::asking::Asking;
use super::line::{Line, ReadFailure};
use super::page::{self, Page, Read, Seen};
use super::parse::Listing;
use crate::config::paths::Parameters;
use crate::domain::digest::Digest;
use crate::domain::event::Call;
use crate::domain::fleet::Miscount;
use crate::planted::{Bug, is_planted};

/// Pages of one walk: 20,000 items at 50 a page, more than anyone could pay for.
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
    pub miscount: Option<Miscount>,
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
    pub parameters: &'a Parameters,
    pub page_size: u32,
    pub is_core: bool,
    /// By how much its total is known to be too high.
    pub excess: Option<u64>,
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
    if is_planted(Bug::NotFoundListIsEmpty) && matches!(first.gap, Some(Gap::Refused(404, _))) {
        return finished(vec![Walk::default()], Agreement::default(), memo);
    }
    let proven = first.is_proven() && !*total_lied;
    *total_lied |= first.contradicts_its_total();
    if proven || first.gap.is_some() || first.unreadable() > 0 {
        return finished(vec![first], Agreement::default(), memo);
    }
    let second = walk(line, route, memo.as_ref(), calls).await;
    *total_lied |= second.contradicts_its_total();
    let agreement = agreement(&first, &second, route);
    finished(vec![first, second], agreement, memo)
}

/// What two walks in a row come to.
#[derive(Debug, Default)]
struct Agreement {
    /// Why they prove nothing; `None` if they do.
    doubt: Option<String>,
    miscount: Option<Miscount>,
}

/// Pages that show less than they count leave something out, however often they do: unless they are
/// off by the very number that was learned. What comes to be and is not shown would change it.
fn agreement(first: &Walk, second: &Walk, route: &Route) -> Agreement {
    let same_ids = (first.same && second.same) || first.id_set() == second.id_set();
    if second.gap.is_some() {
        return Agreement::default();
    }
    if !same_ids {
        let doubt = Some("two walks in a row saw different ids".to_owned());
        return Agreement { doubt, miscount: None };
    }
    let shown = second.ids as u64;
    let counted = second.totals.iter().flatten().max().copied().unwrap_or(0);
    if counted <= shown || first.totals.iter().flatten().max() != Some(&counted) {
        return Agreement::default();
    }
    let miscount = Miscount { counted, shown };
    let is_plain = [first, second].iter().all(|walk| walk.repeats(counted) && walk.ends_plainly(route));
    let is_expected = is_plain && route.excess == Some(miscount.excess());
    let doubt = format!("the cloud counts {counted}, and its pages show {shown}");
    Agreement { doubt: (!is_expected).then_some(doubt), miscount: is_plain.then_some(miscount) }
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
        let new_ids = walk.add(read, known, &mut ids);
        if is_planted(Bug::PageTwoIgnored) {
            walk.totals.clear();
            return walk;
        }
        if new_ids == 0 {
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
        let fits = *total == self.ids as u64 && (!second_brought || *total > first_length);
        self.gap.is_none() && fits
    }

    fn repeats(&self, total: u64) -> bool {
        self.totals.len() == 1 && self.totals.contains(&Some(total))
    }

    /// With an empty page after one that had room for more. A cloud that cuts its lists off, or that
    /// gives the same page whatever is asked for, ends otherwise.
    fn ends_plainly(&self, route: &Route) -> bool {
        let lengths: Vec<usize> = self.stops.iter().map(|stop| stop.page.seen.len()).collect();
        let Some((0, full)) = lengths.split_last() else { return false };
        let room = match full {
            [] | [_] => usize::try_from(route.page_size).unwrap_or(usize::MAX),
            [first, ..] => *first,
        };
        self.unreadable() == 0 && full.last().is_some_and(|last| *last < room)
    }

    /// Not by items that nobody could count.
    fn contradicts_its_total(&self) -> bool {
        let other = self.totals.iter().flatten().any(|total| *total != self.ids as u64);
        self.gap.is_none() && self.unreadable() == 0 && other
    }
}

fn finished(mut walks: Vec<Walk>, agreement: Agreement, memo: &mut Option<Memo>) -> Listed {
    let Agreement { doubt, miscount } = agreement;
    let unreadable = walks.iter().map(Walk::unreadable).max().unwrap_or(0);
    let unnamed = (unreadable > 0).then(|| format!("{unreadable} items without a readable id"));
    let gap = walks.iter_mut().find_map(|walk| walk.gap.take());
    let gap = gap.or(doubt.or(unnamed).map(Gap::Other));
    let same = walks.iter().all(|walk| walk.same);
    if let (None, true, Some(memo)) = (&gap, same, memo.as_ref()) {
        let items = memo.items.clone();
        return Listed { items, digest: memo.digest, unchanged: true, miscount, gap: None };
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
    Listed { items, digest, unchanged: false, miscount, gap }
}

/// Over the ids and texts of the items, in order of id.
pub fn digest(items: &[Seen]) -> Digest {
    Digest::of_fields(items.iter().flat_map(|seen| [seen.id().as_bytes(), seen.raw.as_bytes()]))
}

fn asking(route: &Route, number: u32) -> Asking {
    let Parameters { page, page_size, .. } = route.parameters;
    let query = format!("?{page}={number}&{page_size}={}", route.page_size);
    Asking { query, is_core: route.is_core, ..Asking::get(route.endpoint, None) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::barrack::client::{Client, Walked};
    use crate::barrack::scripted::{self, json};
    use crate::domain::fleet::{LookResult, Scope};

    /// A cloud that holds `count` snapshots, with what each page says of the total.
    fn cloud(count: usize, total: impl Fn(usize) -> String + Clone + Send + Sync + 'static) -> Client {
        scripted::client(move |asked| {
            let page = asked.page();
            let items = scripted::items((page - 1) * 50..(page * 50).min(count));
            json(&format!(r#"{{"request_id":"{:08}","snapshots":{items}{}}}"#, asked.number, total(page)))
        })
    }

    async fn look(client: &mut Client) -> Walked {
        client.look(&Scope::Snapshots).await
    }

    #[tokio::test(start_paused = true)]
    async fn one_walk_is_enough_where_every_page_repeats_the_right_total() {
        let mut client = cloud(120, |_| r#","total":120"#.to_owned());
        let walked = look(&mut client).await;
        assert_eq!((walked.result, walked.items.len(), walked.calls.len()), (LookResult::Complete, 120, 4));
        assert_eq!(walked.calls[0].request_id.as_deref(), Some("00000001"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_pages_again_are_unchanged() {
        let mut client = cloud(120, |_| r#","total":120"#.to_owned());
        let (first, second) = (look(&mut client).await, look(&mut client).await);
        assert_eq!((first.unchanged, second.unchanged), (false, true));
        assert!(first.digest == second.digest && Arc::ptr_eq(&first.items, &second.items));
    }

    #[tokio::test(start_paused = true)]
    async fn pages_that_were_forgotten_are_not_unchanged() {
        let mut client = cloud(120, |_| r#","total":120"#.to_owned());
        look(&mut client).await;
        client.forget_listings();
        let walked = look(&mut client).await;
        assert_eq!((walked.unchanged, walked.items.len()), (false, 120));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_total_two_walks_must_agree() {
        let mut client = cloud(120, |_| r#","count":50"#.to_owned());
        let walked = look(&mut client).await;
        assert_eq!((walked.result, walked.items.len(), walked.calls.len()), (LookResult::Complete, 120, 8));
        assert!(look(&mut client).await.unchanged);
    }

    #[tokio::test(start_paused = true)]
    async fn a_total_that_only_counts_its_page_is_never_believed_again() {
        let mut client = cloud(120, |page| format!(r#","total":{}"#, [50, 50, 20, 0][page - 1]));
        assert_eq!(look(&mut client).await.calls.len(), 8);
        let mut client = scripted::client(|asked| {
            let (count, total) = if asked.number <= 8 { (120, 50) } else { (50, 50) };
            let items = scripted::items((asked.page() - 1) * 50..(asked.page() * 50).min(count));
            json(&format!(r#"{{"snapshots":{items},"total":{total}}}"#))
        });
        assert_eq!(look(&mut client).await.result, LookResult::Complete);
        let walked = look(&mut client).await;
        assert_eq!((walked.result, walked.items.len(), walked.calls.len()), (LookResult::Complete, 50, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn pages_that_show_less_than_they_count_are_never_complete() {
        // As if `page` were ignored: the same fifty, again and again.
        let mut client =
            scripted::client(|_| json(&format!(r#"{{"snapshots":{},"total":60}}"#, scripted::items(0..50))));
        let walked = look(&mut client).await;
        assert!(matches!(walked.result, LookResult::Incomplete(why) if why.contains("counts 60")));
        assert_eq!(walked.items.len(), 50);
    }

    /// Five more are counted than the 60 that are shown.
    fn miscounting() -> Client {
        cloud(60, |_| r#","total":65"#.to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_total_that_is_off_by_the_number_that_was_learned_is_complete() {
        let mut client = miscounting();
        let walked = look(&mut client).await;
        assert!(matches!(walked.result, LookResult::Incomplete(why) if why.contains("counts 65")));
        assert_eq!(walked.miscount, Some(Miscount { counted: 65, shown: 60 }));
        for (excess, complete) in [(4, false), (5, true), (6, false)] {
            client.expect_excess(&Scope::Snapshots, Some(excess));
            let walked = look(&mut client).await;
            assert_eq!(
                (walked.result == LookResult::Complete, walked.items.len()),
                (complete, 60),
                "{excess}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_pages_that_are_cut_off_or_all_the_same_nothing_is_learned() {
        // A hundred are shown of 130, as if no more than two pages could be asked for.
        let mut cut_off = cloud(100, |_| r#","total":130"#.to_owned());
        assert_eq!(look(&mut cut_off).await.miscount, None);
        let mut same =
            scripted::client(|_| json(&format!(r#"{{"snapshots":{},"total":60}}"#, scripted::items(0..40))));
        assert_eq!(look(&mut same).await.miscount, None);
        let mut nothing = cloud(0, |_| r#","total":7"#.to_owned());
        assert_eq!(look(&mut nothing).await.miscount, None);
        let mut wavering = cloud(60, |page| format!(r#","total":{}"#, 64 + page));
        assert_eq!(look(&mut wavering).await.miscount, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cloud_that_repeats_its_last_page_for_ever_is_walked_to_the_end() {
        let mut client = scripted::client(|asked| {
            let page = asked.page().min(3);
            json(&format!(
                r#"{{"snapshots":{},"total":120}}"#,
                scripted::items((page - 1) * 50..(page * 50).min(120))
            ))
        });
        let walked = look(&mut client).await;
        assert_eq!((walked.result, walked.items.len(), walked.calls.len()), (LookResult::Complete, 120, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn walks_that_see_different_ids_prove_nothing() {
        let mut client = scripted::client(|asked| match asked.page() {
            1 => json(&format!(r#"{{"snapshots":{}}}"#, scripted::items(0..asked.number))),
            _ => json(r#"{"snapshots":[]}"#),
        });
        let walked = look(&mut client).await;
        assert!(matches!(walked.result, LookResult::Incomplete(why) if why.contains("different ids")));
        assert_eq!(walked.items.len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_fails_in_the_middle_leaves_the_walk_incomplete_and_what_was_seen_seen() {
        let mut client = scripted::client(|asked| match asked.page() {
            1 => json(&format!(r#"{{"snapshots":{},"total":60}}"#, scripted::items(0..50))),
            _ => Ok(scripted::answer(502, "<html>")),
        });
        let walked = look(&mut client).await;
        assert!(matches!(walked.result, LookResult::Incomplete(why) if why.contains("page 2: HTTP 502")));
        let attempts: Vec<u8> = walked.calls.iter().map(|call| call.attempt).collect();
        assert_eq!((walked.items.len(), attempts), (50, vec![1, 1, 2, 3]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_order_mark_before_a_page_is_passed_over() {
        let mut client = scripted::client(|_| json("\u{feff}{\"snapshots\":[],\"total\":0}"));
        assert_eq!(look(&mut client).await.result, LookResult::Complete);
    }

    #[tokio::test(start_paused = true)]
    async fn of_an_item_on_two_pages_the_last_is_taken() {
        let mut client = scripted::client(|asked| match asked.page() {
            1 => json(r#"{"snapshots":[{"id":"1","name":"old"},{"id":"2"}],"total":3}"#),
            2 => json(r#"{"snapshots":[{"id":"1","name":"new"},{"id":"3"}],"total":3}"#),
            _ => json(r#"{"snapshots":[],"total":3}"#),
        });
        let walked = look(&mut client).await;
        assert_eq!((walked.result, walked.items.len()), (LookResult::Complete, 3));
        assert!(walked.items[0].raw.contains("new"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_item_that_nobody_can_name_leaves_the_look_incomplete() {
        let mut client = scripted::client(|asked| match asked.page() {
            1 => json(r#"{"snapshots":[{"id":"1"},{"name":"who"}],"total":2}"#),
            _ => json(r#"{"snapshots":[],"total":2}"#),
        });
        let walked = look(&mut client).await;
        assert_eq!(walked.result, LookResult::Incomplete("1 items without a readable id".to_owned()));
        assert_eq!(walked.items.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_404_on_a_list_proves_nothing_and_only_an_optional_one_is_unavailable() {
        let mut client = scripted::client(|_| Ok(scripted::answer(404, "{}")));
        for scope in [Scope::Machines, Scope::Snapshots] {
            let result = client.look(&scope).await.result;
            assert!(matches!(result, LookResult::Incomplete(why) if why.starts_with("404")));
        }
        assert!(matches!(client.look(&Scope::Images).await.result, LookResult::Unavailable(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_total_that_may_only_count_its_page_proves_nothing_by_itself() {
        // As if `page` were ignored: the same fifty again, and the total of one page.
        let mut client =
            scripted::client(|_| json(&format!(r#"{{"snapshots":{},"total":50}}"#, scripted::items(0..50))));
        assert_eq!(look(&mut client).await.calls.len(), 4, "two walks");
        // All fifty are on the first page, and the second is empty.
        let mut client = cloud(50, |_| r#","total":50"#.to_owned());
        assert_eq!(look(&mut client).await.calls.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_walk_ends_at_its_four_hundredth_page() {
        for (count, is_whole) in [(399, true), (400, false)] {
            let mut client = scripted::client(move |asked| {
                let items = scripted::items(asked.page() - 1..asked.page().min(count));
                json(&format!(r#"{{"snapshots":{items},"total":{count}}}"#))
            });
            let walked = look(&mut client).await;
            assert_eq!((walked.calls.len(), walked.items.len()), (400, count));
            let said = "no end after 400 pages".to_owned();
            let expected = if is_whole { LookResult::Complete } else { LookResult::Incomplete(said) };
            assert_eq!(walked.result, expected);
        }
    }
}
