//! The program as people and scripts meet it: exit codes, messages, documents, signals.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

mod alone;
mod codes;
mod doctor;
mod documents;
mod liars;
mod mail;
mod names;
mod reach;
mod reload;
mod hostile;
mod renewal;
mod rights;
mod served;
mod service;
mod signals;
mod site;
mod socket;
mod usual;
mod words;

use site::{
    KEY, PROGRAM, Process, Site, demo, json, quartermaster, simulated, simulated_as, status, told, until,
};

#[test]
fn every_fault_of_a_configuration_is_told_and_the_code_is_78() {
    let site = Site::new();
    let path = site.configuration();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("0 * * * *", "61 * * * *").replace("observe", "obey")).unwrap();
    for arguments in
        [&["check-config", &path][..], &["check-config", "--config", &path], &["run", "--config", &path]]
    {
        let (code, errors) = told(&quartermaster(arguments));
        assert_eq!(code, 78, "{errors}");
        assert!(errors.contains("qm.toml:1:8") && errors.contains("61 * * * *"), "{errors}");
        assert!(errors.contains("2 faults"), "{errors}");
    }
    assert_eq!(told(&quartermaster(&["check-config", "/nowhere.toml"])).0, 78);
}

#[test]
fn a_key_file_that_is_missing_empty_or_readable_by_others_is_refused_with_78() {
    let site = Site::new();
    let path = site.configuration();
    let refused = |expected: &str| {
        let (code, errors) = told(&quartermaster(&["run", "--config", &path]));
        assert_eq!(code, 78, "{errors}");
        assert!(errors.contains("error: read the key\n  because ") && errors.contains(expected), "{errors}");
        assert!(!errors.contains(KEY), "{errors}");
    };
    site.write_key(KEY, 0o604);
    refused("others can read it");
    site.write_key("", 0o600);
    refused("is empty");
    fs::remove_file(site.path("key")).unwrap();
    refused("cannot be read");
    assert!(!site.path("data").exists(), "a refused start must leave nothing behind");
}

#[test]
fn a_word_that_nobody_knows_is_a_usage_error_that_names_the_known_ones() {
    for (arguments, known) in [
        (["demo", "--faults", "rude"], "none, typical, hostile or swarm"),
        (["demo", "--dialect", "klingon"], "plain, no-unique-names, small-pages"),
        (["demo", "--for", "soon"], "1h 30m"),
    ] {
        let (code, errors) = told(&quartermaster(&arguments));
        assert_eq!(code, 2, "{errors}");
        assert!(errors.contains(known), "{errors}");
    }
    assert_eq!(told(&quartermaster(&[])).0, 2);
}

#[test]
fn a_demo_is_clean_repeats_itself_and_leaves_a_journal_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("1"), folder.path().join("2"));
    fs::create_dir(&first).unwrap();
    fs::write(first.join("note.txt"), "other files may be there").unwrap();
    let summary = demo(&first, "7");
    for (name, value) in [("schema_version", 1), ("simulated_seconds", 172_800), ("duplicates", 0)] {
        assert_eq!(summary[name], value, "{name} of {summary}");
    }
    assert_eq!(summary["unowned_deleted"], 0);
    assert_eq!(summary["invariant_violations"], 0);
    assert_eq!(
        (&summary["chain_ok"], &summary["letters"]),
        (&Value::Bool(true), &Value::from(1)),
        "the digest"
    );
    assert_eq!(summary["backups_taken"], 6);
    assert!(summary["faults_hit"].is_object());
    assert_eq!(summary["head"], demo(&second, "7")["head"]);

    let first = first.display().to_string();
    let (code, errors) = told(&quartermaster(&["demo", "--for", "1d", "--json", "--data-dir", &first]));
    assert_eq!(code, 2);
    assert!(errors.contains("holds a journal.db already"), "{errors}");
    let shown = quartermaster(&["status", "--data-dir", &first]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("SIMULATED"));
    let verified = json(&quartermaster(&["log", "verify", "--data-dir", &first, "--json"]));
    assert_eq!((&verified["ok"], &verified["head"]), (&Value::Bool(true), &summary["head"]));
}

