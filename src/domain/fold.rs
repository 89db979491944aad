//! The fold: what each event does to the state. The only place where the state changes.
//!
//! It is total: what cannot be was judged before it was written, so here nothing is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::ask::Ask;
use super::backup::{Backup, Doom, Happening, Judgement, Life};
use super::effect::{Outcome, Reason, Standing, Verb};
use super::event::{Answer, Asked, Doomed, Event, Intended, Judged, Recorded, Settled, SlotDecided};
use super::fleet::SnapshotStatus;
use super::id::{BackupId, EffectId, PolicyName};
use super::policy::{Mode, Policy, PolicySet};
use super::schedule::Schedule;
use super::slot::{Decision, Shelf};
use super::state::{Adopted, Deletion, EffectLife, Freeze, ShelfState, State};
use super::time::{Seconds, Timestamp};

const DAY: Seconds = Seconds::hours(24);

impl State {
    pub fn apply(&mut self, row: &Recorded) {
        self.counters.events += 1;
        let at = row.at;
        match &row.event {
            Event::Started(_) => self.start(at),
            Event::Stopped(_) => self.counters.clean_stop = true,
            Event::ClockStepped(step) => self.step_clock(step.by_micros, at),
            Event::PoliciesAdopted(set) => self.adopt_policies(row.seq, set, at),
            Event::Called(call) => {
                self.counters.calls += 1;
                let failed = !matches!(call.answer, Answer::Status(200..=299));
                self.counters.failed_calls += u64::from(failed);
            }
            Event::Looked(look) => self.look(look, at),
            Event::Observed(observed) => self.observe(&observed.change, at),
            Event::Asked(asked) => self.ask(asked, at),
            Event::SlotDecided(decided) => self.decide_slot(decided),
            Event::Intended(intended) => self.intend(intended, at),
            Event::Settled(settled) => self.settle(settled, at),
            Event::Judged(judged) => self.judge(judged, at),
            Event::Doomed(doomed) => self.doom(doomed, row.seq, at),
            Event::Spared(spared) => {
                if let Some(backup) = self.backups.get_mut(&spared.backup) {
                    backup.doom = None;
                }
                self.note_backup(&spared.backup);
            }
            Event::Anomaly(_) => self.counters.anomalies += 1,
        }
    }

    /// What was under way when the process before this one ended is open; nothing seen is fresh.
    fn start(&mut self, at: Timestamp) {
        self.counters.clean_stop = false;
        self.wall.started();
        // Where the server tells no date, nobody notices a clock that was set while we were down.
        let unguarded = self.wall.offset_micros.is_none();
        for doom in self.backups.values_mut().filter_map(|backup| backup.doom.as_mut()) {
            doom.since = if unguarded { at } else { doom.since };
        }
        for life in self.effects.values_mut() {
            if let Standing::Unknown { since, .. } = &mut life.standing
                && unguarded
            {
                (*since, life.clear_looks) = (at, 0);
            }
            if let Standing::Intended { .. } = life.standing {
                life.standing = Standing::Unknown { since: at, answered: None };
                life.clear_looks = 0;
            }
        }
        let fleet = &mut self.fleet;
        for look in [
            &mut fleet.machine_look,
            &mut fleet.snapshot_look,
            &mut fleet.image_look,
            &mut fleet.balance_look,
            &mut fleet.price_look,
        ] {
            look.tried = None;
            look.complete = None;
            look.read_at = None;
        }
        fleet.details.clear();
        fleet.links = None;
    }

    fn adopt_policies(&mut self, seq: u64, set: &PolicySet, at: Timestamp) {
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
        let same_mode = before.as_ref().filter(|before| before.set.mode == set.mode);
        self.adopted = Some(Adopted {
            seq,
            set: set.clone(),
            schedules: schedules(set),
            scheduled_since,
            policy_mode_since,
            mode_since: same_mode.map_or(at, |before| before.mode_since),
            approved_once: same_mode.is_some_and(|before| before.approved_once),
        });
    }

    fn ask(&mut self, asked: &Asked, at: Timestamp) {
        match &asked.ask {
            Ask::Approve { backups } => self.approve(backups, at),
            Ask::Freeze { until, reason } => {
                self.frozen = Some(Freeze { until: *until, reason: reason.clone() });
            }
            Ask::Thaw => self.frozen = None,
            Ask::Adopt { snapshot } => self.adopt_snapshot(snapshot, at),
            Ask::Disown { snapshot, .. } => {
                self.disowned.insert(snapshot.clone());
            }
            Ask::Pin { backup } => self.set_pinned(backup, true),
            Ask::Unpin { backup } => self.set_pinned(backup, false),
        }
    }

