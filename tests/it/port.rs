//! The port: whatever a client sends, sends slowly or leaves out, others are answered and passes go on.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");
/// For whatever is waited for; a slow machine is no failure.
const PATIENCE: Duration = Duration::from_secs(180);
const GLANCE: Duration = Duration::from_millis(100);
const KEY: &str = "canary-of-the-port-5b0ee6e2c1";
const TOKEN: &str = "canary-token-of-the-port-93af";

/// A daemon whose cloud is a closed port, and whose page is at a port that the system chose.
struct Daemon {
    child: Child,
    folder: TempDir,
    address: SocketAddr,
}

struct Answer {
    code: u16,
    head: String,
    body: String,
}

impl Daemon {
    fn start(listen: &str, more: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), listen, more)
    }

    fn start_in(folder: TempDir, listen: &str, more: &str) -> Self {
        for (name, word) in [("key", KEY), ("token", TOKEN)] {
            let path = folder.path().join(name);
            fs::write(&path, word).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let path = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "mode = \"protect\"\nemail = \"off\"\ndata_dir = \"{}\"\n[cloud]\nbase_url = \"http://127.0.0.1:1/api\"\n\
             key_file = \"{}\"\n[clock]\nscale = 60\nepoch = 2026-03-01T00:00:00Z\n[http]\nlisten = \"{listen}\"\n{}\n\
             [[policy]]\nname = \"often\"\nmachines = [\"*\"]\nschedule = \"0 * * * *\"\nmay_restart = true\n",
            path("disk/data"),
            path("key"),
            more.replace("TOKEN", &path("token")),
        );
        let configuration = folder.path().join("qm.toml");
        fs::write(&configuration, text).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--config").arg(&configuration).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = folder.path().join("run.log");
        let (mut said, mut into) = (child.stderr.take().unwrap(), File::create(&log).unwrap());
        thread::spawn(move || io::copy(&mut said, &mut into));
        let address = until("the address of the page", || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let (_, rest) = said.split_once("the page is at http://")?;
            rest.split_once('/')?.0.parse().ok()
        });
        Self { child, folder, address }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("run.log")).unwrap_or_default()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What comes back for these bytes, until the port closes. A client of a machine that stands still for
    /// five seconds is cut off before it has asked, and asks again.
    fn send(&self, bytes: &[u8]) -> Answer {
        until(&String::from_utf8_lossy(bytes), || self.try_send(bytes).ok())
    }

    fn try_send(&self, bytes: &[u8]) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        // It may be closed before all was taken; what it said before that counts.
        let _is_sent = stream.write_all(bytes).is_ok();
        let mut answer = Vec::new();
        let mut part = [0; 65_536];
        loop {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => break,
                Ok(count) => answer.extend_from_slice(&part[..count]),
            }
        }
        let text = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Ok(Answer { code, head: head.to_lowercase(), body: body.to_owned() })
    }

    fn ask(&self, path: &str) -> Answer {
        self.send(request(path, "").as_bytes())
    }

    fn passes(&self) -> f64 {
        let metrics = self.ask("/metrics").body;
        let line = metrics.lines().find_map(|line| line.strip_prefix("quartermaster_passes_total "));
        line.and_then(|count| count.parse().ok()).unwrap_or(0.0)
    }

    /// Passes are made once more from now on.
    fn goes_on(&self) {
        let before = self.passes();
        until("another pass", || (self.passes() > before).then_some(()));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn request(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n")
}

fn until<T>(what: &str, mut so: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = so() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(GLANCE);
    }
}

const ADDRESSES: [&str; 9] = [
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/v1/status",
    "/api/v1/machines",
    "/api/v1/snapshots",
    "/api/v1/plan",
    "/api/v1/events",
];

