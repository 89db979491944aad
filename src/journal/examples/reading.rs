//! Examples of reading beside the writer and without it.
//!
//! Only examples; helpers are in the module above.

use tempfile::TempDir;

use crate::journal::entry::{Head, Seq};
use crate::journal::examples::{append, entry, open};
use crate::journal::reader::{ReadError, Reader};
use crate::journal::verify::verify;

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
