//! The end of a rehearsal, read as a stranger would read it: every event again, from the first on.
//!
//! I12: each deletion's proof derives again. I15: the events come to what the daemon held. I18: the key
//! stands in none of them.

use std::path::Path;

use crate::daemon::engine::{self, StartError};
use crate::domain::event::{Event, Recorded};
use crate::domain::proof;
use crate::domain::state::State;
use crate::journal::entry::{Head, Row, Seq};
use crate::journal::reader::Reader;
use crate::rehearsal::run::KEY;
use crate::rehearsal::watch::{self, Observer};

const AT_ONCE: usize = 4_096;

/// `live` is what the daemon held when it ended at `head`.
pub fn judge(observer: &Observer, directory: &Path, live: &[u8], head: &Head) -> Result<(), StartError> {
    let reader = match Reader::open(directory) {
        Ok(reader) => reader,
        Err(error) => {
            observer.object(format!("the journal cannot be read at the end: {error}"));
            return Ok(());
        }
    };
    let read = |after: Seq| {
        let rows = reader.read(after, AT_ONCE)?;
        rows.iter().filter_map(spoken_key).for_each(|line| observer.object(line));
        Ok(rows)
    };
    let each = |before: &State, recorded: &Recorded| {
        let Event::Intended(intended) = &recorded.event else { return };
        let objection = proof::objection(before, recorded.at, intended);
        if let Some(why) = objection.filter(|_| !intended.effect.verb.is_create()) {
            let of = intended.effect.verb.backup();
            observer.object(format!("I12: the proof of the deletion of {of}: {why}"));
        }
    };
    let mut state = State::default();
    engine::fold_with(&mut state, Seq::START, &mut None, read, each)?;
    watch::compare(observer, live, &state, head);
    Ok(())
}

fn spoken_key(row: &Row) -> Option<String> {
    let is_spoken = row.entry.body.contains(KEY);
    is_spoken.then(|| format!("I18: event {} ({}) has the key in it", row.seq, row.entry.kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;
    use crate::journal::entry::{Entry, Hash};

    #[test]
    fn an_event_with_the_key_in_it_is_found() {
        let row = |body: String| Row {
            seq: Seq(7),
            recorded_at: Timestamp::EPOCH,
            entry: Entry {
                kind: "called".to_owned(),
                version: 1,
                subject: String::new(),
                key: None,
                occurred_at: None,
                body,
            },
            body_hash: Hash::GENESIS,
            prev_hash: Hash::GENESIS,
            hash: Hash::GENESIS,
        };
        assert_eq!(spoken_key(&row("{}".to_owned())), None);
        let said = spoken_key(&row(format!(r#"{{"why":"Bearer {KEY} was refused"}}"#))).unwrap();
        assert_eq!(said, "I18: event 7 (called) has the key in it");
    }
}
