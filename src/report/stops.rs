//! Stops: what keeps everything from being made or from being deleted now, each in one sentence.
//!
//! The status, the plan and every explanation say the same, and say it from here.

use std::collections::BTreeSet;

use serde::Serialize;

use super::command::Commands;
use super::foreign::{harmless, visible};
use super::table::{Paper, Tone};
use super::words::{count, instant, would_be_taken};
use crate::domain::alert::matter::Matter;
use crate::domain::id::BackupId;
use crate::domain::policy::Mode;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    pub kind: StopKind,
    /// `None`: it has no beginning that was written down.
    pub since: Option<Timestamp>,
    /// With words of the cloud or of a person in it: to be made visible before it is shown.
    pub said: String,
    pub stops_creates: bool,
    pub stops_deletes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopKind {
    NoDaemon,
    DiskFull,
    CloudUnreachable,
    KeyRefused,
    Observing,
    Paused,
    AccountRefused,
    Frozen,
    BackupsMissing,
}

impl StopKind {
    pub fn word(self) -> &'static str {
        match self {
            Self::NoDaemon => "no_daemon",
            Self::DiskFull => "disk_full",
            Self::CloudUnreachable => "cloud_unreachable",
            Self::KeyRefused => "key_refused",
            Self::Observing => "observing",
            Self::Paused => "paused",
            Self::AccountRefused => "account_refused",
            Self::Frozen => "frozen",
            Self::BackupsMissing => "backups_missing",
        }
    }

    /// The planner knows nothing of it: what it proposes waits all the same.
    pub fn is_beyond_the_plan(self) -> bool {
        match self {
            Self::NoDaemon | Self::DiskFull | Self::CloudUnreachable | Self::KeyRefused => true,
            Self::Observing | Self::Paused | Self::AccountRefused | Self::Frozen | Self::BackupsMissing => {
                false
            }
        }
    }

    /// No look can be made.
    pub fn blinds(self) -> bool {
        matches!(self, Self::CloudUnreachable | Self::KeyRefused)
    }
}

/// What the journal cannot know of the process that writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The journal is of a simulated cloud.
    pub simulated: bool,
    /// A process holds the journal, or answers for it. `None`: that cannot be told, and stops nothing.
    pub runs: Option<bool>,
    pub commands: Commands,
}

impl Stop {
    fn all(kind: StopKind, since: Option<Timestamp>, said: impl Into<String>) -> Self {
        Self { kind, since, said: said.into(), stops_creates: true, stops_deletes: true }
    }

    /// `KEY REFUSED since 2026-03-01 02:00:07: the cloud refuses the key`
    pub fn line(&self) -> String {
        let kind = self.kind.word().replace('_', " ").to_uppercase();
        let since = self.since.map_or_else(String::new, |at| format!(" since {}", instant(at)));
        // One line: a message of the cloud's must not begin another.
        format!("{kind}{since}: {}", harmless(&self.said).replace('\n', " "))
    }
}

/// The gravest first.
pub fn stops(state: &State, now: Timestamp, writer: &Writer) -> Vec<Stop> {
    let nobody = (writer.runs == Some(false)).then(|| match writer.simulated {
        true => Stop::all(
            StopKind::NoDaemon,
            None,
            "the simulation is over, and nothing goes on with this journal",
        ),
        false => Stop::all(
            StopKind::NoDaemon,
            None,
            "none is at work on this journal: nothing is backed up or deleted until one is",
        ),
    });
    nobody.into_iter().chain(known(state, now, &writer.commands)).collect()
}

