//! What befalls the things of the world themselves: drawn per thing, or from time to time.
//!
//! It decides and counts; the world carries it out.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

use crate::domain::time::Timestamp;
use crate::sim::fault::Fault;
use crate::sim::stream::{numbered, stream};

const HOUR_SECONDS: u64 = 3_600;

pub struct Mischief {
    seed: u64,
    /// Chances per ten thousand.
    rates: BTreeMap<Fault, u32>,
    /// From here on nothing new befalls anything, and what lasts has ended.
    until: Timestamp,
    streams: BTreeMap<Fault, Rng>,
    hits: Vec<Fault>,
}

impl Mischief {
    pub fn new(seed: u64, rates: BTreeMap<Fault, u32>, until: Timestamp) -> Self {
        Self { seed, rates, until, streams: BTreeMap::new(), hits: Vec::new() }
    }

    /// Whether this class strikes the thing with this number; what else there is to draw comes from
    /// the stream that is returned.
    pub fn strikes(&self, fault: Fault, number: u64, now: Timestamp) -> Option<Rng> {
        let rate = self.rates.get(&fault).copied().filter(|rate| *rate > 0 && now < self.until)?;
        let mut random = numbered(self.seed, fault.code(), number);
        (random.u32(..10_000) < rate).then_some(random)
    }

    /// Whether this class is on in this run, in the calm too.
    pub fn can(&self, fault: Fault) -> bool {
        self.rates.get(&fault).is_some_and(|rate| *rate > 0)
    }

    /// When this class strikes next, at a rate per hour: half to one and a half times the mean later.
    pub fn next_strike(&mut self, fault: Fault, now: Timestamp) -> Option<Timestamp> {
        let rate = self.rates.get(&fault).copied().filter(|rate| *rate > 0)?;
        let mean_seconds = HOUR_SECONDS * 10_000 / u64::from(rate);
        let after = mean_seconds / 2 + self.random(fault).u64(0..=mean_seconds);
        Some(now + Duration::from_secs(after)).filter(|at| *at < self.until)
    }

    /// The stream of a class that strikes from time to time.
    pub fn random(&mut self, fault: Fault) -> &mut Rng {
        let seed = self.seed;
        self.streams.entry(fault).or_insert_with(|| stream(seed, &format!("{} in time", fault.code())))
    }

    /// So much later, but not in the calm.
    pub fn ends(&self, now: Timestamp, after: Duration) -> Timestamp {
        (now + after).min(self.until).max(now)
    }

    pub fn hit(&mut self, fault: Fault) {
        self.hits.push(fault);
    }

    /// What struck since the last time.
    pub fn take_hits(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.hits)
    }
}
