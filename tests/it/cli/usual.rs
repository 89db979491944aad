//! Verbs that are told nothing, beside a daemon whose configuration is where `run` looks for it.

use super::rights::{Nobody, give, open};
use super::*;
use crate::machine;

/// The same command where this folder is `/etc`; nobody else sees it there.
fn where_etc_is(folder: &Path, command: &Command) -> Command {
    let mut elsewhere = Command::new("unshare");
    elsewhere.args(["--mount", "sh", "-c", "mount --bind \"$0\" /etc && exec \"$@\""]).arg(folder);
    elsewhere.arg(command.get_program()).args(command.get_args());
    elsewhere
}

#[test]
fn whoever_names_nothing_reaches_the_daemon_of_the_usual_configuration_wherever_it_is() {
    let Some(nobody) = Nobody::begin() else { return };
    let site = nobody.site();
    let (etc, file) = (site.path("etc"), site.path("etc/quartermaster/quartermaster.toml"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    for folder in [etc.clone(), etc.join("quartermaster")] {
        open(&folder, 0o755);
    }
    if !where_etc_is(&etc, &Command::new("true")).output().is_ok_and(|output| output.status.success()) {
        return machine::leave_out("this machine lets nobody mount, and so has no /etc of a test's own");
    }
    let path = site.configuration();
    let text = fs::read_to_string(&path).unwrap();
    let socket = site.text("run/given.sock");
    fs::write(&file, format!("{text}[http]\nlisten = \"off\"\n[socket]\npath = \"{socket}\"\n")).unwrap();
    open(&file, 0o644);
    give(&site.path("key"));
    // As the service does it: its journal is its own, and its socket also a group's.
    for (folder, mode) in [("data", 0o700), ("run", 0o755)] {
        fs::create_dir(site.path(folder)).unwrap();
        open(&site.path(folder), mode);
        give(&site.path(folder));
    }
    let log = fs::File::create(site.path("log")).unwrap();
    let mut run = nobody.command(&["run", "--config", &file.display().to_string()]);
    let mut daemon = Process(run.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    until("a socket", || Path::new(&socket).exists());

    let mut root = Command::new(PROGRAM);
    root.args(["freeze", "--reason", "an audit"]);
    let frozen = where_etc_is(&etc, &root).output().unwrap();
    assert!(String::from_utf8_lossy(&frozen.stdout).contains("(the daemon took it)"), "{frozen:?}");
    let mut root = Command::new(PROGRAM);
    root.args(["status", "--json"]);
    let shown = where_etc_is(&etc, &root).output().unwrap();
    assert_eq!(json(&shown)["frozen"]["reason"], "an audit");
    assert_eq!(told(&shown).1, "");

    // One who may use the socket, and not read the journal.
    std::os::unix::fs::chown(&socket, Some(0), Some(MEMBER)).unwrap();
    let mut member = Command::new("setpriv");
    member.args([format!("--reuid={MEMBER}"), format!("--regid={MEMBER}"), "--clear-groups".to_owned()]);
    member.arg(nobody.program()).args(["freeze", "--reason", "another audit"]);
    let frozen = where_etc_is(&etc, &member).output().unwrap();
    assert!(String::from_utf8_lossy(&frozen.stdout).contains("(the daemon took it)"), "{frozen:?}");

    // To whom the file is closed, it is said where is looked instead.
    open(&file, 0o640);
    let (code, said) = told(&where_etc_is(&etc, &member).output().unwrap());
    let warning = "/quartermaster.toml may not be read by this user: the journal is taken to be in \
                   /var/lib/quartermaster";
    assert!(code != 0 && said.starts_with("warning: /etc/") && said.contains(warning), "{code} {said}");
    assert_eq!(daemon.terminate(), 0);
}

/// A user and a group that own nothing.
const MEMBER: u32 = 65_533;
