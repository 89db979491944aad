//! The daemon's clock in a rehearsal: set wrong, or suspended with its machine, at times told before.

use std::time::Duration;

use crate::clock::Clock;
use crate::domain::time::{Seconds, Timestamp};
use crate::rehearsal::setup::Setup;
use crate::sim::cloud::Cloud;

/// What becomes of the daemon's clock, so long after the beginning in true time.
#[derive(Clone, Copy, Debug)]
pub struct Disturbance {
    pub after: Seconds,
    pub what: What,
}

#[derive(Clone, Copy, Debug)]
pub enum What {
    /// From then on the wall clock is wrong by so many seconds; 0 sets it right.
    WrongBySeconds(i64),
    /// The machine sleeps: no pass is made, elapsed time stands still, and the wall clock goes on.
    Suspend(Seconds),
}

/// The clock that the daemon of a rehearsal goes by.
#[derive(Clone)]
pub struct DaemonClock<'a> {
    setup: &'a Setup,
    cloud: Cloud,
    truth: Clock,
    local: Clock,
}

impl<'a> DaemonClock<'a> {
    pub fn new(setup: &'a Setup, cloud: &Cloud, truth: &Clock) -> Self {
        Self { setup, cloud: cloud.clone(), truth: truth.clone(), local: truth.with_own_skew() }
    }

    pub fn clock(&self) -> Clock {
        self.local.clone()
    }

    /// Makes it as wrong as the faults and the setup want it to be now.
    pub fn set(&self) {
        let now = self.truth.now();
        let reached = self.settings().filter(|(at, _)| *at <= now);
        let error = reached.last().map_or(0, |(_, seconds)| seconds * 1_000_000);
        self.local.set_skew(self.cloud.wished_clock_skew() + error);
    }

    /// Sets it when the setup says so, whatever the daemon is doing just then. Never ends.
    pub async fn keep_setting(&self) {
        let next = || self.settings().map(|(at, _)| at).find(|at| *at > self.truth.now());
        while let Some(at) = next() {
            self.truth.sleep(at.since(self.truth.now())).await;
            self.set();
        }
        std::future::pending::<()>().await;
    }

    /// Sleeps through `pause`, and through every suspend that begins in it.
    pub async fn sleep(&self, pause: Duration) {
        let from = self.truth.now();
        self.truth.sleep(pause).await;
        let until = self.truth.now();
        for one in &self.setup.disturbances {
            let at = self.setup.begins() + one.after;
            if let What::Suspend(span) = one.what
                && at > from
                && at <= until
            {
                self.truth.sleep(span.duration()).await;
                self.local.note_suspended(span.duration());
            }
        }
    }

    fn settings(&self) -> impl Iterator<Item = (Timestamp, i64)> {
        self.setup.disturbances.iter().filter_map(|one| match one.what {
            What::WrongBySeconds(seconds) => Some((self.setup.begins() + one.after, seconds)),
            What::Suspend(_) => None,
        })
    }
}
