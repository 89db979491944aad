//! Which slots are due, and what stands in the way of taking each.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::backup::{Backup, Life};
use super::draft::{Plan, settled};
use super::effect::{Cause, Outcome};
use super::event::{Event, SlotDecided};
use super::fleet::Machine;
use super::id::{BackupId, MachineId, PolicyName, SnapshotId};
use super::policy::{Mode, Policy, Rules};
use super::schedule::Schedule;
use super::selection::Selector;
use super::slot::{Decision, Held, Shelf, Skip, Slot};
use super::state::{Known, ShelfState, State};
use super::take::{given_up, is_asked, ran_instead, retries, running, strangers};
use super::time::{Seconds, Timestamp};
use super::timing::CatchUp;
use crate::planted::{Bug, is_planted};

/// A listing this many times older than its cadence no longer supports a create.
const STALE_LOOKS: u32 = 3;
/// How long an answer of a busy check is good for.
const ANSWER_HOLDS: Seconds = Seconds::minutes(5);
/// Missed slots are counted up to here.
const MOST_MISSED: u32 = 100_000;

/// A slot that is due now.
pub(super) struct Due<'a> {
    pub(super) slot: Slot,
    pub(super) policy: &'a Policy,
    pub(super) schedule: &'a Schedule,
    pub(super) machine: &'a Known<Machine>,
    pub(super) after: Timestamp,
    /// When it may start; later than the slot by its jitter.
    pub(super) start: Timestamp,
}

impl Due<'_> {
    fn latest_start(&self, rules: &Rules) -> Timestamp {
        self.policy.timing.latest_start(self.slot.due, self.start, rules)
    }
}

/// What is under way, looked up for many slots at once.
pub(super) struct Busy<'a> {
    pub(super) rules: Rules,
    pub(super) pending: Vec<&'a Backup>,
    /// Machines of which a create may be asked for again.
    pub(super) retried: Vec<&'a MachineId>,
    pub(super) running: u32,
    strangers: OnceCell<BTreeMap<&'a str, &'a SnapshotId>>,
}

impl<'a> Busy<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        let backups = state.watched().map(|(_, backup)| backup);
        Self {
            rules: state.rules(),
            pending: backups.filter(|backup| backup.life == Life::Pending).collect(),
            retried: retries(state).map(|life| life.effect.verb.machine()).collect(),
            running: running(state),
            strangers: OnceCell::new(),
        }
    }

    /// A snapshot that bears this name and is not ours. The names are gathered once, when somebody asks.
    fn stranger(&self, state: &'a State, name: &str) -> Option<&'a SnapshotId> {
        // Of several the first, so the last comes first.
        let named = || strangers(state).collect::<Vec<_>>().into_iter().rev().collect();
        self.strangers.get_or_init(named).get(name).copied()
    }
}

/// Decides what is due and cannot be taken, and gives up what a newer slot replaces.
pub(super) fn plan_slots(state: &State, now: Timestamp, plan: &mut Plan) {
    for life in retries(state) {
        if let Some(why) = given_up(state, now, life) {
            plan.events.push(settled(life, Outcome::GaveUp { why }));
        }
    }
    let busy = Busy::of(state);
    for due in due_slots(state, now) {
        if let Some(decided) = decide_missed(state, now, &due, &busy) {
            plan.events.push(Event::SlotDecided(decided));
        } else if due.start > now && ran_instead(state, &due.slot).is_none() {
            // Put off by its jitter: it is not due yet.
        } else if let Some(decision) = decide(state, now, &due, &busy) {
            let open = state.shelves.get(&due.slot.shelf()).and_then(|shelf| shelf.open.as_ref());
            let said = match &decision {
                Decision::Held(held) => open.is_some_and(|(at, why)| *at == due.slot.due && why == held),
                Decision::Superseded { .. }
                | Decision::Missed { .. }
                | Decision::Skipped(_)
                | Decision::Expired => false,
            };
            if !said {
                plan.events.push(Event::SlotDecided(SlotDecided { slot: due.slot, decision }));
            }
        }
    }
}

