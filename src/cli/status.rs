//! `status`: what the journal's events come to, beside a running daemon or without one.

use clap::Args;

use crate::cli::ending::Ending;
use crate::cli::place::Place;
use crate::cli::screen;
use crate::report::finding::findings;
use crate::report::status::{Source, Status};
use crate::report::status_text;
use crate::report::words;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  quartermaster status --data-dir DIR
  quartermaster status --check > /dev/null || echo \"look at it\"")]
pub struct StatusArguments {
    #[command(flatten)]
    place: Place,
    /// One JSON document
    #[arg(long)]
    json: bool,
    /// End with exit code 3 and say why, if anything is not as it should be; no daemon at work on a
    /// real journal is such a thing
    #[arg(long)]
    check: bool,
}

pub fn show(arguments: &StatusArguments) -> Result<(), Ending> {
    let found = arguments.place.find()?;
    let seen = if arguments.check { found.examine()? } else { found.read()? };
    let source = Source {
        simulated: seen.simulated,
        seq: seen.head.seq.0,
        hash: seen.head.hash.to_string(),
        last_event_at: seen.last,
        daemon_runs: match arguments.check && !seen.simulated {
            true => found.is_worked_on_soon(),
            false => found.is_worked_on(),
        },
        commands: found.commands.clone(),
    };
    let now = found.now(seen.simulated, seen.last);
    let status = Status::of(&seen.state, now, source);
    match arguments.json {
        true => screen::print_json(&status)?,
        false => screen::print(&status_text::text(&status, screen::paper()))?,
    }
    let findings = if arguments.check { findings(&seen.state, now, &status) } else { Vec::new() };
    match findings.len() {
        0 => Ok(()),
        count => {
            let said =
                format!("{}:\n  {}", words::count(count, "finding", "findings"), findings.join("\n  "));
            Err(Ending::Findings(said.into()))
        }
    }
}
