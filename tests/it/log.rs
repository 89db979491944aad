//! The journal's verbs as people and scripts meet them: read, export, back up, restore, rebuild.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::machine;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");

/// A folder with the journal of a short simulated life in `data`.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        let data = site.text("data");
        let output =
            Command::new(PROGRAM).args(["demo", "--for", "2d", "--json", "--data-dir", &data]).output();
        assert!(output.unwrap().status.success());
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn run(&self, words: &[&str]) -> Output {
        self.at("data", words)
    }

    fn at(&self, data: &str, words: &[&str]) -> Output {
        Command::new(PROGRAM).args(words).args(["--data-dir", &self.text(data)]).output().unwrap()
    }

    fn log(&self, words: &[&str]) -> Output {
        let output = self.run(&[&["log"], words].concat());
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn json(&self, words: &[&str]) -> Value {
        serde_json::from_slice(&self.log(words).stdout).unwrap()
    }

    fn export(&self, words: &[&str]) -> Vec<Value> {
        let output = self.log(&[&["export"], words].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn head(&self) -> String {
        self.json(&["verify", "--json"])["head"].as_str().unwrap().to_owned()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

#[track_caller]
fn refused(output: &Output, expected: i32, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(output), expected, "{said}");
    assert!(said.contains(words), "{said}");
    assert!(said.starts_with("error: ") && !said.contains("panicked"), "{said}");
}

/// Each database of a folder with a digest of its bytes; what readers leave beside one is of no weight.
fn databases(path: &Path) -> Vec<(PathBuf, u64)> {
    let mut files: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().contains(".db") && !is_beside(path));
    files.sort();
    let digest = |path: &Path| {
        let mut hasher = DefaultHasher::new();
        fs::read(path).unwrap().hash(&mut hasher);
        hasher.finish()
    };
    files.into_iter().map(|path| (path.clone(), digest(&path))).collect()
}

fn is_beside(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("-wal") || name.ends_with("-shm")
}

/// The bytes of a journal with a changed letter in many events, wherever those lie.
fn wrecked(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    let sought = b"\"attempt\"".as_slice();
    let places: Vec<usize> =
        (0..bytes.len() - sought.len()).filter(|at| bytes[*at..].starts_with(sought)).collect();
    places.iter().for_each(|at| bytes[at + 1] ^= 1);
    bytes
}

#[test]
fn an_export_holds_every_column_of_every_event_and_its_chain_can_be_followed() {
    let site = Site::new();
    let rows = site.export(&[]);
    let verified = site.json(&["verify", "--json"]);
    assert_eq!(rows.len() as u64, verified["events"].as_u64().unwrap());
    assert_eq!(rows.last().unwrap()["hash"], verified["head"]);
    let mut before = Value::from("0".repeat(64));
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row["seq"], number as u64 + 1);
        assert_eq!(row["prev_hash"], before);
        assert_eq!(row.as_object().unwrap().len(), 11, "{row}");
        let body = row["body"].as_str().unwrap();
        assert!(serde_json::from_str::<Value>(body).is_ok(), "{body}");
        before = row["hash"].clone();
    }
    assert_eq!(site.export(&["--from", "3", "--to", "5"]), rows[2..5]);
    assert_eq!(site.export(&["--from", &rows.len().to_string()]), rows[rows.len() - 1..]);
    refused(&site.run(&["log", "export", "--from", "0"]), 2, "numbered from 1");
}

