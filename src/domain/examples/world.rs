//! A small world for stories: a cloud, a clock, and a state that changes by events only.
//!
//! It looks and concludes as the daemon does, and decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::alert::rules::AlertRules;
use crate::domain::ask::Ask;
use crate::domain::audit::{Objection, Permit, audit};
use crate::domain::backup::Backup;
use crate::domain::digest::Digest;
use crate::domain::draft::{Action, Hold, Plan};
use crate::domain::effect::{Effect, Outcome, Verb};
use crate::domain::event::{Asked, ClockStepped, Event, Intended, Observed, Recorded, Settled, Started};
use crate::domain::fleet::{
    Change, Image, Item, Look, LookResult, Machine, MachineStatus, Miscount, Scope, Snapshot, SnapshotStatus,
};
use crate::domain::id::{BackupId, ImageId, MachineId, PolicyName, SnapshotId};
use crate::domain::plan::plan;
use crate::domain::policy::{Images, Keep, Mode, Policy, PolicySet, Retention, Rules};
use crate::domain::proof;
use crate::domain::selection::Selection;
use crate::domain::snapshot_price::PriceBasisSaid;
use crate::domain::state::{Known, State};
use crate::domain::time::{Seconds, Timestamp};
use crate::domain::timing::Timing;

/// Rounds of conclusions that a pass allows itself.
pub const MOST_ROUNDS: usize = 16;

/// What the cloud really holds, and how it answers.
pub struct Cloud {
    pub machines: BTreeMap<MachineId, Machine>,
    pub snapshots: BTreeMap<SnapshotId, Snapshot>,
    pub images: BTreeMap<ImageId, Image>,
    /// How it answers a question for one snapshot's images, and which it names.
    pub relation: LookResult,
    pub related: BTreeSet<ImageId>,
    pub image_list: LookResult,
    /// How many more snapshots it counts than it shows.
    pub excess: u64,
    /// Whether it tells the time, and how far that is behind ours.
    pub date: Option<i64>,
}

pub struct World {
    pub state: State,
    pub now: Timestamp,
    pub cloud: Cloud,
    pub rows: Vec<Recorded>,
    born: u32,
}

pub fn machine_id(number: u32) -> MachineId {
    MachineId::new(format!("BRK-{number}D"))
}

pub fn daily() -> PolicyName {
    PolicyName::new("daily")
}

/// One policy for every machine: at two each night, the last two kept.
pub fn policies() -> PolicySet {
    let policy = Policy {
        mode: Mode::Enforce,
        machines: vec!["*".to_owned()],
        schedule: "0 2 * * *".to_owned(),
        timezone: "UTC".to_owned(),
        may_restart: true,
        retention: Retention { keep_last: Some(Keep::Count(2)), ..Retention::default() },
        longest_gap: Seconds::days(1),
        selection: Selection::default(),
        timing: Timing::default(),
        was: BTreeSet::new(),
    };
    PolicySet {
        mode: Mode::Enforce,
        policies: BTreeMap::from([(daily(), policy)]),
        rules: Rules { skew: Seconds::minutes(2), ..Rules::default() },
        images: Images::Ask,
        alerts: AlertRules::default(),
        snapshot_price_basis: PriceBasisSaid::Auto,
    }
}

impl World {
    /// Noon of the first of March 2026, with so many ACTIVE machines.
    pub fn new(machines: u32) -> Self {
        let machine = |number: u32| Machine {
            id: machine_id(number),
            name: format!("trainer-{number}"),
            status: MachineStatus::Active,
            region: "CANADA-1".to_owned(),
            tier: "legacy".to_owned(),
            labels: BTreeSet::new(),
            gpus: None,
            created_at: None,
        };
        let cloud = Cloud {
            machines: (1..=machines).map(|number| (machine_id(number), machine(number))).collect(),
            snapshots: BTreeMap::new(),
            images: BTreeMap::new(),
            relation: LookResult::Complete,
            related: BTreeSet::new(),
            image_list: LookResult::Complete,
            excess: 0,
            date: Some(0),
        };
        let now = Timestamp::from_seconds(1_772_366_400);
        let mut world = Self { state: State::default(), now, cloud, rows: Vec::new(), born: 0 };
        world.record(Event::Started(Started { version: "1".to_owned() }));
        world.adopt(|_| {});
        world.look_at_all();
        world.conclude();
        world
    }

