//! Creates: which backup is asked for next, asked for again, or given up.

use std::collections::HashMap;

use super::backup::Life;
use super::draft::{Action, Plan};
use super::due::{Busy, Due, closed_until, decide, due_slots, not_idle, obstacle};
use super::effect::{Cause, Effect, Standing};
use super::id::{BackupId, MachineId, SnapshotId};
use super::policy::Mode;
use super::selection::Selector;
use super::slot::{Shelf, Slot};
use super::state::{EffectLife, State};
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

/// How long a request that surely was not sent waits for its next try.
const RESEND: Seconds = Seconds::minutes(1);

/// The next create: first those to be asked for again, then the machine whose backup is stalest.
pub(super) fn plan_creates(state: &State, now: Timestamp, plan: &mut Plan) {
    let rules = state.rules();
    let is_create =
        |action: &Action| matches!(action, Action::Perform { effect, .. } if effect.verb.is_create());
    // What people asked for comes first.
    let asked = plan.actions.iter().filter(|action| is_create(action)).count();
    let asked = u32::try_from(asked).unwrap_or(u32::MAX);
    let mut free = rules.concurrent.saturating_sub(running(state)).saturating_sub(asked);
    if free == 0 {
        return;
    }
    if state.paused(now).is_some() {
        return;
    }
    let again = retries(state).filter(|life| is_rested(life, now)).filter(|life| {
        let Cause::Slot(slot) = &life.effect.cause else { return false };
        // A clock that went back may have put its slot into the future, and a run by hand comes first.
        if slot.due > now || is_asked(state, slot) {
            return false;
        }
        let machine = state.fleet.machines.get(&slot.machine);
        let (Some(machine), Some(policy)) = (machine, state.policy(&slot.policy)) else { return false };
        let Some(schedule) = state.schedule(&slot.policy) else { return false };
        if closed_until(now, policy, schedule).is_some() || not_idle(state, now, policy, slot).is_some() {
            return false;
        }
        policy.mode.min(state.mode()) != Mode::Observe
            && obstacle(state, now, policy, machine, &rules).is_none()
            && state.halts.stops(now, slot, &machine.item).is_none()
            && !is_taken_by_a_stranger(state, life.effect.verb.backup().as_str())
    });
    let mut machines: Vec<&MachineId> = Vec::new();
    for life in again {
        if free > 0 && !machines.contains(&life.effect.verb.machine()) {
            plan.actions.push(Action::Perform { effect: life.effect.clone() });
            machines.push(life.effect.verb.machine());
            free -= 1;
        }
    }
    let busy = Busy::of(state);
    let mut due: Vec<_> = due_slots(state, now)
        .filter(|due| due.start <= now && decide(state, now, due, &busy).is_none())
        .collect();
    due.sort_by_cached_key(|due| (newest_good(state, &due.slot), due.slot.clone()));
    if is_planted(Bug::HashMapOrder) {
        let scattered: HashMap<String, Due> = due.drain(..).map(|due| (due.slot.line(), due)).collect();
        due = scattered.into_values().collect();
    }
    for due in &due {
        if free > 0 && !machines.contains(&&due.slot.machine) {
            let effect = create(&due.slot, &due.machine.item.name);
            plan.actions.push(Action::Perform { effect });
            machines.push(&due.slot.machine);
            free -= 1;
        }
    }
}

fn create(slot: &Slot, machine_name: &str) -> Effect {
    Effect::new(Cause::Slot(slot.clone()), slot.create(machine_name))
}

/// Whether a person's run waits that would serve this slot too: it may still come to nothing.
pub(super) fn is_asked(state: &State, slot: &Slot) -> bool {
    let current = |slot: &Slot| current_shelf(state, slot);
    let mut asked = state.requests.values().filter_map(|request| request.slot.as_ref());
    asked.any(|asked| {
        asked.machine == slot.machine && asked.due >= slot.due && current(asked) == current(slot)
    })
}

/// The run by hand that took the place of this slot with its intent.
pub(super) fn ran_instead(state: &State, slot: &Slot) -> Option<Timestamp> {
    state.shelves.get(&current_shelf(state, slot))?.ran.filter(|ran| *ran >= slot.due)
}

