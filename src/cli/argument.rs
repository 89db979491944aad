//! Arguments as types that cannot be wrong: spans, dialects, faults, instants.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};
use jiff::tz::TimeZone;

use crate::config::span;
use crate::domain::ask::LONGEST_REASON;
use crate::domain::policy::Keep;
use crate::domain::rail::Rail;
use crate::domain::reach::Reach;
use crate::domain::schedule;
use crate::domain::time::{Seconds, Timestamp};
use crate::sim::dialect::Dialect;
use crate::sim::fault_plan::FaultPlan;

/// Nothing is simulated, frozen or waited for longer.
const LONGEST: Seconds = Seconds::days(3_650);

/// A set of faults that the simulated cloud knows, or one class of them alone; completion lists the sets.
#[derive(Clone, Copy, Debug)]
pub struct Faults;

impl TypedValueParser for Faults {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let rule = "must be none, typical, hostile or swarm, or the code of one class alone, such as F13";
        let known = |text: &str| {
            let plan = FaultPlan::named(text, 0, Timestamp::EPOCH);
            plan.map(|_| text.to_owned()).ok_or_else(|| rule.to_owned())
        };
        TypedValueParser::parse_ref(&known, command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(["none", "typical", "hostile", "swarm"].into_iter().map(PossibleValue::new)))
    }
}

pub fn span(text: &str) -> Result<Seconds, String> {
    match span::seconds(text)? {
        Seconds(0) => Err("must be longer than nothing".to_owned()),
        long if long > LONGEST => Err(format!("must be at most {LONGEST}")),
        span => Ok(span),
    }
}

/// A few words that whoever reads the journal later can use.
pub fn reason(text: &str) -> Result<String, String> {
    match text.chars().count() {
        _ if text.trim().is_empty() => Err("must say something".to_owned()),
        long if long > LONGEST_REASON => Err(format!("must be at most {LONGEST_REASON} characters")),
        _ => Ok(text.to_owned()),
    }
}

/// As in the configuration: a positive number, `all` or -1.
pub fn keep(text: &str) -> Result<Keep, String> {
    match text.parse::<i64>() {
        _ if text == "all" => Ok(Keep::All),
        Ok(-1) => Ok(Keep::All),
        Ok(0) => Err("must be at least 1; leave the rule out to keep none by it".to_owned()),
        number => number
            .ok()
            .and_then(|number| u32::try_from(number).ok())
            .map(Keep::Count)
            .ok_or_else(|| "must be a positive whole number, or `all` (or -1)".to_owned()),
    }
}

pub fn reach(text: &str) -> Result<Reach, String> {
    text.parse()
}

pub fn zone(text: &str) -> Result<TimeZone, String> {
    schedule::zone(text).map_err(|_| "is not in the IANA database; such as UTC or Europe/Berlin".to_owned())
}

/// The end of a day in UTC, or an instant.
pub fn end_of(text: &str) -> Result<Timestamp, String> {
    const RULE: &str = "must be a day such as 2033-12-31, or an instant as RFC 3339";
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let day: jiff::civil::Date = text.parse().map_err(|_| RULE.to_owned())?;
    let next = day.tomorrow().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC));
    next.map(|at| Timestamp::from(at.timestamp())).map_err(|_| RULE.to_owned())
}

pub fn rail(text: &str) -> Result<Rail, String> {
    let all: Vec<&str> = Rail::ALL.into_iter().map(Rail::word).collect();
    Rail::parse(text).ok_or_else(|| {
        format!("must be one of {}; no override reaches a hold, a pin or a proven link", all.join(", "))
    })
}

/// The name of a dialect; its help and the completion list all of them.
#[derive(Clone, Copy, Debug)]
pub enum Dialects {
    /// Those that need no configuration.
    Untold,
    Any,
}

impl Dialects {
    fn names(self) -> Vec<&'static str> {
        match self {
            Self::Untold => Dialect::names(),
            Self::Any => [Dialect::names(), Dialect::told_names()].concat(),
        }
    }
}

impl TypedValueParser for Dialects {
    type Value = String;

    /// The seed is needed only to know what `seeded` comes to.
    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let parser = *self;
        let known = move |text: &str| {
            let dialect = Dialect::named(text, 0);
            let is_fit = |dialect: &Dialect| matches!(parser, Self::Any) || !dialect.must_be_told();
            dialect.filter(is_fit).map(|_| text.to_owned()).ok_or_else(|| one_of(&parser.names()))
        };
        TypedValueParser::parse_ref(&known, command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names().into_iter().map(PossibleValue::new)))
    }
}

fn one_of(names: &[&str]) -> String {
    format!("must be one of {}, or some that can be at once, joined by +", names.join(", "))
}

pub fn instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "must be an instant as RFC 3339, such as 2026-03-01T00:00:00Z".to_owned())
}
