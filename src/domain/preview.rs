//! What the rules make of every shelf at one instant, or would make of it if they were others.
//!
//! It is what dooms are planned from, shown before anything is done; it plans nothing itself.

use super::backup::Backup;
use super::doom::{Fate, weigh};
use super::draft::shelves;
use super::id::{BackupId, MachineId, PolicyName};
use super::policy::Retention;
use super::reach::Reach;
use super::retention::Calendar;
use super::state::State;
use super::time::Timestamp;

/// One (policy, machine); every backup of it that is in the cloud is in exactly one of the lists.
pub struct ShelfPreview<'a> {
    pub policy: &'a PolicyName,
    pub machine: &'a MachineId,
    /// From new to old, each with what keeps it.
    pub kept: Vec<(&'a BackupId, &'a Backup, Vec<String>)>,
    pub expired: Vec<(&'a BackupId, &'a Backup, Fate)>,
    /// Neither good nor a remnant of a failure: no rule counts it, and none removes it.
    pub unjudged: Vec<(&'a BackupId, &'a Backup)>,
}

/// The shelves of the policies in force, or of `only` one, under their rules or the `proposed` ones.
pub fn preview<'a>(
    state: &'a State,
    now: Timestamp,
    only: Option<&PolicyName>,
    proposed: Option<&Retention>,
) -> Vec<ShelfPreview<'a>> {
    let Some(adopted) = &state.adopted else { return Vec::new() };
    let mut previews = Vec::new();
    for ((policy, machine), backups) in shelves(state) {
        let in_force = adopted.set.policies.get(policy).zip(adopted.schedules.get(policy));
        let Some((rules, schedule)) = in_force.filter(|_| only.is_none_or(|only| only == policy)) else {
            continue;
        };
        let calendar = Calendar { zone: schedule.zone(), now, skew: adopted.set.rules.skew };
        let weighed = weigh(state, Some(proposed.unwrap_or(&rules.retention)), calendar, &backups);
        let is_judged = |id: &BackupId| {
            weighed.kept.iter().any(|(kept, _)| *kept == id)
                || weighed.expired.iter().any(|(expired, ..)| *expired == id)
        };
        let unjudged =
            backups.iter().copied().filter(|(id, backup)| is_seen(state, backup) && !is_judged(id));
        let unjudged: Vec<_> = unjudged.collect();
        let with_reasons = weighed.kept.iter().filter_map(|(id, ground)| {
            backups.iter().find(|(other, _)| other == id).map(|(_, backup)| (*id, *backup, ground.reasons()))
        });
        let mut kept: Vec<_> = with_reasons.collect();
        kept.sort_by(|(a, one, _), (b, other, _)| other.taken_at.cmp(&one.taken_at).then_with(|| a.cmp(b)));
        let mut expired = weighed.expired;
        expired.reverse();
        if kept.is_empty() && expired.is_empty() && unjudged.is_empty() {
            continue;
        }
        previews.push(ShelfPreview { policy, machine, kept, expired, unjudged });
    }
    previews
}

/// The first rule that keeps a backup under its policy.
pub fn rule_that_keeps(state: &State, now: Timestamp, id: &BackupId) -> Option<String> {
    let slot = state.backups.get(id)?.slot.as_ref()?;
    let shelves = preview(state, now, Some(&slot.policy), None);
    let kept = shelves.into_iter().flat_map(|shelf| shelf.kept).find(|(other, _, _)| *other == id);
    kept.and_then(|(_, _, reasons)| reasons.into_iter().next())
}

/// Whether the last look showed anything of it, which then is billed.
fn is_seen(state: &State, backup: &Backup) -> bool {
    let seen = |id| state.fleet.snapshots.get(id).is_some_and(|known| known.missing_since.is_none());
    backup.snapshots.iter().any(seen)
}

/// A backup that `delete_after` would remove, and something stronger keeps.
pub struct Overdue<'a> {
    pub backup: &'a BackupId,
    pub machine: &'a MachineId,
    pub limit: Reach,
    /// The pin, the hold, or the rail.
    pub kept_by: Vec<String>,
}

pub fn overdue(state: &State, now: Timestamp) -> Vec<Overdue<'_>> {
    let Some(adopted) = &state.adopted else { return Vec::new() };
    let mut found = Vec::new();
    for ((policy, machine), backups) in shelves(state) {
        let in_force = adopted.set.policies.get(policy).zip(adopted.schedules.get(policy));
        let limited = in_force.filter(|(rules, _)| rules.retention.delete_after.is_some());
        let Some((rules, schedule)) = limited else { continue };
        let calendar = Calendar { zone: schedule.zone(), now, skew: adopted.set.rules.skew };
        let weighed = weigh(state, Some(&rules.retention), calendar, &backups);
        for (backup, limit) in weighed.overdue {
            let ground = weighed.kept.iter().find(|(kept, _)| *kept == backup);
            let kept_by = ground.map_or_else(Vec::new, |(_, ground)| ground.reasons());
            found.push(Overdue { backup, machine, limit, kept_by });
        }
    }
    found
}
