//! Laws that hold in every history: of a world that a person, a cloud and a clock disturb at random,
//! and of events in no order at all.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::test_runner::Config;
use proptest::{prop_assert, prop_assert_eq, proptest};

use super::outcomes::refused;
use super::world::{World, daily, machine_id};
use crate::domain::ask::{Ask, judge};
use crate::domain::audit::{Objection, audit};
use crate::domain::backup::{Backup, Life};
use crate::domain::draft::Action;
use crate::domain::effect::{Effect, Outcome, Verb};
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::{Image, Scope, Snapshot, SnapshotStatus};
use crate::domain::id::{BackupId, ImageId, SnapshotId};
use crate::domain::plan::plan;
use crate::domain::policy::{Keep, Mode};
use crate::domain::state::State;
use crate::domain::time::Seconds;

/// One thing that happens in a world, between two passes.
#[derive(Clone, Debug)]
enum Step {
    Wait(u32),
    /// The next slot, at which all goes well.
    Night,
    Vanish(Index),
    Return,
    Change(Index, SnapshotStatus),
    Ripen,
    Pin(Index, bool),
    ApproveAll,
    Freeze,
    Thaw,
    KeepLast(u32),
    KeepDaily(Option<u32>),
    Mode(Mode),
    Crash,
    StepClock(i32),
    LookAlike(bool),
    Image(bool),
    SmallBounds,
}

/// What the cloud makes of a request, and what it says.
#[derive(Clone, Debug)]
enum Fate {
    DoneAndSaid,
    DoneAndLost,
    LateAndLost,
    NotDoneAndSaid,
    NotDoneAndLost,
    NotSent,
    Refused,
    Crash { done: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u32..50 * 3_600).prop_map(Step::Wait),
        6 => Just(Step::Night),
        1 => any::<Index>().prop_map(Step::Vanish),
        1 => Just(Step::Return),
        1 => (any::<Index>(), status()).prop_map(|(index, status)| Step::Change(index, status)),
        2 => Just(Step::Ripen),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(index, pinned)| Step::Pin(index, pinned)),
        3 => Just(Step::ApproveAll),
        1 => Just(Step::Freeze),
        1 => Just(Step::Thaw),
        1 => (0_u32..5).prop_map(Step::KeepLast),
        1 => proptest::option::of(0_u32..4).prop_map(Step::KeepDaily),
        1 => prop_oneof![Just(Mode::Observe), Just(Mode::Protect), Just(Mode::Enforce)].prop_map(Step::Mode),
        1 => Just(Step::Crash),
        1 => (-200_000_i32..200_000).prop_map(Step::StepClock),
        1 => any::<bool>().prop_map(Step::LookAlike),
        1 => any::<bool>().prop_map(Step::Image),
        1 => Just(Step::SmallBounds),
    ]
}

fn status() -> impl Strategy<Value = SnapshotStatus> {
    prop_oneof![
        Just(SnapshotStatus::Ready),
        Just(SnapshotStatus::Pending),
        Just(SnapshotStatus::Failed),
        Just(SnapshotStatus::Unknown("PAUSED".to_owned())),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::DoneAndSaid),
        1 => Just(Fate::DoneAndLost),
        1 => Just(Fate::LateAndLost),
        1 => Just(Fate::NotDoneAndSaid),
        1 => Just(Fate::NotDoneAndLost),
        1 => Just(Fate::NotSent),
        1 => Just(Fate::Refused),
        1 => any::<bool>().prop_map(|done| Fate::Crash { done }),
    ]
}

/// A world, what it has lost and may get back, and what the cloud does later.
struct History {
    world: World,
    lost: Vec<Snapshot>,
    late: Vec<Effect>,
    /// How many objects the cloud ever made for each name of ours.
    made: BTreeMap<String, u32>,
    /// What the audit forbade though the plan proposed it.
    forbidden: Vec<String>,
}

impl History {
    fn new() -> Self {
        let world = World::new(2);
        Self { world, lost: Vec::new(), late: Vec::new(), made: BTreeMap::new(), forbidden: Vec::new() }
    }

