//! Retention against restic itself: its `forget --dry-run` over random histories in two zones.
//!
//! Left out, with a line that says so, where restic is missing or does not know all the words.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use fastrand::Rng;
use quartermaster::domain::id::BackupId;
use quartermaster::domain::policy::{Keep, Retention};
use quartermaster::domain::retention::{Calendar, Candidate, Reason, Verdict, judge};
use quartermaster::domain::schedule;
use quartermaster::domain::time::{Seconds, Timestamp};
use serde_json::Value;

const SEED: u64 = 20_260_301;
const ZONES: [&str; 2] = ["Europe/Berlin", "America/New_York"];
/// Histories of each zone, and backups of each history.
const HOSTS: usize = 2;
const BACKUPS: usize = 16;
/// Each marks about two thirds of the backups, so that one repository holds many histories.
const TAGS: usize = 6;
const POLICIES: usize = 20;
const THREADS: usize = 4;
/// The first with every `--keep-within-*`.
const OLDEST_VERSION: (u32, u32) = (0, 13);

/// Minutes from one backup to the one before it: an hour shown twice, days, weeks, months, years.
const GAPS: [i64; 10] = [20, 35, 60, 250, 1_440, 1_500, 4_320, 10_080, 44_640, 180_000];
const REACHES: [&str; 12] =
    ["1h", "5h", "25h", "1d", "2d3h", "9d", "1m", "2m", "1m15d", "1y", "1y2m3d4h", "3y"];

struct Repository<'a> {
    folder: &'a Path,
}

impl Repository<'_> {
    fn restic(&self, zone: &str, arguments: &[String]) -> String {
        let mut command = Command::new("restic");
        command.current_dir(self.folder).args(arguments).arg("--no-cache");
        command.env("RESTIC_REPOSITORY", self.folder.join("repository"));
        command.env("RESTIC_PASSWORD", "of the tests").env("TZ", zone).env("HOME", self.folder);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "restic {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What the installed restic knows of the words, as its own help says.
#[derive(Clone, Copy)]
struct Knowledge {
    /// A count can be all.
    all: bool,
    /// The oldest is kept while a count is not used up. Versions before 0.16 do not keep it.
    oldest: bool,
}

/// `None` without a restic that can be asked.
fn installed() -> Option<Knowledge> {
    let told = |arguments: &[&str]| {
        let output = Command::new("restic").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let version = told(&["version"])?;
    let mut numbers = version.strip_prefix("restic ")?.split('.').map_while(|part| part.parse::<u32>().ok());
    let version = (numbers.next()?, numbers.next()?);
    if version < OLDEST_VERSION {
        return None;
    }
    let help = told(&["forget", "--help"])?;
    Some(Knowledge { all: help.contains("'unlimited' to keep"), oldest: help.contains("oldest snapshot") })
}

fn each_in_parallel<Job: Sync>(jobs: &[Job], work: impl Fn(&Job) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(job);
                }
            });
        }
    });
}

/// The backups of one host from new to old, as arguments.
fn history(zone: &str, host: &str, random: &mut Rng) -> Vec<(String, Vec<String>)> {
    // After the night in which an hour comes twice.
    let mut wall: jiff::civil::DateTime = "2025-10-27T02:40:00".parse().unwrap();
    let mut history = Vec::new();
    for _ in 0..BACKUPS {
        let mut arguments = words("backup --quiet --force --host");
        arguments.extend([
            host.to_owned(),
            "--time".to_owned(),
            wall.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        ]);
        for tag in (0..TAGS).filter(|_| random.u32(..3) > 0) {
            arguments.extend(["--tag".to_owned(), format!("t{tag}")]);
        }
        arguments.push("file".to_owned());
        history.push((zone.to_owned(), arguments));
        let gap = GAPS[random.usize(..GAPS.len())];
        wall = wall.checked_sub(jiff::Span::new().minutes(gap)).unwrap();
    }
    history
}

/// A policy, and the same as flags.
fn policy(random: &mut Rng, knows: Knowledge) -> (Retention, Vec<String>) {
    let mut retention = Retention::default();
    let mut flags = Vec::new();
    while !retention.has_rule() {
        let counts = [
            ("last", &mut retention.keep_last),
            ("hourly", &mut retention.keep_hourly),
            ("daily", &mut retention.keep_daily),
            ("weekly", &mut retention.keep_weekly),
            ("monthly", &mut retention.keep_monthly),
            ("yearly", &mut retention.keep_yearly),
        ];
        for (word, place) in counts {
            let count = random.u32(1..7);
            match random.u32(..12) {
                0..3 => {
                    *place = Some(Keep::Count(count));
                    flags.extend([format!("--keep-{word}"), count.to_string()]);
                }
                3 if knows.all => {
                    *place = Some(Keep::All);
                    flags.extend([format!("--keep-{word}"), "unlimited".to_owned()]);
                }
                _ => {}
            }
        }
        let reaches = [
            ("within", &mut retention.keep_within),
            ("within-hourly", &mut retention.keep_within_hourly),
            ("within-daily", &mut retention.keep_within_daily),
            ("within-weekly", &mut retention.keep_within_weekly),
            ("within-monthly", &mut retention.keep_within_monthly),
            ("within-yearly", &mut retention.keep_within_yearly),
        ];
        for (word, place) in reaches {
            let reach = REACHES[random.usize(..REACHES.len())];
            if random.u32(..5) > 0 {
                continue;
            }
            *place = Some(reach.parse().unwrap());
            flags.extend([format!("--keep-{word}"), reach.to_owned()]);
        }
    }
    (retention, flags)
}

