//! The stored form of events: each kind's name, version, subject, natural key and body.
//!
//! Old versions are read for ever: a kind that changes gets a new version here, and its old one an
//! upcast. Nothing else in the program knows how an event is written down.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::billing::event::{Billed, Grown};
use crate::domain::digest::Digest;
use crate::domain::effect::Verb;
use crate::domain::event::{Event, Lapsed, Recorded};
use crate::domain::fleet::{Change, Item, Scope};
use crate::domain::time::Timestamp;
use crate::journal::entry::{Entry, Key, Row};

/// A stored event that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("read event {seq} of kind {kind:?}, version {version}")]
pub struct Unreadable {
    pub seq: u64,
    pub kind: String,
    pub version: u16,
    #[source]
    pub source: Option<serde_json::Error>,
}

/// The only version so far of every kind.
const FIRST: u16 = 1;

pub fn encode(event: &Event) -> Entry {
    let (kind, body) = match event {
        Event::Started(body) => ("started", text(body)),
        Event::Stopped(body) => ("stopped", text(body)),
        Event::ClockStepped(body) => ("clock_stepped", text(body)),
        Event::PoliciesAdopted(body) => ("policies_adopted", text(body)),
        Event::Called(body) => ("called", text(body)),
        Event::Looked(body) => ("looked", text(body)),
        Event::Observed(body) => ("observed", text(body)),
        Event::Asked(body) => ("asked", text(body)),
        Event::SlotDecided(body) => ("slot_decided", text(body)),
        Event::Intended(body) => ("intended", text(body)),
        Event::Settled(body) => ("settled", text(body)),
        Event::Judged(body) => ("judged", text(body)),
        Event::Doomed(body) => ("doomed", text(body)),
        Event::Spared(body) => ("spared", text(body)),
        Event::Lapsed(body) => ("lapsed", text(body)),
        Event::Anomaly(body) => ("anomaly", text(body)),
        Event::KeyJudged(body) => ("key_judged", text(body)),
        Event::TotalDisbelieved(body) => ("total_disbelieved", text(body)),
        Event::Postponed(body) => ("postponed", text(body)),
        Event::Billed(body) => ("billed", text(body)),
        Event::FinalsDiffered(body) => ("finals_differed", text(body)),
        Event::HourClosed(body) => ("hour_closed", text(body)),
        Event::DayClosed(body) => ("day_closed", text(body)),
        Event::ToppedUp(body) => ("topped_up", text(body)),
    };
    Entry {
        kind: kind.to_owned(),
        version: FIRST,
        subject: subject(event),
        key: key(event),
        occurred_at: occurred_at(event),
        body,
    }
}

/// Every kind, for what must name them all.
pub const KINDS: [&str; 24] = [
    "started",
    "stopped",
    "clock_stepped",
    "policies_adopted",
    "called",
    "looked",
    "observed",
    "asked",
    "slot_decided",
    "intended",
    "settled",
    "judged",
    "doomed",
    "spared",
    "lapsed",
    "anomaly",
    "key_judged",
    "total_disbelieved",
    "postponed",
    "billed",
    "finals_differed",
    "hour_closed",
    "day_closed",
    "topped_up",
];

pub fn decode(row: &Row) -> Result<Recorded, Unreadable> {
    let Entry { kind, version, body, .. } = &row.entry;
    let unreadable = |source| Unreadable { seq: row.seq.0, kind: kind.clone(), version: *version, source };
    if *version != FIRST {
        return Err(unreadable(None));
    }
    let event = match kind.as_str() {
        "started" => read(body).map(Event::Started),
        "stopped" => read(body).map(Event::Stopped),
        "clock_stepped" => read(body).map(Event::ClockStepped),
        "policies_adopted" => read(body).map(Event::PoliciesAdopted),
        "called" => read(body).map(Event::Called),
        "looked" => read(body).map(Event::Looked),
        "observed" => read(body).map(Event::Observed),
        "asked" => read(body).map(Event::Asked),
        "slot_decided" => read(body).map(Event::SlotDecided),
        "intended" => read(body).map(Event::Intended),
        "settled" => read(body).map(Event::Settled),
        "judged" => read(body).map(Event::Judged),
        "doomed" => read(body).map(Event::Doomed),
        "spared" => read(body).map(Event::Spared),
        "lapsed" => read(body).map(Event::Lapsed),
        "anomaly" => read(body).map(Event::Anomaly),
        "key_judged" => read(body).map(Event::KeyJudged),
        "total_disbelieved" => read(body).map(Event::TotalDisbelieved),
        "postponed" => read(body).map(Event::Postponed),
        "billed" => read(body).map(Event::Billed),
        "finals_differed" => read(body).map(Event::FinalsDiffered),
        "hour_closed" => read(body).map(Event::HourClosed),
        "day_closed" => read(body).map(Event::DayClosed),
        "topped_up" => read(body).map(Event::ToppedUp),
        _ => return Err(unreadable(None)),
    };
    let event = event.map_err(|source| unreadable(Some(source)))?;
    Ok(Recorded { seq: row.seq.0, at: row.recorded_at, event })
}

fn text<Body: Serialize>(body: &Body) -> String {
    // Only a map with keys that are no text could fail, and no event has one.
    serde_json::to_string(body).unwrap_or_default()
}

