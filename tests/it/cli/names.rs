//! Names that want out of wherever they are shown: through every verb, in text and as a document.
//!
//! A simulated cloud of the dialect `hostile-names` gives them to machines, snapshots, regions, models and
//! bills, and says them in its refusals.

use std::sync::LazyLock;

use tempfile::TempDir;

use super::*;

/// No line of a text for people is longer, in bytes; a name with all of it written out has some 300.
const LONGEST_LINE: usize = 2_000;

/// Six days under fire, whose journal all of these tests read.
pub static LIVED: LazyLock<Lived> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let lived = ["demo", "--for", "8d", "--machines", "4", "--seed", "7", "--faults", "hostile"];
    let output = quartermaster(&[&lived[..], &["--dialect", "hostile-names", "--data-dir", &data]].concat());
    assert!(output.status.success(), "{:?}", told(&output));
    is_harmless("demo", &output.stdout, LONGEST_LINE);
    Lived { data, _folder: folder }
});

pub struct Lived {
    pub data: String,
    _folder: TempDir,
}

impl Lived {
    fn output(&self, arguments: &[&str]) -> Output {
        quartermaster(&[arguments, &["--data-dir", &self.data]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[arguments, &["--json"]].concat());
        assert!(matches!(output.status.code(), Some(0 | 3)), "{arguments:?}: {:?}", told(&output));
        is_harmless(&arguments.join(" "), &output.stdout, usize::MAX);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// What can be typed of a name: no argument holds a NUL.
fn typed(name: &str) -> String {
    name.replace('\0', "")
}

/// Whether a character acts on whatever shows it, or on the order of what stands beside it.
fn acts(character: char) -> bool {
    let turns = matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}');
    let is_mark = matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}');
    (character.is_control() && character != '\n') || turns || is_mark
}

#[track_caller]
pub fn is_harmless(what: &str, said: &[u8], longest_line: usize) {
    let text = std::str::from_utf8(said).unwrap_or_else(|error| panic!("{what}: {error}"));
    for line in text.lines() {
        let found = line.chars().find(|character| acts(*character));
        assert_eq!(found, None, "{what}: {}", line.escape_debug());
        let cut: String = line.chars().take(300).collect();
        assert!(line.len() <= longest_line, "{what}: a line of {} bytes: {cut}", line.len());
    }
}

/// Everything in a document, keys too.
fn texts(document: &Value, into: &mut Vec<String>) {
    match document {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            into.push(name.clone());
            texts(value, into);
        }),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::String(text) => into.push(text.clone()),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn first<'a>(document: &'a Value, list: &str, field: &str) -> &'a str {
    let items = document[list].as_array().unwrap();
    items.iter().find_map(|item| item[field].as_str()).unwrap_or_else(|| panic!("no {field} in {list}"))
}

#[test]
fn no_verb_that_reads_lets_a_name_out_in_text_or_as_a_document() {
    let machines = LIVED.json(&["machines", "list"]);
    let machine = first(&machines, "machines", "machine");
    let name = &typed(first(&machines, "machines", "name"));
    assert!(name.contains("\u{1b}[2J") && name.contains("<script>"), "the cloud is polite: {name}");
    let good = LIVED.json(&["snapshots", "list", "--state", "good"]);
    let deleted = LIVED.json(&["snapshots", "list", "--state", "deleted"]);
    let foreign = LIVED.json(&["snapshots", "list", "--policy", "none"]);
    let (backup, gone) = (first(&good, "snapshots", "backup"), first(&deleted, "snapshots", "backup"));
    let snapshot = first(&foreign, "snapshots", "snapshot");
    let region = &typed(first(&good, "snapshots", "region"));
    let slot = format!("daily/{machine}/2026-03-03T02:00:00Z");
    let (of_machine, of_slot) = (format!("machine:{machine}"), format!("slot:{slot}"));
    let verbs: Vec<Vec<&str>> = vec![
        vec!["status"],
        vec!["plan"],
        vec!["machines", "list"],
        vec!["machines", "show", machine],
        vec!["machines", "show", name],
        vec!["snapshots", "list"],
        vec!["snapshots", "list", "--group-by", "region"],
        vec!["snapshots", "list", "--group-by", "machine", "--region", region],
        vec!["snapshots", "list", "--search", "\u{1b}[2J"],
        vec!["snapshots", "show", backup],
        vec!["snapshots", "show", gone],
        vec!["snapshots", "show", snapshot],
        vec!["policies", "list"],
        vec!["policies", "show", "daily"],
        vec!["costs"],
        vec!["log", "list", "--limit", "100000"],
        vec!["log", "verify", "--proofs"],
        vec!["retention", "preview"],
        vec!["explain", backup],
        vec!["explain", gone],
        vec!["explain", snapshot],
        vec!["explain", &of_machine],
        vec!["explain", "policy:daily"],
        vec!["explain", &slot],
        vec!["explain", &of_slot],
    ];
    for verb in verbs {
        let output = LIVED.output(&verb);
        let (code, errors) = told(&output);
        assert!(code == 0 || (code == 1 && errors.starts_with("error: ")), "{verb:?}: {code} {errors}");
        is_harmless(&verb.join(" "), &output.stdout, LONGEST_LINE);
        is_harmless(&verb.join(" "), &output.stderr, LONGEST_LINE);
        if code == 0 {
            assert_eq!(LIVED.json(&verb)["schema_version"], 1, "{verb:?}");
        }
    }
}

