//! Finding the real parts, starting them, and saying so where one is missing.

use std::env;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const REQUIRED: &str = "QUARTERMASTER_REAL_PARTS";
/// Where servers are that are not in everybody's path.
const ALSO_IN: [&str; 2] = ["/usr/sbin", "/sbin"];
const GLANCE: Duration = Duration::from_millis(50);

/// The path of an installed program, or nothing and a line that says so.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(ALSO_IN.map(PathBuf::from));
    let found = folders.map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed"));
    }
    found
}

/// Says what is left out; past the capture of the tests' output, so that everybody sees it.
pub fn skip(why: &str) {
    let is_required = env::var_os(REQUIRED).is_some_and(|word| word == "required");
    assert!(!is_required, "{why}, and {REQUIRED}=required");
    drop(writeln!(io::stderr(), "SKIPPED: {why}"));
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A process that ends with the test.
pub struct Running {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Running {
    /// What it says is kept in a file of `folder`.
    pub fn start(command: &mut Command, name: &str, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = std::fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("start {name}: {error}"));
        Self { child, name: name.to_owned(), log }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What `ask` gives once it gives something; fails with the process's own words after `bound`.
    #[track_caller]
    pub fn until<T>(&mut self, what: &str, bound: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + bound;
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            let ended = self.child.try_wait().unwrap();
            let name = &self.name;
            assert!(ended.is_none(), "{name} ended before {what}: {ended:?}\n{}", self.log());
            assert!(Instant::now() < deadline, "{name}: no {what} in {bound:?}\n{}", self.log());
            thread::sleep(GLANCE);
        }
    }

    /// Asks it to end, and waits until it has; gives whether it went well.
    pub fn stop(&mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }
}

impl Running {
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(status.success(), "send {name} to {}", self.name);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
