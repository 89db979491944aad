//! What holds a deletion for a while, to the last second, for plan and audit alike.

use std::collections::BTreeSet;

use super::hands::{delete_of, judged_ask};
use super::outcomes::refused;
use super::ready::{Ready, ready};
use super::shelves::{keep, nights};
use super::world::{World, creates, daily, deletes, hold_of};
use crate::domain::ask::{Ask, AskRefusal};
use crate::domain::audit::Objection::{Changed, Forbidden};
use crate::domain::audit::audit;
use crate::domain::backup::Judgement;
use crate::domain::draft::Hold;
use crate::domain::event::{Event, Judged};
use crate::domain::fleet::{LookResult, MachineStatus, Scope};
use crate::domain::policy::{Mode, PolicySet};
use crate::domain::rail::Rail;
use crate::domain::time::{Seconds, Timestamp};

const SOFT: &str = "enforce began less than the soft start ago";

pub const fn but_a_second(span: Seconds) -> Seconds {
    Seconds(span.0 - 1)
}

/// A ready deletion to which neither the age of its shelf nor that of its approval can happen.
fn patient() -> Ready {
    let mut ready = ready();
    let long = Seconds::days(90);
    ready.world.adopt(|set| (set.rules.freeze_margin, set.rules.approval_life) = (long, long));
    ready
}

fn to_protect_and_back(ready: &mut Ready, change: fn(&mut PolicySet, Mode)) {
    ready.world.adopt(|set| change(set, Mode::Protect));
    ready.world.adopt(|set| change(set, Mode::Enforce));
}

fn of_all(set: &mut PolicySet, mode: Mode) {
    set.mode = mode;
}

fn of_one(set: &mut PolicySet, mode: Mode) {
    set.policies.get_mut(&daily()).unwrap().mode = mode;
}

#[test]
fn a_soft_start_lasts_72_hours_to_the_second() {
    for change in [of_all, of_one] {
        let mut ready = patient();
        to_protect_and_back(&mut ready, change);
        let until = ready.world.now + Seconds::hours(72);
        ready.world.wait(but_a_second(Seconds::hours(72)));
        assert_eq!(ready.judged(), (Some(Forbidden(SOFT)), Some(Hold::SoftStart { until })));
        ready.world.wait(Seconds(1));
        assert!(ready.is_permitted(), "{:?}", ready.judged());
    }
}

#[test]
fn the_first_start_is_as_soft_as_any() {
    let mut world = World::new(1);
    let until = world.now + Seconds::hours(72);
    world.adopt(|set| set.rules.grace = Seconds(0));
    let nights: Vec<_> = (0..3).flat_map(|_| world.take_all()).collect();
    world.ask(Ask::Approve { backups: [nights[0].clone()].into() });
    let delete = delete_of(&world, &nights[0]);
    let mut judged = |at| {
        world.now = at;
        world.look_at_all();
        let objection = world.audit(&delete).err();
        let plan = world.conclude();
        (objection, hold_of(&plan, &nights[0]), deletes(&plan).len())
    };
    let soft = (Some(Forbidden(SOFT)), Some(Hold::SoftStart { until }), 0);
    assert_eq!(judged(until - Seconds(1)), soft);
    assert_eq!(judged(until), (None, None, 1));
}

#[test]
fn a_person_needs_no_override_once_the_soft_start_is_over() {
    let mut ready = patient();
    to_protect_and_back(&mut ready, of_all);
    ready.world.wait(but_a_second(Seconds::hours(72)));
    let none = BTreeSet::new();
    let refused = judged_ask(&ready.world, &ready.victim, &none);
    assert!(
        matches!(&refused, Err(AskRefusal::Rails { rails, .. }) if *rails == [Rail::SoftStart]),
        "{refused:?}"
    );
    // As if it had been asked for before the mode changed.
    let (backup, reason) = (ready.victim.clone(), "too dear".to_owned());
    ready.world.ask(Ask::Delete { backup, overrides: none.clone(), reason });
    let asked = ready.world.state.requests.values().next().unwrap().effect.clone();
    ready.world.look_at_all();
    assert_eq!(ready.world.audit(&asked).err(), Some(Forbidden(SOFT)));
    ready.world.wait(Seconds(1));
    ready.world.look_at_all();
    assert!(ready.world.audit(&asked).is_ok());
    assert_eq!(deletes(&ready.world.conclude()), [asked]);
}

