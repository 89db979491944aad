//! The fold of refusals: what each stops, and what ends that.

use super::ask::Halted;
use super::effect::{Cause, Effect, Outcome, Reason, Refusal, Standing};
use super::halt::{Halt, Halts, Impossible, Rival};
use super::id::{BackupId, SnapshotId};
use super::slot::Slot;
use super::state::State;
use super::time::Timestamp;

impl State {
    /// A create is asked for although something stops its like: that is today's probe.
    pub(super) fn note_probe(&mut self, effect: &Effect, at: Timestamp) {
        let Cause::Slot(slot) = &effect.cause else { return };
        let policy = self.halts.policies.get_mut(&slot.policy);
        for halt in self.halts.account.iter_mut().chain(policy) {
            halt.tried_at = at;
        }
    }

    /// What the outcome of a create means for those that come after it.
    pub(super) fn note_outcome(
        &mut self,
        effect: &Effect,
        outcome: &Outcome,
        standing: &Standing,
        at: Timestamp,
    ) {
        let machine = effect.verb.machine();
        match outcome {
            Outcome::Answered { .. } | Outcome::Happened { .. } => {
                self.halts.account = None;
                self.halts.credit = None;
                self.halts.impossible.remove(machine);
                if let Some(slot) = self.slot_of(effect) {
                    self.halts.policies.remove(&slot.policy);
                }
            }
            // A name that is taken by ourselves is no refusal.
            Outcome::Refused(refusal) if matches!(standing, Standing::Refused(_)) => {
                self.note_refusal(effect, refusal, at);
            }
            Outcome::Refused(_)
            | Outcome::Unclear { .. }
            | Outcome::NotSent { .. }
            | Outcome::DidNotHappen
            | Outcome::GaveUp { .. } => {}
        }
    }

    fn note_refusal(&mut self, effect: &Effect, refusal: &Refusal, at: Timestamp) {
        let slot = self.slot_of(effect);
        let halts = &mut self.halts;
        let machine = effect.verb.machine();
        match refusal.reason {
            Reason::Account => halts.account = Some(again(halts.account.take(), refusal, at)),
            Reason::Credit => halts.credit = Some(again(halts.credit.take(), refusal, at)),
            Reason::Unsupported => {
                let known = self.fleet.machines.get(machine).map(|known| known.item.clone());
                let known = Impossible { since: at, machine: known, refusal: refusal.clone() };
                halts.impossible.insert(machine.clone(), known);
            }
            Reason::NameTaken => {
                let rival = Rival { since: at, is_settled: false };
                halts.rivals.insert(effect.verb.backup().clone(), rival);
            }
            // Three machines that were deleted at once say nothing of their policy.
            Reason::NoSuchObject => {}
            Reason::Other => {
                let Some(slot) = slot else { return };
                let halt = again(halts.policies.remove(&slot.policy), refusal, at);
                halts.policies.insert(slot.policy.clone(), halt);
            }
        }
    }

    /// The slot that a create is for.
    fn slot_of(&self, effect: &Effect) -> Option<Slot> {
        self.backups.get(effect.verb.backup()).and_then(|backup| backup.slot.clone())
    }

    /// A person has said whose the snapshot is that took a name of ours.
    pub(super) fn end_rivalry(&mut self, snapshot: &SnapshotId) {
        let Some(known) = self.fleet.snapshots.get(snapshot) else { return };
        if let Some(rival) = self.halts.rivals.get_mut(&BackupId::new(known.item.name.as_str())) {
            rival.is_settled = true;
        }
    }

    /// A person has mended it, or wants to know.
    pub(super) fn lift(&mut self, halted: &Halted) {
        match halted {
            Halted::Account => self.halts.account = None,
            Halted::Policy(policy) => _ = self.halts.policies.remove(policy),
            Halted::Machine(machine) => _ = self.halts.impossible.remove(machine),
        }
    }
}

fn again(before: Option<Halt>, refusal: &Refusal, at: Timestamp) -> Halt {
    let refusals = before.as_ref().map_or(0, |halt| halt.refusals).saturating_add(1);
    let since = before.map_or(at, |halt| halt.since);
    Halt { since, tried_at: at, refusals, refusal: refusal.clone() }
}

impl Halts {
    pub(super) fn move_waits(&mut self, moved: impl Fn(Timestamp) -> Timestamp) {
        for halt in self.account.iter_mut().chain(&mut self.credit).chain(self.policies.values_mut()) {
            (halt.since, halt.tried_at) = (moved(halt.since), moved(halt.tried_at));
        }
    }
}
