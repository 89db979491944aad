//! Edits of the configuration between two processes: F38. The file that a person broke is not among
//! them, because a refused file changes nothing.

use std::time::Duration;

use crate::domain::policy::{Keep, Policy, PolicySet};
use crate::domain::time::{Seconds, Timestamp};
use crate::rehearsal::setup::Setup;
use crate::sim::cloud::Cloud;
use crate::sim::fault::Fault;
use crate::sim::truth::Rules;

/// So long before the calm the file is again as it was, so that graces and soft starts are over in it.
const RESTORED_BEFORE: Seconds = Seconds::days(4);
const OTHER_ZONES: [&str; 3] = ["America/New_York", "Asia/Kathmandu", "Pacific/Auckland"];

pub struct Edits {
    rng: fastrand::Rng,
    until: Timestamp,
    edit: Option<Edit>,
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    ShorterRetention,
    LongerRetention,
    Zone(&'static str),
    Hour,
    NoPolicy,
}

impl Edits {
    pub fn new(setup: &Setup) -> Self {
        let until = setup.calm_begins().shifted(-(RESTORED_BEFORE.0.cast_signed() * 1_000_000));
        Self { rng: fastrand::Rng::with_seed(setup.seed ^ 0x5851_f42d_4c95_7f2d), until, edit: None }
    }

    /// The policies of the next process. The truth is told of them.
    pub fn adopted(&mut self, setup: &Setup, cloud: &Cloud, now: Timestamp) -> PolicySet {
        let strikes = self.rng.u32(..10_000) < cloud.fault_rate(Fault::Edited) && now < self.until;
        let edit = self.drawn();
        match self.edit {
            // An edit lives for a process or a few.
            Some(_) if now >= self.until || self.rng.bool() => self.edit = None,
            None if strikes => {
                self.edit = Some(edit);
                cloud.note_hit(Fault::Edited);
            }
            _ => {}
        }
        let mut set = setup.policies();
        let mut keep_last = setup.keep_last;
        if let Some(edit) = self.edit {
            edit.make(&mut set, &mut keep_last);
        }
        let rules = Rules { min_good: set.rules.min_good as usize, keep_last: keep_last as usize };
        cloud.with_world(|world| world.truth.adopt_rules(rules));
        set
    }

    /// When the process that runs the edited file must end for the old one.
    pub fn over_in(&self, now: Timestamp) -> Option<Duration> {
        self.edit.map(|_| self.until.since(now))
    }

    fn drawn(&mut self) -> Edit {
        match self.rng.u8(..5) {
            0 => Edit::ShorterRetention,
            1 => Edit::LongerRetention,
            2 => Edit::Zone(OTHER_ZONES[self.rng.usize(..OTHER_ZONES.len())]),
            3 => Edit::Hour,
            _ => Edit::NoPolicy,
        }
    }
}

impl Edit {
    fn make(self, set: &mut PolicySet, keep_last: &mut u32) {
        match self {
            Self::ShorterRetention => *keep_last = (*keep_last - 1).max(1),
            Self::LongerRetention => *keep_last += 2,
            Self::Zone(_) | Self::Hour => {}
            Self::NoPolicy => set.policies.clear(),
        }
        for policy in set.policies.values_mut() {
            self.make_in(policy, *keep_last);
        }
    }

    fn make_in(self, policy: &mut Policy, keep_last: u32) {
        policy.retention.keep_last = Some(Keep::Count(keep_last));
        match self {
            Self::Zone(zone) => zone.clone_into(&mut policy.timezone),
            Self::Hour => "30 14 * * *".clone_into(&mut policy.schedule),
            Self::ShorterRetention | Self::LongerRetention | Self::NoPolicy => {}
        }
    }
}
