//! What the journal promises, shown on real files; each example is named by its promise.
//!
//! Damage is done through a second, raw connection, as no code of ours could do it.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use crate::domain::time::Timestamp;
use crate::journal::append::AppendError;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::entry::{Entry, Hash, Head, Key, Row, Seq};
use crate::journal::fault::{Fault, Finding};
use crate::journal::open::{Durability, LastStop, OpenError, Opened};
use crate::journal::reader::{ReadError, Reader};
use crate::journal::verify::verify;
use crate::journal::{FILE, Journal};

fn entry(number: u64) -> Entry {
    let key = (number % 2 == 1).then(|| Key(u128::from(number).to_be_bytes()));
    Entry {
        kind: "looked".to_owned(),
        version: 1,
        subject: format!("machine-{number}"),
        key,
        occurred_at: key.map(|_| Timestamp::from_seconds(1_772_330_400)),
        body: format!(r#"{{"number":{number}}}"#),
    }
}

fn now() -> Timestamp {
    Timestamp::from_micros(1_772_330_400_123_456)
}

/// The journal never waits, so one poll is enough.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the journal waited"),
    }
}

fn append(journal: &mut Journal, batch: Vec<Entry>) -> Result<Vec<Row>, AppendError> {
    let head = journal.head();
    at_once(journal.append(&head, now(), batch))
}

fn open(directory: &TempDir) -> (Journal, Opened) {
    Journal::open(directory.path(), Durability::Full).unwrap()
}

fn refused(directory: &TempDir, durability: Durability) -> OpenError {
    Journal::open(directory.path(), durability).unwrap_err()
}

/// A directory with a closed journal of `rows` rows.
fn closed(rows: u64) -> TempDir {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = open(&directory);
    append(&mut journal, (1..=rows).map(entry).collect()).unwrap();
    journal.close().unwrap();
    directory
}

fn raw(directory: &Path) -> Connection {
    Connection::open(directory.join(FILE)).unwrap()
}

/// A raw connection to a journal whose log nothing protects any more.
fn unprotected(directory: &TempDir) -> Connection {
    let connection = raw(directory.path());
    connection.execute_batch("DROP TRIGGER log_refuses_update; DROP TRIGGER log_refuses_delete").unwrap();
    connection
}

fn finding(directory: &TempDir) -> Finding {
    match verify(directory.path()).unwrap_err() {
        ReadError::Damaged { source, .. } => source,
        other => panic!("{other}"),
    }
}

#[test]
fn what_was_appended_is_read_back_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let (mut journal, opened) = open(&directory);
    assert_eq!((opened.head, opened.last_stop), (Head::START, LastStop::Never));
    let mut stored = append(&mut journal, vec![entry(1), entry(2)]).unwrap();
    stored.extend(append(&mut journal, vec![entry(3)]).unwrap());
    let head = journal.head();
    assert_eq!(head, stored[2].head());
    journal.close().unwrap();

    let (journal, opened) = open(&directory);
    assert_eq!((opened.head, opened.last_stop, opened.verified_rows), (head, LastStop::Clean, 3));
    assert_eq!(journal.read(Seq::START, 10).unwrap(), stored);
    assert_eq!(journal.read(Seq(1), 1).unwrap(), stored[1..2]);
    assert_eq!(journal.by_key(&entry(3).key.unwrap()).unwrap(), Some(stored[2].clone()));
    assert_eq!(journal.by_key(&Key([9; 16])).unwrap(), None);
    assert_eq!(verify(directory.path()).unwrap().head, head);
}

#[test]
fn who_does_not_know_the_head_is_fenced() {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = open(&directory);
    append(&mut journal, vec![entry(1)]).unwrap();
    let answer = at_once(journal.append(&Head::START, now(), vec![entry(2)]));
    assert!(matches!(answer, Err(AppendError::Fenced { head }) if head == journal.head()));
    assert_eq!(journal.head().seq, Seq(1));
}

#[test]
fn an_append_behind_our_back_fences_us() {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = open(&directory);
    append(&mut journal, vec![entry(1)]).unwrap();
    raw(directory.path())
        .execute_batch("INSERT INTO log SELECT 2, 0, 0, '', 0, '', NULL, '', hash, hash, hash FROM log")
        .unwrap();
    let answer = append(&mut journal, vec![entry(2)]);
    assert!(matches!(answer, Err(AppendError::Fenced { head }) if head.seq == Seq(2)));
}

