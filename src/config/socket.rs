//! `[socket]`: where people's verbs reach the running daemon.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::section::{Notes, Section};

/// Beside the journal, where the configuration names no other place.
pub const FILE: &str = "quartermaster.sock";
/// The kernel takes no longer address.
const LONGEST_BYTES: usize = 107;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketSetting {
    pub path: Option<PathBuf>,
}

impl SocketSetting {
    /// Where the socket of the daemon is whose journal is in `directory`.
    pub fn of(&self, directory: &Path) -> PathBuf {
        self.path.clone().unwrap_or_else(|| directory.join(FILE))
    }
}

pub fn read(mut section: Section<'_>, notes: &mut Notes<'_>) -> SocketSetting {
    let found = section.absolute_path("path", notes);
    if let Some(found) =
        found.as_ref().filter(|found| found.value.as_os_str().as_bytes().len() > LONGEST_BYTES)
    {
        notes.refuse(
            found,
            format!("must have at most {LONGEST_BYTES} bytes: no socket has a longer address"),
        );
    }
    section.finish(notes);
    SocketSetting { path: found.map(|found| found.value) }
}
