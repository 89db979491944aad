//! The folder of a demo's journal: one that was named and holds no journal, or one for this run only.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::cli::ending::Ending;
use crate::journal;

/// A temporary one goes when this is dropped.
pub struct Folder {
    path: PathBuf,
    is_temporary: bool,
}

impl Folder {
    /// A named one may hold other files, but never a journal: a demo must not write into one.
    pub fn choose(named: Option<&Path>) -> Result<Self, Ending> {
        let Some(path) = named else {
            return Self::temporary().map_err(|error| {
                Ending::Failed(
                    format!("make a temporary folder in {}: {error}", temporary().display()).into(),
                )
            });
        };
        if fs::symlink_metadata(path.join(journal::FILE)).is_ok() {
            let said =
                format!("{} holds a {} already: name another directory", path.display(), journal::FILE);
            return Err(Ending::usage(said));
        }
        Ok(Self { path: path.to_owned(), is_temporary: false })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn temporary() -> io::Result<Self> {
        let name = format!("quartermaster-{:08x}", fastrand::u32(..));
        let path = temporary().join(name);
        // Fails if somebody was there before us.
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, is_temporary: true })
    }
}

fn temporary() -> PathBuf {
    std::env::temp_dir()
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_temporary {
            // What cannot be removed is in the way of nobody.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}
