//! What a client must be told of before it is answered at all: where the key stands, which paths and
//! parameters there are.
//!
//! The ways of a dialect that are in here cannot be guessed from an answer, so no seed draws them.

use std::borrow::Cow;

use http::{HeaderMap, Uri};

use crate::sim::dialect::{Dialect, Way};

/// As they are in plain words, and as they are in others.
const PATHS: [(&str, &str); 5] = [
    ("/images/snapshot-relationship/", "/images/snapshot-relationships/"),
    ("/instances/", "/vms/"),
    ("/balance/", "/credits/"),
    ("/pricing/", "/prices/"),
    ("/gpu-stocks/", "/stocks/"),
];

const PARAMETERS: [(&str, &str); 2] = [("pageSize", "page_size"), ("limit", "per_page")];

/// The key that a request shows, where this dialect looks for it.
pub fn shown_key(dialect: Dialect, headers: &HeaderMap) -> Option<&str> {
    let (header, scheme) = match () {
        () if dialect.has(Way::XApiKey) => ("x-api-key", ""),
        () if dialect.has(Way::ApiKeyHeader) => ("api_key", ""),
        () if dialect.has(Way::ApiKeyScheme) => ("authorization", "Api-Key "),
        () => ("authorization", "Bearer "),
    };
    headers.get(header)?.to_str().ok()?.strip_prefix(scheme)
}

/// Where a route is.
pub fn path(dialect: Dialect, plain: &str) -> String {
    let other = PATHS.iter().find(|(begin, _)| dialect.has(Way::OtherPaths) && plain.starts_with(begin));
    other.map_or_else(|| plain.to_owned(), |(begin, other)| format!("{other}{}", &plain[begin.len()..]))
}

/// The address with its parameters in plain words. Those in other words than this dialect's say nothing.
pub fn plain(dialect: Dialect, uri: &Uri) -> Option<Uri> {
    if !dialect.has(Way::OtherParameters) {
        return None;
    }
    let plain = |part: &str| -> Option<String> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match PARAMETERS.iter().find(|(plain, other)| *plain == name || *other == name) {
            Some((plain, other)) if *other == name => Some(format!("{plain}={value}")),
            Some(_) => None,
            None => Some(part.to_owned()),
        }
    };
    let parts: Vec<String> = uri.query()?.split('&').filter_map(plain).collect();
    let query: Cow<str> = if parts.is_empty() { "".into() } else { format!("?{}", parts.join("&")).into() };
    format!("{}{query}", uri.path()).parse().ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use tower::ServiceExt;

    use crate::sim::fault_plan::FaultPlan;
    use crate::sim::probe::{KEY, cloud};

    async fn status(dialect: &str, path: &str, header: &str, value: &str) -> (u16, String) {
        let request = Request::get(path).header(header, value).body(Bytes::new()).unwrap();
        let answer = cloud(dialect, FaultPlan::none(1)).local().oneshot(request).await.unwrap();
        (answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn the_key_is_looked_for_in_one_place_only() {
        let forms = [
            ("plain", "authorization", format!("Bearer {KEY}")),
            ("x-api-key", "x-api-key", KEY.to_owned()),
            ("api-key-header", "api_key", KEY.to_owned()),
            ("api-key-scheme", "authorization", format!("Api-Key {KEY}")),
        ];
        for (dialect, ..) in &forms {
            for (other, header, value) in &forms {
                let (status, _) = status(dialect, "/api/balance/", header, value).await;
                assert_eq!(status, if dialect == other { 200 } else { 401 }, "{dialect} {other}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn in_other_words_the_plain_paths_and_parameters_are_not_known() {
        let bearer = format!("Bearer {KEY}");
        let (there, _) = status("other-paths", "/api/vms/", "authorization", &bearer).await;
        let (gone, _) = status("other-paths", "/api/instances/", "authorization", &bearer).await;
        assert_eq!((there, gone), (200, 404));
        let count = async |query: &str| {
            let path = format!("/api/instances/?page=1&{query}=1");
            status("other-parameters", &path, "authorization", &bearer).await.1.matches("BRK-").count()
        };
        assert!(count("page_size").await < count("pageSize").await);
    }
}
