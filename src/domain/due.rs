//! Which slots are due, and what stands in the way of taking each.

use wildmatch::WildMatch;

use super::backup::{Backup, Life};
use super::draft::{Plan, settled};
use super::effect::Outcome;
use super::event::{Event, SlotDecided};
use super::fleet::{Machine, MachineStatus};
use super::id::{BackupId, MachineId, PolicyName};
use super::policy::{Mode, Policy, Rules};
use super::schedule::Schedule;
use super::slot::{Decision, Held, Shelf, Skip, Slot};
use super::state::{Known, State};
use super::take::{given_up, retries, running, stranger};
use super::time::{Seconds, Timestamp};

/// A listing this many times older than its cadence no longer supports a create.
const STALE_LOOKS: u32 = 3;
/// Missed slots are counted up to here.
const MOST_MISSED: u32 = 100_000;

/// A slot that is due now.
pub(super) struct Due<'a> {
    pub(super) slot: Slot,
    pub(super) policy: &'a Policy,
    pub(super) schedule: &'a Schedule,
    pub(super) machine: &'a Known<Machine>,
    pub(super) after: Timestamp,
}

/// What is under way, looked up for many slots at once.
pub(super) struct Busy<'a> {
    pub(super) rules: Rules,
    pub(super) pending: Vec<&'a Backup>,
    /// Machines of which a create may be asked for again.
    pub(super) retried: Vec<&'a MachineId>,
    pub(super) running: u32,
}

impl<'a> Busy<'a> {
    pub(super) fn of(state: &'a State) -> Self {
        let backups = state.watched().map(|(_, backup)| backup);
        Self {
            rules: state.rules(),
            pending: backups.filter(|backup| backup.life == Life::Pending).collect(),
            retried: retries(state).map(|life| life.effect.verb.machine()).collect(),
            running: running(state),
        }
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
        let (first, missed) = due.schedule.count_between(due.after, due.slot.due - Seconds(1), MOST_MISSED);
        if let Some(first) = first {
            let by = due.slot.due;
            let last = due.schedule.latest_at_or_before(by - Seconds(1), due.after).unwrap_or(first);
            let slot = Slot { due: last, ..due.slot.clone() };
            let decision = Decision::Superseded { first, count: missed, by };
            plan.events.push(Event::SlotDecided(SlotDecided { slot, decision }));
        } else if let Some(decision) = decide(state, now, &due, &busy) {
            let open = state.shelves.get(&due.slot.shelf()).and_then(|shelf| shelf.open.as_ref());
            let said = match &decision {
                Decision::Held(held) => open.is_some_and(|(at, why)| *at == due.slot.due && why == held),
                Decision::Superseded { .. } | Decision::Skipped(_) | Decision::Expired => false,
            };
            if !said {
                plan.events.push(Event::SlotDecided(SlotDecided { slot: due.slot, decision }));
            }
        }
    }
}

pub(super) fn due_slots(state: &State, now: Timestamp) -> impl Iterator<Item = Due<'_>> {
    state
        .adopted
        .iter()
        .flat_map(move |adopted| {
            adopted.set.policies.iter().filter_map(move |(name, policy)| {
                let schedule = adopted.schedules.get(name)?;
                let since = *adopted.scheduled_since.get(name)?;
                // Most passes fall between two slots, and end here.
                schedule.latest_at_or_before(now, since)?;
                Some((name, policy, schedule, since))
            })
        })
        .flat_map(move |(name, policy, schedule, since)| {
            covered(state, policy).filter_map(move |machine| {
                let shelf = Shelf { policy: name.clone(), machine: machine.item.id.clone() };
                let decided = state.shelves.get(&shelf).map_or(Timestamp::EPOCH, |shelf| shelf.decided_until);
                let after = since.max(decided).max(machine.first_seen);
                let due = schedule.latest_at_or_before(now, after)?;
                let slot = Slot { policy: shelf.policy, machine: shelf.machine, due };
                Some(Due { slot, policy, schedule, machine, after })
            })
        })
}

/// The machines that a policy is for.
pub(super) fn covered<'a>(state: &'a State, policy: &Policy) -> impl Iterator<Item = &'a Known<Machine>> {
    let patterns: Vec<WildMatch> = policy.machines.iter().map(|pattern| WildMatch::new(pattern)).collect();
    state.fleet.machines.values().filter(move |known| {
        known.missing_since.is_none() && patterns.iter().any(|pattern| pattern.matches(&known.item.name))
    })
}

/// `None`: nothing stands in the way of taking it now. What costs most to find out comes last.
pub(super) fn decide(state: &State, now: Timestamp, due: &Due, busy: &Busy) -> Option<Decision> {
    if due.policy.mode == Mode::Observe || state.mode() == Mode::Observe {
        return Some(Decision::Skipped(Skip::Observe));
    }
    if now.since(due.slot.due) > busy.rules.catch_up.duration() {
        return Some(Decision::Expired);
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
    let held = obstacle(state, now, due.policy, due.machine, &busy.rules)
        .or_else(|| busy.retried.contains(&machine).then_some(Held::Unknown))
        .or_else(|| (is_pending_here || busy.running >= busy.rules.concurrent).then_some(Held::Concurrent));
    if held.is_some() {
        return held.map(Decision::Held);
    }
    let name = due.slot.snapshot_name(&due.machine.item.name);
    if state.backups.contains_key(&BackupId::new(&*name)) || was_taken(state, &due.slot) {
        return Some(Decision::Skipped(Skip::AlreadyTaken));
    }
    stranger(state, &name).map(|id| Decision::Held(Held::NameInUse(id.to_string())))
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
    let word = match &machine.item.status {
        MachineStatus::Active => None,
        MachineStatus::Shutoff => Some("SHUTOFF"),
        MachineStatus::Hibernated => Some("HIBERNATED"),
        MachineStatus::Deleted => Some("DELETED"),
        MachineStatus::Error => Some("ERROR"),
        MachineStatus::Changing(word) | MachineStatus::Unknown(word) => Some(word.as_str()),
    };
    match word {
        Some(word) => Some(Held::NotActive(word.to_owned())),
        None if !policy.may_restart => Some(Held::MayRestart),
        None if !state.wall.lets_create(now) => Some(Held::ClockUnsure),
        None => state.unresolved_on(&machine.item.id).next().map(|_| Held::Unknown),
    }
}

/// Only a clock that went back brings a slot again, and its machine may have another name by then.
fn was_taken(state: &State, slot: &Slot) -> bool {
    state.wall.epoch > 0 && state.backups.values().any(|backup| backup.slot.as_ref() == Some(slot))
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
