//! SIGINT and SIGTERM: of the daemon, of a demo and of a wait; the journal is whole, and nothing is half done.

use std::collections::BTreeSet;
use std::io::Read;

use super::*;
use crate::machine;

fn end(process: &mut Process, signal: &str) -> Option<i32> {
    let told = Command::new("kill").args([signal, &process.0.id().to_string()]).status().unwrap();
    assert!(told.success());
    process.0.wait().unwrap().code()
}

fn rows(data: &str) -> Vec<Value> {
    let exported = quartermaster(&["log", "export", "--data-dir", data]);
    assert!(exported.status.success(), "{:?}", told(&exported));
    let text = String::from_utf8(exported.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether it has said what to do at SIGINT and at SIGTERM: until then they end it.
fn listens(process: &Process) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    [2, 15].iter().all(|number| caught & (1 << (number - 1)) != 0)
}

/// The journal of a daemon that ended: whole, closed, and without a change whose outcome nobody wrote down.
fn is_whole(site: &Site) {
    let data = site.text("data");
    assert_eq!(told(&quartermaster(&["log", "verify", "--proofs", "--data-dir", &data])).0, 0);
    let ahead = site.path("data/journal.db-wal");
    assert!(!ahead.exists() || fs::metadata(ahead).unwrap().len() == 0, "it was not closed");
    assert!(!site.path("data/quartermaster.sock").exists());
    let rows = rows(&data);
    assert_eq!(rows.last().unwrap()["kind"], "stopped", "{:?}", rows.last());
    let of = |kind: &str| -> BTreeSet<String> {
        let bodies = rows.iter().filter(|row| row["kind"] == kind);
        let bodies = bodies.map(|row| serde_json::from_str::<Value>(row["body"].as_str().unwrap()).unwrap());
        let id = |body: &Value| match kind {
            "intended" => format!("{} {}", body["effect"]["id"], body["attempt"]),
            _ => format!("{} {}", body["effect"], body["attempt"]),
        };
        bodies.map(|body| id(&body)).collect()
    };
    let open: Vec<String> = of("intended").difference(&of("settled")).cloned().collect();
    assert!(open.is_empty(), "nobody knows what became of {open:?}");
}

/// The truth so far; a cloud that only just begins has written none yet.
fn judged(report: &str) -> Value {
    fs::read(report).ok().map_or(Value::Null, |bytes| serde_json::from_slice(&bytes).unwrap())
}

#[test]
fn a_daemon_ended_at_any_moment_leaves_no_change_half_done_and_the_next_one_doubles_none() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json").display().to_string();
    let (mut cloud, site) = simulated_as(&["--report", &report, "--machines", "4"], 3_600, "protect");
    let events = || status(&site).map_or(0, |status| status["head"]["seq"].as_u64().unwrap());
    let asked = || judged(&report)["changes_asked"].as_u64().unwrap_or(0);
    for (round, (signal, is_after_a_change)) in
        [("-INT", true), ("-TERM", true), ("-INT", false), ("-TERM", true), ("-INT", true), ("-TERM", false)]
            .into_iter()
            .enumerate()
    {
        let (seq, changes) = (events(), asked());
        let mut daemon = site.run();
        // The cloud's report may tell of the last daemon's change only now.
        until("its start", || events() > seq);
        match is_after_a_change {
            true => until("a change is asked for", || asked() > changes),
            false => until("events", || events() > seq + 40),
        }
        // Each a little later than the one before, so that they strike at different points of a pass.
        thread::sleep(Duration::from_millis(37 * round as u64));
        let began = Instant::now();
        assert_eq!(end(&mut daemon, signal), Some(0));
        // A change under way may take its last call's time, 45 s.
        assert!(began.elapsed() < Duration::from_secs(60), "{signal}: it took {:?}", began.elapsed());
        is_whole(&site);
    }
    // What the others began is found by one that lives for as long as it takes.
    let mut daemon = site.run();
    until("a good backup of every machine", || {
        status(&site).is_some_and(|status| {
            let shelves = status["shelves"].as_array().unwrap();
            shelves.len() == 4 && shelves.iter().all(|shelf| shelf["good"].as_u64() >= Some(1))
        })
    });
    assert_eq!(end(&mut daemon, "-TERM"), Some(0));
    is_whole(&site);
    assert_eq!(cloud.terminate(), 0);
    let judged = judged(&report);
    for what in ["duplicates", "unowned_deleted", "violations"] {
        assert_eq!(judged[what], 0, "{judged}");
    }
    assert!(judged["backups_taken"].as_u64() >= Some(4), "{judged}");
}

