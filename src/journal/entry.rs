//! The journal's words: an entry before it has a place in the log, a row once it has one, and a head.
//!
//! Nothing here knows what an event means or how a row is stored.

use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::domain::time::Timestamp;

/// One event as it is stored, before it has a place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: String,
    pub version: u16,
    /// The id of the thing that the event is about; may be empty.
    pub subject: String,
    pub key: Option<Key>,
    /// The cloud's time, where it told one.
    pub occurred_at: Option<Timestamp>,
    /// JSON text. It is stored and hashed as it is.
    pub body: String,
}

/// One event with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub seq: Seq,
    /// Our clock as it was read. Only `seq` orders.
    pub recorded_at: Timestamp,
    pub entry: Entry,
    pub body_hash: Hash,
    pub prev_hash: Hash,
    pub hash: Hash,
}

impl Row {
    /// The head of a log that ends with this row.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash }
    }
}

/// A natural key: what makes appending the same fact twice harmless. No two rows share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub [u8; 16]);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// A row's place: the first is 1, and there are no gaps. 0 is the place before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    pub const START: Self = Self(0);

    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A SHA-256 digest, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// What the first row names as the hash before it.
    pub const GENESIS: Self = Self([0; 32]);

    /// Its first 12 digits: enough to compare by eye.
    pub fn short(&self) -> String {
        HEXLOWER.encode(&self.0[..6])
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a log ends. It stands for the whole log: no other history has the same head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub seq: Seq,
    pub hash: Hash,
}

impl Head {
    /// The head of an empty log.
    pub const START: Self = Self { seq: Seq::START, hash: Hash::GENESIS };
}

/// Written as `HASH@SEQ`.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.hash, self.seq)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a head: it is written as 64 hexadecimal digits, @, and the number of the last row")]
pub struct NotAHead(String);

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let wrong = || NotAHead(text.chars().take(100).collect());
        let (hash, seq) = text.trim().split_once('@').ok_or_else(wrong)?;
        let hash = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).map_err(|_| wrong())?;
        let hash = Hash(hash.try_into().map_err(|_| wrong())?);
        Ok(Self { seq: Seq(seq.parse().map_err(|_| wrong())?), hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_its_text() {
        let head = Head { seq: Seq(17), hash: Hash([0xab; 32]) };
        assert_eq!(head.to_string().parse(), Ok(head));
        for text in ["", "ab@1", "@", "17", &format!("{}@-1", Hash::GENESIS)] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
