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

use crate::domain::time::Timestamp;
use crate::sim::answer::Answer;
use crate::sim::canned::{Canned, CannedBody, HTML};
use crate::sim::cloud::{Change, Cloud, Inside};
use crate::sim::fate::{Fate, Silence, Transport, Verb};
use crate::sim::fault::Fault;
use crate::sim::record::Actor;

/// Longer than any client waits.
const STALL: Duration = Duration::from_secs(600);

/// Requests in, answers out, or an I/O error where a network would fail.
pub type LocalWire = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, io::Error>;

impl Cloud {
    /// The cloud as a service in this process, faults and latency included.
    pub fn local(&self) -> LocalWire {
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
        if let Transport::NeverSends(fault) = transport {
            self.note(fault);
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused"));
        }
        self.cloud.clock.sleep(before).await;
        if let Transport::LosesRequest(fault, silence) = transport {
            self.note(fault);
            return self.fall_silent(silence).await;
        }
        if verb.is_change() {
            let by = self.cloud.actor(request.headers()).unwrap_or(Actor::Person);
            self.cloud.tell(&change(&request, by, self.cloud.enter(|inside| inside.world.now())));
        }
        if let Transport::Answers(canned) = transport {
            let response = self.can(canned);
            self.cloud.clock.sleep(after).await;
            return Ok(response);
        }
        request.extensions_mut().insert(instructions);
        let response = self.deliver(request).await?;
        match transport {
            Transport::LosesAnswer(fault, silence) => {
                self.note(fault);
                return self.fall_silent(silence).await;
            }
            // What was refused on the spot is not late.
            Transport::Delays(silence) if response.status() == StatusCode::ACCEPTED => {
                return self.fall_silent(silence).await;
            }
            Transport::Misreports(canned) if response.status().is_success() => {
                let response = self.can(canned);
                self.cloud.clock.sleep(after).await;
                return Ok(response);
            }
            Transport::Mangles(fault, mangling) if response.status().is_success() => {
                self.note(fault);
                self.cloud.clock.sleep(after).await;
                return Ok(response.map(|body| mangling.done_to(&body)));
            }
            Transport::Dawdles => self.note(Fault::SlowAnswer),
            _ => {}
        }
        self.cloud.clock.sleep(after).await;
        Ok(response)
    }

    /// An outage is counted once, by the plan, and not with each request.
    fn note(&self, fault: Fault) {
        if fault != Fault::Outage {
            self.cloud.note_hit(fault);
        }
    }

    async fn deliver(&self, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
        let answered = self.router.clone().oneshot(request.map(Body::from)).await;
        let response = answered.unwrap_or_else(|never| match never {});
        collected(response).await
    }

