//! The fold of policies, slots and dooms.

use super::backup::{Backup, Doom};
use super::event::{Doomed, SlotDecided};
use super::id::{BackupId, PolicyName};
use super::policy::{Mode, Policy, PolicySet};
use super::schedule::Schedule;
use super::slot::{Decision, Shelf};
use super::state::{Adopted, ShelfState, State};
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};
use std::collections::BTreeMap;

const DAY: Seconds = Seconds::hours(24);

impl State {
    pub(super) fn adopt_policies(&mut self, seq: u64, set: &PolicySet, at: Timestamp) {
        let before = self.adopted.take();
        let renamed = renamed(before.as_ref(), set);
        let earlier = |name: &PolicyName| {
            let before = before.as_ref()?;
            let is_known = |old: &&PolicyName| before.set.policies.contains_key(*old);
            let was = renamed.iter().filter(|(_, new)| *new == name).map(|(old, _)| old);
            std::iter::once(name).chain(was).find(is_known).cloned()
        };
        let unchanged_schedule = |name| {
            let (before, was) = (before.as_ref()?, earlier(name)?);
            let (old, new) = (before.set.policies.get(&was)?, set.policies.get(name)?);
            (old.schedule == new.schedule && old.timezone == new.timezone)
                .then(|| before.scheduled_since.get(&was).copied())?
        };
        let scheduled_since =
            set.policies.keys().map(|name| (name.clone(), unchanged_schedule(name).unwrap_or(at))).collect();
        let gap_before = gaps(before.as_ref(), earlier, set, at);
        let unchanged_owing = |name| {
            let (before, was) = (before.as_ref()?, earlier(name)?);
            (owes(&before.set, &was) == owes(set, name)).then(|| before.owing_since.get(&was).copied())?
        };
        let owing_since =
            set.policies.keys().map(|name| (name.clone(), unchanged_owing(name).unwrap_or(at))).collect();
        let unchanged_mode = |name| {
            let (before, was) = (before.as_ref()?, earlier(name)?);
            let same = before.set.policies.get(&was)?.mode == set.policies.get(name)?.mode;
            same.then(|| before.policy_mode_since.get(&was).copied())?
        };
        let policy_mode_since =
            set.policies.keys().map(|name| (name.clone(), unchanged_mode(name).unwrap_or(at))).collect();
        let edited_at = edits(before.as_ref(), earlier, set, at);
        self.retired.retain(|name| !set.policies.contains_key(name));
        if before.as_ref().is_none_or(|before| before.set != *set) {
            self.halts.policies.clear();
        }
        let same_mode = before.as_ref().filter(|before| before.set.mode == set.mode);
        self.adopted = Some(Adopted {
            seq,
            set: set.clone(),
            schedules: schedules(set),
            digest: digest(set),
            renamed: renamed.clone(),
            scheduled_since,
            owing_since,
            gap_before,
            policy_mode_since,
            edited_at,
            mode_since: same_mode.map_or(at, |before| before.mode_since),
            approved_once: same_mode.is_some_and(|before| before.approved_once),
        });
        if !is_planted(Bug::RenameForgetsSlots) {
            self.rename_shelves(&renamed);
        }
    }

    /// What stood under a policy's old name stands under the new one, decided slots included.
    fn rename_shelves(&mut self, renamed: &BTreeMap<PolicyName, PolicyName>) {
        if renamed.is_empty() {
            return;
        }
        let olds: Vec<Shelf> =
            self.shelves.keys().filter(|shelf| renamed.contains_key(&shelf.policy)).cloned().collect();
        for old in olds {
            let (Some(moved), Some(policy)) = (self.shelves.remove(&old), renamed.get(&old.policy)) else {
                continue;
            };
            let shelf = self.shelf_mut(Shelf { policy: policy.clone(), machine: old.machine });
            shelf.decided_until = shelf.decided_until.max(moved.decided_until);
            shelf.catches_up = shelf.catches_up.or(moved.catches_up);
            shelf.ran = shelf.ran.max(moved.ran);
            shelf.unspent.extend(moved.unspent);
        }
        for slot in self.backups.values_mut().filter_map(|backup| backup.slot.as_mut()) {
            if let Some(policy) = renamed.get(&slot.policy) {
                slot.policy = policy.clone();
            }
        }
    }

    pub(super) fn decide_slot(&mut self, decided: &SlotDecided) {
        let slot = &decided.slot;
        let shelf = self.shelf_mut(slot.shelf());
        match &decided.decision {
            Decision::Held(held) => shelf.open = Some((slot.due, held.clone())),
            Decision::Superseded { by, .. } => {
                shelf.catches_up = Some(*by);
                shelf.decided_until = shelf.decided_until.max(slot.due);
                shelf.open = None;
            }
            Decision::Missed { .. } | Decision::Skipped(_) | Decision::Expired => {
                shelf.decided_until = shelf.decided_until.max(slot.due);
                shelf.open = None;
            }
        }
    }

    pub(super) fn shelf_mut(&mut self, shelf: Shelf) -> &mut ShelfState {
        self.shelves.entry(shelf).or_insert(ShelfState {
            decided_until: Timestamp::EPOCH,
            open: None,
            catches_up: None,
            ran: None,
            busy: None,
            unspent: Vec::new(),
        })
    }

