//! Proofs: each delete says why it was right, and whoever reads the journal later comes to the same.

use super::hands::delete_of;
use super::ready::{Ready, ready};
use super::world::deletes;
use crate::domain::ask::Ask;
use crate::domain::effect::Outcome;
use crate::domain::event::{Event, Intended, Recorded};
use crate::domain::proof;
use crate::domain::rail::Rail;
use crate::domain::state::State;
use crate::domain::time::Seconds;

/// A few deletions, by doom and by hand, and the rows that they left.
fn rows() -> Vec<Recorded> {
    let mut ready = ready();
    delete_all(&mut ready);
    let kept = ready.backups[2].clone();
    let overrides = [Rail::Kept, Rail::MinGood].into();
    ready.world.ask(Ask::Delete { backup: kept, overrides, reason: "too dear".to_owned() });
    delete_all(&mut ready);
    ready.world.rows
}

fn delete_all(ready: &mut Ready) {
    for _ in 0..3 {
        ready.world.wait(Seconds::minutes(3));
        if let Some(effect) = deletes(&ready.world.pass()).pop() {
            let snapshot = ready.world.snapshot_of(effect.verb.backup());
            ready.world.perform(&effect, Outcome::Answered { snapshot: None });
            ready.world.cloud.snapshots.remove(&snapshot);
            ready.world.pass();
        }
    }
}

/// What is said against the intents, each with its row.
fn objections(rows: &[Recorded]) -> Vec<(u64, String)> {
    let mut state = State::default();
    let mut found = Vec::new();
    for row in rows {
        if let Event::Intended(intended) = &row.event {
            found.extend(proof::objection(&state, row.at, intended).map(|said| (row.seq, said)));
        }
        state.apply(row);
    }
    found
}

fn intents(rows: &mut [Recorded]) -> Vec<(u64, &mut Intended)> {
    let found = rows.iter_mut().filter_map(|row| match &mut row.event {
        Event::Intended(intended) if !intended.effect.verb.is_create() => Some((row.seq, intended)),
        _ => None,
    });
    found.collect()
}

#[test]
pub fn each_proof_derives_again_from_the_journal() {
    let mut rows = rows();
    assert_eq!(objections(&rows), []);
    let count = intents(&mut rows).len();
    assert_eq!(count, 2, "one by doom and one by hand");
}

#[test]
fn a_proof_that_was_changed_is_found_and_named() {
    type Change = fn(&mut Intended);
    let changes: [(Change, &str); 6] = [
        (|intended| intended.proof = None, "it carries no proof"),
        (|intended| intended.proof.as_mut().unwrap().policy_seq += 1, "it names the policies of event"),
        (|intended| intended.proof.as_mut().unwrap().inventory.0[0] ^= 1, "its listing is not"),
        (|intended| intended.proof.as_mut().unwrap().kept = [].into(), "it names as survivors []"),
        (
            |intended| {
                let proof = intended.proof.as_mut().unwrap();
                let mut kept = proof.kept.to_vec();
                kept[0].reasons = vec!["because".to_owned()];
                proof.kept = kept.into();
            },
            "because",
        ),
        (
            |intended| {
                let proof = intended.proof.as_mut().unwrap();
                proof.judged_at = proof.judged_at.map(|at| at + Seconds::hours(1));
            },
            "it was judged at",
        ),
    ];
    for (change, expected) in changes {
        let mut rows = rows();
        let seq = {
            let mut intents = intents(&mut rows);
            let (seq, intended) = intents.first_mut().unwrap();
            change(intended);
            *seq
        };
        let found = objections(&rows);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == seq && found[0].1.contains(expected), "{found:?}");
    }
}

#[test]
fn a_backup_among_its_own_survivors_is_found() {
    let mut ready = ready();
    let kept = ready.backups[3].clone();
    let effect = delete_of(&ready.world, &kept);
    ready.world.look_at_all();
    let proof = proof::of(&ready.world.state, ready.world.now, &effect);
    let intended = Intended { effect, attempt: 1, proof };
    let said = proof::objection(&ready.world.state, ready.world.now, &intended).unwrap();
    assert!(said.contains("among its own survivors"), "{said}");
}

#[test]
fn a_proof_is_written_within_ten_minutes_of_its_judgement() {
    for (seconds, is_fault) in [(600, false), (601, true)] {
        let mut ready = ready();
        ready.world.look_at_all();
        let (effect, judged_at) = (ready.delete.clone(), ready.world.now);
        let proof = proof::of(&ready.world.state, judged_at, &effect);
        let intended = Intended { effect, attempt: 1, proof };
        let said = proof::objection(&ready.world.state, judged_at + Seconds(seconds), &intended);
        assert_eq!(said.is_some(), is_fault, "{said:?}");
    }
}
