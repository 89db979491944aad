//! A rented machine as the cloud sees it, and its form on the wire.
//!
//! Nothing here changes a machine; the world does.

use serde::Serialize;

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::answer::{json_text, wire_time};
use crate::sim::stream::numbered;

pub const REGIONS: [&str; 3] = ["CANADA-1", "NORWAY-1", "US-1"];

/// Models and their price for one hour, in nanos of a dollar.
pub const GPU_MODELS: [(&str, Nanos); 4] = [
    ("H100-SXM5-80GB", Nanos(2_490_000_000)),
    ("A100-PCIe-80GB", Nanos(1_550_000_000)),
    ("L40", Nanos(1_190_000_000)),
    ("RTX-A6000", Nanos(690_000_000)),
];

const NAMES: [&str; 5] = ["trainer", "render", "inference", "notebook", "builder"];
const DAY_MICROS: i64 = 86_400_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineStatus {
    Active,
    /// Stopped, and billed all the same.
    Shutoff,
}

#[derive(Clone, Debug)]
pub struct Machine {
    pub id: String,
    pub name: String,
    pub status: MachineStatus,
    pub region: &'static str,
    pub gpu_type: &'static str,
    pub hourly: Nanos,
    pub created_at: Timestamp,
    /// The number of the snapshot that is being made of it.
    pub running_snapshot: Option<u64>,
}

/// Machines count from 1.
pub fn machine_id(number: u64) -> String {
    format!("BRK-{}D", 100_000 + number)
}

impl Machine {
    /// The same for the same seed and number, however many others there are.
    pub fn drawn(seed: u64, number: u64, epoch: Timestamp) -> Self {
        let mut random = numbered(seed, "machine", number);
        let (gpu_type, hourly) = GPU_MODELS[random.usize(..GPU_MODELS.len())];
        Self {
            id: machine_id(number),
            name: format!("{}-{number}", NAMES[random.usize(..NAMES.len())]),
            status: MachineStatus::Active,
            region: REGIONS[random.usize(..REGIONS.len())],
            gpu_type,
            hourly,
            created_at: epoch.shifted(-random.i64(1..40) * DAY_MICROS),
            running_snapshot: None,
        }
    }

    pub fn rendered(&self) -> String {
        json_text(&OnTheWire {
            id: &self.id,
            name: &self.name,
            status: match self.status {
                MachineStatus::Active => "ACTIVE",
                MachineStatus::Shutoff => "SHUTOFF",
            },
            region: self.region,
            tier: "legacy",
            gpu_type: self.gpu_type,
            gpu_count: 1,
            public_ip: None,
            boot_source: "image",
            created_at: wire_time(self.created_at),
            volumes: [],
        })
    }
}

#[derive(Serialize)]
struct OnTheWire<'a> {
    id: &'a str,
    name: &'a str,
    status: &'a str,
    region: &'a str,
    tier: &'a str,
    gpu_type: &'a str,
    gpu_count: u32,
    public_ip: Option<&'a str>,
    boot_source: &'a str,
    created_at: String,
    volumes: [&'a str; 0],
}
