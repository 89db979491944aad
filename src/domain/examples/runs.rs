//! A backup that a person has taken now, under a policy: a slot of its own, behind the rails of a request.

use super::outcomes::refused;
use super::world::{World, creates, daily, machine_id};
use crate::domain::ask::{Ask, AskRefusal, judge};
use crate::domain::audit::Objection::{Changed, Forbidden};
use crate::domain::audit::audit;
use crate::domain::backup::Life;
use crate::domain::counters::Decided;
use crate::domain::effect::{Cause, Effect, Outcome, Standing, Verb};
use crate::domain::event::{Event, SlotDecided};
use crate::domain::fleet::{MachineStatus, SnapshotStatus};
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::policy::{Mode, Policy};
use crate::domain::slot::{Decision, Held, Shelf, Slot};
use crate::domain::time::{Seconds, Timestamp};

fn run(machine: u32) -> Ask {
    Ask::Run { policy: daily(), machine: machine_id(machine) }
}

/// Asked for, and proposed by a plan that nothing holds.
fn asked(world: &mut World, machine: u32) -> Effect {
    assert_eq!(judge(&world.state, world.now, &run(machine)), Ok(()));
    world.ask(run(machine));
    let effects = creates(&world.pass());
    let own = effects.into_iter().find(|effect| *effect.verb.machine() == machine_id(machine)).unwrap();
    assert!(matches!(own.cause, Cause::Ask(_)));
    own
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Why nothing happens to the slot that waits.
fn held(world: &World) -> Option<Held> {
    let shelf = Shelf { policy: daily(), machine: machine_id(1) };
    world.state.shelves.get(&shelf)?.open.as_ref().map(|(_, held)| held.clone())
}

/// The slots that were served by another, and by which.
fn superseded(world: &World) -> Vec<(Timestamp, Timestamp)> {
    let decided = world.rows.iter().filter_map(|row| match &row.event {
        Event::SlotDecided(SlotDecided { slot, decision: Decision::Superseded { by, .. } }) => {
            Some((slot.due, *by))
        }
        _ => None,
    });
    decided.collect()
}

fn set_status(world: &mut World, status: MachineStatus) {
    world.cloud.machines.values_mut().for_each(|machine| machine.status = status.clone());
}

/// Under a new name, as its policy says.
fn rename(world: &mut World) {
    world.adopt(|set| {
        let mut policy = set.policies.remove(&daily()).unwrap();
        policy.was.insert(daily());
        set.policies.insert(nightly(), policy);
    });
}

fn nightly() -> PolicyName {
    PolicyName::new("nightly")
}

fn finish(world: &mut World, effect: &Effect) -> BackupId {
    let snapshot = world.appear(effect, SnapshotStatus::Ready);
    world.perform(effect, Outcome::Answered { snapshot: Some(snapshot) });
    for _ in 0..2 {
        world.wait(Seconds(60));
        world.pass();
    }
    effect.verb.backup().clone()
}

#[test]
fn a_backup_that_a_person_has_taken_now_is_of_its_policy_and_counts_for_it() {
    let mut world = World::new(1);
    let mut nights = vec![world.take_all(), world.take_all()];
    world.wait(Seconds::hours(3));
    let at = world.now;
    let effect = asked(&mut world, 1);
    let id = finish(&mut world, &effect);
    let slot = Slot { policy: daily(), machine: machine_id(1), due: at };
    assert_eq!((world.backup(&id).life, &world.backup(&id).slot), (Life::Good, &Some(slot)));
    assert!(world.state.requests.is_empty());
    // The last two are kept: it is one of them, so the oldest goes.
    let oldest = nights.remove(0).remove(0);
    assert!(world.backup(&oldest).doom.is_some());
    assert!(world.backup(&nights[0][0]).doom.is_none() && world.backup(&id).doom.is_none());
}

#[test]
fn neither_mode_nor_pause_binds_a_run_by_hand_and_it_is_made_once() {
    for mode in [Mode::Observe, Mode::Protect] {
        let mut world = World::new(1);
        world.adopt(|set| set.mode = mode);
        world.ask(Ask::Pause { until: world.now + Seconds::hours(8) });
        let effect = asked(&mut world, 1);
        assert!(audit(&world.state, world.now, effect.clone()).is_ok(), "{mode:?}");
        finish(&mut world, &effect);
        assert!(creates(&world.pass()).is_empty());
        assert_eq!(world.audit(&effect).err(), Some(Forbidden("it is done already")));
    }
}

#[test]
fn what_no_waiting_mends_is_refused_when_a_run_is_asked_for() {
    let mut world = World::new(2);
    let judged = |world: &World, ask: Ask| judge(&world.state, world.now, &ask).err();
    let nobody = PolicyName::new("nobody");
    let ask = Ask::Run { policy: nobody.clone(), machine: machine_id(1) };
    assert_eq!(judged(&world, ask), Some(AskRefusal::NotInForce(nobody)));
    let machine = MachineId::new("BRK-9D");
    let ask = Ask::Run { policy: daily(), machine: machine.clone() };
    assert_eq!(judged(&world, ask), Some(AskRefusal::NoSuchMachine(machine)));
    world.ask(run(1));
    assert_eq!(judged(&world, run(1)), Some(AskRefusal::RunsAlready(daily(), machine_id(1))));
    assert_eq!(judged(&world, run(2)), None);
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().may_restart = false);
    assert_eq!(judged(&world, run(2)), Some(AskRefusal::MayNotRestart(daily())));
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().machines = vec!["trainer-1".to_owned()]);
    assert_eq!(judged(&world, run(2)), Some(AskRefusal::NotCovered(daily(), machine_id(2))));
}

