//! The configuration: one TOML file, strict, with all its faults told at once.
//!
//! It reads files and text only: no clock, no cloud, no environment. What it accepts is right by
//! type, and is not checked again.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use self::http::HttpSetting;
use self::mail::MailSetting;
use crate::domain::alert::rules::AlertRules;
use crate::domain::policy::{Mode, Policy, PolicySet, Rules};
use crate::domain::time::Timestamp;
use clock::ClockSetting;
use cloud::Cloud;
use fault::{Fault, FaultKind, Faults, Warning};
use journal::JournalSetting;
use policy::PolicySetting;
use rules::Lateness;
use schema::Kind;
use section::{Found, Notes, Section};
use socket::SocketSetting;

pub mod fault;
pub mod cloud;
pub mod paths;
pub mod refusal;
pub mod clock;
pub mod journal;
pub mod http;
pub mod socket;
pub mod mail;
mod alerts;
pub mod rules;
pub mod policy;
mod selection;
mod timing;
pub mod key;
pub mod describe;
pub mod show;
pub mod shown;
pub mod verdict;
pub mod schema;
pub mod starter;
pub mod whereabouts;
mod restart;
pub mod span;
mod encoding;
mod syntax;
mod relations;
mod section;
mod value;
pub mod nearest;

#[derive(Clone, Debug)]
pub struct Config {
    pub mode: Mode,
    pub data_dir: PathBuf,
    pub email: Email,
    pub cloud: Cloud,
    /// `None`: the system's clock.
    pub clock: Option<ClockSetting>,
    pub rules: Rules,
    pub lateness: Lateness,
    pub journal: JournalSetting,
    pub http: HttpSetting,
    /// `None`: no letter leaves.
    pub mail: Option<MailSetting>,
    pub alerts: AlertRules,
    pub socket: SocketSetting,
    /// In the order of the file.
    pub policies: Vec<PolicySetting>,
    pub warnings: Vec<Warning>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Email {
    /// Nobody is told; refused beyond `observe`.
    Unset,
    /// Nobody is told, and somebody said so.
    Off,
    Recipients(Vec<String>),
}

/// A megabyte holds thousands of policies; more is not a configuration.
const LARGEST: u64 = 1 << 20;

const MODES: [(&str, Mode); 3] =
    [("observe", Mode::Observe), ("protect", Mode::Protect), ("enforce", Mode::Enforce)];

/// Where `config init` writes it, and the shipped unit reads it.
pub const FILE: &str = "/etc/quartermaster/quartermaster.toml";
/// Where the journal is, unless somebody says otherwise.
const DATA_DIR: &str = "/var/lib/quartermaster";

pub fn load(path: &Path) -> Result<Config, Faults> {
    let (name, text) = text_of(path)?;
    parse(&name, &text)
}

/// A file's name, and what stands in it.
fn text_of(path: &Path) -> Result<(String, String), Faults> {
    let name = path.display().to_string();
    let refuse = |said: String| unreadable(&name, said);
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => refuse(format!(
            "cannot be read: {error}; the daemon's user must be able to, and it holds no secret: chmod 0644, \
             and 0755 for its folder"
        )),
        _ => refuse(format!("cannot be read: {error}")),
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(refuse("is not a regular file".to_owned()));
    }
    if metadata.len() > LARGEST {
        return Err(refuse(format!("has {} bytes: at most {LARGEST} are read", metadata.len())));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let text = encoding::text(bytes).map_err(refuse)?;
    Ok((name, text))
}

fn unreadable(name: &str, said: String) -> Faults {
    Faults::new(name, "", vec![Fault::plain(0..0, said, FaultKind::Unreadable)])
}

/// Reads a configuration; `name` stands before each line number.
pub fn parse(name: &str, text: &str) -> Result<Config, Faults> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut notes = Notes::of(text);
    let config = read(Section::top(table.get_ref()), &mut notes);
    let mut faults = notes.faults;
    if !errors.is_empty() {
        let learned = notes.learned;
        let is_list = |name: &str| {
            let place: Vec<&str> = name.split('.').collect();
            learned.iter().any(|(known, kind)| *known == place && matches!(kind, Kind::Tables))
        };
        faults = syntax::beside(syntax::faults(text, &errors, &is_list), faults, text);
    }
    match config {
        Some(config) if faults.is_empty() => Ok(Config { warnings: notes.warnings, ..config }),
        _ => Err(Faults::new(name, text, faults)),
    }
}

