//! Arguments as types that cannot be wrong: spans, dialects, faults, instants.

use crate::config::span;
use crate::domain::time::{Seconds, Timestamp};
use crate::sim::dialect::Dialect;

/// Nothing is simulated, frozen or waited for longer.
const LONGEST: Seconds = Seconds::days(3_650);

/// The sets of faults that the simulated cloud knows.
pub const FAULTS: [&str; 4] = ["none", "typical", "hostile", "swarm"];

pub fn span(text: &str) -> Result<Seconds, String> {
    match span::seconds(text)? {
        Seconds(0) => Err("must be longer than nothing".to_owned()),
        long if long > LONGEST => Err(format!("must be at most {LONGEST}")),
        span => Ok(span),
    }
}

pub fn dialect(text: &str) -> Result<Dialect, String> {
    Dialect::parse(text).ok_or_else(|| format!("must be one of {}", Dialect::names().join(", ")))
}

pub fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "must be an instant as RFC 3339, such as 2026-03-01T00:00:00Z".to_owned())
}
