//! The kill campaign: the real daemon over real sockets, killed again and again, judged by the cloud's truth.
//!
//! Both processes live by one stretched clock, so that an hour passes in a second. Every wait in the
//! configuration stays as long as the simulated cloud's lateness demands, in its own time.

mod processes;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use quartermaster::journal::entry::Seq;
use quartermaster::journal::reader::Reader;
use serde::Deserialize;

use processes::{Character, Daemon, Report, SimulatedCloud, read_json, tried, verb};

/// One simulated hour in each real second.
const SCALE: u32 = 3_600;
/// Real time between two kills.
const LONGEST_LIFE_MILLIS: u64 = 4_000;
/// Chaos lasts for about as long as the kills do: this long for each, in real time.
const CHAOS_FOR_EACH_MILLIS: u64 = 2_200;
/// Twelve simulated hours at least: what is open settles, and each machine gets new backups.
const CALM: Duration = Duration::from_secs(12);
/// The last bound of all waits.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// In the calm a person looks as often as this, in real time.
const VISITS: Duration = Duration::from_secs(2);
const MACHINES: usize = 3;
const GLANCE: Duration = Duration::from_millis(1);
/// So many kills and calls meet so many kinds of faults. What takes weeks is met in the simulated years.
const MANY: (u64, u64, usize) = (50, 5_000, 20);

/// Late effects come within 30 minutes and listings lag up to 15, so 45 would do for `settle`; a
/// request that waits for a busy processor costs minutes more. `timeout` is real time, and the cloud
/// gives a stalled call up after ten of its minutes, long before. Half an hour, half a second here,
/// is a quarter of `fresh`: what a busy machine may take from the end of a listing to the plan that
/// rests on it. `skew` is an answer's way here, and stays below the hour between two backups.
const RULES: &str = r#"
[rules]
settle = "90m"
grace = "1h"
soft_start = "1h"
fresh = "2h"
skew = "45m"
freeze_margin = "12h"
snapshots_every = "15m"
machines_every = "15m"
balance_every = "6h"
in_flight_every = "5m"
concurrent = 3

[[policy]]
name = "often"
machines = ["*"]
schedule = "0 * * * *"
may_restart = true

[policy.retention]
keep_last = 3
"#;

#[derive(Deserialize)]
struct Status {
    shelves: Vec<Shelf>,
    doomed: Vec<Doomed>,
    suspects: Vec<Suspect>,
    alarms: Vec<Alarm>,
    frozen: Option<serde_json::Value>,
    open_effects: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Shelf {
    machine_name: String,
    orphaned: bool,
    newest_good: Option<NewestGood>,
}

#[derive(Deserialize)]
struct NewestGood {
    age_seconds: u64,
}

#[derive(Deserialize)]
struct Doomed {
    needs_approval: bool,
    approved_at: Option<String>,
}

#[derive(Deserialize)]
struct Suspect {
    snapshot: String,
}

#[derive(Deserialize)]
struct Alarm {
    kind: String,
}

/// When a daemon is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// This long after its start.
    After(Duration),
    /// So long after the cloud heard of a create or a delete, once it has lived for a while.
    Asked { life: Duration, later: Duration },
    /// So long after the journal has an intent, once it has lived for a while.
    Intended { life: Duration, later: Duration },
}

impl Moment {
    fn drawn(random: &mut Rng) -> Self {
        let life = Duration::from_millis(random.u64(150..LONGEST_LIFE_MILLIS));
        let later = Duration::from_micros(random.u64(0..8_000));
        match random.u8(..8) {
            0 => Self::After(Duration::from_millis(random.u64(0..150))),
            1..=3 => Self::After(life),
            4 | 5 => Self::Asked { life: life / 2, later },
            _ => Self::Intended { life: life / 2, later },
        }
    }
}

struct Campaign {
    kills: u64,
    bug: Option<&'static str>,
    random: Rng,
    cloud: SimulatedCloud,
    chaos_ends: Instant,
    directory: tempfile::TempDir,
    configuration: PathBuf,
    /// Once it has one, it has it for ever.
    has_journal: bool,
}