#[test]
fn every_address_answers_read_only_and_says_how_to_treat_the_answer() {
    let daemon = Daemon::start("127.0.0.1:0", "");
    until("the first pass", || (daemon.ask("/metrics").code == 200).then_some(()));
    for path in ADDRESSES {
        let answer = daemon.ask(path);
        let expected = if path == "/readyz" { 503 } else { 200 };
        assert_eq!(answer.code, expected, "{path}: {}", answer.body);
        for header in [
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
            "content-security-policy: default-src 'none'",
            "x-frame-options: deny",
        ] {
            assert!(answer.head.contains(header), "{path} lacks {header}: {}", answer.head);
        }
        assert!(!answer.body.contains(KEY) && !answer.body.contains(TOKEN), "{path} shows a secret");
        for method in ["POST", "DELETE", "PUT", "BREW"] {
            let bytes = request(path, "").replacen("GET", method, 1);
            assert_eq!(daemon.send(bytes.as_bytes()).code, 405, "{method} {path}");
        }
    }
    // Nothing answers as a cloud here.
    assert!(daemon.ask("/readyz").body.contains("no complete look at the machines"));
    assert!(daemon.ask("/metrics").head.contains("content-type: text/plain; version=0.0.4\r\n"));
    assert_eq!(daemon.ask("/nothing").code, 404);
    let status: Value = serde_json::from_str(&daemon.ask("/api/v1/status").body).unwrap();
    assert_eq!((status["schema_version"].as_u64(), status["mode"].as_str()), (Some(1), Some("protect")));
    let events: Value = serde_json::from_str(&daemon.ask("/api/v1/events?after=1&limit=2").body).unwrap();
    let seqs: Vec<u64> =
        events["events"].as_array().unwrap().iter().filter_map(|one| one["seq"].as_u64()).collect();
    assert_eq!(seqs, [2, 3]);
    for (path, code) in [("state=good", 200), ("state=nonsense", 400), ("colour=red", 400)] {
        assert_eq!(daemon.ask(&format!("/api/v1/snapshots?{path}")).code, code, "{path}");
    }
    for wrong in ["limit=0", "limit=1001", "after=-1", "after=x", "kind=called"] {
        assert_eq!(daemon.ask(&format!("/api/v1/events?{wrong}")).code, 400, "{wrong}");
    }
    assert!(!daemon.log().contains(KEY));
}