#[test]
fn a_run_by_hand_waits_for_its_machine_and_both_sides_say_so() {
    let mut world = World::new(1);
    let effect = asked(&mut world, 1);
    assert!(world.audit(&effect).is_ok());
    for machine in world.cloud.machines.values_mut() {
        machine.status = MachineStatus::Shutoff;
    }
    assert!(creates(&world.pass()).is_empty());
    assert_eq!(world.audit(&effect).err(), Some(Changed("the machine is not ACTIVE")));
}

#[test]
fn a_run_by_hand_ends_with_its_policy_and_neither_side_takes_it_for_another_machine() {
    let mut world = World::new(2);
    asked(&mut world, 1);
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().machines = vec!["trainer-2".to_owned()]);
    assert!(creates(&world.pass()).is_empty());
    assert!(world.state.requests.is_empty());
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().machines = vec!["*".to_owned()]);
    let effect = asked(&mut world, 1);
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().machines = vec!["trainer-2".to_owned()]);
    assert_eq!(world.audit(&effect).err(), Some(Forbidden("its policy is not for this machine")));
    world.adopt(|set| set.policies.clear());
    assert_eq!(world.audit(&effect).err(), Some(Forbidden("its policy is not in force")));
    world.pass();
    assert!(world.state.requests.is_empty());
}

#[test]
fn a_run_by_hand_serves_the_slots_that_wait_and_none_is_taken_twice() {
    let mut world = World::new(1);
    for machine in world.cloud.machines.values_mut() {
        machine.status = MachineStatus::Hibernated;
    }
    world.wait_for_slot();
    world.pass();
    for machine in world.cloud.machines.values_mut() {
        machine.status = MachineStatus::Active;
    }
    world.wait(Seconds::hours(1));
    let effect = asked(&mut world, 1);
    assert_eq!((held(&world), superseded(&world)), (Some(Held::Asked), vec![]));
    finish(&mut world, &effect);
    assert_eq!(superseded(&world), [(at("2026-03-02T02:00:00Z"), at("2026-03-02T03:00:30Z"))]);
    world.wait(Seconds::hours(1));
    assert!(creates(&world.pass()).is_empty());
    world.wait_for_slot();
    let next = creates(&world.pass());
    assert!(matches!(next[..], [Effect { cause: Cause::Slot(_), .. }]), "{next:?}");
}

#[test]
fn a_run_by_hand_ends_the_hold_of_its_policy() {
    let mut world = World::new(1);
    for _ in 0..3 {
        world.wait_for_slot();
        let effect = creates(&world.pass()).pop().unwrap();
        world.perform(&effect, refused());
        world.pass();
    }
    world.wait_for_slot();
    world.wait(Seconds::hours(1));
    let held = creates(&world.pass());
    assert!(world.state.halts.policies[&daily()].refusals == 3, "{held:?}");
    world.ask(run(1));
    assert!(world.state.halts.policies.is_empty());
}