/// Those that the journal tells of.
pub fn known(state: &State, now: Timestamp, commands: &Commands) -> Vec<Stop> {
    let mut stops = Vec::new();
    // What is better already stops nothing, though its alert waits a while before it ends.
    let active = |matter| state.alerts.active.get(&matter).filter(|active| active.easing.is_none());
    let since = |matter: Matter| active(matter).map(|active| active.since);
    if let Some(since) = since(Matter::DiskFull) {
        let said =
            "the disk of the journal is nearly full: nothing new is asked of the cloud until there is room";
        stops.push(Stop::all(StopKind::DiskFull, Some(since), said));
    }
    // A cloud that refuses the key was reached.
    if let Some(told) = since(Matter::ApiUnreachable).filter(|_| state.key_refused.is_none()) {
        // The alarm begins a while after the last look that worked.
        let since = state.alerts.unreached_since.unwrap_or(told);
        let because = state.fleet.broke_off().map(|why| format!(" ({})", visible(why)));
        let said =
            format!("the cloud cannot be reached{}: nothing is backed up", because.unwrap_or_default());
        stops.push(Stop::all(StopKind::CloudUnreachable, Some(since), said));
    }
    if let Some(refused) = &state.key_refused {
        let said = format!(
            "the cloud refuses the key (HTTP {}); nothing is backed up; whether it is the key, or the header \
             that it goes in, tells `{} --api`",
            refused.status,
            commands.doctor()
        );
        stops.push(Stop::all(StopKind::KeyRefused, Some(refused.since), said));
    }
    if state.adopted.is_some() && state.mode() == Mode::Observe {
        let would = would_be_taken(state.observed_slots());
        let said = format!("nothing is backed up and nothing is deleted; {would}");
        stops.push(Stop::all(StopKind::Observing, None, said));
    }
    if let Some(until) = state.paused(now) {
        let said = format!("policies make and delete nothing until {}", instant(until));
        stops.push(Stop::all(StopKind::Paused, None, said));
    }
    if let Some(halt) = &state.halts.account {
        let said = format!(
            "no creates: {}; asked once a day, or at once after `{}`",
            halt.refusal.words(),
            commands.of("retry", "--account")
        );
        let stop = Stop::all(StopKind::AccountRefused, Some(halt.since), said);
        stops.push(Stop { stops_deletes: false, ..stop });
    }
    if let Some(freeze) = state.frozen.as_ref().filter(|freeze| now < freeze.until) {
        let (until, reason) = (instant(freeze.until), &freeze.reason);
        let said = match freeze.by_itself {
            true => format!(
                "nothing is deleted until {until}: frozen by itself, {reason}; look first at `{}`, at `{}` \
                 and at the cloud's own console, and end it with `{}` only if that was meant",
                commands.verb("snapshots list --state vanished"),
                commands.verb("machines list"),
                commands.verb("thaw")
            ),
            false => format!("nothing is deleted until {until}: {reason}"),
        };
        let stop = Stop::all(StopKind::Frozen, Some(freeze.since), said);
        stops.push(Stop { stops_creates: false, ..stop });
    }
    stops.extend(doubt(state));
    stops
}

/// Much of ours is in no list any more, and that is not believed yet: what else is told of it stands as before.
fn doubt(state: &State) -> Option<Stop> {
    let since = state.fleet.doubtful_since?;
    let missing: BTreeSet<&BackupId> = state.missing().map(|(_, backup, _)| backup).collect();
    let said = format!(
        "{} in no list of the cloud's any more: look there; after a day of such lists it is believed, and \
         nothing is deleted until then",
        count(missing.len(), "backup of ours is", "backups of ours are")
    );
    Some(Stop { stops_creates: false, ..Stop::all(StopKind::BackupsMissing, Some(since), said) })
}

