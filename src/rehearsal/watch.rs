//! The observer: laws that no single part of the daemon can see, checked as things happen.
//!
//! What is right it takes from the cloud's truth and the true time, never from the daemon's belief.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::daemon::engine::CHECKPOINT_EVERY;
use crate::domain::effect::{Outcome, Reason, Verb};
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::{Look, LookResult, Scope};
use crate::domain::id::BackupId;
use crate::domain::policy::Rules;
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::journal::entry::{Head, Row, Seq};
use crate::journal::reader::Reader;
use crate::journal::record;
use crate::rehearsal::setup::Setup;
use crate::sim::cloud::{Change, Cloud};
use crate::sim::record::Actor;

/// An intent is at most this many events older than its call.
const INTENT_WITHIN: u64 = 64;
/// Violations kept in words; all are counted.
const KEPT: usize = 50;
/// For longer than this no list hides what was made.
const LONGEST_LAG: Seconds = Seconds::minutes(20);
const DAY: Seconds = Seconds::hours(24);
/// The daemon's clock may differ by the skew that it bears, several times over.
const TOLERANCE: Seconds = Seconds::minutes(10);
/// A delete counts when it is intended, and arrives a little later.
const CAP_TOLERANCE: usize = 1;

/// Shared by the engine's listener and the cloud's.
#[derive(Clone)]
pub struct Observer(Arc<Mutex<Seen>>);

struct Seen {
    /// The true time; the daemon's may be wrong.
    truth: Clock,
    /// When the rehearsal began, in enforce mode, and the rules in force.
    begins: Timestamp,
    rules: Rules,
    /// Slots that may be due in a day.
    slots_a_day: usize,
    /// The longest gap of each policy, by its first name.
    gaps: BTreeMap<String, Seconds>,
    /// The deletes that arrived, in true time.
    deletes: Vec<Timestamp>,
    /// When each doom was written down, in true time.
    doomed: BTreeMap<BackupId, Timestamp>,
    /// Which backup a snapshot is.
    owners: BTreeMap<String, BackupId>,
    /// The intents whose call has arrived: each announces one.
    spent: BTreeSet<Seq>,
    cloud: Cloud,
    journal: Option<Reader>,
    count: u64,
    lines: Vec<String>,
}

impl Observer {
    pub fn new(cloud: Cloud, truth: Clock, setup: &Setup) -> Self {
        let policies = setup.policies().policies.into_iter();
        let gaps = policies.map(|(name, policy)| (name.to_string(), policy.longest_gap));
        Self(Arc::new(Mutex::new(Seen {
            begins: truth.now(),
            truth,
            rules: setup.policies().rules,
            slots_a_day: setup.machines as usize * if setup.is_varied { 3 } else { 1 },
            gaps: gaps.collect(),
            deletes: Vec::new(),
            doomed: BTreeMap::new(),
            owners: BTreeMap::new(),
            spent: BTreeSet::new(),
            cloud,
            journal: None,
            count: 0,
            lines: Vec::new(),
        })))
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
            Event::Intended(intended) => {
                if let Verb::CreateSnapshot { name, .. } = &intended.effect.verb {
                    seen.cloud.with_world(|world| world.truth.announced(name));
                }
            }
            // A name that was taken at the first attempt belongs to somebody else.
            Event::Settled(settled) if settled.attempt == 1 => {
                let life = state.effects.get(&settled.effect);
                let name = life.map(|life| life.effect.verb.backup().as_str());
                if let (Outcome::Refused(refusal), Some(name)) = (&settled.outcome, name)
                    && refusal.reason == Reason::NameTaken
                {
                    seen.cloud.with_world(|world| world.truth.told_taken(name));
                }
            }
            Event::Looked(look) => seen.weigh_listing(state, look),
            Event::Anomaly(anomaly) => seen.object(format!("{}: {}", anomaly.about, anomaly.what)),
            _ => {}
        }
    }

    /// When a request to change something reaches the cloud: an intent of its own must be readable by now.
    pub fn arrived(&self, change: &Change) {
        if change.by != Actor::Daemon {
            return;
        }
        let mut seen = self.lock();
        let what = change.name.clone().or_else(|| change.id.clone()).unwrap_or_default();
        if !seen.is_intended(change) {
            seen.object(format!("I13: {} {what} arrived without a stored intent of its own", change.method));
        }
        // What a person gave up waits for no rule.
        let is_given_up = |id: &String| seen.cloud.with_truth(|truth| truth.is_given_up(id));
        let deleted = change.id.as_ref().filter(|id| change.method == "DELETE" && !is_given_up(id));
        if let Some(id) = deleted {
            let doomed = seen.owners.get(id).and_then(|backup| seen.doomed.get(backup)).copied();
            // A sane clock may still be ahead of the truth by the skew, and the grace is told by it.
            let skew = seen.rules.skew.duration();
            let waited = doomed.map(|at| seen.truth.now().since(at));
            if waited.is_none_or(|waited| waited + skew < seen.rules.grace.duration()) {
                seen.object(format!("grace: DELETE {id} came {waited:?} after its doom, in true time"));
            }
            seen.weigh_delete(id);
        }
    }
}

