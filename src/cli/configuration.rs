//! `check-config` and `config`: judging a file, beginning one, and showing what one comes to.
//!
//! None of them opens the key file.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::ending::Ending;
use crate::cli::screen;
use crate::clock::Clock;
use crate::config::{self, describe, schema, show, shown, starter, verdict};
use crate::report::foreign::harmless;

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The configuration [default: that of `run`, /etc/quartermaster/quartermaster.toml]
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The same, as the other verbs take it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document: every fault, or when each policy runs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub enum ConfigVerb {
    /// Write a file to begin with, which only observes
    Init(InitArguments),
    /// Show what a file comes to, with every default
    Show(ShowArguments),
    /// Print all that can be set, as a JSON Schema
    Schema,
}

#[derive(Debug, Args)]
pub struct InitArguments {
    /// The file to write; it must not be there yet
    #[arg(value_name = "FILE", default_value = crate::config::FILE)]
    file: PathBuf,
    /// Where the journal will be
    #[arg(long, value_name = "DIR", default_value = "/var/lib/quartermaster")]
    data_dir: PathBuf,
    /// Where the key will be [default: `key` beside the file]
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The configuration [default: that of `run`, /etc/quartermaster/quartermaster.toml]
    #[arg(value_name = "FILE", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The same, as the other verbs take it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub fn check(arguments: &CheckArguments) -> Result<(), Ending> {
    let path = arguments.file.as_ref().or(arguments.config.as_ref());
    let loaded = config::load(path.map_or(Path::new(config::FILE), PathBuf::as_path));
    let config = match loaded {
        Ok(config) => config,
        Err(faults) => {
            if arguments.json {
                screen::print_json(&verdict::refused(&faults))?;
            }
            return Err(faults.into());
        }
    };
    let now = config.clock.map_or_else(Clock::system, |set| Clock::scaled(set.epoch, set.scale)).now();
    match arguments.json {
        true => screen::print_json(&verdict::accepted(&config, now)),
        false => screen::print(&harmless(&describe::describe(&config, now))),
    }
}

impl ConfigVerb {
    pub fn perform(self) -> Result<(), Ending> {
        match self {
            Self::Init(arguments) => arguments.write(),
            Self::Show(ShowArguments { file, config, json }) => {
                let config = config::load(&file.or(config).unwrap_or_else(|| PathBuf::from(config::FILE)))?;
                match json {
                    true => screen::print_json(&shown::Document::of(&config).map_err(Ending::Failed)?),
                    false => screen::print(&show::toml(&config)),
                }
            }
            Self::Schema => screen::print_json(&schema::schema()),
        }
    }
}

impl InitArguments {
    /// Never over another file. The service's user reads it, too, and again at each reload.
    fn write(self) -> Result<(), Ending> {
        let failed = |tried: &str, error: io::Error| {
            Ending::Failed(format!("{tried} {}: {error}", self.file.display()).into())
        };
        let whole = |path: &PathBuf| std::path::absolute(path).map_err(|error| failed("find", error));
        let (file, data_dir) = (whole(&self.file)?, whole(&self.data_dir)?);
        let key_file = match &self.key_file {
            Some(path) => whole(path)?,
            None => file.with_file_name("key"),
        };
        let text = starter::text(&key_file.display().to_string(), &data_dir.display().to_string());
        // A name that no TOML text can hold would make a file that is refused.
        config::parse(&file.display().to_string(), &text)?;
        if let Some(folder) = file.parent() {
            make_open(folder).map_err(|error| failed("make the folder of", error))?;
        }
        let made = File::options().write(true).create_new(true).open(&file);
        let mut made = match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let said = format!("{} is there already: nothing was written", file.display());
                return Err(Ending::Failed(said.into()));
            }
            made => made.map_err(|error| failed("write", error))?,
        };
        made.write_all(text.as_bytes())
            .and_then(|()| made.set_permissions(Permissions::from_mode(OPEN_FILE)))
            .and_then(|()| made.sync_all())
            .map_err(|error| failed("write", error))?;
        screen::print(&format!(
            "{} is written; it only observes.\nNext: put the account's key into {} (chmod 0400), and run\n  \
             quartermaster doctor --config {}",
            file.display(),
            key_file.display(),
            file.display()
        ))
    }
}

/// For everybody to read, whatever the mask of whoever makes them.
const OPEN_FILE: u32 = 0o644;
const OPEN_FOLDER: u32 = 0o755;

/// Makes what is missing of a folder, and touches no folder that is there.
fn make_open(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => {
                made?;
                fs::set_permissions(folder, Permissions::from_mode(OPEN_FOLDER))?;
            }
        }
    }
    Ok(())
}
