//! What a person is told of the credits: each worsening, repeats, and never an end for want of data.

use super::alerts::{USD, news, told};
use crate::domain::alert::event::Step;
use crate::domain::alert::matter::{Level, Matter};
use crate::domain::alert::purse::purses;
use crate::domain::fleet::Scope;
use crate::domain::id::LetterId;
use crate::domain::money::Currency;
use crate::domain::time::Seconds;

#[test]
fn each_worsening_of_a_balance_is_told_at_once_and_the_first_sight_of_a_low_one_too() {
    let mut world = told();
    world.see_balance(200);
    assert_eq!(world.tell_and_send(), []);
    for (usd, level) in [
        (99, Level::Notice),
        (49, Level::Warning),
        (19, Level::Urgent),
        (4, Level::Critical),
        (0, Level::Out),
    ] {
        world.see_balance(usd);
        let step = if level == Level::Notice { Step::Began } else { Step::Worse };
        assert_eq!(world.tell_and_send(), [(USD, step, level)], "{usd} USD");
        assert_eq!(world.tell_and_send(), [], "{usd} USD, again");
    }
    let mut world = told();
    world.see_balance(4);
    assert_eq!(world.tell_and_send(), [(USD, Step::Began, Level::Critical)]);
}

#[test]
fn a_rung_is_left_only_a_quarter_above_it_and_held_for_half_an_hour() {
    let mut world = told();
    world.see_balance(19);
    world.tell_of_money();
    // 24 USD are above 20, and not by a quarter.
    world.see_balance(24);
    world.wait(Seconds::hours(1));
    assert_eq!(world.tell_of_money(), []);
    assert_eq!(world.level(USD), Some(Level::Urgent));
    world.see_balance(130);
    assert_eq!(world.tell_of_money(), []);
    world.wait(Seconds::minutes(29));
    assert_eq!((world.tell_of_money(), world.level(USD)), (vec![], Some(Level::Urgent)));
    // A moment below begins the half hour anew.
    world.see_balance(24);
    world.tell_of_money();
    world.see_balance(130);
    world.tell_of_money();
    world.wait(Seconds::minutes(29));
    assert_eq!((world.tell_of_money(), world.level(USD)), (vec![], Some(Level::Urgent)));
    world.wait(Seconds::minutes(1));
    assert_eq!(world.tell_of_money(), [(Step::Over, Level::Urgent)]);
    assert_eq!(world.level(USD), None);
    world.wait(Seconds::days(9));
    assert_eq!(world.tell_of_money(), []);
}

#[test]
fn a_rung_that_was_left_is_told_again_when_it_is_reached_again() {
    let mut world = told();
    world.see_balance(4);
    world.tell_of_money();
    world.see_balance(30);
    world.tell_of_money();
    world.wait(Seconds::minutes(30));
    assert_eq!((world.tell_of_money(), world.level(USD)), (vec![], Some(Level::Warning)));
    world.see_balance(4);
    assert_eq!(world.tell_of_money(), [(Step::Worse, Level::Critical)]);
}

/// Planted in `planted`.
#[test]
pub fn no_level_is_left_because_the_balance_cannot_be_read() {
    let mut world = told();
    world.see_balance(4);
    world.tell_and_send();
    world.miss_the_balance(3);
    world.tell_and_send();
    assert_eq!(world.level(USD), Some(Level::Critical));
    assert_eq!(world.level(Matter::BalanceBlind), Some(Level::Warning));
    world.wait(Seconds::minutes(60));
    world.look(&Scope::Snapshots);
    assert_eq!(world.tell_and_send(), [(Matter::BalanceBlind, Step::Began, Level::Warning)]);
    world.wait(Seconds::days(3));
    world.tell_and_send();
    assert_eq!(world.level(USD), Some(Level::Critical));
    // Nothing of before a restart is believed either, and the rise must be seen for half an hour.
    world.restart();
    world.tell_and_send();
    assert_eq!(world.level(USD), Some(Level::Critical));
    world.see_balance(500);
    world.tell_and_send();
    world.miss_the_balance(3);
    world.wait(Seconds::hours(1));
    world.tell_and_send();
    assert_eq!(world.level(USD), Some(Level::Critical));
}

