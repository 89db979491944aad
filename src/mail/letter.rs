//! A letter in words: what happened, what it means, what was done, and the one command to run.
//!
//! Pure. Whatever the cloud chose is made visible before it is said.

use super::letter_alert;
use super::letter_digest;
use crate::domain::alert::event::{Content, LetterQueued};
use crate::report::command::Commands;
use crate::report::foreign::harmless;
use crate::report::words::would_be_taken;

/// The parts in the order in which they are read. None of them but `items` spans lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    /// While observing: that nothing is backed up.
    pub banner: Option<String>,
    pub happened: String,
    pub items: Vec<String>,
    pub means: String,
    pub done: String,
    /// One line for a shell.
    pub command: String,
    pub foot: String,
}

/// A subject that is longer is cut: some servers refuse it.
const LONGEST_SUBJECT: usize = 160;

pub fn letter(queued: &LetterQueued, commands: &Commands) -> Letter {
    let mut letter = match &queued.content {
        Content::Alert(news) => letter_alert::letter(news, commands),
        Content::Digest(review) => letter_digest::letter(review, commands),
    };
    letter.banner = queued.observing.map(observing);
    letter.subject = subject(queued);
    letter.foot = format!("Quartermaster. Its journal stood at {} when this was written.", queued.head);
    letter
}

/// One line, whatever is in the facts.
pub fn subject(queued: &LetterQueued) -> String {
    let said = match &queued.content {
        Content::Alert(news) => letter_alert::subject(news),
        Content::Digest(review) => letter_digest::subject(review),
    };
    let line = harmless(&said).replace('\n', " ");
    let mut cut: String = line.chars().take(LONGEST_SUBJECT).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    format!("[Quartermaster] {cut}")
}

/// The first line of whatever is told while nothing is backed up.
pub fn observing(slots: u64) -> String {
    format!("OBSERVING: nothing is backed up; {}.", would_be_taken(slots))
}

/// A start that cannot write its journal.
pub fn degraded(why: &str) -> Letter {
    Letter {
        subject: "[Quartermaster] critical: the journal cannot be written; nothing is backed up".to_owned(),
        banner: None,
        happened: "The daemon was started and cannot write its journal.".to_owned(),
        items: vec![harmless(why).replace('\n', " ")],
        means: "No backup is made or deleted, and machines and snapshots are billed as before.".to_owned(),
        done: "The cloud is not called. It tries to start again each minute, and writes this once a day."
            .to_owned(),
        command: "journalctl -u quartermaster -n 20".to_owned(),
        foot: "Quartermaster. Where its journal stands is not known.".to_owned(),
    }
}
