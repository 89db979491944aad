//! Deletions: which of the doomed may go now, and what holds the others.

use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};

use super::around::Around;
use super::backup::{Backup, Doom, Life};
use super::case::Case;
use super::draft::{Action, Hold, Plan, Shelves};
use super::due;
use super::effect::{Cause, Effect, Verb};
use super::fleet::{Image, LookResult, SnapshotStatus};
use super::id::{BackupId, MachineId, PolicyName};
use super::policy::{Images, Mode, Rules};
use super::state::{Adopted, State};
use super::time::{Seconds, Timestamp};

pub(super) const DAY: Seconds = Seconds::hours(24);
/// In the place of a policy's name, which has no space: the backup was made by hand.
const NO_POLICY: &str = "by hand";

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
    let left = day_cap.saturating_sub(deletions(state, now, None, DAY));
    let per_pass = left_in_a_pass(state, now, day_cap).min(left);
    let mut machines: BTreeSet<&MachineId> = BTreeSet::new();
    for (id, backup) in ready {
        if machines.len() as u64 >= per_pass {
            plan.holds.push((id.clone(), Hold::Capped));
        } else if machines.insert(&backup.machine)
            && let Some(effect) = delete(id, backup)
        {
            plan.actions.push(Action::Perform { effect });
            if machines.len() == 1 {
                plan.actions.push(Action::Look);
            }
        }
    }
}

fn delete(id: &BackupId, backup: &Backup) -> Option<Effect> {
    let (snapshot, doom) = (backup.snapshots.first()?, backup.doom.as_ref()?);
    let policy = backup.slot.as_ref().map_or_else(|| PolicyName::new(NO_POLICY), |slot| slot.policy.clone());
    let cause = Cause::Doom { policy, seq: doom.seq };
    let (backup_id, machine) = (id.clone(), backup.machine.clone());
    Some(Effect::new(cause, Verb::DeleteSnapshot { backup: backup_id, machine, snapshot: snapshot.clone() }))
}

/// Whether something could go but for an old look.
pub(super) fn waits_for_look(state: &State, now: Timestamp) -> bool {
    !looks_are_fresh(state, now) && judged(state, now).any(|(_, _, hold)| hold.is_none())
}

/// The doomed that nothing but an old look holds, the longest doomed first.
fn ready<'a>(
    state: &'a State,
    now: Timestamp,
    holds: &mut Vec<(BackupId, Hold)>,
) -> Vec<(&'a BackupId, &'a Backup)> {
    let mut ready = Vec::new();
    for (id, backup, hold) in judged(state, now) {
        match hold {
            Some(hold) => holds.push((id.clone(), hold)),
            None => ready.push((id, backup)),
        }
    }
    ready.sort_by_key(|(id, backup)| (backup.doom.as_ref().map(|doom| doom.seq), *id));
    ready
}

/// The doomed, with what holds each but for an old look.
fn judged(state: &State, now: Timestamp) -> impl Iterator<Item = (&BackupId, &Backup, Option<Hold>)> {
    // Found out once, and only where something has nothing of its own that holds it.
    let around = LazyCell::new(move || Around::of(state, now));
    let is_capped = LazyCell::new(move || deletions(state, now, None, DAY) >= day_cap(state, now));
    doomed(state, now).map(move |case| {
        let hold = case
            .own()
            .next()
            .or_else(|| postponed(state, now, case.id))
            .or_else(|| around.account.clone())
            .or_else(|| is_capped.then_some(Hold::Capped))
            .or_else(|| case.around(&around).next());
        (case.id, case.backup, hold)
    })
}

fn doomed(state: &State, now: Timestamp) -> impl Iterator<Item = Case<'_>> {
    // What a person asked to have deleted is the request's, not the doom's.
    let requests = state.requests.values().filter(|request| !request.effect.verb.is_create());
    let asked: BTreeSet<&BackupId> = requests.map(|request| request.effect.verb.backup()).collect();
    let doomed = state
        .watched()
        .filter(move |(id, backup)| matches!(backup.life, Life::Good | Life::Failed) && !asked.contains(id));
    doomed.filter_map(move |(id, backup)| Case::of(state, now, id, backup))
}

/// All that holds each of them, and not only what is found out first.
pub(super) fn every_hold(state: &State, now: Timestamp) -> BTreeMap<BackupId, Vec<Hold>> {
    let around = Around::of(state, now);
    let is_capped = deletions(state, now, None, DAY) >= day_cap(state, now);
    let all = doomed(state, now).map(|case| {
        let whole = postponed(state, now, case.id).into_iter().chain(around.account.clone());
        let whole = whole.chain(is_capped.then_some(Hold::Capped));
        let mut holds: Vec<Hold> = Vec::new();
        for hold in case.own().chain(whole).chain(case.around(&around)) {
            if !holds.contains(&hold) {
                holds.push(hold);
            }
        }
        (case.id.clone(), holds)
    });
    all.collect()
}

