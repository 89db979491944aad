//! Requests by hand: one backup made, or one deleted, because a person said so.
//!
//! The rails are those of every deletion. A person may take some of them away, by name; never a
//! hold, a pin, an image that was made from it, or what is not known.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use super::around::Around;
use super::backup::{Backup, Doom, Life};
use super::draft::{Action, Hold, Plan};
use super::effect::{Cause, Verb};
use super::fleet::SnapshotStatus;
use super::id::{AskId, BackupId, MachineId};
use super::policy::Mode;
use super::prune;
use super::rail::Rail;
use super::selection::Selector;
use super::slot::{Held, Slot};
use super::state::{Adopted, Request, State};
use super::take::{is_rested, running, strangers};
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

/// A listing this many times older than its cadence no longer supports a create.
const STALE_LOOKS: u32 = 3;
/// The state of a machine that looks do not show any more.
const GONE: &str = "gone";

/// The rails, but for those that are overridden, against a delete that is being asked for: of those that
/// it may take more than the life of a request to pass. Caps do not stand here: they let it go within a day.
pub(super) fn rails_against(
    state: &State,
    now: Timestamp,
    id: &BackupId,
    backup: &Backup,
    overrides: &BTreeSet<Rail>,
) -> Vec<Rail> {
    let Some(adopted) = &state.adopted else { return Vec::new() };
    let (mut overridden, mut found) = (overrides.clone(), Vec::new());
    let around = Around::of(state, now);
    // Each turn names another one, so there are no more turns than rails.
    for _ in Rail::ALL {
        let hold = good_hold(state, now, adopted, &overridden, (id, backup), &around)
            .or_else(|| possible_link(state, adopted, &overridden, backup));
        let Some(rail) = hold.as_ref().and_then(rail_of) else { break };
        overridden.insert(rail);
        found.push(rail);
    }
    found
}

/// No override reaches an image that was made from it.
pub(super) fn is_linked(state: &State, backup: &Backup) -> bool {
    let hold = state.adopted.as_ref().and_then(|adopted| prune::link_hold(state, adopted, backup));
    hold == Some(Hold::Linked)
}

fn possible_link(
    state: &State,
    adopted: &Adopted,
    overrides: &BTreeSet<Rail>,
    backup: &Backup,
) -> Option<Hold> {
    let is_overridden = overrides.contains(&Rail::PossiblyLinked);
    let hold = prune::link_hold(state, adopted, backup)?;
    (hold == Hold::MaybeLinked && !is_overridden).then_some(hold)
}

/// By which name a person takes it away.
fn rail_of(hold: &Hold) -> Option<Rail> {
    match hold {
        Hold::Kept => Some(Rail::Kept),
        Hold::SoftStart { .. } => Some(Rail::SoftStart),
        Hold::Grace { .. } => Some(Rail::Grace),
        Hold::AwaitsApproval => Some(Rail::Approval),
        Hold::LastGood => Some(Rail::MinGood),
        Hold::Stale => Some(Rail::Stale),
        Hold::Capped => Some(Rail::Caps),
        Hold::MaybeLinked => Some(Rail::PossiblyLinked),
        Hold::Mode
        | Hold::NoPolicy
        | Hold::Paused { .. }
        | Hold::Linked
        | Hold::Frozen { .. }
        | Hold::ClockUnsure
        | Hold::Protected
        | Hold::Unknown
        | Hold::Suspect
        | Hold::Unreadable
        | Hold::Shaken
        | Hold::Refused
        | Hold::Postponed { .. }
        | Hold::LookFirst => None,
    }
}

