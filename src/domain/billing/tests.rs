//! Laws of billing, over random histories of records, walks, waits and crashes; and examples of each rule.

mod laws;
mod world;

use super::event::Standing;
use super::record::Reach;
use crate::domain::event::Event;
use crate::domain::fleet::LookResult;
use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};
use world::{HOUR, World};

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
