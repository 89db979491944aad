//! The ladder: how grave a balance is, by the hours it lasts and by amounts.
//!
//! What cannot be read moves no rung: not up, and never down.

use super::matter::{BY_HOURS, Level, Matter, Purse};
use super::rules::AlertRules;
use crate::domain::money::{Currency, Nanos};
use crate::domain::state::State;
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

impl Stand {
    pub fn of(state: &State, currency: Currency) -> Option<Self> {
        let active = state.alerts.active.get(&Matter::Balance(currency))?;
        Some(Self { level: active.level, by_hours: active.subjects.contains(BY_HOURS) })
    }
}

pub fn rungs(purse: &Purse, rules: &AlertRules, now: Timestamp, held: Option<Stand>) -> Rungs {
    let hours = |quarters| by_hours(purse, rules, now, quarters).max(unseen(purse, held));
    let zero = (purse.amount.0 <= 0).then_some(Level::Out);
    let floors = |quarters| by_floor(purse, rules, quarters).map(|(level, _)| level);
    let rung = |quarters| hours(quarters).max(floors(quarters)).max(zero);
    Rungs { level: rung(4), eased: rung(5), by_hours: hours(4).is_some() }
}

/// The floor that it is under, where the hours alone would tell of nothing so grave.
pub fn floor(purse: &Purse, rules: &AlertRules, now: Timestamp, held: Option<Stand>) -> Option<Nanos> {
    let (level, floor) = by_floor(purse, rules, 4)?;
    (Some(level) > by_hours(purse, rules, now, 4).max(unseen(purse, held))).then_some(floor)
}

/// Without a burn the hours are not known, and what is not known lets nobody down.
fn unseen(purse: &Purse, held: Option<Stand>) -> Option<Level> {
    held.filter(|stand| stand.by_hours && purse.burn_per_hour.is_none()).map(|stand| stand.level)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_named_only_where_the_hours_tell_of_nothing_as_grave() {
        let mut rules = AlertRules::default();
        rules.floors.insert(Currency::Usd, [100, 50, 20, 5].map(Nanos).to_vec());
        let now = Timestamp::EPOCH;
        let purse = |amount: i64, hours: Option<i64>| Purse {
            currency: Currency::Usd,
            amount: Nanos(amount),
            burn_per_hour: hours.map(|_| Nanos(1)),
            runs_out: hours.map(|hours| Timestamp::from_seconds(hours * 3_600)),
            add_for_month: None,
            floor: None,
            by_hours: false,
        };
        let told = |amount, hours, held| floor(&purse(amount, hours), &rules, now, held).map(|floor| floor.0);
        assert_eq!(
            [told(100, None, None), told(99, None, None), told(4, None, None)],
            [None, Some(100), Some(5)]
        );
        // A day is urgent, and so is the third floor; the fourth is critical.
        assert_eq!([told(19, Some(20), None), told(4, Some(20), None)], [None, Some(5)]);
        let held = Some(Stand { level: Level::Critical, by_hours: true });
        assert_eq!([told(4, None, held), told(4, Some(9_999), held)], [None, Some(5)]);
    }
}
