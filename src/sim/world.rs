//! The world behind the simulated API: machines, snapshots, and what becomes of them.
//!
//! A pure, seeded state machine. It reads no clock: `advance` tells it the time, and verbs happen then.

mod fleet;
mod shelf;
mod people;
pub mod stores;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::money::{Currency, Nanos};
use crate::domain::time::Timestamp;
use crate::sim::agenda::{Agenda, Happening, Order, Wanted};
use crate::sim::books::{Ledger, SNAPSHOT_HOURLY, Subject, VOLUME_HOURLY};
use crate::sim::dialect::{Dialect, Way};
use crate::sim::fault::Fault;
use crate::sim::machine::{Machine, MachineStatus, machine_id};
use crate::sim::misbilling::Misbilling;
use crate::sim::mischief::Mischief;
use crate::sim::person::Person;
use crate::sim::record::{Actor, Record, Slot};
use crate::sim::rules::Rules;
use crate::sim::snapshot::{Snapshot, Stage, ripening};
use crate::sim::spite::{is_sacred, spiteful};
use crate::sim::truth::Truth;
use crate::sim::world::stores::Stores;

/// Why the cloud declines a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoSuchMachine,
    NoSuchSnapshot,
    NotActive,
    BusySnapshotting,
    StillCreating,
    BeingRestored,
    NotThere,
    NotInThisTier,
    WrongState,
    NoStock,
    Unsupported,
    BadName,
    NameTaken,
    InsufficientBalance,
}

/// Nobody rents so many at once; a scenario may make it nothing.
const USUAL_STOCK: u32 = 12;

