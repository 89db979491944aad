//! Alarms: what stops backups or deletions until somebody mends it, each with the next step.
//!
//! It only words what the state holds already.

use std::cell::LazyCell;

use serde::Serialize;

use super::command::Commands;
use super::status::word;
use super::stops::{self, Stop, StopKind};
use super::words::{cents, count, span};
use crate::domain::alert::matter::{Level, Matter, Purse};
use crate::domain::alert::purse::purses;
use crate::domain::backup::Life;
use crate::domain::fleet::Scope;
use crate::domain::halt::REFUSALS_THAT_HOLD;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// One word for a script.
    pub kind: &'static str,
    /// `None`: what it is about has no beginning that was written down.
    pub since: Option<Timestamp>,
    /// As the cloud put it, in part: to be made visible before it is shown.
    pub said: String,
}

/// What only the alerts know: what the balance comes to.
fn of_matter(matter: Matter, level: Level, purse: Option<&Purse>) -> Option<(&'static str, String)> {
    match matter {
        Matter::BalanceBlind => {
            Some(("balance_blind", "the balance cannot be read: nobody knows how long it lasts".to_owned()))
        }
        Matter::ListsBlind => {
            let said = "a listing cannot be read to its end while others can: what needs it waits";
            Some(("lists_blind", said.to_owned()))
        }
        Matter::Balance(currency) => {
            let said = match level {
                Level::Out => format!("no {currency} are left: machines and backups may go"),
                Level::Notice | Level::Warning | Level::Urgent | Level::Critical => {
                    let under = purse.and_then(|purse| Some((cents(purse.amount), cents(purse.floor?))));
                    let under = under.map(|(left, floor)| format!(", {left} under the floor of {floor}"));
                    format!("the {currency} credits run low{}: add to them", under.unwrap_or_default())
                }
            };
            Some(("credits_low", said))
        }
        Matter::KeyRefused
        | Matter::ApiUnreachable
        | Matter::DiskFull
        | Matter::BackupLate
        | Matter::BackupFailed
        | Matter::MachineDown
        | Matter::SecondDaemon
        | Matter::CreatesRefused
        | Matter::BackupsMissing
        | Matter::ForeignDeletion
        | Matter::DeletionsHeld
        | Matter::DayCapLow
        | Matter::ConfigurationRefused
        | Matter::Frozen
        | Matter::Paused
        | Matter::Observing => None,
    }
}

/// What stops everything is an alarm, but for what a person wanted.
fn of_stop(stop: Stop, is_frozen_by_itself: bool) -> Option<Alarm> {
    let kind = match stop.kind {
        StopKind::DiskFull
        | StopKind::CloudUnreachable
        | StopKind::KeyRefused
        | StopKind::AccountRefused
        | StopKind::BackupsMissing => stop.kind.word(),
        StopKind::Frozen if is_frozen_by_itself => "frozen_by_itself",
        StopKind::Frozen | StopKind::NoDaemon | StopKind::Observing | StopKind::Paused => return None,
    };
    Some(Alarm { kind, since: stop.since, said: stop.said })
}

