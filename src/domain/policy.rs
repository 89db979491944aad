//! The policies in force: what the configuration file means, as an event carries it.
//!
//! A plan reads them from the state, never from the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::alert::rules::AlertRules;
use super::id::PolicyName;
use super::reach::Reach;
use super::selection::Selection;
use super::snapshot_price::PriceBasisSaid;
use super::time::Seconds;
use super::timing::Timing;

/// How far the daemon may go on its own. A policy may be stricter than the whole, never laxer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Looks and plans; changes nothing.
    Observe,
    /// Takes and checks backups; never deletes.
    Protect,
    Enforce,
}

impl Mode {
    pub fn word(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Protect => "protect",
            Self::Enforce => "enforce",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySet {
    pub mode: Mode,
    pub policies: BTreeMap<PolicyName, Policy>,
    pub rules: Rules,
    #[serde(default)]
    pub images: Images,
    #[serde(default)]
    pub alerts: AlertRules,
    #[serde(default, skip_serializing_if = "PriceBasisSaid::is_auto")]
    pub snapshot_price_basis: PriceBasisSaid,
}

/// What decides whether an image could be made from a snapshot where the cloud answers neither that
/// question nor one for the list of images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Images {
    /// Nothing: it could, so it stays.
    #[default]
    Ask,
    /// A person says that this account makes none.
    Absent,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub mode: Mode,
    /// Patterns over machine names: `*` any text, `?` one character.
    pub machines: Vec<String>,
    /// Cron, 5 or 6 fields, or a nickname such as `@daily`.
    pub schedule: String,
    /// An IANA zone; its days bucket retention too.
    pub timezone: String,
    /// Whether a snapshot may restart the machine.
    pub may_restart: bool,
    pub retention: Retention,
    /// The longest gap between two slots in the 366 days after the adoption.
    pub longest_gap: Seconds,
    #[serde(default, skip_serializing_if = "Selection::is_all")]
    pub selection: Selection,
    #[serde(default, skip_serializing_if = "Timing::is_plain")]
    pub timing: Timing,
    /// Names that it had before: their shelves, backups and decided slots are its own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub was: BTreeSet<PolicyName>,
}

/// restic's words. No rule at all keeps everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<Keep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_hourly: Option<Keep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_daily: Option<Keep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_weekly: Option<Keep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_monthly: Option<Keep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_yearly: Option<Keep>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_within: Option<Reach>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_within_hourly: Option<Reach>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_within_daily: Option<Reach>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_within_weekly: Option<Reach>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_within_monthly: Option<Reach>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_within_yearly: Option<Reach>,
    /// Not a rule that keeps: what is older goes whatever the rules say, and yields to pins, holds
    /// and the least number of good backups alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after: Option<Reach>,
}

/// Sets of rules that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The newest, the last three days, and a weekly one: at most four.
    Daily,
    /// The newest alone: what matters is pinned by hand, and stays.
    Milestone,
    /// One for each of the last twelve months.
    Compliance,
}

