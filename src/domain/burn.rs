//! Burn: how fast credits go now, on three bases side by side, and when they are gone at that.
//!
//! "For now" is all that it says: what is known to come, such as own snapshots and prunes, is not in it.
//! Each currency is by itself. What is not known is absent, and never zero; volumes are in the records
//! and in the balance, but not in the list's figure, since nobody looks at them yet.

use std::collections::BTreeMap;

use serde::Serialize;

use super::billing::ledger::Book;
use super::billing::record::BillKind;
use super::fleet::{Machine, MachineStatus, SnapshotStatus};
use super::id::MachineId;
use super::money::{Currency, Nanos};
use super::price::Amounts;
use super::snapshot_price::{self, PriceBasis};
use super::state::State;
use super::time::Timestamp;

/// Whatever is billed for more than this is not told to the day.
const FARTHEST_HOURS: i128 = 100 * 366 * 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What is there, at the printed prices.
    List,
    /// What the records of the last settled hours say: right, and hours late.
    Records,
    /// How the balance fell over the last hours, top-ups left out.
    Balance,
}

impl Basis {
    pub const ALL: [Self; 3] = [Self::List, Self::Records, Self::Balance];

    pub fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Records => "records",
            Self::Balance => "balance",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Burn {
    pub per_hour: Nanos,
    /// Things that are billed at a price that is not known: `per_hour` is at least so much.
    pub unpriced: u32,
}

/// When a balance is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOut {
    /// Balance or burn is not known.
    Unknown,
    /// Nothing burns, as far as every known basis says.
    Never,
    At(Timestamp),
}

/// What is known of one currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    pub balance: Option<Nanos>,
    /// When the balance was last read; a run-out is counted from then.
    pub balance_seen: Option<Timestamp>,
    /// The bases that are known.
    pub burns: BTreeMap<Basis, Burn>,
}

impl Outlook {
    pub fn run_out_by(&self, basis: Basis) -> RunOut {
        let (Some(balance), Some(seen)) = (self.balance, self.balance_seen) else { return RunOut::Unknown };
        let Some(burn) = self.burns.get(&basis) else { return RunOut::Unknown };
        match (burn.per_hour.0, burn.unpriced) {
            _ if balance.0 <= 0 => RunOut::At(seen),
            (..=0, 0) => RunOut::Never,
            (..=0, _) => RunOut::Unknown,
            (per_hour, _) => RunOut::At(after(seen, balance, per_hour)),
        }
    }

    /// The basis that says the earliest; of two alike, the first of the three.
    pub fn worst(&self) -> Option<Basis> {
        let known = Basis::ALL.into_iter().filter_map(|basis| match self.run_out_by(basis) {
            RunOut::At(at) => Some((at, basis)),
            RunOut::Never | RunOut::Unknown => None,
        });
        known.min().map(|(_, basis)| basis)
    }

    /// By the worst basis.
    pub fn run_out(&self) -> RunOut {
        if let Some(worst) = self.worst() {
            return self.run_out_by(worst);
        }
        let is_never = |basis| self.run_out_by(basis) == RunOut::Never;
        if Basis::ALL.into_iter().any(is_never) { RunOut::Never } else { RunOut::Unknown }
    }

    /// Whole hours until then, rounded down. `None`: never, or not known.
    pub fn hours_left(&self, now: Timestamp) -> Option<u64> {
        match self.run_out() {
            RunOut::At(at) => Some(at.since(now).as_secs() / 3_600),
            RunOut::Never | RunOut::Unknown => None,
        }
    }
}

fn after(seen: Timestamp, balance: Nanos, per_hour: i64) -> Timestamp {
    const HOUR_MICROS: i128 = 3_600_000_000;
    let micros = i128::from(balance.0) * HOUR_MICROS / i128::from(per_hour.max(1));
    let farthest = FARTHEST_HOURS * HOUR_MICROS;
    seen.shifted(i64::try_from(micros.min(farthest)).unwrap_or(i64::MAX))
}

