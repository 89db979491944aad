//! `[rules]`: every bound and wait that a plan obeys, each a setting with its least value.
//!
//! What each is for is told where it is defined, in the domain's policy.

use super::section::{Found, Notes, Section};
use crate::domain::policy::Rules;
use crate::domain::time::Seconds;

/// How late the cloud may act or tell: they bound `settle` from below, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lateness {
    /// How long after an unclear answer a create may still take effect.
    pub late_effect: Seconds,
    /// How long a listing may lag behind.
    pub list_lag: Seconds,
}

const NONE: Seconds = Seconds(0);
const ONE: Seconds = Seconds(1);

pub fn read(mut section: Section<'_>, notes: &mut Notes<'_>) -> (Rules, Lateness) {
    let mut rules = Rules::default();
    let mut lateness = Lateness { late_effect: Seconds::minutes(30), list_lag: Seconds::minutes(15) };
    // `settle` stands first: the relation below needs its place.
    let settle = section.span_of("settle", ONE, notes);
    let has_settle = settle.is_some() || section.is_absent("settle");
    let spans: [(&str, &mut Seconds, Seconds); 18] = [
        ("late_effect", &mut lateness.late_effect, NONE),
        ("list_lag", &mut lateness.list_lag, NONE),
        ("grace", &mut rules.grace, NONE),
        ("grace_after_edit", &mut rules.grace_after_edit, NONE),
        ("soft_start", &mut rules.soft_start, NONE),
        ("pending_deadline", &mut rules.pending_deadline, ONE),
        ("fresh", &mut rules.fresh, ONE),
        ("skew", &mut rules.skew, ONE),
        ("freeze_margin", &mut rules.freeze_margin, ONE),
        ("approval_life", &mut rules.approval_life, ONE),
        ("catch_up", &mut rules.catch_up, ONE),
        ("machines_every", &mut rules.machines_every, ONE),
        ("snapshots_every", &mut rules.snapshots_every, ONE),
        ("balance_every", &mut rules.balance_every, ONE),
        ("prices_every", &mut rules.prices_every, ONE),
        ("billing_every", &mut rules.billing_every, ONE),
        ("in_flight_every", &mut rules.in_flight_every, ONE),
        ("settle", &mut rules.settle, ONE),
    ];
    let count_before = notes.faults.len();
    for (key, place, least) in spans {
        if key == "settle" {
            *place = settle.as_ref().map_or(*place, |found| found.value);
        } else if let Some(found) = section.span_of(key, least, notes) {
            *place = found.value;
        }
    }
    if has_settle && notes.faults.len() == count_before {
        judge_settle(&section, settle, &rules, lateness, notes);
    }
    set(&mut rules.min_good, section.number("min_good", 1..=1_000, notes));
    set(&mut rules.approve_above, section.number("approve_above", 0..=1_000_000, notes));
    set(&mut rules.concurrent, section.number("concurrent", 1..=1_000, notes));
    set(&mut rules.create_attempts, section.number("create_attempts", 1..=100, notes));
    rules.day_cap = section.number("day_cap", 1..=1_000_000, notes).map(|found| found.value);
    section.finish(notes);
    (rules, lateness)
}

fn set<T>(place: &mut T, found: Option<Found<T>>) {
    if let Some(found) = found {
        *place = found.value;
    }
}

/// A shorter wait would ask again for a snapshot that is still on its way: a paid duplicate.
fn judge_settle(
    section: &Section<'_>,
    settle: Option<Found<Seconds>>,
    rules: &Rules,
    lateness: Lateness,
    notes: &mut Notes<'_>,
) {
    let Lateness { late_effect, list_lag } = lateness;
    if rules.settle.0 >= late_effect.0 + list_lag.0 {
        return;
    }
    let rule = format!(
        "rules.settle ({}) must be at least rules.late_effect ({late_effect}) + rules.list_lag ({list_lag})",
        rules.settle
    );
    match settle {
        Some(found) => notes.refuse(&found, rule),
        // Its default is too short for the others: point at the table.
        None => notes.missing(section, "settle", &format!("its default is too short: {rule}")),
    }
}