pub(super) fn postponed(state: &State, now: Timestamp, id: &BackupId) -> Option<Hold> {
    let known = state.postponed.get(id).filter(|known| now < known.until)?;
    Some(Hold::Postponed { until: known.until, why: known.why.clone() })
}

/// What the other backups of its policy and machine hold it for; the graver first.
pub(super) fn shelf_holds(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    (id, backup): (&BackupId, &Backup),
    shelves: &Shelves,
) -> impl Iterator<Item = Hold> + use<> {
    // A backup of no policy stands on no shelf.
    let holds = backup.slot.as_ref().map(|slot| {
        let rules = &adopted.set.rules;
        let on_shelf = shelves.get(&(&slot.policy, &slot.machine)).map_or(&[][..], Vec::as_slice);
        let others = on_shelf.iter().filter(|(other, backup)| backup.life == Life::Good && *other != id);
        let dates = others.clone().map(|(_, other)| other.taken_at);
        // One from the future would be young for ever.
        let newest = dates.filter(|at| *at <= now + rules.skew).max();
        // A removed policy makes no new ones, and a person said that its old ones may go.
        let is_stale = adopted.set.policies.get(&slot.policy).is_some_and(|policy| {
            let freeze_age = policy.longest_gap.duration() * 2 + rules.freeze_margin.duration();
            newest.is_none_or(|newest| now.since(newest) > freeze_age)
        });
        let thaw = state.thawed.get(&backup.machine).filter(|_| is_stale);
        let least = thaw.map_or(rules.min_good, |thaw| thaw.keep);
        let is_short = others.count() < least as usize;
        [is_short.then_some(Hold::LastGood), (is_stale && thaw.is_none()).then_some(Hold::Stale)]
    });
    holds.into_iter().flatten().flatten()
}

/// Under which mode it stands, and since when.
pub(super) fn mode_of(state: &State, adopted: &Adopted, backup: &Backup) -> (Mode, Timestamp) {
    let whole = (adopted.set.mode, adopted.mode_since);
    let Some(slot) = &backup.slot else { return whole };
    match (adopted.set.policies.get(&slot.policy), state.mode_since(&slot.policy)) {
        (Some(policy), Some(since)) => (policy.mode, since),
        (Some(_), None) => (Mode::Observe, adopted.mode_since),
        (None, _) if state.retired.contains(&slot.policy) => whole,
        (None, _) => (Mode::Observe, adopted.mode_since),
    }
}

/// How long it stays visible: longer where an edit may have been a slip.
pub(super) fn grace(doom: &Doom, rules: &Rules) -> Seconds {
    let is_fresh_edit = doom.edited_before.is_some_and(|before| before < rules.grace_after_edit);
    if is_fresh_edit { rules.grace.max(rules.grace_after_edit) } else { rules.grace }
}

impl State {
    /// The bound on a day's deletions where it is under one and a half times the backups due in a day: more
    /// are made then than may ever go.
    pub fn outrun_day_cap(&self, now: Timestamp) -> Option<(u32, u64)> {
        let cap = self.adopted.as_ref()?.set.rules.day_cap?;
        let due = due::slots_due(self, now, None);
        (u64::from(cap) * 2 < due * 3).then_some((cap, due))
    }

    /// A person said that this account makes no images, and that nothing tells of any.
    pub fn says_no_images(&self) -> bool {
        self.adopted.as_ref().is_some_and(|adopted| adopted.set.images == Images::Absent)
    }

    /// When `enforce` begins to delete; `None`: another mode is in force.
    pub fn soft_start_ends(&self) -> Option<Timestamp> {
        let adopted = self.adopted.as_ref().filter(|adopted| adopted.set.mode == Mode::Enforce)?;
        Some(adopted.mode_since + adopted.set.rules.soft_start)
    }

    /// Until when a doomed one stays visible, whatever else holds it.
    pub fn grace_end(&self, doom: &Doom) -> Timestamp {
        doom.since + grace(doom, &self.rules())
    }

    /// Before this a doomed one does not go, whatever else holds it: its grace, and the soft start of the mode
    /// under which it stands.
    pub fn goes_after(&self, backup: &Backup, doom: &Doom) -> Timestamp {
        let grace_end = self.grace_end(doom);
        let Some(adopted) = &self.adopted else { return grace_end };
        let (mode, since) = mode_of(self, adopted, backup);
        match mode.min(adopted.set.mode) {
            Mode::Enforce => grace_end.max(since + adopted.set.rules.soft_start),
            Mode::Observe | Mode::Protect => grace_end,
        }
    }

