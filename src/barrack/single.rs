//! Looks at one object: a snapshot's details, its relation to images, the balance, the prices.
//!
//! An answer about another object than the one asked for is no answer.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::line::{Answered, Unusable};
use super::page::Seen;
use super::parse;
use super::pricing;
use super::wire::{self, Fields};
use crate::domain::digest::Digest;
use crate::domain::fleet::Item;
use crate::domain::id::{ImageId, SnapshotId};
use crate::domain::money::{Currency, Nanos};

/// Levels of nesting that are read; the printed prices have six.
const DEEPEST: usize = 24;
/// What differs from answer to answer although nothing changed.
const PASSING: [&str; 5] = ["metadata", "timestamp", "request_id", "message", "success"];

type Answer = Result<Answered<Seen>, Unusable>;

pub fn snapshot(body: &Bytes, asked: &SnapshotId) -> Answer {
    let fields = readable(body, &["snapshot"])?;
    let snapshot = parse::snapshot(&fields).filter(|snapshot| snapshot.id == *asked);
    let item = Item::Snapshot(snapshot.ok_or(Unusable::Unreadable)?);
    answered(body, item, &canonical_object(&fields, DEEPEST, &[]))
}

/// The id of what was created; `None` if it cannot be read, or goes by another name than asked for.
pub fn created(body: &[u8], name: &str) -> Option<SnapshotId> {
    let snapshot = parse::snapshot(&wire::inner_object(body, &["snapshot"])?)?;
    (snapshot.name.is_empty() || snapshot.name == name).then_some(snapshot.id)
}

pub fn links(body: &Bytes, asked: &SnapshotId) -> Answer {
    let fields = readable(body, &["relationship"])?;
    let other = wire::first(&fields, &["snapshot_id"])
        .is_some_and(|id| wire::id(id).as_deref() != Some(asked.as_str()));
    let images = wire::first(&fields, &["image_ids", "images"]).and_then(image_ids);
    let images = images.filter(|_| !other).ok_or(Unusable::Unreadable)?;
    let item = Item::Links { snapshot: asked.clone(), images };
    answered(body, item, &canonical_object(&fields, DEEPEST, &PASSING))
}

/// All of them, or none: one unreadable id could be the one that matters.
fn image_ids(raw: &RawValue) -> Option<BTreeSet<ImageId>> {
    let id = |raw: &&RawValue| match wire::object(raw) {
        Some(fields) => wire::first(&fields, &["id", "image_id"]).and_then(wire::id),
        None => wire::id(raw),
    };
    wire::array(raw)?.iter().map(|raw| id(raw).map(ImageId::new)).collect()
}

pub fn balance(body: &Bytes) -> Answer {
    let fields = readable(body, &[])?;
    let amounts = amounts(&fields).filter(|amounts| !amounts.is_empty()).ok_or(Unusable::Unreadable)?;
    answered(body, Item::Balance(amounts), &canonical_object(&fields, DEEPEST, &PASSING))
}

/// One amount beside its currency, a list of such, or an object with a field for each currency.
fn amounts(fields: &Fields) -> Option<BTreeMap<Currency, Nanos>> {
    let value = wire::first(fields, &["balances", "balance", "credits", "credit", "amount"])?;
    if let Some(list) = wire::array(value) {
        let each = list.iter().map(|raw| amounts(&wire::object(raw)?)).collect::<Option<Vec<_>>>()?;
        return Some(each.into_iter().flatten().collect());
    }
    if let Some(inner) = wire::object(value) {
        let named = inner.iter().filter_map(|(name, raw)| Some((Currency::parse(name)?, *raw)));
        let named: Option<BTreeMap<_, _>> =
            named.map(|(currency, raw)| Some((currency, wire::decimal(raw)?))).collect();
        return named.filter(|named| !named.is_empty()).or_else(|| amounts(&inner));
    }
    let amount = wire::decimal(value)?;
    // Of a currency that we do not know, nothing can be said; it is not one of ours.
    let currency = Currency::parse(&wire::shown(fields, &["currency"]));
    Some(currency.into_iter().map(|currency| (currency, amount)).collect())
}

pub fn prices(body: &Bytes) -> Answer {
    let fields = readable(body, &["pricing_data"])?;
    let text = canonical_object(&fields, DEEPEST, &PASSING);
    let prices = pricing::prices(&fields, Digest::of(text.as_bytes()));
    answered(body, Item::Prices(prices), &text)
}

