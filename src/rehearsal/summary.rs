//! What a rehearsal came to: right and wrong as the cloud's truth has it, and what it took.

use std::collections::BTreeMap;

use serde::Serialize;

#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub schema_version: u32,
    pub seed: u64,
    pub dialect: String,
    pub simulated_seconds: u64,
    pub wall_seconds: f64,
    pub backups_taken: u64,
    pub backups_deleted: u64,
    /// Snapshots made twice for one slot.
    pub duplicates: u64,
    /// Deleted snapshots that we did not own.
    pub unowned_deleted: u64,
    pub invariant_violations: u64,
    /// The first of them, in words.
    pub violations: Vec<String>,
    pub journal_events: u64,
    pub journal_bytes: u64,
    pub api_calls: u64,
    pub letters: u64,
    pub chain_ok: bool,
    /// How often each fault that was on struck.
    pub faults_hit: BTreeMap<&'static str, u64>,
    /// The journal's last hash: the same seed gives the same.
    pub head: String,
}

impl Summary {
    pub fn is_clean(&self) -> bool {
        self.duplicates == 0 && self.unowned_deleted == 0 && self.invariant_violations == 0 && self.chain_ok
    }
}
