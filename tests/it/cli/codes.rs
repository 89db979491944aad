//! The published exit codes: each is met by a real command, and no command of these ends with another.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// The numbers of the page that people read.
fn published() -> BTreeSet<i32> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/exit-codes.md");
    let text = fs::read_to_string(page).unwrap();
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    cells.filter_map(|cell| cell.parse().ok()).collect()
}

/// What the help of the program says of them, in its last lines.
fn of_the_help() -> BTreeSet<i32> {
    let help = String::from_utf8(quartermaster(&["--help"]).stdout).unwrap();
    let (_, codes) = help.split_once("Exit codes: ").unwrap();
    let words = codes.split(|letter: char| !letter.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Each command with the code that it must end with; what is running meanwhile lives until the end.
#[derive(Default)]
struct Met(BTreeMap<i32, Vec<String>>);

impl Met {
    #[track_caller]
    fn meets(&mut self, code: i32, arguments: &[&str]) {
        let (met, errors) = told(&quartermaster(arguments));
        assert_eq!(met, code, "{arguments:?}: {errors}");
        let is_silent = code == 0 || (code == 2 && errors.contains("Usage"));
        assert!(
            is_silent || errors.contains("error: ") || errors.contains("fault"),
            "{arguments:?}: {errors}"
        );
        self.0.entry(code).or_default().push(arguments.join(" "));
    }
}

#[test]
fn every_published_exit_code_is_that_of_a_real_command_and_there_is_no_other() {
    let mut met = Met::default();
    let (_cloud, site) = simulated(3_600, "observe");
    let path = site.configuration();
    let data = site.text("data");
    let out = site.text("suggested.toml");

    met.meets(0, &["version"]);
    met.meets(0, &["check-config", &path]);
    met.meets(2, &["status", "--nonsense"]);
    met.meets(2, &["nonsense"]);
    met.meets(2, &["freeze"]);
    met.meets(2, &["log", "show", "first"]);
    met.meets(2, &["demo", "--for", "soon"]);
    met.meets(1, &["status", "--data-dir", &site.text("nowhere")]);
    met.meets(78, &["check-config", "/nowhere.toml"]);
    met.meets(78, &["run", "--config", "/nowhere.toml"]);

    let mut daemon = site.run();
    until("a look", || status(&site).is_some_and(|status| !status["shelves"].as_array().unwrap().is_empty()));
    met.meets(0, &["status", "--config", &path]);
    met.meets(1, &["thaw", "--config", &path]);
    met.meets(1, &["snapshots", "create", "BRK-9D", "--config", &path]);
    met.meets(1, &["log", "show", "9999999", "--data-dir", &data]);
    met.meets(3, &["status", "--check", "--config", &path]);
    met.meets(75, &["run", "--config", &path]);
    met.meets(0, &["log", "verify", "--data-dir", &data]);
    assert_eq!(daemon.terminate(), 0);
    met.meets(4, &["snapshots", "create", "BRK-100001D", "--config", &path]);
    met.meets(4, &["policies", "run", "often", "--config", &path]);
    met.meets(0, &["freeze", "--reason", "an audit", "--config", &path]);
    met.meets(75, &["log", "restore", &held_backup(&site), "--data-dir", &site.text("held")]);

    met.meets(3, &["log", "verify", "--data-dir", &data, "--head", "000000000000@1"]);
    met.meets(0, &["doctor", "--api", "--config", &path, "--out", &out]);
    site.write_key("another", 0o600);
    met.meets(77, &["doctor", "--api", "--config", &path, "--out", &out]);
    site.write_key("", 0o600);
    met.meets(78, &["run", "--config", &path]);
    met.meets(78, &["doctor", "--config", &path]);
    fs::write(&path, "mode = \"obey\"\n").unwrap();
    met.meets(78, &["check-config", &path]);
    met.meets(78, &["run", "--config", &path]);

    let missing: Vec<i32> = published().into_iter().filter(|code| !met.0.contains_key(code)).collect();
    assert!(missing.is_empty(), "no command here ends with {missing:?}");
    let other: Vec<_> = met.0.iter().filter(|(code, _)| !published().contains(code)).collect();
    assert!(other.is_empty(), "these are not published: {other:?}");
    assert_eq!(of_the_help(), published(), "the help and the page differ");
}

/// A backup of the journal, and beside it a place whose journal somebody holds.
fn held_backup(site: &Site) -> String {
    let (data, backup) = (site.text("data"), site.text("backup.db"));
    let made = quartermaster(&["log", "backup", &backup, "--data-dir", &data]);
    assert!(made.status.success(), "{:?}", told(&made));
    let held = site.path("held");
    fs::create_dir(&held).unwrap();
    let lock = fs::File::create(held.join("journal.lock")).unwrap();
    lock.lock().unwrap();
    // Held until the tests end: nobody else uses it.
    std::mem::forget(lock);
    backup
}
