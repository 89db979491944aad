//! The machines of the world: what can be asked of them, what they cost, and what the end of the credit does.

use std::time::Duration;

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::agenda::Happening;
use crate::sim::books::{SNAPSHOT_HOURLY, Subject};
use crate::sim::machine::{Action, HIBERNATED_HOURLY, Machine, MachineStatus};
use crate::sim::snapshot::Stage;
use crate::sim::stream::numbered;
use crate::sim::world::{Refusal, World};

const HOUR_MICROS: i128 = 3_600_000_000;

impl World {
    /// Begins an action; the transitional status is shown at once, the other one to two minutes later.
    pub fn act(&mut self, id: &str, action: Action) -> Result<&Machine, Refusal> {
        let machine = self.machine(id).ok_or(Refusal::NoSuchMachine)?;
        let (needs, meanwhile, into) = action.course();
        if machine.running_snapshot.is_some() {
            return Err(Refusal::BusySnapshotting);
        }
        if machine.status != needs {
            return Err(Refusal::WrongState);
        }
        if action == Action::Restore && self.balance().0 <= 0 {
            return Err(Refusal::InsufficientBalance);
        }
        if action == Action::Restore && self.stock == 0 {
            return Err(Refusal::NoStock);
        }
        let number = machine.number;
        let takes = numbered(self.seed, "action", number).u64(60..120);
        self.turn(number, MachineStatus::Changing(meanwhile));
        self.reach_later(number, into, Duration::from_secs(takes));
        self.machines.get(&number).ok_or(Refusal::NoSuchMachine)
    }

    /// A machine of a snapshot's content, still building; its number.
    pub fn restore_snapshot(&mut self, id: &str, name: String) -> Result<u64, Refusal> {
        if !super::is_fit_name(&name) {
            return Err(Refusal::BadName);
        }
        if self.machines.values().any(|machine| machine.name == name) {
            return Err(Refusal::NameTaken);
        }
        if self.balance().0 <= 0 {
            return Err(Refusal::InsufficientBalance);
        }
        if self.stock == 0 {
            return Err(Refusal::NoStock);
        }
        let number = self.number_of(id).ok_or(Refusal::NoSuchSnapshot)?;
        let snapshot = self.snapshots.get_mut(&number).filter(|snapshot| !snapshot.deleted);
        let snapshot = snapshot.ok_or(Refusal::NoSuchSnapshot)?;
        if snapshot.stage != Stage::Ready {
            return Err(Refusal::WrongState);
        }
        snapshot.restore(true);
        let of = snapshot.machine;
        self.last_machine += 1;
        let again = self.last_machine;
        let template = self.machines.get(&of).cloned();
        let template = template.unwrap_or_else(|| Machine::drawn(self.seed, of, self.now));
        let mut machine = template.made_again(again, name, self.now);
        machine.restored_from = Some(number);
        self.put(machine);
        let takes = numbered(self.seed, "restore", again).u64(600..2_400);
        self.reach_later(again, MachineStatus::Active, Duration::from_secs(takes));
        Ok(again)
    }

    pub fn delete_machine(&mut self, id: &str) -> Result<(), Refusal> {
        let number = self.machine(id).ok_or(Refusal::NoSuchMachine)?.number;
        self.remove_machine(number)
    }

    pub fn set_status(&mut self, id: &str, status: MachineStatus) {
        if let Some(number) = self.machine(id).map(|machine| machine.number) {
            self.turn(number, status);
        }
    }

    pub(super) fn remove_machine(&mut self, number: u64) -> Result<(), Refusal> {
        let machine = self.machines.get(&number).ok_or(Refusal::NoSuchMachine)?;
        if machine.running_snapshot.is_some() {
            return Err(Refusal::BusySnapshotting);
        }
        if let Some(snapshot) = machine.restored_from.and_then(|from| self.snapshots.get_mut(&from)) {
            snapshot.restore(false);
        }
        self.machines.remove(&number);
        self.machine_ledger.close(number, self.now);
        self.foresee_depletion();
        Ok(())
    }

    pub(super) fn put(&mut self, mut machine: Machine) {
        machine.since = self.now;
        machine.unsupported = self.is_unsupported(machine.number);
        let (id, name) = (machine.id.clone(), machine.name.clone());
        let subject = Subject::Machine { id, name, gpu_type: machine.gpu_type };
        self.machine_ledger.open(machine.number, subject, machine.hourly, self.now);
        self.machines.insert(machine.number, machine);
        self.foresee_depletion();
    }

    pub(super) fn reach_later(&mut self, number: u64, status: MachineStatus, after: Duration) {
        let since = self.now;
        self.agenda.schedule(self.now + after, Happening::Reach { machine: number, since, status });
    }

    /// Unless something else has happened to it.
    pub(super) fn reach(&mut self, number: u64, since: Timestamp, status: MachineStatus) {
        let Some(machine) = self.machines.get(&number).filter(|machine| machine.since == since) else {
            return;
        };
        if let Some(snapshot) = machine.restored_from.and_then(|from| self.snapshots.get_mut(&from)) {
            snapshot.restore(false);
        }
        self.turn(number, status);
    }

    /// A new status, and what it costs from now on.
    pub(super) fn turn(&mut self, number: u64, status: MachineStatus) {
        let Some(machine) = self.machines.get_mut(&number) else { return };
        let slept = machine.status == MachineStatus::Hibernated;
        let sleeps = status == MachineStatus::Hibernated;
        (machine.status, machine.since) = (status, self.now);
        if slept != sleeps {
            let hourly = if sleeps { HIBERNATED_HOURLY } else { machine.hourly };
            let (id, name) = (machine.id.clone(), machine.name.clone());
            let subject = Subject::Machine { id, name, gpu_type: machine.gpu_type };
            self.machine_ledger.close(number, self.now);
            self.machine_ledger.open(number, subject, hourly, self.now);
            self.foresee_depletion();
        }
    }

    /// When the credit ends, in closed form: nothing ticks.
    pub(super) fn foresee_depletion(&mut self) {
        let asleep = |machine: &Machine| machine.status == MachineStatus::Hibernated;
        let rate = |machine: &Machine| if asleep(machine) { HIBERNATED_HOURLY.0 } else { machine.hourly.0 };
        let machines: i64 = self.machines.values().map(rate).sum();
        let shelf = self.snapshots.values().filter(|snapshot| !snapshot.deleted).count();
        let hourly = machines + SNAPSHOT_HOURLY.0 * i64::try_from(shelf).unwrap_or(0);
        let Nanos(left) = self.balance();
        let micros = i128::from(left.max(0)) * HOUR_MICROS / i128::from(hourly.max(1));
        let awake = self.machines.values().any(|machine| !asleep(machine));
        self.zero_at = i64::try_from(micros).ok().filter(|_| awake).map(|micros| self.now.shifted(micros));
    }

    /// At zero everything that runs is hibernated.
    pub(super) fn deplete(&mut self) {
        if self.balance().0 > 0 {
            return self.foresee_depletion();
        }
        let awake = |machine: &&Machine| machine.status != MachineStatus::Hibernated;
        let awake: Vec<u64> = self.machines.values().filter(awake).map(|machine| machine.number).collect();
        for number in awake {
            self.turn(number, MachineStatus::Hibernated);
        }
        self.zero_at = None;
    }
}
