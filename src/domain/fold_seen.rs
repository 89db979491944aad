//! The fold of what was seen: looks, the things in them, and whose they are.

use std::collections::{BTreeMap, BTreeSet};

use super::backup::{Backup, Happening, Life, Sized};
use super::effect::{Cause, Standing, Verb};
use super::fleet::{Change, Item, Look, LookResult, Scope, Snapshot, SnapshotStatus};
use super::id::{BackupId, ImageId, MachineId, PolicyName, SnapshotId};
use super::slot::Slot;
use super::state::{EffectLife, Known, Single, State};
use super::time::{Seconds, Timestamp};
use crate::planted::{Bug, is_planted};

/// Complete looks that must agree before deletions go on, once something of ours was missing.
const LOOKS_AFTER_A_SHOCK: u8 = 2;
/// More than one in five of ours missing at once, and at least three, is not believed.
const DOUBTFUL_SHARE: usize = 5;
const DOUBTFUL_LEAST: usize = 3;
/// How long the look at one object is remembered.
const DETAIL_KEPT: Seconds = Seconds::hours(2);

impl State {
    pub(super) fn look(&mut self, look: &Look, at: Timestamp) {
        let skew = self.rules().skew;
        if look.server_date.is_some() || look.result == LookResult::Complete {
            self.wall.looked(at, look.server_date, skew);
        }
        // A clock that stepped back in mid-look would make the look seem fresh for ever.
        let began = look.began.min(at);
        self.weigh_total(look, began);
        let fleet = &mut self.fleet;
        let freshness = match &look.scope {
            Scope::Machines => &mut fleet.machine_look,
            Scope::Snapshots => &mut fleet.snapshot_look,
            Scope::Images => &mut fleet.image_look,
            Scope::Balance => &mut fleet.balance_look,
            Scope::Prices => &mut fleet.price_look,
            Scope::Snapshot(id) => {
                fleet.details.retain(|_, one| at.since(one.began) < DETAIL_KEPT.duration());
                fleet.details.insert(id.clone(), single(id, began, &look.result, BTreeSet::new()));
                return;
            }
            Scope::Links(id) => {
                let images = match fleet.links.take() {
                    Some(links) if &links.snapshot == id && links.began == at => links.images,
                    Some(_) | None => BTreeSet::new(),
                };
                fleet.links = Some(single(id, began, &look.result, images));
                return;
            }
            Scope::Billing(kind, reach) => {
                self.ledger.look(*kind, *reach, look, began, at);
                return;
            }
        };
        freshness.tried = Some(began);
        freshness.unavailable = matches!(look.result, LookResult::Unavailable(_));
        if look.result == LookResult::Complete {
            freshness.complete = Some(began);
            freshness.read_at = Some(at);
            freshness.digest = look.digest;
        }
        match (&look.scope, &look.result) {
            (Scope::Snapshots, LookResult::Complete) => self.weigh_listing(began, at),
            (Scope::Machines, LookResult::Complete) => {
                self.watch_machines(began);
                self.weigh_machines(at);
            }
            (Scope::Images, LookResult::Complete) => self.forget_images(began),
            (Scope::Prices, _) => self.forget(at),
            (Scope::Balance, LookResult::Complete) => self.ledger.see_balance(&self.fleet.balance, began),
            _ => {}
        }
    }

    /// A complete listing of snapshots: what its silences say.
    fn weigh_listing(&mut self, began: Timestamp, at: Timestamp) {
        let missing = self.missing().count();
        let doubtful = missing > 0 && self.is_doubtful(missing);
        self.fleet.doubtful_since = doubtful.then(|| self.fleet.doubtful_since.unwrap_or(at));
        self.fleet.shaken = match missing {
            0 => self.fleet.shaken.saturating_sub(1),
            _ => LOOKS_AFTER_A_SHOCK,
        };
        if doubtful {
            return;
        }
        let settle = if is_planted(Bug::NoSettleTime) { Seconds(0) } else { self.rules().settle };
        let clear: Vec<_> = self
            .unresolved()
            .map(|life| {
                (
                    life.effect.id.clone(),
                    self.speaks_for_absence(life.effect.verb.clone(), began, life, settle),
                )
            })
            .collect();
        for (id, is_clear) in clear {
            if let Some(life) = self.effects.get_mut(&id) {
                life.clear_looks = if is_clear { life.clear_looks.saturating_add(1) } else { 0 };
            }
        }
    }

