//! The laws of retention over all its words, and a second reading of restic's documentation.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::{NOW, Taken, judged};
use crate::domain::id::BackupId;
use crate::domain::policy::{Keep, Retention};
use crate::domain::reach::Reach;
use crate::domain::retention::{Calendar, Candidate, Verdict, judge};
use crate::domain::time::{Seconds, Timestamp};

/// The rules once more, in the words of restic's manual: groups, no counters.
///
/// "For the last n days which have one or more snapshots, keep only the most recent one for each
/// day"; "keep all snapshots made within the duration of the latest snapshot"; and where there are
/// not enough of them, "the oldest snapshot is kept additionally".
struct Reading<'a> {
    /// From new to old: position on the shelf, instant, and a name of each period.
    seen: Vec<(usize, Timestamp, [u64; 6])>,
    zone: &'a TimeZone,
    kept: u64,
}

/// How a calendar prints the period; each backup is one of its own where nothing is printed.
const FORMS: [&str; 6] = ["", "%Y-%m-%d %H h", "%Y-%m-%d", "%G week %V", "%B %Y", "%Y"];

/// A number for each period of each backup, the same where the calendar prints the same.
fn periods(shelf: &[Taken], zone: &TimeZone) -> Vec<[u64; 6]> {
    let print = |(at, one): (usize, &Taken)| {
        let local = one.1.zoned().to_zoned(zone.clone());
        FORMS.map(|form| if form.is_empty() { at.to_string() } else { local.strftime(form).to_string() })
    };
    let printed: Vec<[String; 6]> = shelf.iter().enumerate().map(print).collect();
    let number =
        |form: usize, text: &String| printed.iter().position(|one| one[form] == *text).unwrap() as u64;
    printed.iter().map(|one| std::array::from_fn(|form| number(form, &one[form]))).collect()
}

impl Reading<'_> {
    fn keep_newest_of_each(&mut self, period: usize, most: usize, after: Timestamp) -> usize {
        let mut filled: Vec<u64> = Vec::new();
        for (position, taken_at, periods) in &self.seen {
            if *taken_at > after && filled.len() < most && !filled.contains(&periods[period]) {
                filled.push(periods[period]);
                self.kept |= 1 << position;
            }
        }
        filled.len()
    }

    fn read(mut self, retention: &Retention) -> u64 {
        let Some((_, newest, _)) = self.seen.first().copied() else { return self.kept };
        let beginning = Timestamp::from_micros(i64::MIN);
        for (period, (_, keep)) in retention.counts().into_iter().enumerate() {
            let most = match keep {
                None => continue,
                Some(Keep::All) => usize::MAX,
                Some(Keep::Count(count)) => count as usize,
            };
            let filled = self.keep_newest_of_each(period, most, beginning);
            if filled < most
                && let Some((oldest, ..)) = self.seen.last()
            {
                self.kept |= 1 << oldest;
            }
        }
        for (period, (_, reach)) in retention.reaches().into_iter().enumerate() {
            if let Some(reach) = reach {
                self.keep_newest_of_each(period, usize::MAX, back(newest, reach, self.zone));
            }
        }
        self.kept
    }
}

/// Month by month and day by day. Only for times that every wall shows once.
fn back(from: Timestamp, reach: Reach, zone: &TimeZone) -> Timestamp {
    let local = from.zoned().to_zoned(zone.clone());
    let mut first = local.date().first_of_month();
    for _ in 0..reach.years * 12 + reach.months {
        first = first.yesterday().unwrap().first_of_month();
    }
    let mut date = first;
    for _ in 1..local.day() {
        date = date.tomorrow().unwrap();
    }
    for _ in 0..reach.days {
        date = date.yesterday().unwrap();
    }
    let moved = date.to_datetime(local.time()).to_zoned(zone.clone()).unwrap().timestamp();
    Timestamp::from(moved) - Seconds::hours(u64::from(reach.hours))
}

