//! `status`: what the journal's events come to, beside a running daemon or without one.

use clap::Args;

use crate::cli::ending::Ending;
use crate::cli::place::Place;
use crate::cli::screen;
use crate::report::status::{Source, Status};
use crate::report::status_text;

#[derive(Debug, Args)]
pub struct StatusArguments {
    #[command(flatten)]
    place: Place,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

pub fn show(arguments: &StatusArguments) -> Result<(), Ending> {
    let found = arguments.place.find()?;
    let seen = found.read()?;
    let source = Source {
        simulated: seen.simulated,
        seq: seen.head.seq.0,
        hash: seen.head.hash.to_string(),
        last_event_at: seen.last,
    };
    let status = Status::of(&seen.state, found.now(seen.simulated, seen.last), source);
    if arguments.json { screen::print_json(&status) } else { screen::print(&status_text::text(&status)) }
}