    pub fn record(&mut self, event: Event) {
        let row = Recorded { seq: self.rows.len() as u64 + 1, at: self.now, event };
        self.state.apply(&row);
        self.rows.push(row);
    }

    pub fn wait(&mut self, span: Seconds) {
        self.now = self.now + span;
    }

    /// The policies in force, changed a little.
    pub fn adopt(&mut self, change: impl FnOnce(&mut PolicySet)) {
        let mut set = self.state.adopted.as_ref().map_or_else(policies, |adopted| adopted.set.clone());
        change(&mut set);
        self.record(Event::PoliciesAdopted(set));
    }

    pub fn ask(&mut self, ask: Ask) {
        let asked = Asked::new(1000, self.now, self.rows.len() as u64, ask);
        self.record(Event::Asked(asked));
    }

    pub fn restart(&mut self) {
        self.record(Event::Started(Started { version: "1".to_owned() }));
    }

    /// The local clock jumps, and the daemon notices.
    pub fn step_clock(&mut self, by_seconds: i64) {
        let by_micros = by_seconds * 1_000_000;
        self.now = self.now.shifted(by_micros);
        self.cloud.date = self.cloud.date.map(|behind| behind + by_micros);
        self.record(Event::ClockStepped(ClockStepped { by_micros, noticed: "in a story".to_owned() }));
    }

    /// A snapshot appears in the cloud.
    pub fn make(&mut self, name: &str, machine: u32, status: SnapshotStatus) -> SnapshotId {
        self.born += 1;
        let id = SnapshotId::new(format!("BRK-{:06}S", self.born));
        let cloud_now = self.now.shifted(-self.cloud.date.unwrap_or(0));
        let snapshot = Snapshot {
            id: id.clone(),
            name: name.to_owned(),
            description: String::new(),
            status,
            size_bytes: Some(40_000_000_000),
            region: "CANADA-1".to_owned(),
            machine: Some(machine_id(machine)),
            created_at: Some(cloud_now),
            is_image: false,
            unreadable: Vec::new(),
        };
        self.cloud.snapshots.insert(id.clone(), snapshot);
        id
    }

    pub fn look_at_all(&mut self) {
        for scope in [Scope::Machines, Scope::Snapshots, Scope::Images, Scope::Balance] {
            self.look(&scope);
        }
    }

    /// A complete look, or what the cloud makes of it.
    pub fn look(&mut self, scope: &Scope) {
        let mut result = match scope {
            Scope::Images => self.cloud.image_list.clone(),
            Scope::Links(_) => self.cloud.relation.clone(),
            Scope::Snapshots if self.cloud.excess > 0 => {
                let is_expected = self.state.fleet.excess(scope) == Some(self.cloud.excess);
                let said = || LookResult::Incomplete("it counts more than it shows".to_owned());
                if is_expected { LookResult::Complete } else { said() }
            }
            _ => LookResult::Complete,
        };
        for change in self.changes(scope) {
            if result == LookResult::Complete || matches!(change, Change::Seen(_)) {
                self.record(Event::Observed(Observed { change, raw: String::new() }));
            }
        }
        if let Scope::Snapshot(id) = scope
            && !self.cloud.snapshots.contains_key(id)
        {
            result = LookResult::NotFound;
        }
        self.looked(scope, result);
    }

