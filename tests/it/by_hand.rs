//! What people ask by hand from the command line, and the proofs that the journal keeps of deletions.

use std::path::Path;
use std::process::{Command, Output};

use quartermaster::daemon::engine::{self, Replay};
use quartermaster::domain::event::{Event, Recorded};
use quartermaster::journal::entry::Seq;
use quartermaster::journal::open::Durability;
use quartermaster::journal::record;
use serde_json::Value;

/// What a change says where no daemon runs.
const BY_ITSELF: &str = "(no daemon runs: it was written into the journal itself)\n";
const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");

/// A journal of twelve simulated days, in which something was deleted and something is doomed.
fn lived(folder: &Path) -> impl Fn(&[&str]) -> (i32, String, String) {
    let directory = folder.display().to_string();
    let run = |arguments: &[&str]| -> Output { Command::new(PROGRAM).args(arguments).output().unwrap() };
    let output = run(&["demo", "--for", "12d", "--seed", "7", "--json", "--data-dir", &directory]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    move |arguments| {
        let output = run(&[arguments, &["--data-dir", &directory]].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }
}

#[test]
fn what_people_keep_pause_and_ask_for_stands_in_the_status() {
    let folder = tempfile::tempdir().unwrap();
    let ask = lived(folder.path());
    let shown = || -> Value { serde_json::from_str(&ask(&["status", "--json"]).1).unwrap() };
    let newest = shown()["shelves"][0]["newest_good"]["backup"].as_str().unwrap().to_owned();
    let machine = shown()["shelves"][0]["machine"].as_str().unwrap().to_owned();

    let (code, said, _) = ask(&["hold", &newest, "--until", "2033-12-31", "--reason", "a lawsuit"]);
    assert_eq!((code, said), (0, format!("held {newest} until 2034-01-01 00:00:00 UTC\n{BY_ITSELF}")));
    assert_eq!(shown()["kept"][0]["held_until"], "2034-01-01T00:00:00Z");
    let delete =
        ["snapshots", "delete", &newest, "--override", "kept", "--reason", "too dear", "--name", &newest];
    let (code, _, errors) = ask(&["hold", &newest, "--until", "2030-01-01", "--reason", "a lawsuit"]);
    assert!(code == 1 && errors.contains("only ever made longer"), "{errors}");
    assert_eq!(ask(&["release", &newest, "--reason", "it is settled"]).0, 0);

    assert_eq!(ask(&delete[..5]).0, 2, "an override needs a reason");
    let unknown = ["snapshots", "delete", &newest, "--override", "hold", "--reason", "too dear"];
    let (code, _, errors) = ask(&unknown);
    assert!(code == 2 && errors.contains("no override reaches a hold"), "{errors}");
    for needs_the_cloud in [&delete[..], &["snapshots", "create", &machine, "--expire", "30d"]] {
        let (code, _, errors) = ask(needs_the_cloud);
        assert!(code == 4 && errors.contains("only a daemon speaks with the cloud"), "{errors}");
    }
    assert_eq!(shown()["requests"].as_array().unwrap().len(), 0);

    assert_eq!(ask(&["pause"]).0, 0);
    assert!(ask(&["status"]).1.contains("PAUSED: policies make and delete nothing until "));
    assert_eq!(ask(&["resume"]).0, 0);
    assert_eq!(shown()["paused_until"], Value::Null);
    assert_eq!(ask(&["policies", "retire", "nobody"]).0, 1);
    assert_eq!(ask(&["retention", "thaw", &machine, "--keep", "0", "--reason", "broken"]).0, 2);
    // By the name that `status` shows, where no other machine has it.
    let name = shown()["shelves"][0]["machine_name"].as_str().unwrap().to_owned();
    assert_eq!(ask(&["retention", "thaw", &name, "--keep", "1", "--reason", "broken"]).0, 0);
    assert_eq!(shown()["thawed"][0]["keep"], 1);
    assert_eq!(shown()["thawed"][0]["machine"], shown()["shelves"][0]["machine"]);
}

#[test]
fn a_thaw_shows_first_what_goes_then() {
    let folder = tempfile::tempdir().unwrap();
    let ask = lived(folder.path());
    let shown: Value = serde_json::from_str(&ask(&["status", "--json"]).1).unwrap();
    let doomed = shown["doomed"][0]["backup"].as_str().unwrap().to_owned();
    assert_eq!(ask(&["freeze", "--reason", "an audit"]).0, 0);
    let (code, _, errors) = ask(&["thaw"]);
    assert!(code == 1 && errors.contains(&doomed) && errors.contains("--yes"), "{errors}");
    assert_eq!(ask(&["thaw", "--yes"]).0, 0);
    assert_eq!(ask(&["thaw", "--yes"]).0, 1);
}

#[test]
fn all_that_waits_is_approved_only_after_it_was_shown_with_its_price_and_somebody_said_yes() {
    let folder = tempfile::tempdir().unwrap();
    let ask = lived(folder.path());
    let shown = || -> Value { serde_json::from_str(&ask(&["status", "--json"]).1).unwrap() };
    let machine = shown()["doomed"][0]["machine"].as_str().unwrap().to_owned();
    assert_eq!(ask(&["retention", "thaw", &machine, "--keep", "1", "--reason", "broken"]).0, 0);
    let waiting = || -> Vec<String> {
        let status = shown();
        let doomed = status["doomed"].as_array().unwrap().iter();
        let waits = doomed.filter(|doom| doom["needs_approval"] == true && doom["approved_at"].is_null());
        waits.map(|doom| doom["backup"].as_str().unwrap().to_owned()).collect()
    };
    let before = waiting();
    assert!(!before.is_empty());
    let is_offered = |said: &str| {
        before.iter().all(|id| said.contains(&format!("  {id} of ")))
            && said.contains(" USD a month at list price")
    };
    // Nobody can answer here.
    let (code, said, errors) = ask(&["plan", "approve", "--all"]);
    assert!(code == 1 && is_offered(&said) && errors.contains("say --yes to approve"), "{said}{errors}");
    assert_eq!(waiting(), before);
    let typed = |answer: &str| {
        let directory = folder.path().display();
        let verb = format!(
            "printf '{answer}\\n' | script -qec '{PROGRAM} plan approve --all --data-dir {directory}' /dev/null"
        );
        let output = Command::new("sh").args(["-c", &verb]).output().unwrap();
        (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = typed("n");
    assert!(
        code == 1 && is_offered(&said) && said.contains("[y/N]") && said.contains("nothing is approved"),
        "{said}"
    );
    assert_eq!(waiting(), before);
    let (code, said, errors) = ask(&["plan", "approve", "--all", "--yes"]);
    assert!(code == 0 && is_offered(&said) && said.contains("approved the deletion of"), "{said}{errors}");
    assert!(waiting().is_empty());
}

#[test]
fn the_proof_of_each_deletion_derives_again_and_a_false_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ask = lived(folder.path());
    let (code, said, errors) = ask(&["log", "verify", "--proofs", "--json"]);
    assert_eq!(code, 0, "{errors}");
    let document: Value = serde_json::from_str(&said).unwrap();
    assert!(document["proofs"].as_u64().unwrap() > 0, "{document}");

    let seq = forge(folder.path());
    assert_eq!(ask(&["log", "verify"]).0, 0, "the chain holds");
    let (code, _, errors) = ask(&["log", "verify", "--proofs"]);
    assert!(code == 3 && errors.contains(&format!("row {seq}: the proof of the deletion of ")), "{errors}");
}

/// A second intent of a deletion, with a proof in which nothing survives; its row.
fn forge(folder: &Path) -> u64 {
    let mut folded = engine::open(folder, Durability::SimulatedFull, Replay::Checkpoint).unwrap();
    let head = folded.journal.head();
    let rows = folded.journal.read(Seq::START, usize::MAX / 2).unwrap();
    let is_delete = |row| match record::decode(row).unwrap() {
        Recorded { event: Event::Intended(intended), .. } if !intended.effect.verb.is_create() => {
            Some(intended)
        }
        _ => None,
    };
    let mut intended = rows.iter().find_map(is_delete).unwrap();
    intended.attempt += 1;
    intended.proof.as_mut().unwrap().kept = [].into();
    let at = rows.last().unwrap().recorded_at;
    let entries = vec![record::encode(&Event::Intended(intended))];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let stored = runtime.block_on(folded.journal.append(&head, at, entries)).unwrap();
    folded.journal.close().unwrap();
    stored[0].seq.0
}
