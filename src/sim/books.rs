//! The cloud's books: what each resource has cost at any instant, in closed form.
//!
//! Nothing ticks: a cost is computed from start, end and rate, in whole nanos and whole minutes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::money::{Currency, Nanos};
use crate::domain::time::Timestamp;
use crate::sim::answer::{json_text, money_text, wire_time};
use crate::sim::misbilling::{ListOrder, Misbilling, OVERLAP, Quirk};
use crate::sim::stream::numbered;

/// A snapshot costs this much an hour, whatever its size.
pub const SNAPSHOT_HOURLY: Nanos = Nanos(100_000_000);
/// A volume of 100 GB, by the terabyte.
pub const VOLUME_HOURLY: Nanos = Nanos(10_000_001);
/// The size that the fixed price stands for.
const BILLED_SNAPSHOT_GB: u32 = 100;
const VOLUME_GB: u32 = 100;
/// Answers remembered of each record: two walks of one look, and the last of the look before.
const ANSWERS_KEPT: usize = 4;

/// What a record is about.
#[derive(Clone, Debug)]
pub enum Subject {
    Machine { id: String, name: String, gpu_type: &'static str },
    Snapshot { id: String, name: String },
    Volume { id: String, name: String },
}

#[derive(Clone, Debug)]
struct Entry {
    subject: Subject,
    currency: Currency,
    hourly: Nanos,
    start: Timestamp,
    end: Option<Timestamp>,
    quirk: Option<Quirk>,
    quirk_counted: bool,
    /// What the list last said of it, and when; the newest last.
    answered: Vec<Answered>,
    /// Its text once it is closed and right: it changes no more.
    text: Option<Box<str>>,
}

/// What a record was in one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    pub at: Timestamp,
    pub cost: Nanos,
}

/// A record as the books have it, for whoever compares.
pub struct Owed<'a> {
    pub billing_id: String,
    pub cost: Nanos,
    pub end: Option<Timestamp>,
    pub answered: &'a [Answered],
}

/// One billing list. Closed entries are summed once, when they close.
#[derive(Default)]
pub struct Ledger {
    purpose: &'static str,
    misbilling: Option<Misbilling>,
    entries: Vec<Entry>,
    /// From the number of the resource to its open entry.
    open: BTreeMap<u64, usize>,
    closed: BTreeMap<Currency, i64>,
}

impl Ledger {
    pub fn new(purpose: &'static str, misbilling: Option<Misbilling>) -> Self {
        Self { purpose, misbilling, ..Self::default() }
    }

    pub fn is_always_right(&self) -> bool {
        self.misbilling.is_none()
    }

    pub fn open(&mut self, resource: u64, subject: Subject, hourly: Nanos, start: Timestamp) {
        self.open_in(Currency::Usd, resource, subject, hourly, start);
    }

    pub fn open_in(
        &mut self,
        currency: Currency,
        resource: u64,
        subject: Subject,
        hourly: Nanos,
        start: Timestamp,
    ) {
        let number = self.entries.len() as u64;
        let quirk = self.misbilling.and_then(|misbilling| misbilling.quirk(self.purpose, number, start));
        let entry = Entry {
            subject,
            currency,
            hourly,
            start,
            end: None,
            quirk,
            quirk_counted: false,
            answered: Vec::new(),
            text: None,
        };
        if quirk == Some(Quirk::Overlapped) {
            let end = start + OVERLAP;
            let twin = Entry { end: Some(end), quirk: None, ..entry.clone() };
            *self.closed.entry(currency).or_default() += twin.cost(end).0;
            self.entries.push(twin);
        }
        self.open.insert(resource, self.entries.len());
        self.entries.push(entry);
    }

    pub fn close(&mut self, resource: u64, end: Timestamp) {
        let Some(index) = self.open.remove(&resource) else { return };
        let entry = &mut self.entries[index];
        entry.end = Some(end);
        *self.closed.entry(entry.currency).or_default() += entry.cost(end).0;
    }

    pub fn cost(&self, currency: Currency, now: Timestamp) -> Nanos {
        let open = self.open.values().map(|index| &self.entries[*index]);
        let open: i64 = open.filter(|entry| entry.currency == currency).map(|entry| entry.cost(now).0).sum();
        Nanos(self.closed.get(&currency).copied().unwrap_or(0) + open)
    }

    /// The positions that the list shows now, in its order.
    pub fn listed(&self, now: Timestamp) -> Vec<usize> {
        let Some(misbilling) = self.misbilling else { return (0..self.entries.len()).rev().collect() };
        let mut listed: Vec<usize> = (0..self.entries.len()).rev().collect();
        listed.retain(|position| self.entries[*position].is_listed(now));
        match misbilling.order(self.purpose) {
            ListOrder::NewestFirst => {}
            ListOrder::OldestFirst => listed.reverse(),
            ListOrder::Scrambled => {
                listed
                    .sort_by_key(|position| numbered(misbilling.seed, "scrambled", *position as u64).u32(..));
            }
        }
        let times = |position: &usize| {
            let entry = &self.entries[*position];
            1 + usize::from(entry.quirk.is_some_and(|quirk| quirk.is_repeated(entry.start, now)))
        };
        listed.iter().flat_map(|position| std::iter::repeat_n(*position, times(position))).collect()
    }

