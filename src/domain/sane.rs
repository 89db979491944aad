//! Level 1: whether what the cloud says of a ready snapshot can be true.
//!
//! What is surely wrong is bad, and only a person removes it; what is not sure yet is not judged, and
//! neither counted nor deleted.

use super::backup::{Backup, Judgement, Sized};
use super::fleet::{Snapshot, SnapshotStatus};
use super::state::State;
use super::time::{Seconds, Timestamp};

/// No zone that a date may lack is further from UTC.
const WIDEST_ZONE: Seconds = Seconds::hours(15);

/// Sizes above zero, each another than the one before, of a thing that never changes.
const CHANGES_THAT_CONVINCE: u32 = 20;

/// `None`: too early to tell.
pub(super) fn level_one(state: &State, backup: &Backup) -> Option<Judgement> {
    let known = state.sole_snapshot(backup)?;
    let sized = backup.sized?;
    if known.item.status != SnapshotStatus::Ready || known.missing_since.is_some() {
        return None;
    }
    if let Some(why) = misfit(state, backup, &known.item) {
        return Some(Judgement::Bad { why });
    }
    let sight = state.last_sight(&known.item.id)?;
    if sized.bytes > 0 && sight > sized.seen {
        return Some(Judgement::Good { size_bytes: sized.bytes });
    }
    no_size(state, sized, sight)
}

/// What makes it another snapshot than the one that was asked for.
fn misfit(state: &State, backup: &Backup, snapshot: &Snapshot) -> Option<String> {
    if let Some(machine) = snapshot.machine.as_ref().filter(|machine| **machine != backup.machine) {
        return Some(format!("it is of machine {machine}"));
    }
    let machine = state.fleet.machines.get(&backup.machine);
    let region = machine.map(|known| known.item.region.trim()).filter(|region| !region.is_empty());
    let there = snapshot.region.trim();
    if let Some(region) = region.filter(|here| !there.is_empty() && !here.eq_ignore_ascii_case(there)) {
        return Some(format!("it is in region {there}, and its machine in {region}"));
    }
    // One that a person adopted was there before. Our clock may differ from the cloud's by what was
    // known then; where nothing was, no date is too early.
    let (Some(offset), Some(_)) = (backup.offset_micros, &backup.slot) else { return None };
    let asked = backup.requested_at.min(backup.requested_at.shifted(-offset));
    let earliest = asked - state.rules().skew - WIDEST_ZONE;
    let created = snapshot.created_at.filter(|created| *created < earliest);
    created.map(|created| format!("it is dated {created}, long before it was asked for"))
}

/// A size that stays zero for as long as a snapshot may be pending, which a look at the end of that
/// time must show; or one that never settles.
fn no_size(state: &State, sized: Sized, sight: Timestamp) -> Option<Judgement> {
    let deadline = state.rules().pending_deadline.duration();
    let why = if sized.bytes <= 0 {
        (sight.since(sized.seen) >= deadline).then_some("no size above zero was ever shown")
    } else {
        (sized.changes >= CHANGES_THAT_CONVINCE).then_some("its size is another in every look")
    };
    why.map(|why| Judgement::Bad { why: why.to_owned() })
}
