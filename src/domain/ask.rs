//! What a person can ask for: each an event, judged before it is written.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::backup::{Backup, Life};
use super::hand;
use super::id::{BackupId, MachineId, PolicyName, SnapshotId};
use super::preview::rule_that_keeps;
use super::rail::{self, Rail};
use super::selection::Selector;
use super::state::State;
use super::time::{Seconds, Timestamp};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The deletion of exactly these.
    Approve {
        backups: BTreeSet<BackupId>,
    },
    /// No deletion until then.
    Freeze {
        until: Timestamp,
        reason: String,
    },
    Thaw,
    /// No creates and no deletes of policies until then.
    Pause {
        until: Timestamp,
    },
    Resume,
    /// A snapshot that the journal does not own becomes a backup of no policy.
    Adopt {
        snapshot: SnapshotId,
    },
    /// It only looks like ours; it no longer holds deletions.
    Disown {
        snapshot: SnapshotId,
        reason: String,
    },
    Pin {
        backup: BackupId,
    },
    Unpin {
        backup: BackupId,
    },
    /// Not to be deleted before then, whatever any rule or person says.
    Hold {
        backup: BackupId,
        until: Timestamp,
        reason: String,
    },
    Release {
        backup: BackupId,
        reason: String,
    },
    /// The backups of a machine without a young one may expire again, down to the newest `keep`.
    ThawMachine {
        machine: MachineId,
        keep: u32,
        reason: String,
    },
    /// The backups of a policy that is no longer in force may go.
    Retire {
        policy: PolicyName,
    },
    /// One backup, by hand; the named rails do not hold it.
    Delete {
        backup: BackupId,
        overrides: BTreeSet<Rail>,
        reason: String,
    },
    /// One backup more, of no policy; without `expire` no rule ever deletes it.
    Create {
        machine: MachineId,
        expire: Option<Seconds>,
    },
    /// One backup of a machine now, under a policy that is in force; what was held of it is no longer.
    Run {
        policy: PolicyName,
        machine: MachineId,
    },
    /// What the cloud refused is asked for again with the next slot.
    Retry {
        halted: Halted,
    },
}

/// What the cloud's refusals stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halted {
    Account,
    Policy(PolicyName),
    Machine(MachineId),
}

/// Why a person's ask is not taken; nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskRefusal {
    #[error("{0} is not a backup in this journal")]
    NoSuchBackup(BackupId),
    #[error("{0} is not doomed, so there is nothing to approve; see status")]
    NotDoomed(BackupId),
    #[error("{0} is kept by a person, so its deletion cannot be approved: `unpin` or `release` it first")]
    KeptByAPerson(BackupId),
    #[error("no backup waits for approval")]
    Nothing,
    #[error("the cloud was not seen to hold a snapshot {0}")]
    NoSuchSnapshot(SnapshotId),
    #[error("snapshot {0} is ours already, as backup {1}")]
    Owned(SnapshotId, BackupId),
    #[error("snapshot {0} does not say which machine it is of, so it cannot be adopted")]
    NoMachine(SnapshotId),
    #[error("a freeze must end later than now and within 30 days, not at {0}")]
    FreezeEnd(Timestamp),
    #[error(
        "deletions are frozen by themselves until {0}: only a longer freeze takes its place, and `thaw` ends it"
    )]
    FreezeShorter(Timestamp),
    #[error("no freeze is in force")]
    NotFrozen,
    #[error("a pause must end later than now and within 30 days, not at {0}")]
    PauseEnd(Timestamp),
    #[error("no pause is in force")]
    NotPaused,
    #[error("a hold must end later than now, not at {0}")]
    HoldEnd(Timestamp),
    #[error("{0} is held until {1}: a hold is only ever made longer; `release` ends it")]
    HoldShorter(BackupId, Timestamp),
    #[error("{0} is not pinned")]
    NotPinned(BackupId),
    #[error("{0} is not held")]
    NotHeld(BackupId),
    #[error("{0} is {1}, so there is nothing to keep or delete")]
    Gone(BackupId, &'static str),
    #[error("{0} is pinned; `unpin` it first")]
    Pinned(BackupId),
    #[error("{0} is held until {1}, and no override reaches that")]
    Held(BackupId, Timestamp),
    #[error("an image was made from {0}, and no override reaches that")]
    Linked(BackupId),
    #[error(
        "{backup} stays: {because}; it goes all the same with --name BACKUP {overrides} --reason WHY",
        because = rail::because(.rails, .rule.as_deref()), overrides = rail::overrides(.overridden.iter().chain(.rails))
    )]
    Rails {
        backup: BackupId,
        /// What holds it.
        rails: Vec<Rail>,
        /// Where a rule keeps it.
        rule: Option<String>,
        /// What was overridden already.
        overridden: BTreeSet<Rail>,
    },
    #[error("{0} is {1}, and nobody deletes it in that state")]
    Untouchable(BackupId, &'static str),
    #[error("no machine {0} was seen in this account")]
    NoSuchMachine(MachineId),
    #[error("a thawed machine keeps at least 1 backup")]
    KeepNone,
    #[error("policy {0} is in force; only the backups of a removed one are retired")]
    InForce(PolicyName),
    #[error("no backup in this journal is of a policy {0}")]
    NoSuchPolicy(PolicyName),
    #[error("the deletion of {0} was asked for already; more overrides change it, and `pin` withdraws it")]
    AskedAlready(BackupId),
    #[error("{MOST_REQUESTS} requests are open already; see status")]
    TooMany,
    #[error("no policy {0} is in force")]
    NotInForce(PolicyName),
    #[error("policy {0} is not for machine {1}")]
    NotCovered(PolicyName, MachineId),
    #[error(
        "policy {0} does not let a machine restart, and this account was not seen to snapshot without a restart; \
         `snapshots create` may restart it"
    )]
    MayNotRestart(PolicyName),
    #[error("a backup of {1} under policy {0} was asked for already")]
    RunsAlready(PolicyName, MachineId),
    #[error("a reason must say something in at most {LONGEST_REASON} characters")]
    Reason,
    #[error("no refusal of the cloud stops that; see status")]
    NotHalted,
}

