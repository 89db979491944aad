//! Retention in examples that one can check by eye; the laws stand beside them.

use super::*;
use crate::domain::policy::Preset;

pub mod laws;

pub const NOW: i64 = 1_772_330_400; // 2026-03-01T02:00:00Z

/// A backup and when it was taken.
pub type Taken = (BackupId, Timestamp);

pub fn candidate(id: &str, taken_at: &str) -> Taken {
    (BackupId::new(id), taken_at.parse().unwrap())
}

pub fn judged<'a>(
    shelf: &'a [Taken],
    retention: &Retention,
    zone: &TimeZone,
) -> BTreeMap<&'a BackupId, Verdict> {
    let candidates: Vec<_> =
        shelf.iter().map(|(id, taken_at)| Candidate { id, taken_at: *taken_at }).collect();
    judge(&candidates, retention, calendar(zone))
}

fn told(shelf: &[Taken], retention: &Retention, zone: &str) -> String {
    let zone = crate::domain::schedule::zone(zone).unwrap();
    let line = |(id, verdict): (&BackupId, Verdict)| match verdict {
        Verdict::Keep { reasons } => {
            format!("{id}: {}", reasons.iter().map(Reason::to_string).collect::<Vec<_>>().join(", "))
        }
        Verdict::Expire(_) => format!("{id}: expire"),
    };
    judged(shelf, retention, &zone).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn calendar(zone: &TimeZone) -> Calendar<'_> {
    Calendar { zone, now: Timestamp::from_seconds(NOW), skew: Seconds::minutes(2) }
}

fn keep(last: Option<u32>, daily: Option<u32>) -> Retention {
    Retention { keep_last: last.map(Keep::Count), keep_daily: daily.map(Keep::Count), ..Retention::default() }
}

