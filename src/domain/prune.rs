//! Deletions: which of the doomed may go now, and what holds the others.

use std::collections::BTreeSet;

use super::backup::{Backup, Life};
use super::draft::{Action, Hold, Plan, Shelves, shelves};
use super::effect::{Cause, Effect, Standing, Verb};
use super::fleet::{Image, Scope, Snapshot, SnapshotStatus};
use super::id::{BackupId, MachineId};
use super::policy::Mode;
use super::state::{Adopted, State};
use super::time::{Seconds, Timestamp};
use super::{doom, due};

const DAY: Seconds = Seconds::hours(24);
/// Above this many suspects the whole account is held, not only their machines.
const SUSPECTS_PER_MACHINE: usize = 3;

/// The deletions of this pass, the first followed by a look at what it did.
pub(super) fn plan_deletes(state: &State, now: Timestamp, plan: &mut Plan) {
    let mut holds = Vec::new();
    let ready = ready(state, now, &mut holds);
    plan.holds.append(&mut holds);
    if ready.is_empty() {
        return;
    }
    if !looks_are_fresh(state, now) {
        plan.holds.extend(ready.into_iter().map(|(id, _)| (id.clone(), Hold::LookFirst)));
        return;
    }
    let day_cap = day_cap(state, now);
    let left = day_cap.saturating_sub(deletions(state, now, None));
    let per_pass = (day_cap / 4).max(1).min(left);
    let mut machines: BTreeSet<&MachineId> = BTreeSet::new();
    for (id, backup) in ready {
        if machines.len() as u64 >= per_pass {
            plan.holds.push((id.clone(), Hold::Capped));
        } else if machines.insert(&backup.machine)
            && let Some(effect) = delete(id, backup)
        {
            let proof = doom::proof(state, now, backup);
            plan.actions.push(Action::Perform { effect, proof });
            if machines.len() == 1 {
                plan.actions.push(Action::Look(Scope::Snapshots));
            }
        }
    }
}

fn delete(id: &BackupId, backup: &Backup) -> Option<Effect> {
    let (snapshot, doom, slot) = (backup.snapshots.first()?, backup.doom.as_ref()?, backup.slot.as_ref()?);
    let cause = Cause::Doom { policy: slot.policy.clone(), seq: doom.seq };
    let (backup_id, machine) = (id.clone(), backup.machine.clone());
    Some(Effect::new(cause, Verb::DeleteSnapshot { backup: backup_id, machine, snapshot: snapshot.clone() }))
}

/// Whether something could go but for an old look.
pub(super) fn waits_for_look(state: &State, now: Timestamp) -> bool {
    !looks_are_fresh(state, now) && !ready(state, now, &mut Vec::new()).is_empty()
}

/// The doomed that nothing but an old look holds, the longest doomed first.
fn ready<'a>(
    state: &'a State,
    now: Timestamp,
    holds: &mut Vec<(BackupId, Hold)>,
) -> Vec<(&'a BackupId, &'a Backup)> {
    let Some(adopted) = &state.adopted else { return Vec::new() };
    let mut waiting = Vec::new();
    for (id, backup) in state.watched() {
        if backup.doom.is_some() && matches!(backup.life, Life::Good | Life::Failed) {
            match own_hold(state, now, adopted, backup).or_else(|| postponed(state, now, id)) {
                Some(hold) => holds.push((id.clone(), hold)),
                None => waiting.push((id, backup)),
            }
        }
    }
    if waiting.is_empty() {
        return waiting;
    }
    let account = account_hold(state, now);
    let surroundings = Surroundings { shelves: shelves(state), suspects: state.suspects().collect() };
    let mut ready = Vec::new();
    for (id, backup) in waiting {
        let hold = account.clone().or_else(|| hold_around(state, now, adopted, id, backup, &surroundings));
        match hold {
            Some(hold) => holds.push((id.clone(), hold)),
            None => ready.push((id, backup)),
        }
    }
    ready.sort_by_key(|(id, backup)| (backup.doom.as_ref().map(|doom| doom.seq), *id));
    ready
}

/// What is looked up for many doomed at once.
struct Surroundings<'a> {
    shelves: Shelves<'a>,
    suspects: Vec<&'a Snapshot>,
}

/// What holds every deletion.
fn account_hold(state: &State, now: Timestamp) -> Option<Hold> {
    let frozen = state.frozen.as_ref().filter(|freeze| now < freeze.until);
    if let Some(freeze) = frozen {
        Some(Hold::Frozen { until: freeze.until })
    } else if !state.wall.is_sane() {
        Some(Hold::ClockUnsure)
    } else if state.fleet.shaken > 0 || state.fleet.doubtful_since.is_some() {
        Some(Hold::Shaken)
    } else if state.suspects().count() > SUSPECTS_PER_MACHINE {
        Some(Hold::Suspect)
    } else {
        (deletions(state, now, None) >= day_cap(state, now)).then_some(Hold::Capped)
    }
}

