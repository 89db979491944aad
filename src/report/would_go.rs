//! What would go under `enforce`: no rule keeps it, and the mode in force does, at a price.
//!
//! It is what a person weighs before the mode is changed; nothing is doomed or decided here.

use serde::Serialize;

use super::foreign::visible;
use super::money::{Ranges, SnapshotPrices, ranges};
use super::words::count;
use crate::domain::backup::{Backup, Life};
use crate::domain::id::{BackupId, PolicyName};
use crate::domain::policy::Mode;
use crate::domain::preview::preview;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WouldGo {
    pub backups: usize,
    /// Which these are.
    pub which: Vec<BackupId>,
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
    let expired = expired.map(|(id, backup, _)| (*id, *backup));
    // By hand, with an end that is past.
    let is_over = |backup: &Backup| {
        backup.slot.is_none() && backup.life == Life::Good && backup.expires_at.is_some_and(|at| at <= now)
    };
    let by_hand = state.backups.iter().filter(|(_, backup)| only.is_none() && is_over(backup));
    let gone: Vec<(&BackupId, &Backup)> = expired.chain(by_hand).collect();
    let a_month = SnapshotPrices::of(state).month(gone.iter().map(|(_, backup)| *backup));
    let which = gone.iter().map(|(id, _)| (*id).clone()).collect();
    Some(WouldGo { backups: gone.len(), which, a_month })
}

impl WouldGo {
    /// `would let 2 backups go (qm-a, qm-b), which cost 58.40 to 146.00 USD a month until then, at list price`
    pub fn line(&self) -> String {
        const NAMED: usize = 3;
        let named: Vec<String> = self.which.iter().take(NAMED).map(|id| visible(id.as_str())).collect();
        let more = if self.which.len() > NAMED { " …; --json has all" } else { "" };
        match self.backups {
            0 => "would let nothing go now".to_owned(),
            number => format!(
                "would let {} go ({}{more}), which cost {} a month until then, at list price",
                count(number, "backup", "backups"),
                named.join(", "),
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
        let [one, two] = &found.which[..] else { panic!("{found:?}") };
        let line = format!(
            "enforce    would let 2 backups go ({one}, {two}), which cost 58.40 to 146.00 USD a month until then, at list price"
        );
        let source = Source {
            simulated: true,
            seq: 0,
            hash: String::new(),
            last_event_at: None,
            daemon_runs: Some(true),
            commands: Commands::default(),
        };
        let status = Status::of(&world.state, world.now, source);
        assert!(status_text::text(&status, Paper::default()).contains(&line));
        let planned = Planned::of(
            &world.state,
            world.now,
            &Writer { simulated: true, runs: Some(true), commands: Commands::default() },
        );
        assert!(plan_text::text(&planned, Paper::default()).contains(&line));
        let policies = Policies::of(&world.state, world.now, true);
        assert_eq!(policies.policies[0].would_go_under_enforce.as_ref(), Some(&found));
        assert!(policies.in_full(Paper::default()).contains("enforce     would let 2 backups go"));
        // One by hand whose end is past goes too, and is of no policy.
        let (id, backup) = world.state.backups.iter_mut().next_back().unwrap();
        (backup.slot, backup.expires_at) = (None, Some(world.now));
        let id = id.clone();
        assert!(of(&world.state, world.now, None).unwrap().which.contains(&id));
        assert!(
            !of(&world.state, world.now - crate::domain::time::Seconds(1), None).unwrap().which.contains(&id)
        );
        world.adopt(|set| set.mode = Mode::Enforce);
        assert_eq!(of(&world.state, world.now, None), None);
    }
}
