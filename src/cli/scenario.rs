//! The file of a scenario for `sim serve`: a list of steps, each at an instant or so long after the start.
//!
//! ```toml
//! [[step]]
//! after = "2d"            # or: at = "2026-03-05T00:00:00Z"
//! outage = "3h"
//! ```
//! One deed per step: `outage`, `delete_machine`, `machine` with `status`, `balance`, `stock`, or `fault`
//! with `per_ten_thousand`.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::cli::argument;
use crate::cli::ending::Ending;
use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::cloud::Cloud;
use crate::sim::fault::Fault;
use crate::sim::machine::MachineStatus;
use crate::sim::scenario::Step;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    step: Vec<Entry>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Entry {
    at: Option<String>,
    after: Option<String>,
    outage: Option<String>,
    delete_machine: Option<String>,
    machine: Option<String>,
    status: Option<String>,
    balance: Option<String>,
    stock: Option<u32>,
    fault: Option<String>,
    per_ten_thousand: Option<u32>,
}

/// Reads the file and lets its steps happen; the first thing that is wrong with it ends this.
pub fn play(path: &Path, cloud: &Cloud, begins: Timestamp) -> Result<(), Ending> {
    let refuse =
        |why: String| Ending::Configuration(format!("read the scenario {}: {why}", path.display()).into());
    let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    let steps = steps(&text, begins).map_err(refuse)?;
    for (at, step) in steps {
        cloud.play(at, step);
    }
    Ok(())
}

fn steps(text: &str, begins: Timestamp) -> Result<Vec<(Timestamp, Step)>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    let numbered = file.step.into_iter().enumerate();
    numbered
        .map(|(at, entry)| {
            let told = |why| format!("step {}: {why}", at + 1);
            Ok((entry.instant(begins).map_err(told)?, entry.step().map_err(told)?))
        })
        .collect()
}

impl Entry {
    fn instant(&self, begins: Timestamp) -> Result<Timestamp, String> {
        match (&self.at, &self.after) {
            (Some(at), None) => argument::instant(at).map_err(|why| format!("at = {at:?} {why}")),
            (None, Some(after)) => {
                let span = argument::span(after).map_err(|why| format!("after = {after:?} {why}"))?;
                Ok(begins + span)
            }
            _ => Err("needs either at or after".to_owned()),
        }
    }

    fn step(self) -> Result<Step, String> {
        let mut steps = Vec::new();
        if let Some(span) = &self.outage {
            let seconds = argument::span(span).map_err(|why| format!("outage = {span:?} {why}"))?;
            steps.push(Step::Outage(seconds.duration()));
        }
        steps.extend(self.delete_machine.map(Step::DeleteMachine));
        match (self.machine, &self.status) {
            (None, None) => {}
            (Some(machine), Some(word)) => steps.push(Step::SetStatus(machine, status(word)?)),
            _ => return Err("machine and status go together".to_owned()),
        }
        if let Some(amount) = &self.balance {
            let nanos =
                Nanos::parse(amount).map_err(|_| format!("balance = {amount:?} must be an amount"))?;
            steps.push(Step::SetBalance(nanos));
        }
        steps.extend(self.stock.map(Step::SetStock));
        match (&self.fault, self.per_ten_thousand) {
            (None, None) => {}
            (Some(code), Some(rate @ 0..=10_000)) => {
                let fault =
                    Fault::parse(code).ok_or(format!("fault = {code:?} must be a code such as F13"))?;
                steps.push(Step::SetFault(fault, rate));
            }
            (_, Some(rate)) if rate > 10_000 => {
                return Err(format!("per_ten_thousand = {rate} must be at most 10000"));
            }
            _ => return Err("fault and per_ten_thousand go together".to_owned()),
        }
        match (steps.pop(), steps.is_empty()) {
            (Some(step), true) => Ok(step),
            (Some(_), false) => Err("must do one thing, and does more".to_owned()),
            (None, _) => Err("does nothing".to_owned()),
        }
    }
}

fn status(word: &str) -> Result<MachineStatus, String> {
    let known =
        [MachineStatus::Active, MachineStatus::Shutoff, MachineStatus::Hibernated, MachineStatus::Error];
    let found = known.into_iter().find(|status| status.word() == word);
    found.ok_or(format!("status = {word:?} must be one of ACTIVE, SHUTOFF, HIBERNATED, ERROR"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_step_is_read_and_a_wrong_one_is_named() {
        let begins = Timestamp::from_seconds(1_772_330_400);
        let read = |text: &str| steps(text, begins);
        let good = "[[step]]\nafter = \"1h\"\noutage = \"10m\"\n\
            [[step]]\nat = \"2026-03-05T00:00:00Z\"\nfault = \"F13\"\nper_ten_thousand = 50\n";
        let expected = [
            (begins.shifted(3_600_000_000), Step::Outage(Duration::from_secs(600))),
            ("2026-03-05T00:00:00Z".parse().unwrap(), Step::SetFault(Fault::ServerError, 50)),
        ];
        assert_eq!(read(good).unwrap(), expected);
        for (bad, why) in [
            ("[[step]]\noutage = \"1h\"", "step 1: needs either at or after"),
            ("[[step]]\nafter = \"1h\"", "step 1: does nothing"),
            ("[[step]]\nafter = \"1h\"\nfault = \"F99\"\nper_ten_thousand = 1", "must be a code such as F13"),
            ("[[step]]\nafter = \"1h\"\nstock = 0\nbalance = \"1\"", "must do one thing"),
            ("[[step]]\nafter = \"1h\"\nmachine = \"a\"\nstatus = \"UP\"", "must be one of ACTIVE"),
            ("[[step]]\nafter = \"1h\"\nflood = 1", "flood"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
