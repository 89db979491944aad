//! The scripted person: looks once an hour, approves, thaws, adopts or disowns by the truth, and now
//! and then keeps, makes or deletes something by hand.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use crate::daemon::inbox::{Answer, Outlet, Request};
use crate::domain::ask::{Ask, Halted};
use crate::domain::backup::{Backup, Life};
use crate::domain::id::{BackupId, SnapshotId};
use crate::domain::rail::Rail;
use crate::domain::state::{Freeze, State};
use crate::domain::time::{Seconds, Timestamp};
use crate::rehearsal::setup::Setup;
use crate::sim::cloud::Cloud;
use crate::sim::record::Actor;

/// The first freeze, and then one in so many, is thawed by nobody.
const LEFT_EVERY: u32 = 3;
const MENDS_AFTER: Seconds = Seconds::hours(24);

/// A listing that lacks much is believed after a day, and looks fail.
const NOTICED_WITHIN: Seconds = Seconds::hours(48);
const VISITS: Seconds = Seconds::minutes(50);
/// One in so many visits keeps something by a pin or a hold, or lets go of it.
const PIN_EVERY: u32 = 150;
/// One in so many visits has something made, or deleted against a rule.
const HAND_EVERY: u32 = 200;
/// Longer than any rehearsal: what is held is let go by a person.
const HELD_FOR: Seconds = Seconds::days(3_650);

pub struct Person {
    /// From here on nothing is left to end by itself.
    calm: Timestamp,
    freezes: u32,
    last_freeze: Option<Timestamp>,
    cloud: Cloud,
    outlet: Outlet,
    rng: fastrand::Rng,
    last_visit: Timestamp,
    /// Whether it makes and deletes by hand, which the calm rehearsal of a schedule does not need.
    is_restless: bool,
    /// What the truth is told once the daemon has taken the ask.
    promised: Vec<(oneshot::Receiver<Answer>, Promise)>,
    /// Whether the daemon took these before it died, only its journal tells.
    unsure: Vec<Promise>,
    pub violations: Vec<String>,
}

enum Promise {
    Pin(String),
    Adopt(String),
    Disown(String),
    None,
}

impl Person {
    pub fn new(cloud: Cloud, outlet: Outlet, setup: &Setup) -> Self {
        let rng = fastrand::Rng::with_seed(setup.seed ^ 0x9e37_79b9_7f4a_7c15);
        let (last_visit, is_restless) = (setup.begins(), setup.faults != "none");
        let (promised, unsure, violations) = (Vec::new(), Vec::new(), Vec::new());
        let calm = setup.calm_begins();
        Self {
            calm,
            freezes: 0,
            last_freeze: None,
            cloud,
            outlet,
            rng,
            last_visit,
            is_restless,
            promised,
            unsure,
            violations,
        }
    }

    /// Asks go to the daemon that runs now.
    pub fn meet(&mut self, outlet: Outlet) {
        self.outlet = outlet;
        self.unsure.extend(self.promised.drain(..).map(|(_, promise)| promise));
    }

    /// Looks at what the daemon shows, and asks for what is due; whether anything was asked.
    pub fn visit(&mut self, state: &State, now: Timestamp) -> bool {
        self.keep_promises();
        self.recall(state);
        if now.distance(self.last_visit) < VISITS.duration() {
            return false;
        }
        self.last_visit = now;
        self.approve(state, now);
        if let Some(freeze) = &state.frozen
            && (!self.is_left(freeze) || now >= self.calm)
        {
            self.ask(Ask::Thaw, Promise::None);
        }
        let strangers: Vec<_> = state.suspects().map(|snapshot| snapshot.id.clone()).collect();
        for snapshot in strangers {
            match self.cloud.with_truth(|truth| truth.who_made(snapshot.as_str())) {
                Some(Actor::Daemon) => {
                    let promise = Promise::Adopt(snapshot.to_string());
                    self.ask(Ask::Adopt { snapshot }, promise);
                }
                Some(Actor::Person | Actor::Cloud | Actor::Rival) | None => {
                    let promise = Promise::Disown(snapshot.to_string());
                    self.ask(Ask::Disown { snapshot, reason: "I made it by hand".to_owned() }, promise);
                }
            }
        }
        self.mend(state, now);
        self.keep(state, now);
        self.delete_overdue(state);
        if self.is_restless && self.rng.u32(0..HAND_EVERY) == 0 {
            self.make_or_delete(state);
        }
        !self.promised.is_empty()
    }

