//! Volumes and images as the cloud sees them, and their forms on the wire.
//!
//! Nothing here changes one; the world does.

use crate::domain::time::Timestamp;
use crate::sim::dialect::Dialect;
use crate::sim::render::{self, Kind, Value};

pub const ADVANCED_REGIONS: [&str; 4] = ["FINLAND-1", "FINLAND-2", "FINLAND-3", "ICELAND-1"];

#[derive(Clone, Debug)]
pub struct Volume {
    pub number: u64,
    pub id: String,
    pub name: String,
    pub size_gb: u32,
    pub region: String,
    pub volume_type: String,
    pub bootable: bool,
    /// It is being made until then.
    pub ready_at: Timestamp,
    /// The id of the machine it is attached to.
    pub attached_to: Option<String>,
    pub created_at: Timestamp,
}

/// The archive form of a snapshot.
#[derive(Clone, Debug)]
pub struct Image {
    pub number: u64,
    pub id: String,
    pub name: String,
    pub region: &'static str,
    /// The id of the snapshot it was made from, and that one's number.
    pub snapshot: String,
    pub of: u64,
    /// Until then the cloud does not say what it was made from.
    pub unsaid_until: Timestamp,
    pub size_gb: u32,
    pub created_at: Timestamp,
}

/// Volumes count from 1.
pub fn volume_id(number: u64) -> String {
    format!("BRK-{}V", 100_000 + number)
}

/// Images count from 1.
pub fn image_id(number: u64) -> String {
    format!("BRK-{}I", 100_000 + number)
}

impl Volume {
    pub fn is_advanced(&self) -> bool {
        ADVANCED_REGIONS.contains(&self.region.as_str())
    }

    pub fn rendered(&self, dialect: Dialect, now: Timestamp) -> String {
        let status = match &self.attached_to {
            _ if now < self.ready_at => "creating",
            Some(_) => "in-use",
            None => "available",
        };
        let fields = vec![
            ("id", Value::Text(&self.id)),
            ("name", Value::Text(&self.name)),
            ("size_gb", Value::Whole(self.size_gb.into())),
            ("region", Value::Text(&self.region)),
            ("tier", Value::Text(if self.is_advanced() { "Advanced" } else { "Legacy" })),
            ("volume_type", Value::Text(&self.volume_type)),
            ("bootable", Value::Flag(self.bootable)),
            ("status", Value::State(status)),
            ("instance_id", self.attached_to.as_deref().map_or(Value::Null, Value::Text)),
            ("created_at", Value::Instant(self.created_at)),
        ];
        render::object(dialect, Kind::Volume, self.number, &fields)
    }
}

impl Image {
    pub fn rendered(&self, dialect: Dialect, now: Timestamp) -> String {
        let source = Value::Text(&self.snapshot);
        let fields = vec![
            ("id", Value::Text(&self.id)),
            ("name", Value::Text(&self.name)),
            ("status", Value::State("SUCCESS")),
            ("region", Value::Text(self.region)),
            ("snapshot_id", if now < self.unsaid_until { Value::Null } else { source }),
            ("size_gb", Value::Whole(self.size_gb.into())),
            ("created_at", Value::Instant(self.created_at)),
        ];
        render::object(dialect, Kind::Image, self.number, &fields)
    }
}
