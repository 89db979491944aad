//! What must hold before something is made or deleted because a person asked for it.
//!
//! A rail that the person named does not hold the deletion; what is in no such list always does.

use super::create::is_theirs_to_take;
use super::delete::{
    has_a_young_one, is_calm, is_ours_alone, is_unlinked, is_unsaid, is_within_caps, neighbours,
    no_rule_keeps, was_seen_just_now,
};
use super::{Changed, Forbidden, Objection, Verdict, require};
use crate::domain::backup::{Backup, Life};
use crate::domain::effect::Effect;
use crate::domain::fleet::{MachineStatus, SnapshotStatus};
use crate::domain::id::{AskId, BackupId, MachineId, SnapshotId};
use crate::domain::policy::Mode;
use crate::domain::rail::Rail;
use crate::domain::state::{Adopted, Request, State};
use crate::domain::time::Timestamp;

/// The open request behind an effect; it is for exactly this.
fn request<'a>(state: &'a State, ask: &AskId, effect: &Effect) -> Result<&'a Request, Objection> {
    let request = state.requests.get(ask).ok_or(Forbidden("nobody asks for it"))?;
    require(request.effect == *effect, Forbidden("something else was asked for"))?;
    Ok(request)
}

pub(super) fn may_delete(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    (ask, effect): (&AskId, &Effect),
    (id, snapshot): (&BackupId, &SnapshotId),
) -> Verdict {
    let request = request(state, ask, effect)?;
    let overridden = |rail: Rail| request.overrides.contains(&rail);
    let rules = &adopted.set.rules;
    let backup = state.backups.get(id).ok_or(Forbidden("the journal does not own it"))?;
    is_calm(state)?;
    is_ours_alone(state, now, id, backup, snapshot)?;
    was_seen_just_now(state, now, snapshot, backup, rules)?;
    is_settled(state, backup, snapshot)?;
    if backup.life == Life::Good {
        spares_the_good(state, now, adopted, request, id, backup)?;
    }
    match is_unlinked(state, now, snapshot, adopted).and_then(|()| is_unsaid(state)) {
        Err(_) if overridden(Rail::PossiblyLinked) => is_not_proven_linked(state, now, adopted, snapshot)?,
        verdict => verdict?,
    }
    if overridden(Rail::Caps) { Ok(()) } else { is_within_caps(state, now, adopted, &backup.machine) }
}

/// In a state in which nobody works on it.
fn is_settled(state: &State, backup: &Backup, snapshot: &SnapshotId) -> Verdict {
    let shown = state.fleet.snapshots.get(snapshot).map(|known| &known.item.status);
    let ready = shown == Some(&SnapshotStatus::Ready);
    let failed = shown == Some(&SnapshotStatus::Failed);
    let fits = match backup.life {
        Life::Good => ready,
        Life::Failed => failed,
        Life::Bad => ready || failed,
        Life::TimedOut => shown.is_some() && !ready && !failed,
        _ => return Err(Forbidden("nobody may delete it in its state")),
    };
    require(fits, Changed("its status changed"))
}

/// What a good backup of a policy is worth to its machine.
fn spares_the_good(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    request: &Request,
    id: &BackupId,
    backup: &Backup,
) -> Verdict {
    let Some(slot) = &backup.slot else { return Ok(()) };
    let guarded = |rail: Rail| !request.overrides.contains(&rail);
    let rules = &adopted.set.rules;
    let policy = adopted.set.policies.get(&slot.policy);
    let soft =
        adopted.set.mode == Mode::Enforce && now.since(adopted.mode_since) < rules.soft_start.duration();
    require(!(soft && guarded(Rail::SoftStart)), Forbidden("enforce began less than the soft start ago"))?;
    if let Some(doom) = &backup.doom {
        let edited = doom.edited_before.is_some_and(|before| before < rules.grace_after_edit);
        let longest = if edited { rules.grace_after_edit.max(rules.grace) } else { rules.grace };
        let waited = now.since(doom.since) >= longest.duration();
        require(waited || !guarded(Rail::Grace), Forbidden("its grace has not passed"))?;
        let approved = doom.approved_at.is_some_and(|at| now.since(at) <= rules.approval_life.duration());
        let agreed = approved || !doom.needs_approval || !guarded(Rail::Approval);
        require(agreed, Forbidden("no person approved it"))?;
        if let Some(policy) = policy.filter(|_| guarded(Rail::Kept)) {
            no_rule_keeps(state, now, policy, slot, id, backup)?;
        }
    } else {
        require(policy.is_none() || !guarded(Rail::Kept), Forbidden("it is not doomed"))?;
    }
    let rest: Vec<Timestamp> = neighbours(state, slot, id).map(|other| other.taken_at).collect();
    let young = policy.is_none_or(|policy| has_a_young_one(&rest, policy, now, rules));
    let thaw = state.thawed.get(&backup.machine).filter(|_| !young);
    let least = thaw.map_or(rules.min_good, |thaw| thaw.keep) as usize;
    let enough = rest.len() >= least || !guarded(Rail::MinGood);
    require(enough, Forbidden("too few good backups would be left"))?;
    let stands = young || thaw.is_some() || !guarded(Rail::Stale);
    require(stands, Changed("no good backup of this machine is young enough"))
}

/// No image says that it was made from this one; that somebody keeps silent was overridden.
fn is_not_proven_linked(state: &State, now: Timestamp, adopted: &Adopted, snapshot: &SnapshotId) -> Verdict {
    let mut images = state.fleet.possible_images();
    let named = images.any(|image| image.snapshot.as_ref() == Some(snapshot));
    require(!named, Changed("an image was made from it"))?;
    let fresh = adopted.set.rules.fresh.duration();
    let asked = state.fleet.links.as_ref();
    let asked = asked.filter(|links| links.snapshot == *snapshot && now.since(links.began) <= fresh);
    let asked = asked.ok_or(Changed("its images were not asked for just now"))?;
    require(asked.images.is_empty(), Changed("an image was made from it"))
}

pub(super) fn may_create(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    (ask, effect): (&AskId, &Effect),
    (backup, machine, name): (&BackupId, &MachineId, &str),
) -> Verdict {
    let request = request(state, ask, effect)?;
    require(backup.as_str() == name, Forbidden("the name is not that of the backup"))?;
    let known = state.fleet.machines.get(machine).ok_or(Changed("the machine is not known"))?;
    require(known.item.status == MachineStatus::Active, Changed("the machine is not ACTIVE"))?;
    require(known.missing_since.is_none(), Changed("the machine was missing from the last look"))?;
    if let Some(slot) = &request.slot {
        is_theirs_to_take(state, now, adopted, slot, (backup, &known.item))?;
    }
    let exists = state.fleet.snapshots.values().any(|known| known.item.name == name);
    require(!exists, Changed("a snapshot of this name exists"))?;
    let siblings = state.effects.values().filter(|life| life.effect.verb.backup() == backup);
    let others = siblings.filter(|life| life.effect.id != effect.id).count();
    require(others == 0, Forbidden("another effect has this name"))?;
    let open = state.backups.values().filter(|b| matches!(b.life, Life::Requested | Life::Pending));
    require(open.count() < adopted.set.rules.concurrent as usize, Changed("as many run as may run"))?;
    let looks = [&state.fleet.machine_look, &state.fleet.snapshot_look];
    let seen = looks.iter().all(|look| look.complete.is_some());
    require(seen, Changed("this process has not seen all machines and snapshots yet"))?;
    require(state.wall.lets_create(now), Changed("the clock stepped a moment ago"))
}
