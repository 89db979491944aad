//! Opening the journal to write: the gate that every start passes.
//!
//! Nothing is changed in a file before we know that it is ours, and nothing is appended to a log whose
//! end does not follow from its last checkpoint.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use crate::journal::chain;
use crate::journal::checkpoint::{self, Checkpoint};
use crate::journal::entry::{Head, Seq};
use crate::journal::fault::{Cause, Fault, Finding};
use crate::journal::lock::{self, Lock, LockError};
use crate::journal::schema::{self, Owner, Stranger};
use crate::journal::{FILE, Journal, guard, meta, owner, rows, settings};

/// What a commit waits for, and whose events it keeps. The latter is fixed when the file is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Events of the real world: each commit waits for the disk.
    Full,
    /// Events of a simulated cloud: commits survive our own end, not a power cut.
    Simulated,
    /// Events of a simulated cloud, kept as if they were real.
    SimulatedFull,
}

impl Durability {
    fn simulated(self) -> bool {
        match self {
            Self::Full => false,
            Self::Simulated | Self::SimulatedFull => true,
        }
    }

    fn waits_for_disk(self) -> bool {
        match self {
            Self::Simulated => false,
            Self::Full | Self::SimulatedFull => true,
        }
    }
}

/// What the gate saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    pub head: Head,
    pub last_stop: LastStop,
    /// A new journal was begun in a file that was there already, with nothing in it, and not by us.
    pub was_empty: bool,
    /// How many rows at the end of the log were hashed again.
    pub verified_rows: u64,
    /// The checkpoint cannot be used; the chain was verified from its first row instead.
    pub damaged_checkpoint: Option<Finding>,
}

/// How the writer before us ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastStop {
    /// There was none: the journal is new.
    Never,
    Clean,
    Unclean,
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("another process holds {}: one journal has one writer", path.display())]
    Locked { path: PathBuf },
    #[error("{} is not a Quartermaster journal but {found}{}", path.display(), schema::WHAT_TO_DO)]
    Foreign { path: PathBuf, found: Stranger },
    #[error("{} was written by a newer Quartermaster (format {found}; this one knows up to {newest}){}", path.display(), schema::NEWER)]
    Newer { path: PathBuf, found: u32, newest: u32 },
    #[error("{} holds the events of a simulated cloud and cannot be used for a real one", path.display())]
    Simulated { path: PathBuf },
    #[error("{} holds the events of a real cloud and cannot be used for a simulated one", path.display())]
    Real { path: PathBuf },
    #[error("the journal {} is damaged", path.display())]
    Damaged { path: PathBuf, source: Finding },
    /// It works once somebody gives us the right.
    #[error(
        "{} may not be made or written by this user: do this as the daemon's user, or give that user the \
         folder and all in it (chown -R, mode 0700)",
        path.display()
    )]
    Closed { path: PathBuf, source: Cause },
    /// It may work another time: no room, a disk that answers badly.
    #[error("{tried} ({})", path.display())]
    Failed { tried: &'static str, path: PathBuf, source: Cause },
}

impl Journal {
    /// Opens the journal in `directory`, or makes it. The directory must be there.
    pub fn open(directory: &Path, durability: Durability) -> Result<(Self, Opened), OpenError> {
        let path = directory.join(FILE);
        let refused = |fault| refusal(&path, fault);
        let failed = |source: Cause| refused(Fault::Failed { tried: "set up the journal", source });
        settings::check_library().map_err(failed)?;
        let lock = hold(&directory.join(lock::NAME))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let beginning =
            owner::beginning(&path).map_err(|error| unmade("set up the journal", &path, error))?;
        let (_, was_there) =
            owner::open_or_make(&path).map_err(|error| unmade("set up the journal", &path, error))?;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(|e| failed(e.into()))?;
        settings::prepare(&connection).map_err(failed)?;
        let version = admit(&connection, &path, durability)?;
        if was_there && version == 0 {
            // Who owns it can read it whatever its mode; where that is another, it stays as it is.
            drop(std::fs::set_permissions(&path, Permissions::from_mode(owner::PRIVATE)));
        }
        settings::prepare_writer(&connection, durability.waits_for_disk()).map_err(failed)?;
        if version < schema::NEWEST {
            schema::migrate(&connection, version, durability.simulated())
                .map_err(|error| refused(Fault::classify("migrate the journal", FILE, error)))?;
        }
        // What a start of ours left behind before it came so far is nobody's journal.
        let was_empty = was_there && version == 0 && beginning.is_none();
        if let Some(mark) = beginning {
            // Where that fails, the next start tries again.
            drop(std::fs::remove_file(mark));
        }
        let opened = examine(&connection, version == 0, durability).map_err(refused)?;
        let opened = Opened { was_empty, ..opened };
        meta::mark_clean(&connection, false)
            .map_err(|error| refused(Fault::classify("mark the journal as in use", "meta", error)))?;
        guard::install(&mut connection).map_err(failed)?;
        let simulated = durability.simulated();
        let journal = Self { connection, head: opened.head, simulated, poisoned: false, _lock: lock };
        Ok((journal, opened))
    }
}

