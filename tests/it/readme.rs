//! Runs what `README.md` tells people to type: each `console` block, or a reason why not.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");
/// Stands before a block that is not run, with the reason.
const NOT_RUN: &str = "<!-- not run: ";

struct Block {
    line: usize,
    reason: Option<String>,
    commands: Vec<String>,
}

fn readme() -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let (mut before, mut is_inside) = ("", false);
    for (number, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if line == "```console" {
            let reason = before.strip_prefix(NOT_RUN).and_then(|rest| rest.strip_suffix(" -->"));
            found.push(Block { line: number, reason: reason.map(str::to_owned), commands: Vec::new() });
            is_inside = true;
        } else if line.starts_with("```") {
            is_inside = false;
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| is_inside) {
            found.last_mut().unwrap().commands.push(command.to_owned());
        }
        before = line;
    }
    found
}

#[test]
fn every_block_of_the_readme_runs_or_says_why_not() {
    let blocks = blocks(&readme());
    assert!(blocks.iter().filter(|block| block.reason.is_none()).count() >= 5, "the blocks were not found");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let example = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("config/example.toml"));
    fs::write(path("my.toml"), example.unwrap()).unwrap();
    fs::write(path("FILE"), "{\"id\":\"a\",\"taken_at\":\"2026-03-01T02:00:00Z\"}\n").unwrap();
    for Block { line, reason, commands } in blocks {
        assert!(!commands.is_empty(), "README.md:{line}: a console block without a command");
        if let Some(reason) = reason {
            assert!(reason.len() > 10, "README.md:{line}: no reason is given");
            continue;
        }
        for command in commands {
            let words: Vec<String> =
                command.split(' ').map(|word| resolved(word, &folder.path().display().to_string())).collect();
            assert_eq!(words[0], "quartermaster", "README.md:{line}: only the program itself is run");
            let output = Command::new(PROGRAM).args(&words[1..]).current_dir(folder.path()).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "README.md:{line}: {command}\n{errors}");
            assert!(!output.stdout.is_empty(), "README.md:{line}: {command} said nothing");
        }
    }
}

/// What stands for something of the reader's own.
fn resolved(word: &str, folder: &str) -> String {
    match word {
        "BACKUP" => {
            let data = format!("{folder}/DEMO");
            let list =
                ["snapshots", "list", "--state", "good", "--limit", "1", "--json", "--data-dir", &data];
            let output = Command::new(PROGRAM).args(list).output().unwrap();
            let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            listed["snapshots"][0]["backup"].as_str().unwrap().to_owned()
        }
        "COPY" => {
            let mut copies = fs::read_dir(format!("{folder}/BACKUPS")).unwrap();
            copies.next().unwrap().unwrap().path().display().to_string()
        }
        other => other.to_owned(),
    }
}

#[test]
fn a_block_without_its_reason_is_run() {
    let text = format!("{NOT_RUN}it waits for ever -->\n```console\n$ a\n```\n\n```console\n$ b\n$ c\n```\n");
    let found = blocks(&text);
    assert_eq!((found[0].reason.as_deref(), found[1].reason.as_deref()), (Some("it waits for ever"), None));
    assert_eq!(found[1].commands, ["b", "c"]);
}
