//! What people ask of a running daemon, and what becomes of it: over the socket, from the verb to the cloud.

use quartermaster::domain::ask::Ask;
use quartermaster::domain::event::{Asked, Event};
use quartermaster::journal::entry::Seq;
use quartermaster::journal::reader::Reader;
use quartermaster::journal::record;

use super::*;
use crate::machine;

fn verb(site: &Site, arguments: &[&str]) -> (i32, String) {
    let output = quartermaster(&[arguments, &["--config", &site.text("qm.toml")]].concat());
    // What it waits for comes before what it comes to.
    let said = [&output.stderr[..], &output.stdout].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

fn asked(site: &Site) -> Vec<Asked> {
    let reader = Reader::open(&site.path("data")).unwrap();
    let rows = reader.read(Seq::START, 100_000).unwrap();
    let events = rows.iter().map(|row| record::decode(row).unwrap().event);
    events.filter_map(|event| if let Event::Asked(asked) = event { Some(asked) } else { None }).collect()
}

fn own_uid() -> u32 {
    std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap())
}

#[test]
fn a_running_daemon_takes_what_is_asked_and_does_it() {
    let (_cloud, site) = simulated(3_600, "protect");
    let mut daemon = site.run();
    until("a good backup", || {
        status(&site).is_some_and(|status| status["shelves"][0]["good"].as_u64() >= Some(1))
    });
    let machine = status(&site).unwrap()["shelves"][0]["machine"].as_str().unwrap().to_owned();

    let (code, said) = verb(&site, &["freeze", "--for", "2d", "--reason", "an audit"]);
    assert!(
        code == 0 && said.contains("deletions are frozen until") && said.contains("(the daemon took it)")
    );
    assert_eq!(status(&site).unwrap()["frozen"]["reason"], "an audit");
    assert_eq!(verb(&site, &["thaw", "--yes"]).0, 0);
    assert_eq!(verb(&site, &["thaw"]), (1, "error: no freeze is in force\n".to_owned()));
    let asks = asked(&site);
    assert!(matches!(asks[..], [Asked { ask: Ask::Freeze { .. }, .. }, Asked { ask: Ask::Thaw, .. }]));
    assert!(asks.iter().all(|asked| asked.uid == own_uid()));

    let (code, said) = verb(&site, &["snapshots", "create", &machine, "--wait"]);
    assert!(code == 0 && said.ends_with(" is a good backup\n"), "{code} {said}");
    let made = said.lines().last().unwrap().split(' ').next().unwrap().to_owned();
    let (code, said) = verb(&site, &["policies", "run", "often", "--machine", &machine, "--wait"]);
    assert!(code == 0 && said.ends_with(" is a good backup\n"), "{code} {said}");
    let delete = ["snapshots", "delete", &made, "--reason", "too dear", "--wait", "--override", "caps"];
    let (code, said) = verb(&site, &delete);
    assert!(code == 2 && said.contains("needs the backup's name typed once more"), "{said}");
    let (code, said) = verb(&site, &[&delete[..], &["--name", "another"]].concat());
    assert!(code == 2 && said.contains("nothing was asked for"), "{said}");
    let (code, said) = verb(&site, &[&delete[..], &["--name", &made]].concat());
    assert!(code == 0 && said.ends_with(&format!("{made} is deleted\n")), "{code} {said}");

    assert_eq!(verb(&site, &["policies", "run", "nobody"]).0, 1);
    assert_eq!(verb(&site, &["snapshots", "create", "BRK-9D", "--wait"]).0, 1);
    assert_eq!(verb(&site, &["plan", "approve", "--all"]).1, "error: no backup waits for approval\n");
    assert_eq!(daemon.terminate(), 0);
    assert_eq!(told(&quartermaster(&["log", "verify", "--data-dir", &site.text("data")])).0, 0);
}