    pub(super) fn doom(&mut self, doomed: &Doomed, seq: u64, at: Timestamp) {
        let shelf = self.backups.get(&doomed.backup).and_then(|backup| backup.shelf());
        let explained = shelf.is_some_and(|shelf| {
            let unspent = &mut self.shelf_mut(shelf).unspent;
            unspent.retain(|good| at.since(*good) < DAY.duration());
            (!unspent.is_empty()).then(|| unspent.remove(0)).is_some()
        });
        let approved_once = self.adopted.as_ref().is_some_and(|adopted| adopted.approved_once);
        let rules = self.rules();
        let is_special = self.backups.get(&doomed.backup).is_some_and(|backup| self.needs_a_person(backup));
        let edited_before = self.edited_before(&doomed.backup, at);
        if let Some(backup) = self.backups.get_mut(&doomed.backup) {
            let needs_approval = !approved_once || is_special;
            let (since, approved_at) = (at, None);
            backup.doom = Some(Doom { seq, since, explained, needs_approval, approved_at, edited_before });
        }
        self.note_backup(&doomed.backup);
        self.unexplained.retain(|since| at.since(*since) < DAY.duration());
        if !explained {
            self.unexplained.push(at);
        }
        self.demand_approval(rules.approve_above);
    }

    /// Of a thawed machine or a removed policy: no list of those goes without a person.
    pub(super) fn needs_a_person(&self, backup: &Backup) -> bool {
        let retired = backup.slot.as_ref().is_some_and(|slot| self.retired.contains(&slot.policy));
        retired || self.thawed.contains_key(&backup.machine)
    }

    fn edited_before(&self, backup: &BackupId, at: Timestamp) -> Option<Seconds> {
        let slot = self.backups.get(backup)?.slot.as_ref()?;
        let edited_at = self.adopted.as_ref()?.edited_at.get(&slot.policy)?;
        (!is_planted(Bug::GraceAfterEditIgnored)).then(|| Seconds(at.since(*edited_at).as_secs()))
    }

    /// Too many dooms in a day that no new backup explains: all that are left wait for a person.
    pub(super) fn demand_approval(&mut self, above: u32) {
        if self.unexplained.len() as u64 > u64::from(above) {
            for doom in self.backups.values_mut().filter_map(|backup| backup.doom.as_mut()) {
                doom.needs_approval |= !doom.explained;
            }
        }
    }
}

/// Whether a policy takes backups at all.
fn owes(set: &PolicySet, name: &PolicyName) -> bool {
    set.policies.get(name).is_some_and(|policy| policy.mode.min(set.mode) > Mode::Observe)
}

/// When what each policy keeps was last edited. The first adoption of all edits nothing.
fn edits(
    before: Option<&Adopted>,
    earlier: impl Fn(&PolicyName) -> Option<PolicyName>,
    set: &PolicySet,
    at: Timestamp,
) -> BTreeMap<PolicyName, Timestamp> {
    let Some(before) = before else { return BTreeMap::new() };
    let fewer = set.rules.min_good < before.set.rules.min_good;
    let edited = |(name, policy): (&PolicyName, &Policy)| {
        let old = earlier(name);
        // The mode has a soft start of its own, the longest gap is told by the calendar, and another
        // name keeps nothing less.
        let is_same = old.as_ref().and_then(|old| before.set.policies.get(old)).is_some_and(|old| {
            let (mode, longest_gap, was) = (old.mode, old.longest_gap, old.was.clone());
            Policy { mode, longest_gap, was, ..policy.clone() } == *old
        });
        match old.filter(|_| is_same && !fewer) {
            Some(old) => Some((name.clone(), before.edited_at.get(&old).copied()?)),
            None => Some((name.clone(), at)),
        }
    };
    set.policies.iter().filter_map(edited).collect()
}

/// Of each policy whose schedule was edited, the longest gap until then: an edit makes nothing late at once.
fn gaps(
    before: Option<&Adopted>,
    earlier: impl Fn(&PolicyName) -> Option<PolicyName>,
    set: &PolicySet,
    at: Timestamp,
) -> BTreeMap<PolicyName, Seconds> {
    let gap = |(name, policy): (&PolicyName, &Policy)| {
        let (before, was) = (before?, earlier(name)?);
        let old = before.set.policies.get(&was)?;
        let known = before.gap_before.get(&was).copied();
        if old.schedule == policy.schedule && old.timezone == policy.timezone {
            return Some((name.clone(), known?));
        }
        // One that was edited a moment ago has not owed anything yet by the schedule in between.
        let since = before.scheduled_since.get(&was)?;
        let known = known.filter(|_| at.since(*since) <= old.longest_gap.duration());
        Some((name.clone(), known.map_or(old.longest_gap, |known| known.max(old.longest_gap))))
    };
    set.policies.iter().filter_map(gap).collect()
}

/// Every older name, and what it is called in this set: by its own words, or by those of before.
fn renamed(before: Option<&Adopted>, set: &PolicySet) -> BTreeMap<PolicyName, PolicyName> {
    let mut renamed = BTreeMap::new();
    for (name, policy) in &set.policies {
        renamed.extend(policy.was.iter().map(|old| (old.clone(), name.clone())));
    }
    for (old, new) in before.iter().flat_map(|before| &before.renamed) {
        let newest = renamed.get(new).unwrap_or(new).clone();
        if set.policies.contains_key(&newest) {
            renamed.entry(old.clone()).or_insert(newest);
        }
    }
    renamed.retain(|old, _| !set.policies.contains_key(old));
    renamed
}

/// A schedule that this version cannot read has no slots; the file's check refuses it long before.
pub(super) fn schedules(set: &PolicySet) -> BTreeMap<PolicyName, Schedule> {
    let parsed = |policy: &Policy| Schedule::parse(&policy.schedule, &policy.timezone).ok();
    set.policies.iter().filter_map(|(name, policy)| Some((name.clone(), parsed(policy)?))).collect()
}

pub(super) fn digest(set: &PolicySet) -> Option<Schedule> {
    set.alerts.digest.as_ref().and_then(|cron| Schedule::parse(cron, "UTC").ok())
}
