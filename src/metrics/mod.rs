//! Metrics: the published state as series, made once for each state that is scraped.
//!
//! What has vanished from the state vanishes from the answer; what is counted comes from events and
//! never falls. Money is exact up to here: a series carries the nearest floating-point number.

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{Encoder, TextEncoder};

use crate::domain::draft::Hold;
use crate::domain::id::BackupId;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

pub mod names;
mod families;
mod backups;
mod cloud;
mod daemon;
mod money;
mod letters;

use families::Families;

/// Exactly what a scraper of the text format expects.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// Shelves, and machines, that have series of their own; the rest is counted in
/// `quartermaster_left_out`. With at most four series a shelf and one a machine these are 12,500 at most.
const MOST_SHOWN: usize = 2_500;

/// More than what the process tells of itself needs.
const PROCESS_BYTES: usize = 4_096;

/// What the state does not know: how the process that holds it fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Since this process began.
    pub passes: u64,
    /// The end of the last one.
    pub last_pass: Option<Timestamp>,
    pub journal_bytes: u64,
    /// The beginning of the head's hash, and its number: `0123456789ab@17`.
    pub head: String,
    /// What the audit said against plans, each counted once.
    pub objections: u64,
}

/// All that one scrape shows.
pub struct Scrape<'a> {
    pub state: &'a State,
    pub now: Timestamp,
    /// Of the last plan.
    pub holds: &'a [(BackupId, Hold)],
    pub process: &'a Process,
}

#[derive(Debug, thiserror::Error)]
#[error("write the metrics as text")]
pub struct MetricsError(#[from] prometheus::Error);

/// The answer to a scrape.
pub fn text(scrape: &Scrape<'_>) -> Result<String, MetricsError> {
    with_process(&series(scrape))
}

/// All that one published state has to tell: it is as true at the next scrape of the same state.
pub fn series(scrape: &Scrape<'_>) -> String {
    let mut families = Families::default();
    daemon::tell(scrape, &mut families);
    backups::tell(scrape, &mut families);
    money::tell(scrape, &mut families);
    letters::tell(scrape.state, &mut families);
    cloud::tell(scrape, &mut families);
    families.into_text()
}

/// With how this process fares at this moment, which is no part of any state.
pub fn with_process(series: &str) -> Result<String, MetricsError> {
    let mut text = Vec::with_capacity(series.len() + PROCESS_BYTES);
    text.extend_from_slice(series.as_bytes());
    TextEncoder::new().encode(&ProcessCollector::for_self().collect(), &mut text)?;
    Ok(String::from_utf8(text).unwrap_or_default())
}

#[cfg(test)]
mod tests;
