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
use super::unsent::Unsent;
use crate::domain::event::Failure;
use crate::domain::time::Timestamp;

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

/// No usable answer: what sort of failure it was, and why nothing left, where that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAnswer {
    pub failure: Failure,
    pub unsent: Option<Unsent>,
}

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self { failure, unsent: None }
    }
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

    pub async fn send(&mut self, request: Request<Bytes>) -> Result<RawAnswer, NoAnswer> {
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
    async fn send(&self, request: Request<Bytes>) -> Result<RawAnswer, NoAnswer> {
        let request = reqwest::Request::try_from(request).map_err(|_| Failure::NeverSent)?;
        let mut response = self.client.execute(request).await.map_err(|error| class(&error))?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| class(&error))? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(Failure::TooLarge.into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(RawAnswer::new(status, &headers, body.freeze()))
    }
}

/// A failure to connect is asked first: a timeout while connecting sent nothing.
fn class(error: &reqwest::Error) -> NoAnswer {
    if error.is_builder() || error.is_connect() {
        NoAnswer { failure: Failure::NeverSent, unsent: Unsent::of(error) }
    } else if error.is_timeout() {
        Failure::Timeout.into()
    } else {
        Failure::Reset.into()
    }
}

impl LocalTransport {
    async fn send(&mut self, request: Request<Bytes>) -> Result<RawAnswer, NoAnswer> {
        let call = async {
            self.service.ready().await?;
            self.service.call(request).await
        };
        let response = match tokio::time::timeout(self.timeout, call).await {
            Err(_) => return Err(Failure::Timeout.into()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                return Err(Failure::NeverSent.into());
            }
            Ok(Err(_)) => return Err(Failure::Reset.into()),
            Ok(Ok(response)) => response,
        };
        let (head, body) = response.into_parts();
        if body.len() > MOST_BYTES {
            return Err(Failure::TooLarge.into());
        }
        Ok(RawAnswer::new(head.status.as_u16(), &head.headers, body))
    }
}

impl RawAnswer {
    fn new(status: u16, headers: &HeaderMap, body: Bytes) -> Self {
        let (date, retry_after) = (headers.get(DATE).cloned(), headers.get(RETRY_AFTER).cloned());
        Self { status, date, retry_after, body }
    }

    /// `Retry-After` in seconds, or as a date, which only means something beside the server's own.
    pub fn retry_for(&self) -> Option<Duration> {
        let value = self.retry_after.as_ref()?;
        if let Some(seconds) = value.to_str().ok().and_then(|text| text.trim().parse().ok()) {
            return Some(Duration::from_secs(seconds));
        }
        Some(http_date(value)?.since(http_date(self.date.as_ref()?)?))
    }
}

pub fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    const PARSER: jiff::fmt::rfc2822::DateTimeParser = jiff::fmt::rfc2822::DateTimeParser::new();
    PARSER.parse_timestamp(value.to_str().ok()?).ok().map(Timestamp::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

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
        let wrong = transport.send(request).await.unwrap_err();
        assert_eq!((wrong.failure, wrong.unsent), (Failure::NeverSent, Some(Unsent::Refused)));
    }

    #[tokio::test]
    async fn what_was_never_sent_says_why_in_words_of_ours() {
        let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let speaks_no_tls = format!("https://{}", plain.local_addr().unwrap());
        let server = async {
            loop {
                let (mut socket, _) = plain.accept().await.unwrap();
                _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        };
        let asked = async {
            let request = Request::get(format!("{speaks_no_tls}/x/")).body(Bytes::new()).unwrap();
            let wrong = network(&speaks_no_tls).unwrap().send(request).await.unwrap_err();
            assert_eq!((wrong.failure, wrong.unsent), (Failure::NeverSent, Some(Unsent::NoSession)));
        };
        tokio::select! {
            () = server => unreachable!("it never ends"),
            () = asked => {}
        }
    }

    async fn local(
        answer: impl Fn() -> Result<Response<Bytes>, io::Error> + Clone + Send + Sync + 'static,
    ) -> Failure {
        let service = tower::service_fn(move |_| std::future::ready(answer()));
        let mut transport = Transport::local(Local::new(service), &Settings::default());
        transport.send(Request::new(Bytes::new())).await.unwrap_err().failure
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
        assert_eq!(answer.unwrap_err(), Failure::Timeout.into());
    }

    #[test]
    fn retry_after_is_read_in_seconds_or_as_a_date_beside_the_servers() {
        let answer = |date: &'static str, after: &'static str| RawAnswer {
            status: 429,
            date: Some(HeaderValue::from_static(date)),
            retry_after: Some(HeaderValue::from_static(after)),
            body: Bytes::new(),
        };
        let date = "Sun, 01 Mar 2026 02:00:07 GMT";
        assert_eq!(answer(date, " 17 ").retry_for(), Some(Duration::from_secs(17)));
        assert_eq!(answer(date, "Sun, 01 Mar 2026 02:01:07 GMT").retry_for(), Some(Duration::from_secs(60)));
        assert_eq!(answer("?", "Sun, 01 Mar 2026 02:01:07 GMT").retry_for(), None);
        assert_eq!(answer(date, "-1").retry_for(), None);
    }

    /// What a server on a socket makes of `answer`, once it has read a request; without one it says nothing,
    /// and time, which stands still for nobody else, goes by at once.
    async fn over_a_socket(answer: Option<Vec<u8>>) -> Result<RawAnswer, NoAnswer> {
        // A machine that is slow must not make another failure of an answer.
        let timeout = Duration::from_secs(120);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let settings = Settings { base_url, timeout, ..Settings::default() };
        let server = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") && socket.read_buf(&mut asked).await.unwrap() > 0 {}
            match answer {
                Some(answer) => _ = socket.write_all(&answer).await,
                None => {
                    tokio::time::pause();
                    std::future::pending::<()>().await;
                }
            }
            drop(socket);
            std::future::pending::<()>().await;
        };
        let request = Request::get(format!("{}/x/", settings.base_url)).body(Bytes::new()).unwrap();
        let mut transport = Transport::network(&settings).unwrap();
        tokio::select! {
            () = server => unreachable!("it never ends"),
            answered = transport.send(request) => answered,
        }
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let answer = b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(over_a_socket(Some(answer.to_vec())).await.unwrap().status, 307);
    }

    #[tokio::test]
    async fn every_failure_on_a_socket_has_its_class() {
        let head =
            |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        let failure = async |answer: Option<Vec<u8>>| over_a_socket(answer).await.unwrap_err().failure;
        let cut = [head(100), b"{".to_vec()].concat();
        assert_eq!(failure(Some(cut)).await, Failure::Reset);
        assert_eq!(failure(Some(Vec::new())).await, Failure::Reset);
        assert_eq!(failure(Some(b"SSH-2.0\r\n".to_vec())).await, Failure::Reset);
        let large = [head(MOST_BYTES + 1), vec![b' '; MOST_BYTES + 1]].concat();
        assert_eq!(failure(Some(large)).await, Failure::TooLarge);
        assert_eq!(failure(None).await, Failure::Timeout);
    }
}
