//! The stored form of events, for ever: a golden file for each kind and version, in `tests/golden`.
//!
//! `QUARTERMASTER_GOLDEN=write cargo test --test it golden::` writes the files that are missing, with
//! what a hostile rehearsal stores. A file that is there is never written again: it is what somebody's
//! journal holds.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;

use quartermaster::domain::event::Recorded;
use quartermaster::domain::time::{Seconds, Timestamp};
use quartermaster::journal::entry::{Entry, Hash, Key, Row, Seq};
use quartermaster::journal::reader::Reader;
use quartermaster::journal::record::{KINDS, decode, encode, version};
use quartermaster::rehearsal::run::{self, Nobody};
use quartermaster::rehearsal::setup::Setup;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

const EVENTS: &str = include_str!("../../src/domain/event.rs");
/// Of one kind: as many different shapes as a reader will look at.
const MOST_SAMPLES: usize = 16;
/// A kind that so many rehearsals did not store is written by hand.
const REHEARSALS: u64 = 4;
const DAYS: u64 = 20;

/// One line of a golden file. The body is the very text that is stored and hashed.
#[derive(Serialize, Deserialize)]
struct Sample {
    subject: String,
    key: Option<String>,
    occurred_at: Option<Timestamp>,
    body: Box<RawValue>,
}

fn path(kind: &str, version: u16) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{kind}.{version}.ndjson"))
}

/// The kinds as the enum of events has them, not as any list repeats them.
fn kinds() -> BTreeSet<String> {
    let body = EVENTS.split_once("pub enum Event {").unwrap().1.split_once("\n}").unwrap().0;
    let variants = body.lines().filter_map(|line| {
        let name = line.strip_prefix("    ")?.split(['(', ',']).next()?;
        name.starts_with(|letter: char| letter.is_ascii_uppercase()).then_some(name)
    });
    let snake = |name: &str| {
        let mut word = String::new();
        for letter in name.chars() {
            if letter.is_ascii_uppercase() && !word.is_empty() {
                word.push('_');
            }
            word.push(letter.to_ascii_lowercase());
        }
        word
    };
    variants.map(snake).collect()
}

fn samples(kind: &str, version: u16) -> Vec<Sample> {
    let text = fs::read_to_string(path(kind, version)).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{kind}: {e}"))).collect()
}

fn row(kind: &str, version: u16, sample: &Sample) -> Row {
    let key = |text: &String| Key(u128::from_str_radix(text, 16).unwrap().to_be_bytes());
    let entry = Entry {
        kind: kind.to_owned(),
        version,
        subject: sample.subject.clone(),
        key: sample.key.as_ref().map(key),
        occurred_at: sample.occurred_at,
        body: sample.body.get().to_owned(),
    };
    let hash = Hash::GENESIS;
    Row { seq: Seq(1), recorded_at: Timestamp::EPOCH, entry, body_hash: hash, prev_hash: hash, hash }
}

/// Which fields and which plain words a body has: two of one shape teach a reader the same.
fn shape(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| {
            // Of a map by ids, one shape stands for all.
            let name = if name.bytes().any(|byte| byte.is_ascii_digit()) { "*" } else { name };
            shape(inner, &format!("{at}.{name}"), into);
        }),
        Value::Array(items) => items.iter().for_each(|inner| shape(inner, &format!("{at}[]"), into)),
        Value::String(word) if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            into.insert(format!("{at}={word}"));
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            into.insert(at.to_owned());
        }
    }
}

