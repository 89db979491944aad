//! Campaigns: the whole daemon under fire for many seeds, judged by the cloud's truth.
//!
//! `QUARTERMASTER_SEEDS`, `_DAYS` and `_FIRST_SEED` make it longer, or one seed out of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use quartermaster::domain::policy::Retention;
use quartermaster::domain::time::Seconds;
use quartermaster::rehearsal::run::{self, Nobody};
use quartermaster::rehearsal::setup::Setup;
use quartermaster::rehearsal::summary::Summary;
use quartermaster::sim::dialect::Dialect;
use quartermaster::sim::fault::Fault;

const SEEDS: u64 = 100;
pub const DAYS: u64 = 10;
/// Long enough for what takes weeks to go wrong.
const LONG_SEEDS: u64 = 2;
const LONG_DAYS: u64 = 60;
/// The seeds of the long ones are none of the others.
const FIRST_LONG_SEED: u64 = 1_001;
/// Of runs this long each has the next dialect of all.
const WHOLE_YEAR: u64 = 365;
/// In so many days every class must have struck.
const DAYS_FOR_ALL: u64 = 900;
const YEAR_SECONDS: f64 = 365.25 * 86_400.0;

/// The dialects in which the daemon's own names are all, or pages are short: where duplicates are near.
const HARD: [&str; 4] = ["plain", "no-unique-names", "small-pages", "small-pages-no-unique-names"];

/// Of four seeds one has a hard dialect, one each way in its turn, and two what they draw.
pub fn dialect(seed: u64) -> Dialect {
    let turn = usize::try_from(seed / 4).unwrap();
    let names = Dialect::names();
    match seed % 4 {
        0 => Dialect::parse(HARD[turn % HARD.len()]).unwrap(),
        1 => Dialect::named(names[turn % names.len()], seed).unwrap(),
        _ => Dialect::seeded(seed),
    }
}

fn dialect_of(seed: u64, days: u64) -> Dialect {
    let names = Dialect::names();
    let name = names[usize::try_from(seed).unwrap() % names.len()];
    if days < WHOLE_YEAR { dialect(seed) } else { Dialect::named(name, seed).unwrap() }
}

/// Three sizes of shelf, each with every dialect; one of them is under the least number of good backups.
fn keep_last(seed: u64) -> u32 {
    let sizes = [3, 2, 1];
    sizes[usize::try_from(seed / 4).unwrap() % sizes.len()]
}

/// One rehearsal under hostile faults, in this thread; an error of the run is a finding too.
pub fn rehearse(seed: u64, days: u64) -> Result<Summary, String> {
    rehearse_keeping(seed, days, Retention::default())
}

/// The same under a policy that keeps something besides.
pub fn rehearse_keeping(seed: u64, days: u64, also: Retention) -> Result<Summary, String> {
    rehearse_in(tempfile::tempdir().unwrap().path(), seed, days, also)
}

fn rehearse_in(directory: &Path, seed: u64, days: u64, also: Retention) -> Result<Summary, String> {
    let setup = Setup {
        length: Seconds::days(days),
        machines: 3,
        keep_last: keep_last(seed),
        also,
        is_varied: !seed.is_multiple_of(3),
        seed,
        faults: "hostile".to_owned(),
        dialect: dialect_of(seed, days),
        durable: false,
        directory: directory.to_owned(),
        disturbances: Vec::new(),
    };
    run::run(&setup, Rc::new(RefCell::new(Nobody))).map_err(|error| format!("{error}: {error:?}"))
}

/// A calm rehearsal of so many machines, each with one backup kept.
pub fn rehearse_fleet(machines: u32, days: u64) -> Result<Summary, String> {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup {
        length: Seconds::days(days),
        machines,
        keep_last: 1,
        also: Retention::default(),
        is_varied: false,
        seed: 1,
        faults: "none".to_owned(),
        dialect: Dialect::parse("plain").unwrap(),
        durable: false,
        directory: directory.path().to_owned(),
        disturbances: Vec::new(),
    };
    run::run(&setup, Rc::new(RefCell::new(Nobody))).map_err(|error| format!("{error}: {error:?}"))
}

/// The journal of a seed that went wrong is kept, and named: it tells what happened.
fn rehearse_and_tell(seed: u64, days: u64) -> Result<Summary, String> {
    let directory = tempfile::tempdir().unwrap();
    let outcome = rehearse_in(directory.path(), seed, days, Retention::default());
    tell_end(seed, days, &outcome);
    if !outcome.as_ref().is_ok_and(Summary::is_clean) {
        println!("seed {seed:>4}: its journal is in {}", directory.keep().display());
    }
    outcome
}

/// Every seed's rehearsal, in order of the seeds, on as many threads as there are processors.
fn rehearse_all(first: u64, seeds: u64, days: u64) -> BTreeMap<u64, Result<Summary, String>> {
    let (next, done) = (AtomicU64::new(first), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        return;
                    }
                    let summary = rehearse_and_tell(seed, days);
                    done.lock().unwrap().insert(seed, summary);
                }
            });
        }
    });
    done.into_inner().unwrap()
}

