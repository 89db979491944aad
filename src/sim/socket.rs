//! The simulated cloud on a real socket.
//!
//! It adds bounds and nothing else: an I/O error from the wire closes the connection without an answer.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::sim::wire::LocalWire;

/// A client that sends its headers more slowly is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// No request here needs more.
const LARGEST_BODY_BYTES: usize = 1 << 20;
const MOST_CONNECTIONS: usize = 256;
/// Out of file descriptors, for one: wait for some to come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, service: LocalWire) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let service = service.clone();
                tokio::spawn(async move {
                    converse(stream, service).await;
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn converse(stream: TcpStream, service: LocalWire) {
    let answer = hyper::service::service_fn(move |request| answer(service.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer);
    // A broken connection is the client's to notice, and often what was wanted.
    let _broken = connection.await.is_err();
}

async fn answer(service: LocalWire, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, LARGEST_BODY_BYTES).collect().await.map_err(io::Error::other)?;
    let request = Request::from_parts(parts, body.to_bytes());
    // A task of its own: as with a real server, what arrived takes effect though its client is gone.
    let answered = tokio::spawn(service.oneshot(request)).await.map_err(io::Error::other)?;
    Ok(answered?.map(Full::new))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::sim::cloud::Cloud;
    use crate::sim::fault::Fault;
    use crate::sim::fault_plan::FaultPlan;
    use crate::sim::probe::{KEY, cloud, far};

    async fn exchange(cloud: Cloud) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, cloud.local()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /api/balance/ HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        server.abort();
        answer
    }

    #[tokio::test]
    async fn a_socket_carries_the_same_api() {
        let answer = exchange(cloud("plain", FaultPlan::none(1))).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains(r#"{"success":true,"balance":"1000000","currency":"USD""#), "{answer}");
    }

    #[tokio::test]
    async fn what_has_arrived_takes_effect_though_its_client_is_gone() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, cloud.local()));
        let arrived = Arc::new(tokio::sync::Notify::new());
        let told = arrived.clone();
        cloud.on_change(Box::new(move |_| told.notify_one()));
        let body = r#"{"name":"qm-a","instance_id":"BRK-100001D","description":"","is_image":false}"#;
        let request = format!(
            "POST /api/snapshots/ HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // Less than the least latency on the way there.
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(stream);
        // As long as a slow machine may take.
        let patience = Duration::from_secs(120);
        tokio::time::timeout(patience, arrived.notified()).await.unwrap();
        let made = async {
            while cloud.with_truth(|truth| truth.snapshots().count()) == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(patience, made).await.unwrap();
        server.abort();
    }

    #[tokio::test]
    async fn a_failing_wire_closes_the_connection_without_an_answer() {
        let cloud = cloud("plain", FaultPlan::only(1, far(), Fault::NeverSent, 10_000));
        assert_eq!(exchange(cloud).await, "");
    }
}
