//! What is not ours to read or write, or not a journal at all: one sentence, the right code, nothing touched.

use super::*;
use crate::machine;

/// Who has no rights that are not given to everybody.
const NOBODY: &str = "65534";

/// The program in a place that everybody can reach, run as nobody.
pub struct Nobody {
    folder: TempDir,
}

impl Nobody {
    /// Only root can become another.
    pub fn begin() -> Option<Self> {
        let own = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap());
        let setpriv = Command::new("setpriv").arg("--version").output();
        if own != 0 || setpriv.is_err() {
            machine::skip("this needs root, and setpriv of util-linux");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), 0o755);
        fs::copy(PROGRAM, folder.path().join("quartermaster")).unwrap();
        open(&folder.path().join("quartermaster"), 0o755);
        Some(Self { folder })
    }

    pub fn program(&self) -> PathBuf {
        self.folder.path().join("quartermaster")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
        command.arg(self.program()).args(arguments);
        command
    }

    fn told(&self, arguments: &[&str]) -> (i32, String) {
        told(&self.command(arguments).output().unwrap())
    }

    /// A site that is nobody's own, with its key.
    pub fn site(&self) -> Site {
        let site = Site::new();
        open(site.folder.path(), 0o755);
        give(&site.path("key"));
        site
    }
}

pub fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn give(path: &Path) {
    let nobody = NOBODY.parse().unwrap();
    std::os::unix::fs::chown(path, Some(nobody), Some(nobody)).unwrap();
}

/// What a daemon logged before does not count.
fn is_one_sentence(said: &str) {
    let mut last = said.lines().skip_while(|line| !line.starts_with("error: "));
    assert!(last.next().is_some() && !said.contains("panicked"), "{said}");
    assert!(last.all(|line| line.starts_with("  because ")), "{said}");
}

