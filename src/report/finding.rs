//! Findings: what somebody should look at, for a script that asks `status --check`.

use std::collections::BTreeSet;

use super::failing::{self, FailingLooks};
use super::foreign::{harmless, visible};
use super::refused;
use super::status::Status;
use super::words::{count, instant, span};
use crate::domain::cover::{Lateness, covers};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// Where somebody may read the journal, and neither its lock nor its socket.
pub const UNTOLD: &str =
    "whether a daemon is at work on this journal cannot be told: ask as its user or as root";

/// One sentence each, the gravest first. None: all is as it should be.
pub fn findings(state: &State, now: Timestamp, status: &Status) -> Vec<String> {
    let mut found = Vec::new();
    // What a simulation left behind has no daemon, and is not meant to have one.
    if !status.simulated {
        match status.daemon_runs {
            Some(true) => {}
            Some(false) => found
                .push("no daemon is at work on this journal: nothing is backed up until one is".to_owned()),
            None => found.push(UNTOLD.to_owned()),
        }
    }
    found.extend(status.alarms.iter().map(|alarm| one_line(&alarm.said)));
    if !failing::are_explained(&status.stops) {
        found.extend(failing::for_long(state, now).iter().map(FailingLooks::said));
    }
    if status.mode.is_none() {
        found.push("no policies were adopted yet".to_owned());
    }
    if status.observing {
        found.push("observing: nothing is backed up".to_owned());
    }
    let covers = covers(state, now);
    let late = covers.iter().filter(|(_, cover)| cover.lateness(now) == Lateness::Late);
    found.extend(late.map(|((policy, machine), cover)| {
        let name = visible(&super::status::machine_name(state, machine));
        let age = match cover.newest_good {
            Some((taken_at, _)) => format!("its newest good backup is {} old", span(now.since(taken_at))),
            None => "it has no good backup".to_owned(),
        };
        format!("{name} under policy {}: {age}", visible(policy.as_str()))
    }));
    let covered = covers.iter().filter(|(_, cover)| cover.expected.is_some());
    let covered: BTreeSet<_> = covered.map(|((_, machine), _)| *machine).collect();
    let there = state.fleet.machines.iter().filter(|(_, known)| known.missing_since.is_none());
    found.extend(there.filter(|(id, _)| !covered.contains(id)).map(|(id, known)| {
        format!("no policy is for machine {} ({})", visible(&known.item.name), visible(id.as_str()))
    }));
    found.extend(status.machines_down.iter().map(|down| {
        format!(
            "{} did not come back from its backup: {}",
            visible(&down.machine_name),
            visible(&down.status)
        )
    }));
    let waiting = state.awaiting_approval(now).count();
    if waiting > 0 {
        let waiting = count(waiting, "deletion waits", "deletions wait");
        found.push(format!("{waiting} for a person: {}", status.commands.of("plan approve", "--all")));
    }
    if !status.suspects.is_empty() {
        let suspects = match status.suspects.len() {
            1 => "1 snapshot looks like ours and is".to_owned(),
            many => format!("{many} snapshots look like ours and are"),
        };
        found.push(format!("{suspects} not in the journal"));
    }
    if let Some(frozen) = &status.frozen {
        let reason = visible(&frozen.reason);
        found.push(format!("deletions are frozen until {}: {reason}", instant(frozen.until)));
    }
    if let Some(until) = status.paused_until {
        found.push(format!("policies are paused until {}", instant(until)));
    }
    found.extend(of_the_file(status));
    found
}

/// What became of a configuration that was edited.
fn of_the_file(status: &Status) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(refused) = &status.refused_file {
        let until_mended = refused::until_mended(status.daemon_runs);
        found.push(format!("{} was refused: {until_mended}", visible(&refused.file)));
    }
    if !status.restart_needed.is_empty() {
        found.push(format!("a restart is needed for {}", visible(&status.restart_needed.join(", "))));
    }
    found
}

fn one_line(text: &str) -> String {
    harmless(text).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::examples::world::World;
    use crate::domain::fleet::MachineStatus;
    use crate::domain::policy::Mode;
    use crate::domain::time::Seconds;
    use crate::report::command::Commands;
    use crate::report::status::Source;

    fn found(world: &World) -> Vec<String> {
        let source = Source {
            simulated: true,
            seq: 0,
            hash: String::new(),
            last_event_at: None,
            daemon_runs: Some(true),
            commands: Commands::default(),
        };
        findings(&world.state, world.now, &Status::of(&world.state, world.now, source))
    }

    #[test]
    fn what_is_fresh_finds_nothing_and_what_is_late_uncovered_or_observing_is_found() {
        let mut world = World::new(1);
        world.take_all();
        assert_eq!(found(&world), Vec::<String>::new());
        world.wait(Seconds::days(3));
        assert!(found(&world)[0].contains("its newest good backup is 3 d"), "{:?}", found(&world));
        world.adopt(|set| {
            set.mode = Mode::Observe;
            set.policies.clear();
        });
        let found = found(&world);
        assert_eq!(found[0], "observing: nothing is backed up");
        assert!(found[1].starts_with("no policy is for machine trainer-1"), "{found:?}");
    }

    #[test]
    fn looks_that_fail_for_long_are_found_and_one_that_failed_is_not() {
        let mut world = World::new(1);
        world.take_all();
        let looked = world.now;
        let mut found_after = |minutes, failures| {
            let look = &mut world.state.fleet.machine_look;
            (look.complete, look.failures) = (Some(looked), failures);
            look.tried = Some(looked + Seconds::minutes(minutes));
            look.broke_off = Some("connect: refused".to_owned());
            world.now = looked + Seconds::minutes(minutes);
            found(&world)
        };
        assert_eq!(found_after(20, 3), Vec::<String>::new(), "it is five minutes' pace and 15 more");
        assert_eq!(found_after(21, 1), Vec::<String>::new(), "one alone");
        let found = found_after(21, 2);
        assert!(found.len() == 1 && found[0].starts_with("the last look at machines failed at"), "{found:?}");
    }

    #[test]
    fn a_machine_that_sleeps_is_not_late_and_is_once_it_wakes() {
        let mut world = World::new(1);
        world.take_all();
        let mut found_as = |status: MachineStatus, days| {
            world.cloud.machines.values_mut().for_each(|machine| machine.status = status.clone());
            world.look_at_all();
            world.wait(Seconds::days(days));
            found(&world)
        };
        assert_eq!(found_as(MachineStatus::Hibernated, 3), Vec::<String>::new());
        assert!(found_as(MachineStatus::Active, 0)[0].contains("its newest good backup is 3 d"));
    }
}
