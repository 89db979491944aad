//! Answers that no route gave, and what may happen to the body of one that a route did give.
//!
//! They are drawn here and sent by the wire.

use std::sync::LazyLock;

use bytes::Bytes;
use fastrand::Rng;

use crate::sim::fault::Fault;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canned {
    pub fault: Fault,
    pub status: u16,
    pub body: CannedBody,
    pub header: Option<(&'static str, &'static str)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannedBody {
    /// The envelope of an error that fits the status.
    Json,
    /// The same with this code and message.
    Says(&'static str, &'static str),
    Html,
    Empty,
}

/// What is done to a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mangling {
    Huge,
    Deep,
    Html,
    Empty,
    /// Cut at this share of its length, in thousandths.
    Cut(usize),
    KeyTwice,
    ByteOrderMark,
    NotANumber,
    /// Its text is this.
    Is(&'static str),
}

pub const RETRY_AFTER: [Option<&str>; 8] = [
    None,
    None,
    Some("5"),
    Some("60"),
    Some("86400000"),
    Some("-5"),
    Some("soon"),
    Some("Fri, 31 Dec 2099 23:59:59 GMT"),
];

const LOCATIONS: [&str; 4] = [
    "/api/snapshots/",
    "https://elsewhere.invalid/api/snapshots/",
    "http://127.0.0.1/api/snapshots/",
    "/loop/",
];

/// Only what may change by itself: a machine that cannot be snapshotted never can.
const REFUSALS: [(u16, &str, &str); 6] = [
    (400, "PROFILE_INCOMPLETE", "Please complete your profile before creating resources."),
    (400, "QUOTA_EXCEEDED", "Snapshot quota exceeded for this account."),
    (400, "PERMISSION_DENIED", "You do not have permission to create snapshots."),
    (409, "BUSY", "Another operation is in progress on this instance."),
    (400, "INVALID_STATE", "The instance is under heavy load, try again later."),
    (400, "VALIDATION_ERROR", "The request could not be understood."),
];

const BALANCES: [&str; 8] = [
    r#"{"success":true,"balance":"-12.50","currency":"USD"}"#,
    r#"{"success":true,"balance":NaN,"currency":"USD"}"#,
    r#"{"success":true,"balance":"NaN","currency":"USD"}"#,
    r#"{"success":true,"balance":"plenty","currency":"USD"}"#,
    r#"{"success":true,"balance":"100.00","currency":"XAU"}"#,
    r#"{"success":true,"balance":null,"currency":null}"#,
    r#"{"success":true,"balances":[]}"#,
    r#"{"success":true,"balance":"999999999999999999999999","currency":"USD"}"#,
];

pub const HTML: &str = "<html><head><title>Error</title></head><body><h1>Bad Gateway</h1></body></html>";

/// Where a list may stand.
const LISTS: [&str; 6] = ["snapshots", "instances", "images", "data", "results", "items"];

/// More than any client should take in.
const HUGE_BYTES: usize = 9 << 20;
const DEEP_LEVELS: usize = 100_000;
static HUGE: LazyLock<Bytes> = LazyLock::new(|| vec![b' '; HUGE_BYTES].into());
static DEEP: LazyLock<Bytes> = LazyLock::new(|| vec![b'['; DEEP_LEVELS].into());

impl Canned {
    pub fn new(fault: Fault, status: u16, body: CannedBody) -> Self {
        Self { fault, status, body, header: None }
    }
}

pub fn server_error(is_list: bool, random: &mut Rng) -> Canned {
    let choices = if is_list { 5 } else { 4 };
    let status = [500, 502, 503, 504, 404][random.usize(..choices)];
    let body = [CannedBody::Json, CannedBody::Html, CannedBody::Empty][random.usize(..3)];
    Canned::new(Fault::ServerError, status, body)
}

pub fn redirect(random: &mut Rng) -> Canned {
    let status = [301, 302, 307, 308][random.usize(..4)];
    let header = Some(("location", LOCATIONS[random.usize(..LOCATIONS.len())]));
    Canned { header, ..Canned::new(Fault::Redirected, status, CannedBody::Empty) }
}

pub fn portal(random: &mut Rng) -> Canned {
    let status = if random.bool() { 200 } else { 511 };
    Canned::new(Fault::CaptivePortal, status, CannedBody::Html)
}

pub fn refusal(random: &mut Rng) -> Canned {
    let (status, code, message) = REFUSALS[random.usize(..REFUSALS.len())];
    Canned::new(Fault::Refused, status, CannedBody::Says(code, message))
}

impl Mangling {
    pub fn drawn(fault: Fault, random: &mut Rng) -> Self {
        match fault {
            Fault::HugeBody => [Self::Huge, Self::Deep][random.usize(..2)],
            Fault::OddBalance => Self::Is(BALANCES[random.usize(..BALANCES.len())]),
            _ => [
                Self::Html,
                Self::Empty,
                Self::Cut(random.usize(..1_000)),
                Self::KeyTwice,
                Self::ByteOrderMark,
                Self::NotANumber,
            ][random.usize(..6)],
        }
    }

    pub fn done_to(self, body: &Bytes) -> Bytes {
        let text = String::from_utf8_lossy(body);
        match self {
            Self::Huge => HUGE.clone(),
            Self::Deep => DEEP.clone(),
            Self::Html => Bytes::from_static(HTML.as_bytes()),
            Self::Empty => Bytes::new(),
            Self::Cut(thousandths) => body.slice(..body.len() * thousandths / 1_000),
            Self::KeyTwice => {
                let rest = text.strip_prefix('{').unwrap_or("}");
                let has = |name: &&&str| rest.contains(&format!("\"{name}\":["));
                let empty = LISTS.iter().filter(has).map(|name| format!("\"{name}\":[],"));
                let none = if rest.contains("\"total\":") { "\"total\":0," } else { "" };
                format!(r#"{{"success":false,{none}{}{rest}"#, empty.collect::<String>()).into()
            }
            Self::ByteOrderMark => format!("\u{feff}{text}").into(),
            Self::NotANumber => {
                let rest = text.strip_prefix('{').unwrap_or("}");
                format!(r#"{{"load":NaN,{rest}"#).into()
            }
            Self::Is(other) => Bytes::from_static(other.as_bytes()),
        }
    }
}
