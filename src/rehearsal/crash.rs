//! Crashes: the engine's future is dropped at one of its awaits, as a killed process would stop.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use crate::sim::cloud::Cloud;
use crate::sim::fault::Fault;

/// One intent, and one change that arrives, in so many is followed by a crash at one of the next awaits.
const CRASH_AT_CHANGE: u32 = 8;
/// From an intent or an arrival to the commit of its outcome there are about so many: a crash
/// later than that leaves nothing open, and proves little.
const AWAITS_OF_A_CHANGE: i64 = 5;
const UNLIT: i64 = -1;

/// Once lit, it burns down one step at each await of the engine.
#[derive(Clone, Debug)]
pub struct Fuse(Arc<AtomicI64>);

impl Fuse {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(UNLIT)))
    }

    /// Lights it, unless it burns already.
    pub fn light(&self, awaits: i64) {
        // Whether it was lit before makes no difference to the caller.
        _ = self.0.compare_exchange(UNLIT, awaits.max(0), Ordering::Relaxed, Ordering::Relaxed);
    }

    pub fn put_out(&self) {
        self.0.store(UNLIT, Ordering::Relaxed);
    }

    fn burns_out(&self) -> bool {
        match self.0.load(Ordering::Relaxed) {
            UNLIT => false,
            0 => true,
            left => {
                self.0.store(left - 1, Ordering::Relaxed);
                false
            }
        }
    }
}

/// A future that ends early when the fuse burns out: `None`.
pub struct Mortal<Work> {
    pub work: Pin<Box<Work>>,
    pub fuse: Fuse,
}

impl<Work: Future> Future for Mortal<Work> {
    type Output = Option<Work::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.fuse.burns_out() {
            return Poll::Ready(None);
        }
        self.work.as_mut().poll(context).map(Some)
    }
}

/// Where a crash hurts most: between an intent and its outcome.
pub struct Danger {
    cloud: Cloud,
    fuse: Fuse,
    rng: fastrand::Rng,
}

impl Danger {
    pub fn new(cloud: &Cloud, fuse: &Fuse, seed: u64) -> Self {
        Self { cloud: cloud.clone(), fuse: fuse.clone(), rng: fastrand::Rng::with_seed(seed) }
    }

    pub fn comes(&mut self) {
        if self.cloud.fault_rate(Fault::Crash) > 0 && self.rng.u32(0..CRASH_AT_CHANGE) == 0 {
            self.fuse.light(self.rng.i64(0..AWAITS_OF_A_CHANGE));
        }
    }
}