#[test]
fn a_flipped_byte_is_found_and_so_is_a_head_that_is_not_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let summary = demo(folder.path(), "1");
    let directory = folder.path().display().to_string();
    let verify =
        |head: &str| told(&quartermaster(&["log", "verify", "--data-dir", &directory, "--head", head]));
    let (head, events) = (summary["head"].as_str().unwrap(), summary["journal_events"].as_u64().unwrap());
    assert_eq!(verify(&format!("{}@{events}", &head[..12])).0, 0);
    assert_eq!(verify(&format!("{}@{}", &head[..12], events - 1)).0, 3);
    assert_eq!(verify(&format!("{}@{}", &head[..12], events + 1)).0, 3);

    let path = folder.path().join("journal.db");
    let mut bytes = fs::read(&path).unwrap();
    // It stands in events only, not in what is folded from them.
    let sought = b"\"endpoint\"".as_slice();
    // All of them, since some may lie in unused space.
    let places: Vec<usize> =
        (0..bytes.len() - sought.len()).filter(|at| bytes[*at..].starts_with(sought)).collect();
    places.iter().for_each(|at| bytes[*at] ^= 1);
    fs::write(&path, bytes).unwrap();
    let output = quartermaster(&["log", "verify", "--data-dir", &directory, "--json"]);
    let (code, errors) = told(&output);
    assert_eq!(code, 3, "{errors}");
    assert!(errors.contains("because row "), "{errors}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["ok"], false);
    assert!(document["finding"]["place"].as_str().unwrap().starts_with("row "), "{document}");
}

#[test]
fn what_is_asked_while_no_daemon_runs_is_judged_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path(), "1");
    let directory = folder.path().display().to_string();
    let ask = |arguments: &[&str]| {
        let output = quartermaster(&[arguments, &["--data-dir", &directory]].concat());
        (told(&output), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let shown = || json(&quartermaster(&["status", "--data-dir", &directory, "--json"]));
    assert_eq!(ask(&["thaw"]).0, (1, "error: no freeze is in force\n".to_owned()));
    assert_eq!(ask(&["freeze", "--for", "2d", "--reason", "an audit"]).0.0, 0);
    assert_eq!(shown()["frozen"]["reason"], "an audit");
    assert_eq!(ask(&["thaw"]).0.0, 0);
    assert_eq!(shown()["frozen"], Value::Null);
    assert_eq!(ask(&["freeze", "--for", "99d", "--reason", "too long"]).0.0, 1);
    for reason in ["", " ", &"x".repeat(1_001)] {
        assert_eq!(ask(&["freeze", "--reason", reason]).0.0, 2);
    }
    let newest = shown()["shelves"][0]["newest_good"]["backup"].as_str().unwrap().to_owned();
    assert_eq!(
        ask(&["pin", &newest]),
        (
            (0, String::new()),
            format!("pinned {newest}\n(no daemon runs: it was written into the journal itself)\n")
        )
    );
    assert_eq!(ask(&["unpin", &newest]).0.0, 0);
    let list = json(&quartermaster(&["snapshots", "list", "--data-dir", &directory, "--json"]));
    let of_newest = |one: &&Value| one["backup"] == newest.as_str();
    let snapshot = list["snapshots"].as_array().unwrap().iter().find(of_newest).unwrap()["snapshot"].clone();
    for named in [newest.as_str(), snapshot.as_str().unwrap()] {
        let (code, said) = ask(&["plan", "approve", named]).0;
        assert!(code == 1 && said.starts_with(&format!("error: {newest} is not doomed")), "{named}: {said}");
    }
    let nothing = (1, "error: no backup waits for approval\n".to_owned());
    assert_eq!(ask(&["plan", "approve", "--all"]).0, nothing);
    let hostile = ask(&["pin", "a\x1b[2Jb"]).0.1;
    assert_eq!(hostile, "error: a\\u{1b}[2Jb is not a backup in this journal\n");
    assert_eq!(ask(&["adopt", "BRK-1S"]).0.0, 1);
    assert_eq!(told(&quartermaster(&["log", "verify", "--data-dir", &directory])).0, 0);
}

#[test]
fn a_data_dir_that_can_never_be_one_ends_the_start_with_one_sentence() {
    let site = Site::new();
    let path = site.configuration();
    let directory = site.text(&"x".repeat(300));
    let run = ["60", PROGRAM, "run", "--config", &path, "--data-dir", &directory];
    let (code, errors) = told(&Command::new("timeout").args(run).output().unwrap());
    assert_eq!(code, 78, "{errors}");
    let why = format!("error: data_dir {directory} can never hold a journal: its name is too long");
    assert!(errors.contains(&why), "{errors}");
    assert!(!errors.contains("degraded"), "{errors}");
    fs::write(site.path("file"), "").unwrap();
    fs::create_dir(site.path("folder")).unwrap();
    symlink(site.path("file"), site.path("folder/link")).unwrap();
    let (file, below) = (site.text("file"), site.text("file/journals"));
    let linked = site.text("folder/link/journals");
    for (directory, why) in [
        (&*file, format!("{file} is no folder")),
        (&below, format!("{file} is no folder")),
        (&linked, format!("{file} is no folder")),
        ("/dev/null", "/dev/null is no folder".to_owned()),
        ("/proc", "below /proc the kernel shows itself".to_owned()),
        ("/proc/journals", "below /proc the kernel shows itself".to_owned()),
        ("/sys/kernel/journals", "below /sys the kernel shows itself".to_owned()),
    ] {
        let run = ["60", PROGRAM, "run", "--config", &path, "--data-dir", directory];
        let (code, errors) = told(&Command::new("timeout").args(run).output().unwrap());
        assert_eq!(code, 78, "{errors}");
        let why = format!("error: data_dir {directory} can never hold a journal: {why}");
        assert!(errors.contains(&why) && !errors.contains("degraded"), "{errors}");
    }
    let text = fs::read_to_string(&path).unwrap().replace(&site.text("data"), &below);
    fs::write(&path, text).unwrap();
    let doctor = quartermaster(&["doctor", "--config", &path, "--out", &site.text("out.toml")]);
    let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        found.contains(&format!("FAIL data_dir: {below} can never hold a journal: {file} is no folder")),
        "{found}"
    );
    assert_eq!(fs::read(site.path("file")).unwrap(), b"");
}

