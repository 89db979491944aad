//! What was heard on the line, answer for answer, while somebody wanted to know.

use bytes::Bytes;

/// One answer, with what was asked. The key was masked in short bodies and in errors only.
#[derive(Clone, Debug)]
pub struct Heard {
    pub endpoint: String,
    /// Below the base URL, ids in their places, with its query.
    pub address: String,
    pub status: u16,
    pub body: Bytes,
}

impl Heard {
    pub fn is_good(&self) -> bool {
        (200..=299).contains(&self.status)
    }
}
