//! Servers that are dead, mute or speak HTML: the daemon stays up, takes what people ask, and keeps its key.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::*;

/// Answers whatever comes with a page; or takes everybody and says nothing.
fn server(page: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut silent = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            match page {
                Some(page) => {
                    let mut asked = [0; 4_096];
                    drop(stream.read(&mut asked));
                    // Whoever has left reads no page.
                    drop(stream.write_all(page.as_bytes()));
                }
                None => silent.push(stream),
            }
        }
    });
    port
}

/// The key is in no file of the journal, and in no word.
fn keeps_its_key(site: &Site, words: &[&[u8]]) {
    let key = KEY.as_bytes();
    let has = |bytes: &[u8]| bytes.windows(key.len()).any(|part| part == key);
    for entry in fs::read_dir(site.path("data")).unwrap() {
        let path = entry.unwrap().path();
        // A socket is a file that nobody reads.
        assert!(!fs::read(&path).is_ok_and(|bytes| has(&bytes)), "the key is in {}", path.display());
    }
    for word in words {
        assert!(!has(word), "{}", String::from_utf8_lossy(word));
    }
}

#[test]
fn whatever_the_cloud_is_the_daemon_stays_up_and_takes_what_people_ask() {
    const HTML: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 60\r\nconnection: close\r\n\r\n\
                        <html><body>Log in to <b>this network</b> first</body></html>";
    for (what, port) in [("dead", 1), ("html", server(Some(HTML))), ("mute", server(None))] {
        let mut site = Site::new();
        (site.port, site.mode) = (port, "protect");
        let path = site.configuration();
        let mut command = Command::new(PROGRAM);
        command.args(["run", "--config", &path]).env("RUST_LOG", "trace");
        let log = fs::File::create(site.path("log")).unwrap();
        let mut daemon = Process(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        until("a socket", || site.path("data/quartermaster.sock").exists());
        let frozen = quartermaster(&["freeze", "--reason", "an audit", "--config", &path]);
        assert!(frozen.status.success(), "{what}: {:?}", told(&frozen));
        assert!(String::from_utf8_lossy(&frozen.stdout).contains("(the daemon took it)"), "{what}");
        let refused = quartermaster(&["snapshots", "create", "BRK-1D", "--config", &path]);
        assert_eq!(told(&refused), (1, "error: no machine BRK-1D was seen in this account\n".to_owned()));
        let shown = quartermaster(&["status", "--json", "--config", &path]);
        assert!(shown.status.success(), "{what}: {:?}", told(&shown));
        assert_eq!(daemon.terminate(), 0, "{what}");
        assert_eq!(told(&quartermaster(&["log", "verify", "--config", &path])).0, 0, "{what}");
        let exported = quartermaster(&["log", "export", "--config", &path]);
        // Each call has its row, also the one that was ended for whoever asked; one that is answered at once
        // can only be met by the end.
        let given_up = String::from_utf8_lossy(&exported.stdout).matches("given_up").count();
        assert!(if what == "mute" { given_up > 0 } else { given_up <= 1 }, "{what}: {given_up}");
        let log = fs::read(site.path("log")).unwrap();
        keeps_its_key(&site, &[&frozen.stdout, &refused.stderr, &shown.stdout, &exported.stdout, &log]);
    }
}

#[test]
fn a_daemon_that_works_says_its_key_to_nobody_but_the_cloud() {
    let (_cloud, site) = simulated(3_600, "protect");
    let path = site.configuration();
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--config", &path]).env("RUST_LOG", "trace");
    let log = fs::File::create(site.path("log")).unwrap();
    let mut daemon = Process(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    until("a good backup", || {
        status(&site).is_some_and(|status| status["shelves"][0]["good"].as_u64() >= Some(1))
    });
    let machine = status(&site).unwrap()["shelves"][0]["machine"].as_str().unwrap().to_owned();
    let made =
        quartermaster(&["policies", "run", "often", "--machine", &machine, "--wait", "--config", &path]);
    assert!(made.status.success(), "{:?}", told(&made));
    assert_eq!(daemon.terminate(), 0);
    let shown = quartermaster(&["status", "--json", "--config", &path]);
    let exported = quartermaster(&["log", "export", "--config", &path]);
    assert!(exported.status.success() && exported.stdout.len() > 1_000);
    let log = fs::read(site.path("log")).unwrap();
    keeps_its_key(&site, &[&made.stdout, &made.stderr, &shown.stdout, &exported.stdout, &log]);
}

#[test]
fn the_search_for_the_key_finds_it_in_each_form() {
    use data_encoding::{BASE64, HEXLOWER};
    assert!(!site::shows_key(b"another-key"));
    assert!(site::shows_key(format!("Bearer {KEY}\n").as_bytes()));
    assert!(site::shows_key(HEXLOWER.encode(KEY.as_bytes()).as_bytes()));
    assert!(site::shows_key(KEY.replace("-the-", "-the=\r\n-").as_bytes()));
    for before in ["", "x", "xx", "Bearer ", "quartermaster:"] {
        let told = BASE64.encode(format!("{before}{KEY} and more").as_bytes());
        assert!(site::shows_key(told.as_bytes()), "{before}: {told}");
    }
}
