//! The plan of faults that one run follows: what strikes when, and how often it did.
//!
//! A plan decides and counts; it does nothing to a request by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

use crate::domain::time::Timestamp;
use crate::sim::fate::Transport;
use crate::sim::fault::Fault;
use crate::sim::misbilling::Misbilling;
use crate::sim::mischief::Mischief;
use crate::sim::outage::Outages;
use crate::sim::person::Person;
use crate::sim::rates::{Rate, Strength, rates, worst};
use crate::sim::stream::{numbered, stream};

/// Chaos without an end: a thousand years.
const FOR_EVER: Duration = Duration::from_secs(1_000 * 365 * 86_400);
/// How long a wrong clock stays wrong in the same way.
const SKEW_WINDOW_SECONDS: i64 = 6 * 3_600;
/// Errors of the server's date, in seconds.
const DATE_ERRORS: [i64; 6] = [-90_000, -7_200, -1_800, 1_800, 10_800, 90_000];
/// Errors of the daemon's own clock, in seconds.
const CLOCK_ERRORS: [i64; 6] = [-93_600, -3_600, -600, 30, 600, 7_200];

pub struct FaultPlan {
    pub(in crate::sim) seed: u64,
    pub(in crate::sim) chaos_until: Timestamp,
    /// Only classes that can happen in this run.
    pub(in crate::sim) rates: BTreeMap<Fault, Rate>,
    pub(in crate::sim) streams: BTreeMap<Fault, Rng>,
    pub(in crate::sim) latency: Rng,
    /// Until when a burst of a class goes on.
    pub(in crate::sim) bursts: BTreeMap<Fault, Timestamp>,
    pub(in crate::sim) requests: u64,
    hits: BTreeMap<Fault, u64>,
    outages: Outages,
    /// The windows in which a wrong clock was last seen.
    seen_windows: BTreeMap<Fault, i64>,
}

impl FaultPlan {
    /// No fault at all; only latency is drawn.
    pub fn none(seed: u64) -> Self {
        Self::new(seed, Timestamp::EPOCH, Strength::None)
    }

    /// Every class, as rare as on a fair day.
    pub fn typical(seed: u64, chaos_until: Timestamp) -> Self {
        Self::new(seed, chaos_until, Strength::Typical)
    }

    /// Every class, often.
    pub fn hostile(seed: u64, chaos_until: Timestamp) -> Self {
        Self::new(seed, chaos_until, Strength::Hostile)
    }

    /// Each class is off with probability one half, else anything up to hostile.
    pub fn swarm(seed: u64, chaos_until: Timestamp) -> Self {
        Self::new(seed, chaos_until, Strength::Swarm)
    }

    /// The plan with this name: `none`, `typical`, `hostile` or `swarm`, or the code of one class, which is
    /// alone then and as often as it ever is.
    pub fn named(name: &str, seed: u64, chaos_until: Timestamp) -> Option<Self> {
        match name {
            "none" => Some(Self::none(seed)),
            "typical" => Some(Self::typical(seed, chaos_until)),
            "hostile" => Some(Self::hostile(seed, chaos_until)),
            "swarm" => Some(Self::swarm(seed, chaos_until)),
            code => {
                let fault = Fault::parse(code)?;
                Some(Self::new(seed, chaos_until, Strength::None).with(fault, worst(fault)))
            }
        }
    }

    /// One class alone, at this chance per request: for tests of that class.
    pub fn only(seed: u64, chaos_until: Timestamp, fault: Fault, per_ten_thousand: u32) -> Self {
        let rate = Rate { reads: per_ten_thousand, changes: per_ten_thousand };
        Self::new(seed, chaos_until, Strength::None).with(fault, rate)
    }

    fn with(mut self, fault: Fault, rate: Rate) -> Self {
        self.rates.insert(fault, rate);
        self.streams.insert(fault, stream(self.seed, fault.code()));
        self.hits.insert(fault, 0);
        self
    }

    /// The same, but for one class, which never happens.
    pub fn without(mut self, fault: Fault) -> Self {
        self.rates.remove(&fault);
        self.hits.remove(&fault);
        self
    }

    fn new(seed: u64, chaos_until: Timestamp, strength: Strength) -> Self {
        let rates = rates(seed, strength);
        let streams = rates.keys().map(|fault| (*fault, stream(seed, fault.code()))).collect();
        let hits = rates.keys().map(|fault| (*fault, 0)).collect();
        Self {
            seed,
            chaos_until,
            rates,
            streams,
            latency: stream(seed, "latency"),
            bursts: BTreeMap::new(),
            requests: 0,
            hits,
            outages: Outages::default(),
            seen_windows: BTreeMap::new(),
        }
    }

