//! The listener: connections are few, short and bounded in everything that a client can send or leave out.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::guard::Guard;
use super::present::Present;
use super::routes;

/// A client that sends its headers more slowly is cut off, and so is one that has nothing more to ask.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From the first byte to the last, however slowly it reads.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);
/// More are accepted and closed at once. A browser opens six, a scraper one.
const MOST_CONNECTIONS: usize = 256;
/// For the request line with all headers; the library takes no less.
const LARGEST_HEAD_BYTES: usize = 8 * 1024;
const MOST_HEADERS: usize = 64;
/// Out of file descriptors, for one: wait for some to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long answers that are under way may take at the end.
const LAST_ANSWER: Duration = Duration::from_secs(2);

/// Reads events from the journal: up to `limit` after `after`, as one JSON document. It may block.
pub type Events = Arc<dyn Fn(u64, u32) -> Result<String, String> + Send + Sync>;

/// What the port shows, and to whom.
#[derive(Clone)]
pub struct Shown {
    pub present: watch::Receiver<Present>,
    pub events: Events,
    pub guard: Guard,
}

/// Serves until `stop`; then answers that are under way are given a moment.
pub async fn serve(listener: TcpListener, shown: Shown, stop: CancellationToken) {
    let router = routes::router(shown);
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let open = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                // Without a place it is dropped here, which closes it.
                let Ok(place) = places.clone().try_acquire_owned() else { continue };
                let conversation = converse(stream, router.clone(), stop.clone());
                open.spawn(async move {
                    conversation.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    open.close();
    // Whoever is not done by then is cut off.
    let _is_done = tokio::time::timeout(LAST_ANSWER, open.wait()).await.is_ok();
}

async fn converse(stream: TcpStream, router: Router, stop: CancellationToken) {
    // Small answers to few clients: nothing is gained by waiting.
    let _is_set = stream.set_nodelay(true).is_ok();
    let answer = service_fn(move |request| answer(router.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(LARGEST_HEAD_BYTES)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = tokio::time::sleep(LONGEST_CONNECTION) => return,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // A broken connection is the client's to notice.
    let _is_broken = ended.is_err();
}

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    router.oneshot(request.map(Body::new)).await
}

/// Where it listens; port 0 becomes the one that was given.
pub async fn bind(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}
