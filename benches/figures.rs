//! The figures that the design promises, as ratios where a machine's speed would hide them.
//!
//! `cargo bench --bench figures` prints them; nothing is asserted by the clock.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::time::Instant;

use quartermaster::daemon::engine::{self, Replay};
use quartermaster::domain::backup::{Backup, Life};
use quartermaster::domain::event::{Event, Recorded};
use quartermaster::domain::fleet::{Machine, MachineStatus, Snapshot, SnapshotStatus};
use quartermaster::domain::id::{BackupId, MachineId, PolicyName, SnapshotId};
use quartermaster::domain::plan::plan;
use quartermaster::domain::policy::Retention;
use quartermaster::domain::slot::Slot;
use quartermaster::domain::state::{Known, State};
use quartermaster::domain::time::{Seconds, Timestamp};
use quartermaster::journal::Journal;
use quartermaster::journal::entry::{Entry, Key};
use quartermaster::journal::open::Durability;
use quartermaster::metrics::{self, Process, Scrape};
use quartermaster::rehearsal::run::{self, Nobody};
use quartermaster::rehearsal::setup::Setup;
use quartermaster::sim::dialect::Dialect;

const ROWS: usize = 200_000;
const BATCH: usize = 256;

fn main() {
    append();
    replay();
    planning();
    scrape();
}

/// Rows per second of the journal beside a bare prepared insert of the same bytes in the same batches.
fn append() {
    println!("append, {ROWS} rows of 280 bytes in batches of {BATCH}, half of them with keys");
    for (word, durability) in [("FULL", Durability::SimulatedFull), ("OFF", Durability::Simulated)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (journal, _) = Journal::open(folder.path(), durability).expect("a journal");
        let ours = rate(|| append_all(journal));
        let bare = rate(|| insert_all(&folder.path().join("bare.db"), word));
        println!(
            "  synchronous={word}: journal {ours:.0}/s, bare loop {bare:.0}/s, ratio {:.2}",
            ours / bare
        );
    }
}

fn append_all(mut journal: Journal) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for start in (0..ROWS).step_by(BATCH) {
        let batch = (start..(start + BATCH).min(ROWS)).map(entry).collect();
        let head = journal.head();
        runtime.block_on(journal.append(&head, Timestamp::EPOCH, batch)).expect("an append");
    }
}

fn insert_all(path: &Path, synchronous: &str) {
    let mut bare = rusqlite::Connection::open(path).expect("a database");
    bare.execute_batch(&format!(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous};
         CREATE TABLE log (seq INTEGER PRIMARY KEY, recorded_at INTEGER, occurred_at INTEGER, kind TEXT, \
         version INTEGER, subject TEXT, key BLOB, body TEXT, body_hash BLOB, prev_hash BLOB, hash BLOB) STRICT;
         CREATE UNIQUE INDEX log_key ON log (key) WHERE key IS NOT NULL;"
    ))
    .expect("a table");
    for start in (0..ROWS).step_by(BATCH) {
        let batch = bare.transaction().expect("a transaction");
        {
            let mut insert = batch
                .prepare_cached("INSERT INTO log VALUES (?1, 0, NULL, ?2, 1, ?3, ?4, ?5, ?6, ?6, ?6)")
                .expect("a statement");
            for number in start..(start + BATCH).min(ROWS) {
                let Entry { kind, subject, key, body, .. } = entry(number);
                let row = (number as i64 + 1, kind, subject, key.map(|key| key.0), body, [0_u8; 32]);
                insert.execute(row).expect("an insert");
            }
        }
        batch.commit().expect("a commit");
    }
}

fn entry(number: usize) -> Entry {
    let mut key = [0; 16];
    // Natural keys are hashes: they come in no order.
    key[..8].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Entry {
        kind: "called".to_owned(),
        version: 1,
        subject: format!("BRK-{number:06}S"),
        key: number.is_multiple_of(2).then_some(Key(key)),
        occurred_at: None,
        body: format!("{{\"number\":{number:08},\"filler\":\"{}\"}}", "x".repeat(245)),
    }
}

fn rate(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    ROWS as f64 / began.elapsed().as_secs_f64()
}

/// Events folded per second, from the first.
fn replay() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let setup = Setup {
        length: Seconds::days(60),
        machines: 20,
        keep_last: 15,
        also: Retention::default(),
        seed: 1,
        faults: "none".to_owned(),
        dialect: Dialect::plain(),
        durable: false,
        directory: folder.path().to_owned(),
        disturbances: Vec::new(),
        is_varied: false,
    };
    let summary = run::run(&setup, Rc::new(RefCell::new(Nobody))).expect("a rehearsal");
    let began = Instant::now();
    let folded = engine::open(folder.path(), Durability::Simulated, Replay::Zero).expect("a journal");
    let seconds = began.elapsed().as_secs_f64();
    let events = summary.journal_events as f64;
    println!("replay from zero, {events} events of 60 days and 20 machines: {:.0}/s", events / seconds);
    println!(
        "  that is {:.0} events and {:.0} KiB a day; state {} KiB",
        events / 60.0,
        summary.journal_bytes as f64 / 60.0 / 1024.0,
        folded.state.to_bytes().len() / 1024
    );
}