    /// From now on, and for as long as nothing says otherwise.
    pub(in crate::sim) fn set_rate(&mut self, fault: Fault, per_ten_thousand: u32) {
        if self.chaos_until == Timestamp::EPOCH {
            self.chaos_until = Timestamp::EPOCH + FOR_EVER;
        }
        self.rates.insert(fault, Rate { reads: per_ten_thousand, changes: per_ten_thousand });
        self.streams.entry(fault).or_insert_with(|| stream(self.seed, fault.code()));
        self.hits.entry(fault).or_insert(0);
    }

    pub fn chaos_until(&self) -> Timestamp {
        self.chaos_until
    }

    pub fn hit(&mut self, fault: Fault) {
        *self.hits.entry(fault).or_insert(0) += 1;
    }

    /// Hits of every class that is on in this run, by code; zeros too.
    pub fn hits(&self) -> BTreeMap<&'static str, u64> {
        self.hits.iter().map(|(fault, count)| (fault.code(), *count)).collect()
    }

    /// The chance of this class per ten thousand changes; zero in the calm.
    pub fn rate(&self, fault: Fault, now: Timestamp) -> u32 {
        if now >= self.chaos_until {
            return 0;
        }
        self.rates.get(&fault).map_or(0, |rate| rate.changes)
    }

    /// By how many microseconds the server's `Date` is wrong; each wrong window counts as one hit.
    pub fn date_skew(&mut self, now: Timestamp) -> i64 {
        self.skew(Fault::DateSkew, &DATE_ERRORS, now)
    }

    /// By how many microseconds the daemon's clock should be wrong; each wrong window counts as one hit.
    pub fn clock_skew(&mut self, now: Timestamp) -> i64 {
        self.skew(Fault::ClockSkew, &CLOCK_ERRORS, now)
    }

    /// What the wire does in the outage of now, if there is one; each outage counts as one hit.
    pub(in crate::sim) fn outage(&mut self, now: Timestamp) -> Option<Transport> {
        let rate = self.rate(Fault::Outage, now);
        let (outage, is_new) = self.outages.at(self.seed, rate, now)?;
        if is_new {
            self.hit(Fault::Outage);
        }
        Some(outage)
    }

    /// An outage from now on, as a scenario wants it.
    pub(in crate::sim) fn begin_outage(&mut self, from: Timestamp, until: Timestamp) {
        self.outages.ordered(from, until);
    }

    /// What befalls the things of the world in this run.
    pub(in crate::sim) fn mischief(&self) -> Mischief {
        let rates = self.rates.iter().map(|(fault, rate)| (*fault, rate.changes)).collect();
        Mischief::new(self.seed, rates, self.chaos_until)
    }

    /// The person who makes snapshots by hand, if there is one in this run.
    pub(in crate::sim) fn person(&self) -> Option<Person> {
        let visits_per_ten_thousand_hours = self.rates.get(&Fault::HandMade)?.changes.max(1);
        let every = Duration::from_secs(3_600 * 10_000 / u64::from(visits_per_ten_thousand_hours));
        Some(Person::new(stream(self.seed, "person"), every, self.chaos_until))
    }

    /// How wrong the billing lists are, if they can be in this run.
    pub(in crate::sim) fn misbilling(&self) -> Option<Misbilling> {
        let per_ten_thousand = self.rates.get(&Fault::Misbilled)?.changes;
        Some(Misbilling { seed: self.seed, per_ten_thousand, until: self.chaos_until })
    }

    fn skew(&mut self, fault: Fault, errors: &[i64; 6], now: Timestamp) -> i64 {
        let rate = self.rate(fault, now);
        let window = now.seconds().div_euclid(SKEW_WINDOW_SECONDS);
        let mut random = numbered(self.seed, fault.code(), window.unsigned_abs());
        if random.u32(..10_000) >= rate {
            return 0;
        }
        if self.seen_windows.insert(fault, window) != Some(window) {
            self.hit(fault);
        }
        errors[random.usize(..errors.len())] * 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calm_has_no_wrong_clocks() {
        let end = Timestamp::from_seconds(1_800_000_000);
        let mut plan = FaultPlan::only(3, end, Fault::DateSkew, 10_000);
        assert_ne!(plan.date_skew(end.shifted(-1)), 0);
        assert_eq!(plan.date_skew(end), 0);
        assert_eq!(plan.hits(), BTreeMap::from([("F33", 1)]));
    }

    #[test]
    fn a_swarm_switches_about_half_of_the_classes_off() {
        let end = Timestamp::from_seconds(1_800_000_000);
        let on: usize = (0..200).map(|seed| FaultPlan::swarm(seed, end).hits().len()).sum();
        let all = Fault::ALL.len() * 200;
        assert!((all * 2 / 5..all * 3 / 5).contains(&on), "{on} of {all}");
    }
}
