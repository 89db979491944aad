//! The runtime beside the engine's: pages, letters and the socket live on it, on a thread of their own.
//!
//! What runs there may be slow, hang or fail; it reaches the engine by bounded channels only, and a
//! pass never waits for it.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

/// Runs what is spawned on the handle until `stop`, and drops what has not ended by then.
pub(super) fn start(stop: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let live = move || runtime.block_on(stop.cancelled());
    thread::Builder::new().name("outside".to_owned()).spawn(live).map(|_| handle)
}
