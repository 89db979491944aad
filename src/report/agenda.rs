//! The agenda: what happens by itself and when, as far as the state tells it today.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plan::SlotShown;
use super::status::DoomStatus;
use super::words::instant;
use crate::domain::backup::Life;
use crate::domain::effect::Standing;
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::looks;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ToCome {
    pub at: Timestamp,
    pub what: &'static str,
    /// A policy with its machines, a backup, or nothing where it is the whole account.
    pub about: String,
    pub machine: Option<MachineId>,
}

/// Everything later than now, the soonest first.
pub fn agenda(state: &State, now: Timestamp, slots: &[SlotShown], doomed: &[DoomStatus]) -> Vec<ToCome> {
    let mut found = slots_to_come(slots);
    let mut of_account = |at: Option<Timestamp>, what: &'static str| {
        found.extend(at.map(|at| ToCome { at, what, about: String::new(), machine: None }));
    };
    of_account(Some(looks::next_due(state, now)), "the next look at the cloud");
    of_account(state.frozen.as_ref().map(|freeze| freeze.until), "the freeze of deletions ends");
    of_account(state.paused_until, "the pause of policies ends");
    of_account(state.soft_start_ends(), "the soft start ends");
    for doom in doomed {
        let about = doom.backup.to_string();
        let (what, machine) = ("may be deleted, if nothing holds it", Some(doom.machine.clone()));
        // No sooner than all deletions may go on.
        let stopped_until = state.frozen.as_ref().map(|freeze| freeze.until).max(state.paused_until);
        let at = doom.goes_after.max(stopped_until.unwrap_or(doom.goes_after));
        found.push(ToCome { at, what, about, machine });
    }
    of_backups(state, &mut found);
    found.retain(|one| one.at > now);
    found.sort_by(|one, other| (one.at, one.what, &one.about).cmp(&(other.at, other.what, &other.about)));
    found
}

/// One entry for all machines that a policy takes at one instant.
fn slots_to_come(slots: &[SlotShown]) -> Vec<ToCome> {
    let mut together: BTreeMap<(Timestamp, &PolicyName, bool), Vec<&SlotShown>> = BTreeMap::new();
    for slot in slots {
        together.entry((slot.start, &slot.policy, slot.is_free)).or_default().push(slot);
    }
    let entry = |((at, policy, is_free), slots): ((Timestamp, &PolicyName, bool), Vec<&SlotShown>)| {
        let what = if is_free { "a backup is due" } else { "a backup is due, and would not be taken" };
        let (about, machine) = match slots.as_slice() {
            [one] => (format!("{policy} of {}", one.machine_name), Some(one.machine.clone())),
            many => (format!("{policy} of {} machines", many.len()), None),
        };
        ToCome { at, what, about, machine }
    };
    together.into_iter().map(entry).collect()
}

fn of_backups(state: &State, found: &mut Vec<ToCome>) {
    let rules = state.rules();
    let mut tell = |at: Timestamp, what: &'static str, id: &BackupId, machine: &MachineId| {
        found.push(ToCome { at, what, about: id.to_string(), machine: Some(machine.clone()) });
    };
    for (id, backup) in &state.backups {
        if let Some(hold) = &backup.held {
            tell(hold.until, "its hold ends", id, &backup.machine);
        }
        if let Some(at) = backup.expires_at.filter(|_| backup.life == Life::Good) {
            tell(at, "it may expire", id, &backup.machine);
        }
        if backup.life == Life::Pending {
            tell(
                backup.waiting_since + rules.pending_deadline,
                "it counts as timed out",
                id,
                &backup.machine,
            );
        }
        if let Some(postponed) = state.postponed.get(id) {
            tell(postponed.until, "its deletion is tried again", id, &backup.machine);
        }
    }
    for life in state.unresolved() {
        let verb = &life.effect.verb;
        if let Standing::Unknown { since, .. } | Standing::Intended { since } = life.standing {
            tell(since + rules.settle, "a look can tell what became of it", verb.backup(), verb.machine());
        }
    }
}

impl ToCome {
    pub fn line(&self) -> [String; 3] {
        [instant(self.at), self.about.clone(), self.what.to_owned()]
    }
}
