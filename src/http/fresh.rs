//! Are my backups fresh: one row for each policy and machine, the worst first, and the answer above them.

use crate::domain::cover::{Cover, covers};
use crate::domain::id::{MachineId, PolicyName};
use crate::domain::policy::Mode;
use crate::domain::slot::{Held, Shelf};
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
    standing: Standing,
    pub machine: String,
    pub policy: String,
    /// How old the newest good one is, and when it was taken.
    pub age: Option<(String, String)>,
    pub limit: Option<String>,
    /// Of the age that it may have, in hundredths.
    pub fill: u64,
    pub good: usize,
    /// In how long the next one is due, and when.
    pub next: Option<(String, String)>,
    /// Why the one that is due is not taken.
    pub held: Option<String>,
}

/// In the order in which they matter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Late,
    /// Late, and only because its machine is off: nothing on it changes meanwhile.
    Asleep,
    NoneYet,
    Fresh,
    /// No policy selects the machine any more, or it is gone: what stands here is kept.
    Kept,
}

impl Row {
    pub fn word(&self) -> &'static str {
        self.standing.word()
    }

    pub fn tone(&self) -> &'static str {
        self.standing.tone()
    }
}

impl Standing {
    const ALL: [Self; 5] = [Self::Late, Self::Asleep, Self::NoneYet, Self::Fresh, Self::Kept];

    fn word(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Asleep => "machine off",
            Self::NoneYet => "none yet",
            Self::Fresh => "fresh",
            Self::Kept => "kept only",
        }
    }

    fn tone(self) -> &'static str {
        match self {
            Self::Late => "bad",
            Self::Asleep | Self::NoneYet => "warn",
            Self::Fresh => "good",
            Self::Kept => "faint",
        }
    }

    fn of(cover: &Cover<'_>, now: Timestamp, held: Option<&Held>) -> Self {
        match (cover.expected_age, cover.newest_good) {
            (None, _) => Self::Kept,
            (Some(_), _) if cover.is_old(now) => match held {
                _ if cover.sleeps => Self::Asleep,
                Some(Held::NotActive(_)) => Self::Asleep,
                Some(_) | None => Self::Late,
            },
            (Some(_), None) => Self::NoneYet,
            (Some(_), Some(_)) => Self::Fresh,
        }
    }
}

pub fn fresh(state: &State, now: Timestamp) -> Fresh {
    let covers = covers(state, now);
    let mut rows: Vec<Row> =
        covers.iter().map(|((policy, machine), cover)| row(state, now, policy, machine, cover)).collect();
    rows.sort_by(|one, other| {
        let key = |row: &Row| (row.standing, std::cmp::Reverse(row.fill));
        key(one).cmp(&key(other)).then_with(|| one.machine.cmp(&other.machine))
    });
    let count = |standing: Standing| rows.iter().filter(|row| row.standing == standing).count();
    let (late, none, fresh) = (count(Standing::Late), count(Standing::NoneYet), count(Standing::Fresh));
    let asleep = count(Standing::Asleep);
    let (verdict, tone) = verdict(state, [late, asleep, none, fresh]);
    let total = rows.len().max(1);
    let mut start = 0;
    let part = |standing: Standing| {
        let (count, begin) = (count(standing), start);
        let width = count * 1_000 / total;
        start += width;
        Part { tone: standing.tone(), word: standing.word(), count, start: begin, width }
    };
    let parts = Standing::ALL.map(part).into_iter().filter(|part| part.count > 0).collect();
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let open = (late + asleep + none).clamp(CALM_ROWS, WORRIED_ROWS).min(rows.len());
    let folded = rows.split_off(open);
    Fresh { verdict, tone, parts, rows, folded, more }
}

fn verdict(state: &State, counts: [usize; 4]) -> (String, &'static str) {
    let expected: usize = counts.iter().sum();
    let [late, asleep, none, fresh] = counts;
    if state.adopted.is_none() {
        return ("No policies were adopted yet.".to_owned(), "warn");
    }
    if expected == 0 {
        return ("Nothing is expected: no policy selects a machine that was seen.".to_owned(), "warn");
    }
    if state.mode() == Mode::Observe {
        return ("Nothing is backed up while observing.".to_owned(), "warn");
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
    let since = cover.newest_good.map_or(cover.expected_since, |(taken_at, _)| taken_at);
    let fill = cover.expected_age.map_or(0, |limit| now.since(since).as_secs() * 100 / limit.0.max(1));
    let shelf = Shelf { policy: policy.clone(), machine: machine.clone() };
    let held = state.shelves.get(&shelf).and_then(|shelf| shelf.open.as_ref()).map(|(_, held)| held);
    Row {
        standing: Standing::of(cover, now, held),
        machine: visible(&machine_name(state, machine)),
        policy: visible(policy.as_str()),
        age: cover.newest_good.map(|(taken_at, _)| ago(taken_at)),
        limit: cover.expected_age.map(|limit| span(limit.duration())),
        fill: fill.min(100),
        good: cover.good,
        next: cover.next_due.map(|at| (span(at.since(now)), instant(at))),
        held: held.map(words::held),
    }
}
