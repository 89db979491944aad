//! The fold of policies, slots and dooms.

use super::backup::{Backup, Doom};
use super::event::{Doomed, SlotDecided};
use super::id::{BackupId, PolicyName};
use super::policy::{Policy, PolicySet};
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
        let unchanged_schedule = |name| {
            let before = before.as_ref()?;
            let (old, new) = (before.set.policies.get(name)?, set.policies.get(name)?);
            (old.schedule == new.schedule && old.timezone == new.timezone)
                .then(|| before.scheduled_since.get(name).copied())?
        };
        let scheduled_since =
            set.policies.keys().map(|name| (name.clone(), unchanged_schedule(name).unwrap_or(at))).collect();
        let unchanged_mode = |name| {
            let before = before.as_ref()?;
            let same = before.set.policies.get(name)?.mode == set.policies.get(name)?.mode;
            same.then(|| before.policy_mode_since.get(name).copied())?
        };
        let policy_mode_since =
            set.policies.keys().map(|name| (name.clone(), unchanged_mode(name).unwrap_or(at))).collect();
        let edited_at = edits(before.as_ref(), set, at);
        self.retired.retain(|name| !set.policies.contains_key(name));
        let same_mode = before.as_ref().filter(|before| before.set.mode == set.mode);
        self.adopted = Some(Adopted {
            seq,
            set: set.clone(),
            schedules: schedules(set),
            scheduled_since,
            policy_mode_since,
            edited_at,
            mode_since: same_mode.map_or(at, |before| before.mode_since),
            approved_once: same_mode.is_some_and(|before| before.approved_once),
        });
    }

    pub(super) fn decide_slot(&mut self, decided: &SlotDecided) {
        let slot = &decided.slot;
        let shelf = self.shelf_mut(slot.shelf());
        match &decided.decision {
            Decision::Held(held) => shelf.open = Some((slot.due, held.clone())),
            Decision::Superseded { .. } | Decision::Skipped(_) | Decision::Expired => {
                shelf.decided_until = shelf.decided_until.max(slot.due);
                shelf.open = None;
            }
        }
    }

    pub(super) fn shelf_mut(&mut self, shelf: Shelf) -> &mut ShelfState {
        self.shelves.entry(shelf).or_insert(ShelfState {
            decided_until: Timestamp::EPOCH,
            open: None,
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

/// When what each policy keeps was last edited. The first adoption of all edits nothing.
fn edits(before: Option<&Adopted>, set: &PolicySet, at: Timestamp) -> BTreeMap<PolicyName, Timestamp> {
    let Some(before) = before else { return BTreeMap::new() };
    let fewer = set.rules.min_good < before.set.rules.min_good;
    let edited = |(name, policy): (&PolicyName, &Policy)| {
        // The mode has a soft start of its own, and the longest gap is told by the calendar.
        let is_same = before.set.policies.get(name).is_some_and(|old| {
            let bare = |of: &Policy| Policy { mode: old.mode, longest_gap: old.longest_gap, ..of.clone() };
            bare(old) == bare(policy)
        });
        let edited_at = if is_same && !fewer { before.edited_at.get(name).copied()? } else { at };
        Some((name.clone(), edited_at))
    };
    set.policies.iter().filter_map(edited).collect()
}

/// A schedule that this version cannot read has no slots; the file's check refuses it long before.
pub(super) fn schedules(set: &PolicySet) -> BTreeMap<PolicyName, Schedule> {
    let parsed = |policy: &Policy| Schedule::parse(&policy.schedule, &policy.timezone).ok();
    set.policies.iter().filter_map(|(name, policy)| Some((name.clone(), parsed(policy)?))).collect()
}