impl Campaign {
    fn prepare(kills: u64, character: &Character) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let cloud = SimulatedCloud::start(directory.path(), character);
        let data = directory.path().join("data");
        let text =
            format!("mode = \"enforce\"\nemail = \"off\"\ndata_dir = {data:?}\n{}{RULES}", cloud.settings);
        let configuration = directory.path().join("quartermaster.toml");
        fs::write(&configuration, text).unwrap();
        let chaos_ends = Instant::now() + Duration::from_secs(character.chaos_seconds / u64::from(SCALE));
        let random = Rng::with_seed(character.seed);
        Self { kills, bug: None, random, cloud, chaos_ends, directory, configuration, has_journal: false }
    }

    /// One life of the daemon, and what the cloud's truth says after it.
    fn kill_once(&mut self) -> (Moment, Report) {
        let moment = Moment::drawn(&mut self.random);
        let mut daemon = Daemon::start(self.directory.path(), &self.configuration, self.bug);
        self.wait_until(moment, &mut daemon);
        daemon.kill();
        self.visit();
        (moment, self.cloud.report())
    }

    /// The truth's last report, and what the journal has to say at the end: to us, and to a person.
    fn run(mut self) -> (Report, String) {
        for number in 1..=self.kills {
            let (moment, report) = self.kill_once();
            assert!(is_clean(&report), "after kill {number}, {moment:?}: {:#?}", report.lines);
        }
        let daemon = Daemon::start(self.directory.path(), &self.configuration, None);
        let begins = self.chaos_ends.max(Instant::now());
        // While it lives, and until it has done what it must, however long this machine takes for that.
        loop {
            thread::sleep(VISITS);
            self.visit();
            let (status, calm) = (self.status(), Instant::now().saturating_duration_since(begins));
            let is_done = unrest(&status, calm).is_empty() && is_worth_it(self.kills, &self.cloud.report());
            if calm >= CALM && (is_done || calm >= PATIENCE) {
                assert!(is_done, "after {calm:?} of calm: {:#?}", unrest(&status, calm));
                break;
            }
        }
        let told = verb(&self.configuration, &["status"]).stdout;
        daemon.stop();
        verb(&self.configuration, &["log", "verify"]);
        (self.cloud.stop(), String::from_utf8(told).unwrap())
    }

    fn wait_until(&self, moment: Moment, daemon: &mut Daemon) {
        match moment {
            Moment::After(life) => thread::sleep(life),
            Moment::Asked { life, later } => {
                let bound = self.bound_of_life(daemon);
                thread::sleep(life);
                let (deadline, before) = (Instant::now() + bound, self.cloud.report().changes_asked);
                while self.cloud.report().changes_asked == before && Instant::now() < deadline {
                    daemon.must_be_alive();
                    thread::sleep(GLANCE);
                }
                thread::sleep(later);
            }
            Moment::Intended { life, later } => {
                let bound = self.bound_of_life(daemon);
                thread::sleep(life);
                let deadline = Instant::now() + bound;
                let mut watch = JournalWatch::begin(&self.data());
                while !watch.saw("intended") && Instant::now() < deadline {
                    daemon.must_be_alive();
                    thread::sleep(GLANCE);
                }
                thread::sleep(later);
            }
        }
    }

    /// How long it may take until it does something, once it has looked: longer on a slow machine, or it
    /// would never come to anything there.
    fn bound_of_life(&self, daemon: &mut Daemon) -> Duration {
        let (began, mut watch) = (Instant::now(), JournalWatch::begin(&self.data()));
        while !watch.saw("looked") && began.elapsed() < PATIENCE {
            daemon.must_be_alive();
            thread::sleep(GLANCE);
        }
        Duration::from_millis(LONGEST_LIFE_MILLIS).max(began.elapsed() * 4)
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// What a person does, with a daemon or without one: checks the journal, approves, disowns
    /// look-alikes, and ends what the cloud's lies brought about: the machines are all there, and the
    /// account is in order.
    fn visit(&mut self) {
        // Killed before it made its journal, it has left nothing to look at.
        if !self.has_journal {
            let looked = tried(&self.configuration, &["log", "verify"]);
            if String::from_utf8_lossy(&looked.stderr).starts_with("error: there is no journal at ") {
                return;
            }
            self.has_journal = true;
        }
        verb(&self.configuration, &["log", "verify"]);
        for wish in wishes(&self.status()) {
            let words: Vec<&str> = wish.iter().map(String::as_str).collect();
            let asked = tried(&self.configuration, &words);
            // A daemon that lives may have come first.
            let is_moot = || !wishes(&self.status()).contains(&wish);
            let said = String::from_utf8_lossy(&asked.stderr);
            assert!(asked.status.success() || is_moot(), "{wish:?}: {said}");
        }
    }

    fn status(&self) -> Status {
        read_json(&verb(&self.configuration, &["status", "--json"]).stdout)
    }
}

/// What a person types who sees this.
fn wishes(status: &Status) -> Vec<Vec<String>> {
    let mut wishes: Vec<Vec<&str>> = Vec::new();
    if status.doomed.iter().any(|doomed| doomed.needs_approval && doomed.approved_at.is_none()) {
        wishes.push(vec!["plan", "approve", "--all", "--yes"]);
    }
    let suspects = status.suspects.iter().map(|suspect| suspect.snapshot.as_str());
    wishes.extend(suspects.map(|suspect| vec!["disown", suspect, "--reason", "made by hand"]));
    if status.frozen.is_some() {
        wishes.push(vec!["thaw", "--yes"]);
    }
    if status.alarms.iter().any(|alarm| alarm.kind == "account_refused") {
        wishes.push(vec!["retry", "--account"]);
    }
    wishes.into_iter().map(|wish| wish.into_iter().map(str::to_owned).collect()).collect()
}

/// Reads the journal beside the daemon, from its present end on.
struct JournalWatch {
    directory: PathBuf,
    reader: Option<(Reader, Seq)>,
}

