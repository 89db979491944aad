//! What was heard, kept in a folder: bodies without persons, keys and addresses, and an index of them.
//!
//! The simulated cloud plays it back; it reads the folder by itself.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use secrecy::SecretString;
use serde::Serialize;

use super::Findings;
use super::redact::Redaction;
use crate::barrack::key::Key;

const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
struct Index<'a> {
    schema_version: u32,
    key_header: &'a str,
    key_scheme: &'a str,
    answers: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    /// Below the base URL, with its query.
    address: String,
    status: u16,
    file: String,
}

/// Gives how many answers there are. The folder is made, and must not hold an index yet.
pub fn save(folder: &Path, findings: &Findings, key: SecretString) -> io::Result<usize> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if fs::exists(folder.join("index.json"))? {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "answers were saved there already"));
    }
    let (key, mut redaction) = (Key::new(key), Redaction::default());
    let mut known = BTreeSet::new();
    let mut answers = Vec::new();
    for heard in findings.heard.iter().filter(|heard| known.insert(&heard.address)) {
        let file = format!("answer-{:03}.txt", answers.len() + 1);
        let body = redaction.body(&key.masked(heard.body.clone()));
        write(&folder.join(&file), body.as_bytes())?;
        answers.push(Entry { address: redaction.text(&heard.address), status: heard.status, file });
    }
    let count = answers.len();
    let (key_header, key_scheme) = (&findings.settings.key_header, &findings.settings.key_scheme);
    let index = Index { schema_version: SCHEMA_VERSION, key_header, key_scheme, answers };
    write(&folder.join("index.json"), &serde_json::to_vec_pretty(&index)?)?;
    Ok(count)
}

fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    File::options().write(true).create_new(true).mode(0o600).open(path)?.write_all(content)
}
