//! The beginning of the engine: the journal is taken and folded, the client made, the start written down.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::barrack::client::Client;
use crate::barrack::settings::Settings;
use crate::barrack::transport::Transport;
use crate::clock::Clock;
use crate::config::{Config, cloud::Cloud, key};
use crate::daemon::engine::{self, Engine, Folded, Parts, Replay, StartError};
use crate::daemon::inbox;
use crate::daemon::run::RunError;
use crate::daemon::service::{self, Pulse};
use crate::daemon::tell::Teller;
use crate::journal::open::{Durability, OpenError};
use crate::journal::{self, lock};

/// What looks like folders and files there is neither.
const OF_THE_KERNEL: [&str; 2] = ["/proc", "/sys"];

/// Opens the journal in `directory`, which is made where it is missing.
pub(super) fn take(directory: &Path) -> Result<Folded, RunError> {
    lock::patiently(
        || try_to_take(directory),
        |error| matches!(error, RunError::Start(StartError::Open(OpenError::Locked { .. }))),
    )
}

fn try_to_take(directory: &Path) -> Result<Folded, RunError> {
    let path = || directory.to_owned();
    if let Some(why) = never(directory) {
        return Err(RunError::Hopeless { path: path(), why });
    }
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::InvalidFilename => {
            RunError::Hopeless { path: path(), why: "its name is too long".to_owned() }
        }
        _ => RunError::Directory { path: path(), source },
    };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    if let Some(parent) = directory.parent() {
        // Or a power cut could take the new folder with all that is in it. Not everybody may do this.
        drop(fs::File::open(parent).and_then(|parent| parent.sync_all()));
    }
    let folded = engine::open(directory, Durability::Full, Replay::Checkpoint)?;
    if folded.was_empty {
        let path = directory.join(journal::FILE);
        tracing::warn!(
            path = %path.display(),
            "the file was there and empty: a new journal is begun in it. If it was the journal once, end this, move \
             the file away and put a copy back with `log restore`"
        );
    }
    Ok(folded)
}

/// Why no waiting makes a directory of it. What is full, read-only or another's can be mended, and a mount can
/// come late: that a link leads nowhere is no reason.
pub fn never(directory: &Path) -> Option<String> {
    let standing = directory.ancestors().find_map(|path| path.canonicalize().ok())?;
    if let Some(kernel) = OF_THE_KERNEL.into_iter().find(|root| standing.starts_with(root)) {
        return Some(format!("below {kernel} the kernel shows itself, and nothing can be kept"));
    }
    (!standing.is_dir()).then(|| format!("{} is no folder", standing.display()))
}

/// An engine that hears nobody yet.
pub(super) async fn begin(
    config: &Config,
    key: SecretString,
    folded: Folded,
    clock: &Clock,
    stop: &CancellationToken,
    pulse: &Pulse,
) -> Result<Engine, RunError> {
    let settings = Settings::of(&config.cloud, config.clock.map_or(1, |set| set.scale));
    let client = Client::new(Transport::network(&settings)?, settings, key)?;
    let mut teller = Teller::default();
    let pulse = pulse.clone();
    let listener: engine::Listener = Box::new(move |state, recorded| {
        pulse.felt();
        teller.recorded(state, recorded);
    });
    let (_, inbox) = inbox::channel();
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

/// The key that the service manager holds for us, or else that of the file which the configuration names.
pub(super) fn read_key(cloud: &Cloud) -> Result<SecretString, RunError> {
    match service::credential() {
        Some(path) => Ok(key::read_credential(&path)?),
        None => Ok(key::read_key(cloud.key_file.as_deref().ok_or(RunError::NoKeyFile)?)?),
    }
}
