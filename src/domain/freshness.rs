//! Freshness: when a listing was last looked at, and whether its total can be believed.
//!
//! A deletion rests on it; a restart makes every listing stale.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::time::Timestamp;

/// When a listing was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// The beginning of the last attempt.
    pub tried: Option<Timestamp>,
    /// The beginning of the last complete one of this process.
    pub complete: Option<Timestamp>,
    /// When that one was read to its end.
    pub read_at: Option<Timestamp>,
    pub digest: Digest,
    /// The cloud says that it has no such listing.
    pub unavailable: bool,
    /// Looks in a row that were not complete.
    pub failures: u32,
    /// Why the last one was not, where it broke off.
    pub broke_off: Option<String>,
    pub miscounted: Option<Miscounted>,
}

/// A total that is off by the same number look after look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miscounted {
    pub excess: u64,
    pub since: Timestamp,
    pub looks: u32,
    /// From now on a walk is complete where its total is off by just this.
    pub believed: bool,
}
