//! A live scrape: judged by promtool, and by all that dashboards and rules ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use quartermaster::metrics::names;

use crate::dashboards::promql::{self, Matcher};
use crate::real::demo::Demo;
use crate::real::{ask, parts};

/// What Prometheus itself puts on each series.
const OF_THE_TARGET: [&str; 2] = ["job", "instance"];
/// Labels whose words are all shown from the first scrape on, so that a slip in one can be noticed.
const CLOSED: [&str; 4] = ["reason", "mode", "kind", "state"];

/// Of each metric, its labels with the values that were seen.
fn seen(text: &str) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut seen: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        for found in promql::selectors(line.rsplit_once(' ').map_or(line, |(series, _)| series)) {
            let labels = seen.entry(found.name).or_default();
            for Matcher { label, value, .. } in found.matchers {
                labels.entry(label).or_default().insert(value);
            }
        }
    }
    seen
}

/// What a query asks for that the program does not show.
fn unknown(query: &str, scrape: &str) -> Vec<String> {
    let seen = seen(scrape);
    let mut found = Vec::new();
    for selector in promql::selectors(query).into_iter().filter(|selector| selector.name != "up") {
        let described = names::ALL.iter().find(|one| one.name == selector.name);
        let is_of_the_process = selector.name.starts_with("process_") && seen.contains_key(&selector.name);
        if described.is_none() && !is_of_the_process {
            found.push(selector.name);
            continue;
        }
        let labels = described.map_or(&[][..], |one| one.labels);
        for Matcher { label, value, .. } in selector.matchers {
            let is_known = labels.contains(&label.as_str()) || OF_THE_TARGET.contains(&label.as_str());
            if !is_known {
                found.push(format!("{}{{{label}}}", selector.name));
            } else if CLOSED.contains(&label.as_str()) {
                let values = seen.get(&selector.name).and_then(|labels| labels.get(&label));
                let words = value.split('|').filter(|word| !word.contains('*'));
                let missing = words.filter(|word| !values.is_some_and(|values| values.contains(*word)));
                found.extend(missing.map(|word| format!("{}{{{label}={word}}}", selector.name)));
            }
        }
    }
    found
}

#[test]
fn dashboards_and_rules_ask_only_for_what_a_scrape_shows() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    let scrape = demo.metrics();
    let broken = [
        "quartermaster_no_such_thing > 0",
        "quartermaster_frozen{mode=\"enforce\"}",
        "quartermaster_holds{reason=\"no_such_reason\"}",
        "process_no_such_thing",
    ];
    for query in broken {
        assert!(!unknown(query, &scrape).is_empty(), "the test went blind: it accepts {query}");
    }
    let mut faults = Vec::new();
    for query in promql::shipped() {
        faults
            .extend(unknown(&query.text, &scrape).into_iter().map(|what| format!("{}: {what}", query.place)));
    }
    assert!(faults.is_empty(), "asked for, and not shown:\n{}\n{scrape}", faults.join("\n"));
}

#[test]
fn promtool_finds_nothing_to_say_about_a_live_scrape() {
    let Some(promtool) = parts::find("promtool") else { return };
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &[]);
    let mut judge = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    judge.stdin.take().unwrap().write_all(demo.metrics().as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && told.is_empty(), "{told}");
}

/// Reported, and not judged by the clock: machines differ.
#[test]
fn a_scrape_of_ten_thousand_series_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let demo = Demo::start(folder.path(), &["--machines", "2500"]);
    let series = demo.metrics().lines().filter(|line| !line.starts_with('#')).count();
    assert!(series >= 10_000, "{series} series");
    let mut times: Vec<Duration> = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        ask::read(demo.address, "/metrics").unwrap();
        times.push(began.elapsed());
    }
    times.sort();
    let (middle, worst) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{series} series: scrape {middle:?} in the middle, {worst:?} at the 99th percentile");
}
