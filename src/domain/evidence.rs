//! Evidence: what the looks say about an effect whose outcome is open. One function for all verbs.

use super::effect::{Outcome, Standing, Verb};
use super::id::BackupId;
use super::state::{EffectLife, State};
use crate::planted::{Bug, is_planted};

/// Complete looks in a row that must agree before an absence is believed.
const LOOKS_THAT_PROVE: u8 = 2;

/// What can be written down now; `None` while no look can tell.
pub fn evidence(state: &State, life: &EffectLife) -> Option<Outcome> {
    match (&life.effect.verb, &life.standing) {
        // Later than any settle time, or against the cloud's own words: it is there all the same, and
        // must not be asked for again.
        (
            Verb::CreateSnapshot { backup, .. },
            Standing::NotSent { .. } | Standing::Absent { .. } | Standing::Refused(_),
        ) => seen(state, backup),
        (Verb::CreateSnapshot { backup, .. }, Standing::Unknown { answered, .. }) => {
            let blind = is_planted(Bug::BlindRetry) && answered.is_none();
            let absent = (blind || life.clear_looks >= LOOKS_THAT_PROVE).then_some(Outcome::DidNotHappen);
            seen(state, backup).or(absent)
        }
        (Verb::DeleteSnapshot { backup, snapshot, .. }, Standing::Unknown { since, .. }) => {
            if life.clear_looks >= LOOKS_THAT_PROVE {
                return Some(Outcome::Happened { snapshot: Some(snapshot.clone()) });
            }
            let settled = *since + state.rules().settle;
            let looked_since = state.fleet.snapshot_look.complete.is_some_and(|began| began >= settled);
            (looked_since && state.is_there(snapshot, backup)).then_some(Outcome::DidNotHappen)
        }
        (Verb::CreateSnapshot { .. }, Standing::Intended { .. } | Standing::Done | Standing::Failed(_))
        | (
            Verb::DeleteSnapshot { .. },
            Standing::Intended { .. }
            | Standing::NotSent { .. }
            | Standing::Absent { .. }
            | Standing::Done
            | Standing::Refused(_)
            | Standing::Failed(_),
        ) => None,
    }
}

fn seen(state: &State, backup: &BackupId) -> Option<Outcome> {
    let snapshot = state.backups.get(backup)?.snapshots.first()?;
    Some(Outcome::Happened { snapshot: Some(snapshot.clone()) })
}