    fn pick(&self, index: &Index) -> Option<SnapshotId> {
        let ids: Vec<_> = self.world.cloud.snapshots.keys().cloned().collect();
        (!ids.is_empty()).then(|| index.get(&ids).clone())
    }

    fn disturb(&mut self, step: &Step) {
        let world = &mut self.world;
        match step {
            Step::Wait(seconds) => world.wait(Seconds(u64::from(*seconds))),
            Step::Night => world.wait_for_slot(),
            Step::Vanish(index) => {
                let id = self.pick(index);
                self.lost.extend(id.and_then(|id| self.world.cloud.snapshots.remove(&id)));
            }
            Step::Return => {
                let back = self.lost.drain(..).map(|snapshot| (snapshot.id.clone(), snapshot));
                world.cloud.snapshots.extend(back);
            }
            Step::Change(index, status) => {
                if let Some(id) = self.pick(index) {
                    self.world.cloud.snapshots.get_mut(&id).unwrap().status = status.clone();
                }
            }
            Step::Ripen => {
                let pending = world.cloud.snapshots.values_mut();
                pending.filter(|one| one.status == SnapshotStatus::Pending).for_each(|one| {
                    one.status = SnapshotStatus::Ready;
                });
            }
            Step::Crash => world.restart(),
            Step::StepClock(by) => {
                world.step_clock(i64::from(*by));
                world.cloud.date = Some(0);
            }
            Step::LookAlike(true) => {
                world.make("qm-trainer-1-aaaaaaaaaa", 1, SnapshotStatus::Ready);
            }
            Step::LookAlike(false) => {
                world.cloud.snapshots.retain(|_, one| one.name != "qm-trainer-1-aaaaaaaaaa");
            }
            Step::Image(true) => {
                let id = ImageId::new("BRK-1I");
                let (name, status) = ("golden".to_owned(), "active".to_owned());
                world.cloud.images.insert(id.clone(), Image { id, name, status, snapshot: None });
            }
            Step::Image(false) => world.cloud.images.clear(),
            Step::KeepLast(count) => world.adopt(|set| {
                set.policies.get_mut(&daily()).unwrap().retention.keep_last = Some(Keep::Count(*count));
            }),
            Step::KeepDaily(count) => world.adopt(|set| {
                set.policies.get_mut(&daily()).unwrap().retention.keep_daily = count.map(Keep::Count);
            }),
            Step::Mode(mode) => world.adopt(|set| set.mode = *mode),
            Step::SmallBounds => world.adopt(|set| {
                (set.rules.grace, set.rules.soft_start) = (Seconds(1), Seconds(1));
            }),
            Step::Pin(..) | Step::ApproveAll | Step::Freeze | Step::Thaw => self.ask(step),
        }
    }

    /// Asks that make no sense are refused before they are written, here as in the daemon.
    fn ask(&mut self, step: &Step) {
        let world = &mut self.world;
        let owned: Vec<BackupId> = world.state.backups.keys().cloned().collect();
        let doomed = world.state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
        let ask = match step {
            Step::Pin(index, pinned) if !owned.is_empty() => {
                let backup = index.get(&owned).clone();
                if *pinned { Ask::Pin { backup } } else { Ask::Unpin { backup } }
            }
            Step::Freeze => {
                Ask::Freeze { until: world.now + Seconds::hours(30), reason: "a story".to_owned() }
            }
            Step::Thaw => Ask::Thaw,
            _ => Ask::Approve { backups: doomed.map(|(id, _)| id.clone()).collect() },
        };
        if judge(&world.state, world.now, &ask).is_ok() {
            world.ask(ask);
        }
    }

    /// Looks, concludes and acts; each request meets its fate.
    fn pass(&mut self, fate: &Fate) {
        for late in std::mem::take(&mut self.late) {
            self.take_effect(&late);
        }
        let plan = self.world.pass();
        for action in plan.actions {
            match action {
                Action::Look(scope) => self.world.look(&scope),
                Action::Perform { effect, .. } => match self.world.audit(&effect) {
                    Ok(_) => self.meet(&effect, fate),
                    Err(Objection::Changed(_)) => {}
                    Err(Objection::Forbidden(why)) => {
                        self.forbidden.push(format!("{:?}: {why}", effect.verb));
                    }
                },
            }
        }
    }