/// Of each currency in which there is a balance or anything is billed.
pub fn outlooks(state: &State, now: Timestamp) -> BTreeMap<Currency, Outlook> {
    let ledger = &state.ledger;
    let mut outlooks: BTreeMap<Currency, Outlook> = BTreeMap::new();
    for (currency, balance) in &state.fleet.balance {
        outlooks.entry(*currency).or_default().balance = Some(*balance);
    }
    for currency in ledger.books.values().flat_map(|book| book.totals.keys()) {
        outlooks.entry(*currency).or_default();
    }
    let mut list = list(state, &mut outlooks);
    let read = ledger.records_read();
    for (currency, outlook) in &mut outlooks {
        outlook.balance_seen = ledger.recent.balance_seen;
        if let Some(burn) = list.remove(currency) {
            outlook.burns.insert(Basis::List, burn);
        }
        let records = ledger.since.zip(read);
        let records = records.and_then(|(since, read)| ledger.recent.by_records(*currency, since, read, now));
        let known = [(Basis::Records, records), (Basis::Balance, ledger.recent.by_balance(*currency))];
        for (basis, per_hour) in known {
            if let Some(per_hour) = per_hour {
                outlook.burns.insert(basis, Burn { per_hour, unpriced: 0 });
            }
        }
    }
    outlooks
}

/// What is there at the printed prices; nothing where it was not looked at yet.
fn list(state: &State, outlooks: &mut BTreeMap<Currency, Outlook>) -> BTreeMap<Currency, Burn> {
    let fleet = &state.fleet;
    let is_seen = fleet.machine_look.complete.is_some() && fleet.snapshot_look.complete.is_some();
    if !is_seen {
        return BTreeMap::new();
    }
    let mut burns: BTreeMap<Currency, Burn> =
        outlooks.keys().map(|currency| (*currency, Burn::default())).collect();
    let machines = Payer::new(state, BillKind::Instance);
    let mut known: BTreeMap<(&str, &str, u32), Option<Amounts>> = BTreeMap::new();
    for (id, machine) in &fleet.machines {
        if state.is_lost(id) {
            continue;
        }
        let machine = &machine.item;
        let gpus = machine.gpus.as_ref().map_or(("", 0), |gpus| (gpus.model.as_str(), gpus.count));
        let full = || fleet.prices.as_ref().and_then(|prices| prices.machine_hour(machine));
        let key = (machine.tier.as_str(), gpus.0, gpus.1);
        let Some(rate) = rate(machine) else { continue };
        let prices = match rate {
            Rate::Full => known.entry(key).or_insert_with(full).clone(),
            Rate::Hibernated => Some(hibernated()),
        };
        add(&mut burns, machines.currency(id.as_str()), prices.as_ref());
    }
    snapshots(state, &mut burns);
    burns
}

/// What an hour of one machine costs now by the list. `None`: it is not there, or that is not known.
pub fn machine_hour(state: &State, id: &MachineId, payer: &Payer) -> Option<(Currency, Nanos)> {
    let machine = &state.fleet.machines.get(id).filter(|_| !state.is_lost(id))?.item;
    let currency = payer.currency(id.as_str())?;
    let prices = match rate(machine)? {
        Rate::Full => state.fleet.prices.as_ref()?.machine_hour(machine)?,
        Rate::Hibernated => hibernated(),
    };
    Some((currency, *prices.get(&currency)?))
}

/// How a machine is billed.
enum Rate {
    Full,
    Hibernated,
}

/// `None`: it is free. A stopped machine is not, and one that nobody can tell is not surely so.
fn rate(machine: &Machine) -> Option<Rate> {
    match machine.status {
        MachineStatus::Active
        | MachineStatus::Shutoff
        | MachineStatus::Error
        | MachineStatus::Changing(_)
        | MachineStatus::Unknown(_) => Some(Rate::Full),
        MachineStatus::Hibernated => Some(Rate::Hibernated),
        MachineStatus::Deleted => None,
    }
}

