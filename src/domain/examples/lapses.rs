//! Requests that came to nothing within a day, and what held them.

use super::world::{World, machine_id};
use crate::domain::ask::Ask;
use crate::domain::event::{Event, Lapsed};
use crate::domain::fleet::MachineStatus;
use crate::domain::time::Seconds;

/// Why the one request that lapsed did.
pub fn lapse(world: &World) -> String {
    let lapsed = world.rows.iter().find_map(|row| match &row.event {
        Event::Lapsed(Lapsed::Request { why, .. }) => Some(why.clone()),
        _ => None,
    });
    lapsed.unwrap()
}

#[test]
fn a_create_that_lapses_says_what_held_it() {
    let mut world = World::new(1);
    world.wait_for_slot();
    world.look_at_all();
    world.cloud.machines.get_mut(&machine_id(1)).unwrap().status = MachineStatus::Shutoff;
    world.look_at_all();
    world.ask(Ask::Create { machine: machine_id(1), expire: None });
    world.wait(Seconds::hours(24));
    world.look_at_all();
    world.conclude();
    assert_eq!(lapse(&world), "it could not be done within 24 h: its machine was SHUTOFF");
    let mut world = World::new(1);
    world.wait_for_slot();
    world.look_at_all();
    world.ask(Ask::Create { machine: machine_id(1), expire: None });
    world.wait(Seconds::hours(24));
    world.conclude();
    let unseen = "machines and snapshots could not be looked at completely";
    assert_eq!(lapse(&world), format!("it could not be done within 24 h: {unseen}"));
}
