//! The routes of machines beyond their list: actions, deletion, restores, and what can be snapshotted.

use axum::extract::{Path, State};
use bytes::Bytes;
use http::{StatusCode, Uri};
use serde::Deserialize;

use crate::sim::answer::{Answer, json_text};
use crate::sim::cloud::Cloud;
use crate::sim::machine::{Action, Machine, MachineStatus};
use crate::sim::routes::{found, one, parameters, refused, unreadable};
use crate::sim::world::Refusal;

#[derive(Deserialize)]
struct Named {
    name: String,
}

pub async fn act(State(cloud): State<Cloud>, Path((wanted, verb)): Path<(String, String)>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        let Some(action) = Action::parse(&verb) else { return refused(Refusal::NotThere, &id) };
        match inside.world.act(&wanted, action) {
            Ok(machine) => {
                let text = machine.rendered(cloud.dialect);
                one(&cloud, StatusCode::OK, "instance", &text, &id)
            }
            Err(refusal) => refused(refusal, &id),
        }
    })
}

pub async fn delete(State(cloud): State<Cloud>, Path(wanted): Path<String>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        match inside.world.delete_machine(&wanted) {
            Ok(()) => found("", &id),
            Err(refusal) => refused(refusal, &id),
        }
    })
}

/// A new machine of a snapshot's content.
pub async fn restore(State(cloud): State<Cloud>, Path(wanted): Path<String>, body: Bytes) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        let Ok(Named { name }) = serde_json::from_slice(&body) else { return unreadable("name", &id) };
        let restored = inside.world.restore_snapshot(&wanted, name);
        let machine = restored.map(|number| inside.world.machines().find(|one| one.number == number));
        match machine {
            Ok(Some(machine)) => {
                let text = machine.rendered(cloud.dialect);
                one(&cloud, StatusCode::CREATED, "instance", &text, &id)
            }
            Ok(None) => refused(Refusal::NoSuchMachine, &id),
            Err(refusal) => refused(refusal, &id),
        }
    })
}

pub async fn eligible(State(cloud): State<Cloud>, uri: Uri) -> Answer {
    let region = parameters(&uri).get("region").cloned().filter(|region| !region.is_empty());
    cloud.enter(|inside| {
        let id = inside.request_id();
        let wanted = |machine: &&Machine| region.as_ref().is_none_or(|region| machine.region == region);
        let machines: Vec<String> = inside.world.machines().filter(wanted).map(eligibility).collect();
        found(&format!(r#""instances":[{}]"#, machines.join(",")), &id)
    })
}

/// Firewalls, public addresses: whatever is asked of one machine's, there is none.
pub async fn firewalls(State(cloud): State<Cloud>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        found(r#""firewalls":[]"#, &id)
    })
}

fn eligibility(machine: &Machine) -> String {
    let why = match machine.status {
        MachineStatus::Active if machine.running_snapshot.is_some() => Some("a snapshot is running"),
        MachineStatus::Active => None,
        _ => Some("the instance must be ACTIVE"),
    };
    format!(
        r#"{{"id":"{}","name":{},"status":"{}","region":"{}","eligible":{},"reason":{}}}"#,
        machine.id,
        json_text(&machine.name),
        machine.status.word(),
        machine.region,
        why.is_none(),
        json_text(&why)
    )
}
