//! The person who now and then makes a snapshot by hand in the web console.
//!
//! Some of them look like the daemon's own. The person asks nobody and tidies up later.

use std::time::Duration;

use fastrand::Rng;

use crate::domain::time::Timestamp;
use crate::sim::agenda::Wanted;
use crate::sim::machine::machine_id;

const HOUR_SECONDS: u64 = 3_600;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

pub struct Person {
    random: Rng,
    /// Mean time from one visit to the next.
    every: Duration,
    /// No visit is planned after this.
    until: Timestamp,
}

impl Person {
    pub fn new(random: Rng, every: Duration, until: Timestamp) -> Self {
        Self { random, every, until }
    }

    /// Half to one and a half times the mean later; never after the last day.
    pub fn next_visit(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mean_seconds = self.every.as_secs().max(1);
        let after = Duration::from_secs(mean_seconds / 2 + self.random.u64(0..=mean_seconds));
        Some(now + after).filter(|at| *at < self.until)
    }

    /// What the person makes, and how long it stays.
    pub fn idea(&mut self, machines: usize) -> Option<(Wanted, Duration)> {
        if machines == 0 {
            return None;
        }
        let machine = machine_id(self.random.u64(1..=machines as u64));
        let (name, description) = match self.random.u8(..4) {
            0 => (format!("before upgrade {}", self.random.u32(..10_000)), String::new()),
            1 => (format!("my_backup.{}", self.random.u32(..10_000)), "made by hand".to_owned()),
            2 => (self.lookalike_name(), String::new()),
            _ => (self.lookalike_name(), cut_line(&machine)),
        };
        let stays = Duration::from_secs(self.random.u64(24..240) * HOUR_SECONDS);
        Some((Wanted { machine, name, description, is_image: false }, stays))
    }

    fn lookalike_name(&mut self) -> String {
        let tail = (0..10).map(|_| char::from(BASE32[self.random.usize(..32)]));
        format!("qm-nightly-{}", tail.collect::<String>())
    }
}

/// The daemon's own line, cut in the middle.
fn cut_line(machine: &str) -> String {
    format!("qm1 kind=slot policy=nightly machine={}", &machine[..machine.len() - 3])
}
