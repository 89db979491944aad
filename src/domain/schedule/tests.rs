//! Schedules on the days the clock changes, and both searches against a walk over every minute.

use proptest::prelude::*;

use super::*;

mod every_zone;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule::parse(cron, zone).unwrap()
}

/// The slots after an instant, as their wall clock shows them.
fn shown(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(cron, zone);
    let mut slot = at(after);
    let mut shown = Vec::new();
    for _ in 0..count {
        slot = schedule.next_after(slot).unwrap();
        shown.push(slot.zoned().to_zoned(schedule.zone().clone()).strftime("%d %H:%M %:z").to_string());
    }
    shown
}

#[test]
fn a_fixed_time_in_a_gap_runs_at_the_first_valid_instant_after() {
    // Berlin jumps from 02:00 to 03:00 on 29 March 2026.
    let expected = ["28 02:30 +01:00", "29 03:00 +02:00", "30 02:30 +02:00"];
    assert_eq!(shown("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3), expected);
}

#[test]
fn each_of_several_fixed_times_counts_as_fixed() {
    let expected = ["28 14:00 +01:00", "29 03:00 +02:00", "29 14:00 +02:00"];
    assert_eq!(shown("0 2,14 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", 3), expected);
}

#[test]
fn two_fixed_times_that_a_gap_pushes_together_are_one_slot() {
    let expected = ["28 03:00 +01:00", "29 03:00 +02:00", "30 02:30 +02:00"];
    assert_eq!(shown("30,0 2,3 * * *", "Europe/Berlin", "2026-03-28T01:30:00Z", 1), expected[..1]);
    assert_eq!(shown("0 2,3 * * *", "Europe/Berlin", "2026-03-28T01:30:00Z", 2), expected[..2]);
}

#[test]
fn a_fixed_time_in_an_overlap_runs_at_the_first_occurrence() {
    // Berlin goes back from 03:00 to 02:00 on 25 October 2026.
    let expected = ["24 02:30 +02:00", "25 02:30 +02:00", "26 02:30 +01:00"];
    assert_eq!(shown("30 2 * * *", "Europe/Berlin", "2026-10-23T12:00:00Z", 3), expected);
}

#[test]
fn wildcards_follow_the_wall_clock() {
    let expected = ["29 01:00 +01:00", "29 03:00 +02:00"];
    assert_eq!(shown("0 * * * *", "Europe/Berlin", "2026-03-28T23:30:00Z", 2), expected);
    let expected = ["25 02:00 +02:00", "25 02:00 +01:00", "25 03:00 +01:00"];
    assert_eq!(shown("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 3), expected);
    let expected = ["28 02:40 +01:00", "30 02:00 +02:00"];
    assert_eq!(shown("*/20 2 * * *", "Europe/Berlin", "2026-03-28T01:20:00Z", 2), expected);
}

#[test]
fn a_gap_at_midnight_does_not_lose_the_day() {
    // Cairo jumps from 00:00 to 01:00 on 24 April 2026.
    let expected = ["23 00:00 +02:00", "24 01:00 +03:00", "25 00:00 +03:00"];
    assert_eq!(shown("@daily", "Africa/Cairo", "2026-04-22T12:00:00Z", 3), expected);
}

#[test]
fn a_half_hour_change_is_followed_too() {
    // Lord Howe goes from +10:30 to +11 at 02:00 on 4 October 2026.
    let expected = ["03 02:15 +10:30", "04 02:30 +11:00", "05 02:15 +11:00"];
    assert_eq!(shown("15 2 * * *", "Australia/Lord_Howe", "2026-10-02T12:00:00Z", 3), expected);
}

#[test]
fn nicknames_seconds_and_the_last_day_are_read() {
    assert_eq!(shown("@monthly", "UTC", "2026-01-15T00:00:00Z", 1), ["01 00:00 +00:00"]);
    assert_eq!(shown("@WEEKLY", "UTC", "2026-11-16T00:00:00Z", 1), ["22 00:00 +00:00"]);
    assert_eq!(shown("0 30 4 L * *", "UTC", "2026-02-15T00:00:00Z", 1), ["28 04:30 +00:00"]);
    let every_second = schedule("* * * * * *", "UTC");
    let instant = Timestamp::from_micros(1_772_330_400_500_000);
    assert_eq!(every_second.next_after(instant), Some(Timestamp::from_seconds(1_772_330_401)));
    assert_eq!(
        every_second.latest_at_or_before(instant, Timestamp::EPOCH),
        Some(Timestamp::from_seconds(1_772_330_400))
    );
}

#[test]
fn leap_days_are_found_even_across_the_year_2100() {
    let leap = schedule("0 0 29 2 *", "UTC");
    assert_eq!(leap.next_after(at("2096-03-01T00:00:00Z")), Some(at("2104-02-29T00:00:00Z")));
    let before = leap.latest_at_or_before(at("2104-02-28T00:00:00Z"), Timestamp::EPOCH);
    assert_eq!(before, Some(at("2096-02-29T00:00:00Z")));
}

#[test]
fn faults_say_whether_the_zone_or_the_expression_is_wrong() {
    let refusals = [
        ("0 2 * * *", "Europe/Berln"),
        ("0 2 * * *", "Etc/Unknown"),
        ("0 2 30 2 *", "UTC"),
        ("0 2 * *", "UTC"),
        ("0 2 * * * * 2027", "UTC"),
        ("0 25 * * *", "UTC"),
        ("0 x * * *", "UTC"),
        ("@never", "UTC"),
        ("", "UTC"),
        ("0 , * * *", "UTC"),
    ]
    .map(|(cron, zone)| Schedule::parse(cron, zone).unwrap_err().to_string());
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    time zone "Europe/Berln" is not in the IANA database, such as "UTC" or "Europe/Berlin"
    time zone "Etc/Unknown" is not in the IANA database, such as "UTC" or "Europe/Berlin"
    schedule "0 2 30 2 *" names no day within 8 years
    schedule "0 2 * *" cannot be read: has 5 fields (minute hour day month weekday) or 6 (second first), not 4
    schedule "0 2 * * * * 2027" cannot be read: has 5 fields (minute hour day month weekday) or 6 (second first), not 7
    schedule "0 25 * * *" cannot be read: hour "25": number out of bounds; it takes 0 to 23
    schedule "0 x * * *" cannot be read: hour "x": a character that this field does not take; it takes 0 to 23
    schedule "@never" cannot be read: a nickname is @hourly, @daily, @weekly, @monthly or @yearly
    schedule "" cannot be read: has 5 fields (minute hour day month weekday) or 6 (second first), not 0
    schedule "0 , * * *" names no day within 8 years
    "#);
}

#[test]
fn missed_slots_are_counted_from_the_first_up_to_a_bound() {
    let daily = schedule("0 2 * * *", "UTC");
    let (after, until) = (at("2026-03-01T02:00:00Z"), at("2026-03-05T02:00:00Z"));
    assert_eq!(daily.count_between(after, until, 100), (Some(at("2026-03-02T02:00:00Z")), 4));
    assert_eq!(daily.count_between(after, until, 3), (Some(at("2026-03-02T02:00:00Z")), 3));
    assert_eq!(daily.count_between(after, after, 3), (None, 0));
}

#[test]
fn the_longest_gap_sees_long_nights_months_and_leap_years() {
    let from = at("2026-06-01T00:00:00Z");
    let gap = |cron, zone| schedule(cron, zone).longest_gap(from);
    assert_eq!(gap("0 2 * * *", "UTC"), Seconds::hours(24));
    assert_eq!(gap("30 4 * * *", "Europe/Berlin"), Seconds::hours(25));
    assert_eq!(gap("0 8 * * 1-5", "UTC"), Seconds::days(3));
    assert_eq!(gap("@monthly", "UTC"), Seconds::days(31));
    assert_eq!(gap("@yearly", "UTC"), Seconds::days(365));
    assert_eq!(gap("0 0 29 2 *", "UTC"), Seconds::days(4 * 365 + 1));
    assert_eq!(gap("* * * * *", "UTC"), Seconds(60));
    assert_eq!(gap("* * * * * *", "UTC"), Seconds(1));
    // Every second of January: far more than 100,000 slots, and eleven months without one.
    assert_eq!(gap("* * * 1 *", "UTC"), Seconds(334 * 86_400 + 60));
    assert_eq!(gap("* * * * 1 *", "UTC"), Seconds(334 * 86_400 + 1));
}

/// What the bounds of the searches rest on, for every zone from 2010 to 2060.
#[test]
fn no_zone_changes_its_clock_twice_a_day_or_back_by_more_than_three_hours() {
    let begin = jiff::Timestamp::from_second(1_262_304_000).unwrap();
    let end = jiff::Timestamp::from_second(2_840_140_800).unwrap();
    let mut zones = 0;
    for name in TimeZoneDatabase::bundled().available() {
        let Ok(zone) = super::zone(name.as_str()) else { continue };
        zones += 1;
        let mut last = begin.as_second() - QUIET;
        let mut offset = i64::from(zone.to_offset(begin).seconds());
        for change in zone.following(begin).take_while(|change| change.timestamp() < end) {
            let (second, new) = (change.timestamp().as_second(), i64::from(change.offset().seconds()));
            if new != offset {
                assert!(second - last >= QUIET, "{name}: twice in a day at {}", change.timestamp());
                assert!(offset - new <= i64::from(REPEATED), "{name}: back at {}", change.timestamp());
                (last, offset) = (second, new);
            }
        }
        let year = |start: i64| jiff::Timestamp::from_second(start + 8 * 366 * 86_400).unwrap();
        for start in (0..42).map(|count| begin.as_second() + count * 365 * 86_400) {
            let from = jiff::Timestamp::from_second(start).unwrap();
            let count = zone.following(from).take_while(|change| change.timestamp() < year(start)).count();
            assert!(count < CLOCK_CHANGES as usize, "{name}: {count} changes in 8 years");
        }
    }
    assert!(zones > 400, "only {zones} zones");
}

const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/Asuncion",
    "Asia/Kathmandu",
    "Pacific/Apia",
];

/// Every slot in a window, found by walking it minute by minute and reading the wall.
fn naive(cron: &str, zone: &str, from: i64, minutes: i64) -> Vec<i64> {
    let pattern = Pattern::parse(cron).unwrap();
    let zone = super::zone(zone).unwrap();
    let mut found = std::collections::BTreeSet::new();
    let (from, until) = (from.div_euclid(60) * 60, from.div_euclid(60) * 60 + minutes * 60);
    let reading_at = |second: i64| {
        let instant = jiff::Timestamp::from_second(second).unwrap();
        second + i64::from(zone.to_offset(instant).seconds())
    };
    let names = |reading: Reading| pattern.at_or_after(reading) == Some(reading);
    let mut seen = std::collections::BTreeSet::new();
    // A day earlier, so that what was shown first is known.
    let mut second = from - 86_400;
    let mut before = reading_at(second - 60);
    while second <= until {
        let reading = reading_at(second);
        if pattern.is_fixed() {
            // All that the hand passed since a minute ago, jumps included, and nothing twice.
            let mut passed = before + 60;
            while passed <= reading {
                if names(passed) && seen.insert(passed) {
                    found.insert(second);
                }
                passed += 60;
            }
        } else if names(reading) {
            found.insert(second);
        }
        before = reading;
        second += 60;
    }
    found.into_iter().filter(|slot| *slot > from && *slot <= until).collect()
}

fn a_field(range: std::ops::Range<u32>) -> impl Strategy<Value = String> {
    let one = range.clone().prop_map(|value| value.to_string());
    let two = (range.clone(), range.clone()).prop_map(|(a, b)| format!("{a},{b}"));
    let span = (range.clone(), range.clone()).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b)));
    let step = (1..range.end).prop_map(|step| format!("*/{step}"));
    prop_oneof![3 => one, 2 => two, 1 => span, 1 => step, 2 => Just("*".to_owned())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// I11: any zone, any year; both directions agree with a walk over every minute.
    #[test]
    fn both_searches_agree_with_a_walk_over_every_minute(
        minute in a_field(0..60),
        hour in a_field(0..24),
        zone in proptest::sample::select(&ZONES[..]),
        change in 0..60usize,
        ahead in 0..2_000i64,
    ) {
        let cron = format!("{minute} {hour} * * *");
        let schedule = schedule(&cron, zone);
        // Around a change of the clock, wherever the zone has any.
        let start = jiff::Timestamp::from_second(1_262_304_000).unwrap();
        let change = schedule.zone().following(start).nth(change).map_or(1_300_000_000, |c| c.timestamp().as_second());
        let (from, minutes) = ((change / 60 - ahead) * 60, 3_000);
        let expected = naive(&cron, zone, from, minutes);
        let until = Timestamp::from_seconds(from + minutes * 60);
        let mut found = Vec::new();
        let mut slot = Timestamp::from_seconds(from);
        while let Some(next) = schedule.next_after(slot).filter(|next| *next <= until) {
            found.push(next.seconds());
            slot = next;
        }
        prop_assert_eq!(&found, &expected, "forwards: {} in {}", cron, zone);
        let mut found = Vec::new();
        let (mut slot, after) = (until, Timestamp::from_seconds(from));
        while let Some(previous) = schedule.latest_at_or_before(slot, after) {
            found.insert(0, previous.seconds());
            slot = previous.shifted(-1);
        }
        prop_assert_eq!(&found, &expected, "backwards: {} in {}", cron, zone);
    }

    #[test]
    fn no_text_panics(cron in "[-0-9*/,LW#?+@A-Za-z ]{0,30}", wild in any::<String>(), second in any::<i64>()) {
        for text in [&cron, &wild] {
            if let Ok(schedule) = Schedule::parse(text, "Europe/Berlin") {
                let instant = Timestamp::from_seconds(second);
                let _ = (schedule.next_after(instant), schedule.in_words());
                let _ = schedule.latest_at_or_before(instant, Timestamp::EPOCH);
            }
            let _ = Schedule::parse("@daily", text);
        }
    }

    #[test]
    fn five_fields_of_any_numbers_do_not_panic(fields in proptest::collection::vec("[-0-9*/,LW#?+]{1,5}", 5..7)) {
        let _ = Schedule::parse(&fields.join(" "), "UTC");
    }
}
