//! What must hold before a snapshot is deleted, each rule in words of its own.

use super::create::is_for;
use super::expired::{Place, is_expired};
use super::{Changed, Forbidden, Verdict, require};
use crate::domain::backup::{Backup, Life};
use crate::domain::effect::Cause;
use crate::domain::fleet::{LookResult, Snapshot, SnapshotStatus};
use crate::domain::id::{BackupId, MachineId, SnapshotId};
use crate::domain::policy::{Images, Mode, Policy, Rules};
use crate::domain::schedule;
use crate::domain::slot::Slot;
use crate::domain::state::{Adopted, State};
use crate::domain::time::Timestamp;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn may_delete(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    cause: &Cause,
    id: &BackupId,
    snapshot: &SnapshotId,
) -> Verdict {
    let rules = &adopted.set.rules;
    let backup = state.backups.get(id).ok_or(Forbidden("the journal does not own it"))?;
    let enforced = adopted.set.mode == Mode::Enforce;
    let lax_since = match &backup.slot {
        Some(slot) => match adopted.set.policies.get(&slot.policy) {
            Some(policy) => {
                require(enforced && policy.mode == Mode::Enforce, Forbidden("the mode does not delete"))?;
                adopted.policy_mode_since.get(&slot.policy).copied().unwrap_or(now).max(adopted.mode_since)
            }
            None => {
                let retired = state.retired.contains(&slot.policy);
                require(retired, Forbidden("its policy is not in force"))?;
                require(enforced, Forbidden("the mode does not delete"))?;
                adopted.mode_since
            }
        },
        None => {
            let ended = backup.expires_at.is_some_and(|end| end <= now);
            require(ended, Forbidden("it belongs to no policy"))?;
            require(enforced, Forbidden("the mode does not delete"))?;
            adopted.mode_since
        }
    };
    let soft = now.since(lax_since) < rules.soft_start.duration();
    require(!soft, Forbidden("enforce began less than the soft start ago"))?;
    require(state.paused_until.is_none_or(|end| end <= now), Changed("policies are paused"))?;
    is_calm(state)?;
    is_ours_alone(state, now, id, backup, snapshot)?;
    is_condemned(now, cause, backup, rules)?;
    let latest = now + rules.skew;
    require(backup.taken_at <= latest, Changed("it is dated later than now"))?;
    if let Some(slot) = &backup.slot {
        let policy = adopted.set.policies.get(&slot.policy);
        leaves_enough(state, now, policy, slot, id, backup, rules)?;
        if let Some(policy) = policy {
            no_rule_keeps(state, now, policy, slot, id, backup)?;
        }
    }
    was_seen_just_now(state, now, snapshot, backup, rules)?;
    let expected = match backup.life {
        Life::Good => SnapshotStatus::Ready,
        Life::Failed => SnapshotStatus::Failed,
        _ => return Err(Changed("it is neither good nor failed")),
    };
    let shown = state.fleet.snapshots.get(snapshot).map(|known| &known.item.status);
    require(shown == Some(&expected), Changed("its status changed"))?;
    is_unlinked(state, now, snapshot, adopted)?;
    is_unsaid(state)?;
    is_within_caps(state, now, adopted, &backup.machine)
}

/// Nobody froze deletions, the time is known, and nothing of ours is missing. A freeze that ran out is in force
/// until that is written down: only then is it known who has to look at what waited.
pub(super) fn is_calm(state: &State) -> Verdict {
    require(state.frozen.is_none(), Changed("deletions are frozen"))?;
    require(state.wall.is_sane(), Changed("the clock is not sure"))?;
    // Before the shelf is counted: a list that was read since the plan and lacks most of it is no fault of the plan.
    let calm = state.fleet.shaken == 0 && state.fleet.doubtful_since.is_none();
    require(calm && state.missing().next().is_none(), Changed("something of ours is missing"))
}

/// Owned, one object, protected by nobody, and nothing suspicious beside it.
pub(super) fn is_ours_alone(
    state: &State,
    now: Timestamp,
    id: &BackupId,
    backup: &Backup,
    snapshot: &SnapshotId,
) -> Verdict {
    require(state.owners.get(snapshot) == Some(id), Forbidden("the snapshot is not this backup's"))?;
    let disowned = state.disowned.contains_key(snapshot);
    require(!disowned, Forbidden("a person said that it is not ours"))?;
    require(backup.snapshots.len() == 1, Forbidden("two snapshots share its name"))?;
    require(!backup.pinned, Changed("it is pinned"))?;
    let held = backup.held.as_ref().is_some_and(|hold| hold.until > now);
    require(!held, Changed("it is held"))?;
    let suspects: Vec<&Snapshot> = state.suspects().collect();
    require(suspects.len() <= 3, Changed("too many snapshots look like ours"))?;
    let beside = suspects.iter().any(|s| s.machine.is_none() || s.machine.as_ref() == Some(&backup.machine));
    require(!beside, Changed("a snapshot of this machine looks like ours"))?;
    let is_garbled = |s: &Snapshot| !s.unreadable.is_empty() && !state.disowned.contains_key(&s.id);
    let mut garbled = state.fleet.snapshots.values().map(|known| &known.item).filter(|s| is_garbled(s));
    let here = garbled.any(|s| s.machine.is_none() || s.machine.as_ref() == Some(&backup.machine));
    require(!here, Changed("a snapshot of this machine cannot be read"))
}

