//! The fold of time: what a step of the clock does to every wait, and what is forgotten with age.

use super::effect::Standing;
use super::freshness::Freshness;
use super::id::{BackupId, MachineId, PolicyName};
use super::slot::Shelf;
use super::state::{Fleet, State};
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

/// How long an ended effect or a deleted backup is remembered here; the journal's keys remember for ever.
const REMEMBERED: Seconds = Seconds::days(30);

impl State {
    /// Every wait begins anew or keeps what was left of it, so that no jump can end one early, and
    /// nothing that was waited for lies in the future.
    pub(super) fn step_clock(&mut self, by: i64, at: Timestamp) {
        self.wall.stepped(by, at);
        let moved = |since: Timestamp| since.shifted(by).min(at);
        for life in self.effects.values_mut() {
            life.changed_at = moved(life.changed_at);
            life.clear_looks = 0;
            match &mut life.standing {
                Standing::Intended { since } | Standing::Unknown { since, .. } => *since = at,
                Standing::NotSent { since } | Standing::Absent { since } => *since = moved(*since),
                Standing::Done | Standing::Refused(_) | Standing::Failed(_) => {}
            }
        }
        for backup in self.backups.values_mut() {
            backup.waiting_since = moved(backup.waiting_since);
            backup.ended_at = backup.ended_at.map(moved);
            if let Some(sized) = &mut backup.sized {
                sized.seen = moved(sized.seen);
            }
            backup.expires_at = backup.expires_at.map(|at| at.shifted(by));
            if let Some(doom) = &mut backup.doom {
                doom.since = if is_planted(Bug::PruneByLocalClock) { doom.since } else { at };
                doom.approved_at = doom.approved_at.map(moved);
            }
        }
        self.take_back_decisions(at);
        self.forget_watches();
        for shelf in self.shelves.values_mut() {
            shelf.busy = None;
            shelf.ran = shelf.ran.filter(|ran| *ran <= at);
            shelf.unspent.iter_mut().for_each(|good| *good = moved(*good));
        }
        self.unexplained.fill(at);
        for deletion in &mut self.deletions {
            deletion.at = at;
        }
        if let Some(freeze) = &mut self.frozen {
            (freeze.until, freeze.since) = (freeze.until.shifted(by), moved(freeze.since));
        }
        self.paused_until = self.paused_until.map(|until| until.shifted(by));
        self.foreign_deletions.fill(at);
        for request in self.requests.values_mut() {
            request.asked_at = moved(request.asked_at);
        }
        if let Some(adopted) = &mut self.adopted {
            adopted.mode_since = moved(adopted.mode_since);
            for edited in adopted.edited_at.values_mut() {
                *edited = moved(*edited);
            }
            for since in adopted.policy_mode_since.values_mut() {
                *since = moved(*since);
            }
            for since in adopted.scheduled_since.values_mut() {
                *since = (*since).min(at);
            }
        }
        for postponed in self.postponed.values_mut() {
            postponed.until = postponed.until.shifted(by);
        }
        self.halts.move_waits(moved);
        self.fleet.move_waits(moved);
        self.ledger.move_waits(moved);
        self.alerts.move_waits(moved, at);
    }

    /// What was decided later than now is not decided, or no slot would be due until the clock gets
    /// there again. A slot that has its backup is not taken twice for that.
    fn take_back_decisions(&mut self, at: Timestamp) {
        let backups = &self.backups;
        let taken = |shelf: &Shelf| {
            let slots = backups.values().filter_map(|backup| backup.slot.as_ref());
            let here = slots.filter(|slot| slot.policy == shelf.policy && slot.machine == shelf.machine);
            here.map(|slot| slot.due).filter(|due| *due <= at).max()
        };
        for (shelf, shelf_state) in self.shelves.iter_mut().filter(|(_, one)| one.decided_until > at) {
            shelf_state.decided_until = taken(shelf).unwrap_or(Timestamp::EPOCH);
        }
    }

    /// Drops what ended long ago, so that the state is as large as the fleet and not as old.
    pub(super) fn forget(&mut self, at: Timestamp) {
        let old = |ended: Timestamp| at.since(ended) >= REMEMBERED.duration();
        let fleet = &mut self.fleet;
        // What the cloud still holds stays ours, however long ago it failed.
        self.backups.retain(|_, backup| {
            let is_there = backup.snapshots.iter().any(|id| fleet.snapshots.contains_key(id));
            is_there || backup.pinned || !backup.ended_at.is_some_and(old)
        });
        fleet.machines.retain(|_, known| !known.missing_since.is_some_and(old));
        let backups = &self.backups;
        let is_doomed = |id: &BackupId| backups.get(id).is_some_and(|backup| backup.doom.is_some());
        self.postponed.retain(|id, _| is_doomed(id));
        self.halts.rivals.retain(|id, _| backups.contains_key(id));
        self.watched.retain(|id| backups.contains_key(id));
        self.owners.retain(|_, owner| backups.contains_key(owner));
        self.effects.retain(|_, life| {
            life.standing.is_open()
                || backups.contains_key(life.effect.verb.backup())
                || !old(life.changed_at)
        });
        let effects = &self.effects;
        self.unfinished.retain(|id| effects.contains_key(id));
        let owned = |machine: &MachineId| backups.values().any(|backup| backup.machine == *machine);
        self.thawed.retain(|machine, _| fleet.machines.contains_key(machine) || owned(machine));
        let of = |policy: &PolicyName| {
            backups.values().any(|b| b.slot.as_ref().is_some_and(|slot| slot.policy == *policy))
        };
        self.retired.retain(|policy| of(policy));
        let snapshots = &self.fleet.snapshots;
        // A list may leave out what is there: a person's word outlives that.
        self.disowned.retain(|id, disowned| {
            disowned.seen = if snapshots.contains_key(id) { at } else { disowned.seen };
            !old(disowned.seen)
        });
        let adopted = self.adopted.as_ref();
        self.halts.impossible.retain(|id, _| self.fleet.machines.contains_key(id));
        let is_in_force =
            |name: &PolicyName| adopted.is_some_and(|adopted| adopted.set.policies.contains_key(name));
        self.halts.policies.retain(|name, _| is_in_force(name));
        let machines = &self.fleet.machines;
        self.shelves.retain(|shelf, _| {
            machines.contains_key(&shelf.machine)
                && adopted.is_some_and(|adopted| adopted.set.policies.contains_key(&shelf.policy))
        });
    }
}

impl Fleet {
    /// Moves every wait with a step of the clock.
    pub(super) fn move_waits(&mut self, moved: impl Fn(Timestamp) -> Timestamp) {
        let looks: [&mut Freshness; 5] = [
            &mut self.machine_look,
            &mut self.snapshot_look,
            &mut self.image_look,
            &mut self.balance_look,
            &mut self.price_look,
        ];
        for look in looks {
            look.tried = look.tried.map(&moved);
            look.complete = look.complete.map(&moved);
            look.read_at = look.read_at.map(&moved);
            if let Some(known) = &mut look.miscounted {
                known.since = moved(known.since);
            }
        }
        for known in self.machines.values_mut() {
            known.first_seen = moved(known.first_seen);
            known.missing_since = known.missing_since.map(&moved);
        }
        for known in self.snapshots.values_mut() {
            known.missing_since = known.missing_since.map(&moved);
        }
        self.lost_images.values_mut().for_each(|(_, since)| *since = moved(*since));
        self.doubtful_since = self.doubtful_since.map(&moved);
        self.details.clear();
        self.links = None;
    }
}
