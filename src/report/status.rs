//! The status: what a person or a script wants to know first, as one value.
//!
//! It is computed from the state at one instant and touches nothing; text and JSON show the same.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::alarm::{self, Alarm};
use super::asked::{self, Kept, Requested, Thawed};
use super::command::Commands;
use super::failing::{self, FailingLooks};
use super::money::Money;
use super::refused::RefusedFileShown;
use super::stops::{self, Stop, Writer};
use super::waste::{self, Waste};
use super::words;
use super::would_go::{self, WouldGo};
use crate::domain::cover::{Cover, Lateness, covers};
use crate::domain::draft::Hold;
use crate::domain::effect::Standing;
use crate::domain::fleet::Snapshot;
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::money::{Currency, Nanos};
use crate::domain::outlook::{coming, every_hold, outlook};
use crate::domain::policy::Mode;
use crate::domain::preview::{Overdue, overdue};
use crate::domain::reach::Reach;
use crate::domain::slot::{Decision, Shelf};
use crate::domain::state::{EffectLife, State};
use crate::domain::time::Timestamp;

/// Raised when a field changes its meaning or goes; new ones may come at any time.
const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize)]
pub struct Status {
    pub schema_version: u32,
    /// The journal is of a simulated cloud: nothing in it is real.
    pub simulated: bool,
    /// `None`: no policies were adopted yet.
    pub mode: Option<Mode>,
    pub mode_since: Option<Timestamp>,
    /// Nothing is backed up, whatever the policies say.
    pub observing: bool,
    /// Until then `enforce` deletes nothing, and shows what it would.
    pub soft_start_until: Option<Timestamp>,
    /// What no rule keeps and the mode does. `None`: the mode is `enforce`, or there are no policies.
    pub would_go_under_enforce: Option<WouldGo>,
    /// A process is at work on this journal. `None`: that cannot be told, as where its lock may not be read.
    pub daemon_runs: Option<bool>,
    /// What keeps everything from being made or from being deleted now, the gravest first.
    pub stops: Vec<Stop>,
    /// The instant that ages are counted to.
    pub now: Timestamp,
    pub head: HeadShown,
    pub last_event_at: Option<Timestamp>,
    pub shelves: Vec<ShelfStatus>,
    /// Good backups of no policy: made by hand, or adopted.
    pub good_of_no_policy: usize,
    pub doomed: Vec<DoomStatus>,
    /// Older than `delete_after`, and kept by something stronger.
    pub overdue: Vec<OverdueStatus>,
    pub suspects: Vec<SuspectStatus>,
    pub open_effects: Vec<OpenEffect>,
    /// What a person should know of, each with what to do about it.
    pub alarms: Vec<Alarm>,
    pub frozen: Option<Frozen>,
    pub paused_until: Option<Timestamp>,
    /// A person said that this account makes no images; it decides where the cloud does not tell.
    pub images_said_absent: bool,
    pub kept: Vec<Kept>,
    pub requests: Vec<Requested>,
    pub thawed: Vec<Thawed>,
    pub waste: Vec<Waste>,
    /// The configuration was read again and refused; the one before goes on.
    pub refused_file: Option<RefusedFileShown>,
    /// Settings that were edited, and that the daemon takes at its next start only.
    pub restart_needed: Vec<String>,
    /// Whether snapshots restart machines: `live`, or `restarts, median 6 min`. `None`: not seen yet.
    pub snapshots_are: Option<String>,
    /// Machines that did not come back from a snapshot.
    pub machines_down: Vec<MachineDown>,
    pub balance: BTreeMap<Currency, Nanos>,
    pub money: Money,
    pub machines_seen_at: Option<Timestamp>,
    pub snapshots_seen_at: Option<Timestamp>,
    /// Looks that broke off, and that are tried again; an alarm comes of it only after a while.
    pub failing_looks: Vec<FailingLooks>,
    /// For what is said beside it; the commands in it have it already.
    #[serde(skip)]
    pub commands: Commands,
}

#[derive(Clone, Debug, Serialize)]
pub struct HeadShown {
    pub seq: u64,
    pub hash: String,
}