    /// A look that broke off: what it showed is true, and its silence says nothing.
    pub fn look_in_part(&mut self, scope: &Scope) {
        for change in self.changes(scope) {
            if let Change::Seen(_) = change {
                self.record(Event::Observed(Observed { change, raw: String::new() }));
            }
        }
        self.looked(scope, LookResult::Incomplete("page 2 did not come".to_owned()));
    }

    fn looked(&mut self, scope: &Scope, result: LookResult) {
        let shown = self.cloud.snapshots.len() as u64;
        let excess = Some(self.cloud.excess).filter(|excess| *excess > 0);
        let miscount = excess.map(|excess| Miscount { counted: shown + excess, shown });
        let server_date = self.cloud.date.map(|behind| self.now.shifted(-behind));
        let look = Look {
            scope: scope.clone(),
            began: self.now,
            result,
            digest: Digest::default(),
            items: 0,
            server_date,
            miscount: miscount.filter(|_| *scope == Scope::Snapshots),
        };
        self.record(Event::Looked(look));
    }

    fn changes(&self, scope: &Scope) -> Vec<Change> {
        let (cloud, fleet) = (&self.cloud, &self.state.fleet);
        match scope {
            Scope::Machines => {
                let (seen, gone) = differences(&cloud.machines, &fleet.machines);
                let seen = seen.into_iter().map(Item::Machine).map(Change::Seen);
                seen.chain(gone.into_iter().map(Change::MachineMissing)).collect()
            }
            Scope::Snapshots => {
                let (seen, gone) = differences(&cloud.snapshots, &fleet.snapshots);
                let seen = seen.into_iter().map(Item::Snapshot).map(Change::Seen);
                seen.chain(gone.into_iter().map(Change::SnapshotMissing)).collect()
            }
            Scope::Images if cloud.image_list == LookResult::Complete => {
                let seen = cloud.images.values().cloned().map(Item::Image).map(Change::Seen);
                let gone = fleet.images.keys().filter(|id| !cloud.images.contains_key(id));
                seen.chain(gone.cloned().map(Change::ImageMissing)).collect()
            }
            Scope::Snapshot(id) => {
                let (seen, _) = differences(&cloud.snapshots, &fleet.snapshots);
                let one = seen.into_iter().filter(|snapshot| snapshot.id == *id);
                one.map(Item::Snapshot).map(Change::Seen).collect()
            }
            Scope::Links(_) if cloud.related.is_empty() => Vec::new(),
            Scope::Links(snapshot) => {
                let images = cloud.related.clone();
                vec![Change::Seen(Item::Links { snapshot: snapshot.clone(), images })]
            }
            Scope::Images | Scope::Balance | Scope::Prices | Scope::Billing(..) => Vec::new(),
        }
    }

    /// Plans and records until there is nothing more to conclude.
    pub fn conclude(&mut self) -> Plan {
        for _ in 0..MOST_ROUNDS {
            let drafted = self.conclude_once();
            if drafted.events.is_empty() {
                return drafted;
            }
        }
        panic!("conclusions without end: {:?}", plan(&self.state, self.now).events);
    }

    /// One round: what it concludes may make more to conclude.
    pub fn conclude_once(&mut self) -> Plan {
        let drafted = plan(&self.state, self.now);
        drafted.events.iter().cloned().for_each(|event| self.record(event));
        drafted
    }

    pub fn pass(&mut self) -> Plan {
        self.look_at_all();
        self.conclude()
    }

    /// What the audit says right after the reads that a delete makes.
    pub fn audit(&mut self, effect: &Effect) -> Result<Permit, Objection> {
        if let Verb::DeleteSnapshot { snapshot, .. } = &effect.verb {
            self.look(&Scope::Snapshot(snapshot.clone()));
            self.look(&Scope::Links(snapshot.clone()));
        }
        audit(&self.state, self.now, effect.clone())
    }

