//! How the world is written down in a dialect: objects, lists, and what stands around them.
//!
//! There is one truth; what differs from dialect to dialect differs here and nowhere else.

use std::borrow::Cow;
use std::fmt::Write;

use http::StatusCode;

use crate::domain::time::Timestamp;
use crate::sim::answer::{Answer, json_text, wire_time};
use crate::sim::dialect::{Dialect, Way};
use crate::sim::page::Page;
use crate::sim::spite::{is_sacred, spiteful};

/// The value of a field, before a dialect writes it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Text(&'a str),
    /// The word for a state.
    State(&'a str),
    Whole(i64),
    Flag(bool),
    Instant(Timestamp),
    /// JSON as it is.
    Json(&'a str),
    Null,
}

/// What kind of thing an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Snapshot,
    Machine,
    Volume,
    Image,
}

pub type Fields<'a> = Vec<(&'static str, Value<'a>)>;

/// An item may have another id there, so the names differ by kind.
const RENAMED: [(Kind, &str, &str); 8] = [
    (Kind::Snapshot, "id", "snapshot_id"),
    (Kind::Snapshot, "size_gb", "size"),
    (Kind::Snapshot, "instance_id", "vm_id"),
    (Kind::Machine, "id", "vm_id"),
    (Kind::Machine, "name", "vm_name"),
    (Kind::Volume, "id", "volume_id"),
    (Kind::Volume, "size_gb", "size"),
    (Kind::Image, "id", "image_id"),
];

/// Other words for a state. Which one an object uses depends on its number only.
const WORDS: [(&str, &[&str]); 8] = [
    ("SUCCESS", &["success", "available", "COMPLETE", "Completed", "Successful"]),
    ("CREATING", &["creating", "Pending", "BUILD", "queued", "Uploading"]),
    ("ERROR", &["error", "FAILED", "Failed"]),
    ("ACTIVE", &["active", "Active", "ACTIVE"]),
    ("SHUTOFF", &["STOPPED", "shutoff", "Stopped"]),
    ("available", &["AVAILABLE", "detached", "Available"]),
    ("in-use", &["attached", "IN-USE", "In-Use"]),
    ("HIBERNATED", &["Hibernated", "hibernated"]),
];

/// What an extra field may hold: nesting, nulls, and words that are fields elsewhere.
const EXTRA: &str =
    r#""_links":{"self":null,"id":"0"},"labels":"a,b","zone":{"rack":[1,{"status":"ERROR"}]},"x":1e400"#;

/// What people name, and what they write.
const NAMES: [&str; 2] = ["name", "description"];
/// What many things share: each place has one name.
const PLACES: [&str; 2] = ["region", "gpu_type"];

/// The name of a place or a model, the same in every list.
pub fn place(dialect: Dialect, name: &str) -> Cow<'_, str> {
    if dialect.has(Way::HostileNames) { spiteful(name, 1).into() } else { name.into() }
}

/// A snapshot of the daemon's, whose name and description must come back as they were sent.
fn is_ours(fields: &Fields) -> bool {
    fields
        .iter()
        .any(|(name, value)| *name == "name" && matches!(value, Value::Text(text) if is_sacred(text)))
}

/// One object, for a list or alone. `number` tells it from its like.
pub fn object(dialect: Dialect, kind: Kind, number: u64, fields: &Fields) -> String {
    let mut text = String::from("{");
    if dialect.has(Way::ExtraFields) {
        text.push_str(EXTRA);
    }
    // The name of a machine is what it is in all places, bills too; the world knows it.
    let hostile = dialect.has(Way::HostileNames) && kind != Kind::Machine && !is_ours(fields);
    for (name, value) in fields {
        if text.len() > 1 {
            text.push(',');
        }
        // Writing to a string cannot fail.
        _ = write!(text, "\"{}\":", field_name(dialect, kind, name));
        match value {
            Value::Text(content) if PLACES.contains(name) => {
                text.push_str(&json_text(&place(dialect, content)));
            }
            Value::Text(content) if hostile && NAMES.contains(name) => {
                text.push_str(&json_text(&spiteful(content, number)));
            }
            _ => write_value(&mut text, dialect, number, value),
        }
    }
    text.push('}');
    text
}

