//! Letters as they arrive: over a server that takes them, loses them, refuses, or says nothing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::{Process, Site, quartermaster, simulated, status, told, until};

/// How a server behaves.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Polite,
    /// Takes the first letter, and breaks off instead of saying so.
    LosesTheFirst,
    /// Accepts the connection and says nothing.
    Mute,
    /// Has no such recipient.
    Refuses,
}

/// A letter as it came over the wire.
#[derive(Clone, Debug)]
struct Arrived {
    to: String,
    text: String,
}

impl Arrived {
    fn header(&self, name: &str) -> String {
        let head = self.text.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let start = format!("{name}: ");
        head.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_default().to_owned()
    }
}

#[derive(Clone)]
struct Server {
    port: u16,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    connections: Arc<Mutex<u32>>,
}

impl Server {
    fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, arrived: Arc::default(), connections: Arc::default() };
        let mine = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, server) = (stream.unwrap(), mine.clone());
                *server.connections.lock().unwrap() += 1;
                thread::spawn(move || server.serve(stream, manner));
            }
        });
        server
    }

    /// One conversation, or `None` where the other side left.
    fn serve(&self, stream: TcpStream, manner: Manner) -> Option<()> {
        if manner == Manner::Mute {
            thread::sleep(Duration::from_secs(600));
        }
        let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
        let say = |text: &str| (&stream).write_all(format!("{text}\r\n").as_bytes()).ok();
        say("220 test ESMTP")?;
        let mut to = String::new();
        loop {
            let line = lines.next()?.ok()?;
            match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
                "EHLO" => say("250-test\r\n250 8BITMIME")?,
                "RCPT" if manner == Manner::Refuses => say("550 no such user")?,
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap().to_owned();
                    say("250 ok")?;
                }
                "DATA" => {
                    say("354 go on")?;
                    let mut text = String::new();
                    loop {
                        let line = lines.next()?.ok()?;
                        if line == "." {
                            break;
                        }
                        text.push_str(line.strip_prefix('.').unwrap_or(&line));
                        text.push_str("\r\n");
                    }
                    let mut arrived = self.arrived.lock().unwrap();
                    arrived.push(Arrived { to: to.clone(), text });
                    if manner == Manner::LosesTheFirst && arrived.len() == 1 {
                        return None;
                    }
                    say("250 taken as TEST1")?;
                }
                "QUIT" => return say("221 bye"),
                _ => say("250 ok")?,
            }
        }
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }
}

/// A configuration that writes letters to two people over this port.
fn with_mail(site: &Site, port: u16) -> String {
    let path = site.configuration();
    let text = fs::read_to_string(&path).unwrap();
    let email = "email = [\"ops@example.org\", \"boss@example.org\"]";
    let mail = format!(
        "[mail]\nserver = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\nfrom = \"qm@example.org\"\n"
    );
    let text = text.replace("email = \"off\"", email).replace("[[policy]]", &format!("{mail}[[policy]]"));
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_test_letter_says_what_the_server_answered_and_how_it_failed() {
    let site = Site::new();
    let server = Server::start(Manner::Polite);
    let sent = quartermaster(&["test-email", "--config", &with_mail(&site, server.port)]);
    let said = String::from_utf8(sent.stdout).unwrap();
    assert_eq!(said, "ops@example.org: 250 taken as TEST1\nboss@example.org: 250 taken as TEST1\n");
    assert_eq!(
        server.arrived().iter().map(|one| one.to.as_str()).collect::<Vec<_>>(),
        ["ops@example.org", "boss@example.org"]
    );
    assert_eq!(server.arrived()[0].header("To"), "ops@example.org, boss@example.org");

    let refusing = Server::start(Manner::Refuses);
    let (code, errors) = told(&quartermaster(&["test-email", "--config", &with_mail(&site, refusing.port)]));
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("hand the letter for ops@example.org to 127.0.0.1"), "{errors}");
    assert!(errors.contains("because") && errors.contains("no such user"), "{errors}");
    let (code, errors) = told(&quartermaster(&["test-email", "--config", &with_mail(&site, 1)]));
    assert!(code == 1 && errors.contains("because"), "{code} {errors}");
    let (code, errors) = told(&quartermaster(&["test-email", "--config", &site.configuration()]));
    assert!(code == 1 && errors.contains("nobody is to be written to"), "{code} {errors}");
}

