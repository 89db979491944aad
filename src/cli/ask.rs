//! What a person asks for while no daemon runs: judged like in the daemon, and written down.
//!
//! It never speaks to the cloud: the daemon plans what was asked when it runs again.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

use clap::Args;

use crate::cli::argument;
use crate::cli::ending::Ending;
use crate::cli::place::Place;
use crate::cli::screen;
use crate::daemon::engine::{self, Replay, StartError};
use crate::domain::ask::{Ask, Halted, judge};
use crate::domain::event::{Asked, Event};
use crate::domain::id::{BackupId, MachineId, PolicyName, SnapshotId};
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::journal::open::{Durability, OpenError};
use crate::journal::reader::Reader;
use crate::journal::record;
use crate::report::foreign::visible;
use crate::report::words;

#[derive(Debug, Args)]
pub struct OneBackup {
    /// As `status` names it
    backup: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct OneSnapshot {
    /// The cloud's id of the snapshot
    snapshot: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Disowning {
    /// The cloud's id of the snapshot
    snapshot: String,
    /// Why it is not ours; kept in the journal
    #[arg(long, value_parser = argument::reason)]
    reason: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Freezing {
    /// How long, at most 30 days
    #[arg(long = "for", value_name = "SPAN", default_value = "7d", value_parser = argument::span)]
    length: Seconds,
    /// Why; kept in the journal
    #[arg(long, value_parser = argument::reason)]
    reason: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Thawing {
    /// End it though backups are doomed; without this they are only shown
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Approving {
    /// As `status` names them
    #[arg(value_name = "BACKUP", required_unless_present = "all", conflicts_with = "all")]
    backups: Vec<String>,
    /// All that wait for approval now; which ones is printed
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Stopped {
    /// Creates of the whole account, which the cloud refused
    #[arg(long)]
    account: bool,
    /// A policy of which it refused three in a row
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// The id of a machine that it could not snapshot
    #[arg(long, value_name = "ID")]
    machine: Option<String>,
}

#[derive(Debug, Args)]
pub struct Retrying {
    #[command(flatten)]
    stopped: Stopped,
    #[command(flatten)]
    place: Place,
}

impl Retrying {
    pub fn retry(&self) -> Result<(), Ending> {
        let policy = self.stopped.policy.as_deref().map(PolicyName::new).map(Halted::Policy);
        let machine = self.stopped.machine.as_deref().map(MachineId::new).map(Halted::Machine);
        // One of the three is given, and without the others it is the account.
        let halted = policy.or(machine).unwrap_or(Halted::Account);
        self.place.record(|_, _| Ask::Retry { halted })
    }
}

impl OneBackup {
    pub fn pin(&self) -> Result<(), Ending> {
        self.place.record(|_, _| Ask::Pin { backup: BackupId::new(self.backup.as_str()) })
    }

    pub fn unpin(&self) -> Result<(), Ending> {
        self.place.record(|_, _| Ask::Unpin { backup: BackupId::new(self.backup.as_str()) })
    }
}

impl OneSnapshot {
    pub fn adopt(&self) -> Result<(), Ending> {
        self.place.record(|_, _| Ask::Adopt { snapshot: SnapshotId::new(self.snapshot.as_str()) })
    }
}

impl Disowning {
    pub fn disown(&self) -> Result<(), Ending> {
        let snapshot = SnapshotId::new(self.snapshot.as_str());
        self.place.record(|_, _| Ask::Disown { snapshot, reason: self.reason.clone() })
    }
}

impl Freezing {
    pub fn freeze(&self) -> Result<(), Ending> {
        self.place.record(|_, now| Ask::Freeze { until: now + self.length, reason: self.reason.clone() })
    }
}

impl Thawing {
    pub fn thaw(&self) -> Result<(), Ending> {
        self.place.record_if(|state, _| {
            let doomed = victims(state);
            if self.yes || state.frozen.is_none() || doomed.is_empty() {
                return Ok(Ask::Thaw);
            }
            let told: Vec<String> =
                doomed.iter().map(|(id, machine)| format!("  {id} of {machine}")).collect();
            Err(Ending::Failed(
                format!(
                    "the freeze stays: without it these go once nothing else holds them:\n{}\nsay --yes to end it",
                    told.join("\n")
                )
                .into(),
            ))
        })
    }
}

impl Approving {
    pub fn approve(&self) -> Result<(), Ending> {
        let named: BTreeSet<BackupId> =
            self.backups.iter().map(|backup| BackupId::new(backup.as_str())).collect();
        self.place.record(|state, now| {
            let backups = if self.all { waiting(state, now) } else { named };
            Ask::Approve { backups }
        })
    }
}

/// What is doomed, and of which machine.
fn victims(state: &State) -> Vec<(String, String)> {
    let doomed = state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
    doomed.map(|(id, backup)| (visible(id.as_str()), visible(backup.machine.as_str()))).collect()
}

/// The doomed that nobody approved, or whose approval is too old.
fn waiting(state: &State, now: Timestamp) -> BTreeSet<BackupId> {
    let life = state.rules().approval_life.duration();
    let waits = |at: Option<Timestamp>| at.is_none_or(|at| now.since(at) > life);
    let doomed = state.backups.iter().filter(|(_, backup)| {
        backup.doom.as_ref().is_some_and(|doom| doom.needs_approval && waits(doom.approved_at))
    });
    doomed.map(|(id, _)| id.clone()).collect()
}

impl Place {
    /// Takes the journal, judges the ask, and appends it.
    pub fn record(&self, ask: impl FnOnce(&State, Timestamp) -> Ask) -> Result<(), Ending> {
        self.record_if(|state, now| Ok(ask(state, now)))
    }

    fn record_if(&self, ask: impl FnOnce(&State, Timestamp) -> Result<Ask, Ending>) -> Result<(), Ending> {
        let found = self.find()?;
        let simulated = Reader::open(&found.directory).map_err(Ending::failed)?.is_simulated();
        let durability = if simulated { Durability::SimulatedFull } else { Durability::Full };
        let folded = engine::open(&found.directory, durability, Replay::Checkpoint);
        let mut folded = folded.map_err(|error| refused(error, &found.directory.display().to_string()))?;
        let now = found.now(simulated, folded.last);
        let ask = ask(&folded.state, now)?;
        judge(&folded.state, now, &ask).map_err(Ending::failed)?;
        let head = folded.journal.head();
        let text = sentence(&ask);
        let asked = Event::Asked(Asked::new(caller()?, now, head.seq.0, ask));
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Ending::failed)?;
        runtime
            .block_on(folded.journal.append(&head, now, vec![record::encode(&asked)]))
            .map_err(Ending::failed)?;
        folded.journal.close().map_err(Ending::failed)?;
        screen::print(&text)
    }
}

pub fn refused(error: StartError, directory: &str) -> Ending {
    match error {
        StartError::Open(OpenError::Locked { .. }) => Ending::Busy(
            format!(
                "a daemon holds the journal in {directory}: stop it first, since this writes the journal itself"
            )
            .into(),
        ),
        other => Ending::failed(other),
    }
}

/// The user whose process this is.
pub fn caller() -> Result<u32, Ending> {
    let process = std::fs::metadata("/proc/self");
    process
        .map(|process| process.uid())
        .map_err(|error| Ending::Failed(format!("find out who asks, from /proc/self: {error}").into()))
}

fn sentence(ask: &Ask) -> String {
    match ask {
        Ask::Approve { backups } => {
            let named: Vec<String> = backups.iter().map(|id| format!("  {}", visible(id.as_str()))).collect();
            format!("approved the deletion of {}:\n{}", named.len(), named.join("\n"))
        }
        Ask::Freeze { until, .. } => format!("deletions are frozen until {} UTC", words::instant(*until)),
        Ask::Thaw => "deletions are no longer frozen".to_owned(),
        Ask::Adopt { snapshot } => format!("adopted {}", visible(snapshot.as_str())),
        Ask::Disown { snapshot, .. } => format!("disowned {}", visible(snapshot.as_str())),
        Ask::Pin { backup } => format!("pinned {}", visible(backup.as_str())),
        Ask::Retry { halted } => match halted {
            Halted::Account => "the account is asked again with its next slot".to_owned(),
            Halted::Policy(policy) => {
                format!("{} is asked again with its next slot", visible(policy.as_str()))
            }
            Halted::Machine(machine) => {
                format!("{} is asked again with its next slot", visible(machine.as_str()))
            }
        },
        Ask::Unpin { backup } => format!("unpinned {}", visible(backup.as_str())),
        Ask::Hold { backup, until, .. } => {
            format!("held {} until {} UTC", visible(backup.as_str()), words::instant(*until))
        }
        Ask::Release { backup, .. } => format!("released {}", visible(backup.as_str())),
        Ask::Pause { until } => format!("policies are paused until {} UTC", words::instant(*until)),
        Ask::Resume => "policies are no longer paused".to_owned(),
        Ask::ThawMachine { machine, keep, .. } => {
            let machine = visible(machine.as_str());
            format!("expired backups of {machine} may go down to the newest {keep}, once they are approved")
        }
        Ask::Retire { policy } => {
            let policy = visible(policy.as_str());
            format!("backups of {policy} may go, but for the least number, once they are approved")
        }
        Ask::Delete { backup, .. } => {
            format!(
                "asked to delete {}; the daemon's next pass does it, or `status` tells what holds it",
                visible(backup.as_str())
            )
        }
        Ask::Create { machine, .. } => {
            let machine = visible(machine.as_str());
            format!("asked for a backup of {machine}; the daemon's next pass makes it")
        }
    }
}