#[test]
fn a_taken_key_stores_nothing_of_the_batch_and_says_whether_the_content_is_the_same() {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = open(&directory);
    append(&mut journal, vec![entry(1)]).unwrap();
    let other = Entry { body: "{}".to_owned(), ..entry(1) };
    let twice = vec![entry(3), entry(2), entry(3)];
    for (batch, place, same) in
        [(vec![entry(2), entry(1)], 1, true), (vec![entry(2), other], 1, false), (twice, 2, true)]
    {
        match append(&mut journal, batch) {
            Err(AppendError::KeyTaken { index, same_content, .. }) => {
                assert_eq!((index, same_content), (place, same));
            }
            answer => panic!("{answer:?}"),
        }
        assert_eq!(journal.read(Seq::START, 10).unwrap().len(), 1);
    }
    assert_eq!(append(&mut journal, vec![entry(2)]).unwrap()[0].seq, Seq(2));
}

#[test]
fn a_full_disk_stores_nothing_and_the_journal_can_go_on() {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = open(&directory);
    append(&mut journal, vec![entry(1)]).unwrap();
    journal.connection.authorizer(NOBODY).unwrap();
    journal.connection.query_row("PRAGMA max_page_count = 1", (), |_| Ok(())).unwrap();
    let large = Entry { body: "0".repeat(100_000), ..entry(3) };
    assert!(matches!(append(&mut journal, vec![entry(2), large]), Err(AppendError::Full { .. })));
    assert_eq!(append(&mut journal, vec![entry(2)]).unwrap()[0].seq, Seq(2));
    assert_eq!(verify(directory.path()).unwrap().head, journal.head());
}

#[test]
fn after_a_failed_commit_nothing_is_appended_until_the_journal_is_opened_again() {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = open(&directory);
    journal.connection.commit_hook(Some(|| true)).unwrap();
    assert!(matches!(append(&mut journal, vec![entry(1)]), Err(AppendError::Ambiguous { .. })));
    journal.connection.commit_hook(None::<fn() -> bool>).unwrap();
    assert!(matches!(append(&mut journal, vec![entry(1)]), Err(AppendError::Ambiguous { .. })));
    journal.close().unwrap();
    let (mut journal, opened) = open(&directory);
    assert_eq!(opened.last_stop, LastStop::Unclean);
    append(&mut journal, vec![entry(1)]).unwrap();
}