#[test]
fn without_a_journal_read_verbs_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().display().to_string();
    for (verb, expected) in
        [(&["status"][..], 1), (&["status", "--check"], 3), (&["log", "verify"], 3), (&["thaw"], 1)]
    {
        let (code, errors) = told(&quartermaster(&[verb, &["--data-dir", &directory]].concat()));
        assert_eq!(code, expected, "{verb:?}: {errors}");
        assert!(errors.starts_with("error: there is no journal at "), "{errors}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_watched_demo_speaks_at_once_and_ends_with_a_summary_or_with_its_reader() {
    let mut demo = Process::start(&["demo", "--seed", "3"]);
    let lines = demo.lines(9);
    assert!(lines[0].contains("SIMULATED cloud"), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("asked     ")), "{lines:?}");
    // What `lines` read goes with its buffer, and the pipe with the process's handle.
    drop(demo.0.stdout.take());
    assert_eq!(demo.0.wait().unwrap().code(), Some(0));

    let mut demo = Process::start(&["demo"]);
    assert_eq!(demo.lines(6).len(), 6);
    let pid = demo.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let rest: Vec<String> =
        BufReader::new(demo.0.stdout.take().unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(demo.0.wait().unwrap().code(), Some(0));
    assert!(rest.last().unwrap().starts_with("By the cloud's truth: no duplicate"), "{rest:?}");
}

#[test]
fn the_daemon_observes_unless_told_otherwise_and_a_second_one_is_refused() {
    let (_cloud, site) = simulated(3_600, "observe");
    let mut daemon = site.run();
    until("a complete look", || status(&site).is_some_and(|status| !status["balance"]["USD"].is_null()));
    let second = told(&quartermaster(&["run", "--config", &site.text("qm.toml")]));
    assert_eq!(second.0, 75, "{}", second.1);
    assert!(second.1.contains("one journal has one writer"), "{}", second.1);
    let (code, errors) = told(&quartermaster(&["thaw", "--data-dir", &site.text("data")]));
    assert_eq!((code, errors.as_str()), (1, "error: no freeze is in force\n"), "the daemon judges it");
    let shown = quartermaster(&["status", "--config", &site.text("qm.toml")]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("OBSERVING: nothing is backed up"));
    assert_eq!(fs::metadata(site.path("data")).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn the_daemon_takes_backups_stops_cleanly_and_goes_on_where_it_was() {
    let (mut cloud, site) = simulated(3_600, "protect");
    let good = || {
        status(&site).is_some_and(|status| {
            let shelves = status["shelves"].as_array().unwrap();
            !shelves.is_empty() && shelves.iter().all(|shelf| shelf["good"].as_u64() >= Some(1))
        })
    };
    let mut daemon = site.run();
    until("a good backup of each machine", good);
    // Its clock is more than half an hour ahead of ours by now, and nothing but its journal tells us so.
    let freeze = ["freeze", "--for", "30m", "--reason", "an audit", "--data-dir", &site.text("data")];
    assert_eq!(told(&quartermaster(&freeze)), (0, String::new()));
    assert_eq!(daemon.terminate(), 0);
    let path = site.path("data").join("journal.db-wal");
    assert!(!path.exists() || fs::metadata(path).unwrap().len() == 0, "a clean stop leaves no log ahead");
    let before = status(&site).unwrap()["head"]["seq"].as_u64();
    let mut daemon = site.run();
    until("a new event", || status(&site).unwrap()["head"]["seq"].as_u64() > before);
    assert_eq!(daemon.terminate(), 0);
    assert_eq!(told(&quartermaster(&["log", "verify", "--data-dir", &site.text("data")])).0, 0);
    assert_eq!(cloud.terminate(), 0);
}

#[test]
fn a_cloud_that_never_answers_does_not_hold_the_end_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut site = Site::new();
    site.port = silent.local_addr().unwrap().port();
    let text = fs::read_to_string(site.configuration()).unwrap();
    fs::write(site.text("qm.toml"), text.replace("key_file = ", "timeout = \"10m\"\nkey_file = ")).unwrap();
    let mut daemon = Process::start(&["run", "--config", &site.text("qm.toml")]);
    // It stays open, unanswered; the call would wait for ten minutes.
    let _conversation = silent.accept().unwrap();
    let began = Instant::now();
    assert_eq!(daemon.terminate(), 0);
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
}

#[test]
fn a_journal_of_a_simulation_is_no_journal_for_the_daemon() {
    let site = Site::new();
    demo(&site.path("data"), "1");
    let (code, errors) = told(&quartermaster(&["run", "--config", &site.configuration()]));
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("holds the events of a simulated cloud"), "{errors}");
}

#[test]
fn what_the_simulated_cloud_prints_is_a_whole_configuration_and_its_daemon_takes_backups() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sim.toml");
    let mut command = Command::new(PROGRAM);
    command.args(["sim", "serve", "--listen", "0.0.0.0:0", "--seed", "1", "--speed", "3600"]);
    let file = fs::File::create(&path).unwrap();
    let mut cloud = Process(command.stdout(file).stderr(Stdio::piped()).spawn().unwrap());
    until("a configuration", || fs::read_to_string(&path).unwrap().contains("[policy.retention]"));
    // The page of another daemon may be open on this machine.
    let text = fs::read_to_string(&path).unwrap() + "[http]\nlisten = \"off\"\n";
    let data = text.split("data_dir = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(!Path::new(data).exists(), "another simulation's past");
    fs::write(&path, &text).unwrap();
    let path = path.display().to_string();
    assert_eq!(told(&quartermaster(&["check-config", &path])), (0, String::new()));
    let mut daemon = Process::start(&["run", "--config", &path]);
    let shown = || {
        let output = quartermaster(&["status", "--json", "--config", &path]);
        serde_json::from_slice::<Value>(&output.stdout).ok()
    };
    until("a good backup of each machine", || {
        shown().is_some_and(|status| {
            let shelves = status["shelves"].as_array().unwrap();
            shelves.len() == 3 && shelves.iter().all(|shelf| shelf["good"].as_u64() >= Some(1))
        })
    });
    assert_eq!((daemon.terminate(), cloud.terminate()), (0, 0));
    fs::remove_dir_all(data).unwrap();
}

#[test]
fn the_judgement_of_the_simulated_cloud_can_be_read_while_it_lives_and_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut cloud = Process::start(&["sim", "serve", "--json", "--report", report.to_str().unwrap()]);
    let judged = || fs::read(&report).ok().map(|bytes| serde_json::from_slice::<Value>(&bytes).unwrap());
    until("a report", || judged().is_some_and(|judged| judged["violations"] == 0));
    assert_eq!(cloud.terminate(), 0);
    let last: Value = serde_json::from_reader(cloud.0.stdout.take().unwrap()).unwrap();
    for name in ["duplicates", "unowned_deleted", "backups_taken", "backups_deleted", "api_calls"] {
        assert_eq!(last[name], 0, "{name}");
    }
}
