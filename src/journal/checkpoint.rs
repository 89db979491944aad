//! The checkpoint: the state folded up to one row, kept beside the log to save replaying it.
//!
//! It is disposable. Nothing in it is believed unless its digest, which covers all of it, is right.

use rusqlite::{Connection, OptionalExtension};

use crate::journal::chain;
use crate::journal::entry::{Hash, Head, Seq};
use crate::journal::fault::{Fault, Finding};
use crate::journal::rows;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last row that is folded in.
    pub head: Head,
    /// Names the code that folded: another fold's bytes mean nothing.
    pub fold_id: String,
    pub bytes: Vec<u8>,
}

const PLACE: &str = "checkpoint";
const TAG: &[u8] = b"quartermaster/checkpoint/1:seq,head,fold_id,bytes";
const SAVE: &str = "INSERT INTO checkpoint (one, seq, head, fold_id, digest, bytes) \
     VALUES (1, ?1, ?2, ?3, ?4, ?5) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, \
     head = excluded.head, fold_id = excluded.fold_id, digest = excluded.digest, bytes = excluded.bytes";
const LOAD: &str = "SELECT seq, head, fold_id, digest, bytes FROM checkpoint";

pub(super) fn save(connection: &Connection, checkpoint: &Checkpoint) -> Result<(), rusqlite::Error> {
    let Checkpoint { head, fold_id, bytes } = checkpoint;
    let digest = digest(rows::place(head.seq), &head.hash.0, fold_id.as_bytes(), bytes);
    connection.prepare_cached(SAVE)?.execute((
        rows::place(head.seq),
        head.hash.0,
        fold_id,
        digest.0,
        bytes,
    ))?;
    Ok(())
}

/// What is stored, whoever folded it.
pub(super) fn load(connection: &Connection) -> Result<Option<Checkpoint>, Fault> {
    let failed = |error| Fault::classify("read the checkpoint", PLACE, error);
    let mut statement = connection.prepare_cached(LOAD).map_err(failed)?;
    let found = statement.query_row((), |row| Ok(parse(row))).optional().map_err(failed)?;
    Ok(found.transpose()?)
}

/// What is stored, if `fold_id` folded it.
pub(super) fn load_folded_by(connection: &Connection, fold_id: &str) -> Result<Option<Checkpoint>, Fault> {
    Ok(load(connection)?.filter(|checkpoint| checkpoint.fold_id == fold_id))
}

fn parse(row: &rusqlite::Row<'_>) -> Result<Checkpoint, Finding> {
    let wrong = |error: rusqlite::Error| Finding::new(PLACE, error);
    let unlike = |_| Finding::new(PLACE, "a column holds another type than was written");
    let seq: i64 = row.get(0).map_err(wrong)?;
    let head = row.get_ref(1).map_err(wrong)?.as_blob().map_err(unlike)?;
    let fold_id = row.get_ref(2).map_err(wrong)?.as_bytes().map_err(unlike)?;
    let stored = row.get_ref(3).map_err(wrong)?.as_blob().map_err(unlike)?;
    let bytes = row.get_ref(4).map_err(wrong)?.as_blob().map_err(unlike)?;
    if stored != digest(seq, head, fold_id, bytes).0 {
        return Err(Finding::new(PLACE, "its digest does not match its contents"));
    }
    let seq = u64::try_from(seq).map_err(|_| Finding::new(PLACE, "its row's number is negative"))?;
    let hash = head.try_into().map_err(|_| Finding::new(PLACE, "its head is no hash"))?;
    let fold_id =
        String::from_utf8(fold_id.to_vec()).map_err(|_| Finding::new(PLACE, "its fold id is no text"))?;
    Ok(Checkpoint { head: Head { seq: Seq(seq), hash: Hash(hash) }, fold_id, bytes: bytes.to_vec() })
}

fn digest(seq: i64, head: &[u8], fold_id: &[u8], bytes: &[u8]) -> Hash {
    let seq = seq.to_le_bytes();
    chain::digest_of([TAG, &seq, head, fold_id, bytes])
}