impl Preset {
    pub const NAMED: [(&'static str, Self); 3] =
        [("daily", Self::Daily), ("milestone", Self::Milestone), ("compliance", Self::Compliance)];

    pub fn retention(self) -> Retention {
        let count = |count| Some(Keep::Count(count));
        let none = Retention::default();
        match self {
            Self::Daily => {
                Retention { keep_last: count(1), keep_daily: count(3), keep_weekly: count(1), ..none }
            }
            Self::Milestone => Retention { keep_last: count(1), ..none },
            Self::Compliance => Retention { keep_monthly: count(12), ..none },
        }
    }
}

impl Retention {
    /// The rules that count, each under its word.
    pub fn counts(&self) -> [(&'static str, Option<Keep>); 6] {
        [
            ("last", self.keep_last),
            ("hourly", self.keep_hourly),
            ("daily", self.keep_daily),
            ("weekly", self.keep_weekly),
            ("monthly", self.keep_monthly),
            ("yearly", self.keep_yearly),
        ]
    }

    /// The rules that reach back from the newest, each under its words.
    pub fn reaches(&self) -> [(&'static str, Option<Reach>); 6] {
        [
            ("within", self.keep_within),
            ("hourly within", self.keep_within_hourly),
            ("daily within", self.keep_within_daily),
            ("weekly within", self.keep_within_weekly),
            ("monthly within", self.keep_within_monthly),
            ("yearly within", self.keep_within_yearly),
        ]
    }

    /// Whether anything is said about what to keep; `delete_after` says nothing about it.
    pub fn has_rule(&self) -> bool {
        self.counts().iter().any(|(_, keep)| keep.is_some())
            || self.reaches().iter().any(|(_, reach)| reach.is_some())
    }
}

/// Such as `last 2, daily 7, within 3d`, or `everything`.
impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts().into_iter().filter_map(|(word, keep)| match keep? {
            Keep::All => Some(format!("{word} all")),
            Keep::Count(count) => Some(format!("{word} {count}")),
        });
        let reaches =
            self.reaches().into_iter().filter_map(|(word, reach)| Some(format!("{word} {}", reach?)));
        let mut told: Vec<String> = counts.chain(reaches).collect();
        if told.is_empty() {
            told.push("everything".to_owned());
        }
        told.extend(self.delete_after.map(|limit| format!("but nothing older than {limit}")));
        f.write_str(&told.join(", "))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    All,
    Count(u32),
}

/// Every bound and wait that a plan obeys; each is a setting down to one second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rules {
    /// How many good backups of a (policy, machine) a deletion must leave.
    pub min_good: u32,
    /// How long a doomed backup stays visible before it is deleted.
    pub grace: Seconds,
    /// The grace of those doomed this soon after an edit of what their policy keeps.
    pub grace_after_edit: Seconds,
    /// How long after the change to `enforce` nothing is deleted.
    pub soft_start: Seconds,
    /// How long after an unclear create or delete its absence or presence proves nothing.
    pub settle: Seconds,
    /// How long a snapshot may stay pending before it counts as timed out.
    pub pending_deadline: Seconds,
    /// How old the complete look may be on which a deletion rests.
    pub fresh: Seconds,
    /// How far the cloud's clock and ours may differ.
    pub skew: Seconds,
    /// Added to twice the longest gap: the age at which retention freezes.
    pub freeze_margin: Seconds,
    /// Upper bound of deletions in 24 hours; `None`: the greatest of 3, 25 % and twice the slots due.
    pub day_cap: Option<u32>,
    /// Unexplained dooms in 24 hours above which a person must approve.
    pub approve_above: u32,
    /// How long an approval is good for.
    pub approval_life: Seconds,
    /// Snapshots running at one time in the account.
    pub concurrent: u32,
    /// Attempts of one create before it is given up.
    pub create_attempts: u32,
    /// A missed slot is caught up at most this late, and never later than one interval.
    pub catch_up: Seconds,
    /// How often each is looked at.
    pub machines_every: Seconds,
    pub snapshots_every: Seconds,
    pub balance_every: Seconds,
    pub prices_every: Seconds,
    /// How often the billing lists are walked, just after the clock's round multiples of it.
    #[serde(default = "hourly")]
    pub billing_every: Seconds,
    /// How often snapshots and machines are looked at while something is in flight.
    pub in_flight_every: Seconds,
}

fn hourly() -> Seconds {
    Seconds::hours(1)
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            min_good: 2,
            grace: Seconds::hours(24),
            grace_after_edit: Seconds::hours(72),
            soft_start: Seconds::hours(72),
            settle: Seconds::minutes(60),
            pending_deadline: Seconds::hours(6),
            fresh: Seconds::minutes(2),
            skew: Seconds::minutes(2),
            freeze_margin: Seconds::hours(6),
            day_cap: None,
            approve_above: 3,
            approval_life: Seconds::days(7),
            concurrent: 1,
            create_attempts: 3,
            catch_up: Seconds::days(7),
            machines_every: Seconds::minutes(5),
            snapshots_every: Seconds::minutes(15),
            balance_every: Seconds::minutes(5),
            prices_every: Seconds::days(1),
            billing_every: hourly(),
            in_flight_every: Seconds::minutes(1),
        }
    }
}
