//! The API's routes on one page, and the gate in front of them.
//!
//! It refuses and stamps; what an answer says is up to the routes.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderValue, StatusCode, Uri, header};

use crate::sim::answer::{Answer, http_date, json_text};
use crate::sim::cloud::{Cloud, Inside};
use crate::sim::dialect::Way;
use crate::sim::front;
use crate::sim::record::Actor;
use crate::sim::routes::{self, bills, machines, stores};
use crate::sim::spite::spiteful;

/// Requests per minute; the rest of the minute is refused.
const RATE_LIMIT: u32 = 500;
/// What a proxy in front of the API puts in place of an error.
const ERROR_PAGE: &str = "<!doctype html><title>Error</title><h1>Something went wrong</h1>";

impl Cloud {
    /// The API as an axum router, at the root and under `/api`; no fault happens in it by itself.
    pub fn router(&self) -> Router {
        let at = |plain: &str| front::path(self.dialect, plain);
        let routes = Router::new()
            .route(&at("/snapshots/"), get(routes::list_snapshots).post(routes::create_snapshot))
            .route(&at("/snapshots/billing/"), get(bills::snapshot_billing))
            .route(&at("/snapshots/eligible-instances/"), get(machines::eligible))
            .route(&at("/snapshots/{id}/restore/"), post(machines::restore))
            .route(&at("/snapshots/{id}/"), get(routes::show_snapshot).delete(routes::delete_snapshot))
            .route(&at("/instances/"), get(routes::list_machines))
            .route(&at("/instances/billing/"), get(bills::machine_billing))
            .route(&at("/instances/{id}/"), get(routes::show_machine).delete(machines::delete))
            .route(&at("/instances/{id}/firewalls/"), get(machines::firewalls))
            .route(&at("/instances/{id}/{verb}/"), post(machines::act))
            .route(&at("/volumes/"), get(stores::list_volumes).post(stores::create_volume))
            .route(&at("/volumes/{id}/"), get(stores::show_volume).delete(stores::delete_volume))
            .route(&at("/volumes/{id}/{verb}/"), post(stores::act_on_volume))
            .route(&at("/firewalls/"), get(machines::firewalls))
            .route(&at("/volumes/billing/"), get(bills::volume_billing))
            .route(&at("/images/"), get(stores::list_images).post(stores::create_image))
            .route(&at("/images/{id}/"), get(stores::show_image).delete(stores::delete_image))
            .route(&at("/images/snapshot-relationship/{id}/"), get(routes::show_relation))
            .route(&at("/images/snapshot-relationships/"), post(routes::list_relations))
            .route(&at("/balance/"), get(routes::balance))
            .route(&at("/pricing/"), get(routes::pricing))
            .route(&at("/regions/"), get(routes::regions))
            .route(&at("/gpu-stocks/"), get(routes::gpu_stocks))
            .method_not_allowed_fallback(method_not_allowed);
        Router::new()
            .nest("/api", routes.clone())
            .merge(routes)
            .fallback(elsewhere)
            .layer(from_fn_with_state(self.clone(), gate))
            .with_state(self.clone())
    }

    /// The `Date` that the server shows now, wrong or not.
    pub(in crate::sim) fn shown_date(&self) -> Option<HeaderValue> {
        let shown = self.enter(|inside| {
            let now = inside.world.now();
            now.shifted(inside.faults.date_skew(now))
        });
        http_date(shown).parse().ok()
    }
}

