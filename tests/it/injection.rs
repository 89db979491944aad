//! Death, a full disk and a broken disk at every system call that writes, of the real program.
//!
//! `strace` makes one call of one process fail or be its last. What was acknowledged by exit code 0 must
//! be in the journal, whose chain must hold, and the next process must be able to go on.
//! `QUARTERMASTER_POINTS=all` leaves no call of the longer scenario out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use quartermaster::journal::entry::Seq;
use quartermaster::journal::reader::Reader;
use quartermaster::journal::verify::verify;

use crate::machine;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");
const CALLS: [&str; 7] = ["pwrite64", "write", "fsync", "fdatasync", "ftruncate", "unlink", "rename"];
const FAULTS: [&str; 3] = ["signal=SIGKILL", "error=ENOSPC", "error=EIO"];
/// Of the longer scenario one call in so many is tried.
const SPARSE: usize = 6;
const REASON: &str = "the sweep of the calls";

/// One call, by its name and its number, and what becomes of it.
#[derive(Clone, Debug)]
struct Point {
    call: &'static str,
    number: usize,
    fault: &'static str,
}

pub fn has_strace() -> bool {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    match &tried {
        Ok(output) if output.status.success() => return true,
        Ok(_) => machine::leave_out("strace may not trace here"),
        Err(_) => machine::skip("strace is not installed"),
    }
    false
}

fn strace(filter: &str, trace: &Path, words: &[&str]) -> Output {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", filter, "-o"]).arg(trace).arg(PROGRAM).args(words);
    command.output().unwrap()
}

/// Every call of the scenario that writes, with every fault.
fn points(folder: &Path, words: &[&str]) -> Vec<Point> {
    let trace = folder.join("trace");
    let output = strace(&format!("trace={}", CALLS.join(",")), &trace, words);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in fs::read_to_string(trace).unwrap().lines() {
        let call = CALLS.iter().find(|call| line.contains(&format!(" {call}(")));
        call.into_iter().for_each(|call| *counts.entry(call).or_default() += 1);
    }
    let of = |(call, count): (&'static str, usize)| {
        (1..=count).flat_map(move |number| FAULTS.map(|fault| Point { call, number, fault }))
    };
    counts.into_iter().flat_map(of).collect()
}

fn inject(point: &Point, folder: &Path, words: &[&str]) -> Output {
    let Point { call, number, fault } = point;
    let output = strace(&format!("inject={call}:{fault}:when={number}"), &folder.join("trace"), words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("panicked"), "{point:?}: {said}");
    output
}

/// Tries all points, on as many threads as there are processors; gives what `judge` found wrong.
fn sweep(
    points: &[Point],
    judge: impl Fn(&Point, &Path) -> Result<bool, String> + Sync,
) -> (usize, Vec<String>) {
    let (next, acknowledged, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let folder = tempfile::tempdir().unwrap();
                    match judge(point, folder.path()) {
                        Ok(was) => drop(acknowledged.fetch_add(usize::from(was), Ordering::Relaxed)),
                        Err(what) => wrong.lock().unwrap().push(format!("{point:?}: {what}")),
                    }
                }
            });
        }
    });
    (acknowledged.into_inner(), wrong.into_inner().unwrap())
}

fn quartermaster(words: &[&str]) -> Output {
    Command::new(PROGRAM).args(words).output().unwrap()
}

