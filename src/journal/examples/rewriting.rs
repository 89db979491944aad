//! Examples of attempts to change the log, all of them refused.
//!
//! Only examples; helpers are in the module above.

use crate::journal::examples::{NO_GUARD, closed, open, raw};
use crate::journal::verify::verify;

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
                ("UPDATE meta SET simulated = 1", "not authorized"),
            ] {
                let error = journal.connection.execute_batch(change).unwrap_err().to_string();
                assert!(error.contains(denied), "{change}: {error}");
            }
            journal.connection.authorizer(NO_GUARD).unwrap();
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