/// Both kinds: the creates first, as policies' are before their deletes.
pub(super) fn plan_requests(state: &State, now: Timestamp, plan: &mut Plan) {
    if state.requests.is_empty() {
        return;
    }
    let Some(adopted) = &state.adopted else { return };
    let mut open: Vec<(&AskId, &Request)> = state.requests.iter().collect();
    open.sort_by_key(|(ask, request)| (request.asked_at, *ask));
    let free = adopted.set.rules.concurrent.saturating_sub(running(state));
    let mut machines: Vec<&MachineId> = Vec::new();
    let (creates, deletes): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|(_, request)| request.effect.verb.is_create());
    for (_, request) in creates {
        let machine = request.effect.verb.machine();
        let is_free = (machines.len() as u64) < u64::from(free) && !machines.contains(&machine);
        if is_free && may_create(state, now, request) {
            machines.push(machine);
            plan.actions.push(Action::Perform { effect: request.effect.clone() });
        }
    }
    let day_cap = prune::day_cap(state, now);
    let mut left = prune::left_in_a_pass(state, now, day_cap);
    let mut is_first = true;
    let around = LazyCell::new(move || Around::of(state, now));
    for (_, request) in deletes {
        let id = request.effect.verb.backup();
        let Some(backup) = state.backups.get(id) else { continue };
        let hold = hold_of(state, now, adopted, request, (id, backup), &around);
        let is_full = left == 0 && !request.overrides.contains(&Rail::Caps);
        let same_machine = machines.contains(&request.effect.verb.machine());
        match hold.or_else(|| (is_full || same_machine).then_some(Hold::Capped)) {
            Some(hold) => plan.holds.push((id.clone(), hold)),
            None => {
                left = left.saturating_sub(1);
                machines.push(request.effect.verb.machine());
                plan.actions.push(Action::Perform { effect: request.effect.clone() });
                if std::mem::take(&mut is_first) {
                    plan.actions.push(Action::Look);
                }
            }
        }
    }
}

/// Whether a request could go but for an old look.
pub(super) fn waits_for_look(state: &State, now: Timestamp) -> bool {
    let Some(adopted) = &state.adopted else { return false };
    let around = LazyCell::new(move || Around::of(state, now));
    state.requests.values().filter(|request| !request.effect.verb.is_create()).any(|request| {
        let known = state.backups.get_key_value(request.effect.verb.backup());
        known.and_then(|known| hold_of(state, now, adopted, request, known, &around)) == Some(Hold::LookFirst)
    })
}

/// What keeps a create of a person's from being asked for. A person may restart the machine, so no policy is
/// asked; all else is as for a slot.
pub(super) fn create_held(state: &State, now: Timestamp, request: &Request) -> Option<Held> {
    let verb = &request.effect.verb;
    let rules = state.rules();
    let seen = |complete: Option<Timestamp>, every: Seconds| {
        complete.is_some_and(|began| now.since(began) <= every.max(rules.fresh).duration() * STALE_LOOKS)
    };
    let is_seen = seen(state.fleet.machine_look.complete, rules.machines_every)
        && seen(state.fleet.snapshot_look.complete, rules.snapshots_every);
    if !is_seen {
        return Some(Held::Unseen);
    }
    let known = state.fleet.machines.get(verb.machine()).filter(|known| known.missing_since.is_none());
    let Some(known) = known else { return Some(Held::NotActive(GONE.to_owned())) };
    if let Some(held) = Held::not_active(&known.item.status) {
        Some(held)
    } else if !state.wall.lets_create(now) {
        Some(Held::ClockUnsure)
    } else if state.unresolved_on(verb.machine()).next().is_some() {
        Some(Held::Unknown)
    } else if rules.concurrent <= running(state) {
        Some(Held::Concurrent)
    } else {
        let mut strangers = strangers(state).filter(|(name, _)| *name == verb.backup().as_str());
        strangers.next().map(|(_, id)| Held::NameInUse(id.to_string()))
    }
}

fn may_create(state: &State, now: Timestamp, request: &Request) -> bool {
    let life = state.effects.get(&request.effect.id);
    create_held(state, now, request).is_none()
        && life.is_none_or(|life| is_rested(life, now))
        && request.slot.as_ref().is_none_or(|slot| may_take(state, now, slot))
}

/// Its policy is still for this machine. Neither mode, pause, hours nor busy check bind a person.
fn may_take(state: &State, now: Timestamp, slot: &Slot) -> bool {
    let known = state.fleet.machines.get(&slot.machine);
    let (Some(policy), Some(known)) = (state.policy(&slot.policy), known) else { return false };
    slot.due <= now
        && Selector::of(policy).selects(&known.item)
        && (policy.may_restart || state.snapshots_live())
}

/// Why a person's delete has to wait.
pub(super) fn delete_held(state: &State, now: Timestamp, request: &Request) -> Option<Hold> {
    let known = state.backups.get_key_value(request.effect.verb.backup())?;
    let around = LazyCell::new(move || Around::of(state, now));
    hold_of(state, now, state.adopted.as_ref()?, request, known, &around)
}