    /// The doomed that nobody approved, or whose approval is too old.
    pub fn awaiting_approval(&self, now: Timestamp) -> impl Iterator<Item = (&BackupId, &Backup)> {
        let rules = self.rules();
        // What a removed policy made stays, whatever was doomed before, and so does what an image was made
        // of, and what a person pinned or holds since: no approval lets it go.
        let is_linked = |backup: &Backup| {
            let hold = self.adopted.as_ref().and_then(|adopted| link_hold(self, adopted, backup));
            hold == Some(Hold::Linked)
        };
        let stays = move |backup: &Backup| {
            let policy = backup.slot.as_ref().map(|slot| &slot.policy);
            let is_removed = |name| self.policy(name).is_none() && !self.retired.contains(name);
            policy.is_some_and(is_removed) || is_linked(backup) || backup.is_protected(now)
        };
        self.backups.iter().filter(move |(_, backup)| {
            let waits = |doom: &Doom| doom.needs_approval && !is_approved(doom, &rules, now);
            backup.doom.as_ref().is_some_and(waits) && !stays(backup)
        })
    }
}

pub(super) fn is_approved(doom: &Doom, rules: &Rules, now: Timestamp) -> bool {
    doom.approved_at.is_some_and(|at| now.since(at) <= rules.approval_life.duration())
}

/// Whether the cloud still shows the one object that was found to be good, or failed.
pub(super) fn is_as_judged(state: &State, backup: &Backup) -> bool {
    let expected = if backup.life == Life::Failed { SnapshotStatus::Failed } else { SnapshotStatus::Ready };
    is_alone(state, backup) && state.sole_snapshot(backup).is_some_and(|known| known.item.status == expected)
}

/// Whether one object bears its name, and is there.
pub(super) fn is_alone(state: &State, backup: &Backup) -> bool {
    state.sole_snapshot(backup).is_some_and(|known| {
        known.item.machine.as_ref().is_none_or(|machine| *machine == backup.machine)
            && known.item.name == backup.name
            && known.missing_since.is_none()
    })
}

/// An image names it; or one names nothing, or nobody can tell, and it could be made from it.
pub(super) fn link_hold(state: &State, adopted: &Adopted, backup: &Backup) -> Option<Hold> {
    let fleet = &state.fleet;
    let mut images = fleet.possible_images();
    let names_it = |image: &Image| image.snapshot.as_ref().is_some_and(|of| backup.snapshots.contains(of));
    let asked = fleet.links.as_ref();
    let is_answered =
        asked.is_none_or(|one| !matches!(one.result, LookResult::NotFound | LookResult::Unavailable(_)));
    if images.clone().any(names_it)
        || asked.is_some_and(|one| backup.snapshots.contains(&one.snapshot) && !one.images.is_empty())
    {
        Some(Hold::Linked)
    } else if images.any(|image| image.snapshot.is_none())
        || (!is_answered && fleet.image_look.unavailable && adopted.set.images == Images::Ask)
    {
        Some(Hold::MaybeLinked)
    } else {
        None
    }
}

pub(super) fn looks_are_fresh(state: &State, now: Timestamp) -> bool {
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

pub(super) fn deletions(state: &State, now: Timestamp, only: Option<&MachineId>, within: Seconds) -> u64 {
    let recent = state.deletions.iter().filter(|deletion| now.since(deletion.at) < within.duration());
    recent.filter(|deletion| only.is_none_or(|only| deletion.machine == *only)).count() as u64
}

/// A quarter of the day's cap, and at least one, for all that rests on the same looks.
pub(super) fn left_in_a_pass(state: &State, now: Timestamp, day_cap: u64) -> u64 {
    (day_cap / 4).max(1).saturating_sub(deletions(state, now, None, state.rules().fresh))
}

pub(super) fn is_machine_capped(state: &State, now: Timestamp, machine: &MachineId) -> bool {
    let deleted = deletions(state, now, Some(machine), DAY);
    // Slots are only counted where it matters.
    deleted >= 2 && deleted >= due::slots_due(state, now, Some(machine)).saturating_mul(2)
}

/// Deletions allowed in 24 hours: the greatest of 3, a quarter of ours, and twice the slots due.
pub(super) fn day_cap(state: &State, now: Timestamp) -> u64 {
    let ours = state.backups.values().filter(|backup| matches!(backup.life, Life::Ready | Life::Good));
    let quarter = (ours.count() as u64).div_ceil(4);
    let natural = 3.max(quarter).max(due::slots_due(state, now, None).saturating_mul(2));
    let bound = state.adopted.as_ref().and_then(|adopted| adopted.set.rules.day_cap);
    bound.map_or(natural, |bound| natural.min(u64::from(bound)))
}
