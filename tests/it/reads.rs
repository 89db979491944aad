//! The verbs that read: each shows a demo's journal by `--data-dir` alone, as text and as a document.

use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");

/// Eight days of a demo, told once for all of these tests.
pub static DEMO: LazyLock<Demo> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let output = run(&["demo", "--for", "8d", "--seed", "7", "--json", "--data-dir", &data]);
    assert!(output.status.success(), "{output:?}");
    Demo { _folder: folder, data }
});

pub struct Demo {
    _folder: TempDir,
    pub data: String,
}

fn run(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).output().unwrap()
}

impl Demo {
    pub fn text(&self, arguments: &[&str]) -> String {
        let output = run(&[arguments, &["--data-dir", &self.data]].concat());
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.text(&[arguments, &["--json"]].concat())).unwrap()
    }

    pub fn machine(&self) -> String {
        let listed = self.json(&["machines", "list"]);
        listed["machines"][0]["name"].as_str().unwrap().to_owned()
    }

    pub fn newest(&self) -> String {
        let listed = self.json(&["snapshots", "list", "--state", "good", "--limit", "1"]);
        listed["snapshots"][0]["backup"].as_str().unwrap().to_owned()
    }
}

#[test]
fn every_verb_that_reads_works_on_a_demos_journal_alone() {
    let newest = DEMO.newest();
    let machine = DEMO.machine();
    for verb in [
        &["status"][..],
        &["plan"],
        &["machines", "list"],
        &["machines", "show", &machine],
        &["snapshots", "list"],
        &["snapshots", "show", &newest],
        &["policies", "list"],
        &["policies", "show", "daily"],
        &["explain", &newest],
        &["explain", &format!("machine:{machine}")],
        &["explain", "policy:daily"],
        &["explain", &format!("daily/{machine}/2026-03-03T02:00:00Z")],
        &["log", "list"],
        &["log", "verify"],
        &["retention", "preview"],
    ] {
        let document = DEMO.json(verb);
        assert_eq!(document["schema_version"], 1, "{verb:?}");
        let text = DEMO.text(verb);
        assert!(text.contains("SIMULATED") || verb == ["log", "list"], "{verb:?}: {text}");
        assert!(!text.contains('\x1b'), "{verb:?}: colour is for a terminal");
    }
}

#[test]
fn what_one_verb_counts_another_counts_alike() {
    let (snapshots, machines) = (DEMO.json(&["snapshots", "list"]), DEMO.json(&["machines", "list"]));
    let status = DEMO.json(&["status"]);
    let count = |value: &Value| value.as_array().unwrap().len() as u64;
    assert_eq!(count(&snapshots["snapshots"]), snapshots["matching"].as_u64().unwrap());
    let of_machines: u64 =
        machines["machines"].as_array().unwrap().iter().map(|one| one["snapshots"].as_u64().unwrap()).sum();
    assert_eq!(snapshots["totals"]["snapshots"].as_u64(), Some(of_machines));
    let doomed = DEMO.json(&["snapshots", "list", "--state", "doomed"]);
    assert_eq!(count(&doomed["snapshots"]), count(&status["doomed"]));
    assert_eq!(count(&DEMO.json(&["plan"])["doomed"]), count(&status["doomed"]));
    let good: u64 =
        status["shelves"].as_array().unwrap().iter().map(|one| one["good"].as_u64().unwrap()).sum();
    assert_eq!(count(&DEMO.json(&["snapshots", "list", "--state", "good"])["snapshots"]), good);
}

#[test]
fn a_plan_names_what_a_person_can_understand_and_no_sums_of_bills() {
    // The hours that would be closed stand in the journal each.
    assert!(!DEMO.json(&["log", "list", "--kind", "hour_closed"])["events"].as_array().unwrap().is_empty());
    let plan = DEMO.json(&["plan"]);
    let conclusions = plan["conclusions"].as_array().unwrap();
    assert!(conclusions.iter().all(|one| one["what"] != "hour" && one["what"] != "day"), "{conclusions:?}");
    assert!(DEMO.text(&["plan"]).contains("nothing is due, and nothing goes"), "{conclusions:?}");
}

#[test]
fn a_deleted_backup_is_explained_by_its_proof_long_after_it_went() {
    let deleted = DEMO.json(&["snapshots", "list", "--state", "deleted", "--limit", "1"]);
    let backup = deleted["snapshots"][0]["backup"].as_str().unwrap();
    let explained = DEMO.json(&["explain", backup]);
    let proofs = explained["proofs"].as_array().unwrap();
    let of_delete = proofs.iter().find(|proof| proof["of"] == "deleted").unwrap();
    assert_eq!((&of_delete["derives_again"], &of_delete["objection"]), (&Value::Bool(true), &Value::Null));
    let life = explained["life"].as_array().unwrap();
    let whats: Vec<&str> = life.iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert!(["asked", "good", "doomed", "deleting"].iter().all(|what| whats.contains(what)), "{whats:?}");
}

