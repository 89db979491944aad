//! Examples of saved state: believed only where it is whole and stands on the log.
//!
//! Only examples; helpers are in the module above.

use rusqlite::types::Value;

use crate::journal::append::AppendError;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::entry::Seq;
use crate::journal::examples::damage::neighbours;
use crate::journal::examples::{append, closed, entry, finding, open, raw, refused, save};
use crate::journal::fault::Fault;
use crate::journal::open::{Durability, OpenError};
use crate::journal::reader::Reader;
use crate::journal::verify::verify;

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
