//! The lock file beside the journal: who holds it may write.
//!
//! The operating system lets go of it when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub const NAME: &str = "journal.lock";

/// Held for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Closing alone would not do: a child process that is just being started has the same file open for a
/// moment, and would hold the lock on.
impl Drop for Lock {
    fn drop(&mut self) {
        // Where it fails, closing still lets go.
        drop(self.file.unlock());
    }
}

pub enum LockError {
    Held,
    Failed(io::Error),
}

pub fn take(path: &Path) -> Result<Lock, LockError> {
    let mut options = File::options();
    // As the journal itself: nobody else has anything to do here, and who cannot open it cannot hold it.
    options.create(true).write(true).truncate(false).mode(0o600);
    let file = options.open(path).map_err(LockError::Failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { file }),
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_lock_file_is_its_owners_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        let _lock = take(&path);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn letting_go_holds_for_a_child_that_has_the_file_open_too() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        let Ok(lock) = take(&path) else { panic!("it is free") };
        let _inherited = lock.file.try_clone().unwrap();
        assert!(matches!(take(&path), Err(LockError::Held)));
        drop(lock);
        assert!(take(&path).is_ok());
    }
}
