//! Prometheus's own judge over what is shipped: the rules, their tests, every query, the configuration.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::dashboards::promql;
use crate::real::parts;

#[track_caller]
fn accepts(program: &Path, words: &[&str], file: &Path) {
    let output = Command::new(program).args(words).arg(file).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told);
    assert!(output.status.success(), "{words:?} {}: {told}", file.display());
}

#[test]
fn promtool_accepts_the_rules_and_every_alert_fires_and_stays_quiet() {
    let Some(promtool) = parts::find("promtool") else { return };
    let folder = promql::root().join("config/prometheus");
    accepts(&promtool, &["check", "rules", "--lint=all", "--lint-fatal"], &folder.join("rules.yml"));
    accepts(&promtool, &["test", "rules"], &folder.join("rules_test.yml"));
    accepts(&promtool, &["check", "config"], &folder.join("scrape.yml"));
}

#[test]
fn promtool_reads_every_query_of_the_dashboards() {
    let Some(promtool) = parts::find("promtool") else { return };
    let mut rules = "groups:\n  - name: queries\n    rules:\n".to_owned();
    for (number, query) in promql::shipped().into_iter().enumerate() {
        let text = serde_json::to_string(&query.text).unwrap();
        writeln!(rules, "      - record: query:number_{number}\n        expr: {text}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("queries.yml");
    fs::write(&file, rules).unwrap();
    accepts(&promtool, &["check", "rules"], &file);
}

#[test]
fn amtool_accepts_the_example_for_alertmanager() {
    let Some(amtool) = parts::find("amtool") else { return };
    accepts(&amtool, &["check-config"], &promql::root().join("config/alertmanager/alertmanager.yml"));
}
