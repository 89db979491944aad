//! The daemon on a disk that cannot be written: it stays up, asks nothing of the cloud, and goes on.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::injection::has_strace;
use crate::machine;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");
const PATIENCE: Duration = Duration::from_secs(180);
const GLANCE: Duration = Duration::from_millis(50);

/// What is said of a file that is not of our making.
const BEGUN_IN_EMPTY: &str = "the file was there and empty: a new journal is begun in it";

/// A process that ends with its test.
struct Process(Child);

impl Process {
    fn terminate(&mut self) -> i32 {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(told.success());
        self.0.wait().unwrap().code().unwrap_or(-1)
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    /// How large a file it may write, in bytes or `unlimited`: what lies beyond fails as a full disk does.
    fn limit(&self, bytes: &str) {
        let pid = self.0.id().to_string();
        let limited = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={bytes}:")]).status();
        assert!(limited.unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct Site {
    folder: TempDir,
    configuration: PathBuf,
}

impl Site {
    /// A clock on which a minute passes in a second.
    fn new(cloud: &str, more: &str) -> Self {
        Self::within(&std::env::temp_dir(), cloud, more)
    }

    fn within(place: &Path, cloud: &str, more: &str) -> Self {
        let folder = tempfile::tempdir_in(place).unwrap();
        let key = folder.path().join("key");
        fs::write(&key, "s3cret-of-the-tests").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let text = format!(
            "mode = \"protect\"\nemail = \"off\"\ndata_dir = \"{}\"\n{cloud}\n{more}\n[[policy]]\n\
             name = \"often\"\nmachines = [\"*\"]\nschedule = \"0 * * * *\"\nmay_restart = true\n",
            folder.path().join("disk/data").display(),
        );
        let configuration = folder.path().join("qm.toml");
        fs::write(&configuration, text.replace("KEY", &key.display().to_string())).unwrap();
        Self { folder, configuration }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self) -> Process {
        let mut command = Command::new(PROGRAM);
        command
            .arg("run")
            .arg("--config")
            .arg(&self.configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Not its own file, which would be as full as its disk.
        let (mut said, mut log) = (child.stderr.take().unwrap(), File::create(self.path("run.log")).unwrap());
        thread::spawn(move || io::copy(&mut said, &mut log));
        Process(child)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("run.log")).unwrap_or_default()
    }

    fn says(&self, words: &str, times: usize) {
        until(words, || self.log().matches(words).count() >= times);
    }

    fn verified(&self) -> bool {
        let output =
            Command::new(PROGRAM).args(["log", "verify", "--config"]).arg(&self.configuration).output();
        output.unwrap().status.success()
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(GLANCE);
    }
}

/// A cloud that notices whether it is called.
fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let settings = format!(
        "[cloud]\nbase_url = \"http://{address}/api\"\nkey_file = \"KEY\"\n[clock]\nscale = 60\n\
         epoch = 2026-03-01T00:00:00Z"
    );
    (listener, settings)
}

fn was_called(listener: &TcpListener) -> bool {
    match listener.accept() {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
            false
        }
    }
}

#[test]
fn a_start_that_cannot_write_stays_up_without_a_call_and_goes_on_when_it_can() {
    let (cloud, settings) = listener();
    let site = Site::new(&settings, "");
    symlink("not-mounted-yet", site.path("disk")).unwrap();
    let mut daemon = site.run();
    site.says("degraded: the journal cannot be written", 3);
    assert!(daemon.is_alive() && !was_called(&cloud));
    assert!(site.log().contains("a link on the way leads nowhere"), "{}", site.log());
    fs::remove_file(site.path("disk")).unwrap();
    until("a call, once it can write", || was_called(&cloud));
    assert_eq!(daemon.terminate(), 0, "{}", site.log());
    assert!(site.verified() && !site.log().contains(BEGUN_IN_EMPTY), "{}", site.log());
}

#[test]
fn a_first_start_on_a_full_disk_goes_on_when_there_is_room_and_takes_its_own_file_for_no_lost_journal() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        machine::skip("prlimit is not installed");
        return;
    }
    // No byte, the header alone, and a part of the first tables.
    for room in ["0", "4096", "16384"] {
        let (cloud, settings) = listener();
        let site = Site::new(&settings, "");
        // It may not write yet when it is told how much it may.
        symlink("not-mounted-yet", site.path("disk")).unwrap();
        let mut daemon = site.run();
        site.says("degraded: the journal cannot be written", 1);
        daemon.limit(room);
        fs::remove_file(site.path("disk")).unwrap();
        let journal = site.path("disk/data/journal.db");
        until("its file", || journal.exists());
        let tried = site.log().matches("degraded: ").count();
        site.says("degraded: ", tried + 2);
        assert!(!was_called(&cloud));
        // Another start finds the same as a further try of this one.
        if room == "0" {
            assert_eq!(daemon.terminate(), 0);
            daemon = site.run();
        } else {
            daemon.limit("unlimited");
        }
        until("a call, once there is room", || was_called(&cloud));
        assert_eq!(daemon.terminate(), 0, "{}", site.log());
        assert!(site.verified() && !site.log().contains(BEGUN_IN_EMPTY), "{}", site.log());
    }
}

