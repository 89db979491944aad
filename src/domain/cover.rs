//! Cover: what each policy and machine has to show, and how old its newest good backup may be.
//!
//! A shelf is here as soon as a policy selects a machine, before its first backup, and for as long as
//! something stands on it.

use std::collections::BTreeMap;

use super::alert::shelves::expected_age;
use super::backup::Life;
use super::fleet::MachineStatus;
use super::id::{BackupId, MachineId, PolicyName};
use super::selection::Selector;
use super::state::State;
use super::time::{Seconds, Timestamp};

/// One (policy, machine).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover<'a> {
    /// Good backups that are there.
    pub good: usize,
    pub newest_good: Option<(Timestamp, &'a BackupId)>,
    /// How old the newest good one may become. `None`: no policy in force selects this machine now.
    pub expected_age: Option<Seconds>,
    /// Since when a backup is expected: the policy is in force, and the machine known.
    pub expected_since: Timestamp,
    /// When the next backup is due. `None` where none is expected.
    pub next_due: Option<Timestamp>,
    /// The machine is hibernated: nothing on it changes that could be lost.
    pub sleeps: bool,
}

impl Cover<'_> {
    /// Whether a backup is missing: it is too old, and the machine is no sleeper.
    pub fn is_late(&self, now: Timestamp) -> bool {
        !self.sleeps && self.is_old(now)
    }

    /// Whether its newest good backup is older than it may be, or the first one is.
    pub fn is_old(&self, now: Timestamp) -> bool {
        let Some(expected) = self.expected_age else { return false };
        let since = self.newest_good.map_or(self.expected_since, |(taken_at, _)| taken_at);
        now.since(since) > expected.duration()
    }
}

/// All shelves, in the order of their names.
pub fn covers(state: &State, now: Timestamp) -> BTreeMap<(&PolicyName, &MachineId), Cover<'_>> {
    let mut covers: BTreeMap<(&PolicyName, &MachineId), Cover<'_>> = BTreeMap::new();
    for shelf in state.shelves.keys() {
        covers.entry((&shelf.policy, &shelf.machine)).or_default();
    }
    if let Some(adopted) = &state.adopted {
        for (name, policy) in &adopted.set.policies {
            let selector = Selector::of(policy);
            let expected = expected_age(state, policy);
            let since = adopted.scheduled_since.get(name).copied().max(state.mode_since(name));
            let next_due = adopted.schedules.get(name).and_then(|schedule| schedule.next_after(now));
            for (machine, known) in &state.fleet.machines {
                if known.missing_since.is_none() && selector.selects(&known.item) {
                    let cover = covers.entry((name, machine)).or_default();
                    cover.expected_age = Some(expected);
                    cover.expected_since =
                        since.map_or(known.first_seen, |since| known.first_seen.max(since));
                    cover.next_due = next_due;
                    cover.sleeps = known.item.status == MachineStatus::Hibernated;
                }
            }
        }
    }
    for (id, backup) in state.backups.iter().filter(|(_, backup)| backup.life == Life::Good) {
        let Some(slot) = &backup.slot else { continue };
        let policy = state.adopted.as_ref().map_or(&slot.policy, |adopted| adopted.current(&slot.policy));
        let cover = covers.entry((policy, &slot.machine)).or_default();
        cover.good += 1;
        cover.newest_good = cover.newest_good.max(Some((backup.taken_at, id)));
    }
    covers
}
