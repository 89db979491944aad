//! The snapshots: everything the cloud shows, ours or not, newest first, with what becomes of each.
//!
//! Beside them stand backups of ours that are on their way, and, where somebody asks for their
//! state, those that are over.

use std::collections::BTreeMap;

use serde::Serialize;

use super::command::Commands;
use super::foreign::visible;
use super::happening;
use super::machines::cannot;
use super::sieve::Sieve;
use super::status::{DoomStatus, doomed, machine_name};
use super::stops::Writer;
use super::words;
use crate::domain::backup::{Backup, Life};
use crate::domain::draft::Hold;
use crate::domain::fleet::{Snapshot, SnapshotStatus};
use crate::domain::id::{BackupId, MachineId, PolicyName, SnapshotId};
use crate::domain::outlook::outlook;
use crate::domain::preview::preview;
use crate::domain::slot::{Resemblance, resemblance};
use crate::domain::state::{Known, State};
use crate::domain::time::Timestamp;

/// Raised when a field changes its meaning or goes; new ones may come at any time.
const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize)]
pub struct Snapshots {
    pub schema_version: u32,
    /// The journal is of a simulated cloud: nothing in it is real.
    pub simulated: bool,
    pub now: Timestamp,
    /// When the listing was last looked at completely.
    pub seen_at: Option<Timestamp>,
    /// Of the whole account, whatever was asked for.
    pub totals: Totals,
    /// How many are as was asked for; `snapshots` may hold fewer.
    pub matching: usize,
    /// Of how many, where something narrower than the whole list was asked for.
    #[serde(skip)]
    pub among: Option<usize>,
    /// The newest first.
    pub snapshots: Vec<SnapshotShown>,
}

/// As the provider's page shows them.
#[derive(Clone, Debug, Serialize)]
pub struct Totals {
    pub snapshots: usize,
    pub storage_bytes: i64,
    /// Machines that can be snapshotted now.
    pub eligible_machines: usize,
    /// Snapshots that are ready.
    pub restorable: usize,
    pub ours: usize,
    pub suspect: usize,
    pub foreign: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct SnapshotShown {
    /// The cloud's id; `None` where no look has shown one yet.
    pub snapshot: Option<SnapshotId>,
    /// Ours; `None`: the journal does not own it.
    pub backup: Option<BackupId>,
    pub name: String,
    pub description: String,
    pub machine: Option<MachineId>,
    pub machine_name: String,
    pub region: String,
    /// Of ours where it stands in its life; of others the cloud's word.
    pub state: String,
    pub whose: Whose,
    pub is_restorable: bool,
    pub taken_at: Option<Timestamp>,
    pub size_bytes: Option<i64>,
    /// `None`: made by hand, adopted, or not ours.
    pub policy: Option<PolicyName>,
    /// The slot that it was taken for.
    pub due: Option<Timestamp>,
    /// What keeps it, each in a few words.
    pub kept_by: Vec<String>,
    /// No rule keeps it, and this is why.
    pub expired: Option<String>,
    pub doom: Option<DoomStatus>,
    pub pinned: bool,
    pub held_until: Option<Timestamp>,
    pub held_because: Option<String>,
    /// When what was made by hand may go.
    pub expires_at: Option<Timestamp>,
    pub is_image: bool,
    /// Of ours: when it was found to have failed, to be deleted, or to be gone.
    pub ended_at: Option<Timestamp>,
    /// The parts that cannot be read.
    pub unreadable: Vec<String>,
    /// Since when a complete listing does not have it.
    pub missing_since: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    Ours,
    /// It could be ours, and is not in the journal.
    Suspect,
    Foreign,
    /// A person said that it is not ours.
    Disowned,
}

impl Whose {
    pub fn word(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Suspect => "suspect",
            Self::Foreign => "foreign",
            Self::Disowned => "disowned",
        }
    }
}

