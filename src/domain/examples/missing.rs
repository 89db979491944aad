//! Much of ours in no list any more: a person hears of it long before it is believed.

use super::alerts::{news, told};
use super::world::World;
use crate::domain::alert::event::Step;
use crate::domain::alert::matter::{Fact, Level, Matter};
use crate::domain::backup::Life;
use crate::domain::fleet::Scope;
use crate::domain::time::Seconds;

const BEGAN: (Matter, Step, Level) = (Matter::BackupsMissing, Step::Began, Level::Urgent);
const OVER: (Matter, Step, Level) = (Matter::BackupsMissing, Step::Over, Level::Urgent);

/// Two machines and one night; then lists that are empty.
fn emptied() -> World {
    let mut world = told();
    world.take_all();
    world.tell_and_send();
    world.cloud.snapshots.clear();
    world.look_at_all();
    assert_eq!(world.tell_and_send(), []);
    world
}

#[test]
fn much_of_ours_that_is_in_no_list_for_a_quarter_of_an_hour_is_told_and_so_is_its_end() {
    let mut world = told();
    world.take_all();
    let all = world.cloud.snapshots.clone();
    world.cloud.snapshots.clear();
    world.look_at_all();
    let since = world.now;
    world.wait(Seconds(15 * 60 - 1));
    world.look_at_all();
    assert_eq!((world.tell_and_send(), world.level(Matter::BackupsMissing)), (vec![], None));
    world.wait(Seconds(1));
    world.look_at_all();
    let letters = world.tell();
    let told = letters.iter().filter_map(news).map(|news| (news.matter, news.level, news.facts.clone()));
    let fact = Fact::Missing { backups: 2, since };
    assert_eq!(told.collect::<Vec<_>>(), [(Matter::BackupsMissing, Level::Urgent, vec![fact])]);
    letters.iter().for_each(|letter| world.send(&letter.id));
    world.cloud.snapshots = all;
    world.look_at_all();
    assert_eq!(world.tell_and_send(), [], "it must be better for half an hour");
    world.wait(Seconds(30 * 60));
    world.look_at_all();
    assert_eq!(world.tell_and_send(), [OVER]);
}

#[test]
fn one_list_without_ours_tells_nothing_however_long_ago_it_was() {
    let mut world = emptied();
    for _ in 0..4 {
        world.wait(Seconds::hours(1));
        world.miss(Scope::Snapshots);
        world.look(&Scope::Machines);
        assert_eq!(
            (world.tell_and_send().contains(&BEGAN), world.level(Matter::BackupsMissing)),
            (false, None)
        );
    }
    world.look(&Scope::Snapshots);
    assert!(world.tell_and_send().contains(&BEGAN), "a second one agrees");
}

#[test]
fn what_is_believed_after_a_day_is_told_as_deleted_and_ends_the_doubt() {
    let mut world = emptied();
    let mut told = Vec::new();
    for _ in 0..26 {
        world.wait(Seconds::hours(1));
        world.pass();
        told.extend(
            world
                .tell_and_send()
                .into_iter()
                .filter(|(matter, ..)| matches!(matter, Matter::BackupsMissing | Matter::ForeignDeletion)),
        );
    }
    let again = (Matter::BackupsMissing, Step::Again, Level::Urgent);
    let deleted = (Matter::ForeignDeletion, Step::Began, Level::Notice);
    assert_eq!(told, [BEGAN, again, again, again, deleted, OVER]);
    assert!(world.state.backups.values().all(|backup| backup.life != Life::Good));
}
