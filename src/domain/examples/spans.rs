//! Spans around a create, to their last second.

use super::outcomes::{asked, unclear};
use super::refusals::refusal;
use super::waits::but_a_second;
use super::world::{World, creates, daily, machine_id};
use crate::domain::ask::Ask;
use crate::domain::audit::Objection::Changed;
use crate::domain::backup::Life;
use crate::domain::busy::{Asks, BusyCheck};
use crate::domain::downtime::Downtime;
use crate::domain::due::busy_checks;
use crate::domain::effect::{Effect, Outcome, Reason, Standing};
use crate::domain::event::{BusyAnswered, Event};
use crate::domain::fleet::{MachineStatus, Scope, SnapshotStatus};
use crate::domain::id::SnapshotId;
use crate::domain::slot::{Decision, Held, Shelf};
use crate::domain::time::Seconds;

/// A create whose snapshot is in the making since this second.
fn pending() -> (World, Effect, SnapshotId) {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Pending);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot.clone()) });
    world.pass();
    (world, create, snapshot)
}

#[test]
fn a_snapshot_may_be_pending_for_six_hours_to_the_second() {
    let (mut world, create, _) = pending();
    world.wait(but_a_second(Seconds::hours(6)));
    world.pass();
    assert_eq!(world.backup(create.verb.backup()).life, Life::Pending);
    world.wait(Seconds(1));
    world.pass();
    assert_eq!(world.backup(create.verb.backup()).life, Life::TimedOut);
}

#[test]
fn a_machine_has_half_an_hour_to_come_back_to_the_second() {
    let (mut world, _, snapshot) = pending();
    world.cloud.machines.get_mut(&machine_id(1)).unwrap().status = MachineStatus::Shutoff;
    world.in_cloud_by_id(&snapshot).status = SnapshotStatus::Ready;
    // The first look sees the machine before it sees that the snapshot is ready.
    world.pass();
    world.pass();
    let is_told = |world: &World| {
        let told = |event: &Event| matches!(event, Event::DowntimeSeen(seen) if matches!(seen.downtime, Downtime::StillDown { .. }));
        world.rows.iter().any(|row| told(&row.event))
    };
    world.wait(but_a_second(Seconds::minutes(30)));
    world.pass();
    assert!(!is_told(&world));
    world.wait(Seconds(1));
    world.pass();
    assert!(is_told(&world));
}

#[test]
fn a_list_older_than_three_times_its_pace_supports_no_create() {
    let pace = [(Scope::Machines, Scope::Snapshots, 15), (Scope::Snapshots, Scope::Machines, 45)];
    for ((old, fresh, minutes), by_hand) in pace.iter().flat_map(|one| [(one, false), (one, true)]) {
        let mut world = World::new(1);
        match by_hand {
            true => world.ask(Ask::Create { machine: machine_id(1), expire: None }),
            false => world.wait_for_slot(),
        }
        world.look_at_all();
        world.wait(Seconds::minutes(*minutes));
        world.look(fresh);
        assert_eq!(creates(&world.conclude()).len(), 1, "{old:?}");
        world.wait(Seconds(1));
        world.look(fresh);
        assert_eq!(creates(&world.conclude()).len(), 0, "{old:?}");
        let shelf = Shelf { policy: daily(), machine: machine_id(1) };
        let held = world.state.shelves.get(&shelf).and_then(|shelf| shelf.open.clone());
        assert_eq!(held.map(|(_, held)| held), (!by_hand).then_some(Held::Unseen));
        world.look(old);
        assert_eq!(creates(&world.conclude()).len(), 1, "{old:?}");
    }
}

#[test]
fn a_slot_is_caught_up_for_seven_days_to_the_second() {
    for (late, expected) in [(Seconds::days(7), 1), (Seconds(7 * 86_400 + 1), 0)] {
        let mut world = World::new(1);
        world.adopt(|set| set.policies.get_mut(&daily()).unwrap().schedule = "0 2 1 * *".to_owned());
        world.wait_for_slot();
        world.now = world.now - Seconds(30) + late;
        assert_eq!(creates(&world.pass()).len(), expected, "{late}");
        let is_expired = |event: &Event| matches!(event, Event::SlotDecided(decided) if decided.decision == Decision::Expired);
        assert_eq!(world.rows.iter().any(|row| is_expired(&row.event)), expected == 0);
    }
}

#[test]
fn a_create_that_no_listing_can_deny_is_looked_for_for_a_day_to_the_second() {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.perform(&create, unclear());
    world.cloud.excess = 1;
    world.wait(but_a_second(Seconds::hours(24)));
    world.pass();
    assert!(matches!(world.state.effects[&create.id].standing, Standing::Unknown { .. }));
    world.wait(Seconds(1));
    world.pass();
    assert!(matches!(world.state.effects[&create.id].standing, Standing::Failed(_)));
}

