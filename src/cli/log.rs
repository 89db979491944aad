//! `log`: the verbs of the journal, which read it, check it, copy it and put it back.

use clap::Subcommand;

use crate::cli::ending::Ending;

mod verify;
mod rows;
mod copies;
mod rebuild;

#[derive(Debug, Subcommand)]
pub enum LogVerb {
    /// List events: the newest, or from --after or --since on
    List(rows::ListArguments),
    /// Show one event with all that is stored of it
    Show(rows::ShowArguments),
    /// Check every event and its chain; exit code 3 and the first bad row if anything is wrong
    Verify(verify::VerifyArguments),
    /// Write every stored column of each event as one line of JSON
    Export(rows::ExportArguments),
    /// Copy the journal beside a running daemon; the copy counts once it was verified
    Backup(copies::BackupArguments),
    /// Put a backup in the place of a lost journal; deletions are frozen from then on
    Restore(copies::RestoreArguments),
    /// Fold all events anew and compare with the saved state; exit code 3 if it was another. No daemon may run
    /// beside it: stop it first
    Rebuild(rebuild::RebuildArguments),
}

impl LogVerb {
    pub fn perform(self) -> Result<(), Ending> {
        match self {
            Self::List(arguments) => arguments.list(),
            Self::Show(arguments) => arguments.show(),
            Self::Verify(arguments) => verify::verify(&arguments),
            Self::Export(arguments) => arguments.export(),
            Self::Backup(arguments) => arguments.backup(),
            Self::Restore(arguments) => arguments.restore(),
            Self::Rebuild(arguments) => arguments.rebuild(),
        }
    }
}
