//! How mischief is carried out in the world: on snapshots, on machines, now and later.
//!
//! What the cloud does to its own things is told to the truth, and held against nobody.

use std::time::Duration;

use crate::sim::agenda::Happening;
use crate::sim::dialect::Way;
use crate::sim::fault::Fault;
use crate::sim::machine::{Machine, MachineStatus};
use crate::sim::mischief::Mischief;
use crate::sim::quirk::Quirk;
use crate::sim::record::Actor;
use crate::sim::snapshot::{Stage, ripening};
use crate::sim::world::World;

const HOUR: u64 = 3_600;
/// A snapshot that is being made for ever blocks its machine for so long.
const STUCK: Duration = Duration::from_secs(2 * HOUR);
const QUIRKS: [Fault; 4] = [Fault::OddSize, Fault::OddDate, Fault::OddId, Fault::OddField];
const FROM_TIME_TO_TIME: [Fault; 5] =
    [Fault::MachineTrouble, Fault::MachinesLost, Fault::TakesImage, Fault::HandDeleted, Fault::HandRestored];
/// Fewer at once are no great loss.
const LOST_LEAST: usize = 3;

impl World {
    /// What struck since the last time.
    pub fn take_hits(&mut self) -> Vec<Fault> {
        self.mischief.take_hits()
    }

    /// Other chances from now on; what is under way goes on.
    pub(in crate::sim) fn set_mischief(&mut self, mischief: Mischief) {
        self.mischief = mischief;
        self.expect_strikes();
    }

    pub(super) fn expect_strikes(&mut self) {
        for fault in FROM_TIME_TO_TIME {
            self.expect_strike(fault);
        }
    }

    fn expect_strike(&mut self, fault: Fault) {
        if let Some(at) = self.mischief.next_strike(fault, self.now) {
            self.agenda.schedule(at, Happening::Strike(fault));
        }
    }

    pub(super) fn strike(&mut self, fault: Fault) {
        match fault {
            Fault::MachineTrouble => self.trouble_a_machine(),
            Fault::MachinesLost => self.lose_machines(),
            Fault::TakesImage => self.person_archives(),
            Fault::HandDeleted => self.person_deletes(),
            Fault::HandRestored => self.person_restores(),
            _ => {}
        }
        self.expect_strike(fault);
    }

    /// The whole fate of a new snapshot; what people make is spared.
    pub(super) fn befall_new(&mut self, number: u64, by: Actor) {
        let (takes, _) = ripening(self.seed, number);
        let (born, ripe) = (self.now, self.now + takes);
        if by != Actor::Daemon {
            return self.agenda.schedule(ripe, Happening::Ripen(number));
        }
        if self.mischief.strikes(Fault::StuckCreating, number, born).is_some() {
            self.mischief.hit(Fault::StuckCreating);
            self.truth.is_odd(number);
            return self.agenda.schedule(born + STUCK, Happening::Release(number));
        }
        self.agenda.schedule(ripe, Happening::Ripen(number));
        if let Some(mut random) = self.mischief.strikes(Fault::TurnsError, number, born) {
            let at = self.mischief.ends(ripe, Duration::from_secs(random.u64(HOUR..72 * HOUR)));
            self.agenda.schedule(at, Happening::Spoil(number));
        }
        if let Some(mut random) = self.mischief.strikes(Fault::Disappears, number, born) {
            let at = self.mischief.ends(ripe, Duration::from_secs(random.u64(HOUR..96 * HOUR)));
            self.agenda.schedule(at, Happening::Disappear(number));
        }
        for fault in QUIRKS {
            let Some(mut random) = self.mischief.strikes(fault, number, born) else { continue };
            if let Some((quirk, after, lasts)) = Quirk::drawn(fault, &mut random) {
                let at = self.mischief.ends(born, after);
                self.agenda.schedule(at, Happening::ShowOddly { number, fault, quirk, lasts });
            }
        }
    }

    /// Its machine can go on, or stays as the snapshot left it.
    pub(super) fn release(&mut self, number: u64) {
        let Some(of) = self.snapshots.get(&number).map(|snapshot| snapshot.machine) else { return };
        let Some(machine) = self.machines.get_mut(&of) else { return };
        // A twin is made in the same stroke, and whichever is done first frees the machine.
        machine.running_snapshot = None;
        let was_up = matches!(machine.status, MachineStatus::Active | MachineStatus::Shutoff);
        if self.dialect.has(Way::Restarts) && was_up {
            machine.status = MachineStatus::Active;
        }
        let stays = self.mischief.strikes(Fault::StaysShutOff, number, self.now);
        if let Some(mut random) = stays.filter(|_| was_up) {
            self.mischief.hit(Fault::StaysShutOff);
            self.turn(of, MachineStatus::Shutoff);
            self.recover_later(of, random.u64(HOUR / 2..24 * HOUR));
        }
    }

    pub(super) fn spoil(&mut self, number: u64) {
        let ready = |stage: Stage| stage == Stage::Ready;
        let Some(snapshot) = self.snapshots.get_mut(&number).filter(|one| ready(one.stage) && !one.deleted)
        else {
            return;
        };
        snapshot.spoil();
        self.truth.spoilt(number, self.now);
        self.mischief.hit(Fault::TurnsError);
    }

    pub(super) fn disappear(&mut self, number: u64) {
        let Some(id) = self.snapshots.get(&number).map(|snapshot| snapshot.id.clone()) else { return };
        if self.delete(&id, Actor::Cloud, Duration::ZERO).is_ok() {
            self.mischief.hit(Fault::Disappears);
        }
    }

