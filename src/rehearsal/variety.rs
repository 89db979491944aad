//! What a varied rehearsal has besides its plain daily policy, drawn from its seed alone.
//!
//! A second policy with hours, jitter, a busy check and other words on some of the machines; the names
//! that the daily one may have; and a file that somebody broke.

use std::collections::BTreeSet;

use crate::config;
use crate::domain::busy::{Asks, BusyCheck};
use crate::domain::id::PolicyName;
use crate::domain::policy::{Keep, Mode, Policy, Retention};
use crate::domain::reach::Reach;
use crate::domain::schedule::Schedule;
use crate::domain::selection::Selection;
use crate::domain::slot::Slot;
use crate::domain::time::{Seconds, Timestamp};
use crate::domain::timing::{CatchUp, Timing};

/// The plain policy, and what it is called after a renaming.
pub const DAILY: &str = "daily";
pub const RENAMED: &str = "nightly";
/// The second policy.
pub const SECOND: &str = "workday";

const SCHEDULES: [&str; 4] = ["30 6,18 * * *", "15 22 * * *", "45 9 * * 1-5", "@daily"];
const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"];
/// The slots of every schedule lie inside each.
const WINDOWS: [Option<&str>; 4] = [None, Some("05:00-00:30"), Some("21:30-19:00"), Some("00:00-22:30")];
const JITTERS: [Seconds; 3] = [Seconds(0), Seconds::minutes(20), Seconds::minutes(50)];
const MACHINES: [&[&str]; 4] = [&["*-1"], &["*-2"], &["*-3", "renamed-*"], &["*-?"]];
/// One slot in so many finds its machine busy for some hours.
const BUSY_EVERY: u64 = 4;
const LONGEST_BUSY: u64 = 10 * 3_600;

/// The second policy of this seed, adopted at `now`.
pub fn second(seed: u64, now: Timestamp) -> (PolicyName, Policy) {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x1405_7b7e_f767_814f);
    let schedule = SCHEDULES[rng.usize(..SCHEDULES.len())];
    let timezone = ZONES[rng.usize(..ZONES.len())];
    let window = WINDOWS[rng.usize(..WINDOWS.len())].and_then(|window| window.parse().ok());
    let catch_up = if rng.u8(..3) == 0 { CatchUp::None } else { CatchUp::Latest };
    let asks = Asks::Command(vec!["is-it-idle".to_owned()]);
    let busy_check = rng.bool().then_some(BusyCheck { asks, timeout: Seconds(10) });
    let timing = Timing {
        window,
        jitter: JITTERS[rng.usize(..JITTERS.len())],
        catch_up,
        catch_up_window: rng.bool().then_some(Seconds::hours(20)),
        busy_check,
    };
    let exclude = if rng.u8(..4) == 0 { vec!["trainer-*".to_owned()] } else { Vec::new() };
    let longest_gap = Schedule::parse(schedule, timezone).map_or(Seconds::days(3), |of| of.longest_gap(now));
    let machines = MACHINES[rng.usize(..MACHINES.len())];
    let policy = Policy {
        mode: Mode::Enforce,
        machines: machines.iter().map(|pattern| (*pattern).to_owned()).collect(),
        schedule: schedule.to_owned(),
        timezone: timezone.to_owned(),
        may_restart: true,
        retention: retention(&mut rng),
        longest_gap,
        selection: Selection { exclude, ..Selection::default() },
        timing,
        was: BTreeSet::new(),
    };
    (PolicyName::new(SECOND), policy)
}

fn retention(rng: &mut fastrand::Rng) -> Retention {
    let count = |count| Some(Keep::Count(count));
    let days = |days| Some(Reach { years: 0, months: 0, days, hours: 0 });
    let none = Retention::default();
    match rng.u8(..5) {
        0 => Retention { keep_last: count(1), keep_daily: count(3), keep_weekly: count(1), ..none },
        1 => Retention { keep_hourly: count(4), delete_after: days(20), ..none },
        2 => Retention { keep_within: days(3), ..none },
        3 => Retention { keep_within_daily: days(4), keep_last: count(2), ..none },
        _ => Retention { keep_daily: count(2), keep_monthly: count(2), ..none },
    }
}

/// What a machine answers to a busy check, as a function of its slot alone: some are busy for hours.
pub fn busy(slot: &Slot, now: Timestamp) -> Option<String> {
    let drawn = slot.draw();
    let until = slot.due + Seconds(drawn / BUSY_EVERY % LONGEST_BUSY);
    (drawn.is_multiple_of(BUSY_EVERY) && now < until).then(|| "the machine computes".to_owned())
}

/// A file that somebody broke: its name, which is the same in every run's journal, and its faults.
pub fn broken_file() -> (String, Vec<String>) {
    let text = "mode = \"enforce\"\nkeep_nothing = true\n[[policy]]\nname = daily\n";
    let name = "broken.toml".to_owned();
    let faults = config::parse(&name, text).map_or_else(|faults| faults.lines(), |_| Vec::new());
    (name, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_draw_windows_jitter_busy_checks_and_words_of_every_kind() {
        let drawn: Vec<Policy> = (0..200).map(|seed| second(seed, Timestamp::EPOCH).1).collect();
        let some = |what: fn(&Policy) -> bool| {
            let count = drawn.iter().filter(|policy| what(policy)).count();
            assert!((10..190).contains(&count), "{count} of {}", drawn.len());
        };
        some(|policy| policy.timing.window.is_some());
        some(|policy| policy.timing.jitter > Seconds(0));
        some(|policy| policy.timing.busy_check.is_some());
        some(|policy| policy.timing.catch_up == CatchUp::None);
        some(|policy| policy.retention.keep_within.is_some());
        some(|policy| policy.retention.delete_after.is_some());
        some(|policy| !policy.selection.exclude.is_empty());
        assert_eq!(second(7, Timestamp::EPOCH), second(7, Timestamp::EPOCH));
    }

    #[test]
    fn every_slot_lies_inside_the_hours_of_its_policy() {
        for seed in 0..200 {
            let begin = Timestamp::from_seconds(1_772_323_200);
            let (_, policy) = second(seed, begin);
            let schedule = Schedule::parse(&policy.schedule, &policy.timezone).unwrap();
            let slots = std::iter::successors(schedule.next_after(begin), |slot| schedule.next_after(*slot));
            for slot in slots.take(60) {
                let is_open =
                    policy.timing.window.is_none_or(|window| window.contains(schedule.zone(), slot));
                assert!(is_open, "seed {seed}: {} in {:?}", policy.schedule, policy.timing.window);
            }
        }
    }

    #[test]
    fn the_broken_file_is_refused() {
        assert!(broken_file().1.len() > 1, "{:?}", broken_file());
    }
}
