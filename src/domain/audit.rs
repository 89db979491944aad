//! The audit: judges one effect against the state of this moment, in its own words.
//!
//! It shares no code with the plan; only it can make a [`Permit`], and only a permit is performed.

mod create;
mod delete;
mod expired;
mod hand;

use super::effect::{Cause, Effect, Standing, Verb};
use super::state::State;
use super::time::Timestamp;

/// Leave to perform one effect, now.
#[derive(Debug)]
pub struct Permit {
    effect: Effect,
    attempt: u32,
}

impl Permit {
    pub fn effect(&self) -> &Effect {
        &self.effect
    }

    /// From 1; every time an effect is intended it gets the next.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

/// Why an effect must not be performed now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// The world changed since the plan was made: nothing is wrong.
    #[error("{0}")]
    Changed(&'static str),
    /// The plan should not have proposed it: one of the two is wrong, and nothing is done.
    #[error("{0}")]
    Forbidden(&'static str),
}

use Objection::{Changed, Forbidden};

type Verdict = Result<(), Objection>;

pub fn audit(state: &State, now: Timestamp, effect: Effect) -> Result<Permit, Objection> {
    let adopted = state.adopted.as_ref().ok_or(Forbidden("no policies are in force"))?;
    let earlier = state.effects.get(&effect.id);
    let attempt = match earlier.map(|life| &life.standing) {
        None => 1,
        Some(Standing::NotSent { .. } | Standing::Absent { .. } | Standing::Refused(_)) => {
            earlier.map_or(1, |life| life.attempt + 1)
        }
        Some(Standing::Intended { .. } | Standing::Unknown { .. }) => {
            return Err(Forbidden("what became of an earlier attempt is not known yet"));
        }
        Some(Standing::Done) => return Err(Forbidden("it is done already")),
        Some(Standing::Failed(_)) => return Err(Forbidden("it was given up")),
    };
    if state.unresolved_on(effect.verb.machine()).next().is_some() {
        return Err(Changed("another request on this machine is open"));
    }
    match &effect.verb {
        Verb::CreateSnapshot { backup, machine, name, .. } => {
            match &effect.cause {
                Cause::Slot(slot) => create::may_create(state, now, adopted, slot, (backup, machine, name))?,
                Cause::Ask(ask) => {
                    hand::may_create(state, now, adopted, (ask, &effect), (backup, machine, name))?;
                }
                Cause::Doom { .. } => return Err(Forbidden("a create needs a slot")),
            }
            let refused = earlier.is_some_and(|life| matches!(life.standing, Standing::Refused(_)));
            require(!refused, Forbidden("the cloud refused this slot"))?;
        }
        Verb::DeleteSnapshot { backup, snapshot, .. } => match &effect.cause {
            Cause::Ask(ask) => hand::may_delete(state, now, adopted, (ask, &effect), (backup, snapshot))?,
            cause @ (Cause::Slot(_) | Cause::Doom { .. }) => {
                delete::may_delete(state, now, adopted, cause, backup, snapshot)?;
            }
        },
    }
    Ok(Permit { effect, attempt })
}

fn require(holds: bool, objection: Objection) -> Verdict {
    if holds { Ok(()) } else { Err(objection) }
}
