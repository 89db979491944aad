//! `doctor`: what the cloud answers and how this machine stands, one check a line.
//!
//! It changes nothing anywhere: the cloud is asked by GET alone, and no daemon is disturbed.

use std::path::PathBuf;

use clap::Args;
use secrecy::SecretString;

use crate::barrack::probe::form::Verdict;
use crate::barrack::probe::{self, Findings, saved};
use crate::barrack::settings::Settings;
use crate::barrack::transport::Transport;
use crate::cli::ending::Ending;
use crate::cli::screen;
use crate::clock::Clock;
use crate::config::{self, Config, key};
use crate::report::doctor::Checks;
use api::Key;

mod api;
mod host;
mod reader;
mod suggestion;

#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = config::FILE)]
    config: PathBuf,
    /// Only ask the cloud, and leave this machine alone
    #[arg(long)]
    api: bool,
    /// Keep the answers in this folder, without keys, persons and addresses; `sim serve --replay` plays them
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Where the settings that fit are written
    #[arg(long, value_name = "FILE", default_value = "cloud.suggested.toml")]
    out: PathBuf,
    /// Print all checks as one JSON document
    #[arg(long)]
    json: bool,
}

pub fn examine(arguments: &DoctorArguments) -> Result<(), Ending> {
    let config = config::load(&arguments.config)?;
    let mut checks = Checks::default();
    let key = read_key(&config, &mut checks);
    let is_key_fit = key.is_some();
    let taken = match key {
        Some(key) => ask_cloud(arguments, &config, &key, &mut checks)?,
        None => Key::Unknown,
    };
    if !arguments.api {
        host::check(&config, &mut checks);
        reader::check(&arguments.config, &config, &mut checks);
    }
    if arguments.json {
        screen::print_json(&checks)?;
    } else {
        screen::print(&checks.text(screen::paper()))?;
    }
    let findings = checks.findings().map(|findings| format!("the doctor found {findings}"));
    match (findings, taken) {
        (Some(findings), Key::Refused) => Err(Ending::KeyRefused(findings.into())),
        (Some(findings), _) if !is_key_fit => Err(Ending::Configuration(findings.into())),
        (Some(findings), _) if checks.has_failed() => Err(Ending::Findings(findings.into())),
        (Some(findings), _) => {
            screen::warn(&format!("warning: {findings}"));
            Err(Ending::Warned)
        }
        (None, _) => Ok(()),
    }
}

fn read_key(config: &Config, checks: &mut Checks) -> Option<SecretString> {
    let Some(path) = &config.cloud.key_file else {
        checks.fail(
            "key file",
            "cloud.key_file is not set",
            "write the key into a file of mode 0400, and name it",
        );
        return None;
    };
    match key::read_key(path) {
        Ok(key) => {
            checks.ok("key file", format!("{} is for its owner alone", path.display()));
            Some(key)
        }
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let todo = "it holds the key and nothing else, for the daemon's user alone (chmod 0400)";
            checks.fail("key file", format!("{error}{cause}"), todo);
            None
        }
    }
}

fn ask_cloud(
    arguments: &DoctorArguments,
    config: &Config,
    key: &SecretString,
    checks: &mut Checks,
) -> Result<Key, Ending> {
    let settings = Settings::of(&config.cloud, config.clock.map_or(1, |set| set.scale));
    let clock = config.clock.map_or_else(Clock::system, |set| Clock::scaled(set.epoch, set.scale));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (connect, now) = (|settings: &Settings| Transport::network(settings), || clock.now());
    let asked = probe::ask_all(&connect, &settings, key, &now);
    let findings = runtime.map_err(Ending::failed)?.block_on(asked).map_err(Ending::failed)?;
    let taken = api::check(&findings, config, checks);
    if let Verdict::Taken(_) = findings.forms.verdict {
        suggest(arguments, &findings, config, checks);
        save(arguments, &findings, key, checks);
    }
    Ok(taken)
}

fn suggest(arguments: &DoctorArguments, findings: &Findings, config: &Config, checks: &mut Checks) {
    let path = arguments.out.display().to_string();
    match suggestion::write(&arguments.out, &suggestion::text(findings, config)) {
        Ok(has_replaced) => {
            let before = if has_replaced { ", whose content before was replaced" } else { "" };
            checks.ok("settings", format!("those that fit were written to {path}{before}"));
            checks.suggestion = Some(path);
        }
        Err(error) => {
            checks.warn(
                "settings",
                format!("{path} cannot be written: {error}"),
                "name another file with --out",
            );
        }
    }
}

fn save(arguments: &DoctorArguments, findings: &Findings, key: &SecretString, checks: &mut Checks) {
    let Some(folder) = &arguments.save else { return };
    match saved::save(folder, findings, key.clone()) {
        Ok(count) => checks.ok("answers", format!("{count} were saved in {}", folder.display())),
        Err(error) => {
            checks.warn(
                "answers",
                format!("{}: {error}", folder.display()),
                "name a folder that is not there yet",
            );
        }
    }
}
