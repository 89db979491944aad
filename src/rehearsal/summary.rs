//! What a rehearsal came to: right and wrong as the cloud's truth has it, and what it took.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::report::words;

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
    /// The longest that any machine went without a new backup that came to be ready.
    pub worst_rpo_seconds: u64,
    /// The first of them, in words.
    pub violations: Vec<String>,
    pub journal_events: u64,
    pub journal_bytes: u64,
    pub api_calls: u64,
    pub letters: u64,
    pub chain_ok: bool,
    /// The journal's billing is what the cloud answered, and what it is owed where nothing is late any more.
    pub ledger_matches_truth: bool,
    /// How often each fault that was on struck.
    pub faults_hit: BTreeMap<&'static str, u64>,
    /// The journal's last hash: the same seed gives the same.
    pub head: String,
}

impl Summary {
    pub fn is_clean(&self) -> bool {
        self.duplicates == 0
            && self.unowned_deleted == 0
            && self.invariant_violations == 0
            && self.chain_ok
            && self.ledger_matches_truth
    }

    /// For a person: what was done, and whether all of it was right.
    pub fn in_words(&self) -> String {
        let span = words::span(Duration::from_secs(self.simulated_seconds));
        let mut lines = vec![
            format!("{span} of simulated time in {:.1} s (seed {}).", self.wall_seconds, self.seed),
            format!("{} backups were taken, {} deleted.", self.backups_taken, self.backups_deleted),
            format!(
                "{} events in the journal ({} KiB), {} API calls.",
                self.journal_events,
                self.journal_bytes / 1024,
                self.api_calls
            ),
        ];
        let hits: Vec<String> =
            self.faults_hit.iter().map(|(code, count)| format!("{code} {count}")).collect();
        if !hits.is_empty() {
            lines.push(format!("Faults that struck: {}.", hits.join(", ")));
        }
        let chain = if self.chain_ok { "verifies" } else { "DOES NOT VERIFY" };
        lines.push(format!("The journal's chain {chain}; its head is {}.", self.head));
        let ledger = if self.ledger_matches_truth { "matches" } else { "DOES NOT MATCH" };
        lines.push(format!("The ledger {ledger} the cloud's books."));
        lines.push(match self.is_clean() {
            true => "By the cloud's truth: no duplicate, no wrong delete, no rule broken.".to_owned(),
            false => format!(
                "WRONG, by the cloud's truth: {} duplicates, {} deletes of what was not ours, {} broken rules.",
                self.duplicates, self.unowned_deleted, self.invariant_violations
            ),
        });
        lines.extend(self.violations.iter().map(|violation| format!("  {violation}")));
        lines.join("\n")
    }
}
