//! A question to an address that the configuration names, not to the cloud: its status is the answer.
//!
//! It carries no key, follows no redirect and reads no body.

use std::time::Duration;

use reqwest::redirect::Policy;

/// The status that the address answers with, asked about one machine. An error is why there is none.
pub async fn status_of(url: &str, machine: &str, timeout: Duration) -> Result<u16, String> {
    let mut url = reqwest::Url::parse(url).map_err(|_| "its address cannot be read".to_owned())?;
    url.query_pairs_mut().append_pair("machine", machine);
    let builder = reqwest::Client::builder().redirect(Policy::none()).referer(false).no_proxy();
    let client = builder.timeout(timeout).build().map_err(|error| error.without_url().to_string())?;
    match client.get(url).send().await {
        Ok(response) => Ok(response.status().as_u16()),
        Err(error) if error.is_timeout() => Err(format!("no answer within {} s", timeout.as_secs())),
        Err(error) => Err(error.without_url().to_string()),
    }
}
