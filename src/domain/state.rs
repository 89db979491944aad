//! The state: all that is known, folded from events and bounded by the fleet, not by age.
//!
//! It changes in one place only, [`super::fold`]; everybody else reads.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::alert::standing::Alerts;
use super::backup::{Backup, Life};
use super::billing::ledger::Ledger;
use super::counters::Counters;
use super::downtime::{Downtime, NotBack, Watch};
use super::effect::{Effect, Standing, Verb};
use super::fleet::{Image, LookResult, Machine, Snapshot};
use super::freshness::Freshness;
use super::halt::Halts;
use super::id::{AskId, BackupId, EffectId, ImageId, MachineId, PolicyName, SnapshotId};
use super::money::{Currency, Nanos};
use super::policy::{Mode, Policy, PolicySet, Rules};
use super::price::Prices;
use super::rail::Rail;
use super::schedule::Schedule;
use super::slot::{Held, Resemblance, Shelf, Slot, resemblance};
use super::time::{Seconds, Timestamp};
use super::wall::WallCheck;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub wall: WallCheck,
    pub adopted: Option<Adopted>,
    pub fleet: Fleet,
    pub backups: BTreeMap<BackupId, Backup>,
    /// Which of the cloud's snapshots are whose.
    pub owners: BTreeMap<SnapshotId, BackupId>,
    pub effects: BTreeMap<EffectId, EffectLife>,
    /// The backups that are on their way or doomed: the few that a pass must think about.
    pub watched: BTreeSet<BackupId>,
    /// The effects that are open or may be asked for again.
    pub unfinished: BTreeSet<EffectId>,
    pub shelves: BTreeMap<Shelf, ShelfState>,
    pub frozen: Option<Freeze>,
    /// Until when policies create and delete nothing.
    pub paused_until: Option<Timestamp>,
    /// What people asked to have made or deleted, until it is.
    pub requests: BTreeMap<AskId, Request>,
    /// Machines whose old backups may expire though there is no young one.
    pub thawed: BTreeMap<MachineId, MachineThaw>,
    /// Removed policies whose backups may go.
    pub retired: BTreeSet<PolicyName>,
    /// What a person said is not ours, and when it was last known to be there. No name makes it ours.
    pub disowned: BTreeMap<SnapshotId, Disowned>,
    /// Deletions asked for in the last 24 hours.
    pub deletions: Vec<Deletion>,
    /// Dooms of the last 24 hours that no new backup explains, whatever became of them.
    pub unexplained: Vec<Timestamp>,
    /// Backups of ours that somebody else deleted in the last hour.
    pub foreign_deletions: Vec<Timestamp>,
    /// Snapshots whose machines are watched for a restart.
    pub watches: BTreeMap<BackupId, Watch>,
    /// What was seen around the last snapshots, the newest last.
    pub downtimes: Vec<Downtime>,
    /// Machines that did not come back from a snapshot.
    pub machines_down: BTreeMap<MachineId, NotBack>,
    /// The file that was read again and refused; the policies of the one before go on.
    pub refused_file: Option<RefusedFile>,
    /// Settings that were edited and are taken at the next start only.
    pub awaits_restart: Vec<String>,
    /// Deletions that the audit let wait.
    pub postponed: BTreeMap<BackupId, Postponement>,
    /// What the cloud's refusals stop, and for whom.
    pub halts: Halts,
    pub key_refused: Option<KeyRefusal>,
    pub counters: Counters,
    pub ledger: Ledger,
    pub alerts: Alerts,
}

/// A configuration that was refused while running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedFile {
    pub file: String,
    pub at: Timestamp,
    pub faults: Vec<String>,
}

