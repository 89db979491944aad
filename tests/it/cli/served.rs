//! The same names over sockets: the daemon's log, page, series and letters, and what the doctor keeps.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::names::is_harmless;
use super::*;

/// Of a page or a letter, whose lines hold whole paragraphs.
const LONG_LINE: usize = 100_000;
const RAW: &str = "<script>alert";

/// A machine breaks after an hour, so that its backup is late and a letter names it.
const SCENARIO: &str = "[[step]]\nafter = \"1h\"\nmachine = \"BRK-100001D\"\nstatus = \"ERROR\"\n\
                        [[step]]\nafter = \"1h\"\nmachine = \"BRK-100004D\"\nstatus = \"ERROR\"\n";

fn with_letters_and_page(site: &Site) -> String {
    let path = site.configuration();
    let more = format!(
        "[mail]\nfolder = \"{}\"\nfrom = \"qm@example.org\"\n[http]\nlisten = \"127.0.0.1:0\"\n[[policy]]",
        site.text("spool")
    );
    let text = fs::read_to_string(&path).unwrap().replace("[[policy]]", &more);
    fs::write(&path, text.replace("email = \"off\"", "email = [\"ops@example.org\"]")).unwrap();
    path
}

/// Where the daemon's log says that its page is.
fn address_in(said: impl Fn() -> String) -> String {
    let mut address = String::new();
    until("a page", || {
        let said = said();
        let found = said.split_once("the page is at http://").and_then(|(_, rest)| rest.split_once('/'));
        address = found.map(|(address, _)| address.to_owned()).unwrap_or_default();
        !address.is_empty()
    });
    address
}

pub fn read(address: &str, path: &str) -> String {
    try_to_read(address, path).unwrap_or_else(|head| panic!("{path}: {head}"))
}

/// What is no page yet gives the head of its answer.
fn try_to_read(address: &str, path: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.lines().all(|line| !line.to_lowercase().starts_with("bcc")), "{head}");
    if head.starts_with("HTTP/1.1 200") { Ok(body.to_owned()) } else { Err(head.to_owned()) }
}

/// Someone with another key makes a snapshot, in the cloud's own words for a request.
fn made_by_another(site: &Site) {
    let body = r#"{"instance_id":"BRK-100002D","name":"before upgrade 7","description":""}"#;
    let mut stream = TcpStream::connect(("127.0.0.1", site.port)).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /api/snapshots/ HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}-of-the-rival\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

/// One line of what Prometheus reads: a comment, or a series and a number.
fn is_series(line: &str) -> bool {
    let Some((series, value)) = line.rsplit_once(' ') else { return false };
    let is_closed = series.ends_with('}') || !series.contains('{');
    line.starts_with("# ") || (is_closed && value.parse::<f64>().is_ok())
}

