//! The review: what the weekly digest tells, even when all is well.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::matter::{Level, Matter, Purse};
use super::purse;
use crate::domain::backup::{Backup, Life};
use crate::domain::cover::{Lateness, covers};
use crate::domain::policy::Mode;
use crate::domain::slot::{Resemblance, resemblance};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    pub mode: Mode,
    /// What it looks back to.
    pub since: Timestamp,
    pub made_good: u64,
    pub deleted: u64,
    /// Policies and machines that have a good backup as young as it should be, and all that should.
    pub fresh: u64,
    pub shelves: u64,
    /// Of the rest: late; late, of a machine that is off; and without a first one that is not late yet.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub asleep: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub awaited: u64,
    pub good: u64,
    pub doomed: u64,
    pub awaiting_approval: u64,
    pub pinned: u64,
    pub bad: u64,
    /// Of machines that are gone.
    pub orphaned: u64,
    /// Of policies that are no longer in force.
    pub removed: u64,
    /// Snapshots that people made, and those that only look like ours.
    pub foreign: u64,
    pub suspect: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purses: Vec<Purse>,
    /// The alerts that go on.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alerts: BTreeMap<Matter, Level>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The digest, where one is due.
pub fn due(state: &State, now: Timestamp) -> Option<Review> {
    let adopted = state.adopted.as_ref()?;
    let until = state.alerts.digested_until?;
    adopted.digest.as_ref()?.latest_at_or_before(now, until)?;
    Some(review(state, now, until))
}

pub fn review(state: &State, now: Timestamp, since: Timestamp) -> Review {
    let judged: Vec<Lateness> = covers(state, now).values().map(|cover| cover.lateness(now)).collect();
    let number = |one: Lateness| judged.iter().filter(|other| **other == one).count() as u64;
    let count = |is: &dyn Fn(&Backup) -> bool| state.backups.values().filter(|one| is(one)).count() as u64;
    let is_there = |backup: &Backup| matches!(backup.life, Life::Good | Life::Ready);
    let is_removed = |backup: &Backup| {
        is_there(backup) && backup.slot.as_ref().is_some_and(|slot| state.policy(&slot.policy).is_none())
    };
    let strangers = state
        .fleet
        .snapshots
        .iter()
        .filter(|(id, known)| known.missing_since.is_none() && !state.owners.contains_key(*id));
    let (suspect, foreign): (Vec<_>, Vec<_>) = strangers.partition(|(id, known)| {
        !state.disowned.contains_key(*id)
            && resemblance(&known.item.name, &known.item.description) == Resemblance::Suspect
    });
    Review {
        mode: state.mode(),
        since,
        made_good: state.counters.backups_good.saturating_sub(state.alerts.made_then),
        deleted: state.counters.backups_deleted.saturating_sub(state.alerts.deleted_then),
        fresh: number(Lateness::Fresh),
        shelves: judged.iter().filter(|one| one.is_expected()).count() as u64,
        late: number(Lateness::Late),
        asleep: number(Lateness::Asleep),
        awaited: number(Lateness::Awaited),
        good: count(&|backup| backup.life == Life::Good),
        doomed: count(&|backup| backup.doom.is_some()),
        awaiting_approval: state.awaiting_approval(now).count() as u64,
        pinned: count(&|backup| backup.is_protected(now) && is_there(backup)),
        bad: count(&|backup| matches!(backup.life, Life::Bad | Life::TimedOut)),
        orphaned: count(&|backup| is_there(backup) && state.is_lost(&backup.machine)),
        removed: count(&is_removed),
        foreign: foreign.len() as u64,
        suspect: suspect.len() as u64,
        purses: purse::purses(state, now).into_values().flatten().collect(),
        alerts: state.alerts.active.iter().map(|(matter, active)| (*matter, active.level)).collect(),
    }
}
