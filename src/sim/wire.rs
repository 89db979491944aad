//! The wire between a client and the API: latency, and every fault of transport.
//!
//! It decides nothing: a fate was drawn, and is carried out here around one request.

use std::io;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::sim::answer::Answer;
use crate::sim::cloud::{Change, Cloud, Inside};
use crate::sim::fate::{Canned, CannedBody, EffectTime, Fate, Silence, Transport, Verb};
use crate::sim::fault::Fault;

/// Longer than any client waits.
const STALL: Duration = Duration::from_secs(600);

const HTML: &str = "<html><head><title>Error</title></head><body><h1>Bad Gateway</h1></body></html>";

/// Requests in, answers out, or an I/O error where a network would fail.
pub type LocalService = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, io::Error>;

impl Cloud {
    /// The cloud as a service in this process, faults and latency included.
    pub fn local(&self) -> LocalService {
        let wire = Wire { cloud: self.clone(), router: self.router() };
        BoxCloneSyncService::new(tower::service_fn(move |request| wire.clone().carry(request)))
    }
}

#[derive(Clone)]
struct Wire {
    cloud: Cloud,
    router: Router,
}

impl Wire {
    async fn carry(self, mut request: Request<Bytes>) -> io::Result<Response<Bytes>> {
        let verb = verb(&request);
        let Fate { before, after, transport, instructions } = self.cloud.draw_fate(verb);
        if transport == Transport::NeverSends {
            self.cloud.note_hit(Fault::NeverSent);
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused"));
        }
        self.cloud.clock.sleep(before).await;
        if let Transport::LosesRequest(silence) = transport {
            self.cloud.note_hit(Fault::LostRequest);
            return self.fall_silent(silence).await;
        }
        if verb.is_change() {
            self.cloud.tell(&change(&request, self.cloud.enter(|inside| inside.world.now())));
        }
        if let Transport::Answers(canned) = transport {
            let response = self.can(canned);
            self.cloud.clock.sleep(after).await;
            return Ok(response);
        }
        request.extensions_mut().insert(instructions);
        let response = self.deliver(request).await?;
        // An order that could not be read was refused on the spot: then there is nothing to be late.
        let postponed = matches!(instructions.effect, EffectTime::After(_));
        match transport {
            Transport::LosesAnswer(silence) => {
                self.cloud.note_hit(Fault::LostAnswer);
                return self.fall_silent(silence).await;
            }
            Transport::Delays(silence) if postponed => return self.fall_silent(silence).await,
            Transport::Misreports(canned) if response.status().is_success() => {
                let response = self.can(canned);
                self.cloud.clock.sleep(after).await;
                return Ok(response);
            }
            _ => {}
        }
        self.cloud.clock.sleep(after).await;
        Ok(response)
    }

    async fn deliver(&self, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
        let answered = self.router.clone().oneshot(request.map(Body::from)).await;
        let response = answered.unwrap_or_else(|never| match never {});
        collected(response).await
    }

    /// An answer that did not come from a route.
    fn can(&self, canned: Canned) -> Response<Bytes> {
        self.cloud.note_hit(canned.fault);
        let status = StatusCode::from_u16(canned.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (kind, body) = match canned.body {
            CannedBody::Json => ("application/json", self.canned_json(status)),
            CannedBody::Html => ("text/html", HTML.to_owned()),
            CannedBody::Empty => ("text/plain", String::new()),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(retry_after) = canned.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(retry_after));
        }
        if let Some(date) = self.cloud.shown_date() {
            headers.insert(header::DATE, date);
        }
        response
    }

    fn canned_json(&self, status: StatusCode) -> String {
        let id = self.cloud.enter(Inside::request_id);
        let (code, message) = match status.as_u16() {
            400 => ("VALIDATION_ERROR", "The request could not be processed."),
            404 => ("NOT_FOUND", "Not found."),
            429 => ("RATE_LIMITED", "Too many requests."),
            _ => ("SERVER_ERROR", "An internal error occurred."),
        };
        Answer::error(status, code, message, &id).body
    }

    async fn fall_silent(&self, silence: Silence) -> io::Result<Response<Bytes>> {
        match silence {
            Silence::Reset => Err(io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer")),
            Silence::Stall => {
                self.cloud.clock.sleep(STALL).await;
                Err(io::Error::new(io::ErrorKind::TimedOut, "no answer came"))
            }
        }
    }
}

async fn collected(response: Response<Body>) -> io::Result<Response<Bytes>> {
    let (parts, body) = response.into_response().into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

/// What is left of a path without the optional `/api`, in parts.
fn parts(path: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.first() == Some(&"api") {
        parts.remove(0);
    }
    parts
}

fn verb(request: &Request<Bytes>) -> Verb {
    let parts = parts(request.uri().path());
    let method = request.method();
    match parts.as_slice() {
        ["snapshots"] if method == Method::POST => Verb::Create,
        ["snapshots", _] if method == Method::DELETE => Verb::Delete,
        ["snapshots" | "instances" | "images"] | [_, "billing"] if method == Method::GET => Verb::ReadList,
        _ => Verb::Read,
    }
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn change(request: &Request<Bytes>, at: crate::domain::time::Timestamp) -> Change {
    let path = request.uri().path();
    let id = parts(path).get(1).map(|id| (*id).to_owned());
    let name = serde_json::from_slice::<Named>(request.body()).ok().map(|body| body.name);
    Change { at, method: request.method().to_string(), path: path.to_owned(), name, id }
}
