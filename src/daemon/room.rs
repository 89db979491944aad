//! Room on the disk: below a low-water mark nothing new is asked of the cloud.
//!
//! What was asked must still be written down when its answer comes, and a full disk could not.

use std::path::{Path, PathBuf};

const MIB: u64 = 1024 * 1024;

#[derive(Debug)]
pub struct Room {
    directory: PathBuf,
    least_bytes: u64,
    was_low: bool,
}

impl Room {
    /// A mark of 0 is never reached.
    pub fn new(directory: &Path, least_mib: u32) -> Self {
        Self { directory: directory.to_owned(), least_bytes: u64::from(least_mib) * MIB, was_low: false }
    }

    /// Says so in the log when it changes. What cannot be found out counts as too little.
    pub fn is_low(&mut self) -> bool {
        if self.least_bytes == 0 {
            return false;
        }
        let free =
            rustix::fs::statvfs(&self.directory).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        let is_low = free.is_ok_and(|free| free < self.least_bytes) || free.is_err();
        if is_low != self.was_low {
            let (free_mib, least_mib) = (free.unwrap_or(0) / MIB, self.least_bytes / MIB);
            match is_low {
                true => tracing::error!(free_mib, least_mib, "the disk is nearly full: nothing new is asked"),
                false => tracing::info!(free_mib, least_mib, "there is room on the disk again"),
            }
        }
        self.was_low = is_low;
        is_low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_low_below_the_mark_and_where_it_cannot_be_found_out() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Room::new(folder.path(), u32::MAX).is_low());
        assert!(!Room::new(folder.path(), 0).is_low());
        let nowhere = folder.path().join("nowhere");
        assert!(Room::new(&nowhere, 1).is_low());
        assert!(!Room::new(&nowhere, 0).is_low());
        assert!(!Room { directory: folder.path().to_owned(), least_bytes: 1, was_low: true }.is_low());
    }
}
