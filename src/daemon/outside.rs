//! What lives beside the engine: pages, letters and the socket, on a runtime and a thread of their own.
//!
//! What runs there may be slow, hang or fail; it reaches the engine by bounded channels only, and a
//! pass never waits for it.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::daemon::engine::Engine;
use crate::daemon::inbox::{self, Inbox, Outlet};

/// What is told of each pass, in the engine's own thread. It must not wait.
type Told = Box<dyn FnMut(&Engine)>;

pub struct Outside {
    runtime: Handle,
    /// Ends with the daemon; what has not ended by then is dropped.
    pub stop: CancellationToken,
    /// Into the engine. Whoever sends also rings the bell.
    pub outlet: Outlet,
    /// Rung, the next pass begins at once.
    pub bell: Arc<Notify>,
    told: Vec<Told>,
}

impl Outside {
    /// With the other end of its outlet.
    pub fn open(stop: CancellationToken) -> io::Result<(Self, Inbox)> {
        let (outlet, inbox) = inbox::channel();
        let runtime = start(stop.clone())?;
        Ok((Self { runtime, stop, outlet, bell: Arc::new(Notify::new()), told: Vec::new() }, inbox))
    }

    /// Lives there until the daemon stops.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }

    /// What it comes to there; nothing if it was dropped.
    pub async fn settle<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.runtime.spawn(work).await.ok()
    }

    pub fn tell(&mut self, told: impl FnMut(&Engine) + 'static) {
        self.told.push(Box::new(told));
    }

    /// A pass is over.
    pub fn passed(&mut self, engine: &Engine) {
        self.told.iter_mut().for_each(|told| told(engine));
    }
}

/// Runs what is spawned on the handle until `stop`, and drops what has not ended by then.
fn start(stop: CancellationToken) -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let live = move || runtime.block_on(stop.cancelled());
    thread::Builder::new().name("outside".to_owned()).spawn(live).map(|_| handle)
}