#[test]
fn a_list_shows_the_newest_or_begins_where_it_is_told_to() {
    let site = Site::new();
    let seqs = |words: &[&str]| {
        let document = site.json(&[&["list", "--json"], words].concat());
        assert_eq!((&document["schema_version"], &document["simulated"]), (&1.into(), &true.into()));
        document["events"].as_array().unwrap().clone()
    };
    let all = site.export(&[]);
    let newest = seqs(&["--limit", "3"]);
    assert_eq!(newest[2]["hash"], all.last().unwrap()["hash"]);
    assert_eq!(newest.len(), 3);
    let first = seqs(&["--after", "2", "--limit", "2"]);
    assert_eq!((&first[0]["seq"], &first[1]["seq"]), (&3.into(), &4.into()));
    let intents = seqs(&["--kind", "intended", "--limit", "100"]);
    assert_eq!(intents.len(), all.iter().filter(|row| row["kind"] == "intended").count());
    assert!(intents[0]["body"]["effect"].is_object(), "{}", intents[0]);
    let since = all[all.len() / 2]["recorded_at"].as_i64().unwrap();
    let instant = jiff::Timestamp::from_microsecond(since).unwrap().to_string();
    assert_eq!(seqs(&["--since", &instant, "--limit", "1"])[0]["recorded_at"], Value::from(instant));
    assert!(seqs(&["--since", "1h", "--limit", "9999"]).len() < all.len() / 10);
    refused(&site.run(&["log", "list", "--kind", "gossip"]), 2, "looked");
    let lines = site.log(&["list", "--limit", "3"]).stdout;
    let lines = String::from_utf8(lines).unwrap();
    assert!(lines.lines().count() == 4 && lines.starts_with("SIMULATED: "), "{lines}");
}

#[test]
fn one_event_is_shown_with_all_that_is_stored_of_it() {
    let site = Site::new();
    let all = site.export(&["--to", "9"]);
    let mut shown = site.json(&["show", "7", "--json"]);
    // A document says which form it has; a line of many does not.
    assert_eq!(shown.as_object_mut().unwrap().remove("schema_version"), Some(1.into()));
    assert_eq!(shown, all[6]);
    let text = String::from_utf8(site.log(&["show", "7"]).stdout).unwrap();
    assert!(text.starts_with("SIMULATED: "), "{text}");
    for column in ["hash", "prev_hash", "body_hash", "kind"] {
        assert!(text.contains(all[6][column].as_str().unwrap()), "{column} in {text}");
    }
    refused(&site.run(&["log", "show", "0"]), 1, "there is no event 0");
    refused(&site.run(&["log", "show", "9999999"]), 1, "the journal has 1 to ");
}

#[test]
fn a_backup_holds_the_whole_journal_replaces_nothing_and_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    fs::create_dir(site.path("shelf")).unwrap();
    let (shelf, one) = (site.text("shelf"), site.text("one.db"));
    site.log(&["backup", &one]);
    site.log(&["backup", &shelf]);
    assert_eq!(fs::metadata(&one).unwrap().permissions().mode() & 0o777, 0o600);
    let before = fs::read(&one).unwrap();
    refused(&site.run(&["log", "backup", &one]), 1, "a backup replaces nothing");
    assert_eq!(fs::read(&one).unwrap(), before);
    let names: Vec<_> = databases(&site.path("shelf")).into_iter().map(|(path, _)| path).collect();
    assert_eq!(names.len(), 1, "{names:?}");
    let name = names[0].file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.starts_with("journal-2026") && name.ends_with(".db"), "{name}");
    // As a journal it has the same events.
    fs::create_dir(site.path("copy")).unwrap();
    fs::copy(&one, site.path("copy/journal.db")).unwrap();
    let export = |data| site.at(data, &["log", "export"]).stdout;
    assert!(export("copy") == export("data"));
}

#[test]
fn a_name_that_ends_in_a_slash_is_a_folder_and_never_becomes_a_file() {
    let site = Site::new();
    let said = String::from_utf8(site.log(&["backup", &format!("{}/", site.text("fresh"))]).stdout).unwrap();
    let copies = databases(&site.path("fresh"));
    assert_eq!(copies.len(), 1, "{said}");
    assert!(said.starts_with("SIMULATED: ") && said.contains(copies[0].0.to_str().unwrap()), "{said}");
    refused(&site.run(&["log", "backup", &site.text("no/such/")]), 1, "make the folder ");
}

#[test]
fn a_damaged_journal_gives_no_backup() {
    let site = Site::new();
    let path = site.path("data/journal.db");
    fs::write(&path, wrecked(&path)).unwrap();
    refused(&site.run(&["log", "backup", &site.text("one.db")]), 1, "does not count");
    assert!(!site.path("one.db").exists());
    assert_eq!(fs::read_dir(site.0.path()).unwrap().count(), 1, "no remains");
}

