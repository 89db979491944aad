//! What a person asks to have kept, made or deleted by hand, and how policies rest.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};

use clap::Args;

use crate::cli::argument;
use crate::cli::ask::sentence;
use crate::cli::ending::Ending;
use crate::cli::follow::Waiting;
use crate::cli::named;
use crate::cli::place::Place;
use crate::cli::screen;
use crate::domain::ask::{Ask, AskRefusal};
use crate::domain::id::{MachineId, PolicyName};
use crate::domain::rail::Rail;
use crate::domain::selection::Selector;
use crate::domain::state::{KeyRefusal, State};
use crate::domain::time::{Seconds, Timestamp};
use crate::report::foreign::visible;

#[derive(Debug, Args)]
pub struct Holding {
    /// Its name or id, as `snapshots list` has them
    backup: String,
    /// Through this day (UTC), such as 2033-12-31, or until an instant as RFC 3339
    #[arg(long, value_name = "DATE", value_parser = argument::end_of)]
    until: Timestamp,
    /// Why; kept in the journal
    #[arg(long, value_parser = argument::reason)]
    reason: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Releasing {
    /// Its name or id, as `snapshots list` has them
    backup: String,
    /// Why it need not be held any more; kept in the journal
    #[arg(long, value_parser = argument::reason)]
    reason: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Pausing {
    /// How long, at most 30 days
    #[arg(long = "for", value_name = "SPAN", default_value = "8h", value_parser = argument::span)]
    length: Seconds,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Resuming {
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct MachineThawing {
    /// The machine's id, or its name where no other has it
    #[arg(value_name = "ID")]
    machine: String,
    /// Of each policy, the newest so many stay: at least 1
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: u32,
    /// Why; kept in the journal
    #[arg(long, value_name = "WHY", value_parser = argument::reason)]
    reason: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Retiring {
    /// The policy, which is no longer in the configuration
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Deleting {
    /// Its name or id, as `snapshots list` has them
    backup: String,
    /// A rail that shall not hold it, as often as needed: kept, min-good, grace, soft-start, stale,
    /// caps, possibly-linked, approval
    #[arg(long = "override", value_name = "RAIL", value_parser = argument::rail, requires = "reason")]
    overrides: Vec<Rail>,
    /// Why; kept in the journal, and needed for an override
    #[arg(long, value_parser = argument::reason)]
    reason: Option<String>,
    /// With --override: the backup's name once more, where it cannot be typed when asked for
    #[arg(long, value_name = "BACKUP", requires = "overrides")]
    name: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Creating {
    /// The machine's id, or its name where no other has it; a snapshot may restart it
    machine: String,
    /// Once it is so old `enforce` deletes it, after grace; without it, only by hand
    #[arg(long, value_name = "SPAN", value_parser = argument::span)]
    expire: Option<Seconds>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub struct Running {
    /// The policy, by its name in the configuration
    name: String,
    /// One machine, by id or name; without it, all that the policy is for
    #[arg(long, value_name = "ID")]
    machine: Option<String>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    place: Place,
}

impl Holding {
    pub fn hold(&self) -> Result<(), Ending> {
        let backup = named::backup(&self.place, &self.backup)?;
        self.place.note(|_| Ask::Hold { backup, until: self.until, reason: self.reason.clone() })
    }
}

impl Releasing {
    pub fn release(&self) -> Result<(), Ending> {
        let backup = named::backup(&self.place, &self.backup)?;
        self.place.note(|_| Ask::Release { backup, reason: self.reason.clone() })
    }
}

impl Pausing {
    pub fn pause(&self) -> Result<(), Ending> {
        self.place.note(|now| Ask::Pause { until: now + self.length })
    }
}

impl Resuming {
    pub fn resume(&self) -> Result<(), Ending> {
        self.place.note(|_| Ask::Resume)
    }
}

impl MachineThawing {
    pub fn thaw(&self) -> Result<(), Ending> {
        let (machine, keep) = (named::machine(&self.place, &self.machine)?, self.keep);
        self.place.note(|_| Ask::ThawMachine { machine, keep, reason: self.reason.clone() })
    }
}

impl Retiring {
    pub fn retire(&self) -> Result<(), Ending> {
        self.place.note(|_| Ask::Retire { policy: PolicyName::new(self.name.as_str()) })
    }
}

impl Deleting {
    pub fn delete(&self) -> Result<(), Ending> {
        let overrides: BTreeSet<Rail> = self.overrides.iter().copied().collect();
        let reason = self.reason.clone().unwrap_or_default();
        let backup = named::backup(&self.place, &self.backup)?;
        self.confirm()?;
        self.place.request_now(Ask::Delete { backup, overrides, reason }, &self.waiting)
    }
}

impl Creating {
    pub fn create(&self) -> Result<(), Ending> {
        let machine = named::machine(&self.place, &self.machine)?;
        unless_the_key_hid(&self.place, &machine)?;
        self.place.request_now(Ask::Create { machine, expire: self.expire }, &self.waiting)
    }
}

impl Deleting {
    /// Whoever overrides a rail types the name of what goes.
    fn confirm(&self) -> Result<(), Ending> {
        if self.overrides.is_empty() {
            return Ok(());
        }
        let typed = match &self.name {
            Some(name) => name.clone(),
            None if io::stdin().is_terminal() => {
                screen::warn("type the name of the backup that the named rails shall not hold:");
                let mut line = String::new();
                io::stdin().read_line(&mut line).map_err(Ending::failed)?;
                line.trim_end_matches('\n').to_owned()
            }
            None => {
                let said = "an override needs the backup's name typed once more: say --name BACKUP";
                return Err(Ending::usage(said));
            }
        };
        let said = || format!("{typed} is not {}: nothing was asked for", self.backup);
        if typed == self.backup { Ok(()) } else { Err(Ending::usage(said())) }
    }
}

impl Running {
    pub fn run(&self) -> Result<(), Ending> {
        let (found, policy) = (self.place.find()?, PolicyName::new(self.name.as_str()));
        let machines = match &self.machine {
            Some(machine) => {
                let machine = named::machine(&self.place, machine)?;
                unless_the_key_hid(&self.place, &machine)?;
                vec![machine]
            }
            None => found.listens().and_then(|()| covered(&found.read()?.state, &policy))?,
        };
        // All are asked for before any is waited for.
        let mut taken = Vec::new();
        for machine in machines {
            let one = found.request(Ask::Run { policy: policy.clone(), machine })?;
            one.tell(&sentence(&one.ask))?;
            taken.push(one);
        }
        for one in taken.iter().filter(|_| self.waiting.is_wanted()) {
            screen::print(&self.waiting.follow(&found, one)?)?;
        }
        Ok(())
    }
}

/// Where the cloud refuses the key, a machine that nobody saw may be there all the same.
fn unless_the_key_hid(place: &Place, machine: &MachineId) -> Result<(), Ending> {
    let found = place.find()?;
    found.listens()?;
    let state = found.read()?.state;
    let is_known = state.fleet.machines.contains_key(machine);
    state.key_refused.as_ref().filter(|_| !is_known).map_or(Ok(()), |refusal| {
        let machine = visible(machine.as_str());
        Err(key_refused(refusal, &format!("whether there is a machine {machine} was never seen")))
    })
}

fn key_refused(refusal: &KeyRefusal, so: &str) -> Ending {
    let status = refusal.status;
    Ending::KeyRefused(
        format!("the cloud refuses the key (HTTP {status}), and {so}: put the right one into the key file")
            .into(),
    )
}

/// The machines that a policy is for.
fn covered(state: &State, name: &PolicyName) -> Result<Vec<MachineId>, Ending> {
    let Some(policy) = state.policy(name) else {
        return Err(Ending::failed(AskRefusal::NotInForce(name.clone())));
    };
    let selector = Selector::of(policy);
    let there = state.fleet.machines.values().filter(|known| known.missing_since.is_none());
    let machines: Vec<MachineId> =
        there.filter(|known| selector.selects(&known.item)).map(|known| known.item.id.clone()).collect();
    match (machines.is_empty(), &state.key_refused) {
        (true, Some(refusal)) => {
            Err(key_refused(refusal, &format!("no machine was seen that policy {name} is for")))
        }
        (true, None) => Err(Ending::Failed(format!("policy {name} is for no machine that was seen").into())),
        (false, _) => Ok(machines),
    }
}
