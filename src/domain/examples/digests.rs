//! Digests: when they come, and what goes on when they do.

use super::alerts::{news, told};
use super::world::World;
use crate::domain::alert::event::Content;
use crate::domain::alert::matter::{Level, Matter};
use crate::domain::event::{Event, KeyJudged};
use crate::domain::time::Seconds;

#[test]
fn the_digest_comes_each_week_even_when_all_is_well_and_once_for_weeks_that_were_missed() {
    let mut world = told();
    world.adopt(|set| set.alerts.digest = Some("0 8 * * 1".to_owned()));
    let count = |world: &mut World, days: u64| {
        world.wait(Seconds::days(days));
        let letters = world.tell();
        letters.iter().for_each(|letter| world.send(&letter.id));
        letters.iter().filter(|letter| news(letter).is_none()).count()
    };
    // Noon of a Sunday: the next Monday is a day away.
    let days: Vec<usize> = (0..9).map(|_| count(&mut world, 1)).collect();
    assert_eq!(days, [1, 0, 0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(count(&mut world, 50), 1);
}

#[test]
fn what_begins_or_ends_in_the_pass_of_a_digest_did_so_before_it() {
    let mut world = told();
    world.adopt(|set| set.alerts.digest = Some("0 8 * * 1".to_owned()));
    let refused = |status| Event::KeyJudged(KeyJudged { refused: status });
    let goes_on = |world: &mut World| {
        world.wait(Seconds::days(7));
        let letters = world.tell();
        letters.iter().for_each(|letter| world.send(&letter.id));
        let found = letters.into_iter().find_map(|letter| match letter.content {
            Content::Digest(review) => Some(review.alerts.get(&Matter::KeyRefused).copied()),
            Content::Alert(_) => None,
        });
        found.expect("a digest each week")
    };
    assert_eq!(goes_on(&mut world), None);
    world.record(refused(Some(401)));
    assert_eq!(goes_on(&mut world), Some(Level::Warning));
    world.record(refused(None));
    // It is over once it was calm for a while: that is found in the pass of the next digest.
    world.tell();
    assert!(world.level(Matter::KeyRefused).is_some());
    assert_eq!(goes_on(&mut world), None);
}