#[test]
fn where_nothing_can_be_read_it_is_no_news_that_the_balance_cannot() {
    let mut world = told();
    world.see_balance(500);
    world.miss(Scope::Snapshots);
    world.wait(Seconds::minutes(15));
    world.miss_the_balance(3);
    world.tell_and_send();
    world.wait(Seconds::minutes(45));
    assert_eq!(world.tell_and_send(), [(Matter::ApiUnreachable, Step::Began, Level::Warning)]);
    world.wait(Seconds::hours(5));
    assert_eq!(world.tell_and_send(), []);
    assert_eq!(world.level(Matter::BalanceBlind), Some(Level::Warning), "but it is known");
    world.look(&Scope::Snapshots);
    world.tell_and_send();
    world.wait(Seconds::minutes(30));
    let over = (Matter::ApiUnreachable, Step::Over, Level::Warning);
    assert_eq!(world.tell_and_send(), [over]);
    assert_eq!(world.tell_and_send(), [(Matter::BalanceBlind, Step::Began, Level::Warning)]);
}

#[test]
fn a_level_is_told_again_as_often_as_it_is_grave() {
    for (usd, level, gaps) in [
        (99, Level::Notice, &[][..]),
        (49, Level::Warning, &[24, 24, 24]),
        (19, Level::Urgent, &[6, 6, 6, 6]),
        (4, Level::Critical, &[1, 1, 1, 1, 1]),
        (0, Level::Out, &[1, 1, 1, 24, 24, 24]),
    ] {
        let mut world = told();
        world.see_balance(usd);
        world.tell_of_money();
        for hours in gaps {
            world.wait(Seconds(hours * 3_600 - 60));
            assert_eq!(world.tell_of_money(), [], "{level:?} too early");
            world.wait(Seconds(60));
            assert_eq!(world.tell_of_money(), [(Step::Again, level)]);
        }
        if gaps.is_empty() {
            world.wait(Seconds::days(30));
            assert_eq!(world.tell_of_money(), []);
        }
    }
}

#[test]
fn what_still_waits_is_not_repeated_and_what_is_worse_is_written_all_the_same() {
    let mut world = told();
    world.see_balance(4);
    assert_eq!(world.tell().len(), 1);
    world.wait(Seconds::days(2));
    assert_eq!(world.tell().iter().filter_map(news).filter(|news| news.matter == USD).count(), 0);
    world.see_balance(0);
    let worse = world.tell();
    let worse = worse.iter().find(|letter| news(letter).is_some_and(|news| news.matter == USD)).unwrap();
    assert_eq!(news(worse).unwrap().step, Step::Worse);
    // However long nothing leaves, the letters of one matter that wait are few.
    for _ in 0..100 {
        world.see_balance(500);
        world.tell();
        world.wait(Seconds::hours(1));
        world.see_balance(500);
        world.tell();
        world.see_balance(0);
        world.tell();
    }
    let waiting = world.state.alerts.waiting.values().filter(|one| one.is_of(USD)).count();
    assert!((3..=9).contains(&waiting), "{waiting} wait");
    // What was held back is told as soon as there is room.
    let waiting: Vec<LetterId> = world.state.alerts.waiting.keys().cloned().collect();
    waiting.iter().for_each(|id| world.send(id));
    world.see_balance(0);
    assert!(world.tell_and_send().contains(&(USD, Step::Began, Level::Out)));
}

#[test]
fn letters_of_one_episode_refer_to_its_first_and_no_two_share_an_id() {
    let mut world = told();
    world.see_balance(99);
    let first = world.tell().remove(0);
    assert_eq!((first.root.as_ref(), first.head.as_str()), (None, "0123456789ab@7"));
    world.see_balance(19);
    let second = world.tell().remove(0);
    assert_eq!(second.root.as_ref(), Some(&first.id));
    assert_ne!(second.id, first.id);
    world.see_balance(500);
    world.tell();
    world.wait(Seconds::minutes(30));
    let over = world.tell();
    let over = over.iter().find(|letter| news(letter).is_some_and(|news| news.step == Step::Over)).unwrap();
    assert_eq!(over.root.as_ref(), Some(&first.id));
    world.see_balance(99);
    assert_eq!(world.tell().remove(0).root, None);
}

#[test]
fn a_balance_is_believed_for_two_looks_that_failed_and_not_for_three() {
    for (missed, is_believed) in [(2, true), (3, false)] {
        let mut world = told();
        world.see_balance(500);
        world.miss_the_balance(missed);
        let known = purses(&world.state, world.now);
        assert_eq!(known[&Currency::Usd].is_some(), is_believed, "{missed} missed");
    }
}
