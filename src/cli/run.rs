//! `run`: the daemon, as a configuration has it.

use std::path::PathBuf;

use clap::Args;

use crate::cli::ending::Ending;
use crate::cli::{interrupt, lines};
use crate::config;
use crate::daemon::engine::StartError;
use crate::daemon::reload::Reload;
use crate::daemon::run::{Daemon, RunError};
use crate::journal::open::OpenError;

#[derive(Debug, Args)]
pub struct RunArguments {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = config::FILE)]
    config: PathBuf,
    /// Where the journal is, instead of the configuration's `data_dir`; made where it is missing
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

pub fn run(arguments: &RunArguments) -> Result<(), Ending> {
    lines::begin();
    let config = config::load(&arguments.config)?;
    for warning in &config.warnings {
        tracing::warn!(line = warning.line, "{}", warning.said);
    }
    let directory = arguments.data_dir.clone().unwrap_or_else(|| config.data_dir.clone());
    let (stop, asked) = interrupt::listen_for_reloads()?;
    let reload = Reload { asked, file: arguments.config.clone() };
    Daemon::build(config, &directory).and_then(|daemon| daemon.run_until(stop, reload)).map_err(ending)
}

fn ending(error: RunError) -> Ending {
    match error {
        RunError::NoKeyFile
        | RunError::KeyFile(_)
        | RunError::Token(_)
        | RunError::Key(_)
        | RunError::Hopeless { .. } => Ending::Configuration(Box::new(error)),
        RunError::Start(StartError::Open(OpenError::Locked { .. })) => Ending::Busy(Box::new(error)),
        RunError::Directory { .. }
        | RunError::Transport(_)
        | RunError::Threads(_)
        | RunError::Start(_)
        | RunError::Trouble(_) => Ending::failed(error),
    }
}
