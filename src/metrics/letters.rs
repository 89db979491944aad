//! Alerts and letters: what is the matter now, and what became of the letters that told it.

use std::collections::BTreeMap;

use super::families::Families;
use super::names;
use crate::domain::alert::matter::Matter;
use crate::domain::money::Currency;
use crate::domain::state::State;

pub fn tell(state: &State, families: &mut Families) {
    let alerts = &state.alerts;
    families.tell_one(&names::LETTERS_QUEUED, alerts.queued as f64);
    families.tell_one(&names::LETTERS_SENT, alerts.sent as f64);
    families.tell_one(&names::LETTERS_FAILED, alerts.failed_tries as f64);
    families.tell_one(&names::LETTERS_WAITING, alerts.waiting.len() as f64);
    let every = Matter::PLAIN.into_iter().chain([Matter::Balance(Currency::Usd)]);
    let mut counts: BTreeMap<&'static str, usize> = every.map(|matter| (matter.word(), 0)).collect();
    for (matter, active) in &alerts.active {
        *counts.entry(matter.word()).or_default() += active.subjects.len().max(1);
    }
    families.tell(&names::ALERTS, counts.into_iter().map(|(word, count)| ([word], count as f64)));
}
