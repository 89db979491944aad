//! What burns, on which basis, and when a balance is gone: each currency by itself.

use std::collections::BTreeMap;

use super::world::{World, machine_id};
use crate::domain::billing::event::{Billed, HourClosed, Sight, Standing, ToppedUp};
use crate::domain::billing::record::{Bill, BillKind, Reach};
use crate::domain::burn::{Basis, Burn, Outlook, RunOut, outlooks};
use crate::domain::digest::Digest;
use crate::domain::event::{Event, Observed};
use crate::domain::fleet::{Change, Gpus, Item, MachineStatus, Scope, SnapshotStatus};
use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};
use crate::domain::price::{Priced, Prices};
use crate::domain::snapshot_price::{PriceBasis, PriceBasisSaid, SettledBy, basis};
use crate::domain::time::{Seconds, Timestamp};

const USD: Currency = Currency::Usd;
const UNIT: i64 = 1_000_000_000;

fn amounts(usd: i64) -> BTreeMap<Currency, Nanos> {
    BTreeMap::from([(USD, Nanos(usd)), (Currency::Inr, Nanos(usd * 100))])
}

fn prices() -> Prices {
    let line = |model: &str, usd: i64| Priced {
        tier: "legacy".to_owned(),
        model: model.to_owned(),
        prices: amounts(usd),
    };
    Prices {
        digest: Digest::default(),
        gpus: vec![line("H100", 2 * UNIT), line("L40", UNIT)],
        snapshots: vec![line("", UNIT / 10)],
        volumes: Vec::new(),
    }
}

fn seen(world: &mut World, item: Item) {
    world.record(Event::Observed(Observed { change: Change::Seen(item), raw: String::new() }));
}

fn balance(world: &mut World, balance: &[(Currency, i64)]) {
    let balance = balance.iter().map(|(currency, units)| (*currency, Nanos(units * UNIT))).collect();
    seen(world, Item::Balance(balance));
    world.look(&Scope::Balance);
}

fn machine(world: &mut World, number: u32, status: MachineStatus, gpus: Option<(&str, u32)>) {
    let machine = world.cloud.machines.get_mut(&machine_id(number)).unwrap();
    machine.status = status;
    machine.gpus = gpus.map(|(model, count)| Gpus { model: model.to_owned(), count });
    world.look(&Scope::Machines);
}

fn with_prices(machines: u32) -> World {
    let mut world = World::new(machines);
    seen(&mut world, Item::Prices(prices()));
    world
}

fn usd(world: &World) -> Outlook {
    outlooks(&world.state, world.now).remove(&USD).unwrap()
}

fn by_list(world: &World) -> Burn {
    usd(world).burns[&Basis::List]
}

fn billed(world: &mut World, kind: BillKind, resource: &str, currency: Currency, ended: bool) {
    let start = world.now;
    let bill = Bill {
        id: BillId::new(format!("{resource}-{currency}")),
        resource: resource.to_owned(),
        name: String::new(),
        start,
        end: ended.then(|| start + Seconds::hours(10).duration()),
        minutes: 600,
        rate: String::new(),
        cost: Nanos(UNIT),
        currency,
        status: String::new(),
        size_bytes: None,
    };
    let sight = Sight { ordinal: 0, delta: bill.cost, bill, odd: None, raw: String::new() };
    world.record(Event::Billed(Billed { kind, grown: Vec::new(), sights: vec![sight] }));
    world.look(&Scope::Billing(kind, Reach::Whole));
}

fn hour_closed(world: &mut World, hours_ago: i64, units: i64) {
    let hour = Timestamp::from_seconds((world.now.seconds().div_euclid(3_600) - hours_ago) * 3_600);
    let (kind, standing) = (BillKind::Instance, Standing::Settled);
    let amount = Nanos(units * UNIT);
    world.record(Event::HourClosed(HourClosed { kind, currency: USD, hour, standing, amount }));
}

#[test]
fn a_stopped_an_unknown_and_a_broken_machine_burn_in_full_and_a_hibernated_one_a_cent() {
    let mut world = with_prices(5);
    balance(&mut world, &[(USD, 1_000)]);
    machine(&mut world, 1, MachineStatus::Active, Some(("H100", 4)));
    machine(&mut world, 2, MachineStatus::Shutoff, Some(("l40", 1)));
    machine(&mut world, 3, MachineStatus::Error, Some(("L40", 1)));
    machine(&mut world, 4, MachineStatus::Unknown("PARKED".to_owned()), Some(("L40", 1)));
    machine(&mut world, 5, MachineStatus::Hibernated, None);
    let expected = Burn { per_hour: Nanos(11 * UNIT + UNIT / 100), unpriced: 0 };
    assert_eq!(by_list(&world), expected);
    machine(&mut world, 1, MachineStatus::Deleted, Some(("H100", 4)));
    machine(&mut world, 2, MachineStatus::Changing("STOPPING".to_owned()), Some(("L40", 1)));
    assert_eq!(by_list(&world).per_hour, Nanos(3 * UNIT + UNIT / 100));
}

#[test]
fn a_machine_without_a_price_is_counted_as_that_and_not_as_free() {
    let mut world = with_prices(2);
    balance(&mut world, &[(USD, 1_000)]);
    machine(&mut world, 1, MachineStatus::Active, Some(("L40", 1)));
    machine(&mut world, 2, MachineStatus::Active, Some(("H200", 1)));
    assert_eq!(by_list(&world), Burn { per_hour: Nanos(UNIT), unpriced: 1 });
    machine(&mut world, 1, MachineStatus::Deleted, None);
    assert_eq!(usd(&world).run_out(), RunOut::Unknown);
    machine(&mut world, 2, MachineStatus::Deleted, None);
    assert_eq!(usd(&world).run_out(), RunOut::Never);
}

