//! Finding the real parts, and starting them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::machine;

/// Where servers are that are not in everybody's path.
const ALSO_IN: [&str; 2] = ["/usr/sbin", "/sbin"];
const GLANCE: Duration = Duration::from_millis(50);

/// The path of an installed program, or nothing and a line that says so.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(ALSO_IN.map(PathBuf::from));
    let found = folders.map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        machine::skip(&format!("{program} is not installed"));
    }
    found
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