#[test]
fn an_approval_is_good_for_seven_days_to_the_second() {
    let mut ready = ready();
    ready.world.adopt(|set| set.rules.freeze_margin = Seconds::days(90));
    ready.world.wait(Seconds::days(7));
    assert!(ready.is_permitted(), "{:?}", ready.judged());
    ready.world.wait(Seconds(1));
    let expected = (Some(Forbidden("no person approved it")), Some(Hold::AwaitsApproval));
    assert_eq!(ready.judged(), expected);
}

#[test]
fn a_shelf_is_too_old_to_delete_from_after_two_gaps_and_six_hours_to_the_second() {
    let mut ready = ready();
    ready.world.cloud.machines.values_mut().for_each(|machine| machine.status = MachineStatus::Shutoff);
    ready.world.now = ready.world.backup(&ready.backups[3]).taken_at + Seconds::hours(2 * 24 + 6);
    assert!(ready.is_permitted(), "{:?}", ready.judged());
    ready.world.wait(Seconds(1));
    let objection = Changed("no good backup of this machine is young enough");
    assert_eq!(ready.judged(), (Some(objection), Some(Hold::Stale)));
}

#[test]
fn a_list_of_two_minutes_ago_deletes_and_an_older_one_does_not() {
    let mut ready = ready();
    ready.world.pass();
    ready.world.wait(Seconds::minutes(2));
    assert_eq!(ready.judged_without_a_look().0, None);
    assert!(deletes(&ready.world.conclude()).contains(&ready.delete));
    ready.world.wait(Seconds(1));
    let objection = Changed("the snapshots were not listed completely just now");
    assert_eq!(ready.judged_without_a_look(), (Some(objection), Some(Hold::LookFirst)));
    // Both lists must be young, of snapshots and of images.
    for (first, second) in [(Scope::Snapshots, Scope::Images), (Scope::Images, Scope::Snapshots)] {
        ready.world.wait(Seconds(121));
        ready.world.look(&first);
        assert_eq!(hold_of(&ready.world.conclude(), &ready.victim), Some(Hold::LookFirst));
        ready.world.look(&second);
        assert_eq!(hold_of(&ready.world.conclude(), &ready.victim), None);
    }
}

#[test]
fn a_pause_of_eight_hours_ends_to_the_second() {
    let mut ready = ready();
    let until = ready.world.now + Seconds::hours(8);
    ready.world.ask(Ask::Pause { until });
    ready.world.wait(but_a_second(Seconds::hours(8)));
    let expected = (Some(Changed("policies are paused")), Some(Hold::Paused { until }));
    assert_eq!(ready.judged(), expected);
    ready.world.wait(Seconds(1));
    assert!(ready.is_permitted(), "{:?}", ready.judged());
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    world.ask(Ask::Pause { until: world.now + Seconds::hours(8) });
    world.wait(but_a_second(Seconds::hours(8)));
    let planned = creates(&world.pass());
    assert_eq!((planned, world.audit(&create).err()), (vec![], Some(Changed("policies are paused"))));
    world.wait(Seconds(1));
    assert_eq!(creates(&world.pass()).len(), 1);
    assert!(world.audit(&create).is_ok());
}

fn vanishes(ready: &mut Ready, which: usize) {
    let others = ready.world.state.backups.keys().filter(|id| !ready.backups.contains(id));
    let backup = others.clone().nth(which).unwrap().clone();
    ready.world.record(Event::Judged(Judged { backup, judgement: Judgement::Vanished }));
}

#[test]
fn three_foreign_deletions_freeze_if_the_first_is_less_than_an_hour_old() {
    for (after, freezes) in [(but_a_second(Seconds::hours(1)), true), (Seconds::hours(1), false)] {
        let mut ready = ready();
        vanishes(&mut ready, 0);
        vanishes(&mut ready, 1);
        ready.world.wait(after);
        assert_eq!(ready.world.state.frozen, None);
        vanishes(&mut ready, 2);
        assert_eq!(ready.world.state.frozen.is_some(), freezes, "{after}");
    }
}

#[test]
fn a_freeze_that_began_by_itself_lasts_seven_days_to_the_second() {
    let mut ready = patient();
    (0..3).for_each(|which| vanishes(&mut ready, which));
    let until = ready.world.now + Seconds::days(7);
    ready.world.wait(but_a_second(Seconds::days(7)));
    let expected = (Some(Changed("deletions are frozen")), Some(Hold::Frozen { until }));
    assert_eq!(ready.judged(), expected);
    ready.world.wait(Seconds(1));
    ready.world.pass();
    assert!(ready.is_permitted(), "{:?}", ready.judged());
}

