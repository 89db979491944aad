//! The case of one doomed backup: each thing that holds it, what is cheapest to find out first.

use super::around::Around;
use super::backup::{Backup, Doom};
use super::draft::Hold;
use super::id::BackupId;
use super::policy::Mode;
use super::prune::{grace, is_approved, is_as_judged, is_machine_capped, link_hold, mode_of, shelf_holds};
use super::state::{Adopted, State};
use super::time::Timestamp;

#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    state: &'a State,
    now: Timestamp,
    adopted: &'a Adopted,
    pub(super) id: &'a BackupId,
    pub(super) backup: &'a Backup,
    doom: &'a Doom,
}

/// What in the backup itself holds its deletion.
const OWN: [fn(&Case) -> Option<Hold>; 8] = [
    |case| case.is_removed().then_some(Hold::NoPolicy),
    |case| (!case.is_removed() && !case.is_enforced()).then_some(Hold::Mode),
    |case| case.state.paused(case.now).map(|until| Hold::Paused { until }),
    |case| {
        let is_kept = case.backup.is_protected(case.now) || case.state.is_disowned(case.backup);
        is_kept.then_some(Hold::Protected)
    },
    |case| {
        let (_, since) = mode_of(case.state, case.adopted, case.backup);
        let until = since + case.adopted.set.rules.soft_start;
        (case.is_enforced() && case.now < until).then_some(Hold::SoftStart { until })
    },
    |case| {
        let until = case.doom.since + grace(case.doom, &case.adopted.set.rules);
        (case.now < until).then_some(Hold::Grace { until })
    },
    |case| {
        let is_approved = is_approved(case.doom, &case.adopted.set.rules, case.now);
        (case.doom.needs_approval && !is_approved).then_some(Hold::AwaitsApproval)
    },
    |case| (!is_as_judged(case.state, case.backup)).then_some(Hold::Protected),
];

/// What around it does, but for the other backups of its shelf.
const AROUND: [fn(&Case, &Around) -> Option<Hold>; 6] = [
    |case, around| around.is_open(case.backup).then_some(Hold::Unknown),
    |case, around| around.has_suspect(case.backup).then_some(Hold::Suspect),
    |case, around| around.has_unreadable(case.backup).then_some(Hold::Unreadable),
    |case, around| around.was_refused(case.id).then_some(Hold::Refused),
    |case, _| link_hold(case.state, case.adopted, case.backup),
    |case, _| is_machine_capped(case.state, case.now, &case.backup.machine).then_some(Hold::Capped),
];

impl<'a> Case<'a> {
    pub(super) fn of(state: &'a State, now: Timestamp, id: &'a BackupId, backup: &'a Backup) -> Option<Self> {
        let (adopted, doom) = (state.adopted.as_ref()?, backup.doom.as_ref()?);
        Some(Self { state, now, adopted, id, backup, doom })
    }

    pub(super) fn own(self) -> impl Iterator<Item = Hold> + 'a {
        OWN.into_iter().filter_map(move |holds| holds(&self))
    }

    pub(super) fn around<'b>(self, around: &'b Around<'b>) -> impl Iterator<Item = Hold> + use<'a, 'b> {
        let Self { state, now, adopted, id, backup, .. } = self;
        let shelf = shelf_holds(state, now, adopted, (id, backup), &around.shelves);
        shelf.chain(AROUND.into_iter().filter_map(move |holds| holds(&self, around)))
    }

    /// Its policy is in force no longer, and nobody retired it.
    fn is_removed(&self) -> bool {
        let slot = self.backup.slot.as_ref();
        slot.is_some_and(|slot| {
            !self.adopted.set.policies.contains_key(&slot.policy)
                && !self.state.retired.contains(&slot.policy)
        })
    }

    fn is_enforced(&self) -> bool {
        let (mode, _) = mode_of(self.state, self.adopted, self.backup);
        mode.min(self.adopted.set.mode) == Mode::Enforce
    }
}
