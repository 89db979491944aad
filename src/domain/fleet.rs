//! What the cloud was seen to hold: machines, snapshots, images, balance, and how fresh that is.
//!
//! Words of the cloud that nobody knows are kept as they came, neither good nor bad.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::billing::record::{BillKind, Reach};
use super::digest::Digest;
use super::id::{ImageId, MachineId, SnapshotId};
use super::money::{Currency, Nanos};
use super::price::Prices;
use super::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    pub id: MachineId,
    pub name: String,
    pub status: MachineStatus,
    pub region: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tier: String,
    /// `key=value`, or a plain word.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub labels: BTreeSet<String>,
    /// `None` where model or number could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Gpus>,
    pub created_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gpus {
    pub model: String,
    pub count: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineStatus {
    /// The only one in which a machine can be snapshotted.
    Active,
    /// Stopped, and billed in full.
    Shutoff,
    Hibernated,
    Deleted,
    Error,
    /// CREATING, BUILD, STARTING and the like.
    Changing(String),
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub id: SnapshotId,
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    pub status: SnapshotStatus,
    /// Bytes: the cloud's `size_gb` × 10⁹; `None` where it could not be read.
    pub size_bytes: Option<i64>,
    pub region: String,
    pub machine: Option<MachineId>,
    pub created_at: Option<Timestamp>,
    #[serde(default)]
    pub is_image: bool,
    /// The parts that nobody could read: it is there, it is protected, and its machine is held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotStatus {
    Ready,
    Pending,
    Failed,
    Unknown(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    pub id: ImageId,
    pub name: String,
    pub status: String,
    /// What it was made from; `None` where the cloud does not say: then it could be any snapshot.
    pub snapshot: Option<SnapshotId>,
}

/// One answer of the cloud about one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    Machine(Machine),
    Snapshot(Snapshot),
    Image(Image),
    Balance(BTreeMap<Currency, Nanos>),
    Prices(Prices),
    /// The images that the cloud names as made from a snapshot.
    Links {
        snapshot: SnapshotId,
        images: BTreeSet<ImageId>,
    },
}

/// What differs from the last look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Seen(Item),
    /// A complete listing did not have it; by itself that proves nothing yet.
    MachineMissing(MachineId),
    SnapshotMissing(SnapshotId),
    ImageMissing(ImageId),
}

impl MachineStatus {
    /// Whether nothing runs on it that could change its disk. What nobody knows may well run.
    pub fn is_off(&self) -> bool {
        match self {
            Self::Shutoff | Self::Hibernated | Self::Deleted => true,
            Self::Active | Self::Error | Self::Changing(_) | Self::Unknown(_) => false,
        }
    }
}

/// What one look is at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Machines,
    Snapshots,
    Images,
    Balance,
    Prices,
    /// One snapshot's details.
    Snapshot(SnapshotId),
    /// One snapshot's relation to images.
    Links(SnapshotId),
    Billing(BillKind, Reach),
}

impl Scope {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Machines => "machines",
            Self::Snapshots => "snapshots",
            Self::Images => "images",
            Self::Balance => "balance",
            Self::Prices => "prices",
            Self::Snapshot(_) => "snapshot",
            Self::Links(_) => "links",
            Self::Billing(BillKind::Instance, _) => "instance billing",
            Self::Billing(BillKind::Snapshot, _) => "snapshot billing",
            Self::Billing(BillKind::Volume, _) => "volume billing",
        }
    }
}

/// One look: when it began, and how much its silence about a thing is worth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    pub scope: Scope,
    /// Before the first request was sent; what the cloud did later may be missing.
    pub began: Timestamp,
    pub result: LookResult,
    /// Over the ids and texts of the items, in order of id.
    pub digest: Digest,
    pub items: u32,
    /// The server's `Date` in the last answer.
    pub server_date: Option<Timestamp>,
    /// Where the pages, walked to a plain end, show less than they count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub miscount: Option<Miscount>,
}

/// A total that two walks in a row repeated on every page, and that their ids do not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miscount {
    pub counted: u64,
    pub shown: u64,
}

impl Miscount {
    pub fn excess(self) -> u64 {
        self.counted.saturating_sub(self.shown)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookResult {
    /// All of it was read, by the proof that completeness asks for.
    Complete,
    /// What was read is true; what was not read may exist all the same.
    Incomplete(String),
    /// The one object asked for: the cloud says that it does not know it.
    NotFound,
    /// The cloud does not offer this at all.
    Unavailable(String),
}

impl Item {
    /// The cloud's id of the thing; what there is only one of has none.
    pub fn id(&self) -> &str {
        match self {
            Self::Machine(machine) => machine.id.as_str(),
            Self::Snapshot(snapshot) => snapshot.id.as_str(),
            Self::Image(image) => image.id.as_str(),
            Self::Links { snapshot, .. } => snapshot.as_str(),
            Self::Balance(_) | Self::Prices(_) => "",
        }
    }
}
