//! The cloud as seen: calls and their failures, looks, machines.

use super::families::{Families, flag, id, seconds};
use super::{MOST_SHOWN, Scrape, names};
use crate::domain::billing::record::BillKind;
use crate::domain::counters::Calls;
use crate::domain::fleet::{MachineStatus, Scope};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::report::foreign::visible;

pub fn tell(scrape: &Scrape<'_>, families: &mut Families) {
    let state = scrape.state;
    let calls = || {
        let by_endpoint = state.counters.called.iter();
        by_endpoint.flat_map(|(endpoint, methods)| {
            methods.iter().map(move |(method, calls): (&String, &Calls)| (method, endpoint, calls))
        })
    };
    let made = calls().map(|(method, endpoint, calls)| ([&**method, &**endpoint], calls.made as f64));
    families.tell(&names::CALLS, made);
    let failed = calls().flat_map(|(method, endpoint, calls)| {
        calls.failed.iter().map(|(class, count)| ([&**method, &**endpoint, class.word()], *count as f64))
    });
    families.tell(&names::FAILED_CALLS, failed);
    families.tell(&names::LAST_LOOK, looks(state).into_iter().map(|(kind, at)| ([kind], seconds(at))));
    tell_machines(state, families);
}

/// The listings, and when each was last read completely by this process.
fn looks(state: &State) -> Vec<(&'static str, Option<Timestamp>)> {
    let scopes = [Scope::Machines, Scope::Snapshots, Scope::Images, Scope::Balance, Scope::Prices];
    let listing = |scope: &Scope| state.fleet.freshness(scope).and_then(|look| look.complete);
    let bills = |kind: BillKind| {
        let word = match kind {
            BillKind::Instance => "instance_billing",
            BillKind::Snapshot => "snapshot_billing",
            BillKind::Volume => "volume_billing",
        };
        (word, state.ledger.books.get(&kind).and_then(|book| book.look.complete))
    };
    let listings = scopes.iter().map(|scope| (scope.word(), listing(scope)));
    listings.chain(BillKind::ALL.map(bills)).collect()
}

fn tell_machines(state: &State, families: &mut Families) {
    let here = || state.fleet.machines.values().filter(|known| known.missing_since.is_none());
    let info = here().take(MOST_SHOWN).map(|known| {
        let machine = &known.item;
        let status = status_word(&machine.status);
        ([id(machine.id.as_str()), visible(&machine.name), visible(&machine.region), visible(status)], 1.0)
    });
    families.tell(&names::MACHINE_INFO, info);
    families.tell_one(&names::MACHINES, here().count() as f64);
    families.tell_one(&names::MACHINES_DOWN, state.machines_down.len() as f64);
    families.tell_one(&names::MACHINES_LEFT_OUT, here().count().saturating_sub(MOST_SHOWN) as f64);
    let stopped = here().filter(|known| known.item.status == MachineStatus::Shutoff).count();
    families.tell_one(&names::MACHINES_STOPPED, stopped as f64);
    families.tell_one(&names::LISTING_DOUBTED, flag(state.fleet.doubtful_since.is_some()));
}

fn status_word(status: &MachineStatus) -> &str {
    match status {
        MachineStatus::Active => "active",
        MachineStatus::Shutoff => "shutoff",
        MachineStatus::Hibernated => "hibernated",
        MachineStatus::Deleted => "deleted",
        MachineStatus::Error => "error",
        MachineStatus::Changing(word) | MachineStatus::Unknown(word) => word,
    }
}
