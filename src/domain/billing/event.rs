//! The facts of billing as they are stored: what a walk found new, and hours and days as told.

use serde::{Deserialize, Serialize};

use super::record::{Bill, BillKind};
use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};
use crate::domain::time::Timestamp;

/// Revisions in one event.
pub const MOST_REVISIONS: usize = 500;

/// What one walk through a billing list found new: each revision once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billed {
    pub kind: BillKind,
    /// Known records that only changed in minutes and cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grown: Vec<Grown>,
    /// Records seen for the first time, closed, or odd.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sights: Vec<Sight>,
}

/// A revision in four words, stored as an array: id, ordinal, minutes, exact change of the cost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grown(pub BillId, pub u32, pub u64, pub Nanos);

/// A revision with the whole record, and with the cloud's own text of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// From 0, within the record.
    pub ordinal: u32,
    pub delta: Nanos,
    pub bill: Bill,
    /// Why the record cannot be right; then its figures are not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub odd: Option<String>,
    pub raw: String,
}

/// Records that were final, and of which a whole walk shows another sum. Told, and not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalsDiffered {
    pub kind: BillKind,
    /// The UTC day on which they ended.
    pub day: Timestamp,
    pub currency: Currency,
    pub records: u32,
    pub cost: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Less than two hours after its end: records are still expected.
    Provisional,
    Settled,
    /// What came after it was settled.
    Restated,
}

/// What an hour of one kind and currency has cost, beyond what was told of it before: all amounts of
/// an hour together are its cost. What was told is never edited.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HourClosed {
    pub kind: BillKind,
    pub currency: Currency,
    /// When the hour began.
    pub hour: Timestamp,
    pub standing: Standing,
    pub amount: Nanos,
}

/// The same for a UTC day, for each resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayClosed {
    pub kind: BillKind,
    pub day: Timestamp,
    pub standing: Standing,
    pub costs: Vec<DayCost>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCost {
    pub resource: String,
    pub currency: Currency,
    pub amount: Nanos,
}

/// The balance rose by more than refunds explain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToppedUp {
    pub currency: Currency,
    pub amount: Nanos,
}
