//! A start that cannot write: the process stays up, makes no call to the cloud, and tries again.
//!
//! Ending would help nobody: who looks at it finds what it waits for in its log, and a disk that has
//! room again needs no restart.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::daemon::engine::{StartError, Trouble};
use crate::daemon::run::RunError;
use crate::daemon::service;
use crate::daemon::tell::chain;
use crate::journal::append::AppendError;
use crate::journal::fault::Fault;
use crate::journal::open::OpenError;

const RETRY: Duration = Duration::from_secs(60);

/// What `start` gives once it works, with a word of why each time that it does not; nothing if `stop` came first. An error that waiting cannot mend ends it.
pub async fn until_writable<T>(
    clock: &Clock,
    stop: &CancellationToken,
    mut tell: impl FnMut(&str),
    mut start: impl AsyncFnMut() -> Result<T, RunError>,
) -> Result<Option<T>, RunError> {
    loop {
        match start().await {
            Ok(started) => return Ok(Some(started)),
            Err(error) if may_pass(&error) => {
                tell(&chain(&error));
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "degraded: the journal cannot be written, so the cloud is not called; trying again in a minute"
                );
            }
            Err(error) => return Err(error),
        }
        service::degraded();
        tokio::select! {
            () = clock.sleep(RETRY) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
}

/// No right, no room, a disk that answers badly: it may work another time.
fn may_pass(error: &RunError) -> bool {
    match error {
        RunError::Directory { .. }
        | RunError::Start(
            StartError::Open(OpenError::Closed { .. } | OpenError::Failed { .. })
            | StartError::Read(Fault::Failed { .. }),
        )
        | RunError::Trouble(Trouble::NotStored(AppendError::Full { .. } | AppendError::Failed { .. })) => {
            true
        }
        RunError::NoKeyFile
        | RunError::KeyFile(_)
        | RunError::Token(_)
        | RunError::Key(_)
        | RunError::Transport(_)
        | RunError::Threads(_)
        | RunError::Hopeless { .. }
        | RunError::Start(_)
        | RunError::Trouble(_) => false,
    }
}
