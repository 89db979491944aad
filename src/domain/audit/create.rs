//! What must hold before a snapshot is asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::tz::TimeZone;
use wildmatch::WildMatch;

use super::{Changed, Forbidden, Verdict, require};
use crate::domain::backup::{Backup, Life};
use crate::domain::downtime::Downtime;
use crate::domain::effect::Cause;
use crate::domain::fleet::{Machine, MachineStatus};
use crate::domain::halt::Halt;
use crate::domain::id::{BackupId, MachineId};
use crate::domain::policy::{Mode, Policy};
use crate::domain::schedule::Schedule;
use crate::domain::slot::Slot;
use crate::domain::state::{Adopted, State};
use crate::domain::time::{Seconds, Timestamp};

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn may_create(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    slot: &Slot,
    (backup, machine, name): (&BackupId, &MachineId, &str),
) -> Verdict {
    let named = adopted.current(&slot.policy);
    let policy = adopted.set.policies.get(named).ok_or(Forbidden("its policy is not in force"))?;
    let allowed = adopted.set.mode.min(policy.mode) != Mode::Observe;
    require(allowed, Forbidden("the mode is observe"))?;
    require(state.paused_until.is_none_or(|end| end <= now), Changed("policies are paused"))?;
    require(policy.may_restart || was_live(state), Forbidden("its policy does not let the machine restart"))?;
    require(slot.due <= now, Forbidden("the slot is not due yet"))?;
    let since = adopted.scheduled_since.get(named).copied().unwrap_or(now);
    require(slot.due > since, Forbidden("the slot is older than the schedule"))?;
    let known = state.fleet.machines.get(machine).ok_or(Changed("the machine is not known"))?;
    require(machine == &slot.machine, Forbidden("the slot is of another machine"))?;
    require(known.item.status == MachineStatus::Active, Changed("the machine is not ACTIVE"))?;
    require(known.missing_since.is_none(), Changed("the machine was missing from the last look"))?;
    require(is_for(policy, &known.item), Forbidden("its policy is not for this machine"))?;
    is_allowed_now(state, now, adopted, policy, slot)?;
    is_welcome(state, now, slot, &known.item)?;
    // A renamed machine keeps the name that its first intent gave.
    let is_named_so = name == slot.snapshot_name(&known.item.name) || state.backups.contains_key(backup);
    require(is_named_so && backup.as_str() == name, Forbidden("the name is not that of the slot"))?;
    let exists = state.fleet.snapshots.values().any(|known| known.item.name == name);
    require(!exists, Changed("a snapshot of this name exists"))?;
    let siblings = state.effects.values().filter(|life| life.effect.verb.backup() == backup);
    let others = siblings.filter(|life| !matches!(life.effect.cause, Cause::Slot(ref of) if of == slot));
    require(others.count() == 0, Forbidden("another effect has this name"))?;
    let mut rest = state.backups.iter().filter(|(other, _)| *other != backup).map(|(_, other)| other);
    let serves = |other: &Backup| other.slot.as_ref() == Some(slot);
    require(!rest.any(serves), Forbidden("another backup serves this slot"))?;
    let asked = state.effects.values().filter(|life| life.effect.verb.is_create() && life.standing.is_open());
    let asked: BTreeSet<&BackupId> = asked.map(|life| life.effect.verb.backup()).collect();
    let is_open = |(id, other): &(&BackupId, &Backup)| {
        matches!(other.life, Life::Requested | Life::Pending)
            || (other.life == Life::Intended && asked.contains(id))
    };
    let open: Vec<_> = state.backups.iter().filter(is_open).map(|(_, other)| &other.machine).collect();
    require(!open.contains(&machine), Changed("a snapshot of this machine is under way"))?;
    require(open.len() < adopted.set.rules.concurrent as usize, Changed("as many run as may run"))?;
    let looks = [&state.fleet.machine_look, &state.fleet.snapshot_look];
    let seen = looks.iter().all(|look| look.complete.is_some());
    require(seen, Changed("this process has not seen all machines and snapshots yet"))?;
    require(state.wall.lets_create(now), Changed("the clock stepped a moment ago"))
}

/// The last three snapshots that were watched left their machines running.
fn was_live(state: &State) -> bool {
    let restarts = |seen: &Downtime| !matches!(seen, Downtime::Live { .. });
    let newest = &state.downtimes[state.downtimes.len().saturating_sub(3)..];
    newest.len() == 3 && !newest.iter().any(restarts)
}

