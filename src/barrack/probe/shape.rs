//! The shape of an answer: where the thing stands in it, and how its fields are spelt.
//!
//! It goes by the same reading as a look; what a look would not find is not found here.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::question::Question;
use crate::barrack::spelling::Row;
use crate::barrack::wire::{self, Fields};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Names from the outside in; none: the body itself.
    pub under: Vec<String>,
    /// `None`: one object.
    pub items: Option<usize>,
    pub total: Option<u64>,
    pub fields: Vec<Field>,
}

/// One field over all items of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub what: &'static str,
    /// How most of them spell it.
    pub spelt: Option<&'static str>,
    pub missing: usize,
}

/// `None`: a look would not know what to make of it.
pub fn of(question: &Question, body: &Bytes) -> Option<Shape> {
    let names = question.names();
    if !question.is_list() {
        let (under, fields) = wire::inner_place(body, &names)?;
        let under = under.into_iter().map(str::to_owned).collect();
        let fields = question.rows().iter().map(|row| field(row, &[&fields])).collect();
        return Some(Shape { under, items: None, total: None, fields });
    }
    let envelope = wire::envelope(body, &names).filter(|envelope| !envelope.says_no)?;
    let at = envelope.items_at?;
    let items: Vec<&RawValue> = serde_json::from_slice(&body[at.clone()]).ok()?;
    let objects: Vec<Fields> = items.iter().filter_map(|raw| wire::object(raw)).collect();
    let all: Vec<&Fields> = objects.iter().collect();
    let fields = question.rows().iter().filter(|_| !all.is_empty()).map(|row| field(row, &all)).collect();
    Some(Shape { under: place(body, at.start), items: Some(items.len()), total: envelope.total, fields })
}

fn field((what, names): &Row, items: &[&Fields]) -> Field {
    let spelling =
        |fields: &&&Fields| names.iter().copied().find(|name| wire::first(fields, &[name]).is_some());
    let mut counts: Vec<(usize, &'static str)> = Vec::new();
    for name in items.iter().filter_map(|fields| spelling(&fields)) {
        match counts.iter_mut().find(|(_, known)| *known == name) {
            Some((count, _)) => *count += 1,
            None => counts.push((1, name)),
        }
    }
    let found: usize = counts.iter().map(|(count, _)| count).sum();
    let spelt = counts.into_iter().max_by_key(|(count, _)| *count).map(|(_, name)| name);
    Field { what, spelt, missing: items.len() - found }
}

/// The names on the way to the value that begins at this byte.
fn place(body: &Bytes, start: usize) -> Vec<String> {
    let mut names = Vec::new();
    let Some(mut fields) = wire::fields(body) else { return names };
    let begin = |raw: &RawValue| raw.get().as_ptr().addr() - body.as_ptr().addr();
    loop {
        let holds = |raw: &RawValue| (begin(raw)..begin(raw) + raw.get().len()).contains(&start);
        // What stands for a contested field is no part of the body.
        let inside = |raw: &RawValue| {
            (body.as_ptr().addr()..body.as_ptr().addr() + body.len()).contains(&raw.get().as_ptr().addr())
        };
        let Some((name, raw)) = fields.iter().find(|(_, raw)| inside(raw) && holds(raw)) else {
            return names;
        };
        names.push(name.to_string());
        match wire::object(raw) {
            Some(inner) => fields = inner,
            None => return names,
        }
    }
}

/// The names at the top of an answer that nobody understands, for a person to look at.
pub fn top(body: &Bytes) -> String {
    const SHOWN: usize = 8;
    match wire::fields(body) {
        Some(fields) => {
            let names: Vec<&str> = fields.keys().map(AsRef::as_ref).take(SHOWN).collect();
            format!("an object with {}", names.join(", "))
        }
        None if body.is_empty() => "nothing".to_owned(),
        None if body.trim_ascii_start().starts_with(b"<") => "a page of HTML".to_owned(),
        None if body.trim_ascii_start().starts_with(b"[") => "a list".to_owned(),
        None => "no JSON".to_owned(),
    }
}

/// The ids on a page, as they are spelt there.
pub fn ids(question: &Question, body: &Bytes) -> Option<Vec<String>> {
    let envelope = wire::envelope(body, &question.names()).filter(|envelope| !envelope.says_no)?;
    let items: Vec<&RawValue> = serde_json::from_slice(&body[envelope.items_at?]).ok()?;
    let names = question.rows().first().map_or(&[][..], |(_, names)| *names);
    let id = |raw: &&RawValue| wire::id(wire::first(&wire::object(raw)?, names)?);
    Some(items.iter().map(|raw| id(raw).unwrap_or_default()).collect())
}
