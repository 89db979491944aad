//! What the doctor found, one check a line: how bad it is, what was seen, and what to do.
//!
//! It words findings; who found them, and how, is not known here.

use std::fmt::Write;

use serde::Serialize;

use super::foreign::harmless;
use super::table::Paper;

pub const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// It could not be checked yet.
    Skip,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work.
    Fail,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub level: Level,
    /// What was checked: a few words that stay the same, such as `key file` or `cloud.paths.machines`.
    pub subject: String,
    /// What was seen.
    pub seen: String,
    /// `None`: nothing is to do.
    pub todo: Option<String>,
}

/// All checks in the order in which they were made.
#[derive(Debug, Serialize)]
pub struct Checks {
    schema_version: u32,
    warnings: usize,
    failures: usize,
    checks: Vec<Check>,
    /// Where the settings that fit were written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

impl Default for Checks {
    fn default() -> Self {
        let (warnings, failures, checks) = (0, 0, Vec::new());
        Self { schema_version: SCHEMA_VERSION, warnings, failures, checks, suggestion: None }
    }
}

impl Checks {
    pub fn ok(&mut self, subject: &str, seen: impl Into<String>) {
        self.add(Level::Ok, subject, seen.into(), None);
    }

    pub fn skip(&mut self, subject: &str, seen: impl Into<String>, todo: impl Into<String>) {
        self.add(Level::Skip, subject, seen.into(), Some(todo.into()));
    }

    pub fn warn(&mut self, subject: &str, seen: impl Into<String>, todo: impl Into<String>) {
        self.add(Level::Warn, subject, seen.into(), Some(todo.into()));
    }

    pub fn fail(&mut self, subject: &str, seen: impl Into<String>, todo: impl Into<String>) {
        self.add(Level::Fail, subject, seen.into(), Some(todo.into()));
    }

    /// All texts may hold what the cloud chose.
    fn add(&mut self, level: Level, subject: &str, seen: String, todo: Option<String>) {
        match level {
            Level::Ok | Level::Skip => {}
            Level::Warn => self.warnings += 1,
            Level::Fail => self.failures += 1,
        }
        let one_line = |text: String| harmless(&text.replace('\n', " "));
        let check = Check {
            level,
            subject: one_line(subject.to_owned()),
            seen: one_line(seen),
            todo: todo.map(one_line),
        };
        self.checks.push(check);
    }

    pub fn list(&self) -> &[Check] {
        &self.checks
    }

    /// Something does not work.
    pub fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// What there is to look at, in words; `None` if all is well.
    pub fn findings(&self) -> Option<String> {
        let count = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            _ => Some(format!("{count} {many}")),
        };
        let parts =
            [count(self.failures, "failure", "failures"), count(self.warnings, "warning", "warnings")];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" and "))
    }

    /// One line each, broken where the paper is too narrow.
    pub fn text(&self, paper: Paper) -> String {
        let mut text = String::new();
        for check in &self.checks {
            // Writing to a string cannot fail.
            _ = writeln!(text, "{}", paper.wrap(&line(check)));
        }
        text
    }
}

pub fn line(check: &Check) -> String {
    let word = match check.level {
        Level::Ok => "ok",
        Level::Skip => "skip",
        Level::Warn => "warn",
        Level::Fail => "FAIL",
    };
    let todo = check.todo.as_ref().map(|todo| format!(" — {todo}")).unwrap_or_default();
    format!("{word:<4} {}: {}{todo}", check.subject, check.seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_check_is_one_line_with_what_to_do_and_nothing_foreign_gets_out() {
        let mut checks = Checks::default();
        checks.ok("disk", "12 GiB free");
        checks.skip("cloud.paths.snapshot", "not asked", "ask again");
        checks.warn("clock", "5 min ahead", "set it");
        checks.fail("cloud.paths.machines", "HTTP 404\n\u{1b}[31m", "look");
        insta::assert_snapshot!(checks.text(Paper::default()), @r"
        ok   disk: 12 GiB free
        skip cloud.paths.snapshot: not asked — ask again
        warn clock: 5 min ahead — set it
        FAIL cloud.paths.machines: HTTP 404 \u{1b}[31m — look
        ");
        assert_eq!(checks.findings().as_deref(), Some("1 failure and 1 warning"));
        assert_eq!(Checks::default().findings(), None);
    }
}
