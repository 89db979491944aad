//! Power loss: whatever a cut leaves on the disk, no acknowledged event is lost and the chain holds.
//!
//! A scenario is recorded once, write by write; from the record come thousands of disks as a power cut
//! could have left them, and the real journal opens each. `QUARTERMASTER_IMAGES` asks for more of them.

mod image;
mod vfs;

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use fastrand::Rng;
use quartermaster::domain::time::Timestamp;
use quartermaster::journal::Journal;
use quartermaster::journal::checkpoint::Checkpoint;
use quartermaster::journal::entry::{Entry, Key, Seq};
use quartermaster::journal::open::Durability;
use quartermaster::journal::verify::verify;

use image::{Disk, FATES, Fate, Image};
use vfs::Op;

/// In the tests of every change; `tests/power-loss` asks for more.
const IMAGES: u64 = 3_000;
/// Of the large scenario, whose files have megabytes.
const LARGE_IMAGES: u64 = 100;
const SESSIONS: u64 = 5;
const APPENDS: u64 = 18;
/// More than the 1,000 pages after which the write-ahead log is moved into the file and begun anew.
const LARGE_APPENDS: u64 = 60;
const LARGE_BODY: usize = 100_000;

/// The same fault of the disk, judged.
#[derive(Default)]
struct Tally {
    images: u64,
    lost: u64,
    broken: u64,
    first: Option<String>,
}

fn entry(number: u64, size: usize) -> Entry {
    Entry {
        kind: "looked".to_owned(),
        version: 1,
        subject: format!("machine-{number}"),
        key: number.is_multiple_of(3).then(|| Key(u128::from(number).to_be_bytes())),
        occurred_at: None,
        body: format!(r#"{{"number":{number},"more":"{}"}}"#, "x".repeat(size)),
    }
}

/// A writer that appends one event and tells what it was told.
struct Writer<'a> {
    journal: Journal,
    runtime: &'a tokio::runtime::Runtime,
}

impl Writer<'_> {
    fn append(&mut self, entries: Vec<Entry>) -> Option<(u64, [u8; 32])> {
        let head = self.journal.head();
        let rows = self.runtime.block_on(self.journal.append(&head, Timestamp::EPOCH, entries)).ok()?;
        rows.last().map(|row| (row.seq.0, row.hash.0))
    }
}

fn open<'a>(folder: &Path, runtime: &'a tokio::runtime::Runtime) -> Option<Writer<'a>> {
    let (journal, _) = Journal::open(folder, Durability::SimulatedFull).ok()?;
    Some(Writer { journal, runtime })
}

/// Sessions of appends and saved states, ended in good order or not.
fn sessions(folder: &Path, acknowledge: &mut dyn FnMut(u64, [u8; 32])) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut rng = Rng::with_seed(7);
    let mut number = 0;
    for session in 0..SESSIONS {
        let Some(mut writer) = open(folder, &runtime) else { return };
        for _ in 0..APPENDS {
            let batch = (0..rng.u64(1..6)).map(|_| {
                number += 1;
                entry(number, rng.usize(0..3_000))
            });
            if let Some((seq, hash)) = writer.append(batch.collect()) {
                acknowledge(seq, hash);
            }
            if rng.u32(0..6) == 0 {
                let bytes = vec![b's'; rng.usize(1..9_000)];
                let head = writer.journal.head();
                drop(writer.journal.save_checkpoint(&Checkpoint { head, fold_id: "fold".to_owned(), bytes }));
            }
        }
        if session % 2 == 0 {
            drop(writer.journal.close());
        }
    }
}

/// One long session, in which the write-ahead log fills up, is moved into the file, and begins anew.
fn large(folder: &Path, acknowledge: &mut dyn FnMut(u64, [u8; 32])) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut writer = open(folder, &runtime).unwrap();
    for number in 1..=LARGE_APPENDS {
        if let Some((seq, hash)) = writer.append(vec![entry(number, LARGE_BODY)]) {
            acknowledge(seq, hash);
        }
    }
}

fn recorded(scenario: impl FnOnce(&Path, &mut dyn FnMut(u64, [u8; 32]))) -> Vec<Op> {
    let folder = tempfile::tempdir().unwrap();
    vfs::record(folder.path(), |acknowledge| scenario(folder.path(), acknowledge))
}

/// A folder in memory, where there is one: the images need no disk.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(place).unwrap()
}

/// What is wrong with the journal on such a disk.
fn fault(image: &Image, acknowledged: Option<(u64, [u8; 32])>, folder: &Path) -> Option<(bool, String)> {
    fs::create_dir(folder).unwrap();
    for (name, bytes) in image {
        fs::write(folder.join(name), bytes).unwrap();
    }
    let found = judge(acknowledged, folder);
    fs::remove_dir_all(folder).unwrap();
    found
}

fn judge(acknowledged: Option<(u64, [u8; 32])>, folder: &Path) -> Option<(bool, String)> {
    let broken = |error: String| Some((false, error));
    let journal = match Journal::open(folder, Durability::Simulated) {
        Ok((journal, _)) => journal,
        Err(error) => return broken(format!("{error}: {error:?}")),
    };
    if let Some((seq, hash)) = acknowledged {
        let there = journal.read(Seq(seq - 1), 1).map(|rows| rows.first().map(|row| row.hash.0));
        match there {
            Ok(Some(there)) if there == hash => {}
            Ok(_) => {
                return Some((
                    true,
                    format!("event {seq} was acknowledged; the log ends at {}", journal.head()),
                ));
            }
            Err(error) => return broken(format!("{error:?}")),
        }
    }
    drop(journal);
    verify(folder).err().and_then(|error| broken(format!("{error}: {error:?}")))
}

