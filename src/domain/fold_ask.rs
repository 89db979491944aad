//! The fold of what people asked for, and of what ended by itself.

use std::collections::BTreeSet;

use super::ask::{Ask, Halted};
use super::backup::ComplianceHold;
use super::effect::{Cause, Effect, Standing, Verb};
use super::event::{Asked, Lapsed};
use super::id::{AskId, BackupId, EffectId, MachineId, PolicyName};
use super::policy::Mode;
use super::rail::Rail;
use super::slot::{Slot, hand_line, hand_name};
use super::state::{Disowned, Freeze, MachineThaw, Request, State};
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

impl State {
    pub(super) fn ask(&mut self, asked: &Asked, at: Timestamp) {
        match &asked.ask {
            Ask::Approve { backups } => self.approve(backups, at),
            Ask::Freeze { until, reason } => {
                let (until, reason) = (*until, reason.clone());
                self.frozen = Some(Freeze { until, since: at, reason, by_itself: false });
            }
            Ask::Thaw => self.frozen = None,
            Ask::Pause { until } => self.paused_until = Some(*until),
            Ask::Resume => self.paused_until = None,
            Ask::Adopt { snapshot } => {
                self.end_rivalry(snapshot);
                self.disowned.remove(snapshot);
                self.adopt_snapshot(snapshot, at);
            }
            Ask::Disown { snapshot, .. } => {
                self.end_rivalry(snapshot);
                let known = self.fleet.snapshots.get(snapshot);
                let name = known.map_or_else(String::new, |known| known.item.name.clone());
                self.disowned.insert(snapshot.clone(), Disowned { seen: at, name });
            }
            Ask::Retry { halted } => self.lift(halted),
            Ask::Pin { backup } => {
                self.withdraw(backup);
                self.set_pinned(backup, true);
            }
            Ask::Unpin { backup } => self.set_pinned(backup, false),
            Ask::Hold { backup, until, reason } => {
                let hold = ComplianceHold { until: *until, reason: reason.clone() };
                self.set_held(backup, Some(hold));
            }
            Ask::Release { backup, .. } => self.set_held(backup, None),
            Ask::ThawMachine { machine, keep, reason } => self.thaw_machine(machine, *keep, reason),
            Ask::Retire { policy } => {
                self.retired.insert(policy.clone());
            }
            Ask::Delete { backup, overrides, .. } => self.ask_to_delete(&asked.id, backup, overrides, at),
            Ask::Create { machine, expire } => self.ask_to_create(&asked.id, machine, *expire, at),
            Ask::Run { policy, machine } => self.ask_to_run(&asked.id, policy, machine, at),
        }
    }

    fn set_pinned(&mut self, backup: &BackupId, pinned: bool) {
        if let Some(backup) = self.backups.get_mut(backup) {
            backup.pinned = pinned;
        }
    }