#[test]
fn a_directory_that_nobody_may_make_or_write_keeps_the_daemon_waiting_and_says_why() {
    let Some(nobody) = Nobody::begin() else { return };
    for is_there in [false, true] {
        let site = nobody.site();
        let path = site.configuration();
        if is_there {
            fs::create_dir(site.path("data")).unwrap();
            open(&site.path("data"), 0o755);
        }
        let mut command = nobody.command(&["run", "--config", &path]);
        let log = fs::File::create(site.path("log")).unwrap();
        let mut daemon = Process(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let said = || fs::read_to_string(site.path("log")).unwrap();
        until("why", || said().contains("degraded: the journal cannot be written"));
        assert!(said().contains("Permission denied") && said().contains(&site.text("data")), "{}", said());
        let cure = match is_there {
            true => "do this as the daemon's user, or give that user the folder and all in it",
            false => "make it, owned by the daemon's user, with mode 0700",
        };
        assert!(said().contains(cure), "{}", said());
        assert_eq!(daemon.0.try_wait().unwrap(), None);
        // It goes on by itself once it may.
        assert_eq!(daemon.terminate(), 0);
        assert!(!site.path("data/journal.db").exists());
    }
}

#[test]
fn who_may_read_a_journal_and_not_its_lock_is_told_that_nobody_can_tell_whether_a_daemon_runs() {
    let Some(nobody) = Nobody::begin() else { return };
    let site = nobody.site();
    fs::set_permissions(site.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(site.path("key"), Some(0), Some(0)).unwrap();
    let mut daemon = site.run();
    until("a daemon", || status(&site).is_some_and(|status| status["daemon_runs"] == true));
    open(&site.path("data"), 0o755);
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        open(&site.path("data").join(file), 0o644);
    }
    let data = site.text("data");
    let shown = nobody.command(&["status", "--json", "--data-dir", &data]).output().unwrap();
    let document = json(&shown);
    assert!(document["daemon_runs"].is_null() && document.get("daemon_runs").is_some(), "{document}");
    assert!(document["stops"].as_array().unwrap().iter().all(|stop| stop["kind"] != "no_daemon"));
    let untold = "whether a daemon is at work on this journal cannot be told";
    let shown = nobody.command(&["status", "--data-dir", &data]).output().unwrap();
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains(untold) && !text.contains("NO DAEMON"), "{text}");
    let (code, said) = nobody.told(&["status", "--check", "--data-dir", &data]);
    assert!(code == 3 && said.contains(untold), "{code} {said}");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn who_may_not_read_a_journal_or_a_configuration_is_told_so_in_one_sentence() {
    let Some(nobody) = Nobody::begin() else { return };
    let site = nobody.site();
    demo(&site.path("data"), "1");
    let data = site.text("data");
    let before = fs::read(site.path("data/journal.db")).unwrap();
    let closed = |mode: u32| {
        open(&site.path("data"), mode);
        for verb in [&["status"][..], &["plan"], &["log", "verify"], &["log", "export"], &["costs"]] {
            let (code, said) = nobody.told(&[verb, &["--data-dir", &data]].concat());
            assert_eq!(code, 1, "{verb:?}: {said}");
            assert!(said.contains("Permission denied") && said.contains("journal.db"), "{verb:?}: {said}");
            assert!(said.contains("do this as root or as the daemon's user"), "{verb:?}: {said}");
            is_one_sentence(&said);
        }
        nobody.told(&["freeze", "--reason", "an audit", "--data-dir", &data])
    };
    // The folder lets nobody in, or only the journal.
    let (code, said) = closed(0o755);
    assert_eq!(code, 1, "{said}");
    let (code, said) = closed(0o700);
    assert_eq!(code, 4, "{said}");
    assert!(said.contains("do this as root, as the daemon's user, or as one of its group"), "{said}");
    is_one_sentence(&said);
    // Now it may read, and not write.
    open(&site.path("data"), 0o755);
    for entry in fs::read_dir(site.path("data")).unwrap() {
        open(&entry.unwrap().path(), 0o644);
    }
    assert_eq!(nobody.told(&["status", "--data-dir", &data]).0, 0);
    assert_eq!(nobody.told(&["log", "verify", "--data-dir", &data]).0, 0);
    let (code, said) = nobody.told(&["freeze", "--reason", "an audit", "--data-dir", &data]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("ermission denied") || said.contains("readonly"), "{said}");
    is_one_sentence(&said);
    let out = site.text("rebuilt");
    for verb in [&["log", "rebuild"][..], &["log", "backup", &out]] {
        let (code, said) = nobody.told(&[verb, &["--data-dir", &data]].concat());
        assert_eq!(code, 1, "{verb:?}: {said}");
        is_one_sentence(&said);
    }
    assert_eq!(fs::read(site.path("data/journal.db")).unwrap(), before);

    let path = site.configuration();
    open(Path::new(&path), 0o600);
    for verb in ["check-config", "run"] {
        let (code, said) = nobody.told(&[verb, "--config", &path]);
        assert!(code == 78 && said.contains("Permission denied") && said.contains("qm.toml"), "{said}");
        assert!(said.contains("the daemon's user must be able to") && said.contains("chmod 0644"), "{said}");
    }
    open(Path::new(&path), 0o644);
    // Root's, for root alone.
    std::os::unix::fs::chown(site.path("key"), Some(0), Some(0)).unwrap();
    let (code, said) = nobody.told(&["run", "--config", &path]);
    assert!(code == 78 && said.contains("cannot be read") && said.contains("Permission denied"), "{said}");
    is_one_sentence(&said);
}

#[test]
fn what_root_puts_back_into_the_daemons_folder_is_the_daemons() {
    let Some(nobody) = Nobody::begin() else { return };
    let site = nobody.site();
    let (path, data) = (site.configuration(), site.path("data"));
    fs::create_dir(&data).unwrap();
    give(&data);
    let run = || {
        let mut command = nobody.command(&["run", "--config", &path]);
        let log = fs::File::create(site.path("log")).unwrap();
        Process(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    };
    let answers = || Path::new(&site.text("data/quartermaster.sock")).exists();
    let mut daemon = run();
    until("a daemon", answers);
    let copy = site.text("copy.db");
    assert_eq!(told(&quartermaster(&["log", "backup", &copy, "--config", &path])), (0, String::new()));
    assert_eq!(daemon.terminate(), 0);
    for entry in fs::read_dir(&data).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(told(&quartermaster(&["log", "restore", &copy, "--config", &path])), (0, String::new()));
    let mut daemon = run();
    until("a daemon again", || {
        answers() || fs::read_to_string(site.path("log")).unwrap().contains("degraded")
    });
    let thawed = quartermaster(&["thaw", "--yes", "--config", &path]);
    assert!(String::from_utf8_lossy(&thawed.stdout).contains("(the daemon took it)"), "{thawed:?}");
    assert_eq!(daemon.terminate(), 0);
}

/// Each is no journal of ours: what it is, its bytes, and a word of the sentence about it.
fn strangers() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let folder = tempfile::tempdir().unwrap();
    let made = |sql: &str| {
        let path = folder.path().join("made.db");
        drop(fs::remove_file(&path));
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        fs::read(&path).unwrap()
    };
    vec![
        (
            "a list of songs",
            made("CREATE TABLE songs (name TEXT); INSERT INTO songs VALUES ('a');"),
            "not a Quartermaster journal",
        ),
        (
            "somebody's database",
            made("PRAGMA application_id = 252006674; CREATE TABLE a (b);"),
            "not a Quartermaster journal",
        ),
        ("a page", b"<!doctype html><title>Log in</title>".repeat(300), "not a Quartermaster journal"),
        ("half a head", b"SQLite format 3\0 and nothing else".to_vec(), "not a Quartermaster journal"),
    ]
}

#[test]
fn what_is_no_journal_is_refused_by_every_verb_and_left_as_it_is() {
    for (what, bytes, expected) in strangers() {
        let site = Site::new();
        let path = site.configuration();
        fs::create_dir(site.path("data")).unwrap();
        fs::write(site.path("data/journal.db"), &bytes).unwrap();
        for verb in [
            &["run"][..],
            &["status"],
            &["plan"],
            &["log", "verify"],
            &["log", "rebuild"],
            &["log", "list"],
            &["freeze", "--reason", "an audit"],
            &["log", "backup", &site.text("backups")],
        ] {
            let (code, said) = told(&quartermaster(&[verb, &["--config", &path]].concat()));
            let is_finding = verb.contains(&"verify") || verb.contains(&"rebuild");
            assert!(code == 1 || (code == 3 && is_finding), "{what}, {verb:?}: {code} {said}");
            assert!(said.contains(expected) || said.contains("damaged"), "{what}, {verb:?}: {said}");
            assert!(said.contains("journal.db") && !said.contains("panicked"), "{what}, {verb:?}: {said}");
            assert_eq!(fs::read(site.path("data/journal.db")).unwrap(), bytes, "{what}, {verb:?}");
        }
    }
}

#[test]
fn a_journal_of_a_newer_version_is_refused_by_every_verb_and_left_as_it_is() {
    let site = Site::new();
    let path = site.configuration();
    let mut daemon = site.run();
    until("a journal", || status(&site).is_some());
    assert_eq!(daemon.terminate(), 0);
    let file = site.path("data/journal.db");
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.execute_batch("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE);").unwrap();
    drop(connection);
    let before = fs::read(&file).unwrap();
    for verb in [
        &["run"][..],
        &["status"],
        &["explain", "often"],
        &["costs"],
        &["log", "verify"],
        &["log", "export"],
        &["freeze", "--reason", "an audit"],
        &["log", "backup", &site.text("backups")],
    ] {
        let (code, said) = told(&quartermaster(&[verb, &["--config", &path]].concat()));
        assert_eq!(code, 1, "{verb:?}: {said}");
        assert!(said.contains("format 99") && said.contains("journal.db"), "{verb:?}: {said}");
        assert!(said.contains("install the version that wrote it, or a later one"), "{verb:?}: {said}");
        is_one_sentence(&said);
        assert_eq!(fs::read(&file).unwrap(), before, "{verb:?}");
    }
}

#[test]
fn an_unfit_key_file_is_refused_by_name_and_starts_nothing() {
    let site = Site::new();
    let path = site.configuration();
    let key = site.path("key");
    let refused = |expected: &str| {
        for verb in ["run", "doctor"] {
            let output = quartermaster(&[verb, "--config", &path]);
            let (code, errors) = told(&output);
            let said = format!("{}{errors}", String::from_utf8_lossy(&output.stdout));
            assert_eq!(code, 78, "{verb}, {expected}: {said}");
            assert!(said.contains(expected) && said.contains(&site.text("key")), "{verb}: {said}");
            assert!(!said.contains(KEY), "{verb}: {said}");
        }
        assert!(!site.path("data").exists(), "{expected}: something was started");
    };
    for (mode, word) in [(0o640, "others can read it"), (0o604, "others can read it")] {
        site.write_key(KEY, mode);
        refused(word);
    }
    for (text, word) in [
        ("".to_owned(), "is empty"),
        (" \n".to_owned(), "is empty"),
        (format!("{KEY}\n{KEY}"), "line breaks"),
        (format!("{KEY} \u{1b}[2J"), "line breaks"),
        ("x".repeat(100_000), "larger than"),
    ] {
        site.write_key(&text, 0o400);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        refused(word);
    }
    fs::remove_file(&key).unwrap();
    refused("cannot be read");
    fs::create_dir(&key).unwrap();
    refused("is not a regular file");
    fs::remove_dir(&key).unwrap();
    symlink("/dev/zero", &key).unwrap();
    refused("is not a regular file");
}
