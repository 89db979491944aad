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
    let mut told: Vec<Table<'_>> = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let line = Place::of(text, &span).line;
        let is_twice = error.message() == TWICE;
        let table = table_at(text, line).filter(|_| is_twice);
        let is_again = table
            .as_ref()
            .is_some_and(|table| table.line == line && told.iter().any(|before| table.name == before.name));
        // What follows on the same line is mostly the same slip again, and so is all of a table that stands twice.
        if line == last_line || is_again || is_twice && told.iter().any(|head| is_below(text, head, line)) {
            last_line = line;
            told.extend(table.filter(|_| is_again));
            continue;
        }
        last_line = line;
        let rule = match table.filter(|table| table.line == line) {
            Some(table) => {
                let name = table.name;
                told.push(table);
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
    heads(text).take_while(|head| head.line <= line).last()
}

fn heads(text: &str) -> impl Iterator<Item = Table<'_>> {
    text.lines().enumerate().filter_map(|(before, head)| {
        let head = head.trim_start().strip_prefix('[')?;
        let (name, _) = head.trim_start_matches('[').split_once(']')?;
        Some(Table { name: name.trim(), line: before + 1 })
    })
}

/// Whether a line belongs to what this head begins: up to the next head that is neither the same nor within it.
fn is_below(text: &str, head: &Table<'_>, line: usize) -> bool {
    let mut between = heads(text).filter(|other| (head.line..=line).contains(&other.line));
    head.line <= line && between.all(|other| other.name == head.name || is_within(other.name, head.name))
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

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    /// Each fault with its line.
    fn told(text: &str) -> Vec<String> {
        let (_, errors) = DeTable::parse_recoverable(text);
        let faults = faults(text, &errors, &|name| name == "policy");
        faults.iter().map(|fault| format!("{}: {}", Place::of(text, &fault.span).line, fault.rule)).collect()
    }

    #[test]
    fn a_table_that_stands_twice_hides_no_slip_that_is_not_of_its_making() {
        let twice =
            |line: usize, name: &str| format!("{line}: [{name}] stands twice: put its settings together");
        let key = |line: usize| format!("{line}: not TOML: this setting stands twice in its table");
        let text = "[cloud]\na = 1\n[cloud]\na = 2\n[rules]\nb = 1\n[cloud.paths]\nc = 1\nc = 2\n";
        assert_eq!(told(text), [twice(3, "cloud"), key(9)]);
        let text =
            "[cloud]\na = 1\n[rules]\nb = 1\n[cloud]\na = 2\n[http]\nd = 1\nd = 2\n[cloud]\na = 3\na = 3\n";
        assert_eq!(
            told(text),
            [twice(5, "cloud"), key(9)],
            "once for each table, however often it stands there"
        );
        let text = "[cloud]\n[cloud.paths]\nc = 1\n[cloud]\n[cloud.paths]\nc = 2\n";
        assert_eq!(told(text), [twice(4, "cloud")], "what follows from it");
        let text = "[a]\n[a]\n[a.b]\nx = 1\n[c]\ny = 1\ny = 2\n[a.b]\nx = 2\n";
        assert_eq!(told(text), [twice(2, "a"), key(7), twice(8, "a.b")]);
    }
}