    /// Appends the record at a position, and counts what is wrong with it for the first time.
    pub fn answer(&mut self, position: usize, now: Timestamp, into: &mut String) -> u64 {
        self.entries[position].answer(position, now, into)
    }

    pub fn summary(&self, now: Timestamp) -> String {
        format!(
            r#"{{"totalRecords":{},"activeCount":{},"completedCount":{},"totalCost":{}}}"#,
            self.entries.len(),
            self.open.len(),
            self.entries.len() - self.open.len(),
            self.cost(Currency::Usd, now)
        )
    }

    pub fn owed(&self, now: Timestamp) -> impl Iterator<Item = Owed<'_>> {
        self.entries.iter().enumerate().map(move |(position, entry)| Owed {
            billing_id: entry.subject.billing_id(position),
            cost: entry.cost(now),
            end: entry.end,
            answered: &entry.answered,
        })
    }
}

impl Subject {
    fn billing_id(&self, position: usize) -> String {
        let number = 100_001 + position;
        match self {
            Self::Machine { .. } => format!("BRK-{number}DB"),
            Self::Snapshot { .. } => format!("BRK-{number}SB"),
            Self::Volume { .. } => format!("VBILL_{number}"),
        }
    }
}

impl Entry {
    fn minutes(&self, now: Timestamp) -> u64 {
        self.end.map_or(now, |end| end.min(now)).since(self.start).as_secs() / 60
    }

    fn cost(&self, now: Timestamp) -> Nanos {
        cost_of(self.hourly, self.minutes(now))
    }

    fn is_listed(&self, now: Timestamp) -> bool {
        self.quirk.is_none_or(|quirk| quirk.shown_at(now) >= self.start)
    }

    fn answer(&mut self, position: usize, now: Timestamp, into: &mut String) -> u64 {
        let shown_at = self.quirk.map_or(now, |quirk| quirk.shown_at(now));
        let end = self.end.filter(|end| *end <= shown_at);
        let true_cost = self.cost(shown_at);
        let cost = self.quirk.map_or(true_cost, |quirk| quirk.shown_cost(true_cost, self.start, end, now));
        if self.answered.len() == ANSWERS_KEPT {
            self.answered.remove(0);
        }
        self.answered.push(Answered { at: now, cost });
        let strikes = self.quirk.is_some_and(|quirk| quirk.strikes(self.start, self.end, now));
        let is_news = strikes && !self.quirk_counted;
        self.quirk_counted |= strikes;
        if let Some(text) = &self.text {
            into.push_str(text);
            return u64::from(is_news);
        }
        let text = self.rendered(position, shown_at, end, cost);
        into.push_str(&text);
        if end.is_some() && !strikes {
            self.text = Some(text.into());
        }
        u64::from(is_news)
    }

    fn rendered(&self, position: usize, now: Timestamp, end: Option<Timestamp>, cost: Nanos) -> String {
        let open = end.is_none();
        let is_volume = matches!(self.subject, Subject::Volume { .. });
        let time = |instant| {
            let text = wire_time(instant);
            if is_volume { text.trim_end_matches('Z').to_owned() } else { text }
        };
        let times = Times {
            start_time: time(self.start),
            end_time: end.map(time),
            total_duration_minutes: self.minutes(now),
            per_minute_rate: money_text(displayed_rate(self.hourly)),
            total_cost: money_text(cost),
            currency: self.currency.code(),
            status: match (is_volume, open) {
                (true, _) => "available",
                (false, true) => "active",
                (false, false) => "completed",
            },
        };
        let billing_id = self.subject.billing_id(position);
        match &self.subject {
            Subject::Machine { id, name, gpu_type } => json_text(&MachineRecord {
                billing_id,
                instance_id: id,
                vm_name: name,
                gpu_type,
                gpu_count: 1,
                tier: "legacy",
                times,
                description: format!("{gpu_type} x1 for {name}"),
            }),
            Subject::Snapshot { id, name } => json_text(&SnapshotRecord {
                billing_id,
                snapshot_id: id,
                snapshot_name: name,
                size_gb: BILLED_SNAPSHOT_GB,
                tier: "legacy",
                times,
                description: format!("Snapshot storage for {name}"),
            }),
            Subject::Volume { id, name } => json_text(&VolumeRecord {
                billing_id,
                volume_id: id,
                volume_name: name,
                size_gb: VOLUME_GB,
                volume_type: "NVMe",
                tier: "Advanced",
                times,
                description: format!("Volume storage for {name}"),
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
struct VolumeRecord<'a> {
    billing_id: String,
    volume_id: &'a str,
    volume_name: &'a str,
    size_gb: u32,
    volume_type: &'a str,
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
                assert_eq!(i128::from(ledger.cost(Currency::Usd, now).0), sixtieths / 60);
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
        assert_eq!(ledger.cost(Currency::Usd, start.shifted(900_000_000_000)), SNAPSHOT_HOURLY);
        let mut text = String::new();
        ledger.answer(0, start.shifted(4_000_000_000), &mut text);
        assert!(text.contains(r#""total_cost":0.10,"#), "{text}");
    }
}
