//! Where the journal is, and which clock its daemon lives by: from `--data-dir`, `--config` or neither.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::ending::Ending;
use crate::clock::Clock;
use crate::config;
use crate::config::clock::ClockSetting;
use crate::daemon::engine::{self, FOLD_ID};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::journal::entry::{Head, Seq};
use crate::journal::reader::Reader;

const DEFAULT: &str = "/var/lib/quartermaster";
/// Rows read in one go, so that the writer beside us can tidy up in between.
const AT_ONCE: usize = 4_096;

#[derive(Debug, Args)]
pub struct Place {
    /// Where the journal is [default: that of the configuration, else /var/lib/quartermaster]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The daemon's configuration: for its `data_dir`, and for its `[clock]` if it has one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A place that was found.
pub struct Found {
    pub directory: PathBuf,
    /// Where the daemon of this journal listens.
    pub socket: PathBuf,
    clock: Option<ClockSetting>,
}

/// What a journal's events come to.
pub struct Seen {
    pub state: State,
    pub head: Head,
    pub simulated: bool,
    pub last: Option<Timestamp>,
}

impl Place {
    pub fn find(&self) -> Result<Found, Ending> {
        let config = self.config.as_deref().map(config::load).transpose()?;
        let directory = match (&self.data_dir, &config) {
            (Some(named), _) => named.clone(),
            (None, Some(config)) => config.data_dir.clone(),
            (None, None) => PathBuf::from(DEFAULT),
        };
        let setting = config.as_ref().map(|config| config.socket.clone()).unwrap_or_default();
        let socket = setting.of(&directory);
        Ok(Found { directory, socket, clock: config.and_then(|config| config.clock) })
    }
}

impl Found {
    /// Reads beside a running daemon, or without one.
    pub fn read(&self) -> Result<Seen, Ending> {
        read(&self.directory)
    }

    /// The present as the journal's daemon has it; the time of a simulation stands still after it.
    pub fn now(&self, simulated: bool, last: Option<Timestamp>) -> Timestamp {
        let clock = self.clock.map_or_else(Clock::system, |set| Clock::scaled(set.epoch, set.scale));
        match last {
            Some(last) if simulated => last,
            last => last.into_iter().fold(clock.now(), Timestamp::max),
        }
    }
}

fn read(directory: &Path) -> Result<Seen, Ending> {
    let reader = Reader::open(directory).map_err(Ending::failed)?;
    let checkpoint = reader.load_checkpoint(FOLD_ID).ok().flatten();
    let restored = checkpoint.and_then(|saved| Some((State::restore(&saved.bytes)?, saved.head)));
    let (mut state, start) = restored.unwrap_or((State::default(), Head::START));
    let head = Cell::new(start);
    let mut last = None;
    if start.seq != Seq::START {
        let row = reader.read(Seq(start.seq.0 - 1), 1).map_err(Ending::failed)?;
        last = row.first().map(|row| row.recorded_at);
    }
    let read = |after| {
        let rows = reader.read(after, AT_ONCE)?;
        head.set(rows.last().map_or(head.get(), |row| row.head()));
        Ok(rows)
    };
    engine::fold(&mut state, start.seq, &mut last, read).map_err(Ending::failed)?;
    Ok(Seen { state, head: head.get(), simulated: reader.is_simulated(), last })
}
