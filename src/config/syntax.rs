//! Faults of the text itself: what is not TOML there, and what stands in it twice.
//!
//! A slip is told once, where it was made; what follows from it is not told beside it.

use super::fault::{Fault, FaultKind, Place};

/// In the parser's words.
const TWICE: &str = "duplicate key";

/// `is_list` tells whether a table of this name may stand there many times, such as `policy`.
pub fn faults(text: &str, errors: &[toml::de::Error], is_list: &dyn Fn(&str) -> bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut last_line = 0;
    let mut told: Vec<&str> = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line = Place::of(text, &span).line;
        let is_twice = error.message() == TWICE;
        let table = table_at(text, line).filter(|_| is_twice);
        let is_of_one_told =
            |table: &Table<'_>| told.iter().any(|name| table.name == *name || is_within(table.name, name));
        // What follows on the same line is mostly the same slip again, and so is all of a table that stands twice.
        if line == last_line || table.as_ref().is_some_and(is_of_one_told) {
            last_line = line;
            continue;
        }
        last_line = line;
        let rule = match table.filter(|table| table.line == line) {
            Some(Table { name, .. }) => {
                told.push(name);
                match is_list(name) {
                    true => format!("[{name}] stands twice: each is written [[{name}]], the first too"),
                    false => format!("[{name}] stands twice: put its settings together"),
                }
            }
            None if is_twice => "not TOML: this setting stands twice in its table".to_owned(),
            None => format!("not TOML: {}", error.message()),
        };
        faults.push(Fault::plain(span, rule, FaultKind::Syntax));
    }
    faults
}

/// The head of a table.
struct Table<'a> {
    name: &'a str,
    line: usize,
}

/// The table that a line, counted from 1, heads or is in.
fn table_at(text: &str, line: usize) -> Option<Table<'_>> {
    let heads = text.lines().take(line).enumerate().filter_map(|(before, head)| {
        let head = head.trim_start().strip_prefix('[')?;
        let (name, _) = head.trim_start_matches('[').split_once(']')?;
        Some(Table { name: name.trim(), line: before + 1 })
    });
    heads.last()
}

fn is_within(name: &str, table: &str) -> bool {
    name.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
}

/// Beside broken syntax, only what is surely not its consequence.
pub fn beside(syntax: Vec<Fault>, others: Vec<Fault>, text: &str) -> Vec<Fault> {
    let line_of = |fault: &Fault| Place::of(text, &fault.span).line;
    let broken: Vec<usize> = syntax.iter().map(line_of).collect();
    let first = syntax.iter().map(|fault| fault.span.start).min().unwrap_or(0);
    let is_sure = |fault: &Fault| match fault.kind {
        // A broken line can be the head of a table, or hide the setting.
        FaultKind::Missing => false,
        FaultKind::Unknown => fault.span.start < first,
        FaultKind::Unreadable | FaultKind::Syntax | FaultKind::Refused | FaultKind::Unseen => {
            !broken.contains(&line_of(fault))
        }
    };
    syntax.into_iter().chain(others.into_iter().filter(is_sure)).collect()
}
