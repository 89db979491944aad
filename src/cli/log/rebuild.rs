//! `log rebuild`: all events folded anew, and the saved state held against what they come to.

use clap::Args;
use serde::Serialize;

use crate::cli::ending::Ending;
use crate::cli::place::Place;
use crate::cli::progress::Progress;
use crate::cli::screen;
use crate::daemon::engine::StartError;
use crate::daemon::rebuild::{self, RebuildError, Saved};
use crate::journal::fault::Finding;
use crate::journal::lock;
use crate::journal::open::OpenError;
use crate::journal::reader::Reader;

#[derive(Debug, Args)]
pub struct RebuildArguments {
    #[command(flatten)]
    place: Place,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Document {
    schema_version: u32,
    /// The saved state was what the events come to, or there was none of this version.
    ok: bool,
    simulated: bool,
    events: u64,
    head: String,
    /// Of the state that was folded anew, and is saved now.
    bytes: usize,
    /// `same`, `by_other_code`, `nothing`, `differs` or `damaged`: the state that was saved before.
    saved: &'static str,
    /// What is wrong with it.
    finding: Option<String>,
}

impl RebuildArguments {
    pub fn rebuild(&self) -> Result<(), Ending> {
        let directory = self.place.find()?.directory;
        let reader = Reader::open(&directory).map_err(Ending::failed)?;
        let (simulated, head) = (reader.is_simulated(), reader.head().map_err(Ending::failed)?);
        drop(reader);
        let progress = Progress::start("folding", head.seq.0);
        let rebuilt = lock::patiently(
            || rebuild::rebuild(&directory, simulated, &|seq| progress.reached(seq.0)),
            |error| matches!(error, RebuildError::Start(StartError::Open(OpenError::Locked { .. }))),
        );
        drop(progress);
        let rebuilt = rebuilt.map_err(|error| match error {
            RebuildError::Start(StartError::Open(OpenError::Locked { .. })) => Ending::Busy(
                format!(
                    "a daemon holds the journal in {}: stop it first, since this writes the journal itself",
                    directory.display()
                )
                .into(),
            ),
            RebuildError::Start(error) => Ending::failed(error),
            RebuildError::Save(_) | RebuildError::Close(_) => Ending::failed(error),
        })?;
        let (head, bytes) = (rebuilt.head, rebuilt.bytes);
        let (word, told) = judge(rebuilt.saved);
        if self.json {
            screen::print_json(&Document {
                schema_version: SCHEMA_VERSION,
                ok: told.is_ok(),
                simulated,
                events: head.seq.0,
                head: head.hash.to_string(),
                bytes,
                saved: word,
                finding: told.as_ref().err().map(ToString::to_string),
            })?;
        }
        match told {
            Err(finding) => Err(Ending::Findings(Box::new(finding))),
            Ok(_) if self.json => Ok(()),
            Ok(said) => screen::print(&format!(
                "ok: {} events folded to {bytes} bytes; {said}\nhead {head}",
                head.seq
            )),
        }
    }
}

/// One word for what was saved before, and a sentence or what is wrong with it.
fn judge(saved: Saved) -> (&'static str, Result<String, Finding>) {
    match saved {
        Saved::Same(seq) => {
            ("same", Ok(format!("the saved state, of event {seq}, was the same byte for byte")))
        }
        Saved::ByOtherCode => {
            ("by_other_code", Ok("the saved state was folded by another version, and is replaced".to_owned()))
        }
        Saved::Nothing => ("nothing", Ok("no state was saved before".to_owned())),
        Saved::Differs(seq) => {
            let what = format!("the state at event {seq} is not what the events come to; it is replaced");
            ("differs", Err(Finding::new("checkpoint", what)))
        }
        Saved::Damaged(finding) => ("damaged", Err(finding)),
    }
}
