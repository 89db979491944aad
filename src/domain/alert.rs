//! Alerts: what changed in what a person should know, and the letters that tell it.
//!
//! Pure, and level-triggered: it compares what is the case with what was told. Nothing that is
//! missing ends an alert, and no letter is lost because one before it still waits.

use std::collections::BTreeSet;

use self::event::{AlertChanged, Content, LetterQueued, News, Step};
use self::finding::Finding;
use self::matter::{Fact, Level, Matter};
use self::rules::AlertRules;
use self::standing::{Active, Waiting};
use super::digest::Digest;
use super::draft::Hold;
use super::event::Event;
use super::id::{BackupId, LetterId};
use super::policy::Mode;
use super::state::State;
use super::time::Timestamp;
use crate::planted::{Bug, is_planted};

pub mod matter;
pub mod rules;
pub mod event;
pub mod standing;
pub mod ladder;
pub mod purse;
pub mod review;
mod shelves;
mod finding;

/// What only the engine can tell.
pub struct Sight<'a> {
    /// Of the plan that was made last in this pass.
    pub holds: &'a [(BackupId, Hold)],
    /// Where the journal stands: twelve characters of the head's hash, `@`, its number.
    pub head: &'a str,
    pub is_room_low: bool,
    /// Whether each backup and each balance is looked at, which need not be in every pass.
    pub is_thorough: bool,
}

/// Facts in one letter; the rest is counted.
const FACTS: usize = 20;
/// Letters of one matter that nobody has; while there are more, its letters wait to be written.
const UNSENT: usize = 8;

pub fn alert(state: &State, now: Timestamp, sight: &Sight<'_>) -> Vec<Event> {
    if state.adopted.is_none() {
        return Vec::new();
    }
    let mut events = Vec::new();
    for matter in Matter::PLAIN {
        let found = finding::finding(state, now, sight, matter);
        consider(state, now, sight, matter, found, &mut events);
    }
    if sight.is_thorough {
        for (currency, purse) in purse::purses(state, now) {
            let found = finding::balance(state, now, currency, purse);
            consider(state, now, sight, Matter::Balance(currency), found, &mut events);
        }
    }
    let has_waiting = state
        .alerts
        .waiting
        .values()
        .any(|one| !one.taken && matches!(one.letter.content, Content::Digest(_)));
    if state.alert_rules().told
        && !has_waiting
        && let Some(mut review) = review::due(state, now)
    {
        // What begins or ends in this very pass did so before the digest.
        for change in changes(&events) {
            match change.level {
                Some(level) => review.alerts.insert(change.matter, level),
                None => review.alerts.remove(&change.matter),
            };
        }
        let content = Content::Digest(review);
        events.push(Event::LetterQueued(letter(state, now, sight, "digest", None, content)));
    }
    events
}

fn consider(
    state: &State,
    now: Timestamp,
    sight: &Sight<'_>,
    matter: Matter,
    found: Finding,
    events: &mut Vec<Event>,
) {
    let active = state.alerts.active.get(&matter);
    let change = change(active, &found, matter, now);
    let mut after = active.cloned();
    if let Some(change) = &change {
        match change.level {
            Some(level) => after.get_or_insert_with(|| Active::new(now, level)).change(level, change),
            None => after = None,
        }
    }
    events.extend(change.map(Event::AlertChanged));
    if !state.alert_rules().told {
        return;
    }
    let tell = |step, of: &Active, facts: Vec<Fact>| {
        let more = facts.len().saturating_sub(FACTS) as u64;
        let facts = facts.into_iter().take(FACTS).collect();
        let news = News { matter, step, level: of.level, since: of.since, facts, more };
        let root = of.told.as_ref().map(|told| told.root.clone());
        letter(state, now, sight, &String::from(matter), root, Content::Alert(news))
    };
    match (&after, active, found) {
        (Some(after), _, Finding::Seen { level: Some(_), mut facts, .. })
            if !state.alerts.is_inhibited(matter) =>
        {
            let unsent = state.alerts.waiting.values().filter(|one| one.is_of(matter) && !one.taken).count();
            if let Some(step) = after
                .due(matter, state.alerts.quiet(matter, after), now, unsent > 0)
                .filter(|_| unsent < UNSENT)
            {
                facts.sort_by_key(|fact| !after.untold.contains(&fact.subject()));
                events.push(Event::LetterQueued(tell(step, after, facts)));
            }
        }
        (None, Some(before), _) if before.told.is_some() && matter.has_end(before.level) => {
            events.push(Event::LetterQueued(tell(Step::Over, before, Vec::new())));
        }
        (Some(_) | None, _, _) => {}
    }
}

