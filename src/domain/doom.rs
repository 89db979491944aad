//! Dooms: what no rule keeps is condemned, visibly; what a rule keeps again is spared.

use super::backup::{Backup, Life, Proof, Survivor};
use super::draft::{Plan, shelves};
use super::event::{Doomed, Event, Spared};
use super::fleet::SnapshotStatus;
use super::id::BackupId;
use super::policy::{Mode, Retention};
use super::reach::Reach;
use super::retention::{self, Calendar, Candidate, Expiry, Verdict};
use super::state::{Adopted, State};
use super::time::Timestamp;
use std::cmp::Reverse;
use std::fmt;

/// Dooms follow a listing within this part of the time for which it is fresh: weighing takes time,
/// and nothing new comes out of it until the next one.
const DOOM_WITHIN: u32 = 4;

/// Dooms what no rule keeps, and spares what one keeps again. Only right after a complete look.
pub(super) fn plan_dooms(state: &State, now: Timestamp, plan: &mut Plan) {
    let Some(adopted) = &state.adopted else { return };
    let read_at = state.fleet.snapshot_look.read_at;
    let bound = adopted.set.rules.fresh.duration() / DOOM_WITHIN;
    let fresh = read_at.is_some_and(|read_at| now.since(read_at) <= bound);
    if adopted.set.mode != Mode::Enforce || !fresh || state.fleet.doubtful_since.is_some() {
        return;
    }
    for ((policy_name, _), backups) in shelves(state) {
        let Some(policy) = adopted.set.policies.get(policy_name) else { continue };
        let Some(schedule) = adopted.schedules.get(policy_name) else { continue };
        if policy.mode == Mode::Enforce {
            let calendar = Calendar { zone: schedule.zone(), now, skew: adopted.set.rules.skew };
            let weighed = weigh(state, &policy.retention, calendar, &backups);
            doom_shelf(state, adopted, &weighed, &backups, plan);
        }
    }
}

/// What the rules make of the backups of one (policy, machine).
pub(super) struct Weighed<'a> {
    /// The oldest first, then what failed.
    pub(super) expired: Vec<(&'a BackupId, &'a Backup, Fate)>,
    pub(super) kept: Vec<(&'a BackupId, Ground)>,
    /// Of the kept: what is too old to be, but for its ground.
    pub(super) overdue: Vec<(&'a BackupId, Reach)>,
}

/// Why a backup is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Rules(Expiry),
    /// It failed in the cloud, and a newer good one exists.
    Remnant,
}

/// What keeps a backup.
pub(super) enum Ground {
    Rules(Vec<retention::Reason>),
    Pinned,
    NewestGood,
    Held,
    LeastGood,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rules(expiry) => expiry.fmt(f),
            Self::Remnant => f.write_str("it failed, and a newer good one exists"),
        }
    }
}

impl Ground {
    pub(super) fn reasons(&self) -> Vec<String> {
        match self {
            Self::Rules(reasons) => reasons.iter().map(ToString::to_string).collect(),
            Self::Pinned => vec!["pinned".to_owned()],
            Self::NewestGood => vec!["newest good".to_owned()],
            Self::Held => vec!["held".to_owned()],
            Self::LeastGood => vec!["least number of good backups".to_owned()],
        }
    }
}

