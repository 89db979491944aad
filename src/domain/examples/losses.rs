//! Many machines lost at once: what freezes by itself, and how that ends.

use super::ready::{Ready, ready};
use super::world::{World, machine_id};
use crate::domain::ask::{Ask, AskRefusal, judge};
use crate::domain::audit::Objection::Changed;
use crate::domain::draft::Hold;
use crate::domain::event::{Event, Lapsed};
use crate::domain::fleet::Scope;
use crate::domain::time::Seconds;

/// So many of a fleet are gone in one look; whether that froze all deletions.
fn freezes(machines: u32, gone: u32) -> bool {
    let mut world = World::new(machines);
    lose(&mut world, 1..=gone);
    world.state.frozen.is_some()
}

fn lose(world: &mut World, numbers: std::ops::RangeInclusive<u32>) {
    world.look(&Scope::Machines);
    for number in numbers {
        world.cloud.machines.remove(&machine_id(number));
    }
    world.wait(Seconds::minutes(5));
    world.look(&Scope::Machines);
}

#[test]
fn three_machines_gone_at_once_freeze_all_deletions_and_two_of_many_do_not() {
    assert_eq!([(14, 3), (3, 3), (40, 9)].map(|(machines, gone)| freezes(machines, gone)), [true; 3]);
    assert_eq!([(15, 3), (2, 2), (40, 8)].map(|(machines, gone)| freezes(machines, gone)), [false; 3]);
}

#[test]
fn machines_that_go_one_after_the_other_freeze_nothing() {
    let mut world = World::new(5);
    for number in 1..=5 {
        lose(&mut world, number..=number);
    }
    assert_eq!(world.state.frozen, None);
}

/// A deletion is due, and then three of the other machines are gone.
fn bereft() -> Ready {
    let mut ready = ready();
    for number in 21..=24 {
        let template = ready.world.cloud.machines.values().next().cloned();
        let mut machine = template.expect("the world of a ready deletion has a machine");
        machine.id = machine_id(number);
        ready.world.cloud.machines.insert(machine.id.clone(), machine);
    }
    assert!(ready.is_permitted());
    lose(&mut ready.world, 21..=24);
    ready.world.look_at_all();
    ready
}

#[test]
fn a_freeze_that_began_alone_ends_by_a_person_or_by_its_time() {
    let mut thawed = bereft();
    let freeze = thawed.world.state.frozen.clone().unwrap();
    assert_eq!(freeze.until, freeze.since + Seconds::days(7));
    let held = (Some(Changed("deletions are frozen")), Some(Hold::Frozen { until: freeze.until }));
    assert_eq!(thawed.judged(), held);
    thawed.world.ask(Ask::Thaw);
    // The audit let it wait, and it is proposed again a little later.
    thawed.world.wait(Seconds::minutes(1));
    assert!(thawed.is_permitted(), "{:?}", thawed.judged());
    // What is still gone was told, and freezes nothing again.
    thawed.world.look(&Scope::Machines);
    assert_eq!(thawed.world.state.frozen, None);
    let mut waited = bereft();
    waited.world.wait(Seconds::days(7));
    waited.world.pass();
    assert_eq!(waited.world.state.frozen, None);
    assert!(waited.world.rows.iter().any(|row| matches!(row.event, Event::Lapsed(Lapsed::Freeze { .. }))));
}

#[test]
fn a_persons_shorter_freeze_does_not_take_the_place_of_one_that_began_alone() {
    let mut world = World::new(4);
    lose(&mut world, 1..=4);
    let own = world.state.frozen.clone().unwrap();
    let freeze = |until| Ask::Freeze { until, reason: "audit".to_owned() };
    let judged = |days| judge(&world.state, world.now, &freeze(world.now + Seconds::days(days)));
    assert_eq!(judged(1), Err(AskRefusal::FreezeShorter(own.until)));
    assert_eq!(judged(8), Ok(()));
    assert_eq!(judge(&world.state, world.now, &freeze(own.until)), Ok(()), "as long is no shorter");
}

#[test]
fn a_freeze_that_begins_alone_makes_a_persons_freeze_longer_and_never_shorter() {
    for (days, by_itself) in [(1, true), (30, false)] {
        let mut world = World::new(4);
        let until = world.now + Seconds::days(days);
        world.ask(Ask::Freeze { until, reason: "audit".to_owned() });
        lose(&mut world, 1..=4);
        assert_eq!(world.state.frozen.as_ref().map(|freeze| freeze.by_itself), Some(by_itself));
    }
}
