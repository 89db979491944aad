//! The stored form of events: each kind's name, version, subject, natural key and body.
//!
//! Old versions are read for ever: a kind that changes gets a new version here, and its old one an
//! upcast. Nothing else in the program knows how an event is written down.

use std::borrow::Cow;

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

/// How the stored body of one version of a kind becomes that of the next.
struct Step {
    kind: &'static str,
    lift: fn(String) -> Result<String, serde_json::Error>,
}

/// Every change of a stored form, the oldest first. The version of a kind is one more than its steps,
/// and each version has its golden file in `tests/golden`, which stays there for ever.
const STEPS: &[Step] = &[
    // `rules.billing_every`, `rules.grace_after_edit` and `images` came, and have defaults.
    Step { kind: "policies_adopted", lift: Ok },
    // `alerts` came, and has defaults.
    Step { kind: "policies_adopted", lift: Ok },
    // Of the printed prices there was a digest alone.
    Step { kind: "observed", lift: prices_from_digest },
];

/// What the prices were is unknown, but for whether they changed.
fn prices_from_digest(body: String) -> Result<String, serde_json::Error> {
    if !body.contains(r#"{"prices":""#) {
        return Ok(body);
    }
    let mut value: serde_json::Value = serde_json::from_str(&body)?;
    if let Some(prices) = value.pointer_mut("/change/seen/prices").filter(|prices| prices.is_string()) {
        *prices = serde_json::json!({ "digest": prices.take() });
    }
    serde_json::to_string(&value)
}

/// The version in which events of this kind are written.
pub fn version(kind: &str) -> u16 {
    newest(STEPS, kind)
}

fn newest(steps: &[Step], kind: &str) -> u16 {
    steps.iter().filter(|step| step.kind == kind).fold(1, |version, _| version + 1)
}

/// The body as the newest version has it; nothing if no such version was ever written.
fn lifted<'a>(
    steps: &[Step],
    kind: &str,
    version: u16,
    body: &'a str,
) -> Option<Result<Cow<'a, str>, serde_json::Error>> {
    let newest = newest(steps, kind);
    if version == newest {
        return Some(Ok(Cow::Borrowed(body)));
    }
    let taken = usize::from(version.checked_sub(1).filter(|_| version < newest)?);
    let mut left = steps.iter().filter(|step| step.kind == kind).skip(taken);
    Some(left.try_fold(body.to_owned(), |body, step| (step.lift)(body)).map(Cow::Owned))
}

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
        Event::Reloaded(body) => ("reloaded", text(body)),
        Event::BusyAnswered(body) => ("busy_answered", text(body)),
        Event::DowntimeSeen(body) => ("downtime_seen", text(body)),
        Event::KeyJudged(body) => ("key_judged", text(body)),
        Event::TotalDisbelieved(body) => ("total_disbelieved", text(body)),
        Event::Postponed(body) => ("postponed", text(body)),
        Event::Billed(body) => ("billed", text(body)),
        Event::FinalsDiffered(body) => ("finals_differed", text(body)),
        Event::HourClosed(body) => ("hour_closed", text(body)),
        Event::DayClosed(body) => ("day_closed", text(body)),
        Event::ToppedUp(body) => ("topped_up", text(body)),
        Event::AlertChanged(body) => ("alert_changed", text(body)),
        Event::LetterQueued(body) => ("letter_queued", text(body)),
        Event::LetterTried(body) => ("letter_tried", text(body)),
    };
    Entry {
        kind: kind.to_owned(),
        version: version(kind),
        subject: subject(event),
        key: key(event),
        occurred_at: occurred_at(event),
        body,
    }
}

/// Every kind, for what must name them all.
pub const KINDS: [&str; 30] = [
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
    "reloaded",
    "busy_answered",
    "downtime_seen",
    "key_judged",
    "total_disbelieved",
    "postponed",
    "billed",
    "finals_differed",
    "hour_closed",
    "day_closed",
    "topped_up",
    "alert_changed",
    "letter_queued",
    "letter_tried",
];