/// Where it stands, whatever its policy was called when it was due.
fn current_shelf(state: &State, slot: &Slot) -> Shelf {
    let shelf = slot.shelf();
    match &state.adopted {
        Some(adopted) => Shelf { policy: adopted.current(&slot.policy).clone(), ..shelf },
        None => shelf,
    }
}

/// Snapshots that are not ours, by their names.
pub(super) fn strangers(state: &State) -> impl Iterator<Item = (&str, &SnapshotId)> {
    let snapshots = state.fleet.snapshots.iter().filter(|(id, _)| !state.owners.contains_key(id));
    snapshots.map(|(id, known)| (known.item.name.as_str(), id))
}

/// Whether one of them bears this name.
pub(super) fn is_taken_by_a_stranger(state: &State, name: &str) -> bool {
    strangers(state).any(|(other, _)| other == name)
}

/// Creates that may be asked for again under the same name.
pub(super) fn retries(state: &State) -> impl Iterator<Item = &EffectLife> {
    state.unfinished().filter(|life| {
        life.effect.verb.is_create()
            && matches!(life.standing, Standing::NotSent { .. } | Standing::Absent { .. })
    })
}

pub(super) fn is_rested(life: &EffectLife, now: Timestamp) -> bool {
    match life.standing {
        Standing::NotSent { since } => now.since(since) >= RESEND.duration(),
        Standing::Absent { .. } => true,
        Standing::Intended { .. }
        | Standing::Unknown { .. }
        | Standing::Done
        | Standing::Refused(_)
        | Standing::Failed(_) => false,
    }
}

pub(super) fn given_up(state: &State, now: Timestamp, life: &EffectLife) -> Option<String> {
    let Cause::Slot(slot) = &life.effect.cause else { return None };
    let Some(adopted) = &state.adopted else { return None };
    if state.backups.get(life.effect.verb.backup()).is_some_and(|backup| !backup.snapshots.is_empty()) {
        return None;
    }
    let (Some(schedule), Some(policy)) = (state.schedule(&slot.policy), state.policy(&slot.policy)) else {
        return Some("its policy is no longer in force".to_owned());
    };
    if policy.mode.min(adopted.set.mode) == Mode::Observe {
        return Some("the mode is observe now".to_owned());
    }
    if adopted.scheduled_since.get(adopted.current(&slot.policy)).is_none_or(|since| slot.due <= *since) {
        return Some("its policy has another schedule now".to_owned());
    }
    // One listing without it proves nothing; a second one does.
    let looked = state.fleet.machine_look.complete;
    let is_gone = |since: Timestamp| looked.is_some_and(|began| began > since);
    if state.fleet.machines.get(&slot.machine).is_none_or(|known| known.missing_since.is_some_and(is_gone)) {
        return Some("its machine is gone".to_owned());
    }
    let known = state.fleet.machines.get(&slot.machine);
    if known.is_some_and(|known| !Selector::of(policy).selects(&known.item)) {
        return Some("its policy is not for its machine any more".to_owned());
    }
    let newer = ran_instead(state, slot).or_else(|| schedule.latest_at_or_before(now, slot.due));
    if let Some(newer) = newer {
        return Some(format!("superseded by the slot of {newer}"));
    }
    let attempts = adopted.set.rules.create_attempts;
    (life.absences >= attempts).then(|| format!("absent after {attempts} attempts"))
}

/// Snapshots under way, as far as looks and answers show; one whose answer was lost may be.
pub(super) fn running(state: &State) -> u32 {
    let is_unclear = |id: &BackupId| {
        state.unresolved().any(|life| life.effect.verb.is_create() && life.effect.verb.backup() == id)
    };
    let lives = state.watched().filter(|(id, backup)| match backup.life {
        Life::Requested | Life::Pending => true,
        Life::Intended => is_unclear(id),
        _ => false,
    });
    u32::try_from(lives.count()).unwrap_or(u32::MAX)
}

pub(super) fn newest_good(state: &State, slot: &Slot) -> Option<Timestamp> {
    let on_shelf = |found: &Slot| found.policy == slot.policy && found.machine == slot.machine;
    let good = state.backups.values().filter(|backup| backup.life == Life::Good);
    good.filter(|backup| backup.slot.as_ref().is_some_and(on_shelf)).map(|backup| backup.taken_at).max()
}
