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

#[cfg(test)]
mod tests {
    use crate::sim::fault_plan::FaultPlan;
    use crate::sim::probe::{cloud, create, delete, minutes, read, ready, send};

    #[tokio::test(start_paused = true)]
    async fn each_action_needs_its_status_and_leads_to_the_next() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let path = |verb: &str| format!("/instances/BRK-100001D/{verb}/");
        for (verb, meanwhile, into) in [
            ("stop", "STOPPING", "SHUTOFF"),
            ("start", "STARTING", "ACTIVE"),
            ("reboot", "REBOOTING", "ACTIVE"),
            ("hibernate", "HIBERNATING", "HIBERNATED"),
            ("restore", "RESTORING", "ACTIVE"),
        ] {
            let response = send(&cloud, "POST", &path(verb), "").await.unwrap();
            let text = String::from_utf8_lossy(response.body()).into_owned();
            assert!(text.contains(&format!(r#""status":"{meanwhile}""#)), "{verb}: {text}");
            minutes(3).await;
            assert_eq!(read(&cloud, "/instances/BRK-100001D/").await["instance"]["status"], into);
        }
        assert_eq!(send(&cloud, "POST", &path("start"), "").await.unwrap().status(), 400);
        assert_eq!(send(&cloud, "POST", &path("dance"), "").await.unwrap().status(), 404);
        assert_eq!(send(&cloud, "DELETE", "/instances/BRK-100001D/", "").await.unwrap().status(), 200);
        assert_eq!(read(&cloud, "/instances/").await["total"], 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_being_restored_from_is_shown_so_and_not_deleted() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let id = ready(&cloud, "qm-a", "").await;
        let path = format!("/snapshots/{id}/restore/");
        let restored = send(&cloud, "POST", &path, r#"{"name":"again"}"#).await.unwrap();
        assert_eq!(restored.status(), 201);
        assert_eq!(read(&cloud, "/snapshots/").await["snapshots"][0]["status"], "RESTORING");
        assert_eq!(delete(&cloud, &id).await.unwrap().status(), 409);
        minutes(41).await;
        assert_eq!(read(&cloud, "/snapshots/").await["snapshots"][0]["status"], "SUCCESS");
        assert_eq!(read(&cloud, "/instances/BRK-100004D/").await["instance"]["status"], "ACTIVE");
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_restarts_for_its_snapshot_is_shut_off_meanwhile() {
        let cloud = cloud("restarts", FaultPlan::none(1));
        create(&cloud, 1, "qm-a", "").await.unwrap();
        assert_eq!(read(&cloud, "/instances/").await["instances"][0]["status"], "SHUTOFF");
        minutes(25).await;
        assert_eq!(read(&cloud, "/instances/").await["instances"][0]["status"], "ACTIVE");
    }
}
