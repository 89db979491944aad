//! `[[policy]]`: what is backed up, when, and how long it is kept, each setting judged on its own.
//!
//! It knows no machine: which ones the patterns match is seen by looks.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use toml::de::DeValue;

use super::relations::never_starts;
use super::schema::Kind;
use super::section::{Found, Notes, Section};
use super::value::integer;
use super::{selection, timing};
use crate::domain::id::PolicyName;
use crate::domain::policy::{Keep, Mode, Preset, Retention, Rules};
use crate::domain::reach::Reach;
use crate::domain::schedule::{Schedule, ScheduleError, zone};
use crate::domain::selection::Selection;
use crate::domain::timing::Timing;

#[derive(Clone, Debug)]
pub struct PolicySetting {
    pub name: PolicyName,
    /// Its own, or that of the whole.
    pub mode: Mode,
    pub machines: Vec<String>,
    /// As written; `schedule` is what it means.
    pub cron: String,
    /// As the database spells it.
    pub timezone: String,
    pub schedule: Schedule,
    pub may_restart: bool,
    pub retention: Retention,
    pub selection: Selection,
    pub timing: Timing,
    /// Names that it had before.
    pub was: BTreeSet<PolicyName>,
}

/// Policies in the order of the file. `whole` is `None` where the mode itself is at fault.
pub fn read(
    sections: Vec<Section<'_>>,
    whole: Option<Mode>,
    rules: &Rules,
    notes: &mut Notes<'_>,
) -> Vec<PolicySetting> {
    let mut names = BTreeSet::new();
    let mut policies = Vec::new();
    let mut earlier = Vec::new();
    for section in sections {
        policies.extend(read_one(section, (whole, rules), &mut names, &mut earlier, notes));
    }
    judge_earlier(&earlier, &names, notes);
    policies
}

/// Each older name belongs to one policy, and is the name of none.
fn judge_earlier(earlier: &[Found<&str>], names: &BTreeSet<PolicyName>, notes: &mut Notes<'_>) {
    let mut seen = BTreeSet::new();
    for found in earlier {
        if names.contains(&PolicyName::new(found.value)) {
            notes.refuse(found, "is the name of a policy in this file");
        } else if !seen.insert(found.value) {
            notes.refuse(found, "was named before: one policy alone can be what it became");
        }
    }
}

fn read_one<'a>(
    mut section: Section<'a>,
    (whole, rules): (Option<Mode>, &Rules),
    names: &mut BTreeSet<PolicyName>,
    earlier: &mut Vec<Found<&'a str>>,
    notes: &mut Notes<'_>,
) -> Option<PolicySetting> {
    let name = section.required_text("name", notes).and_then(|found| name(&found, names, notes));
    if let Some(name) = &name {
        section.rename(format!("policy \"{name}\""));
    }
    if section.is_absent("machines") {
        notes.missing(
            &section,
            "machines",
            "it must be a list of names or patterns, such as [\"trainer-*\"]",
        );
    }
    let machines = section.texts("machines", notes).map(|found| patterns(found, notes));
    let selection = selection::read(&mut section, notes);
    let was = was(&mut section, earlier, notes);
    let zone_found = match section.text("timezone", notes) {
        Some(found) => timezone(&found, notes),
        None if section.is_absent("timezone") => Some(TimeZone::UTC),
        None => None,
    };
    let cron = section.required_text("schedule", notes);
    // A bad zone must not hide a bad schedule.
    let schedule_zone = zone_found.clone().unwrap_or(TimeZone::UTC);
    let schedule = cron.as_ref().and_then(|found| schedule(found, schedule_zone, notes));
    if section.is_absent("may_restart") {
        let rule = "true or false: a snapshot may restart the machine, so say whether it may";
        notes.missing(&section, "may_restart", rule);
    }
    let may_restart = section.boolean("may_restart", notes);
    let timing = timing::read(&mut section, notes);
    if let (Some(schedule), Some(timing)) = (&schedule, &timing)
        && never_starts(schedule, timing, rules)
        && let Some(found) = section.take("window")
    {
        notes.refuse(
            &found,
            "is closed whenever a slot could start: the schedule and what is caught up never meet it",
        );
    }
    let mode = mode(&mut section, whole, notes);
    let retention = retention(&mut section, notes);
    section.finish(notes);
    let zone_found = zone_found?;
    Some(PolicySetting {
        name: name?,
        mode: mode.or(whole)?,
        machines: machines?,
        cron: cron?.value.trim().to_owned(),
        timezone: zone_found.iana_name().unwrap_or("UTC").to_owned(),
        schedule: schedule?,
        may_restart: may_restart?.value,
        retention: retention?,
        selection: selection?,
        timing: timing?,
        was,
    })
}

fn name(found: &Found<&str>, names: &mut BTreeSet<PolicyName>, notes: &mut Notes<'_>) -> Option<PolicyName> {
    let name = plain_name(found, notes)?;
    if !names.insert(name.clone()) {
        notes.refuse(found, "is the name of another policy already");
        return None;
    }
    Some(name)
}

fn plain_name(found: &Found<&str>, notes: &mut Notes<'_>) -> Option<PolicyName> {
    let text = found.value;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=40).contains(&text.len()) || !text.bytes().all(is_plain) {
        notes.refuse(found, "must be 1 to 40 letters, digits, `-` or `_`");
        return None;
    }
    Some(PolicyName::new(text))
}

