//! What people do to the world: snapshots made, deleted and restored by hand.

use std::time::Duration;

use crate::sim::agenda::Happening;
use crate::sim::fault::Fault;
use crate::sim::record::Actor;
use crate::sim::snapshot::Stage;
use crate::sim::world::World;

const HOUR: u64 = 3_600;

impl World {
    pub(super) fn expect_person(&mut self) {
        if let Some(at) = self.person.as_mut().and_then(|person| person.next_visit(self.now)) {
            self.agenda.schedule(at, Happening::PersonMakes);
        }
    }

    pub(super) fn person_makes(&mut self) {
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

    pub(super) fn person_tidies(&mut self, number: u64) {
        let Some(id) = self.snapshots.get(&number).map(|snapshot| snapshot.id.clone()) else { return };
        if self.truth.snapshot(&id).is_some_and(|record| !record.is_owned()) {
            // It may be gone already; then there is nothing to tidy.
            let _gone = self.delete(&id, Actor::Person, Duration::ZERO).is_err();
        }
    }

    /// A person deletes one of the daemon's, whichever it may be.
    pub(super) fn person_deletes(&mut self) {
        let ready = self.snapshots.values().filter(|one| one.stage == Stage::Ready && !one.deleted);
        let ours = ready.map(|one| one.id.clone());
        let ours: Vec<String> = ours.filter(|id| self.truth.who_made(id) == Some(Actor::Daemon)).collect();
        if ours.is_empty() {
            return;
        }
        let id = &ours[self.mischief.random(Fault::HandDeleted).usize(..ours.len())];
        if self.delete(id, Actor::Person, Duration::ZERO).is_ok() {
            self.mischief.hit(Fault::HandDeleted);
        }
    }

    /// A person makes a machine of the oldest of the daemon's, and throws it away later.
    pub(super) fn person_restores(&mut self) {
        let mut ready = self.snapshots.values().filter(|one| one.stage == Stage::Ready && !one.deleted);
        let ids = ready.by_ref().map(|one| one.id.clone());
        let oldest = ids.into_iter().find(|id| self.truth.who_made(id) == Some(Actor::Daemon));
        let Some(id) = oldest else { return };
        let random = self.mischief.random(Fault::HandRestored);
        let (name, stays) = (format!("restored-{}", random.u32(..10_000)), random.u64(2 * HOUR..48 * HOUR));
        if let Ok(machine) = self.restore_snapshot(&id, name) {
            self.mischief.hit(Fault::HandRestored);
            let at = self.mischief.ends(self.now, Duration::from_secs(stays));
            self.agenda.schedule(at, Happening::Discard(machine));
        }
    }
}
