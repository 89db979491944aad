//! What a person decides of what is there already: it changes the journal alone, daemon or none.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};

use clap::Args;

use crate::cli::argument;
use crate::cli::ending::Ending;
use crate::cli::follow::Waiting;
use crate::cli::named;
use crate::cli::place::Place;
use crate::cli::screen;
use crate::domain::ask::{Ask, AskRefusal, Halted};
use crate::domain::backup::Backup;
use crate::domain::id::{BackupId, MachineId, PolicyName, SnapshotId};
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::report::foreign::visible;
use crate::report::money::{SnapshotPrices, ranges};
use crate::report::status::machine_name;
use crate::report::words;

#[derive(Debug, Args)]
pub struct OneBackup {
    /// Its name or id, as `snapshots list` has them
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
#[group(required = true, multiple = false)]
pub struct Approved {
    /// Their names or ids, as `snapshots list` has them
    #[arg(value_name = "BACKUP")]
    backups: Vec<String>,
    /// All that wait for approval now: they are shown with their price, and a terminal is asked
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub struct Approving {
    #[command(flatten)]
    approved: Approved,
    /// With --all: approve them without being asked, as where nobody can answer
    #[arg(long, requires = "all")]
    yes: bool,
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
        self.place.note(|_| Ask::Retry { halted })
    }
}

impl OneBackup {
    pub fn pin(&self) -> Result<(), Ending> {
        let backup = named::backup(&self.place, &self.backup)?;
        self.place.note(|_| Ask::Pin { backup })
    }

    pub fn unpin(&self) -> Result<(), Ending> {
        let backup = named::backup(&self.place, &self.backup)?;
        self.place.note(|_| Ask::Unpin { backup })
    }
}

impl OneSnapshot {
    pub fn adopt(&self) -> Result<(), Ending> {
        self.place.note(|_| Ask::Adopt { snapshot: SnapshotId::new(self.snapshot.as_str()) })
    }
}

impl Disowning {
    pub fn disown(&self) -> Result<(), Ending> {
        let snapshot = SnapshotId::new(self.snapshot.as_str());
        self.place.note(|_| Ask::Disown { snapshot, reason: self.reason.clone() })
    }
}

impl Freezing {
    pub fn freeze(&self) -> Result<(), Ending> {
        // What cannot be read freezes nobody's hand.
        let seen = self.place.find()?.read().ok();
        let taken =
            self.place.record(|now| Ask::Freeze { until: now + self.length, reason: self.reason.clone() })?;
        let replaced = seen.and_then(|seen| replaced(&seen.state, seen.last?));
        taken.tell(&format!("{}{}", sentence(&taken.ask), replaced.unwrap_or_default()))
    }
}

impl Thawing {
    pub fn thaw(&self) -> Result<(), Ending> {
        if self.yes {
            // Who may ask the daemon need not be who may read the journal.
            return self.place.note(|_| Ask::Thaw);
        }
        self.place.note_seeing(|state, _| {
            let doomed = victims(state);
            if state.frozen.is_none() || doomed.is_empty() {
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
        if !self.approved.all {
            let named = self.approved.backups.iter().map(|backup| named::backup(&self.place, backup));
            let named: BTreeSet<BackupId> = named.collect::<Result<_, _>>()?;
            return self.place.note(|_| Ask::Approve { backups: named });
        }
        let found = self.place.find()?;
        let seen = found.read()?;
        let (state, now) = (&seen.state, found.now(seen.simulated, seen.last));
        let waiting: Vec<_> = state.awaiting_approval(now).collect();
        if waiting.is_empty() {
            return Err(Ending::failed(AskRefusal::Nothing));
        }
        screen::print(&offer(state, &waiting))?;
        self.confirm(waiting.len())?;
        // These and no others: what came meanwhile was not shown.
        let backups = waiting.into_iter().map(|(id, _)| id.clone()).collect();
        self.place.note(|_| Ask::Approve { backups })
    }

    /// A terminal is asked; elsewhere somebody must have said so.
    fn confirm(&self, count: usize) -> Result<(), Ending> {
        let these = words::count(count, "deletion", "deletions");
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Ending::Failed(format!("nothing is approved: say --yes to approve {these}").into()));
        }
        screen::warn(&format!("approve {these}? [y/N]"));
        let mut line = String::new();
        io::stdin().read_line(&mut line).map_err(Ending::failed)?;
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Ending::Failed("nothing is approved".into())),
        }
    }
}

