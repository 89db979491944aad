//! The answer table: what each class of answer to a change comes to, one row per class.
//!
//! An answer is only a hint; it decides nothing that a look must decide, and asks for no second try.

use super::refusal::{self, RefusalPattern, Sort};
use super::single;
use super::transport::RawAnswer;
use super::wire::{self, Words};
use crate::domain::effect::{Outcome, Reason, Refusal, Verb};
use crate::domain::event::Failure;
use crate::domain::id::SnapshotId;

/// What sort of answer a change got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    NeverSent,
    Timeout,
    Reset,
    TooLarge,
    /// 3xx, and what HTTP should not answer with at all.
    Redirected,
    TooSlow,
    TooMany,
    ServerError,
    /// A 2xx that is no JSON, or names nothing that was created.
    Unreadable,
    /// 401 or 403: the gate closes behind it.
    KeyRefused,
    Accepted,
    NoCredit,
    NameTaken,
    Account,
    Unsupported,
    Missing,
    Busy,
    OtherNo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    NotSent,
    /// Whether it happened, only a look can tell.
    Unclear,
    Answered,
    Refused(Reason),
}

pub struct Row {
    pub class: Class,
    pub create: Verdict,
    pub delete: Verdict,
    pub words: &'static str,
}

const fn row(class: Class, create: Verdict, delete: Verdict, words: &'static str) -> Row {
    Row { class, create, delete, words }
}

pub const TABLE: &[Row] = &[
    row(Class::NeverSent, Verdict::NotSent, Verdict::NotSent, "never sent"),
    row(Class::Timeout, Verdict::Unclear, Verdict::Unclear, "timeout"),
    row(Class::Reset, Verdict::Unclear, Verdict::Unclear, "connection reset"),
    row(Class::TooLarge, Verdict::Unclear, Verdict::Unclear, "answer too large"),
    row(Class::Redirected, Verdict::Unclear, Verdict::Unclear, "not an answer to the question"),
    row(Class::TooSlow, Verdict::Unclear, Verdict::Unclear, "the cloud gave up waiting"),
    row(Class::TooMany, Verdict::Unclear, Verdict::Unclear, "too many requests"),
    row(Class::ServerError, Verdict::Unclear, Verdict::Unclear, "the cloud is in trouble"),
    row(Class::Unreadable, Verdict::Unclear, Verdict::Unclear, "an answer that cannot be read"),
    row(Class::KeyRefused, Verdict::Unclear, Verdict::Unclear, "the key was refused"),
    row(Class::Accepted, Verdict::Answered, Verdict::Answered, "accepted"),
    row(Class::NoCredit, Verdict::Refused(Reason::Credit), Verdict::Refused(Reason::Credit), "no credit"),
    row(Class::NameTaken, Verdict::Refused(Reason::NameTaken), Verdict::Refused(Reason::Other), "name taken"),
    row(Class::Account, Verdict::Refused(Reason::Account), Verdict::Refused(Reason::Account), "account"),
    row(
        Class::Unsupported,
        Verdict::Refused(Reason::Unsupported),
        Verdict::Refused(Reason::Other),
        "unsupported",
    ),
    row(
        Class::Missing,
        Verdict::Refused(Reason::NoSuchObject),
        Verdict::Unclear,
        "the cloud does not know it",
    ),
    row(Class::Busy, Verdict::Unclear, Verdict::Unclear, "busy, or in the wrong state"),
    row(Class::OtherNo, Verdict::Refused(Reason::Other), Verdict::Refused(Reason::Other), "refused"),
];