#[test]
fn what_is_no_request_of_ours_is_refused_in_few_words_and_others_are_answered() {
    let daemon = Daemon::start("127.0.0.1:0", "");
    let long = "x".repeat(1 << 20);
    let many: String = (0..5_000).map(|number| format!("h{number}: x\r\n")).collect();
    for (what, bytes, codes) in [
        ("a huge request line", request(&format!("/{long}"), ""), &[400, 414, 431][..]),
        ("a huge header", request("/healthz", &format!("x: {long}\r\n")), &[400, 431]),
        ("many headers", request("/healthz", &many), &[400, 431]),
        ("a body", request("/metrics", "content-length: 5\r\n") + "hello", &[413]),
        (
            "an endless body",
            request("/metrics", "transfer-encoding: chunked\r\n") + "fffffff\r\nhello",
            &[413],
        ),
        ("no http", "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_owned(), &[400]),
        (
            "another host",
            "GET /metrics HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n".to_owned(),
            &[421],
        ),
    ] {
        match daemon.try_send(bytes.as_bytes()) {
            Ok(answer) => {
                assert!(codes.contains(&answer.code), "{what}: {}", answer.head);
                assert!(answer.body.len() < 300, "{what}: {}", answer.body);
            }
            // Closed while it still sends: no answer arrives.
            Err(_) => assert!(codes.contains(&431), "{what}"),
        }
        assert_eq!(daemon.ask("/healthz").code, 200, "after {what}");
    }
    daemon.goes_on();
}

#[test]
fn two_thousand_slow_clients_are_cut_off_and_passes_go_on() {
    let daemon = Daemon::start("127.0.0.1:0", "");
    until("the first pass", || (daemon.ask("/metrics").code == 200).then_some(()));
    let begun = daemon.passes();
    let raised = may_open(4_096);
    // Other tests of this process need files, too.
    let count = if raised { 2_000 } else { 400 };
    let mut slow: Vec<TcpStream> = Vec::new();
    for number in 0..count {
        let mut stream = daemon.connect();
        // A third says nothing, a third stops in the middle, a third trickles.
        let part: &[u8] = match number % 3 {
            0 => b"",
            1 => b"GET /metrics HTTP/1.1\r\nhost: loc",
            _ => b"G",
        };
        let _is_sent = stream.write_all(part).is_ok();
        slow.push(stream);
    }
    let answered = until("an answer beside the slow ones", || {
        for stream in slow.iter_mut().skip(2).step_by(3) {
            let _is_taken = stream.write_all(b"E").is_ok();
        }
        daemon.try_send(request("/healthz", "").as_bytes()).ok()
    });
    assert_eq!(answered.code, 200);
    // Every one of them is closed from the other side, whatever it trickles.
    for stream in &mut slow {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut said = Vec::new();
        let is_open =
            matches!(stream.read_to_end(&mut said), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        assert!(!is_open, "a slow client is still connected");
    }
    until("passes beside the slow ones", || (daemon.passes() > begun).then_some(()));
    daemon.goes_on();
}

/// Whether this process may have so many files open.
fn may_open(files: u64) -> bool {
    let limit = format!("--nofile={files}:");
    let pid = std::process::id().to_string();
    Command::new("prlimit").args(["--pid", &pid, &limit]).status().is_ok_and(|status| status.success())
}

#[test]
fn who_has_no_token_reads_nothing_but_that_it_lives() {
    let daemon = Daemon::start("0.0.0.0:0", "token_file = \"TOKEN\"");
    until("the first pass", || {
        let bytes = request("/metrics", &format!("authorization: Bearer {TOKEN}\r\n"));
        (daemon.send(bytes.as_bytes()).code == 200).then_some(())
    });
    for path in ADDRESSES {
        let expected = if path == "/healthz" { 200 } else { 401 };
        assert_eq!(daemon.ask(path).code, expected, "{path}");
        let wrong = request(path, "authorization: Bearer canary\r\n");
        assert_eq!(daemon.send(wrong.as_bytes()).code, expected, "{path}");
    }
    assert!(!daemon.log().contains(TOKEN));
}

#[test]
fn a_start_that_cannot_write_lives_is_not_ready_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    symlink("not-mounted-yet", folder.path().join("disk")).unwrap();
    let daemon = Daemon::start_in(folder, "127.0.0.1:0", "");
    let ready = until("a word of why", || {
        let answer = daemon.ask("/readyz");
        answer.body.contains("degraded").then_some(answer)
    });
    assert_eq!(ready.code, 503);
    assert!(ready.body.contains("make the data directory"), "{}", ready.body);
    assert_eq!(daemon.ask("/healthz").code, 200);
    let page = daemon.ask("/");
    assert!(page.code == 200 && page.body.contains("<strong>DEGRADED</strong>"), "{}", page.body);
    for path in ["/metrics", "/api/v1/status", "/api/v1/events"] {
        assert_eq!(daemon.ask(path).code, 503, "{path}");
    }
    fs::remove_file(daemon.folder.path().join("disk")).unwrap();
    until("metrics, once it can write", || (daemon.ask("/metrics").code == 200).then_some(()));
}

#[test]
fn a_port_that_is_taken_holds_up_no_pass() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("run.log");
    let freed = thread::spawn(move || {
        until("the word of it", || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            (said.contains("there is no page") && said.contains("a look was not complete")).then_some(())
        });
        drop(taken);
    });
    // It begins once the page is there after all.
    let daemon = Daemon::start_in(folder, &address, "");
    freed.join().unwrap();
    daemon.goes_on();
}
