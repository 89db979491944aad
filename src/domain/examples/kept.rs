//! The keep rules on whole shelves: what a greatest age meets, what a bad backup changes, what a
//! preview shows.

use std::collections::BTreeSet;

use super::world::{World, daily, machine_id};
use crate::domain::ask::Ask;
use crate::domain::backup::Life;
use crate::domain::event::Event;
use crate::domain::fleet::SnapshotStatus;
use crate::domain::id::{BackupId, PolicyName};
use crate::domain::plan::plan;
use crate::domain::policy::{Keep, Retention};
use crate::domain::preview::{overdue, preview};
use crate::domain::reach::Reach;
use crate::domain::time::Seconds;

fn nights(count: u32, retention: &Retention) -> (World, Vec<BackupId>) {
    let mut world = World::new(1);
    keep(&mut world, retention);
    let backups = (0..count).flat_map(|_| world.take_all()).collect();
    (world, backups)
}

fn keep(world: &mut World, retention: &Retention) {
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().retention = retention.clone());
}

fn days(days: u32) -> Option<Reach> {
    Some(Reach { years: 0, months: 0, days, hours: 0 })
}

fn doomed(world: &World) -> BTreeSet<BackupId> {
    let of = world.state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
    of.map(|(id, _)| id.clone()).collect()
}

#[test]
fn delete_after_yields_to_pins_and_to_the_least_number_and_says_so() {
    let all = Retention { keep_last: Some(Keep::All), ..Retention::default() };
    let (mut world, backups) = nights(5, &all);
    assert_eq!(doomed(&world), BTreeSet::new());
    world.ask(Ask::Pin { backup: backups[1].clone() });
    keep(&mut world, &Retention { delete_after: days(2), ..all });
    world.wait(Seconds::days(2));
    let now = world.now;
    world.pass();
    assert_eq!(doomed(&world), BTreeSet::from([backups[0].clone(), backups[2].clone()]));
    let kept: BTreeSet<_> = overdue(&world.state, now)
        .into_iter()
        .map(|one| (one.backup.clone(), one.kept_by.concat()))
        .collect();
    let expected = BTreeSet::from([
        (backups[1].clone(), "pinned".to_owned()),
        (backups[3].clone(), "least number of good backups".to_owned()),
        (backups[4].clone(), "newest good".to_owned()),
    ]);
    assert_eq!(kept, expected);
}

#[test]
fn without_delete_after_nothing_is_too_old() {
    let (mut world, _) = nights(4, &Retention { keep_last: Some(Keep::Count(2)), ..Retention::default() });
    world.wait(Seconds::days(900));
    world.pass();
    assert!(overdue(&world.state, world.now).is_empty());
}

/// I8.
#[test]
fn a_bad_backup_changes_the_fate_of_no_other() {
    let words = Retention {
        keep_last: Some(Keep::Count(1)),
        keep_weekly: Some(Keep::Count(2)),
        keep_within: days(3),
        ..Retention::default()
    };
    let count = 12;
    for bad in 0..count {
        let (mut world, backups) = nights(count, &words);
        let id = &backups[bad as usize];
        // As if it had never been.
        let mut without = world.state.clone();
        without.backups.remove(id);
        let fates = |state| {
            let shelves = preview(state, world.now, None, None);
            let shelf = shelves.first().unwrap();
            let kept = shelf.kept.iter().map(|(id, _, _)| (*id).clone()).collect::<BTreeSet<_>>();
            (kept, shelf.expired.iter().map(|(id, ..)| (*id).clone()).collect::<BTreeSet<_>>())
        };
        let expected = fates(&without);
        world.in_cloud(id).status = SnapshotStatus::Failed;
        let now = world.now;
        world.look_at_all();
        world.now = now;
        assert_eq!(world.backup(id).life, Life::Bad);
        let shelves = preview(&world.state, now, None, None);
        let kept: BTreeSet<_> = shelves[0].kept.iter().map(|(id, _, _)| (*id).clone()).collect();
        let expired: BTreeSet<_> = shelves[0].expired.iter().map(|(id, ..)| (*id).clone()).collect();
        assert_eq!((kept, expired), expected, "{bad}");
        assert!(shelves[0].unjudged.iter().any(|(other, _)| *other == id));
    }
}

#[test]
fn a_preview_expires_what_the_next_pass_dooms() {
    let few = Retention {
        keep_last: Some(Keep::Count(2)),
        keep_weekly: Some(Keep::Count(2)),
        ..Retention::default()
    };
    let (mut world, _) = nights(9, &Retention::default());
    let before = world.state.clone();
    let proposed = |world: &World, only: Option<&PolicyName>| -> BTreeSet<BackupId> {
        let shelves = preview(&world.state, world.now, only, Some(&few));
        shelves.iter().flat_map(|shelf| &shelf.expired).map(|(id, ..)| (*id).clone()).collect()
    };
    let expired = proposed(&world, None);
    assert!(!expired.is_empty());
    assert_eq!(proposed(&world, Some(&daily())), expired);
    assert_eq!(proposed(&world, Some(&PolicyName::new("other"))), BTreeSet::new());
    assert!(preview(&world.state, world.now, None, None).iter().all(|shelf| shelf.expired.is_empty()));
    assert!(world.state == before, "a preview changed the state");
    keep(&mut world, &few);
    world.look_at_all();
    let dooms = plan(&world.state, world.now).events.into_iter().filter_map(|event| match event {
        Event::Doomed(doomed) => Some(doomed.backup),
        _ => None,
    });
    assert_eq!(dooms.collect::<BTreeSet<_>>(), expired);
    let machine = machine_id(1);
    assert!(preview(&world.state, world.now, None, None).iter().all(|shelf| *shelf.machine == machine));
}