    fn meet(&mut self, effect: &Effect, fate: &Fate) {
        let is_done = matches!(fate, Fate::DoneAndSaid | Fate::DoneAndLost | Fate::Crash { done: true });
        let lost = || Outcome::Unclear { why: "timeout".to_owned() };
        let outcome = match fate {
            Fate::DoneAndSaid | Fate::NotDoneAndSaid => Outcome::Answered { snapshot: None },
            Fate::DoneAndLost | Fate::LateAndLost | Fate::NotDoneAndLost => lost(),
            Fate::NotSent => Outcome::NotSent { why: "no route".to_owned() },
            Fate::Refused => refused(),
            Fate::Crash { .. } => {
                self.world.intend(effect);
                if is_done {
                    self.take_effect(effect);
                }
                return self.world.restart();
            }
        };
        self.world.perform(effect, outcome);
        if is_done {
            self.take_effect(effect);
        } else if let Fate::LateAndLost = fate {
            self.late.push(effect.clone());
        }
    }

    fn take_effect(&mut self, effect: &Effect) {
        match &effect.verb {
            Verb::CreateSnapshot { name, .. } => {
                *self.made.entry(name.clone()).or_default() += 1;
                self.world.appear(effect, SnapshotStatus::Pending);
            }
            Verb::DeleteSnapshot { snapshot, .. } => {
                self.world.cloud.snapshots.remove(snapshot);
            }
        }
    }
}

fn on_shelf<'a>(state: &'a State, of: &'a Backup) -> impl Iterator<Item = (&'a BackupId, &'a Backup)> {
    state.backups.iter().filter(move |(_, backup)| backup.shelf().is_some() && backup.shelf() == of.shelf())
}

fn steps() -> impl Strategy<Value = Vec<(Step, Fate)>> {
    vec((step(), fate()), 1..40)
}

/// Dooms that a plan speaks right now, and what they leave of their shelf.
fn wrong_dooms(world: &World) -> Vec<String> {
    let dooms = plan(&world.state, world.now).events.into_iter().filter_map(|event| match event {
        Event::Doomed(doomed) => Some(doomed.backup),
        _ => None,
    });
    let dooms: BTreeSet<BackupId> = dooms.collect();
    let is_left = |(id, backup): &(&BackupId, &Backup)| {
        backup.life == Life::Good && backup.doom.is_none() && !dooms.contains(*id)
    };
    let mut wrong = Vec::new();
    for id in &dooms {
        let backup = world.backup(id);
        let left: Vec<_> = on_shelf(&world.state, backup).filter(is_left).collect();
        let newest = left.iter().map(|(_, other)| other.taken_at).max();
        let is_wrong = backup.pinned
            || left.len() < 2
            || newest.is_none_or(|newest| newest < backup.taken_at)
            || !matches!(backup.life, Life::Good | Life::Failed);
        if is_wrong {
            wrong.push(format!("{id}: {backup:?}"));
        }
    }
    wrong
}

