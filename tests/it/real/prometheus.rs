//! Prometheus, Alertmanager and node_exporter from Debian, with the shipped files and a running demo.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::dashboards::promql;
use crate::machine;
use crate::real::ask;
use crate::real::demo::Demo;
use crate::real::parts::{self, Running};

const START: Duration = Duration::from_secs(300);
const ADDRESS: &str = "127.0.0.1:9477";

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A query's result, or why there is none.
fn query(prometheus: SocketAddr, text: &str) -> Result<Vec<Value>, String> {
    let target = format!("/api/v1/query?query={}", ask::escaped(text));
    let answer = ask::read(prometheus, &target).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(&answer.body).map_err(|error| error.to_string())?;
    match value["data"]["result"].as_array() {
        Some(result) if value["status"] == "success" => Ok(result.clone()),
        _ => Err(answer.body),
    }
}

fn number(prometheus: SocketAddr, text: &str) -> Option<f64> {
    query(prometheus, text).ok()?.first()?["value"][1].as_str()?.parse().ok()
}

/// The shipped files as they are, but for the addresses, the haste, and that nothing waits before it fires.
fn configure(folder: &Path, demo: SocketAddr, node: Option<SocketAddr>, alerts: Option<SocketAddr>) {
    let shipped = promql::root().join("config/prometheus");
    let rules = fs::read_to_string(shipped.join("rules.yml")).unwrap();
    let hasty =
        |line: &str| if line.trim().starts_with("for: ") { "        for: 0s" } else { line }.to_owned();
    let rules: Vec<String> = rules.lines().map(hasty).collect();
    fs::write(folder.join("rules.yml"), rules.join("\n")).unwrap();
    let scrape = fs::read_to_string(shipped.join("scrape.yml")).unwrap();
    assert!(scrape.contains(ADDRESS), "scrape.yml names the default address");
    let scrape = scrape.replace(ADDRESS, &demo.to_string());
    let scrape = scrape
        .replace("scrape_interval: 1m", "scrape_interval: 1s")
        .replace("scrape_timeout: 10s", "scrape_timeout: 1s");
    let mut text = format!("global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\n{scrape}");
    if let Some(node) = node {
        text += &format!(
            "  - job_name: node\n    scrape_interval: 1s\n    static_configs: [{{targets: [\"{node}\"]}}]\n"
        );
    }
    if let Some(alerts) = alerts {
        text +=
            &format!("alerting: {{alertmanagers: [{{static_configs: [{{targets: [\"{alerts}\"]}}]}}]}}\n");
    }
    fs::write(folder.join("prometheus.yml"), text).unwrap();
}

fn prometheus(program: &Path, folder: &Path) -> (Running, SocketAddr) {
    let address = local(machine::free_port());
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address={address}"));
    let mut running = Running::start(&mut command, "prometheus", folder);
    running.until("readiness", START, || {
        ask::read(address, "/-/ready").ok().filter(|answer| answer.status == 200)
    });
    (running, address)
}

fn alertmanager(folder: &Path) -> Option<(Running, SocketAddr)> {
    let program = parts::find("prometheus-alertmanager").or_else(|| parts::find("alertmanager"))?;
    let address = local(machine::free_port());
    let mut command = Command::new(program);
    let shipped = promql::root().join("config/alertmanager/alertmanager.yml");
    command.arg(format!("--config.file={}", shipped.display()));
    command.arg(format!("--storage.path={}", folder.join("alertmanager").display()));
    command.arg(format!("--web.listen-address={address}")).arg("--cluster.listen-address=");
    let mut running = Running::start(&mut command, "alertmanager", folder);
    running.until("readiness", START, || {
        ask::read(address, "/-/ready").ok().filter(|answer| answer.status == 200)
    });
    Some((running, address))
}

fn node_exporter(folder: &Path) -> Option<(Running, SocketAddr)> {
    let program = parts::find("prometheus-node-exporter")?;
    let address = local(machine::free_port());
    let mut command = Command::new(program);
    command.arg(format!("--web.listen-address={address}"));
    let mut running = Running::start(&mut command, "node_exporter", folder);
    running.until("an answer", START, || ask::read(address, "/metrics").ok());
    Some((running, address))
}

#[test]
fn prometheus_reads_the_daemon_and_answers_every_query_that_is_shipped() {
    let Some(program) = parts::find("prometheus") else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let demo = Demo::start(folder, &["--machines", "20"]);
    let node = node_exporter(folder);
    let alerts = alertmanager(folder);
    configure(folder, demo.address, node.as_ref().map(|(_, at)| *at), alerts.as_ref().map(|(_, at)| *at));
    let (mut running, address) = prometheus(&program, folder);
    running.until("a scrape", START, || number(address, "up{job=\"quartermaster\"}").filter(|up| *up == 1.0));
    running.until("some scrapes", START, || {
        let count = "count_over_time(quartermaster_passes_total[1m])";
        number(address, count).filter(|count| *count > 5.0)
    });
    let faults = promql::shipped()
        .into_iter()
        .filter_map(|one| query(address, &one.text).err().map(|why| format!("{}: {why}", one.place)));
    let faults: Vec<String> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    judge_rules(&mut running, address);
    if let Some((running, alertmanager)) = alerts {
        judge_alerts(running, alertmanager);
    }
    if node.is_some() {
        report(address);
    }
}

/// Each was evaluated, and without an error.
fn judge_rules(running: &mut Running, prometheus: SocketAddr) {
    let rules = running.until("an evaluation of every rule", START, || {
        let answer = ask::read(prometheus, "/api/v1/rules").ok()?;
        let value: Value = serde_json::from_str(&answer.body).ok()?;
        let groups = value["data"]["groups"].as_array()?;
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default());
        let rules: Vec<Value> = rules.collect();
        (!rules.is_empty() && rules.iter().all(|rule| rule["health"] != "unknown")).then_some(rules)
    });
    assert_eq!(rules.len(), promql::rules().len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
}

/// The demo's time is not that of Prometheus: its backups look old from there, and that must be told on.
fn judge_alerts(mut running: Running, alertmanager: SocketAddr) {
    let told = running.until("an alert", START, || {
        let answer = ask::read(alertmanager, "/api/v2/alerts").ok()?;
        let alerts: Vec<Value> = serde_json::from_str(&answer.body).ok()?;
        alerts.into_iter().find(|alert| alert["labels"]["alertname"] == "QuartermasterLastPassOld")
    });
    let page = told["annotations"]["runbook_url"].as_str().unwrap();
    assert_eq!(page, "docs/runbooks/QuartermasterLastPassOld.md");
    assert_eq!(told["receivers"][0]["name"], "operators");
}

fn report(prometheus: SocketAddr) {
    for job in ["quartermaster", "node"] {
        let of = |text: &str| number(prometheus, &text.replace("JOB", job)).unwrap_or(f64::NAN);
        let memory = of("process_resident_memory_bytes{job=\"JOB\"}") / 1_048_576.0;
        let series = of("scrape_samples_scraped{job=\"JOB\"}");
        let millis = of("avg_over_time(scrape_duration_seconds{job=\"JOB\"}[1m])") * 1_000.0;
        println!("{job}: {series} series, {millis:.2} ms a scrape, {memory:.1} MiB resident");
    }
}