    /// Intends and calls; `outcome` is what came back.
    pub fn perform(&mut self, effect: &Effect, outcome: Outcome) {
        let attempt = self.intend(effect);
        self.record(Event::Settled(Settled { effect: effect.id.clone(), attempt, outcome }));
    }

    /// Intends, and nothing more: a crash can leave it here.
    pub fn intend(&mut self, effect: &Effect) -> u32 {
        let permit = self.audit(effect).unwrap();
        let (effect, attempt) = (permit.effect().clone(), permit.attempt());
        let proof = proof::of(&self.state, self.now, &effect);
        self.record(Event::Intended(Intended { effect, attempt, proof }));
        attempt
    }

    /// Half a minute after the next slot.
    pub fn wait_for_slot(&mut self) {
        let schedule = self.state.adopted.as_ref().unwrap().schedules[&daily()].clone();
        self.now = schedule.next_after(self.now).unwrap() + Seconds(30);
    }

    /// The next night: every machine is taken, and every snapshot is found to be good.
    pub fn take_all(&mut self) -> Vec<BackupId> {
        self.wait_for_slot();
        let mut taken = Vec::new();
        while let Some(effect) = creates(&self.pass()).pop() {
            let id = self.appear(&effect, SnapshotStatus::Ready);
            self.perform(&effect, Outcome::Answered { snapshot: Some(id) });
            taken.push(effect.verb.backup().clone());
            self.pass();
            self.wait(Seconds(60));
        }
        self.pass();
        taken
    }

    /// What a create asks for appears in the cloud.
    pub fn appear(&mut self, effect: &Effect, status: SnapshotStatus) -> SnapshotId {
        let Verb::CreateSnapshot { machine, name, .. } = &effect.verb else { panic!("not a create") };
        let number = machine.as_str().trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        self.make(name, number, status)
    }

    pub fn backup(&self, id: &BackupId) -> &Backup {
        &self.state.backups[id]
    }

    pub fn snapshot_of(&self, id: &BackupId) -> SnapshotId {
        self.backup(id).snapshots.first().unwrap().clone()
    }

    pub fn in_cloud_by_id(&mut self, id: &SnapshotId) -> &mut Snapshot {
        self.cloud.snapshots.get_mut(id).unwrap()
    }

    /// The cloud's own copy of a backup.
    pub fn in_cloud(&mut self, id: &BackupId) -> &mut Snapshot {
        let snapshot = self.snapshot_of(id);
        self.cloud.snapshots.get_mut(&snapshot).unwrap()
    }
}

/// What is new, changed or back; and what was there before and is not.
fn differences<K: Ord + Clone, Of: Clone + PartialEq>(
    cloud: &BTreeMap<K, Of>,
    known: &BTreeMap<K, Known<Of>>,
) -> (Vec<Of>, Vec<K>) {
    let is_same = |id: &K, item: &Of| {
        known.get(id).is_some_and(|known| known.item == *item && known.missing_since.is_none())
    };
    let seen = cloud.iter().filter(|(id, item)| !is_same(id, item)).map(|(_, item)| item.clone());
    let gone = known.iter().filter(|(id, known)| known.missing_since.is_none() && !cloud.contains_key(id));
    (seen.collect(), gone.map(|(id, _)| id.clone()).collect())
}

fn effects(plan: &Plan, of_creates: bool) -> Vec<Effect> {
    let performed = plan.actions.iter().filter_map(|action| match action {
        Action::Perform { effect, .. } => Some(effect.clone()),
        Action::Look => None,
    });
    performed.filter(|effect| effect.verb.is_create() == of_creates).collect()
}

pub fn creates(plan: &Plan) -> Vec<Effect> {
    effects(plan, true)
}

pub fn deletes(plan: &Plan) -> Vec<Effect> {
    effects(plan, false)
}

pub fn hold_of(plan: &Plan, id: &BackupId) -> Option<Hold> {
    plan.holds.iter().find(|(of, _)| of == id).map(|(_, hold)| hold.clone())
}
