//! Outages: stretches of a minute to seven days in which nothing answers.
//!
//! Each day may begin one; whether it does is drawn from the day's own stream.

use crate::domain::time::Timestamp;
use crate::sim::canned::{Canned, CannedBody};
use crate::sim::fate::{Silence, Transport};
use crate::sim::fault::Fault;
use crate::sim::stream::numbered;

const DAY_SECONDS: i64 = 86_400;
const LONGEST_DAYS: i64 = 7;
/// From one minute on, each of so many doublings is as likely as the next: 2^13 minutes are 5.7 days.
const DOUBLINGS: u32 = 13;

#[derive(Default)]
pub struct Outages {
    /// The day that was last looked at, and the outages that could reach into it.
    known: Option<(i64, Vec<Outage>)>,
    ordered: Vec<Outage>,
    last_hit: Option<Timestamp>,
}

#[derive(Clone, Debug)]
struct Outage {
    from: Timestamp,
    until: Timestamp,
    how: Transport,
}

impl Outages {
    /// What the wire does now, and whether this outage is met for the first time.
    pub fn at(&mut self, seed: u64, rate: u32, now: Timestamp) -> Option<(Transport, bool)> {
        let day = now.seconds().div_euclid(DAY_SECONDS);
        if self.known.as_ref().is_none_or(|(known, _)| *known != day) {
            let days = (0..=LONGEST_DAYS).map(|back| day - back);
            self.known = Some((day, days.filter_map(|day| Outage::of_day(seed, rate, day)).collect()));
        }
        let drawn = self.known.iter().flat_map(|(_, drawn)| drawn).filter(|_| rate > 0);
        let outage = drawn.chain(&self.ordered).find(|one| one.from <= now && now < one.until)?;
        let is_new = self.last_hit != Some(outage.from);
        self.last_hit = Some(outage.from);
        Some((outage.how.clone(), is_new))
    }

    pub fn ordered(&mut self, from: Timestamp, until: Timestamp) {
        self.ordered.push(Outage { from, until, how: Transport::NeverSends(Fault::Outage) });
    }
}

impl Outage {
    fn of_day(seed: u64, rate: u32, day: i64) -> Option<Self> {
        let mut random = numbered(seed, "outage", day.unsigned_abs());
        if random.u32(..10_000) >= rate {
            return None;
        }
        // The lesser of two: the long ones are rare.
        let doublings = random.u32(..=DOUBLINGS).min(random.u32(..=DOUBLINGS));
        let seconds = (60_i64 << doublings) * random.i64(100..=125) / 100;
        let from = Timestamp::from_seconds(day * DAY_SECONDS + random.i64(0..DAY_SECONDS));
        let fault = Fault::Outage;
        let how = match random.u8(..4) {
            0 => Transport::LosesRequest(fault, Silence::Stall),
            1 => Transport::Answers(Canned::new(fault, 503, CannedBody::Html)),
            _ => Transport::NeverSends(fault),
        };
        Some(Self { from, until: from.shifted(seconds.min(LONGEST_DAYS * DAY_SECONDS) * 1_000_000), how })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_last_from_a_minute_to_a_week_and_most_are_short() {
        let seconds = |day| {
            Outage::of_day(7, 10_000, day).map(|outage| outage.until.since(outage.from).as_secs()).unwrap()
        };
        let all: Vec<u64> = (0..2_000).map(seconds).collect();
        assert!(all.iter().all(|seconds| (60..=604_800).contains(seconds)));
        assert!(all.iter().filter(|seconds| **seconds < 43_200).count() > 1_800);
        assert!(all.iter().any(|seconds| *seconds > 5 * 86_400));
    }

    #[test]
    fn an_outage_is_counted_once() {
        let mut outages = Outages::default();
        let at = |minutes: i64| Timestamp::from_seconds(1_772_330_400 + minutes * 60);
        outages.ordered(at(10), at(20));
        let met: Vec<Option<bool>> =
            [9, 10, 19, 20].map(|minutes| outages.at(1, 0, at(minutes)).map(|(_, is_new)| is_new)).into();
        assert_eq!(met, [None, Some(true), Some(false), None]);
    }
}