#[test]
fn a_journal_that_is_begun_in_an_empty_file_says_so_once_and_is_its_owners_alone() {
    let (cloud, settings) = listener();
    let site = Site::new(&settings, "");
    let journal = site.path("disk/data/journal.db");
    fs::create_dir_all(journal.parent().unwrap()).unwrap();
    fs::write(&journal, "").unwrap();
    fs::set_permissions(&journal, fs::Permissions::from_mode(0o644)).unwrap();
    // The log is that of one run.
    for is_said in [true, false] {
        let mut daemon = site.run();
        until("a call", || was_called(&cloud));
        assert_eq!(fs::metadata(&journal).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(daemon.terminate(), 0);
        assert_eq!(site.log().contains(BEGUN_IN_EMPTY), is_said, "{}", site.log());
    }
}

/// A day passes in half a minute, and a try in it each minute.
#[test]
fn a_start_that_cannot_write_is_told_by_one_letter_a_day() {
    let (cloud, settings) = listener();
    let spool = "[mail]\nfolder = \"SPOOL\"\nfrom = \"qm@example.org\"";
    let site = Site::new(&settings.replace("scale = 60", "scale = 3600"), spool);
    let text = fs::read_to_string(&site.configuration).unwrap();
    let text = text.replace("email = \"off\"", "email = [\"ops@example.org\"]");
    fs::write(&site.configuration, text.replace("SPOOL", &site.path("spool").display().to_string())).unwrap();
    symlink("not-mounted-yet", site.path("disk")).unwrap();
    let sent_at = || -> Vec<jiff::Timestamp> {
        let files = fs::read_dir(site.path("spool")).into_iter().flatten().map(|file| file.unwrap().path());
        let letters = files.filter(|path| path.extension().is_some_and(|ending| ending == "eml"));
        let date_of = |path: PathBuf| {
            let text = fs::read_to_string(path).unwrap();
            assert!(text.contains("[Quartermaster] critical"), "{text}");
            let date = text.lines().find_map(|line| line.strip_prefix("Date: ")).unwrap().trim().to_owned();
            jiff::fmt::rfc2822::parse(&date).unwrap().timestamp()
        };
        let mut dates: Vec<_> = letters.map(date_of).collect();
        dates.sort();
        dates
    };
    let _daemon = site.run();
    until("the first letter", || !sent_at().is_empty());
    site.says("degraded: the journal cannot be written", 20);
    until("the second letter", || sent_at().len() > 1);
    let dates = sent_at();
    // The date of a letter has whole seconds.
    assert!((dates[1] - dates[0]).total(jiff::Unit::Second).unwrap() >= 86_399.0, "{dates:?}");
    assert!(!was_called(&cloud));
}

#[test]
fn a_daemon_that_waits_for_its_disk_ends_when_it_is_told_to() {
    let (cloud, settings) = listener();
    let site = Site::new(&settings, "");
    symlink("not-mounted-yet", site.path("disk")).unwrap();
    let mut daemon = site.run();
    site.says("degraded: the journal cannot be written", 1);
    assert_eq!(daemon.terminate(), 0);
    assert!(!was_called(&cloud));
}

/// A served cloud in which an hour passes in a second, and its settings.
fn served(report: &Path) -> (Process, String) {
    let folder = report.parent().unwrap();
    let (key, said) = (folder.join("cloud-key"), folder.join("cloud.out"));
    fs::write(&key, "s3cret-of-the-tests").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .args(["sim", "serve", "--speed", "3600", "--key-file"])
        .arg(&key)
        .arg("--report")
        .arg(report)
        .stdout(File::create(&said).unwrap());
    let process = Process(command.spawn().unwrap());
    let text = || fs::read_to_string(&said).unwrap();
    until("the cloud's settings", || text().contains("[policy.retention]"));
    // All but the policy, and what stands before the tables.
    let text = text();
    (process, text[text.find("[cloud]").unwrap()..text.find("[[policy]]").unwrap()].to_owned())
}

fn told(report: &Path, name: &str) -> Option<u64> {
    let report: Value = serde_json::from_slice(&fs::read(report).ok()?).ok()?;
    report[name].as_u64()
}

/// Until the report tells of now. The first that differs may have been begun before.
fn written_anew(report: &Path) {
    for _ in 0..2 {
        let before = fs::read(report).unwrap();
        until("a new report", || fs::read(report).is_ok_and(|now| now != before));
    }
}

#[test]
fn on_a_full_disk_a_running_daemon_asks_nothing_and_goes_on_when_there_is_room() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        machine::skip("prlimit is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let (_cloud, settings) = served(&report);
    let site = Site::new(&settings, "");
    fs::create_dir(site.path("disk")).unwrap();
    let mut daemon = site.run();
    until("a backup", || told(&report, "backups_taken") >= Some(1));
    daemon.limit("1000");
    let words = "a pass was given up";
    site.says(words, 2);
    written_anew(&report);
    let calls = told(&report, "api_calls").unwrap();
    site.says(words, site.log().matches(words).count() + 3);
    written_anew(&report);
    assert_eq!(told(&report, "api_calls"), Some(calls), "{}", site.log());
    assert!(daemon.is_alive());
    for ask in [&["pin", "qm-x"][..], &["freeze", "--reason", "x"], &["snapshots", "create", "m"]] {
        let (began, mut asked) = (Instant::now(), Command::new(PROGRAM));
        let output = asked.args(ask).arg("--config").arg(&site.configuration).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(began.elapsed() < Duration::from_secs(60), "{ask:?} waited in vain: {said}");
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("the daemon did not take it: the journal cannot be written ("), "{said}");
        assert!(said.contains("nothing was written down: make room, and ask again"), "{said}");
    }
    daemon.limit("unlimited");
    let taken = told(&report, "backups_taken").unwrap();
    until("another backup", || told(&report, "backups_taken") > Some(taken));
    assert_eq!(daemon.terminate(), 0, "{}", site.log());
    assert!(site.verified());
    assert_eq!((told(&report, "duplicates"), told(&report, "violations")), (Some(0), Some(0)));
}