/// A closed journal of a short simulated life, to be copied for each point.
fn base(folder: &Path) -> PathBuf {
    let base = folder.join("base");
    let data = base.display().to_string();
    let output = quartermaster(&["demo", "--for", "2h", "--durable", "--json", "--data-dir", &data]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    base
}

fn copied(base: &Path, folder: &Path) -> String {
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    fs::copy(base.join("journal.db"), data.join("journal.db")).unwrap();
    data.display().to_string()
}

/// How many asks of the person with this word in them the journal has.
fn asks(data: &str, word: &str) -> Result<usize, String> {
    let reader = Reader::open(Path::new(data)).map_err(|error| format!("{error:?}"))?;
    let rows = reader.read(Seq::START, usize::MAX).map_err(|error| format!("{error:?}"))?;
    let is_such = |body: &str| body.contains(word) && (word != "freeze" || body.contains(REASON));
    Ok(rows.iter().filter(|row| row.entry.kind == "asked" && is_such(&row.entry.body)).count())
}

fn must_go_on(data: &str, verb: &[&str]) -> Result<(), String> {
    verify(Path::new(data)).map_err(|error| format!("{error:?}"))?;
    let again = quartermaster(&[verb, &["--data-dir", data]].concat());
    if !again.status.success() {
        return Err(format!("the next process: {}", String::from_utf8_lossy(&again.stderr)));
    }
    verify(Path::new(data)).map(drop).map_err(|error| format!("after the next process: {error:?}"))
}

#[test]
fn whatever_befalls_a_call_that_writes_what_was_acknowledged_is_there() {
    if !has_strace() {
        return;
    }
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let base = base(folder.path());
    let freeze = ["freeze", "--for", "1d", "--reason", REASON];
    let whole = copied(&base, folder.path());
    let points = points(folder.path(), &[&freeze[..], &["--data-dir", &whole]].concat());
    let judge = |point: &Point, folder: &Path| {
        let data = copied(&base, folder);
        let output = inject(point, folder, &[&freeze[..], &["--data-dir", &data]].concat());
        let is_acknowledged = output.status.success();
        let there = asks(&data, "freeze")?;
        if there > 1 || (is_acknowledged && there == 0) {
            return Err(format!("acknowledged: {is_acknowledged}, in the journal: {there}"));
        }
        if let Some(code) = output.status.code().filter(|code| ![0, 1, 137].contains(code)) {
            return Err(format!("it ended with {code}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let next = if there == 1 { &["thaw"][..] } else { &freeze };
        must_go_on(&data, next)?;
        Ok(is_acknowledged)
    };
    let (acknowledged, wrong) = sweep(&points, judge);
    println!(
        "injection into freeze: {} points, {acknowledged} acknowledged, {} wrong, {:.1} s",
        points.len(),
        wrong.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(points.len() > 90 && acknowledged > 0 && acknowledged < points.len());
}

#[test]
fn a_daemon_that_dies_or_fails_at_any_call_leaves_a_journal_that_holds() {
    if !has_strace() {
        return;
    }
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let words =
        |data: &str| ["demo", "--for", "1h", "--durable", "--json", "--data-dir", data].map(str::to_owned);
    let run = |words: [String; 7]| words.map(|word| -> &'static str { Box::leak(word.into_boxed_str()) });
    let whole = folder.path().join("data").display().to_string();
    let mut points = points(folder.path(), &run(words(&whole)));
    let total = points.len();
    if std::env::var("QUARTERMASTER_POINTS").is_ok_and(|wish| wish == "all") {
        println!("injection into a daemon: all {total} points");
    } else {
        // Coprime to the three faults, so that each of them falls on every kind of call.
        let mut at = 0;
        points.retain(|_| {
            at += 1;
            at % (SPARSE + 1) == 0
        });
    }
    let judge = |point: &Point, folder: &Path| {
        let data = folder.join("data").display().to_string();
        let output = inject(point, folder, &run(words(&data)));
        match verify(Path::new(&data)) {
            Ok(_) => {}
            // Killed before there was a journal.
            Err(quartermaster::journal::reader::ReadError::Missing { .. }) => return Ok(false),
            Err(error) => return Err(format!("{error:?}")),
        }
        let freeze = ["freeze", "--for", "1d", "--reason", REASON];
        must_go_on(&data, &freeze)?;
        Ok(output.status.success())
    };
    let (finished, wrong) = sweep(&points, judge);
    println!(
        "injection into a daemon: {} of {total} points, {finished} ended well, {} wrong, {:.1} s",
        points.len(),
        wrong.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
