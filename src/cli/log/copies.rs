//! `log backup` and `log restore`: a verified copy of the journal, and its way back.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::ending::Ending;
use crate::cli::place::Place;
use crate::cli::screen;
use crate::cli::way::caller;
use crate::daemon::backups;
use crate::domain::ask::{Ask, LONGEST_FREEZE};
use crate::domain::event::{Asked, Event};
use crate::journal::entry::Seq;
use crate::journal::reader::Reader;
use crate::journal::restore::{self, RestoreError};
use crate::journal::{copy, record};
use crate::report::words;

#[derive(Debug, Args)]
pub struct BackupArguments {
    /// A directory, in which the copy is named after its time and its last event; or a file's new name.
    /// One that ends in a slash is a directory, and made where it is missing
    #[arg(value_name = "DIR|FILE")]
    target: PathBuf,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// What `log backup` made
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

impl BackupArguments {
    pub fn backup(&self) -> Result<(), Ending> {
        let found = self.place.find()?;
        let reader = Reader::open(&found.directory).map_err(Ending::failed)?;
        let is_meant_as_folder = self.target.as_os_str().as_bytes().ends_with(b"/");
        if is_meant_as_folder && !self.target.is_dir() {
            let failed = |error| format!("make the folder {}: {error}", self.target.display());
            let made = fs::DirBuilder::new().mode(0o700).create(&self.target).map_err(failed);
            made.map_err(|said| Ending::Failed(said.into()))?;
        }
        let is_simulated = reader.is_simulated();
        let target = match self.target.is_dir() {
            false => self.target.clone(),
            true => {
                let head = reader.head().map_err(Ending::failed)?;
                let last = reader.read(Seq(head.seq.0.saturating_sub(1)), 1).map_err(Ending::failed)?;
                let now = found.now(reader.is_simulated(), last.first().map(|row| row.recorded_at));
                self.target.join(backups::name(now, head.seq))
            }
        };
        drop(reader);
        let report = copy::backup(&found.directory, &target).map_err(Ending::failed)?;
        let (seq, head) = (report.head.seq, report.head);
        let target = std::path::absolute(&target).unwrap_or(target);
        let events = words::count(usize::try_from(seq.0).unwrap_or(usize::MAX), "event", "events");
        screen::print_read(is_simulated, |paper| {
            paper.wrap(&format!(
                "{}: {events}, every page and the whole chain verified\nhead {head}",
                target.display()
            ))
        })
    }
}

impl RestoreArguments {
    /// The world is newer than what comes back: nothing is deleted until a person has looked.
    pub fn restore(&self) -> Result<(), Ending> {
        let found = self.place.find()?;
        if self.file.is_dir() {
            return Err(Ending::Failed(a_folder(&self.file).into()));
        }
        let mut staged = restore::stage(&self.file, &found.directory).map_err(ending)?;
        let head = staged.journal.head();
        let last = staged.journal.read(Seq(head.seq.0.saturating_sub(1)), 1).map_err(Ending::failed)?;
        let now = found.now(staged.journal.is_simulated(), last.first().map(|row| row.recorded_at));
        let until = now + LONGEST_FREEZE;
        let reason = format!("the journal was restored from a backup that ends at {head}");
        let asked = Asked::new(caller()?, now, head.seq.0, Ask::Freeze { until, reason });
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Ending::failed)?;
        let entries = vec![record::encode(&Event::Asked(asked))];
        runtime.block_on(staged.journal.append(&head, now, entries)).map_err(Ending::failed)?;
        let kept = staged.place().map_err(ending)?;
        screen::print(&told(&found.directory, head.seq, kept, &words::instant(until)))
    }
}

/// Whoever names the folder of the copies most likely means the newest.
fn a_folder(folder: &Path) -> String {
    let newest = backups::names(folder).ok().and_then(|names| Some(folder.join(names.last()?)));
    let hint = newest.map_or_else(
        || "it has no copy of the daemon's or of `log backup` in it".to_owned(),
        |newest| format!("the newest copy in it is {}", newest.display()),
    );
    format!("{} is a folder, and one file is restored: {hint}", folder.display())
}

fn told(directory: &Path, seq: Seq, kept: Option<PathBuf>, until: &str) -> String {
    let kept = kept.map_or_else(String::new, |path| {
        format!("\nThe journal that was there is kept as {}.", path.display())
    });
    format!(
        "restored {seq} events to {}.\nDeletions are frozen until {until} UTC: run the daemon, read status, and \
         end it with `thaw`.{kept}",
        directory.display()
    )
}

fn ending(error: RestoreError) -> Ending {
    match error {
        RestoreError::Locked { .. } => Ending::Busy(Box::new(error)),
        RestoreError::Backup(_)
        | RestoreError::Newer { .. }
        | RestoreError::Same { .. }
        | RestoreError::OtherHistory { .. }
        | RestoreError::Unreadable { .. }
        | RestoreError::LeftOver { .. }
        | RestoreError::Copy(_)
        | RestoreError::Open(_)
        | RestoreError::Failed { .. } => Ending::failed(error),
    }
}
