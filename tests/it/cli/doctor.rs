//! `doctor`, `config` and `check-config --json` as people and scripts meet them.

use super::*;

/// A cloud that speaks another dialect than the configuration knows, and its site.
fn strange(dialect: &str) -> (Process, Site) {
    let mut site = Site::new();
    let key = site.text("key");
    let report = site.text("report.json");
    let mut cloud =
        Process::start(&["sim", "serve", "--dialect", dialect, "--key-file", &key, "--report", &report]);
    let lines = cloud.lines(8);
    let port = lines[0].split("127.0.0.1:").nth(1).unwrap().split('.').next().unwrap();
    site.port = port.parse().unwrap();
    (cloud, site)
}

fn doctor(site: &Site, more: &[&str]) -> Output {
    let (config, out) = (site.configuration(), site.text("suggested.toml"));
    quartermaster(&[&["doctor", "--config", &config, "--out", &out], more].concat())
}

#[test]
fn the_doctor_writes_settings_that_are_accepted_and_leave_nothing_to_do() {
    let (mut cloud, site) = strange("x-api-key+other-paths+other-parameters+renamed-fields+data-wrapped");
    let first = doctor(&site, &["--api"]);
    let text = String::from_utf8_lossy(&first.stdout).into_owned();
    assert_eq!(told(&first).0, 3, "{text}");
    assert!(text.contains("set key_header = \"X-API-Key\" and key_scheme = \"\""), "{text}");
    assert!(text.contains("set [cloud.paths] machines = \"/vms/\""), "{text}");
    assert!(!text.contains(KEY) && !text.contains("FAIL"), "{text}");
    let suggested = site.text("suggested.toml");
    assert_eq!(told(&quartermaster(&["check-config", &suggested])).0, 0);
    let written = fs::read_to_string(&suggested).unwrap();
    assert!(written.contains("key_header = \"X-API-Key\""), "as it was said: {written}");
    assert!(!text.contains("was replaced"), "{text}");
    fs::write(&suggested, "# mine\n").unwrap();
    let over = String::from_utf8_lossy(&doctor(&site, &["--api"]).stdout).into_owned();
    assert!(over.contains("suggested.toml, whose content before was replaced"), "{over}");
    let again = quartermaster(&["doctor", "--config", &suggested, "--api", "--json", "--out", &suggested]);
    let document = json(&again);
    assert_eq!((&document["schema_version"], &document["warnings"]), (&Value::from(1), &Value::from(0)));
    // Its end writes the last report.
    assert_eq!(cloud.terminate(), 0);
    let asked: Value = serde_json::from_slice(&fs::read(site.path("report.json")).unwrap()).unwrap();
    assert!(asked["api_calls"].as_u64() > Some(0), "{asked}");
    assert_eq!(asked["changes_asked"], 0, "{asked}");
}

