//! The lock file beside the journal: who holds it may write.
//!
//! The operating system lets go of it when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::journal::owner;

pub const NAME: &str = "journal.lock";

/// Whoever writes one event, or looks whether a daemon runs, holds it for less than all of these pauses; a
/// daemon for longer.
const PAUSE: Duration = Duration::from_millis(200);
const TRIES: u32 = 10;

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
    // As the journal itself: nobody else has anything to do here, and who cannot open it cannot hold it.
    let (file, _) = owner::open_or_make(path).map_err(LockError::Failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { file }),
        Err(TryLockError::WouldBlock) => Err(LockError::Held),
        Err(TryLockError::Error(error)) => Err(LockError::Failed(error)),
    }
}

/// Tries again for two seconds, as long as somebody holds what is needed.
pub fn patiently<T, E>(
    mut attempt: impl FnMut() -> Result<T, E>,
    is_held: impl Fn(&E) -> bool,
) -> Result<T, E> {
    for _ in 1..TRIES {
        match attempt() {
            Err(error) if is_held(&error) => thread::sleep(PAUSE),
            came => return came,
        }
    }
    attempt()
}

/// Whether somebody holds it; `None`: that cannot be told.
pub fn is_held(path: &Path) -> Option<bool> {
    match File::open(path).map(|file| file.try_lock_shared()) {
        Ok(Ok(())) => Some(false),
        Ok(Err(TryLockError::WouldBlock)) => Some(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(false),
        Ok(Err(TryLockError::Error(_))) | Err(_) => None,
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
    fn it_is_held_or_not_or_that_cannot_be_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(NAME);
        assert_eq!(is_held(&path), Some(false));
        let lock = take(&path);
        assert_eq!(is_held(&path), Some(true));
        assert_eq!(is_held(&path.join(NAME)), None);
        drop(lock);
        assert_eq!(is_held(&path), Some(false));
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
