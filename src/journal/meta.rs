//! What the journal knows of itself: whether its events are simulated, and whether it was closed well.
//!
//! It says nothing about what is in the log.

use rusqlite::Connection;

use crate::journal::fault::Fault;

const READ: &str = "SELECT simulated, clean FROM meta";
const MARK: &str = "UPDATE meta SET clean = ?1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    pub simulated: bool,
    pub clean: bool,
}

pub fn read(connection: &Connection) -> Result<Meta, Fault> {
    connection
        .query_row(READ, (), |row| Ok(Meta { simulated: row.get(0)?, clean: row.get(1)? }))
        .map_err(|error| Fault::classify("read what the journal knows of itself", "meta", error))
}

pub fn mark_clean(connection: &Connection, clean: bool) -> Result<(), rusqlite::Error> {
    connection.execute(MARK, (clean,)).map(drop)
}