/// Seconds for one plan over growing fleets of 100 snapshots a machine.
fn planning() {
    println!("plan, 100 snapshots a machine, one listing just read");
    let mut points = Vec::new();
    for snapshots in [1_000_usize, 10_000, 100_000, 1_000_000] {
        let (state, now) = fleet_of(snapshots, 100);
        let began = Instant::now();
        let drafted = plan(&state, now);
        let seconds = began.elapsed().as_secs_f64();
        println!("  {snapshots:>9} snapshots: {seconds:.4} s, {} conclusions", drafted.events.len());
        points.push(((snapshots as f64).ln(), seconds.ln()));
    }
    let (first, last) = (points[1], points[points.len() - 1]);
    println!("  growth exponent from 10^4 to 10^6: {:.2}", (last.1 - first.1) / (last.0 - first.0));
}

/// One scrape of ten thousand series and more, from the published state to the text.
fn scrape() {
    let (state, now) = fleet_of(25_000, 10);
    let process = Process { head: "0123456789ab@17".to_owned(), ..Process::default() };
    let text = || {
        let scrape = Scrape { state: &state, now, holds: &[], process: &process };
        metrics::text(&scrape).expect("a scrape")
    };
    let series = text().lines().filter(|line| !line.starts_with('#')).count();
    let mut times: Vec<f64> = Vec::new();
    for _ in 0..1_000 {
        let began = Instant::now();
        std::hint::black_box(text());
        times.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[times.len() * share / 100];
    println!(
        "scrape, {series} series of 2,500 machines and 25,000 backups: {:.2} ms in the middle, {:.2} ms at the 99th percentile",
        at(50),
        at(99)
    );
}

fn fleet_of(snapshots: usize, each: usize) -> (State, Timestamp) {
    let setup_policies = Setup {
        length: Seconds::days(1),
        machines: 1,
        keep_last: 50,
        also: Retention::default(),
        seed: 1,
        faults: "none".to_owned(),
        dialect: Dialect::plain(),
        durable: false,
        directory: std::env::temp_dir(),
        disturbances: Vec::new(),
        is_varied: false,
    }
    .policies();
    let begin = Timestamp::from_seconds(1_772_323_200);
    let now = begin + Seconds::days(110);
    let mut state = State::default();
    state.apply(&Recorded { seq: 1, at: begin, event: Event::PoliciesAdopted(setup_policies) });
    for number in 0..snapshots {
        let machine = MachineId::new(format!("BRK-{:06}D", number / each));
        let due = begin + Seconds::days((number % each) as u64 + 1) + Seconds::hours(2);
        let slot = Slot { policy: PolicyName::new("daily"), machine: machine.clone(), due };
        shelve(&mut state, number, slot, due);
        state.fleet.machines.entry(machine.clone()).or_insert_with(|| Known {
            item: Machine {
                id: machine.clone(),
                name: machine.to_string(),
                status: MachineStatus::Active,
                region: "CANADA-1".to_owned(),
                tier: "legacy".to_owned(),
                labels: BTreeSet::new(),
                gpus: None,
                created_at: None,
            },
            first_seen: begin,
            missing_since: None,
        });
    }
    state.fleet.snapshot_look.complete = Some(now);
    state.fleet.snapshot_look.read_at = Some(now);
    state.fleet.machine_look.complete = Some(now);
    (state, now)
}

fn shelve(state: &mut State, number: usize, slot: Slot, due: Timestamp) {
    let name = slot.snapshot_name(slot.machine.as_str());
    let id = SnapshotId::new(format!("BRK-{number:07}S"));
    let item = Snapshot {
        id: id.clone(),
        name: name.clone(),
        description: String::new(),
        status: SnapshotStatus::Ready,
        size_bytes: Some(1),
        region: "CANADA-1".to_owned(),
        machine: Some(slot.machine.clone()),
        created_at: Some(due),
        is_image: false,
        unreadable: Vec::new(),
    };
    state.fleet.snapshots.insert(id.clone(), Known { item, first_seen: due, missing_since: None });
    state.owners.insert(id.clone(), BackupId::new(&*name));
    let backup = Backup {
        machine: slot.machine.clone(),
        name: name.clone(),
        slot: Some(slot),
        requested_at: due,
        waiting_since: due,
        offset_micros: None,
        life: Life::Good,
        snapshots: BTreeSet::from([id]),
        taken_at: due,
        sized: None,
        pinned: false,
        held: None,
        doom: None,
        expires_at: None,
        life_before: Life::Good,
        ended_at: None,
    };
    state.backups.insert(BackupId::new(name), backup);
}
