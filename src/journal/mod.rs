//! The journal: the one store of events, append-only, each row chained to the one before.
//!
//! Whoever appends names the head it knows, so two writers cannot both succeed. Nothing outside this
//! folder knows which database holds it, and nothing in it knows what an event means.

use std::path::Path;

use rusqlite::Connection;

pub mod entry;
pub mod record;
pub mod fault;
pub mod open;
pub mod append;
pub mod checkpoint;
pub mod reader;
pub mod shown;
pub mod verify;
pub mod copy;
pub mod restore;
pub mod lock;
mod chain;
mod rows;
mod meta;
mod schema;
mod settings;
mod guard;
mod owner;

#[cfg(test)]
mod examples;

use crate::journal::checkpoint::Checkpoint;
use crate::journal::entry::{Head, Key, Row, Seq};
use crate::journal::fault::{Cause, Fault};
use crate::journal::lock::Lock;

/// The file's name in its directory.
pub const FILE: &str = "journal.db";

/// The version of the database's library; an error is why it must not be used.
pub fn library() -> Result<&'static str, Cause> {
    settings::check_library().map(|()| rusqlite::version())
}

/// The newest format that is known.
pub fn format() -> u32 {
    schema::NEWEST
}

/// Whether a process holds the journal in this directory, so that it alone may write. `None`: that cannot be
/// told, as where we may not read its lock.
pub fn is_held(directory: &Path) -> Option<bool> {
    lock::is_held(&directory.join(lock::NAME))
}

/// The journal, open for its only writer.
///
/// Dropping it without `close` is what a crash looks like: nothing is lost, and the next start checks more.
#[derive(Debug)]
pub struct Journal {
    connection: Connection,
    head: Head,
    simulated: bool,
    /// A commit failed: what is stored is unknown until the file is opened again.
    poisoned: bool,
    /// Let go of after the connection is closed.
    _lock: Lock,
}

impl Journal {
    /// Where the log ends, as far as it is committed.
    pub fn head(&self) -> Head {
        self.head
    }

    pub fn is_simulated(&self) -> bool {
        self.simulated
    }

    /// Up to `limit` rows after `after`, in order. Fewer than `limit` means that the log ends there.
    pub fn read(&self, after: Seq, limit: usize) -> Result<Vec<Row>, Fault> {
        rows::read(&self.connection, after, limit)
    }

    pub fn by_key(&self, key: &Key) -> Result<Option<Row>, Fault> {
        rows::by_key(&self.connection, key)
    }

    /// The saved state, if the same code folded it.
    pub fn load_checkpoint(&self, fold_id: &str) -> Result<Option<Checkpoint>, Fault> {
        checkpoint::load_folded_by(&self.connection, fold_id)
    }

    /// The saved state, whoever folded it.
    pub fn load_any_checkpoint(&self) -> Result<Option<Checkpoint>, Fault> {
        checkpoint::load(&self.connection)
    }

    /// Ends in good order: the next start need not check the whole file, and can read it without us.
    pub fn close(self) -> Result<(), Fault> {
        if self.poisoned {
            return Ok(());
        }
        let failed = |error| Fault::classify("close the journal", FILE, error);
        meta::mark_clean(&self.connection, true).map_err(failed)?;
        // A reader may hold the last pages back; they stay in the write-ahead log then.
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())).map_err(failed)?;
        self.connection.close().map_err(|(_, error)| failed(error))
    }
}
