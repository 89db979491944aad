//! Explanations: everything about one backup, machine, policy or slot, and why it is as it is.
//!
//! Its life comes from the events in their order; what holds now comes from the state.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::asked::{self, Requested};
use super::command::Commands;
use super::happening::{backup_of, happening};
use super::machines::{MachineShown, Machines};
use super::policies::{Policies, PolicyShown};
use super::snapshots::{SnapshotShown, Snapshots};
use super::status::machine_name;
use super::stops::{self, Stop, Writer};
use super::subject::Subject;
use super::words;
use crate::domain::ask::Ask;
use crate::domain::backup::{Backup, Proof, Survivor};
use crate::domain::doom::Fate;
use crate::domain::effect::Cause;
use crate::domain::event::{Event, Recorded};
use crate::domain::id::{AskId, BackupId, MachineId, PolicyName};
use crate::domain::outlook::{coming, outlook};
use crate::domain::preview::{ShelfPreview, preview};
use crate::domain::proof;
use crate::domain::slot::{Decision, Slot};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// Raised when a field changes its meaning or goes; new ones may come at any time.
const SCHEMA_VERSION: u32 = 1;
/// Of the life of a machine or a policy, which may be years, the newest events are shown.
const MOST_EVENTS: usize = 200;

/// Where our rules differ from those of restic's `forget`, whose words they are.
pub const DIFFERENCES: [&str; 4] = [
    "hours, days, weeks, months and years are those of the policy's zone, not of each snapshot",
    "a backup dated later than now is kept outside every count, and moves no reach",
    "a reach of hours alone is exact where the clock shows an hour twice",
    "of two taken at the same instant the smaller id counts as newer",
];

