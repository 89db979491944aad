//! A history: a world that a person, a cloud and a clock disturb at random, pass by pass.

use std::collections::BTreeMap;

use proptest::array::uniform3;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::Index;

use super::outcomes::refused;
use super::world::{World, daily};
use crate::domain::ask::{Ask, judge};
use crate::domain::audit::Objection;
use crate::domain::backup::Backup;
use crate::domain::draft::Action;
use crate::domain::effect::{Effect, Outcome, Verb};
use crate::domain::fleet::{Image, Snapshot, SnapshotStatus};
use crate::domain::id::{BackupId, ImageId, SnapshotId};
use crate::domain::policy::{Keep, Mode};
use crate::domain::reach::Reach;
use crate::domain::time::Seconds;

/// One thing that happens in a world, between two passes.
#[derive(Clone, Debug)]
pub enum Step {
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
    /// keep_weekly, and in days keep_within and delete_after.
    KeepOther([Option<u32>; 3]),
    Mode(Mode),
    Crash,
    ClockJump(i32),
    LookAlike(bool),
    Image(bool),
    SmallBounds,
}

/// What the cloud makes of a request, and what it says.
#[derive(Clone, Debug)]
pub enum Fate {
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
        16 => Just(Step::Night),
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
        1 => uniform3(proptest::option::of(1_u32..9)).prop_map(Step::KeepOther),
        1 => prop_oneof![Just(Mode::Observe), Just(Mode::Protect), Just(Mode::Enforce)].prop_map(Step::Mode),
        1 => Just(Step::Crash),
        1 => (-200_000_i32..200_000).prop_map(Step::ClockJump),
        1 => any::<bool>().prop_map(Step::LookAlike),
        1 => any::<bool>().prop_map(Step::Image),
        2 => Just(Step::SmallBounds),
    ]
}

pub fn status() -> impl Strategy<Value = SnapshotStatus> {
    prop_oneof![
        Just(SnapshotStatus::Ready),
        Just(SnapshotStatus::Pending),
        Just(SnapshotStatus::Failed),
        Just(SnapshotStatus::Unknown("PAUSED".to_owned())),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        9 => Just(Fate::DoneAndSaid),
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
pub struct History {
    pub world: World,
    lost: Vec<Snapshot>,
    late: Vec<Effect>,
    /// How many objects the cloud ever made for each name of ours.
    pub made: BTreeMap<String, u32>,
    /// What the audit forbade though the plan proposed it.
    pub forbidden: Vec<String>,
}

impl History {
    pub fn new() -> Self {
        let world = World::new(2);
        Self { world, lost: Vec::new(), late: Vec::new(), made: BTreeMap::new(), forbidden: Vec::new() }
    }

    fn pick(&self, index: &Index) -> Option<SnapshotId> {
        let ids: Vec<_> = self.world.cloud.snapshots.keys().cloned().collect();
        (!ids.is_empty()).then(|| index.get(&ids).clone())
    }

    pub fn disturb(&mut self, step: &Step) {
        let world = &mut self.world;
        match step {
            Step::Wait(seconds) => world.wait(Seconds(u64::from(*seconds))),
            Step::Night => world.wait_for_slot(),
            Step::Vanish(index) => {
                // What we never saw and a person deletes may be asked for again: it is not there.
                let id = self.pick(index).filter(|id| self.world.state.fleet.snapshots.contains_key(id));
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
            Step::Ripen => self.ripen(),
            Step::Crash => world.restart(),
            Step::ClockJump(by) => {
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
            Step::KeepOther([weekly, within, limit]) => world.adopt(|set| {
                let retention = &mut set.policies.get_mut(&daily()).unwrap().retention;
                let days =
                    |days: &Option<u32>| days.map(|days| Reach { years: 0, months: 0, days, hours: 0 });
                retention.keep_weekly = weekly.map(Keep::Count);
                (retention.keep_within, retention.delete_after) = (days(within), days(limit));
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
        let now = world.now;
        let is_doomed = |backup: &Backup| backup.doom.is_some() && !backup.is_protected(now);
        let doomed = world.state.backups.iter().filter(|(_, backup)| is_doomed(backup));
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

    fn ripen(&mut self) {
        let all = self.world.cloud.snapshots.values_mut();
        all.filter(|one| one.status == SnapshotStatus::Pending).for_each(|one| {
            one.status = SnapshotStatus::Ready;
        });
    }

    /// What happens, the pass that follows it, and at night the passes that find the backups good.
    pub fn go(&mut self, (step, fate): &(Step, Fate)) {
        self.disturb(step);
        self.pass(fate);
        if let Step::Night = step {
            for _ in 0..4 {
                self.ripen();
                self.world.wait(Seconds(60));
                self.pass(&Fate::DoneAndSaid);
            }
        }
    }

    /// Looks, concludes and acts; each request meets its fate.
    pub fn pass(&mut self, fate: &Fate) {
        for late in std::mem::take(&mut self.late) {
            self.take_effect(&late);
        }
        let plan = self.world.pass();
        for action in plan.actions {
            match action {
                Action::Look => self.world.look(&crate::domain::fleet::Scope::Snapshots),
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

pub fn steps() -> impl Strategy<Value = Vec<(Step, Fate)>> {
    vec((step(), fate()), 1..40)
}