#[test]
fn what_is_not_known_is_said_and_nothing_in_it_reaches_the_terminal() {
    for verb in [&["explain"][..], &["machines", "show"], &["snapshots", "show"], &["policies", "show"]] {
        let output = run(&[verb, &["a\x1b[2Jb", "--data-dir", &DEMO.data]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(errors.contains(r"a\u{1b}[2Jb"), "{errors}");
    }
    let output = run(&["explain", "daily/trainer-1/soon", "--data-dir", &DEMO.data]);
    assert_eq!(output.status.code(), Some(2));
    let output = run(&["snapshots", "list", "--state", "lost", "--data-dir", &DEMO.data]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("restorable"), "the known states are told");
}

#[test]
fn a_list_of_a_name_that_nobody_has_says_so_and_each_narrowed_list_says_how_many_match() {
    let listed = |more: &[&str]| {
        let output = run(&[&["snapshots", "list", "--data-dir", &DEMO.data], more].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for (more, said) in [
        (&["--policy", "dialy"][..], "no policy dialy is known; the nearest is daily"),
        (&["--machine", "builder-4"], "no machine builder-4 is known; the nearest is builder-3"),
        (&["--region", "CANADA"], "no region CANADA is known; the nearest is CANADA-1"),
        (&["--policy", "a\x1b[2Jb-of-another-account"], r"no policy a\u{1b}[2Jb-of-another-account is known"),
    ] {
        let text = listed(more);
        let (none, foot) = (text.find("none\n").unwrap(), text.find(said).expect(&text));
        assert!(none < foot && text.contains("\n0 of "), "{text}");
    }
    let all = DEMO.json(&["snapshots", "list"])["matching"].as_u64().unwrap();
    let some = DEMO.json(&["snapshots", "list", "--machine", "builder-3"])["matching"].as_u64().unwrap();
    assert!(0 < some && some < all, "{some} of {all}");
    let text = listed(&["--machine", "BUILDER-3", "--limit", "1"]);
    assert!(text.contains(&format!("\n{some} of {all} match\n")) && !text.contains("is known"), "{text}");
    assert!(!listed(&[]).contains(" match\n") && !listed(&["--policy", "none"]).contains("is known"));
}

/// What a verb shows on a terminal of so many columns.
fn on_a_terminal(columns: usize, verb: &str) -> Vec<String> {
    let command = format!("stty cols {columns}; NO_COLOR=1 {PROGRAM} {verb} --data-dir {}", DEMO.data);
    let output = Command::new("script").args(["-qec", &command, "/dev/null"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

#[test]
fn on_a_narrow_terminal_no_name_and_no_id_is_cut() {
    let snapshots = DEMO.json(&["snapshots", "list"]);
    let machines = DEMO.json(&["machines", "list"]);
    let words = |document: &Value, list: &str, fields: [&str; 2]| -> Vec<String> {
        let each = document[list].as_array().unwrap().iter();
        each.flat_map(|one| fields.map(|field| one[field].as_str().unwrap().to_owned())).collect()
    };
    let of_snapshots = words(&snapshots, "snapshots", ["name", "snapshot"]);
    let of_machines = words(&machines, "machines", ["name", "machine"]);
    let newest = DEMO.json(&["status"])["shelves"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shelf| shelf["newest_good"]["backup"].as_str().unwrap().to_owned())
        .collect();
    let doomed = words(&DEMO.json(&["plan"]), "doomed", ["backup", "machine_name"]);
    for (verb, whole) in [
        ("snapshots list", &of_snapshots),
        ("machines list", &of_machines),
        ("status", &newest),
        ("plan", &doomed),
    ] {
        for columns in [80, 60] {
            let lines = on_a_terminal(columns, verb);
            let text = lines.join("\n");
            assert!(whole.len() > 2 && whole.iter().all(|word| text.contains(word.as_str())), "{text}");
            assert!(!text.contains("\u{2026}\n") && !text.contains("\u{2026} "), "{verb} is cut:\n{text}");
            assert!(lines.iter().all(|line| line.chars().count() <= columns), "{verb} at {columns}:\n{text}");
        }
    }
}

#[test]
fn an_explanation_of_a_policy_is_read_at_a_glance_and_all_of_it_can_be_asked_for() {
    for what in ["policy:daily".to_owned(), format!("machine:{}", DEMO.machine())] {
        let short = DEMO.text(&["explain", &what]);
        let all = DEMO.text(&["explain", &what, "--all"]);
        assert!(short.lines().count() < 70 && short.contains("left out; --all shows them"), "{short}");
        assert!(all.lines().count() > 100 && !all.contains("--all shows"), "{}", all.lines().count());
        // Of what happened, the newest stands in both.
        let newest = |text: &str| text.lines().last().unwrap().split_whitespace().next().unwrap().to_owned();
        assert_eq!(newest(&short), newest(&all));
    }
}
