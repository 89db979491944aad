//! Examples of appending: what is stored, what is refused, and what is not known.
//!
//! Only examples; helpers are in the module above.

use tempfile::TempDir;

use crate::journal::append::AppendError;
use crate::journal::entry::{Entry, Hash, Head, Key, Seq};
use crate::journal::examples::{NO_GUARD, append, at_once, closed, entry, now, open, raw};
use crate::journal::open::LastStop;
use crate::journal::reader::Reader;
use crate::journal::verify::verify;

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
    journal.connection.authorizer(NO_GUARD).unwrap();
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

#[test]
fn the_genesis_hash_is_the_hash_before_the_first_row() {
    let reader = Reader::open(closed(1).path()).unwrap();
    assert_eq!(reader.read(Seq::START, 1).unwrap()[0].prev_hash, Hash::GENESIS);
}
