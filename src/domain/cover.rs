//! Cover: what each policy and machine has to show, and the one judgement of whether that is late.
//!
//! Letters, page, metrics, digest, `machines` and `status --check` all have it from here. A shelf is here
//! as soon as a policy selects a machine, before its first backup, and for as long as something stands
//! on it. A pause and a freeze excuse nothing: what is lost with a machine is lost all the same.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::backup::{Backup, Life};
use super::fleet::{Machine, MachineStatus};
use super::id::{BackupId, MachineId, PolicyName};
use super::policy::{Mode, Policy};
use super::selection::Selector;
use super::slot::Slot;
use super::state::{Known, State};
use super::time::{Seconds, Timestamp};

/// One (policy, machine).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cover<'a> {
    /// Good backups that are there, as far as is known.
    pub good: usize,
    /// Of these: in no list of the cloud's any more, which is not believed yet.
    pub missing: usize,
    /// Of the others those that the cloud bills all the same: bad, timed out, or not judged yet.
    pub others: usize,
    /// None that is said to be from the future: it tells nothing of how much would be lost now.
    pub newest_good: Option<(Timestamp, &'a BackupId)>,
    /// `None`: nothing is expected, since no policy in force selects this machine, or it is lost.
    pub expected: Option<Expected>,
}

/// What a policy in force owes to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// How old the newest good one may become.
    pub age: Seconds,
    /// Where there is none, it could not have been there before this.
    pub since: Timestamp,
    /// When the next one is due.
    pub next_due: Option<Timestamp>,
    /// Since when the machine is off: nothing on it changed since that could be lost.
    pub off_since: Option<Timestamp>,
    /// The mode takes nothing.
    pub observes: bool,
}

/// How a shelf stands, in the order in which it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lateness {
    /// Its newest good backup is older than it may be, or the first one did not come in time.
    Late,
    /// It would be late, and its machine is off since before that.
    Asleep,
    /// There is none yet, and it is not late.
    Awaited,
    Fresh,
    /// Its policy only observes.
    Observed,
    /// Nothing is expected here any more: what stands here is kept.
    Kept,
}

impl Lateness {
    pub const ALL: [Self; 6] =
        [Self::Late, Self::Asleep, Self::Awaited, Self::Fresh, Self::Observed, Self::Kept];

    /// Whether a backup is expected to come.
    pub fn is_expected(self) -> bool {
        match self {
            Self::Late | Self::Asleep | Self::Awaited | Self::Fresh => true,
            Self::Observed | Self::Kept => false,
        }
    }
}

impl Cover<'_> {
    pub fn lateness(&self, now: Timestamp) -> Lateness {
        let Some(expected) = &self.expected else { return Lateness::Kept };
        if expected.observes {
            return Lateness::Observed;
        }
        let is_old = now.since(self.waits_since(expected)) > expected.age.duration();
        match (is_old, self.newest_good) {
            (true, _) if self.sleeps(expected) => Lateness::Asleep,
            (true, _) => Lateness::Late,
            (false, None) => Lateness::Awaited,
            (false, Some(_)) => Lateness::Fresh,
        }
    }

    /// What is late already when its machine is switched off stays late: what was written since the
    /// last good backup is on its disk alone.
    pub fn sleeps(&self, expected: &Expected) -> bool {
        let age_then = expected.off_since.map(|off| off.since(self.waits_since(expected)));
        age_then.is_some_and(|age| age <= expected.age.duration())
    }

    /// What its age is counted from: its newest good backup, or the beginning of the wait for the first.
    pub fn waits_since(&self, expected: &Expected) -> Timestamp {
        self.newest_good.map_or(expected.since, |(taken_at, _)| taken_at)
    }
}