fn read<Body: DeserializeOwned>(body: &str) -> Result<Body, serde_json::Error> {
    serde_json::from_str(body)
}

/// The id that the event is about, as a person would look for it.
fn subject(event: &Event) -> String {
    match event {
        Event::Started(_) | Event::Stopped(_) | Event::ClockStepped(_) | Event::PoliciesAdopted(_) => {
            String::new()
        }
        Event::Called(call) => call.object.clone().unwrap_or_default(),
        Event::Looked(look) => match &look.scope {
            Scope::Snapshot(id) | Scope::Links(id) => id.to_string(),
            Scope::Machines
            | Scope::Snapshots
            | Scope::Images
            | Scope::Balance
            | Scope::Prices
            | Scope::Billing(..) => look.scope.word().to_owned(),
        },
        Event::Observed(observed) => match &observed.change {
            Change::Seen(Item::Machine(machine)) => machine.id.to_string(),
            Change::Seen(Item::Snapshot(snapshot)) => snapshot.id.to_string(),
            Change::Seen(Item::Image(image)) => image.id.to_string(),
            Change::Seen(Item::Balance(_)) => "balance".to_owned(),
            Change::Seen(Item::Prices(_)) => "prices".to_owned(),
            Change::Seen(Item::Links { snapshot, .. }) => snapshot.to_string(),
            Change::MachineMissing(id) => id.to_string(),
            Change::SnapshotMissing(id) => id.to_string(),
            Change::ImageMissing(id) => id.to_string(),
        },
        Event::Asked(asked) => asked.id.to_string(),
        Event::SlotDecided(decided) => decided.slot.machine.to_string(),
        Event::Intended(intended) => match &intended.effect.verb {
            Verb::CreateSnapshot { backup, .. } | Verb::DeleteSnapshot { backup, .. } => backup.to_string(),
        },
        Event::Settled(settled) => settled.effect.to_string(),
        Event::Judged(judged) => judged.backup.to_string(),
        Event::Doomed(doomed) => doomed.backup.to_string(),
        Event::Spared(spared) => spared.backup.to_string(),
        Event::Lapsed(Lapsed::Freeze { .. }) => "freeze".to_owned(),
        Event::Lapsed(Lapsed::Request { ask, .. }) => ask.to_string(),
        Event::Anomaly(anomaly) => anomaly.about.clone(),
        Event::KeyJudged(_) => String::new(),
        Event::TotalDisbelieved(of) => of.scope.word().to_owned(),
        Event::Postponed(postponed) => postponed.backup.to_string(),
        Event::Billed(billed) => billed.kind.word().to_owned(),
        Event::FinalsDiffered(differed) => differed.kind.word().to_owned(),
        Event::HourClosed(closed) => closed.kind.word().to_owned(),
        Event::DayClosed(closed) => closed.kind.word().to_owned(),
        Event::ToppedUp(topped) => topped.currency.code().to_owned(),
    }
}

/// What makes two writings of the same fact the same fact.
fn key(event: &Event) -> Option<Key> {
    let fields: Vec<String> = match event {
        Event::Intended(intended) => {
            vec!["intended".to_owned(), intended.effect.id.to_string(), intended.attempt.to_string()]
        }
        Event::Asked(asked) => vec!["asked".to_owned(), asked.id.to_string()],
        Event::Billed(billed) => revisions(billed),
        Event::Started(_)
        | Event::Stopped(_)
        | Event::ClockStepped(_)
        | Event::PoliciesAdopted(_)
        | Event::Called(_)
        | Event::Looked(_)
        | Event::Observed(_)
        | Event::SlotDecided(_)
        | Event::Settled(_)
        | Event::Judged(_)
        | Event::Doomed(_)
        | Event::Spared(_)
        | Event::Lapsed(_)
        | Event::Anomaly(_)
        | Event::KeyJudged(_)
        | Event::TotalDisbelieved(_)
        | Event::Postponed(_)
        | Event::FinalsDiffered(_)
        | Event::HourClosed(_)
        | Event::DayClosed(_)
        | Event::ToppedUp(_) => return None,
    };
    Some(Key(Digest::of_fields(fields.iter().map(String::as_bytes)).half()))
}

/// A walk's revisions, by kind, record and ordinal: no walk can be stored twice.
fn revisions(billed: &Billed) -> Vec<String> {
    let grown = billed.grown.iter().map(|Grown(id, ordinal, ..)| (id, ordinal));
    let sights = billed.sights.iter().map(|sight| (&sight.bill.id, &sight.ordinal));
    let each = grown.chain(sights).map(|(id, ordinal)| format!("{ordinal} {id}"));
    ["billed".to_owned(), billed.kind.word().to_owned()].into_iter().chain(each).collect()
}

/// The cloud's time of it, where the cloud told one.
fn occurred_at(event: &Event) -> Option<Timestamp> {
    match event {
        Event::Looked(look) => look.server_date,
        Event::Observed(observed) => match &observed.change {
            Change::Seen(Item::Machine(machine)) => machine.created_at,
            Change::Seen(Item::Snapshot(snapshot)) => snapshot.created_at,
            _ => None,
        },
        _ => None,
    }
}
