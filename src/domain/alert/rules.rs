//! What alerts obey: the ladder, the floors and the margins, as the configuration has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::money::{Currency, Nanos};
use crate::domain::time::Seconds;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlertRules {
    /// Whether there is anybody who gets letters.
    pub told: bool,
    /// How long before the credits run out each rung begins: notice, warning, urgent, critical.
    pub ladder: [Seconds; 4],
    /// Amounts below which the same rungs begin, from the highest to the lowest.
    pub floors: BTreeMap<Currency, Vec<Nanos>>,
    /// Added to the longest gap of a schedule: the greatest age of a newest good backup.
    pub late_margin: Seconds,
    /// How long a deletion that is due may be held before a person hears of it.
    pub held_after: Seconds,
    /// How long no look may be complete before a person hears of it.
    pub unreachable_after: Seconds,
    /// When the digest is written, in UTC; `None`: never.
    pub digest: Option<String>,
}

impl Default for AlertRules {
    fn default() -> Self {
        Self {
            told: false,
            ladder: [Seconds::days(7), Seconds::days(3), Seconds::hours(24), Seconds::hours(6)],
            floors: BTreeMap::new(),
            late_margin: Seconds::hours(3),
            held_after: Seconds::hours(24),
            unreachable_after: Seconds::hours(1),
            digest: Some("0 8 * * 1".to_owned()),
        }
    }
}
