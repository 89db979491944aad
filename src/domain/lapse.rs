//! Lapses: freezes that ran out, and requests by hand that nothing can come of any more.

use super::backup::Life;
use super::draft::{Hold, Plan, settled};
use super::effect::{Outcome, Standing};
use super::event::{Event, Lapsed};
use super::hand;
use super::selection::Selector;
use super::slot::{Held, Slot};
use super::state::{Request, State};
use super::time::{Seconds, Timestamp};

/// A request that could not be performed for so long is no longer what the person wants.
const REQUEST_LIVES: Seconds = Seconds::hours(24);

impl Request {
    /// When it ends by itself, if nothing came of it until then.
    pub fn lapses_at(&self) -> Timestamp {
        self.asked_at + REQUEST_LIVES
    }
}

pub(super) fn plan_lapses(state: &State, now: Timestamp, plan: &mut Plan) {
    if let Some(freeze) = state.frozen.as_ref().filter(|freeze| freeze.until <= now) {
        plan.events.push(Event::Lapsed(Lapsed::Freeze { until: freeze.until }));
    }
    for (ask, request) in &state.requests {
        let life = state.effects.get(&request.effect.id);
        let Some(why) = over(state, now, request) else { continue };
        match life.map(|life| &life.standing) {
            None => plan.events.push(Event::Lapsed(Lapsed::Request { ask: ask.clone(), why })),
            Some(Standing::NotSent { .. } | Standing::Absent { .. }) => {
                plan.events.extend(life.map(|life| settled(life, Outcome::GaveUp { why })));
            }
            // It is under way, or the fold has ended the request with it.
            Some(
                Standing::Intended { .. }
                | Standing::Unknown { .. }
                | Standing::Done
                | Standing::Refused(_)
                | Standing::Failed(_),
            ) => {}
        }
    }
}

fn over(state: &State, now: Timestamp, request: &Request) -> Option<String> {
    let verb = &request.effect.verb;
    let backup = state.backups.get(verb.backup());
    if !verb.is_create() && backup.is_none_or(|backup| matches!(backup.life, Life::Deleted | Life::Vanished))
    {
        return Some("it is gone".to_owned());
    }
    // What the cloud was seen to hold was made after all.
    if verb.is_create() && backup.is_some_and(|backup| !backup.snapshots.is_empty()) {
        return None;
    }
    if let Some(why) = request.slot.as_ref().and_then(|slot| is_over(state, slot)) {
        return Some(why);
    }
    let attempts = state.rules().create_attempts;
    let absences = state.effects.get(&request.effect.id).map_or(0, |life| life.absences);
    if absences >= attempts {
        return Some(format!("absent after {attempts} attempts"));
    }
    let is_old = now.since(request.asked_at) >= REQUEST_LIVES.duration();
    is_old.then(|| {
        let because = because(state, now, request).map(|because| format!(": {because}"));
        format!("it could not be done within {REQUEST_LIVES}{}", because.unwrap_or_default())
    })
}

/// What is refused when it is asked for ends it later: no waiting mends it, and it is in the way of others.
fn is_over(state: &State, slot: &Slot) -> Option<String> {
    let Some(policy) = state.policy(&slot.policy) else {
        return Some(format!("policy {} is no longer in force", slot.policy));
    };
    let known = state.fleet.machines.get(&slot.machine);
    if known.is_some_and(|known| !Selector::of(policy).selects(&known.item)) {
        return Some(format!("policy {} is not for its machine any more", slot.policy));
    }
    let may_restart = policy.may_restart || state.snapshots_live();
    (!may_restart).then(|| format!("policy {} does not let its machine restart any more", slot.policy))
}

/// What held it at its end.
fn because(state: &State, now: Timestamp, request: &Request) -> Option<String> {
    let said = if state.key_refused.is_some() {
        "the cloud refused the key"
    } else if request.effect.verb.is_create() {
        match hand::create_held(state, now, request)? {
            Held::NotActive(status) => return Some(format!("its machine was {status}")),
            Held::NameInUse(id) => return Some(format!("snapshot {id} bore its name")),
            Held::Unseen => "machines and snapshots could not be looked at completely",
            Held::ClockUnsure => "our clock and the cloud's differed",
            Held::Unknown => "what became of an earlier request was not known",
            Held::Concurrent => "as many others ran, or were not known to have ended, as may at one time",
            Held::MayRestart
            | Held::Paused
            | Held::OutsideWindow(_)
            | Held::Busy(_)
            | Held::BusyUnchecked
            | Held::Asked
            | Held::Account(_)
            | Held::PolicyRefused(_)
            | Held::Impossible(_) => return None,
        }
    } else {
        match hand::delete_held(state, now, request)? {
            Hold::Postponed { why, .. } => return Some(format!("the audit let it wait: {why}")),
            Hold::Kept => "a rule kept it",
            Hold::LastGood => "too few good backups of its machine would have been left",
            Hold::Stale => "beside it its machine had no fresh good backup",
            Hold::AwaitsApproval => "it waited for a person's approval",
            Hold::Grace { .. } => "its grace was not over",
            Hold::SoftStart { .. } => "the soft start of enforce was not over",
            Hold::Frozen { .. } => "deletions were frozen",
            Hold::ClockUnsure => "our clock and the cloud's differed",
            Hold::Protected => "it was pinned, held, or not what it had been",
            Hold::Linked | Hold::MaybeLinked => "an image was or may have been made from it",
            Hold::Unknown => "what became of a request on its machine was not known",
            Hold::Suspect => "a snapshot looked like ours and was not in the journal",
            Hold::Unreadable => "a snapshot of its machine could not be read",
            Hold::Shaken => "something of ours was missing from a listing",
            Hold::Capped => "the cap of deletions was reached",
            Hold::LookFirst => "the list of snapshots could not be looked at anew",
            Hold::Mode | Hold::NoPolicy | Hold::Paused { .. } | Hold::Refused => return None,
        }
    };
    Some(said.to_owned())
}
