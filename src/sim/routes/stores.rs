//! The routes of volumes and images.

use axum::extract::{Path, State};
use bytes::Bytes;
use http::{StatusCode, Uri};
use serde::Deserialize;

use crate::sim::answer::Answer;
use crate::sim::cloud::{Cloud, Inside};
use crate::sim::dialect::Way;
use crate::sim::routes::{Told, found, list, no_images, one, parameters, refused, unreadable};
use crate::sim::volume::Volume;
use crate::sim::world::Refusal;
use crate::sim::world::stores::WantedVolume;

#[derive(Deserialize)]
struct VolumeBody {
    name: String,
    size_gb: u32,
    region: String,
    #[serde(default = "usual_type")]
    volume_type: String,
    #[serde(default)]
    bootable: bool,
}

#[derive(Deserialize)]
struct ActionBody {
    instance_id: Option<String>,
    name: Option<String>,
    size_gb: Option<u32>,
}

#[derive(Deserialize)]
struct ImageBody {
    snapshot_id: String,
    name: String,
}

fn usual_type() -> String {
    "SSD".to_owned()
}

pub async fn list_volumes(State(cloud): State<Cloud>, uri: Uri, told: Told) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        let now = inside.world.now();
        let texts: Vec<String> =
            inside.world.volumes().map(|volume| volume.rendered(cloud.dialect, now)).collect();
        let (answer, bent) = list(&cloud, "volumes", &texts, &parameters(&uri), &told, &id);
        inside.count_bent(bent);
        answer
    })
}

pub async fn show_volume(State(cloud): State<Cloud>, Path(wanted): Path<String>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        let volume = inside.world.volume(&wanted).cloned();
        shown(&cloud, inside, volume, StatusCode::OK, &id)
    })
}

pub async fn create_volume(State(cloud): State<Cloud>, body: Bytes) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        let Ok(body) = serde_json::from_slice::<VolumeBody>(&body) else {
            return unreadable("name, size_gb and region", &id);
        };
        let VolumeBody { name, size_gb, region, volume_type, bootable } = body;
        let wanted = WantedVolume { name, size_gb, region, volume_type, bootable };
        let volume = inside.world.create_volume(wanted).cloned();
        shown(&cloud, inside, volume, StatusCode::CREATED, &id)
    })
}

pub async fn act_on_volume(
    State(cloud): State<Cloud>,
    Path((wanted, verb)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
        let Ok(body) = serde_json::from_slice::<ActionBody>(&body) else {
            return unreadable("other things", &id);
        };
        let world = &mut inside.world;
        let (status, volume) = match (verb.as_str(), body.instance_id, body.name, body.size_gb) {
            ("attach", Some(machine), _, _) => (StatusCode::OK, world.attach(&wanted, &machine)),
            ("detach", _, _, _) => (StatusCode::OK, world.detach(&wanted)),
            ("clone", _, Some(name), _) => (StatusCode::CREATED, world.clone_volume(&wanted, name)),
            ("resize", _, _, Some(size_gb)) => (StatusCode::OK, world.resize_volume(&wanted, size_gb)),
            ("attach" | "clone" | "resize", _, _, _) => {
                return unreadable("instance_id, name or size_gb", &id);
            }
            _ => return refused(Refusal::NotThere, &id),
        };
        let volume = volume.cloned();
        shown(&cloud, inside, volume, status, &id)
    })
}

pub async fn delete_volume(State(cloud): State<Cloud>, Path(wanted): Path<String>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        match inside.world.delete_volume(&wanted) {
            Ok(()) => found("", &id),
            Err(refusal) => refused(refusal, &id),
        }
    })
}

pub async fn list_images(State(cloud): State<Cloud>, uri: Uri, told: Told) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        if cloud.dialect.has(Way::NoImages) {
            return Answer::error(StatusCode::NOT_FOUND, "NOT_FOUND", "Not found.", &id);
        }
        let now = inside.world.now();
        let texts: Vec<String> =
            inside.world.images().map(|image| image.rendered(cloud.dialect, now)).collect();
        let (answer, bent) = list(&cloud, "images", &texts, &parameters(&uri), &told, &id);
        inside.count_bent(bent);
        answer
    })
}

pub async fn show_image(State(cloud): State<Cloud>, Path(wanted): Path<String>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        if cloud.dialect.has(Way::NoImages) {
            return no_images(&id);
        }
        let now = inside.world.now();
        match inside.world.images().find(|image| image.id == wanted) {
            Some(image) => one(&cloud, StatusCode::OK, "image", &image.rendered(cloud.dialect, now), &id),
            None => refused(Refusal::NotThere, &id),
        }
    })
}