#[test]
fn the_worst_basis_tells_when_the_balance_is_gone_counted_from_when_it_was_read() {
    let mut world = with_prices(1);
    machine(&mut world, 1, MachineStatus::Active, Some(("L40", 1)));
    balance(&mut world, &[(USD, 1_000)]);
    let read = world.now;
    world.wait(Seconds::minutes(30));
    let outlook = usd(&world);
    assert_eq!(outlook.run_out(), RunOut::At(read + Seconds::hours(1_000).duration()));
    assert_eq!((outlook.worst(), outlook.hours_left(world.now)), (Some(Basis::List), Some(999)));
    // The balance falls by ten an hour: something burns that no list shows.
    world.wait(Seconds::minutes(30));
    balance(&mut world, &[(USD, 990)]);
    let outlook = usd(&world);
    assert_eq!(outlook.burns[&Basis::Balance].per_hour, Nanos(10 * UNIT));
    assert_eq!((outlook.worst(), outlook.hours_left(world.now)), (Some(Basis::Balance), Some(99)));
}

#[test]
fn a_top_up_is_no_income_that_slows_the_burn() {
    let mut world = with_prices(0);
    balance(&mut world, &[(USD, 100)]);
    world.wait(Seconds::hours(2));
    world.record(Event::ToppedUp(ToppedUp { currency: USD, amount: Nanos(500 * UNIT) }));
    balance(&mut world, &[(USD, 580)]);
    assert_eq!(usd(&world).burns[&Basis::Balance].per_hour, Nanos(10 * UNIT));
}

#[test]
fn the_records_of_settled_hours_are_a_basis_of_their_own() {
    let mut world = with_prices(0);
    balance(&mut world, &[(USD, 100)]);
    world.wait(Seconds::hours(9));
    billed(&mut world, BillKind::Instance, "BRK-1D", USD, false);
    for (hours_ago, units) in [(6, 70), (5, 2), (4, 3), (3, 4), (2, 50)] {
        hour_closed(&mut world, hours_ago, units);
    }
    let outlook = usd(&world);
    assert_eq!(outlook.burns[&Basis::Records], Burn { per_hour: Nanos(3 * UNIT), unpriced: 0 });
    assert_eq!(outlook.worst(), Some(Basis::Records));
}

#[test]
fn nothing_is_said_of_what_was_never_looked_at() {
    let mut world = with_prices(1);
    machine(&mut world, 1, MachineStatus::Active, Some(("L40", 1)));
    assert!(outlooks(&world.state, world.now).is_empty());
    balance(&mut world, &[(USD, 100)]);
    world.restart();
    // The balance of the process before still stands; what is there now, nobody has seen.
    assert_eq!(usd(&world).balance, Some(Nanos(100 * UNIT)));
    assert_eq!((usd(&world).run_out(), usd(&world).burns.len()), (RunOut::Unknown, 0));
}

#[test]
fn an_empty_balance_is_gone_whatever_burns() {
    let mut world = with_prices(0);
    balance(&mut world, &[(USD, 0)]);
    assert_eq!(usd(&world).run_out(), RunOut::At(world.now));
}

#[test]
fn machines_are_priced_in_the_currency_that_their_records_say() {
    let mut world = with_prices(2);
    machine(&mut world, 1, MachineStatus::Active, Some(("L40", 1)));
    machine(&mut world, 2, MachineStatus::Active, Some(("H100", 1)));
    balance(&mut world, &[(USD, 1_000), (Currency::Inr, 1_000)]);
    // Of two balances nobody can say which pays.
    assert_eq!(by_list(&world), Burn { per_hour: Nanos::ZERO, unpriced: 2 });
    billed(&mut world, BillKind::Instance, "BRK-1D", USD, false);
    assert_eq!(by_list(&world), Burn { per_hour: Nanos(3 * UNIT), unpriced: 0 });
    billed(&mut world, BillKind::Instance, "BRK-2D", Currency::Inr, false);
    let outlooks = outlooks(&world.state, world.now);
    assert_eq!(outlooks[&USD].burns[&Basis::List].per_hour, Nanos(UNIT));
    assert_eq!(outlooks[&Currency::Inr].burns[&Basis::List].per_hour, Nanos(200 * UNIT));
}

#[test]
fn a_snapshot_costs_the_dearer_of_two_prices_until_a_closed_record_tells() {
    let mut world = with_prices(1);
    machine(&mut world, 1, MachineStatus::Deleted, None);
    balance(&mut world, &[(USD, 1_000)]);
    // 40 GB each; the fixed price is for 100.
    let first = world.make("by-hand", 1, SnapshotStatus::Ready);
    world.make("still-made", 1, SnapshotStatus::Pending);
    world.look(&Scope::Snapshots);
    assert_eq!(by_list(&world).per_hour, Nanos(UNIT / 10));
    assert_eq!(basis(&world.state), None);
    billed(&mut world, BillKind::Snapshot, first.as_str(), USD, false);
    assert_eq!(basis(&world.state), None, "a record that runs settles nothing");
    world.state.ledger = Default::default();
    billed(&mut world, BillKind::Snapshot, first.as_str(), USD, true);
    let bill = BillId::new(format!("{first}-USD"));
    assert_eq!(basis(&world.state), Some((PriceBasis::Fixed100Gb, SettledBy::Record(bill))));
    world.adopt(|set| set.snapshot_price_basis = PriceBasisSaid::ActualSize);
    assert_eq!(basis(&world.state), Some((PriceBasis::ActualSize, SettledBy::Configuration)));
    assert_eq!(by_list(&world).per_hour, Nanos(4 * UNIT / 100));
}
