//! What can be wrong with a stored journal: damage, which names its place, and failure to read or write.
//!
//! It classifies and words; it never decides what to do about it.

use std::fmt;

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

/// Something stored is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Finding {
    /// Such as `row 17: body`.
    pub place: String,
    pub what: String,
}

impl Finding {
    pub fn new(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self { place: place.to_string(), what: what.to_string() }
    }
}

/// The reason that the storage gave, in its own words and with its number.
#[derive(Debug, thiserror::Error)]
#[error("{message}{}", code.map(|code| format!(" (storage error {code})")).unwrap_or_default())]
pub struct Cause {
    message: String,
    code: Option<i32>,
}

impl Cause {
    pub fn new(message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), code: None }
    }
}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Self {
        Self { code: error.sqlite_error().map(|inner| inner.extended_code), message: error.to_string() }
    }
}

/// A journal that is open could not be read, or written outside of its log.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The disk or the file system answered badly: it may work another time.
    #[error("{tried}")]
    Failed { tried: &'static str, source: Cause },
    /// It will not get better by trying again.
    #[error("the journal is damaged")]
    Damaged(#[source] Finding),
}

impl Fault {
    /// Tells damage from failure; `place` is where we were.
    pub(super) fn classify(tried: &'static str, place: impl fmt::Display, error: rusqlite::Error) -> Self {
        match shows_damage(&error) {
            true => Self::Damaged(Finding::new(place, Cause::from(error))),
            false => Self::Failed { tried, source: error.into() },
        }
    }
}

impl From<Finding> for Fault {
    fn from(finding: Finding) -> Self {
        Self::Damaged(finding)
    }
}

/// Whether the stored bytes themselves are to blame.
pub(super) fn shows_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Whether there was no room. The shared-memory file of the write-ahead log reports that in its own way.
pub(super) fn shows_full_disk(error: &rusqlite::Error) -> bool {
    error
        .sqlite_error()
        .is_some_and(|inner| inner.code == ErrorCode::DiskFull || inner.extended_code == SQLITE_IOERR_SHMSIZE)
}