#[test]
fn a_demo_ended_in_the_middle_sums_up_what_was_and_its_journal_is_whole() {
    for (signal, hurry) in [("-INT", true), ("-TERM", true), ("-INT", false), ("-TERM", false)] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().display().to_string();
        let mut arguments = vec!["demo", "--data-dir", &data];
        arguments.extend_from_slice(if hurry { &["--for", "3650d", "--faults", "hostile"] } else { &[] });
        let mut demo = Process::start(&arguments);
        // Or a pipe that nobody reads would stop it once it is full.
        let mut out = demo.0.stdout.take().unwrap();
        let said = thread::spawn(move || {
            let mut said = String::new();
            out.read_to_string(&mut said).map(|_| said)
        });
        let has_events = || {
            let shown = quartermaster(&["status", "--data-dir", &data, "--json"]);
            serde_json::from_slice(&shown.stdout)
                .is_ok_and(|shown: Value| shown["head"]["seq"].as_u64() > Some(100))
        };
        until("events", has_events);
        assert_eq!(end(&mut demo, signal), Some(0), "{signal} {hurry}");
        let said = said.join().unwrap().unwrap();
        // Judged is what was done until then, and no end is asked of what is under way: how far a machine
        // came cannot make it unclean.
        assert!(said.trim_end().ends_with("no duplicate, no wrong delete, no rule broken."), "{said}");
        assert_eq!(told(&quartermaster(&["log", "verify", "--proofs", "--data-dir", &data])).0, 0);
    }
}

#[test]
fn a_wait_that_is_ended_says_that_what_was_asked_goes_on_and_it_does() {
    let listen = format!("127.0.0.1:{}", machine::free_port());
    let (mut cloud, site) = simulated_as(&["--listen", &listen], 120, "observe");
    let mut daemon = site.run();
    until("machines", || {
        status(&site).is_some_and(|status| !status["shelves"].as_array().unwrap().is_empty())
    });
    let machine = status(&site).unwrap()["shelves"][0]["machine"].as_str().unwrap().to_owned();
    // While it is gone nothing can be done, however long it takes until the signals are sent.
    assert_eq!(cloud.terminate(), 0);
    for signal in ["-INT", "-TERM"] {
        let path = site.text("qm.toml");
        let mut wait = Process::start(&["snapshots", "create", &machine, "--wait", "--config", &path]);
        let asked = |count: u64| {
            let rows = quartermaster(&[
                "log",
                "list",
                "--kind",
                "asked",
                "--json",
                "--data-dir",
                &site.text("data"),
            ]);
            let rows: Value = serde_json::from_slice(&rows.stdout).unwrap_or_default();
            rows["events"].as_array().is_some_and(|rows| rows.len() as u64 >= count)
        };
        until("it was asked", || asked(if signal == "-INT" { 1 } else { 2 }));
        until("it listens for signals", || listens(&wait));
        assert_eq!(end(&mut wait, signal), Some(1));
        let mut errors = String::new();
        wait.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        assert!(errors.contains("no longer waited for: ") && errors.contains("it goes on"), "{errors}");
    }
    let epoch = site.clock.lines().find_map(|line| line.strip_prefix("epoch = ")).unwrap();
    let _cloud = simulated_as(&["--listen", &listen, "--epoch", epoch], 120, "observe");
    let made = || -> usize {
        let list = ["snapshots", "list", "--policy", "none", "--state", "good", "--json", "--data-dir"];
        let listed = quartermaster(&[&list[..], &[&site.text("data")]].concat());
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        listed["snapshots"].as_array().map_or(0, Vec::len)
    };
    until("one is made all the same", || made() >= 1);
    until("both are made all the same", || made() >= 2);
    assert_eq!(end(&mut daemon, "-INT"), Some(0));
    is_whole(&site);
}

#[test]
fn a_simulated_cloud_and_a_daemon_that_waits_for_its_disk_end_alike() {
    for signal in ["-INT", "-TERM"] {
        let (mut cloud, site) = simulated(60, "observe");
        // A disk that is not mounted yet.
        symlink(site.path("disk/data"), site.path("data")).unwrap();
        let mut daemon = site.run();
        let out = BufReader::new(daemon.0.stderr.take().unwrap());
        let mut lines = out.lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("degraded: the journal cannot be written")));
        assert_eq!(end(&mut daemon, signal), Some(0));
        assert_eq!(end(&mut cloud, signal), Some(0));
    }
}