fn refusal(path: &Path, fault: Fault) -> OpenError {
    let path = path.to_owned();
    match fault {
        Fault::Failed { tried, source } => OpenError::Failed { tried, path, source },
        Fault::Damaged(source) => OpenError::Damaged { path, source },
    }
}

fn hold(path: &Path) -> Result<Lock, OpenError> {
    let path = path.to_owned();
    lock::take(&path).map_err(|error| match error {
        LockError::Held => OpenError::Locked { path },
        LockError::Failed(error) => unmade("take the lock file", &path, error),
    })
}

fn unmade(tried: &'static str, path: &Path, error: io::Error) -> OpenError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::PermissionDenied => OpenError::Closed { path, source: Cause::new(error) },
        _ => OpenError::Failed { tried, path, source: Cause::new(error) },
    }
}

/// Whether the file is one that we may write to; gives its version, 0 if it is empty.
fn admit(connection: &Connection, path: &Path, durability: Durability) -> Result<u32, OpenError> {
    let owned = |path: &Path| path.to_owned();
    let found = schema::owner(connection)
        .map_err(|error| refusal(path, Fault::classify("read the journal's header", "the header", error)))?;
    let version = match found {
        Owner::Nobody => return Ok(0),
        Owner::Other(found) => return Err(OpenError::Foreign { path: owned(path), found }),
        Owner::Us { version } => version,
    };
    if version > schema::NEWEST {
        return Err(OpenError::Newer { path: owned(path), found: version, newest: schema::NEWEST });
    }
    let stored = meta::read(connection).map_err(|fault| refusal(path, fault))?;
    match (stored.simulated, durability.simulated()) {
        (true, false) => Err(OpenError::Simulated { path: owned(path) }),
        (false, true) => Err(OpenError::Real { path: owned(path) }),
        (true, true) | (false, false) => Ok(version),
    }
}

/// Everything that is checked before the first append; changes nothing.
fn examine(connection: &Connection, new: bool, durability: Durability) -> Result<Opened, Fault> {
    let last_stop = match (new, meta::read(connection)?.clean) {
        (true, _) => LastStop::Never,
        (false, true) => LastStop::Clean,
        (false, false) => LastStop::Unclean,
    };
    // A crash in simulation ends a future and tears no page. To read the whole file at each of hundreds of
    // such starts would make long rehearsals quadratic.
    if last_stop == LastStop::Unclean && durability.waits_for_disk() {
        check_pages(connection, "PRAGMA quick_check(1)")?;
    }
    schema::inspect(connection)?;
    let (checkpoint, damaged_checkpoint) = match checkpoint::load(connection) {
        Ok(found) => (found, None),
        Err(Fault::Damaged(finding)) => (None, Some(finding)),
        Err(fault) => return Err(fault),
    };
    let (head, verified_rows) = verify_tail(connection, checkpoint.as_ref())?;
    Ok(Opened { head, last_stop, was_empty: false, verified_rows, damaged_checkpoint })
}

/// Lets SQLite check its own structures, with one of its two pragmas for that.
pub(super) fn check_pages(connection: &Connection, pragma: &str) -> Result<(), Fault> {
    let failed = |error| Fault::classify("check the pages of the journal", FILE, error);
    let answer: String = connection.query_row(pragma, (), |row| row.get(0)).map_err(failed)?;
    if answer == "ok" { Ok(()) } else { Err(Finding::new(FILE, answer).into()) }
}

/// Hashes the rows after the checkpoint again, or all of them; gives the head and their number.
fn verify_tail(connection: &Connection, checkpoint: Option<&Checkpoint>) -> Result<(Head, u64), Fault> {
    let start = checkpoint.map_or(Head::START, |checkpoint| checkpoint.head);
    if start.seq > Seq::START {
        checkpoint_stands(connection, &start)?;
    }
    let after = if start.seq > Seq::START { rows::place(start.seq) } else { rows::BEFORE_ALL };
    let mut head = start;
    rows::walk(connection, after, usize::MAX, |fields, seal| {
        head = chain::follow(&head, &fields, &seal)?;
        Ok::<(), Fault>(())
    })?;
    Ok((head, head.seq.0 - start.seq.0))
}

/// The row that the checkpoint stands on must be the row that was folded in last.
fn checkpoint_stands(connection: &Connection, head: &Head) -> Result<(), Fault> {
    let before = Seq(head.seq.0 - 1);
    match rows::read(connection, before, 1)?.first() {
        Some(row) if row.head() == *head => Ok(()),
        Some(row) => Err(Finding::new(
            format_args!("row {}: hash", head.seq),
            format_args!("the checkpoint stands on {head}, but the log has {}", row.head()),
        )
        .into()),
        None => Err(Finding::new(
            format_args!("row {}", head.seq),
            "the checkpoint stands on it, but the log ends before it",
        )
        .into()),
    }
}
