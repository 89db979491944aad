//! What would go under `enforce`: no rule keeps it, and the mode in force does, at a price.
//!
//! It is what a person weighs before the mode is changed; nothing is doomed or decided here.

use serde::Serialize;

use super::money::{Ranges, SnapshotPrices, ranges};
use super::words::count;
use crate::domain::id::PolicyName;
use crate::domain::policy::Mode;
use crate::domain::preview::preview;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WouldGo {
    pub backups: usize,
    /// What they cost until then, at list price; a range while nothing settled what the price is for.
    pub a_month: Ranges,
}

/// Of all policies that delete nothing, or of one. `None`: there is none, as each of them enforces.
pub fn of(state: &State, now: Timestamp, only: Option<&PolicyName>) -> Option<WouldGo> {
    let policies = &state.adopted.as_ref()?.set.policies;
    let keeps_back = |name: &PolicyName| {
        let is_meant = only.is_none_or(|only| only == name);
        is_meant && policies.get(name).is_some_and(|policy| policy.mode.min(state.mode()) < Mode::Enforce)
    };
    if !policies.keys().any(keeps_back) {
        return None;
    }
    let shelves = preview(state, now, only, None);
    let expired = shelves.iter().filter(|shelf| keeps_back(shelf.policy)).flat_map(|shelf| &shelf.expired);
    let backups: Vec<_> = expired.map(|(_, backup, _)| *backup).collect();
    let a_month = SnapshotPrices::of(state).month(backups.iter().copied());
    Some(WouldGo { backups: backups.len(), a_month })
}

impl WouldGo {
    /// `would let 2 backups go, which cost 58.40 to 146.00 USD a month until then, at list price`
    pub fn line(&self) -> String {
        match self.backups {
            0 => "would let nothing go now".to_owned(),
            number => format!(
                "would let {} go, which cost {} a month until then, at list price",
                count(number, "backup", "backups"),
                ranges(&self.a_month)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::examples::world::World;
    use crate::report::command::Commands;
    use crate::report::plan::Planned;
    use crate::report::plan_text;
    use crate::report::policies::Policies;
    use crate::report::status::{Source, Status};
    use crate::report::status_text;
    use crate::report::stops::Writer;
    use crate::report::table::Paper;

    #[test]
    fn under_protect_status_plan_and_policy_tell_what_would_go_under_enforce_and_its_price() {
        let mut world = World::new(1);
        world.adopt(|set| set.mode = Mode::Protect);
        assert_eq!(of(&world.state, world.now, None).unwrap().line(), "would let nothing go now");
        for _ in 0..4 {
            world.take_all();
        }
        let found = of(&world.state, world.now, None).unwrap();
        assert_eq!(found.backups, 2);
        let line = "enforce    would let 2 backups go, which cost 58.40 to 146.00 USD a month until then, at list price";
        let source = Source {
            simulated: true,
            seq: 0,
            hash: String::new(),
            last_event_at: None,
            daemon_runs: Some(true),
            commands: Commands::default(),
        };
        let status = Status::of(&world.state, world.now, source);
        assert!(status_text::text(&status, Paper::default()).contains(line));
        let planned = Planned::of(
            &world.state,
            world.now,
            &Writer { simulated: true, runs: Some(true), commands: Commands::default() },
        );
        assert!(plan_text::text(&planned, Paper::default()).contains(line));
        let policies = Policies::of(&world.state, world.now, true);
        assert_eq!(policies.policies[0].would_go_under_enforce.as_ref(), Some(&found));
        assert!(policies.in_full(Paper::default()).contains("enforce     would let 2 backups go"));
        world.adopt(|set| set.mode = Mode::Enforce);
        assert_eq!(of(&world.state, world.now, None), None);
    }
}
