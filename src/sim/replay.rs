//! Answers that a real account once gave, played back: whoever asks the same hears the same.
//!
//! It refuses whatever is no GET, and knows no more than what was saved.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use serde::Deserialize;
use tower::util::BoxCloneSyncService;

use crate::clock::Clock;
use crate::sim::answer::{Answer, http_date};
use crate::sim::wire::LocalWire;

const SCHEMA_VERSION: u32 = 1;
/// The cloud gives one with each answer; here it tells nothing apart.
const REQUEST_ID: &str = "00000000";

#[derive(Deserialize)]
struct Index {
    schema_version: u32,
    key_header: String,
    key_scheme: String,
    answers: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    address: String,
    status: u16,
    file: String,
}

#[derive(Clone)]
pub struct Replay {
    clock: Clock,
    header: String,
    /// What its value must be.
    shown_key: String,
    answers: BTreeMap<String, (StatusCode, Bytes)>,
}

impl Replay {
    /// `key` is the one that is accepted, in the header that the account wanted.
    pub fn load(folder: &Path, key: &str, clock: Clock) -> io::Result<Self> {
        let odd = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        let index: Index = serde_json::from_slice(&fs::read(folder.join("index.json"))?)?;
        if index.schema_version != SCHEMA_VERSION {
            return Err(odd(format!(
                "index.json has the version {}, not {SCHEMA_VERSION}",
                index.schema_version
            )));
        }
        let mut answers = BTreeMap::new();
        for Entry { address, status, file } in index.answers {
            if Path::new(&file).file_name() != Some(file.as_ref()) {
                return Err(odd(format!("index.json names {file:?}, which is no file of the folder")));
            }
            let status = StatusCode::from_u16(status).map_err(|_| odd(format!("{status} is no status")))?;
            answers.insert(address, (status, Bytes::from(fs::read(folder.join(file))?)));
        }
        let shown_key =
            if index.key_scheme.is_empty() { key.to_owned() } else { format!("{} {key}", index.key_scheme) };
        Ok(Self { clock, header: index.key_header, shown_key, answers })
    }

    pub fn wire(&self) -> LocalWire {
        let replay = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            std::future::ready(Ok(replay.answer(&request)))
        }))
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let error = |status: StatusCode, code: &str, message: &str| {
            (status, Bytes::from(Answer::error(status, code, message, REQUEST_ID).body))
        };
        let shown = request.headers().get(&self.header).map(|value| value.as_bytes());
        let (status, body) = if shown != Some(self.shown_key.as_bytes()) {
            error(StatusCode::UNAUTHORIZED, "AUTHENTICATION_ERROR", "Invalid or missing API key.")
        } else if request.method() != Method::GET {
            let message = "This is a recording: nothing can be changed in it.";
            error(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
        } else {
            let address = request.uri().path_and_query().map_or("", |address| address.as_str());
            self.saved(address.strip_prefix("/api").unwrap_or(address))
                .unwrap_or_else(|| error(StatusCode::NOT_FOUND, "NOT_FOUND", "Not in the recording."))
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if let Ok(date) = http_date(self.clock.now()).parse() {
            response.headers_mut().insert(header::DATE, date);
        }
        response
    }

    /// As it was asked; or else the same page of the same list, however long its pages are.
    fn saved(&self, address: &str) -> Option<(StatusCode, Bytes)> {
        let page = |address: &str| address.split('&').next().unwrap_or_default().to_owned();
        let exact = self.answers.get(address);
        let same = || {
            self.answers.iter().rev().find(|(known, _)| page(known) == page(address)).map(|(_, saved)| saved)
        };
        exact.or_else(same).cloned()
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn what_was_saved_is_played_back_and_nothing_is_changed() {
        let folder = tempfile::tempdir().unwrap();
        let index = r#"{"schema_version":1,"key_header":"x-api-key","key_scheme":"","answers":[
            {"address":"/vms/?page=1&size=5","status":200,"file":"a.txt"},
            {"address":"/images/","status":403,"file":"b.txt"}]}"#;
        for (name, text) in [("index.json", index), ("a.txt", "[1]"), ("b.txt", "no")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let wire = Replay::load(folder.path(), "k", Clock::system()).unwrap().wire();
        let ask = async |method: &str, path: &str, key: &str| {
            let request = Request::builder().method(method).uri(path).header("x-api-key", key);
            let answer = wire.clone().oneshot(request.body(Bytes::new()).unwrap()).await.unwrap();
            (answer.status().as_u16(), answer.body().len())
        };
        assert_eq!(ask("GET", "/api/vms/?page=1&size=5", "k").await, (200, 3));
        assert_eq!(ask("GET", "/api/vms/?page=1&size=9", "k").await, (200, 3));
        assert_eq!(ask("GET", "/api/images/", "k").await, (403, 2));
        assert_eq!(ask("GET", "/api/vms/?page=2&size=5", "k").await.0, 404);
        assert_eq!(ask("GET", "/api/images/", "other").await.0, 401);
        assert_eq!(ask("POST", "/api/vms/", "k").await.0, 405);
        assert_eq!(ask("DELETE", "/api/images/", "k").await.0, 405);
    }

    #[test]
    fn a_folder_that_climbs_out_of_itself_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let index = r#"{"schema_version":1,"key_header":"a","key_scheme":"","answers":[
            {"address":"/","status":200,"file":"../../etc/passwd"}]}"#;
        fs::write(folder.path().join("index.json"), index).unwrap();
        assert!(Replay::load(folder.path(), "k", Clock::system()).is_err());
    }
}