/// What the finding changes, if anything.
fn change(active: Option<&Active>, found: &Finding, matter: Matter, now: Timestamp) -> Option<AlertChanged> {
    let none = BTreeSet::new;
    let (level, eased, facts) = match found {
        Finding::Unasked => return None,
        Finding::Unseen => {
            // A wait that nobody can see is no wait.
            let ends = is_planted(Bug::BlindnessEndsAlerts);
            let active = active.filter(|active| active.easing.is_some() || ends)?;
            let level = Some(active.level).filter(|_| !ends);
            return Some(AlertChanged { matter, level, added: none(), removed: none(), easing: None });
        }
        Finding::Seen { level, eased, facts } => (*level, *eased, facts),
    };
    let subjects: BTreeSet<String> =
        facts.iter().map(Fact::subject).filter(|subject| !subject.is_empty()).collect();
    let Some(active) = active else {
        return level.map(|_| AlertChanged { matter, level, added: subjects, removed: none(), easing: None });
    };
    let better = eased < Some(active.level);
    let easing = better.then(|| active.easing.unwrap_or(now));
    let is_over = easing.is_some_and(|since| now.since(since) >= matter.calm().duration());
    let after = match level {
        Some(level) if level > active.level => Some(level),
        _ if is_over => eased,
        Some(_) | None => Some(active.level),
    };
    let easing = easing.filter(|_| after == Some(active.level));
    // While it is getting better, nobody needs to hear that there is less of it.
    let keeps = after.is_some() && level.is_none();
    let added: BTreeSet<String> = subjects.difference(&active.subjects).cloned().collect();
    let removed: BTreeSet<String> =
        if keeps { none() } else { active.subjects.difference(&subjects).cloned().collect() };
    let changed = after != Some(active.level)
        || easing != active.easing
        || (after.is_some() && !(added.is_empty() && removed.is_empty()));
    let (added, removed) = if after.is_some() { (added, removed) } else { (none(), none()) };
    changed.then_some(AlertChanged { matter, level: after, added, removed, easing })
}

fn letter(
    state: &State,
    now: Timestamp,
    sight: &Sight<'_>,
    about: &str,
    root: Option<LetterId>,
    content: Content,
) -> LetterQueued {
    // No two are queued about one matter after the same event.
    let fields = ["letter".to_owned(), about.to_owned(), now.to_string(), state.counters.events.to_string()];
    let digest = Digest::of_fields(fields.iter().map(String::as_bytes)).to_string();
    let id = LetterId::new(digest.get(..32).unwrap_or(&digest));
    let observing = (state.mode() == Mode::Observe).then_some(state.observed_slots());
    LetterQueued { id, root, head: sight.head.to_owned(), observing, content }
}

impl Waiting {
    pub fn is_of(&self, matter: Matter) -> bool {
        matches!(&self.letter.content, Content::Alert(news) if news.matter == matter)
    }
}

impl State {
    /// The rules of alerts in force; the defaults before any policy is.
    pub fn alert_rules(&self) -> &AlertRules {
        static DEFAULT: std::sync::LazyLock<AlertRules> = std::sync::LazyLock::new(AlertRules::default);
        self.adopted.as_ref().map_or(&DEFAULT, |adopted| &adopted.set.alerts)
    }

    /// Slots that were due since the mode is to observe, and were not taken for that alone.
    pub fn observed_slots(&self) -> u64 {
        self.alerts.observed_slots
    }

    /// Alerts that go on, the gravest first.
    pub fn active_alerts(&self) -> Vec<(Matter, Level)> {
        let mut active: Vec<_> =
            self.alerts.active.iter().map(|(matter, active)| (*matter, active.level)).collect();
        active.sort_by_key(|(matter, level)| (std::cmp::Reverse(*level), *matter));
        active
    }
}

fn changes(events: &[Event]) -> impl Iterator<Item = &AlertChanged> {
    events.iter().filter_map(|event| match event {
        Event::AlertChanged(change) => Some(change),
        _ => None,
    })
}