#[test]
fn a_restored_journal_has_the_events_of_the_backup_and_is_frozen() {
    let site = Site::new();
    let (backup, head) = (site.text("one.db"), site.head());
    site.log(&["backup", &backup]);
    let restored = site.at("lost", &["log", "restore", &backup]);
    assert_eq!(code(&restored), 0, "{}", String::from_utf8_lossy(&restored.stderr));
    assert!(String::from_utf8_lossy(&restored.stdout).contains("Deletions are frozen"));
    let status: Value = serde_json::from_slice(&site.at("lost", &["status", "--json"]).stdout).unwrap();
    assert!(status["frozen"]["reason"].as_str().unwrap().contains("restored"), "{status}");
    let events = site.export(&[]).len();
    assert_eq!(code(&site.at("lost", &["log", "verify", "--head", &format!("{head}@{events}")])), 0);
    let left: Vec<_> = fs::read_dir(site.path("lost")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let is_known = |path: &PathBuf| path.ends_with("journal.db") || path.ends_with("journal.lock");
    assert!(left.iter().all(|path| is_known(path) || is_beside(path)), "{left:?}");
}

#[test]
fn a_rebuild_and_a_restore_wait_for_a_look_that_holds_the_journal_for_a_moment() {
    let site = Site::new();
    let backup = site.text("one.db");
    site.log(&["backup", &backup]);
    for verb in [&["log", "rebuild"][..], &["log", "restore", &backup]] {
        let proves = |round: u32| {
            let data = &if verb[1] == "restore" { format!("lost-{round}") } else { "data".to_owned() };
            fs::create_dir_all(site.path(data)).unwrap();
            // As `status` holds it, and longer than it ever does.
            let lock = fs::File::create(site.path(data).join("journal.lock")).unwrap();
            lock.lock_shared().unwrap();
            let began = Instant::now();
            let look = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(700));
                drop(lock);
                began.elapsed()
            });
            let output = site.at(data, verb);
            // Two seconds are waited for it. A machine that stood still meanwhile proves nothing.
            let is_proof = look.join().unwrap() <= Duration::from_secs(1);
            assert!(!is_proof || code(&output) == 0, "{verb:?}: {:?}", String::from_utf8(output.stderr));
            is_proof
        };
        assert!((0..10).any(proves), "{verb:?}: this machine stands still all the time");
    }
}

#[test]
fn a_folder_is_no_copy_and_the_newest_in_it_is_named() {
    let site = Site::new();
    fs::create_dir(site.path("shelf")).unwrap();
    let shelf = site.text("shelf");
    let restore = || site.at("lost", &["log", "restore", &shelf]);
    refused(&restore(), 1, "is a folder, and one file is restored: it has no copy");
    site.log(&["backup", &shelf]);
    let newest = databases(&site.path("shelf"))[0].0.display().to_string();
    fs::write(site.path("shelf/journal-20200101T000000Z-9.db"), "an older one").unwrap();
    refused(&restore(), 1, &format!("the newest copy in it is {newest}"));
    assert!(!site.path("lost").exists());
    assert_eq!(code(&site.at("lost", &["log", "restore", &newest])), 0);
}

