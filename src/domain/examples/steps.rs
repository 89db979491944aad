//! A step of the clock: what every wait keeps of its time, and what begins anew.

use super::ready::{Ready, ready};
use super::world::{daily, machine_id};
use crate::domain::ask::Ask;
use crate::domain::effect::{Outcome, Reason, Refusal, Standing};
use crate::domain::halt::Halt;
use crate::domain::state::{Deletion, Postponement, State};
use crate::domain::time::{Seconds, Timestamp};

const AGO: Seconds = Seconds::hours(5);
const TO_COME: Seconds = Seconds::hours(7);
/// Far enough that every wait would be over, or never end.
const FAR: i64 = 40 * 86_400;

/// Something waits for everything: since so long, or for so long still.
fn waiting() -> Ready {
    let mut ready = ready();
    let world = &mut ready.world;
    let victim = ready.victim.clone();
    let (ago, until) = (world.now - AGO, world.now + TO_COME);
    world.ask(Ask::Freeze { until, reason: "audit".to_owned() });
    world.ask(Ask::Pause { until });
    world.ask(Ask::Create { machine: machine_id(2), expire: None });
    let request = world.state.requests.values_mut().next().expect("it was asked for just now");
    request.asked_at = ago;
    let backup = world.state.backups.get_mut(&victim).expect("the victim of a ready deletion");
    (backup.waiting_since, backup.expires_at) = (ago, Some(until));
    let doom = backup.doom.as_mut().expect("the victim is doomed");
    (doom.since, doom.approved_at) = (ago, Some(ago));
    let adopted = world.state.adopted.as_mut().expect("the world has policies");
    adopted.mode_since = ago;
    adopted.policy_mode_since.insert(daily(), ago);
    let why = "its name changed".to_owned();
    world.state.postponed.insert(victim, Postponement { count: 3, until, why });
    let refusal = Refusal {
        reason: Reason::Account,
        status: 400,
        code: String::new(),
        message: String::new(),
        request_id: String::new(),
    };
    world.state.halts.account = Some(Halt { since: ago, tried_at: ago, refusals: 1, refusal });
    world.state.deletions = vec![Deletion { at: ago, machine: machine_id(2) }];
    world.state.unexplained = vec![ago];
    world.state.foreign_deletions = vec![ago];
    ready
}

/// Each wait by its name: since when it counts, or until when it lasts.
fn waits(state: &State, of: &Ready) -> Vec<(&'static str, Timestamp)> {
    let backup = state.backups.get(&of.victim).unwrap();
    let adopted = state.adopted.as_ref().unwrap();
    let account = state.halts.account.as_ref().unwrap();
    vec![
        ("freeze", state.frozen.as_ref().unwrap().until),
        ("pause", state.paused_until.unwrap()),
        ("expiry", backup.expires_at.unwrap()),
        ("postponed", state.postponed[&of.victim].until),
        ("pending deadline", backup.waiting_since),
        ("approval", backup.doom.as_ref().unwrap().approved_at.unwrap()),
        ("soft start", adopted.mode_since),
        ("soft start of a policy", adopted.policy_mode_since[&daily()]),
        ("request", state.requests.values().next().unwrap().asked_at),
        ("probe of the account", account.tried_at),
    ]
}

#[test]
fn every_wait_keeps_what_was_left_of_it_over_a_step_of_the_clock() {
    for by in [FAR, -FAR] {
        let mut ready = waiting();
        let before = waits(&ready.world.state, &ready);
        ready.world.step_clock(by);
        let after = waits(&ready.world.state, &ready);
        for ((name, was), (_, is)) in before.into_iter().zip(after) {
            assert_eq!(is, was.shifted(by * 1_000_000), "{name}, by {by} s");
        }
    }
}

#[test]
fn grace_and_what_counts_for_a_bound_begin_anew_at_a_step_of_the_clock() {
    for by in [FAR, -FAR] {
        let mut ready = waiting();
        ready.world.step_clock(by);
        let (state, now) = (&ready.world.state, ready.world.now);
        let doom = state.backups[&ready.victim].doom.as_ref().unwrap();
        assert_eq!(doom.since, now);
        assert_eq!((&state.unexplained, &state.foreign_deletions), (&vec![now], &vec![now]));
        assert!(state.deletions.iter().all(|deletion| deletion.at == now) && state.deletions.len() == 1);
    }
}

/// An absence that looks had half proven is proven anew, and the settle time begins at the step.
#[test]
fn a_settle_time_begins_anew_at_a_step_of_the_clock() {
    for by in [FAR, -FAR] {
        let mut ready = ready();
        ready.world.look_at_all();
        let outcome = Outcome::Unclear { why: "timeout".to_owned() };
        ready.world.perform(&ready.delete.clone(), outcome);
        ready.world.cloud.snapshots.remove(&ready.world.snapshot_of(&ready.victim));
        ready.world.wait(Seconds::minutes(2));
        ready.world.look_at_all();
        let open =
            |state: &State| state.unresolved().next().map(|one| (one.standing.clone(), one.clear_looks));
        let (_, clear) = open(&ready.world.state).expect("its outcome is open");
        assert_eq!(clear, 1);
        ready.world.step_clock(by);
        let (standing, clear) = open(&ready.world.state).expect("it still is");
        let is_new = matches!(standing, Standing::Unknown { since, .. } if since == ready.world.now);
        assert!(is_new && clear == 0, "{standing:?} {clear}");
    }
}