/// A slot that a person had taken now: of a policy that is in force, for this machine, and not taken yet.
pub(super) fn is_theirs_to_take(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    slot: &Slot,
    (backup, machine): (&BackupId, &Machine),
) -> Verdict {
    let policy = adopted.set.policies.get(adopted.current(&slot.policy));
    let policy = policy.ok_or(Forbidden("its policy is not in force"))?;
    require(slot.machine == machine.id, Forbidden("the slot is of another machine"))?;
    require(is_for(policy, machine), Forbidden("its policy is not for this machine"))?;
    require(policy.may_restart || was_live(state), Forbidden("its policy does not let the machine restart"))?;
    require(slot.due <= now, Forbidden("the slot is not due yet"))?;
    // A renamed machine keeps the name that it had when it was asked for.
    let digits = |name: &str| name.rsplit_once('-').map(|(_, digits)| digits.to_owned());
    let is_named_so = digits(backup.as_str()) == digits(&slot.snapshot_name(&machine.name));
    require(is_named_so, Forbidden("the name is not that of the slot"))?;
    let mut others = state.backups.iter().filter(|(id, _)| *id != backup);
    let is_taken = others.any(|(_, other)| other.slot.as_ref() == Some(slot));
    require(!is_taken, Forbidden("another backup serves this slot"))
}

/// Whether the patterns name it, no exclusion does, and region, tier and labels are as asked.
pub(super) fn is_for(policy: &Policy, machine: &Machine) -> bool {
    let choice = &policy.selection;
    let named = |pattern: &String| WildMatch::new(pattern).matches(&machine.name);
    let elsewhere = |allowed: &[String], word: &String| {
        !allowed.is_empty() && allowed.iter().all(|one| one.to_lowercase() != word.to_lowercase())
    };
    let unlabelled = choice.labels.iter().any(|label| !machine.labels.contains(label));
    let misplaced = elsewhere(&choice.regions, &machine.region) || elsewhere(&choice.tiers, &machine.tier);
    policy.machines.iter().any(named) && !choice.exclude.iter().any(named) && !misplaced && !unlabelled
}

/// Inside the allowed hours, and on a machine that was found idle where somebody is to be asked.
fn is_allowed_now(state: &State, now: Timestamp, adopted: &Adopted, policy: &Policy, slot: &Slot) -> Verdict {
    if let Some(window) = policy.timing.window {
        let zone = adopted.schedules.get(adopted.current(&slot.policy)).map(Schedule::zone);
        let wall = now.zoned().to_zoned(zone.cloned().unwrap_or(TimeZone::UTC));
        let minute = u16::from(wall.hour().unsigned_abs()) * 60 + u16::from(wall.minute().unsigned_abs());
        let after_begin = minute >= window.from_minute;
        let before_end = minute < window.until_minute;
        let over_midnight = window.until_minute < window.from_minute;
        let inside = if over_midnight { after_begin || before_end } else { after_begin && before_end };
        require(inside, Changed("it is outside the allowed hours"))?;
    }
    if policy.timing.busy_check.is_none() {
        return Ok(());
    }
    let answer = state.shelves.get(&slot.shelf()).and_then(|shelf| shelf.busy.as_ref());
    let idle = answer.is_some_and(|answer| {
        let young = now.since(answer.at) <= IDLE_FOR.duration();
        answer.due == slot.due && answer.why.is_none() && young
    });
    require(idle, Changed("its machine was not found idle a moment ago"))
}

/// How old the word that a machine is idle may be.
const IDLE_FOR: Seconds = Seconds::minutes(10);
/// The cloud did not refuse its like a moment ago, for a reason that is still the same.
fn is_welcome(state: &State, now: Timestamp, slot: &Slot, machine: &Machine) -> Verdict {
    let is_recent = |halt: &Halt| now.since(halt.tried_at) < DAY;
    let account = state.halts.account.as_ref().is_some_and(is_recent);
    require(!account, Changed("the cloud refuses creates of this account"))?;
    let policy = state.halts.policies.get(&slot.policy);
    let policy = policy.is_some_and(|halt| halt.refusals > 2 && is_recent(halt));
    require(!policy, Changed("the cloud refused three of this policy"))?;
    let told = state.halts.impossible.get(&slot.machine);
    // It may run or stand still; in all else it is what it was when the cloud said so.
    let same = |was: &Machine| Machine { status: was.status.clone(), ..machine.clone() } == *was;
    let same = told.is_some_and(|told| told.machine.as_ref().is_none_or(same));
    require(!same, Changed("the cloud cannot snapshot this machine"))
}
