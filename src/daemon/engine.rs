//! The engine: owns journal, client and state, and is the only one that changes the state.
//!
//! It knows no policy and decides nothing; see `pass` for what it does with them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::barrack::client::Client;
use crate::clock::Clock;
use crate::daemon::busy::Answers;
use crate::daemon::inbox::Inbox;
use crate::daemon::post::Post;
use crate::daemon::room::Room;
use crate::domain::draft::Hold;
use crate::domain::event::{ClockStepped, Event, Recorded, Started, Stopped};
use crate::domain::id::BackupId;
use crate::domain::policy::PolicySet;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::journal::Journal;
use crate::journal::append::AppendError;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::entry::{Entry, Head, Row, Seq};
use crate::journal::fault::Fault;
use crate::journal::open::{Durability, OpenError};
use crate::journal::record::{self, Unreadable};

/// Names the code that folds; a checkpoint of another fold is replayed instead.
pub const FOLD_ID: &str = env!("QUARTERMASTER_FOLD_ID");

/// Events between two checkpoints: at most this many are replayed after a crash.
pub const CHECKPOINT_EVERY: u64 = 20_000;
const REPLAY_BATCH: usize = 4_096;

/// Told of each event once it is stored and applied. It must not wait.
pub type Listener = Box<dyn FnMut(&State, &Recorded)>;

pub struct Engine {
    pub(super) journal: Journal,
    pub(super) client: Client,
    pub(super) state: State,
    pub(super) clock: Clock,
    pub(super) inbox: Inbox,
    pub(super) listener: Listener,
    /// A pass that is under way ends before its next call.
    pub(super) stop: CancellationToken,
    /// What the journal could not take for want of room; stored before anything else is done.
    pub(super) unsaved: Vec<Event>,
    /// Nothing outside is asked until somebody says so: simulated time must not wait for it.
    pub(super) answers: Answers,
    /// What the audit said against plans, each kept once.
    pub(super) objections: BTreeSet<String>,
    /// What the last plan held back, and why.
    pub(super) holds: Vec<(BackupId, Hold)>,
    /// Why the last pass was given up.
    pub(super) given_up: Option<String>,
    /// The last look was given up for a person who waited; the next has more time.
    pub(super) hurried: bool,
    last_event_at: Option<Timestamp>,
    unsaved_checkpoint: u64,
    /// A write failed: before anything else it must be seen that one works.
    pub(super) is_starved: bool,
    /// Nothing in simulation, whose disk is that of the machine it runs on.
    pub(super) room: Option<Room>,
    pub(super) post: Post,
    /// When each backup was looked at last for what a person should know, in elapsed time.
    pub(super) thorough_at: Option<Duration>,
    /// Wall clock less elapsed time, in microseconds; another value later is a step.
    baseline: i64,
}