/// One line for each seed as it ends: a long campaign is watched.
fn tell_end(seed: u64, days: u64, outcome: &Result<Summary, String>) {
    let dialect = dialect_of(seed, days).name();
    match outcome {
        Ok(summary) if !summary.is_clean() => {
            println!("seed {seed:>4}: WRONG, {dialect}: {:?}", summary.violations)
        }
        Ok(summary) => println!(
            "seed {seed:>4}: clean in {:>6.1} s, {days} days, {} taken, {} deleted, {dialect}",
            summary.wall_seconds, summary.backups_taken, summary.backups_deleted,
        ),
        Err(error) => println!("seed {seed:>4}: {error}, {dialect}"),
    }
}

fn setting(name: &str, default: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number"))
}

/// What is wrong with one run, and how to see it again.
fn fault_of(seed: u64, days: u64, outcome: &Result<Summary, String>) -> Option<String> {
    let found = match outcome {
        Ok(summary) if summary.is_clean() => return None,
        Ok(summary) => format!(
            "{} duplicates, {} unowned deleted, {} violations, chain {}\n    {}",
            summary.duplicates,
            summary.unowned_deleted,
            summary.invariant_violations,
            if summary.chain_ok { "ok" } else { "broken" },
            summary.violations.join("\n    ")
        ),
        Err(error) => error.clone(),
    };
    Some(format!("seed {seed}, {}, {days} days: {found}", dialect_of(seed, days).name()))
}

/// The hits of every class over all runs; zero for a class that never struck.
fn hits<'a>(summaries: impl Iterator<Item = &'a Summary>) -> BTreeMap<&'static str, u64> {
    let mut hits = BTreeMap::from(Fault::ALL.map(|fault| (fault.code(), 0)));
    for (code, count) in summaries.flat_map(|summary| &summary.faults_hit) {
        *hits.entry(code).or_default() += count;
    }
    hits
}

/// All hits of each class, and in how many runs it struck.
fn print_hits(hits: &BTreeMap<&'static str, u64>, summaries: &[&Summary]) {
    println!("  fault      hits    runs");
    for fault in Fault::ALL {
        let code = fault.code();
        let struck = |summary: &&&Summary| summary.faults_hit.get(code).is_some_and(|count| *count > 0);
        let runs = summaries.iter().filter(struck).count();
        println!("  {code:<6} {:>8} {runs:>7}  {fault:?}", hits[code]);
    }
}

#[test]
fn hostile_seeds_make_no_duplicate_and_no_wrong_delete() {
    let first = setting("QUARTERMASTER_FIRST_SEED", 0);
    let (seeds, days) = (setting("QUARTERMASTER_SEEDS", SEEDS), setting("QUARTERMASTER_DAYS", DAYS));
    campaign(first, seeds, days);
}

#[test]
fn long_hostile_runs_make_no_duplicate_and_no_wrong_delete() {
    campaign(FIRST_LONG_SEED, LONG_SEEDS, LONG_DAYS);
}

fn campaign(first: u64, seeds: u64, days: u64) {
    let began = Instant::now();
    let outcomes = rehearse_all(first, seeds, days);
    let wall = began.elapsed();
    let summaries: Vec<&Summary> = outcomes.values().flatten().collect();
    let sum = |of: fn(&Summary) -> u64| summaries.iter().copied().map(of).sum::<u64>();
    let hits = hits(summaries.iter().copied());
    println!("campaign: {seeds} seeds from {first} x {days} hostile days");
    println!("  simulated years   {:.2}", sum(|one| one.simulated_seconds) as f64 / YEAR_SECONDS);
    println!("  wall seconds      {:.1}", wall.as_secs_f64());
    println!("  backups taken     {}", sum(|one| one.backups_taken));
    println!("  backups deleted   {}", sum(|one| one.backups_deleted));
    println!("  API calls         {}", sum(|one| one.api_calls));
    println!("  journal events    {}", sum(|one| one.journal_events));
    println!("  duplicates        {}", sum(|one| one.duplicates));
    println!("  unowned deleted   {}", sum(|one| one.unowned_deleted));
    println!("  violations        {}", sum(|one| one.invariant_violations));
    println!("  chains broken     {}", sum(|one| u64::from(!one.chain_ok)));
    print_hits(&hits, &summaries);
    let found: Vec<String> =
        outcomes.iter().filter_map(|(seed, outcome)| fault_of(*seed, days, outcome)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    println!("  at 95 %           at most {:.1} % of such seeds go wrong", 300.0 / seeds as f64);
    if seeds * days >= DAYS_FOR_ALL {
        let never: Vec<_> = hits.iter().filter(|(_, count)| **count == 0).map(|(code, _)| code).collect();
        assert!(never.is_empty(), "never struck, so nothing is proven of them: {never:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_journal() {
    for seed in [1, 3] {
        let [first, second] = [(); 2].map(|()| rehearse(seed, DAYS).unwrap());
        assert_eq!(first.head, second.head, "seed {seed}");
        assert!(first.journal_events > 1_000, "seed {seed} did next to nothing");
    }
}
