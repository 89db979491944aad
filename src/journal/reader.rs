//! Reading the journal beside its writer, or without one.
//!
//! It never changes the file, never takes the lock, and never reads past what could be incomplete.

use std::fmt::Write;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::Access;
use rustix::io::Errno;

use crate::journal::checkpoint::{self, Checkpoint};
use crate::journal::entry::{Head, Key, Row, Seq};
use crate::journal::fault::{Cause, Fault, Finding, shows_damage};
use crate::journal::schema::{self, Owner, Stranger};
use crate::journal::{FILE, lock, meta, owner, rows, settings};

#[derive(Debug)]
pub struct Reader {
    pub(super) connection: Connection,
    simulated: bool,
    /// Set where we read without the writer's shared files, which is right only while nobody writes.
    alone: Option<Untouched>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("there is no journal at {}{}", path.display(), lack.words(path))]
    Missing { path: PathBuf, lack: Lack },
    #[error("{} is not a Quartermaster journal but {found}{}", path.display(), schema::WHAT_TO_DO)]
    Foreign { path: PathBuf, found: Stranger },
    #[error(
        "{} was written by a newer Quartermaster (format {found}; this one knows up to {newest}){}",
        path.display(),
        schema::NEWER
    )]
    Newer { path: PathBuf, found: u32, newest: u32 },
    #[error(
        "{} has the older format {found}; `run`, with this Quartermaster, brings it to {newest}",
        path.display()
    )]
    Older { path: PathBuf, found: u32, newest: u32 },
    #[error(
        "{} is not open to this user: do this as root or as the daemon's user",
        path.display()
    )]
    Closed { path: PathBuf, source: Cause },
    #[error(
        "{} cannot be read completely as this user while the daemon runs or after it crashed: \
         ask the daemon, or run this as the daemon's user",
        path.display()
    )]
    NoRights { path: PathBuf, source: Cause },
    #[error("the journal {} is damaged", path.display())]
    Damaged { path: PathBuf, source: Finding },
    #[error("{tried} ({})", path.display())]
    Failed { tried: &'static str, path: PathBuf, source: Cause },
}

/// What stands where the journal should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    Nothing,
    /// A file without anything in it.
    Empty,
    /// A file in the place of its folder.
    NoFolder,
}

impl Lack {
    /// Of a file without anything in it: what a start of ours did not finish is no journal that was lost.
    fn of_empty(path: &Path) -> Self {
        if owner::is_begun(path) { Self::Nothing } else { Self::Empty }
    }

    fn words(self, path: &Path) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Empty => {
                ", which is empty: `log restore` puts a backup in its place; only if there never was one, `run` begins one"
                    .to_owned()
            }
            Self::NoFolder => {
                let folder = path.parent().unwrap_or(path).display();
                format!(": {folder} is a file, and a data_dir is the folder that holds journal.db")
            }
        }
    }
}

impl Reader {
    pub fn open(directory: &Path) -> Result<Self, ReadError> {
        Self::open_file(&directory.join(FILE))
    }

    /// A journal of another name, such as a backup.
    pub fn open_file(path: &Path) -> Result<Self, ReadError> {
        let path = path.to_owned();
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ReadError::Missing { path, lack: Lack::Nothing });
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(ReadError::Missing { path, lack: Lack::NoFolder });
            }
            Ok(file) if file.len() == 0 && !has_log_ahead(&path) => {
                let lack = Lack::of_empty(&path);
                return Err(ReadError::Missing { path, lack });
            }
            // Opening it would tell, too; closing it again would let go of what a writer in this process holds.
            Ok(_) if rustix::fs::access(&path, Access::READ_OK) == Err(Errno::ACCESS) => {
                let source = Cause::new(io::Error::from(Errno::ACCESS));
                return Err(ReadError::Closed { path, source });
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(ReadError::Closed { path, source: Cause::new(error) });
            }
            Ok(_) | Err(_) => {}
        }
        match connect(&path, Sharing::WithWriter) {
            Ok((connection, owner)) => Self::admit(&path, connection, owner, None),
            Err(error) if lacks_rights(&error) => Self::open_alone(&path, error),
            Err(error) => Err(ReadError::unopened(&path, error)),
        }
    }

    fn open_alone(path: &Path, error: rusqlite::Error) -> Result<Self, ReadError> {
        let no_rights = |source: Cause| ReadError::NoRights { path: path.to_owned(), source };
        if has_log_ahead(path) || lock::is_held(&path.with_file_name(lock::NAME)) != Some(false) {
            return Err(no_rights(error.into()));
        }
        let untouched = Untouched::since_now(path).map_err(|error| no_rights(Cause::new(error)))?;
        let (connection, owner) =
            connect(path, Sharing::Alone).map_err(|error| ReadError::unopened(path, error))?;
        Self::admit(path, connection, owner, Some(untouched))
    }

    fn admit(
        path: &Path,
        connection: Connection,
        owner: Owner,
        alone: Option<Untouched>,
    ) -> Result<Self, ReadError> {
        let path_owned = path.to_owned();
        match owner {
            Owner::Us { version: schema::NEWEST } => {}
            Owner::Us { version: found } if found > schema::NEWEST => {
                return Err(ReadError::Newer { path: path_owned, found, newest: schema::NEWEST });
            }
            Owner::Us { version: found } => {
                return Err(ReadError::Older { path: path_owned, found, newest: schema::NEWEST });
            }
            Owner::Nobody => {
                return Err(ReadError::Missing { path: path_owned, lack: Lack::of_empty(path) });
            }
            Owner::Other(found) => return Err(ReadError::Foreign { path: path_owned, found }),
        }
        settings::prepare_reader(&connection).map_err(|source| ReadError::Failed {
            tried: "set up a reader of the journal",
            path: path_owned,
            source,
        })?;
        let simulated =
            meta::read(&connection).map_err(|fault| ReadError::from_fault(path, fault))?.simulated;
        Ok(Self { connection, simulated, alone })
    }

    /// The events come from a simulated cloud; whoever shows them says so.
    pub fn is_simulated(&self) -> bool {
        self.simulated
    }

    pub fn head(&self) -> Result<Head, Fault> {
        let head = rows::head(&self.connection);
        self.unless_touched(head)
    }

    /// Up to `limit` rows after `after`, in order. Each call sees what is committed by then.
    pub fn read(&self, after: Seq, limit: usize) -> Result<Vec<Row>, Fault> {
        let rows = rows::read(&self.connection, after, limit);
        self.unless_touched(rows)
    }

    pub fn by_key(&self, key: &Key) -> Result<Option<Row>, Fault> {
        let row = rows::by_key(&self.connection, key);
        self.unless_touched(row)
    }

    /// The saved state, if the same code folded it.
    pub fn load_checkpoint(&self, fold_id: &str) -> Result<Option<Checkpoint>, Fault> {
        let checkpoint = checkpoint::load_folded_by(&self.connection, fold_id);
        self.unless_touched(checkpoint)
    }

    /// What was read, unless a writer came while we read as if there were none.
    pub(super) fn unless_touched<T>(&self, answer: Result<T, Fault>) -> Result<T, Fault> {
        match &self.alone {
            Some(untouched) if !untouched.still() => Err(Fault::Failed {
                tried: "read the journal while nobody writes to it",
                source: Cause::new("the daemon has started meanwhile; run this again"),
            }),
            Some(_) | None => answer,
        }
    }
}