/// Why the engine stopped working. Whoever runs it ends the process or waits.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Nothing was stored; the same may work later. No call is made until it does.
    #[error("write to the journal")]
    NotStored(#[source] AppendError),
    /// What is stored is not known; only a new start can tell.
    #[error("keep the journal")]
    Fatal(#[source] AppendError),
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("replay the journal")]
    Read(#[from] Fault),
    #[error("replay the journal")]
    Decode(#[from] Unreadable),
}

/// What an engine is built around.
pub struct Parts {
    pub client: Client,
    pub clock: Clock,
    pub inbox: Inbox,
    pub listener: Listener,
    pub stop: CancellationToken,
}

impl Engine {
    /// Writes down that a process began and what it obeys.
    pub async fn start(folded: Folded, policies: PolicySet, parts: Parts) -> Result<Self, Trouble> {
        let Folded { journal, state, last, replayed, was_empty: _ } = folded;
        let Parts { client, clock, inbox, listener, stop } = parts;
        let baseline = baseline(&clock);
        let mut engine = Self {
            journal,
            client,
            state,
            clock,
            inbox,
            listener,
            stop,
            unsaved: Vec::new(),
            answers: Answers::Scripted(|_, _| None),
            objections: BTreeSet::new(),
            holds: Vec::new(),
            given_up: None,
            hurried: false,
            last_event_at: last,
            // A daemon that is killed early each time must come to a checkpoint all the same.
            unsaved_checkpoint: replayed,
            is_starved: false,
            room: None,
            post: Post::Nobody,
            thorough_at: None,
            baseline,
        };
        let mut events = vec![Event::Started(Started { version: env!("CARGO_PKG_VERSION").to_owned() })];
        let now = engine.clock.now();
        if let Some(last) = last.filter(|last| *last > now + policies.rules.skew) {
            let by_micros = now.micros() - last.micros();
            let noticed = "the journal's last event is later than the clock".to_owned();
            events.push(Event::ClockStepped(ClockStepped { by_micros, noticed }));
        }
        if engine.state.adopted.as_ref().is_none_or(|adopted| adopted.set != policies) {
            events.push(Event::PoliciesAdopted(policies));
        }
        engine.record(events).await?;
        Ok(engine)
    }

    /// Who answers busy checks from now on.
    pub fn answer_by(&mut self, answers: Answers) {
        self.answers = answers;
    }

    /// From now on, nothing new is begun while the disk lacks this room.
    pub fn heed(&mut self, room: Room) {
        self.room = Some(room);
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub fn is_simulated(&self) -> bool {
        self.journal.is_simulated()
    }

    pub fn last_event_at(&self) -> Option<Timestamp> {
        self.last_event_at
    }

    /// What the last plan held back, and why.
    pub fn holds(&self) -> &[(BackupId, Hold)] {
        &self.holds
    }

    /// How many different objections the audit had to plans.
    pub fn objections(&self) -> usize {
        self.objections.len()
    }

    /// Why the last pass was given up; `None`: it was not.
    pub fn trouble(&self) -> Option<&str> {
        self.given_up.as_deref()
    }

    pub fn head(&self) -> Head {
        self.journal.head()
    }

    /// Appends, then applies what the journal took: the only way the state changes.
    pub(super) async fn record(&mut self, events: Vec<Event>) -> Result<(), Trouble> {
        if events.is_empty() {
            return Ok(());
        }
        self.clock.breathe().await;
        let entries: Vec<Entry> = events.iter().map(record::encode).collect();
        let head = self.journal.head();
        let rows = self.journal.append(&head, self.clock.now(), entries).await.map_err(Trouble::from)?;
        self.unsaved_checkpoint += rows.len() as u64;
        self.last_event_at = rows.last().map(|row| row.recorded_at).or(self.last_event_at);
        for (row, event) in rows.iter().zip(events) {
            let recorded = Recorded { seq: row.seq.0, at: row.recorded_at, event };
            self.state.apply(&recorded);
            (self.listener)(&self.state, &recorded);
        }
        if self.unsaved_checkpoint >= CHECKPOINT_EVERY {
            // The events are stored: a caller who heard otherwise would store an outcome twice, or
            // leave an intent without its call. A checkpoint that is missing costs a longer replay.
            match self.save_checkpoint().map_err(Trouble::from) {
                Err(trouble @ Trouble::Fatal(_)) => return Err(trouble),
                Err(trouble) => {
                    tracing::warn!(error = &trouble as &dyn std::error::Error, "no checkpoint was saved");
                }
                Ok(()) => {}
            }
        }
        self.clock.breathe().await;
        Ok(())
    }

    pub(super) fn save_checkpoint(&mut self) -> Result<(), AppendError> {
        self.unsaved_checkpoint = 0;
        let bytes = self.state.to_bytes();
        self.journal.save_checkpoint(&Checkpoint {
            head: self.journal.head(),
            fold_id: FOLD_ID.to_owned(),
            bytes,
        })
    }

    /// A jump of the wall clock against elapsed time begins a new epoch of it.
    pub(super) async fn check_clock(&mut self) -> Result<(), Trouble> {
        let by_micros = baseline(&self.clock) - self.baseline;
        let bound = self.state.rules().skew.duration();
        if Duration::from_micros(by_micros.unsigned_abs()) <= bound {
            return Ok(());
        }
        self.baseline += by_micros;
        let noticed = "the wall clock jumped against elapsed time".to_owned();
        self.record(vec![Event::ClockStepped(ClockStepped { by_micros, noticed })]).await
    }

    /// Writes down that the process ends on purpose, and closes the journal.
    pub async fn stop(mut self, why: &str) -> Result<(Head, State), Trouble> {
        let unsaved = std::mem::take(&mut self.unsaved);
        self.record(unsaved).await?;
        self.record(vec![Event::Stopped(Stopped { why: why.to_owned() })]).await?;
        self.save_checkpoint().map_err(Trouble::from)?;
        let head = self.journal.head();
        // A journal that does not close cleanly is checked more at the next start, and that is all.
        drop(self.journal.close());
        Ok((head, self.state))
    }
}

fn baseline(clock: &Clock) -> i64 {
    clock.now().micros() - i64::try_from(clock.elapsed().as_micros()).unwrap_or(i64::MAX)
}

impl From<AppendError> for Trouble {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Full { .. } | AppendError::Failed { .. } | AppendError::KeyTaken { .. } => {
                Self::NotStored(error)
            }
            AppendError::Fenced { .. } | AppendError::Ambiguous { .. } => Self::Fatal(error),
        }
    }
}

/// A journal and the state that its events come to.
pub struct Folded {
    pub journal: Journal,
    /// Its file was there before it, and empty.
    pub was_empty: bool,
    pub state: State,
    /// The time of the last event.
    pub last: Option<Timestamp>,
    /// Events that no checkpoint spared.
    pub replayed: u64,
}

/// From where events are folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replay {
    /// From the last checkpoint of this fold.
    Checkpoint,
    Zero,
}