impl Snapshots {
    pub fn of(state: &State, now: Timestamp, writer: &Writer, sieve: &Sieve) -> Self {
        let simulated = writer.simulated;
        let mut all = every(state, now, &writer.commands);
        let there = |one: &&SnapshotShown| one.snapshot.is_some() && one.missing_since.is_none();
        let count = |is_so: &dyn Fn(&SnapshotShown) -> bool| {
            all.iter().filter(there).filter(|one| is_so(one)).count()
        };
        let is_whose = |whose: Whose| count(&|one| one.whose == whose);
        let machines = state.fleet.machines.values();
        let totals = Totals {
            snapshots: count(&|_| true),
            storage_bytes: all
                .iter()
                .filter(there)
                .filter_map(|one| one.size_bytes)
                .fold(0, i64::saturating_add),
            eligible_machines: machines.filter(|known| cannot(state, known).is_empty()).count(),
            restorable: count(&|one| one.is_restorable),
            ours: is_whose(Whose::Ours),
            suspect: is_whose(Whose::Suspect),
            foreign: is_whose(Whose::Foreign) + is_whose(Whose::Disowned),
        };
        let among = sieve.is_narrow().then(|| all.iter().filter(|one| sieve.lists(one)).count());
        all.retain(|one| sieve.lets_through(one));
        all.sort_by(|one, other| {
            other
                .taken_at
                .cmp(&one.taken_at)
                .then_with(|| (&one.name, &one.snapshot).cmp(&(&other.name, &other.snapshot)))
        });
        let matching = all.len();
        all.truncate(sieve.limit.unwrap_or(usize::MAX));
        let seen_at = state.fleet.snapshot_look.complete;
        let schema_version = SCHEMA_VERSION;
        Self { schema_version, simulated, now, seen_at, totals, matching, among, snapshots: all }
    }

    /// Those of this id or name only, over or not.
    pub fn named(state: &State, now: Timestamp, writer: &Writer, named: &str) -> Self {
        // Once it is gone, only the backup still knows which snapshot it was.
        let bears = |backup: &&Backup| backup.snapshots.iter().any(|id| id.as_str() == named);
        let backup = state.backups.iter().find(|(_, backup)| bears(backup)).map(|(id, _)| id.as_str());
        let is_there = state.fleet.snapshots.contains_key(&SnapshotId::new(named));
        let named = backup.filter(|_| !is_there).unwrap_or(named);
        let mut found =
            Self::of(state, now, writer, &Sieve { search: Some(named.to_owned()), ..Sieve::default() });
        found.snapshots.retain(|one| one.is_named(named));
        found.matching = found.snapshots.len();
        found
    }
}

impl SnapshotShown {
    fn is_named(&self, named: &str) -> bool {
        self.name == named
            || self.snapshot.as_ref().is_some_and(|id| id.as_str() == named)
            || self.backup.as_ref().is_some_and(|id| id.as_str() == named)
    }

    /// It is over: only whoever asks for it by name or state wants to see it.
    pub fn is_over(&self) -> bool {
        self.snapshot.is_none() && ["failed", "vanished", "deleted"].contains(&self.state.as_str())
    }

    pub fn is_in(&self, state: &str) -> bool {
        self.state.replace(' ', "-").eq_ignore_ascii_case(state)
            || self.whose.word() == state
            || (state == "doomed" && self.doom.is_some())
            || (state == "pinned" && self.pinned)
            || (state == "held" && self.held_until.is_some())
            || (state == "restorable" && self.is_restorable)
    }
}

/// What is looked up once for all of them.
struct Surroundings {
    kept: BTreeMap<BackupId, Vec<String>>,
    expired: BTreeMap<BackupId, String>,
    dooms: BTreeMap<BackupId, DoomStatus>,
}

fn every(state: &State, now: Timestamp, commands: &Commands) -> Vec<SnapshotShown> {
    let mut around = Surroundings { kept: BTreeMap::new(), expired: BTreeMap::new(), dooms: BTreeMap::new() };
    for shelf in preview(state, now, None, None) {
        around.kept.extend(shelf.kept.into_iter().map(|(id, _, reasons)| (id.clone(), reasons)));
        around.expired.extend(shelf.expired.into_iter().map(|(id, _, fate)| (id.clone(), fate.to_string())));
    }
    let holds: BTreeMap<BackupId, Hold> = outlook(state, now).plan.holds.into_iter().collect();
    around.dooms =
        doomed(state, now, &holds, commands).into_iter().map(|doom| (doom.backup.clone(), doom)).collect();
    let mut shown = Vec::new();
    for known in state.fleet.snapshots.values() {
        let owner = state.owners.get(&known.item.id);
        shown.push(match owner.and_then(|id| state.backups.get_key_value(id)) {
            Some((id, backup)) => ours(state, id, backup, Some(known), &around),
            None => theirs(state, known),
        });
    }
    let unseen = |backup: &Backup| !backup.snapshots.iter().any(|id| state.fleet.snapshots.contains_key(id));
    let unseen = state.backups.iter().filter(|(_, backup)| unseen(backup));
    shown.extend(unseen.map(|(id, backup)| ours(state, id, backup, None, &around)));
    shown
}

