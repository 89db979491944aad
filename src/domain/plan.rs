//! The plan: what to write down and what to do, as a function of the state and the time alone.
//!
//! It touches nothing. While there is something to write down it proposes no action, so that an
//! action always rests on a state in which every conclusion is recorded.

use super::backup::{Judgement, Life};
use super::billing::close;
use super::draft::{Plan, settled};
use super::effect::{Outcome, Standing};
use super::event::{ClockStepped, Event, Judged, TotalDisbelieved};
use super::evidence::evidence;
use super::fleet::Scope;
use super::state::State;
use super::take;
use super::time::{Seconds, Timestamp};
use super::{doom, downtime, due, hand, lapse, prune, sane};

/// After so long a create is given up whose absence no listing can prove.
const MISCOUNT_ENDS: Seconds = Seconds::hours(24);
/// Looks that must miscount alike before a total is corrected.
const LOOKS_THAT_CORRECT: u32 = 4;
/// How long a conclusion of 24 hours of complete but doubtful looks takes.
const DOUBT_ENDS: Seconds = Seconds::hours(24);

pub fn plan(state: &State, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    if let Some(by_micros) = state.wall.unseen_step {
        let noticed = "clock and server's date differ otherwise than before the restart".to_owned();
        // Which of the two clocks moved is not known: waits may become longer by it, never shorter.
        plan.events.push(Event::ClockStepped(ClockStepped { by_micros: by_micros.max(0), noticed }));
        return plan;
    }
    settle(state, now, &mut plan);
    correct_totals(state, &mut plan);
    lapse::plan_lapses(state, now, &mut plan);
    judge(state, now, &mut plan);
    downtime::plan_downtimes(state, now, &mut plan);
    due::plan_slots(state, now, &mut plan);
    plan.events.extend(close::due(&state.ledger, now));
    if plan.events.is_empty() {
        // Shelves are weighed once the rest is written down: it is the most work of all.
        doom::plan_dooms(state, now, &mut plan);
    }
    if plan.events.is_empty() {
        hand::plan_requests(state, now, &mut plan);
        take::plan_creates(state, now, &mut plan);
        prune::plan_deletes(state, now, &mut plan);
    }
    plan
}

/// Outcomes that looks have made clear, or never will.
fn settle(state: &State, now: Timestamp, plan: &mut Plan) {
    let miscounts = state.fleet.snapshot_look.miscounted.as_ref().is_some_and(|known| !known.believed);
    for life in state.unfinished() {
        let outcome = evidence(state, life).or_else(|| {
            let Standing::Unknown { since, .. } = life.standing else { return None };
            let is_hopeless = miscounts && life.effect.verb.is_create();
            let why = "the cloud counts more snapshots than it shows, and one could be this".to_owned();
            // Not asked for again, and still looked for: a second one of its name could be a duplicate.
            (is_hopeless && now.since(since) >= MISCOUNT_ENDS.duration()).then_some(Outcome::GaveUp { why })
        });
        plan.events.extend(outcome.map(|outcome| settled(life, outcome)));
    }
}

/// A total that was too high by the same number for the settle time is corrected by it. Not while
/// a create is open: what the cloud counts and does not show could be that one.
fn correct_totals(state: &State, plan: &mut Plan) {
    if state.unresolved().any(|life| life.effect.verb.is_create()) {
        return;
    }
    for scope in [Scope::Machines, Scope::Snapshots, Scope::Images] {
        let Some(look) = state.fleet.freshness(&scope) else { continue };
        let (Some(known), Some(tried)) = (&look.miscounted, look.tried) else { continue };
        let is_steady = known.looks >= LOOKS_THAT_CORRECT && tried >= known.since + state.rules().settle;
        if is_steady && !known.believed {
            let excess = known.excess;
            plan.events.push(Event::TotalDisbelieved(TotalDisbelieved { scope, excess }));
        }
    }
}

/// Verdicts on backups: level 1, overdue, vanished.
fn judge(state: &State, now: Timestamp, plan: &mut Plan) {
    let rules = state.rules();
    for (id, backup) in state.watched() {
        let judgement = match backup.life {
            Life::Ready => sane::level_one(state, backup),
            Life::Pending if now.since(backup.waiting_since) >= rules.pending_deadline.duration() => {
                Some(Judgement::TimedOut)
            }
            _ => None,
        };
        if let Some(judgement) = judgement {
            plan.events.push(Event::Judged(Judged { backup: id.clone(), judgement }));
        }
    }
    let believed = match state.fleet.doubtful_since {
        None => rules.settle,
        Some(_) => DOUBT_ENDS,
    };
    if state.fleet.shaken == 0 {
        return;
    }
    let looked = state.fleet.snapshot_look.complete;
    for (_, backup, since) in state.missing() {
        if looked.is_some_and(|began| began >= since + believed) {
            let judgement = Judgement::Vanished;
            plan.events.push(Event::Judged(Judged { backup: backup.clone(), judgement }));
        }
    }
}
