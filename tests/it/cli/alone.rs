//! Verbs without a daemon, or with a configuration that is at fault: what they say, and what still works.

use std::fs;

use super::{Process, Site, json, quartermaster, status, told, until};

/// A real journal in a folder of its own, whose daemon ran and ended.
fn left_alone() -> Site {
    let site = Site::new();
    let mut daemon = site.run();
    until("a journal with a daemon", || status(&site).is_some_and(|status| status["daemon_runs"] == true));
    let data = site.text("data");
    let said = String::from_utf8(quartermaster(&["status", "--data-dir", &data]).stdout).unwrap();
    assert!(!said.contains("NO DAEMON"), "{said}");
    assert_eq!(daemon.terminate(), 0);
    site
}

#[test]
fn without_a_daemon_status_and_plan_say_so_and_a_check_finds_it() {
    let site = left_alone();
    let data = site.text("data");
    let text = |verb: &[&str]| {
        String::from_utf8(quartermaster(&[verb, &["--data-dir", &data]].concat()).stdout).unwrap()
    };
    let line = "NO DAEMON: none is at work on this journal: nothing is backed up or deleted until one is";
    for verb in [&["status"][..], &["plan"], &["explain", "often"]] {
        assert!(text(verb).lines().next() == Some(line), "{}", text(verb));
    }
    let document = json(&quartermaster(&["status", "--json", "--data-dir", &data]));
    assert_eq!(
        (&document["daemon_runs"], &document["stops"][0]["kind"]),
        (&false.into(), &"no_daemon".into())
    );
    let (code, said) = told(&quartermaster(&["status", "--check", "--data-dir", &data]));
    assert!(code == 3 && said.contains("no daemon is at work on this journal"), "{code} {said}");
}

#[test]
fn a_fault_in_the_configuration_stops_a_start_and_neither_a_freeze_nor_a_status() {
    let site = left_alone();
    let file = site.configuration();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("mood = 1\n{text}window = 7\n")).unwrap();
    let (code, said) = told(&quartermaster(&["freeze", "--reason", "look first", "--config", &file]));
    assert_eq!(code, 0, "{said}");
    let used = format!(
        "qm.toml has 2 faults, and is read only for where the journal is, which is {}",
        site.text("data")
    );
    assert!(said.contains(&used), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let shown = quartermaster(&["status", "--config", &file]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("FROZEN since "), "{shown:?}");
    for verb in [&["pause"][..], &["log", "list"], &["snapshots", "list"], &["costs"], &["plan"]] {
        let (code, said) = told(&quartermaster(&[verb, &["--config", &file]].concat()));
        assert_eq!((code, said.lines().count()), (0, 1), "{verb:?}: {said}");
    }
    for verb in [&["run"][..], &["doctor"], &["test-email"]] {
        let (code, said) = told(&quartermaster(&[verb, &["--config", &file]].concat()));
        assert!(code == 78 && said.contains("2 faults: the configuration is refused"), "{code} {said}");
    }
}

#[test]
fn a_file_that_does_not_tell_where_the_journal_is_names_the_way_around_it() {
    let site = left_alone();
    let (file, data) = (site.configuration(), site.text("data"));
    let text = fs::read_to_string(&file).unwrap();
    for broken in [format!("{text}x =\n"), text.replace("data_dir", "data_dri")] {
        fs::write(&file, broken).unwrap();
        let (code, said) = told(&quartermaster(&["freeze", "--reason", "x", "--config", &file]));
        assert!(code == 78 && said.contains("is found all the same with --data-dir DIR"), "{code} {said}");
        let with = ["freeze", "--reason", "x", "--config", &file, "--data-dir", &data];
        let (code, said) = told(&quartermaster(&with));
        let warned = format!("is refused, and --data-dir {data} counts alone");
        assert!(code == 0 && said.contains(&warned), "{code} {said}");
    }
}

#[test]
fn a_data_dir_that_is_not_the_configurations_is_not_asked_of_the_configurations_daemon() {
    let (mut a, b) = (Site::new(), left_alone());
    let data = b.text("data");
    a.clock = format!("[socket]\npath = \"{}\"\n", a.text("a.sock"));
    let mut daemon = a.run();
    until("the socket of A", || a.path("a.sock").exists());
    let file = a.text("qm.toml");
    let read = quartermaster(&["status", "--json", "--config", &file, "--data-dir", &data]);
    assert_eq!(json(&read)["daemon_runs"], false);
    let freeze = ["freeze", "--reason", "look first", "--config", &file, "--data-dir", &data];
    let output = quartermaster(&freeze);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("no daemon runs"), "{:?}", told(&output));
    let frozen =
        |data: &str| json(&quartermaster(&["status", "--json", "--data-dir", data]))["frozen"].clone();
    assert!(frozen(&a.text("data")).is_null() && frozen(&data).is_object());
    // However its own folder is spelt, it is asked at its own socket.
    let own = ["freeze", "--reason", "x", "--config", &file, "--data-dir", &a.text("data/../data")];
    let output = quartermaster(&own);
    assert!(String::from_utf8_lossy(&output.stdout).contains("the daemon took it"), "{:?}", told(&output));
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_look_at_whether_a_daemon_runs_keeps_none_from_starting() {
    let site = left_alone();
    let data = site.text("data");
    let mut looks: Vec<Process> =
        (0..8).map(|_| Process::start(&["status", "--check", "--data-dir", &data])).collect();
    let mut daemon = site.run();
    until("the daemon", || status(&site).is_some_and(|status| status["daemon_runs"] == true));
    looks.iter_mut().for_each(|look| drop(look.0.wait()));
    assert_eq!(daemon.terminate(), 0);
}