/// What only the alerts know.
fn matters(state: &State, now: Timestamp, tell: &mut impl FnMut(&'static str, Option<Timestamp>, String)) {
    // Where nothing at all can be read, one bar is enough.
    let matters = state.alerts.active.iter().filter(|(matter, _)| !state.alerts.is_inhibited(**matter));
    let purses = LazyCell::new(|| purses(state, now));
    for (matter, active) in matters {
        let purse = match matter {
            Matter::Balance(currency) => purses.get(currency).and_then(Option::as_ref),
            _ => None,
        };
        if let Some((kind, said)) = of_matter(*matter, active.level, purse) {
            tell(kind, Some(active.since), said);
        }
    }
}

/// The gravest first.
pub fn alarms(state: &State, now: Timestamp, commands: &Commands) -> Vec<Alarm> {
    let by_itself = state.frozen.as_ref().is_some_and(|freeze| freeze.by_itself);
    let stops = stops::known(state, now, commands).into_iter();
    let mut alarms: Vec<Alarm> = stops.filter_map(|stop| of_stop(stop, by_itself)).collect();
    let mut tell = |kind, since, said| alarms.push(Alarm { kind, since, said });
    let halts = &state.halts;
    matters(state, now, &mut tell);
    for (backup, rival) in halts.rivals.iter().filter(|(_, rival)| !rival.is_settled) {
        let said = format!(
            "SECOND DAEMON: the name {backup} was taken before we used it; stop the other one, then adopt or disown its snapshot"
        );
        tell("second_daemon", Some(rival.since), said);
    }
    if let Some(halt) = &halts.credit {
        let said = format!(
            "not enough credit, {}: {}",
            count(halt.refusals as usize, "time", "times"),
            halt.refusal.words()
        );
        tell("no_credit", Some(halt.since), said);
    }
    for (policy, halt) in halts.policies.iter().filter(|(_, halt)| halt.refusals >= REFUSALS_THAT_HOLD) {
        let said = format!(
            "policy {policy} is held, {} refusals in a row: {}; asked once a day, or at once after `{}`",
            halt.refusals,
            halt.refusal.words(),
            commands.of("retry", &format!("--policy {}", word(policy.as_str())))
        );
        tell("policy_refused", Some(halt.since), said);
    }
    for (machine, known) in &halts.impossible {
        let said = format!(
            "machine {machine} cannot be snapshotted: {}; asked again when it changes, or after `{}`",
            known.refusal.words(),
            commands.of("retry", &format!("--machine {}", word(machine.as_str())))
        );
        tell("machine_impossible", Some(known.since), said);
    }
    if let Some((apart, since)) = state.wall.disagreement(state.rules().skew) {
        let said = format!(
            "our clock and the cloud's differ by {}: nothing is deleted until they agree; set this host's clock, or mend the proxy that answers with old dates",
            span(apart)
        );
        tell("clocks_differ", since, said);
    }
    if let Some((cap, due)) = state.outrun_day_cap(now) {
        let said = format!(
            "rules.day_cap = {cap}, and {} due in a day: deletions fall behind under one and a half times that; raise it, or leave it out",
            count(due as usize, "backup was", "backups were")
        );
        tell("day_cap_low", None, said);
    }
    listings(state, &mut tell);
    for snapshot in state.unreadable() {
        let parts = snapshot.unreadable.join(" and ");
        let said =
            format!("snapshot {} cannot be read ({parts}); deletions of its machine are held", snapshot.id);
        tell("unreadable", None, said);
    }
    for (id, backup) in state.backups.iter().filter(|(_, backup)| backup.life == Life::Bad) {
        let said = format!("backup {id} is bad and billed; only a person removes it");
        tell("bad_backup", Some(backup.taken_at), said);
    }
    alarms
}

/// Totals that are off, and what the cloud does not offer at all.
fn listings(state: &State, tell: &mut impl FnMut(&'static str, Option<Timestamp>, String)) {
    let scopes = [Scope::Machines, Scope::Snapshots, Scope::Images, Scope::Balance, Scope::Prices];
    for scope in scopes {
        let Some(look) = state.fleet.freshness(&scope) else { continue };
        if let Some(known) = &look.miscounted {
            let what = match known.believed {
                true => "its total is corrected by that",
                false => "no look at them is complete until it was off by the same for the settle time",
            };
            let said =
                format!("the cloud counts {} {} more than it shows; {what}", known.excess, scope.word());
            tell("total_off", Some(known.since), said);
        }
        // Nobody misses what is said not to be there.
        let is_said = scope == Scope::Images && state.says_no_images();
        if look.unavailable && !is_said {
            let what = scope.word();
            let said = format!(
                "the cloud does not offer this: {what}; if it does under another path, set cloud.paths.{what}"
            );
            tell("not_offered", None, said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::examples::alerts::told;
    use crate::domain::examples::world::World;
    use crate::domain::state::Freeze;
    use crate::domain::time::Seconds;

    #[test]
    fn a_freeze_that_began_alone_is_an_alarm_and_a_persons_is_none() {
        let kinds = |by_itself| {
            let (since, until) = (Timestamp::EPOCH, Timestamp::from_seconds(60));
            let reason = "3 of 3 machines were gone at once".to_owned();
            let frozen = Some(Freeze { until, since, reason, by_itself });
            let state = State { frozen, ..State::default() };
            alarms(&state, since, &Commands::default())
                .into_iter()
                .map(|alarm| alarm.kind)
                .collect::<Vec<_>>()
        };
        assert_eq!(kinds(true), ["frozen_by_itself"]);
        assert!(kinds(false).is_empty());
    }

    #[test]
    fn credits_under_a_floor_are_told_with_it() {
        let mut world = told();
        world.see_balance(49);
        world.tell();
        let alarms = alarms(&world.state, world.now, &Commands::default());
        let said = "the USD credits run low, 49.00 under the floor of 50.00: add to them";
        assert!(alarms.iter().any(|alarm| alarm.said == said), "{alarms:?}");
    }

    #[test]
    fn images_that_are_not_offered_are_an_alarm_unless_there_are_said_to_be_none() {
        let mut world = World::new(1);
        world.state.fleet.image_look.unavailable = true;
        let told = |world: &World| {
            let alarms = alarms(&world.state, world.now, &Commands::default());
            alarms.iter().any(|alarm| alarm.kind == "not_offered")
        };
        assert!(told(&world));
        world.adopt(|set| set.images = crate::domain::policy::Images::Absent);
        assert!(!told(&world));
    }

    #[test]
    fn a_day_cap_that_this_fleet_outruns_is_an_alarm() {
        let said = |cap| {
            let mut world = World::new(4);
            world.adopt(|set| set.rules.day_cap = Some(cap));
            world.look_at_all();
            world.wait(Seconds::days(2));
            let alarms = alarms(&world.state, world.now, &Commands::default());
            alarms.into_iter().find(|alarm| alarm.kind == "day_cap_low").map(|alarm| alarm.said)
        };
        assert_eq!(said(6), None);
        let low = "rules.day_cap = 5, and 4 backups were due in a day: deletions fall behind under one and a half times that; raise it, or leave it out";
        assert_eq!(said(5).as_deref(), Some(low));
    }
}
