//! One page of a listing: its items, parsed only if their bytes differ from the last time.
//!
//! It does not know what came before or after; whether a listing is whole is the walk's question.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::domain::fleet::Item;

use super::line::{Answered, Unusable};
use super::parse::Listing;
use super::wire::{self, Envelope};

/// Bytes of an item's own text that are kept; what the API prints is a few hundred.
const LONGEST_RAW: usize = 64 * 1024;

/// An item and the cloud's own text of it. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub item: Arc<Item>,
    pub raw: Arc<str>,
}

/// A page as parsed, with the body that it came in.
#[derive(Debug)]
pub struct Page {
    body: Bytes,
    /// Where in the body the array of items stands.
    items_at: Range<usize>,
    pub seen: Vec<Seen>,
    /// Items of which nobody can say which they are.
    pub unreadable: usize,
}

/// A page as read this time.
#[derive(Debug)]
pub struct Read {
    pub page: Arc<Page>,
    pub total: Option<u64>,
}

impl Seen {
    pub fn new(item: Item, raw: &str) -> Self {
        let raw = if raw.len() <= LONGEST_RAW { raw.into() } else { cut(raw).into() };
        Self { item: Arc::new(item), raw }
    }

    /// What tells it from others of its listing.
    pub fn id(&self) -> &str {
        match &*self.item {
            Item::Machine(machine) => machine.id.as_str(),
            Item::Snapshot(snapshot) => snapshot.id.as_str(),
            Item::Image(image) => image.id.as_str(),
            Item::Links { snapshot, .. } => snapshot.as_str(),
            Item::Balance(_) => "balance",
            Item::Prices(_) => "prices",
        }
    }
}

fn cut(raw: &str) -> String {
    let end = (0..=LONGEST_RAW).rev().find(|end| raw.is_char_boundary(*end)).unwrap_or(0);
    format!("{}… (cut)", &raw[..end])
}

impl Page {
    fn items(&self) -> &[u8] {
        &self.body[self.items_at.clone()]
    }
}

/// `known`: the same page of the last complete walk; it is handed back if its items are the same.
pub fn read(body: &Bytes, listing: Listing, known: Option<&Arc<Page>>) -> Result<Answered<Read>, Unusable> {
    let (page, envelope) = match known.and_then(|known| same_in_place(body, listing, known)) {
        Some((page, envelope)) => (Some(page), envelope),
        None => (None, wire::envelope(body, &listing.names()).ok_or(Unusable::Unreadable)?),
    };
    if envelope.says_no {
        return Err(Unusable::SaysNo);
    }
    let items_at = envelope.items_at.ok_or(Unusable::Unreadable)?;
    let page = match (page, known) {
        (Some(page), _) => page,
        (None, Some(known)) if known.items() == &body[items_at.clone()] => known.clone(),
        (None, _) => Arc::new(parsed(body, items_at, listing, known)?),
    };
    Ok(Answered { value: Read { page, total: envelope.total }, request_id: envelope.request_id })
}

/// The quick way for the usual answer: the array has the same bytes at the same place. Then only
/// what stands around it is parsed, with an empty array in its stead.
fn same_in_place(body: &Bytes, listing: Listing, known: &Arc<Page>) -> Option<(Arc<Page>, Envelope)> {
    // Spelled as nobody spells it: a second list under the same name must not look the same.
    const EMPTY: &[u8] = b"[ ]";
    let Range { start, end } = known.items_at;
    if body.get(start..end)? != known.items() {
        return None;
    }
    let (before, after) = (&body[..start], &body[end..]);
    if [before, after].iter().any(|part| part.windows(EMPTY.len()).any(|text| text == EMPTY)) {
        return None;
    }
    let around = [before, EMPTY, after].concat();
    let envelope = wire::envelope(&around, &listing.names())?;
    // Only if the empty array is what would be taken for the items is the long one that, too.
    let in_place = envelope.items_at == Some(start..start + EMPTY.len());
    in_place.then(|| (known.clone(), Envelope { items_at: Some(start..end), ..envelope }))
}

