//! Backups: how fresh each policy and machine is, what stands in which state, what is held and why.

use std::collections::BTreeMap;

use super::families::{Families, id, seconds};
use super::{MOST_SHOWN, Scrape, names};
use crate::domain::backup::Life;
use crate::domain::cover::{Cover, covers};
use crate::domain::draft::Hold;
use crate::domain::id::{MachineId, PolicyName};
use crate::domain::slot::Held;
use crate::domain::state::State;

/// The labels of its series, made once, and what they tell.
struct Row<'a> {
    labels: [String; 2],
    cover: Cover<'a>,
}

pub fn tell(scrape: &Scrape<'_>, families: &mut Families) {
    let Scrape { state, now, holds, .. } = scrape;
    let covers = covers(state, *now);
    let count = covers.len();
    let row = |((policy, machine), cover): ((&PolicyName, &MachineId), _)| Row {
        labels: [policy.to_string(), id(machine.as_str())],
        cover,
    };
    let rows: Vec<Row<'_>> = covers.into_iter().take(MOST_SHOWN).map(row).collect();
    // One that no policy covers any more would be late for ever.
    let expected = || rows.iter().filter_map(|row| Some((row, row.cover.expected.as_ref()?)));
    let newest = expected().map(|(row, _)| {
        let newest = row.cover.newest_good.map(|(taken_at, _)| taken_at);
        (row.labels(), seconds(newest))
    });
    families.tell(&names::NEWEST_GOOD, newest);
    let awaited = expected().filter(|(row, _)| row.cover.newest_good.is_none());
    families.tell(
        &names::AWAITED_SINCE,
        awaited.map(|(row, expected)| (row.labels(), seconds(Some(expected.since)))),
    );
    // Where no age is too great, whoever compares the two needs to know nothing else.
    let ages = expected().map(|(row, expected)| {
        let is_excused = expected.sleeps || expected.observes;
        let age = if is_excused { f64::INFINITY } else { expected.age.0 as f64 };
        (row.labels(), age)
    });
    families.tell(&names::EXPECTED_AGE, ages);
    families.tell(&names::GOOD, rows.iter().map(|row| (row.labels(), row.cover.good as f64)));
    families.tell_one(&names::SHELVES_LEFT_OUT, count.saturating_sub(MOST_SHOWN) as f64);
    families.tell(&names::BACKUPS, states(state));
    let doomed = state.watched().filter(|(_, backup)| backup.doom.is_some()).count();
    families.tell_one(&names::DOOMED, doomed as f64);
    tell_holds(state, holds.iter().map(|(_, hold)| hold), families);
    let slots = state.counters.slots.iter().map(|(decided, count)| ([decided.word()], *count as f64));
    families.tell(&names::SLOTS, slots);
    families.tell_one(&names::MADE_GOOD, state.counters.backups_good as f64);
    families.tell_one(&names::DELETED, state.counters.backups_deleted as f64);
}

impl Row<'_> {
    fn labels(&self) -> [&str; 2] {
        self.labels.each_ref().map(String::as_str)
    }
}

/// What is in the cloud, on its way there, or failed; the deleted ones are a counter.
fn states(state: &State) -> Vec<([&'static str; 1], f64)> {
    let lives = [
        (Life::Intended, "intended"),
        (Life::Requested, "requested"),
        (Life::Pending, "pending"),
        (Life::Ready, "ready"),
        (Life::Good, "good"),
        (Life::Failed, "failed"),
        (Life::TimedOut, "timed_out"),
        (Life::Bad, "bad"),
        (Life::Vanished, "vanished"),
        (Life::Disputed, "disputed"),
        (Life::DeleteIntended, "delete_intended"),
    ];
    let mut counts: BTreeMap<Life, u64> = BTreeMap::new();
    for backup in state.backups.values() {
        *counts.entry(backup.life).or_default() += 1;
    }
    lives.map(|(life, word)| ([word], counts.get(&life).copied().unwrap_or(0) as f64)).into()
}

/// Deletions that wait, and slots that are due and wait, by reason.
fn tell_holds<'a>(state: &'a State, holds: impl Iterator<Item = &'a Hold>, families: &mut Families) {
    let mut counts: BTreeMap<&'static str, u64> = names::HOLD_REASONS.map(|reason| (reason, 0)).into();
    for hold in holds {
        *counts.entry(hold.word()).or_default() += 1;
    }
    for (_, held) in state.shelves.values().filter_map(|shelf| shelf.open.as_ref()) {
        *counts.entry(held_reason(held)).or_default() += 1;
    }
    families.tell(&names::HOLDS, counts.into_iter().map(|(reason, count)| ([reason], count as f64)));
}

fn held_reason(held: &Held) -> &'static str {
    match held {
        Held::NotActive(_) => "slot_not_active",
        Held::MayRestart => "slot_may_restart",
        Held::Concurrent => "slot_concurrent",
        Held::Unknown => "slot_unknown",
        Held::Unseen => "slot_unseen",
        Held::NameInUse(_) => "slot_name_in_use",
        Held::ClockUnsure => "slot_clock_unsure",
        Held::Paused => "slot_paused",
        Held::OutsideWindow(_) => "slot_outside_window",
        Held::Busy(_) => "slot_busy",
        Held::BusyUnchecked => "slot_busy_unchecked",
        Held::Asked => "slot_asked",
        Held::Account(_) => "slot_account_refused",
        Held::PolicyRefused(_) => "slot_policy_refused",
        Held::Impossible(_) => "slot_impossible",
    }
}