pub async fn create_image(State(cloud): State<Cloud>, body: Bytes) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        if cloud.dialect.has(Way::NoImages) {
            return no_images(&id);
        }
        let Ok(ImageBody { snapshot_id, name }) = serde_json::from_slice(&body) else {
            return unreadable("snapshot_id and name", &id);
        };
        let now = inside.world.now();
        match inside.world.create_image(&snapshot_id, name) {
            Ok(image) => {
                let text = image.rendered(cloud.dialect, now);
                one(&cloud, StatusCode::CREATED, "image", &text, &id)
            }
            Err(refusal) => refused(refusal, &id),
        }
    })
}

pub async fn delete_image(State(cloud): State<Cloud>, Path(wanted): Path<String>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        match inside.world.delete_image(&wanted) {
            Ok(()) => found("", &id),
            Err(refusal) => refused(refusal, &id),
        }
    })
}

fn shown(
    cloud: &Cloud,
    inside: &Inside,
    volume: Result<Volume, Refusal>,
    status: StatusCode,
    id: &str,
) -> Answer {
    match volume {
        Ok(volume) => one(cloud, status, "volume", &volume.rendered(cloud.dialect, inside.world.now()), id),
        Err(refusal) => refused(refusal, id),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::sim::cloud::Cloud;
    use crate::sim::fault_plan::FaultPlan;
    use crate::sim::probe::{cloud, delete, minutes, read, ready, send};

    async fn post(cloud: &Cloud, path: &str, body: &str) -> (u16, Value) {
        let response = send(cloud, "POST", path, body).await.unwrap();
        (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn a_volume_is_attached_detached_and_deleted_and_only_an_advanced_one_is_cloned() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let body = r#"{"name":"data-1","size_gb":100,"region":"CANADA-1"}"#;
        assert_eq!(post(&cloud, "/volumes/", body).await.1["volume"]["status"], "creating");
        minutes(1).await;
        assert_eq!(post(&cloud, "/volumes/", body).await.1["error_code"], "NAME_TAKEN");
        let path = |verb: &str| format!("/volumes/BRK-100001V/{verb}");
        let to = r#"{"instance_id":"BRK-100001D"}"#;
        assert_eq!(post(&cloud, &path("attach/"), to).await.1["volume"]["status"], "in-use");
        assert_eq!(read(&cloud, "/instances/BRK-100001D/").await["instance"]["volumes"][0], "BRK-100001V");
        assert_eq!(send(&cloud, "DELETE", &path(""), "").await.unwrap().status(), 400);
        assert_eq!(post(&cloud, &path("detach/"), "").await.1["volume"]["status"], "available");
        assert_eq!(post(&cloud, &path("clone/"), r#"{"name":"copy-1"}"#).await.0, 400);
        assert_eq!(send(&cloud, "DELETE", &path(""), "").await.unwrap().status(), 200);
        let body = r#"{"name":"data-2","size_gb":100,"region":"FINLAND-1"}"#;
        post(&cloud, "/volumes/", body).await;
        minutes(1).await;
        let path = |verb: &str| format!("/volumes/BRK-100002V/{verb}");
        assert_eq!(post(&cloud, &path("clone/"), r#"{"name":"copy-2"}"#).await.0, 201);
        let resized = post(&cloud, &path("resize/"), r#"{"size_gb":200}"#).await.1;
        assert_eq!(resized["volume"]["size_gb"], 200);
        assert_eq!(read(&cloud, "/volumes/").await["total"], 2);
    }

    #[tokio::test(start_paused = true)]
    async fn deleting_what_an_image_was_made_of_is_wrong() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let (first, _) = (ready(&cloud, "qm-a", "").await, ready(&cloud, "qm-b", "").await);
        let body = format!(r#"{{"snapshot_id":"{first}","name":"golden"}}"#);
        assert_eq!(post(&cloud, "/images/", &body).await.1["image"]["snapshot_id"], *first);
        let relation = read(&cloud, &format!("/images/snapshot-relationship/{first}/")).await;
        assert_eq!(relation["relationship"]["image_ids"][0], "BRK-100001I");
        // A moment ago nobody could know of it.
        assert_eq!(cloud.with_truth(|truth| truth.is_wrong_victim(&first)), None);
        minutes(6).await;
        let wrong = cloud.with_truth(|truth| truth.is_wrong_victim(&first));
        assert_eq!(wrong.as_deref(), Some("BRK-100001S is linked to an image"));
        assert_eq!(send(&cloud, "DELETE", "/images/BRK-100001I/", "").await.unwrap().status(), 200);
        assert_eq!(cloud.with_truth(|truth| truth.is_wrong_victim(&first)), None);
        assert_eq!(delete(&cloud, &first).await.unwrap().status(), 200);
    }
}
