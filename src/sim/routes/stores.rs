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
        let texts: Vec<String> = inside.world.images().map(|image| image.rendered(cloud.dialect)).collect();
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
        match inside.world.images().find(|image| image.id == wanted) {
            Some(image) => one(&cloud, StatusCode::OK, "image", &image.rendered(cloud.dialect), &id),
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
        match inside.world.create_image(&snapshot_id, name) {
            Ok(image) => {
                let text = image.rendered(cloud.dialect);
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