/// The price that the cloud's pages print for an hour of it.
fn hibernated() -> Amounts {
    let amount = |currency| match currency {
        Currency::Usd | Currency::Eur => Nanos(10_000_000),
        Currency::Inr => Nanos(1_000_000_000),
    };
    Currency::ALL.map(|currency| (currency, amount(currency))).into()
}

/// One thing at its price; where currency or price is not known, it is counted as that.
fn add(burns: &mut BTreeMap<Currency, Burn>, currency: Option<Currency>, prices: Option<&Amounts>) {
    let Some(currency) = currency else {
        burns.values_mut().for_each(|burn| burn.unpriced += 1);
        return;
    };
    let burn = burns.entry(currency).or_default();
    match prices.and_then(|prices| prices.get(&currency)) {
        Some(price) => burn.per_hour = Nanos(burn.per_hour.0.saturating_add(price.0)),
        None => burn.unpriced += 1,
    }
}

/// All that are ready, whoever made them; while the basis is open, at the dearer one.
fn snapshots(state: &State, burns: &mut BTreeMap<Currency, Burn>) {
    let payer = Payer::new(state, BillKind::Snapshot);
    let listed = snapshot_price::listed(state);
    let basis: Option<PriceBasis> = snapshot_price::basis(state).map(|(basis, _)| basis);
    for (id, known) in &state.fleet.snapshots {
        if known.item.status != SnapshotStatus::Ready || known.missing_since.is_some() {
            continue;
        }
        let currency = payer.currency(id.as_str());
        let price = currency.and_then(|currency| {
            let list = listed.get(&currency)?;
            Some(snapshot_price::hour(*list, known.item.size_bytes, basis).most)
        });
        let burn = currency.map(|currency| burns.entry(currency).or_default());
        match (burn, price) {
            (Some(burn), Some(price)) => burn.per_hour = Nanos(burn.per_hour.0.saturating_add(price.0)),
            (Some(burn), None) => burn.unpriced += 1,
            (None, _) => burns.values_mut().for_each(|burn| burn.unpriced += 1),
        }
    }
}

/// In which currency things of one kind are billed: as their records say, else as all records say, else
/// in the only one that there is a balance of.
pub struct Payer<'a> {
    sole: Option<Currency>,
    /// Of each resource its newest record; only where records of this kind differ.
    each: BTreeMap<&'a str, (Timestamp, Currency)>,
}

impl<'a> Payer<'a> {
    pub fn new(state: &'a State, kind: BillKind) -> Self {
        let book = state.ledger.books.get(&kind);
        let of_kind = || book.into_iter().flat_map(|book| book.totals.keys().copied());
        if of_kind().count() > 1 {
            return Self { sole: None, each: book.map(newest).unwrap_or_default() };
        }
        let of_all = state.ledger.books.values().flat_map(|book| book.totals.keys().copied());
        let balance = state.fleet.balance.iter();
        let funded = balance.clone().filter(|(_, left)| left.0 != 0).map(|(currency, _)| *currency);
        let sole = sole(of_kind())
            .or_else(|| sole(of_all))
            .or_else(|| sole(balance.map(|(currency, _)| *currency)))
            .or_else(|| sole(funded));
        Self { sole, each: BTreeMap::new() }
    }

    pub fn currency(&self, resource: &str) -> Option<Currency> {
        self.sole.or_else(|| self.each.get(resource).map(|(_, currency)| *currency))
    }
}

fn newest(book: &Book) -> BTreeMap<&str, (Timestamp, Currency)> {
    let mut newest: BTreeMap<&str, (Timestamp, Currency)> = BTreeMap::new();
    for record in book.records.values() {
        let this = (record.start, record.currency);
        let known = newest.entry(&record.resource).or_insert(this);
        *known = this.max(*known);
    }
    newest
}

/// The one that all are.
fn sole(mut currencies: impl Iterator<Item = Currency>) -> Option<Currency> {
    let first = currencies.next()?;
    currencies.all(|other| other == first).then_some(first)
}
