//! Whose a new file of the journal is: whose its folder is, also where root makes it.
//!
//! Or root's verbs, beside a service of another user, would leave behind what the service cannot open.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// What happened to an account is nobody else's to read; the write-ahead log takes the file's mode.
pub const PRIVATE: u32 = 0o600;
const ROOT: u32 = 0;
/// Stands beside a journal from before its file is made until it is one.
const MARK: &str = "journal.begun";

/// The mark of a journal that is just being begun, which is made where there is no file yet. `None`: what is
/// there is either whole or not of our making.
pub fn beginning(path: &Path) -> io::Result<Option<PathBuf>> {
    let mark = path.with_file_name(MARK);
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        open_or_make(&mark)?;
    }
    Ok(is_begun(path).then_some(mark))
}

/// Whether a start of ours began this journal and did not come far enough to make it one.
pub fn is_begun(path: &Path) -> bool {
    path.with_file_name(MARK).exists()
}

/// A file to write to, which is made where it is missing; whether it was there.
pub fn open_or_make(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.append(true);
    // `create_new` follows no link that somebody else put there.
    match options.clone().create_new(true).mode(PRIVATE).open(path) {
        Ok(file) => {
            give(&file, path.parent().unwrap_or(Path::new("/")))?;
            Ok((file, false))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            options.open(path).map(|file| (file, true))
        }
        Err(error) => Err(error),
    }
}

/// Gives what root made to whom the folder belongs to. Nobody else could.
pub fn give(file: &File, folder: &Path) -> io::Result<()> {
    let folder = fs::metadata(folder)?;
    match file.metadata()?.uid() {
        ROOT if folder.uid() != ROOT => fchown(file, Some(folder.uid()), Some(folder.gid())),
        _ => Ok(()),
    }
}