/// All shelves, in the order of their names.
pub fn covers<'a>(state: &'a State, now: Timestamp) -> BTreeMap<(&'a PolicyName, &'a MachineId), Cover<'a>> {
    // A scrape asks for thousands: each is found by one hash, and put in order at the end.
    let mut covers: HashMap<(&PolicyName, &MachineId), Cover<'_>> = HashMap::new();
    for shelf in state.shelves.keys() {
        covers.entry((&shelf.policy, &shelf.machine)).or_default();
    }
    for (name, policy) in state.adopted.iter().flat_map(|adopted| &adopted.set.policies) {
        let Some(promise) = promise(state, name, policy, now) else { continue };
        let selector = Selector::of(policy);
        for (machine, known) in &state.fleet.machines {
            // One listing without it is no proof that it is gone: what was late stays late.
            let is_there = known.missing_since.is_none() || !state.is_lost(machine);
            if is_there && selector.selects(&known.item) {
                covers.entry((name, machine)).or_default().expected = Some(owed(promise, state, known));
            }
        }
    }
    let latest = now + state.rules().skew;
    let shelf_of = |backup: &'a Backup| {
        let Slot { policy, machine, .. } = backup.slot.as_ref()?;
        let policy = state.adopted.as_ref().map_or(policy, |adopted| adopted.current(policy));
        Some((policy, machine))
    };
    let good = state.backups.iter().filter(|(_, backup)| backup.life == Life::Good);
    let good: Vec<_> =
        good.filter_map(|(id, backup)| Some((shelf_of(backup)?, backup.taken_at, id))).collect();
    let is_other = |backup: &&Backup| {
        !matches!(backup.life, Life::Good | Life::Deleted | Life::Vanished) && !backup.snapshots.is_empty()
    };
    let others = state.backups.values().filter(is_other).filter_map(shelf_of);
    let missing: HashSet<&BackupId> = state.missing().map(|(_, backup, _)| backup).collect();
    // Those of one machine follow each other, for their names begin alike.
    for run in good.chunk_by(|one, next| one.0 == next.0) {
        let cover = covers.entry(run[0].0).or_default();
        cover.good += run.len();
        cover.missing += run.iter().filter(|(_, _, id)| missing.contains(id)).count();
        let known = run.iter().filter(|(_, taken_at, _)| *taken_at <= latest);
        cover.newest_good = cover.newest_good.max(known.map(|(_, taken_at, id)| (*taken_at, *id)).max());
    }
    for shelf in others {
        covers.entry(shelf).or_default().others += 1;
    }
    // Where nothing stands and nothing is expected there is nothing to tell, as of a machine that came and went.
    covers.retain(|_, cover| cover.good + cover.others > 0 || cover.expected.is_some());
    covers.into_iter().collect()
}

/// What a policy owes to each of its machines.
fn promise(state: &State, name: &PolicyName, policy: &Policy, now: Timestamp) -> Option<Expected> {
    let adopted = state.adopted.as_ref()?;
    let scheduled_since = adopted.scheduled_since.get(name).copied().unwrap_or(now);
    let slack = policy.timing.jitter.0.saturating_add(state.alert_rules().late_margin.0);
    let with_slack = |gap: Seconds| Seconds(gap.0.saturating_add(slack));
    let age = with_slack(policy.longest_gap);
    // An edit of the schedule makes nothing late that was in time until then, and excuses nothing else.
    let is_new = now.since(scheduled_since) <= age.duration();
    let before = adopted.gap_before.get(name).filter(|_| is_new).map(|gap| with_slack(*gap));
    Some(Expected {
        age: before.map_or(age, |before| before.max(age)),
        since: adopted.owing_since.get(name).copied().unwrap_or(now),
        next_due: adopted.schedules.get(name).and_then(|schedule| schedule.next_after(now)),
        off_since: None,
        observes: policy.mode.min(adopted.set.mode) == Mode::Observe,
    })
}

fn owed(promise: Expected, state: &State, known: &Known<Machine>) -> Expected {
    let off_since = match known.item.status {
        // No backup of it can come any more: nothing is gained by telling that day after day.
        MachineStatus::Deleted => Some(known.first_seen),
        MachineStatus::Active
        | MachineStatus::Shutoff
        | MachineStatus::Hibernated
        | MachineStatus::Error
        | MachineStatus::Changing(_)
        | MachineStatus::Unknown(_) => state.fleet.off_since.get(&known.item.id).copied(),
    };
    Expected {
        since: promise.since.max(known.first_seen),
        next_due: promise.next_due.filter(|_| known.missing_since.is_none()),
        off_since,
        ..promise
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::examples::world::World;

    #[test]
    fn a_shelf_is_there_as_long_as_anything_billed_stands_on_it_and_no_longer() {
        let mut world = World::new(1);
        world.take_all();
        world.adopt(|set| set.policies.clear());
        let shelves = |world: &World, life: Life| {
            let mut state = world.state.clone();
            state.backups.values_mut().for_each(|backup| backup.life = life);
            covers(&state, world.now).values().map(|cover| (cover.good, cover.others)).collect::<Vec<_>>()
        };
        assert_eq!(shelves(&world, Life::Good), [(1, 0)]);
        for life in [Life::Bad, Life::TimedOut, Life::Pending, Life::Disputed, Life::DeleteIntended] {
            assert_eq!(shelves(&world, life), [(0, 1)], "{life:?}");
        }
        assert_eq!(shelves(&world, Life::Deleted), []);
    }
}
