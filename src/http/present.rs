//! What the engine publishes after each pass: a state that no longer changes, and how the process fares.

use std::sync::{Arc, OnceLock};

use crate::domain::draft::Hold;
use crate::domain::id::BackupId;
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::metrics::{self, MetricsError, Process, Scrape};
use crate::report::command::Commands;
use crate::report::foreign::harmless;
use crate::report::status::Source;
use crate::report::stops::Writer;

/// After so long without a complete look at the machines, what is shown is the past.
const LOOK_LASTS: Seconds = Seconds::hours(1);

#[derive(Clone, Debug)]
pub enum Present {
    /// The journal is being opened and its events folded.
    Replaying,
    /// The journal cannot be written; the cloud is not called.
    Degraded {
        why: String,
    },
    Live(Arc<Live>),
}

#[derive(Debug)]
pub struct Live {
    pub state: Arc<State>,
    /// When this was published.
    pub now: Timestamp,
    pub simulated: bool,
    pub seq: u64,
    pub hash: String,
    pub last_event_at: Option<Timestamp>,
    /// Of the last plan.
    pub holds: Vec<(BackupId, Hold)>,
    pub process: Process,
    /// Why the last pass was given up.
    pub trouble: Option<String>,
    /// As a person types them to reach this daemon.
    pub commands: Commands,
    /// What a scrape of this shows, from the first one on.
    pub series: OnceLock<String>,
}

impl Live {
    pub fn source(&self) -> Source {
        Source {
            simulated: self.simulated,
            seq: self.seq,
            hash: self.hash.clone(),
            last_event_at: self.last_event_at,
            daemon_runs: Some(true),
            commands: self.commands.clone(),
        }
    }

    pub fn writer(&self) -> Writer {
        Writer { simulated: self.simulated, runs: Some(true), commands: self.commands.clone() }
    }

    /// The answer to a scrape; of many scrapes of one state only the first has to make it.
    pub fn metrics(&self) -> Result<String, MetricsError> {
        let scrape = Scrape { state: &self.state, now: self.now, holds: &self.holds, process: &self.process };
        metrics::with_process(self.series.get_or_init(|| metrics::series(&scrape)))
    }
}

impl Present {
    /// Why nobody should rely on it; `None` where all is well.
    pub fn unready(&self) -> Option<String> {
        let live = match self {
            Self::Replaying => return Some("the journal is being read".to_owned()),
            Self::Degraded { why } => return Some(format!("degraded: {}", harmless(why))),
            Self::Live(live) => live,
        };
        if let Some(why) = &live.trouble {
            return Some(format!("the last pass was given up: {}", harmless(why)));
        }
        if let Some(refused) = &live.state.key_refused {
            return Some(format!("the cloud refuses the key (HTTP {})", refused.status));
        }
        match live.state.fleet.machine_look.complete {
            None => Some("no complete look at the machines yet since the start".to_owned()),
            Some(seen) if live.now.since(seen) > LOOK_LASTS.duration() => {
                Some(format!("no complete look at the machines since {seen}"))
            }
            Some(_) => None,
        }
    }
}
