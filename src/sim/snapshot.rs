//! A snapshot as the cloud shows it, with its text kept ready for the lists.
//!
//! It does not know who made it or whether it may go; that is the truth's business.

use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::sim::agenda::Wanted;
use crate::sim::dialect::Dialect;
use crate::sim::machine::Machine;
use crate::sim::quirk::Quirk;
use crate::sim::render::{self, Kind, Value};
use crate::sim::stream::numbered;

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Creating,
    Ready,
    Failed,
}

#[derive(Clone, Debug)]
pub struct Snapshot {
    pub number: u64,
    /// Usually of its number; some clouds give an old one out again.
    pub id: String,
    pub name: String,
    /// The number of its machine.
    pub machine: u64,
    pub stage: Stage,
    /// A machine is being made of it.
    pub restoring: bool,
    pub created_at: Timestamp,
    /// Lists and details do not know it before this instant.
    pub hidden_until: Timestamp,
    /// Deleted in truth, though lists may still show it.
    pub deleted: bool,
    pub region: &'static str,
    machine_id: String,
    machine_name: String,
    description: String,
    is_image: bool,
    size_gb: u32,
    dialect: Dialect,
    quirk: Option<Quirk>,
    text: String,
}

/// Snapshots count from 1.
pub fn snapshot_id(number: u64) -> String {
    format!("BRK-{}S", 100_000 + number)
}

/// What an id is in full, where somebody writes its number alone.
pub fn in_full(id: &str) -> String {
    let is_number = !id.is_empty() && id.chars().all(|character| character.is_ascii_digit());
    if is_number { format!("BRK-{id}S") } else { id.to_owned() }
}

/// How long it takes to make, 3 to 20 minutes, and how large it becomes, 20 to 100 GB.
pub fn ripening(seed: u64, number: u64) -> (Duration, u32) {
    let mut random = numbered(seed, "snapshot", number);
    (Duration::from_secs(random.u64(180..=1200)), random.u32(20..=100))
}

impl Snapshot {
    pub fn begun(
        (number, id): (u64, String),
        machine_number: u64,
        machine: &Machine,
        wanted: Wanted,
        dialect: Dialect,
        now: Timestamp,
    ) -> Self {
        let mut snapshot = Self {
            number,
            id,
            name: wanted.name,
            machine: machine_number,
            stage: Stage::Creating,
            restoring: false,
            created_at: now,
            hidden_until: now,
            deleted: false,
            region: machine.region,
            machine_id: machine.id.clone(),
            machine_name: machine.name.clone(),
            description: wanted.description,
            is_image: wanted.is_image,
            size_gb: 0,
            dialect,
            quirk: None,
            text: String::new(),
        };
        snapshot.text = snapshot.rendered();
        snapshot
    }

    pub fn ripen(&mut self, size_gb: u32) {
        self.stage = Stage::Ready;
        self.size_gb = size_gb;
        self.text = self.rendered();
    }

    pub fn spoil(&mut self) {
        self.stage = Stage::Failed;
        self.text = self.rendered();
    }

    pub fn restore(&mut self, restoring: bool) {
        self.restoring = restoring;
        self.text = self.rendered();
    }

    pub fn show(&mut self, quirk: Option<Quirk>) {
        self.quirk = quirk;
        self.text = self.rendered();
    }

    pub fn size_gb(&self) -> u32 {
        self.size_gb
    }

    pub fn is_shown(&self, now: Timestamp) -> bool {
        self.hidden_until <= now
    }

    /// Its form on the wire, rendered once per change.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn rendered(&self) -> String {
        let status = match self.stage {
            Stage::Creating => "CREATING",
            Stage::Ready if self.restoring => "RESTORING",
            Stage::Ready => "SUCCESS",
            Stage::Failed => "ERROR",
        };
        let mut fields = vec![
            ("id", Value::Text(&self.id)),
            ("name", Value::Text(&self.name)),
            ("description", Value::Text(&self.description)),
            ("status", Value::State(status)),
            ("size_gb", Value::Whole(self.size_gb.into())),
            ("region", Value::Text(self.region)),
            ("instance_id", Value::Text(&self.machine_id)),
            ("vm_name", Value::Text(&self.machine_name)),
            ("is_image", Value::Flag(self.is_image)),
            ("created_at", Value::Instant(self.created_at)),
        ];
        if let Some(quirk) = &self.quirk {
            quirk.bend(&mut fields);
        }
        render::object(self.dialect, Kind::Snapshot, self.number, &fields)
    }
}
