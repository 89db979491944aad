//! What letters say: every kind of them, word for word, and names that try to be more than names.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use quartermaster::cli::Arguments;
use quartermaster::config::mail::{MailSetting, Way};
use quartermaster::domain::alert::event::{Content, LetterQueued, News, Step};
use quartermaster::domain::alert::matter::{Fact, Level, Matter};
use quartermaster::domain::alert::review::Review;
use quartermaster::domain::id::{LetterId, MachineId, PolicyName};
use quartermaster::domain::money::Nanos;
use quartermaster::domain::slot::Held;
use quartermaster::domain::time::{Seconds, Timestamp};
use quartermaster::mail::form::{self, Envelope};
use quartermaster::mail::letter;
use quartermaster::report::command::Commands;
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
    let message = form::message(&setting(), &of, &letter::letter(queued, &Commands::default())).unwrap();
    String::from_utf8(message.formatted()).unwrap()
}

/// The letters whose stored form is kept for ever.
fn stored() -> Vec<LetterQueued> {
    let text = fs::read_to_string(root("tests/golden/letter_queued.1.ndjson")).unwrap();
    let body = |line: &str| serde_json::from_str::<Value>(line).unwrap()["body"].clone();
    text.lines().map(|line| serde_json::from_value(body(line)).unwrap()).collect()
}

/// All of them, as they are read.
fn all_said() -> String {
    let told = |queued: &LetterQueued| {
        let letter = letter::letter(queued, &Commands::default());
        format!("Subject: {}\n\n{}", letter.subject, form::text(&letter).unwrap())
    };
    stored().iter().map(told).collect::<Vec<_>>().join("\n==========\n\n")
}

#[test]
fn every_letter_says_what_stands_in_the_file_beside_it() {
    let said = all_said();
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
        assert!(subject.contains(" late"), "what happened is cut off: {subject}");
        assert!(mail.len() < 20_000, "{} bytes", mail.len());
        let letter = letter::letter(&queued, &Commands::default());
        let (text, html) = (form::text(&letter).unwrap(), form::html(&letter).unwrap());
        for hidden in ['\u{202e}', '\u{200f}', '\u{2066}', '\u{1b}', '\0', '\r'] {
            assert!(!text.contains(hidden) && !html.contains(hidden), "{text}");
        }
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert_eq!(text.lines().count(), 14, "{text}");
    }
}

/// The words of a line for a shell, up to where the command ends.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in line.chars() {
        match letter {
            '"' | '\'' => quoted = !quoted,
            _ if quoted => word.push(letter),
            '#' | '`' | ';' | ',' | '<' => break,
            ' ' => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// The text of one literal of a source file that begins here: up to its end, escapes undone.
fn literal(text: &str) -> String {
    let (mut said, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => said.extend(letters.next().filter(|next| *next == '"')),
            '"' | '\n' => break,
            _ => said.push(letter),
        }
    }
    said
}

/// Files below a folder of the sources, and the tests at their end cut off.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
            found.push((path.display().to_string(), code));
        }
    }
}

