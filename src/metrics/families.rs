//! Families: described series as lines of the text format, in the order in which they are told.
//!
//! Written straight into the answer: a scrape of ten thousand series makes no value for each.

use std::fmt::Write;

use super::names::{Described, Kind};
use crate::domain::digest::Digest;
use crate::domain::time::Timestamp;
use crate::report::foreign::visible;

/// Whole numbers below this are exact as they are.
const EXACT: u64 = 1 << 53;

#[derive(Default)]
pub struct Families(String);

impl Families {
    /// One family; each sample has a value for every label that is described. Without a sample there
    /// is no family.
    pub fn tell<const LABELS: usize, Word: AsRef<str>>(
        &mut self,
        described: &Described,
        samples: impl IntoIterator<Item = ([Word; LABELS], f64)>,
    ) {
        debug_assert_eq!(LABELS, described.labels.len(), "{}", described.name);
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        self.head(described);
        for (words, value) in samples {
            self.0.push_str(described.name);
            let mut mark = '{';
            for (label, word) in described.labels.iter().zip(&words) {
                self.0.push(mark);
                self.0.push_str(label);
                self.0.push_str("=\"");
                self.word(word.as_ref());
                self.0.push('"');
                mark = ',';
            }
            if LABELS > 0 {
                self.0.push('}');
            }
            self.0.push(' ');
            self.number(value);
            self.0.push('\n');
        }
    }

    /// A family of one series without labels.
    pub fn tell_one(&mut self, described: &Described, value: f64) {
        self.tell::<0, &str>(described, [([], value)]);
    }

    pub fn into_text(self) -> String {
        self.0
    }

    /// What it means has no character that would have to be escaped: it is ours.
    fn head(&mut self, described: &Described) {
        let kind = match described.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        let Described { name, help, .. } = described;
        self.0.extend(["# HELP ", name, " ", help, "\n# TYPE ", name, " ", kind, "\n"]);
    }

    fn word(&mut self, word: &str) {
        if !word.contains(['\\', '"', '\n']) {
            return self.0.push_str(word);
        }
        for letter in word.chars() {
            match letter {
                '\\' => self.0.push_str(r"\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str(r"\n"),
                _ => self.0.push(letter),
            }
        }
    }

    fn number(&mut self, value: f64) {
        let whole = value as i64;
        if value.is_infinite() {
            self.0.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
        } else if whole as f64 == value && whole.unsigned_abs() < EXACT {
            // Most are whole, and a whole number is written in a tenth of the time. Nothing fails here.
            _ = write!(self.0, "{whole}");
        } else {
            _ = write!(self.0, "{value}");
        }
    }
}

/// An id that the cloud chose, as a label: harmless, of bounded length, and no two alike.
pub fn id(text: &str) -> String {
    let shown = visible(text);
    if shown == text { shown } else { format!("{shown} #{}", Digest::of_fields([text.as_bytes()]).short()) }
}

/// Seconds since 1970; 0 where it has not happened yet.
pub fn seconds(at: Option<Timestamp>) -> f64 {
    at.map_or(0.0, |at| at.micros() as f64 / 1e6)
}

pub fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}
