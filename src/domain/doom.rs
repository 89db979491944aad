//! Dooms: what no rule keeps is condemned, visibly; what a rule keeps again is spared.

use super::backup::{Backup, Life, Proof, Survivor};
use super::draft::{Plan, shelves};
use super::event::{Doomed, Event, Spared};
use super::fleet::SnapshotStatus;
use super::id::BackupId;
use super::policy::{Mode, Policy};
use super::retention::{self, Calendar, Candidate, Verdict};
use super::state::{Adopted, State};
use super::time::Timestamp;
use std::cmp::Reverse;

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
            let weighed = weigh(state, now, adopted, policy, schedule.zone(), &backups);
            doom_shelf(state, adopted, &weighed, &backups, plan);
        }
    }
}

/// What the rules make of the backups of one (policy, machine).
struct Weighed<'a> {
    /// The oldest first, then what failed.
    expired: Vec<(&'a BackupId, &'a Backup)>,
    kept: Vec<(&'a BackupId, Ground)>,
}

/// What keeps a backup.
enum Ground {
    Rules(Vec<retention::Reason>),
    Pinned,
    NewestGood,
    Held,
    LeastGood,
}

impl Ground {
    fn reasons(&self) -> Vec<String> {
        match self {
            Self::Rules(reasons) => reasons.iter().map(ToString::to_string).collect(),
            Self::Pinned => vec!["pinned".to_owned()],
            Self::NewestGood => vec!["newest good".to_owned()],
            Self::Held => vec!["held".to_owned()],
            Self::LeastGood => vec!["least number of good backups".to_owned()],
        }
    }
}

fn weigh<'a>(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    policy: &Policy,
    zone: &jiff::tz::TimeZone,
    backups: &[(&'a BackupId, &'a Backup)],
) -> Weighed<'a> {
    let good: Vec<_> = backups.iter().filter(|(_, backup)| backup.life == Life::Good).collect();
    let candidates: Vec<Candidate> =
        good.iter().map(|(id, backup)| Candidate { id, taken_at: backup.taken_at }).collect();
    let calendar = Calendar { zone, now, skew: adopted.set.rules.skew };
    let mut verdicts = retention::judge(&candidates, &policy.retention, calendar);
    // The newest few stay whatever else is kept: were they counted after pins and rules, one more
    // pin would add a victim.
    let mut order: Vec<_> = good.iter().map(|(id, backup)| (backup.taken_at, Reverse(*id))).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let newest = order.first().copied();
    order.truncate(adopted.set.rules.min_good as usize);
    let least = order.last().copied();
    let mut weighed = Weighed { expired: Vec::new(), kept: Vec::new() };
    for (id, backup) in &good {
        let place = Some((backup.taken_at, Reverse(*id)));
        let ground = match verdicts.remove(*id).unwrap_or(Verdict::Expire) {
            Verdict::Keep { reasons } => Some(Ground::Rules(reasons)),
            Verdict::Expire if backup.pinned => Some(Ground::Pinned),
            Verdict::Expire if place == newest => Some(Ground::NewestGood),
            Verdict::Expire if backup.is_protected() => Some(Ground::Held),
            Verdict::Expire if least.is_some() && place >= least => Some(Ground::LeastGood),
            Verdict::Expire => None,
        };
        match ground {
            Some(ground) => weighed.kept.push((id, ground)),
            None => weighed.expired.push((id, backup)),
        }
    }
    weighed.expired.sort_by_key(|(id, backup)| (backup.taken_at, *id));
    let failed =
        backups.iter().filter(|(_, backup)| is_failed_remnant(state, backup, newest.map(|(at, _)| at)));
    weighed.expired.extend(failed);
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
    let condemned = weighed.expired.iter().filter(|(_, backup)| is_new(backup));
    let mut proof = None;
    for (id, _) in condemned {
        let proof = proof.get_or_insert_with(|| weighed.proof(state, adopted)).clone();
        plan.events.push(Event::Doomed(Doomed { backup: (*id).clone(), proof }));
    }
    for (id, backup) in backups {
        let is_open = matches!(backup.life, Life::Good | Life::Failed | Life::Bad | Life::Disputed);
        if backup.doom.is_some() && is_open && !weighed.expired.iter().any(|(expired, _)| expired == id) {
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
    Some(weigh(state, now, adopted, policy, schedule.zone(), backups).proof(state, adopted))
}
