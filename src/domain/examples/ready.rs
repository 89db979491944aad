//! A deletion that nothing holds, to be spoilt by one change at a time.

use super::world::{World, daily, deletes, hold_of, machine_id};
use crate::domain::ask::Ask;
use crate::domain::audit::Objection;
use crate::domain::draft::Hold;
use crate::domain::effect::{Cause, Effect, Verb};
use crate::domain::id::BackupId;
use crate::domain::time::Timestamp;

/// A deletion that nothing holds, and the world in which it waits.
pub struct Ready {
    pub world: World,
    pub victim: BackupId,
    pub delete: Effect,
    /// All four of the machine, oldest first.
    pub backups: Vec<BackupId>,
}

/// Four nights of one machine out of two; two are kept, so two are doomed, and the older may go.
pub fn ready() -> Ready {
    let mut ready = unapproved();
    let backups = [ready.victim.clone()].into();
    ready.world.ask(Ask::Approve { backups });
    ready
}

pub fn unapproved() -> Ready {
    let mut world = World::new(2);
    let nights: Vec<Vec<BackupId>> = (0..4).map(|_| world.take_all()).collect();
    let of_first = |night: &Vec<BackupId>| {
        night.iter().find(|id| world.backup(id).machine == machine_id(1)).cloned().unwrap()
    };
    let backups: Vec<BackupId> = nights.iter().map(of_first).collect();
    let victim = backups[0].clone();
    let backup = world.backup(&victim);
    let cause = Cause::Doom { policy: daily(), seq: backup.doom.as_ref().unwrap().seq };
    let verb = Verb::DeleteSnapshot {
        backup: victim.clone(),
        machine: backup.machine.clone(),
        snapshot: world.snapshot_of(&victim),
    };
    Ready { victim, delete: Effect::new(cause, verb), backups, world }
}

impl Ready {
    /// What the audit says after a fresh look, and what the plan holds it for.
    pub fn judged(&mut self) -> (Option<Objection>, Option<Hold>) {
        self.world.look_at_all();
        self.judged_without_a_look()
    }

    pub fn judged_without_a_look(&mut self) -> (Option<Objection>, Option<Hold>) {
        let objection = self.world.audit(&self.delete).err();
        let plan = self.world.conclude();
        let is_proposed = deletes(&plan).iter().any(|effect| effect.verb.backup() == &self.victim);
        let hold = hold_of(&plan, &self.victim);
        let is_doomed = self.world.state.backups.get(&self.victim).is_some_and(|b| b.doom.is_some());
        assert!(is_proposed || hold.is_some() || !is_doomed, "doomed, and neither proposed nor held");
        assert!(!is_proposed || hold.is_none(), "proposed and held");
        (objection, if is_proposed { Some(PROPOSED) } else { hold })
    }

    /// A last time, so that what held it is shown to have been the one thing.
    pub fn is_permitted(&mut self) -> bool {
        self.judged() == (None, Some(PROPOSED))
    }
}

/// No hold of the plan looks like this; it stands for "it would be performed".
pub const PROPOSED: Hold = Hold::Frozen { until: Timestamp::EPOCH };

/// One change, and what both sides make of it.
#[track_caller]
pub fn stopped(change: impl FnOnce(&mut Ready), objection: Objection, hold: Option<Hold>) {
    let mut ready = ready();
    assert!(ready.is_permitted(), "the control is not permitted: {:?}", ready.judged());
    change(&mut ready);
    assert_eq!(ready.judged(), (Some(objection), hold));
}
