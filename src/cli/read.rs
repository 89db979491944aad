//! `plan`, `machines`, `snapshots`, `policies`: what the journal's events come to, from four sides.
//!
//! They only read, beside a running daemon or without one. What a page of the daemon shows of the
//! same is the same value.

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::ending::Ending;
use crate::cli::place::{Place, Seen};
use crate::cli::screen;
use crate::config::nearest::nearest;
use crate::domain::time::Timestamp;
use crate::report::foreign::visible;
use crate::report::machines::Machines;
use crate::report::plan::Planned;
use crate::report::plan_text;
use crate::report::policies::Policies;
use crate::report::sieve::{STATES, Sieve};
use crate::report::snapshots::Snapshots;
use crate::report::snapshots_text::{self, GroupBy};
use crate::report::stops::Writer;
use crate::report::table::Paper;
use crate::report::unnamed::{Unnamed, unnamed};

/// Where to read, and in which form to show it.
#[derive(Debug, Args)]
pub struct Reading {
    #[command(flatten)]
    place: Place,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

impl Reading {
    /// Shows what is made of the state, as text or as JSON.
    fn show<Shown: Serialize>(
        &self,
        of: impl FnOnce(&Seen, &Writer, Timestamp) -> Result<Shown, Ending>,
        text: impl FnOnce(&Shown, Paper) -> String,
    ) -> Result<(), Ending> {
        let found = self.place.find()?;
        let seen = found.read()?;
        let shown = of(&seen, &found.writer(&seen), found.now(seen.simulated, seen.last))?;
        self.tell(&seen, &shown, text)
    }

    fn tell<Shown: Serialize>(
        &self,
        seen: &Seen,
        shown: &Shown,
        text: impl FnOnce(&Shown, Paper) -> String,
    ) -> Result<(), Ending> {
        match self.json {
            true => screen::print_json(shown),
            false => screen::print_read(seen.simulated, |paper| text(shown, paper)),
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  quartermaster plan --data-dir DIR
  quartermaster plan --json | jq '.agenda[] | select(.what | startswith(\"may be deleted\"))'")]
pub struct PlanArguments {
    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Args)]
pub struct ListArguments {
    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Args)]
pub struct ShowArguments {
    /// Its id or its name
    #[arg(value_name = "ID|NAME")]
    named: String,
    #[command(flatten)]
    reading: Reading,
}

/// A policy has no id.
#[derive(Debug, Args)]
pub struct PolicyArguments {
    /// Its name, or one that it had before
    #[arg(value_name = "NAME")]
    named: String,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  quartermaster snapshots list --state doomed
  quartermaster snapshots list --machine trainer-1 --group-by policy
  quartermaster snapshots list --policy none --search before")]
pub struct SnapshotArguments {
    /// Only of this region
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Only of this machine: its id or its name
    #[arg(long, value_name = "ID|NAME")]
    machine: Option<String>,
    /// Only of this policy, or `none` for those of no policy
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Only in this state; of those that are over, such as deleted, the last 30 days are known
    #[arg(long, value_name = "STATE", value_parser = PossibleValuesParser::new(STATES))]
    state: Option<String>,
    /// Only those with this in an id or a name
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// One list for each of these
    #[arg(long, value_name = "WHAT")]
    group_by: Option<Grouping>,
    /// At most so many, the newest first
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    reading: Reading,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Grouping {
    Region,
    Machine,
    Policy,
    State,
}

impl PlanArguments {
    pub fn plan(&self) -> Result<(), Ending> {
        let found = self.reading.place.find()?;
        let seen = found.read()?;
        let now = found.now(seen.simulated, seen.last);
        let planned = Planned::of(&seen.state, now, &found.writer(&seen));
        self.reading.tell(&seen, &planned, plan_text::text)
    }
}

impl ListArguments {
    pub fn machines(&self) -> Result<(), Ending> {
        self.reading.show(|seen, writer, now| Ok(Machines::of(&seen.state, now, writer)), Machines::in_words)
    }

    pub fn policies(&self) -> Result<(), Ending> {
        self.reading
            .show(|seen, _, now| Ok(Policies::of(&seen.state, now, seen.simulated)), Policies::in_words)
    }
}

impl ShowArguments {
    pub fn machine(&self) -> Result<(), Ending> {
        let found = |seen: &Seen, writer: &Writer, now| {
            let found = Machines::of(&seen.state, now, writer).only(&self.named);
            if found.machines.is_empty() { Err(self.unknown("machine")) } else { Ok(found) }
        };
        self.reading.show(found, Machines::in_full)
    }

    pub fn snapshot(&self) -> Result<(), Ending> {
        let found = |seen: &Seen, writer: &Writer, now| {
            let found = Snapshots::named(&seen.state, now, writer, &self.named);
            if found.snapshots.is_empty() { Err(self.unknown("snapshot or backup")) } else { Ok(found) }
        };
        let text = |found: &Snapshots, paper| {
            let each = found.snapshots.iter().map(|one| snapshots_text::in_full(one, paper));
            each.collect::<Vec<_>>().join("\n")
        };
        self.reading.show(found, text)
    }

    fn unknown(&self, what: &str) -> Ending {
        let named = visible(&self.named);
        Ending::Failed(format!("no {what} with the id or name {named} is known; see the list").into())
    }
}

impl PolicyArguments {
    pub fn show(&self) -> Result<(), Ending> {
        let found = |seen: &Seen, _: &Writer, now| {
            let found = Policies::of(&seen.state, now, seen.simulated).only(&self.named);
            let is_none = found.policies.is_empty() && found.removed.is_empty();
            if is_none {
                let said = format!("no policy with the name {} is known; see the list", visible(&self.named));
                Err(Ending::Failed(said.into()))
            } else {
                Ok(found)
            }
        };
        let text = |found: &Policies, paper| match found.policies.is_empty() {
            true => found.in_words(paper),
            false => found.in_full(paper),
        };
        self.reading.show(found, text)
    }
}

impl SnapshotArguments {
    pub fn list(&self) -> Result<(), Ending> {
        let sieve = Sieve {
            region: self.region.clone(),
            machine: self.machine.clone(),
            policy: self.policy.clone(),
            state: self.state.clone(),
            search: self.search.clone(),
            limit: self.limit.map(|limit| limit as usize),
        };
        let by = self.group_by.map(|by| match by {
            Grouping::Region => GroupBy::Region,
            Grouping::Machine => GroupBy::Machine,
            Grouping::Policy => GroupBy::Policy,
            Grouping::State => GroupBy::State,
        });
        let found = self.reading.place.find()?;
        let seen = found.read()?;
        let now = found.now(seen.simulated, seen.last);
        let shown = Snapshots::of(&seen.state, now, &found.writer(&seen), &sieve);
        let hints: Vec<String> = unnamed(&seen.state, &sieve).iter().map(hint).collect();
        self.reading.tell(&seen, &shown, |shown, paper| {
            let hints = hints.iter().map(|hint| paper.wrap(&format!("\n{hint}\n")));
            [snapshots_text::text(shown, by, paper)].into_iter().chain(hints).collect()
        })
    }
}

/// A slip, and what was most likely meant.
fn hint(unnamed: &Unnamed) -> String {
    let Unnamed { what, named, known } = unnamed;
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let meant = nearest(named, &known).map(|meant| format!("; the nearest is {}", visible(meant)));
    format!("no {what} {} is known{}", visible(named), meant.unwrap_or_default())
}
