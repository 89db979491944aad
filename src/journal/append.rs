//! Appending: a batch is one transaction, on the head that its author knew.
//!
//! It never retries. Whoever asked learns exactly one of: stored, not stored, or not known.

use rusqlite::Connection;
use rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE;

use crate::domain::time::Timestamp;
use crate::journal::chain::{self, Fields};
use crate::journal::checkpoint::{self, Checkpoint};
use crate::journal::entry::{Entry, Head, Key, Row};
use crate::journal::fault::{Cause, Fault, shows_full_disk};
use crate::journal::{Journal, rows};
use crate::planted::{Bug, is_planted};

const INSERT: &str = "INSERT INTO log (seq, recorded_at, occurred_at, kind, version, subject, key, body, \
     body_hash, prev_hash, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// In all cases but `Ambiguous`, nothing was stored and the journal can be used further.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error("append to a log that ends at {head}: it was expected to end elsewhere")]
    Fenced { head: Head },
    /// The entry at `index` of the batch has the key of a row of the log or of an earlier entry.
    #[error("append a second {}event with the key {key}", if *same_content { "" } else { "and different " })]
    KeyTaken { key: Key, index: usize, same_content: bool },
    #[error("append to the journal: there is no room on the disk")]
    Full { source: Cause },
    #[error("append to the journal")]
    Failed { source: Cause },
    /// What was written may be there after the journal is opened again, or not. Until then every
    /// append answers this.
    #[error("append to the journal: whether it is stored is not known")]
    Ambiguous { source: Cause },
}

impl Journal {
    /// Stores all of `batch` after `expected`, or nothing, and gives the rows that it became.
    ///
    /// It never waits for anything but the disk; it is async for an engine that would.
    pub async fn append(
        &mut self,
        expected: &Head,
        recorded_at: Timestamp,
        batch: Vec<Entry>,
    ) -> Result<Vec<Row>, AppendError> {
        let rows = self.transact(expected, |connection| insert(connection, expected, recorded_at, batch))?;
        if let Some(last) = rows.last() {
            self.head = last.head();
        }
        Ok(rows)
    }

    /// Replaces the saved state by the state at the present head.
    pub fn save_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), AppendError> {
        self.transact(&checkpoint.head, |connection| {
            checkpoint::save(connection, checkpoint).map_err(not_written)
        })
    }

    /// Does `work` in one transaction that begins at the head `expected`.
    fn transact<T>(
        &mut self,
        expected: &Head,
        work: impl FnOnce(&Connection) -> Result<T, AppendError>,
    ) -> Result<T, AppendError> {
        if self.poisoned {
            let source = Cause::new("an earlier commit failed, and the journal was not opened since");
            return Err(AppendError::Ambiguous { source });
        }
        if is_planted(Bug::AnswerBeforeCommit) && !self.connection.is_autocommit() {
            self.run("COMMIT").map_err(not_written)?;
        }
        self.run("BEGIN IMMEDIATE").map_err(not_written)?;
        let done = self.check_head(expected).and_then(|()| work(&self.connection)).and_then(|done| {
            // Writes all but the commit itself, so that a full disk shows while it is not ambiguous.
            self.connection.cache_flush().map_err(not_written)?;
            Ok(done)
        });
        match done {
            Ok(done) if is_planted(Bug::AnswerBeforeCommit) => Ok(done),
            Ok(done) => self.run("COMMIT").map(|()| done).map_err(|error| self.poison(error)),
            Err(refusal) => self.roll_back().map(|()| Err(refusal))?,
        }
    }

    fn check_head(&mut self, expected: &Head) -> Result<(), AppendError> {
        self.head = rows::head(&self.connection).map_err(|fault| AppendError::Failed {
            source: match fault {
                Fault::Failed { source, .. } => source,
                Fault::Damaged(finding) => Cause::new(finding),
            },
        })?;
        if self.head == *expected { Ok(()) } else { Err(AppendError::Fenced { head: self.head }) }
    }

    fn roll_back(&mut self) -> Result<(), AppendError> {
        // Some errors end the transaction by themselves.
        if self.connection.is_autocommit() {
            return Ok(());
        }
        self.run("ROLLBACK").map_err(|error| self.poison(error))
    }

    fn poison(&mut self, error: rusqlite::Error) -> AppendError {
        self.poisoned = true;
        AppendError::Ambiguous { source: error.into() }
    }

    fn run(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.connection.prepare_cached(sql)?.execute(()).map(drop)
    }
}

fn insert(
    connection: &Connection,
    after: &Head,
    recorded_at: Timestamp,
    batch: Vec<Entry>,
) -> Result<Vec<Row>, AppendError> {
    let mut statement = connection.prepare_cached(INSERT).map_err(not_written)?;
    let mut head = *after;
    let mut stored = Vec::with_capacity(batch.len());
    for (index, entry) in batch.into_iter().enumerate() {
        let seq = head.seq.next();
        let seal = chain::seal(&Fields::of(seq, recorded_at, &entry), head.hash);
        let answer = statement.execute((
            rows::place(seq),
            recorded_at.micros(),
            entry.occurred_at.map(Timestamp::micros),
            &entry.kind,
            entry.version,
            &entry.subject,
            entry.key.as_ref().map(|key| key.0.as_slice()),
            &entry.body,
            seal.body_hash.0.as_slice(),
            seal.prev_hash.0.as_slice(),
            seal.hash.0.as_slice(),
        ));
        if let Err(error) = answer {
            return Err(key_taken(connection, index, &entry, &error).unwrap_or_else(|| not_written(error)));
        }
        let chain::Seal { body_hash, prev_hash, hash } = seal;
        stored.push(Row { seq, recorded_at, entry, body_hash, prev_hash, hash });
        head = Head { seq, hash };
    }
    Ok(stored)
}

/// Whether the unique key stood in the way, and whose it is.
fn key_taken(
    connection: &Connection,
    index: usize,
    entry: &Entry,
    error: &rusqlite::Error,
) -> Option<AppendError> {
    if error.sqlite_error()?.extended_code != SQLITE_CONSTRAINT_UNIQUE {
        return None;
    }
    let key = entry.key?;
    let holder = rows::by_key(connection, &key).ok()??;
    Some(AppendError::KeyTaken { key, index, same_content: holder.entry == *entry })
}

fn not_written(error: rusqlite::Error) -> AppendError {
    match shows_full_disk(&error) {
        true => AppendError::Full { source: error.into() },
        false => AppendError::Failed { source: error.into() },
    }
}
