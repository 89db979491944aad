//! Proofs: why a deletion was right at its moment, written into its intent, and derived again later.
//!
//! It knows the events before an intent and nothing after it, as the pass did that wrote it.

use super::backup::{Proof, Survivor};
use super::doom;
use super::effect::{Cause, Effect, Verb};
use super::event::Intended;
use super::state::State;
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

/// From the judgement to the commit of the intent that carries it, no wait lies in between.
const WRITTEN_WITHIN: Seconds = Seconds::minutes(10);

/// Why this may be deleted, as the rules see it at this moment; a create needs no proof.
pub fn of(state: &State, now: Timestamp, effect: &Effect) -> Option<Proof> {
    match &effect.verb {
        Verb::CreateSnapshot { .. } => None,
        Verb::DeleteSnapshot { backup, .. } => {
            let mut proof = doom::proof(state, now, state.backups.get(backup)?)?;
            if is_planted(Bug::ProofOfAnotherShelf) {
                proof.kept = proof.kept.iter().skip(1).cloned().collect();
            }
            Some(proof)
        }
    }
}

/// What is wrong with the proof of an intent, against the state just before its event.
pub fn objection(before: &State, written_at: Timestamp, intended: &Intended) -> Option<String> {
    let Verb::DeleteSnapshot { backup: id, .. } = &intended.effect.verb else { return None };
    let Some(proof) = &intended.proof else { return Some("it carries no proof".to_owned()) };
    let Some(backup) = before.backups.get(id) else { return Some(format!("{id} was no backup then")) };
    let judged_at = proof.judged_at.unwrap_or(written_at);
    if judged_at.distance(written_at) > WRITTEN_WITHIN.duration() {
        return Some(format!("it was judged at {judged_at} and written at {written_at}"));
    }
    let Some(derived) = doom::proof(before, judged_at, backup) else {
        return Some("no policies were in force then".to_owned());
    };
    if proof.policy_seq != derived.policy_seq {
        let (said, true_seq) = (proof.policy_seq, derived.policy_seq);
        return Some(format!("it names the policies of event {said}, and those of {true_seq} were in force"));
    }
    if proof.inventory != derived.inventory {
        return Some("its listing is not the last complete one".to_owned());
    }
    if proof.kept.iter().any(|survivor| survivor.backup == *id) {
        let by_hand = matches!(intended.effect.cause, Cause::Ask(_));
        if !by_hand {
            return Some(format!("{id} is among its own survivors"));
        }
    }
    (proof.kept != derived.kept).then(|| {
        let names = |kept: &[Survivor]| {
            let told = |one: &Survivor| format!("{} ({})", one.backup, one.reasons.join(", "));
            kept.iter().map(told).collect::<Vec<_>>().join("; ")
        };
        format!("it names as survivors [{}], and they were [{}]", names(&proof.kept), names(&derived.kept))
    })
}