fn readable<'a>(body: &'a Bytes, names: &[&str]) -> Result<Fields<'a>, Unusable> {
    let outer = wire::fields(body).ok_or(Unusable::Unreadable)?;
    if wire::says_no(&outer) {
        return Err(Unusable::SaysNo);
    }
    wire::inner_object(body, names).ok_or(Unusable::Unreadable)
}

fn answered(body: &Bytes, item: Item, text: &str) -> Answer {
    Ok(Answered { value: Seen::new(item, text), request_id: wire::request_id(body) })
}

/// The same text for the same content: fields in order, without those left out, numbers as they came.
fn canonical_object(fields: &Fields, depth: usize, left_out: &[&str]) -> String {
    let kept = fields.iter().filter(|(name, _)| !left_out.contains(&name.as_ref()));
    let texts = kept.map(|(name, raw)| format!("{}:{}", quoted(name), canonical(raw, depth, left_out)));
    format!("{{{}}}", texts.collect::<Vec<_>>().join(","))
}

fn canonical(raw: &RawValue, depth: usize, left_out: &[&str]) -> String {
    let Some(depth) = depth.checked_sub(1) else { return raw.get().to_owned() };
    if let Some(fields) = wire::object(raw) {
        return canonical_object(&fields, depth, left_out);
    }
    match wire::array(raw) {
        Some(items) => {
            let texts = items.iter().map(|raw| canonical(raw, depth, left_out));
            format!("[{}]", texts.collect::<Vec<_>>().join(","))
        }
        None => raw.get().to_owned(),
    }
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(answer: Answer) -> Option<Item> {
        answer.ok().map(|answered| (*answered.value.item).clone())
    }

    #[test]
    fn a_balance_is_read_in_every_form_and_never_without_its_currency() {
        let usd = Some(Item::Balance(BTreeMap::from([(Currency::Usd, Nanos(123_450_000_000))])));
        for body in [
            r#"{"success":true,"balance":"123.45","currency":"USD","request_id":"a"}"#,
            r#"{"balance":123.45,"currency":"usd"}"#,
            r#"{"balances":[{"currency":"USD","amount":"123.45"},{"currency":"GBP","amount":1}]}"#,
            r#"{"balances":{"USD":"123.45"}}"#,
            r#"{"data":{"credit":123.45,"currency":"USD"}}"#,
            r#"{"data":{"credit":{"USD":123.450}}}"#,
        ] {
            assert_eq!(item(balance(&Bytes::from(body))), usd, "{body}");
        }
        for body in [r#"{"balance":"123.45"}"#, r#"{"balance":"NaN","currency":"USD"}"#, "{}", "[]", "7"] {
            assert_eq!(item(balance(&Bytes::from(body))), None, "{body}");
        }
    }

    #[test]
    fn prices_are_the_same_whenever_and_by_whomever_they_are_asked_for() {
        let old = r#"{"success":true,"pricing_data":{"gpus":{"a":1.10},"metadata":{"timestamp":1}},"metadata":{"timestamp":1}}"#;
        let new = r#"{"pricing_data":{"metadata":{"timestamp":2},"gpus":{"a":1.10}},"success":true}"#;
        let dearer = r#"{"pricing_data":{"gpus":{"a":1.11}}}"#;
        let digest = |body: &str| item(prices(&Bytes::from(body.to_owned()))).unwrap();
        assert_eq!(digest(old), digest(new));
        assert_ne!(digest(old), digest(dearer));
    }

    #[test]
    fn an_answer_about_another_snapshot_is_no_answer() {
        let (one, two) = (SnapshotId::new("1"), SnapshotId::new("2"));
        for body in [r#"{"snapshot":{"id":"1"}}"#, r#"{"data":{"snapshot_id":1}}"#, r#"{"id":"1"}"#] {
            let body = Bytes::from(body);
            assert!(item(snapshot(&body, &one)).is_some() && item(snapshot(&body, &two)).is_none());
        }
        let body = Bytes::from(r#"{"relationship":{"snapshot_id":"1","image_ids":["7",8]}}"#);
        let images = ["7", "8"].map(ImageId::new).into();
        assert_eq!(item(links(&body, &one)), Some(Item::Links { snapshot: one.clone(), images }));
        assert_eq!(item(links(&body, &two)), None);
        for body in [r#"{"relationship":{"image_ids":[null]}}"#, r#"{"relationship":{}}"#] {
            assert_eq!(item(links(&Bytes::from(body), &one)), None, "{body}");
        }
    }
}