    /// Whether so many of ours are missing that the listing is not believed.
    fn is_doubtful(&self, missing: usize) -> bool {
        // Our own deletes aside: what they took away says nothing about the listing.
        let is_deleting =
            |id: &BackupId| self.backups.get(id).is_some_and(|backup| backup.life == Life::DeleteIntended);
        let there = |id: &SnapshotId| self.fleet.snapshots.contains_key(id);
        let ours = self.owners.iter().filter(|(id, owner)| there(id) && !is_deleting(owner)).count();
        missing == ours || (missing >= DOUBTFUL_LEAST && missing * DOUBTFUL_SHARE > ours)
    }

    /// Whether this complete listing lacks the object of an open effect, late enough to mean it.
    fn speaks_for_absence(&self, verb: Verb, began: Timestamp, life: &EffectLife, settle: Seconds) -> bool {
        let Standing::Unknown { since, .. } = life.standing else { return false };
        match verb {
            Verb::CreateSnapshot { backup, .. } => {
                let seen = self.backups.get(&backup).is_some_and(|backup| !backup.snapshots.is_empty());
                !seen && !self.may_be_unread(&backup) && began >= since + settle
            }
            Verb::DeleteSnapshot { backup, snapshot, .. } => {
                began >= since && !self.is_there(&snapshot, &backup)
            }
        }
    }

    /// Whether the last listing shows the snapshot of this backup, and not another thing under its id.
    pub(super) fn is_there(&self, snapshot: &SnapshotId, backup: &BackupId) -> bool {
        let known = self.fleet.snapshots.get(snapshot);
        self.owners.get(snapshot) == Some(backup) && known.is_some_and(|known| known.missing_since.is_none())
    }

    /// Whether an object without a readable name stands there that may be this backup: on its machine,
    /// or on one that cannot be read, nobody's yet, and first seen after it was asked for.
    fn may_be_unread(&self, id: &BackupId) -> bool {
        let Some(backup) = self.backups.get(id) else { return false };
        self.fleet.snapshots.iter().any(|(snapshot, known)| {
            let machine = known.item.machine.as_ref();
            known.item.name.is_empty()
                && known.missing_since.is_none()
                && known.first_seen >= backup.requested_at
                && machine.is_none_or(|machine| *machine == backup.machine)
                && !self.owners.contains_key(snapshot)
        })
    }

    /// What is missing is gone; the backup too, unless another object still bears its name.
    pub(super) fn vanish(&mut self, id: &BackupId, at: Timestamp) {
        let Some(backup) = self.backups.get(id) else { return };
        let snapshots = &mut self.fleet.snapshots;
        let is_missing = |known: &Known<Snapshot>| known.missing_since.is_some();
        for snapshot in &backup.snapshots {
            if snapshots.get(snapshot).is_some_and(is_missing) {
                snapshots.remove(snapshot);
            }
        }
        if !backup.snapshots.iter().any(|snapshot| snapshots.contains_key(snapshot)) {
            self.happen(id, Happening::Missed, at);
        }
        if self.fleet.doubtful_since.is_some() {
            self.demand_approval_of_all();
        }
    }

    /// So much was lost that a person looks at every doom before the next deletion.
    fn demand_approval_of_all(&mut self) {
        for doom in self.backups.values_mut().filter_map(|backup| backup.doom.as_mut()) {
            doom.needs_approval = true;
            doom.approved_at = None;
        }
        if let Some(adopted) = &mut self.adopted {
            adopted.approved_once = false;
        }
    }

