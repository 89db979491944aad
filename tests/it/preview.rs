//! `retention preview` as people and scripts meet it: over a file, over standard input, over a fleet.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");

fn preview(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(["retention", "preview"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    // It may end before it has read all.
    drop(process.stdin.take().unwrap().write_all(input.as_bytes()));
    process.wait_with_output().unwrap()
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(arguments: &[&str], input: &str) -> String {
    let output = preview(arguments, input);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

const LINES: &str = r#"
{"id": "b", "taken_at": "2026-02-28T23:30:00Z"}
{"id": "future", "taken_at": "2026-03-02T00:00:00Z", "size": 7}

{"id": "a", "taken_at": "2026-03-01T02:00:00+01:00"}
{"id": "c", "taken_at": "2026-02-28T23:30:00Z"}
{"id": "d", "taken_at": "2026-02-27T01:00:00Z"}
"#;

#[test]
fn a_preview_of_lines_keeps_and_removes_in_the_fixed_form() {
    let words = ["--input", "-", "--timezone", "Europe/Berlin", "--now", "2026-03-01T02:00:00Z"];
    let daily = document(&preview(&[&words[..], &["--keep-daily", "2", "--json"]].concat(), LINES));
    let expected = json!({
        "schema_version": 1,
        "keep": [
            {"id": "future", "reasons": ["future"]},
            {"id": "a", "reasons": ["daily 1 of 2"]},
            {"id": "d", "reasons": ["daily 2 of 2"]},
        ],
        "remove": [{"id": "b"}, {"id": "c"}],
    });
    assert_eq!(daily, expected);
    let all = document(&preview(&[&words[..], &["--keep-daily", "-1", "--json"]].concat(), LINES));
    let named = document(&preview(&[&words[..], &["--keep-daily", "all", "--json"]].concat(), LINES));
    assert_eq!(all, named);
    let within = document(&preview(&[&words[..], &["--keep-within", "2d", "--json"]].concat(), LINES));
    assert_eq!(within["remove"], json!([{"id": "d"}]));
    let bound = document(&preview(&[&words[..], &["--keep-within", "49h", "--json"]].concat(), LINES));
    assert_eq!(bound["remove"], json!([]));
}

#[test]
fn no_line_at_all_is_an_empty_input_and_no_rule_keeps_all() {
    let empty = json!({"schema_version": 1, "keep": [], "remove": []});
    assert_eq!(document(&preview(&["--input", "-", "--keep-last", "1", "--json"], "\n \r\n")), empty);
    let all = document(&preview(&["--input", "-", "--json"], LINES));
    assert_eq!((all["keep"].as_array().unwrap().len(), &all["remove"]), (5, &json!([])));
}

#[test]
fn a_file_is_read_like_standard_input_and_text_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, LINES).unwrap();
    let path = path.display().to_string();
    let words = ["--timezone", "Europe/Berlin", "--now", "2026-03-01T02:00:00Z", "--keep-daily", "2"];
    let output = preview(&[&["--input", path.as_str()], &words[..]].concat(), "");
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r"
    keeps daily 2; times are those of Europe/Berlin
    keep    Mon 2026-03-02 01:00:00  future                         future
    keep    Sun 2026-03-01 02:00:00  a                              daily 1 of 2
    remove  Sun 2026-03-01 00:30:00  b                              no rule keeps it
    remove  Sun 2026-03-01 00:30:00  c                              no rule keeps it
    keep    Fri 2026-02-27 02:00:00  d                              daily 2 of 2
    3 kept, 2 removed
    ");
}

/// The restic that a Debian has knows neither all words nor the oldest; what the newest keeps is stored.
#[test]
fn every_policy_of_restics_own_tests_keeps_what_restic_keeps() {
    let stored = include_str!("../restic.txt").lines().filter(|line| !line.starts_with('#'));
    let (policies, instants): (Vec<&str>, Vec<&str>) = stored.partition(|line| line.starts_with("--"));
    let instants: Vec<(&str, usize)> = instants
        .iter()
        .map(|line| line.split_once(' ').map(|(at, count)| (at, count.parse().unwrap())).unwrap())
        .collect();
    let backups = instants.iter().flat_map(|(at, count)| (0..*count).map(move |number| (at, number)));
    let lines: String = backups
        .map(|(at, number)| json!({"id": format!("{at} {number}"), "taken_at": at}).to_string() + "\n")
        .collect();
    for policy in &policies {
        let (flags, expected) = policy.split_once(" = ").unwrap();
        let words = ["--input", "-", "--timezone", "UTC", "--now", instants[0].0, "--json"];
        let flags: Vec<&str> = words.into_iter().chain(flags.split(' ')).collect();
        let judged = document(&preview(&flags, &lines));
        let kept = judged["keep"].as_array().unwrap();
        let of = |at: &str| kept.iter().filter(|one| one["id"].as_str().unwrap().starts_with(at)).count();
        let counts: String = instants.iter().map(|(at, _)| of(&format!("{at} ")).to_string()).collect();
        assert_eq!(counts, expected, "{policy}");
    }
    assert_eq!((instants.len(), policies.len()), (99, 36));
}

#[test]
fn each_bad_line_is_told_with_its_number() {
    let lines = "{\"id\":\"a\",\"taken_at\":\"2026-03-01T02:00:00Z\"}\n\nnonsense\n{\"id\":\"b\"}\n\
                 {\"id\":\"c\",\"taken_at\":\"yesterday\"}\n{\"id\":\"a\",\"taken_at\":\"2026-03-01T03:00:00Z\"}\n\
                 {\"id\":\"\",\"taken_at\":\"2026-03-01T03:00:00Z\"}\n{\"id\":7,\"taken_at\":\"2026-03-01T03:00:00Z\"}\n";
    let said = refused(&["--input", "-", "--keep-last", "1"], lines);
    for start in [
        "line 3: expected",
        "line 4: missing field `taken_at`",
        "line 5: ",
        "line 6: id a stands in line 1 already",
        "line 7: id must not be empty",
        "line 8: invalid type",
    ] {
        assert!(said.contains(start), "{start} is not in {said}");
    }
    assert!(!said.contains("line 1:") && !said.contains("line 2:"), "{said}");
    let many = refused(&["--input", "-"], &"x\n".repeat(1_000));
    assert!(many.contains("990 more bad lines") && many.lines().count() < 15, "{many}");
}

#[test]
fn a_wrong_flag_is_refused_with_its_rule() {
    for (flag, value, rule) in [
        ("--keep-last", "0", "must be at least 1"),
        ("--keep-daily", "-2", "must be a positive whole number"),
        ("--keep-weekly", "ten", "must be a positive whole number"),
        ("--keep-within", "2w", "the unit `w`"),
        ("--keep-within-hourly", "-3h", "must not be negative"),
        ("--keep-within-yearly", "0y", "must be longer than nothing"),
        ("--timezone", "Mars/Olympus", "is not in the IANA database"),
        ("--now", "tomorrow", "must be an instant"),
        ("--preset", "weekly", "must be one of daily, milestone, compliance"),
    ] {
        let said = refused(&["--input", "-", flag, value], "");
        assert!(said.contains(rule), "{flag} {value}: {said}");
    }
    refused(&["--input", "-", "--preset", "daily", "--keep-last", "3"], "");
    refused(&["--input", "-", "--data-dir", "/nowhere"], "");
    refused(&["--timezone", "UTC", "--data-dir", "/nowhere"], "");
}

#[test]
fn a_preview_of_the_fleet_tells_what_the_rules_keep_and_what_that_costs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display().to_string();
    let arguments =
        ["demo", "--for", "6d", "--machines", "2", "--keep-last", "4", "--json", "--data-dir", &folder];
    assert!(Command::new(PROGRAM).args(arguments).output().unwrap().status.success());
    let in_force = document(&preview(&["--data-dir", &folder, "--json"], ""));
    let shelves = in_force["shelves"].as_array().unwrap();
    assert_eq!((shelves.len(), &in_force["proposal"]), (2, &Value::Null));
    let proposed = document(&preview(&["--data-dir", &folder, "--preset", "milestone", "--json"], ""));
    assert_eq!(proposed["proposal"], "last 1");
    let count = |list: &Value| list.as_array().unwrap().len();
    for (before, after) in shelves.iter().zip(proposed["shelves"].as_array().unwrap()) {
        // The newest by the rule, and one more that min_good keeps.
        assert_eq!((count(&after["keep"]), count(&before["keep"])), (2, 4));
        assert_eq!(before["cost_before_per_month"], after["cost_before_per_month"]);
        assert_eq!(after["cost_after_per_month"]["USD"]["most"], json!("146"));
    }
    let text = preview(&["--data-dir", &folder, "--policy", "daily", "--keep-last", "2"], "");
    let text = String::from_utf8(text.stdout).unwrap();
    // A snapshot that went by then has a closed record.
    assert!(text.contains("at list price, for a fixed 100 GB, as billing record "), "{text}");
    assert!(text.contains("292.00 USD after") && text.contains("if the rules were: last 2"), "{text}");
    let said = refused(&["--data-dir", &folder, "--policy", "weekly"], "");
    assert!(said.contains("known: daily"), "{said}");
}
