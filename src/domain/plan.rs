//! The plan: what to write down and what to do, as a function of the state and the time alone.
//!
//! It touches nothing. While there is something to write down it proposes no action, so that an
//! action always rests on a state in which every conclusion is recorded.

use super::backup::{Backup, Judgement, Life};
use super::draft::{Plan, settled};
use super::event::{ClockStepped, Event, Judged};
use super::evidence::evidence;
use super::fleet::SnapshotStatus;
use super::state::State;
use super::take;
use super::time::{Seconds, Timestamp};
use super::{doom, downtime, due, prune};

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
    settle(state, &mut plan);
    judge(state, now, &mut plan);
    downtime::plan_downtimes(state, now, &mut plan);
    due::plan_slots(state, now, &mut plan);
    doom::plan_dooms(state, now, &mut plan);
    if plan.events.is_empty() {
        take::plan_creates(state, now, &mut plan);
        prune::plan_deletes(state, now, &mut plan);
    }
    plan
}

/// Outcomes that looks have made clear.
fn settle(state: &State, plan: &mut Plan) {
    for life in state.unfinished() {
        if let Some(outcome) = evidence(state, life) {
            plan.events.push(settled(life, outcome));
        }
    }
}

/// Verdicts on backups: level 1, overdue, vanished.
fn judge(state: &State, now: Timestamp, plan: &mut Plan) {
    let rules = state.rules();
    for (id, backup) in state.watched() {
        let judgement = match backup.life {
            Life::Ready => is_sane(state, backup),
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

/// Level 1: ready, of a size above zero that a second look confirmed.
fn is_sane(state: &State, backup: &Backup) -> Option<Judgement> {
    let known = state.sole_snapshot(backup)?;
    let sized = backup.sized?;
    let ready = known.item.status == SnapshotStatus::Ready && known.missing_since.is_none();
    let seen_again = state.last_sight(&known.item.id).is_some_and(|began| began > sized.seen);
    (ready && sized.bytes > 0 && seen_again).then_some(Judgement::Good { size_bytes: sized.bytes })
}
