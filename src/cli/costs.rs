//! `costs`: what a month has cost, out of the journal alone.

use clap::Args;

use crate::cli::ending::Ending;
use crate::cli::place::Place;
use crate::cli::screen;
use crate::report::costs::Costs;

#[derive(Debug, Args)]
pub struct CostsArguments {
    #[command(flatten)]
    place: Place,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

pub fn show(arguments: &CostsArguments) -> Result<(), Ending> {
    let found = arguments.place.find()?;
    let seen = found.read()?;
    let costs = Costs::of(&seen.state, found.now(seen.simulated, seen.last), seen.simulated);
    if arguments.json { screen::print_json(&costs) } else { screen::print(&costs.in_words(screen::paper())) }
}
