//! What the journal promises, shown on real files; each example is named by its promise.
//!
//! Damage is done through a second, raw connection, as no code of ours could do it.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::domain::time::Timestamp;
use crate::journal::append::AppendError;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::entry::{Entry, Key, Row};
use crate::journal::fault::Finding;
use crate::journal::open::{Durability, OpenError, Opened};
use crate::journal::reader::ReadError;
use crate::journal::verify::verify;
use crate::journal::{FILE, Journal};

mod appending;
mod opening;
mod checkpoints;
mod rewriting;
mod damage;
mod reading;

fn entry(number: u64) -> Entry {
    let key = (number % 2 == 1).then(|| Key(u128::from(number).to_be_bytes()));
    Entry {
        kind: "looked".to_owned(),
        version: 1,
        subject: format!("machine-{number}"),
        key,
        occurred_at: key.map(|_| Timestamp::from_seconds(1_772_330_400)),
        body: format!(r#"{{"number":{number}}}"#),
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_772_330_400_123_456)
}

/// The journal never waits, so one poll is enough.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the journal waited"),
    }
}

fn append(journal: &mut Journal, batch: Vec<Entry>) -> Result<Vec<Row>, AppendError> {
    let head = journal.head();
    at_once(journal.append(&head, now(), batch))
}

fn open(directory: &TempDir) -> (Journal, Opened) {
    Journal::open(directory.path(), Durability::Full).unwrap()
}

fn refused(directory: &TempDir, durability: Durability) -> OpenError {
    Journal::open(directory.path(), durability).unwrap_err()
}

/// A directory with a closed journal of `rows` rows.
fn closed(rows: u64) -> TempDir {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = open(&directory);
    append(&mut journal, (1..=rows).map(entry).collect()).unwrap();
    journal.close().unwrap();
    directory
}

fn raw(directory: &Path) -> Connection {
    Connection::open(directory.join(FILE)).unwrap()
}

/// A raw connection to a journal whose log nothing protects any more.
fn unprotected(directory: &TempDir) -> Connection {
    let connection = raw(directory.path());
    connection.execute_batch("DROP TRIGGER log_refuses_update; DROP TRIGGER log_refuses_delete").unwrap();
    connection
}

fn finding(directory: &TempDir) -> Finding {
    match verify(directory.path()).unwrap_err() {
        ReadError::Damaged { source, .. } => source,
        other => panic!("{other}"),
    }
}

fn save(journal: &mut Journal, bytes: &[u8]) -> Checkpoint {
    let (head, fold_id) = (journal.head(), "fold 1".to_owned());
    let checkpoint = Checkpoint { head, fold_id, bytes: bytes.to_vec() };
    journal.save_checkpoint(&checkpoint).unwrap();
    checkpoint
}

/// Takes the guard off a writer.
const NO_GUARD: Option<fn(rusqlite::hooks::AuthContext<'_>) -> rusqlite::hooks::Authorization> = None;
