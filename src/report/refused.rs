//! A configuration that was read again and refused: which file, when, and its first fault.

use serde::Serialize;

use super::foreign::{harmless, visible};
use super::words::{count, instant};
use crate::domain::state::RefusedFile;
use crate::domain::time::Timestamp;

/// Of one fault; a value in the file may be of any length.
const LONGEST: usize = 400;

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

    /// `/etc/qm.toml, read 2026-03-01 02:00:00: 1:8: mode = "obey": must be …; and 2 more faults`
    pub fn said(&self) -> String {
        let first = self.faults.first().map(|fault| harmless(fault).replace('\n', " ")).unwrap_or_default();
        let cut: String = first.chars().take(LONGEST).collect();
        let cut = if cut.len() < first.len() { format!("{cut}…") } else { cut };
        let more = match self.faults.len() {
            0 | 1 => String::new(),
            several => format!("; and {}", count(several - 1, "more fault", "more faults")),
        };
        format!("{}, read {}: {cut}{more}", visible(&self.file), instant(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_is_told_and_the_others_are_counted() {
        let of = |faults: &[&str]| {
            let faults = faults.iter().map(ToString::to_string).collect();
            let refused = RefusedFile { file: "/etc/qm.toml".to_owned(), at: Timestamp::EPOCH, faults };
            RefusedFileShown::of(&refused).said()
        };
        let expected = "/etc/qm.toml, read 1970-01-01 00:00:00: 1:8: mode = \"obey\": must be another";
        let first = "1:8: mode = \"obey\": must be another";
        assert_eq!(of(&[first]), expected);
        assert_eq!(of(&[first, "2:1: x"]), format!("{expected}; and 1 more fault"));
        assert_eq!(of(&[first, "2:1: x", "3:1: y"]), format!("{expected}; and 2 more faults"));
        let long = of(&["\x1b[2J\n".repeat(300).as_str()]);
        assert!(
            long.chars().count() < 500 && !long.contains(['\x1b', '\n']) && long.ends_with('…'),
            "{long}"
        );
    }
}