const NOBODY: Option<fn(rusqlite::hooks::AuthContext<'_>) -> rusqlite::hooks::Authorization> = None;

const REWRITES: [&str; 4] = [
    "UPDATE log SET body = 'x'",
    "DELETE FROM log",
    "INSERT OR REPLACE INTO log SELECT * FROM log WHERE seq = 1",
    "INSERT OR REPLACE INTO log SELECT 99, recorded_at, occurred_at, kind, version, subject, key, body, \
     body_hash, prev_hash, hash FROM log WHERE seq = 1",
];

#[test]
fn the_writer_can_rewrite_nothing_with_its_guard_or_without() {
    let directory = closed(3);
    let (mut journal, _) = open(&directory);
    for guarded in [true, false] {
        for rewrite in REWRITES {
            assert!(journal.connection.execute_batch(rewrite).is_err(), "{rewrite}");
        }
        if guarded {
            for (change, denied) in [
                ("DROP TRIGGER log_refuses_update", "not authorized"),
                ("DROP TABLE log", "not authorized"),
                ("ATTACH '/tmp/other.db' AS other", "not authorized"),
                ("PRAGMA writable_schema = 1", "not authorized"),
                ("CREATE TEMP TRIGGER t BEFORE INSERT ON log BEGIN SELECT 1; END", "not authorized"),
                ("ALTER TABLE log ADD COLUMN more TEXT", "not authorized"),
                ("UPDATE meta SET simulated = 1", "prohibited"),
            ] {
                let error = journal.connection.execute_batch(change).unwrap_err().to_string();
                assert!(error.contains(denied), "{change}: {error}");
            }
            journal.connection.authorizer(NOBODY).unwrap();
        }
    }
    verify(directory.path()).unwrap();
}

#[test]
fn another_connection_cannot_update_or_delete_rows() {
    let directory = closed(3);
    for rewrite in &REWRITES[..2] {
        let error = raw(directory.path()).execute_batch(rewrite).unwrap_err().to_string();
        assert!(error.contains("append-only"), "{error}");
    }
}

#[test]
fn a_row_that_another_connection_replaced_is_found() {
    let directory = closed(3);
    let connection = raw(directory.path());
    connection
        .execute_batch(
            "INSERT OR REPLACE INTO log SELECT seq, recorded_at, occurred_at, kind, version, subject, key, \
             'other', body_hash, prev_hash, hash FROM log WHERE seq = 2",
        )
        .unwrap();
    assert_eq!(finding(&directory).place, "row 2: body");
}

/// Every value that differs from `value` in one byte, or in being there.
fn neighbours(value: &Value) -> Vec<Value> {
    let flipped = |bytes: &[u8]| {
        (0..bytes.len())
            .map(|at| {
                let mut changed = bytes.to_vec();
                changed[at] ^= 1;
                changed
            })
            .collect::<Vec<_>>()
    };
    match value {
        Value::Null => vec![Value::Integer(0), Value::Blob(vec![]), Value::Blob(vec![0; 16])],
        Value::Integer(number) => {
            let changed = (0..63).map(|bit| Value::Integer(number ^ (1 << bit)));
            changed.chain([Value::Null, Value::Integer(-number - 1)]).collect()
        }
        Value::Real(_) => panic!("no column is real"),
        Value::Text(text) => {
            let changed = flipped(text.as_bytes()).into_iter().map(|bytes| String::from_utf8(bytes).unwrap());
            changed.chain([String::new(), format!("{text}\0")]).map(Value::Text).collect()
        }
        Value::Blob(bytes) => {
            let changed = flipped(bytes).into_iter().chain([vec![], [bytes.as_slice(), &[0]].concat()]);
            changed.map(Value::Blob).chain([Value::Null]).collect()
        }
    }
}

#[test]
fn verification_finds_every_changed_byte_of_every_field_and_names_the_row() {
    let directory = closed(5);
    let connection = unprotected(&directory);
    let columns = "recorded_at occurred_at kind version subject key body body_hash prev_hash hash seq";
    let mut changes = 0;
    for row in [1, 4, 5] {
        for column in columns.split(' ') {
            let value: Value = connection
                .query_row(&format!("SELECT {column} FROM log WHERE seq = {row}"), (), |row| row.get(0))
                .unwrap();
            for neighbour in neighbours(&value) {
                let change = format!("UPDATE log SET {column} = ?1 WHERE seq = {row}");
                connection.execute_batch("SAVEPOINT whole").unwrap();
                // STRICT, NOT NULL and unique columns refuse some values by themselves.
                if connection.execute(&change, (&neighbour,)).is_ok() {
                    connection.execute_batch("RELEASE whole").unwrap();
                    let place = finding(&directory).place;
                    let negative = matches!(neighbour, Value::Integer(number) if number < 0);
                    let expected =
                        if column == "seq" && negative { "row -".to_owned() } else { format!("row {row}: ") };
                    // A row that lost its number leaves a gap, or stands before the first.
                    let early = column == "seq" && matches!(neighbour, Value::Integer(0));
                    assert!(place.starts_with(&expected) || early, "{column} {neighbour:?}: {place}");
                    let back =
                        format!("UPDATE log SET {column} = ?1 WHERE {column} IS ?2 AND seq IN (?3, ?4)");
                    let moved = if column == "seq" { neighbour.clone() } else { Value::Integer(row) };
                    connection.execute(&back, (&value, &neighbour, row, moved)).unwrap();
                    changes += 1;
                } else {
                    connection.execute_batch("ROLLBACK TO whole; RELEASE whole").unwrap();
                }
            }
        }
    }
    assert!(changes > 800, "{changes}");
    // Whole again but for its triggers.
    assert_eq!(finding(&directory).place, "log_refuses_delete");
}

#[test]
fn verification_never_panics_on_a_file_with_a_flipped_byte() {
    let directory = closed(40);
    let path = directory.path().join(FILE);
    let whole = std::fs::read(&path).unwrap();
    let mut found = 0;
    for at in (0..whole.len()).step_by(13) {
        let mut changed = whole.clone();
        changed[at] ^= 0x41;
        std::fs::write(&path, &changed).unwrap();
        match verify(directory.path()) {
            Err(ReadError::Damaged { .. }) => found += 1,
            // Only what no event is made of may go unseen: unused bytes, counters of the header.
            Ok(_) | Err(_) => {}
        }
    }
    assert!(found > 300, "{found}");
}

#[test]
fn a_gap_is_found() {
    let directory = closed(5);
    unprotected(&directory).execute_batch("DELETE FROM log WHERE seq = 3").unwrap();
    let found = finding(&directory);
    assert_eq!(found.to_string(), "row 3: seq: row 4 stands in its place");
}

#[test]
fn a_cut_off_tail_shows_only_in_the_head() {
    let directory = closed(5);
    let before = verify(directory.path());
    unprotected(&directory).execute_batch("DELETE FROM log WHERE seq > 3").unwrap();
    let after = Reader::open(directory.path()).unwrap().head().unwrap();
    assert_eq!(finding(&directory).place, "log_refuses_update");
    assert_ne!(before.unwrap().head, after);
}

#[test]
fn a_second_writer_is_refused_while_the_first_lives() {
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory);
    assert!(matches!(refused(&directory, Durability::Full), OpenError::Locked { .. }));
    drop(journal);
    open(&directory);
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    raw(directory.path()).execute_batch("CREATE TABLE theirs (a); PRAGMA application_id = 7").unwrap();
    let before = std::fs::read(directory.path().join(FILE)).unwrap();
    let message = refused(&directory, Durability::Full).to_string();
    assert!(message.contains("journal.db") && message.contains("0x00000007"), "{message}");
    std::fs::write(directory.path().join("other"), &before).unwrap();
    assert_eq!(std::fs::read(directory.path().join(FILE)).unwrap(), before);
    std::fs::write(directory.path().join(FILE), "dear diary, ".repeat(100)).unwrap();
    assert!(matches!(refused(&directory, Durability::Full), OpenError::Foreign { .. }));
    assert_eq!(finding(&directory).place, "the header");
}