/// The slots before this one that nobody decided, as one event.
fn decide_missed<'a>(state: &'a State, now: Timestamp, due: &Due, busy: &Busy<'a>) -> Option<SlotDecided> {
    let by = due.slot.due;
    let (first, count) = due.schedule.count_between(due.after, by - Seconds(1), MOST_MISSED);
    let first = first?;
    let slot = |due_at: Timestamp| Slot { due: due_at, ..due.slot.clone() };
    if due.start <= now && decide(state, now, due, busy) == Some(Decision::Expired) {
        return Some(SlotDecided { slot: slot(by), decision: Decision::Missed { first, count: count + 1 } });
    }
    let last = due.schedule.latest_at_or_before(by - Seconds(1), due.after).unwrap_or(first);
    let decision = match due.policy.timing.catch_up {
        CatchUp::Latest => Decision::Superseded { first, count, by },
        CatchUp::None => Decision::Missed { first, count },
    };
    Some(SlotDecided { slot: slot(last), decision })
}

pub(super) fn due_slots(state: &State, now: Timestamp) -> impl Iterator<Item = Due<'_>> {
    state
        .adopted
        .iter()
        .flat_map(move |adopted| {
            adopted.set.policies.iter().filter_map(move |(name, policy)| {
                let schedule = adopted.schedules.get(name)?;
                let since = *adopted.scheduled_since.get(name)?;
                // Of any machine's slots this is the latest.
                let latest = schedule.latest_at_or_before(now, since)?;
                Some((name, policy, schedule, since, latest))
            })
        })
        .flat_map(move |(name, policy, schedule, since, due)| {
            let selector = Selector::of(policy);
            there(state).filter_map(move |machine| {
                let shelf = Shelf { policy: name.clone(), machine: machine.item.id.clone() };
                let on_shelf = state.shelves.get(&shelf);
                let decided = on_shelf.map_or(Timestamp::EPOCH, |shelf| shelf.decided_until);
                let after = since.max(decided).max(machine.first_seen);
                // Most passes fall between two slots, and end here.
                if due <= after || !selector.selects(&machine.item) {
                    return None;
                }
                let slot = Slot { policy: shelf.policy, machine: shelf.machine, due };
                let start = start_of(&slot, policy, schedule, on_shelf, after);
                Some(Due { slot, policy, schedule, machine, after, start })
            })
        })
}

/// When a slot may start. What serves missed ones too is late already and is not put off.
fn start_of(
    slot: &Slot,
    policy: &Policy,
    schedule: &Schedule,
    shelf: Option<&ShelfState>,
    after: Timestamp,
) -> Timestamp {
    if policy.timing.jitter == Seconds(0) {
        return slot.due;
    }
    let serves_missed = shelf.is_some_and(|shelf| shelf.catches_up == Some(slot.due))
        || schedule.next_after(after).is_some_and(|first| first < slot.due);
    policy.timing.start_of(slot, schedule, serves_missed && policy.timing.catch_up == CatchUp::Latest)
}

/// The machines that a policy is for.
pub(super) fn covered<'a>(
    state: &'a State,
    policy: &'a Policy,
) -> impl Iterator<Item = &'a Known<Machine>> + use<'a> {
    let selector = Selector::of(policy);
    there(state).filter(move |known| selector.selects(&known.item))
}

fn there(state: &State) -> impl Iterator<Item = &Known<Machine>> {
    state.fleet.machines.values().filter(|known| known.missing_since.is_none())
}

