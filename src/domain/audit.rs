//! The audit: judges one effect against the state of this moment, in its own words.
//!
//! It shares no code with the plan; only it can make a [`Permit`], and only a permit is performed.

use super::effect::Effect;

/// Leave to perform one effect, now.
#[derive(Debug)]
pub struct Permit {
    effect: Effect,
}

impl Permit {
    pub fn effect(&self) -> &Effect {
        &self.effect
    }
}
