//! A billing record as the cloud answers it: one resource, one span of time, one running cost.

use serde::{Deserialize, Serialize};

use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};
use crate::domain::time::{Seconds, Timestamp};

/// After this long a closed record is final: what the cloud corrects later is told, not counted.
pub const FINAL_AFTER: Seconds = Seconds::days(8);
/// Records that ended longer ago are not taken in, and no longer compared.
pub const LOOKED_BACK: Seconds = Seconds::days(62);

/// What is billed; each has a list of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillKind {
    Instance,
    Snapshot,
    Volume,
}

impl BillKind {
    pub const ALL: [Self; 3] = [Self::Instance, Self::Snapshot, Self::Volume];

    pub fn word(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Snapshot => "snapshot",
            Self::Volume => "volume",
        }
    }
}

/// How far a walk through a billing list goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// From the growing end to the first page that holds only closed, known records.
    Growing,
    Whole,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    pub id: BillId,
    /// The cloud's id of what is billed.
    pub resource: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    pub start: Timestamp,
    /// `None` while the resource runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Timestamp>,
    pub minutes: u64,
    /// The price of a minute as it is shown: rounded, and never computed with.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rate: String,
    pub cost: Nanos,
    pub currency: Currency,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// Of a snapshot or a volume, as its record has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<i64>,
}
