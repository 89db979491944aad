//! SIGHUP: the daemon reads its file again, keeps the old one where the new one is refused, and lives.

use quartermaster::journal::entry::Seq;
use quartermaster::journal::reader::Reader;

use super::*;

fn hang_up(process: &Process) {
    let sent = Command::new("kill").args(["-HUP", &process.0.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// How many events of each of these kinds are in the journal.
fn count(site: &Site, kind: &str) -> usize {
    let reader = Reader::open(&site.path("data")).unwrap();
    let rows = reader.read(Seq::START, 10_000).unwrap();
    rows.iter().filter(|row| row.entry.kind == kind).count()
}

#[test]
fn a_refused_file_is_named_so_that_it_is_found_from_any_folder() {
    let (_cloud, site) = simulated(60, "observe");
    site.configuration();
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--config", "qm.toml"]).current_dir(site.path("."));
    let mut daemon = Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("a daemon", || status(&site).is_some_and(|status| status["daemon_runs"] == true));
    fs::write(site.path("qm.toml"), "mode = \"protekt\"\n").unwrap();
    hang_up(&daemon);
    until("the refusal", || status(&site).is_some_and(|status| !status["refused_file"].is_null()));
    assert_eq!(status(&site).unwrap()["refused_file"]["file"], site.text("qm.toml").as_str());
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_reload_adopts_a_good_file_and_keeps_the_old_one_beside_a_refused_one() {
    let (_cloud, mut site) = simulated(60, "observe");
    let mut daemon = site.run();
    until("a complete look", || status(&site).is_some_and(|status| !status["balance"]["USD"].is_null()));

    let good = fs::read_to_string(site.path("qm.toml")).unwrap();
    let broken = good.replace("mode = \"observe\"", "mode = \"protekt\"").replace("0 * * * *", "0 0 30 2 *");
    let broken = broken.replace("[clock]", "colour = 1\n[clock]");
    fs::write(site.path("qm.toml"), broken).unwrap();
    hang_up(&daemon);
    until("the refusal", || status(&site).is_some_and(|status| !status["refused_file"].is_null()));
    let shown = status(&site).unwrap();
    let faults: Vec<&str> =
        shown["refused_file"]["faults"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let contain = |place: usize, words| faults[place].contains(words);
    assert!(faults.len() == 3 && contain(0, "protekt") && contain(2, "no day"), "{faults:?}");
    // All of it stands in the document, and on the line of a page no more than leads there.
    assert!(contain(1, "cloud.colour: unknown setting; known here: base_url, "), "{faults:?}");
    let text = quartermaster(&["status", "--data-dir", &site.text("data")]).stdout;
    let text = String::from_utf8(text).unwrap();
    let words = format!("; 3 faults: quartermaster check-config {}", site.text("qm.toml"));
    assert!(text.contains(&words) && !text.contains("known here"), "{text}");
    assert_eq!((shown["mode"].as_str(), count(&site, "policies_adopted")), (Some("observe"), 1));

    site.mode = "protect";
    site.configuration();
    hang_up(&daemon);
    until("the new mode", || status(&site).is_some_and(|status| status["mode"] == "protect"));
    assert!(status(&site).unwrap()["refused_file"].is_null());
    assert_eq!(count(&site, "policies_adopted"), 2);

    hang_up(&daemon);
    until("the third reading", || count(&site, "reloaded") == 3);
    assert_eq!(count(&site, "policies_adopted"), 2, "adopted only where something changed");

    fs::remove_file(site.path("key")).unwrap();
    hang_up(&daemon);
    until("the refused key", || status(&site).is_some_and(|status| !status["refused_file"].is_null()));
    assert_eq!(daemon.terminate(), 0);
    let mut log = String::new();
    std::io::Read::read_to_string(daemon.0.stderr.as_mut().unwrap(), &mut log).unwrap();
    assert!(log.contains("configuration refused") && log.contains("protekt"), "{log}");
    assert!(log.contains("; 3 faults: quartermaster check-config ") && !log.contains("known here"), "{log}");
    assert!(!log.contains(KEY), "{log}");

    // A file that is refused starts nothing: whoever starts has a good one.
    site.write_key(KEY, 0o600);
    let mut daemon = site.run();
    until("a start", || status(&site).is_some_and(|status| status["refused_file"].is_null()));
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn what_waits_for_a_restart_is_named_everywhere_until_there_was_one() {
    let (_cloud, site) = simulated(60, "observe");
    let mut daemon = site.run();
    until("a complete look", || status(&site).is_some_and(|status| !status["balance"]["USD"].is_null()));
    let plain = fs::read_to_string(site.path("qm.toml")).unwrap();
    let more = "[http]\nlisten = \"off\"\n[journal]\nfree_space_mib = 1\n[[policy]]";
    fs::write(site.path("qm.toml"), plain.replacen("[[policy]]", more, 1)).unwrap();
    let waiting = || status(&site).map(|status| status["restart_needed"].clone()).unwrap_or_default();
    hang_up(&daemon);
    let both = Value::from(vec!["http.listen", "journal.free_space_mib"]);
    until("the settings that wait", || waiting() == both);
    let path = site.text("qm.toml");
    let shown = quartermaster(&["status", "--check", "--config", &path]);
    let (text, (code, found)) = (String::from_utf8_lossy(&shown.stdout).into_owned(), told(&shown));
    let said = "needed for http.listen, journal.free_space_mib";
    assert!(code == 3 && text.contains(&format!("RESTART    {said}")), "{text}");
    assert!(found.contains(&format!("a restart is {said}")), "{found}");
    // What a refused file would want is not known, and what waits goes on waiting.
    fs::write(site.path("qm.toml"), "mode = 7").unwrap();
    hang_up(&daemon);
    until("the refusal", || status(&site).is_some_and(|status| !status["refused_file"].is_null()));
    assert_eq!(waiting(), both);
    // As it was: nothing waits. Edited again, and started anew: neither.
    fs::write(site.path("qm.toml"), &plain).unwrap();
    hang_up(&daemon);
    until("the old file", || waiting() == Value::Array(Vec::new()));
    fs::write(site.path("qm.toml"), plain.replacen("[[policy]]", more, 1)).unwrap();
    hang_up(&daemon);
    until("the edit again", || waiting() == both);
    assert_eq!(daemon.terminate(), 0);
    let mut log = String::new();
    std::io::Read::read_to_string(daemon.0.stderr.as_mut().unwrap(), &mut log).unwrap();
    assert!(log.contains(&format!("a restart is {said}")), "{log}");
    let mut again = Process::start(&["run", "--config", &path]);
    until("the next start", || waiting() == Value::Array(Vec::new()));
    assert_eq!(again.terminate(), 0);
}
