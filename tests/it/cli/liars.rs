//! Clouds that lie, break off, babble or send away: the daemon lives, loses nothing, and keeps its key.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::machine;

/// Answers each request on a connection of its own, in one manner.
struct Liar {
    port: u16,
    heard: Arc<AtomicU32>,
}

/// What is written for a request; a body without an end is written until nobody reads it.
struct Manner {
    said: Vec<u8>,
    endless: &'static [u8],
}

fn says(head: &str, body: &[u8]) -> Manner {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    Manner { said: [head.as_bytes(), body].concat(), endless: b"" }
}

fn json_of(body: &str) -> Manner {
    says("200 OK\r\ncontent-type: application/json", body.as_bytes())
}

impl Liar {
    fn at(port: u16, manner: Manner) -> Self {
        let mut bound = TcpListener::bind(("127.0.0.1", port));
        // Somebody's call may have been given a port that was just left.
        until("the port", || {
            if bound.is_err() {
                bound = TcpListener::bind(("127.0.0.1", port));
            }
            bound.is_ok()
        });
        let listener = bound.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(AtomicU32::new(0));
        let (counted, manner) = (heard.clone(), Arc::new(manner));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (counted, manner) = (counted.clone(), manner.clone());
                thread::spawn(move || serve(stream, &manner, &counted));
            }
        });
        Self { port, heard }
    }

    fn heard(&self) -> u32 {
        self.heard.load(Ordering::Relaxed)
    }
}

/// Whoever leaves in the middle is not followed.
fn serve(mut stream: TcpStream, manner: &Manner, heard: &AtomicU32) {
    let mut asked = [0; 8_192];
    if !matches!(stream.read(&mut asked), Ok(1..)) {
        return;
    }
    heard.fetch_add(1, Ordering::Relaxed);
    let mut is_read = stream.write_all(&manner.said).is_ok();
    while is_read && !manner.endless.is_empty() {
        is_read = stream.write_all(manner.endless).is_ok();
    }
}

const EMPTY: &str = r#"{"success":true,"instances":[],"snapshots":[],"images":[],"records":[],"data":[],"total":0,
    "total_pages":0,"page":1,"limit":100,"balance":"0","currency":"USD","request_id":"r"}"#;
const BABBLE: [u8; 4_096] = [b' '; 4_096];

/// Each with its name and the code of a doctor who asks it.
fn manners() -> Vec<(&'static str, Manner, i32)> {
    let html = b"<html><body>Log in to <b>this network</b> first</body></html>";
    let wrong_key = r#"{"success":false,"message":"no","error_code":"AUTHENTICATION_ERROR"}"#;
    let deep = "[".repeat(200_000);
    let endless = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"a\":";
    let long_head = format!("200 OK\r\nx-a: {}", "a".repeat(400_000));
    vec![
        ("nothing at all", Manner { said: Vec::new(), endless: b"" }, 3),
        ("a page", says("200 OK\r\ncontent-type: text/html", html), 3),
        ("a page of trouble", says("502 Bad Gateway\r\ncontent-type: text/html", html), 3),
        ("no HTTP", Manner { said: b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), endless: b"" }, 3),
        ("an empty object", json_of("{}"), 3),
        ("nothing in good order", json_of(EMPTY), 3),
        ("a yes that is a no", json_of(r#"{"success":false,"message":"later"}"#), 3),
        ("no text", says("200 OK\r\ncontent-type: application/json", &[0xff, 0xfe, 0, b'{']), 3),
        ("half a body", Manner { said: json_of(EMPTY).said[..200].to_vec(), endless: b"" }, 3),
        ("what is nested too deep", json_of(&deep), 3),
        ("a body without an end", Manner { said: endless.into(), endless: &BABBLE }, 3),
        ("a head without an end", says(&long_head, b"{}"), 3),
        ("a refusal of the key", says("401 Unauthorized", wrong_key.as_bytes()), 77),
        ("a limit", says("429 Too Many Requests\r\nretry-after: 86400", b"{}"), 3),
        ("a length that is none", says("200 OK\r\ncontent-length: -1", b"{}"), 3),
    ]
}

fn holds_no_key(what: &str, bytes: &[u8]) {
    let is_in = bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes());
    assert!(!is_in, "{what}: the key is in {}", String::from_utf8_lossy(bytes));
}

