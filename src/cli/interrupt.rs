//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once. SIGHUP asks the
//! daemon to read its configuration again, and ends nothing.
//!
//! Listening happens on a thread of its own, so that neither a paused clock nor a busy engine is
//! disturbed by it.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::ending::Ending;

/// Sent where a file would grow beyond the process's limit. Caught, the write fails instead.
const FILE_SIZE_EXCEEDED: SignalKind = SignalKind::from_raw(25);
/// As shells report an end by Ctrl-C.
const KILLED: i32 = 130;

/// A token that is cancelled by the first signal.
pub fn listen() -> Result<CancellationToken, Ending> {
    let token = CancellationToken::new();
    start(token.clone(), None).map_err(deaf)?;
    Ok(token)
}

/// The same, and a notice at each SIGHUP.
pub fn listen_for_reloads() -> Result<(CancellationToken, Arc<Notify>), Ending> {
    let (token, asked) = (CancellationToken::new(), Arc::new(Notify::new()));
    start(token.clone(), Some(asked.clone())).map_err(deaf)?;
    Ok((token, asked))
}

fn deaf(error: io::Error) -> Ending {
    Ending::Failed(format!("listen for signals: {error}").into())
}

fn start(token: CancellationToken, asked: Option<Arc<Notify>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let _caught = signal(FILE_SIZE_EXCEEDED)?;
    // Without anybody to tell, it ends the process as it always did.
    let hangups =
        asked.map(|asked| Ok::<_, io::Error>((signal(SignalKind::hangup())?, asked))).transpose()?;
    drop(entered);
    let listen = move || {
        runtime.block_on(async {
            if let Some((mut hangups, asked)) = hangups {
                tokio::spawn(async move {
                    while hangups.recv().await.is_some() {
                        asked.notify_one();
                    }
                });
            }
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
