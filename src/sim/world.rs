//! The world behind the simulated API: machines, snapshots, and what becomes of them.
//!
//! A pure, seeded state machine. It reads no clock: `advance` tells it the time, and verbs happen then.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::agenda::{Agenda, Happening, Order, Wanted};
use crate::sim::books::{Ledger, SNAPSHOT_HOURLY, Subject};
use crate::sim::dialect::{Dialect, Way};
use crate::sim::machine::{Machine, MachineStatus, machine_id};
use crate::sim::person::Person;
use crate::sim::record::{Actor, Record, Slot};
use crate::sim::snapshot::{Snapshot, ripening, snapshot_id, snapshot_number};
use crate::sim::truth::{Rules, Truth};

/// Why the cloud declines a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoSuchMachine,
    NoSuchSnapshot,
    NotActive,
    BusySnapshotting,
    StillCreating,
    BadName,
    NameTaken,
    InsufficientBalance,
}

/// What a world is made from.
pub struct Origin {
    pub seed: u64,
    pub epoch: Timestamp,
    pub machines: u32,
    pub dialect: Dialect,
    pub initial_balance: Nanos,
    pub rules: Rules,
    pub person: Option<Person>,
}

pub struct World {
    /// What really happened, and whether it should have.
    pub truth: Truth,
    seed: u64,
    now: Timestamp,
    dialect: Dialect,
    machines: BTreeMap<u64, Machine>,
    snapshots: BTreeMap<u64, Snapshot>,
    last_snapshot: u64,
    machine_ledger: Ledger,
    snapshot_ledger: Ledger,
    /// What was ever paid in.
    credit: Nanos,
    agenda: Agenda,
    person: Option<Person>,
    hand_made: u64,
}

impl World {
    pub fn new(origin: Origin) -> Self {
        let mut world = Self {
            truth: Truth::new(origin.rules),
            seed: origin.seed,
            now: origin.epoch,
            dialect: origin.dialect,
            machines: BTreeMap::new(),
            snapshots: BTreeMap::new(),
            last_snapshot: 0,
            machine_ledger: Ledger::default(),
            snapshot_ledger: Ledger::default(),
            credit: origin.initial_balance,
            agenda: Agenda::default(),
            person: origin.person,
            hand_made: 0,
        };
        for number in 1..=u64::from(origin.machines) {
            let machine = Machine::drawn(origin.seed, number, origin.epoch);
            let (id, name) = (machine.id.clone(), machine.name.clone());
            let subject = Subject::Machine { id, name, gpu_type: machine.gpu_type };
            world.machine_ledger.open(number, subject, machine.hourly, origin.epoch);
            world.machines.insert(number, machine);
        }
        world.expect_person();
        world
    }

