//! The ladder: how grave a balance is, by the hours it lasts and by amounts.
//!
//! What cannot be read moves no rung: not up, and never down.

use super::matter::{Level, Purse};
use super::rules::AlertRules;
use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;

const RUNGS: [Level; 4] = [Level::Notice, Level::Warning, Level::Urgent, Level::Critical];

/// How grave a purse is now, and how grave with the quarter more that a rung is left by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rungs {
    pub level: Option<Level>,
    pub eased: Option<Level>,
    pub by_hours: bool,
}

/// The rung that a balance stands on already, and whether the hours put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand {
    pub level: Level,
    pub by_hours: bool,
}

pub fn rungs(purse: &Purse, rules: &AlertRules, now: Timestamp, held: Option<Stand>) -> Rungs {
    // Without a burn the hours are not known, and what is not known lets nobody down.
    let unseen = held.filter(|stand| stand.by_hours && purse.burn_per_hour.is_none());
    let hours = |quarters| by_hours(purse, rules, now, quarters).max(unseen.map(|stand| stand.level));
    let zero = (purse.amount.0 <= 0).then_some(Level::Out);
    let floors = |quarters| by_floor(purse, rules, quarters).map(|(level, _)| level);
    let rung = |quarters| hours(quarters).max(floors(quarters)).max(zero);
    Rungs { level: rung(4), eased: rung(5), by_hours: hours(4).is_some() }
}

/// The floor that it is under, where the hours alone would tell of nothing so grave.
pub fn floor(purse: &Purse, rules: &AlertRules, now: Timestamp) -> Option<Nanos> {
    let (level, floor) = by_floor(purse, rules, 4)?;
    (Some(level) > by_hours(purse, rules, now, 4)).then_some(floor)
}

/// A threshold counts as so many quarters of itself.
fn by_hours(purse: &Purse, rules: &AlertRules, now: Timestamp, quarters: u64) -> Option<Level> {
    let left = purse.runs_out?.since(now).as_secs();
    let is_below = |threshold: u64| left.saturating_mul(4) < threshold.saturating_mul(quarters);
    let rungs = RUNGS.into_iter().zip(rules.ladder).filter(|(_, threshold)| is_below(threshold.0));
    rungs.map(|(level, _)| level).max()
}

fn by_floor(purse: &Purse, rules: &AlertRules, quarters: u64) -> Option<(Level, Nanos)> {
    let floors = rules.floors.get(&purse.currency)?;
    let is_below = |floor: i64| i128::from(purse.amount.0) * 4 < i128::from(floor) * i128::from(quarters);
    let floors = RUNGS.into_iter().zip(floors.iter().copied());
    floors.filter(|(_, floor)| is_below(floor.0)).max_by_key(|(level, _)| *level)
}
