//! Laws of billing, over random histories of records, walks, waits and crashes; and examples of each rule.

mod laws;
mod world;

use super::event::Standing;
use super::record::Reach;
use crate::domain::event::Event;
use crate::domain::fleet::LookResult;
use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};
use world::{HOUR, MINUTE, World};

/// A world with one record that ran for ten hours, seen, told and settled.
fn settled() -> World {
    let mut world = World::new();
    world.new_bill(Currency::Usd);
    world.wait(10);
    (world.bills[0].minutes, world.bills[0].cost) = (600, Nanos(1_000_000_000));
    world.walk_all();
    world.wait(3);
    world.tell();
    world
}

#[test]
fn a_record_shown_twice_in_one_walk_is_counted_once() {
    let mut world = settled();
    world.bills[0].cost = Nanos(1_500_000_000);
    let twice = [world.bills[0].clone(), world.bills[0].clone()];
    world.walk(&twice, LookResult::Complete, Reach::Growing);
    assert_eq!(world.sums()[&BillId::new("B0")], 1_500_000_000);
    assert_eq!(world.state.ledger.faults(), [""; 0]);
}

#[test]
fn a_correction_of_a_settled_hour_is_a_restatement_beside_it() {
    let mut world = settled();
    assert!(world.hours().iter().all(|hour| hour.standing == Standing::Settled));
    let told = world.hours().len();
    world.bills[0].cost = Nanos(400_000_000);
    world.walk_all();
    world.tell();
    let later: Vec<_> = world.hours()[told..].iter().map(|hour| (hour.standing, hour.amount.0 < 0)).collect();
    assert_eq!(later, vec![(Standing::Restated, true); told]);
    assert_eq!(world.state.ledger.faults(), [""; 0]);
}

#[test]
fn an_hour_is_provisional_for_two_hours() {
    let mut world = World::new();
    world.new_bill(Currency::Eur);
    world.wait(1);
    (world.bills[0].minutes, world.bills[0].cost) = (60, Nanos(600));
    world.walk_all();
    world.tell();
    world.wait(2);
    world.tell();
    world.wait(1);
    world.tell();
    let standings: Vec<_> = world.hours().iter().map(|hour| (hour.standing, hour.amount.0)).collect();
    // 43 of the 60 minutes lie in the hour in which it began.
    let expected = [(Standing::Provisional, 430), (Standing::Settled, 0), (Standing::Settled, 170)];
    assert_eq!(standings, expected);
}

#[test]
fn what_ran_before_the_first_start_is_an_opening_position() {
    let mut world = World::new();
    world.new_bill(Currency::Usd);
    world.bills[0].start = world.now.shifted(-90 * 24 * HOUR);
    (world.bills[0].minutes, world.bills[0].cost) = (90 * 24 * 60, Nanos(70_000_000_000));
    world.walk_all();
    let totals = world.book().totals[&Currency::Usd].clone();
    assert_eq!((totals.opening, totals.charges), (Nanos(70_000_000_000), Nanos::ZERO));
    world.bills[0].cost = Nanos(71_000_000_000);
    world.walk_all();
    assert_eq!(world.book().totals[&Currency::Usd].charges, Nanos(1_000_000_000));
}

#[test]
fn a_final_record_is_forgotten_and_its_late_correction_told_and_not_counted() {
    let mut world = settled();
    world.bills[0].end = Some(world.now);
    for _ in 0..11 {
        world.wait(24);
        world.new_bill(Currency::Usd);
        let now = world.now;
        world.bills.last_mut().unwrap().end = Some(now);
        world.walk_all();
    }
    assert!(!world.book().records.contains_key(&BillId::new("B0")));
    let charges = world.book().totals[&Currency::Usd].charges;
    world.bills[0].cost = Nanos(9_000_000_000);
    world.walk_all();
    world.walk_all();
    let told: Vec<_> = world.differed().iter().map(|one| (one.records, one.cost)).collect();
    assert_eq!(told, [(1, Nanos(9_000_000_000))], "told once");
    assert_eq!(world.book().totals[&Currency::Usd].charges, charges);
    assert_eq!(world.state.counters.anomalies, 1);
}

#[test]
fn a_record_that_changes_its_currency_is_odd_and_its_figures_are_not_taken() {
    let mut world = settled();
    let before = world.book().records[&BillId::new("B0")].cost;
    (world.bills[0].currency, world.bills[0].cost) = (Currency::Inr, Nanos(99));
    world.walk_all();
    world.walk_all();
    assert_eq!(world.book().records[&BillId::new("B0")].cost, before);
    assert_eq!(world.state.counters.anomalies, 1, "told once");
    assert_eq!(world.state.ledger.faults(), [""; 0]);
}

#[test]
fn a_stored_revision_that_does_not_follow_is_a_contradiction_and_not_counted() {
    let mut world = settled();
    let stored =
        world.journal.iter().find(|one| matches!(one.event, Event::Billed(_))).unwrap().event.clone();
    let charges = world.book().totals[&Currency::Usd].charges;
    world.record(vec![stored]);
    assert_eq!(world.book().totals[&Currency::Usd].charges, charges);
    assert_eq!(world.state.ledger.faults().len(), 1);
}

