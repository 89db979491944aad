//! Which snapshots somebody asks for.

use super::snapshots::SnapshotShown;
use crate::domain::id::{BackupId, MachineId, PolicyName, SnapshotId};

/// Which are asked for; all that is said must be so.
#[derive(Clone, Debug, Default)]
pub struct Sieve {
    pub region: Option<String>,
    /// Id or name.
    pub machine: Option<String>,
    /// A name, or `none`.
    pub policy: Option<String>,
    /// One of [`STATES`].
    pub state: Option<String>,
    /// A part of any id or name, in any case.
    pub search: Option<String>,
    pub limit: Option<usize>,
}

/// What can be asked for as a state: a life, an owner, or what becomes of it.
pub const STATES: [&str; 20] = [
    "intended",
    "requested",
    "pending",
    "ready",
    "good",
    "failed",
    "timed-out",
    "bad",
    "vanished",
    "disputed",
    "delete-intended",
    "deleted",
    "ours",
    "suspect",
    "foreign",
    "disowned",
    "doomed",
    "pinned",
    "held",
    "restorable",
];

impl Sieve {
    pub fn lets_through(&self, one: &SnapshotShown) -> bool {
        let same = |wanted: &Option<String>, is: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(is))
        };
        let machine = one.machine.as_ref().map_or("", MachineId::as_str);
        let policy = one.policy.as_ref().map_or("none", PolicyName::as_str);
        let is_found = self.search.as_ref().is_none_or(|part| {
            let part = part.to_lowercase();
            let ids =
                [one.snapshot.as_ref().map(SnapshotId::as_str), one.backup.as_ref().map(BackupId::as_str)];
            let texts = ids.into_iter().flatten().chain([&*one.name, &*one.machine_name, machine, policy]);
            texts.into_iter().any(|text| text.to_lowercase().contains(&part))
        });
        same(&self.region, &one.region)
            && (same(&self.machine, machine) || same(&self.machine, &one.machine_name))
            && same(&self.policy, policy)
            && self.state.as_ref().is_none_or(|state| one.is_in(state))
            && self.lists(one)
            && is_found
    }

    /// Whether it is in the whole list of what was asked for so.
    pub fn lists(&self, one: &SnapshotShown) -> bool {
        self.state.is_some() || self.search.is_some() || !one.is_over()
    }

    /// Whether anything was asked for but for a number.
    pub fn is_narrow(&self) -> bool {
        [&self.region, &self.machine, &self.policy, &self.state, &self.search]
            .into_iter()
            .any(Option::is_some)
    }
}
