//! Whether snapshots restart machines: watched around each, and what follows for policies that
//! forbid it; and busy checks, which are asked outside and read here.

use super::world::{World, creates, daily, machine_id};
use crate::domain::audit::Objection::Changed;
use crate::domain::busy::{Asks, BusyCheck};
use crate::domain::downtime::Downtime;
use crate::domain::due::busy_checks;
use crate::domain::effect::{Cause, Effect, Outcome};
use crate::domain::event::{BusyAnswered, Event};
use crate::domain::fleet::{MachineStatus, SnapshotStatus};
use crate::domain::id::PolicyName;
use crate::domain::policy::PolicySet;
use crate::domain::slot::{Decision, Held, Shelf, Skip, Slot};
use crate::domain::time::Seconds;

fn set_status(world: &mut World, status: MachineStatus) {
    world.cloud.machines.get_mut(&machine_id(1)).unwrap().status = status;
}

fn seen(world: &World) -> Vec<Downtime> {
    let seen = world.rows.iter().filter_map(|row| match &row.event {
        Event::DowntimeSeen(seen) => Some(seen.downtime.clone()),
        _ => None,
    });
    seen.collect()
}

/// One snapshot of ten minutes, looked at each minute; the machine is down in the minutes of `down`.
fn snapshot(world: &mut World, down: std::ops::Range<u64>) {
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let id = world.appear(&create, SnapshotStatus::Pending);
    world.perform(&create, Outcome::Answered { snapshot: Some(id.clone()) });
    for minute in 0..60 {
        let is_down = down.contains(&minute);
        set_status(world, if is_down { MachineStatus::Shutoff } else { MachineStatus::Active });
        if minute == 10 {
            world.cloud.snapshots.get_mut(&id).unwrap().status = SnapshotStatus::Ready;
        }
        world.pass();
        world.wait(Seconds(60));
    }
}

/// The same policy again, which forbids a restart, for the same machine.
fn forbid(world: &mut World) {
    world.adopt(|set| {
        let mut careful = set.policies[&daily()].clone();
        careful.may_restart = false;
        careful.schedule = "0 12 * * *".to_owned();
        set.policies.insert(PolicyName::new("careful"), careful);
    });
}

fn careful_slot(world: &mut World) -> (Vec<Effect>, Option<Held>) {
    let schedule = world.state.schedule(&PolicyName::new("careful")).unwrap().clone();
    world.now = schedule.next_after(world.now).unwrap() + Seconds(30);
    let mut planned = creates(&world.pass());
    planned.retain(|create| matches!(&create.cause, Cause::Slot(slot) if slot.policy != daily()));
    let shelf = Shelf { policy: PolicyName::new("careful"), machine: machine_id(1) };
    let held = world.state.shelves.get(&shelf).and_then(|shelf| shelf.open.as_ref());
    (planned, held.map(|(_, held)| held.clone()))
}

#[test]
fn a_machine_that_stays_active_was_snapshotted_live() {
    let mut world = World::new(1);
    snapshot(&mut world, 0..0);
    assert!(matches!(seen(&world)[..], [Downtime::Live { looks: 9.. }]), "{:?}", seen(&world));
}

#[test]
fn a_machine_that_goes_down_is_measured_to_the_span_between_two_looks() {
    let mut world = World::new(1);
    snapshot(&mut world, 2..8);
    assert_eq!(seen(&world), [Downtime::Down { seconds: 360 }]);
    assert_eq!(world.state.median_downtime(), Some(Seconds(360)));
}

#[test]
fn a_snapshot_that_few_looks_saw_tells_nothing() {
    let mut world = World::new(1);
    world.take_all();
    world.wait(Seconds::minutes(5));
    world.pass();
    assert_eq!((seen(&world), world.state.downtimes.len()), (vec![Downtime::Unwatched], 0));
}

#[test]
fn a_machine_that_is_not_active_again_half_an_hour_after_its_backup_is_a_finding_until_it_is() {
    let mut world = World::new(1);
    snapshot(&mut world, 2..38);
    assert_eq!(seen(&world), [Downtime::Down { seconds: 36 * 60 }]);
    let mut world = World::new(1);
    snapshot(&mut world, 2..60);
    assert_eq!(seen(&world), [Downtime::StillDown { status: "SHUTOFF".to_owned() }]);
    assert!(world.state.machines_down.contains_key(&machine_id(1)));
    set_status(&mut world, MachineStatus::Active);
    world.pass();
    assert!(world.state.machines_down.is_empty() && world.state.watches.is_empty());
}

#[test]
fn a_policy_that_forbids_restarts_waits_until_three_snapshots_were_seen_live() {
    let mut world = World::new(1);
    forbid(&mut world);
    for night in 0..3 {
        let (planned, held) = careful_slot(&mut world);
        assert_eq!((planned.len(), held), (0, Some(Held::MayRestart)), "after {night} live ones");
        snapshot(&mut world, 0..0);
    }
    let (planned, _) = careful_slot(&mut world);
    assert!(planned.len() == 1 && world.audit(&planned[0]).is_ok());
}

#[test]
fn one_restart_that_was_seen_holds_them_again() {
    let mut world = World::new(1);
    forbid(&mut world);
    for down in [0..0, 0..0, 0..0, 3..5] {
        snapshot(&mut world, down);
    }
    let (planned, held) = careful_slot(&mut world);
    assert_eq!((planned.len(), held), (0, Some(Held::MayRestart)));
}

