//! `[alerts]`: when a person is told of what.

use std::collections::BTreeMap;

use super::schema::Kind;
use super::section::{Found, Notes, Section};
use super::span;
use crate::domain::alert::rules::AlertRules;
use crate::domain::money::{Currency, Nanos};
use crate::domain::time::Seconds;

const RUNGS: usize = 4;

pub fn read(mut section: Section<'_>, notes: &mut Notes<'_>) -> AlertRules {
    let mut rules = AlertRules::default();
    if let Some(ladder) = ladder(&mut section, notes) {
        rules.ladder = ladder;
    }
    rules.floors = floors(&mut section, notes);
    for (key, place) in [
        ("late_margin", &mut rules.late_margin),
        ("deletions_held_after", &mut rules.held_after),
        ("unreachable_after", &mut rules.unreachable_after),
    ] {
        if let Some(found) = section.span_of(key, Seconds::minutes(1), notes) {
            *place = found.value;
        }
    }
    section.finish(notes);
    rules
}

/// Four spans, each shorter than the one before.
fn ladder(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<[Seconds; RUNGS]> {
    section.learn("ladder", Kind::Texts, notes);
    let list = section.take("ladder")?;
    let texts = section.texts("ladder", notes)?;
    let mut spans = Vec::new();
    for text in &texts {
        match span::seconds(text.value) {
            Ok(span) => spans.push(span),
            Err(rule) => notes.refuse(text, rule),
        }
    }
    if spans.len() < texts.len() {
        return None;
    }
    let ladder = <[Seconds; RUNGS]>::try_from(spans).ok();
    let falls = |ladder: &[Seconds; RUNGS]| ladder.is_sorted_by(|a, b| a > b);
    let ladder = ladder.filter(falls);
    if ladder.is_none() {
        notes.refuse(&list, "must be four spans of time, each shorter than the one before");
    }
    ladder
}

/// Of each currency at most four, from the highest to the lowest whatever their order in the file.
fn floors(section: &mut Section<'_>, notes: &mut Notes<'_>) -> BTreeMap<Currency, Vec<Nanos>> {
    let mut floors: BTreeMap<Currency, Vec<Nanos>> = BTreeMap::new();
    section.learn("floors", Kind::Texts, notes);
    if section.is_absent("floors") {
        return floors;
    }
    for text in section.texts("floors", notes).unwrap_or_default() {
        match amount(text.value) {
            Some((currency, amount)) => floors.entry(currency).or_default().push(amount),
            None => notes.refuse(&text, "must be an amount above zero with its currency, such as \"50 USD\""),
        }
    }
    for (currency, amounts) in &mut floors {
        amounts.sort_by(|a, b| b.cmp(a));
        amounts.dedup();
        if amounts.len() > RUNGS
            && let Some(found) = section.take("floors")
        {
            let found: Found<_> = found;
            notes.refuse(&found, format!("names {} amounts of {currency}: at most {RUNGS}", amounts.len()));
        }
    }
    floors
}

fn amount(text: &str) -> Option<(Currency, Nanos)> {
    let (amount, currency) = text.trim().split_once(' ')?;
    let amount = Nanos::parse(amount).ok().filter(|amount| amount.0 > 0)?;
    Some((Currency::parse(currency)?, amount))
}
