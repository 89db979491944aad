//! A configuration that was read again and refused: which file, when, and its first fault.

use serde::Serialize;

use super::foreign::{harmless, visible};
use super::status::word;
use super::words::{count, instant};
use crate::domain::state::RefusedFile;
use crate::domain::time::Timestamp;

/// Of one fault; a value in the file may be of any length.
const LONGEST: usize = 400;
/// Before the list of all settings of a table.
const KNOWN: &str = "; known here: ";

#[derive(Clone, Debug, Serialize)]
pub struct RefusedFileShown {
    pub file: String,
    pub at: Timestamp,
    pub faults: Vec<String>,
}

impl RefusedFileShown {
    pub fn of(refused: &RefusedFile) -> Self {
        Self { file: refused.file.clone(), at: refused.at, faults: refused.faults.clone() }
    }

    /// `/etc/qm.toml, read 2026-03-01 02:00:00: 1:8: mode = "obey": must be …; 3 faults: quartermaster check-config …`
    pub fn said(&self) -> String {
        format!("{}, read {}: {}", visible(&self.file), instant(self.at), in_short(&self.file, &self.faults))
    }
}

/// What comes of it; where no daemon is at work, nothing goes on.
pub fn until_mended(daemon_runs: Option<bool>) -> &'static str {
    match daemon_runs {
        Some(false) => "the next start is refused as long as it is so",
        Some(true) | None => "the one before goes on",
    }
}

/// The first fault, and which command tells all there is to say.
pub fn in_short(file: &str, faults: &[String]) -> String {
    let first = faults.first().map(String::as_str).unwrap_or_default();
    // All settings that could stand there are `check-config`'s to tell.
    let first = first.split(KNOWN).next().unwrap_or_default();
    let line = one_line(first);
    let cut: String = line.chars().take(LONGEST).collect();
    let cut = if cut.len() < line.len() { format!("{cut}…") } else { cut };
    let number = count(faults.len(), "fault", "faults");
    match (faults.len(), has_place(first)) {
        (_, true) => format!("{cut}; {number}: quartermaster check-config {}", one_line(&word(file))),
        (0 | 1, false) => cut,
        (_, false) => format!("{cut}; {number}"),
    }
}

fn one_line(text: &str) -> String {
    harmless(text).replace('\n', " ")
}

/// Whether it begins with line and column, so that the file alone is at fault, and not what it names.
fn has_place(fault: &str) -> bool {
    let mut parts = fault.splitn(3, ':');
    let mut is_number = || {
        parts.next().is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    is_number() && is_number()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_is_told_in_short_and_the_others_are_counted() {
        let of = |faults: &[&str]| {
            let faults = faults.iter().map(ToString::to_string).collect();
            let refused = RefusedFile { file: "/etc/qm.toml".to_owned(), at: Timestamp::EPOCH, faults };
            RefusedFileShown::of(&refused).said()
        };
        let read = "/etc/qm.toml, read 1970-01-01 00:00:00";
        let (first, check) =
            ("1:8: mode = \"obey\": must be another", "quartermaster check-config /etc/qm.toml");
        assert_eq!(of(&[first]), format!("{read}: {first}; 1 fault: {check}"));
        assert_eq!(of(&[first, "2:1: x", "3:1: y"]), format!("{read}: {first}; 3 faults: {check}"));
        let unknown = "7:1: rules.x: unknown setting; known here: grace, settle";
        assert_eq!(of(&[unknown]), format!("{read}: 7:1: rules.x: unknown setting; 1 fault: {check}"));
        // What only a start or a reload sees, `check-config` cannot tell.
        assert_eq!(of(&["read the key: it is empty"]), format!("{read}: read the key: it is empty"));
        let long = of(&["\x1b[2J\n".repeat(300).as_str()]);
        assert!(
            long.chars().count() < 500 && !long.contains(['\x1b', '\n']) && long.ends_with('…'),
            "{long}"
        );
    }
}
