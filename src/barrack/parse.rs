//! One item of a list, or one object, into what the rest of the program knows.
//!
//! Only a readable id is needed; everything else may be missing, misspelt or new.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use crate::domain::fleet::{Gpus, Image, Item, Machine, MachineStatus, Snapshot, SnapshotStatus};
use crate::domain::id::{ImageId, MachineId, SnapshotId};

use super::spelling::{self, Row};
use super::wire::{self, Fields};

/// What the cloud lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listing {
    Machines,
    Snapshots,
    Images,
}

impl Listing {
    /// Where the items may be, the likeliest first.
    pub fn names(self) -> [&'static str; 4] {
        let own = match self {
            Self::Machines => "instances",
            Self::Snapshots => "snapshots",
            Self::Images => "images",
        };
        [own, "data", "results", "items"]
    }

    /// What is read of one item.
    pub fn rows(self) -> &'static [Row] {
        match self {
            Self::Machines => spelling::MACHINE,
            Self::Snapshots => spelling::SNAPSHOT,
            Self::Images => spelling::IMAGE,
        }
    }

    /// `None`: its id cannot be read.
    pub fn item(self, fields: &Fields) -> Option<Item> {
        match self {
            Self::Machines => machine(fields).map(Item::Machine),
            Self::Snapshots => snapshot(fields).map(Item::Snapshot),
            Self::Images => image(fields).map(Item::Image),
        }
    }
}

pub fn machine(fields: &Fields) -> Option<Machine> {
    Some(Machine {
        id: MachineId::new(wire::id(wire::first(fields, spelling::MACHINE_ID.1)?)?),
        name: wire::shown(fields, spelling::MACHINE_NAME.1),
        status: machine_status(&wire::shown(fields, spelling::STATUS.1)),
        region: wire::shown(fields, spelling::REGION.1),
        tier: wire::shown(fields, spelling::TIER.1),
        labels: wire::first(fields, spelling::LABELS.1).map(labels).unwrap_or_default(),
        gpus: gpus(fields),
        created_at: wire::first(fields, spelling::CREATED_AT.1).and_then(wire::instant),
    })
}

/// A model without a number, or a number without a model, says nothing of what it costs.
fn gpus(fields: &Fields) -> Option<Gpus> {
    let model = wire::shown(fields, spelling::GPU_MODEL.1);
    let count = wire::first(fields, spelling::GPU_COUNT.1).and_then(wire::text)?.trim().parse().ok()?;
    (!model.trim().is_empty()).then_some(Gpus { model, count })
}

/// A list of texts, or one text with commas; what is neither is no label.
fn labels(raw: &RawValue) -> BTreeSet<String> {
    let listed = wire::array(raw).map(|items| items.into_iter().filter_map(wire::text).collect());
    let texts: Vec<String> = listed.unwrap_or_else(|| {
        let text = wire::text(raw).unwrap_or_default();
        text.split(',').map(str::to_owned).collect()
    });
    let trimmed = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
    trimmed.take(MOST_LABELS).map(|text| wire::bounded(text.to_owned())).collect()
}

/// More are not kept: the cloud chooses how many there are, and the state holds them.
const MOST_LABELS: usize = 64;

/// What of a snapshot a deletion rests on: where it cannot be read, nobody can say whose it is.
fn unreadable_parts(fields: &Fields) -> Vec<String> {
    let is_told = |names: &[&str]| wire::first(fields, names).is_some_and(wire::is_text);
    let machine = wire::first(fields, spelling::MACHINE_OF.1);
    let parts = [
        ("name", is_told(spelling::SNAPSHOT_NAME.1)),
        ("status", is_told(spelling::STATUS.1)),
        // A cloud may leave it out; the name then says enough.
        ("machine", machine.is_none_or(|machine| wire::id(machine).is_some())),
    ];
    parts.into_iter().filter(|(_, readable)| !readable).map(|(part, _)| part.to_owned()).collect()
}

pub fn snapshot(fields: &Fields) -> Option<Snapshot> {
    Some(Snapshot {
        id: SnapshotId::new(wire::id(wire::first(fields, spelling::SNAPSHOT_ID.1)?)?),
        name: wire::shown(fields, spelling::SNAPSHOT_NAME.1),
        description: wire::shown(fields, spelling::DESCRIPTION.1),
        status: snapshot_status(&wire::shown(fields, spelling::STATUS.1)),
        size_bytes: wire::first(fields, spelling::SIZE.1).and_then(size_bytes),
        region: wire::shown(fields, spelling::REGION.1),
        machine: wire::first(fields, spelling::MACHINE_OF.1).and_then(wire::id).map(MachineId::new),
        created_at: wire::first(fields, spelling::CREATED_AT.1).and_then(wire::instant),
        is_image: matches!(
            wire::shown(fields, spelling::IS_IMAGE.1).to_ascii_lowercase().as_str(),
            "true" | "1"
        ),
        unreadable: unreadable_parts(fields),
    })
}

