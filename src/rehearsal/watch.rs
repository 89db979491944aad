//! The observer: laws that no single part of the daemon can see, checked as things happen.
//!
//! What is right it takes from the cloud's truth and the true time, never from the daemon's belief.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::domain::backup::Life;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::BackupId;
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::journal::entry::{Head, Seq};
use crate::journal::reader::Reader;
use crate::rehearsal::setup::Setup;
use crate::sim::cloud::{Change, Cloud};
use crate::sim::record::Actor;

/// An intent is at most this many events older than its call.
const INTENT_WITHIN: u64 = 64;
/// Violations kept in words; all are counted.
const KEPT: usize = 50;
/// After the calm's start: within this all must be well again (or within two slots, here the same).
const RECOVERY: Seconds = Seconds::hours(48);

/// Shared by the engine's listener and the cloud's.
#[derive(Clone)]
pub struct Observer(Arc<Mutex<Seen>>);

struct Seen {
    /// The true time; the daemon's may be wrong.
    truth: Clock,
    grace: Seconds,
    /// When each doom was written down, in true time.
    doomed: BTreeMap<BackupId, Timestamp>,
    /// Which backup a snapshot is.
    owners: BTreeMap<String, BackupId>,
    journal: Option<Reader>,
    count: u64,
    lines: Vec<String>,
}

impl Observer {
    pub fn new(truth: Clock, grace: Seconds) -> Self {
        let (doomed, owners) = (BTreeMap::new(), BTreeMap::new());
        let seen = Seen { truth, grace, doomed, owners, journal: None, count: 0, lines: Vec::new() };
        Self(Arc::new(Mutex::new(seen)))
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on, intents are looked for in this journal, as another process would see it.
    pub fn follow(&self, directory: &Path) {
        self.lock().journal = Reader::open(directory).ok();
    }

    pub fn object(&self, line: String) {
        self.lock().object(line);
    }

    pub fn objections(&self) -> (u64, Vec<String>) {
        let seen = self.lock();
        (seen.count, seen.lines.clone())
    }

    /// After each event that the daemon wrote down.
    pub fn recorded(&self, state: &State, recorded: &Recorded) {
        let mut seen = self.lock();
        match &recorded.event {
            Event::Doomed(doomed) => {
                let now = seen.truth.now();
                seen.doomed.insert(doomed.backup.clone(), now);
                for snapshot in state.backups.get(&doomed.backup).into_iter().flat_map(|b| &b.snapshots) {
                    seen.owners.insert(snapshot.to_string(), doomed.backup.clone());
                }
            }
            Event::Spared(spared) => {
                seen.doomed.remove(&spared.backup);
            }
            Event::Anomaly(anomaly) => seen.object(format!("{}: {}", anomaly.about, anomaly.what)),
            _ => {}
        }
    }

    /// When a request to change something reaches the cloud: its intent must be readable by now.
    pub fn arrived(&self, change: &Change) {
        let mut seen = self.lock();
        let what = change.name.clone().or_else(|| change.id.clone()).unwrap_or_default();
        if !seen.is_intended(&what) {
            seen.object(format!("I13: {} {what} arrived before its intent was stored", change.method));
        }
        if let Some(id) = change.id.as_ref().filter(|_| change.method == "DELETE") {
            let doomed = seen.owners.get(id).and_then(|backup| seen.doomed.get(backup)).copied();
            let waited = doomed.map(|at| seen.truth.now().since(at));
            if waited.is_none_or(|waited| waited < seen.grace.duration()) {
                seen.object(format!("grace: DELETE {id} came {waited:?} after its doom, in true time"));
            }
        }
    }
}

impl Seen {
    fn object(&mut self, line: String) {
        self.count += 1;
        if self.lines.len() < KEPT {
            self.lines.push(line);
        }
    }

    fn is_intended(&self, what: &str) -> bool {
        let Some(journal) = &self.journal else { return false };
        let Ok(head) = journal.head() else { return false };
        let after = Seq(head.seq.0.saturating_sub(INTENT_WITHIN));
        let rows = journal.read(after, INTENT_WITHIN as usize).unwrap_or_default();
        rows.iter().any(|row| row.entry.kind == "intended" && row.entry.body.contains(what))
    }
}

/// I15: what the journal's events come to is what the daemon held when it ended.
pub fn compare(observer: &Observer, live: &[u8], replayed: &State, head: &Head) {
    if replayed.to_bytes() != live {
        observer.object(format!("I15: the replay up to {} differs from the live state", head.seq));
    }
}

/// I27: after the calm, each machine has a fresh backup, nothing is open, and deletions go on.
pub fn judge_recovery(observer: &Observer, setup: &Setup, cloud: &Cloud, state: &State, now: Timestamp) {
    if now.since(setup.calm_begins()) < RECOVERY.duration() + Seconds::hours(12).duration() {
        return;
    }
    for known in state.fleet.machines.values() {
        let machine = known.item.id.as_str();
        let made = |made_at: Timestamp| now.since(made_at) <= RECOVERY.duration();
        let is_fresh = cloud.with_truth(|truth| {
            truth.snapshots().any(|record| {
                record.machine == machine
                    && record.made_by == Actor::Daemon
                    && record.ready_at.is_some()
                    && record.deleted.is_none()
                    && made(record.created_at)
            })
        });
        if !is_fresh {
            observer.object(format!("I27: {machine} has no good backup of the last 48 hours"));
        }
    }
    for life in state.unresolved().filter(|life| now.since(life.changed_at) > Seconds::hours(6).duration()) {
        observer.object(format!("I27: {} is still open: {:?}", life.effect.verb.backup(), life.standing));
    }
    let wait = state.rules().grace.duration() + RECOVERY.duration();
    for (id, backup) in state.backups.iter().filter(|(_, backup)| backup.life == Life::Good) {
        let since = backup.doom.as_ref().map(|doom| doom.since.max(setup.calm_begins()));
        if since.is_some_and(|since| now.since(since) > wait) {
            observer.object(format!("I27: {id} is doomed since {since:?} and still there"));
        }
    }
}
