//! What each route of the API does, in terms of the world.
//!
//! Faults reach a route only as the instructions in its request's extensions.

pub mod bills;
pub mod machines;
pub mod stores;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Query, State};
use bytes::Bytes;
use http::{StatusCode, Uri};
use serde::Deserialize;

use crate::sim::agenda::{Order, Wanted};
use crate::sim::answer::{Answer, json_text};
use crate::sim::catalogue;
use crate::sim::cloud::{Cloud, Inside};
use crate::sim::dialect::Way;
use crate::sim::fate::{EffectTime, Instructions};
use crate::sim::fault::Fault;
use crate::sim::page::Page;
use crate::sim::record::Actor;
use crate::sim::render;
use crate::sim::snapshot::Snapshot;
use crate::sim::world::Refusal;

const USUAL_PAGE: usize = 50;

type Told = Option<Extension<Instructions>>;

pub async fn list_snapshots(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Actor>,
    uri: Uri,
    told: Told,
) -> Answer {
    let parameters = parameters(&uri);
    let search = parameters.get("search").map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
    cloud.enter(|inside| {
        let id = inside.request_id();
        let wanted = |snapshot: &&Snapshot| {
            search.as_ref().is_none_or(|search| snapshot.name.to_lowercase().contains(search))
        };
        if told.as_ref().is_none_or(|Extension(told)| told.account.is_none()) {
            inside.world.read(None, by);
        }
        let texts: Vec<&str> = inside.world.shown().filter(wanted).map(Snapshot::text).collect();
        let (answer, bent) = list(&cloud, "snapshots", &texts, &parameters, &told, &id);
        inside.count_bent(bent);
        answer
    })
}

pub async fn show_snapshot(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Actor>,
    Path(wanted): Path<String>,
) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        inside.world.read(Some(&wanted), by);
        match inside.world.shown_snapshot(&wanted) {
            Some(snapshot) => one(&cloud, StatusCode::OK, "snapshot", snapshot.text(), &id),
            None => refused(Refusal::NoSuchSnapshot, &id),
        }
    })
}

#[derive(Deserialize)]
struct CreateBody {
    instance_id: String,
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    is_image: bool,
}

pub async fn create_snapshot(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Actor>,
    told: Told,
    body: Bytes,
) -> Answer {
    let told = instructions(told);
    cloud.enter(|inside| {
        let id = inside.request_id();
        let Ok(body) = serde_json::from_slice::<CreateBody>(&body) else {
            return unreadable("instance_id and name", &id);
        };
        let CreateBody { instance_id: machine, name, description, is_image } = body;
        let wanted = Wanted { machine, name, description, is_image };
        let text = match told.effect {
            EffectTime::Now => {
                let created = inside.world.create(wanted, by, told.lag);
                created.map(|snapshot| snapshot.text().to_owned())
            }
            EffectTime::Never => inside.world.pretend(wanted).map(|snapshot| snapshot.text().to_owned()),
            EffectTime::After(wait) => {
                return inside.postpone(Order::Create(wanted), by, (wait, told.lag), &id);
            }
        };
        match text {
            Ok(text) => {
                inside.count_effect(told);
                one(&cloud, StatusCode::CREATED, "snapshot", &text, &id)
            }
            Err(refusal) => {
                if refusal == Refusal::Unsupported {
                    inside.faults.hit(Fault::Refused);
                }
                refused(refusal, &id)
            }
        }
    })
}

pub async fn delete_snapshot(
    State(cloud): State<Cloud>,
    Extension(by): Extension<Actor>,
    Path(wanted): Path<String>,
    told: Told,
) -> Answer {
    let told = instructions(told);
    cloud.enter(|inside| {
        let id = inside.request_id();
        if let EffectTime::After(wait) = told.effect {
            return inside.postpone(Order::Delete { id: wanted }, by, (wait, told.lag), &id);
        }
        if told.effect == EffectTime::Never && inside.world.may_delete(&wanted, by).is_ok() {
            inside.faults.hit(Fault::DeletedNothing);
            return found("", &id);
        }
        match inside.world.delete(&wanted, by, told.lag) {
            Ok(()) => {
                inside.count_effect(told);
                found("", &id)
            }
            Err(refusal) => refused(refusal, &id),
        }
    })
}

