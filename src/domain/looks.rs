//! Which looks are due: a cadence for each listing, and single objects while something is open.

use super::backup::{Backup, Life};
use super::billing::record::BillKind;
use super::billing::walks;
use super::effect::{Standing, Verb};
use super::fleet::{LookResult, Scope};
use super::freshness::Freshness;
use super::id::SnapshotId;
use super::state::State;
use super::time::{Seconds, Timestamp};
use super::{downtime, due};
use super::{hand, prune};

/// Of the pause after a listing that failed while a deletion waits for it.
const MOST_DOUBLINGS: u32 = 8;

/// The looks of this pass, in the order in which they are made.
pub fn due(state: &State, now: Timestamp) -> Vec<Scope> {
    let mut scopes: Vec<Scope> =
        wanted(state, now).into_iter().filter(|(_, at)| *at <= now).map(|(scope, _)| scope).collect();
    scopes.sort();
    scopes.dedup();
    scopes
}

/// When the next look or slot is due.
pub fn next_due(state: &State, now: Timestamp) -> Timestamp {
    let look = wanted(state, now).into_iter().map(|(_, at)| at).min();
    let slot = due::next_slot(state, now).into_iter().chain(due::next_start(state, now));
    look.into_iter().chain(slot).min().unwrap_or(now + Seconds::minutes(1)).max(now)
}

fn wanted(state: &State, now: Timestamp) -> Vec<(Scope, Timestamp)> {
    let rules = state.rules();
    let fleet = &state.fleet;
    let next = |look: &Freshness, every: Seconds| look.tried.map_or(now, |tried| tried + every);
    let waiting = waits_for_listing(state, now);
    let snapshots_every = if waiting { rules.in_flight_every } else { rules.snapshots_every };
    let machines_every = downtime::watch_every(state, &rules)
        .map_or(rules.machines_every, |every| every.min(rules.machines_every));
    let mut wanted = vec![
        (Scope::Machines, next(&fleet.machine_look, machines_every)),
        (Scope::Snapshots, next(&fleet.snapshot_look, snapshots_every)),
        (Scope::Balance, next(&fleet.balance_look, rules.balance_every)),
        (Scope::Prices, next(&fleet.price_look, rules.prices_every)),
        (Scope::Images, next(&fleet.image_look, rules.prices_every)),
    ];
    for kind in BillKind::ALL {
        wanted.push(walks::next(&state.ledger, kind, rules.billing_every, now));
    }
    for (id, since) in in_flight(state, now) {
        let looked = fleet.details.get(id).map_or(since, |single| single.began);
        wanted.push((Scope::Snapshot(id.clone()), looked.max(since) + rules.in_flight_every));
    }
    if prune::waits_for_look(state, now) || hand::waits_for_look(state, now) {
        // A look that just failed is not tried again at once.
        // One that fails again and again is tried ever less often, down to its ordinary pace.
        let tried = |look: &Freshness| {
            let wait = rules.fresh.0.div_ceil(2) << look.failures.min(MOST_DOUBLINGS);
            look.tried.map_or(now, |tried| tried + Seconds(wait).min(rules.snapshots_every))
        };
        wanted.push((Scope::Snapshots, tried(&fleet.snapshot_look)));
        wanted.push((Scope::Images, tried(&fleet.image_look)));
    }
    wanted
}

/// Whether only a listing can tell what became of a request.
fn waits_for_listing(state: &State, now: Timestamp) -> bool {
    let settle = state.rules().settle;
    state.fleet.shaken > 0
        || state.unresolved().any(|life| match (&life.effect.verb, &life.standing) {
            (Verb::DeleteSnapshot { .. }, _) => true,
            (Verb::CreateSnapshot { .. }, Standing::Unknown { since, answered: Some(id) }) => {
                let denied =
                    state.fleet.details.get(id).is_some_and(|one| one.result == LookResult::NotFound);
                denied || now >= *since + settle
            }
            (Verb::CreateSnapshot { .. }, _) => true,
        })
}

/// Snapshots to be watched one by one, and since when.
fn in_flight(state: &State, now: Timestamp) -> impl Iterator<Item = (&SnapshotId, Timestamp)> {
    let deadline = state.rules().pending_deadline;
    let answered = state.unresolved().filter_map(|life| match (&life.effect.verb, &life.standing) {
        (Verb::CreateSnapshot { .. }, Standing::Unknown { since, answered: Some(id) }) => Some((id, *since)),
        _ => None,
    });
    let watched = move |backup: &Backup| {
        matches!(backup.life, Life::Pending | Life::Ready)
            && now.since(backup.waiting_since) < deadline.duration()
    };
    let pending = state.watched().map(|(_, backup)| backup).filter(move |backup| watched(backup));
    answered.chain(pending.filter_map(|backup| Some((backup.snapshots.first()?, backup.waiting_since))))
}