    fn set_pinned(&mut self, backup: &BackupId, pinned: bool) {
        if let Some(backup) = self.backups.get_mut(backup) {
            backup.pinned = pinned;
        }
    }

    fn approve(&mut self, approved: &BTreeSet<BackupId>, at: Timestamp) {
        for id in approved {
            if let Some(doom) = self.backups.get_mut(id).and_then(|backup| backup.doom.as_mut()) {
                doom.approved_at = Some(at);
            }
        }
        if let Some(adopted) = &mut self.adopted {
            adopted.approved_once |= adopted.set.mode == Mode::Enforce;
        }
    }

    fn decide_slot(&mut self, decided: &SlotDecided) {
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

    fn intend(&mut self, intended: &Intended, at: Timestamp) {
        let effect = &intended.effect;
        match &effect.verb {
            Verb::CreateSnapshot { backup, machine, name, .. } => {
                self.ask_for_backup(backup, machine, name, &effect.cause, at);
            }
            Verb::DeleteSnapshot { backup, machine, .. } => {
                self.deletions.retain(|deletion| at.since(deletion.at) < DAY.duration());
                self.deletions.push(Deletion { at, machine: machine.clone() });
                self.happen(backup, Happening::DeleteAsked, at);
            }
        }
        let absences = self.effects.get(&effect.id).map_or(0, |life| life.absences);
        self.effects.insert(
            effect.id.clone(),
            EffectLife {
                effect: effect.clone(),
                attempt: intended.attempt,
                standing: Standing::Intended { since: at },
                absences,
                clear_looks: 0,
                changed_at: at,
            },
        );
        self.note_effect(&effect.id);
    }

    fn settle(&mut self, settled: &Settled, at: Timestamp) {
        let Some(life) = self.effects.get_mut(&settled.effect) else { return };
        life.changed_at = at;
        life.clear_looks = 0;
        let verb = life.effect.verb.clone();
        let (standing, happening) = consequences(settled, &verb, at);
        if settled.outcome == Outcome::DidNotHappen {
            life.absences += 1;
        }
        life.standing = standing;
        self.note_effect(&settled.effect);
        match happening {
            Some(Happening::DeleteAbandoned) => self.abandon_delete(verb.backup(), at),
            Some(happening) => self.happen(verb.backup(), happening, at),
            None => {}
        }
    }

    /// It is again what it was before, unless the cloud has said otherwise meanwhile.
    fn abandon_delete(&mut self, id: &BackupId, at: Timestamp) {
        let Some(backup) = self.backups.get(id) else { return };
        let has_failed = backup
            .snapshots
            .iter()
            .filter_map(|snapshot| self.fleet.snapshots.get(snapshot))
            .any(|known| known.item.status == SnapshotStatus::Failed);
        let was_ready = backup.sized.is_some();
        match (was_ready, has_failed) {
            (false, _) => self.happen(id, Happening::RemnantStays, at),
            (true, false) => self.happen(id, Happening::DeleteAbandoned, at),
            (true, true) => {
                self.happen(id, Happening::DeleteAbandoned, at);
                self.happen(id, Happening::SeenFailed, at);
            }
        }
    }

    fn judge(&mut self, judged: &Judged, at: Timestamp) {
        match &judged.judgement {
            Judgement::Good { .. } => self.happen(&judged.backup, Happening::Passed, at),
            Judgement::Bad { .. } => self.happen(&judged.backup, Happening::FailedCheck, at),
            Judgement::TimedOut => self.happen(&judged.backup, Happening::Overdue, at),
            Judgement::Vanished => self.vanish(&judged.backup, at),
        }
        if let Judgement::Good { .. } = judged.judgement {
            self.counters.backups_good += 1;
            if let Some(shelf) = self.backups.get(&judged.backup).and_then(|backup| backup.shelf()) {
                let unspent = &mut self.shelf_mut(shelf).unspent;
                unspent.retain(|good| at.since(*good) < DAY.duration());
                unspent.push(at);
            }
        }
    }

    fn doom(&mut self, doomed: &Doomed, seq: u64, at: Timestamp) {
        let shelf = self.backups.get(&doomed.backup).and_then(|backup| backup.shelf());
        let explained = shelf.is_some_and(|shelf| {
            let unspent = &mut self.shelf_mut(shelf).unspent;
            unspent.retain(|good| at.since(*good) < DAY.duration());
            (!unspent.is_empty()).then(|| unspent.remove(0)).is_some()
        });
        let approved_once = self.adopted.as_ref().is_some_and(|adopted| adopted.approved_once);
        let rules = self.rules();
        if let Some(backup) = self.backups.get_mut(&doomed.backup) {
            let needs_approval = !approved_once;
            backup.doom = Some(Doom { seq, since: at, explained, needs_approval, approved_at: None });
        }
        self.note_backup(&doomed.backup);
        self.unexplained.retain(|since| at.since(*since) < DAY.duration());
        if !explained {
            self.unexplained.push(at);
        }
        self.demand_approval(rules.approve_above);
    }

    /// Too many dooms in a day that no new backup explains: all that are left wait for a person.
    fn demand_approval(&mut self, above: u32) {
        if self.unexplained.len() as u64 > u64::from(above) {
            for doom in self.backups.values_mut().filter_map(|backup| backup.doom.as_mut()) {
                doom.needs_approval |= !doom.explained;
            }
        }
    }

    /// One step in a backup's life, and what follows from it.
    pub(super) fn happen(&mut self, id: &BackupId, happening: Happening, at: Timestamp) {
        let Some(backup) = self.backups.get_mut(id) else { return };
        let after = backup.life.after(happening);
        if after == backup.life {
            return;
        }
        if after == Life::Pending {
            backup.waiting_since = at;
        }
        backup.ended_at = after.is_over().then_some(at);
        backup.life = after;
        if after == Life::Deleted {
            backup.doom = None;
            self.counters.backups_deleted += 1;
            self.forget_snapshots_of(id);
        }
        self.note_backup(id);
    }

    /// Keeps [`State::watched`] true for one backup.
    pub(super) fn note_backup(&mut self, id: &BackupId) {
        let is_watched = |backup: &Backup| backup.doom.is_some() || backup.life.is_unsettled();
        if self.backups.get(id).is_some_and(is_watched) {
            self.watched.insert(id.clone());
        } else {
            self.watched.remove(id);
        }
    }

    /// Keeps [`State::unfinished`] true for one effect.
    fn note_effect(&mut self, id: &EffectId) {
        let is_unfinished = |life: &EffectLife| match life.standing {
            Standing::NotSent { .. } | Standing::Absent { .. } => true,
            ref standing => standing.is_open(),
        };
        if self.effects.get(id).is_some_and(is_unfinished) {
            self.unfinished.insert(id.clone());
        } else {
            self.unfinished.remove(id);
        }
    }

    fn forget_snapshots_of(&mut self, id: &BackupId) {
        for snapshot in self.backups.get(id).into_iter().flat_map(|backup| &backup.snapshots) {
            self.fleet.snapshots.remove(snapshot);
        }
    }
}

/// A schedule that this version cannot read has no slots; the file's check refuses it long before.
pub(super) fn schedules(set: &PolicySet) -> BTreeMap<PolicyName, Schedule> {
    let parsed = |policy: &Policy| Schedule::parse(&policy.schedule, &policy.timezone).ok();
    set.policies.iter().filter_map(|(name, policy)| Some((name.clone(), parsed(policy)?))).collect()
}

/// Where an outcome leaves the effect, and what it means for its backup.
fn consequences(settled: &Settled, verb: &Verb, at: Timestamp) -> (Standing, Option<Happening>) {
    let create = verb.is_create();
    match &settled.outcome {
        Outcome::Answered { snapshot } => (
            Standing::Unknown { since: at, answered: snapshot.clone() },
            create.then_some(Happening::Accepted),
        ),
        Outcome::Unclear { .. } => (Standing::Unknown { since: at, answered: None }, None),
        Outcome::NotSent { .. } => {
            (Standing::NotSent { since: at }, (!create).then_some(Happening::DeleteAbandoned))
        }
        // It was asked for before: the name that is taken may be ours.
        Outcome::Refused(refusal) if create && refusal.reason == Reason::NameTaken && settled.attempt > 1 => {
            (Standing::Unknown { since: at, answered: None }, None)
        }
        Outcome::Refused(refusal) => (
            Standing::Refused(refusal.clone()),
            Some(if create { Happening::RequestFailed } else { Happening::DeleteAbandoned }),
        ),
        Outcome::Happened { .. } => (Standing::Done, (!create).then_some(Happening::SeenGone)),
        Outcome::DidNotHappen => (
            Standing::Absent { since: at },
            Some(if create { Happening::RequestOpen } else { Happening::DeleteAbandoned }),
        ),
        Outcome::GaveUp { why } => (
            Standing::Failed(why.clone()),
            Some(if create { Happening::RequestFailed } else { Happening::DeleteAbandoned }),
        ),
    }
}