#[test]
fn a_document_gives_a_name_back_as_the_cloud_gave_it_and_its_bytes_do_nothing() {
    let mut all = Vec::new();
    for verb in [&["machines", "list"][..], &["snapshots", "list"], &["costs"], &["plan"], &["status"]] {
        texts(&LIVED.json(verb), &mut all);
    }
    let is_whole = |text: &&String| text.contains("\r\nBcc: ") && text.contains('\u{202e}');
    assert!(all.iter().filter(is_whole).count() > 20, "the names are lost");
}

#[test]
fn a_row_of_the_journal_is_shown_and_exported_without_what_acts() {
    let exported = LIVED.output(&["log", "export"]);
    assert!(exported.status.success());
    is_harmless("log export", &exported.stdout, usize::MAX);
    let lines = String::from_utf8(exported.stdout).unwrap();
    let mut shown = 0;
    for kind in ["observed", "settled", "called", "slot_decided", "letter_queued", "anomaly", "billed"] {
        let of_kind = |row: &Value| row["kind"] == kind && row["body"].as_str().unwrap().contains("Bcc");
        let mut rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let Some(row) = rows.find(of_kind) else { continue };
        let seq = row["seq"].to_string();
        is_harmless(kind, &LIVED.output(&["log", "show", &seq]).stdout, 200_000);
        assert_eq!(LIVED.json(&["log", "show", &seq])["body"], row["body"]);
        shown += 1;
    }
    assert!(shown >= 3, "only {shown} kinds of events say a name");
}

#[test]
fn verbs_that_change_say_what_was_typed_and_what_the_cloud_named_without_acting_on_it() {
    let machines = LIVED.json(&["machines", "list"]);
    let name = typed(first(&machines, "machines", "name"));
    let good = LIVED.json(&["snapshots", "list", "--state", "good"]);
    let backup = first(&good, "snapshots", "backup").to_owned();
    let reason = "an \u{1b}[2J\u{202e}audit\u{9b}";
    let typed = "a\u{1b}[2J\r\n\u{202e}<b>";
    for verb in [
        &["retention", "thaw", &name, "--keep", "1", "--reason", reason][..],
        &["hold", &backup, "--until", "2033-12-31", "--reason", reason],
        &["freeze", "--reason", reason],
        &["thaw"],
        &["thaw", "--yes"],
        &["hold", typed, "--until", "2033-12-31", "--reason", reason],
        &["snapshots", "create", &name],
        &["snapshots", "delete", typed, "--reason", reason],
        &["snapshots", "delete", &backup, "--override", "caps", "--reason", reason, "--name", typed],
        &["policies", "run", "daily", "--machine", &name],
        &["policies", "run", typed],
        &["policies", "retire", typed],
        &["retry", "--policy", typed],
        &["retry", "--machine", &name],
        &["adopt", typed],
        &["disown", typed, "--reason", reason],
        &["pin", typed],
        &["unpin", typed],
        &["release", &backup, "--reason", reason],
        &["plan", "approve", typed],
        &["plan", "approve", "--all"],
        &["pause"],
        &["resume"],
        &["status"],
        &["explain", &backup],
        &["machines", "show", typed],
        &["log", "list", "--kind", "asked"],
    ] {
        let output = LIVED.output(verb);
        let what = format!("{verb:?}");
        assert!(matches!(output.status.code(), Some(0..=4)), "{what}: {:?}", told(&output));
        is_harmless(&what, &output.stdout, LONGEST_LINE);
        is_harmless(&what, &output.stderr, LONGEST_LINE);
    }
}

#[test]
fn a_configuration_full_of_them_is_refused_or_shown_without_acting() {
    let site = Site::new();
    let path = site.configuration();
    let plain = fs::read_to_string(&path).unwrap();
    let long = "x".repeat(10_000);
    let names = ["a\u{1b}[2J", "\u{202e}b", "c\r\nBcc: d", "<script>alert(1)</script>", &long];
    for name in names {
        let quoted = serde_json::to_string(name).unwrap().replace("\\u001b", "\\u001B");
        for (from, to) in [
            ("name = \"often\"", format!("name = {quoted}")),
            ("machines = [\"*\"]", format!("machines = [{quoted}]")),
            ("schedule = \"0 * * * *\"", format!("schedule = {quoted}")),
            ("may_restart = true", format!("may_restart = true\ntimezone = {quoted}")),
            ("may_restart = true", format!("may_restart = true\n{quoted} = 1")),
            ("mode = \"observe\"", format!("mode = {quoted}")),
            ("email = \"off\"", format!("email = [{quoted}]")),
        ] {
            fs::write(&path, plain.replace(from, &to)).unwrap();
            for more in [&[][..], &["--json"]] {
                let output = quartermaster(&[&["check-config", &path], more].concat());
                let what = format!("{to:.60} {more:?}");
                assert!(matches!(output.status.code(), Some(0 | 78)), "{what}: {:?}", told(&output));
                is_harmless(&what, &output.stdout, 30_000);
                is_harmless(&what, &output.stderr, 30_000);
                if !more.is_empty() {
                    serde_json::from_slice::<Value>(&output.stdout).unwrap();
                }
            }
            let shown = quartermaster(&["config", "show", &path]);
            is_harmless("config show", &shown.stdout, 30_000);
        }
    }
}