/// It stays in the journal for ever, and `status` shows it.
pub const LONGEST_REASON: usize = 1_000;
pub const LONGEST_FREEZE: Seconds = Seconds::days(30);
const LONGEST_PAUSE: Seconds = Seconds::days(30);
/// Requests that may be open at one time: a person types them.
pub const MOST_REQUESTS: usize = 256;

/// Whether an ask makes sense in this state. Judged before it is written, so that the fold need not.
pub fn judge(state: &State, now: Timestamp, ask: &Ask) -> Result<(), AskRefusal> {
    let backup = |id: &BackupId| state.backups.get(id).ok_or_else(|| AskRefusal::NoSuchBackup(id.clone()));
    let snapshot = |id: &SnapshotId| match (state.fleet.snapshots.get(id), state.owners.get(id)) {
        (None, _) => Err(AskRefusal::NoSuchSnapshot(id.clone())),
        (Some(_), Some(owner)) => Err(AskRefusal::Owned(id.clone(), owner.clone())),
        (Some(known), None) => Ok(known),
    };
    if ask.reason().is_some_and(|reason| !is_reason(reason)) {
        return Err(AskRefusal::Reason);
    }
    match ask {
        Ask::Approve { backups } if backups.is_empty() => Err(AskRefusal::Nothing),
        Ask::Approve { backups } => backups.iter().try_for_each(|id| match backup(id)? {
            kept if kept.is_protected(now) => Err(AskRefusal::KeptByAPerson(id.clone())),
            other => other.doom.as_ref().map(|_| ()).ok_or_else(|| AskRefusal::NotDoomed(id.clone())),
        }),
        Ask::Freeze { until, .. } => {
            let own = state.frozen.as_ref().filter(|freeze| freeze.by_itself && *until < freeze.until);
            match own {
                Some(freeze) => Err(AskRefusal::FreezeShorter(freeze.until)),
                None => within(now, *until, LONGEST_FREEZE, AskRefusal::FreezeEnd),
            }
        }
        Ask::Thaw if state.frozen.is_none() => Err(AskRefusal::NotFrozen),
        Ask::Thaw => Ok(()),
        Ask::Pause { until } => within(now, *until, LONGEST_PAUSE, AskRefusal::PauseEnd),
        Ask::Resume if state.paused(now).is_none() => Err(AskRefusal::NotPaused),
        Ask::Resume => Ok(()),
        Ask::Adopt { snapshot: id } => match snapshot(id)?.item.machine {
            Some(_) => Ok(()),
            None => Err(AskRefusal::NoMachine(id.clone())),
        },
        Ask::Disown { snapshot: id, .. } => snapshot(id).map(|_| ()),
        Ask::Retry { halted } => {
            let is_halted = match halted {
                Halted::Account => state.halts.account.is_some(),
                Halted::Policy(policy) => state.halts.policies.contains_key(policy),
                Halted::Machine(machine) => state.halts.impossible.contains_key(machine),
            };
            if is_halted { Ok(()) } else { Err(AskRefusal::NotHalted) }
        }
        Ask::Pin { backup: id } => is_there(id, backup(id)?),
        Ask::Unpin { backup: id } => is_pinned(id, backup(id)?),
        Ask::Hold { backup: id, until, .. } => may_hold(id, backup(id)?, now, *until),
        Ask::Release { backup: id, .. } => match &backup(id)?.held {
            Some(_) => Ok(()),
            None => Err(AskRefusal::NotHeld(id.clone())),
        },
        Ask::ThawMachine { keep: 0, .. } => Err(AskRefusal::KeepNone),
        Ask::ThawMachine { machine, .. } => {
            let is_known = state.fleet.machines.contains_key(machine)
                || state.backups.values().any(|backup| backup.machine == *machine);
            if is_known { Ok(()) } else { Err(AskRefusal::NoSuchMachine(machine.clone())) }
        }
        Ask::Retire { policy } if state.policy(policy).is_some() => Err(AskRefusal::InForce(policy.clone())),
        Ask::Retire { policy } => {
            let mut slots = state.backups.values().filter_map(|backup| backup.slot.as_ref());
            let is_known = slots.any(|slot| slot.policy == *policy);
            if is_known { Ok(()) } else { Err(AskRefusal::NoSuchPolicy(policy.clone())) }
        }
        Ask::Delete { backup: id, overrides, .. } => may_delete(state, now, id, backup(id)?, overrides),
        Ask::Run { policy, machine } => may_run(state, policy, machine),
        Ask::Create { .. } if state.requests.len() >= MOST_REQUESTS => Err(AskRefusal::TooMany),
        Ask::Create { machine, .. } => {
            let known = state.fleet.machines.get(machine).filter(|known| known.missing_since.is_none());
            known.map(|_| ()).ok_or_else(|| AskRefusal::NoSuchMachine(machine.clone()))
        }
    }
}