#[test]
fn every_rule_that_keeps_a_backup_is_told() {
    let shelf = [
        candidate("a", "2026-02-28T20:00:00Z"),
        candidate("b", "2026-02-28T08:00:00Z"),
        candidate("c", "2026-02-27T20:00:00Z"),
        candidate("d", "2026-02-26T20:00:00Z"),
        candidate("e", "2026-02-25T20:00:00Z"),
    ];
    insta::assert_snapshot!(told(&shelf, &keep(Some(2), Some(3)), "UTC"), @r"
    a: last 1 of 2, daily 1 of 3
    b: last 2 of 2
    c: daily 2 of 3
    d: daily 3 of 3
    e: expire
    ");
}

#[test]
fn a_day_ends_at_midnight_in_the_policys_zone_not_in_utc() {
    let shelf = [candidate("a", "2026-02-27T23:30:00Z"), candidate("b", "2026-02-27T20:00:00Z")];
    insta::assert_snapshot!(told(&shelf, &keep(None, Some(2)), "Europe/Berlin"), @r"
    a: daily 1 of 2
    b: daily 2 of 2
    ");
    insta::assert_snapshot!(told(&shelf, &keep(None, Some(1)), "UTC"), @r"
    a: daily 1 of 1
    b: expire
    ");
}

#[test]
fn the_oldest_is_kept_while_a_daily_count_is_left() {
    let shelf = [candidate("a", "2026-02-27T23:30:00Z"), candidate("b", "2026-02-27T20:00:00Z")];
    insta::assert_snapshot!(told(&shelf, &keep(None, Some(7)), "UTC"), @r"
    a: daily 1 of 7
    b: oldest, daily not used up
    ");
}

#[test]
fn of_two_taken_at_once_the_smaller_id_counts_as_newer() {
    let shelf = [candidate("b", "2026-02-27T20:00:00Z"), candidate("a", "2026-02-27T20:00:00Z")];
    insta::assert_snapshot!(told(&shelf, &keep(Some(1), None), "UTC"), @r"
    a: last 1 of 1
    b: expire
    ");
}

#[test]
fn no_rule_at_all_keeps_everything() {
    let shelf = [candidate("a", "2026-02-27T20:00:00Z")];
    insta::assert_snapshot!(told(&shelf, &Retention::default(), "UTC"), @"a: no rule");
}

#[test]
fn a_backup_from_the_future_is_kept_and_takes_nobodys_place() {
    let shelf = [
        candidate("a", "2026-03-01T02:02:01Z"),
        candidate("b", "2026-03-01T02:02:00Z"),
        candidate("c", "2026-02-27T20:00:00Z"),
    ];
    insta::assert_snapshot!(told(&shelf, &keep(Some(1), None), "UTC"), @r"
    a: future
    b: last 1 of 1
    c: expire
    ");
}

fn reach(text: &str) -> Option<Reach> {
    Some(text.parse().unwrap())
}

#[test]
fn a_week_begins_on_monday_and_belongs_to_one_year() {
    // 29 December 2025 is the Monday of the week in which 2026 begins.
    let shelf = [
        candidate("a", "2026-01-04T12:00:00Z"),
        candidate("b", "2025-12-29T00:00:00Z"),
        candidate("c", "2025-12-28T23:59:59Z"),
        candidate("d", "2025-12-22T00:00:00Z"),
        candidate("e", "2025-12-21T12:00:00Z"),
    ];
    let weekly = Retention { keep_weekly: Some(Keep::Count(2)), ..Retention::default() };
    insta::assert_snapshot!(told(&shelf, &weekly, "UTC"), @r"
    a: weekly 1 of 2
    b: expire
    c: weekly 2 of 2
    d: expire
    e: expire
    ");
}

#[test]
fn months_years_and_hours_are_those_on_the_wall() {
    let shelf = [
        candidate("a", "2026-01-01T00:30:00Z"),
        candidate("b", "2025-12-31T23:30:00Z"),
        candidate("c", "2025-12-31T22:59:00Z"),
        candidate("d", "2025-12-31T22:01:00Z"),
        candidate("e", "2025-11-30T23:30:00Z"),
    ];
    let count = Some(Keep::Count(2));
    let words =
        Retention { keep_hourly: count, keep_monthly: count, keep_yearly: count, ..Retention::default() };
    insta::assert_snapshot!(told(&shelf, &words, "Europe/Berlin"), @r"
    a: hourly 1 of 2, monthly 1 of 2, yearly 1 of 2
    b: hourly 2 of 2
    c: monthly 2 of 2, yearly 2 of 2
    d: expire
    e: expire
    ");
}

#[test]
fn an_hour_that_the_wall_shows_twice_is_one_hour() {
    // 02:30 in summer, and 02:30 again in winter.
    let shelf = [
        candidate("a", "2025-10-26T01:30:00Z"),
        candidate("b", "2025-10-26T00:30:00Z"),
        candidate("c", "2025-10-25T23:30:00Z"),
    ];
    let hourly = Retention { keep_hourly: Some(Keep::Count(2)), ..Retention::default() };
    insta::assert_snapshot!(told(&shelf, &hourly, "Europe/Berlin"), @r"
    a: hourly 1 of 2
    b: expire
    c: hourly 2 of 2
    ");
}

#[test]
fn a_reach_counts_from_the_newest_and_leaves_its_bound_out() {
    let shelf = [
        candidate("a", "2026-01-10T12:00:00Z"),
        candidate("b", "2026-01-09T12:00:01Z"),
        candidate("c", "2026-01-09T12:00:00Z"),
    ];
    let within = Retention { keep_within: reach("1d"), ..Retention::default() };
    insta::assert_snapshot!(told(&shelf, &within, "UTC"), @r"
    a: within 1d
    b: within 1d
    c: expire
    ");
}

#[test]
fn a_reach_with_periods_keeps_the_newest_of_each_and_not_the_oldest() {
    let shelf = [
        candidate("a", "2026-01-10T12:00:00Z"),
        candidate("b", "2026-01-10T11:00:00Z"),
        candidate("c", "2026-01-09T13:00:00Z"),
        candidate("d", "2026-01-09T11:00:00Z"),
        candidate("e", "2026-01-08T11:00:00Z"),
    ];
    let within = Retention { keep_within_daily: reach("2d"), ..Retention::default() };
    insta::assert_snapshot!(told(&shelf, &within, "UTC"), @r"
    a: daily within 2d
    b: expire
    c: daily within 2d
    d: expire
    e: expire
    ");
}

#[test]
fn a_backup_from_the_future_moves_no_reach() {
    let shelf = [
        candidate("a", "2027-01-01T00:00:00Z"),
        candidate("b", "2026-02-28T12:00:00Z"),
        candidate("c", "2026-02-27T13:00:00Z"),
    ];
    let within = Retention { keep_within: reach("1d"), ..Retention::default() };
    insta::assert_snapshot!(told(&shelf, &within, "UTC"), @r"
    a: future
    b: within 1d
    c: within 1d
    ");
}

#[test]
fn what_is_older_than_delete_after_goes_whatever_keeps_it_and_is_not_the_oldest() {
    let shelf = [
        candidate("a", "2026-02-28T12:00:00Z"),
        candidate("b", "2026-02-28T11:00:00Z"),
        candidate("c", "2026-02-22T02:00:01Z"),
        candidate("d", "2026-02-22T02:00:00Z"),
    ];
    let words =
        Retention { keep_daily: Some(Keep::Count(9)), delete_after: reach("7d"), ..Retention::default() };
    insta::assert_snapshot!(told(&shelf, &words, "UTC"), @r"
    a: daily 1 of 9
    b: expire
    c: daily 2 of 9
    d: expire
    ");
    let alone = Retention { delete_after: reach("7d"), ..Retention::default() };
    insta::assert_snapshot!(told(&shelf, &alone, "UTC"), @r"
    a: no rule
    b: no rule
    c: no rule
    d: expire
    ");
}

#[test]
fn the_preset_daily_keeps_no_more_than_its_price_says() {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let hours = (0..1_000).map(|hour| (BackupId::new(format!("b{hour}")), start + Seconds::hours(hour)));
    let shelf: Vec<Taken> = hours.collect();
    for (count, expected) in [(1, 1), (30, 3), (1_000, 3)] {
        let verdicts = judged(&shelf[..count], &Preset::Daily.retention(), &TimeZone::UTC);
        let kept = verdicts.values().filter(|verdict| matches!(verdict, Verdict::Keep { .. })).count();
        assert_eq!(kept, expected, "{count}");
    }
}
