//! A cloud of canned answers, as bytes at the seam, for the tests of this folder.
//!
//! It has no mind: whoever uses it says what comes back.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};

use super::client::Client;
use super::settings::Settings;
use super::transport::{Local, Transport};

pub type Answered = Result<Response<Bytes>, io::Error>;

/// What a request asked for; requests are numbered from 1.
pub struct Asked {
    pub number: usize,
    pub method: String,
    pub path: String,
    pub query: String,
    pub key: String,
    pub body: Bytes,
}

impl Asked {
    pub fn page(&self) -> usize {
        let page = self.query.split('&').find_map(|part| part.strip_prefix("page="));
        page.unwrap().parse().unwrap()
    }
}

pub fn client(answers: impl Fn(&Asked) -> Answered + Clone + Send + Sync + 'static) -> Client {
    let count = Arc::new(AtomicUsize::new(0));
    let service = tower::service_fn(move |request: Request<Bytes>| {
        let asked = Asked {
            number: count.fetch_add(1, Ordering::Relaxed) + 1,
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            key: request.headers()["authorization"].to_str().unwrap().to_owned(),
            body: request.into_body(),
        };
        std::future::ready(answers(&asked))
    });
    let settings = Settings::default();
    let transport = Transport::local(Local::new(service), &settings);
    Client::new(transport, settings, "s3cret-key".to_owned().into()).unwrap()
}

pub fn answer(status: u16, body: &str) -> Response<Bytes> {
    Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap()
}

pub fn json(body: &str) -> Answered {
    Ok(answer(200, body))
}

pub fn with_header(
    mut response: Response<Bytes>,
    name: &'static str,
    value: &'static str,
) -> Response<Bytes> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// A JSON array of snapshots with these numbers; empty if the range is.
pub fn items(numbers: Range<usize>) -> String {
    let items: Vec<String> =
        numbers.map(|number| format!(r#"{{"id":"BRK-{number:05}S","name":"n{number}"}}"#)).collect();
    format!("[{}]", items.join(","))
}