fn image(fields: &Fields) -> Option<Image> {
    Some(Image {
        id: ImageId::new(wire::id(wire::first(fields, spelling::IMAGE_ID.1)?)?),
        name: wire::shown(fields, spelling::NAME.1),
        status: wire::shown(fields, spelling::STATUS.1),
        snapshot: wire::first(fields, spelling::SNAPSHOT_OF.1).and_then(wire::id).map(SnapshotId::new),
    })
}

/// Gigabytes in billionths are bytes. Less than nothing is no size.
fn size_bytes(raw: &RawValue) -> Option<i64> {
    wire::decimal(raw).map(|size| size.0).filter(|bytes| *bytes >= 0)
}

fn machine_status(word: &str) -> MachineStatus {
    let known = word.trim().to_ascii_uppercase();
    match known.as_str() {
        "ACTIVE" => MachineStatus::Active,
        "SHUTOFF" | "STOPPED" => MachineStatus::Shutoff,
        "HIBERNATED" => MachineStatus::Hibernated,
        "DELETED" => MachineStatus::Deleted,
        "ERROR" => MachineStatus::Error,
        "CREATING" | "BUILD" | "STARTING" | "STOPPING" | "HIBERNATING" | "RESTORING" | "REBOOTING"
        | "DELETING" => MachineStatus::Changing(known),
        _ => MachineStatus::Unknown(word.to_owned()),
    }
}

