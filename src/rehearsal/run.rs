//! Running a rehearsal: process after process, each ended by a crash or by the end of the time.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::barrack::client::Client;
use crate::barrack::settings::Settings;
use crate::barrack::transport::Transport;
use crate::clock::Clock;
use crate::daemon::busy::Answers;
use crate::daemon::engine::{self, Engine, Folded, Parts, Replay, StartError, Trouble};
use crate::daemon::inbox;
use crate::daemon::post::Post;
use crate::domain::event::{Event, Recorded};
use crate::domain::money::Nanos;
use crate::domain::state::State;
use crate::domain::time::Seconds;
use crate::journal;
use crate::journal::open::Durability;
use crate::mail::memory::Memory;
use crate::rehearsal::bookkeeper::Bookkeeper;
use crate::rehearsal::budget::Budget;
use crate::rehearsal::crash::{Danger, Fuse, Mortal};
use crate::rehearsal::disturb::DaemonClock;
use crate::rehearsal::edits::{self, Edits};
use crate::rehearsal::person::Person;
use crate::rehearsal::recovery;
use crate::rehearsal::replayed;
use crate::rehearsal::rival::Rival;
use crate::rehearsal::setup::Setup;
use crate::rehearsal::summary::Summary;
use crate::rehearsal::told::ToldWatch;
use crate::rehearsal::variety::{self, DAILY, RENAMED};
use crate::rehearsal::watch::{self, Observer};
use crate::sim::cloud::{Cloud, Start};
use crate::sim::fault::Fault;
use crate::sim::record::Actor;
use crate::sim::wire::LocalWire;

/// A simulated key; the canary that must appear nowhere.
pub const KEY: &str = "canary-key-5b0ee6e2c1";
const BALANCE: Nanos = Nanos(5_000_000_000_000_000);
/// Every so many crashes the journal is replayed from its first event.
const FROM_ZERO_EVERY: u64 = 50;
/// A crash falls on one of so many awaits from a random instant on.
const AWAITS: i64 = 48;
/// A process lives at most this long in the chaos.
const LONGEST_LIFE: Seconds = Seconds::hours(48);
/// One crash in so many is followed by hours of nothing.
const LONG_DOWNTIME_EVERY: u32 = 12;
const LONGEST_DOWNTIME: Seconds = Seconds::hours(30);
const NEVER: Seconds = Seconds::days(36_500);
/// Violations told in words.
const LINES: usize = 50;

/// What an onlooker may do: see each event, and slow the time down.
pub trait Onlooker {
    fn recorded(&mut self, _state: &State, _recorded: &Recorded) {}
    /// A pass is over, or was given up.
    fn passed(&mut self, _engine: &Engine) {}
    /// Before the engine sleeps. `false` ends the rehearsal.
    fn pausing(&mut self, _state: &State, _clock: &Clock, _pause: Duration) -> bool {
        true
    }
}

/// Nobody looks on, and time runs as fast as it can.
pub struct Nobody;

impl Onlooker for Nobody {}

