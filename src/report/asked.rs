//! What people said and what is still to come of it: pins, holds, thaws, and requests by hand.

use std::collections::BTreeMap;

use serde::Serialize;

use super::command::Commands;
use super::foreign::{harmless, visible};
use super::status::machine_name;
use super::stops;
use super::words;
use crate::domain::backup::{Backup, Life};
use crate::domain::draft::Hold;
use crate::domain::effect::Standing;
use crate::domain::id::{AskId, BackupId, MachineId};
use crate::domain::outlook::asked_create_held;
use crate::domain::preview::rule_that_keeps;
use crate::domain::rail::Rail;
use crate::domain::slot::Held;
use crate::domain::state::{Request, State};
use crate::domain::time::Timestamp;

/// A backup that a person keeps.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    pub backup: BackupId,
    pub machine: MachineId,
    pub machine_name: String,
    pub pinned: bool,
    pub held_until: Option<Timestamp>,
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Requested {
    pub verb: &'static str,
    pub backup: BackupId,
    pub machine: MachineId,
    pub asked_at: Timestamp,
    /// It ends by itself then, if nothing came of it.
    pub given_up_at: Timestamp,
    pub overrides: Vec<&'static str>,
    /// What holds it, as far as that is known; a rail may be overridden by asking again once it ended.
    pub held: Option<String>,
}

/// A machine whose old backups may expire though it has no young one.
#[derive(Clone, Debug, Serialize)]
pub struct Thawed {
    pub machine: MachineId,
    pub keep: u32,
    pub reason: String,
}

/// Made by hand, or adopted; such a backup stands on no shelf.
pub fn good_of_no_policy(state: &State) -> usize {
    state.backups.values().filter(|backup| backup.slot.is_none() && backup.life == Life::Good).count()
}

pub fn kept(state: &State, now: Timestamp) -> Vec<Kept> {
    let kept = |(id, backup): (&BackupId, &Backup)| Kept {
        backup: id.clone(),
        machine: backup.machine.clone(),
        machine_name: machine_name(state, &backup.machine),
        pinned: backup.pinned,
        held_until: backup.held.as_ref().map(|hold| hold.until),
        reason: backup.held.as_ref().map(|hold| hold.reason.clone()),
    };
    state.backups.iter().filter(|(_, backup)| backup.is_protected(now)).map(kept).collect()
}

pub fn requests(
    state: &State,
    now: Timestamp,
    holds: &BTreeMap<BackupId, Hold>,
    commands: &Commands,
) -> Vec<Requested> {
    let requested = |(_, request): (&AskId, &Request)| {
        let verb = &request.effect.verb;
        Requested {
            verb: if verb.is_create() { "create" } else { "delete" },
            backup: verb.backup().clone(),
            machine: verb.machine().clone(),
            asked_at: request.asked_at,
            given_up_at: request.lapses_at(),
            overrides: request.overrides.iter().map(|rail: &Rail| rail.word()).collect(),
            held: waits_for(state, now, request, holds.get(verb.backup()), commands).or_else(|| {
                let is_asked = state.effects.contains_key(&request.effect.id);
                is_asked.then(|| "the cloud was asked; a look must agree".to_owned())
            }),
        }
    };
    state.requests.iter().map(requested).collect()
}

/// What stands in the way of a request; `None`: nothing does, or nobody knows what.
pub fn waits_for(
    state: &State,
    now: Timestamp,
    request: &Request,
    hold: Option<&Hold>,
    commands: &Commands,
) -> Option<String> {
    let mut stops = stops::known(state, now, commands).into_iter();
    if let Some(stop) = stops.find(|stop| stop.kind.is_beyond_the_plan()) {
        return Some(harmless(&stop.said));
    }
    let after_a_look = |said: String| match state.fleet.broke_off() {
        Some(why) => format!("{said}; the last look failed: {}", visible(why)),
        None => said,
    };
    match state.effects.get(&request.effect.id).map(|life| &life.standing) {
        Some(Standing::NotSent { .. }) => {
            return Some(after_a_look("it was not sent, and is asked again".to_owned()));
        }
        Some(Standing::Absent { .. }) => return Some("the cloud does not show it; asked again".to_owned()),
        Some(_) => return None,
        None => {}
    }
    if request.effect.verb.is_create() {
        let held = asked_create_held(state, now, request)?;
        let said = words::held(&held);
        return Some(if held == Held::Unseen { after_a_look(said) } else { said });
    }
    let hold = hold?;
    if *hold == Hold::Kept
        && let Some(rule) = rule_that_keeps(state, now, request.effect.verb.backup())
    {
        return Some(format!("asked for by hand, and a rule keeps it ({}): --override kept", visible(&rule)));
    }
    if *hold == Hold::Protected {
        return Some(protected(state, now, request.effect.verb.backup()));
    }
    let said = words::hold(hold, commands);
    Some(if *hold == Hold::LookFirst { after_a_look(said) } else { said })
}

/// What protects the one that a person asked to delete.
fn protected(state: &State, now: Timestamp, id: &BackupId) -> String {
    let backup = state.backups.get(id);
    let held = backup.and_then(|backup| backup.held.as_ref()).filter(|hold| now < hold.until);
    if backup.is_some_and(|backup| backup.pinned) {
        "it is pinned".to_owned()
    } else if let Some(hold) = held {
        format!("it is held until {}", words::instant(hold.until))
    } else if state.missing().any(|(_, owner, _)| owner == id) {
        "no list of the cloud's shows it any more".to_owned()
    } else {
        "it is not what it was when its deletion was asked for".to_owned()
    }
}

impl Requested {
    /// What it waits for, and until when.
    pub fn waits(&self) -> String {
        let held = self.held.as_deref().unwrap_or("goes with the next pass that may");
        format!("{held}; given up {} if nothing came of it", words::instant(self.given_up_at))
    }
}

pub fn thawed(state: &State) -> Vec<Thawed> {
    let thawed = state.thawed.iter().map(|(machine, thaw)| Thawed {
        machine: machine.clone(),
        keep: thaw.keep,
        reason: thaw.reason.clone(),
    });
    thawed.collect()
}
