//! The fold of effects: what an intent and its outcome do to the effect and to its backup.

use super::backup::{Happening, Life};
use super::effect::{Cause, Outcome, Reason, Standing, Verb};
use super::event::{Intended, Settled};
use super::fleet::SnapshotStatus;
use super::id::{BackupId, EffectId};
use super::state::{Deletion, EffectLife, State};
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

const DAY: Seconds = Seconds::hours(24);

impl State {
    pub(super) fn intend(&mut self, intended: &Intended, at: Timestamp) {
        let effect = &intended.effect;
        match &effect.verb {
            Verb::CreateSnapshot { backup, machine, name, .. } => {
                self.ask_for_backup(backup, machine, name, &effect.cause, at);
                self.note_expiry(backup, &effect.cause, at);
                self.watch(backup, machine);
                self.note_probe(effect, at);
            }
            Verb::DeleteSnapshot { backup, machine, .. } => {
                self.deletions.retain(|deletion| at.since(deletion.at) < DAY.duration());
                self.deletions.push(Deletion { at, machine: machine.clone() });
                self.happen(backup, Happening::DeleteAsked, at);
                self.postponed.remove(backup);
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

    pub(super) fn settle(&mut self, settled: &Settled, at: Timestamp) {
        let Some(life) = self.effects.get_mut(&settled.effect) else { return };
        life.changed_at = at;
        life.clear_looks = 0;
        let effect = life.effect.clone();
        let verb = &effect.verb;
        let (standing, happening) = consequences(settled, verb, life.absences, at);
        if settled.outcome == Outcome::DidNotHappen {
            life.absences += 1;
        }
        life.standing = standing.clone();
        self.note_effect(&settled.effect);
        self.end_request_of(&settled.effect);
        if verb.is_create() {
            self.note_outcome(&effect, &settled.outcome, &standing, at);
        }
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
        let is_ready = backup
            .snapshots
            .iter()
            .filter_map(|snapshot| self.fleet.snapshots.get(snapshot))
            .any(|known| known.item.status == SnapshotStatus::Ready);
        let was_ready = backup.sized.is_some();
        match (backup.life_before, was_ready, has_failed) {
            (Life::Bad, _, _) => self.happen(id, Happening::BadStays, at),
            (Life::TimedOut, _, _) => {
                self.happen(id, Happening::OverdueStays, at);
                if is_ready {
                    self.happen(id, Happening::SeenReady, at);
                } else if has_failed {
                    self.happen(id, Happening::SeenFailed, at);
                }
            }
            (_, false, _) => self.happen(id, Happening::RemnantStays, at),
            (_, true, false) => self.happen(id, Happening::DeleteAbandoned, at),
            (_, true, true) => {
                self.happen(id, Happening::DeleteAbandoned, at);
                self.happen(id, Happening::SeenFailed, at);
            }
        }
    }

    /// A person may have said how long it is to be kept.
    fn note_expiry(&mut self, id: &BackupId, cause: &Cause, at: Timestamp) {
        let Cause::Ask(ask) = cause else { return };
        let expire = self.requests.get(ask).and_then(|request| request.expire);
        if let Some(backup) = self.backups.get_mut(id) {
            backup.expires_at = backup.expires_at.or(expire.map(|expire| at + expire));
        }
    }

    /// Keeps [`State::unfinished`] true for one effect.
    fn note_effect(&mut self, id: &EffectId) {
        let is_unfinished = |life: &EffectLife| match life.standing {
            Standing::NotSent { .. } | Standing::Absent { .. } => true,
            // It may have happened all the same, and is still looked for.
            Standing::Refused(_) => life.effect.verb.is_create(),
            ref standing => standing.is_open(),
        };
        if self.effects.get(id).is_some_and(is_unfinished) {
            self.unfinished.insert(id.clone());
        } else {
            self.unfinished.remove(id);
        }
    }
}

/// Where an outcome leaves the effect, and what it means for its backup.
fn consequences(
    settled: &Settled,
    verb: &Verb,
    absences: u32,
    at: Timestamp,
) -> (Standing, Option<Happening>) {
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
        // It was asked for before without an answer: the name that is taken may be ours.
        Outcome::Refused(refusal) if create && refusal.reason == Reason::NameTaken && absences > 0 => {
            (Standing::Unknown { since: at, answered: None }, None)
        }
        Outcome::Refused(_) if create && is_planted(Bug::RefusalRetried) => {
            (Standing::NotSent { since: at }, None)
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
