//! What the policies of the daemon under test promise, and what breaks the promise: judged over all
//! that the cloud really holds of one policy and machine.
//!
//! The words of retention are read by the domain's own function, which others hold against restic; the
//! instants, and what there is, are the truth's.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::domain::id::BackupId;
use crate::domain::policy::Retention;
use crate::domain::retention::{self, Calendar, Candidate, Verdict};
use crate::domain::schedule;
use crate::domain::time::{Seconds, Timestamp};

/// The truth's own clock is never ahead of itself.
const NO_SKEW: Seconds = Seconds(0);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// No delete may leave a policy and machine under this many good snapshots.
    pub min_good: usize,
    /// This many of the newest good ones of a policy and machine are never deleted.
    pub keep_last: usize,
    /// The policies in force, where it is known which: nothing of another one may be deleted.
    pub in_force: Option<BTreeMap<String, Promise>>,
}

/// What one policy promises to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    pub keep_last: usize,
    /// Other words, and the zone that buckets them.
    pub words: Option<(Retention, String)>,
}

/// One that is good, or was until just now: its number, and when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub number: u64,
    pub made_at: Timestamp,
    /// What is shown of it was wrong once, so its instant may be taken for another.
    pub is_odd: bool,
    /// Of its slot.
    pub due: Option<Timestamp>,
}

impl Rules {
    /// What speaks against the deletion of `victim`; `shelf` has it too, and is in order of number.
    pub fn objections(&self, policy: &str, victim: u64, shelf: &[Member], now: Timestamp) -> Vec<String> {
        let mut found = Vec::new();
        let promise = match &self.in_force {
            Some(in_force) => in_force.get(policy),
            None => Some(&Promise { keep_last: self.keep_last, words: None }),
        };
        let Some(promise) = promise else { return vec![format!("{policy} is not in force")] };
        let left = shelf.iter().filter(|member| member.number != victim).count();
        if left < self.min_good {
            found.push(format!("it leaves {policy} with {left} good"));
        }
        // What was made later for an earlier slot was made by a clock that had been set back, and without a
        // readable date it counts as the older one.
        let due = shelf.iter().find(|member| member.number == victim).and_then(|member| member.due);
        let newer = shelf.iter().filter(|member| member.number > victim || member.due > due).count();
        if newer < promise.keep_last {
            found.push(format!("it is among the {} newest of {policy}", promise.keep_last));
        }
        if let Some((words, zone)) = &promise.words
            && keeps(words, zone, victim, shelf, now)
        {
            found.push(format!("{policy} keeps it: {words}"));
        }
        found
    }
}

fn keeps(words: &Retention, zone: &str, victim: u64, shelf: &[Member], now: Timestamp) -> bool {
    // Where one is taken for younger or older than it is, another may rightly stand in its place.
    if shelf.iter().any(|member| member.is_odd) {
        return false;
    }
    let zone = schedule::zone(zone).unwrap_or(TimeZone::UTC);
    // Of two of one instant the smaller id is the newer: numbers that fall as snapshots are made.
    let ids: Vec<BackupId> =
        shelf.iter().map(|one| BackupId::new(format!("{:020}", u64::MAX - one.number))).collect();
    let candidates: Vec<Candidate> =
        ids.iter().zip(shelf).map(|(id, one)| Candidate { id, taken_at: one.made_at }).collect();
    let calendar = Calendar { zone: &zone, now, skew: NO_SKEW };
    let verdicts = retention::judge(&candidates, words, calendar);
    let at = shelf.iter().position(|member| member.number == victim);
    let verdict = at.and_then(|at| verdicts.get(&ids[at]));
    matches!(verdict, Some(Verdict::Keep { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::Keep;

    fn shelf(hours: &[i64]) -> Vec<Member> {
        let member = |(number, hour): (u64, &i64)| Member {
            number,
            made_at: Timestamp::from_seconds(1_772_330_400 + hour * 3_600),
            is_odd: false,
            due: None,
        };
        (1..).zip(hours).map(member).collect()
    }

    fn rules(retention: Option<Retention>) -> Rules {
        let words = retention.map(|words| (words, "UTC".to_owned()));
        let promise = Promise { keep_last: 1, words };
        let in_force = Some(BTreeMap::from([("daily".to_owned(), promise)]));
        Rules { min_good: 1, keep_last: 9, in_force }
    }

    fn judged(rules: &Rules, policy: &str, victim: u64, shelf: &[Member]) -> Vec<String> {
        rules.objections(policy, victim, shelf, Timestamp::from_seconds(1_772_330_400 + 90 * 3_600))
    }

    #[test]
    fn what_a_policy_keeps_and_what_no_policy_in_force_made_may_not_go() {
        // Two a day, in the morning and in the evening: the days keep the evening's.
        let twice_a_day = shelf(&[6, 16, 30, 40, 54, 64]);
        let daily = rules(Some(Retention { keep_daily: Some(Keep::Count(3)), ..Retention::default() }));
        assert_eq!(judged(&daily, "daily", 3, &twice_a_day), Vec::<String>::new());
        assert_eq!(judged(&daily, "daily", 4, &twice_a_day), ["daily keeps it: daily 3"]);
        assert_eq!(judged(&daily, "daily", 6, &twice_a_day).len(), 2);
        assert_eq!(judged(&daily, "other", 3, &twice_a_day), ["other is not in force"]);
        assert_eq!(judged(&rules(None), "daily", 4, &twice_a_day), Vec::<String>::new());
    }

    #[test]
    fn an_instant_that_may_be_taken_for_another_speaks_against_no_deletion() {
        let mut shelf = shelf(&[6, 30, 54]);
        let daily = rules(Some(Retention { keep_daily: Some(Keep::Count(3)), ..Retention::default() }));
        assert_eq!(judged(&daily, "daily", 1, &shelf).len(), 1);
        shelf[2].is_odd = true;
        assert_eq!(judged(&daily, "daily", 1, &shelf), Vec::<String>::new());
    }

    #[test]
    fn what_was_made_later_for_an_earlier_slot_may_count_as_the_older() {
        let mut shelf = shelf(&[6, 30, 54]);
        let due = |day: i64| Some(Timestamp::from_seconds(1_772_330_400 + day * 86_400));
        let days = |shelf: &mut Vec<Member>, days: [i64; 3]| {
            shelf.iter_mut().zip(days).for_each(|(member, day)| member.due = due(day));
        };
        let two = Rules { in_force: None, keep_last: 2, min_good: 1 };
        days(&mut shelf, [0, 1, 2]);
        assert_eq!(judged(&two, "daily", 2, &shelf), ["it is among the 2 newest of daily"]);
        days(&mut shelf, [1, 0, 2]);
        assert_eq!(judged(&two, "daily", 2, &shelf), Vec::<String>::new());
    }
}
