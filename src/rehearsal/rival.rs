//! The second daemon: now and then another process looks after the same account. F39.
//!
//! It is the same engine, with a key of its own, and with an empty journal or an old copy of ours.
//! Nothing that it does is held against the daemon; what the daemon makes of it is.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::{fs, future, io};

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::barrack::client::Client;
use crate::barrack::settings::Settings;
use crate::barrack::transport::Transport;
use crate::clock::Clock;
use crate::daemon::engine::{self, Engine, Parts, Replay};
use crate::daemon::inbox;
use crate::domain::event::{Event, Recorded};
use crate::domain::policy::PolicySet;
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::journal;
use crate::journal::open::Durability;
use crate::journal::reader::Reader;
use crate::rehearsal::setup::Setup;
use crate::sim::cloud::Cloud;
use crate::sim::fault::Fault;

/// A copy of the journal is used so long after it was made, at most.
const OLDEST_COPY: Seconds = Seconds::hours(60);
const LONGEST_WAIT: Seconds = Seconds::hours(8);
const LONGEST_LIFE: Seconds = Seconds::hours(30);
const FOLDER: &str = "rival";

#[derive(Clone)]
pub struct Rival {
    cloud: Cloud,
    clock: Clock,
    policies: PolicySet,
    /// From here on there is no other daemon.
    until: Timestamp,
    folder: PathBuf,
    rng: Rc<RefCell<fastrand::Rng>>,
    life: Rc<RefCell<Option<Life>>>,
}

#[derive(Clone, Copy)]
struct Life {
    fault: Fault,
    begins: Timestamp,
    ends: Timestamp,
}

impl Rival {
    pub fn new(setup: &Setup, cloud: &Cloud, clock: &Clock) -> Self {
        let rng = fastrand::Rng::with_seed(setup.seed ^ 0x2545_f491_4f6c_dd1d);
        Self {
            cloud: cloud.clone(),
            clock: clock.clone(),
            policies: setup.policies(),
            until: setup.calm_begins(),
            folder: setup.directory.join(FOLDER),
            rng: Rc::new(RefCell::new(rng)),
            life: Rc::new(RefCell::new(None)),
        }
    }

    /// When a process of ours begins, whose journal is in `directory`: somebody may start another one,
    /// or put a copy aside to start it later.
    pub fn meet(&self, directory: &Path) {
        let now = self.clock.now();
        if self.life.borrow().is_some_and(|life| life.ends > now) {
            return;
        }
        *self.life.borrow_mut() = None;
        let mut rng = self.rng.borrow_mut();
        for (fault, longest_wait) in [(Fault::SecondDaemon, LONGEST_WAIT), (Fault::OldJournal, OLDEST_COPY)] {
            let strikes = rng.u32(..10_000) < self.cloud.fault_rate(fault);
            let (wait, lasts) = (rng.u64(60..longest_wait.0), rng.u64(3_600..LONGEST_LIFE.0));
            let begins = now + Seconds(wait);
            let ends = (begins + Seconds(lasts)).min(self.until);
            if strikes && begins < ends && self.prepare(fault, directory).is_ok() {
                *self.life.borrow_mut() = Some(Life { fault, begins, ends });
                return;
            }
        }
    }

    fn prepare(&self, fault: Fault, directory: &Path) -> io::Result<()> {
        if self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        fs::create_dir_all(&self.folder)?;
        if fault == Fault::OldJournal {
            // Like a disk from an image: nobody verifies it, which would take a third of a hostile year.
            let journal = Reader::open(directory).map_err(io::Error::other)?;
            journal.vacuum_into(&self.folder.join(journal::FILE)).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Beside one process of ours. Never ends; a crash of ours is one of this, too.
    pub async fn live(self) {
        let life = *self.life.borrow();
        if let Some(life) = life {
            self.clock.sleep(life.begins.since(self.clock.now())).await;
            // Whatever becomes of it is nobody's business here.
            drop(self.work(life).await);
        }
        future::pending::<()>().await;
    }

    async fn work(&self, life: Life) -> Result<(), Box<dyn std::error::Error>> {
        let folded = engine::open(&self.folder, Durability::Simulated, Replay::Checkpoint)?;
        let settings = Settings { base_url: "http://127.0.0.1/api".to_owned(), ..Settings::default() };
        let transport = Transport::local(self.cloud.local(), &settings);
        let client = Client::new(transport, settings, SecretString::from(self.cloud.rival_key()))?;
        let cloud = self.cloud.clone();
        let listener = Box::new(move |_: &State, recorded: &Recorded| {
            if let Event::Intended(_) = recorded.event {
                cloud.note_hit(life.fault);
            }
        });
        let (_nobody_asks, inbox) = inbox::channel();
        let stop = CancellationToken::new();
        let parts = Parts { client, clock: self.clock.clone(), inbox, listener, stop };
        let mut engine = Engine::start(folded, self.policies.clone(), parts).await?;
        let clock = &self.clock;
        let work = Box::pin(engine.run(async |_: &Engine, pause| {
            clock.sleep(pause).await;
            clock.now() < life.ends
        }));
        work.await?;
        Ok(())
    }
}
