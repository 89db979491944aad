//! Rows as people and their scripts read them: instants as RFC 3339, the body as JSON.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::time::Timestamp;
use crate::journal::entry::Row;

/// Raised when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
pub struct Document<'a> {
    schema_version: u32,
    simulated: bool,
    events: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Shown<'a> {
    seq: u64,
    recorded_at: Timestamp,
    occurred_at: Option<Timestamp>,
    kind: &'a str,
    version: u16,
    subject: &'a str,
    key: Option<String>,
    /// `None`: it is no JSON; `log show` shows it, and `log verify` finds it.
    body: Option<&'a RawValue>,
    hash: String,
}

/// The rows in the order in which they are handed over.
pub fn document<'a>(simulated: bool, rows: impl IntoIterator<Item = &'a Row>) -> Document<'a> {
    let shown = |row: &'a Row| Shown {
        seq: row.seq.0,
        recorded_at: row.recorded_at,
        occurred_at: row.entry.occurred_at,
        kind: &row.entry.kind,
        version: row.entry.version,
        subject: &row.entry.subject,
        key: row.entry.key.map(|key| key.to_string()),
        body: serde_json::from_str(&row.entry.body).ok(),
        hash: row.hash.to_string(),
    };
    Document { schema_version: SCHEMA_VERSION, simulated, events: rows.into_iter().map(shown).collect() }
}