/// The policies in force, and since when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adopted {
    pub seq: u64,
    pub set: PolicySet,
    /// The schedules of `set`, parsed; a restored state gets them from [`State::restore`].
    #[serde(skip)]
    pub schedules: BTreeMap<PolicyName, Schedule>,
    /// When digests are due; restored like the schedules.
    #[serde(skip)]
    pub digest: Option<Schedule>,
    /// What each policy of an older name is called now.
    pub renamed: BTreeMap<PolicyName, PolicyName>,
    /// Since when the present schedule of each policy is in force.
    pub scheduled_since: BTreeMap<PolicyName, Timestamp>,
    /// Since when each policy owes backups, or only observes, whatever else of it was edited.
    pub owing_since: BTreeMap<PolicyName, Timestamp>,
    /// The longest gap of the schedule that each policy had before the present one, if any.
    #[serde(default)]
    pub gap_before: BTreeMap<PolicyName, Seconds>,
    /// Since when the mode is what it is.
    pub mode_since: Timestamp,
    /// Since when each policy is as lax as it is.
    pub policy_mode_since: BTreeMap<PolicyName, Timestamp>,
    /// When what each policy keeps was last edited; none since its first adoption has no entry.
    pub edited_at: BTreeMap<PolicyName, Timestamp>,
    /// Whether a person approved deletions since then.
    pub approved_once: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fleet {
    pub machines: BTreeMap<MachineId, Known<Machine>>,
    /// Since when the machines that are off were seen to be.
    pub off_since: BTreeMap<MachineId, Timestamp>,
    /// When the last complete list of machines began; a start makes it old, and not untrue.
    pub machines_listed: Option<Timestamp>,
    pub snapshots: BTreeMap<SnapshotId, Known<Snapshot>>,
    pub images: BTreeMap<ImageId, Image>,
    /// Images that a complete list left out, and since when: its silence is not believed for a while.
    pub lost_images: BTreeMap<ImageId, (Image, Timestamp)>,
    pub balance: BTreeMap<Currency, Nanos>,
    pub prices: Option<Prices>,
    pub machine_look: Freshness,
    pub snapshot_look: Freshness,
    pub image_look: Freshness,
    pub balance_look: Freshness,
    pub price_look: Freshness,
    /// The last looks at single snapshots.
    pub details: BTreeMap<SnapshotId, Single>,
    /// The last look at one snapshot's relation to images.
    pub links: Option<Single>,
    /// Complete looks that must still agree before deletions go on: something of ours was missing.
    pub shaken: u8,
    /// Since when so much of ours is missing that the listing itself is doubted.
    pub doubtful_since: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Known<Of> {
    pub item: Of,
    pub first_seen: Timestamp,
    /// When a complete listing first did not have it.
    pub missing_since: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postponement {
    pub count: u32,
    pub until: Timestamp,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRefusal {
    pub status: u16,
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Single {
    pub snapshot: SnapshotId,
    pub began: Timestamp,
    pub result: LookResult,
    /// The images that its links named.
    pub images: BTreeSet<ImageId>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EffectLife {
    pub effect: Effect,
    pub attempt: u32,
    pub standing: Standing,
    /// How often a look proved that it had not happened.
    pub absences: u32,
    /// Complete looks in a row, after the settle time, that speak against it (a create) or for it
    /// (a delete).
    pub clear_looks: u8,
    pub changed_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShelfState {
    /// Every slot up to here is finally decided.
    pub decided_until: Timestamp,
    /// The slot that is due and why nothing happens.
    pub open: Option<(Timestamp, Held)>,
    /// The slot that serves missed ones too: it is late, and is not put off.
    pub catches_up: Option<Timestamp>,
    /// The newest run by hand that was intended: it serves every slot up to it.
    pub ran: Option<Timestamp>,
    /// What the busy check said last.
    pub busy: Option<BusyAnswer>,
    /// Good backups of the last 24 hours that explain no doom yet.
    pub unspent: Vec<Timestamp>,
}

/// The answer of a busy check about the slot that is due at `due`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BusyAnswer {
    pub due: Timestamp,
    pub at: Timestamp,
    /// `None`: its machine is not busy.
    pub why: Option<String>,
}

/// What a person said is not ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disowned {
    /// When it was last known to be there.
    pub seen: Timestamp,
    /// What it was called then; empty where nobody could read it.
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Freeze {
    pub until: Timestamp,
    pub since: Timestamp,
    pub reason: String,
    /// Nobody asked for it: so much was lost at once that it began alone.
    pub by_itself: bool,
}

/// A change that a person asked for, with the one effect that performs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub effect: Effect,
    pub asked_at: Timestamp,
    /// Of a delete: what does not hold it.
    pub overrides: BTreeSet<Rail>,
    /// Of a create: how long the backup is kept (`None`: until a person deletes it), and the slot it takes.
    pub expire: Option<Seconds>,
    pub slot: Option<Slot>,
}

impl Request {
    pub fn deletes(&self, backup: &BackupId) -> bool {
        !self.effect.verb.is_create() && self.effect.verb.backup() == backup
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MachineThaw {
    /// Of each policy, the newest so many stay.
    pub keep: u32,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    pub at: Timestamp,
    pub machine: MachineId,
}

impl State {
    /// A policy and its rules, where one of this name, or that had this name, is in force.
    pub fn policy(&self, name: &PolicyName) -> Option<&Policy> {
        let adopted = self.adopted.as_ref()?;
        adopted.set.policies.get(adopted.current(name))
    }

    /// The schedule of such a policy.
    pub fn schedule(&self, name: &PolicyName) -> Option<&Schedule> {
        let adopted = self.adopted.as_ref()?;
        adopted.schedules.get(adopted.current(name))
    }

    /// Whether a machine is lost: two complete listings in a row did not have it.
    pub fn is_lost(&self, machine: &MachineId) -> bool {
        let Some(known) = self.fleet.machines.get(machine) else { return true };
        let listed = self.fleet.machines_listed;
        known.missing_since.is_some_and(|since| listed.is_some_and(|began| began > since))
    }

    pub fn rules(&self) -> Rules {
        self.adopted.as_ref().map(|adopted| adopted.set.rules.clone()).unwrap_or_default()
    }

    /// Since when a policy may delete, as far as modes go.
    pub fn mode_since(&self, policy: &PolicyName) -> Option<Timestamp> {
        let adopted = self.adopted.as_ref()?;
        Some(adopted.mode_since.max(*adopted.policy_mode_since.get(policy)?))
    }

    /// Until when policies rest, where they do.
    pub fn paused(&self, now: Timestamp) -> Option<Timestamp> {
        self.paused_until.filter(|until| now < *until)
    }

    pub fn mode(&self) -> Mode {
        self.adopted.as_ref().map_or(Mode::Observe, |adopted| adopted.set.mode)
    }

    /// Effects whose outcome is open, on one machine.
    pub fn unresolved_on<'a>(&'a self, machine: &'a MachineId) -> impl Iterator<Item = &'a EffectLife> {
        self.unresolved().filter(move |life| life.effect.verb.machine() == machine)
    }

    pub fn unresolved(&self) -> impl Iterator<Item = &EffectLife> {
        self.unfinished().filter(|life| life.standing.is_open())
    }

    /// Effects that are open or may be asked for again.
    pub fn unfinished(&self) -> impl Iterator<Item = &EffectLife> {
        self.unfinished.iter().filter_map(|id| self.effects.get(id))
    }

    /// Backups that are on their way or doomed.
    pub fn watched(&self) -> impl Iterator<Item = (&BackupId, &Backup)> {
        self.watched.iter().filter_map(|id| self.backups.get_key_value(id))
    }

    /// Snapshots that the journal does not own and that could be ours all the same.
    pub fn suspects(&self) -> impl Iterator<Item = &Snapshot> {
        self.fleet
            .snapshots
            .iter()
            .filter(|(id, _)| !self.owners.contains_key(id) && !self.disowned.contains_key(id))
            .map(|(_, known)| &known.item)
            .filter(|item| resemblance(&item.name, &item.description) == Resemblance::Suspect)
    }

    /// Whether a person said of any of its snapshots that it is not ours.
    pub fn is_disowned(&self, backup: &Backup) -> bool {
        backup.snapshots.iter().any(|id| self.disowned.contains_key(id))
    }

    /// Snapshots of which a part cannot be read that a deletion rests on, and that nobody disowned.
    pub fn unreadable(&self) -> impl Iterator<Item = &Snapshot> {
        let known = self.fleet.snapshots.iter().filter(|(id, _)| !self.disowned.contains_key(*id));
        known.map(|(_, known)| &known.item).filter(|item| !item.unreadable.is_empty())
    }

    /// Ours, once seen, not deleted by us, and absent from the last complete listing.
    pub fn missing(&self) -> impl Iterator<Item = (&SnapshotId, &BackupId, Timestamp)> {
        self.fleet.snapshots.iter().filter_map(|(id, known)| {
            let since = known.missing_since?;
            let owner = self.owners.get(id)?;
            let life = self.backups.get(owner)?.life;
            let is_explained = matches!(life, Life::Vanished | Life::DeleteIntended | Life::Deleted);
            (!is_explained).then_some((id, owner, since))
        })
    }

    /// The beginning of the last look that showed this snapshot, or could have.
    pub fn last_sight(&self, id: &SnapshotId) -> Option<Timestamp> {
        let detail = self.fleet.details.get(id).filter(|one| one.result == LookResult::Complete);
        detail.map(|one| one.began).max(self.fleet.snapshot_look.complete)
    }

    /// The one snapshot of a backup; `None` where there is none, or a dispute.
    pub fn sole_snapshot<'a>(&'a self, backup: &'a Backup) -> Option<&'a Known<Snapshot>> {
        match backup.snapshots.first() {
            Some(id) if backup.snapshots.len() == 1 => self.fleet.snapshots.get(id),
            Some(_) | None => None,
        }
    }
}

impl Adopted {
    /// What a policy is called now, by any name that it had.
    pub fn current<'a>(&'a self, name: &'a PolicyName) -> &'a PolicyName {
        self.renamed.get(name).unwrap_or(name)
    }
}

impl EffectLife {
    /// The id that a create was answered with, while only that answer speaks for it.
    pub fn answered(&self) -> Option<&SnapshotId> {
        match &self.standing {
            Standing::Unknown { answered, .. } => answered.as_ref(),
            Standing::Intended { .. }
            | Standing::NotSent { .. }
            | Standing::Absent { .. }
            | Standing::Done
            | Standing::Refused(_)
            | Standing::Failed(_) => None,
        }
    }

    pub fn deletes(&self) -> Option<&SnapshotId> {
        match &self.effect.verb {
            Verb::DeleteSnapshot { snapshot, .. } => Some(snapshot),
            Verb::CreateSnapshot { .. } => None,
        }
    }
}