/// `None`: nothing stands in the way of taking it now. What costs most to find out comes last.
pub(super) fn decide<'a>(state: &'a State, now: Timestamp, due: &Due, busy: &Busy<'a>) -> Option<Decision> {
    if let Some(by) = ran_instead(state, &due.slot) {
        return Some(Decision::Superseded { first: due.slot.due, count: 1, by });
    }
    if due.policy.mode == Mode::Observe || state.mode() == Mode::Observe {
        return Some(Decision::Skipped(Skip::Observe));
    }
    let open = state.shelves.get(&due.slot.shelf()).and_then(|shelf| shelf.open.as_ref());
    let was_busy = open.is_some_and(|(at, held)| *at == due.slot.due && matches!(held, Held::Busy(_)));
    let too_late = |otherwise| if was_busy { Decision::Skipped(Skip::Busy) } else { otherwise };
    if now > due.latest_start(&busy.rules) {
        return Some(too_late(Decision::Expired));
    }
    if is_asked(state, &due.slot) {
        return Some(Decision::Held(Held::Asked));
    }
    if state.paused(now).is_some() {
        return Some(Decision::Held(Held::Paused));
    }
    let machine = &due.slot.machine;
    let mut pending = busy.pending.iter().filter(|backup| backup.machine == *machine).peekable();
    let is_pending_here = pending.peek().is_some();
    if pending.any(|backup| backup.slot.as_ref().is_some_and(|of| of.policy == due.slot.policy)) {
        return Some(Decision::Skipped(Skip::Overlap));
    }
    if let Some(opens) = closed_until(now, due.policy, due.schedule) {
        let end = due.schedule.next_after(due.slot.due).unwrap_or(opens).min(due.latest_start(&busy.rules));
        let waits = opens < end;
        let passed = || too_late(Decision::Skipped(Skip::WindowPassed));
        return Some(if waits { Decision::Held(Held::OutsideWindow(opens)) } else { passed() });
    }
    let held = obstacle(state, now, due.policy, due.machine, &busy.rules)
        .or_else(|| state.halts.stops(now, &due.slot, &due.machine.item))
        .or_else(|| busy.retried.contains(&machine).then_some(Held::Unknown))
        .or_else(|| (is_pending_here || busy.running >= busy.rules.concurrent).then_some(Held::Concurrent));
    if held.is_some() {
        return held.map(Decision::Held);
    }
    let name = due.slot.snapshot_name(&due.machine.item.name);
    if state.backups.contains_key(&BackupId::new(&*name)) || was_taken(state, &due.slot) {
        return Some(Decision::Skipped(Skip::AlreadyTaken));
    }
    busy.stranger(state, &name)
        .map(|id| Held::NameInUse(id.to_string()))
        .or_else(|| not_idle(state, now, due.policy, &due.slot))
        .map(Decision::Held)
}

/// When the allowed hours begin again, while they are over.
pub(super) fn closed_until(now: Timestamp, policy: &Policy, schedule: &Schedule) -> Option<Timestamp> {
    let window = policy.timing.window?;
    if window.contains(schedule.zone(), now) || is_planted(Bug::CatchUpIgnoresWindow) {
        return None;
    }
    Some(window.change_after(schedule.zone(), now, true).unwrap_or(now + Seconds::days(1)))
}

/// What the busy check said of this slot, or that it must be asked.
pub(super) fn not_idle(state: &State, now: Timestamp, policy: &Policy, slot: &Slot) -> Option<Held> {
    policy.timing.busy_check.as_ref()?;
    let answer = state.shelves.get(&slot.shelf()).and_then(|shelf| shelf.busy.as_ref());
    let answer = answer.filter(|answer| answer.due == slot.due);
    match answer.map(|answer| (&answer.why, now.since(answer.at) < ANSWER_HOLDS.duration())) {
        Some((Some(why), _)) => Some(Held::Busy(why.clone())),
        Some((None, true)) => None,
        Some((None, false)) | None => Some(Held::BusyUnchecked),
    }
}

