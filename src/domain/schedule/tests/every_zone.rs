//! I11 over every zone of the database and every change of its clock from 1970 to 2037.
//!
//! The judge is a second, naive reading of the rule: it knows the stretches between changes and
//! plain arithmetic, and neither the cron crate nor the search that it judges.

use std::collections::BTreeMap;

use crate::domain::schedule::*;

const DAY: i64 = 86_400;
/// 1970-01-01 and 2038-01-01.
const BEGIN: i64 = 0;
const END: i64 = 2_145_916_800;
/// Around each change: more than a day on both sides, since whole days were skipped.
const AROUND: i64 = 30 * 3600;
const AROUND_WILD: i64 = 3 * 3600;
/// The passes of a daemon are no round number apart.
const BETWEEN_PASSES: i64 = 8 * 3600 + 1_237;

/// The days on which a fixed time is owed.
#[derive(Clone, Copy)]
enum Days {
    All,
    /// 0 is Sunday.
    Weekday(i64),
    OfMonth(i8),
    Of(i8, i8),
}

/// Cron on the left, what it means on the right.
const FIXED: [(&str, Days, &[i64]); 11] = [
    ("0 0 * * *", Days::All, &[0]),
    ("30 2 * * *", Days::All, &[9_000]),
    ("0 2,14 * * *", Days::All, &[7_200, 50_400]),
    ("15 0,1,2,3 * * *", Days::All, &[900, 4_500, 8_100, 11_700]),
    ("59 23 * * *", Days::All, &[86_340]),
    ("30 30 1 * * *", Days::All, &[5_430]),
    ("5,50 30 0,2 * * *", Days::All, &[1_805, 1_850, 9_005, 9_050]),
    ("30 2 * * 0", Days::Weekday(0), &[9_000]),
    ("0 1 * * 6", Days::Weekday(6), &[3_600]),
    ("0 0 1 * *", Days::OfMonth(1), &[0]),
    ("0 12 31 12 *", Days::Of(31, 12), &[43_200]),
];

/// Cron on the left; on the right every how many seconds of the wall, in which hour of it.
const WILD: [(&str, i64, Option<i64>); 4] = [
    ("0 * * * *", 3_600, None),
    ("*/20 * * * *", 1_200, None),
    ("*/10 2 * * *", 600, Some(2)),
    ("*/30 0 1 * * *", 30, Some(1)),
];

/// A stretch of time in which a zone's wall keeps one distance from UTC.
#[derive(Clone, Copy)]
struct Stretch {
    begins: i64,
    ends: i64,
    offset: i64,
}

fn stretches(zone: &TimeZone) -> Vec<Stretch> {
    let begin = jiff::Timestamp::from_second(BEGIN - 400 * DAY).unwrap();
    let mut offset = i64::from(zone.to_offset(begin).seconds());
    let mut begins = begin.as_second();
    let mut found = Vec::new();
    for change in zone.following(begin).take_while(|change| change.timestamp().as_second() < END + 400 * DAY)
    {
        let (at, new) = (change.timestamp().as_second(), i64::from(change.offset().seconds()));
        if new != offset {
            found.push(Stretch { begins, ends: at, offset });
            (begins, offset) = (at, new);
        }
    }
    found.push(Stretch { begins, ends: i64::MAX, offset });
    found
}

/// When a time that is owed once runs: at its first showing, or when the clock jumps over it.
fn instant_of(stretches: &[Stretch], reading: i64) -> i64 {
    for stretch in stretches {
        let instant = reading - stretch.offset;
        if stretch.begins <= instant && instant < stretch.ends {
            return instant;
        }
    }
    let jump = stretches
        .windows(2)
        .find(|two| two[0].ends + two[0].offset <= reading && reading < two[1].begins + two[1].offset);
    jump.unwrap()[1].begins
}

fn is_owed(day: i64, days: Days) -> bool {
    let date = wall::datetime_of(day * DAY).unwrap().date();
    match days {
        Days::All => true,
        // The first of January 1970 was a Thursday.
        Days::Weekday(wanted) => (day + 4).rem_euclid(7) == wanted,
        Days::OfMonth(wanted) => date.day() == wanted,
        Days::Of(wanted, month) => date.day() == wanted && date.month() == month,
    }
}

fn expected_fixed(stretches: &[Stretch], days: Days, times: &[i64], from: i64, until: i64) -> Vec<i64> {
    let mut found = Vec::new();
    // What the wall shows differs from UTC by less than two days, and whole days were skipped.
    for day in (from.div_euclid(DAY) - 3)..=(until.div_euclid(DAY) + 3) {
        if is_owed(day, days) {
            found.extend(times.iter().map(|time| instant_of(stretches, day * DAY + time)));
        }
    }
    found.retain(|slot| *slot > from && *slot <= until);
    found.sort_unstable();
    // Two that one jump pushes together are one slot.
    found.dedup();
    found
}

fn expected_wild(stretches: &[Stretch], every: i64, hour: Option<i64>, from: i64, until: i64) -> Vec<i64> {
    let mut found = Vec::new();
    for stretch in stretches {
        let (begins, ends) = (stretch.begins.max(from + 1), stretch.ends.min(until + 1));
        let first = (begins + stretch.offset + every - 1).div_euclid(every) * every;
        for reading in (first..ends.saturating_add(stretch.offset)).step_by(every.unsigned_abs() as usize) {
            if hour.is_none_or(|hour| reading.rem_euclid(DAY) / 3_600 == hour) {
                // An expression for seconds of one minute names that minute alone.
                let is_named = every != 30 || reading.rem_euclid(3_600) < 60;
                found.extend(is_named.then_some(reading - stretch.offset));
            }
        }
    }
    found
}