#[test]
fn a_run_by_hand_without_an_answer_is_looked_for_and_not_made_twice() {
    let mut world = World::new(1);
    let effect = asked(&mut world, 1);
    world.perform(&effect, Outcome::Unclear { why: "timeout".to_owned() });
    assert!(creates(&world.pass()).is_empty());
    world.appear(&effect, SnapshotStatus::Ready);
    world.wait(Seconds::minutes(61));
    for _ in 0..3 {
        world.pass();
        world.wait(Seconds(60));
    }
    assert_eq!(world.backup(effect.verb.backup()).life, Life::Good);
    assert!(creates(&world.pass()).is_empty());
}

#[test]
fn a_run_under_another_name_than_its_slots_is_not_permitted() {
    let mut world = World::new(1);
    let effect = asked(&mut world, 1);
    let ask = world.state.requests.keys().next().unwrap().clone();
    let mut forged = world.state.clone();
    let Verb::CreateSnapshot { machine, description, .. } = effect.verb.clone() else { unreachable!() };
    let name = "qm-trainer-1-aaaaaaaaaa".to_owned();
    let verb = Verb::CreateSnapshot { backup: BackupId::new(&*name), machine, name, description };
    let other = Effect::new(effect.cause.clone(), verb);
    forged.requests.get_mut(&ask).unwrap().effect = other.clone();
    let objection = audit(&forged, world.now, other).err();
    assert_eq!(objection, Some(Forbidden("the name is not that of the slot")));
}

#[test]
fn a_run_that_comes_to_nothing_costs_no_slot() {
    let mut world = World::new(1);
    // Once a week, on Mondays.
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().schedule = "0 2 * * 1".to_owned());
    set_status(&mut world, MachineStatus::Hibernated);
    world.wait_for_slot();
    world.pass();
    world.wait(Seconds::hours(1));
    world.ask(run(1));
    world.pass();
    assert_eq!((held(&world), superseded(&world)), (Some(Held::Asked), vec![]));
    // It lapses after a day.
    while !world.state.requests.is_empty() {
        world.wait(Seconds::hours(1));
        world.pass();
    }
    assert_eq!(held(&world), Some(Held::NotActive("HIBERNATED".to_owned())));
    set_status(&mut world, MachineStatus::Active);
    let due = at("2026-03-02T02:00:00Z");
    let taken = creates(&world.pass());
    assert!(matches!(&taken[..], [Effect { cause: Cause::Slot(slot), .. }] if slot.due == due), "{taken:?}");
    assert_eq!(superseded(&world), []);
}

/// A no can be mistaken: what was refused can turn up, and a slot that was asked for again would have two.
#[test]
fn a_run_that_the_cloud_refuses_costs_its_slots_what_a_refused_slot_costs_itself() {
    for is_by_hand in [true, false] {
        let mut world = World::new(1);
        set_status(&mut world, MachineStatus::Hibernated);
        world.wait_for_slot();
        world.pass();
        set_status(&mut world, MachineStatus::Active);
        world.wait(Seconds::hours(1));
        world.look_at_all();
        let effect = if is_by_hand { asked(&mut world, 1) } else { creates(&world.pass()).pop().unwrap() };
        world.perform(&effect, refused());
        world.wait(Seconds::hours(1));
        assert!(creates(&world.pass()).is_empty(), "by hand: {is_by_hand}");
        world.appear(&effect, SnapshotStatus::Ready);
        for _ in 0..3 {
            world.wait(Seconds::minutes(1));
            assert!(creates(&world.pass()).is_empty(), "by hand: {is_by_hand}");
        }
        assert_eq!(world.backup(effect.verb.backup()).life, Life::Good, "by hand: {is_by_hand}");
        world.wait_for_slot();
        assert_eq!(creates(&world.pass()).len(), 1, "the next slot has its own");
    }
}

