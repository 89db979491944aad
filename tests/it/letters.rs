//! What letters say: every kind of them, word for word, and names that try to be more than names.

use std::fs;
use std::path::PathBuf;

use quartermaster::config::mail::{MailSetting, Way};
use quartermaster::domain::alert::event::{Content, LetterQueued, News, Step};
use quartermaster::domain::alert::matter::{Fact, Level, Matter};
use quartermaster::domain::id::{LetterId, MachineId, PolicyName};
use quartermaster::domain::time::{Seconds, Timestamp};
use quartermaster::mail::form::{self, Envelope};
use quartermaster::mail::letter;
use serde_json::Value;

fn root(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn setting() -> MailSetting {
    let (from, to) = ("qm@example.org".to_owned(), vec!["ops@example.org".to_owned()]);
    MailSetting { from, to, way: Way::Folder(PathBuf::from("/nowhere")) }
}

fn mail(queued: &LetterQueued) -> String {
    let of =
        Envelope { id: &queued.id, root: queued.root.as_ref(), at: Timestamp::from_seconds(1_772_330_400) };
    let message = form::message(&setting(), &of, &letter::letter(queued)).unwrap();
    String::from_utf8(message.formatted()).unwrap()
}

/// The letters whose stored form is kept for ever.
fn stored() -> Vec<LetterQueued> {
    let text = fs::read_to_string(root("tests/golden/letter_queued.1.ndjson")).unwrap();
    let body = |line: &str| serde_json::from_str::<Value>(line).unwrap()["body"].clone();
    text.lines().map(|line| serde_json::from_value(body(line)).unwrap()).collect()
}

#[test]
fn every_letter_says_what_stands_in_the_file_beside_it() {
    let told = |queued: &LetterQueued| {
        let letter = letter::letter(queued);
        format!("Subject: {}\n\n{}", letter.subject, form::text(&letter).unwrap())
    };
    let said = stored().iter().map(told).collect::<Vec<_>>().join("\n==========\n\n");
    let beside = root("tests/letters.txt");
    // `BLESS=1 cargo test` writes it anew; read the difference before it is committed.
    if std::env::var_os("BLESS").is_some() {
        fs::write(&beside, &said).unwrap();
    }
    assert_eq!(said, fs::read_to_string(&beside).unwrap_or_default(), "see {}", beside.display());
}

#[test]
fn a_letter_is_the_same_mail_each_time_and_refers_to_the_first_of_its_episode() {
    for queued in stored() {
        let once = mail(&queued);
        assert_eq!(once, mail(&queued));
        let id = format!("Message-ID: <{}@letters.quartermaster.invalid>", queued.id);
        assert!(once.contains(&id), "{once}");
        let refers = once.contains("\r\nReferences: <") && once.contains("\r\nIn-Reply-To: <");
        assert_eq!(refers, queued.root.is_some(), "{once}");
        assert!(once.contains("\r\nDate: Sun, 01 Mar 2026 02:00:00 +0000\r\n"), "{once}");
        assert!(once.lines().all(|line| line.len() <= 998 && line.is_ascii()), "{once}");
    }
}

/// A letter about a machine of this name.
fn about(name: &str) -> LetterQueued {
    let late = Fact::Late {
        policy: PolicyName::new("daily"),
        machine: MachineId::new(name),
        name: name.to_owned(),
        newest: None,
        since: Timestamp::EPOCH,
        expected: Seconds::hours(27),
        held: None,
    };
    let since = Timestamp::EPOCH;
    let news = News {
        matter: Matter::BackupLate,
        step: Step::Began,
        level: Level::Warning,
        since,
        facts: vec![late],
        more: 0,
    };
    LetterQueued {
        id: LetterId::new("0".repeat(32)),
        root: None,
        head: "0123456789ab@7".to_owned(),
        observing: None,
        content: Content::Alert(news),
    }
}

#[test]
fn no_name_adds_a_header_a_line_a_tag_or_another_direction() {
    let long = "x".repeat(10_000);
    for name in [
        "a\r\nBcc: victim@example.org\r\n\r\nbody",
        "<script>alert(1)</script><img src=http://a/b>",
        "a\u{202e}b\u{200f}\u{2066}",
        "=?utf-8?q?=0D=0ABcc:_victim?=",
        "\u{1b}[2J\0",
        &long,
    ] {
        let queued = about(name);
        let (subject, mail) = (letter::subject(&queued), mail(&queued));
        let head = mail.split("\r\n\r\n").next().unwrap();
        let names: Vec<&str> = head
            .lines()
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split(':').next().unwrap())
            .collect();
        let expected =
            ["From", "Subject", "Date", "Message-ID", "Auto-Submitted", "To", "MIME-Version", "Content-Type"];
        assert_eq!(names, expected, "{head}");
        assert!(subject.chars().count() <= 180 && !subject.chars().any(char::is_control), "{subject}");
        assert!(mail.len() < 20_000, "{} bytes", mail.len());
        let letter = letter::letter(&queued);
        let (text, html) = (form::text(&letter).unwrap(), form::html(&letter).unwrap());
        for hidden in ['\u{202e}', '\u{200f}', '\u{2066}', '\u{1b}', '\0', '\r'] {
            assert!(!text.contains(hidden) && !html.contains(hidden), "{text}");
        }
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert_eq!(text.lines().count(), 14, "{text}");
    }
}