#[test]
fn what_could_not_be_asked_yet_is_not_called_good() {
    let (_cloud, site) = strange("plain");
    let output = doctor(&site, &["--api"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(told(&output).0, 0, "{text}");
    let expected = "skip cloud.paths.snapshot: not asked: there is no snapshot yet to ask about \u{2014} run the doctor \
                    again after the first one\n";
    assert!(text.contains(expected), "{text}");
    let levels = json(&doctor(&site, &["--api", "--json"]));
    let all = levels["checks"].as_array().unwrap().iter();
    let skipped: Vec<_> = all.filter(|one| one["level"] == "skip").map(|one| &one["subject"]).collect();
    assert_eq!(skipped, ["cloud.paths.snapshot", "cloud.paths.links"]);
}

#[test]
fn a_refused_key_is_77_a_silent_cloud_3_and_an_unfit_key_file_78() {
    let (_cloud, site) = strange("plain");
    site.write_key("another", 0o600);
    let refused = doctor(&site, &["--api"]);
    assert_eq!(told(&refused).0, 77, "{}", String::from_utf8_lossy(&refused.stdout));
    site.write_key("", 0o600);
    let empty = doctor(&site, &[]);
    assert_eq!(told(&empty).0, 78, "{}", String::from_utf8_lossy(&empty.stdout));
    site.write_key("in\nthe middle", 0o600);
    assert_eq!(told(&doctor(&site, &[])).0, 78);
    let site = Site::new();
    let silent = doctor(&site, &["--api"]);
    let text = String::from_utf8_lossy(&silent.stdout).into_owned();
    assert_eq!(told(&silent).0, 3, "{text}");
    assert!(text.contains("FAIL cloud: no answer from http://127.0.0.1:1/api: never sent"), "{text}");
    assert!(text.contains("never sent (the connection was refused)"), "{text}");
}

#[test]
fn the_doctor_sees_how_this_machine_stands() {
    let (_cloud, site) = strange("plain");
    let checks = |more: &[&str]| {
        let output = doctor(&site, &[more, &["--json"]].concat());
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let of = |subject: &str| {
            let all = document["checks"].as_array().unwrap();
            let one = all.iter().find(|check| check["subject"] == subject).unwrap();
            format!("{} {}", one["level"].as_str().unwrap(), one["seen"].as_str().unwrap())
        };
        (of("data_dir"), of("journal"), of("sqlite"))
    };
    let (folder, journal, sqlite) = checks(&[]);
    assert!(folder.starts_with("ok ") && folder.ends_with("`run` makes it"), "{folder}");
    assert_eq!(journal, "ok there is none yet");
    assert!(sqlite.starts_with("ok 3."), "{sqlite}");
    let data = site.path("data");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("journal.db"), "").unwrap();
    let (_, journal, _) = checks(&[]);
    assert!(
        journal.starts_with("warn ") && journal.contains("is empty: `run` begins a new one"),
        "{journal}"
    );
    fs::remove_file(data.join("journal.db")).unwrap();
    demo(&data, "1");
    let (_, journal, _) = checks(&[]);
    assert!(journal.starts_with("fail format ") && journal.contains("SIMULATED"), "{journal}");
    fs::write(data.join("journal.db"), "SQLite format 3\0 and nothing else").unwrap();
    let (_, journal, _) = checks(&[]);
    assert!(journal.starts_with("fail "), "{journal}");
}

#[test]
fn a_token_that_keeps_the_daemon_from_starting_is_found_and_called_by_its_setting() {
    let (_cloud, mut site) = strange("plain");
    let token = site.text("token");
    site.clock = format!("[http]\nlisten = \"127.0.0.1:0\"\ntoken_file = \"{token}\"\n");
    let missing = format!("http.token_file {token} cannot be read");
    let said =
        |output: Output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let found = said(doctor(&site, &[]));
    assert!(found.contains(&format!("FAIL http.token_file: {missing}")), "{found}");
    let refused = quartermaster(&["run", "--config", &site.configuration()]);
    assert_eq!(told(&refused).0, 78);
    let refused = said(refused);
    assert!(refused.contains(&missing) && !refused.contains("key file"), "{refused}");
    fs::write(&token, "s3same").unwrap();
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let found = said(doctor(&site, &[]));
    assert!(
        found.contains(&format!("FAIL http.token_file: http.token_file {token} has mode 0644")),
        "{found}"
    );
    fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).unwrap();
    let found = said(doctor(&site, &[]));
    assert!(found.contains(&format!("ok   http.token_file: {token} can be read")), "{found}");
}

