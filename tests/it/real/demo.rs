//! The watched demo as a process with a page, which is what the real parts are shown.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::real::ask;
use crate::real::parts::Running;

/// A first pass over thousands of machines takes its time on a busy machine.
const START: Duration = Duration::from_secs(300);

pub struct Demo {
    pub process: Running,
    pub address: SocketAddr,
}

impl Demo {
    /// Ready: at least one pass is over.
    pub fn start(folder: &Path, words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quartermaster"));
        command.arg("demo").arg("--data-dir").arg(folder.join("demo")).args(words);
        let mut process = Running::start(&mut command, "demo", folder);
        let log = folder.join("demo.log");
        let address = process.until("an address", START, || {
            let text = std::fs::read_to_string(&log).ok()?;
            text.split("http://").nth(1)?.split('/').next()?.parse().ok()
        });
        process.until("a first pass", START, || {
            ask::read(address, "/readyz").ok().filter(|answer| answer.status == 200)
        });
        Self { process, address }
    }

    pub fn metrics(&self) -> String {
        let answer = ask::read(self.address, "/metrics").unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }
}

#[test]
fn the_watched_demo_shows_a_page_to_this_machine_only_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(folder.path(), &["--machines", "2"]);
    let status: serde_json::Value =
        serde_json::from_str(&ask::read(demo.address, "/api/v1/status").unwrap().body).unwrap();
    assert_eq!(status["simulated"], true);
    assert!(demo.address.ip().is_loopback());
    let stopped = demo.process.stop();
    assert!(stopped, "{}", demo.process.log());
    let output = Command::new(env!("CARGO_BIN_EXE_quartermaster"))
        .args(["demo", "--listen", "0.0.0.0:0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
