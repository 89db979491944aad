//! What the journal knows of itself: whether its events are simulated, and whether it was closed well.
//!
//! It says nothing about what is in the log.

use rusqlite::Connection;

use crate::journal::fault::{Fault, Finding};
use crate::journal::schema;

const READ: &str = "SELECT simulated, clean, application_id FROM meta, pragma_application_id";
const MARK: &str = "UPDATE meta SET clean = ?1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    pub simulated: bool,
    pub clean: bool,
}

pub fn read(connection: &Connection) -> Result<Meta, Fault> {
    let (meta, application_id) = connection
        .query_row(READ, (), |row| {
            Ok((Meta { simulated: row.get(0)?, clean: row.get(1)? }, row.get::<_, i32>(2)?))
        })
        .map_err(|error| Fault::classify("read what the journal knows of itself", "meta", error))?;
    if application_id != schema::application_id(meta.simulated) {
        let what = "the header and it do not agree on whether the events are simulated";
        return Err(Finding::new("meta: simulated", what).into());
    }
    Ok(meta)
}

pub fn mark_clean(connection: &Connection, clean: bool) -> Result<(), rusqlite::Error> {
    connection.execute(MARK, (clean,)).map(drop)
}