/// Opens the journal in a directory and folds it.
pub fn open(directory: &Path, durability: Durability, replay: Replay) -> Result<Folded, StartError> {
    let (journal, opened) = Journal::open(directory, durability)?;
    let checkpoint = match journal.load_checkpoint(FOLD_ID) {
        Ok(checkpoint) => checkpoint.filter(|_| replay == Replay::Checkpoint),
        // It is disposable: what it would have saved is done again.
        Err(Fault::Damaged(_)) => None,
        Err(fault) => return Err(fault.into()),
    };
    let restored = checkpoint.and_then(|saved| Some((State::restore(&saved.bytes)?, saved.head.seq)));
    let (mut state, after) = restored.unwrap_or((State::default(), Seq::START));
    let mut last = None;
    if after != Seq::START {
        last = journal.read(Seq(after.0 - 1), 1)?.first().map(|row| row.recorded_at);
    }
    fold(&mut state, after, &mut last, |after| journal.read(after, REPLAY_BATCH))?;
    let replayed = journal.head().seq.0.saturating_sub(after.0);
    Ok(Folded { journal, was_empty: opened.was_empty, state, last, replayed })
}

/// Folds all events after `after` into the state.
pub fn fold(
    state: &mut State,
    after: Seq,
    last: &mut Option<Timestamp>,
    read: impl Fn(Seq) -> Result<Vec<Row>, Fault>,
) -> Result<(), StartError> {
    fold_with(state, after, last, read, |_, _| {})
}

/// The same, with an eye on each event and on the state just before it.
pub fn fold_with(
    state: &mut State,
    mut after: Seq,
    last: &mut Option<Timestamp>,
    read: impl Fn(Seq) -> Result<Vec<Row>, Fault>,
    mut each: impl FnMut(&State, &Recorded),
) -> Result<(), StartError> {
    loop {
        let rows = read(after)?;
        let Some(end) = rows.last() else { return Ok(()) };
        (after, *last) = (end.seq, Some(end.recorded_at));
        for row in &rows {
            let recorded = record::decode(row)?;
            each(state, &recorded);
            state.apply(&recorded);
        }
    }
}