#[test]
fn check_config_tells_scripts_every_fault_or_the_next_three_times() {
    let site = Site::new();
    let path = site.configuration();
    let document = json(&quartermaster(&["check-config", &path, "--json"]));
    assert_eq!((&document["schema_version"], &document["faults"]), (&Value::from(1), &Value::Array(vec![])));
    let next = document["policies"][0]["next"].as_array().unwrap();
    assert_eq!(next.len(), 3);
    assert!(next[0]["utc"].as_str().unwrap().ends_with('Z') && next[0]["local"].is_string());
    fs::remove_file(site.path("key")).unwrap();
    assert_eq!(told(&quartermaster(&["check-config", &path])).0, 0, "it never opens the key file");
    fs::write(&path, "mode = \"obey\"\n[rules]\ngrase = 1\n[[policy]]\nname = \"a\"\n").unwrap();
    let refused = quartermaster(&["check-config", &path, "--json"]);
    assert_eq!(told(&refused).0, 78);
    let document: Value = serde_json::from_slice(&refused.stdout).unwrap();
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["faults", "schema_version"]);
    let faults = document["faults"].as_array().unwrap();
    let expected = serde_json::json!({"line": 1, "column": 8, "setting": "mode", "value": "\"obey\"",
        "rule": "must be one of \"observe\", \"protect\", \"enforce\""});
    assert_eq!((&faults[0], faults.len()), (&expected, 5), "{document}");
    assert_eq!(faults[1]["rule"], "unknown setting; the nearest is `grace`");
    let missing = quartermaster(&["check-config", "/nowhere.toml", "--json"]);
    let document: Value = serde_json::from_slice(&missing.stdout).unwrap();
    assert_eq!((told(&missing).0, &document["faults"][0]["setting"]), (78, &Value::Null));
}

#[test]
fn a_configuration_begins_with_a_file_that_observes_and_never_replaces_one() {
    let site = Site::new();
    let (file, data) = (site.text("new/qm.toml"), site.text("data"));
    let begun = quartermaster(&["config", "init", &file, "--data-dir", &data]);
    assert_eq!(told(&begun).0, 0, "{}", told(&begun).1);
    assert_eq!(told(&quartermaster(&["check-config", &file])), (0, String::new()));
    let written = fs::read_to_string(&file).unwrap();
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & 0o044, 0o044, "{mode:o}: the daemon's user must be able to read it");
    assert!(written.contains("No secret belongs in here"), "{written}");
    let again = told(&quartermaster(&["config", "init", &file]));
    assert!(again.0 == 1 && again.1.contains("is there already: nothing was written"), "{}", again.1);
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
    let shown = quartermaster(&["config", "show", &file]);
    let copy = site.text("copy.toml");
    fs::write(&copy, &shown.stdout).unwrap();
    assert_eq!(quartermaster(&["config", "show", &copy]).stdout, shown.stdout);
    let schema = json(&quartermaster(&["config", "schema"]));
    assert_eq!(schema["properties"]["mode"]["default"], "observe");
}

#[test]
fn a_configuration_begun_under_any_mask_is_for_everybody_to_read() {
    let site = Site::new();
    for mask in ["077", "027", "000"] {
        let folder = site.text(mask);
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o750)).unwrap();
        let file = format!("{folder}/a/b/qm.toml");
        let mut shell = Command::new("sh");
        shell.args(["-c", "umask \"$0\" && exec \"$@\"", mask, PROGRAM, "config", "init", &file]);
        assert_eq!(told(&shell.output().unwrap()), (0, String::new()));
        let mode = |path: &str| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&file), 0o644, "under {mask}");
        for made in ["a", "a/b"] {
            assert_eq!(mode(&format!("{folder}/{made}")), 0o755, "under {mask}: {made}");
        }
        assert_eq!(mode(&folder), 0o750, "a folder that was there stays as it is");
    }
}

#[test]
fn what_the_doctor_saved_is_played_back_without_the_key_and_changes_nothing() {
    let (cloud, site) = strange("x-api-key+other-paths+renamed-fields+results-key");
    let saved = site.text("saved");
    assert_eq!(told(&doctor(&site, &["--api", "--save", &saved])).0, 3);
    drop(cloud);
    for entry in fs::read_dir(site.path("saved")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(KEY) && !text.contains("198.51.100."), "{text}");
    }
    let (_player, port) = player(&site, &saved);
    let suggested = fs::read_to_string(site.path("suggested.toml")).unwrap();
    let old = format!("127.0.0.1:{}", site.port);
    fs::write(site.path("played.toml"), suggested.replace(&old, &format!("127.0.0.1:{port}"))).unwrap();
    let played = site.text("played.toml");
    let document =
        json(&quartermaster(&["doctor", "--config", &played, "--api", "--json", "--out", &played]));
    assert_eq!(
        (&document["failures"], &document["warnings"]),
        (&Value::from(0), &Value::from(0)),
        "{document}"
    );
    assert_eq!(told(&doctor(&site, &["--api", "--save", &saved])).0, 3, "never over what was saved");
}