#[test]
fn a_restore_never_takes_the_place_of_events_that_the_backup_does_not_have() {
    let site = Site::new();
    let backup = site.text("one.db");
    site.log(&["backup", &backup]);
    refused(&site.run(&["log", "restore", &backup]), 1, "there is nothing to restore");
    assert!(site.run(&["freeze", "--reason", "a later event"]).status.success());
    let before = databases(&site.path("data"));
    refused(&site.run(&["log", "restore", &backup]), 1, "later than the backup");
    assert_eq!(databases(&site.path("data")), before);

    let other = Command::new(PROGRAM)
        .args(["demo", "--for", "1h", "--seed", "9", "--json", "--data-dir", &site.text("other")])
        .output();
    assert!(other.unwrap().status.success());
    refused(&site.at("other", &["log", "restore", &backup]), 1, "of another history");

    // An earlier state of the same journal gives way, and is kept.
    let later = site.text("two.db");
    site.log(&["backup", &later]);
    fs::create_dir(site.path("earlier")).unwrap();
    fs::copy(&backup, site.path("earlier/journal.db")).unwrap();
    let restored = site.at("earlier", &["log", "restore", &later]);
    assert_eq!(code(&restored), 0, "{}", String::from_utf8_lossy(&restored.stderr));
    let kept = databases(&site.path("earlier"))
        .into_iter()
        .filter(|(path, _)| path.to_string_lossy().contains("before-restore"));
    assert_eq!(kept.count(), 1);
    assert_eq!(code(&site.at("earlier", &["log", "verify"])), 0);
}

#[test]
fn a_restore_of_a_damaged_backup_or_over_an_unreadable_journal_changes_nothing() {
    let site = Site::new();
    let backup = site.text("one.db");
    site.log(&["backup", &backup]);
    fs::write(site.path("bad.db"), wrecked(Path::new(&backup))).unwrap();
    refused(&site.at("lost", &["log", "restore", &site.text("bad.db")]), 1, "because row ");
    assert!(!site.path("lost/journal.db").exists());

    fs::create_dir(site.path("garbled")).unwrap();
    fs::write(site.path("garbled/journal.db"), "dear diary").unwrap();
    refused(&site.at("garbled", &["log", "restore", &backup]), 1, "cannot be compared");
    assert_eq!(fs::read(site.path("garbled/journal.db")).unwrap(), b"dear diary");
    // What a lost journal left behind belongs to no other.
    fs::create_dir(site.path("orphan")).unwrap();
    fs::write(site.path("orphan/journal.db-wal"), "events").unwrap();
    refused(&site.at("orphan", &["log", "restore", &backup]), 1, "move it away");
}