#[test]
fn while_a_snapshot_is_made_machines_are_looked_at_each_minute() {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let id = world.appear(&create, SnapshotStatus::Pending);
    world.perform(&create, Outcome::Answered { snapshot: Some(id) });
    world.look_at_all();
    let due = crate::domain::looks::due(&world.state, world.now + Seconds(60));
    assert!(due.contains(&crate::domain::fleet::Scope::Machines), "{due:?}");
}

#[test]
fn after_many_live_snapshots_machines_are_looked_at_less_often_until_one_is_down() {
    let mut world = World::new(1);
    let is_due = |world: &World, after: u64| {
        let due = crate::domain::looks::due(&world.state, world.now + Seconds(after));
        due.contains(&crate::domain::fleet::Scope::Machines)
    };
    (0..10).for_each(|_| snapshot(&mut world, 0..0));
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let id = world.appear(&create, SnapshotStatus::Pending);
    world.perform(&create, Outcome::Answered { snapshot: Some(id) });
    world.pass();
    assert_eq!((is_due(&world, 120), is_due(&world, 180)), (false, true));
    let may_restart = |may: bool| {
        move |set: &mut PolicySet| set.policies.values_mut().for_each(|policy| policy.may_restart = may)
    };
    world.adopt(may_restart(false));
    assert!(is_due(&world, 60), "such a policy rests on what these looks see");
    world.adopt(may_restart(true));
    set_status(&mut world, MachineStatus::Shutoff);
    world.pass();
    assert!(is_due(&world, 60), "how long it is down is measured to the minute");
    set_status(&mut world, MachineStatus::Active);
    world.wait(Seconds(120));
    world.pass();
    // Nine are no habit yet, and one restart ends it.
    for (before, down) in [(8, 0..0), (10, 3..5)] {
        let mut once = World::new(1);
        (0..before).for_each(|_| snapshot(&mut once, 0..0));
        snapshot(&mut once, down);
        once.wait_for_slot();
        let create = creates(&once.pass()).pop().unwrap();
        let id = once.appear(&create, SnapshotStatus::Pending);
        once.perform(&create, Outcome::Answered { snapshot: Some(id) });
        once.pass();
        assert!(is_due(&once, 60), "after {before} and one more");
    }
}

/// The first slot of a policy that asks whether its machine is busy.
fn checked() -> World {
    let mut world = World::new(1);
    let asks = Asks::Command(vec!["/usr/bin/idle".to_owned()]);
    world.adopt(|set| {
        let timing = &mut set.policies.get_mut(&daily()).unwrap().timing;
        timing.busy_check = Some(BusyCheck { asks, timeout: Seconds(10) });
        timing.catch_up_window = Some(Seconds::hours(2));
    });
    world.wait_for_slot();
    world
}

fn answer(world: &mut World, busy: Option<&str>) -> Vec<Slot> {
    let asked = busy_checks(&world.state, world.now);
    for slot in &asked {
        let busy = busy.map(str::to_owned);
        world.record(Event::BusyAnswered(BusyAnswered { slot: slot.clone(), busy }));
    }
    asked
}

fn held(world: &World) -> Option<Held> {
    let shelf = Shelf { policy: daily(), machine: machine_id(1) };
    world.state.shelves.get(&shelf)?.open.as_ref().map(|(_, held)| held.clone())
}

#[test]
fn nothing_is_taken_before_the_busy_check_has_answered() {
    let mut world = checked();
    assert_eq!((creates(&world.pass()).len(), held(&world)), (0, Some(Held::BusyUnchecked)));
    assert_eq!(answer(&mut world, None).len(), 1);
    let create = creates(&world.pass()).pop().unwrap();
    assert!(world.audit(&create).is_ok());
    world.wait(Seconds::minutes(11));
    assert_eq!(world.audit(&create).err(), Some(Changed("its machine was not found idle a moment ago")));
    assert!(creates(&world.pass()).is_empty());
}

#[test]
fn a_busy_machine_is_asked_again_and_taken_when_it_is_idle() {
    let mut world = checked();
    world.pass();
    answer(&mut world, Some("exit code 1"));
    assert_eq!((creates(&world.pass()).len(), held(&world)), (0, Some(Held::Busy("exit code 1".to_owned()))));
    assert_eq!(answer(&mut world, None).len(), 0, "asked again at once");
    world.wait(Seconds::minutes(6));
    world.pass();
    assert_eq!(answer(&mut world, None).len(), 1);
    assert_eq!(creates(&world.pass()).len(), 1);
}

#[test]
fn a_machine_that_is_busy_all_the_time_is_skipped() {
    let mut world = checked();
    for _ in 0..26 {
        world.pass();
        answer(&mut world, Some("exit code 1"));
        world.wait(Seconds::minutes(5));
    }
    assert!(creates(&world.pass()).is_empty());
    let last = world.rows.iter().rev().find_map(|row| match &row.event {
        Event::SlotDecided(decided) => Some(decided.decision.clone()),
        _ => None,
    });
    assert_eq!(last, Some(Decision::Skipped(Skip::Busy)));
}

#[test]
fn an_answer_is_for_its_slot_alone() {
    let mut world = checked();
    world.pass();
    answer(&mut world, None);
    world.wait_for_slot();
    assert_eq!((creates(&world.pass()).len(), held(&world)), (0, Some(Held::BusyUnchecked)));
}
