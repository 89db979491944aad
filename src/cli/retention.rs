//! `retention preview`: what keep rules keep, of a file of instants or of a journal's live fleet.
//!
//! It reads and prints; nothing is recorded, planned or deleted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::cli::argument;
use crate::cli::ending::Ending;
use crate::cli::place::Place;
use crate::cli::screen;
use crate::clock::Clock;
use crate::domain::id::{BackupId, PolicyName};
use crate::domain::policy::{Keep, Preset, Retention};
use crate::domain::preview::preview;
use crate::domain::reach::Reach;
use crate::domain::retention::{Calendar, Candidate, judge};
use crate::domain::time::{Seconds, Timestamp};
use crate::report::foreign::visible;
use crate::report::retention::{FleetPreview, Judged};
use crate::report::words;

/// A million lines; longer histories are not those of one machine.
const LARGEST_INPUT: u64 = 128 << 20;
/// More bad lines than this are counted only.
const FAULTS_SHOWN: usize = 10;

#[derive(Debug, Args)]
pub struct PreviewArguments {
    /// Lines such as {"id": "a", "taken_at": "2026-03-01T02:00:00Z"}, in any order; - is standard
    /// input. Without it: the live fleet of a journal
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data_dir", "config", "policy"])]
    input: Option<PathBuf>,
    /// The zone of hours, days, weeks, months and years in a file [default: UTC]
    #[arg(long, value_name = "ZONE", requires = "input", conflicts_with_all = ["data_dir", "config", "policy"], value_parser = argument::zone)]
    timezone: Option<TimeZone>,
    #[command(flatten)]
    place: Place,
    /// Of the live fleet: this policy only
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// What is later is from the future, and kept outside every count [default: the clock]
    #[arg(long, value_name = "TIME", value_parser = argument::instant)]
    now: Option<Timestamp>,
    /// One JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    words: Words,
}

/// The keep rules as flags; of the live fleet they stand in the place of those in force.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "Keep rules (none: of a file all is kept, of the live fleet those in force hold)"
)]
struct Words {
    /// The newest ones; as with the other counts, `all` or -1 is all
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = argument::keep)]
    keep_last: Option<Keep>,
    /// The newest of each of the newest hours that have any
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = argument::keep)]
    keep_hourly: Option<Keep>,
    /// The newest of each of the newest days
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = argument::keep)]
    keep_daily: Option<Keep>,
    /// The newest of each of the newest weeks, which begin on Monday
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = argument::keep)]
    keep_weekly: Option<Keep>,
    /// The newest of each of the newest months
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = argument::keep)]
    keep_monthly: Option<Keep>,
    /// The newest of each of the newest years
    #[arg(long, value_name = "COUNT", allow_negative_numbers = true, value_parser = argument::keep)]
    keep_yearly: Option<Keep>,
    /// All that are younger than the newest less this, such as 7d or 1y2m3d4h (m is months)
    #[arg(long, value_name = "DUR", allow_hyphen_values = true, value_parser = argument::reach)]
    keep_within: Option<Reach>,
    /// The newest of each hour within such a reach
    #[arg(long, value_name = "DUR", allow_hyphen_values = true, value_parser = argument::reach)]
    keep_within_hourly: Option<Reach>,
    /// The newest of each day within such a reach
    #[arg(long, value_name = "DUR", allow_hyphen_values = true, value_parser = argument::reach)]
    keep_within_daily: Option<Reach>,
    /// The newest of each week within such a reach
    #[arg(long, value_name = "DUR", allow_hyphen_values = true, value_parser = argument::reach)]
    keep_within_weekly: Option<Reach>,
    /// The newest of each month within such a reach
    #[arg(long, value_name = "DUR", allow_hyphen_values = true, value_parser = argument::reach)]
    keep_within_monthly: Option<Reach>,
    /// The newest of each year within such a reach
    #[arg(long, value_name = "DUR", allow_hyphen_values = true, value_parser = argument::reach)]
    keep_within_yearly: Option<Reach>,
    /// What is older than this, counted from now, goes whatever the others keep
    #[arg(long, value_name = "DUR", allow_hyphen_values = true, value_parser = argument::reach)]
    delete_after: Option<Reach>,
    /// A set of rules that has a name, in place of every --keep word
    #[arg(long, value_name = "NAME", value_parser = preset)]
    preset: Option<Preset>,
}

fn preset(text: &str) -> Result<Preset, String> {
    let found = Preset::NAMED.into_iter().find(|(name, _)| *name == text).map(|(_, preset)| preset);
    found.ok_or_else(|| format!("must be one of {}", Preset::NAMED.map(|(name, _)| name).join(", ")))
}

impl PreviewArguments {
    pub fn preview(&self) -> Result<(), Ending> {
        let rules = self.words.retention()?;
        match &self.input {
            Some(input) => self.preview_file(input, &rules),
            None => self.preview_fleet(&rules),
        }
    }

    fn preview_file(&self, input: &Path, rules: &Retention) -> Result<(), Ending> {
        let lines = read_all(input)?;
        let taken = parse(&lines, input)?;
        let zone = self.timezone.clone().unwrap_or(TimeZone::UTC);
        let now = self.now.unwrap_or_else(|| Clock::system().now());
        let candidates: Vec<Candidate> =
            taken.iter().map(|(id, (taken_at, _))| Candidate { id, taken_at: *taken_at }).collect();
        let verdicts = judge(&candidates, rules, Calendar { zone: &zone, now, skew: Seconds(0) });
        let judged = Judged::of(&candidates, &verdicts);
        if self.json { screen::print_json(&judged) } else { screen::print(&judged.in_words(rules, &zone)) }
    }