#[test]
fn a_newer_journal_is_refused() {
    let directory = closed(1);
    raw(directory.path()).execute_batch("PRAGMA user_version = 2").unwrap();
    assert!(matches!(refused(&directory, Durability::Full), OpenError::Newer { found: 2, .. }));
    assert!(matches!(Reader::open(directory.path()), Err(ReadError::OtherVersion { found: 2, .. })));
}

#[test]
fn a_simulated_journal_is_never_used_for_a_real_cloud_nor_a_real_one_for_a_simulated() {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = Journal::open(directory.path(), Durability::Simulated).unwrap();
    append(&mut journal, vec![entry(1)]).unwrap();
    journal.close().unwrap();
    assert!(matches!(refused(&directory, Durability::Full), OpenError::Simulated { .. }));
    assert!(Reader::open(directory.path()).unwrap().is_simulated());
    assert!(verify(directory.path()).unwrap().simulated);
    Journal::open(directory.path(), Durability::SimulatedFull).unwrap();
    assert!(matches!(refused(&closed(1), Durability::Simulated), OpenError::Real { .. }));
}

fn save(journal: &mut Journal, bytes: &[u8]) -> Checkpoint {
    let (head, fold_id) = (journal.head(), "fold 1".to_owned());
    let checkpoint = Checkpoint { head, fold_id, bytes: bytes.to_vec() };
    journal.save_checkpoint(&checkpoint).unwrap();
    checkpoint
}

#[test]
fn a_checkpoint_is_given_back_to_the_fold_that_saved_it_and_shortens_the_next_start() {
    let directory = closed(5);
    let (mut journal, _) = open(&directory);
    save(&mut journal, b"early");
    append(&mut journal, vec![entry(6), entry(7)]).unwrap();
    let saved = save(&mut journal, b"late");
    append(&mut journal, vec![entry(8)]).unwrap();
    let stale = Checkpoint { bytes: vec![], ..saved.clone() };
    assert!(matches!(journal.save_checkpoint(&stale), Err(AppendError::Fenced { .. })));
    journal.close().unwrap();
    let (journal, opened) = open(&directory);
    assert_eq!(opened.verified_rows, 1);
    assert_eq!(journal.load_checkpoint("fold 1").unwrap(), Some(saved));
    assert_eq!(journal.load_checkpoint("fold 2").unwrap(), None);
    assert_eq!(verify(directory.path()).unwrap().checkpoint, Some(Seq(7)));
}