/// One (policy, machine).
#[derive(Clone, Debug, Serialize)]
pub struct ShelfStatus {
    pub policy: PolicyName,
    pub machine: MachineId,
    pub machine_name: String,
    /// Good backups that are there, as far as is known.
    pub good: usize,
    /// Of these: in no list of the cloud's any more, which is not believed yet.
    pub missing: usize,
    pub newest_good: Option<NewestGood>,
    /// Whether that is late; letters, metrics and the page judge alike.
    pub lateness: Lateness,
    /// How old the newest good one may become. `None`: none is expected here.
    pub expected_age_seconds: Option<u64>,
    /// When the next one is due. `None`: none is expected here, or its policy has no schedule.
    pub next_due: Option<Timestamp>,
    /// A slot that is due, and why nothing happens.
    pub held: Option<SlotHeld>,
    /// Its machine is gone: what stands here is kept until a person says otherwise.
    pub orphaned: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct NewestGood {
    pub backup: BackupId,
    pub taken_at: Timestamp,
    pub age_seconds: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct SlotHeld {
    pub due: Timestamp,
    pub why: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct DoomStatus {
    pub backup: BackupId,
    pub machine: MachineId,
    pub machine_name: String,
    pub doomed_at: Timestamp,
    /// It is not deleted before this, whatever else holds it.
    pub goes_after: Timestamp,
    pub needs_approval: bool,
    pub approved_at: Option<Timestamp>,
    /// What a plan names first of what holds it.
    pub held: Option<String>,
    /// All that holds it now, that one first.
    pub holds: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct OverdueStatus {
    pub backup: BackupId,
    pub machine_name: String,
    pub delete_after: Reach,
    pub kept_by: Vec<String>,
}

/// A snapshot that could be ours and is not in the journal; it holds deletions until somebody says.
#[derive(Clone, Debug, Serialize)]
pub struct SuspectStatus {
    pub snapshot: String,
    pub name: String,
    pub machine: Option<MachineId>,
    pub commands: [String; 2],
}

/// A change of which it is not known yet whether it happened.
#[derive(Clone, Debug, Serialize)]
pub struct OpenEffect {
    pub verb: &'static str,
    pub backup: BackupId,
    pub machine: MachineId,
    pub since: Timestamp,
    pub why: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct Frozen {
    pub until: Timestamp,
    pub reason: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct MachineDown {
    pub machine: MachineId,
    pub machine_name: String,
    /// When it was found not to be back.
    pub since: Timestamp,
    /// The cloud's word for what it was then.
    pub status: String,
    pub backup: BackupId,
}

/// Where the journal stands, as whoever read it knows.
#[derive(Default)]
pub struct Source {
    pub simulated: bool,
    pub seq: u64,
    pub hash: String,
    pub last_event_at: Option<Timestamp>,
    pub daemon_runs: Option<bool>,
    pub commands: Commands,
}

impl Status {
    pub fn of(state: &State, now: Timestamp, source: Source) -> Self {
        let adopted = state.adopted.as_ref();
        let holds: BTreeMap<BackupId, Hold> = outlook(state, now).plan.holds.into_iter().collect();
        let (simulated, runs, commands) = (source.simulated, source.daemon_runs, source.commands);
        let writer = Writer { simulated, runs, commands };
        let commands = &writer.commands;
        let frozen = state.frozen.as_ref().filter(|freeze| now < freeze.until);
        Self {
            schema_version: SCHEMA_VERSION,
            simulated: source.simulated,
            mode: adopted.map(|adopted| adopted.set.mode),
            mode_since: adopted.map(|adopted| adopted.mode_since),
            observing: adopted.is_some() && state.mode() == Mode::Observe,
            soft_start_until: state.soft_start_ends().filter(|ends| now < *ends),
            would_go_under_enforce: would_go::of(state, now, None),
            daemon_runs: source.daemon_runs,
            stops: stops::stops(state, now, &writer),
            now,
            head: HeadShown { seq: source.seq, hash: source.hash },
            last_event_at: source.last_event_at,
            shelves: shelves(state, now),
            good_of_no_policy: asked::good_of_no_policy(state),
            doomed: doomed(state, now, &holds, commands),
            overdue: overdue(state, now).into_iter().map(|one| overdue_status(state, one)).collect(),
            suspects: suspects(state, commands),
            open_effects: state.unresolved().map(open_effect).collect(),
            alarms: alarm::alarms(state, now, commands),
            frozen: frozen.map(|freeze| Frozen { until: freeze.until, reason: freeze.reason.clone() }),
            paused_until: state.paused(now),
            images_said_absent: state.says_no_images(),
            kept: asked::kept(state, now),
            requests: asked::requests(state, now, &holds, commands),
            thawed: asked::thawed(state),
            waste: waste::of(state, now, commands),
            refused_file: state.refused_file.as_ref().map(RefusedFileShown::of),
            restart_needed: state.awaits_restart.clone(),
            snapshots_are: words::snapshots_are(state),
            machines_down: machines_down(state),
            balance: state.fleet.balance.clone(),
            money: Money::of(state, now),
            machines_seen_at: state.fleet.machine_look.complete,
            snapshots_seen_at: state.fleet.snapshot_look.complete,
            failing_looks: failing::of(state),
            commands: writer.commands.clone(),
        }
    }
}

/// What the cloud calls a machine; its id where no look has shown it.
pub fn machine_name(state: &State, machine: &MachineId) -> String {
    let known = state.fleet.machines.get(machine).map(|known| known.item.name.clone());
    known.filter(|name| !name.is_empty()).unwrap_or_else(|| machine.to_string())
}

fn shelves(state: &State, now: Timestamp) -> Vec<ShelfStatus> {
    let mut held = held(state, now);
    let covers = covers(state, now);
    // What stands there is shown, and what is expected: also where nothing came of it yet.
    let shown = covers.iter().filter_map(|((policy, machine), cover)| {
        let shelf = Shelf { policy: (*policy).clone(), machine: (*machine).clone() };
        let is_shown = state.shelves.contains_key(&shelf) || cover.lateness(now).is_expected();
        is_shown.then_some((shelf, cover))
    });
    let shelf_status = |(shelf, cover): (Shelf, &Cover<'_>)| {
        let next_due = cover.expected.and_then(|expected| expected.next_due);
        ShelfStatus {
            machine_name: machine_name(state, &shelf.machine),
            good: cover.good,
            missing: cover.missing,
            newest_good: cover.newest_good.map(|(taken_at, id)| NewestGood {
                backup: id.clone(),
                taken_at,
                age_seconds: now.since(taken_at).as_secs(),
            }),
            lateness: cover.lateness(now),
            expected_age_seconds: cover.expected.map(|expected| expected.age.0),
            next_due,
            orphaned: state.is_lost(&shelf.machine),
            held: held.remove(&shelf),
            policy: shelf.policy,
            machine: shelf.machine,
        }
    };
    shown.map(shelf_status).collect()
}

/// What holds each slot that is due, as the plan of this instant has it.
fn held(state: &State, now: Timestamp) -> BTreeMap<Shelf, SlotHeld> {
    let held =
        coming(state, now).into_iter().filter(|one| one.is_due).filter_map(|one| match one.obstacle? {
            Decision::Held(held) => {
                Some((one.slot.shelf(), SlotHeld { due: one.slot.due, why: words::held(&held) }))
            }
            Decision::Superseded { .. }
            | Decision::Missed { .. }
            | Decision::Skipped(_)
            | Decision::Expired => None,
        });
    held.collect()
}

fn machines_down(state: &State) -> Vec<MachineDown> {
    let down = state.machines_down.iter().map(|(machine, not_back)| MachineDown {
        machine: machine.clone(),
        machine_name: machine_name(state, machine),
        since: not_back.since,
        status: not_back.status.clone(),
        backup: not_back.backup.clone(),
    });
    down.collect()
}

pub(super) fn doomed(
    state: &State,
    now: Timestamp,
    holds: &BTreeMap<BackupId, Hold>,
    commands: &Commands,
) -> Vec<DoomStatus> {
    let waiting: BTreeSet<&BackupId> = state.awaiting_approval(now).map(|(id, _)| id).collect();
    let mut every = every_hold(state, now);
    let doomed = state.backups.iter().filter_map(|(id, backup)| {
        let doom = backup.doom.as_ref()?;
        let first = holds.get(id).or(waiting.contains(id).then_some(&Hold::AwaitsApproval));
        let others = every.remove(id).unwrap_or_default().into_iter().filter(|hold| Some(hold) != first);
        let all: Vec<Hold> = first.cloned().into_iter().chain(others).collect();
        // A plan with something to write down first names no holds.
        Some(DoomStatus {
            backup: id.clone(),
            machine: backup.machine.clone(),
            machine_name: machine_name(state, &backup.machine),
            doomed_at: doom.since,
            goes_after: state.goes_after(backup, doom),
            needs_approval: doom.needs_approval,
            approved_at: doom.approved_at,
            held: first.map(|hold| words::hold(hold, commands)),
            holds: all.iter().map(|hold| words::hold(hold, commands)).collect(),
        })
    });
    doomed.collect()
}

fn overdue_status(state: &State, overdue: Overdue<'_>) -> OverdueStatus {
    OverdueStatus {
        backup: overdue.backup.clone(),
        machine_name: machine_name(state, overdue.machine),
        delete_after: overdue.limit,
        kept_by: overdue.kept_by,
    }
}

/// An id as one word of a shell's: these commands are there to be copied, and the cloud chose the id.
pub fn word(id: &str) -> String {
    let is_plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | ':' | '/');
    if !id.is_empty() && !id.starts_with('-') && id.chars().all(is_plain) {
        return id.to_owned();
    }
    format!("-- '{}'", id.replace('\'', r"'\''"))
}

fn suspects(state: &State, commands: &Commands) -> Vec<SuspectStatus> {
    let suspect = |snapshot: &Snapshot| SuspectStatus {
        snapshot: snapshot.id.to_string(),
        name: snapshot.name.clone(),
        machine: snapshot.machine.clone(),
        commands: [
            commands.of("adopt", &word(snapshot.id.as_str())),
            commands.of("disown", &format!("--reason \"made by hand\" {}", word(snapshot.id.as_str()))),
        ],
    };
    state.suspects().map(suspect).collect()
}

fn open_effect(life: &EffectLife) -> OpenEffect {
    let (since, why) = match &life.standing {
        Standing::Intended { since } => (*since, "written down; whether it was sent is not known"),
        Standing::Unknown { since, answered: Some(_) } => (*since, "answered; a look must agree"),
        Standing::Unknown { since, answered: None } => (*since, "no clear answer; a look must tell"),
        Standing::NotSent { since } | Standing::Absent { since } => (*since, "will be asked again"),
        Standing::Done | Standing::Refused(_) | Standing::Failed(_) => (life.changed_at, "settled"),
    };
    OpenEffect {
        verb: if life.effect.verb.is_create() { "create" } else { "delete" },
        backup: life.effect.verb.backup().clone(),
        machine: life.effect.verb.machine().clone(),
        since,
        why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::examples::world::World;
    use crate::domain::time::Seconds;

    #[test]
    fn what_is_doomed_goes_not_before_the_soft_start_of_its_own_policy_ends() {
        let mut world = World::new(1);
        for _ in 0..4 {
            world.take_all();
        }
        let mode = |world: &mut World, mode| {
            world.adopt(|set| {
                set.rules.soft_start = Seconds::days(30);
                set.policies.values_mut().for_each(|policy| policy.mode = mode);
            });
        };
        mode(&mut world, Mode::Protect);
        world.wait(Seconds::hours(2));
        mode(&mut world, Mode::Enforce);
        world.look_at_all();
        let commands = Commands::default();
        let holds = outlook(&world.state, world.now).plan.holds.into_iter().collect();
        let found = doomed(&world.state, world.now, &holds, &commands);
        let expected = words::hold(&Hold::SoftStart { until: found[0].goes_after }, &commands);
        assert_eq!(found[0].held.as_ref(), Some(&expected));
    }

    #[test]
    fn an_id_is_one_word_of_a_command_that_is_copied() {
        assert_eq!(word("BRK-100001S"), "BRK-100001S");
        assert_eq!(word("x; rm -rf ~"), "-- 'x; rm -rf ~'");
        assert_eq!(word("a'b"), r"-- 'a'\''b'");
        assert_eq!(word("-x"), "-- '-x'");
    }
}