#[test]
fn after_a_kill_the_journal_takes_it_and_the_next_daemon_listens_again() {
    let (_cloud, site) = simulated(60, "observe");
    let mut daemon = site.run();
    until("a machine", || status(&site).is_some_and(|status| !status["balance"]["USD"].is_null()));
    let socket = site.path("data/quartermaster.sock");
    daemon.0.kill().unwrap();
    daemon.0.wait().unwrap();
    assert!(socket.exists(), "it had no time to remove its socket");
    let (code, said) = verb(&site, &["freeze", "--reason", "an audit"]);
    assert!(code == 0 && said.contains("(no daemon runs: "), "{said}");
    let (code, said) = verb(&site, &["snapshots", "create", "BRK-1D"]);
    assert!(code == 4 && said.contains("no daemon listens at "), "{said}");
    let (code, said) = verb(&site, &["policies", "run", "often"]);
    assert!(code == 4 && said.contains("no daemon listens at "), "{said}");

    let mut daemon = site.run();
    // A verb that writes the journal itself would be in the way of one that only starts.
    until("the next one", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    assert!(verb(&site, &["pause"]).1.contains("(the daemon took it)"));
    // A second one is sent away, and the first keeps its socket.
    let (code, errors) = told(&quartermaster(&["run", "--config", &site.text("qm.toml")]));
    assert!(code == 75 && errors.contains("another process holds "), "{code} {errors}");
    assert!(!errors.contains("there is no page"), "what it says is about the daemon that runs: {errors}");
    let (code, said) = verb(&site, &["pause"]);
    assert!(code == 0 && said.contains("(the daemon took it)"), "{said}");
    assert_eq!(daemon.terminate(), 0);
    assert!(!socket.exists());
}

#[test]
fn a_key_that_the_cloud_refuses_ends_waiting_with_77() {
    // A port that nobody else is given between the two clouds.
    let listen = format!("127.0.0.1:{}", machine::free_port());
    let (mut cloud, site) = simulated_as(&["--listen", &listen], 3_600, "protect");
    let mut daemon = site.run();
    until("a good backup", || {
        status(&site).is_some_and(|status| status["shelves"][0]["good"].as_u64() >= Some(1))
    });
    let machine = status(&site).unwrap()["shelves"][0]["machine"].as_str().unwrap().to_owned();
    cloud.terminate();
    let other = site.text("other");
    fs::write(&other, "another-key").unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
    let mut cloud =
        Process::start(&["sim", "serve", "--listen", &listen, "--speed", "3600", "--key-file", &other]);
    cloud.lines(8);
    let (code, said) = verb(&site, &["policies", "run", "often", "--machine", &machine, "--wait"]);
    assert!(code == 77 && said.contains("the cloud refuses the key (HTTP 40"), "{code} {said}");
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn where_the_key_was_never_taken_a_backup_by_hand_says_so_and_ends_with_77() {
    let (_cloud, site) = simulated(3_600, "protect");
    site.write_key("another-key", 0o600);
    let mut daemon = site.run();
    let is_refused =
        |status: Value| status["stops"].as_array().unwrap().iter().any(|stop| stop["kind"] == "key_refused");
    until("the refusal", || status(&site).is_some_and(is_refused));
    let path = site.text("qm.toml");
    let shown = quartermaster(&["status", "--config", &path]);
    let doctor = format!("tells `quartermaster doctor --config {path} --api`");
    assert!(String::from_utf8_lossy(&shown.stdout).contains(&doctor), "{shown:?}");
    for asked in [
        &["snapshots", "create", "trainer-1"][..],
        &["policies", "run", "often", "--machine", "trainer-1"],
        &["policies", "run", "often"],
    ] {
        let (code, said) = verb(&site, asked);
        assert_eq!(code, 77, "{asked:?}: {said}");
        assert!(said.starts_with("error: the cloud refuses the key (HTTP 40"), "{said}");
        assert!(said.contains(": put the right one into the key file"), "{said}");
    }
    assert!(asked(&site).is_empty());
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn whoever_the_sockets_rights_keep_out_is_told_so_with_4() {
    if own_uid() != 0 {
        machine::skip("only root can become another");
        return;
    }
    let (_cloud, site) = simulated(60, "observe");
    let mut daemon = site.run();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("quartermaster");
    fs::copy(PROGRAM, &copy).unwrap();
    fs::set_permissions(site.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    until("the socket", || site.path("data/quartermaster.sock").exists());
    let nobody = || {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy);
        command.args(["pause", "--data-dir", &site.text("data")]);
        told(&command.output().unwrap())
    };
    let (code, said) = nobody();
    assert!(code == 4 && said.contains("Permission denied"), "{said}");
    fs::set_permissions(site.path("data"), fs::Permissions::from_mode(0o755)).unwrap();
    let (code, said) = nobody();
    assert!(code == 4 && said.contains("Permission denied"), "{said}");
    assert!(asked(&site).is_empty());
    assert_eq!(daemon.terminate(), 0);
}
