//! Dooms: what no rule keeps is condemned, visibly; what a rule keeps again is spared.

use super::backup::{Backup, Life, Proof, Survivor};
use super::draft::{Plan, shelves};
use super::event::{Doomed, Event, Spared};
use super::fleet::SnapshotStatus;
use super::id::{BackupId, PolicyName};
use super::policy::Mode;
use super::retention::{self, Calendar, Candidate, Verdict};
use super::state::{Adopted, State};
use super::time::Timestamp;
use std::cmp::Reverse;
use std::collections::BTreeMap;

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
        if !state.retired.contains(policy_name)
            && adopted.set.policies.get(policy_name).is_none_or(|policy| policy.mode != Mode::Enforce)
        {
            continue;
        }
        if let Some(weighed) = weigh(state, now, adopted, policy_name, &backups) {
            doom_shelf(state, now, adopted, &weighed, &backups, plan);
        }
    }
    doom_expired(state, now, adopted, plan);
}

/// What a person had made, and said when it ends.
fn doom_expired(state: &State, now: Timestamp, adopted: &Adopted, plan: &mut Plan) {
    let of_nobody = state.backups.iter().filter(|(_, backup)| backup.slot.is_none());
    for (id, backup) in of_nobody {
        let is_over = backup.expires_at.is_some_and(|at| at <= now)
            && backup.life == Life::Good
            && !backup.is_protected(now);
        if is_over && backup.doom.is_none() && state.sole_snapshot(backup).is_some() {
            let proof = bare_proof(state, now, adopted);
            plan.events.push(Event::Doomed(Doomed { backup: id.clone(), proof }));
        } else if !is_over && backup.doom.is_some() && backup.life == Life::Good {
            let why = "a person keeps it".to_owned();
            plan.events.push(Event::Spared(Spared { backup: id.clone(), why }));
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

/// `None`: its policy is not in force, and nobody retired it.
fn weigh<'a>(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    policy_name: &PolicyName,
    backups: &[(&'a BackupId, &'a Backup)],
) -> Option<Weighed<'a>> {
    let rules = match (adopted.set.policies.get(policy_name), adopted.schedules.get(policy_name)) {
        (Some(policy), Some(schedule)) => Some((&policy.retention, schedule.zone())),
        (Some(_), None) => return None,
        (None, _) if state.retired.contains(policy_name) => None,
        (None, _) => return None,
    };
    let good: Vec<_> = backups.iter().filter(|(_, backup)| backup.life == Life::Good).collect();
    let candidates: Vec<Candidate> =
        good.iter().map(|(id, backup)| Candidate { id, taken_at: backup.taken_at }).collect();
    let mut verdicts = match rules {
        Some((retention, zone)) => {
            let calendar = Calendar { zone, now, skew: adopted.set.rules.skew };
            retention::judge(&candidates, retention, calendar)
        }
        // Nothing keeps what a person retired but the least number.
        None => BTreeMap::new(),
    };
    // The newest few stay whatever else is kept: were they counted after pins and rules, one more
    // pin would add a victim.
    let mut order: Vec<_> = good.iter().map(|(id, backup)| (backup.taken_at, Reverse(*id))).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let newest = order.first().copied();
    let thaw = backups.first().and_then(|(_, backup)| state.thawed.get(&backup.machine));
    order.truncate(thaw.map_or(adopted.set.rules.min_good, |thaw| thaw.keep) as usize);
    let least = order.last().copied();
    let mut weighed = Weighed { expired: Vec::new(), kept: Vec::new() };
    for (id, backup) in &good {
        let place = Some((backup.taken_at, Reverse(*id)));
        let ground = match verdicts.remove(*id).unwrap_or(Verdict::Expire) {
            Verdict::Keep { reasons } => Some(Ground::Rules(reasons)),
            Verdict::Expire if backup.pinned => Some(Ground::Pinned),
            Verdict::Expire if place == newest => Some(Ground::NewestGood),
            Verdict::Expire if backup.is_protected(now) => Some(Ground::Held),
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
        backups.iter().filter(|(_, backup)| is_failed_remnant(state, now, backup, newest.map(|(at, _)| at)));
    weighed.expired.extend(failed);
    Some(weighed)
}

impl Weighed<'_> {
    fn proof(&self, state: &State, now: Timestamp, adopted: &Adopted) -> Proof {
        let survivor = |(id, ground): &(&BackupId, Ground)| Survivor {
            backup: (*id).clone(),
            reasons: ground.reasons(),
        };
        Proof {
            inventory: state.fleet.snapshot_look.digest,
            policy_seq: adopted.seq,
            kept: self.kept.iter().map(survivor).collect(),
            judged_at: Some(now),
        }
    }
}

/// Of a backup that stands on no shelf: nothing has to survive it.
fn bare_proof(state: &State, now: Timestamp, adopted: &Adopted) -> Proof {
    let inventory = state.fleet.snapshot_look.digest;
    Proof { inventory, policy_seq: adopted.seq, kept: [].into(), judged_at: Some(now) }
}

fn doom_shelf(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    weighed: &Weighed,
    backups: &[(&BackupId, &Backup)],
    plan: &mut Plan,
) {
    let is_new = |backup: &Backup| backup.doom.is_none() && state.sole_snapshot(backup).is_some();
    let condemned = weighed.expired.iter().filter(|(_, backup)| is_new(backup));
    let mut proof = None;
    for (id, _) in condemned {
        let proof = proof.get_or_insert_with(|| weighed.proof(state, now, adopted)).clone();
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
fn is_failed_remnant(state: &State, now: Timestamp, backup: &Backup, newest: Option<Timestamp>) -> bool {
    backup.life == Life::Failed
        && !backup.is_protected(now)
        && newest.is_some_and(|newest| newest > backup.taken_at)
        && state.sole_snapshot(backup).is_some_and(|known| known.item.status == SnapshotStatus::Failed)
}

/// What the rules make of its shelf at this moment. A backup without rules of its own, made by hand or
/// of a policy that is no longer in force, has an empty one.
pub(super) fn proof(state: &State, now: Timestamp, backup: &Backup) -> Option<Proof> {
    let adopted = state.adopted.as_ref()?;
    let Some(slot) = &backup.slot else { return Some(bare_proof(state, now, adopted)) };
    let shelves = shelves(state);
    let backups = shelves.get(&(&slot.policy, &slot.machine))?;
    let weighed = weigh(state, now, adopted, &slot.policy, backups);
    Some(weighed.map_or_else(|| bare_proof(state, now, adopted), |of| of.proof(state, now, adopted)))
}
