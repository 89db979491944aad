//! Values of settings: text, words, numbers, spans of time, paths, with the rules that many share.
//!
//! Each answer is the value or `None` with a fault noted. Nothing is clamped or guessed.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::schema::Kind;
use super::section::{Found, Notes, Section, kind_of};
use super::span;
use crate::domain::time::{Seconds, Timestamp};

/// Ten years: no wait of ours is longer.
const LONGEST: Seconds = Seconds::days(3_650);

impl<'a> Section<'a> {
    pub fn text(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<Found<&'a str>> {
        self.learn(key, Kind::Text, notes);
        let found = self.take(key)?;
        let DeValue::String(text) = found.value else {
            notes.refuse(&found, format!("must be text in quotes, not {}", kind_of(found.value)));
            return None;
        };
        if text.chars().any(char::is_control) {
            notes.refuse(&found, "must not hold line breaks or control characters");
            return None;
        }
        Some(found.map(|_| text.as_ref()))
    }

    pub fn required_text(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<Found<&'a str>> {
        let is_absent = self.is_absent(key);
        if is_absent {
            notes.missing(self, key, "it must be set");
        }
        self.text(key, notes)
    }

    pub fn is_absent(&mut self, key: &'static str) -> bool {
        self.take(key).is_none()
    }

    /// One of a few words.
    pub fn word<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
        notes: &mut Notes<'_>,
    ) -> Option<Found<T>> {
        let found = self.text(key, notes);
        self.learn(key, Kind::Words(words.iter().map(|(word, _)| (*word).to_owned()).collect()), notes);
        let found = found?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == found.value) {
            return Some(found.map(|_| *meaning));
        }
        let known: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        notes.refuse(&found, format!("must be one of {}", known.join(", ")));
        None
    }

    pub fn boolean(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<Found<bool>> {
        self.learn(key, Kind::Flag, notes);
        let found = self.take(key)?;
        let DeValue::Boolean(value) = found.value else {
            notes.refuse(&found, format!("must be true or false, not {}", kind_of(found.value)));
            return None;
        };
        Some(found.map(|_| *value))
    }

    /// A whole number inside the limits, which the fault names.
    pub fn number<T>(
        &mut self,
        key: &'static str,
        limits: RangeInclusive<T>,
        notes: &mut Notes<'_>,
    ) -> Option<Found<T>>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let bound = |bound: &T| bound.to_string().parse().unwrap_or(0);
        let kind = Kind::Number { least: bound(limits.start()), most: bound(limits.end()) };
        self.learn(key, kind, notes);
        let found = self.take(key)?;
        let rule = format!("must be a whole number from {} to {}", limits.start(), limits.end());
        let number = integer(found.value).and_then(|number| T::try_from(number).ok());
        match number.filter(|number| limits.contains(number)) {
            Some(number) => Some(found.map(|_| number)),
            None => {
                notes.refuse(&found, rule);
                None
            }
        }
    }

    /// A span such as `"24h"`, `"90s"`, `"7d"` or `"1h 30m"`, in whole seconds.
    pub fn span_of(
        &mut self,
        key: &'static str,
        shortest: Seconds,
        notes: &mut Notes<'_>,
    ) -> Option<Found<Seconds>> {
        self.learn(key, Kind::Span, notes);
        let found = self.take(key)?;
        let DeValue::String(text) = found.value else {
            notes.refuse(&found, "must be a span of time in quotes, such as \"24h\" or \"1h 30m\"");
            return None;
        };
        match span::seconds(text) {
            Ok(span) if span < shortest => {
                notes.refuse(&found, format!("must be at least {shortest}"));
                None
            }
            Ok(span) if span > LONGEST => {
                notes.refuse(&found, format!("must be at most {LONGEST}"));
                None
            }
            Ok(span) => Some(found.map(|_| span)),
            Err(rule) => {
                notes.refuse(&found, rule);
                None
            }
        }
    }

    pub fn absolute_path(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<Found<PathBuf>> {
        let found = self.text(key, notes);
        self.learn(key, Kind::Path, notes);
        let found = found?;
        if !Path::new(found.value).is_absolute() {
            // Whoever misreads `key_file` writes the key there.
            notes.refuse_unseen(&found, "must be a path from the root, which begins with \"/\"");
            return None;
        }
        Some(found.map(PathBuf::from))
    }

    pub fn instant(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<Found<Timestamp>> {
        self.learn(key, Kind::Instant, notes);
        let found = self.take(key)?;
        let instant = match found.value {
            DeValue::String(text) => text.parse().ok(),
            DeValue::Datetime(date) => date.to_string().parse().ok(),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        };
        if instant.is_none() {
            notes.refuse(&found, "must be an instant as RFC 3339, such as 2026-03-01T02:00:00Z");
        }
        let instant: Timestamp = instant?;
        Some(found.map(|_| instant))
    }

    /// A list of texts, none of them empty; the list itself must not be empty.
    pub fn texts(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Option<Vec<Found<&'a str>>> {
        self.learn(key, Kind::Texts, notes);
        let found = self.take(key)?;
        let DeValue::Array(items) = found.value else {
            notes.refuse(&found, format!("must be a list of texts, not {}", kind_of(found.value)));
            return None;
        };
        if items.is_empty() {
            notes.refuse(&found, "must name at least one");
            return None;
        }
        let mut texts = Vec::new();
        for item in items {
            let one = Found { value: item.get_ref(), path: found.path.clone(), span: item.span() };
            match one.value {
                DeValue::String(text) if text.is_empty() || text.chars().any(char::is_control) => {
                    notes.refuse(&one, "must not be empty, nor hold control characters");
                }
                DeValue::String(text) => texts.push(one.map(|_| text.as_ref())),
                other => notes.refuse(&one, format!("must be text in quotes, not {}", kind_of(other))),
            }
        }
        Some(texts)
    }
}

pub fn integer(value: &DeValue<'_>) -> Option<i64> {
    let DeValue::Integer(digits) = value else { return None };
    i64::from_str_radix(&digits.as_str().replace('_', ""), digits.radix()).ok()
}
