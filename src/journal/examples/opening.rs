//! Examples of the gate: which files are opened to write, and which are refused.
//!
//! Only examples; helpers are in the module above.

use std::path::Path;

use tempfile::TempDir;

use crate::journal::entry::Seq;
use crate::journal::examples::{append, closed, entry, finding, open, raw, refused};
use crate::journal::open::{Durability, LastStop, OpenError};
use crate::journal::reader::{Lack, ReadError, Reader};
use crate::journal::verify::verify;
use crate::journal::{FILE, Journal};

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
    assert!(matches!(Reader::open(directory.path()), Err(ReadError::Newer { found: 2, .. })));
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
fn a_new_journal_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().unwrap();
    let (journal, _) = open(&directory);
    let mode = std::fs::metadata(directory.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(journal);
}

#[test]
fn an_empty_file_becomes_a_journal_for_its_owner_alone_and_that_it_was_there_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().unwrap();
    let path = directory.path().join(FILE);
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (journal, opened) = open(&directory);
    assert_eq!((opened.was_empty, opened.last_stop), (true, LastStop::Never));
    for name in [FILE, "journal.db-wal"] {
        let mode = std::fs::metadata(directory.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(journal);
    assert!(!open(&directory).1.was_empty && !open(&TempDir::new().unwrap()).1.was_empty);
}

#[test]
fn a_start_that_ended_before_it_had_a_journal_leaves_none_that_was_lost() {
    let begin = |directory: &TempDir| {
        std::fs::write(directory.path().join("journal.begun"), "").unwrap();
        directory.path().join(FILE)
    };
    let header_alone = |path: &Path| {
        let connection = rusqlite::Connection::open(path).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
    };
    let nothing = |_: &Path| ();
    let no_byte = |path: &Path| std::fs::write(path, "").unwrap();
    let left: [&dyn Fn(&Path); 3] = [&nothing, &no_byte, &header_alone];
    for leave in left {
        let directory = TempDir::new().unwrap();
        leave(&begin(&directory));
        let read = Reader::open(directory.path()).err().unwrap();
        assert!(matches!(read, ReadError::Missing { lack: Lack::Nothing, .. }), "{read}");
        let (journal, opened) = open(&directory);
        assert_eq!((opened.was_empty, opened.last_stop), (false, LastStop::Never));
        assert!(!directory.path().join("journal.begun").exists(), "its mark is gone with the first commit");
        drop(journal);
        // What empties it later is not of our making.
        for name in ["journal.db-wal", "journal.db-shm"] {
            drop(std::fs::remove_file(directory.path().join(name)));
        }
        std::fs::write(directory.path().join(FILE), "").unwrap();
        let read = Reader::open(directory.path()).err().unwrap();
        assert!(matches!(read, ReadError::Missing { lack: Lack::Empty, .. }), "{read}");
        assert!(open(&directory).1.was_empty);
    }
}
