//! What a list was narrowed to by a name that nobody has: a slip, which looks like an empty account.

use std::collections::BTreeSet;

use super::sieve::Sieve;
use crate::domain::state::State;

pub struct Unnamed {
    /// Such as `policy`.
    pub what: &'static str,
    pub named: String,
    /// What it could have been.
    pub known: BTreeSet<String>,
}

/// Each filter by name that is no name here, whatever its case.
pub fn unnamed(state: &State, sieve: &Sieve) -> Vec<Unnamed> {
    let filters = [
        ("machine", &sieve.machine, machines(state)),
        ("policy", &sieve.policy, policies(state)),
        ("region", &sieve.region, regions(state)),
    ];
    let unknown = filters.into_iter().filter_map(|(what, named, known)| {
        let named = named.clone()?;
        let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(&named));
        let known = known.into_iter().filter(|known| !known.is_empty()).collect();
        (!is_known).then_some(Unnamed { what, named, known })
    });
    unknown.collect()
}

fn machines(state: &State) -> BTreeSet<String> {
    let known = state.fleet.machines.values();
    let named = known.flat_map(|known| [known.item.id.to_string(), known.item.name.clone()]);
    let seen = state.fleet.snapshots.values().filter_map(|known| known.item.machine.as_ref());
    let ours = state.backups.values().map(|backup| &backup.machine);
    named.chain(seen.chain(ours).map(ToString::to_string)).collect()
}

fn policies(state: &State) -> BTreeSet<String> {
    let adopted = state.adopted.iter().flat_map(|adopted| adopted.set.policies.keys());
    let of_backups =
        state.backups.values().filter_map(|backup| backup.slot.as_ref().map(|slot| &slot.policy));
    // What is of no policy is asked for by this word.
    let none = std::iter::once("none".to_owned());
    adopted.chain(of_backups).map(ToString::to_string).chain(none).collect()
}

fn regions(state: &State) -> BTreeSet<String> {
    let of_machines = state.fleet.machines.values().map(|known| &known.item.region);
    let of_snapshots = state.fleet.snapshots.values().map(|known| &known.item.region);
    of_machines.chain(of_snapshots).cloned().collect()
}