/// An item with the very text of one on the known page is that one: a new item at the front moves all
/// others by one place, and changes none of them.
fn parsed(
    body: &Bytes,
    items_at: Range<usize>,
    listing: Listing,
    known: Option<&Arc<Page>>,
) -> Result<Page, Unusable> {
    let items: Vec<&RawValue> =
        serde_json::from_slice(&body[items_at.clone()]).map_err(|_| Unusable::Unreadable)?;
    let known: HashMap<&str, &Seen> =
        known.iter().flat_map(|page| &page.seen).map(|seen| (&*seen.raw, seen)).collect();
    let seen = items.iter().filter_map(|raw| match known.get(raw.get()) {
        Some(same) => Some((*same).clone()),
        None => Some(Seen::new(listing.item(&wire::object(raw)?)?, raw.get())),
    });
    let seen: Vec<Seen> = seen.collect();
    let unreadable = items.len() - seen.len();
    Ok(Page { body: body.clone(), items_at, seen, unreadable })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Strategy, prop_assert_eq, proptest};

    fn read_page(body: &str, known: Option<&Arc<Page>>) -> Read {
        read(&Bytes::from(body.to_owned()), Listing::Snapshots, known).unwrap().value
    }

    #[test]
    fn a_page_with_the_bytes_of_the_last_time_is_not_parsed_again() {
        let first = read_page(r#"{"request_id":"aaaa","snapshots":[{"id":"1"},{"x":2}],"total":2}"#, None);
        assert_eq!((first.page.seen.len(), first.page.unreadable), (1, 1));
        for same in [
            r#"{"request_id":"bbbb","snapshots":[{"id":"1"},{"x":2}],"total":3}"#,
            r#"{"success":true,"snapshots":[{"id":"1"},{"x":2}],"total":3,"request_id":"cccc"}"#,
        ] {
            let again = read_page(same, Some(&first.page));
            assert!(Arc::ptr_eq(&again.page, &first.page));
            assert_eq!(again.total, Some(3));
        }
    }

    #[test]
    fn an_item_with_the_text_of_the_last_time_is_not_parsed_again_wherever_it_stands() {
        let first = read_page(r#"{"snapshots":[{"id":"1","name":"a"},{"id":"2"}],"total":2}"#, None);
        let moved = r#"{"snapshots":[{"id":"3"},{"id":"1","name":"b"},{"id":"2"}],"total":3}"#;
        let again = read_page(moved, Some(&first.page));
        assert_eq!(again.page.seen, read_page(moved, None).page.seen);
        assert!(Arc::ptr_eq(&again.page.seen[2].item, &first.page.seen[1].item));
    }

    #[test]
    fn what_stands_around_the_same_bytes_is_not_overlooked() {
        let first = read_page(r#"{"xxxxxxxxx":10,"data":[{"id":"1"}],"total":1}"#, None);
        let other = r#"{"snapshots":[],"data":[{"id":"1"}],"total":1}"#;
        assert_eq!(first.page.items_at.start, other.find("[{").unwrap());
        assert!(read_page(other, Some(&first.page)).page.seen.is_empty());
        let no = Bytes::from_static(br#"{"success":false,"data":[{"id":"1"}]}"#);
        let refused = read(&no, Listing::Snapshots, Some(&first.page));
        assert!(matches!(refused, Err(Unusable::SaysNo)));
    }

    #[test]
    fn a_second_list_under_the_same_name_is_not_overlooked() {
        let first = read_page(r#"{"snapshots":[{"id":"1"}],"total":1}"#, None);
        for second in ["[]", "[ ]", r#"[{"id":"2"}]"#] {
            let body =
                Bytes::from(format!(r#"{{"snapshots":[{{"id":"1"}}],"total":1,"snapshots":{second}}}"#));
            let answer = read(&body, Listing::Snapshots, Some(&first.page));
            assert!(matches!(answer, Err(Unusable::Unreadable)), "{second}");
        }
    }

    #[test]
    fn an_answer_without_a_list_is_no_empty_list() {
        for body in
            ["{}", r#"{"snapshots":null}"#, r#"{"snapshots":{}}"#, "null", "", "<html>", r#"{"snapshots":[1"#]
        {
            let answer = read(&Bytes::from(body), Listing::Snapshots, None);
            assert!(matches!(answer, Err(Unusable::Unreadable)), "{body}");
        }
    }

    #[test]
    fn a_page_is_found_wherever_it_stands_and_unknown_fields_are_passed_over() {
        for body in [
            r#"{"snapshots":[{"id":"1","new":{"x":[1]}}],"total":1,"more":[]}"#,
            r#"{"success":true,"data":[{"snapshot_id":1}],"total":"1"}"#,
            r#"{"results":[{"id":1}],"total":1,"count":50}"#,
            r#"{"items":[{"id":"1","id":"1"}],"total":1}"#,
            r#"{"data":{"snapshots":[{"id":"1"}],"total":1}}"#,
        ] {
            let read = read_page(body, None);
            assert_eq!(
                (read.page.seen[0].id(), read.page.unreadable, read.total),
                ("1", 0, Some(1)),
                "{body}"
            );
        }
        let bare = read_page(r#"[{"id":"1"},{"id":"1"}]"#, None);
        assert_eq!((bare.page.seen.len(), bare.total), (2, None));
    }

    const PIECES: [&str; 13] = [
        "{",
        "}",
        "[]",
        "[ ]",
        r#"[{"id":"1"},{"x":2}]"#,
        r#""snapshots":"#,
        r#""data":"#,
        r#""total":"#,
        "2",
        ",",
        r#""request_id":"a""#,
        "\"",
        " ",
    ];

    fn any_body() -> impl Strategy<Value = Bytes> {
        let pieces = proptest::collection::vec(proptest::sample::select(PIECES.as_slice()), 0..9);
        pieces.prop_map(|pieces| Bytes::from(pieces.concat()))
    }

    proptest! {
        #[test]
        fn the_quick_way_reads_what_the_slow_way_reads(old in any_body(), new in any_body(), tail in any_body()) {
            let old = [br#"{"snapshots":[{"id":"1"},{"x":2}]"#, &old[..], b"}"].concat();
            for new in [new.clone(), Bytes::from([&old[..old.len() - 1], &tail, &new].concat())] {
                let known = read(&Bytes::from(old.clone()), Listing::Snapshots, None).ok();
                let quick = read(&new, Listing::Snapshots, known.as_ref().map(|known| &known.value.page));
                let slow = read(&new, Listing::Snapshots, None);
                let facts = |read: Result<Answered<Read>, Unusable>| {
                    read.map(|read| (read.value.page.seen.clone(), read.value.page.unreadable, read.value.total, read.request_id))
                };
                prop_assert_eq!(facts(quick), facts(slow));
            }
        }
    }
}