/// Forwards, backwards, and as a daemon decides: pass by pass, each from what is decided already.
fn found(schedule: &Schedule, from: i64, until: i64) -> [Vec<i64>; 3] {
    let (begin, end) = (Timestamp::from_seconds(from), Timestamp::from_seconds(until));
    let mut forwards = Vec::new();
    let mut slot = begin;
    while let Some(next) = schedule.next_after(slot).filter(|next| *next <= end) {
        forwards.push(next.seconds());
        slot = next;
    }
    let mut backwards = Vec::new();
    let mut slot = end;
    while let Some(previous) = schedule.latest_at_or_before(slot, begin) {
        backwards.push(previous.seconds());
        slot = previous.shifted(-1);
    }
    backwards.reverse();
    let mut decided = Vec::new();
    let (mut until_now, mut pass) = (begin, from);
    while pass < until {
        pass = (pass + BETWEEN_PASSES).min(until);
        let now = Timestamp::from_seconds(pass);
        let Some(latest) = schedule.latest_at_or_before(now, until_now) else { continue };
        while let Some(missed) = schedule.next_after(until_now).filter(|missed| *missed <= latest) {
            decided.push(missed.seconds());
            until_now = missed;
        }
    }
    [forwards, backwards, decided]
}

#[derive(Default)]
struct Counted {
    zones: usize,
    changes: usize,
    fixed: usize,
    wild: usize,
    wrong: Vec<String>,
}

impl Counted {
    fn compare(&mut self, of: &str, schedule: &Schedule, expected: &[i64], from: i64, until: i64) {
        let ways = found(schedule, from, until);
        for (way, found) in ["forwards", "backwards", "by passes"].iter().zip(ways) {
            if found != expected {
                self.wrong.push(format!("{of}, {way}, after {from}: {found:?} and not {expected:?}"));
            }
        }
    }
}

/// The time of day in the middle of what a change skips or shows twice.
fn middle(before: Stretch, after: Stretch) -> i64 {
    let reading = after.begins + i64::midpoint(before.offset, after.offset);
    reading.rem_euclid(DAY) / 60 * 60
}

fn judge_zone(name: &str, patterns: &mut BTreeMap<String, Pattern>, counted: &mut Counted) {
    let zone = super::zone(name).unwrap();
    let stretches = stretches(&zone);
    let mut schedule_of = |cron: &str| {
        let pattern = patterns.entry(cron.to_owned()).or_insert_with(|| Pattern::parse(cron).unwrap());
        Schedule { pattern: pattern.clone(), zone: zone.clone() }
    };
    let fixed = FIXED.map(|(cron, days, times)| (cron, schedule_of(cron), days, times));
    let wild = WILD.map(|(cron, every, hour)| (cron, schedule_of(cron), every, hour));
    counted.zones += 1;
    for position in 1..stretches.len() {
        let at = stretches[position].begins;
        if !(BEGIN..END).contains(&at) {
            continue;
        }
        counted.changes += 1;
        let near = &stretches[position.saturating_sub(4)..(position + 4).min(stretches.len())];
        let (from, until) = (at - AROUND, at + AROUND);
        for (cron, schedule, days, times) in &fixed {
            let expected = expected_fixed(near, *days, times, from, until);
            counted.fixed += expected.len();
            counted.compare(&format!("{name} {cron}"), schedule, &expected, from, until);
        }
        let time = middle(stretches[position - 1], stretches[position]);
        let cron = format!("{} {} * * *", time / 60 % 60, time / 3_600);
        let expected = expected_fixed(near, Days::All, &[time], from, until);
        counted.fixed += expected.len();
        counted.compare(&format!("{name} {cron}"), &schedule_of(&cron), &expected, from, until);
        let (from, until) = (at - AROUND_WILD, at + AROUND_WILD);
        for (cron, schedule, every, hour) in &wild {
            let expected = expected_wild(near, *every, *hour, from, until);
            counted.wild += expected.len();
            counted.compare(&format!("{name} {cron}"), schedule, &expected, from, until);
        }
    }
}

/// Without optimisation a sample of the zones is enough: the whole takes minutes then.
fn judge_every_zone() -> Counted {
    let step = if cfg!(debug_assertions) { 20 } else { 1 };
    let mut counted = Counted::default();
    let mut patterns = BTreeMap::new();
    for name in TimeZoneDatabase::bundled().available().step_by(step) {
        if super::zone(name.as_str()).is_ok() {
            judge_zone(name.as_str(), &mut patterns, &mut counted);
        }
    }
    counted
}

#[test]
fn every_fixed_time_of_every_zone_is_decided_exactly_once() {
    let Counted { zones, changes, fixed, wild, wrong } = judge_every_zone();
    println!(
        "{zones} zones, {changes} changes of the clock, {fixed} fixed and {wild} wild slots, three ways"
    );
    let shown = wrong.iter().take(12).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} differ:\n{shown}", wrong.len());
    assert!(zones >= 10 && changes > 500 && fixed > 10_000 && wild > 5_000, "almost nothing was judged");
}

#[cfg(feature = "planted-bugs")]
#[test]
fn a_naive_reading_of_summer_time_is_noticed_in_gaps_and_in_overlaps() {
    use crate::planted::{Bug, plant};
    plant(Some(Bug::NaiveSummerTime));
    let wrong = judge_every_zone().wrong;
    plant(None);
    assert!(wrong.len() > 1_000, "only {} differ", wrong.len());
}
