//! The house rules that can be tests: who may use whom, how long things are, what they are called.
//!
//! It reads text and knows no types. Each rule has a broken sample beside it, so that a rule that
//! went blind fails too.

mod source;

use source::{Source, names, tree, word_after};

/// Which layers each may use, besides itself.
const LAYERS: [(&str, &[&str]); 16] = [
    ("planted", &[]),
    ("domain", &["planted"]),
    ("clock", &["domain"]),
    ("journal", &["planted", "domain"]),
    ("metrics", &["report", "domain"]),
    ("config", &["domain"]),
    ("report", &["domain"]),
    ("barrack", &["planted", "config", "domain"]),
    ("mail", &["config", "report", "domain"]),
    ("http", &["metrics", "report", "domain"]),
    ("daemon", DAEMON),
    ("sim", &["domain", "clock"]),
    ("rehearsal", REHEARSAL),
    ("cli", ANY),
    ("main", ANY),
    ("lib", ANY),
];
const REHEARSAL: &[&str] = &[
    "domain", "clock", "daemon", "barrack", "config", "journal", "sim", "report", "metrics", "http", "mail",
];
const ANY: &[&str] = &["any"];
const DAEMON: &[&str] =
    &["planted", "journal", "barrack", "metrics", "mail", "http", "config", "report", "domain", "clock"];

