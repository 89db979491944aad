//! What a rehearsal is made of: how long, how many machines, which faults, and which policies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::domain::alert::rules::AlertRules;
use crate::domain::id::PolicyName;
use crate::domain::policy::{Images, Keep, Mode, Policy, PolicySet, Retention, Rules};
use crate::domain::selection::Selection;
use crate::domain::snapshot_price::PriceBasisSaid;
use crate::domain::time::{Seconds, Timestamp};
use crate::domain::timing::Timing;
use crate::rehearsal::disturb::Disturbance;
use crate::rehearsal::variety::{self, DAILY};
use crate::sim::dialect::{Dialect, Way};
use crate::sim::fault::Fault;
use crate::sim::fault_plan::FaultPlan;

/// 2026-03-01T00:00:00Z, when every rehearsal begins.
pub const EPOCH: Timestamp = Timestamp::EPOCH;
const EPOCH_SECONDS: i64 = 1_772_323_200;

/// The calm at the end of a run with faults: a fifth of it, within these bounds.
const LEAST_CALM: Seconds = Seconds::days(3);
const MOST_CALM: Seconds = Seconds::days(14);
const MAIL_OUTAGE: Seconds = Seconds::days(3);

#[derive(Clone, Debug)]
pub struct Setup {
    /// Simulated time to run for.
    pub length: Seconds,
    pub machines: u32,
    pub keep_last: u32,
    /// What the policy keeps besides.
    pub also: Retention,
    /// Whether the seed draws more than the plain policy: a second one, renamings, broken files.
    pub is_varied: bool,
    pub seed: u64,
    /// A name that `sim::fault_plan::FaultPlan` knows.
    pub faults: String,
    pub dialect: Dialect,
    /// Each commit waits for the disk, as in production.
    pub durable: bool,
    pub directory: PathBuf,
    /// What becomes of the daemon's clock, in order of time.
    pub disturbances: Vec<Disturbance>,
}

impl Setup {
    pub fn begins(&self) -> Timestamp {
        EPOCH + Seconds(EPOCH_SECONDS.unsigned_abs())
    }

    pub fn ends(&self) -> Timestamp {
        self.begins() + self.length
    }

    /// From here on the cloud behaves.
    pub fn calm_begins(&self) -> Timestamp {
        let calm = (self.length.0 / 5).clamp(LEAST_CALM.0, MOST_CALM.0).min(self.length.0);
        if self.faults == "none" { self.begins() } else { self.ends() - Seconds(calm) }
    }

    /// Whether the configuration says that there are no images, where the cloud cannot tell: then nobody makes
    /// any. Half of the seeds say nothing, and their deletions wait for a person.
    pub fn says_no_images(&self) -> bool {
        self.dialect.has(Way::NoImages) && !(self.seed / 4).is_multiple_of(2)
    }

    /// The faults of the cloud.
    pub fn fault_plan(&self) -> FaultPlan {
        let named = FaultPlan::named(&self.faults, self.seed, self.calm_begins());
        let plan = named.unwrap_or_else(|| FaultPlan::none(self.seed));
        if self.says_no_images() { plan.without(Fault::TakesImage) } else { plan }
    }

    /// When nobody takes a letter: from the fifth part of the chaos on, for three days or as long as that.
    pub fn mail_outage(&self) -> Option<(Timestamp, Timestamp)> {
        let chaos = self.calm_begins().since(self.begins());
        let from = self.begins() + chaos / 5;
        (self.faults != "none").then(|| (from, from + MAIL_OUTAGE.duration().min(chaos / 5)))
    }

    /// One policy over all machines: daily at two, the newest `keep_last` kept, and what is said besides.
    /// A varied rehearsal has a second one.
    pub fn policies(&self) -> PolicySet {
        let policy = Policy {
            mode: Mode::Enforce,
            machines: vec!["*".to_owned()],
            schedule: "0 2 * * *".to_owned(),
            timezone: "UTC".to_owned(),
            may_restart: true,
            retention: Retention { keep_last: Some(Keep::Count(self.keep_last)), ..self.also.clone() },
            longest_gap: Seconds::days(1),
            selection: Selection::default(),
            timing: Timing::default(),
            was: BTreeSet::new(),
        };
        let mut policies = BTreeMap::from([(PolicyName::new(DAILY), policy)]);
        policies.extend(self.is_varied.then(|| variety::second(self.seed, self.begins())));
        PolicySet {
            mode: Mode::Enforce,
            policies,
            rules: Rules::default(),
            images: if self.says_no_images() { Images::Absent } else { Images::Ask },
            alerts: AlertRules { told: true, ..AlertRules::default() },
            snapshot_price_basis: PriceBasisSaid::Auto,
        }
    }
}