#[test]
fn below_the_low_water_mark_nothing_new_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let (_cloud, settings) = served(&report);
    // A tebibyte, the most that can be set: some disks have more than that free, memory does not.
    let memory = Some(Path::new("/dev/shm")).filter(|path| path.is_dir());
    let more = "[journal]\nfree_space_mib = 1048576";
    let site = Site::within(memory.unwrap_or(&std::env::temp_dir()), &settings, more);
    fs::create_dir(site.path("disk")).unwrap();
    let mut daemon = site.run();
    site.says("the disk is nearly full: nothing new is asked", 1);
    let calls = told(&report, "api_calls").unwrap_or(0);
    until("looks go on", || told(&report, "api_calls") > Some(calls + 20));
    assert_eq!((told(&report, "changes_asked"), told(&report, "backups_taken")), (Some(0), Some(0)));
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_daemon_backs_its_journal_up_on_schedule() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let (_cloud, settings) = served(&report);
    let shelf = folder.path().join("shelf");
    let more =
        format!("[journal]\nbackup_dir = \"{}\"\nbackup_every = \"2h\"\nbackup_keep = 2", shelf.display());
    let site = Site::new(&settings, &more);
    fs::create_dir(site.path("disk")).unwrap();
    let mut daemon = site.run();
    site.says("the journal was backed up, and the copy verified", 4);
    assert_eq!(daemon.terminate(), 0);
    let backups: Vec<PathBuf> = fs::read_dir(&shelf).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(backups.len(), 2, "{backups:?}");
    let restored = site.path("restored");
    let mut command = Command::new(PROGRAM);
    command.args(["log", "restore"]).arg(&backups[0]).arg("--data-dir").arg(&restored);
    assert!(command.status().unwrap().success());
}

#[test]
fn a_daemon_whose_commit_fails_ends_with_1_and_says_that_it_does_not_know() {
    if !has_strace() {
        return;
    }
    let (cloud, settings) = listener();
    let mut is_unknown = false;
    // The syncs before are those of a new file: without it the daemon waits, and does not end.
    // One that goes on, or waits, takes all of its time; a slow machine needs the longer one.
    let tries = ["5", "60"].into_iter().flat_map(|bound| (7..=16).map(move |number| (number, bound)));
    for (number, bound) in tries {
        if is_unknown {
            break;
        }
        let site = Site::new(&settings, "");
        fs::create_dir(site.path("disk")).unwrap();
        let mut command = Command::new("strace");
        command
            .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject=fsync:error=EIO:when={number}")])
            .args(["timeout", bound, PROGRAM, "run", "--config"])
            .arg(&site.configuration);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            // It was up until it was told to end: it went on, or it waited.
            Some(124) => {}
            Some(1) => {
                assert!(said.contains("whether it is stored is not known"), "{said}");
                is_unknown = true;
            }
            other => panic!("fsync {number}: it ended with {other:?}: {said}"),
        }
        // One that still waits, or was ended before it came so far, has made no journal yet.
        let is_made = fs::metadata(site.path("disk/data/journal.db")).is_ok_and(|file| file.len() > 0);
        assert!(!is_made || site.verified() || said.contains("degraded"), "fsync {number}: {said}");
    }
    assert!(is_unknown, "no commit failed");
    drop(cloud);
}