    pub(super) fn observe(&mut self, change: &Change, at: Timestamp) {
        match change {
            Change::Seen(Item::Machine(machine)) => {
                see(&mut self.fleet.machines, machine.id.clone(), machine.clone(), at);
            }
            Change::Seen(Item::Snapshot(snapshot)) => self.see_snapshot(snapshot, at),
            Change::Seen(Item::Image(image)) => self.see_image(image),
            Change::Seen(Item::Balance(balance)) => self.see_balance(balance),
            Change::Seen(Item::Prices(prices)) => self.fleet.prices = Some(prices.clone()),
            Change::Seen(Item::Links { snapshot, images }) => {
                self.fleet.links = Some(single(snapshot, at, &LookResult::Complete, images.clone()));
            }
            Change::MachineMissing(id) => {
                if let Some(known) = self.fleet.machines.get_mut(id) {
                    known.missing_since.get_or_insert(at);
                }
            }
            Change::SnapshotMissing(id) => match self.owners.contains_key(id) {
                true => {
                    if let Some(known) = self.fleet.snapshots.get_mut(id) {
                        known.missing_since.get_or_insert(at);
                    }
                }
                false => {
                    self.fleet.snapshots.remove(id);
                }
            },
            Change::ImageMissing(id) => self.lose_image(id, at),
        }
    }

    pub(super) fn see_snapshot(&mut self, snapshot: &Snapshot, at: Timestamp) {
        self.part_from_reused(snapshot, at);
        see(&mut self.fleet.snapshots, snapshot.id.clone(), snapshot.clone(), at);
        let Some(owner) = self.owner_of(snapshot) else { return };
        let offset = self.wall.offset_micros.unwrap_or(0);
        let skew = self.rules().skew;
        self.owners.insert(snapshot.id.clone(), owner.clone());
        let Some(backup) = self.backups.get_mut(&owner) else { return };
        let is_new = backup.snapshots.insert(snapshot.id.clone());
        if is_new && let Some(created) = snapshot.created_at {
            backup.taken_at = believed(created, backup, at, offset, skew);
        } else if is_new && is_planted(Bug::BadDateIsNow) {
            backup.taken_at = at;
        }
        let disputed = backup.snapshots.len() > 1;
        let happening = match snapshot.status {
            _ if disputed && is_new => Some(Happening::SeenTwice),
            SnapshotStatus::Ready => Some(Happening::SeenReady),
            SnapshotStatus::Pending => Some(Happening::SeenPending),
            SnapshotStatus::Failed => Some(Happening::SeenFailed),
            SnapshotStatus::Unknown(_) => Some(Happening::SeenPending),
        };
        if snapshot.status == SnapshotStatus::Ready {
            let bytes = snapshot.size_bytes.unwrap_or(0);
            let before = backup.sized.filter(|sized| sized.bytes != bytes);
            if backup.sized.is_none() || before.is_some() {
                let changes = before.map_or(0, |sized| sized.changes + u32::from(sized.bytes > 0));
                backup.sized = Some(Sized { bytes, seen: at, changes });
            }
        }
        if let Some(happening) = happening {
            self.happen(&owner, happening, at);
        }
    }

