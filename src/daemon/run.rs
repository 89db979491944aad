//! The daemon as a process: built from a configuration, run until it is told to stop.
//!
//! The calling thread becomes the engine's. A key that the cloud refuses, or a cloud that does not
//! answer, does not end it.

use std::cell::Cell;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::barrack::client::Client;
use crate::barrack::key::KeyError;
use crate::barrack::settings::Settings;
use crate::barrack::transport::{Transport, TransportError};
use crate::clock::Clock;
use crate::config::Config;
use crate::config::key::{self, KeyError as KeyFileError};
use crate::daemon::backups;
use crate::daemon::bell;
use crate::daemon::busy::Answers;
use crate::daemon::degraded;
use crate::daemon::engine::{self, Engine, Folded, Parts, Replay, StartError, Trouble};
use crate::daemon::inbox;
use crate::daemon::reload::Reload;
use crate::daemon::room::Room;
use crate::daemon::tell::Teller;
use crate::domain::state::State;
use crate::journal::open::Durability;

/// The engine never sleeps longer in one go: a suspended machine stops its timers too.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long a change that is under way may hold up the end; a read never does.
const LAST_CALL: Duration = Duration::from_secs(45);

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("cloud.key_file is not set, and without a key there is nothing to run")]
    NoKeyFile,
    #[error("read the key")]
    KeyFile(#[from] KeyFileError),
    #[error("use the key")]
    Key(#[from] KeyError),
    #[error("make the data directory {}", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("prepare the connection to the cloud")]
    Transport(#[from] TransportError),
    #[error("prepare the daemon's threads")]
    Threads(#[source] io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("run the daemon")]
    Trouble(#[from] Trouble),
}

/// All that can be refused before the first event is written.
pub struct Daemon {
    config: Config,
    key: SecretString,
    directory: PathBuf,
    runtime: Runtime,
}

impl Daemon {
    /// Its journal is in `directory`, which is made at the start where it is missing.
    pub fn build(config: Config, directory: &Path) -> Result<Self, RunError> {
        let key = key::read_key(config.cloud.key_file.as_deref().ok_or(RunError::NoKeyFile)?)?;
        let failed = |source| RunError::Directory { path: directory.to_owned(), source };
        let directory = std::path::absolute(directory).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        Ok(Self { config, key, directory, runtime: runtime.map_err(RunError::Threads)? })
    }

    /// Passes until `stop`; then a change under way is waited for, and the journal is closed.
    /// Whenever `reload` is asked for, the file is read again between two passes.
    pub fn run_until(self, stop: CancellationToken, reload: Reload) -> Result<(), RunError> {
        let Self { config, key, directory, runtime } = self;
        runtime.block_on(Box::pin(serve(config, key, &directory, stop, reload)))
    }
}

async fn serve(
    config: Config,
    key: SecretString,
    directory: &Path,
    stop: CancellationToken,
    reload: Reload,
) -> Result<(), RunError> {
    let clock = config.clock.map_or_else(Clock::system, |set| Clock::scaled(set.epoch, set.scale));
    let begin = async || begin(&config, key.clone(), take(directory)?, &clock, &stop).await;
    let Some(mut engine) = degraded::until_writable(&clock, &stop, begin).await? else { return Ok(()) };
    engine.heed(Room::new(directory, config.journal.free_space_mib));
    backups::start(directory, &config.journal, clock.clone()).map_err(RunError::Threads)?;
    engine.answer_by(Answers::Asked);
    let bell = Arc::new(Notify::new());
    bell::start(bell.clone()).map_err(RunError::Threads)?;
    let why = passes(&mut engine, &clock, &bell, &stop, &reload, &config).await?;
    engine.stop(why).await?;
    Ok(())
}

/// Passes and reloads until it is told to stop; gives why it ended.
async fn passes(
    engine: &mut Engine,
    clock: &Clock,
    bell: &Notify,
    stop: &CancellationToken,
    reload: &Reload,
    config: &Config,
) -> Result<&'static str, Trouble> {
    let bound = async {
        stop.cancelled().await;
        tokio::time::sleep(LAST_CALL).await;
    };
    tokio::pin!(bound);
    loop {
        let is_asked = Cell::new(false);
        let wake = async |_: &State, pause: Duration| {
            if stop.is_cancelled() {
                return false;
            }
            tokio::select! {
                () = clock.sleep(pause.min(LONGEST_SLEEP)) => {}
                () = bell.notified() => {}
                () = stop.cancelled() => {}
                () = reload.asked.notified() => is_asked.set(true),
            }
            !stop.is_cancelled() && !is_asked.get()
        };
        tokio::select! {
            ended = engine.run(wake) => ended?,
            () = &mut bound => return Ok("it was told to; the last call was not waited for"),
        }
        if stop.is_cancelled() {
            return Ok("it was told to");
        }
        match engine.reload(&reload.file, config).await {
            Err(trouble @ Trouble::Fatal(_)) => return Err(trouble),
            Err(trouble) => {
                tracing::error!(
                    error = &trouble as &dyn std::error::Error,
                    "the configuration was not read again; ask once more"
                );
            }
            Ok(()) => {}
        }
    }
}

/// Opens the journal in `directory`, which is made where it is missing.
fn take(directory: &Path) -> Result<Folded, RunError> {
    let failed = |source| RunError::Directory { path: directory.to_owned(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    if let Some(parent) = directory.parent() {
        // Or a power cut could take the new folder with all that is in it. Not everybody may do this.
        drop(fs::File::open(parent).and_then(|parent| parent.sync_all()));
    }
    Ok(engine::open(directory, Durability::Full, Replay::Checkpoint)?)
}

async fn begin(
    config: &Config,
    key: SecretString,
    folded: Folded,
    clock: &Clock,
    stop: &CancellationToken,
) -> Result<Engine, RunError> {
    let settings = Settings::of(&config.cloud, config.clock.map_or(1, |set| set.scale));
    let client = Client::new(Transport::network(&settings)?, settings, key)?;
    let mut teller = Teller::default();
    let listener: engine::Listener = Box::new(move |state, recorded| teller.recorded(state, recorded));
    // Nothing sends into it yet; whoever will also rings the bell.
    let (_outlet, inbox) = inbox::channel();
    let policies = config.policy_set(clock.now());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        head = %format_args!("{}@{}", folded.journal.head().hash.short(), folded.journal.head().seq),
        mode = config.mode.word(),
        policies = %policies.policies.keys().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        "quartermaster starts"
    );
    let parts = Parts { client, clock: clock.clone(), inbox, listener, stop: stop.clone() };
    Ok(Engine::start(folded, policies, parts).await?)
}
