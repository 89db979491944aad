//! Every address that is answered, on one screen, and what holds for all of them.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;

use super::answers;
use super::guard::Denial;
use super::listen::Shown;
use super::page;

/// For one answer, reading the journal included.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// Nothing is loaded, run or embedded but the style in the page itself, which its hash names.
const ALWAYS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
/// Of all that is not the page.
const BARE_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

pub fn router(shown: Shown) -> Router {
    Router::new()
        .route("/", get(page::page))
        .route("/healthz", get(answers::alive))
        .route("/readyz", get(answers::ready))
        .route("/metrics", get(answers::metrics))
        .route("/api/v1/status", get(answers::status))
        .route("/api/v1/machines", get(answers::machines))
        .route("/api/v1/snapshots", get(answers::snapshots))
        .route("/api/v1/plan", get(answers::plan))
        .route("/api/v1/events", get(answers::events))
        .fallback(answers::unknown)
        .method_not_allowed_fallback(answers::read_only)
        .layer(middleware::from_fn_with_state(shown.clone(), guarded))
        .with_state(shown)
}

/// Before and after every answer.
async fn guarded(State(shown): State<Shown>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&shown, &request) {
        Some(refused) => refused,
        None => match tokio::time::timeout(LONGEST_ANSWER, next.run(request)).await {
            Ok(response) => response,
            Err(_) => answers::plain(StatusCode::SERVICE_UNAVAILABLE, "the answer took too long"),
        },
    };
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(BARE_POLICY));
    response
}

/// What a request is refused with, where it is.
fn refusal(shown: &Shown, request: &Request) -> Option<Response> {
    // Whoever watches whether it lives needs to know nothing else.
    if request.uri().path() != "/healthz" {
        match shown.guard.admit(request.headers()) {
            Ok(()) => {}
            Err(Denial::Token) => return Some(answers::unauthorized()),
            Err(Denial::Host) => {
                let said =
                    "this name is not this machine's: ask for 127.0.0.1 or localhost, or set http.token_file";
                return Some(answers::plain(StatusCode::MISDIRECTED_REQUEST, said));
            }
        }
    }
    if !Body::is_end_stream(request.body()) {
        let mut refused = answers::plain(StatusCode::PAYLOAD_TOO_LARGE, "no request here has a body");
        refused.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return Some(refused);
    }
    None
}
