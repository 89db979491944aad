//! Evidence: what the looks say about an effect whose outcome is open. One function for all verbs.

use super::effect::{Outcome, Standing, Verb};
use super::state::{EffectLife, State};
use crate::planted::{Bug, is_planted};

/// Complete looks in a row that must agree before an absence is believed.
const LOOKS_THAT_PROVE: u8 = 2;

/// What can be written down now; `None` while no look can tell.
pub fn evidence(state: &State, life: &EffectLife) -> Option<Outcome> {
    let Standing::Unknown { since, ref answered } = life.standing else { return None };
    match &life.effect.verb {
        Verb::CreateSnapshot { backup, .. } => {
            let seen = state.backups.get(backup).and_then(|backup| backup.snapshots.first());
            match seen {
                Some(id) => Some(Outcome::Happened { snapshot: Some(id.clone()) }),
                None if answered.is_none() && is_planted(Bug::BlindRetry) => Some(Outcome::DidNotHappen),
                None => (life.clear_looks >= LOOKS_THAT_PROVE).then_some(Outcome::DidNotHappen),
            }
        }
        Verb::DeleteSnapshot { snapshot, .. } => {
            if life.clear_looks >= LOOKS_THAT_PROVE {
                return Some(Outcome::Happened { snapshot: Some(snapshot.clone()) });
            }
            let settled = since + state.rules().settle;
            let looked_since = state.fleet.snapshot_look.complete.is_some_and(|began| began >= settled);
            let still_there = state.fleet.snapshots.get(snapshot).is_some_and(|k| k.missing_since.is_none());
            (looked_since && still_there).then_some(Outcome::DidNotHappen)
        }
    }
}