fn snapshot_status(word: &str) -> SnapshotStatus {
    match word.trim().to_ascii_uppercase().as_str() {
        "SUCCESS" | "AVAILABLE" | "SUCCESSFUL" | "COMPLETE" | "COMPLETED" => SnapshotStatus::Ready,
        "CREATING" | "PENDING" | "BUILD" | "QUEUED" | "UPLOADING" => SnapshotStatus::Pending,
        "ERROR" | "FAILED" => SnapshotStatus::Failed,
        _ => SnapshotStatus::Unknown(word.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Snapshot> {
        snapshot(&wire::fields(json.as_bytes()).unwrap())
    }

    #[test]
    fn a_snapshot_is_the_same_in_every_dialect() {
        let plain = read(
            r#"{"id":"BRK-1S","name":"a","description":"d","status":"SUCCESS","size_gb":100.5,"region":"CANADA-1",
                "instance_id":"BRK-1D","is_image":false,"created_at":"2026-03-01T02:00:07Z","new":{"x":[1]}}"#,
        );
        let other = read(
            r#"{"snapshot_id":"BRK-1S","id":null,"name":"a","description":"d","status":" available","size":"100.50",
                "region":"CANADA-1","vm_id":"BRK-1D","created_at":1772330407,"labels":"x"}"#,
        );
        assert_eq!(plain, other);
        let plain = plain.unwrap();
        assert_eq!((plain.size_bytes, plain.status), (Some(100_500_000_000), SnapshotStatus::Ready));
    }

    #[test]
    fn all_but_the_id_may_be_unreadable() {
        let odd = read(
            r#"{"id":7,"name":["a"],"status":"Archived","size_gb":-1,"created_at":{},"instance_id":""}"#,
        )
        .unwrap();
        assert_eq!((odd.id.as_str(), odd.name.as_str()), ("7", r#"["a"]"#));
        assert_eq!(odd.status, SnapshotStatus::Unknown("Archived".to_owned()));
        assert_eq!((odd.size_bytes, odd.created_at, odd.machine), (None, None, None));
        assert_eq!(read(r#"{"name":"a"}"#), None);
    }

    #[test]
    fn a_part_that_cannot_be_read_is_named_and_what_may_be_missing_is_not() {
        let plain = r#"{"id":"1","name":"a","status":"SUCCESS","instance_id":"D"}"#;
        for (json, parts) in [
            (plain, ""),
            (r#"{"id":"1","name":"a","status":"Archived"}"#, ""),
            (
                r#"{"id":"1","name":"a","status":"SUCCESS","size_gb":"?","created_at":[],"instance_id":null}"#,
                "",
            ),
            (r#"{"id":"1","name":["a"],"status":"SUCCESS"}"#, "name"),
            (r#"{"id":"1","status":"SUCCESS"}"#, "name"),
            (r#"{"id":"1","name":"a","status":{"now":"SUCCESS"}}"#, "status"),
            (r#"{"id":"1","name":"a","status":null}"#, "status"),
            (r#"{"id":"1","name":"a","status":"SUCCESS","vm_id":{}}"#, "machine"),
            (r#"{"id":"1","name":"a","status":"SUCCESS","status":"ERROR"}"#, "status"),
            (r#"{"id":"1","name":null,"instance_id":""}"#, "name status machine"),
        ] {
            let fields = wire::fields(json.as_bytes()).unwrap();
            assert_eq!(snapshot(&fields).unwrap().unreadable.join(" "), parts, "{json}");
        }
    }

    #[test]
    fn an_id_is_a_text_or_a_number_and_two_ids_are_none() {
        let id = |json: &str| snapshot(&wire::fields(json.as_bytes()).unwrap()).map(|s| s.id.to_string());
        assert_eq!(id(r#"{"id":7,"name":"a"}"#).as_deref(), Some("7"));
        assert_eq!(id(r#"{"id":"7","snapshot_id":8}"#).as_deref(), Some("7"));
        assert_eq!(id(r#"{"id":"7","id":"7"}"#).as_deref(), Some("7"));
        for none in [r#"{"id":"7","id":"8"}"#, r#"{"id":1.5}"#, r#"{"id":[7]}"#, r#"{"id":""}"#, "{}"] {
            assert_eq!(id(none), None, "{none}");
        }
    }

    #[test]
    fn a_size_is_read_as_number_or_text_and_nonsense_is_no_size() {
        for (json, bytes) in [
            ("100", Some(100_000_000_000)),
            ("\"0.5\"", Some(500_000_000)),
            ("0", Some(0)),
            ("1e2", Some(100_000_000_000)),
            ("-1", None),
            ("1e40", None),
            ("99999999999999999999", None),
            ("\"NaN\"", None),
            ("\"big\"", None),
            ("null", None),
            ("[1]", None),
        ] {
            for name in ["size_gb", "size"] {
                let size = read(&format!(r#"{{"id":"1","{name}":{json}}}"#)).unwrap().size_bytes;
                assert_eq!(size, bytes, "{name} {json}");
            }
        }
    }

    #[test]
    fn words_for_a_snapshot_are_known_in_any_case_or_kept() {
        for (word, status) in [
            ("success", SnapshotStatus::Ready),
            ("Available", SnapshotStatus::Ready),
            (" COMPLETED ", SnapshotStatus::Ready),
            ("creating", SnapshotStatus::Pending),
            ("Queued", SnapshotStatus::Pending),
            ("error", SnapshotStatus::Failed),
            ("Frozen", SnapshotStatus::Unknown("Frozen".to_owned())),
            ("", SnapshotStatus::Unknown(String::new())),
        ] {
            assert_eq!(snapshot_status(word), status, "{word}");
        }
    }

    #[test]
    fn words_for_a_machine_are_known_in_any_case_or_kept() {
        assert_eq!(machine_status("active"), MachineStatus::Active);
        assert_eq!(machine_status("Stopped"), MachineStatus::Shutoff);
        assert_eq!(machine_status("hibernating"), MachineStatus::Changing("HIBERNATING".to_owned()));
        assert_eq!(machine_status("Paused"), MachineStatus::Unknown("Paused".to_owned()));
    }

    #[test]
    fn labels_are_read_from_a_list_or_from_one_text_and_bounded() {
        let labels = |json: &str| {
            let text = format!(r#"{{"id":"BRK-1D","tier":"legacy","labels":{json}}}"#);
            machine(&serde_json::from_str(&text).unwrap()).unwrap().labels.into_iter().collect::<Vec<_>>()
        };
        assert_eq!(labels(r#"["env=prod", " critical ", "", {"a":1}]"#), ["critical", "env=prod"]);
        assert_eq!(labels(r#""env=prod, critical,""#), ["critical", "env=prod"]);
        assert_eq!(labels(r#"{"env":"prod"}"#), [""; 0]);
        assert_eq!(labels("null"), [""; 0]);
        let many: Vec<String> = (0..500).map(|number| format!("\"label-{number}\"")).collect();
        assert_eq!(labels(&format!("[{}]", many.join(","))).len(), MOST_LABELS);
    }
}
