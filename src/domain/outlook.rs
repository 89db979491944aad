//! The outlook: what would be done now and what comes next, for whoever asks before it is done.
//!
//! Conclusions are drawn on a copy of the state and are forgotten with it: nothing is recorded here.

use std::collections::{BTreeMap, BTreeSet};

use super::backup::Life;
use super::draft::{Action, Hold, Plan};
use super::due::{self, Busy};
use super::event::{Event, Recorded};
use super::fleet::Machine;
use super::hand;
use super::id::{BackupId, EffectId, MachineId, PolicyName};
use super::plan::plan;
use super::policy::{Mode, Policy};
use super::prune;
use super::selection::Selector;
use super::slot::{Decision, Held, Shelf, Skip, Slot};
use super::state::{Known, Request, State};
use super::time::Timestamp;

/// As many rounds of conclusions as a pass allows itself.
const MOST_ROUNDS: usize = 16;

/// What a pass at this moment would come to, if its looks found nothing new.
#[derive(Debug, Default)]
pub struct Outlook {
    /// What it would write down first.
    pub events: Vec<Event>,
    /// What it would do then, and hold.
    pub plan: Plan,
}

/// The next slot of one policy on one machine.
pub struct Coming<'a> {
    pub slot: Slot,
    pub machine: &'a Known<Machine>,
    /// When it may start; later than its time by its jitter.
    pub start: Timestamp,
    /// Its time has come, and it is not finally decided.
    pub is_due: bool,
    /// What stands in its way now; of one to come, what would if nothing changed until then.
    pub obstacle: Option<Decision>,
}

pub fn outlook(state: &State, now: Timestamp) -> Outlook {
    let mut outlook = Outlook { events: Vec::new(), plan: plan(state, now) };
    if outlook.plan.events.is_empty() {
        return outlook;
    }
    let mut copy = state.clone();
    for _ in 0..MOST_ROUNDS {
        let events = std::mem::take(&mut outlook.plan.events);
        if events.is_empty() {
            break;
        }
        for event in events {
            let seq = copy.counters.events + 1;
            copy.apply(&Recorded { seq, at: now, event: event.clone() });
            outlook.events.push(event);
        }
        outlook.plan = plan(&copy, now);
    }
    outlook
}

/// Whether what is known now leads to this effect.
pub fn proposes(state: &State, now: Timestamp, id: &EffectId) -> bool {
    let actions = outlook(state, now).plan.actions;
    actions.iter().any(|action| matches!(action, Action::Perform { effect } if effect.id == *id))
}

/// All that holds each of the doomed now, and not only what a plan names first.
pub fn every_hold(state: &State, now: Timestamp) -> BTreeMap<BackupId, Vec<Hold>> {
    prune::every_hold(state, now)
}

/// What keeps a backup that a person asked for from being asked of the cloud.
pub fn asked_create_held(state: &State, now: Timestamp, request: &Request) -> Option<Held> {
    hand::create_held(state, now, request)
}

/// For every policy in force and every machine that it is for: what is due, else what comes next.
pub fn coming(state: &State, now: Timestamp) -> Vec<Coming<'_>> {
    let Some(adopted) = &state.adopted else { return Vec::new() };
    let busy = Busy::of(state);
    let mut found: Vec<Coming> = due::due_slots(state, now)
        .map(|due| Coming {
            machine: due.machine,
            start: due.start,
            is_due: due.start <= now,
            obstacle: match due.start <= now {
                true => due::decide(state, now, &due, &busy),
                false => obstacle(state, due.start, &due.slot, due.policy, due.machine),
            },
            slot: due.slot,
        })
        .collect();
    let due: BTreeSet<Shelf> = found.iter().map(|one| one.slot.shelf()).collect();
    for (name, policy) in &adopted.set.policies {
        let Some(schedule) = adopted.schedules.get(name) else { continue };
        let Some(next) = schedule.next_after(now) else { continue };
        for machine in due::covered(state, policy) {
            let slot = Slot { policy: name.clone(), machine: machine.item.id.clone(), due: next };
            if due.contains(&slot.shelf()) {
                continue;
            }
            let start = policy.timing.start_of(&slot, schedule, false);
            let obstacle = obstacle(state, start, &slot, policy, machine);
            found.push(Coming { slot, machine, start, is_due: false, obstacle });
        }
    }
    found.sort_by(|one, other| (one.start, &one.slot).cmp(&(other.start, &other.slot)));
    found
}

