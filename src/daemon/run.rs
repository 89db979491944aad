//! The daemon as a process: built from a configuration, run until it is told to stop.
//!
//! The calling thread becomes the engine's. A key that the cloud refuses, or a cloud that does not
//! answer, does not end it.

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::barrack::key::KeyError;
use crate::barrack::transport::TransportError;
use crate::clock::Clock;
use crate::config::key::KeyError as KeyFileError;
use crate::config::whereabouts::Usual;
use crate::config::{self, Config};
use crate::daemon::admin;
use crate::daemon::backups;
use crate::daemon::begin::{begin, read_key, take};
use crate::daemon::bell;
use crate::daemon::busy::Answers;
use crate::daemon::degraded;
use crate::daemon::direct::Direct;
use crate::daemon::engine::{Engine, StartError, Trouble};
use crate::daemon::outside::Outside;
use crate::daemon::post::{self, Post};
use crate::daemon::publish;
use crate::daemon::reload::Reload;
use crate::daemon::room::Room;
use crate::daemon::service::{self, Pulse};
use crate::report::command::Commands;

/// The engine never sleeps longer in one go: a suspended machine stops its timers too.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long a change that is under way may hold up the end; a read never does.
const LAST_CALL: Duration = Duration::from_secs(45);

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(
        "cloud.key_file is not set and no service manager holds the key: without one there is nothing to run"
    )]
    NoKeyFile,
    #[error("read the key")]
    KeyFile(#[from] KeyFileError),
    #[error("read the token of the page")]
    Token(#[source] KeyFileError),
    #[error("use the key")]
    Key(#[from] KeyError),
    #[error("make the data directory {}{}", path.display(), may_make(source))]
    Directory { path: PathBuf, source: io::Error },
    #[error(
        "data_dir {} can never hold a journal: {why}; name a directory, or a place where one can be made",
        path.display()
    )]
    Hopeless { path: PathBuf, why: String },
    #[error("prepare the connection to the cloud")]
    Transport(#[from] TransportError),
    #[error("prepare the daemon's threads")]
    Threads(#[source] io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("run the daemon")]
    Trouble(#[from] Trouble),
}

/// What a person can do, where that is known.
fn may_make(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            ": this user may not; make it, owned by the daemon's user, with mode 0700"
        }
        // What is no folder never comes so far.
        io::ErrorKind::AlreadyExists => ": a link on the way leads nowhere",
        _ => "",
    }
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
        let key = read_key(&config.cloud)?;
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

/// Everything that lives, assembled: one line each.
async fn serve(
    config: Config,
    key: SecretString,
    directory: &Path,
    stop: CancellationToken,
    reload: Reload,
) -> Result<(), RunError> {
    let clock = config.clock.map_or_else(Clock::system, |set| Clock::scaled(set.epoch, set.scale));
    let (mut outside, inbox) = Outside::open(stop.clone()).map_err(RunError::Threads)?;
    let file = std::path::absolute(&reload.file).unwrap_or_else(|_| reload.file.clone());
    let named = Some(&*file).filter(|file| *file != Path::new(config::FILE));
    let usual = Usual::at(Path::new(config::FILE)).whereabouts();
    let commands = Commands::with(config.options(&file, directory, usual.as_ref())).by(named);
    let mut publisher = publish::open(&config.http, directory, commands.clone(), &outside)?;
    let mut direct = Direct::new(config.mail.clone(), &clock);
    let tell = |why: &str| {
        publisher.degraded(why);
        direct.tell(&outside, why);
    };
    let pulse = Pulse::new();
    let begin = async || begin(&config, key.clone(), take(directory)?, &clock, &stop, &pulse).await;
    let Some(mut engine) = degraded::until_writable(&clock, &stop, tell, begin).await? else { return Ok(()) };
    publisher.begun(&engine);
    outside.tell(move |engine| publisher.passed(engine));
    engine.heed(Room::new(directory, config.journal.free_space_mib));
    engine.answer_by(Answers::Asked);
    engine.hear(inbox);
    engine.post_by(Post::Outside(post::open(config.mail.clone(), commands, &outside, &clock)));
    backups::start(directory, &config.journal, clock.clone()).map_err(RunError::Threads)?;
    bell::start(outside.bell.clone()).map_err(RunError::Threads)?;
    let socket = admin::open(&outside, &config.socket.of(directory)).await;
    if let Err(error) = &socket {
        let error = error as &dyn std::error::Error;
        tracing::error!(error, "nobody can ask this daemon for anything: there is no socket");
    }
    outside.tell(service::tell_status);
    let felt = pulse.clone();
    outside.tell(move |_| felt.felt());
    service::ready();
    let why = tokio::select! {
        why = passes(&mut engine, &clock, &mut outside, &reload, &config) => why?,
        () = pulse.feed() => "it was never told to",
    };
    service::stopping();
    // First, or it could remove that of the daemon that comes next.
    drop(socket);
    engine.stop(why).await?;
    Ok(())
}

/// Passes and reloads until it is told to stop; gives why it ended.
async fn passes(
    engine: &mut Engine,
    clock: &Clock,
    outside: &mut Outside,
    reload: &Reload,
    config: &Config,
) -> Result<&'static str, Trouble> {
    let (stop, bell) = (outside.stop.clone(), outside.bell.clone());
    let bound = async {
        stop.cancelled().await;
        service::stopping();
        tokio::time::sleep(LAST_CALL).await;
    };
    tokio::pin!(bound);
    loop {
        let is_asked = Cell::new(false);
        let wake = async |engine: &Engine, pause: Duration| {
            outside.passed(engine);
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
        service::reloading();
        let reloaded = engine.reload(&reload.file, config).await;
        service::ready();
        match reloaded {
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