    fn preview_fleet(&self, rules: &Retention) -> Result<(), Ending> {
        let found = self.place.find()?;
        let seen = found.read()?;
        let now = self.now.unwrap_or_else(|| found.now(seen.simulated, seen.last));
        let only = self.policy.as_deref().map(PolicyName::new);
        let adopted = seen.state.adopted.as_ref().map(|adopted| &adopted.set.policies);
        if let Some(only) = &only
            && !adopted.is_some_and(|policies| policies.contains_key(only))
        {
            let known = adopted.into_iter().flat_map(BTreeMap::keys).map(PolicyName::as_str);
            let known: Vec<&str> = known.collect();
            let known = if known.is_empty() { "none is in force".to_owned() } else { known.join(", ") };
            return Err(Ending::usage(format!("--policy {only}: no such policy in force; known: {known}")));
        }
        let is_proposal = rules.has_rule() || rules.delete_after.is_some();
        let shelves = preview(&seen.state, now, only.as_ref(), is_proposal.then_some(rules));
        let proposal = is_proposal.then(|| rules.to_string());
        let shown = FleetPreview::of(&seen.state, now, seen.simulated, &shelves, proposal);
        match self.json {
            true => screen::print_json(&shown),
            false => screen::print_read(seen.simulated, |_| shown.in_words()),
        }
    }
}

impl Words {
    fn retention(&self) -> Result<Retention, Ending> {
        let words = Retention {
            keep_last: self.keep_last,
            keep_hourly: self.keep_hourly,
            keep_daily: self.keep_daily,
            keep_weekly: self.keep_weekly,
            keep_monthly: self.keep_monthly,
            keep_yearly: self.keep_yearly,
            keep_within: self.keep_within,
            keep_within_hourly: self.keep_within_hourly,
            keep_within_daily: self.keep_within_daily,
            keep_within_weekly: self.keep_within_weekly,
            keep_within_monthly: self.keep_within_monthly,
            keep_within_yearly: self.keep_within_yearly,
            delete_after: self.delete_after,
        };
        match self.preset {
            Some(_) if words.has_rule() => {
                Err(Ending::usage("--preset must stand alone: it is a set of keep rules"))
            }
            Some(preset) => Ok(Retention { delete_after: self.delete_after, ..preset.retention() }),
            None => Ok(words),
        }
    }
}

/// One line of the input; what else stands in it is not read.
#[derive(Deserialize)]
struct Line {
    id: String,
    taken_at: Timestamp,
}

fn read_all(input: &Path) -> Result<Vec<u8>, Ending> {
    let is_standard = input.as_os_str() == "-";
    let name = if is_standard { "standard input".to_owned() } else { input.display().to_string() };
    let mut bytes = Vec::new();
    let read = match is_standard {
        true => io::stdin().lock().take(LARGEST_INPUT + 1).read_to_end(&mut bytes),
        false => File::open(input).and_then(|file| file.take(LARGEST_INPUT + 1).read_to_end(&mut bytes)),
    };
    match read {
        Err(error) => Err(Ending::Failed(format!("read {name}: {error}").into())),
        Ok(length) if length as u64 > LARGEST_INPUT => {
            Err(Ending::usage(format!("{name} has more than {LARGEST_INPUT} bytes")))
        }
        Ok(_) => Ok(bytes),
    }
}

/// Each id with its instant and its line. Every bad line is told, up to a few.
fn parse(bytes: &[u8], input: &Path) -> Result<BTreeMap<BackupId, (Timestamp, usize)>, Ending> {
    let mut taken: BTreeMap<BackupId, (Timestamp, usize)> = BTreeMap::new();
    let mut faults = Vec::new();
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate().map(|(at, line)| (at + 1, line)) {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice::<Line>(line) {
            Err(error) => faults.push(format!("line {number}: {}", said(&error))),
            Ok(Line { id, .. }) if id.is_empty() => {
                faults.push(format!("line {number}: id must not be empty"))
            }
            Ok(Line { id, taken_at }) => {
                let id = BackupId::new(id);
                if let Some((_, first)) = taken.get(&id) {
                    let id = visible(id.as_str());
                    faults.push(format!("line {number}: id {id} stands in line {first} already"));
                } else {
                    taken.insert(id, (taken_at, number));
                }
            }
        }
    }
    if faults.is_empty() {
        return Ok(taken);
    }
    let more = faults.len().saturating_sub(FAULTS_SHOWN);
    faults.truncate(FAULTS_SHOWN);
    if more > 0 {
        faults.push(format!("… and {}", words::count(more, "more bad line", "more bad lines")));
    }
    let form = r#"each line is an object such as {"id": "a", "taken_at": "2026-03-01T02:00:00Z"}"#;
    Err(Ending::usage(format!("--input {}: {}\n  {form}", input.display(), faults.join("\n  "))))
}

/// What is wrong with a line, with the column in place of serde's line, which is always the first.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let said = text.split(" at line ").next().unwrap_or(&text).to_owned();
    format!("{said} (column {})", error.column())
}
