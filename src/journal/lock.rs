//! The lock file beside the journal: who holds it may write.
//!
//! The operating system lets go of it when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

pub const NAME: &str = "journal.lock";

/// Held for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

pub enum LockError {
    Held,
    Failed(io::Error),
}

pub fn take(path: &Path) -> Result<Lock, LockError> {
    let file =
        File::options().create(true).write(true).truncate(false).open(path).map_err(LockError::Failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(LockError::Held),
        Err(TryLockError::Error(error)) => Err(LockError::Failed(error)),
    }
}

/// Whether nobody holds it; what cannot be found out counts as held.
pub fn is_free(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => file.try_lock_shared().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}
