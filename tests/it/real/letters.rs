//! Letters as a real mail server takes them, and a mail server that never says a word.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use quartermaster::domain::alert::event::{Content, LetterQueued};
use quartermaster::domain::event::Event;
use quartermaster::domain::time::Timestamp;
use quartermaster::journal::entry::Seq;
use quartermaster::journal::reader::Reader;
use quartermaster::journal::record;
use quartermaster::mail::form::Envelope;
use quartermaster::mail::{letter, mailer};
use serde_json::Value;

use crate::dashboards::promql::root;
use crate::machine;
use crate::real::ask;
use crate::real::parts::Running;
use crate::real::postfix::{Postfix, TO};

const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");
const START: Duration = Duration::from_secs(300);

/// Every stored form of a letter, and all that a hostile rehearsal had to write.
fn letters(folder: &Path) -> Vec<(LetterQueued, Timestamp)> {
    let golden = fs::read_to_string(root().join("tests/golden/letter_queued.1.ndjson")).unwrap();
    let stored = golden.lines().map(|line| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        (serde_json::from_value(row["body"].take()).unwrap(), Timestamp::EPOCH)
    });
    let mut letters: Vec<(LetterQueued, Timestamp)> = stored.collect();
    let data = folder.join("rehearsal");
    let demo = ["demo", "--for", "12d", "--faults", "hostile", "--seed", "5", "--json", "--data-dir"];
    let output = Command::new(PROGRAM).args(demo).arg(&data).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let reader = Reader::open(&data).unwrap();
    let mut after = Seq::START;
    loop {
        let rows = reader.read(after, 4_096).unwrap();
        let Some(last) = rows.last() else { return letters };
        after = last.seq;
        for row in &rows {
            if let Event::LetterQueued(queued) = record::decode(row).unwrap().event {
                letters.push((queued, row.recorded_at));
            }
        }
    }
}

/// The value of a header, its continued lines joined.
fn header(letter: &str, name: &str) -> Option<String> {
    let head = letter.split("\n\n").next()?.replace("\n ", " ").replace("\n\t", " ");
    let start = format!("{}: ", name.to_lowercase());
    head.lines()
        .find(|line| line.to_lowercase().starts_with(&start))
        .map(|line| line[start.len()..].to_owned())
}

fn message_id(id: &impl std::fmt::Display) -> String {
    format!("<{id}@letters.quartermaster.invalid>")
}

/// What is wrong with a letter as it arrived.
fn faults(arrived: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut demand = |is_so: bool, what: &str| {
        if !is_so {
            faults.push(what.to_owned())
        }
    };
    let has = |name: &str, value: &str| header(arrived, name).is_some_and(|found| found.contains(value));
    demand(has("From", "quartermaster@mail.test"), "From");
    demand(has("To", TO), "To");
    demand(has("Subject", "[Quartermaster]") || has("Subject", "=?utf-8?"), "Subject");
    demand(has("Message-ID", "@letters.quartermaster.invalid>"), "Message-ID");
    demand(has("Auto-Submitted", "auto-generated"), "Auto-Submitted");
    demand(header(arrived, "Date").is_some(), "Date");
    demand(has("Received", "ESMTPS"), "it was not encrypted on its way");
    demand(has("Content-Type", "multipart/alternative"), "both forms");
    let is_referred = header(arrived, "References") == header(arrived, "In-Reply-To");
    demand(is_referred, "References and In-Reply-To differ");
    let text = arrived.find("Content-Type: text/plain").unwrap_or(usize::MAX);
    let html = arrived.find("Content-Type: text/html").unwrap_or(0);
    demand(text < html, "the text, and then the HTML");
    demand(arrived.is_ascii(), "bytes above 127");
    demand(arrived.lines().all(|line| line.len() <= 998), "a line is too long");
    faults
}

#[test]
fn each_letter_arrives_at_a_real_mail_server_whole_and_in_its_thread() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut postfix) = Postfix::start(folder.path()) else { return };
    let queued = letters(folder.path());
    let setting = postfix.setting();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (one, at) in &queued {
            let of = Envelope { id: &one.id, root: one.root.as_ref(), at: *at };
            let sent = mailer::send(&setting, &of, &letter::letter(one), TO).await;
            sent.unwrap_or_else(|error| panic!("{one:?}: {error:?}"));
        }
    });
    let arrived = postfix.letters("every letter", |letters| letters.len() == queued.len());
    let wrong =
        arrived.iter().flat_map(|one| faults(one).into_iter().map(move |fault| format!("{fault}:\n{one}")));
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (one, _) in &queued {
        let is_it = |letter: &&String| header(letter, "Message-ID").as_deref() == Some(&*message_id(&one.id));
        let threads = arrived.iter().filter(is_it).map(|letter| header(letter, "In-Reply-To"));
        let threads: Vec<_> = threads.collect();
        assert!(threads.contains(&one.root.as_ref().map(message_id)), "{one:?} is in {threads:?}");
    }
    let matters: BTreeSet<String> = queued
        .iter()
        .map(|(one, _)| match &one.content {
            Content::Alert(news) => serde_json::to_string(&news.matter).unwrap(),
            Content::Digest(_) => "digest".to_owned(),
        })
        .collect();
    println!("{} letters about {matters:?}", queued.len());
}

