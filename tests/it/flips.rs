//! A flipped bit anywhere in a journal's file is found, or changes nothing that can be read.
//!
//! One bit of every byte of several journals; `QUARTERMASTER_FLIPS=all` flips all eight.

use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use quartermaster::domain::time::Timestamp;
use quartermaster::journal::Journal;
use quartermaster::journal::checkpoint::Checkpoint;
use quartermaster::journal::entry::{Entry, Head, Key, Row, Seq};
use quartermaster::journal::open::Durability;
use quartermaster::journal::reader::Reader;
use quartermaster::journal::verify::{Report, verify};

const FOLD: &str = "fold";

/// All that can be read of a journal.
#[derive(PartialEq)]
struct Content {
    report: Report,
    head: Head,
    rows: Vec<Row>,
    checkpoint: Option<Checkpoint>,
    keyed: Vec<Option<Row>>,
}

fn entry(number: u64, size: usize) -> Entry {
    Entry {
        kind: "looked".to_owned(),
        version: 1,
        subject: format!("machine-{number}"),
        key: number.is_multiple_of(2).then(|| Key(u128::from(number).to_be_bytes())),
        occurred_at: number.is_multiple_of(3).then(|| Timestamp::from_seconds(1_772_330_400)),
        body: format!(r#"{{"number":{number},"more":"{}"}}"#, "x".repeat(size)),
    }
}

/// A closed journal of some rows, its state saved in between.
fn journal(folder: &Path, durability: Durability, rows: u64, size: usize) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut journal, _) = Journal::open(folder, durability).unwrap();
    for number in 1..=rows {
        let head = journal.head();
        let at = Timestamp::from_seconds(1_772_330_400 + i64::try_from(number).unwrap());
        runtime.block_on(journal.append(&head, at, vec![entry(number, size)])).unwrap();
        if number == rows / 2 {
            let (head, fold_id) = (journal.head(), FOLD.to_owned());
            journal.save_checkpoint(&Checkpoint { head, fold_id, bytes: vec![b's'; 900] }).unwrap();
        }
    }
    journal.close().unwrap();
    fs::read(folder.join("journal.db")).unwrap()
}

/// Nothing if something was found wrong; whatever it is, it is said and not a panic.
fn content(folder: &Path) -> Option<Content> {
    let report = verify(folder).ok()?;
    let reader = Reader::open(folder).ok()?;
    let rows = reader.read(Seq::START, usize::MAX).ok()?;
    let keyed = rows
        .iter()
        .filter_map(|row| row.entry.key)
        .map(|key| reader.by_key(&key).ok())
        .collect::<Option<_>>()?;
    Some(Content {
        report,
        head: reader.head().ok()?,
        rows,
        checkpoint: reader.load_checkpoint(FOLD).ok()?,
        keyed,
    })
}

/// How many flips were found, and where one changed what can be read without being found.
fn flip_all(whole: &[u8], original: &Content, bits: &[u8]) -> (usize, Vec<String>) {
    let (next, found, wrong) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let folder =
                    tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" })
                        .unwrap();
                let path = folder.path().join("journal.db");
                let mut bytes = whole.to_vec();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= whole.len() {
                        return;
                    }
                    for bit in bits {
                        let bit = (usize::from(*bit) + at * 5) % 8;
                        bytes[at] ^= 1 << bit;
                        fs::write(&path, &bytes).unwrap();
                        match content(folder.path()) {
                            None => drop(found.fetch_add(1, Ordering::Relaxed)),
                            Some(content) if content == *original => {}
                            Some(_) => wrong.lock().unwrap().push(format!("bit {bit} of byte {at}")),
                        }
                        bytes[at] ^= 1 << bit;
                    }
                }
            });
        }
    });
    (found.into_inner(), wrong.into_inner().unwrap())
}

#[test]
fn a_flipped_bit_is_found_or_changes_nothing_that_can_be_read() {
    let all = std::env::var("QUARTERMASTER_FLIPS").is_ok_and(|wish| wish == "all");
    let bits: &[u8] = if all { &[0, 1, 2, 3, 4, 5, 6, 7] } else { &[0] };
    for (durability, rows, size) in [(Durability::SimulatedFull, 6, 10), (Durability::Full, 5, 1_500)] {
        let began = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let whole = journal(folder.path(), durability, rows, size);
        let original = content(folder.path()).unwrap();
        assert!(original.checkpoint.is_some() && original.rows.len() as u64 == rows);
        let (found, wrong) = flip_all(&whole, &original, bits);
        let flips = whole.len() * bits.len();
        println!("flips: {flips}, {found} found, {:.1} s", began.elapsed().as_secs_f64());
        assert!(wrong.is_empty(), "neither found nor harmless: {wrong:?}");
        // The rest is unused space of pages; all that rows and indexes are made of was found.
        let used: usize = original.rows.iter().map(|row| row.entry.body.len() + 96).sum();
        assert!(found >= used * bits.len(), "only {found} of {flips} found, {used} bytes of rows");
    }
}