pub fn decode(row: &Row) -> Result<Recorded, Unreadable> {
    let Entry { kind, version, body, .. } = &row.entry;
    let unreadable = |source| Unreadable { seq: row.seq.0, kind: kind.clone(), version: *version, source };
    let body = lifted(STEPS, kind, *version, body).ok_or_else(|| unreadable(None))?;
    let body = &body.map_err(|source| unreadable(Some(source)))?;
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
        "reloaded" => read(body).map(Event::Reloaded),
        "busy_answered" => read(body).map(Event::BusyAnswered),
        "downtime_seen" => read(body).map(Event::DowntimeSeen),
        "key_judged" => read(body).map(Event::KeyJudged),
        "total_disbelieved" => read(body).map(Event::TotalDisbelieved),
        "postponed" => read(body).map(Event::Postponed),
        "billed" => read(body).map(Event::Billed),
        "finals_differed" => read(body).map(Event::FinalsDiffered),
        "hour_closed" => read(body).map(Event::HourClosed),
        "day_closed" => read(body).map(Event::DayClosed),
        "topped_up" => read(body).map(Event::ToppedUp),
        "alert_changed" => read(body).map(Event::AlertChanged),
        "letter_queued" => read(body).map(Event::LetterQueued),
        "letter_tried" => read(body).map(Event::LetterTried),
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
        Event::Reloaded(_) => String::new(),
        Event::BusyAnswered(answered) => answered.slot.machine.to_string(),
        Event::DowntimeSeen(seen) => seen.machine.to_string(),
        Event::KeyJudged(_) => String::new(),
        Event::TotalDisbelieved(of) => of.scope.word().to_owned(),
        Event::Postponed(postponed) => postponed.backup.to_string(),
        Event::Billed(billed) => billed.kind.word().to_owned(),
        Event::FinalsDiffered(differed) => differed.kind.word().to_owned(),
        Event::HourClosed(closed) => closed.kind.word().to_owned(),
        Event::DayClosed(closed) => closed.kind.word().to_owned(),
        Event::ToppedUp(topped) => topped.currency.code().to_owned(),
        Event::AlertChanged(changed) => changed.matter.into(),
        Event::LetterQueued(letter) => letter.id.to_string(),
        Event::LetterTried(tried) => tried.letter.to_string(),
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
        Event::LetterQueued(letter) => vec!["letter".to_owned(), letter.id.to_string()],
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
        | Event::Reloaded(_)
        | Event::BusyAnswered(_)
        | Event::DowntimeSeen(_)
        | Event::KeyJudged(_)
        | Event::TotalDisbelieved(_)
        | Event::Postponed(_)
        | Event::FinalsDiffered(_)
        | Event::HourClosed(_)
        | Event::DayClosed(_)
        | Event::ToppedUp(_)
        | Event::AlertChanged(_)
        | Event::LetterTried(_) => return None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ask::{Ask, Halted};
    use crate::domain::event::Observed;
    use crate::domain::event::{KeyJudged, Postponed, TotalDisbelieved};
    use crate::domain::fleet::{Look, LookResult};
    use crate::domain::id::{BackupId, PolicyName};
    use crate::domain::price::Prices;

    #[test]
    fn what_is_told_of_doubts_is_stored_in_these_forms() {
        let (backup, why) = (BackupId::new("qm-a"), "it is pinned".to_owned());
        let excess = TotalDisbelieved { scope: Scope::Snapshots, excess: 5 };
        let retry = Ask::Retry { halted: Halted::Policy(PolicyName::new("daily")) };
        for (stored, form) in [
            (text(&KeyJudged { refused: Some(401) }), r#"{"refused":401}"#),
            (text(&KeyJudged { refused: None }), "{}"),
            (text(&excess), r#"{"scope":"snapshots","excess":5}"#),
            (text(&Postponed { backup, why }), r#"{"backup":"qm-a","why":"it is pinned"}"#),
            (text(&retry), r#"{"retry":{"halted":{"policy":"daily"}}}"#),
        ] {
            assert_eq!(stored, form);
        }
        assert_eq!(read::<KeyJudged>("{}").unwrap(), KeyJudged { refused: None });
        assert_eq!(read::<Ask>(&text(&retry)).unwrap(), retry);
    }

    #[test]
    fn a_look_from_before_totals_were_doubted_is_still_read() {
        let look = Look {
            scope: Scope::Snapshots,
            began: Timestamp::EPOCH,
            result: LookResult::Complete,
            digest: Digest::default(),
            items: 0,
            server_date: None,
            miscount: None,
        };
        let stored = text(&look);
        assert!(!stored.contains("miscount"));
        assert_eq!(read::<Look>(&stored).unwrap(), look);
    }

    #[test]
    fn prices_of_which_only_a_digest_was_stored_are_still_read() {
        let digest = Digest::of(b"prices");
        let old = format!(r#"{{"change":{{"seen":{{"prices":"{digest}"}}}},"raw":"{{\"a\":1}}"}}"#);
        let new = lifted(STEPS, "observed", 1, &old).unwrap().unwrap();
        let Observed { change, raw } = read(&new).unwrap();
        let prices = Prices { digest, ..Prices::default() };
        assert_eq!((change, raw.as_str()), (Change::Seen(Item::Prices(prices)), r#"{"a":1}"#));
        let other = r#"{"change":{"machine_missing":"{\"prices\":\""},"raw":""}"#;
        assert_eq!(read::<Observed>(&lifted(STEPS, "observed", 1, other).unwrap().unwrap()).unwrap().raw, "");
    }

    fn word(body: String, from: &str, to: &str) -> Result<String, serde_json::Error> {
        let mut value: serde_json::Value = serde_json::from_str(&body)?;
        if let Some(fields) = value.as_object_mut() {
            let moved = fields.remove(from).unwrap_or_default();
            fields.insert(to.to_owned(), moved);
        }
        serde_json::to_string(&value)
    }

    const TWO_CHANGES: [Step; 3] = [
        Step { kind: "stopped", lift: |body| word(body, "because", "reason") },
        Step { kind: "started", lift: |body| word(body, "number", "version") },
        Step { kind: "stopped", lift: |body| word(body, "reason", "why") },
    ];

    #[test]
    fn each_old_version_is_lifted_step_by_step_to_the_newest() {
        let read = |version, body| {
            lifted(&TWO_CHANGES, "stopped", version, body).map(|lifted| lifted.unwrap().into_owned())
        };
        let newest = Some(r#"{"why":"a signal"}"#.to_owned());
        assert_eq!(read(1, r#"{"because":"a signal"}"#), newest);
        assert_eq!(read(2, r#"{"reason":"a signal"}"#), newest);
        assert_eq!(read(3, r#"{"why":"a signal"}"#), newest);
        assert_eq!((read(0, "{}"), read(4, "{}")), (None, None));
        assert!(lifted(&TWO_CHANGES, "stopped", 1, "no json").unwrap().is_err());
        assert_eq!(newest_of(["stopped", "started", "looked"]), [3, 2, 1]);
    }

    fn newest_of(kinds: [&str; 3]) -> [u16; 3] {
        kinds.map(|kind| newest(&TWO_CHANGES, kind))
    }
}
