//! One request: what it asks, and the address that its parts make.
//!
//! An id that could be taken for more than one segment of a path makes no request at all.

use std::fmt::Write;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request};

use super::wire;

/// One request, without the key.
#[derive(Clone, Debug)]
pub struct Asking {
    pub method: Method,
    /// The path's template, and what stands for `{id}` in it.
    pub endpoint: String,
    pub object: Option<String>,
    pub query: String,
    pub body: Bytes,
    /// Machines, snapshots and what is done to them: a 403 there is about the key.
    pub is_core: bool,
}

impl Asking {
    pub fn get(endpoint: &str, object: Option<&str>) -> Self {
        Self {
            method: Method::GET,
            endpoint: endpoint.to_owned(),
            object: object.map(str::to_owned),
            query: String::new(),
            body: Bytes::new(),
            is_core: false,
        }
    }

    /// `Err`: why it cannot be sent.
    pub fn request(&self, base_url: &str, headers: &HeaderMap) -> Result<Request<Bytes>, String> {
        let path = match &self.object {
            Some(id) if self.endpoint.contains("{id}") => {
                let segment = segment(id).ok_or("an id that cannot stand in a path")?;
                self.endpoint.replace("{id}", &segment)
            }
            Some(_) | None => self.endpoint.clone(),
        };
        let address = format!("{base_url}{path}{}", self.query);
        let request = Request::builder().method(self.method.clone()).uri(address).body(self.body.clone());
        let mut request = request.map_err(|_| "base_url and path make no address".to_owned())?;
        *request.headers_mut() = headers.clone();
        if !self.body.is_empty() {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Ok(request)
    }
}

/// One segment of a path. `None` for what a server on the way could take for more than one.
fn segment(id: &str) -> Option<String> {
    let is_odd = |symbol: char| symbol.is_control() || matches!(symbol, '/' | '\\' | '%');
    if !wire::is_usable_id(id) || id.contains(is_odd) {
        return None;
    }
    let mut segment = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                segment.push(char::from(byte))
            }
            // Writing to a string cannot fail.
            _ => _ = write!(segment, "%{byte:02X}"),
        }
    }
    Some(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_one_segment_of_a_path_or_is_not_sent() {
        assert_eq!(segment("BRK-100001S").as_deref(), Some("BRK-100001S"));
        assert_eq!(segment("a b?c#é").as_deref(), Some("a%20b%3Fc%23%C3%A9"));
        for id in ["", " ", ".", "..", "a/b", "a\\b", "%2e%2e", "a\nb"] {
            assert_eq!(segment(id), None, "{id:?}");
        }
    }
}