#[test]
fn what_was_not_sent_rests_for_a_minute_to_the_second() {
    let (mut world, _) = asked(Outcome::NotSent { why: "no route".to_owned() });
    world.wait(but_a_second(Seconds::minutes(1)));
    assert_eq!(creates(&world.pass()), []);
    world.wait(Seconds(1));
    assert_eq!(creates(&world.pass()).len(), 1);
}

#[test]
fn what_the_account_may_not_rests_for_a_day_to_the_second() {
    let mut world = World::new(2);
    world.wait_for_slot();
    world.adopt(|set| set.rules.concurrent = 2);
    let both = creates(&world.pass());
    world.perform(&both[0], refusal(Reason::Account));
    world.wait(but_a_second(Seconds::hours(24)));
    let objection = Changed("the cloud refuses creates of this account");
    assert_eq!(creates(&world.pass()), []);
    assert_eq!(world.audit(&both[1]).err(), Some(objection));
    world.wait(Seconds(1));
    assert_eq!(world.audit(&both[1]).err(), None);
    assert!(!creates(&world.pass()).is_empty());
}

#[test]
fn the_third_refusal_in_a_row_holds_a_policy_for_the_audit_too() {
    let mut world = World::new(4);
    world.adopt(|set| set.rules.concurrent = 4);
    world.wait_for_slot();
    let all = creates(&world.pass());
    for create in &all[..3] {
        assert_eq!(world.audit(&all[3]).err(), None);
        world.perform(create, refusal(Reason::Other));
    }
    let objection = Changed("the cloud refused three of this policy");
    assert_eq!(world.audit(&all[3]).err(), Some(objection));
    assert_eq!(creates(&world.pass()), []);
}

#[test]
fn the_audit_takes_nothing_before_this_process_has_seen_machines_and_snapshots() {
    for scope in [Scope::Machines, Scope::Snapshots] {
        let mut world = World::new(1);
        world.wait_for_slot();
        let create = creates(&world.pass()).pop().unwrap();
        world.restart();
        world.look(&scope);
        let objection = Changed("this process has not seen all machines and snapshots yet");
        assert_eq!(world.audit(&create).err(), Some(objection), "{scope:?}");
        world.look_at_all();
        assert_eq!(world.audit(&create).err(), None);
    }
}

#[test]
fn the_word_that_a_machine_is_idle_is_good_for_five_minutes_and_for_ten_once_planned() {
    let mut world = World::new(1);
    let asks = Asks::Command(vec!["/usr/bin/idle".to_owned()]);
    world.adopt(|set| {
        let timing = &mut set.policies.get_mut(&daily()).unwrap().timing;
        timing.busy_check = Some(BusyCheck { asks, timeout: Seconds(10) });
    });
    world.wait_for_slot();
    world.pass();
    for slot in busy_checks(&world.state, world.now) {
        world.record(Event::BusyAnswered(BusyAnswered { slot, busy: None }));
    }
    world.wait(but_a_second(Seconds::minutes(5)));
    let create = creates(&world.pass()).pop().unwrap();
    assert!(busy_checks(&world.state, world.now).is_empty());
    world.wait(Seconds(1));
    assert_eq!((creates(&world.pass()).len(), busy_checks(&world.state, world.now).len()), (0, 1));
    world.wait(Seconds::minutes(5));
    assert_eq!(world.audit(&create).err(), None);
    world.wait(Seconds(1));
    assert_eq!(world.audit(&create).err(), Some(Changed("its machine was not found idle a moment ago")));
}

#[test]
fn two_looks_while_it_was_made_tell_that_a_machine_stayed_up_and_one_does_not() {
    for (further, expected) in [(1, Downtime::Live { looks: 2 }), (0, Downtime::Unwatched)] {
        // Which looked once.
        let (mut world, _, snapshot) = pending();
        for _ in 0..further {
            world.look(&Scope::Machines);
        }
        world.in_cloud_by_id(&snapshot).status = SnapshotStatus::Ready;
        world.look(&Scope::Snapshots);
        world.wait(Seconds(1));
        world.look(&Scope::Machines);
        world.wait(Seconds(1));
        world.pass();
        let seen = world.rows.iter().rev().find_map(|row| match &row.event {
            Event::DowntimeSeen(seen) => Some(seen.downtime.clone()),
            _ => None,
        });
        assert_eq!(seen, Some(expected));
    }
}

#[test]
fn a_slot_is_due_at_its_second_unless_its_schedule_began_in_it() {
    for (adopted, count) in [(false, 1), (true, 0)] {
        let mut world = World::new(1);
        world.wait_for_slot();
        world.now = world.now - Seconds(30);
        let create = creates(&world.pass()).pop().unwrap();
        if adopted {
            // Another minute and back: the schedule is a new one, from this second on.
            for schedule in ["1 2 * * *", "0 2 * * *"] {
                world.adopt(|set| set.policies.get_mut(&daily()).unwrap().schedule = schedule.to_owned());
            }
        }
        assert_eq!(world.audit(&create).is_ok(), !adopted);
        assert_eq!(creates(&world.pass()).len(), count);
    }
}
