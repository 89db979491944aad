//! A scenario: what happens to the cloud at which instant, as somebody wrote it down.
//!
//! It knows no file; whoever reads one hands the steps in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::fault::Fault;
use crate::sim::fault_plan::FaultPlan;
use crate::sim::machine::MachineStatus;
use crate::sim::world::World;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Outage(Duration),
    DeleteMachine(String),
    SetStatus(String, MachineStatus),
    SetBalance(Nanos),
    SetStock(u32),
    /// The chance per ten thousand of a class from then on; zero ends it.
    SetFault(Fault, u32),
}

/// The steps to come, in order.
#[derive(Default)]
pub struct Scenario {
    steps: BTreeMap<(Timestamp, usize), Step>,
}

impl Scenario {
    pub fn add(&mut self, at: Timestamp, step: Step) {
        self.steps.insert((at, self.steps.len()), step);
    }

    /// The earliest step, if its time has come.
    pub fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Step)> {
        let entry = self.steps.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((at, _), step) = entry.remove_entry();
        Some((at, step))
    }
}

impl Step {
    pub fn play(self, world: &mut World, faults: &mut FaultPlan) {
        let now = world.now();
        match self {
            Self::Outage(span) => faults.begin_outage(now, now + span),
            Self::DeleteMachine(id) => {
                // A scenario may name a machine that is gone, or busy; then nothing happens.
                let _refused = world.delete_machine(&id).is_err();
            }
            Self::SetStatus(id, status) => world.set_status(&id, status),
            Self::SetBalance(amount) => {
                let Nanos(present) = world.balance();
                world.top_up(Nanos(amount.0 - present));
            }
            Self::SetStock(available) => world.stock = available,
            Self::SetFault(fault, rate) => {
                faults.set_rate(fault, rate);
                world.set_mischief(faults.mischief());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::probe::{cloud, epoch, minutes, read, send};

    #[tokio::test(start_paused = true)]
    async fn steps_happen_at_their_instants_and_not_before() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let hour = |count: i64| epoch().shifted(count * 3_600_000_000);
        cloud.play(hour(1), Step::Outage(Duration::from_secs(600)));
        cloud.play(hour(2), Step::SetStatus("BRK-100001D".to_owned(), MachineStatus::Hibernated));
        cloud.play(hour(3), Step::DeleteMachine("BRK-100002D".to_owned()));
        cloud.play(hour(4), Step::SetFault(Fault::ServerError, 10_000));
        assert!(send(&cloud, "GET", "/instances/", "").await.is_ok());
        minutes(61).await;
        assert!(send(&cloud, "GET", "/instances/", "").await.is_err());
        minutes(70).await;
        assert_eq!(read(&cloud, "/instances/").await["instances"][0]["status"], "HIBERNATED");
        minutes(60).await;
        assert_eq!(read(&cloud, "/instances/").await["total"], 2);
        minutes(60).await;
        assert!(send(&cloud, "GET", "/instances/", "").await.unwrap().status().is_server_error());
    }

    #[tokio::test(start_paused = true)]
    async fn at_zero_machines_are_hibernated_and_creates_refused() {
        let cloud = cloud("plain", FaultPlan::none(1));
        let hourly: i64 = cloud.with_world(|world| world.machines().map(|machine| machine.hourly.0).sum());
        cloud.play(epoch(), Step::SetBalance(Nanos(2 * hourly)));
        minutes(119).await;
        assert_eq!(read(&cloud, "/instances/").await["instances"][0]["status"], "ACTIVE");
        minutes(2).await;
        assert_eq!(read(&cloud, "/instances/").await["instances"][0]["status"], "HIBERNATED");
        cloud.set_status("BRK-100001D", MachineStatus::Active);
        let refused = crate::sim::probe::create(&cloud, 1, "qm-a", "").await.unwrap();
        let text = String::from_utf8_lossy(refused.body()).into_owned();
        assert!(refused.status() == 400 && text.contains("INSUFFICIENT_BALANCE"), "{text}");
    }
}
