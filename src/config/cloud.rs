//! `[cloud]`: where the cloud is, how it is asked, and which file holds the key.
//!
//! The key itself is never in the configuration; see [`super::key`].

use std::path::PathBuf;

use http::{HeaderName, HeaderValue, Uri};

use super::paths::{self, Parameters, Paths};
use super::refusal::{self, RefusalSetting};
use super::section::{Found, Notes, Section};
use crate::domain::policy::Images;
use crate::domain::snapshot_price::PriceBasisSaid;
use crate::domain::time::Seconds;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cloud {
    /// Without a slash at its end. `https`; `http` only where the host is this machine.
    pub base_url: String,
    /// `None`: `run` refuses to start.
    pub key_file: Option<PathBuf>,
    pub key_header: HeaderName,
    /// Stands before the key, with a space; empty: the key stands alone.
    pub key_scheme: String,
    /// For one call, from connecting to the last byte.
    pub timeout: Seconds,
    pub page_size: u32,
    /// Records on a page of a billing list, whose own custom is 20.
    pub billing_page_size: u32,
    /// Calls a minute; the cloud refuses from 500 on, per source address.
    pub rate_per_minute: u32,
    /// What decides where the cloud tells nothing of images.
    pub images: Images,
    /// How snapshots are priced, where a person knows it.
    pub snapshot_price_basis: PriceBasisSaid,
    /// How the cloud's words for a no are sorted, before what is sorted anyway.
    pub refusals: Vec<RefusalSetting>,
    pub paths: Paths,
    pub parameters: Parameters,
}

pub const IMAGES: [(&str, Images); 2] = [("ask", Images::Ask), ("absent", Images::Absent)];

pub const PRICE_BASES: [(&str, PriceBasisSaid); 3] = [
    ("auto", PriceBasisSaid::Auto),
    ("fixed_100gb", PriceBasisSaid::Fixed100Gb),
    ("actual_size", PriceBasisSaid::ActualSize),
];

impl Cloud {
    /// Whether the cloud is on this machine, as the simulated one is.
    pub fn is_loopback(&self) -> bool {
        self.base_url.parse::<Uri>().is_ok_and(|uri| is_loopback(&uri))
    }
}

const BASE_URL: &str = "https://barrack.ai/api";

pub fn read(mut section: Section<'_>, notes: &mut Notes<'_>) -> Cloud {
    let base_url = section.text("base_url", notes).and_then(|found| base_url(&found, notes));
    let key_file = section.absolute_path("key_file", notes);
    if section.is_absent("key_file") {
        let said = "cloud.key_file is not set: `run` refuses to start unless its unit loads the key";
        notes.warn(&section.span, said);
    }
    let key_header = section.text("key_header", notes).and_then(|found| key_header(&found, notes));
    let key_scheme = section.text("key_scheme", notes).and_then(|found| key_scheme(&found, notes));
    let timeout = section.span_of("timeout", Seconds(1), notes);
    let page_size = section.number("page_size", 1..=1_000, notes);
    let billing_page_size = section.number("billing_page_size", 1..=1_000, notes);
    let rate_per_minute = section.number("rate_per_minute", 1..=500, notes);
    let images = section.word("images", &IMAGES, notes);
    let snapshot_price_basis = section.word("snapshot_price_basis", &PRICE_BASES, notes);
    let refusals = refusal::read(section.each("refusal", notes), notes);
    let paths = paths::paths(section.within("paths", notes), notes);
    let parameters = paths::parameters(section.within("parameters", notes), notes);
    section.finish(notes);
    Cloud {
        base_url: base_url.unwrap_or_else(|| BASE_URL.to_owned()),
        key_file: key_file.map(|found| found.value),
        key_header: key_header.unwrap_or(http::header::AUTHORIZATION),
        key_scheme: key_scheme.unwrap_or_else(|| "Bearer".to_owned()),
        timeout: timeout.map_or(Seconds(30), |found| found.value),
        page_size: page_size.map_or(50, |found| found.value),
        billing_page_size: billing_page_size.map_or(100, |found| found.value),
        rate_per_minute: rate_per_minute.map_or(300, |found| found.value),
        images: images.map_or(Images::Ask, |found| found.value),
        snapshot_price_basis: snapshot_price_basis.map_or(PriceBasisSaid::Auto, |found| found.value),
        refusals,
        paths,
        parameters,
    }
}

fn base_url(found: &Found<&str>, notes: &mut Notes<'_>) -> Option<String> {
    let rule = match found.value.parse::<Uri>() {
        // The crate drops fragments silently.
        _ if found.value.contains('#') => "must not carry a fragment (#…)",
        Err(_) => "must be a URL, such as \"https://barrack.ai/api\"",
        Ok(uri) => match (uri.scheme_str(), uri.authority()) {
            (None, _) | (_, None) => "must be a whole URL with its scheme and host",
            (_, Some(authority)) if authority.as_str().contains('@') => {
                "must not carry a user name or password"
            }
            (_, Some(authority)) if authority.host().is_empty() => "must name a host",
            _ if uri.query().is_some() => "must not carry a query (?…)",
            (Some("http"), _) if !is_loopback(&uri) => {
                "must be https: over http the key could be read on its way (http is for this machine only)"
            }
            (Some("http" | "https"), _) => return Some(found.value.trim_end_matches('/').to_owned()),
            _ => "must be https",
        },
    };
    if found.value.contains(['@', '?', '#']) {
        notes.refuse_unseen(found, rule);
    } else {
        notes.refuse(found, rule);
    }
    None
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A header as people write it; to HTTP it is the same.
pub fn spelled(header: &str) -> &str {
    match header {
        "authorization" => "Authorization",
        "x-api-key" => "X-API-Key",
        other => other,
    }
}

fn key_header(found: &Found<&str>, notes: &mut Notes<'_>) -> Option<HeaderName> {
    let taken = ["host", "content-length", "content-type", "accept", "connection", "transfer-encoding"];
    match found.value.parse::<HeaderName>() {
        Ok(name) if !taken.contains(&name.as_str()) => return Some(name),
        Ok(_) => notes.refuse(found, "must not be a header that http itself needs"),
        Err(_) => notes.refuse(found, "must be the name of a header, such as \"Authorization\""),
    }
    None
}

fn key_scheme(found: &Found<&str>, notes: &mut Notes<'_>) -> Option<String> {
    let is_plain = found.value.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || found.value.len() > 40 || HeaderValue::from_str(found.value).is_err() {
        notes.refuse_unseen(found, "must be one word, such as \"Bearer\", or \"\" for the key alone");
        return None;
    }
    Some(found.value.to_owned())
}