/// What a world is made from.
pub struct Origin {
    pub seed: u64,
    pub epoch: Timestamp,
    pub machines: u32,
    pub dialect: Dialect,
    pub initial_balance: Nanos,
    pub rules: Rules,
    pub person: Option<Person>,
    pub mischief: Mischief,
    pub misbilling: Option<Misbilling>,
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
    /// Ids that may be given out again, and since when; the oldest first.
    freed: Vec<(Timestamp, String)>,
    /// Whose deletion was asked for and is still to come.
    leaving: BTreeSet<u64>,
    machine_ledger: Ledger,
    snapshot_ledger: Ledger,
    volume_ledger: Ledger,
    /// What was ever paid in.
    credit: Nanos,
    agenda: Agenda,
    person: Option<Person>,
    hand_made: u64,
    mischief: Mischief,
    last_machine: u64,
    stores: Stores,
    /// How many more machines of each model fit into each region.
    pub stock: u32,
    /// When the credit will be used up, as things are.
    zero_at: Option<Timestamp>,
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
            freed: Vec::new(),
            leaving: BTreeSet::new(),
            machine_ledger: Ledger::new("F32 machine", origin.misbilling),
            snapshot_ledger: Ledger::new("F32 snapshot", origin.misbilling),
            volume_ledger: Ledger::new("F32 volume", origin.misbilling),
            credit: origin.initial_balance,
            agenda: Agenda::default(),
            person: origin.person,
            hand_made: 0,
            mischief: origin.mischief,
            last_machine: u64::from(origin.machines),
            stores: Stores::default(),
            stock: USUAL_STOCK,
            zero_at: None,
        };
        for number in 1..=u64::from(origin.machines) {
            let mut machine = Machine::drawn(origin.seed, number, origin.epoch);
            // The first is spared: a fleet of nothing else would prove nothing.
            machine.unsupported = number > 1 && world.is_unsupported(number);
            if origin.dialect.has(Way::HostileNames) {
                machine.name = spiteful(&machine.name, number);
            }
            let (id, name) = (machine.id.clone(), machine.name.clone());
            let subject = Subject::Machine { id, name, gpu_type: machine.gpu_type };
            world.machine_ledger.open(number, subject, machine.hourly, origin.epoch);
            world.machines.insert(number, machine);
        }
        world.open_volumes(origin.epoch);
        world.expect_person();
        world.expect_strikes();
        world.foresee_depletion();
        world
    }

    /// Lets everything happen that is due. Time never goes back.
    pub fn advance(&mut self, now: Timestamp) {
        while let Some((at, happening)) = self.agenda.take_due(now) {
            self.now = self.now.max(at);
            self.truth.now = self.now;
            self.happen(happening);
        }
        self.now = self.now.max(now);
        self.truth.now = self.now;
        if self.zero_at.is_some_and(|at| at <= self.now) {
            self.deplete();
        }
    }

    /// When something happens next by itself.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.agenda.next()
    }

    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub fn balance(&self) -> Nanos {
        let ledgers = [&self.machine_ledger, &self.snapshot_ledger, &self.volume_ledger];
        let spent: i64 = ledgers.into_iter().map(|ledger| ledger.cost(Currency::Usd, self.now).0).sum();
        Nanos(self.credit.0 - spent)
    }

    pub fn top_up(&mut self, amount: Nanos) {
        self.credit.0 += amount.0;
        self.foresee_depletion();
    }

    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.machines.values()
    }

    pub fn machine(&self, id: &str) -> Option<&Machine> {
        self.machines.values().find(|machine| machine.id == id)
    }

    pub fn machine_ledger_mut(&mut self) -> &mut Ledger {
        &mut self.machine_ledger
    }

    pub fn snapshot_ledger_mut(&mut self) -> &mut Ledger {
        &mut self.snapshot_ledger
    }

    pub fn volume_ledger_mut(&mut self) -> &mut Ledger {
        &mut self.volume_ledger
    }

    /// One volume for each currency; only their bills are simulated, and only where bills can be wrong.
    fn open_volumes(&mut self, epoch: Timestamp) {
        if self.volume_ledger.is_always_right() {
            return;
        }
        for (number, currency) in (1..).zip(Currency::ALL) {
            let (id, name) = (format!("BRK-{}V", 100_000 + number), format!("data-{number}"));
            let subject = Subject::Volume { id, name };
            self.volume_ledger.open_in(currency, number, subject, VOLUME_HOURLY, epoch);
        }
    }

    /// How many snapshots the scheduled person has made by hand.
    pub fn hand_made(&self) -> u64 {
        self.hand_made
    }

    /// Makes a snapshot now; lists learn of it `lag` later.
    pub fn create(&mut self, wanted: Wanted, by: Actor, lag: Duration) -> Result<&Snapshot, Refusal> {
        let machine_number = self.may_create(&wanted)?;
        let number = self.make(machine_number, wanted.clone(), by, lag, false)?;
        let twins = self.mischief.strikes(Fault::Twins, number, self.now);
        if by == Actor::Daemon && !self.dialect.unique_names() && twins.is_some() {
            let twin = self.make(machine_number, wanted, by, lag, true)?;
            self.mischief.hit(Fault::Twins);
            self.truth.is_odd(number);
            self.truth.is_odd(twin);
        }
        self.snapshots.get(&number).ok_or(Refusal::NoSuchSnapshot)
    }

    fn make(
        &mut self,
        machine_number: u64,
        wanted: Wanted,
        by: Actor,
        lag: Duration,
        is_twin: bool,
    ) -> Result<u64, Refusal> {
        let slot = Slot::parse(&wanted.description);
        let mut snapshot = self.sketch(machine_number, wanted)?;
        snapshot.hidden_until = self.now + lag;
        let number = snapshot.number;
        self.use_up(number, &snapshot.id);
        self.truth.made(Record {
            number,
            id: snapshot.id.clone(),
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
            is_twin,
            is_odd: false,
            linked_since: None,
            is_spoilt: false,
        });
        if let Some(machine) = self.machines.get_mut(&machine_number) {
            machine.running_snapshot = Some(number);
            if self.dialect.has(Way::Restarts) {
                machine.status = MachineStatus::Shutoff;
            }
        }
        let is_plain = !self.dialect.has(Way::HostileNames) || is_sacred(&snapshot.name);
        let billed = if is_plain { snapshot.name.clone() } else { spiteful(&snapshot.name, number) };
        let subject = Subject::Snapshot { id: snapshot.id.clone(), name: billed };
        self.snapshot_ledger.open(number, subject, SNAPSHOT_HOURLY, self.now);
        self.snapshots.insert(number, snapshot);
        self.befall_new(number, by);
        self.foresee_depletion();
        Ok(number)
    }

    /// The answer to a create that makes nothing: its number is used up, and nothing else happens.
    pub fn pretend(&mut self, wanted: Wanted) -> Result<Snapshot, Refusal> {
        let machine_number = self.may_create(&wanted)?;
        self.sketch(machine_number, wanted)
    }

    /// Deletes now; lists learn of it `lag` later.
    pub fn delete(&mut self, id: &str, by: Actor, lag: Duration) -> Result<(), Refusal> {
        let number = self.may_delete(id, by)?;
        if let Some(snapshot) = self.snapshots.get_mut(&number) {
            snapshot.deleted = true;
        }
        self.truth.deleted(number, self.now, by);
        self.take_images_of(number);
        self.free_id_of(number);
        self.snapshot_ledger.close(number, self.now);
        self.foresee_depletion();
        if lag.is_zero() {
            self.snapshots.remove(&number);
        } else {
            self.agenda.schedule(self.now + lag, Happening::Unlist(number));
        }
        Ok(())
    }

    /// The number of the snapshot, if it can be deleted now.
    pub fn may_delete(&mut self, id: &str, by: Actor) -> Result<u64, Refusal> {
        let number = self.number_of(id).ok_or(Refusal::NoSuchSnapshot)?;
        let found = self.snapshots.get(&number).filter(|snapshot| !snapshot.deleted);
        let snapshot = found.ok_or(Refusal::NoSuchSnapshot)?;
        let of = self.machines.get(&snapshot.machine);
        let is_running = of.is_some_and(|machine| machine.running_snapshot == Some(number));
        if snapshot.restoring {
            return Err(Refusal::BeingRestored);
        }
        if snapshot.stage == Stage::Creating && by == Actor::Daemon {
            self.truth.pending_delete_asked(number, self.now);
        }
        if is_running {
            return Err(Refusal::StillCreating);
        }
        Ok(number)
    }

    /// The order takes effect at `at`, if it still can.
    pub fn land_later(&mut self, at: Timestamp, order: Order, by: Actor, lag: Duration) {
        if let Order::Delete { id } = &order {
            self.leaving.extend(self.number_of(id));
        }
        self.agenda.schedule(at, Happening::Land { order, by, lag });
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Ripen(number) => self.ripen(number),
            Happening::Unlist(number) => {
                self.snapshots.remove(&number);
            }
            // What can no longer be done is dropped: nobody waits for the answer.
            Happening::Land { order: Order::Create(wanted), by, lag } => {
                let _refused = self.create(wanted, by, lag).is_err();
            }
            Happening::Land { order: Order::Delete { id }, by, lag } => {
                let _refused = self.delete(&id, by, lag).is_err();
            }
            Happening::PersonMakes => self.person_makes(),
            Happening::PersonTidies(number) => self.person_tidies(number),
            Happening::Release(number) => self.release(number),
            Happening::Spoil(number) => self.spoil(number),
            Happening::Disappear(number) => self.disappear(number),
            Happening::ShowOddly { number, fault, quirk, lasts } => {
                self.show_oddly(number, fault, quirk, lasts);
            }
            Happening::ShowRightly(number) => self.show_rightly(number),
            Happening::Reach { machine, since, status } => self.reach(machine, since, status),
            Happening::Remake(machine) => self.remake(&machine),
            Happening::Return(machine) => self.bring_back(*machine),
            Happening::Discard(machine) => {
                // It may be busy or gone; then somebody else sees to it.
                let _refused = self.remove_machine(machine).is_err();
            }
            Happening::EndImage { image, with_snapshot } => self.end_image(&image, with_snapshot),
            Happening::Strike(fault) => self.strike(fault),
        }
    }

    fn ripen(&mut self, number: u64) {
        let Some(snapshot) = self.snapshots.get_mut(&number) else { return };
        let (_, size_gb) = ripening(self.seed, number);
        snapshot.ripen(size_gb);
        self.release(number);
        self.truth.ripened(number, self.now);
    }
}

/// 1 to 50 characters out of letters, digits, space, `-`, `_` and `.`.
fn is_fit_name(name: &str) -> bool {
    let fits = |character: char| character.is_ascii_alphanumeric() || " -_.".contains(character);
    (1..=50).contains(&name.len()) && name.chars().all(fits)
}
