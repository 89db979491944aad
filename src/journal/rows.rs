//! Rows of the log as they are stored: how one is read, and what types its columns must have.
//!
//! Reading trusts nothing: a column of another type, length or encoding is a finding.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

use crate::domain::time::Timestamp;
use crate::journal::chain::{Fields, Seal};
use crate::journal::entry::{Entry, Hash, Head, Key, Row, Seq};
use crate::journal::fault::{Fault, Finding};

const AFTER: &str = "SELECT seq, recorded_at, occurred_at, kind, version, subject, key, body, \
     body_hash, prev_hash, hash FROM log WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const BY_KEY: &str = "SELECT seq, recorded_at, occurred_at, kind, version, subject, key, body, \
     body_hash, prev_hash, hash FROM log WHERE key = ?1";
const LAST: &str = "SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1";

const READ_LOG: &str = "read the log";

/// Before every row that could be stored, also one that should not be there.
pub const BEFORE_ALL: i64 = i64::MIN;

/// Shows up to `limit` rows after `after` to `visit`, in order, without copying them.
pub fn walk<Error: From<Fault>>(
    connection: &Connection,
    after: i64,
    limit: usize,
    mut visit: impl FnMut(Fields<'_>, Seal) -> Result<(), Error>,
) -> Result<usize, Error> {
    let mut last = after;
    let at = |last: i64| format!("after row {}", last.max(0));
    let failed = |last, error| Fault::classify(READ_LOG, at(last), error);
    let mut statement = connection.prepare_cached(AFTER).map_err(|error| failed(last, error))?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut rows = statement.query((after, limit)).map_err(|error| failed(last, error))?;
    let mut count = 0;
    while let Some(row) = rows.next().map_err(|error| failed(last, error))? {
        let (fields, seal) = parse(row).map_err(Fault::from)?;
        last = place(fields.seq);
        count += 1;
        visit(fields, seal)?;
    }
    Ok(count)
}

/// Up to `limit` rows after `after`, as copies.
pub fn read(connection: &Connection, after: Seq, limit: usize) -> Result<Vec<Row>, Fault> {
    let mut found = Vec::new();
    walk(connection, place(after), limit, |fields, seal| {
        found.push(copy(&fields, &seal));
        Ok::<(), Fault>(())
    })?;
    Ok(found)
}

pub fn by_key(connection: &Connection, key: &Key) -> Result<Option<Row>, Fault> {
    let at = || format!("the row with the key {key}");
    let failed = |error| Fault::classify(READ_LOG, at(), error);
    let mut statement = connection.prepare_cached(BY_KEY).map_err(failed)?;
    let mut rows = statement.query((key.0,)).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else {
        return Ok(None);
    };
    let (fields, seal) = parse(row)?;
    Ok(Some(copy(&fields, &seal)))
}

/// Where the log ends now.
pub fn head(connection: &Connection) -> Result<Head, Fault> {
    let at = "the last row";
    let failed = |error| Fault::classify(READ_LOG, at, error);
    let mut statement = connection.prepare_cached(LAST).map_err(failed)?;
    let head = statement
        .query_row((), |row| {
            let seq = row.get_ref(0)?;
            let hash = row.get_ref(1)?;
            Ok(seq_of(seq).and_then(|seq| {
                let hash = bytes(hash).map_err(|what| Finding::new(format_args!("row {seq}: hash"), what))?;
                Ok(Head { seq, hash: Hash(hash) })
            }))
        })
        .optional()
        .map_err(failed)?;
    Ok(head.transpose()?.unwrap_or(Head::START))
}

/// A row's place as it is stored; no place is beyond what can be stored.
pub fn place(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

pub fn copy(fields: &Fields<'_>, seal: &Seal) -> Row {
    Row {
        seq: fields.seq,
        recorded_at: fields.recorded_at,
        entry: Entry {
            kind: fields.kind.to_owned(),
            version: fields.version,
            subject: fields.subject.to_owned(),
            key: fields.key,
            occurred_at: fields.occurred_at,
            body: fields.body.to_owned(),
        },
        body_hash: seal.body_hash,
        prev_hash: seal.prev_hash,
        hash: seal.hash,
    }
}

fn parse<'a>(row: &'a rusqlite::Row<'_>) -> Result<(Fields<'a>, Seal), Finding> {
    let seq = seq_of(column(row, 0))?;
    let wrong = |field: &'static str| move |what| Finding::new(format_args!("row {seq}: {field}"), what);
    let fields = Fields {
        seq,
        recorded_at: instant(column(row, 1)).map_err(wrong("recorded_at"))?,
        occurred_at: optional(column(row, 2), instant).map_err(wrong("occurred_at"))?,
        kind: text(column(row, 3)).map_err(wrong("kind"))?,
        version: version(column(row, 4)).map_err(wrong("version"))?,
        subject: text(column(row, 5)).map_err(wrong("subject"))?,
        key: optional(column(row, 6), bytes).map_err(wrong("key"))?.map(Key),
        body: text(column(row, 7)).map_err(wrong("body"))?,
    };
    let seal = Seal {
        body_hash: Hash(bytes(column(row, 8)).map_err(wrong("body_hash"))?),
        prev_hash: Hash(bytes(column(row, 9)).map_err(wrong("prev_hash"))?),
        hash: Hash(bytes(column(row, 10)).map_err(wrong("hash"))?),
    };
    Ok((fields, seal))
}

/// The statements above have these columns; one that is not there would read as absent.
fn column<'a>(row: &'a rusqlite::Row<'_>, index: usize) -> ValueRef<'a> {
    row.get_ref(index).unwrap_or(ValueRef::Null)
}

fn seq_of(value: ValueRef<'_>) -> Result<Seq, Finding> {
    let stored = integer(value).map_err(|what| Finding::new("a row's seq", what))?;
    u64::try_from(stored)
        .map(Seq)
        .map_err(|_| Finding::new(format_args!("row {stored}: seq"), "no row stands before the first"))
}

fn optional<'a, T>(
    value: ValueRef<'a>,
    parse: impl FnOnce(ValueRef<'a>) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if value == ValueRef::Null { Ok(None) } else { parse(value).map(Some) }
}

fn integer(value: ValueRef<'_>) -> Result<i64, String> {
    value.as_i64().map_err(|_| unlike("an integer", value))
}

fn instant(value: ValueRef<'_>) -> Result<Timestamp, String> {
    let micros = integer(value)?;
    let instant = Timestamp::from_micros(micros);
    if instant.micros() == micros { Ok(instant) } else { Err(format!("{micros} is no instant")) }
}

fn version(value: ValueRef<'_>) -> Result<u16, String> {
    let stored = integer(value)?;
    u16::try_from(stored).map_err(|_| format!("{stored} is no version"))
}

fn text(value: ValueRef<'_>) -> Result<&str, String> {
    value.as_str().map_err(|_| unlike("text in UTF-8", value))
}

pub fn bytes<const LENGTH: usize>(value: ValueRef<'_>) -> Result<[u8; LENGTH], String> {
    let stored = value.as_blob().map_err(|_| unlike("bytes", value))?;
    stored.try_into().map_err(|_| format!("{} bytes are stored where {LENGTH} belong", stored.len()))
}

fn unlike(expected: &str, value: ValueRef<'_>) -> String {
    format!("{} is stored where {expected} belongs", value.data_type())
}
