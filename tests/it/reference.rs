//! Keeps `docs/reference/` true: each page is made from the program, and a stale one fails.
//!
//! `UPDATE=1 cargo test --test it reference::` writes them anew.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use quartermaster::cli::{Arguments, ending};
use quartermaster::journal::record::{KINDS, version};
use quartermaster::metrics::names;

mod documents;
mod schemas;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A page's title, and where it comes from.
fn page(title: &str, source: &str) -> String {
    format!("# {title}\n\nMade from {source}; a test fails when it is stale.\n")
}

/// Compares, or writes where that was asked for.
#[track_caller]
fn hold(name: &str, made: &str) {
    let path = Path::new("docs/reference").join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(root().join("docs/reference")).unwrap();
        fs::write(root().join(&path), made).unwrap();
        return;
    }
    let stands = fs::read_to_string(root().join(&path)).unwrap_or_default();
    let differs = stands.lines().zip(made.lines()).position(|(stands, made)| stands != made);
    let line = differs.unwrap_or(stands.lines().count().min(made.lines().count())) + 1;
    assert!(
        stands == made,
        "{}:{line} is stale. Write it anew with\n    UPDATE=1 cargo test --test it reference::",
        path.display()
    );
}

#[test]
fn the_page_of_the_verbs_is_their_help() {
    let mut text = page("Verbs", "the command line's own help");
    // The same on every terminal.
    let mut command = Arguments::command().term_width(80);
    command.build();
    let _ = write!(text, "\n```text\n{}\n```\n", lines(&command.render_long_help().to_string()));
    verbs(&mut text, &mut command);
    hold("verbs.md", &text);
}

fn verbs(text: &mut String, command: &mut Command) {
    for verb in command.get_subcommands_mut() {
        let name = verb.get_bin_name().unwrap_or(verb.get_name()).to_owned();
        let help = lines(&verb.render_long_help().to_string());
        let _ = write!(text, "\n## {name}\n\n```text\n{help}\n```\n");
        verbs(text, verb);
    }
}

/// Without spaces at the ends of lines, and without empty lines at the end.
fn lines(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[test]
fn the_page_of_the_settings_is_the_commented_example() {
    let mut text = page("Settings", "`config/example.toml`");
    let (mut comment, mut table) = (Vec::new(), String::new());
    for line in read("config/example.toml").lines() {
        let commented_out = line.strip_prefix("# ").filter(|rest| is_setting(rest));
        let setting = commented_out.unwrap_or(line).trim_end();
        if setting.starts_with('[') {
            told(&mut text, &mut comment);
            table = setting.trim_matches(['[', ']']).to_owned();
            let _ = write!(text, "\n## `{setting}`\n");
        } else if commented_out.is_some() || (!line.starts_with('#') && !line.is_empty()) {
            let name = setting.split(" = ").next().unwrap_or_default();
            let dot = if table.is_empty() { "" } else { "." };
            let _ = write!(text, "\n### `{table}{dot}{name}`\n\n```toml\n{setting}\n```\n");
            told(&mut text, &mut comment);
        } else if let Some(said) = line.strip_prefix('#') {
            comment.push(said.strip_prefix(' ').unwrap_or(said).to_owned());
        } else {
            told(&mut text, &mut comment);
        }
    }
    hold("settings.md", &text);
}

/// A table's head or a setting, behind a comment's mark too.
fn is_setting(rest: &str) -> bool {
    let name = rest.split(" = ").next().unwrap_or_default();
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    (rest.starts_with('[') && rest.ends_with(']')) || (is_name && rest.contains(" = "))
}

fn told(text: &mut String, comment: &mut Vec<String>) {
    if !comment.is_empty() {
        let _ = write!(text, "\n```text\n{}\n```\n", comment.join("\n"));
    }
    comment.clear();
}

#[test]
fn the_page_of_the_events_has_a_stored_sample_of_each_kind() {
    let source = read("src/domain/event.rs");
    let mut text = page("Events", "the kinds of `src/domain/event.rs` and `tests/golden`");
    text.push_str("\nEvents are for ever: each form that was ever written is read by every later version.\n");
    for kind in KINDS {
        let newest = version(kind);
        let sample = read(&format!("tests/golden/{kind}.{newest}.ndjson"));
        let sample: serde_json::Value = serde_json::from_str(sample.lines().next().unwrap()).unwrap();
        let body = serde_json::to_string_pretty(&sample["body"]).unwrap();
        let about = meaning(&source, kind).map_or_else(String::new, |about| format!("\n{about}\n"));
        let _ = write!(text, "\n## {kind}\n{about}\nVersion {newest}, such as\n\n```json\n{body}\n```\n");
    }
    hold("events.md", &text);
}

/// What stands over a variant of `Event`.
fn meaning(source: &str, kind: &str) -> Option<String> {
    let name: String = kind.split('_').map(|part| part[..1].to_uppercase() + &part[1..]).collect();
    let body = &source[source.find("pub enum Event {")?..];
    let lines: Vec<&str> = body.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.starts_with(&format!("{name}(")))?;
    let mut above: Vec<&str> = lines[..at].iter().rev().map_while(|line| line.strip_prefix("/// ")).collect();
    above.reverse();
    (!above.is_empty()).then(|| above.join(" "))
}

#[test]
fn the_page_of_the_exit_codes_is_whole() {
    let mut text = page("Exit codes", "`src/cli/ending.rs`") + "\n| code | means |\n|---|---|\n";
    for (code, means) in ending::CODES {
        let _ = writeln!(text, "| {code} | {means} |");
    }
    hold("exit-codes.md", &text);
}

#[test]
fn the_page_of_the_metrics_describes_every_series() {
    let mut text = page("Metrics", "`src/metrics/names.rs`");
    text.push_str("\n| series | type | labels | means |\n|---|---|---|---|\n");
    for one in names::ALL {
        let kind = format!("{:?}", one.kind).to_lowercase();
        let labels = one.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "| `{}` | {kind} | {labels} | {} |", one.name, one.help);
    }
    hold("metrics.md", &text);
}

#[test]
fn the_page_of_the_documents_has_every_field_of_every_json() {
    let text = page("JSON", "the types that each verb prints with `--json`, and their comments")
        + &documents::pages();
    hold("json.md", &text);
}

#[test]
fn there_is_a_schema_of_each_document_and_no_other() {
    let made = schemas::schemas();
    let folder = root().join("docs/reference/json-schema");
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(&folder).unwrap();
    }
    for (name, text) in &made {
        hold(&format!("json-schema/{name}"), text);
    }
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(made.iter().any(|(made, _)| *made == name), "{name} is of no document");
    }
}
