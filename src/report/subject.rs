//! Subjects: what somebody wants explained, and which events are about it.
//!
//! It is found by id, by name or as a slot; what the state has forgotten is found by its events.

use std::collections::BTreeSet;

use super::foreign::visible;
use crate::domain::ask::{Ask, Halted};
use crate::domain::effect::{Cause, Effect};
use crate::domain::event::{Asked, Event, Lapsed, Recorded};
use crate::domain::fleet::{Change, Item, Snapshot};
use crate::domain::id::{BackupId, EffectId, MachineId, PolicyName, SnapshotId};
use crate::domain::slot::{Decision, Slot, hand_name};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A backup of ours, or a snapshot of anybody: all ids by which events name it.
    Backup {
        backups: BTreeSet<BackupId>,
        snapshots: BTreeSet<SnapshotId>,
    },
    Machine(MachineId),
    Policy(PolicyName),
    Slot(Slot),
}

impl Subject {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Backup { backups, .. } if backups.is_empty() => "snapshot",
            Self::Backup { .. } => "backup",
            Self::Machine(_) => "machine",
            Self::Policy(_) => "policy",
            Self::Slot(_) => "slot",
        }
    }

    /// What the state knows under these words; `Err` says what is unclear about them.
    pub fn find(state: &State, asked: &str) -> Result<Self, String> {
        let (only, asked) = match asked.split_once(':') {
            Some((only @ ("backup" | "machine" | "policy"), rest)) => (Some(only), rest),
            Some(_) | None => (None, asked),
        };
        if let Some(slot) = slot(state, asked) {
            return slot.map(Self::Slot);
        }
        let found = [backup(state, asked), machine(state, asked)?, policy(state, asked)];
        let mut found: Vec<Self> = found.into_iter().flatten().collect();
        found.retain(|one| {
            only.is_none_or(|only| only == one.word() || only == "backup" && one.word() == "snapshot")
        });
        match (found.len(), only) {
            (0, None | Some("backup")) => Ok(Self::forgotten(asked)),
            (0, Some(only)) => Err(format!("no {only} {} is known", visible(asked))),
            (1, _) => found.pop().ok_or_else(String::new),
            (_, _) => {
                let words: Vec<String> =
                    found.iter().map(|one| format!("{}:{}", one.word(), visible(asked))).collect();
                Err(format!("{} is more than one thing: write {}", visible(asked), words.join(" or ")))
            }
        }
    }

    /// Nothing in the state; perhaps a backup that was over long ago.
    fn forgotten(asked: &str) -> Self {
        let (backup, snapshot) = (BackupId::new(asked), SnapshotId::new(asked));
        Self::Backup { backups: BTreeSet::from([backup]), snapshots: BTreeSet::from([snapshot]) }
    }

    /// Ids that an event tells of the same thing; `true` if there was a new one.
    pub fn learn(&mut self, event: &Event) -> bool {
        let Self::Backup { backups, snapshots } = self else { return false };
        match event {
            Event::Observed(observed) => match &observed.change {
                Change::Seen(Item::Snapshot(item)) if is_named(item, backups, snapshots) => {
                    backups.insert(BackupId::new(item.name.as_str())) | snapshots.insert(item.id.clone())
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether an event is about it, by the state just before that event.
    pub fn concerns(&self, before: &State, recorded: &Recorded) -> bool {
        match &recorded.event {
            Event::Intended(intended) => self.is_of(before, &intended.effect),
            Event::Settled(settled) => self.is_of_effect(before, &settled.effect),
            Event::Judged(judged) => self.is_backup(before, &judged.backup),
            Event::Doomed(doomed) => self.is_backup(before, &doomed.backup),
            Event::Spared(spared) => self.is_backup(before, &spared.backup),
            Event::Postponed(postponed) => self.is_backup(before, &postponed.backup),
            Event::DowntimeSeen(seen) => self.is_backup(before, &seen.backup),
            Event::Observed(observed) => self.is_seen(before, &observed.change),
            Event::Asked(asked) => {
                self.is_asked(before, &asked.ask) || self.is_made_by(before, asked, recorded.at)
            }
            Event::SlotDecided(decided) => self.is_decided(before, &decided.slot, &decided.decision),
            Event::BusyAnswered(answered) => self.is_slot(before, &answered.slot),
            Event::PoliciesAdopted(set) => match self {
                Self::Policy(name) => {
                    let was_there = before.policy(name).is_some();
                    was_there || set.policies.contains_key(name)
                }
                Self::Backup { .. } | Self::Machine(_) | Self::Slot(_) => false,
            },
            Event::Lapsed(Lapsed::Request { ask, .. }) => {
                before.requests.get(ask).is_some_and(|request| self.is_of(before, &request.effect))
            }
            Event::Called(call) => match self {
                Self::Backup { snapshots, .. } => {
                    let object = call.object.as_deref().map(SnapshotId::new);
                    call.method != "GET" && object.is_some_and(|object| snapshots.contains(&object))
                }
                Self::Machine(_) | Self::Policy(_) | Self::Slot(_) => false,
            },
            _ => false,
        }
    }

    fn is_of(&self, before: &State, effect: &Effect) -> bool {
        let verb = &effect.verb;
        match self {
            Self::Backup { backups, .. } => backups.contains(verb.backup()),
            Self::Machine(machine) => verb.machine() == machine,
            Self::Policy(name) => match &effect.cause {
                Cause::Slot(slot) => slot.policy == *name,
                Cause::Doom { policy, .. } => policy == name,
                Cause::Ask(_) => false,
            },
            Self::Slot(slot) => {
                matches!(&effect.cause, Cause::Slot(of) if of == slot)
                    || self.is_backup(before, verb.backup())
            }
        }
    }

    fn is_of_effect(&self, before: &State, effect: &EffectId) -> bool {
        before.effects.get(effect).is_some_and(|life| self.is_of(before, &life.effect))
    }

    fn is_backup(&self, before: &State, id: &BackupId) -> bool {
        let backup = before.backups.get(id);
        match self {
            Self::Backup { backups, .. } => backups.contains(id),
            Self::Machine(machine) => backup.is_some_and(|backup| backup.machine == *machine),
            Self::Policy(name) => {
                let slot = backup.and_then(|backup| backup.slot.as_ref());
                slot.is_some_and(|slot| slot.policy == *name)
            }
            Self::Slot(slot) => backup.is_some_and(|backup| backup.slot.as_ref() == Some(slot)),
        }
    }

    fn is_seen(&self, before: &State, change: &Change) -> bool {
        let owner = |id: &SnapshotId| before.owners.get(id);
        match (self, change) {
            (Self::Backup { backups, snapshots }, Change::Seen(Item::Snapshot(item))) => {
                is_named(item, backups, snapshots)
            }
            (Self::Backup { snapshots, .. }, Change::SnapshotMissing(id)) => snapshots.contains(id),
            (Self::Backup { snapshots, .. }, Change::Seen(Item::Links { snapshot, images })) => {
                snapshots.contains(snapshot) && !images.is_empty()
            }
            (Self::Backup { snapshots, .. }, Change::Seen(Item::Image(image))) => {
                image.snapshot.as_ref().is_some_and(|of| snapshots.contains(of))
            }
            (Self::Machine(id), Change::Seen(Item::Machine(machine))) => machine.id == *id,
            (Self::Machine(id), Change::MachineMissing(missing)) => missing == id,
            (Self::Slot(_), Change::Seen(Item::Snapshot(item))) => {
                owner(&item.id).is_some_and(|id| self.is_backup(before, id))
            }
            _ => false,
        }
    }

    fn is_asked(&self, before: &State, ask: &Ask) -> bool {
        match ask {
            Ask::Approve { backups } => backups.iter().any(|id| self.is_backup(before, id)),
            Ask::Pin { backup }
            | Ask::Unpin { backup }
            | Ask::Hold { backup, .. }
            | Ask::Release { backup, .. }
            | Ask::Delete { backup, .. } => self.is_backup(before, backup),
            Ask::Adopt { snapshot } | Ask::Disown { snapshot, .. } => match self {
                Self::Backup { snapshots, .. } => snapshots.contains(snapshot),
                Self::Machine(_) | Self::Policy(_) | Self::Slot(_) => false,
            },
            Ask::ThawMachine { machine, .. } | Ask::Create { machine, .. } => {
                matches!(self, Self::Machine(id) if id == machine)
            }
            Ask::Run { policy, machine } => match self {
                Self::Machine(id) => id == machine,
                Self::Policy(name) => name == policy,
                Self::Slot(of) => of.policy == *policy && of.machine == *machine,
                Self::Backup { .. } => false,
            },
            Ask::Retire { policy } => matches!(self, Self::Policy(name) if name == policy),
            Ask::Retry { halted } => match (self, halted) {
                (Self::Machine(id), Halted::Machine(machine)) => id == machine,
                (Self::Policy(name), Halted::Policy(policy)) => name == policy,
                _ => false,
            },
            Ask::Freeze { .. } | Ask::Thaw | Ask::Pause { .. } | Ask::Resume => false,
        }
    }

    /// A backup that this asks for: its name is settled with the ask.
    fn is_made_by(&self, before: &State, asked: &Asked, at: Timestamp) -> bool {
        let Self::Backup { backups, .. } = self else { return false };
        match &asked.ask {
            Ask::Create { machine, .. } => {
                let known = before.fleet.machines.get(machine);
                let name = hand_name(&asked.id, machine, known.map_or("", |known| &known.item.name));
                backups.contains(&BackupId::new(name))
            }
            Ask::Run { policy, machine } => {
                let policy = before.adopted.as_ref().map_or(policy, |adopted| adopted.current(policy));
                let due = Timestamp::from_seconds(at.seconds());
                self.is_slot(before, &Slot { policy: policy.clone(), machine: machine.clone(), due })
            }
            _ => false,
        }
    }

    fn is_slot(&self, before: &State, slot: &Slot) -> bool {
        match self {
            Self::Slot(of) => of == slot,
            Self::Machine(machine) => slot.machine == *machine,
            Self::Policy(name) => slot.policy == *name,
            Self::Backup { backups, .. } => {
                let name = before.fleet.machines.get(&slot.machine).map(|known| known.item.name.as_str());
                name.is_some_and(|name| backups.contains(&BackupId::new(slot.snapshot_name(name))))
            }
        }
    }

    /// A run of missed slots is decided with its last one.
    fn is_decided(&self, before: &State, slot: &Slot, decision: &Decision) -> bool {
        let first = match decision {
            Decision::Superseded { first, .. } | Decision::Missed { first, .. } => *first,
            Decision::Skipped(_) | Decision::Expired | Decision::Held(_) => slot.due,
        };
        match self {
            Self::Slot(of) => of.shelf() == slot.shelf() && (first..=slot.due).contains(&of.due),
            Self::Backup { .. } | Self::Machine(_) | Self::Policy(_) => self.is_slot(before, slot),
        }
    }
}

fn is_named(item: &Snapshot, backups: &BTreeSet<BackupId>, snapshots: &BTreeSet<SnapshotId>) -> bool {
    snapshots.contains(&item.id) || backups.contains(&BackupId::new(item.name.as_str()))
}

/// `policy/machine/instant`; the machine by id or name. `None`: it is not of this form.
fn slot(state: &State, asked: &str) -> Option<Result<Slot, String>> {
    let (policy, rest) = asked.split_once('/')?;
    let (named, due) = rest.rsplit_once('/')?;
    let Ok(due) = due.parse() else {
        return Some(Err(format!("{} is not an instant such as 2026-03-01T02:00:00Z", visible(due))));
    };
    let found = machine(state, named).map(|found| match found {
        Some(Subject::Machine(id)) => id,
        Some(_) | None => MachineId::new(named),
    });
    Some(found.map(|machine| Slot { policy: PolicyName::new(policy), machine, due }))
}

fn backup(state: &State, asked: &str) -> Option<Subject> {
    let named = |backup: &crate::domain::backup::Backup| backup.name == asked;
    let id = BackupId::new(asked);
    let by_snapshot = state.owners.get(&SnapshotId::new(asked));
    let ours = state
        .backups
        .get_key_value(&id)
        .or_else(|| by_snapshot.and_then(|id| state.backups.get_key_value(id)));
    let ours = ours.or_else(|| state.backups.iter().find(|(_, backup)| named(backup)));
    if let Some((id, backup)) = ours {
        // An id that was given out again is the later one's.
        let is_its_own = |snapshot: &&SnapshotId| state.owners.get(*snapshot).is_none_or(|owner| owner == id);
        let snapshots = backup.snapshots.iter().filter(is_its_own).cloned().collect();
        return Some(Subject::Backup { backups: BTreeSet::from([id.clone()]), snapshots });
    }
    // Its name is settled before the cloud is asked for it.
    let mut to_make = state.requests.values().map(|request| request.effect.verb.backup());
    if to_make.any(|to_make| *to_make == id) {
        return Some(Subject::Backup { backups: BTreeSet::from([id]), snapshots: BTreeSet::new() });
    }
    let theirs = state.fleet.snapshots.values().map(|known| &known.item);
    let snapshots: BTreeSet<SnapshotId> = theirs
        .filter(|item| item.name == asked || item.id.as_str() == asked)
        .map(|item| item.id.clone())
        .collect();
    (!snapshots.is_empty()).then(|| Subject::Backup { backups: BTreeSet::new(), snapshots })
}

fn machine(state: &State, asked: &str) -> Result<Option<Subject>, String> {
    let by_id = state.fleet.machines.get_key_value(&MachineId::new(asked));
    let by_name = state.fleet.machines.iter().filter(|(_, known)| known.item.name == asked);
    let mut found: Vec<&MachineId> = by_id.into_iter().chain(by_name).map(|(id, _)| id).collect();
    found.dedup();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(Subject::Machine((*one).clone()))),
        many => {
            let ids: Vec<String> = many.iter().map(|id| visible(id.as_str())).collect();
            Err(format!(
                "several machines are called {}: {}; name one by its id",
                visible(asked),
                ids.join(", ")
            ))
        }
    }
}

fn policy(state: &State, asked: &str) -> Option<Subject> {
    let name = PolicyName::new(asked);
    let is_known = state.policy(&name).is_some() || state.shelves.keys().any(|shelf| shelf.policy == name);
    let current = state.adopted.as_ref().map_or(&name, |adopted| adopted.current(&name));
    is_known.then(|| Subject::Policy(current.clone()))
}