/// Which positions of the shelf are kept, as bits; `chosen` of them are there.
fn naive(shelf: &[Taken], periods: &[[u64; 6]], chosen: u64, retention: &Retention, zone: &TimeZone) -> u64 {
    let limit = Timestamp::from_seconds(NOW + 120);
    let there = (0..shelf.len()).filter(|at| chosen >> at & 1 == 1);
    if !retention.has_rule() {
        return chosen;
    }
    let future: u64 = there.clone().filter(|at| shelf[*at].1 > limit).map(|at| 1 << at).sum();
    let present = there.filter(|at| shelf[*at].1 <= limit);
    let mut seen: Vec<_> = present.map(|at| (at, shelf[at].1, periods[at])).collect();
    seen.sort_by_key(|(at, taken_at, _)| (std::cmp::Reverse(*taken_at), shelf[*at].0.clone()));
    Reading { seen, zone, kept: future }.read(retention)
}

fn kept(shelf: &[Taken], retention: &Retention, zone: &TimeZone) -> BTreeSet<BackupId> {
    let verdicts = judged(shelf, retention, zone).into_iter();
    verdicts
        .filter(|(_, verdict)| matches!(verdict, Verdict::Keep { .. }))
        .map(|(id, _)| id.clone())
        .collect()
}

pub fn zone(name: &str) -> TimeZone {
    crate::domain::schedule::zone(name).unwrap()
}

/// Sixteen instants about everything that a calendar does: new year, a week over it, hours, an hour
/// shown twice, months of all lengths, a tie, a second beside a bound, and one from the future.
const INSTANTS: [&str; 16] = [
    "2026-03-01T02:02:01Z",
    "2026-03-01T01:10:00Z",
    "2026-03-01T01:10:00Z",
    "2026-03-01T00:59:59Z",
    "2026-02-28T23:30:00Z",
    "2026-02-28T01:10:01Z",
    "2026-02-28T01:10:00Z",
    "2026-02-22T23:00:00Z",
    "2026-02-22T22:59:59Z",
    "2026-01-31T12:00:00Z",
    "2026-01-01T01:00:00Z",
    "2025-12-29T08:00:00Z",
    "2025-10-26T01:30:00Z",
    "2025-10-26T00:30:00Z",
    "2025-03-01T12:00:00Z",
    "2023-07-01T12:00:00Z",
];

/// Each word with a few numbers, and some that people write together.
fn policies() -> Vec<Retention> {
    let set = |change: &dyn Fn(&mut Retention)| {
        let mut retention = Retention::default();
        change(&mut retention);
        retention
    };
    let count = |count| Some(Keep::Count(count));
    let reach = |text: &str| Some(text.parse::<Reach>().unwrap());
    vec![
        Retention::default(),
        set(&|r| r.keep_last = count(3)),
        set(&|r| r.keep_hourly = count(4)),
        set(&|r| r.keep_daily = count(3)),
        set(&|r| r.keep_weekly = count(3)),
        set(&|r| r.keep_monthly = count(4)),
        set(&|r| r.keep_yearly = count(3)),
        set(&|r| r.keep_within = reach("1d")),
        set(&|r| (r.keep_last, r.keep_daily, r.keep_weekly) = (count(1), count(3), count(1))),
        set(&|r| (r.keep_within_hourly, r.keep_within_daily) = (reach("25h"), reach("7d"))),
        set(&|r| (r.keep_within_weekly, r.keep_yearly) = (reach("2m"), Some(Keep::All))),
        set(&|r| (r.keep_within_monthly, r.keep_within_yearly) = (reach("1y"), reach("1y2m3d4h"))),
        set(&|r| (r.keep_hourly, r.keep_monthly, r.keep_within) = (count(2), count(2), reach("1m"))),
    ]
}

#[test]
fn every_pattern_of_sixteen_backups_equals_the_second_reading() {
    // A build without optimisation would take minutes: it looks at every 61st.
    let step = if cfg!(debug_assertions) { 61 } else { 1 };
    let shelf: Vec<Taken> = (0u8..)
        .zip(INSTANTS)
        .map(|(at, instant)| (BackupId::new(format!("b{at:02}")), instant.parse().unwrap()))
        .collect();
    let calendar_of = |zone| Calendar { zone, now: Timestamp::from_seconds(NOW), skew: Seconds::minutes(2) };
    let zones = [zone("UTC"), zone("Europe/Berlin")];
    let mut some_expired = 0;
    for (at, retention) in policies().iter().enumerate() {
        let zone = &zones[at % 2];
        let periods = periods(&shelf, zone);
        for chosen in (0u64..1 << shelf.len()).step_by(step) {
            let there: Vec<_> = (0..shelf.len()).filter(|at| chosen >> at & 1 == 1).collect();
            let candidates: Vec<_> =
                there.iter().map(|at| Candidate { id: &shelf[*at].0, taken_at: shelf[*at].1 }).collect();
            let verdicts = judge(&candidates, retention, calendar_of(zone));
            let bits = there.iter().zip(verdicts.values());
            let kept: u64 = bits
                .filter(|(_, verdict)| matches!(verdict, Verdict::Keep { .. }))
                .map(|(at, _)| 1u64 << at)
                .sum();
            let expected = naive(&shelf, &periods, chosen, retention, zone);
            assert_eq!(kept, expected, "{retention} in {chosen:016b}");
            some_expired += u64::from(kept != chosen);
        }
    }
    assert!(some_expired * 2 > (1 << shelf.len()) / step as u64, "next to nothing expired");
}