proptest! {
    #![proptest_config(Config { cases: 96, max_shrink_iters: 400, ..Config::default() })]

    #[test]
    fn no_slot_is_ever_made_twice_and_nothing_forbidden_is_proposed(steps in steps()) {
        let mut history = History::new();
        for (step, fate) in &steps {
            history.disturb(step);
            history.pass(fate);
            prop_assert_eq!(&history.forbidden, &Vec::<String>::new());
        }
        let twice: Vec<_> = history.made.iter().filter(|(_, count)| **count > 1).collect();
        prop_assert!(twice.is_empty(), "{:?}", twice);
    }

    #[test]
    fn no_plan_dooms_the_pinned_the_newest_or_the_least_number(steps in steps()) {
        let mut history = History::new();
        for (step, fate) in &steps {
            history.disturb(step);
            history.world.look_at_all();
            prop_assert_eq!(wrong_dooms(&history.world), Vec::<String>::new());
            history.pass(fate);
        }
    }

    #[test]
    fn a_pin_adds_no_victim(steps in steps(), pinned in any::<Index>()) {
        let mut history = History::new();
        for (step, fate) in &steps {
            history.disturb(step);
            history.pass(fate);
        }
        let doomed = |state: &State| -> BTreeSet<BackupId> {
            let of = state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
            of.map(|(id, _)| id.clone()).collect()
        };
        let mut world = history.world;
        world.pass();
        let before = doomed(&world.state);
        let owned: Vec<BackupId> = world.state.backups.keys().cloned().collect();
        if !owned.is_empty() {
            world.ask(Ask::Pin { backup: pinned.get(&owned).clone() });
            world.pass();
            let after = doomed(&world.state);
            prop_assert!(after.is_subset(&before), "{:?} after {:?}", after, before);
        }
    }

    #[test]
    fn a_state_goes_on_from_its_bytes_as_if_nothing_had_happened(steps in steps(), cut in any::<Index>()) {
        let mut history = History::new();
        for (step, fate) in &steps {
            history.disturb(step);
            history.pass(fate);
        }
        let rows = &history.world.rows;
        let mut state = State::default();
        for (place, row) in rows.iter().enumerate() {
            if place == cut.index(rows.len()) {
                state = State::restore(&state.to_bytes()).unwrap();
            }
            state.apply(row);
        }
        prop_assert_eq!(state.to_bytes(), history.world.state.to_bytes());
        prop_assert_eq!(&state, &history.world.state);
    }

    #[test]
    fn the_fold_takes_events_in_any_order_and_the_plan_still_ends(
        steps in steps(),
        order in vec(any::<Index>(), 1..200),
        jumps in vec(-90_000_i64..90_000, 1..200),
    ) {
        let mut history = History::new();
        for (step, fate) in &steps {
            history.disturb(step);
            history.pass(fate);
        }
        let rows = &history.world.rows;
        let mut world = World::new(1);
        for (index, jump) in order.iter().zip(jumps) {
            world.now = world.now.shifted(jump * 1_000_000);
            world.record(index.get(rows).event.clone());
        }
        world.look(&Scope::Snapshots);
        let drafted = world.conclude();
        for action in drafted.actions {
            if let Action::Perform { effect, .. } = action {
                drop(audit(&world.state, world.now, effect));
            }
        }
    }

    #[test]
    fn the_order_in_which_a_listing_came_does_not_matter(statuses in vec(status(), 2..6)) {
        let world_in = |reversed: bool| {
            let mut world = World::new(2);
            for (number, status) in statuses.iter().enumerate() {
                world.make(&format!("by hand {number}"), 1, status.clone());
            }
            let mut events: Vec<Event> = Vec::new();
            for snapshot in world.cloud.snapshots.values() {
                let change = crate::domain::fleet::Change::Seen(
                    crate::domain::fleet::Item::Snapshot(snapshot.clone()));
                events.push(Event::Observed(crate::domain::event::Observed { change, raw: String::new() }));
            }
            if reversed {
                events.reverse();
            }
            events.into_iter().for_each(|event| world.record(event));
            world.state
        };
        prop_assert_eq!(world_in(false), world_in(true));
    }
}

#[test]
fn a_plan_asks_nobody_but_the_state_and_the_time() {
    let mut world = World::new(2);
    (0..4).for_each(|_| drop(world.take_all()));
    let copy = State::restore(&world.state.to_bytes()).unwrap();
    let (one, other) = (plan(&world.state, world.now), plan(&copy, world.now));
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
    assert!(world.state.fleet.machines.contains_key(&machine_id(2)));
}

#[test]
fn rows_of_a_history_are_numbered_without_gaps() {
    let mut world = World::new(1);
    world.take_all();
    let gaps = world.rows.iter().zip(1_u64..).filter(|(row, seq): &(&Recorded, u64)| row.seq != *seq);
    assert_eq!(gaps.count(), 0);
}
