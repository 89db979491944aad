//! Dashboards and alert rules: whole, explained, and never a sum over currencies.
//!
//! That they name only what the program really shows is judged against a scrape of it.

pub mod promql;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use promql::{Query, root, selectors};

const VARIABLES: [&str; 3] = ["datasource", "job", "instance"];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn alerts() -> Vec<String> {
    let names = promql::rules().into_iter();
    names.map(|query| query.place.trim_start_matches("rules.yml: ").to_owned()).collect()
}

fn is_money(name: &str) -> bool {
    name.contains("_credits") || name.contains("_runout_")
}

/// Where currencies could be mixed: an aggregation that drops the label from more than one of them.
fn mixes_currencies(query: &Query) -> bool {
    selectors(&query.text).iter().filter(|found| is_money(&found.name)).any(|found| {
        let is_one = found.matchers.iter().any(|one| one.label == "currency" && one.operator == "=");
        !is_one && !found.around.iter().all(|left| left.has("currency"))
    })
}

#[test]
fn no_query_mixes_currencies() {
    let mixes = |text: &str| mixes_currencies(&Query { place: String::new(), text: text.to_owned() });
    assert!(mixes("sum(quartermaster_balance_credits)"), "the rule went blind");
    assert!(mixes("max by (basis) (quartermaster_burn_credits_per_hour)"), "the rule went blind");
    assert!(mixes("sum without (currency) (quartermaster_balance_credits)"), "the rule went blind");
    assert!(!mixes("sum by (currency) (rate(quartermaster_charged_credits_total[1d]))"));
    assert!(!mixes("sum(quartermaster_balance_credits{currency=\"USD\"})"));
    let queries = promql::shipped();
    assert!(queries.iter().any(|query| query.text.contains("_credits")), "no query of money was found");
    let found: Vec<_> = queries.iter().filter(|query| mixes_currencies(query)).collect();
    let places: Vec<_> = found.iter().map(|query| &query.place).collect();
    assert!(places.is_empty(), "money of several currencies is added up in {places:?}");
}

#[test]
fn the_forecast_is_ours_and_no_straight_line_through_a_top_up() {
    let lines = promql::shipped().into_iter().filter(|query| query.text.contains("predict_linear"));
    assert_eq!(lines.map(|query| query.place).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn each_alert_has_its_words_and_a_runbook_with_its_name() {
    let rules = read("config/prometheus/rules.yml");
    let alerts = alerts();
    assert!(alerts.len() > 10, "the alerts were not found");
    for part in rules.split("- alert: ").skip(1) {
        let alert = part.lines().next().unwrap();
        for key in ["for:", "severity:", "summary:", "description:"] {
            assert!(part.contains(key), "{alert} has no `{key}`");
        }
        assert!(part.contains(&format!("runbook_url: docs/runbooks/{alert}.md")), "{alert}: its runbook");
        let page = read(&format!("docs/runbooks/{alert}.md"));
        let headings: Vec<_> = page.lines().filter(|line| line.starts_with('#')).collect();
        let title = format!("# {alert}");
        let expected = [
            title.as_str(),
            "## What it means",
            "## What to look at",
            "## The one command",
            "## When to ignore it",
        ];
        assert_eq!(headings, expected, "docs/runbooks/{alert}.md");
    }
    let pages = fs::read_dir(root().join("docs/runbooks")).unwrap();
    assert_eq!(pages.count(), alerts.len(), "a runbook belongs to no alert");
}

#[test]
fn each_alert_fires_once_and_stays_quiet_once_in_the_tests_of_the_rules() {
    let tests = read("config/prometheus/rules_test.yml");
    for alert in alerts() {
        let cases: Vec<_> = tests.split(&format!("alertname: {alert}\n")).skip(1).collect();
        let is_quiet = |case: &&str| case.trim_start().starts_with("exp_alerts: []");
        assert!(cases.iter().any(is_quiet), "{alert} never stays quiet");
        assert!(cases.iter().any(|case| !is_quiet(case)), "{alert} never fires");
    }
}

#[test]
fn each_panel_says_what_it_shows_and_in_which_unit() {
    let mut uids = BTreeSet::new();
    for entry in fs::read_dir(root().join("dashboards")).unwrap() {
        let path = entry.unwrap().path();
        let file = path.display();
        let text = fs::read_to_string(&path).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        assert!((39..=42).contains(&dashboard["schemaVersion"].as_u64().unwrap()), "{file}: schemaVersion");
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{file}: its uid is taken");
        assert!(!text.contains("__inputs") && !text.contains("${DS_"), "{file}: not for provisioning");
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let names: Vec<_> = variables.iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert!(VARIABLES.iter().all(|name| names.contains(name)), "{file} has the variables {names:?}");
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}: an id is taken");
            if panel["type"] == "row" {
                continue;
            }
            let title = panel["title"].as_str().unwrap();
            let is_told = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
            assert!(!title.is_empty(), "{file}: a panel has no title");
            assert!(is_told(&panel["description"]), "{file}: {title} has no description");
            assert!(is_told(&panel["fieldConfig"]["defaults"]["unit"]), "{file}: {title} has no unit");
            for target in panel["targets"].as_array().unwrap() {
                let query = target["expr"].as_str().unwrap();
                let is_chosen = query.contains("job=~\"$job\"") && query.contains("instance=~\"$instance\"");
                assert!(is_chosen, "{file}: {title} does not ask for the chosen job and instance");
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{file}: {title}");
            }
        }
    }
    assert!(!uids.is_empty(), "no dashboard was found");
}
