//! Findings about backups: late, failed, gone without us, and deletions that are held.

use std::collections::BTreeMap;

use super::Sight;
use super::finding::{Finding, name_of};
use super::matter::{Fact, Level};
use super::standing::GONE_FOR;
use crate::domain::backup::{Backup, Life};
use crate::domain::cover::{Cover, Expected, Lateness, covers};
use crate::domain::draft::Hold;
use crate::domain::effect::Standing;
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::policy::Mode;
use crate::domain::slot::{Held, Shelf};
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};

/// So many backups gone within a day are no slip of somebody's hand.
const MANY_GONE: usize = 3;

type OnShelf<'a, T> = BTreeMap<(&'a PolicyName, &'a MachineId), T>;

/// Shelves whose newest good backup is older than it should ever be.
pub(super) fn late(state: &State, now: Timestamp) -> Finding {
    // Ages on a clock that nobody trusts begin nothing and end nothing.
    if !state.wall.is_sane() {
        return Finding::Unseen;
    }
    let (mut late, mut is_told_once) = (Vec::new(), true);
    for ((policy, machine), cover) in covers(state, now) {
        let lateness = cover.lateness(now);
        if let (Lateness::Late | Lateness::Asleep, Some(expected)) = (lateness, &cover.expected) {
            // A machine that sleeps changes nothing that could be lost.
            is_told_once &= lateness == Lateness::Asleep;
            late.push(late_fact(state, policy, machine, &cover, expected));
        }
    }
    let level = if is_told_once { Level::Notice } else { Level::Warning };
    Finding::of(level, late)
}

fn late_fact(
    state: &State,
    policy: &PolicyName,
    machine: &MachineId,
    cover: &Cover<'_>,
    expected: &Expected,
) -> Fact {
    let known = state.fleet.machines.get(machine).map(|known| &known.item);
    let off = known.filter(|_| expected.sleeps).and_then(|machine| Held::not_active(&machine.status));
    let shelf = Shelf { policy: policy.clone(), machine: machine.clone() };
    let open = state.shelves.get(&shelf).and_then(|shelf| shelf.open.as_ref());
    Fact::Late {
        policy: shelf.policy,
        machine: shelf.machine,
        name: name_of(state, machine),
        newest: cover.newest_good.map(|(taken_at, _)| taken_at),
        since: cover.waits_since(expected),
        expected: expected.age,
        held: off.or_else(|| open.map(|(_, held)| held.clone())),
    }
}

/// Shelves whose last backup that came to an end came to a bad one.
pub(super) fn failed(state: &State) -> Finding {
    let mut last: OnShelf<'_, (&BackupId, &Backup)> = BTreeMap::new();
    let has_ended = |life| matches!(life, Life::Good | Life::Failed | Life::TimedOut | Life::Bad);
    for (id, backup) in state.backups.iter().filter(|(_, backup)| has_ended(backup.life)) {
        let Some(slot) = &backup.slot else { continue };
        let known = last.entry((&slot.policy, &slot.machine)).or_insert((id, backup));
        let is_newer = known.1.slot.as_ref().is_some_and(|other| slot.due > other.due);
        *known = if is_newer { (id, backup) } else { *known };
    }
    let is_ours = |policy: &PolicyName, machine: &MachineId| {
        state.policy(policy).is_some_and(|policy| policy.mode > Mode::Observe) && !state.is_lost(machine)
    };
    let failed = last.into_iter().filter(|((policy, machine), (_, backup))| {
        backup.life != Life::Good && state.mode() > Mode::Observe && is_ours(policy, machine)
    });
    let fact = |(id, backup): (&BackupId, &Backup)| Fact::Failed {
        backup: id.clone(),
        machine: backup.machine.clone(),
        name: name_of(state, &backup.machine),
        life: backup.life.word().to_owned(),
        said: said_of(state, id),
    };
    Finding::of(Level::Notice, failed.map(|(_, one)| fact(one)).collect())
}

/// What the cloud, or we, said when its create came to nothing.
fn said_of(state: &State, backup: &BackupId) -> String {
    let mut creates = state.effects.values().filter(|life| life.effect.verb.is_create());
    let life = creates.find(|life| life.effect.verb.backup() == backup);
    match life.map(|life| &life.standing) {
        Some(Standing::Refused(refusal)) => refusal.words(),
        Some(Standing::Failed(why)) => why.clone(),
        Some(
            Standing::Intended { .. }
            | Standing::Unknown { .. }
            | Standing::NotSent { .. }
            | Standing::Absent { .. }
            | Standing::Done,
        )
        | None => String::new(),
    }
}

/// Backups of ours that somebody else deleted, for a day.
pub(super) fn gone(state: &State, now: Timestamp) -> Finding {
    let is_new = |at: &Timestamp| now.since(*at) < GONE_FOR.duration();
    if !state.alerts.gone.values().any(is_new) {
        return Finding::of(Level::Notice, Vec::new());
    }
    let gone = state.alerts.gone.iter().filter(|(_, at)| is_new(at)).filter_map(|(id, at)| {
        let machine = state.backups.get(id)?.machine.clone();
        let name = name_of(state, &machine);
        Some(Fact::Gone { backup: id.clone(), machine, name, at: *at })
    });
    let gone: Vec<Fact> = gone.collect();
    let level = if gone.len() < MANY_GONE { Level::Notice } else { Level::Urgent };
    Finding::of(level, gone)
}

/// Deletions that were due long ago, and those that wait for a person.
pub(super) fn held(state: &State, now: Timestamp, sight: &Sight<'_>) -> Finding {
    let Some(adopted) = &state.adopted else { return Finding::of(Level::Warning, Vec::new()) };
    let soft_end = adopted.mode_since + adopted.set.rules.soft_start;
    let fact = |(id, hold): &(BackupId, Hold)| {
        let backup = state.backups.get(id)?;
        let doom = backup.doom.as_ref()?;
        let due = state.grace_end(doom).max(soft_end);
        (now.since(due) >= patience(state, hold)?.duration() && now >= due).then(|| Fact::Doom {
            backup: id.clone(),
            machine: backup.machine.clone(),
            name: name_of(state, &backup.machine),
            since: due,
            hold: hold.word().to_owned(),
        })
    };
    Finding::of(Level::Warning, sight.holds.iter().filter_map(fact).collect())
}

/// How long a hold may last before a person hears of it; `None`: for ever, somebody wanted it so.
fn patience(state: &State, hold: &Hold) -> Option<Seconds> {
    match hold {
        Hold::AwaitsApproval => Some(Seconds(0)),
        Hold::Frozen { .. }
        | Hold::ClockUnsure
        | Hold::LastGood
        | Hold::Stale
        | Hold::Unknown
        | Hold::Suspect
        | Hold::Unreadable
        | Hold::Shaken
        | Hold::Capped
        | Hold::Refused
        | Hold::MaybeLinked
        | Hold::Postponed { .. } => Some(state.alert_rules().held_after),
        Hold::Mode
        | Hold::NoPolicy
        | Hold::SoftStart { .. }
        | Hold::Grace { .. }
        | Hold::Paused { .. }
        | Hold::Protected
        | Hold::Kept
        | Hold::Linked
        | Hold::LookFirst => None,
    }
}
