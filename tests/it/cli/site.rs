//! A folder, a configuration and processes: what each test of the program as it is met begins with.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");
/// For whatever a process is waited for; a slow machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(180);
pub const KEY: &str = "s3cret-of-the-tests";

/// What it says is searched for the key, in every test that uses it.
#[track_caller]
pub fn quartermaster(arguments: &[&str]) -> Output {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    for said in [&output.stdout, &output.stderr] {
        assert!(!shows_key(said), "{arguments:?} says the key: {}", String::from_utf8_lossy(said));
    }
    output
}

/// As it is, in hexadecimal digits, in base 64, or broken over lines as in a letter.
pub fn shows_key(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).replace("=\r\n", "");
    let hex: String = KEY.bytes().map(|byte| format!("{byte:02x}")).collect();
    // What stands before it decides how it begins and ends; its middle is one of three.
    let base64 = ["czNjcmV0LW9mLXRoZS10ZXN0", "MzY3JldC1vZi10aGUtdGVzdH", "zM2NyZXQtb2YtdGhlLXRlc3Rz"];
    text.contains(KEY) || text.contains(&hex) || base64.iter().any(|form| text.contains(form))
}

pub fn told(output: &Output) -> (i32, String) {
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

pub fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{:?}", told(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder with a key file and a configuration, whose cloud is at `port`.
pub struct Site {
    pub folder: TempDir,
    pub port: u16,
    pub clock: String,
    pub mode: &'static str,
}

impl Site {
    pub fn new() -> Self {
        let site =
            Self { folder: tempfile::tempdir().unwrap(), port: 1, clock: String::new(), mode: "observe" };
        site.write_key(KEY, 0o600);
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn write_key(&self, key: &str, mode: u32) {
        // Only root writes over one that nobody may write.
        drop(fs::remove_file(self.path("key")));
        fs::write(self.path("key"), key).unwrap();
        fs::set_permissions(self.path("key"), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn configuration(&self) -> String {
        let text = format!(
            "mode = \"{}\"\nemail = \"off\"\ndata_dir = \"{}\"\n[cloud]\nbase_url = \"http://127.0.0.1:{}/api\"\n\
             key_file = \"{}\"\n{}[[policy]]\nname = \"often\"\nmachines = [\"*\"]\n\
             schedule = \"0 * * * *\"\nmay_restart = true\n",
            self.mode,
            self.text("data"),
            self.port,
            self.text("key"),
            self.clock
        );
        fs::write(self.path("qm.toml"), text).unwrap();
        self.text("qm.toml")
    }

    pub fn run(&self) -> Process {
        Process::start(&["run", "--config", &self.configuration()])
    }
}

/// Whatever a test leaves behind is searched for the key: journals, logs, letters, reports, answers.
impl Drop for Site {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("key") {
                    // A socket is a file that nobody reads.
                    let shows = fs::read(&path).is_ok_and(|bytes| shows_key(&bytes));
                    assert!(!shows, "the key is in {}", path.display());
                }
            }
        }
    }
}

/// A process that ends with its test.
pub struct Process(pub Child);

impl Process {
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    pub fn lines(&mut self, count: usize) -> Vec<String> {
        let out = BufReader::new(self.0.stdout.as_mut().unwrap());
        out.lines().take(count).map(Result::unwrap).collect()
    }

    /// What a simulated cloud says of itself, up to its policy.
    pub fn announced(&mut self) -> String {
        let out = BufReader::new(self.0.stdout.as_mut().unwrap());
        let lines = out.lines().map(Result::unwrap).take_while(|line| line != "[[policy]]");
        lines.collect::<Vec<_>>().join("\n") + "\n"
    }

    pub fn terminate(&mut self) -> i32 {
        let killed = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(killed.success());
        self.0.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A simulated cloud on a free port, and a site that knows it.
pub fn simulated(speed: u32, mode: &'static str) -> (Process, Site) {
    simulated_as(&[], speed, mode)
}

/// The same, of a cloud that is told more than its speed and its key.
pub fn simulated_as(more: &[&str], speed: u32, mode: &'static str) -> (Process, Site) {
    let mut site = Site::new();
    let (factor, key) = (speed.to_string(), site.text("key"));
    let arguments = [&["sim", "serve", "--speed", &factor, "--key-file", &key], more].concat();
    let mut cloud = Process::start(&arguments);
    let said = cloud.announced();
    let port = said.split("127.0.0.1:").nth(1).unwrap().split('.').next().unwrap();
    site.port = port.parse().unwrap();
    site.clock = said[said.find("[clock]").unwrap()..].to_owned();
    site.mode = mode;
    (cloud, site)
}

pub fn status(site: &Site) -> Option<Value> {
    let output = quartermaster(&["status", "--data-dir", &site.text("data"), "--json"]);
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

pub fn demo(folder: &Path, seed: &str) -> Value {
    let folder = folder.display().to_string();
    json(&quartermaster(&["demo", "--for", "2d", "--seed", seed, "--json", "--data-dir", &folder]))
}