impl ReadError {
    /// What stands in the journal's place is at fault, or nothing stands there; else it could not be judged.
    pub fn is_finding(&self) -> bool {
        match self {
            Self::Missing { .. } | Self::Foreign { .. } | Self::Damaged { .. } => true,
            Self::Newer { .. }
            | Self::Older { .. }
            | Self::Closed { .. }
            | Self::NoRights { .. }
            | Self::Failed { .. } => false,
        }
    }

    pub fn from_fault(path: &Path, fault: Fault) -> Self {
        let path = path.to_owned();
        match fault {
            Fault::Failed { tried, source } => Self::Failed { tried, path, source },
            Fault::Damaged(source) => Self::Damaged { path, source },
        }
    }

    fn unopened(path: &Path, error: rusqlite::Error) -> Self {
        match shows_damage(&error) {
            true => Self::from_fault(path, Finding::new("the header", Cause::from(error)).into()),
            false => Self::Failed {
                tried: "open the journal for reading",
                path: path.to_owned(),
                source: error.into(),
            },
        }
    }
}

#[derive(Clone, Copy)]
enum Sharing {
    WithWriter,
    /// Reads the file as it lies, without the write-ahead log and the files shared with a writer.
    Alone,
}

fn connect(path: &Path, sharing: Sharing) -> Result<(Connection, Owner), rusqlite::Error> {
    let mode = match sharing {
        Sharing::WithWriter => "mode=ro",
        Sharing::Alone => "mode=ro&immutable=1",
    };
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte))
            }
            _ => {
                let _infallible = write!(uri, "%{byte:02x}");
            }
        }
    }
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("{uri}?{mode}"), flags)?;
    let owner = schema::owner(&connection)?;
    Ok((connection, owner))
}

/// The file is there, but something beside it that a shared reader needs is not ours to open or make.
fn lacks_rights(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    )
}

/// Whether committed rows may lie outside the file itself; what cannot be found out counts as yes.
pub(super) fn has_log_ahead(path: &Path) -> bool {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-wal");
    match fs::metadata(beside) {
        Ok(file) => file.len() > 0,
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// The file as it was when we began: a writer that comes later changes one of these.
#[derive(Debug)]
struct Untouched {
    path: PathBuf,
    bytes: u64,
    modified: SystemTime,
}

impl Untouched {
    fn since_now(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), bytes: file.len(), modified: file.modified()? })
    }

    fn still(&self) -> bool {
        !has_log_ahead(&self.path)
            && Self::since_now(&self.path)
                .is_ok_and(|now| now.bytes == self.bytes && now.modified == self.modified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::journal::open::Durability;

    fn denied() -> rusqlite::Error {
        let code = rusqlite::ffi::SQLITE_CANTOPEN;
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    fn alone(directory: &Path) -> Result<Reader, ReadError> {
        Reader::open_alone(&directory.join(FILE), denied())
    }

    #[test]
    fn the_file_is_read_as_it_lies_only_while_nobody_writes() {
        // A name that would mean something else in an address.
        let directory = tempfile::Builder::new().prefix("a?b#c%20 ü").tempdir().unwrap();
        let directory = directory.path();
        let open = || Journal::open(directory, Durability::Full).unwrap().0;
        open().close().unwrap();

        let reader = alone(directory).unwrap();
        assert_eq!(reader.head().unwrap(), Head::START);
        let journal = open();
        assert!(matches!(reader.head(), Err(Fault::Failed { .. })));
        assert!(matches!(alone(directory), Err(ReadError::NoRights { .. })));
        journal.close().unwrap();
        assert!(matches!(reader.head(), Err(Fault::Failed { .. })));
        assert!(alone(directory).unwrap().head().is_ok());
    }

    #[test]
    fn what_lies_in_the_write_ahead_log_is_not_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        Journal::open(directory.path(), Durability::Full).unwrap().0.close().unwrap();
        fs::write(directory.path().join("journal.db-wal"), "committed rows").unwrap();
        assert!(matches!(alone(directory.path()), Err(ReadError::NoRights { .. })));
    }
}
