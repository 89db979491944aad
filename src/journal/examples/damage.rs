//! Examples of damage to the file, all of it found.
//!
//! Only examples; helpers are in the module above.

use rusqlite::types::Value;

use crate::journal::FILE;
use crate::journal::examples::{closed, finding, raw, unprotected};
use crate::journal::reader::{ReadError, Reader};
use crate::journal::verify::verify;

const COLUMNS: [&str; 11] = [
    "seq",
    "recorded_at",
    "occurred_at",
    "kind",
    "version",
    "subject",
    "key",
    "body",
    "body_hash",
    "prev_hash",
    "hash",
];

/// Every value that differs from `value` in one byte, or in being there.
pub fn neighbours(value: &Value) -> Vec<Value> {
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
    drop(unprotected(&directory));
    let whole = std::fs::read(directory.path().join(FILE)).unwrap();
    let mut changes = 0;
    for (row, column) in [1, 4, 5].into_iter().flat_map(|row| COLUMNS.map(|column| (row, column))) {
        let select = format!("SELECT {column} FROM log WHERE seq = {row}");
        let value: Value = raw(directory.path()).query_row(&select, (), |row| row.get(0)).unwrap();
        for neighbour in neighbours(&value) {
            let change = format!("UPDATE log SET {column} = ?1 WHERE seq = {row}");
            // STRICT, NOT NULL and unique columns refuse some values by themselves.
            if raw(directory.path()).execute(&change, (&neighbour,)).is_err() {
                continue;
            }
            let place = finding(&directory).place;
            let named = match column {
                // The row has left its place for another.
                "seq" => place.ends_with(": seq"),
                "body" | "body_hash" | "prev_hash" => place == format!("row {row}: {column}"),
                _ => place.starts_with(&format!("row {row}: ")),
            };
            assert!(named, "{column} of row {row} as {neighbour:?}: {place}");
            changes += 1;
            std::fs::write(directory.path().join(FILE), &whole).unwrap();
        }
    }
    assert!(changes > 800, "{changes}");
    // Whole again but for its triggers.
    assert_eq!(finding(&directory).place, "log_refuses_update");
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
        // Only what no event is made of may go unseen: unused bytes, counters of the header.
        if let Err(ReadError::Damaged { .. }) = verify(directory.path()) {
            found += 1;
        }
    }
    assert!(found > 300, "{found}");
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