/// The slots whose busy check is to be asked now: nothing else stands in their way.
pub fn busy_checks(state: &State, now: Timestamp) -> Vec<Slot> {
    let has_check = |policy: &Policy| policy.timing.busy_check.is_some();
    if !state.adopted.iter().any(|adopted| adopted.set.policies.values().any(has_check)) {
        return Vec::new();
    }
    let is_answered = |slot: &Slot| {
        let answer = state.shelves.get(&slot.shelf()).and_then(|shelf| shelf.busy.as_ref());
        answer.is_some_and(|answer| answer.due == slot.due && now.since(answer.at) < ANSWER_HOLDS.duration())
    };
    let busy = Busy::of(state);
    let waits = due_slots(state, now).filter(|due| due.start <= now && has_check(due.policy)).filter(|due| {
        matches!(decide(state, now, due, &busy), Some(Decision::Held(Held::Busy(_) | Held::BusyUnchecked)))
    });
    let again = retries(state).filter_map(|life| match &life.effect.cause {
        Cause::Slot(slot) if state.policy(&slot.policy).is_some_and(has_check) => Some(slot.clone()),
        Cause::Slot(_) | Cause::Doom { .. } | Cause::Ask(_) => None,
    });
    waits.map(|due| due.slot).chain(again).filter(|slot| !is_answered(slot)).collect()
}

/// What keeps a machine from being snapshotted at this moment.
pub(super) fn obstacle(
    state: &State,
    now: Timestamp,
    policy: &Policy,
    machine: &Known<Machine>,
    rules: &Rules,
) -> Option<Held> {
    let seen = |complete: Option<Timestamp>, every: Seconds| {
        complete.is_some_and(|began| now.since(began) <= every.duration() * STALE_LOOKS)
    };
    let fleet = &state.fleet;
    let fresh = seen(fleet.machine_look.complete, rules.machines_every.max(rules.fresh))
        && seen(fleet.snapshot_look.complete, rules.snapshots_every.max(rules.fresh));
    if !fresh {
        return Some(Held::Unseen);
    }
    if let Some(held) = Held::not_active(&machine.item.status) {
        Some(held)
    } else if !policy.may_restart && !state.snapshots_live() {
        Some(Held::MayRestart)
    } else if !state.wall.lets_create(now) {
        Some(Held::ClockUnsure)
    } else {
        state.unresolved_on(&machine.item.id).next().map(|_| Held::Unknown)
    }
}

/// Only a clock that went back brings a slot again, and its machine may have another name by then.
fn was_taken(state: &State, slot: &Slot) -> bool {
    state.wall.epoch > 0 && state.backups.values().any(|backup| backup.slot.as_ref() == Some(slot))
}

/// When the first slot that is put off or outside its hours may start.
pub(super) fn next_start(state: &State, now: Timestamp) -> Option<Timestamp> {
    let adopted = state.adopted.as_ref()?;
    let waits = |policy: &Policy| policy.timing.jitter > Seconds(0) || policy.timing.window.is_some();
    if !adopted.set.policies.values().any(waits) {
        return None;
    }
    let starts = due_slots(state, now).filter_map(|due| {
        if due.start > now { Some(due.start) } else { closed_until(now, due.policy, due.schedule) }
    });
    starts.min()
}

/// The next slot of any policy after `now`.
pub(super) fn next_slot(state: &State, now: Timestamp) -> Option<Timestamp> {
    let schedules = state.adopted.iter().flat_map(|adopted| adopted.schedules.values());
    schedules.filter_map(|schedule| schedule.next_after(now)).min()
}

/// How many slots of all policies, and of one machine, fell due in the 24 hours before `now`.
pub(super) fn slots_due(state: &State, now: Timestamp, only: Option<&MachineId>) -> u64 {
    let Some(adopted) = &state.adopted else { return 0 };
    let due = |name: &PolicyName, policy: &Policy| {
        let schedule = adopted.schedules.get(name)?;
        let (_, count) = schedule.count_between(now - Seconds::hours(24), now, MOST_MISSED);
        let machines = covered(state, policy).filter(|known| only.is_none_or(|only| known.item.id == *only));
        Some(u64::from(count) * machines.count() as u64)
    };
    adopted.set.policies.iter().filter_map(|(name, policy)| due(name, policy)).sum()
}
