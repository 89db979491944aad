//! Dooms: what no rule keeps is condemned, visibly; what a rule keeps again is spared.

use std::cmp::Reverse;
use std::fmt;

use jiff::tz::TimeZone;

use super::backup::{Backup, Life, Proof, Survivor};
use super::draft::{Plan, shelves};
use super::event::{Doomed, Event, Spared};
use super::fleet::SnapshotStatus;
use super::id::{BackupId, PolicyName};
use super::policy::{Mode, Retention};
use super::reach::Reach;
use super::retention::{self, Calendar, Candidate, Expiry, Verdict};
use super::state::{Adopted, State};
use super::time::Timestamp;

/// Dooms follow a listing within this part of the time for which it is fresh: weighing takes time,
/// and nothing new comes out of it until the next one.
const DOOM_WITHIN: u32 = 4;

/// Dooms what no rule keeps, under a mode that deletes and right after a complete look; and spares what one keeps
/// again under every mode, then, after an edit that no list was read since, and wherever a doom is past its grace:
/// nothing goes, and nobody is asked to approve, what an edited rule keeps.
pub(super) fn plan_dooms(state: &State, now: Timestamp, plan: &mut Plan) {
    let Some(adopted) = &state.adopted else { return };
    let read_at = state.fleet.snapshot_look.read_at;
    let bound = adopted.set.rules.fresh.duration() / DOOM_WITHIN;
    let is_fresh = read_at.is_some_and(|read_at| now.since(read_at) <= bound);
    let is_pressing = |backup: &Backup| backup.doom.as_ref().is_some_and(|doom| state.grace_end(doom) <= now);
    let is_edited = |policy: &PolicyName| {
        let edited = adopted.edited_at.get(policy);
        edited.is_some_and(|edited| read_at.is_none_or(|read_at| *edited > read_at))
    };
    if !is_fresh
        && !adopted.set.policies.keys().any(is_edited)
        && !state.watched().any(|(_, one)| is_pressing(one))
    {
        return;
    }
    let may_doom = is_fresh && adopted.set.mode == Mode::Enforce && state.fleet.doubtful_since.is_none();
    for ((policy_name, _), backups) in shelves(state) {
        let enforces = match adopted.set.policies.get(policy_name) {
            Some(policy) => policy.mode == Mode::Enforce,
            None => state.retired.contains(policy_name),
        };
        let dooms = may_doom && enforces;
        let looks_at_all = is_fresh || is_edited(policy_name);
        let spares =
            backups.iter().any(|(_, backup)| backup.doom.is_some() && (looks_at_all || is_pressing(backup)));
        if (dooms || spares)
            && let Some(weighed) = weigh_shelf(state, now, adopted, policy_name, &backups)
        {
            if dooms {
                doom_shelf(state, now, adopted, &weighed, plan);
            }
            spare_shelf(&weighed, &backups, plan);
        }
    }
    doom_expired(state, now, adopted, may_doom, plan);
}

/// What a person had made, and said when it ends.
fn doom_expired(state: &State, now: Timestamp, adopted: &Adopted, may_doom: bool, plan: &mut Plan) {
    let of_nobody = state.backups.iter().filter(|(_, backup)| backup.slot.is_none());
    for (id, backup) in of_nobody {
        let is_over = backup.expires_at.is_some_and(|at| at <= now)
            && backup.life == Life::Good
            && !backup.is_protected(now);
        let is_new = backup.doom.is_none() && state.sole_snapshot(backup).is_some();
        if is_over && may_doom && is_new {
            let proof = bare_proof(state, now, adopted);
            plan.events.push(Event::Doomed(Doomed { backup: id.clone(), proof }));
        } else if !is_over && backup.doom.is_some() && backup.life == Life::Good {
            let why = "a person keeps it".to_owned();
            plan.events.push(Event::Spared(Spared { backup: id.clone(), why }));
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

/// By the rules in force. `None`: its policy is in force no longer, and nobody retired it.
fn weigh_shelf<'a>(
    state: &State,
    now: Timestamp,
    adopted: &Adopted,
    policy_name: &PolicyName,
    backups: &[(&'a BackupId, &'a Backup)],
) -> Option<Weighed<'a>> {
    let policy = adopted.set.policies.get(policy_name);
    let schedule = adopted.schedules.get(policy_name);
    let (rules, zone) = match (policy, schedule) {
        (Some(policy), Some(schedule)) => (Some(&policy.retention), schedule.zone()),
        (None, _) if state.retired.contains(policy_name) => (None, &TimeZone::UTC),
        (Some(_) | None, _) => return None,
    };
    let calendar = Calendar { zone, now, skew: adopted.set.rules.skew };
    Some(weigh(state, rules, calendar, backups))
}

/// Without rules, nothing keeps a backup but the least number: a person retired its policy.
pub(super) fn weigh<'a>(
    state: &State,
    rules: Option<&Retention>,
    calendar: Calendar<'_>,
    backups: &[(&'a BackupId, &'a Backup)],
) -> Weighed<'a> {
    let good: Vec<_> = backups.iter().filter(|(_, backup)| backup.life == Life::Good).collect();
    let candidates: Vec<Candidate> =
        good.iter().map(|(id, backup)| Candidate { id, taken_at: backup.taken_at }).collect();
    let judged = rules.map(|rules| retention::judge(&candidates, rules, calendar));
    let mut verdicts = judged.unwrap_or_default();
    // The newest few stay whatever else is kept: were they counted after pins and rules, one more
    // pin would add a victim.
    let mut order: Vec<_> = good.iter().map(|(id, backup)| (backup.taken_at, Reverse(*id))).collect();
    order.sort_unstable_by(|one, other| other.cmp(one));
    let newest = order.first().copied();
    let thaw = backups.first().and_then(|(_, backup)| state.thawed.get(&backup.machine));
    order.truncate(thaw.map_or(state.rules().min_good, |thaw| thaw.keep) as usize);
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
        } else if backup.is_protected(calendar.now) {
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
    let newest = newest.map(|(at, _)| at);
    let failed = backups.iter().filter(|(_, backup)| is_failed_remnant(state, calendar.now, backup, newest));
    weighed.expired.extend(failed.map(|(id, backup)| (*id, *backup, Fate::Remnant)));
    weighed
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

fn doom_shelf(state: &State, now: Timestamp, adopted: &Adopted, weighed: &Weighed, plan: &mut Plan) {
    let is_new = |backup: &Backup| backup.doom.is_none() && state.sole_snapshot(backup).is_some();
    let condemned = weighed.expired.iter().filter(|(_, backup, _)| is_new(backup));
    let mut proof = None;
    for (id, ..) in condemned {
        let proof = proof.get_or_insert_with(|| weighed.proof(state, now, adopted)).clone();
        plan.events.push(Event::Doomed(Doomed { backup: (*id).clone(), proof }));
    }
}

fn spare_shelf(weighed: &Weighed, backups: &[(&BackupId, &Backup)], plan: &mut Plan) {
    for (id, backup) in backups {
        let is_open = matches!(backup.life, Life::Good | Life::Failed | Life::Bad | Life::Disputed);
        if backup.doom.is_some() && is_open && !weighed.expired.iter().any(|(expired, ..)| expired == id) {
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
    let weighed = weigh_shelf(state, now, adopted, &slot.policy, backups);
    Some(weighed.map_or_else(|| bare_proof(state, now, adopted), |of| of.proof(state, now, adopted)))
}