    /// Lets everything happen that is due. Time never goes back.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((at, happening)) = self.agenda.take_due(now) {
            self.now = self.now.max(at);
            self.happen(happening);
        }
        self.now = self.now.max(now);
    }

    /// When something happens next by itself.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn balance(&self) -> Nanos {
        let spent = self.machine_ledger.cost(self.now).0 + self.snapshot_ledger.cost(self.now).0;
        Nanos(self.credit.0 - spent)
    }

    pub fn top_up(&mut self, amount: Nanos) {
        self.credit.0 += amount.0;
    }

    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.machines.values()
    }

    pub fn machine(&self, id: &str) -> Option<&Machine> {
        self.machines.values().find(|machine| machine.id == id)
    }

    pub fn set_status(&mut self, id: &str, status: MachineStatus) {
        if let Some(machine) = self.machines.values_mut().find(|machine| machine.id == id) {
            machine.status = status;
        }
    }

    pub fn machine_ledger(&self) -> &Ledger {
        &self.machine_ledger
    }

    pub fn snapshot_ledger(&self) -> &Ledger {
        &self.snapshot_ledger
    }

    /// How many snapshots the scheduled person has made by hand.
    pub fn hand_made(&self) -> u64 {
        self.hand_made
    }

    /// What a list shows now, newest first: not what lags, and still what is only just deleted.
    pub fn shown(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.values().rev().filter(|snapshot| snapshot.is_shown(self.now))
    }

    pub fn shown_snapshot(&self, id: &str) -> Option<&Snapshot> {
        self.snapshots.get(&snapshot_number(id)?).filter(|snapshot| snapshot.is_shown(self.now))
    }

    /// Makes a snapshot now; lists learn of it `lag` later.
    pub fn create(&mut self, wanted: Wanted, by: Actor, lag: Duration) -> Result<&Snapshot, Refusal> {
        let machine_number = self.may_create(&wanted)?;
        let slot = Slot::parse(&wanted.description);
        let mut snapshot = self.sketch(machine_number, wanted)?;
        snapshot.hidden_until = self.now + lag;
        let number = snapshot.number;
        self.truth.made(Record {
            number,
            id: snapshot_id(number),
            name: snapshot.name.clone(),
            machine: machine_id(machine_number),
            made_by: by,
            slot,
            created_at: self.now,
            ready_at: None,
            deleted: None,
            pinned: false,
            adopted: false,
            given_up: false,
            disowned: false,
        });
        if let Some(machine) = self.machines.get_mut(&machine_number) {
            machine.running_snapshot = Some(number);
            if self.dialect.has(Way::Restarts) {
                machine.status = MachineStatus::Shutoff;
            }
        }
        let subject = Subject::Snapshot { id: snapshot_id(number), name: snapshot.name.clone() };
        self.snapshot_ledger.open(number, subject, SNAPSHOT_HOURLY, self.now);
        let (takes, _) = ripening(self.seed, number);
        self.agenda.schedule(self.now + takes, Happening::Ripen(number));
        Ok(self.snapshots.entry(number).or_insert(snapshot))
    }

    /// The answer to a create that makes nothing: its number is used up, and nothing else happens.
    pub fn pretend(&mut self, wanted: Wanted) -> Result<Snapshot, Refusal> {
        let machine_number = self.may_create(&wanted)?;
        self.sketch(machine_number, wanted)
    }

    /// Deletes now; lists learn of it `lag` later.
    pub fn delete(&mut self, id: &str, by: Actor, lag: Duration) -> Result<(), Refusal> {
        let number = snapshot_number(id).ok_or(Refusal::NoSuchSnapshot)?;
        let found = self.snapshots.get_mut(&number).filter(|snapshot| !snapshot.deleted);
        let snapshot = found.ok_or(Refusal::NoSuchSnapshot)?;
        if !snapshot.ready {
            if by == Actor::Daemon {
                self.truth.pending_delete_asked(number, self.now);
            }
            return Err(Refusal::StillCreating);
        }
        snapshot.deleted = true;
        self.truth.deleted(number, self.now, by);
        self.snapshot_ledger.close(number, self.now);
        if lag.is_zero() {
            self.snapshots.remove(&number);
        } else {
            self.agenda.schedule(self.now + lag, Happening::Unlist(number));
        }
        Ok(())
    }

    /// The order takes effect at `at`, if it still can.
    pub fn land_later(&mut self, at: Timestamp, order: Order, lag: Duration) {
        self.agenda.schedule(at, Happening::Land { order, lag });
    }

    fn may_create(&self, wanted: &Wanted) -> Result<u64, Refusal> {
        if !is_fit_name(&wanted.name) {
            return Err(Refusal::BadName);
        }
        let found = self.machines.iter().find(|(_, machine)| machine.id == wanted.machine);
        let (number, machine) = found.ok_or(Refusal::NoSuchMachine)?;
        if machine.status != MachineStatus::Active {
            return Err(Refusal::NotActive);
        }
        let mut living = self.snapshots.values().filter(|snapshot| !snapshot.deleted);
        if self.dialect.unique_names() && living.any(|snapshot| snapshot.name == wanted.name) {
            return Err(Refusal::NameTaken);
        }
        if self.dialect.one_at_a_time() && machine.running_snapshot.is_some() {
            return Err(Refusal::BusySnapshotting);
        }
        if self.balance().0 <= 0 {
            return Err(Refusal::InsufficientBalance);
        }
        Ok(*number)
    }

    fn sketch(&mut self, machine_number: u64, wanted: Wanted) -> Result<Snapshot, Refusal> {
        let machine = self.machines.get(&machine_number).ok_or(Refusal::NoSuchMachine)?;
        self.last_snapshot += 1;
        Ok(Snapshot::begun(self.last_snapshot, machine_number, machine, wanted, self.dialect, self.now))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Ripen(number) => self.ripen(number),
            Happening::Unlist(number) => {
                self.snapshots.remove(&number);
            }
            // What can no longer be done is dropped: nobody waits for the answer.
            Happening::Land { order: Order::Create(wanted), lag } => {
                let _refused = self.create(wanted, Actor::Daemon, lag).is_err();
            }
            Happening::Land { order: Order::Delete { id }, lag } => {
                let _refused = self.delete(&id, Actor::Daemon, lag).is_err();
            }
            Happening::PersonMakes => self.person_makes(),
            Happening::PersonTidies(number) => self.person_tidies(number),
        }
    }

    fn ripen(&mut self, number: u64) {
        let Some(snapshot) = self.snapshots.get_mut(&number) else { return };
        let (_, size_gb) = ripening(self.seed, number);
        snapshot.ripen(size_gb);
        if let Some(machine) = self.machines.get_mut(&snapshot.machine) {
            machine.running_snapshot = None;
            if self.dialect.has(Way::Restarts) {
                machine.status = MachineStatus::Active;
            }
        }
        self.truth.ripened(number, self.now);
    }

    fn expect_person(&mut self) {
        if let Some(at) = self.person.as_mut().and_then(|person| person.next_visit(self.now)) {
            self.agenda.schedule(at, Happening::PersonMakes);
        }
    }

    fn person_makes(&mut self) {
        let machines = self.machines.len();
        let Some((wanted, stays)) = self.person.as_mut().and_then(|person| person.idea(machines)) else {
            return;
        };
        if let Ok(snapshot) = self.create(wanted, Actor::Person, Duration::ZERO) {
            let number = snapshot.number;
            self.hand_made += 1;
            self.agenda.schedule(self.now + stays, Happening::PersonTidies(number));
        }
        self.expect_person();
    }

    fn person_tidies(&mut self, number: u64) {
        let id = snapshot_id(number);
        if self.truth.snapshot(&id).is_some_and(|record| !record.is_owned()) {
            // It may be gone already; then there is nothing to tidy.
            let _gone = self.delete(&id, Actor::Person, Duration::ZERO).is_err();
        }
    }
}

/// 1 to 50 characters out of letters, digits, space, `-`, `_` and `.`.
fn is_fit_name(name: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || " -_.".contains(character);
    (1..=50).contains(&name.len()) && name.chars().all(fits)
}
