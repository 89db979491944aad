//! The one source of time: the system's clock, one that runs faster, or a simulated one.
//!
//! All of it rests on tokio's time, so that pausing tokio pauses everything; the wall clock is an
//! offset on top. Nothing outside this file asks the operating system what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::domain::time::Timestamp;

/// Cheap to clone; clones share their skew.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Instant,
    wall: Wall,
}

#[derive(Clone, Debug)]
enum Wall {
    System,
    /// `scale` seconds pass for each second of tokio's; `start` was the time at `origin`.
    Scaled {
        start: Timestamp,
        scale: u32,
    },
    /// As scaled by one, with an error of `skew` microseconds that a fault can change, and
    /// `asleep` microseconds in which its machine was suspended.
    Simulated {
        epoch: Timestamp,
        skew: Arc<AtomicI64>,
        asleep: Arc<AtomicU64>,
    },
}

impl Clock {
    pub fn system() -> Self {
        Self { origin: Instant::now(), wall: Wall::System }
    }

    /// Stretches time from the anchor `epoch` on: `scale` seconds for each that passes. Two
    /// processes with the same anchor and scale share one time, across restarts too.
    pub fn scaled(epoch: Timestamp, scale: u32) -> Self {
        let scale = scale.max(1);
        let start = epoch + system_now().since(epoch) * scale;
        Self { origin: Instant::now(), wall: Wall::Scaled { start, scale } }
    }

    /// Starts at `epoch` and follows tokio's (paused) clock.
    pub fn simulated(epoch: Timestamp) -> Self {
        let (skew, asleep) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicU64::new(0)));
        Self { origin: Instant::now(), wall: Wall::Simulated { epoch, skew, asleep } }
    }

    /// A simulated clock that can be wrong by itself: same time, a skew and a sleep of its own.
    pub fn with_own_skew(&self) -> Self {
        let mut other = self.clone();
        if let Wall::Simulated { skew, asleep, .. } = &mut other.wall {
            *skew = Arc::new(AtomicI64::new(0));
            *asleep = Arc::new(AtomicU64::new(0));
        }
        other
    }

    /// Its machine was suspended for `span`: the wall clock went on, and elapsed time did not.
    pub fn note_suspended(&self, span: Duration) {
        if let Wall::Simulated { asleep, .. } = &self.wall {
            let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
            asleep.fetch_add(micros, Ordering::Relaxed);
        }
    }

    /// Makes a simulated clock wrong by this many microseconds; no other clock can be.
    pub fn set_skew(&self, micros: i64) {
        if let Wall::Simulated { skew, .. } = &self.wall {
            skew.store(micros, Ordering::Relaxed);
        }
    }

    /// What the wall clock shows. It can step; `elapsed` cannot.
    pub fn now(&self) -> Timestamp {
        match &self.wall {
            Wall::System => system_now(),
            Wall::Scaled { start, .. } => *start + self.elapsed(),
            Wall::Simulated { epoch, skew, .. } => {
                (*epoch + self.origin.elapsed()).shifted(skew.load(Ordering::Relaxed))
            }
        }
    }

    /// How much of this clock's time has passed since it was made, steps and suspends aside.
    pub fn elapsed(&self) -> Duration {
        match &self.wall {
            Wall::Scaled { scale, .. } => self.origin.elapsed() * *scale,
            Wall::System => self.origin.elapsed(),
            Wall::Simulated { asleep, .. } => {
                let asleep = Duration::from_micros(asleep.load(Ordering::Relaxed));
                self.origin.elapsed().saturating_sub(asleep)
            }
        }
    }

    /// What a moment of the machine's own comes to where time is stretched; nothing elsewhere.
    pub fn stretched(&self, moment: Duration) -> Duration {
        match &self.wall {
            Wall::Scaled { scale, .. } => moment * *scale,
            Wall::System | Wall::Simulated { .. } => Duration::ZERO,
        }
    }

    /// Sleeps for a span of this clock's time.
    pub async fn sleep(&self, span: Duration) {
        let span = match &self.wall {
            Wall::Scaled { scale, .. } => span / *scale,
            Wall::System | Wall::Simulated { .. } => span,
        };
        tokio::time::sleep(span).await;
    }

    /// A point at which a simulated process can be made to crash; nothing on a real clock.
    pub async fn breathe(&self) {
        if self.is_simulated() {
            tokio::task::yield_now().await;
        }
    }

    pub fn is_simulated(&self) -> bool {
        matches!(self.wall, Wall::Simulated { .. })
    }
}

fn system_now() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp::EPOCH + since,
        Err(before) => Timestamp::EPOCH - before.duration(),
    }
}