/// The answer with one object under its word.
pub fn single(dialect: Dialect, status: StatusCode, word: &str, text: &str, request_id: &str) -> Answer {
    let word = if dialect.has(Way::DataWrapped) { "data" } else { word };
    Answer::success(status, &format!(r#""{word}":{text}"#), request_id)
}

/// The answer with one page of a list: the texts on it, and how many there are in all.
pub fn list(
    dialect: Dialect,
    word: &str,
    items: &[&str],
    page: &Page,
    total: usize,
    request_id: &str,
) -> Answer {
    let inside = items.join(",");
    if dialect.has(Way::BareArrays) {
        return Answer::bare(format!("[{inside}]"));
    }
    let key = match () {
        () if dialect.has(Way::DataWrapped) => "data",
        () if dialect.has(Way::ResultsKey) => "results",
        () if dialect.has(Way::ItemsKey) => "items",
        () => word,
    };
    let number = |count: usize| {
        if dialect.has(Way::StringNumbers) { format!("\"{count}\"") } else { count.to_string() }
    };
    let of_all = match () {
        () if dialect.has(Way::NoTotals) => String::new(),
        () if dialect.has(Way::PageCount) => format!(r#","count":{}"#, number(items.len())),
        () => {
            let pages = total.div_ceil(page.size).max(1);
            format!(r#","total":{},"total_pages":{}"#, number(total), number(pages))
        }
    };
    let extra = if dialect.has(Way::ExtraFields) { r#""meta":{"items":7,"data":null},"# } else { "" };
    let (at, size) = (number(page.number), number(page.size));
    let fields = format!(r#"{extra}"{key}":[{inside}]{of_all},"page":{at},"limit":{size}"#);
    Answer::success(StatusCode::OK, &fields, request_id)
}

/// An amount of money that stands alone: a text in plain words.
pub fn amount(dialect: Dialect, decimal: &str) -> String {
    if dialect.has(Way::StringNumbers) { decimal.to_owned() } else { format!("\"{decimal}\"") }
}

fn field_name(dialect: Dialect, kind: Kind, name: &'static str) -> &'static str {
    let renamed =
        RENAMED.iter().find(|row| dialect.has(Way::RenamedFields) && (row.0, row.1) == (kind, name));
    renamed.map_or(name, |(_, _, other)| other)
}

fn write_value(text: &mut String, dialect: Dialect, number: u64, value: &Value) {
    match value {
        Value::Text(content) => text.push_str(&json_text(content)),
        Value::State(word) => text.push_str(&json_text(state_word(dialect, number, word))),
        // Writing to a string cannot fail.
        Value::Whole(count) if dialect.has(Way::StringNumbers) => _ = write!(text, "\"{count}\""),
        Value::Whole(count) => _ = write!(text, "{count}"),
        Value::Flag(is_set) => _ = write!(text, "{is_set}"),
        Value::Instant(at) if dialect.has(Way::OddTimes) => text.push_str(&odd_time(*at, number)),
        Value::Instant(at) => _ = write!(text, "\"{}\"", wire_time(*at)),
        Value::Json(json) => text.push_str(json),
        Value::Null => text.push_str("null"),
    }
}

fn state_word(dialect: Dialect, number: u64, word: &str) -> &str {
    let others = WORDS.iter().find(|(known, _)| dialect.has(Way::OddWords) && *known == word);
    let Some((_, others)) = others else { return word };
    others[usize::try_from(number).unwrap_or(0) % others.len()]
}

/// The same instant in one of seven forms, one of which says nothing.
fn odd_time(at: Timestamp, number: u64) -> String {
    let whole = Timestamp::from_seconds(at.seconds());
    let shifted = |seconds: i64| whole.shifted(seconds * 1_000_000).zoned();
    match number % 7 {
        0 => format!("\"{whole}\""),
        1 => format!("\"{}+05:30\"", shifted(19_800).strftime("%Y-%m-%dT%H:%M:%S")),
        2 => format!("\"{}-08:00\"", shifted(-28_800).strftime("%Y-%m-%dT%H:%M:%S")),
        3 => format!("\"{}\"", shifted(0).strftime("%Y-%m-%d %H:%M:%S")),
        4 => format!("\"{}.123456Z\"", shifted(0).strftime("%Y-%m-%dT%H:%M:%S")),
        5 => whole.seconds().to_string(),
        _ => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(dialect: &str, number: u64) -> String {
        let fields = vec![
            ("id", Value::Text("BRK-1S")),
            ("status", Value::State("SUCCESS")),
            ("size_gb", Value::Whole(40)),
            ("instance_id", Value::Text("BRK-1D")),
            ("is_image", Value::Flag(false)),
            ("created_at", Value::Instant(Timestamp::from_seconds(1_772_330_407))),
        ];
        object(Dialect::parse(dialect).unwrap(), Kind::Snapshot, number, &fields)
    }

    #[test]
    fn one_snapshot_is_written_in_each_dialect() {
        for (dialect, number, expected) in [
            (
                "plain",
                1,
                r#"{"id":"BRK-1S","status":"SUCCESS","size_gb":40,"instance_id":"BRK-1D","is_image":false,"created_at":"2026-03-01T02:00:07Z"}"#,
            ),
            (
                "renamed-fields+string-numbers",
                1,
                r#"{"snapshot_id":"BRK-1S","status":"SUCCESS","size":"40","vm_id":"BRK-1D","is_image":false,"created_at":"2026-03-01T02:00:07Z"}"#,
            ),
            (
                "odd-words+odd-times",
                1,
                r#"{"id":"BRK-1S","status":"available","size_gb":40,"instance_id":"BRK-1D","is_image":false,"created_at":"2026-03-01T07:30:07+05:30"}"#,
            ),
            (
                "odd-times",
                2,
                r#"{"id":"BRK-1S","status":"SUCCESS","size_gb":40,"instance_id":"BRK-1D","is_image":false,"created_at":"2026-02-28T18:00:07-08:00"}"#,
            ),
            (
                "odd-times",
                5,
                r#"{"id":"BRK-1S","status":"SUCCESS","size_gb":40,"instance_id":"BRK-1D","is_image":false,"created_at":1772330407}"#,
            ),
        ] {
            assert_eq!(written(dialect, number), expected, "{dialect}");
        }
    }

    #[test]
    fn a_list_stands_where_its_dialect_puts_it() {
        for (dialect, expected) in [
            (
                "plain",
                r#"{"success":true,"images":[1,2],"total":7,"total_pages":4,"page":1,"limit":2,"request_id":"r"}"#,
            ),
            (
                "data-wrapped",
                r#"{"success":true,"data":[1,2],"total":7,"total_pages":4,"page":1,"limit":2,"request_id":"r"}"#,
            ),
            (
                "results-key+no-totals",
                r#"{"success":true,"results":[1,2],"page":1,"limit":2,"request_id":"r"}"#,
            ),
            (
                "items-key+page-count",
                r#"{"success":true,"items":[1,2],"count":2,"page":1,"limit":2,"request_id":"r"}"#,
            ),
            ("bare-arrays", "[1,2]"),
        ] {
            let page = Page { number: 1, size: 2 };
            let answer = list(Dialect::parse(dialect).unwrap(), "images", &["1", "2"], &page, 7, "r");
            assert_eq!(answer.body, expected, "{dialect}");
        }
    }
}
