//! The chain: what a row's hash covers, and the check that one row follows another.
//!
//! It hashes stored bytes as they are and never serialises anything again.

use sha2::{Digest, Sha256};

use crate::domain::time::Timestamp;
use crate::journal::entry::{Entry, Hash, Head, Key, Seq};
use crate::journal::fault::Finding;

/// Names the list of hashed fields. A new column gets a new tag; rows keep theirs for ever.
const TAG: &[u8] =
    b"quartermaster/log/1:prev_hash,seq,recorded_at,occurred_at,kind,version,subject,key,body_hash";

/// All of what a row's hash covers but its two texts.
const FIXED_BYTES: usize = TAG.len() + 10 * 8 + 32 + 8 + 8 + 8 + 2 + 16 + 32;

/// One row, borrowed from wherever it lies.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    pub seq: Seq,
    pub recorded_at: Timestamp,
    pub occurred_at: Option<Timestamp>,
    pub kind: &'a str,
    pub version: u16,
    pub subject: &'a str,
    pub key: Option<Key>,
    pub body: &'a str,
}

impl<'a> Fields<'a> {
    pub fn of(seq: Seq, recorded_at: Timestamp, entry: &'a Entry) -> Self {
        Self {
            seq,
            recorded_at,
            occurred_at: entry.occurred_at,
            kind: &entry.kind,
            version: entry.version,
            subject: &entry.subject,
            key: entry.key,
            body: &entry.body,
        }
    }
}

/// The three hashes of a row.
#[derive(Clone, Copy)]
pub struct Seal {
    pub body_hash: Hash,
    pub prev_hash: Hash,
    pub hash: Hash,
}

pub fn seal(fields: &Fields<'_>, prev_hash: Hash) -> Seal {
    let body_hash = Hash(Sha256::digest(fields.body).into());
    Seal { body_hash, prev_hash, hash: link(fields, prev_hash, body_hash) }
}

/// What is absent has the length 0, which nothing optional that is present can have.
///
/// The fields are gathered first: hashing small pieces one by one costs a tenth of an append.
fn link(fields: &Fields<'_>, prev_hash: Hash, body_hash: Hash) -> Hash {
    let mut covered = Vec::with_capacity(FIXED_BYTES + fields.kind.len() + fields.subject.len());
    let mut cover = |field: &[u8]| {
        covered.extend_from_slice(&(field.len() as u64).to_le_bytes());
        covered.extend_from_slice(field);
    };
    let instant = |at: Timestamp| at.micros().to_le_bytes();
    cover(TAG);
    cover(&prev_hash.0);
    cover(&fields.seq.0.to_le_bytes());
    cover(&instant(fields.recorded_at));
    cover(fields.occurred_at.map(instant).as_ref().map_or(&[], <[u8; 8]>::as_slice));
    cover(fields.kind.as_bytes());
    cover(&fields.version.to_le_bytes());
    cover(fields.subject.as_bytes());
    cover(fields.key.as_ref().map_or(&[], |key| key.0.as_slice()));
    cover(&body_hash.0);
    Hash(Sha256::digest(&covered).into())
}

/// Hashes each part behind its length, without gathering them.
pub fn digest_of<const PARTS: usize>(parts: [&[u8]; PARTS]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// Checks that `stored` is the row that follows `head`, and gives the head after it.
pub fn follow(head: &Head, fields: &Fields<'_>, stored: &Seal) -> Result<Head, Finding> {
    let seq = head.seq.next();
    let place = |field: &str| format!("row {seq}: {field}");
    if fields.seq != seq {
        return Err(Finding::new(place("seq"), format_args!("row {} stands in its place", fields.seq)));
    }
    if stored.prev_hash != head.hash {
        return Err(Finding::new(place("prev_hash"), "it is not the hash of the row before"));
    }
    let right = seal(fields, head.hash);
    if stored.body_hash != right.body_hash {
        let body_changed = stored.hash == link(fields, stored.prev_hash, stored.body_hash);
        let field = if body_changed { "body" } else { "body_hash" };
        return Err(Finding::new(place(field), "the body's hash is another"));
    }
    if stored.hash != right.hash {
        return Err(Finding::new(place("hash"), "it does not match the row's fields"));
    }
    Ok(Head { seq, hash: stored.hash })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields<'a>() -> Fields<'a> {
        Fields {
            seq: Seq(1),
            recorded_at: Timestamp::from_micros(1_772_330_400_000_001),
            occurred_at: None,
            kind: "looked",
            version: 1,
            subject: "snapshots",
            key: Some(Key([7; 16])),
            body: "{}",
        }
    }

    #[test]
    fn the_hash_of_a_row_stays_the_same_for_ever() {
        let seal = seal(&fields(), Hash::GENESIS);
        assert_eq!(seal.body_hash.short(), "44136fa355b3");
        assert_eq!(seal.hash.to_string(), "52b4beb85f5180681e293f22008de0a564a0b98e0f55e07df69cb6a2648fd1db");
    }

    #[test]
    fn a_byte_that_moves_from_one_field_to_the_next_changes_the_hash() {
        let moved = Fields { kind: "lookeds", subject: "napshots", ..fields() };
        assert_ne!(seal(&moved, Hash::GENESIS).hash, seal(&fields(), Hash::GENESIS).hash);
    }
}
