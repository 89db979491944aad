//! What `check-config --json` prints: every fault of a refused file, or when each policy runs.

use serde::Serialize;

use super::Config;
use super::describe::SHOWN;
use super::fault::{Faults, Warning};
use super::policy::PolicySetting;
use crate::domain::time::Timestamp;

const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub struct Verdict<'a> {
    schema_version: u32,
    faults: Vec<FaultLine<'a>>,
    /// Only of an accepted file.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<PolicyLine<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warnings: Option<Vec<WarningLine<'a>>>,
}

#[derive(Debug, Serialize)]
struct FaultLine<'a> {
    line: usize,
    column: usize,
    setting: Option<&'a str>,
    value: Option<&'a str>,
    rule: &'a str,
}

#[derive(Debug, Serialize)]
struct PolicyLine<'a> {
    name: &'a str,
    mode: &'static str,
    machines: &'a [String],
    may_restart: bool,
    keeps: String,
    schedule: &'a str,
    timezone: &'a str,
    in_words: String,
    next: Vec<Moment>,
    longest_gap_seconds: u64,
}

/// One instant, in the policy's zone and in UTC.
#[derive(Debug, Serialize)]
struct Moment {
    local: String,
    utc: Timestamp,
}

#[derive(Debug, Serialize)]
struct WarningLine<'a> {
    line: usize,
    said: &'a str,
}

impl<'a> WarningLine<'a> {
    fn of(warning: &'a Warning) -> Self {
        Self { line: warning.line, said: &warning.said }
    }
}

pub fn refused(faults: &Faults) -> Verdict<'_> {
    let line = |fault| {
        let place = faults.place_of(fault);
        FaultLine {
            line: place.line,
            column: place.column,
            setting: fault.setting.as_deref(),
            value: fault.value.as_deref(),
            rule: &fault.rule,
        }
    };
    let lines = faults.list().iter().map(line).collect();
    Verdict { schema_version: SCHEMA_VERSION, faults: lines, mode: None, policies: None, warnings: None }
}

pub fn accepted(config: &Config, now: Timestamp) -> Verdict<'_> {
    let policies = config.policies.iter().map(|setting| policy(setting, now)).collect();
    Verdict {
        schema_version: SCHEMA_VERSION,
        faults: Vec::new(),
        mode: Some(config.mode.word()),
        policies: Some(policies),
        warnings: Some(config.warnings.iter().map(WarningLine::of).collect()),
    }
}

fn policy(setting: &PolicySetting, now: Timestamp) -> PolicyLine<'_> {
    let following =
        std::iter::successors(setting.schedule.next_after(now), |slot| setting.schedule.next_after(*slot));
    let zone = setting.schedule.zone();
    let moment = |utc: Timestamp| Moment {
        local: utc.zoned().to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        utc,
    };
    PolicyLine {
        name: setting.name.as_str(),
        mode: setting.mode.word(),
        machines: &setting.machines,
        may_restart: setting.may_restart,
        keeps: setting.retention.to_string(),
        schedule: &setting.cron,
        timezone: &setting.timezone,
        in_words: setting.schedule.in_words(),
        next: following.take(SHOWN).map(moment).collect(),
        longest_gap_seconds: setting.schedule.longest_gap(now).0,
    }
}
