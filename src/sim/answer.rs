//! Answers: the envelope of successes and errors, and how values are written in them.
//!
//! It knows no route and no fault.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;

/// A body of JSON with its status.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub body: String,
    pub retry_after: Option<String>,
}

impl Answer {
    /// `fields` is the inside of an object, without its braces; it may be empty.
    pub fn success(status: StatusCode, fields: &str, request_id: &str) -> Self {
        let comma = if fields.is_empty() { "" } else { "," };
        let body = format!(r#"{{"success":true,{fields}{comma}"request_id":"{request_id}"}}"#);
        Self { status, body, retry_after: None }
    }

    /// A success without an envelope.
    pub fn bare(body: String) -> Self {
        Self { status: StatusCode::OK, body, retry_after: None }
    }

    /// Billing answers carry no request id.
    pub fn billing(fields: &str) -> Self {
        Self { status: StatusCode::OK, body: format!(r#"{{"success":true,{fields}}}"#), retry_after: None }
    }

    pub fn error(status: StatusCode, code: &str, message: &str, request_id: &str) -> Self {
        let body = format!(
            r#"{{"success":false,"message":{},"error_code":"{code}","errors":{{}},"request_id":"{request_id}"}}"#,
            json_text(message)
        );
        Self { status, body, retry_after: None }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response =
            (self.status, [(header::CONTENT_TYPE, "application/json")], self.body).into_response();
        if let Some(value) = self.retry_after.and_then(|text| text.parse().ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, value);
        }
        response
    }
}

pub fn json_text<T: Serialize + ?Sized>(value: &T) -> String {
    // What is written here has text keys and no failing parts; an empty object would be noticed at once.
    serde_json::to_string(value).unwrap_or_else(|_| "{}".to_owned())
}

/// Whole seconds with a Z, as the cloud writes instants.
pub fn wire_time(instant: Timestamp) -> String {
    Timestamp::from_seconds(instant.seconds()).to_string()
}

/// The instant as the `Date` header writes it (IMF-fixdate, RFC 9110 section 5.6.7).
pub fn http_date(instant: Timestamp) -> String {
    instant.zoned().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// An amount as a JSON number in its exact decimal text.
pub fn money_text(amount: Nanos) -> Box<RawValue> {
    // The text of an amount is a JSON number; null would be noticed at once.
    RawValue::from_string(amount.to_string()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
