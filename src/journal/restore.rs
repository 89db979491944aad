//! Restoring: a verified copy takes the place of a journal that is lost, or of its own beginning.
//!
//! It never takes the place of events that the copy does not have. What it replaces is kept beside it.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::journal::copy::{self, CopyError};
use crate::journal::entry::{Head, Seq};
use crate::journal::fault::{Cause, Fault};
use crate::journal::lock::{self, Lock, LockError};
use crate::journal::open::{Durability, OpenError};
use crate::journal::reader::{ReadError, Reader, has_log_ahead};
use crate::journal::{FILE, Journal, owner, verify};

/// Where the copy becomes a journal, before it takes its place.
const STAGE: &str = "restore.partial";

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("read the backup")]
    Backup(#[source] ReadError),
    #[error("another process holds the journal in {}: stop it first", directory.display())]
    Locked { directory: PathBuf },
    #[error("the journal in {} ends at {there}, later than the backup, which ends at {backup}", directory.display())]
    Newer { directory: PathBuf, there: Head, backup: Head },
    #[error("the journal in {} ends where the backup does, at {there}: there is nothing to restore", directory.display())]
    Same { directory: PathBuf, there: Head },
    #[error("the journal in {} ends at {there}, which is not in the backup: it is of another history", directory.display())]
    OtherHistory { directory: PathBuf, there: Head },
    #[error(
        "the journal in {} cannot be compared with the backup: move journal.db and journal.db-wal away if \
         its events may be given up",
        directory.display()
    )]
    Unreadable { directory: PathBuf, source: ReadError },
    #[error("{} holds events of a journal that is gone: move it away", path.display())]
    LeftOver { path: PathBuf },
    #[error("copy the backup")]
    Copy(#[source] CopyError),
    #[error("open the journal")]
    Open(#[source] OpenError),
    #[error("{tried} {}", path.display())]
    Failed { tried: &'static str, path: PathBuf, source: Cause },
}

/// A restored journal before it takes its place: open, so that what must be said first can be appended.
#[derive(Debug)]
pub struct Staged {
    pub journal: Journal,
    directory: PathBuf,
    /// Where the journal that is there now ends.
    replaces: Option<Head>,
}

/// Judges the backup `file` and whether it may take its place in `directory`, and copies it there.
pub fn stage(file: &Path, directory: &Path) -> Result<Staged, RestoreError> {
    let report = verify::verify_file(file).map_err(RestoreError::Backup)?;
    let backup = Reader::open_file(file).map_err(RestoreError::Backup)?;
    make_folder(directory)?;
    drop(hold(directory)?);
    let replaces = compare(&backup, report.head, directory)?;
    let stage = directory.join(STAGE);
    clear(&stage)?;
    make_folder(&stage)?;
    copy::copy(&backup, &stage.join(FILE)).map_err(RestoreError::Copy)?;
    let durability = durability(report.simulated);
    let (journal, _) = Journal::open(&stage, durability).map_err(RestoreError::Open)?;
    Ok(Staged { journal, directory: directory.to_owned(), replaces })
}

impl Staged {
    /// Gives the journal its place; gives the path at which the one before it is kept.
    pub fn place(self) -> Result<Option<PathBuf>, RestoreError> {
        let Self { journal, directory, replaces } = self;
        let (stage, path) = (directory.join(STAGE), directory.join(FILE));
        let durability = durability(journal.is_simulated());
        journal.close().map_err(|fault| unclosed(&stage, fault))?;
        if has_log_ahead(&stage.join(FILE)) {
            return Err(RestoreError::LeftOver { path: stage });
        }
        if replaces.is_some() {
            // Brings what is in its write-ahead log into the file, which then can be kept by itself.
            let open = || Journal::open(&directory, durability);
            let opened = lock::patiently(open, |error| matches!(error, OpenError::Locked { .. }));
            let (old, _) = opened.map_err(RestoreError::Open)?;
            old.close().map_err(|fault| unclosed(&directory, fault))?;
        }
        let _lock = hold(&directory)?;
        let kept = match replaces {
            Some(head) => Some(set_aside(&directory, head)?),
            None => None,
        };
        if has_log_ahead(&path) {
            return Err(RestoreError::LeftOver { path });
        }
        let staged = stage.join(FILE);
        fs::File::open(&staged)
            .and_then(|file| owner::give(&file, &directory))
            .map_err(|error| failure("give to the owner of its folder", &staged, error))?;
        fs::rename(&staged, &path).map_err(|error| failure("put the journal at", &path, error))?;
        copy::sync_folder_of(&path)
            .map_err(|error| failure("bring to the disk the name of", &path, error))?;
        clear(&stage)?;
        Ok(kept)
    }
}

/// Nobody may have written to it since it was compared.
fn set_aside(directory: &Path, head: Head) -> Result<PathBuf, RestoreError> {
    let path = directory.join(FILE);
    let unreadable = |source| RestoreError::Unreadable { directory: directory.to_owned(), source };
    let now = Reader::open(directory).map_err(unreadable)?;
    let now = now.head().map_err(|fault| unreadable(ReadError::from_fault(&path, fault)))?;
    if now != head || has_log_ahead(&path) {
        return Err(RestoreError::Locked { directory: directory.to_owned() });
    }
    let kept = directory.join(format!("{FILE}.before-restore-{}", head.seq));
    fs::rename(&path, &kept).map_err(|error| failure("set aside", &path, error))?;
    Ok(kept)
}

/// Where the journal in `directory` ends, if the backup has all of it.
fn compare(backup: &Reader, end: Head, directory: &Path) -> Result<Option<Head>, RestoreError> {
    let owned = || directory.to_owned();
    let path = directory.join(FILE);
    let there = match Reader::open(directory) {
        Ok(reader) => reader.head().map_err(|fault| ReadError::from_fault(&path, fault)),
        Err(ReadError::Missing { .. }) if has_log_ahead(&path) => {
            return Err(RestoreError::LeftOver { path: directory.join(format!("{FILE}-wal")) });
        }
        Err(ReadError::Missing { .. }) => return Ok(None),
        Err(error) => Err(error),
    };
    let there = there.map_err(|source| RestoreError::Unreadable { directory: owned(), source })?;
    if there == end {
        return Err(RestoreError::Same { directory: owned(), there });
    }
    if there.seq > end.seq {
        return Err(RestoreError::Newer { directory: owned(), there, backup: end });
    }
    if there.seq > Seq::START {
        let same = backup
            .read(Seq(there.seq.0 - 1), 1)
            .map_err(|fault| RestoreError::Backup(ReadError::from_fault(&path, fault)))?;
        if same.first().is_none_or(|row| row.head() != there) {
            return Err(RestoreError::OtherHistory { directory: owned(), there });
        }
    }
    Ok(Some(there))
}

fn durability(simulated: bool) -> Durability {
    if simulated { Durability::SimulatedFull } else { Durability::Full }
}

fn hold(directory: &Path) -> Result<Lock, RestoreError> {
    let path = directory.join(lock::NAME);
    let taken = lock::patiently(|| lock::take(&path), |error| matches!(error, LockError::Held));
    taken.map_err(|error| match error {
        LockError::Held => RestoreError::Locked { directory: directory.to_owned() },
        LockError::Failed(error) => failure("take the lock file", &path, error),
    })
}

fn make_folder(path: &Path) -> Result<(), RestoreError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| failure("make the folder", path, error))
}

fn clear(stage: &Path) -> Result<(), RestoreError> {
    match fs::remove_dir_all(stage) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failure("remove", stage, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn unclosed(path: &Path, fault: Fault) -> RestoreError {
    RestoreError::Failed { tried: "close the journal in", path: path.to_owned(), source: Cause::new(fault) }
}

fn failure(tried: &'static str, path: &Path, error: io::Error) -> RestoreError {
    RestoreError::Failed { tried, path: path.to_owned(), source: Cause::new(error) }
}