#[test]
fn letters_into_a_folder_are_files_that_appear_whole() {
    let site = Site::new();
    let path = site.configuration();
    let text = fs::read_to_string(&path).unwrap().replace("email = \"off\"", "email = [\"ops@example.org\"]");
    let folder = site.text("spool");
    let mail = format!("[mail]\nfolder = \"{folder}\"\nfrom = \"qm@example.org\"\n[[policy]]");
    fs::write(&path, text.replace("[[policy]]", &mail)).unwrap();
    let sent = quartermaster(&["test-email", "--config", &path]);
    assert!(sent.status.success(), "{:?}", told(&sent));
    let files: Vec<_> = fs::read_dir(site.path("spool")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    assert!(files[0].extension().is_some_and(|extension| extension == "eml"));
    assert!(fs::read_to_string(&files[0]).unwrap().contains("Auto-Submitted: auto-generated"));
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn each_letter_arrives_and_one_that_was_lost_after_its_data_comes_again_with_the_same_id() {
    let (_cloud, site) = simulated(3_600, "observe");
    let server = Server::start(Manner::LosesTheFirst);
    let mut daemon = Process::start(&["run", "--config", &with_mail(&site, server.port)]);
    let copies = |to: &str| -> Vec<Arrived> {
        let mut arrived = server.arrived();
        let id = arrived.first().map(|first| first.header("Message-ID"));
        arrived.retain(|one| one.to == to && Some(one.header("Message-ID")) == id);
        arrived
    };
    // Others may come between the two.
    until("the one that was lost, again", || copies("ops@example.org").len() >= 2);
    until("the same for the boss", || !copies("boss@example.org").is_empty());
    assert_eq!(daemon.terminate(), 0);
    let (same, first) = (copies("ops@example.org"), &server.arrived()[0]);
    assert_eq!((same.len(), copies("boss@example.org").len()), (2, 1), "{:?}", server.arrived());
    assert_eq!(first.header("Auto-Submitted"), "auto-generated");
    assert!(first.header("Message-ID").ends_with("@letters.quartermaster.invalid>"));
    assert!(first.header("Content-Type").starts_with("multipart/alternative"));
    assert!(first.text.contains("OBSERVING: nothing is backed up"), "{}", first.text);
    // Twice the same bytes.
    assert_eq!(same[0].text, same[1].text);
}

#[test]
fn a_server_that_says_nothing_holds_up_no_pass_and_no_end() {
    let (_cloud, site) = simulated(3_600, "observe");
    let server = Server::start(Manner::Mute);
    let mut daemon = Process::start(&["run", "--config", &with_mail(&site, server.port)]);
    until("it waits for the server", || *server.connections.lock().unwrap() > 0);
    let events = || status(&site).map_or(0, |status| status["head"]["seq"].as_u64().unwrap_or(0));
    let before = events();
    until("passes go on", || events() > before + 200);
    let began = Instant::now();
    assert_eq!(daemon.terminate(), 0);
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
    let exported = quartermaster(&["log", "export", "--data-dir", &site.text("data")]).stdout;
    let exported = String::from_utf8(exported).unwrap();
    let of = |kind: &str| -> Vec<&str> { exported.lines().filter(|line| line.contains(kind)).collect() };
    assert!(!of("\"letter_queued\"").is_empty());
    // On a slow machine a try may have come to its end, which is that nothing was said.
    assert!(of("\"letter_tried\"").iter().all(|line| line.contains("did not take the letter")), "{exported}");
}
