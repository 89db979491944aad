//! Faults of a configuration, all at once: where, what stands there, which rule it breaks, a caret.
//!
//! It judges nothing, and colours nothing: it reads the same in a terminal, a log and a letter.

use std::fmt;
use std::ops::Range;

use crate::domain::unseen::is_unseen;

/// One fault; the text that it points into is kept once, in [`Faults`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Bytes of the text; empty for what is missing altogether.
    pub span: Range<usize>,
    /// As a person would name it, such as `rules.settle`; `None` where the text itself is at fault.
    pub setting: Option<String>,
    /// As it is written, on one line; `None` where there is none, or it may be a secret.
    pub value: Option<String>,
    pub rule: String,
    pub kind: FaultKind,
}

impl Fault {
    /// Of the whole file, or of its text.
    pub fn plain(span: Range<usize>, rule: String, kind: FaultKind) -> Self {
        Self { span, setting: None, value: None, rule, kind }
    }

    /// Setting, value, rule: `rules.settle = "30m": must be at least …`.
    pub fn said(&self) -> String {
        let Self { setting, value, rule, kind, .. } = self;
        match (setting, value) {
            (Some(setting), Some(value)) => format!("{setting} = {value}: {rule}"),
            (Some(setting), None) if *kind == FaultKind::Unseen => {
                format!("{setting} (value not shown): {rule}")
            }
            (Some(setting), None) => format!("{setting}: {rule}"),
            (None, _) => rule.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The file cannot be read at all.
    Unreadable,
    /// It is not TOML there; what follows may be misread.
    Syntax,
    Missing,
    Unknown,
    Refused,
    /// The value may be a secret.
    Unseen,
}

/// All faults of one file, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    name: String,
    text: String,
    list: Vec<Fault>,
}

impl Faults {
    pub fn new(name: &str, text: &str, mut list: Vec<Fault>) -> Self {
        list.sort_by_key(|fault| (fault.span.start, fault.span.end));
        Self { name: name.to_owned(), text: text.to_owned(), list }
    }

    /// Each on one line: place, setting, value, rule.
    pub fn lines(&self) -> Vec<String> {
        let line = |fault: &Fault| {
            let place = Place::of(&self.text, &fault.span);
            format!("{}:{}: {}", place.line, place.column, fault.said())
        };
        self.list.iter().map(line).collect()
    }

    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    pub fn place_of(&self, fault: &Fault) -> Place {
        Place::of(&self.text, &fault.span)
    }
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.list {
            if fault.kind == FaultKind::Unreadable {
                writeln!(f, "{}: {}", self.name, fault.said())?;
                continue;
            }
            let place = Place::of(&self.text, &fault.span);
            writeln!(f, "{}:{}:{}: {}", self.name, place.line, place.column, fault.said())?;
            let cut = match fault.kind {
                // What stands behind an unknown word may be a key, pasted here by mistake.
                FaultKind::Unknown => Some(fault.span.end),
                FaultKind::Unseen => Some(fault.span.start),
                FaultKind::Syntax => after_key(&self.text, fault.span.start),
                FaultKind::Unreadable | FaultKind::Missing | FaultKind::Refused => None,
            };
            write!(f, "{}", Excerpt { text: &self.text, span: &fault.span, place, cut })?;
            writeln!(f)?;
        }
        match self.list.len() {
            1 => write!(f, "1 fault: the configuration is refused"),
            count => write!(f, "{count} faults: the configuration is refused"),
        }
    }
}

/// Where a broken line that sets a key, or names its file, has its `=`.
fn after_key(text: &str, position: usize) -> Option<usize> {
    let start = text.get(..position)?.rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next()?;
    let equals = line.find('=')?;
    line[..equals].contains("key").then_some(start + equals + 1)
}

/// Line and column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    pub fn of(text: &str, span: &Range<usize>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

/// The line of a fault with a caret under it.
struct Excerpt<'a> {
    text: &'a str,
    span: &'a Range<usize>,
    place: Place,
    /// From where on the line is not shown.
    cut: Option<usize>,
}

/// Characters of a line that are shown; a longer one is cut on both sides of the fault.
const WIDTH: usize = 100;

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text.get(..self.cut.unwrap_or(self.text.len())).unwrap_or_default();
        let line = text.lines().nth(self.place.line - 1).unwrap_or_default();
        let before = self.place.column - 1;
        let skipped = if line.chars().count() > WIDTH { before.saturating_sub(WIDTH / 2) } else { 0 };
        let shown: String = line.chars().skip(skipped).take(WIDTH).map(printable).collect();
        let marked = text.get(self.span.clone()).unwrap_or_default();
        let width = marked.lines().next().unwrap_or_default().chars().count();
        let indent = before - skipped;
        let carets = "^".repeat(width.min(shown.chars().count().saturating_sub(indent)).max(1));
        let number = self.place.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, " {margin} |")?;
        writeln!(f, " {number} | {}", shown.trim_end())?;
        writeln!(f, " {margin} | {}{carets}", " ".repeat(indent))
    }
}

/// Foreign text on a terminal: nothing that moves the cursor.
pub fn printable(character: char) -> char {
    match character {
        '\t' => ' ',
        other if is_unseen(other) => '\u{fffd}',
        other => other,
    }
}

/// Something that is accepted and looks like a slip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// From 1.
    pub line: usize,
    pub said: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.said)
    }
}
