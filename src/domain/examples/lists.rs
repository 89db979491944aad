//! Lists that cannot be read while others can, and a bound on deletions that lets the shelf grow: both are told.

use super::alerts::{news, told};
use super::world::World;
use crate::domain::alert::event::Step;
use crate::domain::alert::matter::{Fact, Level, Matter};
use crate::domain::fleet::Scope;
use crate::domain::time::Seconds;

fn miss_snapshots(world: &mut World, times: u32) {
    (0..times).for_each(|_| world.miss(Scope::Snapshots));
    world.look(&Scope::Machines);
}

#[test]
fn one_list_that_is_missing_for_hours_while_others_answer_is_told() {
    let mut world = told();
    miss_snapshots(&mut world, 2);
    assert_eq!((world.tell_and_send(), world.level(Matter::ListsBlind)), (vec![], None));
    miss_snapshots(&mut world, 1);
    assert_eq!((world.tell_and_send(), world.level(Matter::ListsBlind)), (vec![], Some(Level::Warning)));
    world.wait(Seconds::minutes(6 * 60 - 1));
    miss_snapshots(&mut world, 1);
    assert_eq!(world.tell_and_send(), []);
    world.wait(Seconds::minutes(1));
    let letters = world.tell();
    let facts = letters.iter().filter_map(news).map(|news| news.facts.clone());
    let (listing, said) = ("snapshots".to_owned(), "no answer".to_owned());
    assert_eq!(facts.collect::<Vec<_>>(), [[Fact::Unread { listing, misses: 4, said }]]);
    letters.iter().for_each(|letter| world.send(&letter.id));
    world.look(&Scope::Snapshots);
    assert_eq!(world.tell_and_send(), [], "it must be better for half an hour");
    world.wait(Seconds::minutes(30));
    assert_eq!(world.tell_and_send(), [(Matter::ListsBlind, Step::Over, Level::Warning)]);
}

#[test]
fn where_no_list_can_be_read_the_unreachable_cloud_is_told_and_no_list() {
    let mut world = told();
    let scopes = [Scope::Snapshots, Scope::Machines, Scope::Images];
    world.miss(Scope::Machines);
    world.wait(Seconds::minutes(5));
    scopes.iter().for_each(|scope| (0..3).for_each(|_| world.miss(scope.clone())));
    world.tell_and_send();
    world.wait(Seconds::minutes(55));
    assert_eq!(world.tell_and_send(), [(Matter::ApiUnreachable, Step::Began, Level::Warning)]);
    world.wait(Seconds::hours(7));
    assert_eq!(world.tell_and_send(), []);
}

#[test]
fn a_bound_on_deletions_below_one_and_a_half_times_the_backups_of_a_day_is_told_once() {
    let mut world = told();
    // Two machines, one night each.
    let mut bound = |cap| {
        world.adopt(|set| set.rules.day_cap = Some(cap));
        let told = world.tell_and_send();
        world.wait(Seconds::days(1));
        world.tell_and_send();
        told.into_iter().filter(|(matter, ..)| *matter == Matter::DayCapLow).collect::<Vec<_>>()
    };
    assert_eq!(bound(3), []);
    assert_eq!(bound(2), [(Matter::DayCapLow, Step::Began, Level::Notice)]);
    assert_eq!(bound(2), [], "a notice is told once");
    assert_eq!(bound(3), [], "and its end is not: a person made it");
}
