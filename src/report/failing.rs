//! Looks that fail: told at once, long before an alarm is made of them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::foreign::harmless;
use super::stops::Stop;
use super::words::instant;
use crate::domain::fleet::Scope;
use crate::domain::freshness::Freshness;
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};

/// Listings of which the last look was not read to its end, for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailingLooks {
    pub listings: Vec<&'static str>,
    /// When the last of these looks began.
    pub at: Timestamp,
    /// As the cloud put it, in part: to be made visible before it is shown.
    pub why: String,
}

/// How much older than its pace what was read may become before somebody is asked to look at it.
const LONG: Seconds = Seconds::minutes(15);

pub fn of(state: &State) -> Vec<FailingLooks> {
    among(state, |_, _| true)
}

/// One failed look is nobody's concern; what was not read for so long is.
pub fn for_long(state: &State, now: Timestamp) -> Vec<FailingLooks> {
    among(state, |look, every| {
        let is_old = |at| now.since(at) > every.duration() + LONG.duration();
        look.failures > 1 && look.complete.is_none_or(is_old)
    })
}

fn among(state: &State, is_meant: impl Fn(&Freshness, Seconds) -> bool) -> Vec<FailingLooks> {
    let rules = state.rules();
    let scopes = [
        (Scope::Machines, rules.machines_every),
        (Scope::Snapshots, rules.snapshots_every),
        (Scope::Images, rules.prices_every),
        (Scope::Balance, rules.balance_every),
        (Scope::Prices, rules.prices_every),
    ];
    let mut alike: BTreeMap<&str, FailingLooks> = BTreeMap::new();
    for (scope, every) in scopes {
        let Some(look) = state.fleet.freshness(&scope).filter(|look| is_meant(look, every)) else { continue };
        let (Some(why), Some(at)) = (&look.broke_off, look.tried) else { continue };
        let none = || FailingLooks { listings: Vec::new(), at, why: why.clone() };
        let failing = alike.entry(why).or_insert_with(none);
        failing.listings.push(scope.word());
        failing.at = failing.at.max(at);
    }
    alike.into_values().collect()
}

/// Beside what explains all of them, they would say the same once more.
pub fn are_explained(stops: &[Stop]) -> bool {
    stops.iter().any(|stop| stop.kind.blinds())
}

impl FailingLooks {
    /// One sentence without its end.
    pub fn said(&self) -> String {
        let why = harmless(&self.why).replace('\n', " ");
        let (what, at) = (self.listings.join(", "), instant(self.at));
        format!("the last look at {what} failed at {at}: {why}; it is tried again")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::event::{Event, Recorded};
    use crate::domain::fleet::{Look, LookResult};

    #[test]
    fn a_look_that_fails_is_told_at_once_with_its_class_and_no_more_once_one_succeeds() {
        let mut state = State::default();
        let mut look = |seq: u64, scope, result| {
            let began = Timestamp::from_seconds(60 * seq as i64);
            let (digest, items, server_date, miscount) = (Digest::default(), 0, None, None);
            let look = Look { scope, began, result, digest, items, server_date, miscount };
            state.apply(&Recorded { seq, at: began, event: Event::Looked(look) });
            of(&state).iter().map(FailingLooks::said).collect::<Vec<_>>()
        };
        let broken = || LookResult::Incomplete("connect: refused\n\x1b[2J".to_owned());
        look(1, Scope::Machines, broken());
        let told = look(2, Scope::Snapshots, broken());
        let expected =
            "the last look at machines, snapshots failed at 1970-01-01 00:02:00: connect: refused ";
        assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?}");
        assert!(told[0].ends_with("; it is tried again") && !told[0].contains('\x1b'), "{told:?}");
        let told = look(3, Scope::Machines, LookResult::Complete);
        assert!(told.len() == 1 && told[0].starts_with("the last look at snapshots failed"), "{told:?}");
        assert!(look(4, Scope::Snapshots, LookResult::Complete).is_empty());
    }
}
