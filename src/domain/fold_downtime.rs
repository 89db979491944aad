//! The fold of downtime: what each look at the machines adds to the snapshots that are watched.

use super::backup::Life;
use super::downtime::{Downtime, NotBack, REMEMBERED, Watch};
use super::event::{BusyAnswered, DowntimeSeen, Reloaded};
use super::fleet::{Machine, MachineStatus};
use super::id::{BackupId, MachineId};
use super::state::{BusyAnswer, Fleet, RefusedFile, State};
use super::time::{Seconds, Timestamp};

impl State {
    pub(super) fn watch(&mut self, backup: &BackupId, machine: &MachineId) {
        self.watches.entry(backup.clone()).or_insert(Watch {
            machine: machine.clone(),
            looks: 0,
            down_since: None,
            down: Seconds(0),
            ended: None,
            told: false,
        });
    }

    /// A complete listing of the machines, begun at `began`.
    pub(super) fn watch_machines(&mut self, began: Timestamp) {
        let machines = &self.fleet.machines;
        let is_active = |id: &MachineId| {
            let known = machines.get(id).filter(|known| known.missing_since.is_none());
            known.map(|known| known.item.status == MachineStatus::Active)
        };
        self.machines_down.retain(|machine, _| is_active(machine) == Some(false));
        let backups = &self.backups;
        self.watches.retain(|backup, watch| {
            let Some(backup) = backups.get(backup) else { return false };
            // Nothing was made, or there is no machine any more: nothing to be learnt.
            let came_to_nothing = backup.life.is_over() && backup.snapshots.is_empty();
            let Some(active) = is_active(&watch.machine).filter(|_| !came_to_nothing) else { return false };
            let under_way = matches!(backup.life, Life::Intended | Life::Requested | Life::Pending);
            if !under_way {
                watch.ended.get_or_insert(began);
            }
            match (active, watch.down_since) {
                (true, Some(since)) => {
                    watch.down = Seconds(watch.down.0 + began.since(since).as_secs().max(1));
                    watch.down_since = None;
                }
                (true, None) if watch.ended.is_none() && backup.life != Life::Intended => watch.looks += 1,
                (true, None) => {}
                (false, _) => {
                    watch.down_since.get_or_insert(began);
                }
            }
            true
        });
    }

    pub(super) fn see_downtime(&mut self, seen: &DowntimeSeen, at: Timestamp) {
        match &seen.downtime {
            Downtime::StillDown { status } => {
                if let Some(watch) = self.watches.get_mut(&seen.backup) {
                    watch.told = true;
                }
                let not_back = NotBack { backup: seen.backup.clone(), since: at, status: status.clone() };
                self.machines_down.insert(seen.machine.clone(), not_back);
            }
            Downtime::Unwatched => {
                self.watches.remove(&seen.backup);
            }
            Downtime::Live { .. } | Downtime::Down { .. } => {
                self.watches.remove(&seen.backup);
                self.downtimes.push(seen.downtime.clone());
                let surplus = self.downtimes.len().saturating_sub(REMEMBERED);
                self.downtimes.drain(..surplus);
            }
        }
    }

    /// Spans across a step of the clock mean nothing; what did not come back is still not back.
    pub(super) fn forget_watches(&mut self) {
        self.watches.retain(|_, watch| watch.told);
    }

    pub(super) fn answer_busy(&mut self, answered: &BusyAnswered, at: Timestamp) {
        let shelf = self.shelf_mut(answered.slot.shelf());
        shelf.busy = Some(BusyAnswer { due: answered.slot.due, at, why: answered.busy.clone() });
    }

    pub(super) fn reload(&mut self, reloaded: &Reloaded, at: Timestamp) {
        let Reloaded { file, faults, restart } = reloaded;
        let refused = || RefusedFile { file: file.clone(), at, faults: faults.clone() };
        self.refused_file = (!faults.is_empty()).then(refused);
        // A file that was refused says nothing of what waits.
        if faults.is_empty() {
            self.awaits_restart.clone_from(restart);
        }
    }
}

impl Fleet {
    /// Since when a machine is off: until then its disk could change.
    pub(super) fn note_off(&mut self, machine: &Machine, at: Timestamp) {
        if machine.status.is_off() {
            self.off_since.entry(machine.id.clone()).or_insert(at);
        } else {
            self.off_since.remove(&machine.id);
        }
    }
}
