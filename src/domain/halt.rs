//! Halts: whom the cloud's refusals stop, since when, and when one create asks again.
//!
//! A refusal is an event already; what it stops is folded from it, and ends by an answer, a change
//! or a person.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::effect::Refusal;
use super::fleet::{Machine, MachineStatus};
use super::id::{BackupId, MachineId, PolicyName};
use super::slot::{Held, Slot};
use super::time::{Seconds, Timestamp};

/// Refusals in a row, for reasons that nobody knows, after which a policy is held.
pub const REFUSALS_THAT_HOLD: u32 = 3;
/// While something is held, one create a day asks whether it still must be.
const PROBE_EVERY: Seconds = Seconds::hours(24);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halts {
    /// Profile, quota or permission: no machine of the account is snapshotted.
    pub account: Option<Halt>,
    /// Not enough credit. It stops nothing, and is told until a create is accepted.
    pub credit: Option<Halt>,
    /// Refusals in a row for each policy; from the third on it is held.
    pub policies: BTreeMap<PolicyName, Halt>,
    /// Machines that cannot be snapshotted at all.
    pub impossible: BTreeMap<MachineId, Impossible>,
    /// Names of ours that somebody used first: a second daemon is at work.
    pub rivals: BTreeMap<BackupId, Rival>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rival {
    pub since: Timestamp,
    /// A person adopted or disowned what bears the name; it does not become ours by name even so.
    pub is_settled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    pub since: Timestamp,
    /// When a create was last asked for all the same.
    pub tried_at: Timestamp,
    /// In a row.
    pub refusals: u32,
    pub refusal: Refusal,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impossible {
    pub since: Timestamp,
    /// As it was then; another name, region or size of it is worth another try.
    pub machine: Option<Machine>,
    pub refusal: Refusal,
}

impl Halts {
    /// Why this slot is not asked for now.
    pub fn stops(&self, now: Timestamp, slot: &Slot, machine: &Machine) -> Option<Held> {
        let rests = |halt: &&Halt| now.since(halt.tried_at) < PROBE_EVERY.duration();
        if let Some(halt) = self.account.as_ref().filter(rests) {
            return Some(Held::Account(halt.refusal.words()));
        }
        if let Some(known) = self.impossible.get(&slot.machine).filter(|known| known.is_still(machine)) {
            return Some(Held::Impossible(known.refusal.words()));
        }
        let halt = self.policies.get(&slot.policy).filter(|halt| halt.refusals >= REFUSALS_THAT_HOLD);
        halt.filter(rests).map(|halt| Held::PolicyRefused(halt.refusal.words()))
    }
}

impl Impossible {
    fn is_still(&self, machine: &Machine) -> bool {
        let apart_from_status = |of: &Machine| Machine { status: MachineStatus::Active, ..of.clone() };
        self.machine.as_ref().is_none_or(|before| apart_from_status(before) == apart_from_status(machine))
    }
}

impl Refusal {
    /// What the cloud said, in one line.
    pub fn words(&self) -> String {
        let Self { status, code, message, request_id, .. } = self;
        let said = [code, message].map(String::as_str).join(" ");
        let of = if request_id.is_empty() { String::new() } else { format!(" (request {request_id})") };
        format!("HTTP {status} {}{of}", said.trim()).trim_end().to_owned()
    }
}
