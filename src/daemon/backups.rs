//! Backups of the journal itself: on a schedule, verified before they count, the oldest removed.
//!
//! A thread of its own reads beside the engine. What was done when is read from the folder alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::journal::JournalSetting;
use crate::domain::time::{Seconds, Timestamp};
use crate::journal::copy::{self, CopyError};
use crate::journal::entry::Seq;
use crate::journal::reader::{ReadError, Reader};

const START: &str = "journal-";
const ENDING: &str = ".db";
/// How often the folder is looked at, and the wait after a failure.
const GLANCE: Duration = Duration::from_secs(60);
const RETRY: Duration = Duration::from_secs(3_600);

/// A backup's name, whose order is that of time: `journal-20260301T020000Z-4711.db`.
pub fn name(at: Timestamp, head: Seq) -> String {
    format!("{START}{}-{head}{ENDING}", at.zoned().strftime("%Y%m%dT%H%M%SZ"))
}

fn time_of(name: &str) -> Option<Timestamp> {
    let (time, seq) = name.strip_prefix(START)?.strip_suffix(ENDING)?.split_once('-')?;
    let is_number = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok().filter(|_| is_number)?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().into())
}

/// Backs up for as long as the process lives, if the configuration names a folder.
pub fn start(directory: &Path, setting: &JournalSetting, clock: Clock) -> io::Result<()> {
    let Some(folder) = setting.backup_dir.clone() else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let shelf = Shelf {
        directory: directory.to_owned(),
        folder,
        every: setting.backup_every,
        keep: setting.backup_keep as usize,
    };
    let work = move || runtime.block_on(shelf.serve(clock));
    thread::Builder::new().name("backups".to_owned()).spawn(work).map(drop)
}

struct Shelf {
    /// Of the journal.
    directory: PathBuf,
    /// Of its backups.
    folder: PathBuf,
    every: Seconds,
    keep: usize,
}

#[derive(Debug, thiserror::Error)]
enum ShelfError {
    #[error("look through {}", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("read the journal")]
    Read(#[from] ReadError),
    #[error("back up the journal")]
    Copy(#[from] CopyError),
}

impl Shelf {
    async fn serve(&self, clock: Clock) {
        loop {
            let pause = match self.visit(clock.now()) {
                Ok(None) => GLANCE,
                Ok(Some(path)) => {
                    tracing::info!(path = %path.display(), "the journal was backed up, and the copy verified");
                    GLANCE
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "the journal was not backed up; trying again in an hour");
                    RETRY
                }
            };
            clock.sleep(pause).await;
        }
    }

    /// Makes a backup if one is due, and then removes those beyond the number to keep.
    fn visit(&self, now: Timestamp) -> Result<Option<PathBuf>, ShelfError> {
        let failed = |source| ShelfError::Folder { path: self.folder.clone(), source };
        fs::create_dir_all(&self.folder).map_err(failed)?;
        if !is_due(&self.names().map_err(failed)?, self.every, now) {
            return Ok(None);
        }
        let reader = Reader::open(&self.directory)?;
        let head = reader.head().map_err(|fault| ReadError::from_fault(&self.directory, fault))?;
        let path = self.folder.join(name(now, head.seq));
        copy::backup(&self.directory, &path)?;
        for old in surplus(&self.names().map_err(failed)?, &path, self.keep) {
            fs::remove_file(self.folder.join(old)).map_err(failed)?;
        }
        Ok(Some(path))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        names(&self.folder)
    }
}

/// Of the backups in a folder, the oldest first; other files are none of ours.
pub fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok().filter(|name| time_of(name).is_some()));
    }
    names.sort();
    Ok(names)
}

/// Whether no backup is young enough. One that is dated in the future tells nothing of the present.
fn is_due(names: &[String], every: Seconds, now: Timestamp) -> bool {
    let is_young = |at: Timestamp| at <= now && now.since(at) < every.duration();
    !names.iter().filter_map(|name| time_of(name)).any(is_young)
}

/// The oldest beyond `keep`, never the one that was just made.
fn surplus<'a>(names: &'a [String], made: &Path, keep: usize) -> &'a [String] {
    let made = made.file_name().unwrap_or_default();
    let surplus = &names[..names.len().saturating_sub(keep)];
    let end = surplus.iter().position(|name| name.as_str() == made).unwrap_or(surplus.len());
    &surplus[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::journal::open::Durability;

    fn at(hours: u64) -> Timestamp {
        Timestamp::from_seconds(1_772_330_400) + Seconds::hours(hours)
    }

    #[test]
    fn a_backup_is_made_when_one_is_due_and_the_oldest_beyond_the_number_goes() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("data");
        fs::create_dir(&directory).unwrap();
        let (journal, _) = Journal::open(&directory, Durability::Full).unwrap();
        let folder = folder.path().join("backups");
        let shelf = Shelf { directory, folder: folder.clone(), every: Seconds::hours(6), keep: 2 };
        assert!(shelf.visit(at(0)).unwrap().is_some());
        fs::write(folder.join("journal-of-mine.db"), "not a backup").unwrap();
        for (hours, made) in [(5, false), (6, true), (7, false), (13, true), (1, true), (14, false)] {
            assert_eq!(shelf.visit(at(hours)).unwrap().is_some(), made, "hour {hours}");
        }
        // At hour 1 the clock had gone back: it was made though it is the oldest, and nothing newer went.
        let expected = [1, 6, 13].map(|hours| name(at(hours), Seq(0)));
        assert_eq!(shelf.names().unwrap(), expected);
        assert!(folder.join("journal-of-mine.db").exists());
        journal.close().unwrap();
    }

    #[test]
    fn a_damaged_journal_makes_no_backup_and_removes_none() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().to_owned();
        let backups = directory.join("backups");
        Journal::open(&directory, Durability::Full).unwrap().0.close().unwrap();
        let shelf = Shelf { directory, folder: backups, every: Seconds::hours(6), keep: 1 };
        shelf.visit(at(0)).unwrap();
        let path = folder.path().join("journal.db");
        let mut bytes = fs::read(&path).unwrap();
        let sql = b"the log is append-only".as_slice();
        let place = bytes.windows(sql.len()).position(|part| part == sql).unwrap();
        bytes[place] = b'T';
        fs::write(&path, bytes).unwrap();
        assert!(matches!(shelf.visit(at(9)), Err(ShelfError::Copy(CopyError::Bad(_)))));
        assert_eq!(fs::read_dir(folder.path().join("backups")).unwrap().count(), 1);
    }
}
