//! Retention against examples one can check by eye, its laws, and a second reading of the rules.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_772_330_400; // 2026-03-01T02:00:00Z

/// A backup and when it was taken.
type Taken = (BackupId, Timestamp);

fn candidate(id: &str, taken_at: &str) -> Taken {
    (BackupId::new(id), taken_at.parse().unwrap())
}

fn judged<'a>(shelf: &'a [Taken], retention: &Retention, zone: &TimeZone) -> BTreeMap<&'a BackupId, Verdict> {
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
        Verdict::Expire => format!("{id}: expire"),
    };
    judged(shelf, retention, &zone).into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn calendar(zone: &TimeZone) -> Calendar<'_> {
    Calendar { zone, now: Timestamp::from_seconds(NOW), skew: Seconds::minutes(2) }
}

fn keep(last: Option<u32>, daily: Option<u32>) -> Retention {
    Retention { keep_last: last.map(Keep::Count), keep_daily: daily.map(Keep::Count) }
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

/// The rules once more, as one would explain them at a table: sets, no counters.
fn naive(candidates: &[Taken], retention: &Retention, zone: &TimeZone) -> BTreeSet<BackupId> {
    let limit = Timestamp::from_seconds(NOW + 120);
    let ids = |shelf: &[Taken]| shelf.iter().map(|one| one.0.clone()).collect::<BTreeSet<_>>();
    if *retention == Retention::default() {
        return ids(candidates);
    }
    let mut kept: BTreeSet<BackupId> =
        candidates.iter().filter(|one| one.1 > limit).map(|one| one.0.clone()).collect();
    let mut shelf: Vec<_> = candidates.iter().filter(|one| one.1 <= limit).cloned().collect();
    shelf.sort_by_key(|one| (std::cmp::Reverse(one.1), one.0.clone()));
    let reach = |keep: Keep| match keep {
        Keep::All => usize::MAX,
        Keep::Count(count) => count as usize,
    };
    if let Some(keep) = retention.keep_last {
        kept.extend(ids(&shelf[..shelf.len().min(reach(keep))]));
    }
    if let Some(keep) = retention.keep_daily {
        let day_of = |one: &Taken| one.1.zoned().to_zoned(zone.clone()).date();
        let days: BTreeSet<_> = shelf.iter().map(day_of).collect();
        for day in days.iter().rev().take(reach(keep)) {
            kept.extend(shelf.iter().find(|one| day_of(one) == *day).map(|one| one.0.clone()));
        }
        if days.len() < reach(keep) {
            kept.extend(shelf.last().map(|one| one.0.clone()));
        }
    }
    kept
}

fn a_shelf() -> impl Strategy<Value = Vec<Taken>> {
    // Twenty days, on a grid coarse enough for ties; some dated ahead.
    let taken = (-480..20i64).prop_map(|hours| Timestamp::from_seconds(NOW + hours * 3600));
    proptest::collection::vec(taken, 0..40).prop_map(|times| {
        let number = |(position, taken_at)| (BackupId::new(format!("b{position:02}")), taken_at);
        times.into_iter().enumerate().map(number).collect()
    })
}

fn a_keep() -> impl Strategy<Value = Option<Keep>> {
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(Keep::All)),
        5 => (1..12u32).prop_map(|count| Some(Keep::Count(count)))
    ]
}

fn a_retention() -> impl Strategy<Value = Retention> {
    (a_keep(), a_keep()).prop_map(|(keep_last, keep_daily)| Retention { keep_last, keep_daily })
}

fn a_zone() -> impl Strategy<Value = TimeZone> {
    proptest::sample::select(&["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"][..])
        .prop_map(|name| crate::domain::schedule::zone(name).unwrap())
}

fn kept(shelf: &[Taken], retention: &Retention, zone: &TimeZone) -> BTreeSet<BackupId> {
    let verdicts = judged(shelf, retention, zone).into_iter();
    verdicts.filter(|(_, verdict)| *verdict != Verdict::Expire).map(|(id, _)| id.clone()).collect()
}

/// A rule raised by some, or added where there was none.
fn raised(keep: Option<Keep>, by: u32) -> Option<Keep> {
    match keep {
        Some(Keep::All) => Some(Keep::All),
        Some(Keep::Count(count)) => Some(Keep::Count(count + by)),
        None => (by > 0).then_some(Keep::Count(by)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_equals_the_naive_reading_of_the_rules(shelf in a_shelf(), retention in a_retention(), zone in a_zone()) {
        prop_assert_eq!(kept(&shelf, &retention, &zone), naive(&shelf, &retention, &zone));
    }

    /// I7.
    #[test]
    fn applied_to_what_it_kept_it_keeps_all_of_it(shelf in a_shelf(), retention in a_retention(), zone in a_zone()) {
        let first = kept(&shelf, &retention, &zone);
        let rest: Vec<_> = shelf.into_iter().filter(|one| first.contains(&one.0)).collect();
        prop_assert_eq!(kept(&rest, &retention, &zone), first);
    }

    /// I5. From no rule at all, which keeps everything, to the first one is the one step that takes away.
    #[test]
    fn a_rule_more_or_a_count_raised_never_expires_more(
        shelf in a_shelf(), retention in a_retention(), zone in a_zone(), last in 0..4u32, daily in 0..4u32,
    ) {
        prop_assume!(retention != Retention::default());
        let more = Retention {
            keep_last: raised(retention.keep_last, last),
            keep_daily: raised(retention.keep_daily, daily),
        };
        prop_assert!(kept(&shelf, &more, &zone).is_superset(&kept(&shelf, &retention, &zone)));
    }

    /// I6.
    #[test]
    fn the_order_of_the_candidates_does_not_matter(
        (shelf, shuffled) in a_shelf().prop_flat_map(|shelf| (Just(shelf.clone()), Just(shelf).prop_shuffle())),
        retention in a_retention(), zone in a_zone(),
    ) {
        let one = judged(&shelf, &retention, &zone);
        prop_assert_eq!(one, judged(&shuffled, &retention, &zone));
    }
}