pub async fn list_machines(State(cloud): State<Cloud>, uri: Uri, told: Told) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        let texts: Vec<Arc<str>> =
            inside.world.machines().map(|machine| machine.rendered(cloud.dialect)).collect();
        let (answer, bent) = list(&cloud, "instances", &texts, &parameters(&uri), &told, &id);
        inside.count_bent(bent);
        answer
    })
}

pub async fn show_machine(State(cloud): State<Cloud>, Path(wanted): Path<String>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        match inside.world.machine(&wanted) {
            Some(machine) => one(&cloud, StatusCode::OK, "instance", &machine.rendered(cloud.dialect), &id),
            None => refused(Refusal::NoSuchMachine, &id),
        }
    })
}

pub async fn show_relation(State(cloud): State<Cloud>, Path(wanted): Path<String>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        if cloud.dialect.has(Way::NoImages) {
            return no_images(&id);
        }
        match inside.world.shown_snapshot(&wanted) {
            Some(_) => found(&format!(r#""relationship":{}"#, relation(inside, &wanted)), &id),
            None => refused(Refusal::NoSuchSnapshot, &id),
        }
    })
}

#[derive(Deserialize)]
struct RelationsBody {
    snapshot_ids: Vec<String>,
}

pub async fn list_relations(State(cloud): State<Cloud>, body: Bytes) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        if cloud.dialect.has(Way::NoImages) {
            return no_images(&id);
        }
        let Ok(body) = serde_json::from_slice::<RelationsBody>(&body) else {
            return unreadable("snapshot_ids", &id);
        };
        let known = body.snapshot_ids.iter().filter(|wanted| inside.world.shown_snapshot(wanted).is_some());
        let relations: Vec<String> = known.map(|wanted| relation(inside, wanted)).collect();
        found(&format!(r#""relationships":[{}]"#, relations.join(",")), &id)
    })
}

pub async fn balance(State(cloud): State<Cloud>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        let amount = render::amount(cloud.dialect, &inside.world.balance().to_string());
        found(&format!(r#""balance":{amount},"currency":"USD""#), &id)
    })
}

pub async fn pricing(State(cloud): State<Cloud>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        found(&catalogue::pricing(cloud.dialect, inside.world.now()), &id)
    })
}

pub async fn regions(State(cloud): State<Cloud>) -> Answer {
    found(&catalogue::regions(), &cloud.enter(Inside::request_id))
}

pub async fn gpu_stocks(State(cloud): State<Cloud>) -> Answer {
    cloud.enter(|inside| {
        let id = inside.request_id();
        found(&catalogue::gpu_stocks(inside.world.stock), &id)
    })
}

impl Inside {
    fn postpone(&mut self, order: Order, by: Actor, (wait, lag): (Duration, Duration), id: &str) -> Answer {
        let at = self.world.now() + wait;
        self.world.land_later(at, order, by, lag);
        self.faults.hit(Fault::LateEffect);
        if !lag.is_zero() {
            self.faults.hit(Fault::ListLag);
        }
        // Nobody reads this answer: the wire loses it.
        Answer::success(StatusCode::ACCEPTED, "", id)
    }

    fn count_effect(&mut self, told: Instructions) {
        if told.effect == EffectTime::Never {
            self.faults.hit(Fault::CreatedNothing);
        } else if !told.lag.is_zero() {
            self.faults.hit(Fault::ListLag);
        }
    }

    fn count_bent(&mut self, bent: Option<Fault>) {
        if let Some(fault) = bent {
            self.faults.hit(fault);
            if fault == Fault::WrongAccount {
                self.lied_at = Some(self.world.now());
            }
        }
    }
}

fn instructions(told: Told) -> Instructions {
    told.map(|Extension(instructions)| instructions).unwrap_or_default()
}

/// A query that cannot be read counts as none.
fn parameters(uri: &Uri) -> BTreeMap<String, String> {
    Query::<BTreeMap<String, String>>::try_from_uri(uri)
        .map(|Query(parameters)| parameters)
        .unwrap_or_default()
}

