//! `log rebuild`: all events folded anew, and the saved state held against what they come to.

use clap::Args;

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
        let saved = match rebuilt.saved {
            Saved::Same(seq) => format!("the saved state, of event {seq}, was the same byte for byte"),
            Saved::ByOtherCode => "the saved state was folded by another version, and is replaced".to_owned(),
            Saved::Nothing => "no state was saved before".to_owned(),
            Saved::Differs(seq) => {
                let what = format!("the state at event {seq} is not what the events come to; it is replaced");
                return Err(Ending::Findings(Box::new(Finding::new("checkpoint", what))));
            }
            Saved::Damaged(finding) => return Err(Ending::Findings(Box::new(finding))),
        };
        screen::print(&format!("ok: {} events folded to {bytes} bytes; {saved}\nhead {head}", head.seq))
    }
}
