//! The scripted person: looks once an hour, approves, thaws, adopts or disowns by the truth.

use std::collections::BTreeSet;

use tokio::sync::oneshot;

use crate::daemon::inbox::{Outlet, Request};
use crate::domain::ask::{Ask, Halted};
use crate::domain::backup::Life;
use crate::domain::id::{BackupId, SnapshotId};
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::sim::cloud::Cloud;
use crate::sim::record::Actor;

const MENDS_AFTER: Seconds = Seconds::hours(24);
const VISITS: Seconds = Seconds::minutes(50);
/// One in so many visits pins or unpins something.
const PIN_EVERY: u32 = 150;

pub struct Person {
    cloud: Cloud,
    outlet: Outlet,
    rng: fastrand::Rng,
    last_visit: Timestamp,
    /// What the truth is told once the daemon has taken the ask.
    promised: Vec<(oneshot::Receiver<Result<(), String>>, Promise)>,
    pub violations: Vec<String>,
}

enum Promise {
    Pin(String),
    Adopt(String),
    Disown(String),
    None,
}

impl Person {
    pub fn new(cloud: Cloud, outlet: Outlet, seed: u64, now: Timestamp) -> Self {
        let rng = fastrand::Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15);
        Self { cloud, outlet, rng, last_visit: now, promised: Vec::new(), violations: Vec::new() }
    }

    /// Asks go to the daemon that runs now.
    pub fn meet(&mut self, outlet: Outlet) {
        self.outlet = outlet;
        self.promised.clear();
    }

    /// Looks at what the daemon shows, and asks for what is due; whether anything was asked.
    pub fn visit(&mut self, state: &State, now: Timestamp) -> bool {
        self.keep_promises();
        if now.distance(self.last_visit) < VISITS.duration() {
            return false;
        }
        self.last_visit = now;
        self.approve(state, now);
        if state.frozen.is_some() {
            self.ask(Ask::Thaw, Promise::None);
        }
        let strangers: Vec<_> = state.suspects().map(|snapshot| snapshot.id.clone()).collect();
        for snapshot in strangers {
            match self.cloud.with_truth(|truth| truth.who_made(snapshot.as_str())) {
                Some(Actor::Daemon) => {
                    let promise = Promise::Adopt(snapshot.to_string());
                    self.ask(Ask::Adopt { snapshot }, promise);
                }
                Some(Actor::Person | Actor::Cloud) | None => {
                    let promise = Promise::Disown(snapshot.to_string());
                    self.ask(Ask::Disown { snapshot, reason: "I made it by hand".to_owned() }, promise);
                }
            }
        }
        self.mend(state, now);
        self.pin(state);
        !self.promised.is_empty()
    }

    /// A list that names a wrong victim is itself a violation: a person may trust it.
    fn approve(&mut self, state: &State, now: Timestamp) {
        let life = state.rules().approval_life;
        let waiting: BTreeSet<BackupId> = state
            .backups
            .iter()
            .filter(|(_, backup)| {
                let doom = backup.doom.as_ref().filter(|doom| doom.needs_approval && !backup.pinned);
                doom.is_some_and(|doom| doom.approved_at.is_none_or(|at| now.since(at) > life.duration()))
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in &waiting {
            for snapshot in state.backups.get(id).into_iter().flat_map(|backup| &backup.snapshots) {
                let wrong = self.cloud.with_truth(|truth| truth.is_wrong_victim(snapshot.as_str()));
                if let Some(wrong) = wrong {
                    self.violations.push(format!("a list to approve names {id}: {wrong}"));
                }
            }
        }
        if !waiting.is_empty() {
            self.ask(Ask::Approve { backups: waiting }, Promise::None);
        }
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
        let odd: Vec<_> = state.unreadable().map(|one| one.id.clone()).filter(is_foreign).collect();
        for snapshot in odd {
            let promise = Promise::Disown(snapshot.to_string());
            self.ask(Ask::Disown { snapshot, reason: "it is not one of yours".to_owned() }, promise);
        }
    }

    fn pin(&mut self, state: &State) {
        if self.rng.u32(0..PIN_EVERY) != 0 {
            return;
        }
        let pinned = state.backups.iter().find(|(_, backup)| backup.pinned);
        let good =
            state.backups.iter().filter(|(_, backup)| backup.life == Life::Good && backup.doom.is_none());
        let good: Vec<_> = good.collect();
        let chosen = pinned.or_else(|| good.get(self.rng.usize(0..good.len().max(1))).copied());
        let Some((id, backup)) = chosen else { return };
        let Some(snapshot) = backup.snapshots.first().map(ToString::to_string) else { return };
        let backup_id = id.clone();
        match backup.pinned {
            true => {
                // The truth lets go first: a crash may hide from us that the daemon has.
                self.cloud.unpin(&snapshot);
                self.ask(Ask::Unpin { backup: backup_id }, Promise::None);
            }
            false => self.ask(Ask::Pin { backup: backup_id }, Promise::Pin(snapshot)),
        }
    }

    fn ask(&mut self, ask: Ask, promise: Promise) {
        let (answer, taken) = oneshot::channel();
        // A full inbox is tried again at the next visit.
        if self.outlet.try_send(Request { uid: 1000, ask, answer }).is_ok() {
            self.promised.push((taken, promise));
        }
    }

    fn keep_promises(&mut self) {
        let cloud = self.cloud.clone();
        self.promised.retain_mut(|(taken, promise)| match taken.try_recv() {
            Ok(Ok(())) => {
                match promise {
                    Promise::Pin(id) => _ = cloud.pin(id),
                    Promise::Adopt(id) => _ = cloud.adopt(id),
                    Promise::Disown(id) => _ = cloud.disown(id),
                    Promise::None => {}
                }
                false
            }
            Ok(Err(_)) | Err(oneshot::error::TryRecvError::Closed) => false,
            Err(oneshot::error::TryRecvError::Empty) => true,
        });
    }
}