pub(super) fn weigh<'a>(
    state: &State,
    rules: &Retention,
    calendar: Calendar<'_>,
    backups: &[(&'a BackupId, &'a Backup)],
) -> Weighed<'a> {
    let good: Vec<_> = backups.iter().filter(|(_, backup)| backup.life == Life::Good).collect();
    let candidates: Vec<Candidate> =
        good.iter().map(|(id, backup)| Candidate { id, taken_at: backup.taken_at }).collect();
    let mut verdicts = retention::judge(&candidates, rules, calendar);
    // The newest few stay whatever else is kept: were they counted after pins and rules, one more
    // pin would add a victim.
    let mut order: Vec<_> = good.iter().map(|(id, backup)| (backup.taken_at, Reverse(*id))).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let newest = order.first().copied();
    order.truncate(state.rules().min_good as usize);
    let least = order.last().copied();
    let mut weighed = Weighed { expired: Vec::new(), kept: Vec::new(), overdue: Vec::new() };
    for (id, backup) in &good {
        let place = Some((backup.taken_at, Reverse(*id)));
        let expiry = match verdicts.remove(*id) {
            Some(Verdict::Keep { reasons }) => {
                weighed.kept.push((id, Ground::Rules(reasons)));
                continue;
            }
            Some(Verdict::Expire(expiry)) => expiry,
            None => Expiry::NoRuleKeepsIt,
        };
        let ground = if backup.pinned {
            Ground::Pinned
        } else if place == newest {
            Ground::NewestGood
        } else if backup.is_protected() {
            Ground::Held
        } else if least.is_some() && place >= least {
            Ground::LeastGood
        } else {
            weighed.expired.push((id, backup, Fate::Rules(expiry)));
            continue;
        };
        weighed.kept.push((id, ground));
        if let Expiry::TooOld { limit } = expiry {
            weighed.overdue.push((id, limit));
        }
    }
    weighed.expired.sort_by_key(|(id, backup, _)| (backup.taken_at, *id));
    let failed =
        backups.iter().filter(|(_, backup)| is_failed_remnant(state, backup, newest.map(|(at, _)| at)));
    weighed.expired.extend(failed.map(|(id, backup)| (*id, *backup, Fate::Remnant)));
    weighed
}

impl Weighed<'_> {
    fn proof(&self, state: &State, adopted: &Adopted) -> Proof {
        let survivor = |(id, ground): &(&BackupId, Ground)| Survivor {
            backup: (*id).clone(),
            reasons: ground.reasons(),
        };
        Proof {
            inventory: state.fleet.snapshot_look.digest,
            policy_seq: adopted.seq,
            kept: self.kept.iter().map(survivor).collect(),
        }
    }
}

fn doom_shelf(
    state: &State,
    adopted: &Adopted,
    weighed: &Weighed,
    backups: &[(&BackupId, &Backup)],
    plan: &mut Plan,
) {
    let is_new = |backup: &Backup| backup.doom.is_none() && state.sole_snapshot(backup).is_some();
    let condemned = weighed.expired.iter().filter(|(_, backup, _)| is_new(backup));
    let mut proof = None;
    for (id, ..) in condemned {
        let proof = proof.get_or_insert_with(|| weighed.proof(state, adopted)).clone();
        plan.events.push(Event::Doomed(Doomed { backup: (*id).clone(), proof }));
    }
    for (id, backup) in backups {
        let is_open = matches!(backup.life, Life::Good | Life::Failed | Life::Bad | Life::Disputed);
        if backup.doom.is_some() && is_open && !weighed.expired.iter().any(|(expired, ..)| expired == id) {
            let why = "a rule keeps it again".to_owned();
            plan.events.push(Event::Spared(Spared { backup: (*id).clone(), why }));
        }
    }
}

/// A snapshot that failed in the cloud, once a newer good one exists.
fn is_failed_remnant(state: &State, backup: &Backup, newest: Option<Timestamp>) -> bool {
    backup.life == Life::Failed
        && !backup.is_protected()
        && newest.is_some_and(|newest| newest > backup.taken_at)
        && state.sole_snapshot(backup).is_some_and(|known| known.item.status == SnapshotStatus::Failed)
}

/// Why it may go, as the rules see it at this moment.
pub(super) fn proof(state: &State, now: Timestamp, backup: &Backup) -> Option<Proof> {
    let (adopted, slot) = (state.adopted.as_ref()?, backup.slot.as_ref()?);
    let (policy, schedule) = (adopted.set.policies.get(&slot.policy)?, adopted.schedules.get(&slot.policy)?);
    let shelves = shelves(state);
    let backups = shelves.get(&(&slot.policy, &slot.machine))?;
    let calendar = Calendar { zone: schedule.zone(), now, skew: adopted.set.rules.skew };
    Some(weigh(state, &policy.retention, calendar, backups).proof(state, adopted))
}