/// Of what can be said today about a slot to come, what holds or skips it.
fn obstacle(
    state: &State,
    start: Timestamp,
    slot: &Slot,
    policy: &Policy,
    machine: &Known<Machine>,
) -> Option<Decision> {
    if policy.mode.min(state.mode()) == Mode::Observe {
        return Some(Decision::Skipped(Skip::Observe));
    }
    let held = if state.paused(start).is_some() {
        Some(Held::Paused)
    } else if let Some(held) =
        Held::not_active(&machine.item.status).filter(|_| !state.is_being_snapshotted(&machine.item.id))
    {
        Some(held)
    } else if !policy.may_restart && !state.snapshots_live() {
        Some(Held::MayRestart)
    } else {
        state.halts.stops(start, slot, &machine.item)
    };
    held.map(Decision::Held)
}

impl State {
    /// Its own snapshot is under way, which may shut it off meanwhile; it comes back by itself.
    pub fn is_being_snapshotted(&self, machine: &MachineId) -> bool {
        let is_under_way = |life| matches!(life, Life::Intended | Life::Requested | Life::Pending);
        self.watched().any(|(_, backup)| backup.machine == *machine && is_under_way(backup.life))
    }

    /// The policies in force that are for this machine.
    pub fn policies_of<'a>(
        &'a self,
        machine: &'a Machine,
    ) -> impl Iterator<Item = (&'a PolicyName, &'a Policy)> {
        let policies = self.adopted.iter().flat_map(|adopted| &adopted.set.policies);
        policies.filter(move |(_, policy)| Selector::of(policy).selects(machine))
    }

    /// The machines that a policy is for, as far as looks have shown them.
    pub fn machines_of<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = &'a Known<Machine>> {
        due::covered(self, policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::effect::Outcome;
    use crate::domain::examples::world::{World, creates};
    use crate::domain::fleet::{MachineStatus, SnapshotStatus};
    use crate::domain::slot::Held;
    use crate::domain::time::Seconds;

    #[test]
    fn the_outlook_names_the_next_slot_of_each_machine_and_what_stands_in_its_way() {
        let mut world = World::new(2);
        let machine = world.cloud.machines.keys().next().unwrap().clone();
        world.cloud.machines.get_mut(&machine).unwrap().status = MachineStatus::Shutoff;
        world.look_at_all();
        let coming = coming(&world.state, world.now);
        let told: Vec<_> = coming.iter().map(|one| (one.start.to_string(), one.obstacle.clone())).collect();
        let held = Decision::Held(Held::NotActive("SHUTOFF".to_owned()));
        assert_eq!(told[0], ("2026-03-02T02:00:00Z".to_owned(), Some(held)));
        assert_eq!(told[1], ("2026-03-02T02:00:00Z".to_owned(), None));
    }

    #[test]
    fn a_machine_that_its_own_snapshot_shuts_off_stands_in_the_way_of_no_slot_to_come() {
        let mut world = World::new(1);
        world.wait_for_slot();
        let create = creates(&world.pass()).pop().unwrap();
        let snapshot = world.appear(&create, SnapshotStatus::Pending);
        world.perform(&create, Outcome::Answered { snapshot: Some(snapshot) });
        world.cloud.machines.values_mut().for_each(|machine| machine.status = MachineStatus::Shutoff);
        world.look_at_all();
        let coming = coming(&world.state, world.now);
        assert!(
            !coming.is_empty() && coming.iter().all(|one| one.obstacle.is_none()),
            "{:?}",
            coming[0].obstacle
        );
    }

    #[test]
    fn a_slot_that_is_due_is_named_once_and_its_create_is_planned() {
        let mut world = World::new(1);
        world.wait_for_slot();
        world.look_at_all();
        let coming = coming(&world.state, world.now);
        assert_eq!((coming.len(), coming[0].is_due, &coming[0].obstacle), (1, true, &None));
        assert_eq!(outlook(&world.state, world.now).plan.actions.len(), 1);
    }

    #[test]
    fn conclusions_are_drawn_on_a_copy_and_what_follows_from_them_is_planned() {
        let mut world = World::new(1);
        world.take_all();
        let before = world.state.clone();
        world.wait_for_slot();
        world.wait(Seconds::days(30));
        let outlook = outlook(&world.state, world.now);
        assert!(!outlook.events.is_empty());
        assert!(outlook.plan.events.is_empty());
        assert_eq!(world.state.shelves, before.shelves);
    }
}