#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    #[error("prepare the rehearsal")]
    Prepare(#[source] std::io::Error),
    #[error("make the folder {} for the simulated journal", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("start the daemon")]
    Start(#[from] StartError),
    #[error("run the daemon")]
    Run(#[from] Trouble),
    #[error("reach the simulated cloud")]
    Client(#[from] crate::barrack::key::KeyError),
}

/// Runs to the end of the setup's time, on a runtime and a paused clock of its own.
pub fn run(setup: &Setup, onlooker: Rc<RefCell<dyn Onlooker>>) -> Result<Summary, RehearsalError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(RehearsalError::Prepare)?;
    runtime.block_on(Box::pin(async {
        // Timers fire on whole milliseconds of the runtime's own start. Our clock begins on one of
        // them, or its distance to the next would differ from run to run, and so would the trace.
        tokio::time::sleep(Duration::from_millis(1)).await;
        Rehearsal::new(setup, onlooker).run().await
    }))
}

struct Rehearsal<'a> {
    setup: &'a Setup,
    began: Instant,
    cloud: Cloud,
    service: LocalWire,
    /// The true time, and the daemon's, which can be wrong.
    clock: Clock,
    daemon_clock: DaemonClock<'a>,
    rng: fastrand::Rng,
    observer: Observer,
    bookkeeper: Bookkeeper,
    told: ToldWatch,
    budget: Budget,
    onlooker: Rc<RefCell<dyn Onlooker>>,
    fuse: Fuse,
    person: Person,
    edits: Edits,
    rival: Rival,
    crashes: u64,
    letters: u64,
}

impl<'a> Rehearsal<'a> {
    fn new(setup: &'a Setup, onlooker: Rc<RefCell<dyn Onlooker>>) -> Self {
        let clock = Clock::simulated(setup.begins());
        let cloud = Cloud::new(Start {
            seed: setup.seed,
            clock: clock.clone(),
            machines: setup.machines,
            dialect: setup.dialect,
            faults: setup.fault_plan(),
            key: KEY.to_owned(),
            rules: edits::promised(&setup.policies(), setup.dialect, setup.keep_last),
            initial_balance: BALANCE,
        });
        cloud.with_world(|world| world.truth.is_same_policy(RENAMED, DAILY));
        let observer = Observer::new(cloud.clone(), clock.clone(), setup);
        let fuse = Fuse::new();
        listen(&cloud, &observer, &fuse, setup.seed);
        let (outlet, _) = inbox::channel();
        let rival = Rival::new(setup, &cloud, &clock);
        let budget = Budget::new(observer.clone(), clock.clone());
        let told = ToldWatch::new(&observer, &clock);
        Self {
            setup,
            began: Instant::now(),
            service: budget.count(&cloud.local()),
            rng: fastrand::Rng::with_seed(setup.seed.wrapping_add(77)),
            person: Person::new(cloud.clone(), outlet, setup),
            daemon_clock: DaemonClock::new(setup, &cloud, &clock),
            cloud,
            clock,
            bookkeeper: Bookkeeper::new(&observer),
            told,
            budget,
            observer,
            onlooker,
            fuse,
            edits: Edits::new(setup),
            rival,
            crashes: 0,
            letters: 0,
        }
    }

    async fn run(mut self) -> Result<Summary, RehearsalError> {
        let path = &self.setup.directory;
        fs::create_dir_all(path).map_err(|source| RehearsalError::Folder { path: path.clone(), source })?;
        let mut folded = engine::open(&self.setup.directory, self.durability(), Replay::Checkpoint)?;
        loop {
            match self.process(folded).await? {
                Some(live) => {
                    folded = self.resume(&live)?;
                    self.stay_down().await;
                }
                None => return self.summary(),
            }
        }
    }

    /// Between a crash and the next start: mostly seconds, sometimes long enough to miss a slot.
    async fn stay_down(&mut self) {
        let bound = if self.rng.u32(0..LONG_DOWNTIME_EVERY) == 0 { LONGEST_DOWNTIME } else { Seconds(60) };
        let left = self.setup.calm_begins().since(self.clock.now());
        self.clock.sleep(Seconds(self.rng.u64(1..bound.0)).duration().min(left)).await;
    }

    fn durability(&self) -> Durability {
        if self.setup.durable { Durability::SimulatedFull } else { Durability::Simulated }
    }

    /// One process; the state at its crash, or nothing once the time is over.
    async fn process(&mut self, folded: Folded) -> Result<Option<Vec<u8>>, RehearsalError> {
        self.fuse.put_out();
        self.budget.begin_anew();
        self.observer.follow(&self.setup.directory);
        let (outlet, inbox) = inbox::channel();
        self.person.meet(outlet);
        self.daemon_clock.set();
        let settings = Settings { base_url: "http://127.0.0.1/api".to_owned(), ..Settings::default() };
        let transport = Transport::local(self.service.clone(), &settings);
        let client = Client::new(transport, settings, SecretString::from(KEY))?;
        let (observer, onlooker) = (self.observer.clone(), self.onlooker.clone());
        let (bookkeeper, budget) = (self.bookkeeper.clone(), self.budget.clone());
        let told = self.told.clone();
        let mut danger = Danger::new(&self.cloud, &self.fuse, self.rng.u64(..));
        let listener = Box::new(move |state: &State, recorded: &Recorded| {
            if let Event::Intended(_) = recorded.event {
                danger.comes();
            }
            observer.recorded(state, recorded);
            bookkeeper.recorded(state, recorded);
            budget.recorded(recorded);
            told.recorded(state, recorded);
            onlooker.borrow_mut().recorded(state, recorded);
        });
        let stop = CancellationToken::new();
        let parts = Parts { client, clock: self.daemon_clock.clock(), inbox, listener, stop };
        let policies = self.edits.adopted(self.setup, &self.cloud, self.clock.now());
        let edit_over = self.edits.over_in(self.clock.now()).unwrap_or(NEVER.duration());
        let mut engine = Engine::start(folded, policies, parts).await?;
        // No process with busy machines lives into the calm.
        if self.setup.calm_begins().since(self.clock.now()) > LONGEST_LIFE.duration() {
            engine.answer_by(Answers::Scripted(variety::busy));
        }
        engine.post_by(Post::Memory(Memory::new(self.setup.mail_outage())));
        let (fuse, clock) = (self.fuse.clone(), self.clock.clone());
        let (after, awaits) = (self.draw_crash(), self.rng.i64(0..AWAITS));
        let lighting = async {
            clock.sleep(after).await;
            fuse.light(awaits);
            std::future::pending::<()>().await;
        };
        let daemon_clock = self.daemon_clock.clone();
        self.rival.meet(&self.setup.directory);
        let rival = self.rival.clone();
        let time_left = self.setup.ends().since(self.clock.now());
        let mortal = {
            let work = Box::pin(self.work(&mut engine));
            Mortal { work, fuse: fuse.clone() }
        };
        let ended = tokio::select! {
            biased;
            () = tokio::time::sleep(time_left) => Some(Ok(())),
            ended = mortal => ended,
            () = lighting => None,
            () = tokio::time::sleep(edit_over) => None,
            () = daemon_clock.keep_setting() => None,
            () = rival.live() => None,
        };
        match ended {
            Some(Ok(())) => self.finish(engine).await.map(|()| None),
            Some(Err(trouble)) => Err(trouble.into()),
            None => {
                self.crashes += 1;
                self.cloud.note_hit(Fault::Crash);
                Ok(Some(engine.state().to_bytes()))
            }
        }
    }

    /// Passes until the end, with a file that somebody broke read again in between.
    async fn work(&mut self, engine: &mut Engine) -> Result<(), Trouble> {
        let mut is_broken = false;
        loop {
            let paused = async |engine: &Engine, pause| {
                is_broken = self.edits.breaks(self.setup, &self.cloud, self.clock.now());
                self.pause(engine, pause).await && !is_broken
            };
            engine.run(paused).await?;
            if !is_broken {
                return Ok(());
            }
            let (file, faults) = variety::broken_file();
            let adopted = |engine: &Engine| engine.state().adopted.as_ref().map(|adopted| adopted.seq);
            let before = adopted(engine);
            engine.refuse(file, faults).await?;
            if adopted(engine) != before || engine.state().refused_file.is_none() {
                self.observer.object("a broken file was not refused, or changed the policies".to_owned());
            }
        }
    }

    /// How long a process lives before a crash is due; in the calm for ever.
    fn draw_crash(&mut self) -> Duration {
        let rate = self.cloud.fault_rate(Fault::Crash);
        if rate == 0 { NEVER.duration() } else { Seconds(self.rng.u64(60..LONGEST_LIFE.0)).duration() }
    }

    /// Between two passes: the person visits, the clocks go wrong, the time passes.
    async fn pause(&mut self, engine: &Engine, pause: Duration) -> bool {
        self.budget.pass_ended();
        self.onlooker.borrow_mut().passed(engine);
        let state = engine.state();
        let asked = self.person.visit(state, self.clock.now());
        let pause = if asked { Duration::from_secs(1) } else { pause };
        if !self.onlooker.borrow_mut().pausing(state, &self.daemon_clock.clock(), pause) {
            return false;
        }
        self.daemon_clock.sleep(pause).await;
        self.daemon_clock.set();
        true
    }

    /// Opens the journal as the next process would, and holds it against what the last one knew.
    fn resume(&self, live: &[u8]) -> Result<Folded, RehearsalError> {
        let from =
            if self.crashes.is_multiple_of(FROM_ZERO_EVERY) { Replay::Zero } else { Replay::Checkpoint };
        let folded = engine::open(&self.setup.directory, self.durability(), from)?;
        watch::compare(&self.observer, live, &folded.state, &folded.journal.head());
        if from == Replay::Checkpoint {
            watch::is_short(&self.observer, folded.replayed);
        }
        Ok(folded)
    }

    /// The end: stopped on purpose, replayed from zero, judged.
    async fn finish(&mut self, engine: Engine) -> Result<(), RehearsalError> {
        self.told.judge(engine.state(), self.clock.now());
        self.bookkeeper.judge(&self.cloud, engine.state(), self.clock.now());
        recovery::judge(&self.observer, self.setup, &self.cloud, engine.state(), self.clock.now());
        let (head, state) = engine.stop("the rehearsal is over").await?;
        self.letters = state.alerts.sent;
        replayed::judge(&self.observer, &self.setup.directory, &state.to_bytes(), &head)?;
        Ok(())
    }

    fn summary(self) -> Result<Summary, RehearsalError> {
        let verified = journal::verify::verify(&self.setup.directory);
        let (mut count, mut lines) = self.observer.objections();
        count += self.person.violations.len() as u64;
        lines.extend(self.person.violations);
        let bytes = fs::metadata(self.setup.directory.join(journal::FILE)).map_or(0, |file| file.len());
        let head = verified.as_ref().ok().map(|report| report.head);
        let faults_hit = self.cloud.hits();
        let worst_rpo = recovery::worst_rpo(&self.cloud, (self.setup.begins(), self.clock.now()));
        Ok(self.cloud.with_truth(|truth| {
            let wrong = &truth.violations;
            lines.extend(wrong.lines.iter().cloned());
            lines.extend(truth.duplicates.lines.iter().cloned());
            Summary {
                schema_version: 1,
                seed: self.setup.seed,
                dialect: self.setup.dialect.name(),
                simulated_seconds: self.clock.elapsed().as_secs(),
                wall_seconds: self.began.elapsed().as_secs_f64(),
                backups_taken: truth.backups_taken,
                backups_deleted: truth.backups_deleted,
                duplicates: truth.duplicates.count,
                unowned_deleted: truth.unowned_deleted.count,
                invariant_violations: count + wrong.count,
                worst_rpo_seconds: worst_rpo.as_secs(),
                violations: lines.into_iter().take(LINES).collect(),
                journal_events: head.map_or(0, |head| head.seq.0),
                journal_bytes: bytes,
                api_calls: truth.api_calls,
                letters: self.letters,
                chain_ok: verified.is_ok(),
                ledger_matches_truth: self.bookkeeper.matches_truth(),
                faults_hit,
                head: head.map_or(String::new(), |head| head.hash.to_string()),
            }
        }))
    }
}

/// The observer is told of every change that arrives; some are followed by a crash.
fn listen(cloud: &Cloud, observer: &Observer, fuse: &Fuse, seed: u64) {
    let (observer, mut danger) = (observer.clone(), Danger::new(cloud, fuse, seed.wrapping_add(4242)));
    cloud.on_change(Box::new(move |change| {
        observer.arrived(change);
        if change.by == Actor::Daemon {
            danger.comes();
        }
    }));
}