/// The simulated cloud that plays what was saved, and where it does.
fn player(site: &Site, saved: &str) -> (Process, u16) {
    let mut player = Process::start(&["sim", "serve", "--replay", saved, "--key-file", &site.text("key")]);
    let lines = player.lines(8);
    let port = lines[0].split("127.0.0.1:").nth(1).unwrap().split('.').next().unwrap().parse().unwrap();
    (player, port)
}

#[test]
fn a_balance_with_six_decimals_is_saved_to_the_last_of_them_and_played_back() {
    const AMOUNT: &str = "\"balance\":\"4998660.110000\"";
    let (cloud, mut site) = strange("plain");
    let (first, second) = (site.text("first"), site.text("second"));
    assert_eq!(told(&doctor(&site, &["--api", "--save", &first])).0, 0);
    drop(cloud);
    let balance = || fs::read_dir(site.path("first")).unwrap().map(|entry| entry.unwrap().path());
    let has_balance = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("\"balance\":\"");
    let file = balance().find(has_balance).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let now = text.split("\"balance\":\"").nth(1).unwrap().split('"').next().unwrap();
    fs::write(&file, text.replace(&format!("\"balance\":\"{now}\""), AMOUNT)).unwrap();
    for (from, to) in [(first, Some(second.clone())), (second, None)] {
        let (mut played, port) = player(&site, &from);
        site.port = port;
        let save = to.iter().flat_map(|to| ["--save", to]);
        let output = doctor(&site, &["--api"].into_iter().chain(save).collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("ok   cloud.paths.balance: /balance/ HTTP 200"), "{from}: {said}");
        assert!(said.contains("in USD"), "{from}: {said}");
        assert_eq!(played.terminate(), 0);
    }
    let saved = fs::read_to_string(site.path("second").join(file.file_name().unwrap())).unwrap();
    assert!(saved.contains(AMOUNT), "{saved}");
}

#[test]
fn where_a_list_cannot_be_read_the_doctor_does_not_say_that_there_is_none_in_it() {
    let (cloud, mut site) = strange("plain");
    let saved = site.text("saved");
    assert_eq!(told(&doctor(&site, &["--api", "--save", &saved])).0, 0);
    drop(cloud);
    let index = site.path("saved/index.json");
    let mut answers: Value = serde_json::from_slice(&fs::read(&index).unwrap()).unwrap();
    for answer in answers["answers"].as_array_mut().unwrap() {
        if answer["address"].as_str().unwrap().starts_with("/snapshots/?") {
            answer["status"] = Value::from(503);
        }
    }
    fs::write(&index, answers.to_string()).unwrap();
    let (_player, port) = player(&site, &saved);
    site.port = port;
    let said = String::from_utf8(doctor(&site, &["--api"]).stdout).unwrap();
    for subject in ["cloud.paths.snapshot", "cloud.paths.links"] {
        let expected = format!(
            "skip {subject}: not asked: no snapshot is known to ask about, for the list of snapshots could not be \
             read whole \u{2014} run the doctor again once it can be\n"
        );
        assert!(said.contains(&expected), "{said}");
    }
    assert!(!said.contains("there is no snapshot yet"), "{said}");
}

#[test]
fn a_doctor_names_no_state_where_the_cloud_gives_none() {
    let (cloud, mut site) = strange("plain");
    let saved = site.text("saved");
    assert_eq!(told(&doctor(&site, &["--api", "--save", &saved])).0, 0);
    drop(cloud);
    for entry in fs::read_dir(site.path("saved")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"status\":\"ACTIVE\"", "\"status\":\"\"")).unwrap();
    }
    let (_player, port) = player(&site, &saved);
    site.port = port;
    let said = String::from_utf8(doctor(&site, &["--api"]).stdout).unwrap();
    assert!(!said.contains("nobody knows"), "{said}");
    assert!(
        said.contains("warn cloud.paths.machines: some have no state at all \u{2014} they count"),
        "{said}"
    );
}