fn hold_of(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    request: &Request,
    (id, backup): (&BackupId, &Backup),
    around: &Around,
) -> Option<Hold> {
    let is_overridden = |rail| request.overrides.contains(&rail);
    let unless = |rail, hold: Option<Hold>| if is_overridden(rail) { None } else { hold };
    let reaches_all = is_planted(Bug::OverrideIgnoresHold) && !request.overrides.is_empty();
    let is_theirs = state.is_disowned(backup);
    if is_theirs || (backup.is_protected(now) && !reaches_all) || !is_what_it_was(state, request, backup) {
        return Some(Hold::Protected);
    }
    if around.account.is_some() {
        around.account.clone()
    } else if around.is_open(backup) {
        Some(Hold::Unknown)
    } else if let Some(hold) = prune::postponed(state, now, id) {
        Some(hold)
    } else if around.has_suspect(backup) {
        Some(Hold::Suspect)
    } else if around.has_unreadable(backup) {
        Some(Hold::Unreadable)
    } else {
        good_hold(state, now, adopted, &request.overrides, (id, backup), around)
            .or_else(|| {
                prune::link_hold(state, adopted, backup)
                    .filter(|hold| *hold != Hold::MaybeLinked || !is_overridden(Rail::PossiblyLinked))
            })
            .or_else(|| unless(Rail::Caps, cap_hold(state, now, &backup.machine)))
            .or_else(|| (!prune::looks_are_fresh(state, now)).then_some(Hold::LookFirst))
    }
}

/// What only a good backup of a policy has to fear for: the others take no slot and count for nothing.
fn good_hold(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    overrides: &BTreeSet<Rail>,
    (id, backup): (&BackupId, &Backup),
    around: &Around,
) -> Option<Hold> {
    let slot = backup.slot.as_ref().filter(|_| backup.life == Life::Good)?;
    let rules = &adopted.set.rules;
    let is_ruled = adopted.set.policies.contains_key(&slot.policy);
    let soft_end = adopted.mode_since + rules.soft_start;
    let is_soft = adopted.set.mode == Mode::Enforce && now < soft_end;
    let grace_end = backup.doom.as_ref().map(|doom| state.grace_end(doom));
    let unapproved = |doom: &Doom| doom.needs_approval && !prune::is_approved(doom, rules, now);
    let holds = [
        (Rail::Kept, (is_ruled && backup.doom.is_none()).then_some(Hold::Kept)),
        (Rail::SoftStart, is_soft.then_some(Hold::SoftStart { until: soft_end })),
        (Rail::Grace, grace_end.filter(|until| now < *until).map(|until| Hold::Grace { until })),
        (Rail::Approval, backup.doom.as_ref().is_some_and(unapproved).then_some(Hold::AwaitsApproval)),
    ];
    let overridden = |rail: &Rail| overrides.contains(rail);
    let own = holds.into_iter().filter(|(rail, _)| !overridden(rail)).find_map(|(_, hold)| hold);
    own.or_else(|| {
        let mut holds = prune::shelf_holds(state, now, adopted, (id, backup), &around.shelves);
        holds.find(|hold| rail_of(hold).is_none_or(|rail| !overridden(&rail)))
    })
}

fn cap_hold(state: &State, now: Timestamp, machine: &MachineId) -> Option<Hold> {
    let in_a_day = prune::deletions(state, now, None, prune::DAY);
    let is_full = in_a_day >= prune::day_cap(state, now) || prune::is_machine_capped(state, now, machine);
    is_full.then_some(Hold::Capped)
}

/// The one object that the person saw, in a state that nobody works on.
fn is_what_it_was(state: &State, request: &Request, backup: &Backup) -> bool {
    let Verb::DeleteSnapshot { snapshot, .. } = &request.effect.verb else { return false };
    let Cause::Ask(_) = &request.effect.cause else { return false };
    let status = state.fleet.snapshots.get(snapshot).map(|known| &known.item.status);
    let fits = match (backup.life, status) {
        (Life::Good, Some(status)) => *status == SnapshotStatus::Ready,
        (Life::Failed, Some(status)) => *status == SnapshotStatus::Failed,
        // Still said to be in the making, for longer than anything is.
        (Life::TimedOut, Some(SnapshotStatus::Pending | SnapshotStatus::Unknown(_))) => true,
        (Life::Bad, Some(SnapshotStatus::Ready | SnapshotStatus::Failed)) => true,
        _ => false,
    };
    fits && backup.snapshots.contains(snapshot) && prune::is_alone(state, backup)
}