fn instants(group: &Value, list: &str) -> BTreeMap<BackupId, Timestamp> {
    let read = |one: &Value| {
        (BackupId::new(one["id"].as_str().unwrap()), one["time"].as_str().unwrap().parse().unwrap())
    };
    group[list].as_array().into_iter().flatten().map(read).collect()
}

/// How many backups of the group restic removes; ours must be the same.
fn compare(group: &Value, retention: &Retention, zone: &str, knows: Knowledge) -> Result<usize, String> {
    let (keep, remove) = (instants(group, "keep"), instants(group, "remove"));
    let all: BTreeMap<_, _> = keep.iter().chain(&remove).collect();
    let candidates: Vec<_> = all.iter().map(|(id, at)| Candidate { id, taken_at: **at }).collect();
    let now = all.values().copied().max().copied().unwrap_or(Timestamp::EPOCH);
    let known = schedule::zone(zone).unwrap();
    let verdicts = judge(&candidates, retention, Calendar { zone: &known, now, skew: Seconds(0) });
    let counts = |reason: &Reason| knows.oldest || !matches!(reason, Reason::Oldest { .. });
    let is_kept =
        |verdict: &Verdict| matches!(verdict, Verdict::Keep { reasons } if reasons.iter().any(counts));
    let kept = verdicts.iter().filter(|(_, verdict)| is_kept(verdict));
    let kept: BTreeSet<&BackupId> = kept.map(|(id, _)| *id).collect();
    if kept == keep.keys().collect() {
        return Ok(remove.len());
    }
    let row = |(id, at): (&&BackupId, &&Timestamp)| {
        let wall = at.zoned().to_zoned(known.clone()).strftime("%F %T %:z").to_string();
        format!("{wall} restic {} ours {}", keep.contains_key(*id), kept.contains(*id))
    };
    let mut rows: Vec<String> = all.iter().map(row).collect();
    rows.sort();
    Err(format!("{retention} in {zone}\n  {}", rows.join("\n  ")))
}

#[test]
fn restic_itself_keeps_and_removes_the_same() {
    let Some(knows) = installed() else {
        let (major, minor) = OLDEST_VERSION;
        // Past the test's own output, so that it is seen.
        let _ = writeln!(
            io::stderr(),
            "skipped: restic {major}.{minor} or newer is not installed; retention is not compared with it"
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "of no interest").unwrap();
    let repository = Repository { folder: folder.path() };
    repository.restic("UTC", &words("init --quiet"));
    let mut random = Rng::with_seed(SEED);
    let mut backups = Vec::new();
    for zone in ZONES {
        for host in 0..HOSTS {
            backups.extend(history(zone, &format!("{zone}-{host}"), &mut random));
        }
    }
    each_in_parallel(&backups, |(zone, arguments)| {
        repository.restic(zone, arguments);
    });
    let mut jobs = Vec::new();
    for zone in ZONES {
        for at in 0..POLICIES {
            let (retention, flags) = policy(&mut random, knows);
            let mut arguments = words("forget --dry-run --json --no-lock --group-by host --tag");
            arguments.push(format!("t{}", at % TAGS));
            arguments.extend((0..HOSTS).flat_map(|host| ["--host".to_owned(), format!("{zone}-{host}")]));
            arguments.extend(flags);
            jobs.push((zone, retention, arguments));
        }
    }
    let (removed, compared) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let wrong = Mutex::new(Vec::new());
    each_in_parallel(&jobs, |(zone, retention, arguments)| {
        let groups: Value = serde_json::from_str(&repository.restic(zone, arguments)).unwrap();
        for group in groups.as_array().unwrap() {
            compared.fetch_add(1, Ordering::Relaxed);
            match compare(group, retention, zone, knows) {
                Ok(count) => drop(removed.fetch_add(count, Ordering::Relaxed)),
                Err(difference) => wrong.lock().unwrap().push(difference),
            }
        }
    });
    let (removed, compared) = (removed.into_inner(), compared.into_inner());
    let without = if knows.oldest { "" } else { ", without the oldest, which this version does not keep" };
    println!(
        "restic: {compared} histories compared, {removed} backups removed by both{without} (seed {SEED})"
    );
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "seed {SEED}:\n{}", wrong.join("\n"));
    assert!(
        compared >= ZONES.len() * HOSTS * POLICIES * 9 / 10 && removed > compared,
        "next to nothing was compared"
    );
}