/// One line for each, and nothing where nothing stops.
pub fn text<'a>(stops: impl IntoIterator<Item = &'a Stop>, paper: Paper) -> String {
    let line = |stop: &Stop| format!("{}\n", paper.toned(&paper.wrap(&stop.line()), Tone::Warning));
    stops.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::matter::Level;
    use crate::domain::alert::standing::Active;
    use crate::domain::ask::Ask;
    use crate::domain::backup::Life;
    use crate::domain::examples::world::World;
    use crate::domain::state::KeyRefusal;
    use crate::domain::time::Seconds;
    use crate::report::plan::Planned;
    use crate::report::plan_text;
    use crate::report::status::{Source, Status};
    use crate::report::status_text;

    #[test]
    fn status_and_plan_say_what_stops_in_the_same_words() {
        let mut world = World::new(1);
        world.wait_for_slot();
        world.look_at_all();
        let until = world.now + Seconds::hours(2);
        world.ask(Ask::Freeze { until, reason: "an audit\n\x1b[2J".to_owned() });
        world.ask(Ask::Pause { until });
        let source = Source {
            simulated: false,
            seq: 0,
            hash: String::new(),
            last_event_at: None,
            daemon_runs: Some(false),
            commands: Commands::default(),
        };
        let status = status_text::text(&Status::of(&world.state, world.now, source), Paper::default());
        let writer = Writer { simulated: false, runs: Some(false), commands: Commands::default() };
        let planned = Planned::of(&world.state, world.now, &writer);
        let plan = plan_text::text(&planned, Paper::default());
        let kinds: Vec<&str> = planned.stops.iter().map(|stop| stop.kind.word()).collect();
        assert_eq!(kinds, ["no_daemon", "paused", "frozen"]);
        for stop in &planned.stops {
            assert!(status.contains(&stop.line()) && plan.contains(&stop.line()), "{status}\n{plan}");
        }
        assert!(
            !plan.contains('\x1b') && plan.contains("\nnow, once nothing of the above stops it\n"),
            "{plan}"
        );
    }

    #[test]
    fn what_is_better_already_stops_nothing_though_its_alert_goes_on() {
        let mut world = World::new(1);
        for (matter, kind) in
            [(Matter::DiskFull, StopKind::DiskFull), (Matter::ApiUnreachable, StopKind::CloudUnreachable)]
        {
            let mut active = Active::new(world.now, Level::Urgent);
            world.state.alerts.active.insert(matter, active.clone());
            let found = known(&world.state, world.now, &Commands::default());
            assert!(found.iter().any(|stop| stop.kind == kind), "{found:?}");
            let refused = KeyRefusal { status: 401, since: world.now };
            world.state.key_refused = Some(refused).filter(|_| kind == StopKind::CloudUnreachable);
            let found = known(&world.state, world.now, &Commands::default());
            let expected = if kind == StopKind::DiskFull { kind } else { StopKind::KeyRefused };
            assert_eq!(found.iter().map(|stop| stop.kind).collect::<Vec<_>>(), [expected]);
            world.state.key_refused = None;
            active.easing = Some(world.now);
            world.state.alerts.active.insert(matter, active);
            assert_eq!(known(&world.state, world.now, &Commands::default()), []);
        }
    }

    #[test]
    fn a_freeze_stops_no_creates_and_one_that_is_over_stops_nothing() {
        let mut world = World::new(1);
        let until = world.now + Seconds::hours(2);
        world.ask(Ask::Freeze { until, reason: "an audit".to_owned() });
        let found = known(&world.state, world.now, &Commands::default());
        assert_eq!((found[0].stops_creates, found[0].stops_deletes), (false, true));
        assert!(known(&world.state, until, &Commands::default()).is_empty());
    }

    #[test]
    fn what_is_in_no_list_any_more_is_said_long_before_it_is_believed() {
        let mut world = World::new(3);
        let gone = world.take_all().remove(0);
        world.state.backups.get_mut(&gone).unwrap().life = Life::Deleted;
        world.take_all();
        world.cloud.snapshots.clear();
        world.look_at_all();
        let found = known(&world.state, world.now, &Commands::default());
        assert_eq!((found[0].kind, found[0].stops_creates), (StopKind::BackupsMissing, false));
        assert!(found[0].said.starts_with("5 backups of ours are in no list"), "{}", found[0].said);
        let alarms = crate::report::alarm::alarms(&world.state, world.now, &Commands::default());
        assert_eq!(alarms[0].kind, "backups_missing");
    }
}