fn ours(
    state: &State,
    id: &BackupId,
    backup: &Backup,
    known: Option<&Known<Snapshot>>,
    around: &Surroundings,
) -> SnapshotShown {
    let item = known.map(|known| &known.item);
    let region = item.map(|item| item.region.clone()).filter(|region| !region.is_empty());
    let of_machine = || state.fleet.machines.get(&backup.machine).map(|known| known.item.region.clone());
    SnapshotShown {
        snapshot: item.map(|item| item.id.clone()),
        backup: Some(id.clone()),
        name: backup.name.clone(),
        description: item.map(|item| item.description.clone()).unwrap_or_default(),
        machine: Some(backup.machine.clone()),
        machine_name: machine_name(state, &backup.machine),
        region: region.or_else(of_machine).unwrap_or_default(),
        state: backup.life.word().to_owned(),
        whose: if state.is_disowned(backup) { Whose::Disowned } else { Whose::Ours },
        is_restorable: item.is_some_and(|item| item.status == SnapshotStatus::Ready)
            && backup.life != Life::Bad,
        taken_at: Some(backup.taken_at),
        size_bytes: backup.sized.map(|sized| sized.bytes).or(item.and_then(|item| item.size_bytes)),
        policy: backup.slot.as_ref().map(|slot| slot.policy.clone()),
        due: backup.slot.as_ref().map(|slot| slot.due),
        kept_by: kept_by(state, id, backup, around),
        expired: around.expired.get(id).cloned(),
        doom: around.dooms.get(id).cloned(),
        pinned: backup.pinned,
        held_until: backup.held.as_ref().map(|hold| hold.until),
        held_because: backup.held.as_ref().map(|hold| hold.reason.clone()),
        expires_at: backup.expires_at,
        ended_at: backup.ended_at,
        is_image: item.is_some_and(|item| item.is_image),
        unreadable: item.map(|item| item.unreadable.clone()).unwrap_or_default(),
        missing_since: known.and_then(|known| known.missing_since),
    }
}

/// What keeps one of ours: the rules of its policy, or why no rule is asked.
fn kept_by(state: &State, id: &BackupId, backup: &Backup, around: &Surroundings) -> Vec<String> {
    let mut kept = around.kept.get(id).cloned().unwrap_or_default();
    if backup.pinned && !kept.iter().any(|reason| reason == "pinned") {
        kept.push("pinned".to_owned());
    }
    let why = match (backup.life, &backup.slot) {
        _ if !kept.is_empty() || around.expired.contains_key(id) => None,
        (Life::Good, None) if backup.expires_at.is_none() => Some("of no policy: only a person deletes it"),
        (Life::Good, None) => Some("of no policy: kept until its end, and then until `enforce` lets it go"),
        (Life::Good, Some(slot)) if state.policy(&slot.policy).is_none() => {
            Some("its policy is no longer in force")
        }
        (Life::Bad | Life::TimedOut, _) => Some("only a person deletes it"),
        (Life::Disputed, _) => Some("disputed: it is protected"),
        (Life::Intended | Life::Requested | Life::Pending | Life::Ready, _) => Some("not yet found good"),
        (Life::Good | Life::Failed | Life::Vanished | Life::DeleteIntended | Life::Deleted, _) => None,
    };
    kept.extend(why.map(str::to_owned));
    kept
}

fn theirs(state: &State, known: &Known<Snapshot>) -> SnapshotShown {
    let item = &known.item;
    let looks_ours = resemblance(&item.name, &item.description) == Resemblance::Suspect;
    let whose = match (state.disowned.contains_key(&item.id), looks_ours) {
        (true, _) => Whose::Disowned,
        (false, true) => Whose::Suspect,
        (false, false) => Whose::Foreign,
    };
    SnapshotShown {
        snapshot: Some(item.id.clone()),
        backup: None,
        name: item.name.clone(),
        description: item.description.clone(),
        machine: item.machine.clone(),
        machine_name: item.machine.as_ref().map_or_else(String::new, |id| machine_name(state, id)),
        region: item.region.clone(),
        state: happening::status(&item.status),
        whose,
        is_restorable: item.status == SnapshotStatus::Ready,
        taken_at: item.created_at,
        size_bytes: item.size_bytes,
        policy: None,
        due: None,
        kept_by: vec!["not in the journal: never deleted".to_owned()],
        expired: None,
        doom: None,
        pinned: false,
        held_until: None,
        held_because: None,
        expires_at: None,
        ended_at: None,
        is_image: item.is_image,
        unreadable: item.unreadable.clone(),
        missing_since: known.missing_since,
    }
}

/// What becomes of it, in the few words that fit a row.
pub fn fate(one: &SnapshotShown) -> String {
    if let Some(doom) = &one.doom {
        let held = doom.held.as_deref().unwrap_or("goes when its time has come");
        return format!("doomed: {held}");
    }
    if let Some(why) = &one.expired {
        return why.clone();
    }
    if let (Some(until), Some(because)) = (one.held_until, &one.held_because) {
        return format!("held until {}: {}", words::instant(until), visible(because));
    }
    one.kept_by.join(", ")
}