#[test]
fn beside_any_liar_the_daemon_lives_believes_nothing_and_ends_when_it_is_told_to() {
    let started: Vec<_> = manners()
        .into_iter()
        .map(|(what, manner, _)| {
            let liar = Liar::at(0, manner);
            let mut site = Site::new();
            site.port = liar.port;
            site.clock =
                "[clock]\nscale = 600\nepoch = 2026-03-01T00:00:00Z\n[http]\nlisten = \"off\"\n".into();
            site.mode = "enforce";
            let mut command = Command::new(PROGRAM);
            command.args(["run", "--config", &site.configuration()]).env("RUST_LOG", "debug");
            let log = fs::File::create(site.path("log")).unwrap();
            let daemon = Process(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
            (what, liar, site, daemon)
        })
        .collect();
    for (what, liar, site, mut daemon) in started {
        until(what, || liar.heard() >= 2 && status(&site).is_some());
        let shown = status(&site).unwrap();
        assert_eq!(daemon.0.try_wait().unwrap(), None, "{what}");
        assert_eq!(shown["shelves"], serde_json::json!([]), "{what}");
        assert_eq!(daemon.terminate(), 0, "{what}");
        let data = site.text("data");
        let verified = quartermaster(&["log", "verify", "--data-dir", &data]);
        assert_eq!(told(&verified).0, 0, "{what}: {:?}", told(&verified));
        let changes = quartermaster(&["log", "list", "--kind", "intended", "--data-dir", &data]);
        assert_eq!(changes.stdout, b"no event\n", "{what}");
        let log = fs::read(site.path("log")).unwrap();
        assert!(!String::from_utf8_lossy(&log).contains("panicked"), "{what}");
        holds_no_key(what, &log);
        holds_no_key(what, &fs::read(site.path("data/journal.db")).unwrap());
        holds_no_key(what, shown.to_string().as_bytes());
    }
}

#[test]
fn a_reload_does_not_end_the_wait_that_the_cloud_asked_for() {
    let liar = Liar::at(0, says("429 Too Many Requests\r\nretry-after: 3600", b"{}"));
    let mut site = Site::new();
    site.port = liar.port;
    // An hour of its clock is a minute of ours, and a look would be due each second of it.
    site.clock = "[clock]\nscale = 60\nepoch = 2026-03-01T00:00:00Z\n[http]\nlisten = \"off\"\n".into();
    let mut daemon = site.run();
    until("the refusal of a look", || {
        status(&site).is_some_and(|status| status["failing_looks"][0].is_object())
    });
    let before = liar.heard();
    let hung_up = Command::new("kill").args(["-HUP", &daemon.0.id().to_string()]).status().unwrap();
    assert!(hung_up.success());
    thread::sleep(Duration::from_secs(8));
    let reloaded = quartermaster(&["log", "list", "--kind", "reloaded", "--data-dir", &site.text("data")]);
    assert!(String::from_utf8_lossy(&reloaded.stdout).contains("reloaded"), "{reloaded:?}");
    assert_eq!((before, liar.heard()), (1, 1));
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_doctor_says_of_each_liar_what_is_wrong_and_ends_with_the_right_code() {
    for (what, manner, expected) in manners() {
        let liar = Liar::at(0, manner);
        let mut site = Site::new();
        site.port = liar.port;
        let (config, out) = (site.configuration(), site.text("suggested.toml"));
        let asked = ["doctor", "--api", "--config", &config, "--out", &out];
        let examined = quartermaster(&asked);
        let said = String::from_utf8(examined.stdout.clone()).unwrap();
        let (code, errors) = told(&examined);
        assert_eq!(code, expected, "{what}: {said}{errors}");
        assert!(said.lines().any(|line| line.starts_with("FAIL ")), "{what}: {said}");
        assert!(errors.starts_with("error: the doctor found ") && errors.lines().count() == 1, "{errors}");
        let document = quartermaster(&[&asked[..], &["--json"]].concat());
        let document: Value = serde_json::from_slice(&document.stdout).unwrap();
        assert!(document["failures"].as_u64() >= Some(1), "{what}: {document}");
        holds_no_key(what, &examined.stdout);
        holds_no_key(what, &examined.stderr);
    }
}

#[test]
fn one_that_sends_elsewhere_is_not_followed_and_the_key_goes_nowhere() {
    let elsewhere = Liar::at(0, json_of(EMPTY));
    let there = format!("307 Temporary Redirect\r\nlocation: http://127.0.0.1:{}/api/", elsewhere.port);
    let liar = Liar::at(0, says(&there, b""));
    let mut site = Site::new();
    site.port = liar.port;
    let (config, out) = (site.configuration(), site.text("suggested.toml"));
    let mut daemon = site.run();
    until("it was asked", || liar.heard() >= 2);
    let examined = quartermaster(&["doctor", "--api", "--config", &config, "--out", &out]);
    assert_eq!(told(&examined).0, 3, "{}", String::from_utf8_lossy(&examined.stdout));
    assert_eq!(daemon.terminate(), 0);
    assert_eq!(elsewhere.heard(), 0, "it was followed");
}

#[test]
fn one_that_forgets_everything_makes_the_daemon_forget_nothing() {
    // After a day of its time the daemon believes even this. A machine on which that is not long enough
    // proves nothing, and stretches time less.
    let is_shown = [600, 120].into_iter().any(forgets_nothing_within_a_day);
    assert!(is_shown, "this machine stands still");
}

/// Whether it was seen before the day was over.
fn forgets_nothing_within_a_day(speed: u32) -> bool {
    let listen = format!("127.0.0.1:{}", machine::free_port());
    let (mut cloud, site) = simulated_as(&["--listen", &listen], speed, "enforce");
    let good = |shown: &Value| -> u64 {
        let shelves = shown["shelves"].as_array();
        shelves.into_iter().flatten().filter_map(|shelf| shelf["good"].as_u64()).sum()
    };
    let mut daemon = site.run();
    until("three good backups", || status(&site).is_some_and(|shown| good(&shown) >= 3));
    let began = Instant::now();
    cloud.terminate();
    let liar = Liar::at(site.port, json_of(EMPTY));
    until("looks at nothing", || liar.heard() > 40);
    let shown = status(&site).unwrap();
    assert_eq!(daemon.terminate(), 0);
    let is_in_time = began.elapsed() * speed < Duration::from_secs(23 * 3_600);
    let data = site.text("data");
    let snapshots = json(&quartermaster(&["snapshots", "list", "--data-dir", &data, "--json"]));
    assert_eq!(told(&quartermaster(&["log", "verify", "--proofs", "--data-dir", &data])).0, 0);
    if !is_in_time {
        return false;
    }
    assert!(good(&shown) >= 3, "{shown}");
    let lost = ["deleted", "vanished"];
    let states = snapshots["snapshots"].as_array().unwrap().iter().filter_map(|one| one["state"].as_str());
    assert!(states.filter(|state| lost.contains(state)).count() == 0, "{snapshots}");
    true
}

#[test]
fn a_doctor_does_not_wait_for_ever_for_one_that_says_nothing() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut site = Site::new();
    site.port = mute.local_addr().unwrap().port();
    let (config, out) = (site.configuration(), site.text("suggested.toml"));
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("key_file = ", "timeout = \"1s\"\nkey_file = ")).unwrap();
    let began = Instant::now();
    let examined = quartermaster(&["doctor", "--api", "--config", &config, "--out", &out]);
    let said = String::from_utf8_lossy(&examined.stdout).into_owned();
    assert_eq!(told(&examined).0, 3, "{said}");
    assert!(said.contains("FAIL cloud: no answer from http://127.0.0.1:"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
}
