//! A copy of the journal, made beside its writer or without one.
//!
//! It counts only once it was synced, opened again and verified from its first row; until then it
//! bears another name. A copy never replaces a file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::journal::fault::{Cause, Fault, Finding};
use crate::journal::reader::{ReadError, Reader};
use crate::journal::verify::{self, Report};

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Source(#[from] ReadError),
    #[error("{} is there already, and a backup replaces nothing", path.display())]
    Taken { path: PathBuf },
    #[error("{tried} {}", path.display())]
    Failed { tried: &'static str, path: PathBuf, source: Cause },
    /// It was written, and is not what it should be.
    #[error("the copy is not a whole journal and does not count")]
    Bad(#[source] ReadError),
}

/// Copies the journal in `directory` to the file `target`; gives what the copy holds.
pub fn backup(directory: &Path, target: &Path) -> Result<Report, CopyError> {
    copy(&Reader::open(directory)?, target)
}

/// As it is at one moment, whatever its writer appends meanwhile.
pub(super) fn copy(reader: &Reader, target: &Path) -> Result<Report, CopyError> {
    let failed = |tried| {
        move |error: io::Error| CopyError::Failed {
            tried,
            path: target.to_owned(),
            source: Cause::new(error),
        }
    };
    if fs::symlink_metadata(target).is_ok() {
        return Err(CopyError::Taken { path: target.to_owned() });
    }
    let before = reader.head().map_err(|fault| ReadError::from_fault(target, fault))?;
    let partial = Partial::begin(target).map_err(failed("begin"))?;
    reader.vacuum_into(&partial.path).map_err(|fault| ReadError::from_fault(target, fault))?;
    File::open(&partial.path).and_then(|file| file.sync_all()).map_err(failed("bring to the disk"))?;
    let report = verify::verify_file(&partial.path).map_err(CopyError::Bad)?;
    if report.head.seq < before.seq || report.simulated != reader.is_simulated() {
        let what = format!("it ends at {}, and the journal went to {before} before", report.head);
        let source = Finding::new("the last row", what);
        return Err(CopyError::Bad(ReadError::from_fault(&partial.path, source.into())));
    }
    fs::rename(&partial.path, target).map_err(failed("give its name to"))?;
    sync_folder_of(target).map_err(failed("bring to the disk the name of"))?;
    Ok(report)
}

/// A file's name is on the disk only once its folder is.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// A file that goes when this is dropped, unless it got another name.
struct Partial {
    path: PathBuf,
}

impl Partial {
    fn begin(target: &Path) -> io::Result<Self> {
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".partial");
        let path = target.with_file_name(name);
        // What an earlier attempt left that was killed.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // SQLite would make it for everybody to read.
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the renaming there is nothing of this name.
        drop(fs::remove_file(&self.path));
    }
}

impl Reader {
    /// A copy that nobody has verified.
    pub fn vacuum_into(&self, path: &Path) -> Result<(), Fault> {
        let tried = "copy the journal";
        let failed = |error| Fault::classify(tried, "a page of the journal", error);
        let name = path.to_str().ok_or_else(|| Fault::Failed {
            tried,
            source: Cause::new(format_args!("{} is not UTF-8", path.display())),
        })?;
        // The journal stays opened for reading only; without this the copy could not be written either.
        self.connection.pragma_update(None, "query_only", 0).map_err(failed)?;
        let copied = self.connection.execute("VACUUM INTO ?1", (name,)).map(drop).map_err(failed);
        self.connection.pragma_update(None, "query_only", 1).map_err(failed)?;
        self.unless_touched(copied)
    }
}