impl Ask {
    /// Why, in the person's words, where they must say it.
    fn reason(&self) -> Option<&str> {
        match self {
            Self::Freeze { reason, .. }
            | Self::Disown { reason, .. }
            | Self::Hold { reason, .. }
            | Self::Release { reason, .. }
            | Self::ThawMachine { reason, .. } => Some(reason),
            Self::Delete { reason, overrides, .. } => {
                (!reason.is_empty() || !overrides.is_empty()).then_some(reason)
            }
            Self::Approve { .. }
            | Self::Thaw
            | Self::Pause { .. }
            | Self::Resume
            | Self::Adopt { .. }
            | Self::Pin { .. }
            | Self::Unpin { .. }
            | Self::Retire { .. }
            | Self::Create { .. }
            | Self::Run { .. }
            | Self::Retry { .. } => None,
        }
    }
}

fn is_reason(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST_REASON
}

/// What no waiting mends is refused at once; all else holds until the next pass that may.
fn may_run(state: &State, name: &PolicyName, machine: &MachineId) -> Result<(), AskRefusal> {
    let policy = state.policy(name).ok_or_else(|| AskRefusal::NotInForce(name.clone()))?;
    let known = state.fleet.machines.get(machine).filter(|known| known.missing_since.is_none());
    let known = known.ok_or_else(|| AskRefusal::NoSuchMachine(machine.clone()))?;
    let mut slots = state.requests.values().filter_map(|request| request.slot.as_ref());
    let current = |name| state.adopted.as_ref().map(|adopted| adopted.current(name).clone());
    if !Selector::of(policy).selects(&known.item) {
        Err(AskRefusal::NotCovered(name.clone(), machine.clone()))
    } else if !policy.may_restart && !state.snapshots_live() {
        Err(AskRefusal::MayNotRestart(name.clone()))
    } else if slots.any(|slot| slot.machine == *machine && current(&slot.policy) == current(name)) {
        Err(AskRefusal::RunsAlready(name.clone(), machine.clone()))
    } else if state.requests.len() >= MOST_REQUESTS {
        Err(AskRefusal::TooMany)
    } else {
        Ok(())
    }
}

