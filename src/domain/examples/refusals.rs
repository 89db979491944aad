//! What the cloud's refusals stop, whom, and what ends it.

use super::outcomes::refused;
use super::world::{World, creates, daily, machine_id};
use crate::domain::ask::{Ask, Halted, judge};
use crate::domain::audit::Objection::Changed;
use crate::domain::audit::audit;
use crate::domain::backup::{Judgement, Life};
use crate::domain::effect::{Effect, Outcome, Reason, Refusal, Standing};
use crate::domain::event::{Event, Judged};
use crate::domain::fleet::SnapshotStatus;
use crate::domain::id::SnapshotId;
use crate::domain::slot::Held;
use crate::domain::time::Seconds;

pub fn refusal(reason: Reason) -> Outcome {
    let Outcome::Refused(other) = refused() else { unreachable!() };
    Outcome::Refused(Refusal { reason, ..other })
}

/// The creates of the next night are all answered alike; how many were asked for.
fn night(world: &mut World, answer: &Outcome) -> usize {
    world.wait_for_slot();
    let mut asked = 0;
    while let Some(effect) = creates(&world.pass()).pop() {
        if let Outcome::Answered { .. } = answer {
            let id = world.appear(&effect, SnapshotStatus::Ready);
            world.perform(&effect, Outcome::Answered { snapshot: Some(id) });
        } else {
            world.perform(&effect, answer.clone());
        }
        world.wait(Seconds(60));
        world.pass();
        asked += 1;
    }
    asked
}

fn answered() -> Outcome {
    Outcome::Answered { snapshot: None }
}

fn why(world: &World, machine: u32) -> Option<Held> {
    let shelves = world.state.shelves.iter();
    let open = shelves.filter(|(shelf, _)| shelf.machine == machine_id(machine));
    open.filter_map(|(_, shelf)| shelf.open.clone()).map(|(_, held)| held).next()
}

#[test]
fn a_refusal_of_the_account_stops_all_creates_and_one_a_day_asks_again() {
    let mut world = World::new(3);
    assert_eq!(night(&mut world, &refusal(Reason::Account)), 1);
    assert!(matches!(why(&world, 2), Some(Held::Account(said)) if said.contains("another operation")));
    for _ in 0..3 {
        world.wait(Seconds::hours(6));
        assert!(creates(&world.pass()).is_empty());
    }
    assert_eq!(night(&mut world, &refusal(Reason::Account)), 1);
    // The probe is answered, and the others follow at once.
    assert_eq!(night(&mut world, &answered()), 3);
    assert_eq!(world.state.halts.account, None);
}

#[test]
fn the_audit_lets_one_probe_through_and_no_second() {
    let mut world = World::new(2);
    world.adopt(|set| set.rules.concurrent = 2);
    world.wait_for_slot();
    let both = creates(&world.pass());
    assert_eq!(both.len(), 2);
    assert!(audit(&world.state, world.now, both[1].clone()).is_ok());
    world.perform(&both[0], refusal(Reason::Account));
    let objection = Changed("the cloud refuses creates of this account");
    assert_eq!(audit(&world.state, world.now, both[1].clone()).unwrap_err(), objection);
}

#[test]
fn a_machine_that_cannot_be_snapshotted_is_not_asked_for_before_it_changes() {
    let mut world = World::new(2);
    assert_eq!(night(&mut world, &refusal(Reason::Unsupported)), 2);
    for _ in 0..3 {
        assert_eq!(night(&mut world, &answered()), 0);
    }
    assert!(matches!(why(&world, 1), Some(Held::Impossible(_))));
    world.cloud.machines.get_mut(&machine_id(1)).unwrap().region = "NORWAY-1".to_owned();
    assert_eq!(creates(&world.pass()).len(), 1);
}

#[test]
fn a_person_can_have_what_was_refused_asked_for_again() {
    let mut world = World::new(1);
    let machine = Halted::Machine(machine_id(1));
    let ask = Ask::Retry { halted: machine };
    assert!(judge(&world.state, world.now, &ask).is_err());
    night(&mut world, &refusal(Reason::Unsupported));
    assert!(judge(&world.state, world.now, &ask).is_ok());
    world.ask(ask);
    assert_eq!(night(&mut world, &answered()), 1);
    night(&mut world, &refusal(Reason::Account));
    world.ask(Ask::Retry { halted: Halted::Account });
    assert_eq!(night(&mut world, &answered()), 1);
}

/// Three hours of one machine, each refused for a reason that nobody knows.
fn refused_thrice() -> World {
    let mut world = World::new(1);
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().schedule = "0 * * * *".to_owned());
    for _ in 0..3 {
        assert_eq!(night(&mut world, &refused()), 1);
    }
    world
}

