//! Are my backups fresh: one row for each policy and machine, the worst first, and the answer above them.

use crate::domain::cover::{Cover, Lateness, covers};
use crate::domain::id::{MachineId, PolicyName};
use crate::domain::policy::Mode;
use crate::domain::slot::Shelf;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::report::foreign::visible;
use crate::report::status::machine_name;
use crate::report::words::{self, instant, span};

/// Rows that are open to the eye where all is well, and where it is not.
const CALM_ROWS: usize = 8;
const WORRIED_ROWS: usize = 40;
/// Rows on the page; the rest is counted, and the JSON has all.
const ROWS: usize = 300;

pub struct Fresh {
    pub verdict: String,
    pub tone: &'static str,
    /// How many there are of each tone, the worst first.
    pub parts: Vec<Part>,
    pub rows: Vec<Row>,
    /// Behind a fold: each in better order than those above.
    pub folded: Vec<Row>,
    pub more: usize,
}

pub struct Part {
    pub tone: &'static str,
    pub word: &'static str,
    pub count: usize,
    /// In thousandths of all: where it begins, and how wide it is.
    pub start: usize,
    pub width: usize,
}

pub struct Row {
    lateness: Lateness,
    pub machine: String,
    pub policy: String,
    /// How old the newest good one is, and when it was taken.
    pub age: Option<(String, String)>,
    pub limit: Option<String>,
    /// Of the age that it may have, in hundredths.
    pub fill: u64,
    pub good: usize,
    /// Of these, in no list of the cloud's any more.
    pub missing: usize,
    /// In how long the next one is due, and when.
    pub next: Option<(String, String)>,
    /// Why the one that is due is not taken.
    pub held: Option<String>,
}

impl Row {
    pub fn word(&self) -> &'static str {
        word(self.lateness)
    }

    pub fn tone(&self) -> &'static str {
        tone(self.lateness)
    }
}

fn word(lateness: Lateness) -> &'static str {
    match lateness {
        Lateness::Late => "late",
        Lateness::Asleep => "machine off",
        Lateness::Awaited => "none yet",
        Lateness::Fresh => "fresh",
        Lateness::Observed => "observing",
        Lateness::Kept => "kept only",
    }
}

fn tone(lateness: Lateness) -> &'static str {
    match lateness {
        Lateness::Late => "bad",
        Lateness::Asleep | Lateness::Awaited | Lateness::Observed => "warn",
        Lateness::Fresh => "good",
        Lateness::Kept => "faint",
    }
}

pub fn fresh(state: &State, now: Timestamp) -> Fresh {
    let covers = covers(state, now);
    let mut rows: Vec<Row> =
        covers.iter().map(|((policy, machine), cover)| row(state, now, policy, machine, cover)).collect();
    rows.sort_by(|one, other| {
        let key = |row: &Row| (row.missing == 0, row.lateness, std::cmp::Reverse(row.fill));
        key(one).cmp(&key(other)).then_with(|| one.machine.cmp(&other.machine))
    });
    let count = |lateness: Lateness| rows.iter().filter(|row| row.lateness == lateness).count();
    let (mut verdict, mut tone_of_all) = verdict(state, count);
    let missing: usize = rows.iter().map(|row| row.missing).sum();
    if missing > 0 {
        let are = words::count(missing, "good backup is", "good backups are");
        verdict = format!("{are} in no list of the cloud's any more. As last known: {verdict}");
        // One list may lag; that much is missing is another thing.
        tone_of_all = if state.fleet.doubtful_since.is_some() {
            "bad"
        } else {
            if tone_of_all == "bad" { "bad" } else { "warn" }
        };
    }
    let total = rows.len().max(1);
    let mut start = 0;
    let part = |lateness: Lateness| {
        let (count, begin) = (count(lateness), start);
        let width = count * 1_000 / total;
        start += width;
        Part { tone: tone(lateness), word: word(lateness), count, start: begin, width }
    };
    let parts = Lateness::ALL.map(part).into_iter().filter(|part| part.count > 0).collect();
    let more = rows.len().saturating_sub(ROWS);
    let worries = rows.iter().filter(|row| row.lateness < Lateness::Fresh || row.missing > 0).count();
    rows.truncate(ROWS);
    let open = worries.clamp(CALM_ROWS, WORRIED_ROWS).min(rows.len());
    let folded = rows.split_off(open);
    Fresh { verdict, tone: tone_of_all, parts, rows, folded, more }
}

fn verdict(state: &State, count: impl Fn(Lateness) -> usize) -> (String, &'static str) {
    let [late, asleep, none, fresh] =
        [Lateness::Late, Lateness::Asleep, Lateness::Awaited, Lateness::Fresh].map(&count);
    let expected = late + asleep + none + fresh;
    if state.adopted.is_none() {
        return ("No policies were adopted yet.".to_owned(), "warn");
    }
    if state.mode() == Mode::Observe || (expected == 0 && count(Lateness::Observed) > 0) {
        return ("Nothing is backed up while observing.".to_owned(), "warn");
    }
    if expected == 0 {
        return ("Nothing is expected: no policy selects a machine that was seen.".to_owned(), "warn");
    }
    let mut waits = Vec::new();
    if asleep > 0 {
        waits.push(format!("{asleep} wait for a machine that is off"));
    }
    if none > 0 {
        waits.push(format!("{none} have none yet, and are not late"));
    }
    match (late, expected) {
        (0, 1) if waits.is_empty() => ("The one that is expected is fresh.".to_owned(), "good"),
        (0, _) if waits.is_empty() => (format!("All {expected} are fresh."), "good"),
        (0, _) => (format!("{fresh} of {expected} are fresh; {}.", waits.join("; ")), "warn"),
        (1, _) => (format!("1 of {expected} is late."), "bad"),
        _ => (format!("{late} of {expected} are late."), "bad"),
    }
}

fn row(state: &State, now: Timestamp, policy: &PolicyName, machine: &MachineId, cover: &Cover<'_>) -> Row {
    let ago = |at: Timestamp| (span(now.since(at)), instant(at));
    let expected = cover.expected.as_ref();
    let fill = expected
        .map_or(0, |expected| now.since(cover.waits_since(expected)).as_secs() * 100 / expected.age.0.max(1));
    let shelf = Shelf { policy: policy.clone(), machine: machine.clone() };
    let held = state.shelves.get(&shelf).and_then(|shelf| shelf.open.as_ref()).map(|(_, held)| held);
    Row {
        lateness: cover.lateness(now),
        machine: visible(&machine_name(state, machine)),
        policy: visible(policy.as_str()),
        age: cover.newest_good.map(|(taken_at, _)| ago(taken_at)),
        limit: expected.map(|expected| span(expected.age.duration())),
        fill: fill.min(100),
        good: cover.good,
        missing: cover.missing,
        next: expected.and_then(|expected| expected.next_due).map(|at| (span(at.since(now)), instant(at))),
        held: held.map(words::held),
    }
}
