//! A rented machine as the cloud sees it, and its form on the wire.
//!
//! Nothing here changes a machine; the world does.

use std::cell::RefCell;
use std::sync::Arc;

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::answer::json_text;
use crate::sim::dialect::{Dialect, Way};
use crate::sim::render::{self, Kind, Value};
use crate::sim::stream::numbered;

pub const REGIONS: [&str; 3] = ["CANADA-1", "NORWAY-1", "US-1"];

/// Models and their price for one hour, in nanos of a dollar.
pub const GPU_MODELS: [(&str, Nanos); 4] = [
    ("H100-SXM5-80GB", Nanos(2_490_000_000)),
    ("A100-PCIe-80GB", Nanos(1_550_000_000)),
    ("L40", Nanos(1_190_000_000)),
    ("RTX-A6000", Nanos(690_000_000)),
];

/// What a hibernated machine costs in an hour.
pub const HIBERNATED_HOURLY: Nanos = Nanos(10_000_000);

const NAMES: [&str; 5] = ["trainer", "render", "inference", "notebook", "builder"];
const DAY_MICROS: i64 = 86_400_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineStatus {
    Active,
    /// Stopped, and billed all the same.
    Shutoff,
    Hibernated,
    Error,
    /// On its way; the word for it is the provider's.
    Changing(&'static str),
}

impl MachineStatus {
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Shutoff => "SHUTOFF",
            Self::Hibernated => "HIBERNATED",
            Self::Error => "ERROR",
            Self::Changing(word) => word,
        }
    }
}

/// What can be asked of a machine, besides its deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Start,
    Stop,
    Reboot,
    Hibernate,
    /// From hibernation.
    Restore,
}

impl Action {
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "start" => Some(Self::Start),
            "stop" => Some(Self::Stop),
            "reboot" => Some(Self::Reboot),
            "hibernate" => Some(Self::Hibernate),
            "restore" => Some(Self::Restore),
            _ => None,
        }
    }

    /// The status that it needs, the word meanwhile, and the status that it leads to.
    pub fn course(self) -> (MachineStatus, &'static str, MachineStatus) {
        match self {
            Self::Start => (MachineStatus::Shutoff, "STARTING", MachineStatus::Active),
            Self::Stop => (MachineStatus::Active, "STOPPING", MachineStatus::Shutoff),
            Self::Reboot => (MachineStatus::Active, "REBOOTING", MachineStatus::Active),
            Self::Hibernate => (MachineStatus::Active, "HIBERNATING", MachineStatus::Hibernated),
            Self::Restore => (MachineStatus::Hibernated, "RESTORING", MachineStatus::Active),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Machine {
    pub number: u64,
    pub id: String,
    pub name: String,
    pub status: MachineStatus,
    /// Since when it is in this status.
    pub since: Timestamp,
    pub region: &'static str,
    pub gpu_type: &'static str,
    pub hourly: Nanos,
    pub created_at: Timestamp,
    /// Its flavour can never be snapshotted.
    pub unsupported: bool,
    /// The number of the snapshot that is being made of it.
    pub running_snapshot: Option<u64>,
    /// The number of the snapshot that it is a restore of.
    pub restored_from: Option<u64>,
    /// The ids of the volumes that are attached to it.
    pub volumes: Vec<String>,
    /// How it was shown last: it is asked for far more often than it changes.
    shown: RefCell<Option<(Looks, Arc<str>)>>,
}

/// All of a machine that shows and can change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Looks {
    name: String,
    status: MachineStatus,
    volumes: Vec<String>,
    is_restored: bool,
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
        let name = format!("{}-{number}", NAMES[random.usize(..NAMES.len())]);
        let region = REGIONS[random.usize(..REGIONS.len())];
        let created_at = epoch.shifted(-random.i64(1..40) * DAY_MICROS);
        Self {
            number,
            id: machine_id(number),
            name,
            status: MachineStatus::Active,
            since: created_at,
            region,
            gpu_type,
            hourly,
            created_at,
            unsupported: false,
            running_snapshot: None,
            restored_from: None,
            volumes: Vec::new(),
            shown: RefCell::default(),
        }
    }

    /// Another one like it, new, under this name.
    pub fn made_again(&self, number: u64, name: String, now: Timestamp) -> Self {
        Self {
            number,
            id: machine_id(number),
            name,
            status: MachineStatus::Changing("BUILD"),
            since: now,
            region: self.region,
            gpu_type: self.gpu_type,
            hourly: self.hourly,
            created_at: now,
            unsupported: false,
            running_snapshot: None,
            restored_from: None,
            volumes: Vec::new(),
            shown: RefCell::default(),
        }
    }

    /// What it is for, by its name; every third machine is critical.
    fn labels(&self) -> Vec<String> {
        let role = self.name.split('-').next().unwrap_or_default();
        let critical = self.number.is_multiple_of(3).then(|| "critical".to_owned());
        std::iter::once(format!("role={role}")).chain(critical).collect()
    }

    pub fn rendered(&self, dialect: Dialect) -> Arc<str> {
        let mut shown = self.shown.borrow_mut();
        match shown.as_ref().filter(|(looks, _)| self.looks_like(looks)) {
            Some((_, text)) => text.clone(),
            None => {
                let looks = Looks {
                    name: self.name.clone(),
                    status: self.status,
                    volumes: self.volumes.clone(),
                    is_restored: self.restored_from.is_some(),
                };
                let text: Arc<str> = self.render(dialect).into();
                *shown = Some((looks, text.clone()));
                text
            }
        }
    }

    fn looks_like(&self, looks: &Looks) -> bool {
        self.name == looks.name
            && self.status == looks.status
            && self.volumes == looks.volumes
            && self.restored_from.is_some() == looks.is_restored
    }

    fn render(&self, dialect: Dialect) -> String {
        let volumes = json_text(&self.volumes);
        let labels = self.labels();
        // Some clouds list them, others join them.
        let labels = match dialect.has(Way::StringNumbers) {
            true => json_text(&labels.join(", ")),
            false => json_text(&labels),
        };
        let fields = vec![
            ("id", Value::Text(&self.id)),
            ("name", Value::Text(&self.name)),
            ("status", Value::State(self.status.word())),
            ("region", Value::Text(self.region)),
            ("tier", Value::Text("legacy")),
            ("gpu_type", Value::Text(self.gpu_type)),
            ("gpu_count", Value::Whole(1)),
            ("public_ip", Value::Null),
            ("boot_source", Value::Text(if self.restored_from.is_some() { "snapshot" } else { "image" })),
            ("created_at", Value::Instant(self.created_at)),
            ("volumes", Value::Json(&volumes)),
            ("labels", Value::Json(&labels)),
        ];
        render::object(dialect, Kind::Machine, self.number, &fields)
    }
}
