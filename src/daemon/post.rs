//! Post: how letters leave the daemon, and how it hears what became of them.

use crate::domain::alert::event::LetterTried;
use crate::domain::state::State;
use crate::mail::memory::Memory;

/// Closed: one way for each place where a daemon runs.
pub enum Post {
    /// Letters stay where they are: in the journal.
    Nobody,
    /// In simulated time, where nothing outside may be waited for.
    Memory(Memory),
}

impl Post {
    /// What became of letters since the last call.
    pub(super) fn tries(&mut self) -> Vec<LetterTried> {
        match self {
            Self::Nobody | Self::Memory(_) => Vec::new(),
        }
    }

    /// Which letters wait now.
    pub(super) fn show(&mut self, _state: &State) {}
}