/// Opens `wanted` images, spread over every moment before a sync and some others.
fn judge_all(ops: &[Op], wanted: u64) -> Tally {
    let moments = ops.iter().filter(|op| is_moment(op)).count() as u64;
    let each = wanted.div_ceil(moments.max(1)).max(1);
    let total = Mutex::new(Tally::default());
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let folder = scratch();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (total, next, place) = (&total, &next, folder.path().join(format!("{thread}")));
            scope.spawn(move || {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= each {
                        return;
                    }
                    judge_round(ops, round, wanted / each.max(1), &place, total);
                }
            });
        }
    });
    total.into_inner().unwrap()
}

fn is_moment(op: &Op) -> bool {
    matches!(op, Op::Sync(_) | Op::SyncNames | Op::Acknowledged { .. })
}

/// One image for each moment of the record, or for as many as are wanted.
fn judge_round(ops: &[Op], round: u64, wanted: u64, place: &Path, total: &Mutex<Tally>) {
    let mut rng = Rng::with_seed(round);
    let moments = ops.iter().filter(|op| is_moment(op)).count() as u64;
    let mut disk = Disk::default();
    for op in ops {
        // Just before a sync, most is at stake; just after an answer, most is promised.
        if matches!(op, Op::Sync(_) | Op::SyncNames) && rng.u64(0..moments) < wanted {
            take_image(&disk, round, &mut rng, place, total);
        }
        disk.perform(op);
        if matches!(op, Op::Acknowledged { .. }) && rng.u64(0..moments) < wanted {
            take_image(&disk, round, &mut rng, place, total);
        }
    }
}

fn take_image(disk: &Disk, round: u64, rng: &mut Rng, place: &Path, total: &Mutex<Tally>) {
    let fate: Fate = FATES[rng.usize(0..FATES.len())];
    let image = disk.image(fate, rng);
    let found = fault(&image, disk.acknowledged, place);
    let mut total = total.lock().unwrap();
    total.images += 1;
    if let Some((is_lost, what)) = found {
        if is_lost {
            total.lost += 1;
        } else {
            total.broken += 1;
        }
        total.first.get_or_insert(format!("{fate:?} in round {round}: {what}"));
    }
}

fn images() -> u64 {
    std::env::var("QUARTERMASTER_IMAGES").map_or(IMAGES, |text| text.parse().unwrap())
}

#[test]
fn whatever_a_power_cut_leaves_no_acknowledged_event_is_lost() {
    let began = Instant::now();
    let ops = recorded(sessions);
    let acknowledged = ops.iter().filter(|op| matches!(op, Op::Acknowledged { .. })).count();
    assert_eq!(acknowledged as u64, SESSIONS * APPENDS);
    let tally = judge_all(&ops, images());
    println!(
        "power loss: {} images of {} operations, {} acknowledged appends lost, {} journals broken, {:.1} s",
        tally.images,
        ops.len(),
        tally.lost,
        tally.broken,
        began.elapsed().as_secs_f64()
    );
    assert_eq!((tally.lost, tally.broken), (0, 0), "{:?}", tally.first);
    assert!(tally.images >= images() * 9 / 10, "only {} images", tally.images);
}

#[test]
fn a_write_ahead_log_that_begins_anew_loses_nothing_in_a_power_cut() {
    let began = Instant::now();
    let ops = recorded(large);
    let is_moved = |op: &Op| matches!(op, Op::Write { file, .. } if file == "journal.db");
    let moves = ops.iter().filter(|op| is_moved(op)).count();
    assert!(moves > 1_000, "the log was never moved into the file: {moves}");
    let tally = judge_all(&ops, images() * LARGE_IMAGES / IMAGES);
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "power loss, large: {} images, {} lost, {} broken, {seconds:.1} s",
        tally.images, tally.lost, tally.broken
    );
    assert_eq!((tally.lost, tally.broken), (0, 0), "{:?}", tally.first);
}

#[cfg(feature = "planted-bugs")]
mod planted {
    use quartermaster::planted::{Bug, plant};

    use super::*;

    const FEW: u64 = 600;

    /// Of a scenario with the bug that is planted; it is opened again without.
    fn lost() -> Tally {
        let ops = recorded(sessions);
        plant(None);
        judge_all(&ops, FEW)
    }

    #[test]
    fn commits_that_do_not_wait_for_the_disk_are_noticed() {
        plant(Some(Bug::CommitWithoutSync));
        let tally = lost();
        println!(
            "planted bug CommitWithoutSync: caught by power loss: {} of {} images lost events",
            tally.lost, tally.images
        );
        assert!(tally.lost > tally.images / 20, "{} of {}", tally.lost, tally.images);
    }

    #[test]
    fn an_answer_before_the_commit_is_noticed() {
        plant(Some(Bug::AnswerBeforeCommit));
        let tally = lost();
        println!(
            "planted bug AnswerBeforeCommit: caught by power loss: {} of {} images lost events",
            tally.lost, tally.images
        );
        assert!(tally.lost > tally.images / 20, "{} of {}", tally.lost, tally.images);
    }
}