/// A daemon on a simulated cloud whose hours last a few seconds.
struct Site {
    _cloud: Running,
    daemon: Running,
    page: SocketAddr,
    key: PathBuf,
}

impl Site {
    /// `mail` is its section; `key` is what the daemon believes the key to be, at first.
    fn start(folder: &Path, mail: &str, key: Option<&str>) -> Self {
        let right = folder.join("right.key");
        let mut command = Command::new(PROGRAM);
        command.args(["sim", "serve", "--speed", "600", "--key-file"]).arg(&right);
        let mut cloud = Running::start(&mut command, "cloud", folder);
        let log = folder.join("cloud.log");
        let said = cloud.until("its settings", START, || {
            let text = fs::read_to_string(&log).ok()?;
            text.contains("epoch = ").then_some(text)
        });
        let settings = |from: &str| said.lines().find(|line| line.starts_with(from)).unwrap().to_owned();
        let used = folder.join("used.key");
        fs::write(&used, key.map_or_else(|| fs::read_to_string(&right).unwrap(), str::to_owned)).unwrap();
        fs::set_permissions(&used, fs::Permissions::from_mode(0o600)).unwrap();
        let page = SocketAddr::from(([127, 0, 0, 1], machine::free_port()));
        let text = format!(
            "mode = \"observe\"\nemail = [\"{TO}\"]\ndata_dir = {:?}\n[cloud]\n{}\nkey_file = {used:?}\n\
             [clock]\n{}\n{}\n[http]\nlisten = \"{page}\"\n{mail}\n[[policy]]\nname = \"often\"\n\
             machines = [\"*\"]\nschedule = \"0 * * * *\"\nmay_restart = true\n",
            folder.join("data"),
            settings("base_url"),
            settings("scale"),
            settings("epoch"),
        );
        let configuration = folder.join("qm.toml");
        fs::write(&configuration, text).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("run").arg("--config").arg(configuration);
        let mut daemon = Running::start(&mut command, "daemon", folder);
        daemon.until("its metrics", START, || {
            ask::read(page, "/metrics").ok().filter(|answer| answer.status == 200)
        });
        Self { _cloud: cloud, daemon, page, key: used }
    }
}

fn metric(page: SocketAddr, name: &str) -> Option<f64> {
    let answer = ask::read(page, "/metrics").ok()?;
    let line = answer.body.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.split(' ').nth(1)?.parse().ok()
}

#[test]
fn a_refused_key_is_told_by_letter_and_its_end_in_the_same_thread() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(mut postfix) = Postfix::start(folder) else { return };
    let mut site = Site::start(folder, &postfix.section(), Some("not-the-key-at-all"));
    let about = |letter: &&String| header(letter, "Subject").is_some_and(|subject| subject.contains("key"));
    let told = postfix.letters("a letter about the key", |all| all.iter().any(|one| about(&one)));
    let first = told.iter().find(about).unwrap();
    assert_eq!(header(first, "In-Reply-To"), None, "{first}");
    let root = header(first, "Message-ID").unwrap();
    fs::write(&site.key, fs::read_to_string(folder.join("right.key")).unwrap()).unwrap();
    site.daemon.signal("HUP");
    let ends = |letter: &&String| about(letter) && header(letter, "In-Reply-To").as_ref() == Some(&root);
    let told = postfix.letters("a letter about its end", |all| all.iter().any(|one| ends(&one)));
    assert!(told.iter().all(|one| faults(one).is_empty()), "{told:#?}");
    assert!(told.iter().all(|one| !one.contains("not-the-key-at-all")), "a key is in a letter");
    site.daemon.until("an empty tray", START, || {
        metric(site.page, "quartermaster_letters_waiting").filter(|waiting| *waiting == 0.0)
    });
    assert!(site.daemon.stop());
}

#[test]
fn a_mail_server_that_never_speaks_holds_up_no_pass() {
    let folder = tempfile::tempdir().unwrap();
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let mail = format!(
        "[mail]\nserver = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\nfrom = \"quartermaster@mail.test\"\n",
        mute.local_addr().unwrap().port()
    );
    let mut site = Site::start(folder.path(), &mail, Some("not-the-key-at-all"));
    let (_stream, _) = mute.accept().unwrap();
    let page = site.page;
    // The numbers on the page are those of the last pass that ended.
    site.daemon.until("a letter that waits", START, || {
        metric(page, "quartermaster_letters_waiting").filter(|waiting| *waiting > 0.0)
    });
    let passes = || metric(page, "quartermaster_passes_total").unwrap();
    let before = passes();
    site.daemon.until("five more passes", START, || Some(passes()).filter(|now| *now >= before + 5.0));
    assert!(metric(page, "quartermaster_letters_waiting").is_some_and(|waiting| waiting > 0.0));
}