/// The rules of its policy as they are now, which may not be those that doomed it.
pub(super) fn no_rule_keeps(
    state: &State,
    now: Timestamp,
    policy: &Policy,
    slot: &Slot,
    id: &BackupId,
    backup: &Backup,
) -> Verdict {
    let zone = schedule::zone(&policy.timezone);
    let zone = zone.map_err(|_| Forbidden("its policy's zone is not known"))?;
    let others = neighbours(state, slot, id).collect();
    let place = Place { backup, others, zone: &zone, now, latest: now + state.rules().skew };
    is_expired(&policy.retention, &place)
}

/// Doomed by the cause, and for long enough; approved where it must be.
fn is_condemned(now: Timestamp, cause: &Cause, backup: &Backup, rules: &Rules) -> Verdict {
    let doom = backup.doom.as_ref().ok_or(Forbidden("it is not doomed"))?;
    let same = matches!(cause, Cause::Doom { seq, .. } if *seq == doom.seq);
    require(same, Forbidden("it was doomed by another event"))?;
    let waited = now.since(doom.since);
    require(waited >= rules.grace.duration(), Forbidden("its grace has not passed"))?;
    let after_edit = doom.edited_before.map_or(rules.grace_after_edit.0, |before| before.0);
    let waits_longer = after_edit < rules.grace_after_edit.0 && waited < rules.grace_after_edit.duration();
    require(!waits_longer, Forbidden("its policy was edited just before its doom"))?;
    let approved = doom.approved_at.is_some_and(|at| now.since(at) <= rules.approval_life.duration());
    require(!doom.needs_approval || approved, Forbidden("no person approved it"))
}

/// The shelf without it: enough good backups, and a young one among them.
fn leaves_enough(
    state: &State,
    now: Timestamp,
    policy: Option<&Policy>,
    slot: &Slot,
    id: &BackupId,
    backup: &Backup,
    rules: &Rules,
) -> Verdict {
    let rest: Vec<Timestamp> = neighbours(state, slot, id).map(|other| other.taken_at).collect();
    let is_young = |policy: &Policy| has_a_young_one(&rest, policy, now, rules);
    // Where a person thawed a machine without a young one, the number that the person named stays.
    let thaw = state.thawed.get(&backup.machine).filter(|_| policy.is_some_and(|policy| !is_young(policy)));
    let least = thaw.map_or(rules.min_good, |thaw| thaw.keep) as usize;
    require(rest.len() >= least, Forbidden("too few good backups would be left"))?;
    let newest = rest.iter().max().copied().ok_or(Forbidden("no good backup would be left"))?;
    require(newest >= backup.taken_at, Forbidden("it is the newest good backup"))?;
    let stands = thaw.is_some() || policy.is_none_or(is_young);
    require(stands, Changed("no good backup of this machine is young enough"))
}

/// Whether the newest of them is younger than the age at which retention freezes.
pub(super) fn has_a_young_one(rest: &[Timestamp], policy: &Policy, now: Timestamp, rules: &Rules) -> bool {
    let freeze_age = Duration::from_secs(2 * policy.longest_gap.0 + rules.freeze_margin.0);
    // One from the future would be young for ever.
    rest.iter().any(|at| *at <= now + rules.skew && now.since(*at) <= freeze_age)
}

/// The other good backups of the same policy and machine that the last look showed.
pub(super) fn neighbours<'a>(
    state: &'a State,
    slot: &'a Slot,
    id: &'a BackupId,
) -> impl Iterator<Item = &'a Backup> + use<'a> {
    state.backups.iter().filter(move |(other, _)| *other != id).map(|(_, other)| other).filter(move |other| {
        let of = other.slot.as_ref();
        let present = |id: &SnapshotId| {
            state.fleet.snapshots.get(id).is_some_and(|known| known.missing_since.is_none())
        };
        other.life == Life::Good
            && of.is_some_and(|of| of.policy == slot.policy && of.machine == slot.machine)
            && other.snapshots.iter().all(present)
    })
}