    /// An answer that did not come from a route.
    fn can(&self, canned: Canned) -> Response<Bytes> {
        self.note(canned.fault);
        let status = StatusCode::from_u16(canned.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let (kind, body) = match canned.body {
            CannedBody::Json => ("application/json", self.canned_json(status)),
            CannedBody::Says(code, message) => {
                let id = self.cloud.enter(Inside::request_id);
                ("application/json", Answer::error(status, code, message, &id).body)
            }
            CannedBody::Html => ("text/html", HTML.to_owned()),
            CannedBody::Empty => ("text/plain", String::new()),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some((name, value)) = canned.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(date) = self.cloud.shown_date() {
            headers.insert(header::DATE, date);
        }
        response
    }

    fn canned_json(&self, status: StatusCode) -> String {
        let id = self.cloud.enter(Inside::request_id);
        let (code, message) = match status.as_u16() {
            401 => ("AUTHENTICATION_ERROR", "Invalid or missing API key."),
            403 => ("PERMISSION_DENIED", "You may not do this."),
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
        ["balance"] if method == Method::GET => Verb::ReadBalance,
        _ if method != Method::GET && parts.last() != Some(&"snapshot-relationships") => Verb::Change,
        ["snapshots" | "instances" | "images" | "volumes"] | [_, "billing"] if method == Method::GET => {
            Verb::ReadList
        }
        _ => Verb::Read,
    }
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

fn change(request: &Request<Bytes>, by: Actor, at: Timestamp) -> Change {
    let path = request.uri().path();
    let id = parts(path).get(1).map(|id| (*id).to_owned());
    let name = serde_json::from_slice::<Named>(request.body()).ok().map(|body| body.name);
    Change { at, by, method: request.method().to_string(), path: path.to_owned(), name, id }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::sim::fault_plan::FaultPlan;
    use crate::sim::probe::{cloud, create, cursed, delete, epoch, far, minutes, read, ready, send};

    fn made(cloud: &Cloud) -> usize {
        cloud.with_truth(|truth| truth.snapshots().count())
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_was_never_sent_or_lost_does_nothing() {
        for (fault, code) in [(Fault::NeverSent, "F4"), (Fault::LostRequest, "F1")] {
            let cloud = cursed(fault);
            assert!(create(&cloud, 1, "qm-a", "").await.is_err());
            assert_eq!((made(&cloud), cloud.hits()[code]), (0, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_effect_outlives_its_lost_answer() {
        let cloud = cursed(Fault::LostAnswer);
        assert!(create(&cloud, 1, "qm-a", "").await.is_err());
        assert_eq!(made(&cloud), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_effect_lands_within_half_an_hour_and_not_at_once() {
        let cloud = cursed(Fault::LateEffect);
        let before = cloud.clock.now();
        assert!(create(&cloud, 1, "qm-a", "").await.is_err());
        minutes(45).await;
        let landed = cloud.with_truth(|truth| truth.snapshots().next().map(|record| record.created_at));
        let waited = landed.unwrap().since(before).as_secs();
        assert!((60..=1801).contains(&waited), "{waited}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_201_can_be_a_lie_and_so_can_an_error() {
        let cloud = cursed(Fault::CreatedNothing);
        assert_eq!(create(&cloud, 1, "qm-a", "").await.unwrap().status(), 201);
        assert_eq!(made(&cloud), 0);
        let cloud = cursed(Fault::ErrorButDone);
        assert!(!create(&cloud, 1, "qm-a", "").await.unwrap().status().is_success());
        assert_eq!((made(&cloud), cloud.hits()["F18"]), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn lists_learn_of_effects_later() {
        let cloud = cursed(Fault::ListLag);
        create(&cloud, 1, "qm-a", "").await.unwrap();
        assert_eq!(read(&cloud, "/snapshots/").await["total"], 0);
        minutes(25).await;
        assert_eq!(read(&cloud, "/snapshots/").await["snapshots"][0]["status"], "SUCCESS");
        assert_eq!(delete(&cloud, "BRK-100001S").await.unwrap().status(), 200);
        assert_eq!(read(&cloud, "/snapshots/").await["total"], 1);
        assert_eq!(delete(&cloud, "BRK-100001S").await.unwrap().status(), 404);
        minutes(15).await;
        assert_eq!(read(&cloud, "/snapshots/").await["total"], 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_before_its_effect() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let told = Arc::new(Mutex::new(Vec::new()));
        let (notes, watched) = (told.clone(), cloud.clone());
        cloud.on_change(Box::new(move |change| notes.lock().unwrap().push((change.clone(), made(&watched)))));
        create(&cloud, 1, "qm-a", "").await.unwrap();
        read(&cloud, "/snapshots/").await;
        delete(&cloud, "BRK-100001S").await.unwrap();
        let told = told.lock().unwrap();
        assert_eq!(told.len(), 2);
        assert_eq!((told[0].0.name.as_deref(), told[0].1), (Some("qm-a"), 0));
        assert_eq!(told[1].0.id.as_deref(), Some("BRK-100001S"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_can_be_dropped_before_its_effect_and_after_it() {
        let cloud = cloud("plain", FaultPlan::none(1));
        for (milliseconds, count) in [(19, 0), (201, 1)] {
            let limit = Duration::from_millis(milliseconds);
            let _dropped = tokio::time::timeout(limit, create(&cloud, 1, "qm-a", "")).await;
            assert_eq!(made(&cloud), count);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_that_is_refused_is_not_late() {
        let cloud = cursed(Fault::LateEffect);
        let refused = send(&cloud, "POST", "/snapshots/", "{}").await.unwrap();
        assert_eq!((refused.status().as_u16(), cloud.hits()["F3"]), (400, 0));
    }

    async fn transcript(seed: u64) -> Vec<u8> {
        let cloud = cloud("plain", FaultPlan::hostile(seed, far()));
        let mut transcript = Vec::new();
        for round in 0..200 {
            let answers = [
                create(&cloud, round % 3 + 1, &format!("qm-{round}"), "").await,
                send(&cloud, "GET", "/snapshots/?pageSize=7&page=2", "").await,
                send(&cloud, "GET", "/snapshots/billing/", "").await,
                delete(&cloud, &format!("BRK-{}S", 100_000 + round / 2)).await,
            ];
            for answer in answers {
                match answer {
                    Ok(answer) => {
                        transcript.extend_from_slice(format!("{:?}", answer.headers()).as_bytes());
                        transcript.extend_from_slice(answer.body());
                    }
                    Err(error) => transcript.extend_from_slice(error.to_string().as_bytes()),
                }
            }
            minutes(31).await;
        }
        transcript.extend_from_slice(format!("{:?} {:?}", cloud.hits(), cloud.clock.now()).as_bytes());
        transcript
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_seed_gives_the_same_bytes() {
        let first = transcript(11).await;
        assert!(first == transcript(11).await, "two runs of seed 11 differ");
        assert!(first != transcript(12).await, "seeds 11 and 12 agree");
    }

    /// What the rehearsal does, and the cloud only counts.
    const HARNESS: [Fault; 4] = [Fault::Crash, Fault::Edited, Fault::SecondDaemon, Fault::OldJournal];

    #[tokio::test(start_paused = true)]
    async fn every_class_is_hit_in_a_hostile_month_and_none_in_the_calm() {
        let end = epoch().shifted(30 * 86_400_000_000);
        let cloud = cloud("no-unique-names", FaultPlan::hostile(5, end));
        for round in 0..2_000_u64 {
            let _answer = create(&cloud, round % 3 + 1, &format!("qm-{round}"), "").await;
            for path in ["/snapshots/", "/balance/", "/snapshots/billing/"].repeat(6) {
                let _answer = send(&cloud, "GET", path, "").await;
            }
            let _answer = delete(&cloud, &format!("BRK-{}S", 100_000 + round / 2)).await;
            cloud.wished_clock_skew();
            minutes(21).await;
        }
        let hits = cloud.hits();
        for fault in Fault::ALL.into_iter().filter(|fault| !HARNESS.contains(fault)) {
            assert!(hits[fault.code()] > 0, "{} in {hits:?}", fault.code());
        }
        assert!(cloud.clock.now() > end);
        for _ in 0..200 {
            assert_eq!(send(&cloud, "GET", "/snapshots/", "").await.unwrap().status(), 200);
        }
        assert_eq!(cloud.hits(), hits);
    }

    #[tokio::test(start_paused = true)]
    async fn a_ripe_snapshot_has_a_size() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let id = ready(&cloud, "qm-a", "").await;
        let size = read(&cloud, &format!("/snapshots/{id}/")).await["snapshot"]["size_gb"].as_u64().unwrap();
        assert!((20..=100).contains(&size));
    }

    #[tokio::test(start_paused = true)]
    async fn most_walks_over_six_pages_get_through_a_hostile_cloud() {
        let mut whole = 0;
        for seed in 0..20 {
            let cloud = cloud("plain", FaultPlan::hostile(seed, far()));
            for _ in 0..10 {
                let mut failed = false;
                for _ in 0..6 {
                    let answer = send(&cloud, "GET", "/snapshots/", "").await;
                    failed |= answer.is_err() || answer.is_ok_and(|answer| !answer.status().is_success());
                }
                whole += u32::from(!failed);
                minutes(15).await;
            }
        }
        assert!(whole > 140, "{whole} of 200");
    }
}
