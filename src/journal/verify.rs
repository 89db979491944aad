//! Verification: the whole journal, every row and every page, read and hashed again.
//!
//! It changes nothing and stops at the first thing that is wrong. It cannot see that the end of the log
//! was cut off; only a head that was noted elsewhere can show that.

use std::path::Path;

use crate::journal::chain;
use crate::journal::checkpoint::{self, Checkpoint};
use crate::journal::entry::{Head, Seq};
use crate::journal::fault::{Fault, Finding};
use crate::journal::open::check_pages;
use crate::journal::reader::{ReadError, Reader};
use crate::journal::{FILE, rows, schema};

/// Rows in one read, so that the writer beside us can tidy its write-ahead log in between.
const ROWS_AT_ONCE: usize = 10_000;

/// A journal in which nothing is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub head: Head,
    pub simulated: bool,
    /// The row that the saved state stands on.
    pub checkpoint: Option<Seq>,
}

/// A finding is `ReadError::Damaged`.
pub fn verify(directory: &Path) -> Result<Report, ReadError> {
    verify_with(directory, &|_| {})
}

/// The same, and tells how far it has come.
pub fn verify_with(directory: &Path, reached: &dyn Fn(Seq)) -> Result<Report, ReadError> {
    examine(&directory.join(FILE), reached)
}

/// The same of a journal of another name, such as a backup.
pub fn verify_file(path: &Path) -> Result<Report, ReadError> {
    examine(path, &|_| {})
}

fn examine(path: &Path, reached: &dyn Fn(Seq)) -> Result<Report, ReadError> {
    let reader = match Reader::open_file(path) {
        Err(ReadError::Foreign { found, .. }) => {
            let finding = Finding::new("the header", format_args!("it is of {found}"));
            return Err(ReadError::from_fault(path, finding.into()));
        }
        other => other?,
    };
    let report = inspect(&reader, reached);
    reader.unless_touched(report).map_err(|fault| ReadError::from_fault(path, fault))
}

/// The chain over the newest rows alone: the head, and how many rows were followed to it.
pub fn tail(reader: &Reader, most: u64) -> Result<(Head, u64), Fault> {
    let connection = &reader.connection;
    let newest = rows::head(connection)?;
    let before = newest.seq.0.saturating_sub(most);
    let begin = match before.checked_sub(1) {
        Some(earlier) => rows::read(connection, Seq(earlier), 1)?.first().map(|row| row.head()),
        None => None,
    };
    let mut head = begin.unwrap_or(Head::START);
    let after = if begin.is_some() { rows::place(head.seq) } else { rows::BEFORE_ALL };
    let limit = usize::try_from(most).unwrap_or(usize::MAX);
    let count = rows::walk(connection, after, limit, |fields, seal| {
        head = chain::follow(&head, &fields, &seal)?;
        Ok::<(), Fault>(())
    })?;
    reader.unless_touched(Ok((head, count as u64)))
}

fn inspect(reader: &Reader, reached: &dyn Fn(Seq)) -> Result<Report, Fault> {
    let connection = &reader.connection;
    // Read before the rows, so that a row it stands on is there; judged after them, so that a row's
    // own fault is named first.
    let checkpoint = checkpoint::load(connection);
    let (head, folded) = walk(reader, checkpoint.as_ref().ok().and_then(Option::as_ref), reached)?;
    schema::inspect(connection)?;
    check_pages(connection, "PRAGMA integrity_check(1)")?;
    let checkpoint = checkpoint?;
    if let Some(checkpoint) = &checkpoint
        && folded != Some(checkpoint.head)
    {
        let what = format!("it stands on {}, which is not in the log", checkpoint.head);
        return Err(Finding::new("checkpoint", what).into());
    }
    let checkpoint = checkpoint.map(|checkpoint| checkpoint.head.seq);
    Ok(Report { head, simulated: reader.is_simulated(), checkpoint })
}

/// Follows the chain from the first row to the last; gives the head, and the one at the checkpoint's row.
fn walk(
    reader: &Reader,
    checkpoint: Option<&Checkpoint>,
    reached: &dyn Fn(Seq),
) -> Result<(Head, Option<Head>), Fault> {
    let sought = checkpoint.map(|checkpoint| checkpoint.head.seq);
    let mut head = Head::START;
    let mut folded = Some(head).filter(|_| sought == Some(Seq::START));
    let mut after = rows::BEFORE_ALL;
    loop {
        let count = rows::walk(&reader.connection, after, ROWS_AT_ONCE, |fields, seal| {
            head = chain::follow(&head, &fields, &seal)?;
            if sought == Some(head.seq) {
                folded = Some(head);
            }
            Ok::<(), Fault>(())
        })?;
        reached(head.seq);
        if count < ROWS_AT_ONCE {
            return Ok((head, folded));
        }
        after = rows::place(head.seq);
    }
}