#[test]
fn every_command_that_a_person_is_told_is_one_that_the_program_takes() {
    let definition = Arguments::command();
    let is_verb = |word: &str| definition.get_subcommands().any(|verb| verb.get_name() == word);
    let mut told: Vec<(String, String)> = Vec::new();
    let mut tell = |place: &str, text: &str, is_source: bool| {
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for (at, start) in line.match_indices("quartermaster ") {
                let rest = &line[at + start.len()..];
                let rest = if is_source { literal(rest) } else { rest.to_owned() };
                told.push((place.to_owned(), rest));
            }
            // Most are made where it is known which journal they are about.
            for (at, start) in line.match_indices("commands.verb(\"") {
                told.push((place.to_owned(), literal(&line[at + start.len()..])));
            }
            for (at, start) in line.match_indices("commands.of(\"") {
                let rest = &line[at + start.len()..];
                let what = rest.split_once("\", ").map_or("", |(_, what)| what);
                let what = what.strip_prefix("&format!(").unwrap_or(what);
                if let Some(what) = what.strip_prefix('"') {
                    told.push((place.to_owned(), format!("{} {}", literal(rest), literal(what))));
                }
            }
        }
    };
    tell("tests/letters.txt", &all_said(), false);
    let elsewhere = Commands::with([("--data-dir", Path::new("/srv/of us"))]);
    let letters = stored();
    let letters = letters.iter().map(|queued| form::text(&letter::letter(queued, &elsewhere)).unwrap());
    tell("letters of a journal elsewhere", &letters.collect::<Vec<_>>().join("\n"), false);
    let mut files = Vec::new();
    for folder in ["src/mail", "src/report", "src/http", "src/daemon", "src/domain", "src/metrics"] {
        sources(&root(folder), &mut files);
    }
    files.iter().for_each(|(place, text)| tell(place, text, true));
    for entry in fs::read_dir(root("docs/runbooks")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let block = text.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
        tell(&path.display().to_string(), block.unwrap_or_default(), false);
    }
    let is_place_free = |words: &[String]| {
        words.first().is_some_and(|word| ["check-config", "doctor"].contains(&word.as_str()))
    };
    let mut tried = 0;
    for (place, text) in told {
        let words = words(&text);
        if words.first().is_some_and(|word| is_verb(word)) {
            let typed = std::iter::once("quartermaster").chain(words.iter().map(String::as_str));
            let parsed = Arguments::try_parse_from(typed);
            assert!(parsed.is_ok(), "{place}: quartermaster {text}\n{}", parsed.err().unwrap());
            let says_where = words.windows(2).any(|pair| pair == ["--data-dir", "/srv/of us"]);
            let must = place.ends_with("elsewhere") && !is_place_free(&words);
            assert!(says_where == must, "{place}: quartermaster {text}");
            tried += 1;
        }
    }
    assert!(tried > 50, "only {tried} commands were found");
}

#[test]
fn every_matter_has_a_letter_in_the_file() {
    let told: Vec<Matter> = stored()
        .into_iter()
        .filter_map(|queued| match queued.content {
            Content::Alert(news) => Some(news.matter),
            Content::Digest(_) => None,
        })
        .collect();
    let untold: Vec<Matter> = Matter::PLAIN.into_iter().filter(|matter| !told.contains(matter)).collect();
    assert_eq!(untold, []);
}

/// The last digest of the file, at which no alert goes on, after this change.
fn calm_digest(change: impl FnOnce(&mut Review)) -> (String, String) {
    let mut queued = stored().pop().unwrap();
    let Content::Digest(review) = &mut queued.content else { panic!("{queued:?}") };
    assert!(review.alerts.is_empty());
    (review.awaiting_approval, review.suspect) = (0, 0);
    change(review);
    let letter = letter::letter(&queued, &Commands::default());
    (letter.subject, letter.means)
}

#[test]
fn a_digest_says_all_is_well_only_while_nothing_waits_for_a_person() {
    let (subject, means) = calm_digest(|_| {});
    assert!(subject.ends_with("and all is well") && means == "Nothing needs a person now.", "{means}");
    let (subject, means) = calm_digest(|review| review.awaiting_approval = 2);
    assert!(subject.ends_with("fresh, and 2 deletions wait for a person"), "{subject}");
    assert_eq!(means, "Only a person decides of 2 deletions that wait.");
    let (subject, means) = calm_digest(|review| review.suspect = 1);
    assert!(subject.ends_with("fresh, and 1 snapshot only looks like ours"), "{subject}");
    assert_eq!(means, "Only a person decides of the snapshot that looks like ours.");
}

#[test]
fn letters_promise_only_what_holds_and_say_nothing_twice() {
    let said = |matter: Matter| {
        let mut queued = about("trainer-1");
        let Content::Alert(news) = &mut queued.content else { panic!() };
        news.matter = matter;
        queued.observing = (matter == Matter::Observing).then_some(14);
        form::text(&letter::letter(&queued, &Commands::default())).unwrap()
    };
    let late = said(Matter::BackupLate);
    assert!(late.contains("until the newest good backup is older than twice the longest gap"), "{late}");
    let unreachable = said(Matter::ApiUnreachable);
    assert!(!unreachable.contains("caught up") && unreachable.contains("catch_up"), "{unreachable}");
    let observing = said(Matter::Observing);
    assert_eq!(observing.matches("nothing is backed up").count(), 1, "{observing}");
    for matter in [Matter::DeletionsHeld, Matter::Frozen] {
        assert!(said(matter).contains("up to 73 USD a month at the printed price"), "{}", said(matter));
    }
}