fn read(mut top: Section<'_>, notes: &mut Notes<'_>) -> Option<Config> {
    let mode = top.word("mode", &MODES, notes);
    let is_mode_known = mode.is_some() || top.is_absent("mode");
    let whole = is_mode_known.then_some(mode.as_ref().map_or(Mode::Observe, |found| found.value));
    let data_dir = top.absolute_path("data_dir", notes);
    let place = top.take("email").map_or(0..0, |found| found.span);
    let email = email(&mut top, notes);
    if email == Some(Email::Unset)
        && let Some(mode) = mode.filter(|found| found.value > Mode::Observe)
    {
        notes.refuse(&mode, "needs `email`: a list of recipients, or \"off\" in so many words");
    }
    let cloud = cloud::read(top.within("cloud", notes), notes);
    let clock = clock::read(top.within("clock", notes), &cloud, notes);
    let (rules, lateness) = rules::read(top.within("rules", notes), notes);
    let journal = journal::read(top.within("journal", notes), notes);
    let found = Found { value: email.clone().unwrap_or(Email::Off), path: "email".to_owned(), span: place };
    let mail::Read { mail, digest } = mail::read(top.within("mail", notes), &found, notes);
    let told = matches!(found.value, Email::Recipients(_));
    let alerts = AlertRules { told, digest, ..alerts::read(top.within("alerts", notes), notes) };
    let http = http::read(top.within("http", notes), notes);
    let socket = socket::read(top.within("socket", notes), notes);
    let sections = top.each("policy", notes);
    if sections.is_empty() && top.is_absent("policy") {
        notes.warn(&(0..0), "there is no [[policy]]: nothing is backed up");
    }
    let places: Vec<_> = sections.iter().map(|section| section.span.clone()).collect();
    let policies = policy::read(sections, whole, &rules, notes);
    top.finish(notes);
    let config = Config {
        mode: whole?,
        data_dir: data_dir.map_or_else(|| PathBuf::from(DATA_DIR), |found| found.value),
        email: email?,
        cloud,
        clock,
        rules,
        lateness,
        journal,
        mail,
        alerts,
        http,
        socket,
        policies,
        warnings: Vec::new(),
    };
    relations::judge(&config, &places, notes);
    Some(config)
}

fn email(top: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<Email> {
    top.learn("email", Kind::Recipients, notes);
    let Some(found) = top.take("email") else { return Some(Email::Unset) };
    if matches!(found.value, DeValue::String(text) if text == "off") {
        return Some(Email::Off);
    }
    if !found.value.is_array() {
        notes.refuse(&found, "must be a list of recipients, or \"off\"");
        return None;
    }
    let recipients = top.texts("email", notes)?;
    for one in recipients.iter().filter(|one| !is_address(one)) {
        notes.refuse(one, "must be an address, such as \"ops@example.org\"");
    }
    Some(Email::Recipients(recipients.into_iter().map(|one| one.value.to_owned()).collect()))
}

/// One `@` with something plain on both sides; whether it arrives is for `test-email`.
fn is_address(found: &Found<&str>) -> bool {
    let is_plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic());
    let forbidden = ['@', ',', ';', '<', '>', '"'];
    found.value.len() <= 254
        && found.value.split_once('@').is_some_and(|(local, host)| {
            is_plain(local) && is_plain(host) && !local.contains(forbidden) && !host.contains(forbidden)
        })
}

impl Config {
    /// What the event `PoliciesAdopted` carries; `now` is where the search for the longest gap begins.
    pub fn policy_set(&self, now: Timestamp) -> PolicySet {
        let policy = |setting: &PolicySetting| Policy {
            mode: setting.mode,
            machines: setting.machines.clone(),
            schedule: setting.cron.clone(),
            timezone: setting.timezone.clone(),
            may_restart: setting.may_restart,
            retention: setting.retention.clone(),
            longest_gap: setting.schedule.longest_gap(now),
            selection: setting.selection.clone(),
            timing: setting.timing.clone(),
            was: setting.was.clone(),
        };
        let policies = self.policies.iter().map(|setting| (setting.name.clone(), policy(setting)));
        PolicySet {
            mode: self.mode,
            policies: policies.collect(),
            rules: self.rules.clone(),
            images: self.cloud.images,
            alerts: self.alerts.clone(),
            snapshot_price_basis: self.cloud.snapshot_price_basis,
        }
    }
}

#[cfg(test)]
mod tests;