impl Seen {
    /// What no single deletion shows: the soft start, the freeze age and the day's cap, in true time.
    fn weigh_delete(&mut self, id: &str) {
        let now = self.truth.now();
        if now + TOLERANCE < self.begins + self.rules.soft_start {
            self.object(format!("soft start: DELETE {id} came at {now}"));
        }
        self.deletes.retain(|at| now.since(*at) < DAY.duration());
        self.deletes.push(now);
        let (ready, shelf, newest) = self.cloud.with_truth(|truth| {
            let shelf = truth.snapshot(id).and_then(|record| truth.group(record));
            let good = || truth.snapshots().filter(|record| record.is_good() && record.is_owned());
            let on_shelf = good().filter(|record| truth.group(record) == shelf);
            (good().count(), shelf.clone(), on_shelf.map(|record| record.created_at).max())
        });
        let cap = 3.max(ready.div_ceil(4)).max(2 * self.slots_a_day) + CAP_TOLERANCE;
        if self.deletes.len() > cap {
            self.object(format!("I10: {} deletes in a day, and {cap} are allowed", self.deletes.len()));
        }
        // What was made by hand, with an end, stands on no shelf.
        let Some(gap) = shelf.and_then(|(policy, _)| self.gaps.get(&policy).copied()) else { return };
        let freeze_age = gap.duration() * 2 + self.rules.freeze_margin.duration();
        let age = newest.map(|newest| now.since(newest));
        if age.is_none_or(|age| age > freeze_age + TOLERANCE.duration()) {
            self.object(format!("I4: DELETE {id} came while the newest good one was {age:?} old"));
        }
    }

    /// A listing that loses half of what was known cannot be complete while the cloud has it all.
    fn weigh_listing(&mut self, state: &State, look: &Look) {
        let is_complete = look.scope == Scope::Snapshots && look.result == LookResult::Complete;
        let shown = look.items as usize;
        // The truth is asked only where the daemon itself could have been surprised.
        let lied = self.cloud.lied_at().is_some_and(|at| self.truth.now().since(at) < LONGEST_LAG.duration());
        if !is_complete || lied || shown * 2 >= state.fleet.snapshots.len() {
            return;
        }
        let now = self.truth.now();
        let old = |made_at: Timestamp| now.since(made_at) > LONGEST_LAG.duration();
        let there = self.cloud.with_truth(|truth| {
            truth.snapshots().filter(|record| record.deleted.is_none() && old(record.created_at)).count()
        });
        if shown * 2 < there {
            self.object(format!("I3: {now}: a listing of {shown} was complete, and the cloud holds {there}"));
        }
    }

    fn object(&mut self, line: String) {
        self.count += 1;
        if self.lines.len() < KEPT {
            self.lines.push(line);
        }
    }

    fn is_intended(&mut self, change: &Change) -> bool {
        let Some(journal) = &self.journal else { return false };
        let Ok(head) = journal.head() else { return false };
        let after = Seq(head.seq.0.saturating_sub(INTENT_WITHIN));
        let rows = journal.read(after, INTENT_WITHIN as usize).unwrap_or_default();
        let announces = |row: &&Row| !self.spent.contains(&row.seq) && announces(row, change);
        let found = rows.iter().rev().find(announces).map(|row| row.seq);
        found.is_some_and(|seq| self.spent.insert(seq))
    }
}

fn announces(row: &Row, change: &Change) -> bool {
    let Ok(Recorded { event: Event::Intended(intended), .. }) = record::decode(row) else { return false };
    match &intended.effect.verb {
        Verb::CreateSnapshot { name, .. } => {
            change.method == "POST" && change.name.as_deref() == Some(name.as_str())
        }
        Verb::DeleteSnapshot { snapshot, .. } => {
            change.method == "DELETE" && change.id.as_deref() == Some(snapshot.as_str())
        }
    }
}

/// I15: what the journal's events come to is what the daemon held when it ended.
pub fn compare(observer: &Observer, live: &[u8], replayed: &State, head: &Head) {
    if replayed.to_bytes() != live {
        observer.object(format!("I15: the replay up to {} differs from the live state", head.seq));
    }
}

/// A start reads no more than a checkpoint leaves, and one batch that came after it.
pub fn is_short(observer: &Observer, replayed: u64) {
    if replayed > 2 * CHECKPOINT_EVERY {
        observer.object(format!("a start replayed {replayed} events"));
    }
}
