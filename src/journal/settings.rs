//! How a connection is set up, and the proof that each setting took.
//!
//! A setting that SQLite did not take is an error: some of them fail without saying so.

use rusqlite::config::DbConfig;
use rusqlite::{Connection, types::Value};

use crate::journal::fault::Cause;
use crate::planted::{Bug, is_planted};

/// Below this version a checkpoint beside a commit can lose committed rows.
const OLDEST_SQLITE: i32 = 3_051_003;

/// How long a writer waits for a backup or a checkpoint by another process.
const BUSY_MILLISECONDS: i64 = 5_000;
/// The write-ahead log is moved into the file after this many pages (4 MiB) …
const AUTOCHECKPOINT_PAGES: i64 = 1_000;
/// … and shrinks to this size after a long reader made it grow.
const LEFT_OVER_BYTES: i64 = 16 * 1024 * 1024;

/// Settings that both a reader and the writer have. Memory mapping would turn a read error of the
/// disk into the end of the process.
const ALWAYS: [(&str, i64); 4] =
    [("busy_timeout", BUSY_MILLISECONDS), ("mmap_size", 0), ("trusted_schema", 0), ("cell_size_check", 1)];

pub fn check_library() -> Result<(), Cause> {
    let version = rusqlite::version_number();
    if version < OLDEST_SQLITE {
        return Err(Cause::new(format_args!(
            "SQLite {} can lose committed rows; 3.51.3 or later is needed",
            rusqlite::version()
        )));
    }
    Ok(())
}

/// Before anything is known about the file: changes nothing in it.
pub fn prepare(connection: &Connection) -> Result<(), Cause> {
    ALWAYS.into_iter().try_for_each(|(name, value)| set(connection, name, value))?;
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        if connection.set_db_config(setting, on)? != on {
            return Err(Cause::new("SQLite did not take its defensive settings"));
        }
    }
    Ok(())
}

pub fn prepare_reader(connection: &Connection) -> Result<(), Cause> {
    prepare(connection)?;
    set(connection, "query_only", 1)
}

/// The writer's settings. `durable` makes every commit wait for the disk.
pub fn prepare_writer(connection: &Connection, durable: bool) -> Result<(), Cause> {
    set(connection, "journal_mode", Value::Text("wal".to_owned()))?;
    let synchronous = match (durable, is_planted(Bug::CommitWithoutSync)) {
        (true, false) => 2,
        (true, true) => 1,
        (false, _) => 0,
    };
    set(connection, "synchronous", synchronous)?;
    set(connection, "recursive_triggers", 1)?;
    set(connection, "wal_autocheckpoint", AUTOCHECKPOINT_PAGES)?;
    set(connection, "journal_size_limit", LEFT_OVER_BYTES)
}

fn set(connection: &Connection, name: &str, value: impl Into<Value>) -> Result<(), Cause> {
    let value = value.into();
    // Some settings answer with their new value and some with nothing; reading back tells.
    connection.pragma(None, name, &value, |_| Ok(()))?;
    let taken: Value = connection.pragma_query_value(None, name, |row| row.get(0))?;
    if taken == value {
        return Ok(());
    }
    Err(Cause::new(format_args!("SQLite did not take {name} = {value:?}: it is {taken:?}")))
}
