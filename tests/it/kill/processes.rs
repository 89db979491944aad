//! The two processes of a campaign: the simulated cloud and the daemon, both of the binary under test.
//!
//! Whatever happens to the test, neither outlives it.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

const BINARY: &str = env!("CARGO_BIN_EXE_quartermaster");
/// How long a process may take to begin, or to end when it is told to.
const PATIENCE: Duration = Duration::from_secs(180);
const GLANCE: Duration = Duration::from_millis(1);

/// What a campaign needs to know of the cloud's report.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    pub simulated_now: String,
    pub duplicates: u64,
    pub unowned_deleted: u64,
    pub violations: u64,
    pub lines: Vec<String>,
    pub backups_taken: u64,
    pub backups_deleted: u64,
    pub changes_asked: u64,
    pub api_calls: u64,
    pub faults_hit: std::collections::BTreeMap<String, u64>,
}

/// How the cloud of one campaign is.
pub struct Character {
    pub seed: u64,
    pub dialect: String,
    pub faults: String,
    /// Simulated seconds in each real one.
    pub scale: u32,
    pub machines: usize,
    /// Simulated seconds after which it behaves.
    pub chaos_seconds: u64,
}

/// A child that dies with its owner.
struct Leashed(Child);

impl Leashed {
    fn start(command: &mut Command, standard_error: &Path) -> Self {
        let log = OpenOptions::new().create(true).append(true).open(standard_error).unwrap();
        Self(command.stdin(Stdio::null()).stderr(log).spawn().unwrap())
    }

    fn is_alive(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// SIGTERM, and what it came to.
    fn stop(&mut self) -> ExitStatus {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(told.success(), "the signal could not be sent");
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end after SIGTERM");
            thread::sleep(GLANCE);
        }
    }
}

impl Drop for Leashed {
    fn drop(&mut self) {
        // Where it has ended already, both fail, and nothing is left to do.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub struct SimulatedCloud {
    process: Leashed,
    report: PathBuf,
    /// `[cloud]` and `[clock]`, as the server says them.
    pub settings: String,
}

impl SimulatedCloud {
    pub fn start(directory: &Path, character: &Character) -> Self {
        let (report, said) = (directory.join("report.json"), directory.join("cloud.out"));
        let mut command = Command::new(BINARY);
        command
            .args(["sim", "serve", "--listen", "127.0.0.1:0"])
            .args(["--seed", &character.seed.to_string(), "--speed", &character.scale.to_string()])
            .args(["--machines", &character.machines.to_string()])
            .args(["--dialect", &character.dialect, "--faults", &character.faults])
            .args(["--chaos-for", &format!("{}s", character.chaos_seconds)])
            .arg("--key-file")
            .arg(directory.join("key"))
            .arg("--report")
            .arg(&report)
            .stdout(File::create(&said).unwrap());
        let mut process = Leashed::start(&mut command, &directory.join("cloud.log"));
        let settings = wait_for("the cloud to say where it is", || {
            assert!(process.is_alive(), "{}", fs::read_to_string(directory.join("cloud.log")).unwrap());
            let text = fs::read_to_string(&said).unwrap();
            let (from, to) = (text.find("[cloud]")?, text.find("[[policy]]")?);
            // On a faster clock it also says some of the rules, of which a test has its own.
            let to = text.find("[rules]").unwrap_or(to);
            Some(text[from..to].to_owned())
        });
        Self { process, report, settings }
    }

    pub fn report(&self) -> Report {
        wait_for("a report", || fs::read(&self.report).ok().map(|bytes| read_json(&bytes)))
    }

    /// The last report, which its end writes.
    pub fn stop(mut self) -> Report {
        assert_eq!(self.process.stop().code(), Some(0), "the cloud");
        self.report()
    }
}

pub struct Daemon {
    process: Leashed,
    log: PathBuf,
}

impl Daemon {
    /// `bug` names a planted one, in a build that has them.
    pub fn start(directory: &Path, configuration: &Path, bug: Option<&str>) -> Self {
        let log = directory.join("run.log");
        let mut command = Command::new(BINARY);
        command.arg("run").arg("--config").arg(configuration).stdout(Stdio::null());
        command.envs(bug.map(|bug| ("QUARTERMASTER_PLANTED_BUG", bug)));
        Self { process: Leashed::start(&mut command, &log), log }
    }

    pub fn must_be_alive(&mut self) {
        assert!(self.process.is_alive(), "the daemon ended by itself:\n{}", self.last_words());
    }

    pub fn kill(mut self) {
        self.must_be_alive();
        self.process.kill();
    }

    pub fn stop(mut self) {
        self.must_be_alive();
        let status = self.process.stop();
        assert_eq!(status.code(), Some(0), "SIGTERM:\n{}", self.last_words());
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// What comes of a verb, whatever it is.
pub fn tried(configuration: &Path, words: &[&str]) -> Output {
    Command::new(BINARY).args(words).arg("--config").arg(configuration).output().unwrap()
}

/// A verb that must succeed; what it prints.
pub fn verb(configuration: &Path, words: &[&str]) -> Output {
    let output = tried(configuration, words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words:?}: {said}");
    output
}

pub fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> T {
    serde_json::from_slice(bytes)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(GLANCE);
    }
}