#[test]
fn three_refusals_in_a_row_hold_the_policy_and_one_create_a_day_asks_again() {
    let mut world = refused_thrice();
    for _ in 0..23 {
        assert_eq!(night(&mut world, &refused()), 0);
        assert!(matches!(why(&world, 1), Some(Held::PolicyRefused(_))));
    }
    assert_eq!(night(&mut world, &refused()), 1);
    assert_eq!(night(&mut world, &refused()), 0);
}

#[test]
fn a_changed_adoption_or_a_person_ends_the_hold_of_a_policy() {
    let mut world = refused_thrice();
    assert_eq!(night(&mut world, &refused()), 0);
    world.adopt(|set| set.rules.grace = Seconds::hours(25));
    assert_eq!(night(&mut world, &refused()), 1);
    let mut world = refused_thrice();
    world.ask(Ask::Retry { halted: Halted::Policy(daily()) });
    assert_eq!(night(&mut world, &refused()), 1);
}

#[test]
fn an_accepted_create_ends_the_row_of_refusals() {
    let mut world = World::new(1);
    for answer in [refused(), refused(), answered(), refused(), refused()] {
        assert_eq!(night(&mut world, &answer), 1);
    }
    assert_eq!(night(&mut world, &answered()), 1);
}

#[test]
fn machines_that_the_cloud_no_longer_knows_say_nothing_of_their_policy() {
    let mut world = World::new(4);
    assert_eq!(night(&mut world, &refusal(Reason::NoSuchObject)), 4);
    assert_eq!(night(&mut world, &answered()), 4);
}

#[test]
fn without_credit_a_slot_fails_for_good_and_it_is_told_until_a_create_is_accepted() {
    let mut world = World::new(1);
    night(&mut world, &refusal(Reason::Credit));
    for _ in 0..5 {
        world.wait(Seconds::hours(4));
        assert!(creates(&world.pass()).is_empty());
    }
    assert!(world.state.halts.credit.is_some());
    assert_eq!(night(&mut world, &answered()), 1);
    assert_eq!(world.state.halts.credit, None);
}

fn first(world: &mut World) -> Effect {
    world.wait_for_slot();
    creates(&world.pass()).pop().unwrap()
}

#[test]
fn a_refused_create_that_is_seen_all_the_same_is_done_and_ends_what_it_held() {
    let mut world = World::new(1);
    let create = first(&mut world);
    world.perform(&create, refusal(Reason::Account));
    world.appear(&create, SnapshotStatus::Ready);
    world.pass();
    assert_eq!(world.state.effects[&create.id].standing, Standing::Done);
    assert_eq!(world.state.halts.account, None);
}

#[test]
fn a_name_that_is_taken_at_the_first_attempt_means_a_second_daemon_and_nothing_is_adopted() {
    let mut world = World::new(1);
    let create = first(&mut world);
    let theirs = world.appear(&create, SnapshotStatus::Ready);
    world.perform(&create, refusal(Reason::NameTaken));
    world.pass();
    let backup = create.verb.backup();
    assert!(!world.state.owners.contains_key(&theirs));
    assert!(!world.state.halts.rivals[backup].is_settled);
    assert_eq!(world.state.suspects().count(), 1);
    world.ask(Ask::Disown { snapshot: theirs.clone(), reason: "the old host's".to_owned() });
    world.in_cloud_by_id(&theirs).size_bytes = Some(1);
    world.pass();
    assert!(world.state.halts.rivals[backup].is_settled && !world.state.owners.contains_key(&theirs));
}

#[test]
fn a_name_that_is_taken_after_an_unclear_answer_is_looked_for_and_adopted() {
    let mut world = World::new(1);
    let create = first(&mut world);
    world.perform(&create, Outcome::Unclear { why: "timeout".to_owned() });
    world.wait(Seconds::minutes(61));
    world.pass();
    world.pass();
    let again = creates(&world.pass()).pop().unwrap();
    world.perform(&again, refusal(Reason::NameTaken));
    let ours = world.appear(&create, SnapshotStatus::Ready);
    world.pass();
    assert!(world.state.owners.contains_key(&ours) && world.state.halts.rivals.is_empty());
}