/// What is approved, and what it costs to keep it.
fn offer(state: &State, waiting: &[(&BackupId, &Backup)]) -> String {
    let count = words::count(waiting.len(), "deletion waits", "deletions wait");
    let rows = waiting.iter().map(|(id, backup)| {
        let machine = visible(&machine_name(state, &backup.machine));
        format!("  {} of {machine}, taken {}", visible(id.as_str()), words::instant(backup.taken_at))
    });
    let price = SnapshotPrices::of(state).month(waiting.iter().map(|(_, backup)| *backup));
    let rows: Vec<String> = rows.collect();
    format!(
        "{count} for approval:\n{}\nto keep them costs {} a month at list price",
        rows.join("\n"),
        ranges(&price)
    )
}

/// What is doomed or asked to be deleted, and of which machine.
fn victims(state: &State) -> BTreeSet<(String, String)> {
    let doomed = state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
    let doomed = doomed.map(|(id, backup)| (id, &backup.machine));
    let asked = state.requests.values().map(|request| &request.effect.verb).filter(|verb| !verb.is_create());
    let asked = asked.map(|verb| (verb.backup(), verb.machine()));
    doomed.chain(asked).map(|(id, machine)| (visible(id.as_str()), visible(machine.as_str()))).collect()
}

impl Place {
    /// Asks the daemon for what only it can do, and waits for it if that is wanted.
    pub fn request_now(&self, ask: Ask, waiting: &Waiting) -> Result<(), Ending> {
        let found = self.find()?;
        let taken = found.request(ask)?;
        taken.tell(&sentence(&taken.ask))?;
        if waiting.is_wanted() { screen::print(&waiting.follow(&found, &taken)?) } else { Ok(()) }
    }

    /// Takes it, and says so.
    pub fn note(&self, ask: impl FnOnce(Timestamp) -> Ask) -> Result<(), Ending> {
        let taken = self.record(ask)?;
        taken.tell(&sentence(&taken.ask))
    }

    fn note_seeing(&self, ask: impl FnOnce(&State, Timestamp) -> Result<Ask, Ending>) -> Result<(), Ending> {
        let taken = self.record_seeing(ask)?;
        taken.tell(&sentence(&taken.ask))
    }
}

/// What a person's freeze takes the place of, where nobody asked for that one.
fn replaced(state: &State, now: Timestamp) -> Option<String> {
    let freeze = state.frozen.as_ref().filter(|freeze| freeze.by_itself && now < freeze.until)?;
    let (since, why) = (words::instant(freeze.since), visible(&freeze.reason));
    Some(format!(", in place of the freeze that began by itself at {since}: {why}"))
}

pub fn sentence(ask: &Ask) -> String {
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
        Ask::Run { policy, machine } => {
            let (policy, machine) = (visible(policy.as_str()), visible(machine.as_str()));
            format!("asked for a backup of {machine} under {policy}; the next pass makes it")
        }
        Ask::Create { machine, .. } => {
            let machine = visible(machine.as_str());
            format!("asked for a backup of {machine}; the daemon's next pass makes it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::examples::world::World;
    use crate::domain::rail::Rail;
    use crate::domain::state::Freeze;

    #[test]
    fn what_goes_after_a_freeze_is_what_is_doomed_and_what_was_asked_for_by_hand() {
        let mut world = World::new(1);
        let id = world.take_all().remove(0);
        assert!(victims(&world.state).is_empty());
        let (overrides, reason) = (Rail::ALL.into_iter().collect(), "moved".to_owned());
        world.ask(Ask::Delete { backup: id.clone(), overrides, reason });
        let victims: Vec<String> = victims(&world.state).into_iter().map(|(id, _)| id).collect();
        assert_eq!(victims, [id.to_string()]);
    }

    #[test]
    fn a_freeze_that_takes_the_place_of_one_that_began_by_itself_says_so() {
        let (since, until) = (Timestamp::EPOCH, Timestamp::from_seconds(60));
        let told = |by_itself, now| {
            let reason = "3 of 4 machines were gone at once".to_owned();
            let frozen = Some(Freeze { until, since, reason, by_itself });
            replaced(&State { frozen, ..State::default() }, now)
        };
        assert!(
            told(true, since)
                .unwrap()
                .ends_with("by itself at 1970-01-01 00:00:00: 3 of 4 machines were gone at once")
        );
        assert_eq!((told(false, since), told(true, until)), (None, None));
    }
}