/// In a complete listing, and read again by itself, both a moment ago, and still what it was.
pub(super) fn was_seen_just_now(
    state: &State,
    now: Timestamp,
    snapshot: &SnapshotId,
    backup: &Backup,
    rules: &Rules,
) -> Verdict {
    let is_recent = |began: Timestamp| now.since(began) <= rules.fresh.duration();
    let listed = state.fleet.snapshot_look.complete.is_some_and(is_recent);
    require(listed, Changed("the snapshots were not listed completely just now"))?;
    let read = state.fleet.details.get(snapshot).filter(|one| is_recent(one.began));
    let read = read.ok_or(Changed("it was not read again just now"))?;
    require(read.result == LookResult::Complete, Changed("reading it again did not show it"))?;
    let known = state.fleet.snapshots.get(snapshot).ok_or(Changed("it is not listed"))?;
    require(known.missing_since.is_none(), Changed("it is missing"))?;
    require(known.item.name == backup.name, Changed("its name changed"))?;
    let machine = known.item.machine.as_ref().is_none_or(|machine| *machine == backup.machine);
    require(machine, Changed("it is of another machine"))
}

/// No image was made from it, as far as two sources say. Where neither is there, only a person can.
pub(super) fn is_unlinked(
    state: &State,
    now: Timestamp,
    snapshot: &SnapshotId,
    adopted: &Adopted,
) -> Verdict {
    let fresh = adopted.set.rules.fresh.duration();
    let is_recent = |began: Timestamp| now.since(began) <= fresh;
    let links =
        state.fleet.links.as_ref().filter(|links| links.snapshot == *snapshot && is_recent(links.began));
    let links = links.ok_or(Changed("its images were not asked for just now"))?;
    require(links.images.is_empty(), Changed("an image was made from it"))?;
    // A list that is known to miscount is no second source.
    let plain = state.fleet.image_look.miscounted.is_none();
    let listed = plain && state.fleet.image_look.complete.is_some_and(is_recent);
    let named = |source: &Option<SnapshotId>| source.as_ref() == Some(snapshot);
    let in_list = state.fleet.possible_images().any(|image| named(&image.snapshot));
    require(!in_list, Changed("an image was made from it"))?;
    let list = &state.fleet.image_look;
    let said_absent =
        adopted.set.images == Images::Absent && list.unavailable && list.tried.is_some_and(is_recent);
    match &links.result {
        LookResult::Complete => Ok(()),
        LookResult::NotFound | LookResult::Unavailable(_) => {
            let known = listed || said_absent;
            require(known, Changed("neither its images nor the image list could be read"))
        }
        LookResult::Incomplete(_) => Err(Changed("its images could not be asked for")),
    }
}

/// No image is there whose source the cloud keeps to itself: it could be this one.
pub(super) fn is_unsaid(state: &State) -> Verdict {
    let unsaid = state.fleet.possible_images().any(|image| image.snapshot.is_none());
    require(!unsaid, Changed("an image was made from something unnamed"))
}

/// Fewer deletions in 24 hours than the caps allow, counted from the journal.
pub(super) fn is_within_caps(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    machine: &MachineId,
) -> Verdict {
    let recent: Vec<_> = state.deletions.iter().filter(|deletion| now.since(deletion.at) < DAY).collect();
    let mut due_in_all = 0;
    let mut due_here = 0;
    for (name, policy) in &adopted.set.policies {
        let Some(schedule) = adopted.schedules.get(name) else { continue };
        let (_, slots) = schedule.count_between(now - DAY, now, 100_000);
        for known in state.fleet.machines.values().filter(|known| known.missing_since.is_none()) {
            if is_for(policy, &known.item) {
                due_in_all += slots as usize;
                due_here += if known.item.id == *machine { slots as usize } else { 0 };
            }
        }
    }
    let ours = state.backups.values().filter(|b| matches!(b.life, Life::Ready | Life::Good)).count();
    let mut day_cap = 3.max(ours.div_ceil(4)).max(2 * due_in_all);
    if let Some(bound) = adopted.set.rules.day_cap {
        day_cap = day_cap.min(bound as usize);
    }
    require(recent.len() < day_cap, Changed("as many were deleted in 24 hours as may be"))?;
    // All that rests on one look counts as one pass.
    let fresh = adopted.set.rules.fresh.duration();
    let just_now = recent.iter().filter(|deletion| now.since(deletion.at) < fresh).count();
    require(just_now < 1.max(day_cap / 4), Changed("as many were deleted in one pass as may be"))?;
    let here = recent.iter().filter(|deletion| deletion.machine == *machine).count();
    require(here < 2.max(2 * due_here), Changed("as many of this machine were deleted as may be"))
}