pub fn a_shelf() -> impl Strategy<Value = Vec<Taken>> {
    // Some days close together, some years far apart, coarse enough for ties, some dated ahead.
    let taken = prop_oneof![
        3 => (-480..20i64).prop_map(|hours| NOW + hours * 3_600),
        1 => (-48..1i64).prop_map(|hours| NOW + hours * 1_200),
        2 => (-1_500..1i64).prop_map(|days| NOW + days * 86_400),
    ];
    proptest::collection::vec(taken.prop_map(Timestamp::from_seconds), 0..40).prop_map(|times| {
        let number = |(position, taken_at)| (BackupId::new(format!("b{position:02}")), taken_at);
        times.into_iter().enumerate().map(number).collect()
    })
}

fn a_keep() -> impl Strategy<Value = Option<Keep>> {
    prop_oneof![
        6 => Just(None),
        1 => Just(Some(Keep::All)),
        5 => (1..12u32).prop_map(|count| Some(Keep::Count(count)))
    ]
}

fn a_reach() -> impl Strategy<Value = Option<Reach>> {
    let some = (0..2u32, 0..15u32, 0..40u32, 0..30u32)
        .prop_map(|(years, months, days, hours)| Reach { years, months, days, hours })
        .prop_filter("nothing", |reach| *reach != Reach { years: 0, months: 0, days: 0, hours: 0 });
    prop_oneof![4 => Just(None), 1 => some.prop_map(Some)]
}

pub fn a_retention() -> impl Strategy<Value = Retention> {
    (proptest::array::uniform6(a_keep()), proptest::array::uniform6(a_reach())).prop_map(
        |(keeps, reaches)| {
            let [keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly] = keeps;
            let [
                keep_within,
                keep_within_hourly,
                keep_within_daily,
                keep_within_weekly,
                keep_within_monthly,
                keep_within_yearly,
            ] = reaches;
            Retention {
                keep_last,
                keep_hourly,
                keep_daily,
                keep_weekly,
                keep_monthly,
                keep_yearly,
                keep_within,
                keep_within_hourly,
                keep_within_daily,
                keep_within_weekly,
                keep_within_monthly,
                keep_within_yearly,
                delete_after: None,
            }
        },
    )
}

pub fn a_zone() -> impl Strategy<Value = TimeZone> {
    proptest::sample::select(&["UTC", "Europe/Berlin", "America/New_York", "Pacific/Kiritimati"][..])
        .prop_map(zone)
}

/// A rule raised by some, or added where there was none.
fn raised(keep: Option<Keep>, by: u32) -> Option<Keep> {
    match keep {
        Some(Keep::All) => Some(Keep::All),
        Some(Keep::Count(count)) => Some(Keep::Count(count + by)),
        None => (by > 0).then_some(Keep::Count(by)),
    }
}

/// A reach made longer by some days, or added where there was none.
fn stretched(reach: Option<Reach>, by: u32) -> Option<Reach> {
    match reach {
        Some(reach) => Some(Reach { days: reach.days + by, ..reach }),
        None => (by > 0).then_some(Reach { years: 0, months: 0, days: by, hours: 0 }),
    }
}