fn within(
    now: Timestamp,
    until: Timestamp,
    longest: Seconds,
    refusal: impl FnOnce(Timestamp) -> AskRefusal,
) -> Result<(), AskRefusal> {
    if until <= now || until.since(now) > longest.duration() { Err(refusal(until)) } else { Ok(()) }
}

fn may_hold(id: &BackupId, backup: &Backup, now: Timestamp, until: Timestamp) -> Result<(), AskRefusal> {
    let longer = backup.held.as_ref().filter(|hold| hold.until > until);
    match longer {
        _ if until <= now => Err(AskRefusal::HoldEnd(until)),
        Some(hold) => is_there(id, backup).and(Err(AskRefusal::HoldShorter(id.clone(), hold.until))),
        None => is_there(id, backup),
    }
}

fn is_pinned(id: &BackupId, backup: &Backup) -> Result<(), AskRefusal> {
    if backup.pinned { Ok(()) } else { Err(AskRefusal::NotPinned(id.clone())) }
}

/// Whether there is anything to keep.
fn is_there(id: &BackupId, backup: &Backup) -> Result<(), AskRefusal> {
    match backup.life {
        life @ (Life::Deleted | Life::Vanished) => Err(AskRefusal::Gone(id.clone(), life.word())),
        // Its deletion may have arrived: a hold that promises nothing is worse than none.
        Life::DeleteIntended => Err(AskRefusal::Gone(id.clone(), "being deleted at this moment")),
        Life::Intended
        | Life::Requested
        | Life::Pending
        | Life::Ready
        | Life::Good
        | Life::Failed
        | Life::TimedOut
        | Life::Bad
        | Life::Disputed => Ok(()),
    }
}

/// What no override reaches is refused at once, and so is what an override would be needed for: a request
/// that only waits until it lapses tells nobody anything. All else holds until the next pass that may.
fn may_delete(
    state: &State,
    now: Timestamp,
    id: &BackupId,
    backup: &Backup,
    overrides: &BTreeSet<Rail>,
) -> Result<(), AskRefusal> {
    // More overrides take its place, until the cloud was asked.
    let stands = |request: &&super::state::Request| {
        let has_more = overrides.is_superset(&request.overrides) && *overrides != request.overrides;
        !has_more || state.effects.contains_key(&request.effect.id)
    };
    let asked = state.requests.values().find(|request| request.deletes(id));
    let held = backup.held.as_ref().filter(|hold| now < hold.until);
    match backup.life {
        Life::Deleted | Life::Vanished => Err(AskRefusal::Gone(id.clone(), backup.life.word())),
        Life::Intended
        | Life::Requested
        | Life::Pending
        | Life::Ready
        | Life::Disputed
        | Life::DeleteIntended => Err(AskRefusal::Untouchable(id.clone(), backup.life.word())),
        Life::Good | Life::Failed | Life::TimedOut | Life::Bad => match held {
            _ if backup.pinned => Err(AskRefusal::Pinned(id.clone())),
            Some(hold) => Err(AskRefusal::Held(id.clone(), hold.until)),
            None if asked.filter(stands).is_some() => Err(AskRefusal::AskedAlready(id.clone())),
            None if state.requests.len() >= MOST_REQUESTS => Err(AskRefusal::TooMany),
            // Nothing in the cloud bears its name.
            None if backup.snapshots.is_empty() => Err(AskRefusal::Gone(id.clone(), backup.life.word())),
            None if hand::is_linked(state, backup) => Err(AskRefusal::Linked(id.clone())),
            None => match hand::rails_against(state, now, id, backup, overrides) {
                rails if rails.is_empty() => Ok(()),
                rails => {
                    let rule = rails.contains(&Rail::Kept).then(|| rule_that_keeps(state, now, id)).flatten();
                    let overridden = overrides.clone();
                    Err(AskRefusal::Rails { backup: id.clone(), rails, rule, overridden })
                }
            },
        },
    }
}
