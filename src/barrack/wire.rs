//! Tolerant reading of JSON: the envelope around a list or an object, and fields of any spelling.
//!
//! It goes by the text of each value, so that no number passes through binary floating point.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;

/// Characters of a foreign string that are kept.
const LONGEST_TEXT: usize = 4_096;
/// Characters of an id. A longer one is unreadable: cut, it could become another's.
const LONGEST_ID: usize = 200;
/// Characters of a number; none that we are told needs more.
const LONGEST_NUMBER: usize = 40;
/// Levels of `{"data": {…}}` around the thing itself.
const DEEPEST: usize = 3;

/// Stands before some texts, and is no part of them.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What stands for a field that is there twice with two values: present, and never readable.
const CONTESTED: &str = "{}";

pub type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Borrowed from the text unless it is escaped there.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object; of two values under one name neither is believed.
struct Object<'a>(Fields<'a>);

/// What stands around a list.
#[derive(Debug)]
pub struct Envelope {
    /// Where in the body the array stands.
    pub items_at: Option<Range<usize>>,
    pub total: Option<u64>,
    pub says_no: bool,
    pub request_id: Option<String>,
}

/// The cloud's words beside a status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub code: String,
    pub message: String,
    pub request_id: Option<String>,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let (mut fields, mut contested) = (Fields::new(), BTreeSet::new());
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            match fields.entry(name) {
                Entry::Occupied(other) if other.get().get() != value.get() => {
                    contested.insert(other.key().clone());
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(place) => {
                    place.insert(value);
                }
            }
        }
        // It is JSON; if it were not, the field would be missing instead.
        if let Ok(unreadable) = serde_json::from_str::<&'static RawValue>(CONTESTED) {
            fields.extend(contested.into_iter().map(|name| (name, unreadable)));
        }
        Ok(Object(fields))
    }
}

/// The fields of an object. `None`: not JSON, cut off, or no object.
pub fn fields(text: &[u8]) -> Option<Fields<'_>> {
    serde_json::from_slice::<Object>(text).ok().map(|object| object.0)
}

pub fn without_mark(body: Bytes) -> Bytes {
    if body.starts_with(BYTE_ORDER_MARK) { body.slice(BYTE_ORDER_MARK.len()..) } else { body }
}

/// `None`: not JSON, or cut off.
pub fn envelope(body: &[u8], names: &[&str]) -> Option<Envelope> {
    let place = |items: &RawValue| {
        let begin = items.get().as_ptr().addr() - body.as_ptr().addr();
        begin..begin + items.get().len()
    };
    let mut envelope = Envelope { items_at: None, total: None, says_no: false, request_id: None };
    if body.trim_ascii_start().first() == Some(&b'[') {
        envelope.items_at = Some(place(serde_json::from_slice(body).ok()?));
        return Some(envelope);
    }
    let mut fields = fields(body)?;
    envelope.request_id = fields.get("request_id").copied().and_then(id);
    envelope.says_no = says_no(&fields);
    for _ in 0..DEEPEST {
        let named = names.iter().find_map(|name| fields.get(*name).filter(|value| is_array(value)));
        if let Some(items) = named {
            envelope.items_at = Some(place(items));
            envelope.total = fields.get("total").and_then(|total| text(total)?.parse().ok());
            break;
        }
        match fields.get("data").copied().and_then(object) {
            Some(inner) => fields = inner,
            None => break,
        }
    }
    Some(envelope)
}

/// The object under one of these names, or under `data`, or the body itself. `None`: not JSON.
pub fn inner_object<'a>(body: &'a [u8], names: &[&str]) -> Option<Fields<'a>> {
    inner_place(body, names).map(|(_, fields)| fields)
}

