//! Keeps `docs/rules.md` true: every rule names a file, a test and a planted bug that exist.

use std::fs;
use std::path::{Path, PathBuf};

use quartermaster::planted::Bug;

struct Row {
    line: usize,
    cells: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rows(text: &str) -> Vec<Row> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    text.lines()
        .enumerate()
        .filter(|(_, line)| {
            line.starts_with('|') && !line.starts_with("|---") && !line.starts_with("| rule ")
        })
        .map(|(number, line)| Row { line: number + 1, cells: cells(line) })
        .collect()
}

/// What is wrong with a table, against the names of all tests.
fn faults(text: &str, tests: &str) -> Vec<String> {
    let bugs: Vec<String> = Bug::ALL.iter().map(|bug| format!("{bug:?}")).collect();
    let mut faults = Vec::new();
    for Row { line, cells } in rows(text) {
        let [_, file, test, planted] = cells.as_slice() else {
            faults.push(format!("line {line}: it has {} cells, not 4", cells.len()));
            continue;
        };
        if cells.iter().any(String::is_empty) {
            faults.push(format!("line {line}: a cell is empty"));
        }
        if !root().join("src").join(file).is_file() {
            faults.push(format!("line {line}: there is no file src/{file}"));
        }
        if !tests.contains(&format!("fn {test}(")) {
            faults.push(format!("line {line}: there is no test {test}"));
        }
        if planted != "story" && !bugs.contains(planted) {
            faults.push(format!("line {line}: {planted} is neither a planted bug nor a story"));
        }
    }
    for bug in bugs.iter().filter(|bug| !text.contains(&format!("| {bug} |"))) {
        faults.push(format!("the planted bug {bug} stands in no row"));
    }
    faults
}

fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            into.push_str(&fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

pub fn all_tests() -> String {
    let mut text = String::new();
    sources(&root().join("src"), &mut text);
    sources(&root().join("tests"), &mut text);
    text
}

#[test]
fn every_rule_names_a_file_a_test_and_a_planted_bug_that_exist() {
    let text = fs::read_to_string(root().join("docs/rules.md")).unwrap();
    assert!(rows(&text).len() > 50, "the table was not found");
    let faults = faults(&text, &all_tests());
    assert!(faults.is_empty(), "docs/rules.md:\n  {}", faults.join("\n  "));
}

#[test]
fn a_broken_row_is_noticed() {
    let told = faults("| a rule | nowhere.rs | no_such_test | NoSuchBug |\n| b |  | x | story |\n| c |", "");
    for expected in ["no file src/nowhere.rs", "no test no_such_test", "NoSuchBug", "cell is empty", "not 4"]
    {
        assert!(told.iter().any(|fault| fault.contains(expected)), "{expected}: {told:?}");
    }
}