/// Whether every reach ends at a time that the wall shows once; the others are restic's affair.
fn is_plain(shelf: &[Taken], retention: &Retention, zone: &TimeZone) -> bool {
    let Some(newest) =
        shelf.iter().map(|one| one.1).filter(|at| *at <= Timestamp::from_seconds(NOW + 120)).max()
    else {
        return true;
    };
    let reaches = retention.reaches().into_iter().filter_map(|(_, reach)| reach);
    reaches.map(|reach| Reach { hours: 0, ..reach }).all(|reach| {
        let wall = reach.before(newest, zone).zoned().to_zoned(zone.clone()).datetime();
        wall.time() == newest.zoned().to_zoned(zone.clone()).time()
            && !zone.to_ambiguous_timestamp(wall).is_ambiguous()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_equals_the_naive_reading_of_the_rules(shelf in a_shelf(), retention in a_retention(), zone in a_zone()) {
        prop_assume!(is_plain(&shelf, &retention, &zone));
        let bits = naive(&shelf, &periods(&shelf, &zone), (1 << shelf.len()) - 1, &retention, &zone);
        let expected = shelf.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, one)| one.0.clone());
        prop_assert_eq!(kept(&shelf, &retention, &zone), expected.collect());
    }

    /// I7.
    #[test]
    fn applied_to_what_it_kept_it_keeps_all_of_it(
        shelf in a_shelf(), retention in a_retention(), zone in a_zone(), delete_after in a_reach(),
    ) {
        let retention = Retention { delete_after, ..retention };
        let first = kept(&shelf, &retention, &zone);
        let rest: Vec<_> = shelf.into_iter().filter(|one| first.contains(&one.0)).collect();
        prop_assert_eq!(kept(&rest, &retention, &zone), first);
    }

    /// I5. From no rule at all, which keeps everything, to the first one is the one step that takes away.
    #[test]
    fn a_rule_more_or_a_count_raised_never_expires_more(
        shelf in a_shelf(), retention in a_retention(), zone in a_zone(), delete_after in a_reach(),
        more in proptest::array::uniform12(0..4u32),
    ) {
        prop_assume!(retention.has_rule());
        let retention = Retention { delete_after, ..retention };
        let larger = Retention {
            keep_last: raised(retention.keep_last, more[0]),
            keep_hourly: raised(retention.keep_hourly, more[1]),
            keep_daily: raised(retention.keep_daily, more[2]),
            keep_weekly: raised(retention.keep_weekly, more[3]),
            keep_monthly: raised(retention.keep_monthly, more[4]),
            keep_yearly: raised(retention.keep_yearly, more[5]),
            keep_within: stretched(retention.keep_within, more[6]),
            keep_within_hourly: stretched(retention.keep_within_hourly, more[7]),
            keep_within_daily: stretched(retention.keep_within_daily, more[8]),
            keep_within_weekly: stretched(retention.keep_within_weekly, more[9]),
            keep_within_monthly: stretched(retention.keep_within_monthly, more[10]),
            keep_within_yearly: stretched(retention.keep_within_yearly, more[11]),
            delete_after,
        };
        prop_assert!(kept(&shelf, &larger, &zone).is_superset(&kept(&shelf, &retention, &zone)));
    }

    /// What is too old alone goes; all that is younger keeps what kept it.
    #[test]
    fn delete_after_takes_only_what_is_older(
        shelf in a_shelf(), retention in a_retention(), zone in a_zone(), limit in 1..900u32,
    ) {
        let limit = Reach { years: 0, months: 0, days: limit, hours: 0 };
        let bound = limit.before(Timestamp::from_seconds(NOW), &zone);
        let young: BTreeSet<_> = shelf.iter().filter(|one| one.1 > bound).map(|one| one.0.clone()).collect();
        let limited = kept(&shelf, &Retention { delete_after: Some(limit), ..retention.clone() }, &zone);
        prop_assert!(limited.is_subset(&young));
        let before: BTreeSet<_> = kept(&shelf, &retention, &zone).intersection(&young).cloned().collect();
        prop_assert!(limited.is_superset(&before));
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

    /// I12.
    #[test]
    fn every_kept_one_has_a_reason(shelf in a_shelf(), retention in a_retention(), zone in a_zone()) {
        let verdicts = judged(&shelf, &retention, &zone);
        let is_bare = |verdict: &Verdict| matches!(verdict, Verdict::Keep { reasons } if reasons.is_empty());
        prop_assert!(!verdicts.values().any(is_bare));
        prop_assert_eq!(verdicts.len(), shelf.len());
    }
}