/// What rehearsals store, by kind: one sample of each shape.
fn rehearsed() -> BTreeMap<String, Vec<Sample>> {
    let mut seen: BTreeMap<String, BTreeSet<BTreeSet<String>>> = BTreeMap::new();
    let mut found: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
    for seed in 0..REHEARSALS {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup {
            length: Seconds::days(DAYS),
            machines: 3,
            keep_last: 2,
            seed,
            faults: "hostile".to_owned(),
            dialect: crate::campaign::dialect(seed),
            also: Default::default(),
            disturbances: Vec::new(),
            durable: false,
            directory: folder.path().to_owned(),
        };
        run::run(&setup, Rc::new(RefCell::new(Nobody))).unwrap();
        let reader = Reader::open(folder.path()).unwrap();
        let mut after = Seq::START;
        loop {
            let rows = reader.read(after, 4_096).unwrap();
            let Some(last) = rows.last() else { break };
            after = last.seq;
            for Row { entry, .. } in rows {
                let mut words = BTreeSet::new();
                shape(&serde_json::from_str(&entry.body).unwrap(), "", &mut words);
                let shapes = seen.entry(entry.kind.clone()).or_default();
                if shapes.len() < MOST_SAMPLES && shapes.insert(words) {
                    found.entry(entry.kind).or_default().push(Sample {
                        subject: entry.subject,
                        key: entry.key.map(|key| key.to_string()),
                        occurred_at: entry.occurred_at,
                        body: RawValue::from_string(entry.body).unwrap(),
                    });
                }
            }
        }
    }
    found
}

fn write_missing() {
    let missing: Vec<&str> = KINDS.into_iter().filter(|kind| !path(kind, version(kind)).exists()).collect();
    if missing.is_empty() {
        return;
    }
    let found = rehearsed();
    for kind in missing {
        let Some(samples) = found.get(kind) else { continue };
        let lines: Vec<String> = samples.iter().map(|one| serde_json::to_string(one).unwrap()).collect();
        fs::create_dir_all(path(kind, 1).parent().unwrap()).unwrap();
        fs::write(path(kind, version(kind)), lines.join("\n") + "\n").unwrap();
        println!("written: {}", path(kind, version(kind)).display());
    }
}

#[test]
fn every_kind_and_version_has_a_golden_file() {
    if std::env::var("QUARTERMASTER_GOLDEN").is_ok_and(|wish| wish == "write") {
        write_missing();
    }
    let kinds = kinds();
    assert!(kinds.len() > 10 && kinds.contains("slot_decided"), "the enum was not found: {kinds:?}");
    let listed: BTreeSet<String> = KINDS.map(str::to_owned).into();
    assert_eq!(kinds, listed, "the variants of `Event` and `record::KINDS` differ");
    for kind in &kinds {
        for version in 1..=version(kind) {
            assert!(
                !samples(kind, version).is_empty(),
                "{} is missing. Write it with\n    QUARTERMASTER_GOLDEN=write cargo test --release --test it golden::\n\
                 and commit it; a kind that rehearsals do not store is written by hand, one stored body a line",
                path(kind, version).display()
            );
        }
    }
}

#[test]
fn every_stored_form_is_read_and_the_newest_is_written_byte_for_byte() {
    let mut count = 0;
    for kind in KINDS {
        for number in 1..=version(kind) {
            for sample in samples(kind, number) {
                let stored = row(kind, number, &sample);
                let Recorded { event, .. } = decode(&stored)
                    .unwrap_or_else(|error| panic!("{kind}, version {number}: {error:?}\n{}", sample.body));
                let written = encode(&event);
                count += 1;
                if number < version(kind) {
                    continue;
                }
                assert_eq!(
                    written, stored.entry,
                    "the stored form of {kind:?} has changed. Journals hold the old one: add a step to `STEPS` in \
                     src/journal/record.rs (where defaults do for the old form, `lift: Ok`), then write the new \
                     version's file with QUARTERMASTER_GOLDEN=write, and leave the old file as it is"
                );
            }
        }
    }
    assert!(count > 40, "only {count} samples");
}

#[test]
fn no_golden_file_is_of_a_version_that_nobody_writes() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_known =
            KINDS.iter().any(|kind| (1..=version(kind)).any(|number| path(kind, number).ends_with(&name)));
        assert!(is_known, "tests/golden/{name}: a golden file is for ever, and so are its kind and version");
    }
}