async fn gate(State(cloud): State<Cloud>, mut request: Request, next: Next) -> Response {
    if let Some(plain) = front::plain(cloud.dialect, request.uri()) {
        *request.uri_mut() = plain;
    }
    let actor = cloud.actor(request.headers());
    let mut response = match cloud.enter(|inside| refusal(inside, actor)) {
        Err(answer) => answer.into_response(),
        Ok(actor) => {
            request.extensions_mut().insert(actor);
            next.run(request).await
        }
    };
    if cloud.dialect.has(Way::HtmlErrors) && response.status().as_u16() >= 400 {
        let page = (response.status(), Html(ERROR_PAGE)).into_response();
        let (parts, _) = std::mem::replace(&mut response, page).into_parts();
        if let Some(wait) = parts.headers.get(header::RETRY_AFTER) {
            response.headers_mut().insert(header::RETRY_AFTER, wait.clone());
        }
    }
    if cloud.dialect.has(Way::HostileNames) && response.status().as_u16() >= 400 {
        response = spoken_ill(response).await;
    }
    if let Some(date) = cloud.shown_date() {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

/// The same refusal, in words that nobody would choose.
async fn spoken_ill(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // Every body is in memory already, and short; an empty one would be noticed at once.
    let text = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut text = String::from_utf8_lossy(&text).into_owned();
    for field in [r#""message":""#, r#""request_id":""#] {
        let spite = json_text(&spiteful("", 1));
        text = text.replacen(field, &format!("{field}{}", spite.trim_matches('"')), 1);
    }
    Response::from_parts(parts, Body::from(text))
}

fn refusal(inside: &mut Inside, actor: Option<Actor>) -> Result<Actor, Answer> {
    if inside.count_request(actor) > RATE_LIMIT {
        let id = inside.request_id();
        let answer = Answer::error(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "Too many requests.", &id);
        return Err(answer);
    }
    actor.ok_or_else(|| {
        let id = inside.request_id();
        let message = "Invalid or missing API key.";
        Answer::error(StatusCode::UNAUTHORIZED, "AUTHENTICATION_ERROR", message, &id)
    })
}

/// A path without its slash is sent to the one with it; anything else is not there.
async fn elsewhere(State(cloud): State<Cloud>, uri: Uri) -> Response {
    if !uri.path().ends_with('/') {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let location = format!("{}/{query}", uri.path());
        return (StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response();
    }
    let id = cloud.enter(Inside::request_id);
    Answer::error(StatusCode::NOT_FOUND, "NOT_FOUND", "Not found.", &id).into_response()
}

async fn method_not_allowed(State(cloud): State<Cloud>) -> Answer {
    let id = cloud.enter(Inside::request_id);
    Answer::error(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "Method not allowed.", &id)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use tower::ServiceExt;

    use crate::domain::money::Nanos;
    use crate::sim::fault_plan::FaultPlan;
    use crate::sim::machine::MachineStatus;
    use crate::sim::probe::{cloud, create, delete, minutes, read, ready, send};

    #[tokio::test(start_paused = true)]
    async fn a_missing_slash_is_a_redirect_and_changes_nothing() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let response = send(&cloud, "POST", "/api/snapshots?page=2", "{}").await.unwrap();
        assert_eq!(response.status(), 301);
        assert_eq!(response.headers()["location"], "/api/snapshots/?page=2");
        assert_eq!(response.headers()["date"], "Sun, 01 Mar 2026 02:00:00 GMT");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_key_a_wrong_path_and_a_wrong_method_are_told_apart() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let request = Request::get("/pricing/").header("authorization", "Bearer other").body(Bytes::new());
        assert_eq!(cloud.local().oneshot(request.unwrap()).await.unwrap().status(), 401);
        assert_eq!(send(&cloud, "GET", "/api/nothing/", "").await.unwrap().status(), 404);
        let response = send(&cloud, "DELETE", "/balance/", "").await.unwrap();
        assert_eq!(response.status(), 405);
        assert!(response.body().starts_with(br#"{"success":false"#));
    }

    #[tokio::test(start_paused = true)]
    async fn the_five_hundred_and_first_request_of_a_minute_is_refused() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let router = cloud.router();
        let status = async || {
            let request = Request::get("/balance/").header("authorization", "Bearer key-of-the-tests");
            router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await.unwrap().status()
        };
        for _ in 0..500 {
            assert_eq!(status().await, 200);
        }
        assert_eq!(status().await, 429);
        minutes(1).await;
        assert_eq!(status().await, 200);
    }

    #[tokio::test(start_paused = true)]
    async fn every_route_answers_with_readable_json() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let id = ready(&cloud, "qm-a", "").await;
        for path in [
            "/snapshots/".to_owned(),
            format!("/snapshots/{id}/"),
            format!("/images/snapshot-relationship/{id}/"),
            "/instances/".to_owned(),
            "/instances/BRK-100001D/".to_owned(),
            "/images/".to_owned(),
            "/balance/".to_owned(),
            "/pricing/".to_owned(),
            "/regions/".to_owned(),
            "/volumes/".to_owned(),
            "/firewalls/".to_owned(),
            "/snapshots/eligible-instances/?region=CANADA-1".to_owned(),
            "/gpu-stocks/".to_owned(),
            "/snapshots/billing/".to_owned(),
            "/instances/billing/?limit=2".to_owned(),
            "/volumes/billing/".to_owned(),
        ] {
            assert_eq!(read(&cloud, &path).await["success"], true, "{path}");
        }
        let body = format!(r#"{{"snapshot_ids":["{id}","BRK-1S"]}}"#);
        let response = send(&cloud, "POST", "/images/snapshot-relationships/", &body).await.unwrap();
        let text = std::str::from_utf8(response.body()).unwrap();
        assert!(text.contains(r#""relationships":[{"snapshot_id":"BRK-100001S","image_ids":[]}]"#), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn changes_that_cannot_be_are_refused_with_their_code() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let code = |response: http::Response<Bytes>| {
            let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
            (response.status().as_u16(), body["error_code"].as_str().unwrap_or_default().to_owned())
        };
        let created = create(&cloud, 1, "qm-a", "").await.unwrap();
        assert_eq!(created.status(), 201);
        let expect = |status: u16, word: &str| (status, word.to_owned());
        assert_eq!(code(create(&cloud, 1, "qm-b", "").await.unwrap()), expect(409, "BUSY"));
        assert_eq!(code(create(&cloud, 2, "qm-a", "").await.unwrap()), expect(400, "NAME_TAKEN"));
        assert_eq!(code(create(&cloud, 2, "qm/a", "").await.unwrap()), expect(400, "VALIDATION_ERROR"));
        assert_eq!(code(create(&cloud, 9, "qm-c", "").await.unwrap()), expect(404, "NOT_FOUND"));
        assert_eq!(code(delete(&cloud, "BRK-100001S").await.unwrap()), expect(409, "BUSY"));
        assert_eq!(code(delete(&cloud, "BRK-100002S").await.unwrap()), expect(404, "NOT_FOUND"));
        cloud.set_status("BRK-100003D", MachineStatus::Shutoff);
        assert_eq!(code(create(&cloud, 3, "qm-d", "").await.unwrap()), expect(400, "INVALID_STATE"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_walk_over_small_pages_sees_everything_once_newest_first() {
        let cloud = cloud("small-pages", FaultPlan::none(1));
        for number in 0..12 {
            ready(&cloud, &format!("qm-{number}"), "").await;
        }
        let mut seen = Vec::new();
        for page in 1..=3 {
            let body = read(&cloud, &format!("/api/snapshots/?page={page}&pageSize=50")).await;
            assert_eq!(
                (&body["total"], &body["limit"], &body["total_pages"]),
                (&12.into(), &5.into(), &3.into())
            );
            seen.extend(body["snapshots"].as_array().unwrap().iter().map(|item| item["name"].clone()));
        }
        let expected: Vec<String> = (0..12).rev().map(|number| format!("qm-{number}")).collect();
        assert_eq!(seen, expected);
        let found = read(&cloud, "/snapshots/?search=QM-11").await;
        assert_eq!(found["total"], 1);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_dialect_with_unique_names_refuses_a_name_twice() {
        let cloud = cloud("no-unique-names", FaultPlan::none(1));
        assert_eq!(create(&cloud, 1, "same", "").await.unwrap().status(), 201);
        assert_eq!(create(&cloud, 2, "same", "").await.unwrap().status(), 201);
    }

    #[tokio::test(start_paused = true)]
    async fn money_leaves_the_balance_by_the_minute() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let before = cloud.balance().0;
        let hourly: i64 = cloud.with_world(|world| world.machines().map(|machine| machine.hourly.0).sum());
        minutes(120).await;
        assert_eq!(before - cloud.balance().0, 2 * hourly);
        cloud.top_up(Nanos(2 * hourly));
        assert_eq!(cloud.balance().0, before);
    }
}