    /// Whose it is: by id, by the id that answered an open request, or by the name of an intent; on
    /// the same machine, and not made before it. What a person disowned never becomes ours so.
    fn owner_of(&self, snapshot: &Snapshot) -> Option<BackupId> {
        if let Some(owner) = self.owners.get(&snapshot.id) {
            return Some(owner.clone());
        }
        // A person's word stands above every answer and every name that is read later.
        if self.disowned.contains_key(&snapshot.id) {
            return None;
        }
        let answered = self.unfinished().find(|life| life.answered() == Some(&snapshot.id));
        let answered = answered.map(|life| life.effect.verb.backup().clone());
        let is_answered = answered.as_ref().is_some_and(|id| id.as_str() == snapshot.name);
        let id = answered.unwrap_or_else(|| BackupId::new(&*snapshot.name));
        let backup = self.backups.get(&id)?;
        // Somebody used this name before we did: nothing that bears it becomes ours by name.
        if self.halts.rivals.contains_key(&id) {
            return None;
        }
        let same_machine = snapshot.machine.as_ref().is_none_or(|machine| *machine == backup.machine);
        let skew = self.rules().skew;
        // Two readings of "before the intent": by our clock, and by the cloud's as we then knew it.
        // Where the cloud's clock was not known, a name that hashes the slot is proof enough.
        let earliest = |offset: i64| backup.requested_at.min(backup.requested_at.shifted(-offset)) - skew;
        let earliest = backup.offset_micros.map(earliest);
        // Nobody makes a backup of a slot before that is due: such a date is a lie, and says nothing.
        let due = backup.slot.as_ref().map(|slot| slot.due - skew);
        let created = snapshot.created_at.filter(|created| due.is_none_or(|due| *created >= due));
        // The id that we were given, under the name that we gave: no date can speak against that.
        let in_time =
            is_answered || created.is_none_or(|created| earliest.is_none_or(|earliest| created >= earliest));
        (same_machine && in_time).then_some(id)
    }

    pub(super) fn ask_for_backup(
        &mut self,
        id: &BackupId,
        machine: &MachineId,
        name: &str,
        cause: &Cause,
        at: Timestamp,
    ) {
        let offset_micros = self.wall.offset_micros;
        let slot = match cause {
            Cause::Slot(slot) => Some(slot.clone()),
            Cause::Ask(ask) => self.requests.get(ask).and_then(|request| request.slot.clone()),
            Cause::Doom { .. } => None,
        };
        // A request keeps the name that its policy had when it was asked for.
        let current = |policy: PolicyName| match &self.adopted {
            Some(adopted) => adopted.current(&policy).clone(),
            None => policy,
        };
        let slot = slot.map(|slot| Slot { policy: current(slot.policy), ..slot });
        if let Some(slot) = &slot {
            let shelf = self.shelf_mut(slot.shelf());
            match cause {
                // What waits is decided by an event of its own.
                Cause::Ask(_) => shelf.ran = shelf.ran.max(Some(slot.due)),
                Cause::Slot(_) | Cause::Doom { .. } => {
                    shelf.decided_until = shelf.decided_until.max(slot.due);
                    shelf.open = None;
                }
            }
        }
        self.backups.entry(id.clone()).or_insert_with(|| Backup {
            machine: machine.clone(),
            name: name.to_owned(),
            slot,
            requested_at: at,
            waiting_since: at,
            offset_micros,
            life: Life::Intended,
            snapshots: BTreeSet::new(),
            taken_at: at,
            sized: None,
            pinned: false,
            held: None,
            doom: None,
            expires_at: None,
            life_before: Life::Intended,
            ended_at: None,
        });
        self.note_backup(id);
    }
}

/// The cloud's `created_at` where it lies between the request and the first sight, by either clock.
fn believed(
    created: Timestamp,
    backup: &Backup,
    first_seen: Timestamp,
    offset_now: i64,
    skew: Seconds,
) -> Timestamp {
    // By our clock, by the server's, or between the two: one of them is wrong, and it is not known which.
    let from =
        backup.requested_at.min(backup.requested_at.shifted(-backup.offset_micros.unwrap_or(0))) - skew;
    let until = first_seen.max(first_seen.shifted(-offset_now)) + skew;
    if created >= from && created <= until { created } else { backup.requested_at }
}

fn see<K: Ord, Of>(things: &mut BTreeMap<K, Known<Of>>, id: K, item: Of, at: Timestamp) {
    match things.get_mut(&id) {
        Some(known) => {
            known.item = item;
            known.missing_since = None;
        }
        None => {
            things.insert(id, Known { item, first_seen: at, missing_since: None });
        }
    }
}

fn single(id: &SnapshotId, began: Timestamp, result: &LookResult, images: BTreeSet<ImageId>) -> Single {
    Single { snapshot: id.clone(), began, result: result.clone(), images }
}