/// As `inner_object`, with the names under which it stands, from the outside in.
pub fn inner_place<'a, 'n>(body: &'a [u8], names: &[&'n str]) -> Option<(Vec<&'n str>, Fields<'a>)> {
    let (mut fields, mut place) = (fields(body)?, Vec::new());
    for _ in 0..DEEPEST {
        let mut names = names.iter().copied().chain(["data"]);
        match names.find_map(|name| Some((name, object(fields.get(name)?)?))) {
            Some((name, inner)) => {
                fields = inner;
                place.push(name);
            }
            None => break,
        }
    }
    Some((place, fields))
}

pub fn says_no(fields: &Fields) -> bool {
    let success = fields.get("success").copied().and_then(text);
    success.is_some_and(|word| word.eq_ignore_ascii_case("false"))
}

/// Of an error, or of a success that says no; empty where the body says nothing readable.
pub fn words(body: &[u8]) -> Words {
    let Some(fields) = fields(body) else { return Words::default() };
    let said = ["message", "detail", "error", "errors"].iter().filter_map(|name| fields.get(*name));
    let said: Vec<String> = said.map(|value| text(value).unwrap_or_else(|| value.get().to_owned())).collect();
    let said: Vec<&str> =
        said.iter().map(String::as_str).filter(|said| !matches!(*said, "" | "null" | "{}")).collect();
    let code = ["error_code", "code"].iter().find_map(|name| text(fields.get(*name)?)).unwrap_or_default();
    let request_id = fields.get("request_id").copied().and_then(id);
    Words { code: bounded(code), message: bounded(said.join("; ")), request_id }
}

pub fn request_id(body: &[u8]) -> Option<String> {
    fields(body)?.get("request_id").copied().and_then(id)
}

pub fn object(raw: &RawValue) -> Option<Fields<'_>> {
    raw.get().starts_with('{').then(|| fields(raw.get().as_bytes()))?
}

pub fn array(raw: &RawValue) -> Option<Vec<&RawValue>> {
    is_array(raw).then(|| serde_json::from_str(raw.get()).ok())?
}

fn is_array(raw: &RawValue) -> bool {
    raw.get().starts_with('[')
}

/// The first of these fields that is there and not null.
pub fn first<'a>(fields: &Fields<'a>, names: &[&str]) -> Option<&'a RawValue> {
    names.iter().find_map(|name| fields.get(*name).copied().filter(|value| value.get() != "null"))
}

/// A string's content, or the text of a number or a boolean; as long as the cloud made it.
pub fn text(raw: &RawValue) -> Option<String> {
    match raw.get().as_bytes().first()? {
        b'"' => serde_json::from_str(raw.get()).ok(),
        b'n' | b'{' | b'[' => None,
        _ => Some(raw.get().to_owned()),
    }
}

/// A text to keep and to show, of a bounded length, with a mark where it was cut.
pub fn bounded(text: String) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}… (cut)", &text[..end]),
        None => text,
    }
}

/// The field's text for people; what is no text is kept as the JSON that it is.
pub fn shown(fields: &Fields, names: &[&str]) -> String {
    let Some(raw) = first(fields, names) else { return String::new() };
    bounded(text(raw).unwrap_or_else(|| raw.get().to_owned()))
}

/// An id exactly as it came: never cut, never trimmed, and fit to be one segment of a path.
pub fn id(raw: &RawValue) -> Option<String> {
    let is_number = raw.get().bytes().all(|byte| byte.is_ascii_digit());
    let id = text(raw).filter(|_| is_number || raw.get().starts_with('"'))?;
    is_usable_id(&id).then_some(id)
}

/// `.` and `..` would climb in a path, and nothing would name the whole collection.
pub fn is_usable_id(id: &str) -> bool {
    !id.trim().is_empty() && id.chars().count() <= LONGEST_ID && !matches!(id, "." | "..")
}

/// A decimal number from its own text, in billionths.
pub fn decimal(raw: &RawValue) -> Option<Nanos> {
    let text = text(raw)?;
    let exponent = text.rsplit_once(['e', 'E']).map_or("", |(_, exponent)| exponent);
    // Three digits and a sign: more would be no amount, size or time.
    (text.len() <= LONGEST_NUMBER && exponent.len() <= 4).then(|| Nanos::parse(&text).ok())?
}