/// A page of ready texts, and the fault that bent it.
fn list<T: AsRef<str>>(
    cloud: &Cloud,
    word: &str,
    texts: &[T],
    parameters: &BTreeMap<String, String>,
    told: &Told,
    id: &str,
) -> (Answer, Option<Fault>) {
    let page = Page::asked(parameters, "pageSize", USUAL_PAGE, cloud.dialect.largest_page());
    if let Some(account) = told.as_ref().and_then(|Extension(told)| told.account) {
        let strange = catalogue::strangers(cloud.dialect, word, account);
        let strange: Vec<&str> = strange.iter().map(String::as_str).collect();
        let shown = page.slice(strange.len(), None).positions;
        let items: Vec<&str> = shown.into_iter().map(|at| strange[at]).collect();
        return (
            render::list(cloud.dialect, word, &items, &page, strange.len(), id),
            Some(Fault::WrongAccount),
        );
    }
    let slice = page.slice(texts.len(), told.as_ref().and_then(|Extension(told)| told.bend));
    let items: Vec<&str> = slice.positions.iter().map(|position| texts[*position].as_ref()).collect();
    (render::list(cloud.dialect, word, &items, &page, slice.total, id), slice.bent.then_some(Fault::BentPage))
}

/// The answer with one object.
fn one(cloud: &Cloud, status: StatusCode, word: &str, text: &str, id: &str) -> Answer {
    render::single(cloud.dialect, status, word, text, id)
}

fn no_images(id: &str) -> Answer {
    let message = "Images are not part of your plan.";
    Answer::error(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message, id)
}

fn relation(inside: &Inside, snapshot: &str) -> String {
    let images = json_text(&inside.world.images_of(snapshot));
    format!(r#"{{"snapshot_id":{},"image_ids":{images}}}"#, json_text(snapshot))
}

/// A body that lacks what the route needs.
fn unreadable(needs: &str, id: &str) -> Answer {
    let message = format!("The body needs {needs}.");
    Answer::error(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", &message, id)
}

fn found(fields: &str, id: &str) -> Answer {
    Answer::success(StatusCode::OK, fields, id)
}

fn refused(refusal: Refusal, id: &str) -> Answer {
    let (status, code, message) = match refusal {
        Refusal::NoSuchMachine => (StatusCode::NOT_FOUND, "NOT_FOUND", "Instance not found."),
        Refusal::NoSuchSnapshot => (StatusCode::NOT_FOUND, "NOT_FOUND", "Snapshot not found."),
        Refusal::NotActive => (StatusCode::BAD_REQUEST, "INVALID_STATE", "The instance must be ACTIVE."),
        Refusal::BusySnapshotting => {
            (StatusCode::CONFLICT, "BUSY", "Another snapshot of this instance is still running.")
        }
        Refusal::StillCreating => (StatusCode::CONFLICT, "BUSY", "The snapshot is still being created."),
        Refusal::BeingRestored => {
            (StatusCode::CONFLICT, "BUSY", "A restore from this snapshot is in progress.")
        }
        Refusal::NotThere => (StatusCode::NOT_FOUND, "NOT_FOUND", "Not found."),
        Refusal::WrongState => {
            (StatusCode::BAD_REQUEST, "INVALID_STATE", "This cannot be done in the present state.")
        }
        Refusal::NotInThisTier => {
            (StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "This is not supported in the legacy tier.")
        }
        Refusal::Unsupported => {
            (StatusCode::BAD_REQUEST, "VALIDATION_ERROR", "Snapshots are not supported for this flavor.")
        }
        Refusal::NoStock => (StatusCode::BAD_REQUEST, "NO_STOCK", "No stock of this GPU in the region."),
        Refusal::BadName => (
            StatusCode::BAD_REQUEST,
            "VALIDATION_ERROR",
            "The name must be 1-50 letters, digits, space, -, _ or .",
        ),
        Refusal::NameTaken => {
            (StatusCode::BAD_REQUEST, "NAME_TAKEN", "A snapshot with this name already exists.")
        }
        Refusal::InsufficientBalance => {
            (StatusCode::BAD_REQUEST, "INSUFFICIENT_BALANCE", "Insufficient balance. Please add credits.")
        }
    };
    Answer::error(status, code, message, id)
}
