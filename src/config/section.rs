//! A table of the file while it is read: each setting is taken once, and what is left is unknown.
//!
//! It knows types and places, not what any setting means. It never stops at a fault: a setting that
//! cannot be read is `None`, and the fault is in the notes.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, FaultKind, Place, Warning, printable};
use super::nearest::nearest;
use super::schema::{self, Kind, Learned};

/// What was found wrong, or odd, so far.
pub struct Notes<'a> {
    pub text: &'a str,
    pub faults: Vec<Fault>,
    pub warnings: Vec<Warning>,
    /// What was asked for, whether it is there or not.
    pub learned: Learned,
    /// Where settings outside any list of tables stand.
    pub places: BTreeMap<String, Range<usize>>,
}

impl<'a> Notes<'a> {
    pub fn of(text: &'a str) -> Self {
        let (faults, warnings) = (Vec::new(), Vec::new());
        Self { text, faults, warnings, learned: Learned::new(), places: BTreeMap::new() }
    }
}

impl Notes<'_> {
    pub fn refuse<T>(&mut self, found: &Found<T>, rule: impl Into<String>) {
        let value = shortened(self.text.get(found.span.clone()).unwrap_or_default());
        self.note(&found.path, Some(value), rule.into(), &found.span, FaultKind::Refused);
    }

    /// As `refuse`, where the value may be a key or a password: neither it nor its line is shown.
    pub fn refuse_unseen<T>(&mut self, found: &Found<T>, rule: impl Into<String>) {
        self.note(&found.path, None, rule.into(), &found.span, FaultKind::Unseen);
    }

    pub fn missing(&mut self, section: &Section<'_>, key: &str, rule: &str) {
        let rule = format!("missing; {rule}");
        self.note(&section.path_of(key), None, rule, &section.span, FaultKind::Missing);
    }

    /// Of a setting by its path; the beginning of the file where it is not set.
    pub fn place(&self, path: &str) -> Range<usize> {
        self.places.get(path).cloned().unwrap_or(0..0)
    }

    fn note(
        &mut self,
        path: &str,
        value: Option<String>,
        rule: String,
        span: &Range<usize>,
        kind: FaultKind,
    ) {
        let (setting, span) = (Some(path.to_owned()), span.clone());
        self.faults.push(Fault { span, setting, value, rule, kind });
    }

    pub fn warn(&mut self, span: &Range<usize>, said: impl Into<String>) {
        let line = Place::of(self.text, span).line;
        self.warnings.push(Warning { line, said: said.into() });
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Found<T> {
    pub value: T,
    /// The setting as a person would name it: `rules.settle`.
    pub path: String,
    pub span: Range<usize>,
}

impl<T> Found<T> {
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Found<U> {
        Found { value: change(self.value), path: self.path, span: self.span }
    }
}

pub struct Section<'a> {
    path: String,
    /// As `path`, without what a person named.
    place: Vec<&'static str>,
    table: Option<&'a DeTable<'a>>,
    pub span: Range<usize>,
    known: Vec<&'static str>,
}

/// So many known settings are named beside the place where one belongs.
const FEW: usize = 6;

impl<'a> Section<'a> {
    pub fn top(table: &'a DeTable<'a>) -> Self {
        Self { path: String::new(), place: Vec::new(), table: Some(table), span: 0..0, known: Vec::new() }
    }

    /// A table that can be absent: then every setting of it is absent.
    pub fn within(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Self {
        let (path, place) = (self.path_of(key), self.place_of(key));
        self.learn(key, Kind::Table, notes);
        let found = self.take(key);
        let span = found.as_ref().map_or_else(|| self.span.clone(), |found| found.span.clone());
        let mut table = None;
        if let Some(found) = found {
            match found.value {
                DeValue::Table(inner) => table = Some(inner),
                other => notes.refuse(&found, format!("must be a table, not {}", kind_of(other))),
            }
        }
        Self { path, place, table, span, known: Vec::new() }
    }

    /// The tables of an array such as `[[policy]]`.
    pub fn each(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Vec<Self> {
        self.learn(key, Kind::Tables, notes);
        let place = self.place_of(key);
        let Some(found) = self.take(key) else { return Vec::new() };
        let DeValue::Array(items) = found.value else {
            notes.refuse(&found, format!("must be tables under [[{key}]], not {}", kind_of(found.value)));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (position, item) in items.iter().enumerate() {
            let path = format!("{}[{}]", found.path, position + 1);
            match item.get_ref() {
                DeValue::Table(table) => {
                    let place = place.clone();
                    sections.push(Self {
                        path,
                        place,
                        table: Some(table),
                        span: item.span(),
                        known: Vec::new(),
                    });
                }
                other => {
                    let found = Found { value: (), path, span: item.span() };
                    notes.refuse(&found, format!("must be a table under [[{key}]], not {}", kind_of(other)));
                }
            }
        }
        sections
    }

    pub fn is_present(&self) -> bool {
        self.table.is_some()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_none_or(DeTable::is_empty)
    }

    /// From here on the section is called by what people call it: `policy "nightly"`.
    pub fn rename(&mut self, path: String) {
        self.path = path;
    }

    pub fn take(&mut self, key: &'static str) -> Option<Found<&'a DeValue<'a>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let value: &Spanned<DeValue<'a>> = self.table?.get(key)?;
        Some(Found { value: value.get_ref(), path: self.path_of(key), span: value.span() })
    }

    /// Refuses every key that nobody asked for. Called last.
    pub fn finish(self, notes: &mut Notes<'_>) {
        for key in &self.known {
            notes.learned.entry(self.place_of(key)).or_insert(Kind::Anything);
        }
        for key in self.table.into_iter().flat_map(DeTable::keys) {
            let name: &str = key.get_ref();
            if self.known.contains(&name) {
                continue;
            }
            let known = || format!("known here: {}", self.known.join(", "));
            let homes = schema::homes(name).join(" or ");
            let hint = match nearest(name, &self.known) {
                _ if !homes.is_empty() && self.known.len() > FEW => {
                    format!("not a setting here; it belongs {homes}")
                }
                _ if !homes.is_empty() => format!("not a setting here; it belongs {homes}; {}", known()),
                Some(known) => format!("unknown setting; the nearest is `{known}`"),
                None => format!("unknown setting; {}", known()),
            };
            let path = self.path_of(&shortened(name));
            notes.note(&path, None, hint, &key.span(), FaultKind::Unknown);
        }
    }

    /// Writes down what a setting may be; the last word counts.
    pub fn learn(&self, key: &'static str, kind: Kind, notes: &mut Notes<'_>) {
        notes.learned.insert(self.place_of(key), kind);
        if let Some(value) = self.table.and_then(|table| table.get(key)) {
            notes.places.insert(self.path_of(key), value.span());
        }
    }

    fn place_of(&self, key: &'static str) -> Vec<&'static str> {
        self.place.iter().copied().chain([key]).collect()
    }

    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

pub fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A value on one line, at most 60 characters.
pub fn shortened(value: &str) -> String {
    const LENGTH: usize = 60;
    let line = value.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(LENGTH).map(printable).collect();
    if cut.len() < value.len() && line.chars().count() > LENGTH || value.lines().count() > 1 {
        format!("{cut}…")
    } else {
        cut
    }
}