/// External crates, and the only layers that may name them.
const CONFINED: [(&str, &[&str]); 12] = [
    ("reqwest", &["barrack"]),
    ("rusqlite", &["journal"]),
    ("tokio_cron_scheduler", &["daemon"]),
    ("croner", &["domain"]),
    ("clap", &["cli", "main"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("axum", &["sim", "http"]),
    ("lettre", &["mail"]),
    ("prometheus", &["metrics"]),
    ("askama", &["http", "mail"]),
    ("sd_notify", &["daemon"]),
];

/// Where `State` may be changed: by folding events, and where they are recorded.
const STATE_CHANGES: [&str; 3] = ["src/domain/state", "src/domain/fold", "src/daemon/engine.rs"];

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 70;

fn told(source: &Source, line: usize, rule: &str) -> String {
    format!("{}:{line}: {rule}", source.path)
}

fn layers(source: &Source) -> Vec<String> {
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == source.layer()) else {
        return vec![told(source, 1, "has no row in the table of who may use whom")];
    };
    let mut found = Vec::new();
    for (number, line) in source.numbered() {
        // Inside a test module, `super` is the file itself.
        if source.is_layer_root() && line.contains("super::") && source.body().any(|(body, _)| body == number)
        {
            found.push(told(source, number, "reaches the root of the crate by `super`; write `crate::`"));
        }
    }
    if *allowed == ANY {
        return found;
    }
    let uses = source.uses();
    let lines = source.numbered().map(|(number, line)| (number, line.to_owned()));
    for (number, line) in lines.chain(uses) {
        for rest in line.split("crate::").skip(1) {
            for name in first_names(rest) {
                let is_layer = LAYERS.iter().any(|(layer, _)| *layer == name);
                if is_layer && name != source.layer() && !allowed.contains(&name.as_str()) {
                    let rule = format!("`{}` must not use `{name}`", source.layer());
                    found.push(told(source, number, &rule));
                }
            }
            if source.layer() == "clock" && rest.starts_with("domain") && !rest.starts_with("domain::time") {
                found.push(told(source, number, "the clock uses nothing of the domain but `domain::time`"));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The first names of a path, or of each path in `{a::b, c}`.
fn first_names(rest: &str) -> Vec<String> {
    let name_of = |text: &str| {
        text.trim()
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else { return vec![name_of(rest)] };
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            other if depth == 0 => parts.last_mut().unwrap().push(other),
            _ => {}
        }
    }
    parts.iter().map(|part| name_of(part)).collect()
}

fn plan_and_audit(source: &Source) -> Vec<String> {
    let pairs = [("src/domain/plan", "audit"), ("src/domain/audit", "plan")];
    let Some((_, other)) = pairs.iter().find(|(start, _)| source.path.starts_with(start)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (number, line) in
        source.numbered().map(|(number, line)| (number, line.to_owned())).chain(source.uses())
    {
        let is_path = line.contains("::") && names(&line, other);
        if is_path {
            found.push(told(source, number, "plan and audit must not import from each other"));
        }
    }
    found
}

fn confined_crates(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in source.numbered() {
        for (name, allowed) in CONFINED {
            if names(line, name) && !allowed.contains(&source.layer()) {
                found.push(told(source, number, &format!("`{name}` belongs in {}", allowed.join(" and "))));
            }
        }
    }
    found
}

fn file_length(source: &Source) -> Vec<String> {
    let length = source.body().count();
    let rule = format!("has {length} lines without its tests; at most {FILE_LINES}");
    if length > FILE_LINES { vec![told(source, length, &rule)] } else { Vec::new() }
}

fn function_length(source: &Source) -> Vec<String> {
    let long = source.functions().into_iter().filter(|function| function.length >= FUNCTION_LINES);
    long.map(|one| {
        told(
            source,
            one.line,
            &format!("`{}` has {} lines; fewer than {FUNCTION_LINES}", one.name, one.length),
        )
    })
    .collect()
}

fn banned_names(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let file = source.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
    if ["common", "types", "util", "utils", "helper", "helpers", "manager"].contains(&file) {
        found.push(told(source, 1, "says nothing by its file name"));
    }
    for (number, line) in source.numbered() {
        for keyword in ["struct", "enum", "trait", "type"] {
            let Some(name) = word_after(line, keyword) else { continue };
            for banned in ["Manager", "Helper", "Util", "Service", "Handler"] {
                if name.contains(banned) && !line.trim_start().starts_with("use ") {
                    found.push(told(source, number, &format!("`{name}`: no `{banned}` in a type's name")));
                }
            }
        }
        let is_getter = word_after(line, "fn").is_some_and(|name| name.starts_with("get_"));
        if is_getter
            || word_after(line, "mod").is_some_and(|name| ["common", "util", "utils"].contains(&&*name))
        {
            found.push(told(source, number, "no `get_`, and no module `common` or `util`"));
        }
    }
    found
}

fn paths(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in source.numbered() {
        if line.contains("super::super") {
            found.push(told(source, number, "no `super::super`"));
        }
    }
    for (number, text) in source.uses() {
        if text.contains('*') {
            found.push(told(source, number, "no glob `use` outside tests"));
        }
        if text.starts_with("pub") && source.path != "src/lib.rs" {
            found.push(told(source, number, "no re-export outside `lib.rs`"));
        }
    }
    found
}

fn first_line(source: &Source) -> Vec<String> {
    let is_told = source.first_line.starts_with("//! ");
    if is_told { Vec::new() } else { vec![told(source, 1, "begins with `//!` and what it is for")] }
}

fn state_changes(source: &Source) -> Vec<String> {
    if STATE_CHANGES.iter().any(|start| source.path.starts_with(start)) {
        return Vec::new();
    }
    let is_change = |line: &str| {
        line.split("&mut State").skip(1).any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric()))
    };
    let changes = source.body().filter(|(_, line)| is_change(line));
    changes.map(|(number, _)| told(source, number, "only the fold and the engine change `State`")).collect()
}

fn silenced_lints(source: &Source) -> Vec<String> {
    let silenced =
        source.numbered().filter(|(_, line)| line.contains("#[allow") || line.contains("#![allow"));
    silenced.map(|(number, _)| told(source, number, "`#[expect(…, reason)]`, never `#[allow]`")).collect()
}

fn reads_of_the_clock(source: &Source) -> Vec<String> {
    if source.path == "src/clock.rs" {
        return Vec::new();
    }
    let asks = ["SystemTime::now", "Timestamp::now", "Zoned::now", "std::time::Instant::now"];
    let reads = source.body().filter(|(_, line)| asks.iter().any(|ask| line.contains(ask)));
    reads.map(|(number, _)| told(source, number, "only the clock asks what time it is")).collect()
}

fn impure_domain(source: &Source) -> Vec<String> {
    if source.layer() != "domain" {
        return Vec::new();
    }
    let outside = ["tokio", "tracing", "async", "println", "eprintln"];
    let paths = ["std::fs", "std::net", "std::io", "std::env", "std::process", "std::thread"];
    let is_outside = |line: &str| {
        outside.iter().any(|word| names(line, word)) || paths.iter().any(|path| line.contains(path))
    };
    let found = source.body().filter(|(_, line)| is_outside(line));
    found
        .map(|(number, _)| told(source, number, "the domain is pure: no I/O, no async, no logging"))
        .collect()
}

/// Every source obeys the rule, and the broken sample does not.
#[track_caller]
fn holds(rule: fn(&Source) -> Vec<String>, broken: &[(&str, &str)]) {
    for (path, text) in broken {
        let found = rule(&Source::new(path, text));
        assert!(found.iter().all(|told| told.starts_with(&format!("{path}:"))), "{found:?}");
        assert!(!found.is_empty(), "the rule went blind: it accepts {path}\n{text}");
    }
    let sources = tree("src");
    assert!(sources.len() > 10, "the sources were not found");
    let found: Vec<String> = sources.iter().flat_map(rule).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_layer_uses_only_what_it_may() {
    let broken = [
        ("src/domain/a.rs", "use crate::clock::Clock;"),
        ("src/config/a.rs", "use crate::{\n    domain::time::Timestamp,\n    journal,\n};"),
        ("src/sim/a.rs", "fn a() { crate::barrack::walk() }"),
        ("src/barrack.rs", "use super::journal::Head;"),
        ("src/clock.rs", "use crate::domain::policy::Mode;"),
        ("src/newcomer/a.rs", ""),
    ];
    holds(layers, &broken);
}

#[test]
fn plan_and_audit_know_nothing_of_each_other() {
    let broken = [
        ("src/domain/plan.rs", "use super::audit::Permit;"),
        ("src/domain/plan/prune.rs", "use crate::domain::{\n    audit,\n};"),
        ("src/domain/audit.rs", "fn a() { super::plan::plan() }"),
    ];
    holds(plan_and_audit, &broken);
}

#[test]
fn external_crates_stay_in_their_folders() {
    let broken = [
        ("src/journal/a.rs", "use reqwest::Client;"),
        ("src/domain/a.rs", "fn a(c: &rusqlite::Connection) {}"),
        ("src/cli/a.rs", "use axum::Router;"),
        ("src/daemon/a.rs", "use clap::Parser;"),
        ("src/sim/a.rs", "use tokio_cron_scheduler::Job;"),
    ];
    holds(confined_crates, &broken);
}

#[test]
fn no_file_is_longer_than_four_hundred_lines() {
    let long = "let a = 1;\n".repeat(FILE_LINES + 1);
    holds(file_length, &[("src/domain/a.rs", &long)]);
}

#[test]
fn no_function_has_seventy_lines() {
    let long = format!("fn a(b: [u8; 2])\n{{\n{}}}\n", "    b();\n".repeat(FUNCTION_LINES - 3));
    let in_a_text =
        format!("fn a() {{\n    let b = '{{';\n    c(\"}}\");\n{}}}", "    b();\n".repeat(FUNCTION_LINES));
    holds(function_length, &[("src/domain/a.rs", &long), ("src/domain/b.rs", &in_a_text)]);
}

#[test]
fn no_name_says_nothing() {
    let broken = [
        ("src/domain/a.rs", "pub struct BackupManager;"),
        ("src/domain/a.rs", "trait SnapshotService {}"),
        ("src/domain/a.rs", "fn get_name() {}"),
        ("src/domain/types.rs", ""),
        ("src/domain/a.rs", "mod common;"),
    ];
    holds(banned_names, &broken);
}

#[test]
fn no_path_climbs_twice_globs_or_is_exported_again() {
    let broken = [
        ("src/domain/a.rs", "use super::super::time::Timestamp;"),
        ("src/domain/a.rs", "use super::time::*;"),
        ("src/domain/a.rs", "use super::{\n    time::*,\n};"),
        ("src/domain/a.rs", "pub use super::time::Timestamp;"),
    ];
    holds(paths, &broken);
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    holds(first_line, &[("src/domain/a.rs", "use std::fmt;"), ("src/domain/b.rs", "\n//! Late.")]);
}

#[test]
fn state_is_changed_by_the_fold_and_the_engine_only() {
    let broken = [
        ("src/domain/plan.rs", "fn plan(state: &mut State) {}"),
        ("src/daemon/pass.rs", "fn look(state: Option<&mut State>) {}"),
    ];
    holds(state_changes, &broken);
}

#[test]
fn no_lint_is_silenced_without_a_reason() {
    holds(silenced_lints, &[("src/a.rs", "#[allow(dead_code)]"), ("src/a.rs", "#![allow(warnings)]")]);
}

#[test]
fn only_the_clock_asks_what_time_it_is() {
    holds(reads_of_the_clock, &[("src/daemon/a.rs", "let now = jiff::Timestamp::now();")]);
}

#[test]
fn the_domain_touches_nothing_outside() {
    let broken = [("src/domain/a.rs", "async fn a() {}"), ("src/domain/a.rs", "use std::fs::File;")];
    holds(impure_domain, &broken);
}

#[test]
fn no_second_tls_provider_is_ever_built() {
    // `ring` stands in the lock file as a choice that nobody makes; cargo-deny sees the built graph.
    let lock = include_str!("../../Cargo.lock");
    for banned in ["openssl", "openssl-sys", "native-tls", "h2"] {
        assert!(!lock.contains(&format!("name = \"{banned}\"\n")), "{banned} is in Cargo.lock");
    }
}

#[test]
fn comments_texts_and_characters_are_not_code() {
    let text = "let a = \"use crate::journal\"; // crate::journal\nlet b = r#\"crate::\"journal\"#;\n/* crate::\njournal */\nlet c = '\"'; let d: &'static str = \"\\\"crate::journal\";";
    assert!(layers(&Source::new("src/domain/a.rs", text)).is_empty());
    assert_eq!(Source::new("src/domain/a.rs", text).lines.len(), 5);
}
