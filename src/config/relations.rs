//! What settings must or should be to each other, where each is right by itself.
//!
//! What can never work is refused; what a fleet decides, which is not known here, is a warning.

use std::ops::Range;

use super::Config;
use super::policy::PolicySetting;
use super::section::Notes;
use crate::domain::policy::Rules;
use crate::domain::schedule::Schedule;
use crate::domain::time::{Seconds, Timestamp};
use crate::domain::timing::{CatchUp, Timing, Window};

/// Where the search for slots begins, in seconds; any day would do.
const BEGINNING: i64 = 1_767_225_600;
/// So many slots show the habits of a schedule: a hundred days, or a hundred hours.
const SLOTS: usize = 100;
/// Under `catch_up = "none"` a slot starts within this or never.
const IN_TIME: Seconds = Seconds::hours(1);
/// A snapshot of a full disk, as the provider's pages suggest; yours may differ.
const USUAL_SNAPSHOT: Seconds = Seconds::minutes(15);

/// Whether no slot of this schedule meets the allowed hours while it may still start.
pub fn never_starts(schedule: &Schedule, timing: &Timing, rules: &Rules) -> bool {
    let Some(window) = timing.window else { return false };
    let late = match timing.catch_up {
        CatchUp::None => IN_TIME,
        CatchUp::Latest => timing.catch_up_window.unwrap_or(rules.catch_up),
    };
    let zone = schedule.zone();
    let starts = |due: Timestamp| {
        let next = schedule.next_after(due).unwrap_or(due + late);
        let opens = || window.change_after(zone, due, true);
        window.contains(zone, due) || opens().is_some_and(|opens| opens <= due + late && opens < next)
    };
    !slots(schedule, beginning()).take(SLOTS).any(starts)
}

fn beginning() -> Timestamp {
    Timestamp::from_seconds(BEGINNING)
}

fn slots(schedule: &Schedule, from: Timestamp) -> impl Iterator<Item = Timestamp> {
    std::iter::successors(schedule.next_after(from), |slot| schedule.next_after(*slot))
}

/// `policies`: where each stands in the file.
pub fn judge(config: &Config, policies: &[Range<usize>], notes: &mut Notes<'_>) {
    let rules = &config.rules;
    judge_day_cap(config, notes);
    let least = Seconds(config.cloud.timeout.0 * 3);
    if rules.fresh < least {
        let said = format!(
            "rules.fresh ({}) is shorter than three calls of cloud.timeout ({}): a slow cloud would keep \
             every deletion waiting",
            rules.fresh, config.cloud.timeout
        );
        notes.warn(&notes.place("rules.fresh"), said);
    }
    if config.policies.len() == policies.len() {
        for (policy, span) in config.policies.iter().zip(policies) {
            judge_window(policy, rules, span, notes);
        }
    }
}

/// Accepted: the fleet may be smaller than it looks. The adoption shows a hold where it is not.
fn judge_day_cap(config: &Config, notes: &mut Notes<'_>) {
    let Some(cap) = config.rules.day_cap else { return };
    let end = beginning() + Seconds::days(1);
    let daily = |policy: &PolicySetting| {
        let in_a_day = slots(&policy.schedule, beginning()).take_while(|slot| *slot <= end);
        // More than the cap are enough, and a schedule of each second would be counted for long.
        in_a_day.take(cap as usize + 1).count() * named(policy).max(1)
    };
    let due: usize = config.policies.iter().map(daily).sum();
    if (cap as usize) * 2 < due * 3 {
        let said = format!(
            "rules.day_cap = {cap} is under one and a half times the backups due in a day (at least {due}): \
             more will be made than may be deleted"
        );
        notes.warn(&notes.place("rules.day_cap"), said);
    }
}