#[test]
fn what_a_new_rule_keeps_is_spared_though_the_list_is_too_old_to_doom_by() {
    let last = |count| Retention { keep_last: Some(Keep::Count(count)), ..Retention::default() };
    let (mut world, backups) = nights(4, &last(2));
    assert!(world.backup(&backups[0]).doom.is_some());
    world.wait(Seconds::hours(24));
    world.look_at_all();
    world.wait(Seconds(60));
    keep(&mut world, &last(4));
    world.conclude();
    assert!(backups.iter().all(|id| world.backup(id).doom.is_none()));
    keep(&mut world, &last(2));
    world.conclude();
    assert!(backups.iter().all(|id| world.backup(id).doom.is_none()), "the list is a minute old");
    world.look_at_all();
    world.conclude();
    assert!(world.backup(&backups[0]).doom.is_some());
}

#[test]
fn what_an_edited_rule_keeps_is_spared_at_once_though_no_list_can_be_read_and_its_grace_goes_on() {
    let last = |count| Retention { keep_last: Some(Keep::Count(count)), ..Retention::default() };
    for is_blind in [false, true] {
        let (mut world, backups) = nights(4, &last(2));
        assert!(world.backup(&backups[0]).doom.is_some());
        world.adopt(|set| set.rules.grace = Seconds::days(9));
        if is_blind {
            world.restart();
        }
        world.wait(Seconds::hours(1));
        world.conclude();
        assert!(world.backup(&backups[0]).doom.is_some(), "nothing was edited");
        keep(&mut world, &last(4));
        world.wait(Seconds::hours(1));
        world.conclude();
        assert!(backups.iter().all(|id| world.backup(id).doom.is_none()), "blind: {is_blind}");
    }
}

/// So many more than the two that stay were kept until now, and no new one explains their dooms.
fn long_kept(more: u32) -> World {
    let all = Retention { keep_last: Some(Keep::All), ..Retention::default() };
    let (mut world, _) = nights(2 + more, &all);
    world.wait(Seconds::hours(25));
    // The first approval of this mode; from now on only a multitude needs one.
    world.ask(Ask::Approve { backups: BTreeSet::new() });
    world
}

fn keep_newest(world: &mut World, count: u32) -> Vec<bool> {
    keep(world, &Retention { keep_last: Some(Keep::Count(count)), ..Retention::default() });
    world.pass();
    let doomed = world.state.backups.values().filter_map(|backup| backup.doom.as_ref());
    doomed.map(|doom| doom.needs_approval).collect()
}

#[test]
fn three_dooms_that_nothing_explains_go_on_and_four_wait_for_a_person() {
    assert_eq!(keep_newest(&mut long_kept(3), 2), [false; 3]);
    assert_eq!(keep_newest(&mut long_kept(4), 2), [true; 4]);
    // A person need not look at a fourth a day later.
    for (after, waits) in [(Seconds(86_399), true), (Seconds::hours(24), false)] {
        let mut world = long_kept(4);
        assert_eq!(keep_newest(&mut world, 3), [false; 3]);
        world.wait(after);
        assert_eq!(keep_newest(&mut world, 2), [waits; 4], "{after}");
    }
}

#[test]
fn a_good_backup_explains_one_doom_for_a_day_to_the_second() {
    for (after, expected) in [(Seconds(86_399), true), (Seconds::hours(24), false)] {
        let all = Retention { keep_last: Some(Keep::All), ..Retention::default() };
        let (mut world, _) = nights(3, &all);
        let good = world.rows.iter().rev().find(|row| matches!(row.event, Event::Judged(_))).unwrap().at;
        world.now = good + after;
        keep_newest(&mut world, 2);
        let explained = world.state.backups.values().filter_map(|backup| backup.doom.as_ref());
        assert_eq!(explained.map(|doom| doom.explained).collect::<Vec<_>>(), [expected], "{after}");
    }
}

#[test]
fn a_good_backup_of_23_hours_ago_explains_a_doom_beside_a_new_one() {
    let all = Retention { keep_last: Some(Keep::All), ..Retention::default() };
    let mut world = World::new(1);
    keep(&mut world, &all);
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().schedule = "0 1,2 * * *".to_owned());
    (0..5).for_each(|_| drop(world.take_all()));
    keep_newest(&mut world, 3);
    let explained = world.state.backups.values().filter_map(|backup| backup.doom.as_ref());
    assert_eq!(explained.map(|doom| doom.explained).collect::<Vec<_>>(), [true; 2]);
}