#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    pub schema_version: u32,
    /// The journal is of a simulated cloud: nothing in it is real.
    pub simulated: bool,
    pub now: Timestamp,
    /// What keeps everything from being made or from being deleted now, as far as it is about this; the
    /// gravest first.
    pub stops: Vec<Stop>,
    /// `backup`, `snapshot`, `machine`, `policy` or `slot`.
    pub subject: &'static str,
    /// What the state still knows of it; a backup that is over is forgotten after 30 days.
    pub backup: Option<SnapshotShown>,
    pub machine: Option<MachineShown>,
    pub policy: Option<PolicyShown>,
    pub slot: Option<SlotExplained>,
    /// What a person asked for with it, and what that waits for.
    pub request: Option<Requested>,
    /// What the rules make of every backup of its policy and machine, the newest first.
    pub rules: Vec<RuleTrace>,
    /// Where these rules differ from restic's; only where rules are shown.
    pub differences_from_restic: Vec<&'static str>,
    /// Of each doom and each deletion, what it rested on.
    pub proofs: Vec<ProofShown>,
    /// What happened to it, in order.
    pub life: Vec<Lived>,
    /// Older events that are not shown.
    pub left_out: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct SlotExplained {
    pub policy: PolicyName,
    pub machine: MachineId,
    pub machine_name: String,
    pub due: Timestamp,
    /// The backup that was asked for it.
    pub backup: Option<BackupId>,
    /// What became of it, or what stands in its way.
    pub outcome: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct RuleTrace {
    pub backup: BackupId,
    pub taken_at: Timestamp,
    /// `keep`, `expire`, or `stays` of what no rule counts.
    pub verdict: &'static str,
    pub why: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ProofShown {
    pub seq: u64,
    pub at: Timestamp,
    pub backup: BackupId,
    /// `doomed` or `deleted`.
    pub of: &'static str,
    /// The digest of the complete listing that was the base.
    pub inventory: String,
    /// The event of the policies in force.
    pub policy_event: u64,
    pub judged_at: Option<Timestamp>,
    /// What the rules kept of its policy and machine, and what stays there.
    pub kept: Vec<Survivor>,
    /// A person asked for this deletion; no policy did.
    pub by_hand: bool,
    /// What that person said.
    pub asked: Option<AskedShown>,
    /// Of a deletion: the same comes out of the events before it. `None`: of a doom, not asked.
    pub derives_again: Option<bool>,
    pub objection: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct AskedShown {
    /// The rails that were not to hold it.
    pub overrides: Vec<&'static str>,
    pub reason: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Lived {
    pub seq: u64,
    pub at: Timestamp,
    pub what: &'static str,
    pub backup: Option<BackupId>,
    pub said: String,
}

/// Listens to the events of a journal, from the first to the last.
#[derive(Debug)]
pub struct Listener {
    pub subject: Subject,
    life: Vec<Lived>,
    left_out: u64,
    proofs: Vec<ProofShown>,
    asked: BTreeMap<AskId, AskedShown>,
    decision: Option<Decision>,
    /// An event told an id that earlier ones may have named: they are worth hearing again.
    has_learned: bool,
}

impl Listener {
    pub fn new(subject: Subject) -> Self {
        Self {
            subject,
            life: Vec::new(),
            left_out: 0,
            proofs: Vec::new(),
            asked: BTreeMap::new(),
            decision: None,
            has_learned: false,
        }
    }

    /// The same from the beginning, if something new was learned on the way.
    pub fn again(&self) -> Option<Self> {
        self.has_learned.then(|| Self::new(self.subject.clone()))
    }

    pub fn hear(&mut self, before: &State, recorded: &Recorded) {
        self.has_learned |= self.subject.learn(&recorded.event);
        if !self.subject.concerns(before, recorded) {
            return;
        }
        match &recorded.event {
            Event::Asked(asked) => {
                if let Ask::Delete { overrides, reason, .. } = &asked.ask {
                    let overrides = overrides.iter().map(|rail| rail.word()).collect();
                    let said = AskedShown { overrides, reason: reason.clone() };
                    self.asked.insert(asked.id.clone(), said);
                }
            }
            Event::SlotDecided(decided) => self.decision = Some(decided.decision.clone()),
            Event::Doomed(doomed) => {
                self.proofs.push(proof_shown(recorded, &doomed.backup, "doomed", &doomed.proof));
            }
            Event::Intended(intended) => {
                if let Some(of) = &intended.proof {
                    let objection = proof::objection(before, recorded.at, intended);
                    let shown = proof_shown(recorded, intended.effect.verb.backup(), "deleted", of);
                    let derives_again = Some(objection.is_none());
                    self.proofs.push(ProofShown { derives_again, objection, ..shown });
                    if let Cause::Ask(id) = &intended.effect.cause {
                        self.was_asked(id);
                    }
                }
            }
            _ => {}
        }
        let told = happening(&recorded.event);
        let backup = backup_of(before, &recorded.event);
        let (seq, at) = (recorded.seq, recorded.at);
        self.life.push(Lived { seq, at, what: told.what, backup, said: told.said });
        if self.life.len() > 2 * MOST_EVENTS {
            self.forget_the_oldest();
        }
    }

    /// The newest proof is of a deletion by hand.
    fn was_asked(&mut self, id: &AskId) {
        let Some(shown) = self.proofs.last_mut() else { return };
        shown.by_hand = true;
        shown.asked = self.asked.remove(id);
        // A rule may have kept what went: it is not among what stayed.
        shown.kept.retain(|one| one.backup != shown.backup);
    }

    fn forget_the_oldest(&mut self) {
        let old = self.life.len().saturating_sub(MOST_EVENTS);
        self.life.drain(..old);
        self.left_out += old as u64;
        self.proofs.drain(..self.proofs.len().saturating_sub(MOST_EVENTS));
    }

    /// `None`: neither the state nor any event knows it.
    pub fn explain(mut self, state: &State, now: Timestamp, writer: &Writer) -> Option<Explanation> {
        let simulated = writer.simulated;
        self.forget_the_oldest();
        let mut explanation = Explanation {
            schema_version: SCHEMA_VERSION,
            simulated,
            now,
            stops: Vec::new(),
            subject: self.subject.word(),
            backup: None,
            machine: None,
            policy: None,
            slot: None,
            request: None,
            rules: Vec::new(),
            differences_from_restic: Vec::new(),
            proofs: self.proofs,
            life: self.life,
            left_out: self.left_out,
        };
        match &self.subject {
            Subject::Backup { backups, snapshots } => {
                let id = backups.first().map(BackupId::as_str).or(snapshots.first().map(|id| id.as_str()))?;
                let found = Snapshots::named(state, now, writer, id).snapshots.into_iter().next();
                let backup = backups.iter().find_map(|id| state.backups.get(id));
                explanation.rules = backup.map_or_else(Vec::new, |backup| trace(state, now, backup));
                explanation.backup = found;
                explanation.request = requested(state, now, backups, &writer.commands);
            }
            Subject::Machine(id) => {
                let found = Machines::of(state, now, writer).only(id.as_str());
                explanation.machine = found.machines.into_iter().next();
            }
            Subject::Policy(name) => {
                let found = Policies::of(state, now, simulated).only(name.as_str());
                explanation.policy = found.policies.into_iter().next();
            }
            Subject::Slot(slot) => {
                explanation.slot = Some(slot_explained(state, now, slot, self.decision.as_ref()));
            }
        }
        if !explanation.rules.is_empty() {
            explanation.differences_from_restic = DIFFERENCES.to_vec();
        }
        let doomed = explanation.backup.as_ref().is_some_and(|one| one.doom.is_some());
        explanation.stops = stops::stops(state, now, writer);
        explanation.stops.retain(|stop| match &self.subject {
            Subject::Backup { .. } => stop.stops_deletes && doomed,
            Subject::Slot(slot) => {
                stop.stops_creates && coming(state, now).iter().any(|one| one.slot == *slot)
            }
            Subject::Machine(_) | Subject::Policy(_) => true,
        });
        (!explanation.is_over() || !explanation.life.is_empty()).then_some(explanation)
    }
}

fn requested(
    state: &State,
    now: Timestamp,
    backups: &BTreeSet<BackupId>,
    commands: &Commands,
) -> Option<Requested> {
    let holds = outlook(state, now).plan.holds.into_iter().collect();
    let requests = asked::requests(state, now, &holds, commands);
    requests.into_iter().find(|request| backups.contains(&request.backup))
}

impl Explanation {
    /// Nothing is left of it but events.
    pub fn is_over(&self) -> bool {
        self.backup.is_none()
            && self.machine.is_none()
            && self.policy.is_none()
            && self.slot.is_none()
            && self.request.is_none()
    }
}

fn proof_shown(recorded: &Recorded, backup: &BackupId, of: &'static str, proof: &Proof) -> ProofShown {
    ProofShown {
        seq: recorded.seq,
        at: recorded.at,
        backup: backup.clone(),
        of,
        inventory: proof.inventory.to_string(),
        policy_event: proof.policy_seq,
        judged_at: proof.judged_at,
        kept: proof.kept.to_vec(),
        by_hand: false,
        asked: None,
        derives_again: None,
        objection: None,
    }
}

fn slot_explained(state: &State, now: Timestamp, slot: &Slot, decision: Option<&Decision>) -> SlotExplained {
    let taken = state.backups.iter().find(|(_, backup)| backup.slot.as_ref() == Some(slot));
    let is_slot_of = |schedule: &crate::domain::schedule::Schedule| {
        schedule.latest_at_or_before(slot.due, slot.due.shifted(-1)) == Some(slot.due)
    };
    let waits = coming(state, now).into_iter().find(|one| one.slot == *slot);
    let outcome = if let Some((id, backup)) = taken {
        format!("backup {id} was asked for, and is {}", backup.life.word())
    } else if let Some(decision) = decision {
        words::decision(decision)
    } else if let Some(obstacle) = waits.as_ref().and_then(|one| one.obstacle.as_ref()) {
        format!("as things are it would not be taken: {}", words::decision(obstacle))
    } else if let Some(one) = &waits {
        format!("to be taken from {} on", words::instant(one.start))
    } else {
        match state.schedule(&slot.policy) {
            None => "there is no such policy in force".to_owned(),
            Some(schedule) if !is_slot_of(schedule) => "its policy has no slot at that instant".to_owned(),
            Some(_) if slot.due > now => "its time has not come".to_owned(),
            Some(_) => {
                "nothing in the journal is about it: it lies before its policy was for its machine, or \
                        was taken and forgotten"
                    .to_owned()
            }
        }
    };
    SlotExplained {
        policy: slot.policy.clone(),
        machine: slot.machine.clone(),
        machine_name: machine_name(state, &slot.machine),
        due: slot.due,
        backup: taken.map(|(id, _)| id.clone()),
        outcome,
    }
}

/// What the rules in force make of the whole shelf that a backup stands on.
fn trace(state: &State, now: Timestamp, backup: &Backup) -> Vec<RuleTrace> {
    let Some(slot) = &backup.slot else { return Vec::new() };
    let is_shelf = |one: &ShelfPreview| *one.policy == slot.policy && *one.machine == slot.machine;
    let Some(shelf) = preview(state, now, Some(&slot.policy), None).into_iter().find(is_shelf) else {
        return Vec::new();
    };
    let row = |id: &BackupId, backup: &Backup, verdict, why| RuleTrace {
        backup: id.clone(),
        taken_at: backup.taken_at,
        verdict,
        why,
    };
    let kept = shelf.kept.iter().map(|(id, backup, reasons)| row(id, backup, "keep", reasons.clone()));
    let expired = shelf
        .expired
        .iter()
        .map(|(id, backup, fate): &(_, _, Fate)| row(id, backup, "expire", vec![fate.to_string()]));
    let unjudged = shelf.unjudged.iter().map(|(id, backup)| {
        row(id, backup, "stays", vec![format!("{}: no rule counts it", backup.life.word())])
    });
    let mut rows: Vec<RuleTrace> = kept.chain(expired).chain(unjudged).collect();
    rows.sort_by(|one, other| (other.taken_at, &one.backup).cmp(&(one.taken_at, &other.backup)));
    rows
}
