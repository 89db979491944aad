//! Rebuilding: the state folded from the first event, compared with the saved one, and saved.
//!
//! No daemon may run meanwhile; no event is written.

use std::path::Path;

use crate::daemon::engine::{FOLD_ID, StartError, fold};
use crate::domain::state::State;
use crate::journal::Journal;
use crate::journal::append::AppendError;
use crate::journal::checkpoint::Checkpoint;
use crate::journal::entry::{Head, Row, Seq};
use crate::journal::fault::{Fault, Finding};
use crate::journal::open::Durability;

const AT_ONCE: usize = 4_096;

pub struct Rebuilt {
    pub head: Head,
    /// Of the state.
    pub bytes: usize,
    pub saved: Saved,
}

/// What the state was that had been saved before.
#[derive(Debug, PartialEq, Eq)]
pub enum Saved {
    Nothing,
    /// Byte for byte what the events up to this one come to.
    Same(Seq),
    Differs(Seq),
    ByOtherCode,
    Damaged(Finding),
}

#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("save the rebuilt state")]
    Save(#[from] AppendError),
    #[error("close the journal")]
    Close(#[source] Fault),
}

/// Tells each place that it has come to.
pub fn rebuild(directory: &Path, simulated: bool, reached: &dyn Fn(Seq)) -> Result<Rebuilt, RebuildError> {
    let durability = if simulated { Durability::SimulatedFull } else { Durability::Full };
    let (mut journal, opened) = Journal::open(directory, durability).map_err(StartError::from)?;
    let head = journal.head();
    let mut state = State::default();
    let mut after = Seq::START;
    let saved = match (opened.damaged_checkpoint, journal.load_any_checkpoint()) {
        (Some(finding), _) | (None, Err(Fault::Damaged(finding))) => Saved::Damaged(finding),
        (None, Err(fault)) => return Err(StartError::from(fault).into()),
        (None, Ok(None)) => Saved::Nothing,
        (None, Ok(Some(saved))) if saved.fold_id != FOLD_ID => Saved::ByOtherCode,
        (None, Ok(Some(saved))) => {
            after = saved.head.seq;
            fold(&mut state, Seq::START, &mut None, |place| {
                reached(place);
                rows(&journal, place, after)
            })?;
            if state.to_bytes() == saved.bytes { Saved::Same(after) } else { Saved::Differs(after) }
        }
    };
    fold(&mut state, after, &mut None, |place| {
        reached(place);
        rows(&journal, place, head.seq)
    })?;
    let bytes = state.to_bytes();
    let length = bytes.len();
    journal.save_checkpoint(&Checkpoint { head, fold_id: FOLD_ID.to_owned(), bytes })?;
    journal.close().map_err(RebuildError::Close)?;
    Ok(Rebuilt { head, bytes: length, saved })
}

/// Of the rows after `after`, some, and none beyond `end`.
fn rows(journal: &Journal, after: Seq, end: Seq) -> Result<Vec<Row>, Fault> {
    let mut rows = journal.read(after, AT_ONCE)?;
    rows.retain(|row| row.seq <= end);
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_state_that_the_events_do_not_come_to_is_found_and_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(directory.path(), Durability::Full).unwrap();
        let head = journal.head();
        let forged = Checkpoint { head, fold_id: FOLD_ID.to_owned(), bytes: b"{}".to_vec() };
        journal.save_checkpoint(&forged).unwrap();
        journal.close().unwrap();
        let saved = || rebuild(directory.path(), false, &|_| {}).unwrap().saved;
        assert_eq!(saved(), Saved::Differs(Seq::START));
        assert_eq!(saved(), Saved::Same(Seq::START));
        let (mut journal, _) = Journal::open(directory.path(), Durability::Full).unwrap();
        journal.save_checkpoint(&Checkpoint { fold_id: "another".to_owned(), ..forged }).unwrap();
        journal.close().unwrap();
        assert_eq!(saved(), Saved::ByOtherCode);
    }
}
