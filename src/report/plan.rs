//! The plan: what would be done now, what comes next and when, and what is held and why.
//!
//! It shows what the planner proposes for one instant, if the looks of that pass found nothing new.

use std::collections::BTreeMap;

use serde::Serialize;

use super::agenda::{self, ToCome};
use super::asked::{self, Requested};
use super::command::Commands;
use super::foreign::visible;
use super::happening::{backup_of, cause, happening};
use super::status::{DoomStatus, doomed, machine_name};
use super::stops::{self, Stop, Writer};
use super::words;
use super::would_go::{self, WouldGo};
use crate::domain::draft::{Action, Hold};
use crate::domain::event::Event;
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::looks;
use crate::domain::outlook::{Coming, Outlook, coming, outlook};
use crate::domain::policy::Mode;
use crate::domain::slot::Decision;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// Raised when a field changes its meaning or goes; new ones may come at any time.
const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    pub schema_version: u32,
    /// The journal is of a simulated cloud: nothing in it is real.
    pub simulated: bool,
    pub now: Timestamp,
    /// What keeps everything from being made or from being deleted now, the gravest first.
    pub stops: Vec<Stop>,
    /// `None`: no policies were adopted yet.
    pub mode: Option<Mode>,
    /// Policies create and delete nothing; what is shown would be done under another mode.
    pub observing: bool,
    /// What no rule keeps and the mode does. `None`: the mode is `enforce`, or there are no policies.
    pub would_go_under_enforce: Option<WouldGo>,
    /// What the next pass looks at before it decides anything; the plan may be another then.
    pub looks_first: Vec<String>,
    /// What would be written down now, but for sums of billing records.
    pub conclusions: Vec<Conclusion>,
    /// What would be asked of the cloud now, in this order.
    pub actions: Vec<ActionShown>,
    /// For every policy and machine: the slot that is due, else the next one.
    pub slots: Vec<SlotShown>,
    /// What no rule keeps, with when it goes and what holds it.
    pub doomed: Vec<DoomStatus>,
    /// Deletions that do not happen now, and why.
    pub held: Vec<HeldShown>,
    pub requests: Vec<Requested>,
    /// What happens by itself, and when, if nothing changes; the soonest first.
    pub agenda: Vec<ToCome>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Conclusion {
    /// One or two words for what it is.
    pub what: &'static str,
    /// The backup, machine or slot; empty where it is about the whole account.
    pub about: String,
    pub said: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct ActionShown {
    /// `create`, `delete` or `look`.
    pub verb: &'static str,
    pub backup: Option<BackupId>,
    pub machine: Option<MachineId>,
    pub machine_name: Option<String>,
    pub why: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct SlotShown {
    pub policy: PolicyName,
    pub machine: MachineId,
    pub machine_name: String,
    pub due: Timestamp,
    /// When it may start; later than its time by its jitter.
    pub start: Timestamp,
    pub is_due: bool,
    /// It would be taken, as far as it is known now.
    pub is_free: bool,
    /// What holds or skips it, else.
    pub obstacle: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct HeldShown {
    pub backup: BackupId,
    pub machine: Option<MachineId>,
    pub machine_name: String,
    pub why: String,
}

impl Planned {
    pub fn of(state: &State, now: Timestamp, writer: &Writer) -> Self {
        let Outlook { events, plan } = outlook(state, now);
        let holds: BTreeMap<BackupId, Hold> = plan.holds.iter().cloned().collect();
        let slots: Vec<SlotShown> = coming(state, now).iter().map(|one| slot(state, one)).collect();
        let commands = &writer.commands;
        let doomed = doomed(state, now, &holds, commands);
        let agenda = agenda::agenda(state, now, &slots, &doomed);
        let adopted = state.adopted.as_ref();
        Self {
            schema_version: SCHEMA_VERSION,
            simulated: writer.simulated,
            now,
            stops: stops::stops(state, now, writer),
            mode: adopted.map(|adopted| adopted.set.mode),
            observing: adopted.is_some() && state.mode() == Mode::Observe,
            would_go_under_enforce: would_go::of(state, now, None),
            looks_first: looks::due(state, now).iter().map(|scope| scope.word().to_owned()).collect(),
            conclusions: events
                .iter()
                .filter(|event| !is_bookkeeping(event))
                .map(|event| conclusion(state, event))
                .collect(),
            actions: plan.actions.iter().map(|action| self::action(state, action)).collect(),
            slots,
            doomed,
            held: plan.holds.iter().map(|(id, hold)| held(state, id, hold, commands)).collect(),
            requests: asked::requests(state, now, &holds, commands),
            agenda,
        }
    }
}

fn slot(state: &State, one: &Coming) -> SlotShown {
    SlotShown {
        policy: one.slot.policy.clone(),
        machine: one.slot.machine.clone(),
        machine_name: machine_name(state, &one.slot.machine),
        due: one.slot.due,
        start: one.start,
        is_due: one.is_due,
        is_free: one.obstacle.is_none(),
        obstacle: one.obstacle.as_ref().map(words::decision),
    }
}

fn held(state: &State, id: &BackupId, hold: &Hold, commands: &Commands) -> HeldShown {
    let machine = state.backups.get(id).map(|backup| backup.machine.clone());
    let machine_name = machine.as_ref().map_or_else(String::new, |machine| machine_name(state, machine));
    HeldShown { backup: id.clone(), machine, machine_name, why: words::hold(hold, commands) }
}

fn action(state: &State, action: &Action) -> ActionShown {
    match action {
        Action::Look => ActionShown {
            verb: "look",
            backup: None,
            machine: None,
            machine_name: None,
            why: "at snapshots, before anything else is deleted".to_owned(),
        },
        Action::Perform { effect } => ActionShown {
            verb: if effect.verb.is_create() { "create" } else { "delete" },
            backup: Some(effect.verb.backup().clone()),
            machine: Some(effect.verb.machine().clone()),
            machine_name: Some(machine_name(state, effect.verb.machine())),
            why: cause(&effect.cause),
        },
    }
}

/// Nothing is done by it, and nobody waits for it: `costs` tells what it comes to.
fn is_bookkeeping(event: &Event) -> bool {
    matches!(event, Event::HourClosed(_) | Event::DayClosed(_))
}

fn conclusion(state: &State, event: &Event) -> Conclusion {
    let about = match event {
        Event::SlotDecided(decided) => machine_name(state, &decided.slot.machine),
        _ => backup_of(state, event).map_or_else(String::new, |backup| backup.to_string()),
    };
    let told = happening(event);
    let what = match event {
        Event::SlotDecided(decided) if matches!(decided.decision, Decision::Held(_)) => "held",
        Event::SlotDecided(_) => "skipped",
        _ => told.what,
    };
    Conclusion { what, about: visible(&about), said: told.said }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ask::Ask;
    use crate::domain::examples::world::World;
    use crate::domain::time::Seconds;
    use crate::report::plan_text;
    use crate::report::table::Paper;

    fn planned(world: &World) -> Planned {
        Planned::of(
            &world.state,
            world.now,
            &Writer { simulated: true, runs: Some(true), commands: Commands::default() },
        )
    }

    #[test]
    fn what_is_due_is_planned_and_what_comes_next_has_its_time() {
        let mut world = World::new(2);
        let quiet = planned(&world);
        assert_eq!((quiet.actions.len(), quiet.slots.len(), quiet.slots[0].is_due), (0, 2, false));
        assert_eq!(quiet.agenda[0].at.to_string(), "2026-03-02T02:00:00Z");
        world.wait_for_slot();
        world.look_at_all();
        let busy = planned(&world);
        assert_eq!((busy.actions.len(), busy.actions[0].verb), (1, "create"));
        assert_eq!(busy.actions[0].why, "policy daily has a slot at 2026-03-02 02:00:00");
        let text = plan_text::text(&busy, Paper::default());
        assert!(text.contains("\nnow\n") && text.contains("create"), "{text}");
    }

    #[test]
    fn what_is_doomed_is_told_with_its_time_and_with_what_holds_it() {
        let mut world = World::new(1);
        for _ in 0..3 {
            world.take_all();
        }
        let shown = planned(&world);
        assert_eq!(shown.doomed.len(), 1);
        assert!(shown.held[0].why.starts_with("soft start: "), "{:?}", shown.held);
        assert_eq!(shown.doomed[0].holds.first(), shown.doomed[0].held.as_ref());
        assert!(shown.agenda.iter().any(|one| one.what == "the soft start ends"), "{:?}", shown.agenda);
        assert!(shown.agenda.is_sorted_by_key(|one| one.at));
    }

    #[test]
    fn of_a_doomed_backup_all_that_holds_it_is_told_the_first_first() {
        let mut world = World::new(1);
        for _ in 0..3 {
            world.take_all();
        }
        let doom = world.state.backups.values_mut().find_map(|backup| backup.doom.as_mut()).unwrap();
        doom.needs_approval = true;
        let until = world.now + Seconds::days(9);
        world.ask(Ask::Freeze { until, reason: "an audit".to_owned() });
        let shown = planned(&world);
        let holds = &shown.doomed[0].holds;
        let begins = ["soft start: ", "grace: ", "waits for a person: ", "deletions are frozen until "];
        assert_eq!(holds.len(), begins.len(), "{holds:?}");
        assert!(holds.iter().zip(begins).all(|(hold, begin)| hold.starts_with(begin)), "{holds:?}");
        let text = plan_text::text(&shown, Paper::default());
        assert!(holds.iter().all(|hold| text.contains(hold.as_str())), "{text}");
        let goes = shown.agenda.iter().find(|one| one.what.starts_with("may be deleted"));
        assert_eq!(goes.map(|one| one.at), Some(until), "not while they are frozen");
        let paused = until + Seconds::days(1);
        world.ask(Ask::Pause { until: paused });
        let later = planned(&world).agenda.into_iter().find(|one| one.what.starts_with("may be deleted"));
        assert_eq!(later.map(|one| one.at), Some(paused), "nor while policies are paused");
        assert_eq!(shown.doomed[0].held.as_ref(), Some(&holds[0]));
    }

    #[test]
    fn a_stale_journal_says_what_is_looked_at_first() {
        let mut world = World::new(1);
        world.wait(Seconds::days(2));
        let shown = planned(&world);
        assert!(shown.looks_first.contains(&"snapshots".to_owned()), "{:?}", shown.looks_first);
        assert!(!shown.conclusions.is_empty());
        let text = plan_text::text(&shown, Paper::default());
        assert!(text.contains("looks at"), "{text}");
    }

    #[test]
    fn while_observing_every_slot_says_so() {
        let mut world = World::new(1);
        world.adopt(|set| set.mode = Mode::Observe);
        let shown = planned(&world);
        assert!(shown.observing && !shown.slots[0].is_free);
        assert_eq!(shown.slots[0].obstacle.as_deref(), Some("observing: it would have been taken"));
    }
}