#[test]
fn a_refused_deletion_rests_for_a_day_to_the_second() {
    let mut ready = patient();
    ready.world.pass();
    ready.world.perform(&ready.delete.clone(), refused());
    ready.world.wait(but_a_second(Seconds::hours(24)));
    assert_eq!(ready.judged().1, Some(Hold::Refused));
    ready.world.wait(Seconds(1));
    assert!(ready.is_permitted(), "{:?}", ready.judged());
}

#[test]
fn what_was_read_of_images_is_good_for_two_minutes() {
    let mut ready = ready();
    ready.world.look(&Scope::Links(ready.world.snapshot_of(&ready.victim)));
    let judged = |ready: &mut Ready, after: Seconds| {
        ready.world.wait(after);
        ready.world.look(&Scope::Snapshots);
        ready.world.look(&Scope::Snapshot(ready.world.snapshot_of(&ready.victim)));
        audit(&ready.world.state, ready.world.now, ready.delete.clone()).err()
    };
    assert_eq!(judged(&mut ready, Seconds::minutes(2)), None);
    let unasked = Changed("its images were not asked for just now");
    assert_eq!(judged(&mut ready, Seconds(1)), Some(unasked));
    // Where the cloud does not answer that question, the list is what counts.
    ready.world.cloud.relation = LookResult::Unavailable("404".to_owned());
    ready.world.look_at_all();
    ready.world.wait(Seconds::minutes(2));
    ready.world.look(&Scope::Snapshots);
    assert_eq!(ready.world.audit(&ready.delete).err(), None);
    ready.world.wait(Seconds(1));
    ready.world.look(&Scope::Snapshots);
    let unread = Changed("neither its images nor the image list could be read");
    assert_eq!(ready.world.audit(&ready.delete).err(), Some(unread));
}

#[test]
fn dooms_are_spoken_within_half_a_minute_of_a_list_and_lifted_when_their_grace_is_over() {
    for (after, dooms) in [(30, true), (31, false)] {
        let (mut world, backups) = nights(2);
        world.look_at_all();
        world.wait(Seconds(after));
        keep(&mut world, Some(1), None);
        world.adopt(|set| set.rules.min_good = 1);
        world.conclude();
        assert_eq!(world.backup(&backups[0]).doom.is_some(), dooms, "{after} s");
    }
    let (mut world, backups) = nights(3);
    let since = world.backup(&backups[0]).doom.as_ref().unwrap().since;
    for (at, is_lifted) in [(but_a_second(Seconds::hours(24)), false), (Seconds::hours(24), true)] {
        keep(&mut world, Some(3), None);
        world.now = since + at;
        world.conclude();
        assert_eq!(world.backup(&backups[0]).doom.is_none(), is_lifted, "{at}");
    }
}

#[test]
fn grace_and_approval_end_at_the_same_second_for_what_a_person_asks() {
    let mut ready = patient();
    let (backup, reason) = (ready.victim.clone(), "too dear".to_owned());
    ready.world.ask(Ask::Delete { backup, overrides: BTreeSet::new(), reason });
    let asked = ready.world.state.requests.values().next().unwrap().effect.clone();
    let doom = ready.world.backup(&ready.victim).doom.clone().unwrap();
    let so_far = |since: Timestamp, ready: &Ready| Seconds(ready.world.now.since(since).as_secs() + 60);
    let objection_at = |ready: &mut Ready, at: Timestamp| {
        ready.world.now = at;
        ready.world.look_at_all();
        ready.world.audit(&asked).err()
    };
    let grace = so_far(doom.since, &ready);
    ready.world.adopt(|set| set.rules.grace = grace);
    let young = Some(Forbidden("its grace has not passed"));
    assert_eq!(objection_at(&mut ready, doom.since + but_a_second(grace)), young);
    assert_eq!(objection_at(&mut ready, doom.since + grace), None);
    let approved_at = doom.approved_at.unwrap();
    let life = so_far(approved_at, &ready);
    ready.world.adopt(|set| set.rules.approval_life = life);
    assert_eq!(objection_at(&mut ready, approved_at + life), None);
    let old = Some(Forbidden("no person approved it"));
    assert_eq!(objection_at(&mut ready, approved_at + life + Seconds(1)), old);
}
