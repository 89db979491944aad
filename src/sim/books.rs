//! The cloud's books: what each resource has cost at any instant, in closed form.
//!
//! Nothing ticks: a cost is computed from start, end and rate, in whole nanos and whole minutes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::answer::{json_text, money_text, wire_time};

/// A snapshot costs this much an hour, whatever its size.
pub const SNAPSHOT_HOURLY: Nanos = Nanos(100_000_000);
/// The size that the fixed price stands for.
const BILLED_SNAPSHOT_GB: u32 = 100;

/// What a record is about.
#[derive(Clone, Debug)]
pub enum Subject {
    Machine { id: String, name: String, gpu_type: &'static str },
    Snapshot { id: String, name: String },
}

#[derive(Clone, Debug)]
struct Entry {
    subject: Subject,
    hourly: Nanos,
    start: Timestamp,
    end: Option<Timestamp>,
}

/// One billing list. Closed entries are summed once, when they close.
#[derive(Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    /// From the number of the resource to its open entry.
    open: BTreeMap<u64, usize>,
    closed_nanos: i64,
}

impl Ledger {
    pub fn open(&mut self, resource: u64, subject: Subject, hourly: Nanos, start: Timestamp) {
        self.open.insert(resource, self.entries.len());
        self.entries.push(Entry { subject, hourly, start, end: None });
    }

    pub fn close(&mut self, resource: u64, end: Timestamp) {
        let Some(index) = self.open.remove(&resource) else { return };
        let entry = &mut self.entries[index];
        entry.end = Some(end);
        self.closed_nanos += entry.cost(end).0;
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn cost(&self, now: Timestamp) -> Nanos {
        let open: i64 = self.open.values().map(|index| self.entries[*index].cost(now).0).sum();
        Nanos(self.closed_nanos + open)
    }

    /// The record at `index`, newest first; only the page that was asked for is ever rendered.
    pub fn rendered(&self, index: usize, now: Timestamp) -> String {
        let position = self.entries.len() - 1 - index;
        self.entries[position].rendered(position, now)
    }

    pub fn summary(&self, now: Timestamp) -> String {
        format!(
            r#"{{"totalRecords":{},"activeCount":{},"completedCount":{},"totalCost":{}}}"#,
            self.entries.len(),
            self.open.len(),
            self.entries.len() - self.open.len(),
            self.cost(now)
        )
    }
}

impl Entry {
    fn minutes(&self, now: Timestamp) -> u64 {
        self.end.unwrap_or(now).since(self.start).as_secs() / 60
    }

    fn cost(&self, now: Timestamp) -> Nanos {
        cost_of(self.hourly, self.minutes(now))
    }

    fn rendered(&self, position: usize, now: Timestamp) -> String {
        let number = 100_001 + position;
        let open = self.end.is_none();
        let times = Times {
            start_time: wire_time(self.start),
            end_time: self.end.map(wire_time),
            total_duration_minutes: self.minutes(now),
            per_minute_rate: money_text(displayed_rate(self.hourly)),
            total_cost: money_text(self.cost(now)),
            currency: "USD",
            status: if open { "active" } else { "completed" },
        };
        match &self.subject {
            Subject::Machine { id, name, gpu_type } => json_text(&MachineRecord {
                billing_id: format!("BRK-{number}DB"),
                instance_id: id,
                vm_name: name,
                gpu_type,
                gpu_count: 1,
                tier: "legacy",
                times,
                description: format!("{gpu_type} x1 for {name}"),
            }),
            Subject::Snapshot { id, name } => json_text(&SnapshotRecord {
                billing_id: format!("BRK-{number}SB"),
                snapshot_id: id,
                snapshot_name: name,
                size_gb: BILLED_SNAPSHOT_GB,
                tier: "legacy",
                times,
                description: format!("Snapshot storage for {name}"),
            }),
        }
    }
}

/// Exact to the nano below: the division comes last.
fn cost_of(hourly: Nanos, minutes: u64) -> Nanos {
    let nanos = i128::from(hourly.0) * i128::from(minutes) / 60;
    Nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// The rate per minute as it is shown, rounded to five decimals; costs are not computed from it.
fn displayed_rate(hourly: Nanos) -> Nanos {
    Nanos((hourly.0 / 60 + 5_000) / 10_000 * 10_000)
}

#[derive(Serialize)]
struct MachineRecord<'a> {
    billing_id: String,
    instance_id: &'a str,
    vm_name: &'a str,
    gpu_type: &'a str,
    gpu_count: u32,
    tier: &'a str,
    #[serde(flatten)]
    times: Times,
    description: String,
}

#[derive(Serialize)]
struct SnapshotRecord<'a> {
    billing_id: String,
    snapshot_id: &'a str,
    snapshot_name: &'a str,
    size_gb: u32,
    tier: &'a str,
    #[serde(flatten)]
    times: Times,
    description: String,
}

#[derive(Serialize)]
struct Times {
    start_time: String,
    end_time: Option<String>,
    total_duration_minutes: u64,
    per_minute_rate: Box<RawValue>,
    total_cost: Box<RawValue>,
    currency: &'static str,
    status: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closed_form_equals_a_sum_over_minutes() {
        let start = Timestamp::from_seconds(1_772_330_400);
        let subject = Subject::Snapshot { id: "BRK-100001S".to_owned(), name: "a".to_owned() };
        for (_, hourly) in crate::sim::machine::GPU_MODELS {
            let mut ledger = Ledger::default();
            ledger.open(1, subject.clone(), hourly, start);
            let mut sixtieths: i128 = 0;
            for minute in 1..=3_000_i64 {
                sixtieths += i128::from(hourly.0);
                let now = start.shifted(minute * 60_000_000 + 59_000_000);
                assert_eq!(i128::from(ledger.cost(now).0), sixtieths / 60);
            }
        }
    }

    #[test]
    fn a_closed_record_grows_no_more() {
        let start = Timestamp::from_seconds(1_772_330_400);
        let mut ledger = Ledger::default();
        let subject = Subject::Snapshot { id: "BRK-100001S".to_owned(), name: "a".to_owned() };
        ledger.open(1, subject, SNAPSHOT_HOURLY, start);
        ledger.close(1, start.shifted(3_600_000_000));
        assert_eq!(ledger.cost(start.shifted(900_000_000_000)), SNAPSHOT_HOURLY);
        assert!(ledger.rendered(0, start).contains(r#""total_cost":0.10,"#));
    }
}
