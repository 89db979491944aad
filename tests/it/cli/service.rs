//! The daemon under a service manager: what it tells it, what it gets from it, and the units as shipped.

use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::{Arc, Mutex};

use super::rights::{Nobody, give, open};
use super::*;
use crate::machine;

const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/systemd");

/// Whether a tool of the service manager is there; said where it is not.
fn has(tool: &str) -> bool {
    let has = Command::new(tool).arg("--version").output().is_ok_and(|output| output.status.success());
    if !has {
        machine::skip(&format!("there is no {tool}"));
    }
    has
}

/// What a daemon tells the manager of services.
struct Notices {
    place: PathBuf,
    heard: Arc<Mutex<Vec<String>>>,
}

/// What ends the listening; nobody else says it.
const ENOUGH: &[u8] = b"ENOUGH";

impl Notices {
    /// Heard at once, as the manager does: a socket holds few of them, and then makes the daemon wait.
    fn at(site: &Site) -> Self {
        let notices = Self { place: site.path("notify"), heard: Arc::default() };
        let socket = UnixDatagram::bind(&notices.place).unwrap();
        let heard = notices.heard.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Some(said) = socket.recv(&mut bytes).ok().map(|length| &bytes[..length]) {
                if said == ENOUGH {
                    return;
                }
                let lines = String::from_utf8_lossy(said).lines().map(str::to_owned).collect::<Vec<_>>();
                heard.lock().unwrap().extend(lines);
            }
        });
        notices
    }

    /// Until all is heard that was said before: whoever listens may be slow.
    fn hear_all(&self) {
        let before = self.count("HEARD");
        UnixDatagram::unbound().unwrap().send_to(b"HEARD", &self.place).unwrap();
        until("what was said", || self.count("HEARD") > before);
    }

    fn count(&self, start: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        // Where it cannot be said, the thread ends with the tests.
        drop(UnixDatagram::unbound().and_then(|socket| socket.send_to(ENOUGH, &self.place)));
    }
}

/// Whether each thread of it stands still.
fn is_stopped(process: &Process) -> bool {
    let threads = fs::read_dir(format!("/proc/{}/task", process.0.id())).unwrap();
    let stats = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("stat")).unwrap());
    stats.into_iter().all(|stat| stat.contains(") T "))
}

fn signal(process: &Process, name: &str) {
    assert!(Command::new("kill").args([name, &process.0.id().to_string()]).status().unwrap().success());
}

fn daemon(site: &Site, environment: &[(&str, String)]) -> Process {
    let mut command = Command::new(PROGRAM);
    command.args(["run", "--config", &site.text("qm.toml")]).envs(environment.iter().cloned());
    Process(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
}

fn log(mut process: Process) -> String {
    let mut log = String::new();
    std::io::Read::read_to_string(process.0.stderr.as_mut().unwrap(), &mut log).unwrap();
    log
}

#[test]
fn the_units_are_sound_and_as_little_exposed_as_they_say() {
    if !has("systemd-analyze") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["quartermaster.service", "quartermaster.socket"] {
        let unit = fs::read_to_string(format!("{UNITS}/{name}")).unwrap();
        // Where this test runs, nothing is installed.
        fs::write(path(name), unit.replace("/usr/local/bin/quartermaster", PROGRAM)).unwrap();
    }
    let (service, socket) = (path("quartermaster.service"), path("quartermaster.socket"));
    let verified = Command::new("systemd-analyze").args(["verify", &service, &socket]).output().unwrap();
    assert_eq!(told(&verified), (0, String::new()));
    let threshold = ["security", "--offline=true", "--threshold=15", &service];
    let judged = Command::new("systemd-analyze").args(threshold).output().unwrap();
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stdout));
}