#[test]
fn a_rebuilt_state_is_the_saved_one_byte_for_byte_and_another_is_found_and_replaced() {
    let site = Site::new();
    let said = String::from_utf8(site.log(&["rebuild"]).stdout).unwrap();
    assert!(said.contains("was the same byte for byte"), "{said}");
    let path = site.path("data/journal.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("UPDATE checkpoint SET bytes = substr(bytes, 2)").unwrap();
    drop(connection);
    refused(&site.run(&["log", "rebuild", "--json"]), 3, "checkpoint: its digest does not match");
    // A refusal is no document, as of every verb: nothing was rebuilt.
    let lock = fs::File::open(site.path("data/journal.lock")).unwrap();
    lock.lock().unwrap();
    let busy = site.run(&["log", "rebuild", "--json"]);
    refused(&busy, 75, "stop it first");
    assert!(busy.stdout.is_empty(), "{busy:?}");
    drop(lock);
    assert!(site.run(&["freeze", "--reason", "one more event"]).status.success());
    let said = String::from_utf8(site.log(&["rebuild"]).stdout).unwrap();
    assert!(said.contains("was the same byte for byte"), "{said}");
    let document: Value = serde_json::from_slice(&site.log(&["rebuild", "--json"]).stdout).unwrap();
    let verified: Value = serde_json::from_slice(&site.log(&["verify", "--json"]).stdout).unwrap();
    assert_eq!(
        (&document["ok"], &document["saved"]),
        (&Value::Bool(true), &Value::from("same")),
        "{document}"
    );
    for name in ["schema_version", "head", "events", "simulated"] {
        assert_eq!(document[name], verified[name], "{name}: {document}");
    }
    let help = String::from_utf8(site.run(&["log", "rebuild", "--help"]).stdout).unwrap();
    assert!(help.contains("No daemon may run"), "{help}");
}

#[test]
fn what_is_no_journal_of_this_version_is_told_in_one_sentence_and_left_as_it_is() {
    let site = Site::new();
    let newer = |path: &Path| {
        fs::copy(site.path("data/journal.db"), path).unwrap();
        rusqlite::Connection::open(path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    };
    let foreign = |path: &Path| {
        rusqlite::Connection::open(path).unwrap().execute_batch("CREATE TABLE theirs (a)").unwrap();
    };
    let empty = |path: &Path| fs::write(path, "").unwrap();
    type Case<'a> = (&'a str, &'a dyn Fn(&Path), &'a str);
    let cases: [Case; 3] = [
        ("newer", &newer, "was written by a newer Quartermaster (format 99;"),
        ("foreign", &foreign, "is not a Quartermaster journal"),
        ("empty", &empty, "is empty: `log restore` puts a backup in its place"),
    ];
    for (name, make, words) in cases {
        fs::create_dir(site.path(name)).unwrap();
        make(&site.path(name).join("journal.db"));
        let before = databases(&site.path(name));
        for verb in [&["status"][..], &["log", "list"], &["log", "export"], &["thaw"], &["log", "rebuild"]] {
            refused(&site.at(name, verb), 1, words);
        }
        let finding = if name == "newer" { 1 } else { 3 };
        refused(&site.at(name, &["log", "verify"]), finding, words);
        assert_eq!(databases(&site.path(name)), before, "{name}");
    }
    // Whoever checks finds it, and neither prints a page before it nor a part of one.
    for (name, finding) in [("newer", 1), ("foreign", 3), ("empty", 3), ("nowhere", 3)] {
        for more in [&["--check"][..], &["--check", "--json"]] {
            let output = site.at(name, &[&["status"], more].concat());
            assert_eq!((code(&output), output.stdout.len()), (finding, 0), "{name} {more:?}");
        }
        let verified = site.at(name, &["log", "verify", "--json"]);
        assert_eq!((code(&verified), verified.stdout.is_empty()), (finding, finding == 1), "{name}");
    }
    fs::write(site.path("file"), "where a folder should be").unwrap();
    for verb in [&["status"][..], &["log", "list"], &["thaw"]] {
        refused(&site.at("file", verb), 1, "is a file, and a data_dir is the folder that holds journal.db");
    }
}

/// Runs the program as a user who owns nothing; nothing where this process may not do that.
fn as_nobody(site: &Site, words: &[&str]) -> Option<Output> {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM]).args(words);
    let output = command.args(["--data-dir", &site.text("data")]).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (!said.contains("setpriv") && code(&output) != 126 && code(&output) != 127).then_some(output)
}

#[test]
fn whoever_may_only_read_the_file_reads_all_of_it_or_is_told_why_not() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    let head = site.head();
    let mode =
        |name: &str, mode| fs::set_permissions(site.path(name), fs::Permissions::from_mode(mode)).unwrap();
    mode("", 0o755);
    mode("data", 0o755);
    mode("data/journal.db", 0o644);
    mode("data/journal.lock", 0o644);
    for beside in ["data/journal.db-wal", "data/journal.db-shm"] {
        drop(fs::remove_file(site.path(beside)));
    }
    let Some(output) = as_nobody(&site, &["log", "verify", "--json"]) else {
        machine::leave_out("this process may not become another user, or that user may not run the program");
        return;
    };
    let verified: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(verified["head"], Value::from(head));

    // Committed rows in a write-ahead log that this user cannot share: not passed over, but refused.
    fs::write(site.path("data/journal.db-wal"), "committed rows").unwrap();
    mode("data/journal.db-wal", 0o600);
    let output = as_nobody(&site, &["status"]).unwrap();
    refused(&output, 1, "cannot be read completely as this user");
    // A writer that lives could be about to commit.
    fs::remove_file(site.path("data/journal.db-wal")).unwrap();
    let lock = fs::File::open(site.path("data/journal.lock")).unwrap();
    lock.lock().unwrap();
    refused(&as_nobody(&site, &["status"]).unwrap(), 1, "cannot be read completely as this user");
    // And who may not even read the file is told so.
    mode("data/journal.db", 0o600);
    let output = as_nobody(&site, &["log", "list"]).unwrap();
    assert_eq!(code(&output), 1, "{}", String::from_utf8_lossy(&output.stderr));
}