#[test]
fn a_run_that_waits_holds_a_create_that_is_asked_for_again_and_ends_it_with_its_intent() {
    let mut world = World::new(1);
    world.wait_for_slot();
    let night = creates(&world.pass()).pop().unwrap();
    world.perform(&night, Outcome::NotSent { why: "no route".to_owned() });
    world.wait(Seconds::minutes(2));
    assert_eq!(creates(&world.pass()), std::slice::from_ref(&night));
    world.ask(run(1));
    set_status(&mut world, MachineStatus::Shutoff);
    world.pass();
    // The run cannot go: what is to be asked for again is still open, and neither is done.
    assert!(matches!(world.state.effects[&night.id].standing, Standing::NotSent { .. }));
    assert!(creates(&world.pass()).is_empty());
    set_status(&mut world, MachineStatus::Active);
    let effects = creates(&world.pass());
    assert!(matches!(&effects[..], [Effect { cause: Cause::Ask(_), .. }]), "{effects:?}");
    let by_hand = effects[0].clone();
    finish(&mut world, &by_hand);
    assert!(matches!(world.state.effects[&night.id].standing, Standing::Failed(_)));
    assert!(creates(&world.pass()).is_empty());
}

#[test]
fn a_slot_that_jitter_put_off_is_decided_by_the_run_that_came_before_its_start() {
    let mut world = World::new(1);
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().timing.jitter = Seconds::hours(6));
    world.wait_for_slot();
    assert!(creates(&world.pass()).is_empty(), "it starts later");
    let due = at("2026-03-02T02:00:00Z");
    let by = world.now;
    let effect = asked(&mut world, 1);
    finish(&mut world, &effect);
    assert_eq!(superseded(&world), [(due, by)]);
    assert_eq!(world.state.counters.slots[&Decided::Superseded], 1);
    world.wait(Seconds::hours(6));
    assert!(creates(&world.pass()).is_empty());
    assert_eq!(superseded(&world).len(), 1);
}

#[test]
fn a_run_that_was_asked_for_under_an_old_name_stands_on_the_shelf_of_the_new_one() {
    let mut world = World::new(1);
    set_status(&mut world, MachineStatus::Hibernated);
    world.wait_for_slot();
    world.pass();
    world.ask(run(1));
    rename(&mut world);
    world.pass();
    let shelf = Shelf { policy: nightly(), machine: machine_id(1) };
    let open = world.state.shelves[&shelf].open.as_ref().map(|(_, held)| held.clone());
    assert_eq!(open, Some(Held::Asked));
    set_status(&mut world, MachineStatus::Active);
    let effects = creates(&world.pass());
    assert!(matches!(&effects[..], [Effect { cause: Cause::Ask(_), .. }]), "{effects:?}");
    let id = finish(&mut world, &effects[0]);
    assert_eq!((world.backup(&id).life, world.backup(&id).shelf()), (Life::Good, Some(shelf.clone())));
    assert_eq!(world.state.shelves.keys().collect::<Vec<_>>(), [&shelf]);
    assert_eq!(superseded(&world).len(), 1);
    assert!(creates(&world.pass()).is_empty());
}

#[test]
fn a_run_of_one_policy_is_none_of_another_that_reads_the_same_and_is_one_of_its_new_name() {
    let mut world = World::new(1);
    world.adopt(|set| {
        let same = set.policies[&daily()].clone();
        set.policies.insert(PolicyName::new("second"), same);
    });
    world.ask(run(1));
    let of = |policy: PolicyName| Ask::Run { policy, machine: machine_id(1) };
    assert_eq!(judge(&world.state, world.now, &of(PolicyName::new("second"))), Ok(()));
    rename(&mut world);
    for name in [daily(), nightly()] {
        let refusal = AskRefusal::RunsAlready(name.clone(), machine_id(1));
        assert_eq!(judge(&world.state, world.now, &of(name)), Err(refusal));
    }
}

#[test]
fn a_run_that_its_policy_may_not_make_any_more_is_in_nobodys_way() {
    let unfit: [fn(&mut Policy); 2] =
        [|policy| policy.machines = vec!["nobody".to_owned()], |policy| policy.may_restart = false];
    for change in unfit {
        let mut world = World::new(1);
        let effect = asked(&mut world, 1);
        world.perform(&effect, Outcome::NotSent { why: "no route".to_owned() });
        world.adopt(|set| {
            let same = set.policies[&daily()].clone();
            set.policies.insert(PolicyName::new("second"), same);
            change(set.policies.get_mut(&daily()).unwrap());
        });
        world.wait_for_slot();
        let taken = creates(&world.pass());
        assert!(world.state.requests.is_empty());
        let second = |slot: &Slot| slot.policy.as_str() == "second";
        assert!(matches!(&taken[..], [Effect { cause: Cause::Slot(slot), .. }] if second(slot)), "{taken:?}");
    }
}