#[test]
fn a_clock_that_ran_ahead_neither_forgets_nor_counts_a_record_again() {
    let mut world = settled();
    world.bills[0].end = Some(world.now);
    world.walk_all();
    let (now, charges) = (world.now, world.book().totals[&Currency::Usd].charges);
    world.wait(24 * 3_650);
    world.walk_all();
    world.now = now.shifted(HOUR);
    world.walk_all();
    assert_eq!(world.book().totals[&Currency::Usd].charges, charges);
    assert_eq!(world.state.ledger.faults(), [""; 0]);
}

/// So many records of an hour each, all of another resource, and what their first walk comes to.
fn first_walk(count: usize) -> World {
    let mut world = World::new();
    for number in 0..count {
        world.new_bill(Currency::Usd);
        let bill = world.bills.last_mut().unwrap();
        (bill.minutes, bill.cost, bill.resource) = (60, Nanos(1_000), format!("S{number}"));
    }
    world.wait(1);
    world.walk_all();
    world
}

#[test]
fn an_event_holds_five_hundred_revisions_and_the_next_one_the_rest() {
    for (count, expected) in [(500, vec![500]), (501, vec![500, 1])] {
        let mut world = first_walk(count);
        let billed = world.journal.iter().filter_map(|one| match &one.event {
            Event::Billed(billed) => Some(billed.sights.len()),
            _ => None,
        });
        assert_eq!(billed.collect::<Vec<_>>(), expected);
        world.wait(50);
        world.tell();
        let told = world.journal.iter().filter_map(|one| match &one.event {
            Event::DayClosed(closed) => Some(closed.costs.len()),
            _ => None,
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "the day is told so too");
    }
}

#[test]
fn an_hour_is_settled_two_hours_after_its_end_to_the_second() {
    let mut world = World::new();
    world.new_bill(Currency::Usd);
    (world.bills[0].minutes, world.bills[0].cost) = (10, Nanos(600));
    world.walk_all();
    // The hour in which it ran ends 43 minutes from now.
    let settles = world.now.shifted(43 * MINUTE + 2 * HOUR);
    world.now = settles.shifted(-1_000_000);
    world.tell();
    assert_eq!(world.hours().len(), 0);
    world.now = settles;
    world.tell();
    assert_eq!(world.hours().iter().map(|hour| hour.standing).collect::<Vec<_>>(), [Standing::Settled]);
}

#[test]
fn a_thousand_hours_are_told_at_once_and_the_rest_with_the_next() {
    let mut world = World::new();
    for currency in [Currency::Usd, Currency::Eur] {
        world.new_bill(currency);
        let bill = world.bills.last_mut().unwrap();
        // It runs in 501 hours: from minute 17 of the first to the end of the last.
        (bill.minutes, bill.cost) = (500 * 60 + 43, Nanos(1_000_000_000));
    }
    world.wait(600);
    world.walk_all();
    world.tell();
    assert_eq!(world.hours().len(), 1_000);
    world.tell();
    assert_eq!(world.hours().len(), 1_002);
}

#[test]
fn what_ended_more_than_62_days_ago_is_not_taken_in() {
    for (seconds, count) in [(62 * 86_400, 1), (62 * 86_400 + 1, 0)] {
        let mut world = World::new();
        world.new_bill(Currency::Usd);
        let end = world.now.shifted(-seconds * 1_000_000);
        (world.bills[0].start, world.bills[0].end) = (end.shifted(-HOUR), Some(end));
        (world.bills[0].minutes, world.bills[0].cost) = (60, Nanos(600));
        world.walk_all();
        assert_eq!(world.book().totals.len(), count, "{seconds} s ago");
    }
}

#[test]
fn a_record_that_becomes_anothers_or_begins_at_another_time_is_kept_apart_and_told_once() {
    type Change = fn(&mut World);
    let changes: [Change; 2] = [
        |world| world.bills[0].resource = "S9".to_owned(),
        |world| world.bills[0].start = world.bills[0].start.shifted(MINUTE),
    ];
    for change in changes {
        let mut world = settled();
        let charges = world.book().totals[&Currency::Usd].charges;
        change(&mut world);
        world.bills[0].cost = Nanos(9_000_000_000);
        world.walk_all();
        world.walk_all();
        assert_eq!(world.state.counters.anomalies, 1);
        assert_eq!(world.book().totals[&Currency::Usd].charges, charges);
        assert!(world.book().records[&BillId::new("B0")].odd.is_some());
        assert_eq!(world.state.ledger.faults(), [""; 0]);
    }
}

#[test]
fn an_hour_is_told_for_the_time_being_by_a_walk_that_began_at_its_end() {
    for (second, count) in [(-1, 0), (0, 1)] {
        let mut world = World::new();
        world.new_bill(Currency::Usd);
        (world.bills[0].minutes, world.bills[0].cost) = (43, Nanos(600));
        world.now = world.now.shifted(43 * MINUTE + second * 1_000_000);
        world.walk_all();
        world.now = world.now.shifted(MINUTE);
        world.tell();
        let standings: Vec<_> = world.hours().iter().map(|hour| hour.standing).collect();
        assert_eq!(standings, vec![Standing::Provisional; count]);
    }
}