/// Words after an option in the line of the unit that begins so.
fn unit_line(start: &str) -> String {
    let unit = fs::read_to_string(format!("{UNITS}/quartermaster.service")).unwrap();
    let lines: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix(start)).collect();
    assert_eq!(lines.len(), 1, "{start}");
    lines[0].to_owned()
}

#[test]
fn the_unit_runs_what_config_init_writes_with_the_key_that_it_loads_as_a_user_of_its_own() {
    let run = unit_line("ExecStart=/usr/local/bin/quartermaster run --config ");
    let default = |verb: &[&str], value: &str| {
        let help = quartermaster(&[verb, &["--help"]].concat());
        let help = String::from_utf8(help.stdout).unwrap();
        let words: Vec<&str> = help.split_whitespace().collect();
        assert!(words.join(" ").contains(&format!("[default: {value}]")), "{value} in {help}");
    };
    default(&["run"], &run);
    default(&["config", "init"], &run);
    default(&["config", "init"], &format!("/var/lib/{}", unit_line("StateDirectory=")));
    let key = Path::new(&run).with_file_name("key");
    assert_eq!(unit_line("LoadCredential="), format!("key:{}", key.display()));

    // As the unit starts it: the configuration and the key's folder are root's, the rest its user's.
    let Some(nobody) = Nobody::begin() else { return };
    let site = nobody.site();
    let (file, data) = (site.text("etc/quartermaster.toml"), site.text("data"));
    assert!(quartermaster(&["config", "init", &file, "--data-dir", &data]).status.success());
    fs::create_dir(&data).unwrap();
    give(Path::new(&data));
    fs::write(site.path("etc/key"), KEY).unwrap();
    open(&site.path("etc/key"), 0o400);
    let text = fs::read_to_string(&file).unwrap();
    // Nothing of the outside is asked, and no port of this machine is taken.
    let text = text.replace("https://barrack.ai/api", "http://127.0.0.1:1/api");
    fs::write(&file, format!("{text}[http]\nlisten = \"off\"\n")).unwrap();
    let mut command = nobody.command(&["run", "--config", &file]);
    command.env("CREDENTIALS_DIRECTORY", site.folder.path());
    let log = fs::File::create(site.path("log")).unwrap();
    let mut daemon = Process(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    until("a start", || status(&site).is_some());
    // Root finds it; a reload reads the file again, and tells where it cannot.
    let frozen = quartermaster(&["freeze", "--reason", "an audit", "--config", &file]);
    assert!(String::from_utf8_lossy(&frozen.stdout).contains("(the daemon took it)"), "{frozen:?}");
    open(Path::new(&file), 0o640);
    signal(&daemon, "-HUP");
    let said = || fs::read_to_string(site.path("log")).unwrap();
    until("a refusal", || said().contains("it holds no secret: chmod 0644"));
    let doctor = quartermaster(&["doctor", "--config", &file, "--out", &site.text("out.toml")]);
    let found = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(found.contains("cannot be read by user 65534, who owns "), "{found}");
    assert_eq!(daemon.terminate(), 0, "{}", said());
}

#[test]
fn the_manager_of_services_hears_that_it_is_ready_alive_reloading_and_ending() {
    let (_cloud, site) = simulated(60, "observe");
    site.configuration();
    let notices = Notices::at(&site);
    let environment = [
        ("NOTIFY_SOCKET", site.text("notify")),
        ("WATCHDOG_USEC", "600000".to_owned()),
        ("JOURNAL_STREAM", "8:1".to_owned()),
    ];
    let mut daemon = daemon(&site, &environment);
    until("ready", || notices.count("READY=1") == 1);
    assert!(site.path("data/quartermaster.sock").exists(), "ready without a socket");
    assert!(status(&site).is_some(), "ready before its start was written down");
    until("three meals", || notices.count("WATCHDOG=1") >= 3);
    until("how things are", || notices.count("STATUS=observe: 0 good backups of ") >= 1);

    // Stopped, it says nothing; woken, it goes on.
    signal(&daemon, "-STOP");
    until("it stands still", || is_stopped(&daemon));
    notices.hear_all();
    let meals = notices.count("WATCHDOG=1");
    thread::sleep(Duration::from_secs(2));
    notices.hear_all();
    assert_eq!(notices.count("WATCHDOG=1"), meals);
    signal(&daemon, "-CONT");
    until("another meal", || notices.count("WATCHDOG=1") > meals);

    signal(&daemon, "-HUP");
    until("ready again", || notices.count("RELOADING=1") == 1 && notices.count("READY=1") == 2);
    assert_eq!(daemon.terminate(), 0);
    until("its ending", || notices.count("STOPPING=1") >= 1);
    let log = log(daemon);
    let is_weighed =
        |line: &str| line.starts_with("<3>") || line.starts_with("<4>") || line.starts_with("<6>");
    assert!(log.lines().count() > 3 && log.lines().all(is_weighed), "{log}");
    assert!(log.contains("<6>quartermaster starts version=") && !log.contains('\x1b'), "{log}");
}

#[test]
fn a_start_that_waits_for_its_disk_is_not_ready_and_asks_for_time() {
    let site = Site::new();
    site.configuration();
    // A disk that is not mounted yet.
    symlink(site.path("disk/data"), site.path("data")).unwrap();
    let notices = Notices::at(&site);
    let mut daemon = daemon(&site, &[("NOTIFY_SOCKET", site.text("notify"))]);
    until("more time", || notices.count("EXTEND_TIMEOUT_USEC=") >= 1);
    assert!(notices.count("STATUS=degraded: ") >= 1 && notices.count("READY=1") == 0);
    assert_eq!(daemon.terminate(), 0);
}

#[test]
fn a_key_that_the_manager_of_services_holds_needs_no_key_file() {
    let site = Site::new();
    let path = site.configuration();
    let text = fs::read_to_string(&path).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("key_file")).collect();
    fs::write(&path, without.join("\n")).unwrap();
    let refused = told(&quartermaster(&["run", "--config", &path]));
    assert_eq!(refused.0, 78);
    assert!(refused.1.contains("without one there is nothing to run"), "{}", refused.1);
    // As a list of rights makes it look.
    site.write_key(KEY, 0o440);
    let folder = site.folder.path().display().to_string();
    let mut daemon = daemon(&site, &[("CREDENTIALS_DIRECTORY", folder)]);
    until("a start", || status(&site).is_some());
    assert_eq!(daemon.terminate(), 0);
    site.write_key(KEY, 0o444);
    let folder = site.folder.path().display().to_string();
    let mut command = Command::new(PROGRAM);
    let output = command.args(["run", "--config", &path]).env("CREDENTIALS_DIRECTORY", folder).output();
    assert_eq!(told(&output.unwrap()).0, 78);
}

#[test]
fn a_socket_that_the_manager_of_services_made_is_used_and_left() {
    if !has("systemd-socket-activate") {
        return;
    }
    let site = Site::new();
    let path = site.configuration();
    let text = fs::read_to_string(&path).unwrap();
    let socket = site.text("given.sock");
    fs::write(&path, format!("{text}[socket]\npath = \"{socket}\"\n")).unwrap();
    let mut command = Command::new("systemd-socket-activate");
    command.args(["--listen", &socket, PROGRAM, "run", "--config", &path]);
    let mut daemon = Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("somebody at the socket", || UnixStream::connect(site.path("given.sock")).is_ok());
    let frozen = quartermaster(&["freeze", "--reason", "an audit", "--config", &path]);
    assert!(frozen.status.success(), "{:?}", told(&frozen));
    assert!(String::from_utf8_lossy(&frozen.stdout).contains("(the daemon took it)"));
    assert!(!site.path("data/quartermaster.sock").exists());
    assert_eq!(daemon.terminate(), 0);
    assert!(site.path("given.sock").exists());
}
