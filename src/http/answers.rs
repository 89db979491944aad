//! The answers, one function each: what was published, as text or JSON.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::listen::Shown;
use super::present::{Live, Present};
use crate::metrics;
use crate::report::foreign::{harmless_json, visible};
use crate::report::machines::Machines;
use crate::report::plan::Planned;
use crate::report::sieve::{STATES, Sieve};
use crate::report::snapshots::Snapshots;
use crate::report::status::Status;

/// More events in one answer would be a large one; `after` asks for the next.
const MOST_EVENTS: u32 = 1_000;
const SOME_EVENTS: u32 = 100;

pub async fn alive() -> Response {
    plain(StatusCode::OK, "ok")
}

pub async fn ready(State(shown): State<Shown>) -> Response {
    let unready = shown.present.borrow().unready();
    match unready {
        None => plain(StatusCode::OK, "ready"),
        Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, &format!("not ready: {why}")),
    }
}

pub async fn metrics(State(shown): State<Shown>) -> Response {
    let live = match live(&shown) {
        Ok(live) => live,
        Err(why) => return plain(StatusCode::SERVICE_UNAVAILABLE, &why),
    };
    // A large fleet has thousands of series: not on the thread that answers everybody and sends the letters.
    match tokio::task::spawn_blocking(move || live.metrics()).await {
        Ok(Ok(text)) => {
            let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Ok(Err(error)) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a scrape was not answered");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written; the log says why")
        }
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics were not written"),
    }
}

pub async fn status(State(shown): State<Shown>) -> Response {
    document(&shown, |live| Status::of(&live.state, live.now, live.source())).await
}

pub async fn machines(State(shown): State<Shown>) -> Response {
    document(&shown, |live| Machines::of(&live.state, live.now, &live.writer())).await
}

pub async fn plan(State(shown): State<Shown>) -> Response {
    document(&shown, |live| Planned::of(&live.state, live.now, &live.writer())).await
}

/// Which snapshots, in the words of `snapshots list`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sifted {
    region: Option<String>,
    machine: Option<String>,
    policy: Option<String>,
    state: Option<String>,
    search: Option<String>,
    limit: Option<usize>,
}

pub async fn snapshots(
    State(shown): State<Shown>,
    sifted: Result<Query<Sifted>, QueryRejection>,
) -> Response {
    let Ok(Query(Sifted { region, machine, policy, state, search, limit })) = sifted else {
        let said = "what can be asked for is region, machine, policy, state, search and limit";
        return fault(StatusCode::BAD_REQUEST, said);
    };
    if let Some(state) = state.as_deref().filter(|state| !STATES.contains(state)) {
        let said = format!("state {:?} is none of {}", visible(state), STATES.join(", "));
        return fault(StatusCode::BAD_REQUEST, &said);
    }
    let sieve = Sieve { region, machine, policy, state, search, limit };
    document(&shown, move |live| Snapshots::of(&live.state, live.now, &live.writer(), &sieve)).await
}

/// Which events: those after a number, so many at most.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

pub async fn events(State(shown): State<Shown>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    let Ok(Query(Wanted { after, limit })) = wanted else {
        return fault(
            StatusCode::BAD_REQUEST,
            "after and limit are whole numbers, and there is nothing else",
        );
    };
    let limit = limit.unwrap_or(SOME_EVENTS);
    if !(1..=MOST_EVENTS).contains(&limit) {
        return fault(StatusCode::BAD_REQUEST, &format!("limit must be from 1 to {MOST_EVENTS}"));
    }
    if let Err(why) = live(&shown) {
        return fault(StatusCode::SERVICE_UNAVAILABLE, &why);
    }
    // It reads a file: not on the thread that answers everybody.
    let read = tokio::task::spawn_blocking(move || (shown.events)(after, limit)).await;
    match read {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "application/json")], harmless_json(&text)).into_response(),
        Ok(Err(why)) => fault(StatusCode::SERVICE_UNAVAILABLE, &why),
        Err(_) => fault(StatusCode::INTERNAL_SERVER_ERROR, "the events were not read"),
    }
}

pub async fn unknown() -> Response {
    plain(StatusCode::NOT_FOUND, "there is nothing at this address")
}

pub async fn read_only(method: Method) -> Response {
    let said =
        format!("{method} is not answered: everything here is read-only, and changes go over the socket");
    let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, &said);
    refused.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    refused
}

pub fn unauthorized() -> Response {
    let mut refused = plain(StatusCode::UNAUTHORIZED, "the token of http.token_file is needed");
    let asks = HeaderValue::from_static("Basic realm=\"quartermaster\", charset=\"UTF-8\"");
    refused.headers_mut().insert(header::WWW_AUTHENTICATE, asks);
    refused
}

pub fn plain(code: StatusCode, said: &str) -> Response {
    (code, format!("{said}\n")).into_response()
}

/// What was published last, or why there is nothing yet.
pub fn live(shown: &Shown) -> Result<Arc<Live>, String> {
    let present = shown.present.borrow();
    match &*present {
        Present::Live(live) => Ok(live.clone()),
        Present::Replaying | Present::Degraded { .. } => Err(present.unready().unwrap_or_default()),
    }
}

async fn document<Value: Serialize>(
    shown: &Shown,
    value: impl FnOnce(&Live) -> Value + Send + 'static,
) -> Response {
    let live = match live(shown) {
        Ok(live) => live,
        Err(why) => return fault(StatusCode::SERVICE_UNAVAILABLE, &why),
    };
    // A large fleet takes a while: not on the thread that answers everybody.
    let write = move || serde_json::to_string(&value(&live)).map(|text| harmless_json(&text));
    let written = tokio::task::spawn_blocking(write).await;
    match written {
        Ok(Ok(text)) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Ok(Err(_)) | Err(_) => fault(StatusCode::INTERNAL_SERVER_ERROR, "the answer cannot be written"),
    }
}

#[derive(Serialize)]
struct Fault<'a> {
    error: &'a str,
}

fn fault(code: StatusCode, error: &str) -> Response {
    (code, Json(Fault { error })).into_response()
}