/// Reads the answer and looks it up. The class is told too, for the gate of the key.
pub fn judge(
    verb: &Verb,
    answer: &Result<RawAnswer, Failure>,
    patterns: &[RefusalPattern],
) -> (Class, Outcome) {
    let (status, body) = answer.as_ref().map_or((0, &[][..]), |answer| (answer.status, &answer.body[..]));
    let words = wire::words(body);
    let (class, snapshot) = match answer {
        Ok(_) => classify(verb, status, body, &words, patterns),
        Err(Failure::NeverSent) => (Class::NeverSent, None),
        Err(Failure::Timeout) => (Class::Timeout, None),
        // Only reads are ever given up; of a change it would mean as much.
        Err(Failure::Reset | Failure::GivenUp) => (Class::Reset, None),
        Err(Failure::TooLarge) => (Class::TooLarge, None),
    };
    // Every class has its row; a test says so. Without one, only a look could tell.
    let row = TABLE.iter().find(|row| row.class == class);
    let verdict = row.map_or(Verdict::Unclear, |row| if verb.is_create() { row.create } else { row.delete });
    let meaning = row.map_or("", |row| row.words);
    let outcome = match verdict {
        Verdict::NotSent => Outcome::NotSent { why: meaning.to_owned() },
        Verdict::Unclear => Outcome::Unclear { why: why(meaning, status, &words) },
        Verdict::Answered => Outcome::Answered { snapshot },
        Verdict::Refused(reason) => Outcome::Refused(Refusal {
            reason,
            status,
            code: words.code,
            message: words.message,
            request_id: words.request_id.unwrap_or_default(),
        }),
    };
    (class, outcome)
}

fn classify(
    verb: &Verb,
    status: u16,
    body: &[u8],
    words: &Words,
    patterns: &[RefusalPattern],
) -> (Class, Option<SnapshotId>) {
    let class = match status {
        200..=299 => return good(verb, body, words, patterns),
        401 => Class::KeyRefused,
        408 => Class::TooSlow,
        429 => Class::TooMany,
        400..=499 => no(status, words, patterns),
        500..=599 => Class::ServerError,
        _ => Class::Redirected,
    };
    (class, None)
}

fn good(verb: &Verb, body: &[u8], words: &Words, patterns: &[RefusalPattern]) -> (Class, Option<SnapshotId>) {
    let fields = wire::fields(body);
    if fields.as_ref().is_some_and(wire::says_no) {
        return (no(400, words, patterns), None);
    }
    match verb {
        Verb::CreateSnapshot { name, .. } => match single::created(body, name) {
            Some(snapshot) => (Class::Accepted, Some(snapshot)),
            None => (Class::Unreadable, None),
        },
        // A 204 has no body, and is a yes all the same.
        Verb::DeleteSnapshot { snapshot, .. } if fields.is_some() || body.is_empty() => {
            (Class::Accepted, Some(snapshot.clone()))
        }
        Verb::DeleteSnapshot { .. } => (Class::Unreadable, None),
    }
}

fn no(status: u16, words: &Words, patterns: &[RefusalPattern]) -> Class {
    match (refusal::sort(patterns, status, &words.code, &words.message), status) {
        (Some(Sort::Credit), _) | (None, 402) => Class::NoCredit,
        (Some(Sort::NameTaken), _) => Class::NameTaken,
        (Some(Sort::Account), _) => Class::Account,
        (Some(Sort::Unsupported), _) => Class::Unsupported,
        (Some(Sort::Missing), _) | (None, 404) => Class::Missing,
        (Some(Sort::Busy), _) | (None, 409) => Class::Busy,
        (Some(Sort::Other), _) => Class::OtherNo,
        (None, 403) => Class::KeyRefused,
        (None, _) => Class::OtherNo,
    }
}

/// Whether a read's no means that the one object asked for is not there.
pub fn is_missing(status: u16, words: &Words, patterns: &[RefusalPattern]) -> bool {
    let status = if (200..=299).contains(&status) { 400 } else { status };
    status == 404 || (status == 400 && no(400, words, patterns) == Class::Missing)
}

