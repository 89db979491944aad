//! `[journal]`: its backups, and the room on the disk that is kept for outcomes.

use std::path::PathBuf;

use super::section::{Notes, Section};
use crate::domain::time::Seconds;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSetting {
    /// Where backups go; without it there are none.
    pub backup_dir: Option<PathBuf>,
    pub backup_every: Seconds,
    pub backup_keep: u32,
    /// Below so much free space nothing new is begun; 0 begins until the disk is full.
    pub free_space_mib: u32,
}

impl Default for JournalSetting {
    fn default() -> Self {
        Self { backup_dir: None, backup_every: Seconds::days(1), backup_keep: 7, free_space_mib: 64 }
    }
}

/// Copying reads the whole journal: not more often.
const SHORTEST: Seconds = Seconds::minutes(1);

pub fn read(mut section: Section<'_>, notes: &mut Notes<'_>) -> JournalSetting {
    let mut setting = JournalSetting::default();
    let has_folder = !section.is_absent("backup_dir");
    setting.backup_dir = section.absolute_path("backup_dir", notes).map(|found| found.value);
    if let Some(found) = section.span_of("backup_every", SHORTEST, notes) {
        setting.backup_every = found.value;
    }
    if let Some(found) = section.number("backup_keep", 1..=10_000, notes) {
        setting.backup_keep = found.value;
    }
    if let Some(found) = section.number("free_space_mib", 0..=1_048_576, notes) {
        setting.free_space_mib = found.value;
    }
    for key in ["backup_every", "backup_keep"] {
        if !has_folder && let Some(found) = section.take(key) {
            notes.refuse(&found, "needs journal.backup_dir: without a folder there are no backups");
        }
    }
    section.finish(notes);
    setting
}