    /// Whether this freeze is left to end by its time.
    fn is_left(&mut self, freeze: &Freeze) -> bool {
        if self.last_freeze.replace(freeze.since) != Some(freeze.since) {
            self.freezes += 1;
        }
        self.freezes % LEFT_EVERY == 1
    }

    /// A list that names a wrong victim is itself a violation: a person may trust it.
    fn approve(&mut self, state: &State, now: Timestamp) {
        let waiting = state.awaiting_approval(now).filter(|(_, backup)| !backup.is_protected(now));
        let waiting: BTreeSet<BackupId> = waiting.map(|(id, _)| id.clone()).collect();
        for id in &waiting {
            let Some(backup) = state.backups.get(id) else { continue };
            for snapshot in &backup.snapshots {
                let wrong = self.cloud.with_truth(|truth| truth.is_wrong_victim(snapshot.as_str()));
                // Of an image that no list has shown yet nobody knows before a deletion asks; nor of a newer one
                // that others took away, before it is missing for long enough.
                let link = format!("{snapshot} is linked to an image");
                let was_shown =
                    state.fleet.images.values().any(|one| one.snapshot.as_ref() == Some(snapshot));
                let is_excused = |wrong: &str| match wrong == link {
                    true => !was_shown,
                    false => self.lost_a_newer_one(state, backup),
                };
                if let Some(wrong) = wrong.filter(|wrong| !is_excused(wrong)) {
                    self.violations.push(format!("a list to approve names {id} at {now}: {wrong}"));
                }
            }
        }
        if !waiting.is_empty() {
            self.ask(Ask::Approve { backups: waiting }, Promise::None);
        }
    }

    /// Whether others took away a newer one of its shelf, and lists have not told so for long enough since:
    /// while none can be read, nobody knows.
    fn lost_a_newer_one(&self, state: &State, backup: &Backup) -> bool {
        let seen = state.fleet.snapshot_look.complete;
        let is_lost = |id: &SnapshotId| {
            let deleted =
                self.cloud.with_truth(|truth| truth.snapshot(id.as_str()).and_then(|one| one.deleted));
            let is_late = |at| seen.is_none_or(|seen| seen.since(at) < NOTICED_WITHIN.duration());
            deleted.is_some_and(|(at, by)| by != Actor::Daemon && is_late(at))
        };
        let newer = state.backups.values().filter(|other| {
            other.life == Life::Good && other.shelf() == backup.shelf() && other.taken_at > backup.taken_at
        });
        newer.flat_map(|other| &other.snapshots).any(is_lost)
    }

    /// A day after the cloud called a machine impossible, somebody has talked to its people.
    fn mend(&mut self, state: &State, now: Timestamp) {
        let is_old = |since: Timestamp| now.since(since) >= MENDS_AFTER.duration();
        let old = state.halts.impossible.iter().filter(|(_, known)| is_old(known.since));
        let machines: Vec<_> = old.map(|(machine, _)| machine.clone()).collect();
        for machine in machines {
            self.ask(Ask::Retry { halted: Halted::Machine(machine) }, Promise::None);
        }
        let is_foreign = |id: &SnapshotId| !state.owners.contains_key(id);
        // What the daemon made is read again once the cloud can be understood: nobody calls it foreign.
        let who_made = |id: &SnapshotId| self.cloud.with_truth(|truth| truth.who_made(id.as_str()));
        let is_theirs = |id: &SnapshotId| is_foreign(id) && who_made(id) != Some(Actor::Daemon);
        let odd: Vec<_> = state.unreadable().map(|one| one.id.clone()).filter(is_theirs).collect();
        for snapshot in odd {
            let promise = Promise::Disown(snapshot.to_string());
            self.ask(Ask::Disown { snapshot, reason: "it is not one of yours".to_owned() }, promise);
        }
    }

