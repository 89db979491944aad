//! Publishing: at the start and after each pass the port is handed a state that no longer changes.
//!
//! The state is copied only where something was recorded since. Whoever reads it never holds up the
//! engine, and nothing is published where nobody listens.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::http::HttpSetting;
use crate::config::key;
use crate::daemon::engine::Engine;
use crate::daemon::outside::Outside;
use crate::daemon::run::RunError;
use crate::domain::draft::Hold;
use crate::domain::id::BackupId;
use crate::domain::outlook::outlook;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::http::guard::Guard;
use crate::http::listen::{self, Events, Shown};
use crate::http::present::{Live, Present};
use crate::journal;
use crate::journal::entry::Seq;
use crate::journal::reader::Reader;
use crate::journal::shown;
use crate::metrics::Process;
use crate::report::command::Commands;

/// A port that is taken, or an address that is not there yet: backups do not wait for a page.
const RETRY: Duration = Duration::from_secs(10);

/// The first time sooner, and without a word: where another daemon holds the journal, this one ends before,
/// and that is what there is to say.
const FIRST_RETRY: Duration = Duration::from_secs(3);

/// Opens the port, if the configuration names one: before the journal, so that a start that waits can
/// be seen. Gives where to publish.
pub fn open(
    setting: &HttpSetting,
    directory: &Path,
    commands: Commands,
    outside: &Outside,
) -> Result<Publisher, RunError> {
    let (sender, present) = watch::channel(Present::Replaying);
    let publisher = Publisher::new(sender, directory, commands);
    if let Some(address) = setting.listen {
        let guard = match &setting.token_file {
            Some(file) => {
                let token = key::read_secret("http.token_file", file).map_err(RunError::Token)?;
                Guard::token(token.expose_secret())
            }
            None => Guard::open(),
        };
        let shown = Shown { present, events: events(directory), guard };
        outside.spawn(keep_open(address, shown, outside.stop.clone()));
    }
    Ok(publisher)
}

/// The same on a port that somebody else opened, for everybody on this machine.
pub fn show(
    listener: std::net::TcpListener,
    directory: &Path,
    commands: Commands,
    outside: &Outside,
) -> io::Result<Publisher> {
    let (sender, present) = watch::channel(Present::Replaying);
    let shown = Shown { present, events: events(directory), guard: Guard::open() };
    let stop = outside.stop.clone();
    listener.set_nonblocking(true)?;
    outside.spawn(async move {
        // It belongs to the runtime beside the engine, and is handed over there.
        match TcpListener::from_std(listener) {
            Ok(listener) => listen::serve(listener, shown, stop).await,
            Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "there is no page"),
        }
    });
    Ok(Publisher::new(sender, directory, commands))
}

async fn keep_open(address: SocketAddr, shown: Shown, stop: CancellationToken) {
    let mut failures = 0;
    loop {
        match listen::bind(address).await {
            Ok(listener) => {
                let address = listener.local_addr().unwrap_or(address);
                tracing::info!("the page is at http://{address}/");
                return listen::serve(listener, shown, stop).await;
            }
            Err(error) if failures == 1 => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, %address, "there is no page: the address cannot be listened at; tried on");
            }
            Err(_) => {}
        }
        tokio::time::sleep(if failures == 0 { FIRST_RETRY } else { RETRY }).await;
        failures += 1;
    }
}

/// Reads beside the engine, from the file.
pub fn events(directory: &Path) -> Events {
    let directory = directory.to_owned();
    Arc::new(move |after, limit| {
        let read = || -> Result<String, Box<dyn std::error::Error>> {
            let reader = Reader::open(&directory)?;
            let rows = reader.read(Seq(after), limit as usize)?;
            Ok(serde_json::to_string(&shown::document(reader.is_simulated(), &rows))?)
        };
        read().map_err(|error| format!("the journal cannot be read: {error}"))
    })
}

/// Hands over what is true at the start and after each pass.
pub struct Publisher {
    sender: watch::Sender<Present>,
    /// Of the journal.
    directory: PathBuf,
    commands: Commands,
    last: Option<(Seq, Arc<State>)>,
    passes: u64,
    last_pass: Option<Timestamp>,
}

impl Publisher {
    pub fn new(sender: watch::Sender<Present>, directory: &Path, commands: Commands) -> Self {
        Self { sender, directory: directory.to_owned(), commands, last: None, passes: 0, last_pass: None }
    }

    /// A start that cannot write.
    pub fn degraded(&self, why: &str) {
        self.sender.send_replace(Present::Degraded { why: why.to_owned() });
    }

    /// The journal is read: what it tells can be seen before the first pass, which may wait for the cloud.
    pub fn begun(&mut self, engine: &Engine) {
        // As a pass would hold them now: none was planned yet.
        let holds = outlook(engine.state(), engine.now()).plan.holds;
        self.publish(engine, holds, None);
    }

    /// A pass is over, or was given up.
    pub fn passed(&mut self, engine: &Engine) {
        let trouble = engine.trouble().map(str::to_owned);
        if trouble.is_none() {
            self.passes += 1;
            self.last_pass = Some(engine.now());
        }
        self.publish(engine, engine.holds().to_vec(), trouble);
    }

    fn publish(&mut self, engine: &Engine, holds: Vec<(BackupId, Hold)>, trouble: Option<String>) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        let head = engine.head();
        let state = match &self.last {
            Some((seq, state)) if *seq == head.seq => state.clone(),
            Some(_) | None => Arc::new(engine.state().clone()),
        };
        self.last = Some((head.seq, state.clone()));
        let live = Live {
            state,
            now: engine.now(),
            simulated: engine.is_simulated(),
            seq: head.seq.0,
            hash: head.hash.to_string(),
            last_event_at: engine.last_event_at(),
            holds,
            process: Process {
                passes: self.passes,
                last_pass: self.last_pass,
                journal_bytes: size(&self.directory),
                head: format!("{}@{}", head.hash.short(), head.seq),
                objections: engine.objections() as u64,
            },
            trouble,
            commands: self.commands.clone(),
            series: OnceLock::new(),
        };
        self.sender.send_replace(Present::Live(Arc::new(live)));
    }
}

/// The journal with its write-ahead log.
fn size(directory: &Path) -> u64 {
    let file = directory.join(journal::FILE);
    let mut beside = file.clone().into_os_string();
    beside.push("-wal");
    let length = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    length(&file) + length(Path::new(&beside))
}