fn judge_window(policy: &PolicySetting, rules: &Rules, span: &Range<usize>, notes: &mut Notes<'_>) {
    let Some(window) = policy.timing.window else { return };
    let machines = named(policy) as u64;
    let needed = Seconds(USUAL_SNAPSHOT.0 * machines.div_ceil(u64::from(rules.concurrent)));
    if machines > 0 && needed > length(window) {
        let said = format!(
            "policy \"{}\".window lasts {} for {machines} machines, {} at a time: at {USUAL_SNAPSHOT} each \
             they need {needed}",
            policy.name,
            length(window),
            rules.concurrent
        );
        notes.warn(span, said);
    }
}

/// Machines that are named and not matched; how many a pattern matches is not known.
fn named(policy: &PolicySetting) -> usize {
    policy.machines.iter().filter(|name| !name.contains(['*', '?'])).count()
}

fn length(window: Window) -> Seconds {
    let (from, until) = (u64::from(window.from_minute), u64::from(window.until_minute));
    Seconds::minutes((until + 1_440 - from) % 1_440)
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    fn warnings(text: &str) -> Vec<String> {
        let config = parse("a", text).unwrap_or_else(|faults| panic!("{faults}"));
        config.warnings.iter().map(ToString::to_string).filter(|said| !said.contains("keep_*")).collect()
    }

    const HEAD: &str = "email = \"off\"\n[cloud]\nkey_file = \"/k\"\n";

    fn policy(name: &str, more: &str) -> String {
        format!("[[policy]]\nname = \"{name}\"\nmay_restart = true\n{more}\n")
    }

    #[test]
    fn a_day_cap_that_the_schedules_outrun_is_accepted_with_a_warning() {
        let hourly = policy("a", "machines = [\"x\", \"y\"]\nschedule = \"@hourly\"");
        let said = warnings(&format!("{HEAD}[rules]\nday_cap = 71\n{hourly}"));
        insta::assert_snapshot!(said.join("\n"), @"line 5: rules.day_cap = 71 is under one and a half times the backups due in a day (at least 48): more will be made than may be deleted");
        assert_eq!(warnings(&format!("{HEAD}[rules]\nday_cap = 72\n{hourly}")), [""; 0]);
    }

    #[test]
    fn a_window_too_short_for_its_machines_is_accepted_with_a_warning() {
        let many = |window: &str| {
            policy(
                "a",
                &format!("machines = [\"x\", \"y\", \"z\"]\nschedule = \"0 2 * * *\"\nwindow = \"{window}\""),
            )
        };
        let said = warnings(&format!("{HEAD}{}", many("23:50-00:20")));
        insta::assert_snapshot!(said.join("\n"), @r#"line 4: policy "a".window lasts 30 min for 3 machines, 1 at a time: at 15 min each they need 45 min"#);
        assert_eq!(warnings(&format!("{HEAD}{}", many("23:50-00:35"))), [""; 0]);
        assert_eq!(warnings(&format!("{HEAD}[rules]\nconcurrent = 3\n{}", many("23:50-00:20"))), [""; 0]);
    }

    #[test]
    fn a_listing_that_is_stale_before_a_slow_cloud_answers_is_a_warning() {
        let said = warnings(&format!(
            "{HEAD}timeout = \"30s\"\n[rules]\nfresh = \"89s\"\n{}",
            policy("a", "machines = [\"*\"]\nschedule = \"@daily\"")
        ));
        insta::assert_snapshot!(said.join("\n"), @"line 6: rules.fresh (89 s) is shorter than three calls of cloud.timeout (30 s): a slow cloud would keep every deletion waiting");
    }

    #[test]
    fn a_slot_that_waits_for_its_hours_is_no_fault() {
        let noon = |more: &str| {
            let more =
                format!("machines = [\"*\"]\nschedule = \"0 12 * * *\"\nwindow = \"22:00-06:00\"\n{more}");
            parse("a", &format!("{HEAD}{}", policy("a", &more))).is_ok()
        };
        assert!(noon("") && noon("catch_up_window = \"10h\""));
        assert!(!noon("catch_up = \"none\"") && !noon("catch_up_window = \"9h\""));
    }
}