#[test]
fn an_answered_id_under_our_name_is_ours_whatever_its_date() {
    let mut world = World::new(1);
    let create = first(&mut world);
    let id = world.appear(&create, SnapshotStatus::Ready);
    let hours_ago = world.now - Seconds::hours(8);
    world.in_cloud_by_id(&id).created_at = Some(hours_ago);
    world.perform(&create, Outcome::Answered { snapshot: Some(id) });
    world.pass();
    world.wait(Seconds(60));
    world.pass();
    let backup = world.backup(create.verb.backup());
    assert_eq!((backup.life, backup.taken_at), (Life::Good, backup.requested_at));
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_refusal_that_is_asked_for_again_is_noticed() {
    use crate::planted::{Bug, plant};
    let mut world = World::new(1);
    let create = first(&mut world);
    plant(Some(Bug::RefusalRetried));
    world.perform(&create, refused());
    plant(None);
    world.wait(Seconds::minutes(2));
    assert_eq!(creates(&world.pass()).pop().map(|again| again.id), Some(create.id));
}

/// A create whose snapshot is ready, changed a little; what level 1 says in the end.
fn level_one(change: impl FnOnce(&mut World, &SnapshotId)) -> (Life, Option<Judgement>) {
    let mut world = World::new(1);
    let create = first(&mut world);
    let id = world.appear(&create, SnapshotStatus::Ready);
    world.perform(&create, Outcome::Answered { snapshot: Some(id.clone()) });
    change(&mut world, &id);
    for _ in 0..14 {
        world.pass();
        world.wait(Seconds::minutes(30));
    }
    let judged = world.rows.iter().rev().find_map(|row| match &row.event {
        Event::Judged(Judged { judgement, .. }) => Some(judgement.clone()),
        _ => None,
    });
    (world.backup(create.verb.backup()).life, judged)
}

#[test]
fn what_is_surely_not_the_snapshot_asked_for_is_bad() {
    assert_eq!(level_one(|_, _| {}).0, Life::Good);
    type Change = fn(&mut World, &SnapshotId);
    let changes: [(Change, &str); 3] = [
        (|world, id| world.in_cloud_by_id(id).region = "NORWAY-1".to_owned(), "region NORWAY-1"),
        (|world, id| world.in_cloud_by_id(id).size_bytes = Some(0), "no size above zero"),
        (|world, id| world.in_cloud_by_id(id).size_bytes = None, "no size above zero"),
    ];
    for (change, said) in changes {
        let (life, judged) = level_one(change);
        assert!(life == Life::Bad, "{said}: {life:?}");
        assert!(matches!(judged, Some(Judgement::Bad { why }) if why.contains(said)), "{said}");
    }
    assert_eq!(level_one(|world, id| world.in_cloud_by_id(id).region = "canada-1".to_owned()).0, Life::Good);
}

#[test]
fn a_size_that_is_another_in_every_look_is_bad_in_the_end() {
    let mut world = World::new(1);
    let create = first(&mut world);
    let id = world.appear(&create, SnapshotStatus::Ready);
    world.perform(&create, Outcome::Answered { snapshot: Some(id.clone()) });
    for size in 1..=20 {
        world.in_cloud_by_id(&id).size_bytes = Some(size);
        world.pass();
        assert_eq!(world.backup(create.verb.backup()).life, Life::Ready);
        world.wait(Seconds::minutes(1));
    }
    world.in_cloud_by_id(&id).size_bytes = Some(21);
    world.pass();
    assert_eq!(world.backup(create.verb.backup()).life, Life::Bad);
}

#[test]
fn a_size_that_comes_late_is_good_and_one_that_was_zero_for_a_moment_too() {
    let mut world = World::new(1);
    let create = first(&mut world);
    let id = world.appear(&create, SnapshotStatus::Ready);
    world.in_cloud_by_id(&id).size_bytes = Some(0);
    world.perform(&create, Outcome::Answered { snapshot: Some(id.clone()) });
    world.pass();
    // Nobody looked for long: that proves nothing.
    world.wait(Seconds::hours(20));
    world.conclude();
    assert_eq!(world.backup(create.verb.backup()).life, Life::Ready);
    world.in_cloud_by_id(&id).size_bytes = Some(40_000_000_000);
    world.pass();
    world.wait(Seconds(60));
    world.pass();
    assert_eq!(world.backup(create.verb.backup()).life, Life::Good);
}

#[test]
fn a_date_is_long_before_the_ask_only_beyond_every_zone_and_the_skew() {
    for (earlier, expected) in [(15 * 3_600 + 120, Life::Good), (15 * 3_600 + 121, Life::Bad)] {
        let (life, judged) = level_one(|world, id| {
            let created = world.now - Seconds(earlier);
            world.in_cloud_by_id(id).created_at = Some(created);
        });
        assert_eq!(life, expected, "{earlier} s earlier: {judged:?}");
    }
}

#[test]
fn a_size_of_zero_is_bad_after_six_hours_to_the_second() {
    let mut world = World::new(1);
    let create = first(&mut world);
    let id = world.appear(&create, SnapshotStatus::Ready);
    world.in_cloud_by_id(&id).size_bytes = Some(0);
    world.perform(&create, Outcome::Answered { snapshot: Some(id) });
    world.pass();
    for (wait, life) in [(6 * 3_600 - 1, Life::Ready), (1, Life::Bad)] {
        world.wait(Seconds(wait));
        world.pass();
        assert_eq!(world.backup(create.verb.backup()).life, life);
    }
}
