//! The backups by region: searched, and a page at a time.

use serde::Deserialize;

use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::report::foreign::visible;
use crate::report::sieve::Sieve;
use crate::report::snapshots::{SnapshotShown, Snapshots, fate};
use crate::report::stops::Writer;
use crate::report::words::{self, instant, size, span};

/// Backups on one page.
const PAGE: usize = 50;
/// Of what is searched for.
const LONGEST_SEARCH: usize = 200;

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    pub q: String,
    #[serde(default)]
    pub region: String,
    /// From 1.
    #[serde(default)]
    pub page: Option<usize>,
}

pub struct ShelfPage {
    pub search: String,
    pub region: String,
    pub regions: Vec<RegionLink>,
    pub totals: String,
    /// `1 to 50 of 312`.
    pub place: String,
    pub groups: Vec<Group>,
    pub newer: Option<String>,
    pub older: Option<String>,
}

pub struct RegionLink {
    pub name: String,
    pub count: usize,
    pub link: String,
    pub is_chosen: bool,
}

pub struct Group {
    pub region: String,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub name: String,
    pub machine: String,
    pub policy: String,
    pub state: String,
    pub tone: &'static str,
    /// How old it is, and when it was taken.
    pub age: Option<(String, String)>,
    pub size: Option<String>,
    pub whose: &'static str,
    pub fate: String,
}

pub fn shelf(state: &State, now: Timestamp, writer: &Writer, wanted: &Wanted) -> ShelfPage {
    let search: String = wanted.q.trim().chars().take(LONGEST_SEARCH).collect();
    let sieve = Sieve { search: (!search.is_empty()).then(|| search.clone()), ..Sieve::default() };
    let mut found = Snapshots::of(state, now, writer, &sieve);
    let mut all = std::mem::take(&mut found.snapshots);
    // The newest first within each region, as they came.
    all.sort_by(|one, other| one.region.cmp(&other.region));
    let regions = regions(&all, &search, &wanted.region);
    all.retain(|one| wanted.region.is_empty() || one.region == wanted.region);
    let count = all.len();
    let last = count.div_ceil(PAGE).max(1);
    let page = wanted.page.unwrap_or(1).clamp(1, last);
    let first = (page - 1) * PAGE;
    let shown: Vec<&SnapshotShown> = all.iter().skip(first).take(PAGE).collect();
    let place = match shown.len() {
        0 => "none".to_owned(),
        here => format!("{} to {} of {count}", first + 1, first + here),
    };
    let to = |page: usize| link(&search, &wanted.region, page);
    let totals = &found.totals;
    ShelfPage {
        regions,
        totals: format!(
            "{} in the account, {}; {} ours, {} restorable",
            words::count(totals.snapshots, "snapshot", "snapshots"),
            size(totals.storage_bytes),
            totals.ours,
            totals.restorable
        ),
        place,
        groups: groups(&shown, now),
        newer: (page > 1).then(|| to(page - 1)),
        older: (page < last).then(|| to(page + 1)),
        search,
        region: wanted.region.clone(),
    }
}

fn regions(all: &[SnapshotShown], search: &str, chosen: &str) -> Vec<RegionLink> {
    let region = |name: &str, shown: String, count: usize| RegionLink {
        name: shown,
        count,
        link: link(search, name, 1),
        is_chosen: name == chosen,
    };
    let mut links = vec![region("", "everywhere".to_owned(), all.len())];
    for here in all.chunk_by(|one, other| one.region == other.region) {
        let Some(first) = here.first().filter(|first| !first.region.is_empty()) else { continue };
        links.push(region(&first.region, visible(&first.region), here.len()));
    }
    links
}

fn groups(shown: &[&SnapshotShown], now: Timestamp) -> Vec<Group> {
    let together = shown.chunk_by(|one, other| one.region == other.region);
    let group = |rows: &[&SnapshotShown]| {
        let region = rows.first().map_or("", |first| &first.region);
        let region = if region.is_empty() { "region not known".to_owned() } else { visible(region) };
        Group { region, rows: rows.iter().map(|one| row(one, now)).collect() }
    };
    together.map(group).collect()
}

fn row(one: &SnapshotShown, now: Timestamp) -> Row {
    let tone = match one.state.as_str() {
        _ if one.doom.is_some() || one.expired.is_some() => "warn",
        "good" => "good",
        "bad" | "failed" | "timed out" | "vanished" | "disputed" => "bad",
        _ => "faint",
    };
    Row {
        name: visible(&one.name),
        machine: visible(&one.machine_name),
        policy: one.policy.as_ref().map_or_else(|| "no policy".to_owned(), |policy| visible(policy.as_str())),
        state: visible(if one.doom.is_some() { "doomed" } else { &one.state }),
        tone,
        age: one.taken_at.map(|at| (span(now.since(at)), instant(at))),
        size: one.size_bytes.map(size),
        whose: one.whose.word(),
        fate: visible(&fate(one)),
    }
}

fn link(search: &str, region: &str, page: usize) -> String {
    format!("/?q={}&region={}&page={page}#backups", encoded(search), encoded(region))
}

/// As a part of an address.
fn encoded(text: &str) -> String {
    let mut shown = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => shown.push(char::from(byte)),
            _ => shown.push_str(&format!("%{byte:02X}")),
        }
    }
    shown
}
