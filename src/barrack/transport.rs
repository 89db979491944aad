//! One request out, one answer back: over the network, or over a service handed in by the caller.
//!
//! It never retries, never follows a redirect, and never prints an address or a key.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{DATE, HeaderMap, RETRY_AFTER};
use http::{HeaderValue, Request, Response};
use reqwest::redirect::Policy;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt};

use super::settings::Settings;
use crate::domain::event::Failure;

/// An answer with more bytes is not read to its end.
pub const MOST_BYTES: usize = 8 * 1024 * 1024;
const CONNECT: Duration = Duration::from_secs(10);
/// Shorter than what common proxies grant an idle connection, so that ours is rarely a dead one.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// Requests and answers as bytes; an I/O error of the kind `ConnectionRefused` means "never sent".
pub type Local = BoxCloneSyncService<Request<Bytes>, Response<Bytes>, io::Error>;

pub enum Transport {
    Network(Network),
    Local(LocalTransport),
}

pub struct Network {
    client: reqwest::Client,
}

pub struct LocalTransport {
    service: Local,
    timeout: Duration,
}

/// What the rest reads of an answer. A `Location` is not among it.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    pub status: u16,
    pub date: Option<HeaderValue>,
    pub retry_after: Option<HeaderValue>,
    pub body: Bytes,
}

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("base_url is no absolute http or https address without user, query or fragment")]
    NoAddress,
    #[error(
        "base_url must be https: over plain http the key could be read on the way (http is for loopback)"
    )]
    NotEncrypted,
    #[error("cannot set up TLS and connections")]
    Setup(#[source] reqwest::Error),
}

impl Transport {
    pub fn network(settings: &Settings) -> Result<Self, TransportError> {
        let plain = is_plain_loopback(&settings.base_url)?;
        let builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .https_only(!plain)
            .connect_timeout(CONNECT.min(settings.timeout))
            .read_timeout(settings.timeout)
            .timeout(settings.timeout)
            .pool_idle_timeout(POOL_IDLE);
        let client = builder.build().map_err(|error| TransportError::Setup(error.without_url()))?;
        Ok(Self::Network(Network { client }))
    }

    pub fn local(service: Local, settings: &Settings) -> Self {
        Self::Local(LocalTransport { service, timeout: settings.timeout })
    }

    pub async fn send(&mut self, request: Request<Bytes>) -> Result<RawAnswer, Failure> {
        match self {
            Self::Network(network) => network.send(request).await,
            Self::Local(local) => local.send(request).await,
        }
    }
}

/// Neither says whom it speaks to.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network(_) => "Network",
            Self::Local(_) => "Local",
        })
    }
}

/// Whether the address is plain http to this machine; an error if it is plain http to another.
fn is_plain_loopback(base_url: &str) -> Result<bool, TransportError> {
    let url = reqwest::Url::parse(base_url).map_err(|_| TransportError::NoAddress)?;
    let extras = url.query().is_some() || url.fragment().is_some();
    if !url.has_host() || extras || !url.username().is_empty() || url.password().is_some() {
        return Err(TransportError::NoAddress);
    }
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let loopback = address.map_or(host == "localhost", |address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(false),
        "http" if loopback => Ok(true),
        "http" => Err(TransportError::NotEncrypted),
        _ => Err(TransportError::NoAddress),
    }
}

impl Network {
    async fn send(&self, request: Request<Bytes>) -> Result<RawAnswer, Failure> {
        let request = reqwest::Request::try_from(request).map_err(|_| Failure::NeverSent)?;
        let mut response = self.client.execute(request).await.map_err(|error| class(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| class(&error))? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(Failure::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RawAnswer::new(status, &headers, body.freeze()))
    }
}

/// A failure to connect is asked first: a timeout while connecting sent nothing.
fn class(error: &reqwest::Error) -> Failure {
    if error.is_builder() || error.is_connect() {
        Failure::NeverSent
    } else if error.is_timeout() {
        Failure::Timeout
    } else {
        Failure::Reset
    }
}

impl LocalTransport {
    async fn send(&mut self, request: Request<Bytes>) -> Result<RawAnswer, Failure> {
        let call = async {
            self.service.ready().await?;
            self.service.call(request).await
        };
        let response = match tokio::time::timeout(self.timeout, call).await {
            Err(_) => return Err(Failure::Timeout),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Failure::NeverSent);
            }
            Ok(Err(_)) => return Err(Failure::Reset),
            Ok(Ok(response)) => response,
        };
        let (head, body) = response.into_parts();
        if body.len() > MOST_BYTES {
            return Err(Failure::TooLarge);
        }
        Ok(RawAnswer::new(head.status.as_u16(), &head.headers, body))
    }
}

impl RawAnswer {
    fn new(status: u16, headers: &HeaderMap, body: Bytes) -> Self {
        let (date, retry_after) = (headers.get(DATE).cloned(), headers.get(RETRY_AFTER).cloned());
        Self { status, date, retry_after, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(base_url: &str) -> Result<Transport, TransportError> {
        Transport::network(&Settings { base_url: base_url.to_owned(), ..Settings::default() })
    }

    #[test]
    fn plain_http_is_refused_unless_it_stays_on_this_machine() {
        for refused in ["http://barrack.ai/api", "http://10.0.0.1", "http://127.0.0.1.example.com"] {
            assert!(matches!(network(refused), Err(TransportError::NotEncrypted)), "{refused}");
        }
        for refused in
            ["ftp://barrack.ai", "barrack.ai", "https://me:secret@barrack.ai", "https://a.b/?key=1"]
        {
            assert!(matches!(network(refused), Err(TransportError::NoAddress)), "{refused}");
        }
        for fine in
            ["https://barrack.ai/api", "http://127.0.0.1:8080", "http://[::1]:1/api", "http://localhost"]
        {
            assert!(network(fine).is_ok(), "{fine}");
        }
    }

    #[tokio::test]
    async fn a_refused_connection_was_never_sent() {
        // Port 1 is reserved and nothing listens there.
        let mut transport = network("http://127.0.0.1:1").unwrap();
        let request = Request::get("http://127.0.0.1:1/snapshots/").body(Bytes::new()).unwrap();
        assert_eq!(transport.send(request).await.unwrap_err(), Failure::NeverSent);
    }

    async fn local(
        answer: impl Fn() -> Result<Response<Bytes>, io::Error> + Clone + Send + Sync + 'static,
    ) -> Failure {
        let service = tower::service_fn(move |_| std::future::ready(answer()));
        let mut transport = Transport::local(Local::new(service), &Settings::default());
        transport.send(Request::new(Bytes::new())).await.unwrap_err()
    }

    #[tokio::test(start_paused = true)]
    async fn every_failure_of_a_local_service_has_its_class() {
        assert_eq!(local(|| Err(io::ErrorKind::ConnectionRefused.into())).await, Failure::NeverSent);
        assert_eq!(local(|| Err(io::ErrorKind::ConnectionReset.into())).await, Failure::Reset);
        let large = || Ok(Response::new(Bytes::from(vec![b' '; MOST_BYTES + 1])));
        assert_eq!(local(large).await, Failure::TooLarge);
        let mute = tower::service_fn(|_| std::future::pending());
        let mut transport = Transport::local(Local::new(mute), &Settings::default());
        let answer = transport.send(Request::new(Bytes::new())).await;
        assert_eq!(answer.unwrap_err(), Failure::Timeout);
    }
}
