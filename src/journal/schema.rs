//! The file's schema: the numbered migrations, whose file it is, and whether it is as it was made.
//!
//! Forward only. A migration never rebuilds the log, and one that was released never changes.

use std::fmt;

use rusqlite::{Connection, ErrorCode};

use crate::journal::fault::{Cause, Fault, Finding};

/// Each brings the file from the version that is its index to the next.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/0001_journal.sql")];

/// The version of a file that has seen every migration.
pub const NEWEST: u32 = MIGRATIONS.len() as u32;

/// Written into the file's header: "QMJL", or "QMSL" where the events are simulated. The file says that a
/// second time inside, so that no flipped bit can turn the one into the other.
const REAL_ID: i32 = 0x514d_4a4c;
const SIMULATED_ID: i32 = 0x514d_534c;

pub fn application_id(simulated: bool) -> i32 {
    if simulated { SIMULATED_ID } else { REAL_ID }
}

/// Whose file it is, by its header.
pub enum Owner {
    /// Nothing has been written to it yet.
    Nobody,
    Us {
        version: u32,
    },
    Other(Stranger),
}

/// What was found in the place of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stranger {
    NotADatabase,
    Database { application_id: i32, tables: u32 },
}

/// About a journal of a later format.
pub const NEWER: &str = ": install the version that wrote it, or a later one";

/// About a file of somebody else's.
pub const WHAT_TO_DO: &str = ": name another data_dir, or move that file away; if it was a journal, `log restore` puts a backup in its place";

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotADatabase => f.write_str("something that is no database"),
            Self::Database { application_id, tables } => write!(
                f,
                "another program's database (application id {application_id:#010x}, {tables} tables and indexes)"
            ),
        }
    }
}

pub fn owner(connection: &Connection) -> Result<Owner, rusqlite::Error> {
    let application_id = match connection.query_row("PRAGMA application_id", (), |row| row.get::<_, i32>(0)) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            return Ok(Owner::Other(Stranger::NotADatabase));
        }
        other => other?,
    };
    let version: i32 = connection.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(match (application_id, u32::try_from(version)) {
        (0, Ok(0)) if tables == 0 => Owner::Nobody,
        (REAL_ID | SIMULATED_ID, Ok(version @ 1..)) => Owner::Us { version },
        (_, Ok(_) | Err(_)) => Owner::Other(Stranger::Database { application_id, tables }),
    })
}

/// Brings a file from `version` to the newest, in one transaction. A new file learns at once, and for
/// ever, whether its events are simulated.
pub fn migrate(connection: &Connection, version: u32, simulated: bool) -> Result<(), rusqlite::Error> {
    let transaction = connection.unchecked_transaction()?;
    transaction.pragma_update(None, "application_id", application_id(simulated))?;
    for (step, migration) in (1..).zip(MIGRATIONS).filter(|(step, _)| *step > version) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", step)?;
    }
    if version == 0 {
        transaction.execute("UPDATE meta SET simulated = ?1", (simulated,))?;
    }
    transaction.commit()
}

/// Compares every table, index and trigger with what the migrations make.
pub fn inspect(connection: &Connection) -> Result<(), Fault> {
    let failed = |error| Fault::classify("read the journal's schema", "the schema", error);
    let found = objects(connection).map_err(failed)?;
    let expected = expected().map_err(|error| Fault::Failed {
        tried: "make an empty journal in memory to compare the schema with",
        source: Cause::from(error),
    })?;
    for object in &expected {
        if !found.contains(object) {
            return Err(Finding::new(&object.name, "it is missing from the schema or was altered").into());
        }
    }
    match found.iter().find(|object| !expected.contains(object)) {
        Some(object) => Err(Finding::new(&object.name, "it does not belong in the schema").into()),
        None => Ok(()),
    }
}

#[derive(PartialEq, Eq)]
struct Object {
    name: String,
    sql: Option<String>,
}

fn objects(connection: &Connection) -> Result<Vec<Object>, rusqlite::Error> {
    // Litestream keeps tables of its own in the file it replicates, and ANALYZE its statistics.
    let mut statement = connection.prepare(
        "SELECT name, sql FROM sqlite_schema \
         WHERE NOT (tbl_name GLOB '_litestream_*' OR tbl_name GLOB 'sqlite_stat*')",
    )?;
    let rows = statement.query_map((), |row| Ok(Object { name: row.get(0)?, sql: row.get(1)? }))?;
    rows.collect()
}

fn expected() -> Result<Vec<Object>, rusqlite::Error> {
    let connection = Connection::open_in_memory()?;
    migrate(&connection, 0, false)?;
    objects(&connection)
}
