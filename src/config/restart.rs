//! What a running daemon takes from its file at the next start only.

use super::Config;
use super::http::HttpSetting;
use super::journal::JournalSetting;
use super::socket::SocketSetting;

impl Config {
    /// The settings of this file that wait for a restart of a process that was started with `started`.
    pub fn waits_for_restart(&self, started: &Self) -> Vec<String> {
        // Taken apart field by field: a new setting is not forgotten here.
        let HttpSetting { listen, token_file } = &self.http;
        let SocketSetting { path } = &self.socket;
        let JournalSetting { backup_dir, backup_every, backup_keep, free_space_mib } = &self.journal;
        let (http, journal) = (&started.http, &started.journal);
        let differ = [
            ("data_dir", self.data_dir != started.data_dir),
            ("[clock]", self.clock != started.clock),
            ("http.listen", *listen != http.listen),
            ("http.token_file", *token_file != http.token_file),
            ("socket.path", *path != started.socket.path),
            ("journal.backup_dir", *backup_dir != journal.backup_dir),
            ("journal.backup_every", *backup_every != journal.backup_every),
            ("journal.backup_keep", *backup_keep != journal.backup_keep),
            ("journal.free_space_mib", *free_space_mib != journal.free_space_mib),
        ];
        differ.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect()
    }
}