/// What in the backup itself holds its deletion. What costs most to find out comes last.
fn own_hold(state: &State, now: Timestamp, adopted: &Adopted, backup: &Backup) -> Option<Hold> {
    let (Some(doom), Some(slot)) = (&backup.doom, &backup.slot) else { return Some(Hold::Protected) };
    let rules = &adopted.set.rules;
    let mode = adopted.set.policies.get(&slot.policy).map_or(Mode::Observe, |policy| policy.mode);
    let soft_end = state.mode_since(&slot.policy).unwrap_or(now) + rules.soft_start;
    let grace_ends = doom.since + rules.grace;
    let approved = doom.approved_at.is_some_and(|at| now.since(at) <= rules.approval_life.duration());
    if mode.min(adopted.set.mode) != Mode::Enforce {
        Some(Hold::Mode)
    } else if backup.is_protected() {
        Some(Hold::Protected)
    } else if now < soft_end {
        Some(Hold::SoftStart { until: soft_end })
    } else if now < grace_ends {
        Some(Hold::Grace { until: grace_ends })
    } else if doom.needs_approval && !approved {
        Some(Hold::AwaitsApproval)
    } else {
        (!is_as_judged(state, backup)).then_some(Hold::Protected)
    }
}

fn postponed(state: &State, now: Timestamp, id: &BackupId) -> Option<Hold> {
    let known = state.postponed.get(id).filter(|known| now < known.until)?;
    Some(Hold::Postponed { until: known.until, why: known.why.clone() })
}

/// What around the backup holds its deletion.
fn hold_around(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    id: &BackupId,
    backup: &Backup,
    surroundings: &Surroundings,
) -> Option<Hold> {
    let slot = backup.slot.as_ref()?;
    let rules = &adopted.set.rules;
    let longest_gap = adopted.set.policies.get(&slot.policy)?.longest_gap;
    let machine = &backup.machine;
    let on_shelf = surroundings.shelves.get(&(&slot.policy, &slot.machine)).map_or(&[][..], Vec::as_slice);
    let others = on_shelf.iter().filter(|(other, backup)| backup.life == Life::Good && *other != id);
    // One from the future would be young for ever.
    let newest = others.clone().map(|(_, other)| other.taken_at).filter(|at| *at <= now + rules.skew).max();
    let freeze_age = longest_gap.duration() * 2 + rules.freeze_margin.duration();
    let mut suspects = surroundings.suspects.iter();
    if others.count() < rules.min_good as usize {
        Some(Hold::LastGood)
    } else if newest.is_none_or(|newest| now.since(newest) > freeze_age) {
        Some(Hold::Stale)
    } else if state.unresolved_on(machine).next().is_some() {
        Some(Hold::Unknown)
    } else if suspects.any(|snapshot| snapshot.machine.as_ref().is_none_or(|at| at == machine)) {
        Some(Hold::Suspect)
    } else if state.unreadable().any(|snapshot| snapshot.machine.as_ref().is_none_or(|at| at == machine)) {
        Some(Hold::Unreadable)
    } else if was_refused(state, now, id) {
        Some(Hold::Refused)
    } else if is_linked(state, backup) {
        Some(Hold::MaybeLinked)
    } else {
        let cap = due::slots_due(state, now, Some(machine)).saturating_mul(2).max(2);
        (deletions(state, now, Some(machine)) >= cap).then_some(Hold::Capped)
    }
}

/// Whether the cloud still shows the one object that was found to be good, or failed.
fn is_as_judged(state: &State, backup: &Backup) -> bool {
    let expected = if backup.life == Life::Failed { SnapshotStatus::Failed } else { SnapshotStatus::Ready };
    state.sole_snapshot(backup).is_some_and(|known| {
        known.item.status == expected && known.item.name == backup.name && known.missing_since.is_none()
    })
}

fn was_refused(state: &State, now: Timestamp, id: &BackupId) -> bool {
    state.effects.values().any(|life| {
        life.deletes().is_some()
            && life.effect.verb.backup() == id
            && matches!(life.standing, Standing::Refused(_))
            && now.since(life.changed_at) < DAY.duration()
    })
}

/// An image names it, or names nothing and could be made from it.
fn is_linked(state: &State, backup: &Backup) -> bool {
    let is_of =
        |image: &Image| image.snapshot.as_ref().is_none_or(|snapshot| backup.snapshots.contains(snapshot));
    state.fleet.images.values().any(is_of)
}

fn looks_are_fresh(state: &State, now: Timestamp) -> bool {
    let fleet = &state.fleet;
    let images = &fleet.image_look;
    let images_fresh = match images.unavailable {
        true => is_fresh(images.tried, state, now),
        false => is_fresh(images.complete, state, now),
    };
    images_fresh && is_fresh(fleet.snapshot_look.complete, state, now)
}

fn is_fresh(began: Option<Timestamp>, state: &State, now: Timestamp) -> bool {
    began.is_some_and(|began| now.since(began) <= state.rules().fresh.duration())
}

fn deletions(state: &State, now: Timestamp, only: Option<&MachineId>) -> u64 {
    let recent = state.deletions.iter().filter(|deletion| now.since(deletion.at) < DAY.duration());
    recent.filter(|deletion| only.is_none_or(|only| deletion.machine == *only)).count() as u64
}

/// Deletions allowed in 24 hours: the greatest of 3, a quarter of ours, and twice the slots due.
fn day_cap(state: &State, now: Timestamp) -> u64 {
    let ours = state.backups.values().filter(|backup| matches!(backup.life, Life::Ready | Life::Good));
    let quarter = (ours.count() as u64).div_ceil(4);
    let natural = 3.max(quarter).max(due::slots_due(state, now, None).saturating_mul(2));
    let bound = state.adopted.as_ref().and_then(|adopted| adopted.set.rules.day_cap);
    bound.map_or(natural, |bound| natural.min(u64::from(bound)))
}
