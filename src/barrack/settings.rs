//! What can be set about the API, with the defaults that the public pages suggest.
//!
//! The key is not in here: these settings may be printed.

use std::time::Duration;

use super::refusal::{self, RefusalPattern};
use crate::config::cloud::Cloud;
use crate::config::paths::{Parameters, Paths};

#[derive(Clone, Debug)]
pub struct Settings {
    /// Without the slash at its end; plain `http` only to this machine itself.
    pub base_url: String,
    pub key_header: String,
    /// Stands before the key in its header; empty for the bare key.
    pub key_scheme: String,
    /// For one whole call, from connecting to the last byte.
    pub timeout: Duration,
    pub page_size: u32,
    /// Records on a page of a billing list, whose own custom is 20.
    pub billing_page_size: u32,
    /// Requests in any rolling minute, of all sorts; the cloud cuts off at 500.
    pub rate_per_minute: u32,
    /// How often one page or object is asked for before a look gives up on it.
    pub read_attempts: u8,
    /// How the cloud's words for a no are sorted; the first that fits decides.
    pub refusals: Vec<RefusalPattern>,
    pub paths: Paths,
    pub parameters: Parameters,
    /// Seconds of the cloud's time in one of ours: above one only for a simulated cloud that runs fast.
    pub time_scale: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: "https://barrack.ai/api".to_owned(),
            key_header: "Authorization".to_owned(),
            key_scheme: "Bearer".to_owned(),
            timeout: Duration::from_secs(30),
            page_size: 50,
            billing_page_size: 100,
            rate_per_minute: 300,
            read_attempts: 3,
            refusals: refusal::DEFAULTS.to_vec(),
            paths: Paths::default(),
            parameters: Parameters::default(),
            time_scale: 1,
        }
    }
}

impl Settings {
    /// What the client is told of the configuration.
    pub fn of(cloud: &Cloud, time_scale: u32) -> Self {
        Self {
            base_url: cloud.base_url.clone(),
            key_header: cloud.key_header.to_string(),
            key_scheme: cloud.key_scheme.clone(),
            timeout: cloud.timeout.duration(),
            page_size: cloud.page_size,
            billing_page_size: cloud.billing_page_size,
            rate_per_minute: cloud.rate_per_minute,
            refusals: refusal::table(&cloud.refusals),
            paths: cloud.paths.clone(),
            parameters: cloud.parameters.clone(),
            time_scale,
            ..Self::default()
        }
    }
}