/// With `Z`, with an offset, without a zone (then UTC), or in seconds since 1970.
pub fn instant(raw: &RawValue) -> Option<Timestamp> {
    let text = text(raw).filter(|text| text.len() <= LONGEST_NUMBER)?;
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    if let Ok(naive) = text.parse::<jiff::civil::DateTime>() {
        let utc = naive.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        return Some(utc.timestamp().into());
    }
    decimal(raw).map(|seconds| Timestamp::from_micros(seconds.0.div_euclid(1_000)))
}

/// Whether it is a text that a person would read as one: not a list, not an object, not nothing.
pub fn is_text(raw: &RawValue) -> bool {
    text(raw).is_some_and(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    #[test]
    fn a_list_is_found_under_every_name_it_may_have() {
        for body in [
            r#"{"snapshots":[1],"total":7}"#,
            r#"{"total":"7","data":[1]}"#,
            r#"{"results":[1],"total":7,"data":{}}"#,
            r#"{"items":[1],"total":7}"#,
            r#"{"success":true,"data":{"snapshots":[1],"total":7}}"#,
        ] {
            let names = ["snapshots", "data", "results", "items"];
            let envelope = envelope(body.as_bytes(), &names).unwrap();
            assert_eq!((&body[envelope.items_at.unwrap()], envelope.total), ("[1]", Some(7)), "{body}");
        }
        assert_eq!(envelope(b" [1,2] ", &[]).unwrap().items_at, Some(1..6));
        assert!(envelope(br#"{"snapshots":[1],"tot"#, &["snapshots"]).is_none());
        assert!(envelope(b"<html>", &["snapshots"]).is_none());
    }

    #[test]
    fn instants_are_read_in_every_form_and_never_made_up() {
        let midnight = "2026-03-01T02:00:07Z".parse::<Timestamp>().ok();
        for json in [
            r#""2026-03-01T02:00:07Z""#,
            r#""2026-03-01T03:00:07+01:00""#,
            r#""2026-03-01T02:00:07""#,
            r#""2026-03-01 02:00:07""#,
            r#""2026-03-01T02:00:07.000000000""#,
            "1772330407",
            "1772330407.0",
            r#""1772330407""#,
        ] {
            assert_eq!(instant(&raw(json)), midnight, "{json}");
        }
        for json in ["null", r#""yesterday""#, r#""""#, "{}", "1e-2147483648", "1e999999999"] {
            assert_eq!(instant(&raw(json)), None, "{json}");
        }
    }

    #[test]
    fn an_instant_that_cannot_be_read_is_none_and_never_now() {
        for (json, seconds) in [
            ("0", Some(0)),
            (r#""1969-12-31T23:59:59Z""#, Some(-1)),
            (r#""2026-03-01T02:00:07.5-08:00""#, Some(1_772_359_207)),
            (r#""2999-01-01T00:00:00Z""#, Some(32_472_144_000)),
            (r#""not a date""#, None),
            (r#""2026-13-45T99:00:00Z""#, None),
            ("1772330407000000000000", None),
            (r#""9999999999999999999999999999999999999999999""#, None),
            ("true", None),
            ("[]", None),
        ] {
            assert_eq!(instant(&raw(json)).map(Timestamp::seconds), seconds, "{json}");
        }
    }

    #[test]
    fn of_two_values_under_one_name_neither_is_believed() {
        let twice = fields(br#"{"a":1,"a":2,"b":1,"b":1,"c":3}"#).unwrap();
        assert_eq!(["a", "b", "c"].map(|name| text(twice[name])), [None, Some("1".into()), Some("3".into())]);
        let body = br#"{"snapshots":[1],"total":1,"total":2}"#;
        assert_eq!(envelope(body, &["snapshots"]).unwrap().total, None);
        let lists = br#"{"snapshots":[],"total":1,"snapshots":[{"id":"1"}]}"#;
        assert!(envelope(lists, &["snapshots", "data"]).unwrap().items_at.is_none());
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_body() {
        assert_eq!(without_mark(Bytes::from_static(b"\xef\xbb\xbf{}")), Bytes::from_static(b"{}"));
        assert_eq!(without_mark(Bytes::from_static(b"{}")), Bytes::from_static(b"{}"));
    }

    #[test]
    fn the_deepest_nesting_is_read_over_without_harm() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(r#"{{"snapshots":[{{"id":"1","name":{deep}}}],"total":1,"new":{deep}}}"#);
        let envelope = envelope(body.as_bytes(), &["snapshots"]).unwrap();
        assert_eq!((envelope.total, envelope.items_at.is_some()), (Some(1), true));
        let objects = format!("{}1{}", r#"{"data":"#.repeat(100_000), "}".repeat(100_000));
        assert!(super::envelope(objects.as_bytes(), &["snapshots"]).unwrap().items_at.is_none());
        assert!(inner_object(objects.as_bytes(), &["snapshot"]).is_some());
    }

    #[test]
    fn ids_are_taken_whole_or_not_at_all() {
        assert_eq!(id(&raw("17")).as_deref(), Some("17"));
        assert_eq!(id(&raw(r#"" BRK-1S""#)).as_deref(), Some(" BRK-1S"));
        assert_eq!(id(&raw(&format!("\"{}\"", "x".repeat(200)))), Some("x".repeat(200)));
        let long = format!("\"{}\"", "x".repeat(201));
        for json in ["null", "1.5", "-1", "true", "{}", r#""""#, r#"" ""#, r#""..""#, r#""\ud800""#, &long] {
            assert_eq!(id(&raw(json)), None, "{json}");
        }
    }

    #[test]
    fn a_number_has_forty_characters_and_a_list_stands_three_levels_deep_at_most() {
        let one = |zeros: usize| raw(&format!("1.{}", "0".repeat(zeros)));
        assert_eq!([38, 39].map(|zeros| decimal(&one(zeros))), [Some(Nanos(1_000_000_000)), None]);
        let second = |zeros: usize| instant(&one(zeros)).map(Timestamp::seconds);
        assert_eq!([38, 39].map(second), [Some(1), None]);
        for (levels, is_found) in [(2, true), (3, false)] {
            let nested =
                |inner: &str| format!("{}{inner}{}", r#"{"data":"#.repeat(levels), "}".repeat(levels));
            let list = nested(r#"{"snapshots":[1],"total":1}"#);
            let envelope = envelope(list.as_bytes(), &["snapshots"]).unwrap();
            assert_eq!(envelope.items_at.is_some(), is_found, "{list}");
            let object = nested(r#"{"snapshot":{"id":"1"}}"#);
            let fields = inner_object(object.as_bytes(), &["snapshot"]).unwrap();
            assert_eq!(fields.contains_key("id"), is_found, "{object}");
        }
    }

    #[test]
    fn a_long_text_is_cut_with_a_mark() {
        let cut = bounded("é".repeat(5_000));
        assert_eq!(cut.chars().count(), LONGEST_TEXT + 7);
        assert!(cut.ends_with("… (cut)"));
    }

    #[test]
    fn the_words_of_an_error_are_found_in_every_place() {
        let body = r#"{"success":false,"message":"no","error_code":"BUSY","errors":{"name":["bad"]},"request_id":"a1b2"}"#;
        let expected = Words {
            code: "BUSY".into(),
            message: r#"no; {"name":["bad"]}"#.into(),
            request_id: Some("a1b2".into()),
        };
        assert_eq!(words(body.as_bytes()), expected);
        assert_eq!(words(br#"{"detail":"Invalid page."}"#).message, "Invalid page.");
        assert_eq!(words(b"<html>"), Words::default());
    }
}
