//! Laws that hold in every history, and for events in no order at all.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::any;
use proptest::sample::Index;
use proptest::test_runner::Config;
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::history::{History, Step, status, steps};
use super::world::World;
use crate::domain::ask::Ask;
use crate::domain::audit::audit;
use crate::domain::backup::{Backup, Life};
use crate::domain::draft::Action;
use crate::domain::event::{Event, Observed};
use crate::domain::fleet::{Change, Item, Scope};
use crate::domain::id::BackupId;
use crate::domain::plan::plan;
use crate::domain::state::State;

fn on_shelf<'a>(state: &'a State, of: &'a Backup) -> impl Iterator<Item = (&'a BackupId, &'a Backup)> {
    state.backups.iter().filter(move |(_, backup)| backup.shelf().is_some() && backup.shelf() == of.shelf())
}

/// Dooms that a plan speaks right now, and what they leave of their shelf.
fn wrong_dooms(world: &World) -> Vec<String> {
    let dooms = plan(&world.state, world.now).events.into_iter().filter_map(|event| match event {
        Event::Doomed(doomed) => Some(doomed.backup),
        _ => None,
    });
    let dooms: BTreeSet<BackupId> = dooms.collect();
    let is_left = |(id, backup): &(&BackupId, &Backup)| {
        backup.life == Life::Good && backup.doom.is_none() && !dooms.contains(*id)
    };
    let mut wrong = Vec::new();
    for id in &dooms {
        let backup = world.backup(id);
        let left: Vec<_> = on_shelf(&world.state, backup).filter(is_left).collect();
        let newest = left.iter().map(|(_, other)| other.taken_at).max();
        let is_short = left.len() < 2 || newest.is_none_or(|newest| newest < backup.taken_at);
        let is_wrong = backup.pinned
            || (backup.life == Life::Good && is_short)
            || !matches!(backup.life, Life::Good | Life::Failed);
        if is_wrong {
            wrong.push(format!("{id}: {backup:?}"));
        }
    }
    wrong
}

proptest! {
    #![proptest_config(Config { cases: 48, max_shrink_iters: 400, ..Config::default() })]

    #[test]
    fn no_slot_is_ever_made_twice_and_nothing_forbidden_is_proposed(steps in steps()) {
        let mut history = History::new();
        for step in &steps {
            history.go(step);
            prop_assert_eq!(&history.forbidden, &Vec::<String>::new());
        }
        let twice: Vec<_> = history.made.iter().filter(|(_, count)| **count > 1).collect();
        prop_assert!(twice.is_empty(), "{:?}", twice);
    }

    #[test]
    fn no_plan_dooms_the_pinned_the_newest_or_the_least_number(steps in steps()) {
        let mut history = History::new();
        for step in &steps {
            history.disturb(&step.0);
            history.world.look_at_all();
            // A doom is spoken only when nothing else is left to conclude.
            while !plan(&history.world.state, history.world.now).events.is_empty() {
                prop_assert_eq!(wrong_dooms(&history.world), Vec::<String>::new());
                history.world.conclude_once();
            }
            history.go(&(Step::Ripen, step.1.clone()));
        }
    }

    #[test]
    fn a_pin_adds_no_victim(steps in steps(), pinned in any::<Index>()) {
        let mut history = History::new();
        for step in &steps {
            history.go(step);
        }
        let doomed = |state: &State| -> BTreeSet<BackupId> {
            let of = state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
            of.map(|(id, _)| id.clone()).collect()
        };
        let mut world = history.world;
        world.pass();
        let before = doomed(&world.state);
        let owned: Vec<BackupId> = world.state.backups.keys().cloned().collect();
        if !owned.is_empty() {
            world.ask(Ask::Pin { backup: pinned.get(&owned).clone() });
            world.pass();
            let after = doomed(&world.state);
            prop_assert!(after.is_subset(&before), "{:?} after {:?}", after, before);
        }
    }

    #[test]
    fn a_state_goes_on_from_its_bytes_as_if_nothing_had_happened(steps in steps(), cut in any::<Index>()) {
        let mut history = History::new();
        for step in &steps {
            history.go(step);
        }
        let rows = &history.world.rows;
        let mut state = State::default();
        for (place, row) in rows.iter().enumerate() {
            if place == cut.index(rows.len()) {
                state = State::restore(&state.to_bytes()).unwrap();
            }
            state.apply(row);
        }
        prop_assert_eq!(state.to_bytes(), history.world.state.to_bytes());
        prop_assert_eq!(&state, &history.world.state);
    }

    #[test]
    fn the_fold_takes_events_in_any_order_and_the_plan_still_ends(
        steps in steps(),
        order in vec(any::<Index>(), 1..200),
        jumps in vec(-90_000_i64..90_000, 1..200),
    ) {
        let mut history = History::new();
        for step in &steps {
            history.go(step);
        }
        let rows = &history.world.rows;
        let mut world = World::new(1);
        for (index, jump) in order.iter().zip(jumps) {
            world.now = world.now.shifted(jump * 1_000_000);
            world.record(index.get(rows).event.clone());
        }
        world.look(&Scope::Snapshots);
        let drafted = world.conclude();
        for action in drafted.actions {
            if let Action::Perform { effect, .. } = action {
                drop(audit(&world.state, world.now, effect));
            }
        }
    }

    #[test]
    fn the_order_in_which_a_listing_came_does_not_matter(statuses in vec(status(), 2..6)) {
        let world_in = |reversed: bool| {
            let mut world = World::new(2);
            for (number, status) in statuses.iter().enumerate() {
                world.make(&format!("by hand {number}"), 1, status.clone());
            }
            let mut events: Vec<Event> = Vec::new();
            for snapshot in world.cloud.snapshots.values() {
                let change = Change::Seen(
                    Item::Snapshot(snapshot.clone()));
                events.push(Event::Observed(Observed { change, raw: String::new() }));
            }
            if reversed {
                events.reverse();
            }
            events.into_iter().for_each(|event| world.record(event));
            world.state
        };
        prop_assert_eq!(world_in(false), world_in(true));
    }
}

#[test]
fn a_plan_asks_nobody_but_the_state_and_the_time() {
    let mut world = World::new(2);
    (0..4).for_each(|_| drop(world.take_all()));
    let copy = State::restore(&world.state.to_bytes()).unwrap();
    let (one, other) = (plan(&world.state, world.now), plan(&copy, world.now));
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}