    pub(super) fn show_oddly(&mut self, number: u64, fault: Fault, quirk: Quirk, lasts: Duration) {
        let until = self.mischief.ends(self.now, lasts);
        let Some(snapshot) = self.snapshots.get_mut(&number).filter(|_| until > self.now) else { return };
        snapshot.show(Some(quirk));
        self.truth.is_odd(number);
        self.mischief.hit(fault);
        self.agenda.schedule(until, Happening::ShowRightly(number));
    }

    pub(super) fn show_rightly(&mut self, number: u64) {
        if let Some(snapshot) = self.snapshots.get_mut(&number) {
            snapshot.show(None);
        }
    }

    /// Drawn per machine, for ever.
    pub(super) fn is_unsupported(&self, machine: u64) -> bool {
        self.mischief.strikes(Fault::Refused, machine, self.now).is_some()
    }

    fn trouble_a_machine(&mut self) {
        let idle = |machine: &&Machine| {
            machine.status == MachineStatus::Active
                && machine.running_snapshot.is_none()
                && machine.restored_from.is_none()
        };
        let idle: Vec<u64> = self.machines.values().filter(idle).map(|machine| machine.number).collect();
        if idle.is_empty() {
            return;
        }
        let random = self.mischief.random(Fault::MachineTrouble);
        let number = idle[random.usize(..idle.len())];
        let (kind, tag, seconds) = (random.u8(..5), random.u16(..), random.u64(HOUR..60 * HOUR));
        self.mischief.hit(Fault::MachineTrouble);
        match kind {
            0 => {
                if let Some(machine) = self.machines.get_mut(&number) {
                    machine.name = format!("renamed-{tag}");
                }
            }
            1 => self.turn(number, MachineStatus::Hibernated),
            2 => self.turn(number, MachineStatus::Error),
            3 => self.turn(number, MachineStatus::Shutoff),
            _ => {
                self.lose(number, seconds, Happening::Remake);
                return;
            }
        }
        if kind > 0 {
            self.recover_later(number, seconds);
        }
    }

    /// All that can go; what is being snapshotted stays, and what a person restored is that person's.
    fn lose_machines(&mut self) {
        let idle = |machine: &&Machine| machine.running_snapshot.is_none() && machine.restored_from.is_none();
        let idle: Vec<u64> = self.machines.values().filter(idle).map(|machine| machine.number).collect();
        if idle.len() < LOST_LEAST {
            return;
        }
        self.mischief.hit(Fault::MachinesLost);
        let random = self.mischief.random(Fault::MachinesLost);
        let becomes: fn(Box<Machine>) -> Happening =
            if random.bool() { Happening::Return } else { Happening::Remake };
        let seconds: Vec<u64> = idle.iter().map(|_| random.u64(HOUR..60 * HOUR)).collect();
        for (number, seconds) in idle.into_iter().zip(seconds) {
            self.lose(number, seconds, becomes);
        }
    }

    /// This becomes of it so much later.
    fn lose(&mut self, number: u64, seconds: u64, becomes: fn(Box<Machine>) -> Happening) {
        let Some(machine) = self.machines.get(&number).cloned() else { return };
        if self.remove_machine(number).is_ok() {
            let at = self.mischief.ends(self.now, Duration::from_secs(seconds));
            self.agenda.schedule(at, becomes(Box::new(machine)));
        }
    }

    /// Up, whatever it was before: nobody waits any more for what would have become of that.
    pub(super) fn bring_back(&mut self, mut machine: Machine) {
        machine.status = MachineStatus::Active;
        self.put(machine);
    }

    fn recover_later(&mut self, number: u64, seconds: u64) {
        let at = self.mischief.ends(self.now, Duration::from_secs(seconds));
        let since = self.now;
        let status = MachineStatus::Active;
        self.agenda.schedule(at, Happening::Reach { machine: number, since, status });
    }

    /// Under the old name, and with a new id.
    pub(super) fn remake(&mut self, machine: &Machine) {
        self.last_machine += 1;
        let again = machine.made_again(self.last_machine, machine.name.clone(), self.now);
        let number = again.number;
        self.put(again);
        self.reach_later(number, MachineStatus::Active, Duration::from_secs(HOUR / 12));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::sim::fault::Fault;
    use crate::sim::fault_plan::FaultPlan;
    use crate::sim::probe::{cloud, far, minutes};

    #[tokio::test(start_paused = true)]
    async fn every_idle_machine_is_gone_at_once_and_there_again_later_or_made_again() {
        let cloud = cloud("plain", FaultPlan::only(7, far(), Fault::MachinesLost, 1_000));
        let fleet = || -> BTreeMap<String, String> {
            cloud.with_world(|world| world.machines().map(|one| (one.name.clone(), one.id.clone())).collect())
        };
        let (mut returned, mut remade) = (0, 0);
        for loss in 1..=6 {
            let before = fleet();
            while fleet() == before {
                minutes(1).await;
            }
            assert_eq!((fleet().len(), cloud.hits()["F30b"]), (0, loss), "one by one is no great loss");
            while fleet().len() < before.len() {
                minutes(1).await;
            }
            assert!(before.keys().eq(fleet().keys()), "{before:?}");
            let is_same = |(name, id): (&String, &String)| before[name] == *id;
            match fleet().iter().filter(|one| is_same(*one)).count() {
                0 => remade += 1,
                all => returned += all / before.len(),
            }
        }
        assert!(returned > 0 && remade > 0 && returned + remade == 6, "{returned} and {remade}");
    }
}