impl JournalWatch {
    fn begin(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), reader: None }
    }

    /// Whether such an event came since the last time.
    fn saw(&mut self, kind: &str) -> bool {
        let Some((reader, after)) = &mut self.reader else {
            // A daemon that only just starts may not let us in yet.
            let opened = Reader::open(&self.directory).ok();
            self.reader = opened.and_then(|reader| reader.head().ok().map(|head| (reader, head.seq)));
            return false;
        };
        let rows = reader.read(*after, 1_000).unwrap_or_default();
        *after = rows.last().map_or(*after, |row| row.seq);
        rows.iter().any(|row| row.entry.kind == kind)
    }
}

fn is_clean(report: &Report) -> bool {
    (report.duplicates, report.unowned_deleted, report.violations) == (0, 0, 0)
}

/// A campaign in which nothing happens proves nothing.
fn is_worth_it(kills: u64, report: &Report) -> bool {
    report.backups_taken > kills && report.backups_deleted > kills / 2
}

fn must_have_been_worth_it(kills: u64, report: &Report, told: &str) {
    let (taken, deleted, now) = (report.backups_taken, report.backups_deleted, &report.simulated_now);
    assert!(is_worth_it(kills, report), "only {taken} taken and {deleted} deleted by {now}:\n{told}");
    let met = report.faults_hit.values().filter(|hits| **hits > 0).count();
    let (is_long, least) = (kills >= MANY.0 && report.api_calls >= MANY.1, MANY.2);
    assert!(!is_long || met >= least, "only {met} kinds of faults were met, and not {least}");
}

/// Of an hourly backup; a slow machine takes minutes for each call.
const OLDEST_SECONDS: u64 = 86_400;
/// After the calm nothing is stuck, and every machine has a young backup made in it; what is not so.
fn unrest(status: &Status, calm: Duration) -> Vec<String> {
    let calm_seconds = (calm * SCALE).as_secs().min(OLDEST_SECONDS);
    // The machines of an account that was not ours for a while are gone again.
    let shelves = || status.shelves.iter().filter(|shelf| !shelf.orphaned);
    let age = |shelf: &Shelf| shelf.newest_good.as_ref().map(|newest| newest.age_seconds);
    let old = shelves().filter(|shelf| age(shelf).is_none_or(|age| age > calm_seconds));
    let told = |shelf: &Shelf| format!("{}: {:?} s", shelf.machine_name, age(shelf));
    let mut unrest: Vec<String> = old.map(told).collect();
    if shelves().count() != MACHINES {
        unrest.push(format!("{} machines", shelves().count()));
    }
    // One of each machine may be under way.
    if status.open_effects.len() > MACHINES {
        unrest.push(format!("{:#?}", status.open_effects));
    }
    unrest
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// The campaign's own proof: a daemon that asks again blindly is found out by the same judge.
#[cfg(feature = "planted-bugs")]
#[test]
fn a_daemon_that_asks_again_blindly_is_found_out() {
    let character = Character {
        seed: 1,
        dialect: "no-unique-names".to_owned(),
        faults: "hostile".to_owned(),
        scale: SCALE,
        machines: MACHINES,
        // For as long as it takes.
        chaos_seconds: PATIENCE.as_secs() * u64::from(SCALE),
    };
    let mut campaign = Campaign::prepare(u64::MAX, &character);
    campaign.bug = Some("BlindRetry");
    let began = Instant::now();
    let found = (1..).take_while(|_| began.elapsed() < PATIENCE).find_map(|number| {
        let (_, report) = campaign.kill_once();
        (report.duplicates > 0).then_some((number, report.lines))
    });
    let (number, lines) = found.expect("the truth saw no duplicate");
    println!("planted bug BlindRetry in the real binary: caught after kill {number}: {}", lines[0]);
}

#[test]
fn whenever_the_daemon_is_killed_nothing_is_made_twice_or_wrongly_deleted() {
    let kills: u64 = setting("QUARTERMASTER_KILLS", "10").parse().unwrap();
    let character = Character {
        seed: setting("QUARTERMASTER_KILL_SEED", "1").parse().unwrap(),
        dialect: setting("QUARTERMASTER_KILL_DIALECT", "small-pages-no-unique-names"),
        faults: setting("QUARTERMASTER_KILL_FAULTS", "hostile"),
        scale: SCALE,
        machines: MACHINES,
        chaos_seconds: kills * CHAOS_FOR_EACH_MILLIS * u64::from(SCALE) / 1_000,
    };
    let Character { seed, dialect, faults, .. } = &character;
    println!("kill campaign: {kills} kills, seed {seed}, {dialect}, {faults}");
    let began = Instant::now();
    let (report, told) = Campaign::prepare(kills, &character).run();
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "kill campaign: {kills} kills, seed {seed}, {dialect}, {faults}: {seconds:.0} s, {:.1} simulated days, \
         {} calls, {} backups taken, {} deleted, {} duplicates, {} unowned deleted, {} violations\n  faults {:?}",
        seconds * f64::from(SCALE) / 86_400.0,
        report.api_calls,
        report.backups_taken,
        report.backups_deleted,
        report.duplicates,
        report.unowned_deleted,
        report.violations,
        report.faults_hit,
    );
    assert!(is_clean(&report), "{:#?}", report.lines);
    must_have_been_worth_it(kills, &report, &told);
}