#[test]
fn log_page_series_letters_and_documents_of_a_daemon_hold_the_names_and_let_none_of_them_act() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("scenario.toml").display().to_string();
    fs::write(&scenario, SCENARIO).unwrap();
    let hostile = ["--dialect", "hostile-names", "--machines", "4", "--scenario", &scenario];
    let (_cloud, site) = simulated_as(&hostile, 3_600, "protect");
    made_by_another(&site);
    let path = with_letters_and_page(&site);
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--config", &path]).env("RUST_LOG", "debug");
    let log = fs::File::create(site.path("log")).unwrap();
    let mut daemon = Process(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    let said = || fs::read_to_string(site.path("log")).unwrap();
    let address = address_in(said);
    let has_good = |status: &Value| {
        let shelves = status["shelves"].as_array().unwrap();
        shelves.iter().any(|shelf| shelf["good"].as_u64() >= Some(1))
    };
    until("a good backup", || status(&site).is_some_and(|status| has_good(&status)));
    let letters = || -> Vec<PathBuf> {
        let Ok(spool) = fs::read_dir(site.path("spool")) else { return Vec::new() };
        // One that is being written has another ending until it is whole.
        let is_whole = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "eml");
        spool.map(|entry| entry.unwrap().path()).filter(is_whole).collect()
    };
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap_or_default().replace("=\r\n", "");
    until("a letter that names a machine", || letters().iter().any(|path| text(path).contains("Bcc")));

    for page in ["/", "/?search=%1b%5b2J%e2%80%ae%3Cscript%3Ealert", "/?region=%3Cscript%3Ealert"] {
        let shown = read(&address, page);
        is_harmless(page, shown.as_bytes(), LONG_LINE);
        assert!(!shown.contains(RAW) && shown.contains("&#"), "{page}: {shown}");
    }
    for document in ["status", "machines", "snapshots", "plan", "events?limit=1000"] {
        let shown = read(&address, &format!("/api/v1/{document}"));
        is_harmless(document, shown.as_bytes(), usize::MAX);
        serde_json::from_str::<Value>(&shown).unwrap();
    }
    let series = read(&address, "/metrics");
    is_harmless("/metrics", series.as_bytes(), LONG_LINE);
    let odd: Vec<&str> = series.lines().filter(|line| !is_series(line)).collect();
    assert!(series.contains("quartermaster_machine_info{") && odd.is_empty(), "{odd:?}");

    for verb in [
        &["snapshots", "create", "BRK-100001D", "--wait", "--timeout", "2h"][..],
        &["policies", "run", "often", "--machine", "BRK-100002D", "--wait"],
        &["policies", "run", "often"],
        &["snapshots", "create", "\u{1b}[2J\u{202e}"],
        &["plan", "approve", "--all"],
    ] {
        let output = quartermaster(&[verb, &["--config", &path]].concat());
        let what = format!("{verb:?}");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{what}: {:?}", told(&output));
        is_harmless(&what, &output.stdout, 2_000);
        is_harmless(&what, &output.stderr, 2_000);
    }
    assert_eq!(daemon.terminate(), 0);
    is_harmless("the log", said().as_bytes(), LONG_LINE);
    for letter in letters() {
        let raw = fs::read_to_string(&letter).unwrap().replace("\r\n", "\n");
        is_harmless("a letter", raw.as_bytes(), 998);
        let (head, body) = raw.split_once("\n\n").unwrap();
        assert!(head.lines().all(|line| !line.starts_with("Bcc")), "{head}");
        let body = body.replace("=\n", "").replace("=3C", "<").replace("=1B", "\u{1b}");
        let (_, html) = body.split_once("Content-Type: text/html").unwrap();
        assert!(!html.contains("<script"), "{html}");
        assert!(!body.contains('\u{1b}') && !body.contains("=E2=80=AE"), "{body}");
    }
}

#[test]
fn a_doctor_at_such_a_cloud_acts_on_none_of_them_and_saves_them_whole() {
    let (_cloud, site) = simulated_as(&["--dialect", "hostile-names", "--machines", "4"], 3_600, "observe");
    made_by_another(&site);
    let (config, saved, out) = (site.configuration(), site.text("saved"), site.text("suggested.toml"));
    for more in [&["--save", &saved][..], &["--json"], &[]] {
        let examined =
            quartermaster(&[&["doctor", "--api", "--config", &config, "--out", &out], more].concat());
        assert!(matches!(examined.status.code(), Some(0 | 3)), "{:?}", told(&examined));
        is_harmless("doctor", &examined.stdout, 10_000);
        is_harmless("doctor", &examined.stderr, 10_000);
    }
    let suggested = fs::read(&out).unwrap_or_default();
    is_harmless("what it suggests", &suggested, 10_000);
    let kept = fs::read_dir(&saved).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    assert!(kept.filter(|text| text.contains("Bcc: ")).count() > 1, "the bodies are kept as they came");
}

#[test]
fn what_the_journal_knows_is_shown_while_a_mute_cloud_holds_up_the_first_pass() {
    let (mut cloud, mut site) = simulated(3_600, "protect");
    let mut daemon = site.run();
    let has_good = |status: &Value| {
        let shelves = status["shelves"].as_array().unwrap();
        shelves.iter().any(|shelf| shelf["good"].as_u64() >= Some(1))
    };
    until("a good backup", || status(&site).is_some_and(|status| has_good(&status)));
    assert_eq!((daemon.terminate(), cloud.terminate()), (0, 0));
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    site.port = mute.local_addr().unwrap().port();
    let path = with_letters_and_page(&site);
    let log = fs::File::create(site.path("log")).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--config", &path]).stdout(Stdio::null()).stderr(log);
    let mut daemon = Process(command.spawn().unwrap());
    let asked = mute.accept().unwrap();
    let said = || fs::read_to_string(site.path("log")).unwrap();
    let address = address_in(said);
    // The call is still open.
    let mut series = String::new();
    until("the series", || {
        series = try_to_read(&address, "/metrics").unwrap_or_default();
        !series.is_empty()
    });
    let good = series.lines().find(|line| line.starts_with("quartermaster_backups_good{"));
    assert!(series.contains("\nquartermaster_passes_total 0\n"), "{series}");
    assert!(good.is_some_and(|line| !line.ends_with(" 0")), "{good:?}");
    assert!(read(&address, "/").contains("Are my backups fresh?"));
    drop(asked);
    assert_eq!(daemon.terminate(), 0);
}
