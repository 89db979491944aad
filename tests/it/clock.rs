//! A daemon whose clock jumps, begins in 1970 or sleeps for a week, judged by the cloud's truth.

use std::cell::RefCell;
use std::rc::Rc;

use quartermaster::domain::policy::Retention;
use quartermaster::domain::time::Seconds;
use quartermaster::rehearsal::disturb::{Disturbance, What};
use quartermaster::rehearsal::run::{self, Nobody};
use quartermaster::rehearsal::setup::Setup;
use quartermaster::rehearsal::summary::Summary;
use quartermaster::sim::dialect::Dialect;

const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;
const MINUTE: u64 = 60;
/// 3,653 days: the hours of the day stay what they are.
const TEN_YEARS: i64 = 315_619_200;
/// What a daily backup may be late by, one after another: three machines, and a check after each.
const QUEUE: u64 = 100 * MINUTE;
/// Creates wait this long at most for a clock to be believed again.
const UNSURE: u64 = 30 * MINUTE;

/// Twenty days of three machines, in which a replaced backup is deleted each day.
fn twenty_days(disturbances: &[(u64, What)]) -> Summary {
    let directory = tempfile::tempdir().unwrap();
    let disturbances =
        disturbances.iter().map(|(after, what)| Disturbance { after: Seconds(*after), what: *what });
    let setup = Setup {
        length: Seconds::days(20),
        machines: 3,
        keep_last: 3,
        seed: 5,
        faults: "none".to_owned(),
        dialect: Dialect::plain(),
        durable: false,
        directory: directory.path().to_owned(),
        also: Retention::default(),
        is_varied: false,
        disturbances: disturbances.collect(),
    };
    let summary = run::run(&setup, Rc::new(RefCell::new(Nobody))).unwrap();
    assert!(summary.is_clean(), "{summary:?}");
    summary
}

/// Backups went on within half an hour, and deletions went on after all.
fn went_on(summary: &Summary, longest_wait: u64, least_deleted: u64) {
    let bound = longest_wait + UNSURE + QUEUE;
    assert!(
        summary.worst_rpo_seconds <= bound,
        "{} s without a backup: {summary:?}",
        summary.worst_rpo_seconds
    );
    assert!(summary.backups_deleted >= least_deleted, "{summary:?}");
}

#[test]
fn a_clock_that_stays_right_is_the_measure() {
    let summary = twenty_days(&[]);
    went_on(&summary, DAY - UNSURE, 47);
    assert_eq!(summary.backups_taken, 60);
}

#[test]
fn a_clock_in_2036_and_back_stops_no_backup_and_deletes_nothing_wrong() {
    // Once in step with the hours of the day, once seven hours off, and once in the middle of a backup.
    for (begins, ends, ahead) in [
        (6 * DAY + HOUR, 8 * DAY + 13 * HOUR, TEN_YEARS),
        (6 * DAY + 12 * HOUR, 8 * DAY + 13 * HOUR, TEN_YEARS + 7 * 3_600),
        (6 * DAY + 2 * HOUR + 7 * MINUTE, 6 * DAY + 2 * HOUR + 9 * MINUTE, TEN_YEARS),
    ] {
        let wrong = [(begins, What::WrongBySeconds(ahead)), (ends, What::WrongBySeconds(0))];
        went_on(&twenty_days(&wrong), DAY, 42);
    }
}

#[test]
fn a_clock_that_goes_back_an_hour_makes_no_backup_twice() {
    let wrong = [
        (6 * DAY + 3 * HOUR, What::WrongBySeconds(-3_600)),
        (9 * DAY + 2 * HOUR + MINUTE, What::WrongBySeconds(-7_200)),
        (12 * DAY, What::WrongBySeconds(0)),
    ];
    let summary = twenty_days(&wrong);
    went_on(&summary, DAY + 2 * HOUR, 36);
    assert!(summary.backups_taken <= 66, "{summary:?}");
}

#[test]
fn a_start_in_1970_backs_up_and_goes_on_once_the_clock_is_right() {
    // The first day of March 2026 is 20,513 days after the first of January 1970.
    let in_1970 = -(20_513 * 86_400);
    for ends in [20 * MINUTE, 3 * HOUR, 26 * HOUR] {
        let wrong = [(0, What::WrongBySeconds(in_1970)), (ends, What::WrongBySeconds(0))];
        went_on(&twenty_days(&wrong), DAY, 42);
    }
}

#[test]
fn a_machine_that_slept_for_a_week_backs_up_when_it_wakes() {
    // Ten hours after the last backup, and just before the next.
    for (begins, since_last) in [(6 * DAY + 12 * HOUR, 10 * HOUR), (6 * DAY + HOUR + 50 * MINUTE, DAY)] {
        let asleep = [(begins, What::Suspend(Seconds::days(7)))];
        went_on(&twenty_days(&asleep), 7 * DAY + since_last, 20);
    }
}