    /// Nobody else deletes what stayed pending for too long.
    fn delete_overdue(&mut self, state: &State) {
        let asked: BTreeSet<&BackupId> =
            state.requests.values().map(|request| request.effect.verb.backup()).collect();
        let overdue: Vec<BackupId> = state
            .backups
            .iter()
            .filter(|(id, backup)| backup.life == Life::TimedOut && !asked.contains(id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in overdue {
            self.delete(state, &id, BTreeSet::new());
        }
    }

    /// A backup more, or the oldest one less although a rule keeps it.
    fn make_or_delete(&mut self, state: &State) {
        if self.rng.bool() {
            let machines: Vec<_> = state.fleet.machines.keys().collect();
            if let Some(machine) = machines.get(self.rng.usize(0..machines.len().max(1))) {
                let machine = (*machine).clone();
                let mut policies = state.adopted.iter().flat_map(|adopted| adopted.set.policies.keys());
                let ask = match policies.next().filter(|_| self.rng.bool()).cloned() {
                    Some(policy) => Ask::Run { policy, machine },
                    None => Ask::Create { machine, expire: None },
                };
                self.ask(ask, Promise::None);
            }
            return;
        }
        let good = state.backups.iter().filter(|(_, backup)| {
            backup.life == Life::Good && backup.doom.is_none() && !backup.pinned && backup.held.is_none()
        });
        if let Some((id, _)) = good.min_by_key(|(id, backup)| (backup.taken_at, *id)) {
            self.delete(state, id, Rail::ALL.into());
        }
    }

    /// The truth is told first: the daemon may be quicker than its answer.
    fn delete(&mut self, state: &State, id: &BackupId, overrides: BTreeSet<Rail>) {
        for snapshot in state.backups.get(id).into_iter().flat_map(|backup| &backup.snapshots) {
            self.cloud.give_up(snapshot.as_str());
        }
        let reason = "it is not worth its price".to_owned();
        self.ask(Ask::Delete { backup: id.clone(), overrides, reason }, Promise::None);
    }

    fn keep(&mut self, state: &State, now: Timestamp) {
        if self.rng.u32(0..PIN_EVERY) != 0 {
            return;
        }
        let pinned = state.backups.iter().find(|(_, backup)| backup.pinned || backup.held.is_some());
        let good =
            state.backups.iter().filter(|(_, backup)| backup.life == Life::Good && backup.doom.is_none());
        let good: Vec<_> = good.collect();
        let chosen = pinned.or_else(|| good.get(self.rng.usize(0..good.len().max(1))).copied());
        let Some((id, backup)) = chosen else { return };
        let Some(snapshot) = backup.snapshots.first().map(ToString::to_string) else { return };
        let backup_id = id.clone();
        if backup.pinned || backup.held.is_some() {
            // The truth lets go first: a crash may hide from us that the daemon has.
            self.cloud.unpin(&snapshot);
            let reason = "it is over".to_owned();
            let ask = match backup.pinned {
                true => Ask::Unpin { backup: backup_id },
                false => Ask::Release { backup: backup_id, reason },
            };
            self.ask(ask, Promise::None);
        } else if self.rng.bool() {
            self.ask(Ask::Pin { backup: backup_id }, Promise::Pin(snapshot));
        } else {
            let (until, reason) = (now + HELD_FOR, "an audit".to_owned());
            self.ask(Ask::Hold { backup: backup_id, until, reason }, Promise::Pin(snapshot));
        }
    }

    fn ask(&mut self, ask: Ask, promise: Promise) {
        let (answer, taken) = oneshot::channel();
        // A full inbox is tried again at the next visit.
        if self.outlet.try_send(Request { uid: 1000, ask, answer }).is_ok() {
            self.promised.push((taken, promise));
        }
    }

    /// What was adopted or disowned is so, though nobody heard the answer.
    fn recall(&mut self, state: &State) {
        for promise in self.unsure.drain(..) {
            let is_taken = match &promise {
                Promise::Adopt(id) => state.owners.contains_key(&SnapshotId::new(id)),
                Promise::Disown(id) => state.disowned.contains_key(&SnapshotId::new(id)),
                Promise::Pin(_) | Promise::None => false,
            };
            if is_taken {
                promise.keep(&self.cloud);
            }
        }
    }

    fn keep_promises(&mut self) {
        let cloud = self.cloud.clone();
        self.promised.retain_mut(|(taken, promise)| match taken.try_recv() {
            Ok(Answer::Taken { .. }) => {
                promise.keep(&cloud);
                false
            }
            Ok(Answer::Refused(_) | Answer::NotTaken(_) | Answer::Unknown(_))
            | Err(oneshot::error::TryRecvError::Closed) => false,
            Err(oneshot::error::TryRecvError::Empty) => true,
        });
    }
}

impl Promise {
    fn keep(&self, cloud: &Cloud) {
        match self {
            Self::Pin(id) => _ = cloud.pin(id),
            Self::Adopt(id) => _ = cloud.adopt(id),
            Self::Disown(id) => _ = cloud.disown(id),
            Self::None => {}
        }
    }
}
