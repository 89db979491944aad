//! The snapshots of the world by their ids: what is shown, what may be made, and which id it gets.

use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::sim::agenda::Wanted;
use crate::sim::fault::Fault;
use crate::sim::machine::MachineStatus;
use crate::sim::record::Actor;
use crate::sim::snapshot::{Snapshot, in_full, snapshot_id};
use crate::sim::world::{Refusal, World, is_fit_name};

/// An id is given out again so long after it was free: by then no request about the old one is under way.
const REUSED_AFTER: Duration = Duration::from_secs(3 * 3_600);

impl World {
    /// What a list shows now, newest first: not what lags, and still what is only just deleted.
    pub fn shown(&self) -> impl Iterator<Item = &Snapshot> {
        self.snapshots.values().rev().filter(|snapshot| snapshot.is_shown(self.now))
    }

    pub fn shown_snapshot(&self, id: &str) -> Option<&Snapshot> {
        self.snapshots.get(&self.number_of(id)?).filter(|snapshot| snapshot.is_shown(self.now))
    }

    /// The number of the snapshot that bears this id now; the newest, if several did.
    pub fn number_of(&self, id: &str) -> Option<u64> {
        let id = in_full(id);
        self.snapshots.values().rev().find(|snapshot| snapshot.id == id).map(|snapshot| snapshot.number)
    }

    /// Somebody asked for this snapshot, or for all, and can read what is shown.
    pub fn read(&mut self, only: Option<&str>, by: Actor) {
        if by == Actor::Daemon {
            let only = only.map(|id| self.number_of(id));
            let shows = |number| self.snapshots.get(&number).is_some_and(|one| one.is_shown(self.now));
            self.truth.read(|number| shows(number) && only.is_none_or(|only| only == Some(number)));
        }
    }

    pub(super) fn may_create(&self, wanted: &Wanted) -> Result<u64, Refusal> {
        if !is_fit_name(&wanted.name) {
            return Err(Refusal::BadName);
        }
        let found = self.machines.iter().find(|(_, machine)| machine.id == wanted.machine);
        let (number, machine) = found.ok_or(Refusal::NoSuchMachine)?;
        if machine.status != MachineStatus::Active {
            return Err(Refusal::NotActive);
        }
        if machine.unsupported {
            return Err(Refusal::Unsupported);
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

    pub(super) fn sketch(&mut self, machine_number: u64, wanted: Wanted) -> Result<Snapshot, Refusal> {
        let machine = self.machines.get(&machine_number).ok_or(Refusal::NoSuchMachine)?;
        self.last_snapshot += 1;
        let number = self.last_snapshot;
        let is_old = |(freed_at, _): &&(Timestamp, String)| self.now.since(*freed_at) >= REUSED_AFTER;
        let reused = self.mischief.strikes(Fault::ReusedId, number, self.now);
        let reused = reused.and_then(|_| self.freed.iter().find(is_old));
        let id = reused.map_or_else(|| snapshot_id(number), |(_, id)| id.clone());
        Ok(Snapshot::begun((number, id), machine_number, machine, wanted, self.dialect, self.now))
    }

    /// A new snapshot bears this id now.
    pub(super) fn use_up(&mut self, number: u64, id: &str) {
        if id != snapshot_id(number) {
            self.freed.retain(|(_, freed)| freed != id);
            self.mischief.hit(Fault::ReusedId);
        }
    }

    /// Its id may be given out again, where the cloud does that.
    pub(super) fn free_id_of(&mut self, number: u64) {
        if self.mischief.can(Fault::ReusedId)
            && let Some(snapshot) = self.snapshots.get(&number)
        {
            self.freed.push((self.now, snapshot.id.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::money::Nanos;
    use crate::sim::cloud::Cloud;
    use crate::sim::fault::Fault;
    use crate::sim::probe::{cursed, delete, minutes, read, ready, send};
    use crate::sim::record::Actor;

    async fn archive(cloud: &Cloud, snapshot: &str) {
        let body = format!(r#"{{"snapshot_id":"{snapshot}","name":"golden"}}"#);
        assert_eq!(send(cloud, "POST", "/images/", &body).await.unwrap().status(), 201);
    }

    #[tokio::test(start_paused = true)]
    async fn the_id_of_a_deleted_one_is_given_out_again_hours_later_and_means_the_new_one() {
        let cloud = cursed(Fault::ReusedId);
        let (first, other) = (ready(&cloud, "qm-a", "").await, ready(&cloud, "qm-b", "").await);
        delete(&cloud, &first).await.unwrap();
        assert_ne!(ready(&cloud, "qm-c", "").await, first, "it was deleted a moment ago");
        minutes(180).await;
        assert_eq!(ready(&cloud, "qm-d", "").await, first);
        assert_eq!(read(&cloud, &format!("/snapshots/{first}/")).await["snapshot"]["name"], "qm-d");
        assert_eq!(
            cloud.with_truth(|truth| truth.snapshot(&first).map(|one| one.name.clone())).unwrap(),
            "qm-d"
        );
        assert_eq!(
            (cloud.hits()["F28b"], cloud.with_truth(|truth| truth.snapshot(&other).is_some())),
            (1, true)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_written_as_a_number_means_the_same() {
        let cloud = cursed(Fault::OddId);
        let id = ready(&cloud, "qm-a", "").await;
        assert_eq!(cloud.with_truth(|truth| truth.who_made("100001")), Some(Actor::Daemon), "{id}");
        assert_eq!(delete(&cloud, "100001").await.unwrap().status(), 200);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_goes_with_what_it_was_made_of_where_the_cloud_is_so() {
        let cloud = cursed(Fault::TakesImage);
        let id = ready(&cloud, "qm-a", "").await;
        archive(&cloud, &id).await;
        let images = cloud.with_world(|world| world.images_of(&id).len());
        assert!(images >= 1);
        minutes(6).await;
        assert!(cloud.with_truth(|truth| truth.is_wrong_victim(&id)).unwrap().contains("linked to an image"));
        delete(&cloud, &id).await.unwrap();
        assert_eq!(cloud.with_world(|world| world.images_of(&id).len()), 0);
        assert!(cloud.hits()["F34b"] >= 1);
    }

    #[tokio::test(start_paused = true)]
    async fn people_make_images_and_all_of_them_are_gone_in_the_calm() {
        use crate::sim::fault_plan::FaultPlan;
        use crate::sim::probe::{cloud, epoch};

        let calm = epoch().shifted(20 * 86_400_000_000);
        let cloud = cloud("plain", FaultPlan::only(7, calm, Fault::TakesImage, 600));
        cloud.top_up(Nanos(1_000_000_000_000_000));
        let mut seen = 0;
        for night in 0..25 {
            ready(&cloud, &format!("qm-{night}"), "").await;
            seen += cloud.with_world(|world| world.images().count());
            minutes(24 * 60).await;
        }
        assert!(seen > 0 && cloud.hits()["F34b"] > 0, "{seen}");
        assert_eq!(cloud.with_world(|world| world.images().count()), 0);
    }
}
