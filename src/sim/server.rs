//! The API's routes on one page, and the gate in front of them.
//!
//! It refuses and stamps; what an answer says is up to the routes.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use crate::sim::answer::{Answer, http_date};
use crate::sim::cloud::{Cloud, Inside};
use crate::sim::routes;

/// Requests per minute; the rest of the minute is refused.
const RATE_LIMIT: u32 = 500;

impl Cloud {
    /// The API as an axum router, at the root and under `/api`; no fault happens in it by itself.
    pub fn router(&self) -> Router {
        let routes = Router::new()
            .route("/snapshots/", get(routes::list_snapshots).post(routes::create_snapshot))
            .route("/snapshots/billing/", get(routes::snapshot_billing))
            .route("/snapshots/{id}/", get(routes::show_snapshot).delete(routes::delete_snapshot))
            .route("/instances/", get(routes::list_machines))
            .route("/instances/billing/", get(routes::machine_billing))
            .route("/instances/{id}/", get(routes::show_machine))
            .route("/volumes/billing/", get(routes::volume_billing))
            .route("/images/", get(routes::list_images))
            .route("/images/snapshot-relationship/{id}/", get(routes::show_relation))
            .route("/images/snapshot-relationships/", post(routes::list_relations))
            .route("/balance/", get(routes::balance))
            .route("/pricing/", get(routes::pricing))
            .route("/regions/", get(routes::regions))
            .route("/gpu-stocks/", get(routes::gpu_stocks))
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

async fn gate(State(cloud): State<Cloud>, request: Request, next: Next) -> Response {
    let refused = cloud.enter(|inside| refusal(inside, &cloud, request.headers()));
    let mut response = match refused {
        Some(answer) => answer.into_response(),
        None => next.run(request).await,
    };
    if let Some(date) = cloud.shown_date() {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn refusal(inside: &mut Inside, cloud: &Cloud, headers: &HeaderMap) -> Option<Answer> {
    if inside.count_request() > RATE_LIMIT {
        let id = inside.request_id();
        let mut answer =
            Answer::error(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", "Too many requests.", &id);
        let left = 60 - inside.world.now().seconds().rem_euclid(60);
        answer.retry_after = cloud.dialect.retry_after.then(|| left.to_string());
        return Some(answer);
    }
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if shown.and_then(|value| value.strip_prefix("Bearer ")) != Some(&*cloud.key) {
        let id = inside.request_id();
        let message = "Invalid or missing API key.";
        return Some(Answer::error(StatusCode::UNAUTHORIZED, "AUTHENTICATION_ERROR", message, &id));
    }
    None
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