#[test]
fn a_freeze_that_began_by_itself_says_what_to_look_at_before_it_is_thawed() {
    let command = |by_itself: bool| {
        let mut queued = about("trainer-1");
        let Content::Alert(news) = &mut queued.content else { panic!() };
        let reason = "3 of 4 machines were gone at once".to_owned();
        (news.matter, news.level) = (Matter::Frozen, Level::Notice);
        news.facts = vec![Fact::Until { until: Timestamp::from_seconds(60), reason, by_itself }];
        let letter = letter::letter(&queued, &Commands::default());
        (letter.command, letter.done)
    };
    assert_eq!(command(false).0, "quartermaster thaw");
    let (first, done) = command(true);
    assert!(first.starts_with("quartermaster machines list "), "{first}");
    assert!(done.contains("Look first at what is gone") && done.contains("`thaw`"), "{done}");
}

#[test]
fn no_command_is_written_out_where_nobody_knows_which_journal_it_is_about() {
    let definition = Arguments::command();
    let is_verb = |word: &str| definition.get_subcommands().any(|verb| verb.get_name() == word);
    let mut files = Vec::new();
    for folder in ["src/mail", "src/report", "src/http", "src/daemon", "src/domain"] {
        sources(&root(folder), &mut files);
    }
    for (place, text) in files {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code.filter(|line| {
            !["quartermaster check-config", "quartermaster doctor"].iter().any(|one| line.contains(one))
        }) {
            for (at, start) in line.match_indices("quartermaster ") {
                let words = words(&literal(&line[at + start.len()..]));
                let verb = words.first().filter(|word| is_verb(word));
                assert_eq!(verb, None, "{place}: say it by report::command: {line}");
            }
        }
    }
}

#[test]
fn a_letter_about_listings_that_cannot_be_read_names_the_doctor() {
    let command = |matter: Matter, held: Option<Held>| {
        let mut queued = about("trainer-1");
        let Content::Alert(news) = &mut queued.content else { panic!() };
        news.matter = matter;
        for fact in &mut news.facts {
            if let Fact::Late { held: known, .. } = fact {
                known.clone_from(&held);
            }
        }
        letter::letter(&queued, &Commands::default()).command
    };
    assert_eq!(command(Matter::ApiUnreachable, None), "quartermaster doctor");
    assert_eq!(command(Matter::BackupLate, Some(Held::Unseen)), "quartermaster doctor");
    assert_eq!(command(Matter::BackupLate, Some(Held::Paused)), "quartermaster status");
}

#[test]
fn a_letter_about_a_floor_names_it_and_what_brings_the_credits_over_it() {
    let said = |floor: Option<i64>| {
        let is_balance = |queued: &LetterQueued| matches!(&queued.content, Content::Alert(news) if matches!(news.facts.first(), Some(Fact::Balance(_))));
        let mut queued = stored().into_iter().find(is_balance).unwrap();
        let Content::Alert(News { facts, .. }) = &mut queued.content else { panic!() };
        let Some(Fact::Balance(purse)) = facts.first_mut() else { panic!() };
        purse.floor = floor.map(|usd| Nanos(usd * 1_000_000_000));
        let letter = letter::letter(&queued, &Commands::default());
        (letter.subject, letter.means)
    };
    let (subject, means) = said(None);
    assert!(subject.contains("credits last until") && !means.contains("floor"), "{subject}: {means}");
    let (subject, means) = said(Some(20));
    assert!(subject.contains("18.20 USD are left, under the floor of 20.00"), "{subject}");
    assert!(means.ends_with("To be well over the floor again, add at least 6.80 USD."), "{means}");
}
