//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once.
//!
//! Listening happens on a thread of its own, so that neither a paused clock nor a busy engine is
//! disturbed by it.

use std::io;
use std::process;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::cli::ending::Ending;

/// Sent where a file would grow beyond the process's limit. Caught, the write fails instead.
const FILE_SIZE_EXCEEDED: SignalKind = SignalKind::from_raw(25);
/// As shells report an end by Ctrl-C.
const KILLED: i32 = 130;

/// A token that is cancelled by the first signal.
pub fn listen() -> Result<CancellationToken, Ending> {
    let token = CancellationToken::new();
    start(token.clone()).map_err(|error| Ending::Failed(format!("listen for signals: {error}").into()))?;
    Ok(token)
}

fn start(token: CancellationToken) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let _caught = signal(FILE_SIZE_EXCEEDED)?;
    drop(entered);
    let listen = move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupts.recv() => {}
                    _ = terminations.recv() => {}
                }
                if token.is_cancelled() {
                    process::exit(KILLED);
                }
                token.cancel();
            }
        });
    };
    thread::Builder::new().name("signals".to_owned()).spawn(listen).map(drop)
}