fn was<'a>(
    section: &mut Section<'a>,
    earlier: &mut Vec<Found<&'a str>>,
    notes: &mut Notes<'_>,
) -> BTreeSet<PolicyName> {
    let found = section.texts("was", notes).unwrap_or_default();
    let names = found.iter().filter_map(|one| plain_name(one, notes)).collect();
    earlier.extend(found);
    names
}

pub fn patterns(found: Vec<Found<&str>>, notes: &mut Notes<'_>) -> Vec<String> {
    const LONGEST: usize = 200;
    for one in found.iter().filter(|one| one.value.chars().count() > LONGEST) {
        notes.refuse(one, format!("must have at most {LONGEST} characters"));
    }
    found.into_iter().map(|one| one.value.to_owned()).collect()
}

fn timezone(found: &Found<&str>, notes: &mut Notes<'_>) -> Option<TimeZone> {
    let known = zone(found.value).ok();
    if known.is_none() {
        notes.refuse(found, "is not in the IANA database; such as \"UTC\" or \"Europe/Berlin\"");
    }
    known
}

fn schedule(found: &Found<&str>, zone: TimeZone, notes: &mut Notes<'_>) -> Option<Schedule> {
    match Schedule::in_zone(found.value, zone) {
        Ok(schedule) => return Some(schedule),
        Err(ScheduleError::Expression { rule, .. }) => notes.refuse(found, rule),
        Err(ScheduleError::Never { .. }) => notes.refuse(found, "names no day within 8 years"),
        // The zone was found before.
        Err(error @ ScheduleError::Zone { .. }) => notes.refuse(found, error.to_string()),
    }
    None
}

fn mode(section: &mut Section<'_>, whole: Option<Mode>, notes: &mut Notes<'_>) -> Option<Mode> {
    let found = section.word("mode", &super::MODES, notes)?;
    if let Some(whole) = whole
        && found.value > whole
    {
        let rule = format!("must not be laxer than the whole, which is \"{}\"", whole.word());
        notes.refuse(&found, rule);
    }
    Some(found.value)
}

fn retention(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<Retention> {
    let before = notes.faults.len();
    let mut inner = section.within("retention", notes);
    let preset = inner.word("preset", &Preset::NAMED, notes);
    let mut retention = Retention::default();
    let counts = [
        ("keep_last", &mut retention.keep_last),
        ("keep_hourly", &mut retention.keep_hourly),
        ("keep_daily", &mut retention.keep_daily),
        ("keep_weekly", &mut retention.keep_weekly),
        ("keep_monthly", &mut retention.keep_monthly),
        ("keep_yearly", &mut retention.keep_yearly),
    ];
    for (key, place) in counts {
        *place = keep(&mut inner, key, notes);
    }
    let reaches = [
        ("keep_within", &mut retention.keep_within),
        ("keep_within_hourly", &mut retention.keep_within_hourly),
        ("keep_within_daily", &mut retention.keep_within_daily),
        ("keep_within_weekly", &mut retention.keep_within_weekly),
        ("keep_within_monthly", &mut retention.keep_within_monthly),
        ("keep_within_yearly", &mut retention.keep_within_yearly),
    ];
    for (key, place) in reaches {
        *place = reach(&mut inner, key, notes);
    }
    if let Some(preset) = preset {
        if retention.has_rule() {
            notes.refuse(
                &preset,
                "must stand alone: it is a set of rules; leave it out, or every keep_* word",
            );
        }
        retention = preset.value.retention();
    }
    retention.delete_after = reach(&mut inner, "delete_after", notes);
    if !retention.has_rule() && notes.faults.len() == before {
        let fate = match retention.delete_after {
            Some(limit) => format!("every backup is kept and billed until it is older than {limit}"),
            None => "every backup is kept and billed".to_owned(),
        };
        notes.warn(&inner.span, format!("{} has no rule: {fate}", inner.path_of("keep_*")));
    }
    inner.finish(notes);
    (notes.faults.len() == before).then_some(retention)
}

fn reach(section: &mut Section<'_>, key: &'static str, notes: &mut Notes<'_>) -> Option<Reach> {
    section.learn(key, Kind::Reach, notes);
    let found = section.take(key)?;
    let DeValue::String(text) = found.value else {
        notes.refuse(&found, "must be a reach in quotes, such as \"7d\" or \"1y6m\"");
        return None;
    };
    text.parse().map_err(|rule: String| notes.refuse(&found, rule)).ok()
}

fn keep(section: &mut Section<'_>, key: &'static str, notes: &mut Notes<'_>) -> Option<Keep> {
    section.learn(key, Kind::Keep, notes);
    let found = section.take(key)?;
    let is_all = matches!(found.value, DeValue::String(text) if text == "all");
    let number = integer(found.value);
    match number.map(u32::try_from) {
        _ if is_all || number == Some(-1) => return Some(Keep::All),
        Some(Ok(count @ 1..)) => return Some(Keep::Count(count)),
        Some(Ok(0)) => notes.refuse(&found, "must be at least 1; leave the rule out to keep none by it"),
        _ => notes.refuse(&found, "must be a positive whole number, or \"all\" (or -1)"),
    }
    None
}
