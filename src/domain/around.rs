//! What stands around the doomed, gathered once for all of them: other backups, suspects, open requests.

use std::collections::BTreeSet;

use super::backup::Backup;
use super::draft::{Hold, Shelves, shelves};
use super::effect::Standing;
use super::fleet::Snapshot;
use super::id::{BackupId, MachineId};
use super::state::State;
use super::time::{Seconds, Timestamp};

/// Above this many suspects the whole account is held, not only their machines.
const SUSPECTS_PER_MACHINE: usize = 3;
/// How long a refusal counts.
const DAY: Seconds = Seconds::hours(24);

pub(super) struct Around<'a> {
    /// What holds every deletion.
    pub(super) account: Option<Hold>,
    pub(super) shelves: Shelves<'a>,
    /// Machines with a request whose outcome is not known yet.
    open: BTreeSet<&'a MachineId>,
    suspects: Sites<'a>,
    unreadable: Sites<'a>,
    /// What the cloud refused to delete within a day.
    refused: BTreeSet<&'a BackupId>,
}

/// The machines of some snapshots; one that names none could be of any.
struct Sites<'a> {
    named: BTreeSet<&'a MachineId>,
    is_anywhere: bool,
}

impl<'a> Around<'a> {
    pub(super) fn of(state: &'a State, now: Timestamp) -> Self {
        let refused = state.effects.values().filter(|life| {
            life.deletes().is_some()
                && matches!(life.standing, Standing::Refused(_))
                && now.since(life.changed_at) < DAY.duration()
        });
        Self {
            account: account_hold(state, now),
            shelves: shelves(state),
            open: state.unresolved().map(|life| life.effect.verb.machine()).collect(),
            suspects: Sites::of(state.suspects()),
            unreadable: Sites::of(state.unreadable()),
            refused: refused.map(|life| life.effect.verb.backup()).collect(),
        }
    }

    pub(super) fn is_open(&self, backup: &Backup) -> bool {
        self.open.contains(&backup.machine)
    }

    pub(super) fn has_suspect(&self, backup: &Backup) -> bool {
        self.suspects.may_be_of(&backup.machine)
    }

    pub(super) fn has_unreadable(&self, backup: &Backup) -> bool {
        self.unreadable.may_be_of(&backup.machine)
    }

    pub(super) fn was_refused(&self, id: &BackupId) -> bool {
        self.refused.contains(id)
    }
}

impl<'a> Sites<'a> {
    fn of(snapshots: impl Iterator<Item = &'a Snapshot>) -> Self {
        let (mut named, mut is_anywhere) = (BTreeSet::new(), false);
        for snapshot in snapshots {
            match &snapshot.machine {
                Some(machine) => {
                    named.insert(machine);
                }
                None => is_anywhere = true,
            }
        }
        Self { named, is_anywhere }
    }

    fn may_be_of(&self, machine: &MachineId) -> bool {
        self.is_anywhere || self.named.contains(machine)
    }
}

/// What holds every deletion, those by hand too.
fn account_hold(state: &State, now: Timestamp) -> Option<Hold> {
    if let Some(freeze) = state.frozen.as_ref().filter(|freeze| now < freeze.until) {
        Some(Hold::Frozen { until: freeze.until })
    } else if !state.wall.is_sane() {
        Some(Hold::ClockUnsure)
    } else if state.fleet.shaken > 0 || state.fleet.doubtful_since.is_some() {
        Some(Hold::Shaken)
    } else {
        (state.suspects().count() > SUSPECTS_PER_MACHINE).then_some(Hold::Suspect)
    }
}