#[test]
fn every_changed_byte_of_a_checkpoint_is_found_and_the_log_stays_usable() {
    let directory = closed(5);
    let (mut journal, _) = open(&directory);
    save(&mut journal, b"state");
    journal.close().unwrap();
    let connection = raw(directory.path());
    for column in ["seq", "head", "fold_id", "digest", "bytes"] {
        let value: Value =
            connection.query_row(&format!("SELECT {column} FROM checkpoint"), (), |row| row.get(0)).unwrap();
        for neighbour in neighbours(&value) {
            let change = format!("UPDATE checkpoint SET {column} = ?1");
            if connection.execute(&change, (&neighbour,)).is_ok() {
                assert_eq!(finding(&directory).place, "checkpoint", "{column} {neighbour:?}");
                let reader = Reader::open(directory.path()).unwrap();
                assert!(matches!(reader.load_checkpoint("fold 1"), Err(Fault::Damaged(_))));
                connection.execute(&change, (&value,)).unwrap();
            }
        }
    }
    connection.execute_batch("UPDATE checkpoint SET bytes = x'00'").unwrap();
    drop(connection);
    let (_, opened) = open(&directory);
    assert_eq!((opened.verified_rows, opened.damaged_checkpoint.is_some()), (5, true));
}

#[test]
fn a_log_that_is_not_the_one_a_checkpoint_stands_on_is_not_opened() {
    let directory = closed(5);
    let (mut journal, _) = open(&directory);
    save(&mut journal, b"state");
    journal.close().unwrap();
    let migrate_back = "CREATE TRIGGER log_refuses_delete BEFORE DELETE ON log
BEGIN
    SELECT RAISE(ABORT, 'the log is append-only: a row cannot be removed');
END;";
    let connection = raw(directory.path());
    connection.execute_batch("DROP TRIGGER log_refuses_delete; DELETE FROM log WHERE seq > 3").unwrap();
    assert!(matches!(
        refused(&directory, Durability::Full),
        OpenError::Damaged { source, .. } if source.place == "log_refuses_delete"
    ));
    connection.execute_batch(migrate_back).unwrap();
    drop(connection);
    assert!(matches!(
        refused(&directory, Durability::Full),
        OpenError::Damaged { source, .. } if source.place == "row 5"
    ));
    assert_eq!(finding(&directory).place, "checkpoint");
}

#[test]
fn a_reader_sees_what_the_open_writer_commits() {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = open(&directory);
    let reader = Reader::open(directory.path()).unwrap();
    assert_eq!(reader.head().unwrap(), Head::START);
    let stored = append(&mut journal, vec![entry(1), entry(2)]).unwrap();
    assert_eq!(reader.read(Seq::START, 10).unwrap(), stored);
    assert_eq!(reader.head().unwrap(), journal.head());
    assert_eq!(verify(directory.path()).unwrap().head, journal.head());
    assert!(!reader.is_simulated());
}

#[test]
fn without_a_journal_a_reader_says_so_and_makes_nothing() {
    let directory = TempDir::new().unwrap();
    assert!(matches!(Reader::open(directory.path()), Err(ReadError::Missing { .. })));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_was_committed_before_a_crash_is_there_after_it() {
    let directory = TempDir::new().unwrap();
    let (mut journal, _) = open(&directory);
    append(&mut journal, vec![entry(1), entry(2)]).unwrap();
    let crashed = TempDir::new().unwrap();
    for name in [FILE, "journal.db-wal"] {
        std::fs::copy(directory.path().join(name), crashed.path().join(name)).unwrap();
    }
    let (recovered, opened) = open(&crashed);
    assert_eq!((opened.last_stop, opened.head), (LastStop::Unclean, journal.head()));
    assert_eq!(recovered.read(Seq::START, 10).unwrap().len(), 2);
}

#[test]
fn the_genesis_hash_is_the_hash_before_the_first_row() {
    let reader = Reader::open(closed(1).path()).unwrap();
    assert_eq!(reader.read(Seq::START, 1).unwrap()[0].prev_hash, Hash::GENESIS);
}