    fn set_held(&mut self, backup: &BackupId, held: Option<ComplianceHold>) {
        if let Some(backup) = self.backups.get_mut(backup) {
            backup.held = held;
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

    /// What was doomed before waits for a person now, and so does what is doomed later.
    fn thaw_machine(&mut self, machine: &MachineId, keep: u32, reason: &str) {
        self.thawed.insert(machine.clone(), MachineThaw { keep, reason: reason.to_owned() });
        for backup in self.backups.values_mut().filter(|backup| backup.machine == *machine) {
            if let Some(doom) = &mut backup.doom {
                (doom.needs_approval, doom.approved_at) = (true, None);
            }
        }
    }

    fn ask_to_delete(&mut self, ask: &AskId, id: &BackupId, overrides: &BTreeSet<Rail>, at: Timestamp) {
        let Some(backup) = self.backups.get(id) else { return };
        let Some(snapshot) = backup.snapshots.first().cloned() else { return };
        let verb = Verb::DeleteSnapshot { backup: id.clone(), machine: backup.machine.clone(), snapshot };
        let effect = Effect::new(Cause::Ask(ask.clone()), verb);
        let request =
            Request { effect, asked_at: at, overrides: overrides.clone(), expire: None, slot: None };
        self.withdraw(id);
        self.requests.insert(ask.clone(), request);
    }

    /// A deletion that a person asked for, and that the cloud was not asked for yet.
    fn withdraw(&mut self, id: &BackupId) {
        let effects = &self.effects;
        self.requests.retain(|_, request| !request.deletes(id) || effects.contains_key(&request.effect.id));
    }

    /// The name is settled here and now: a machine that is renamed later changes nothing.
    fn ask_to_create(&mut self, ask: &AskId, machine: &MachineId, expire: Option<Seconds>, at: Timestamp) {
        let known = self.fleet.machines.get(machine);
        let name = hand_name(ask, machine, known.map_or("", |known| &known.item.name));
        let description = format!("{}\nAsked for by hand. Made by Quartermaster.", hand_line(ask, machine));
        let (backup, machine) = (BackupId::new(&*name), machine.clone());
        let verb = Verb::CreateSnapshot { backup, machine, name, description };
        let effect = Effect::new(Cause::Ask(ask.clone()), verb);
        let request = Request { effect, asked_at: at, overrides: BTreeSet::new(), expire, slot: None };
        self.requests.insert(ask.clone(), request);
    }

    /// Takes a slot of its own, at the second of the ask; what held its policy is over.
    fn ask_to_run(&mut self, ask: &AskId, policy: &PolicyName, machine: &MachineId, at: Timestamp) {
        let current = self.adopted.as_ref().map_or(policy, |adopted| adopted.current(policy)).clone();
        self.lift(&Halted::Policy(current.clone()));
        let due = Timestamp::from_seconds(at.seconds());
        let slot = Slot { policy: current, machine: machine.clone(), due };
        let known = self.fleet.machines.get(machine);
        let verb = slot.create(known.map_or("", |known| &known.item.name));
        if self.backups.contains_key(verb.backup()) {
            // It was taken within this very second.
            return;
        }
        let effect = Effect::new(Cause::Ask(ask.clone()), verb);
        let (overrides, expire, slot) = (BTreeSet::new(), None, Some(slot));
        self.requests.insert(ask.clone(), Request { effect, asked_at: at, overrides, expire, slot });
    }

    /// A request ends with its effect, however that ended.
    pub(super) fn end_request_of(&mut self, effect: &EffectId) {
        let Some(life) = self.effects.get(effect) else { return };
        let is_over = match life.standing {
            Standing::Done | Standing::Refused(_) | Standing::Failed(_) => true,
            Standing::Intended { .. }
            | Standing::Unknown { .. }
            | Standing::NotSent { .. }
            | Standing::Absent { .. } => false,
        };
        if let Cause::Ask(ask) = &life.effect.cause
            && is_over
        {
            self.requests.remove(ask);
        }
    }

    pub(super) fn lapse(&mut self, lapsed: &Lapsed) {
        match lapsed {
            Lapsed::Freeze { until } => {
                if self.frozen.as_ref().is_some_and(|freeze| freeze.until == *until) {
                    self.frozen = None;
                    self.demand_approval_of_many();
                }
            }
            Lapsed::Request { ask, .. } => {
                self.requests.remove(ask);
            }
        }
    }

    /// Nobody thawed: if more wait than may go unexplained in a day, a person looks at them first.
    fn demand_approval_of_many(&mut self) {
        let bound = self.rules().approve_above as usize;
        let waiting = self.backups.values().filter(|backup| backup.doom.is_some()).count();
        if waiting > bound && !is_planted(Bug::EndOfFreezeForgetsTheBound) {
            for doom in self.backups.values_mut().filter_map(|backup| backup.doom.as_mut()) {
                doom.needs_approval = true;
            }
        }
    }
}