fn why(meaning: &str, status: u16, words: &Words) -> String {
    let said = [&words.code, &words.message].map(String::as_str).join(" ");
    match (status, said.trim()) {
        (0, _) => meaning.to_owned(),
        (_, "") => format!("HTTP {status}: {meaning}"),
        (_, said) => format!("HTTP {status}: {meaning} ({said})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{BackupId, MachineId};
    use bytes::Bytes;

    fn verbs() -> [Verb; 2] {
        let (backup, machine) = (BackupId::new("qm-a"), MachineId::new("BRK-1D"));
        let (name, snapshot) = ("qm-a".to_owned(), SnapshotId::new("BRK-1S"));
        let create = Verb::CreateSnapshot {
            backup: backup.clone(),
            machine: machine.clone(),
            name,
            description: String::new(),
        };
        [create, Verb::DeleteSnapshot { backup, machine, snapshot }]
    }

    fn word(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Answered { .. } => "answered".to_owned(),
            Outcome::Unclear { .. } => "unclear".to_owned(),
            Outcome::NotSent { .. } => "not sent".to_owned(),
            Outcome::Refused(refusal) => format!("{:?}", refusal.reason),
            other => format!("{other:?}"),
        }
    }

    fn check(status: u16, body: &'static str, create: &str, delete: &str) {
        let answer = Ok(RawAnswer { status, date: None, retry_after: None, body: Bytes::from(body) });
        let words = verbs().map(|verb| word(&judge(&verb, &answer, refusal::DEFAULTS).1));
        assert_eq!(words, [create, delete], "{status} {body}");
    }

    #[test]
    fn every_class_has_exactly_one_row() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.class as usize, at);
        }
        assert_eq!(TABLE.len(), Class::OtherNo as usize + 1);
    }

    #[test]
    fn what_may_have_happened_is_unclear() {
        for status in [100, 301, 307, 408, 429, 500, 502, 503, 504, 599, 600] {
            check(status, r#"{"success":false,"error_code":"NAME_TAKEN"}"#, "unclear", "unclear");
        }
        check(200, "<html>", "unclear", "unclear");
        check(201, r#"{"success":true,"snapshot":{"id":"#, "unclear", "unclear");
        check(409, r#"{"error_code":"BUSY"}"#, "unclear", "unclear");
        check(400, r#"{"error_code":"INVALID_STATE"}"#, "unclear", "unclear");
        check(401, "", "unclear", "unclear");
        check(403, r#"{"error_code":"PERMISSION_DENIED","message":"no permission"}"#, "unclear", "unclear");
        for (failure, expected) in [
            (Failure::NeverSent, "not sent"),
            (Failure::Timeout, "unclear"),
            (Failure::Reset, "unclear"),
            (Failure::TooLarge, "unclear"),
        ] {
            for verb in verbs() {
                assert_eq!(word(&judge(&verb, &Err(failure), refusal::DEFAULTS).1), expected);
            }
        }
    }

    #[test]
    fn a_yes_to_a_create_must_name_what_was_created() {
        check(201, r#"{"success":true,"snapshot":{"id":"BRK-2S","name":"qm-a"}}"#, "answered", "answered");
        check(200, r#"{"data":{"snapshot_id":2}}"#, "answered", "answered");
        check(200, r#"{"success":true}"#, "unclear", "answered");
        check(204, "", "unclear", "answered");
        check(201, r#"{"snapshot":{"id":"BRK-2S","name":"another"}}"#, "unclear", "answered");
    }

    #[test]
    fn a_no_is_sorted_by_the_words_of_the_cloud() {
        check(400, r#"{"message":"Insufficient balance"}"#, "Credit", "Credit");
        check(402, "", "Credit", "Credit");
        check(200, r#"{"success":false,"error_code":"NAME_TAKEN"}"#, "NameTaken", "Other");
        check(409, r#"{"message":"name already in use"}"#, "NameTaken", "Other");
        check(403, r#"{"error_code":"QUOTA_EXCEEDED"}"#, "Account", "Account");
        check(400, r#"{"error_code":"PROFILE_INCOMPLETE"}"#, "Account", "Account");
        check(400, r#"{"message":"Flavor is not supported"}"#, "Unsupported", "Other");
        check(404, "<html>", "NoSuchObject", "unclear");
        check(400, r#"{"message":"Instance does not exist"}"#, "NoSuchObject", "unclear");
        check(422, r#"{"errors":{"name":["odd"]}}"#, "Other", "Other");
        check(200, r#"{"success":"False"}"#, "Other", "Other");
    }
}
