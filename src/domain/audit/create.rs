//! What must hold before a snapshot is asked for.

use super::{Changed, Forbidden, Verdict, require};
use crate::domain::backup::{Backup, Life};
use crate::domain::effect::Cause;
use crate::domain::fleet::MachineStatus;
use crate::domain::id::{BackupId, MachineId};
use crate::domain::policy::Mode;
use crate::domain::slot::Slot;
use crate::domain::state::{Adopted, State};
use crate::domain::time::Timestamp;

pub(super) fn may_create(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    slot: &Slot,
    (backup, machine, name): (&BackupId, &MachineId, &str),
) -> Verdict {
    let policy = adopted.set.policies.get(&slot.policy).ok_or(Forbidden("its policy is not in force"))?;
    let allowed = adopted.set.mode.min(policy.mode) != Mode::Observe;
    require(allowed, Forbidden("the mode is observe"))?;
    require(state.paused_until.is_none_or(|end| end <= now), Changed("policies are paused"))?;
    require(policy.may_restart, Forbidden("its policy does not let the machine restart"))?;
    require(slot.due <= now, Forbidden("the slot is not due yet"))?;
    let since = adopted.scheduled_since.get(&slot.policy).copied().unwrap_or(now);
    require(slot.due > since, Forbidden("the slot is older than the schedule"))?;
    let known = state.fleet.machines.get(machine).ok_or(Changed("the machine is not known"))?;
    require(machine == &slot.machine, Forbidden("the slot is of another machine"))?;
    require(known.item.status == MachineStatus::Active, Changed("the machine is not ACTIVE"))?;
    require(known.missing_since.is_none(), Changed("the machine was missing from the last look"))?;
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
    let open = state.backups.values().filter(|b| matches!(b.life, Life::Requested | Life::Pending));
    require(open.count() < adopted.set.rules.concurrent as usize, Changed("as many run as may run"))?;
    let looks = [&state.fleet.machine_look, &state.fleet.snapshot_look];
    let seen = looks.iter().all(|look| look.complete.is_some());
    require(seen, Changed("this process has not seen all machines and snapshots yet"))?;
    require(state.wall.lets_create(now), Changed("the clock stepped a moment ago"))
}
