//! The pace of a rehearsal that somebody watches: simulated time follows real time, at a fixed ratio.

use std::thread;
use std::time::{Duration, Instant};

/// How long the end of a rehearsal can be overlooked.
const SLICE: Duration = Duration::from_millis(50);
const DAY_SECONDS: f64 = 86_400.0;

pub struct Pace {
    began: Instant,
    day: Duration,
}

impl Pace {
    /// From now on a simulated day takes `day`.
    pub fn new(day: Duration) -> Self {
        Self { began: Instant::now(), day }
    }

    /// Sleeps until `reached` of simulated time may have passed. `false`: it was told to end.
    pub fn wait(&self, reached: Duration, is_over: impl Fn() -> bool) -> bool {
        let due = self.began + self.day.mul_f64(reached.as_secs_f64() / DAY_SECONDS);
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if is_over() {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            thread::sleep(left.min(SLICE));
        }
    }
}
