//! What `--json` prints, against the published schemas: every field is there, declared, and of its type.

use super::names::LIVED;
use super::*;
use crate::reads::DEMO;

/// What is wrong with a value, by the words of JSON Schema that the published ones use; none other may stand
/// in them. More than a reader should ask: a field that is not declared is wrong, too.
fn faults(schema: &Value, value: &Value, root: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    let wrong = |what: &str| vec![format!("{place}: {what}, and there is {value:.100}")];
    for (word, says) in schema.as_object().unwrap() {
        found.extend(match word.as_str() {
            "$schema" | "$defs" | "title" | "description" => Vec::new(),
            "$ref" => {
                let pointer = says.as_str().unwrap().trim_start_matches('#');
                faults(root.pointer(pointer).unwrap(), value, root, place)
            }
            "anyOf" => {
                let each = says.as_array().unwrap().iter().map(|one| faults(one, value, root, place));
                let least = each.min_by_key(Vec::len).unwrap();
                if value.is_null() && !least.is_empty() { wrong("null is none of them") } else { least }
            }
            "enum" if says.as_array().unwrap().contains(value) => Vec::new(),
            "enum" => wrong(&format!("one of {says}")),
            "type" if is_of(says.as_str().unwrap(), value) => Vec::new(),
            "type" => wrong(&format!("type {says}")),
            "format" if value.as_str().unwrap_or("").parse::<jiff::Timestamp>().is_ok() => Vec::new(),
            "pattern" if value.as_str().is_some_and(is_decimal) => Vec::new(),
            "minimum" if value.as_i64() >= Some(0) => Vec::new(),
            "format" | "pattern" | "minimum" => wrong(&format!("{word} {says}")),
            "required" => {
                let names = says.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                names
                    .filter(|name| value.get(name).is_none())
                    .flat_map(|name| wrong(&format!("needs {name}")))
                    .collect()
            }
            "properties" => {
                let fields = value.as_object().into_iter().flatten();
                let each = fields.map(|(name, value)| match says.get(name) {
                    Some(schema) => faults(schema, value, root, &format!("{place}.{name}")),
                    None => vec![format!("{place}.{name} is not declared")],
                });
                each.flatten().collect()
            }
            "additionalProperties" => {
                let fields = value.as_object().into_iter().flatten();
                fields
                    .flat_map(|(name, value)| faults(says, value, root, &format!("{place}[{name:?}]")))
                    .collect()
            }
            "items" => {
                let items = value.as_array().into_iter().flatten();
                items.flat_map(|item| faults(says, item, root, &format!("{place}[]"))).collect()
            }
            other => vec![format!("{place}: nobody here knows the word {other}")],
        });
    }
    found
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the type {other}"),
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.trim_start_matches('-');
    let parts: Vec<&str> = digits.split('.').collect();
    parts.len() <= 2
        && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|one| one.is_ascii_digit()))
}

fn schema(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/json-schema");
    let text = fs::read_to_string(folder.join(format!("{name}.json")))
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    serde_json::from_str(&text).unwrap()
}

#[track_caller]
fn holds(name: &str, document: &Value) {
    assert_eq!(document["schema_version"], 1, "{name}");
    let schema = schema(name);
    let mut found = faults(&schema, document, &schema, name);
    found.sort();
    found.dedup();
    found.truncate(20);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_every_verb_that_reads_prints_is_as_its_published_schema_says() {
    for data in [&DEMO.data, &LIVED.data] {
        let read = |arguments: &[&str]| -> Value {
            let output = quartermaster(&[arguments, &["--json", "--data-dir", data]].concat());
            assert!(matches!(output.status.code(), Some(0 | 3)), "{arguments:?}: {:?}", told(&output));
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let lists =
            ["status", "plan", "machines list", "snapshots list", "policies list", "costs", "log list"];
        for verb in lists.into_iter().chain(["log verify", "log verify --proofs", "retention preview"]) {
            let words: Vec<&str> = verb.split(' ').collect();
            holds(&verb.replace(" --proofs", "").replace(' ', "-"), &read(&words));
        }
        let machines = read(&["machines", "list"]);
        let snapshots = read(&["snapshots", "list"]);
        let backups =
            snapshots["snapshots"].as_array().unwrap().iter().filter_map(|one| one["backup"].as_str());
        for backup in backups.take(4) {
            holds("explain", &read(&["explain", backup]));
            holds("snapshots-list", &read(&["snapshots", "show", backup]));
        }
        for machine in machines["machines"].as_array().unwrap() {
            let id = machine["machine"].as_str().unwrap();
            holds("machines-list", &read(&["machines", "show", id]));
            holds("explain", &read(&["explain", &format!("machine:{id}")]));
            holds("explain", &read(&["explain", &format!("daily/{id}/2026-03-03T02:00:00Z")]));
        }
        holds("policies-list", &read(&["policies", "show", "daily"]));
        holds("explain", &read(&["explain", "policy:daily"]));
        for seq in (1..60).step_by(6) {
            holds("log-show", &read(&["log", "show", &seq.to_string()]));
        }
    }
}

#[test]
fn what_the_other_verbs_print_is_as_its_published_schema_says() {
    let folder = tempfile::tempdir().unwrap();
    holds("demo-for", &demo(folder.path(), "3"));
    let (mut cloud, site) = simulated(60, "observe");
    let path = site.configuration();
    let read = |arguments: &[&str]| -> Value {
        serde_json::from_slice(&quartermaster(&[arguments, &["--json"]].concat()).stdout).unwrap()
    };
    holds("check-config", &read(&["check-config", &path]));
    holds("config-show", &read(&["config", "show", &path]));
    let out = site.text("suggested.toml");
    holds("doctor", &read(&["doctor", "--config", &path, "--out", &out]));
    cloud.terminate();
    holds("doctor", &read(&["doctor", "--config", &path, "--out", &out]));
    fs::write(&path, "mode = \"obey\"\n[rules]\ngrase = 1\n").unwrap();
    holds("check-config", &read(&["check-config", &path]));
    let instants = site.text("instants");
    let lines =
        (1..20).map(|day| format!("{{\"id\": \"b{day}\", \"taken_at\": \"2026-03-{day:02}T02:00:00Z\"}}\n"));
    fs::write(&instants, lines.collect::<String>()).unwrap();
    let preview = ["retention", "preview", "--input", &instants, "--timezone", "UTC", "--keep-daily", "7"];
    holds("retention-preview-input", &read(&preview));
    let report = site.text("report.json");
    let mut cloud = Process::start(&["sim", "serve", "--report", &report]);
    until("a report", || Path::new(&report).exists());
    holds("sim-serve", &serde_json::from_slice(&fs::read(&report).unwrap()).unwrap());
    assert_eq!(cloud.terminate(), 0);
}

#[test]
fn a_document_that_differs_from_its_schema_is_found_out() {
    let whole = DEMO.json(&["machines", "list"]);
    let schema = schema("machines-list");
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut document = whole.clone();
        change(&mut document);
        !faults(&schema, &document, &schema, "").is_empty()
    };
    assert!(!wrong(&|_| {}));
    assert!(wrong(&|one| _ = one.as_object_mut().unwrap().remove("machines")));
    assert!(wrong(&|one| one["more"] = 1.into()));
    assert!(wrong(&|one| one["now"] = "soon".into()));
    assert!(wrong(&|one| one["schema_version"] = "1".into()));
    assert!(wrong(&|one| one["machines"][0]["name"] = Value::Null));
}
