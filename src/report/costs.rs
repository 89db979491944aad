//! Costs: what a month has cost by kind and thing, as billing records were observed, with the printed
//! price of an hour beside it.
//!
//! Observed is what the records say up to now; list is what an hour would cost by the price list.
//! The two are never added, and neither are two currencies.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use serde::Serialize;

use super::foreign::visible;
use super::money::{SnapshotPrices, range, settled_by};
use super::shares::{self, shares};
use super::status::machine_name;
use super::table::{Limit, Paper, Table};
use super::words::{SIMULATED, instant};
use crate::domain::billing::months::{Costs as MonthCosts, Month};
use crate::domain::billing::record::BillKind;
use crate::domain::burn::{Payer, machine_hour};
use crate::domain::id::{MachineId, SnapshotId};
use crate::domain::money::{Currency, Nanos};
use crate::domain::snapshot_price::Range;
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// Raised when a field changes its meaning or goes; new ones may come at any time.
const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize)]
pub struct Costs {
    pub schema_version: u32,
    /// The journal is of a simulated cloud: nothing in it is real.
    pub simulated: bool,
    pub now: Timestamp,
    /// Records from before this are an opening position, and in no month.
    pub counted_since: Option<Timestamp>,
    /// Up to when all billing lists were read.
    pub records_read_at: Option<Timestamp>,
    pub snapshot_price_settled_by: String,
    /// The month before this one, if anything was billed in it, and this one; both of UTC.
    pub months: Vec<MonthShown>,
}

#[derive(Clone, Debug, Serialize)]
pub struct MonthShown {
    /// `2026-03`
    pub month: String,
    pub is_over: bool,
    pub currencies: Vec<CurrencyCosts>,
}

#[derive(Clone, Debug, Serialize)]
pub struct CurrencyCosts {
    pub currency: Currency,
    pub observed: Nanos,
    pub kinds: Vec<KindCosts>,
}

#[derive(Clone, Debug, Serialize)]
pub struct KindCosts {
    pub kind: BillKind,
    pub observed: Nanos,
    /// The dearest first.
    pub resources: Vec<ResourceCost>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ResourceCost {
    pub resource: String,
    pub name: String,
    /// Whose snapshot it is, where that is still known.
    pub machine: Option<MachineId>,
    pub machine_name: Option<String>,
    /// The sum of what its billing records grew by.
    pub observed: Nanos,
    /// What an hour of it costs now by the price list. `None`: it is gone, or its price is not known.
    pub list_per_hour: Option<Range>,
}

impl Costs {
    pub fn of(state: &State, now: Timestamp, simulated: bool) -> Self {
        let this = Month::of(now);
        let months = [this.before(), this].into_iter().map(|month| month_shown(state, month, month < this));
        Self {
            schema_version: SCHEMA_VERSION,
            simulated,
            now,
            counted_since: state.ledger.since,
            records_read_at: state.ledger.records_read(),
            snapshot_price_settled_by: settled_by(state),
            months: months.filter(|month| !month.is_over || !month.currencies.is_empty()).collect(),
        }
    }

    pub fn in_words(&self, paper: Paper) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text, paper);
        text
    }

    fn write(&self, text: &mut String, paper: Paper) -> fmt::Result {
        if self.simulated {
            writeln!(text, "{}", paper.wrap(SIMULATED))?;
        }
        let read = self.records_read_at.map_or_else(|| "not read since the last start".to_owned(), instant);
        let now = instant(self.now);
        writeln!(text, "{}", paper.wrap(&format!("as of {now} UTC; billing records: {read}")))?;
        for month in self.months.iter().rev() {
            let so_far = if month.is_over { "" } else { ", so far" };
            writeln!(text, "\n{}{so_far}", month.month)?;
            if month.currencies.is_empty() {
                writeln!(text, "  nothing was billed yet")?;
            }
            for currency in &month.currencies {
                currency.write(text, paper)?;
            }
        }
        let foot = format!(
            "\nobserved: what billing records grew by, since {}\nlist: an hour by the price list, now; snapshots {}",
            self.since(),
            self.snapshot_price_settled_by
        );
        writeln!(text, "{}", paper.wrap(&foot))
    }

    fn since(&self) -> String {
        self.counted_since.map_or_else(|| "the first start".to_owned(), |at| format!("{} UTC", instant(at)))
    }
}

impl CurrencyCosts {
    fn write(&self, text: &mut String, paper: Paper) -> fmt::Result {
        let code = self.currency;
        // What is shown adds up, to the cent; JSON has every digit.
        let total = shares::whole(self.observed);
        let kinds: Vec<Nanos> = self.kinds.iter().map(|kind| kind.observed).collect();
        writeln!(text, "  {} {code} observed", shares::text(total))?;
        for (kind, cents) in self.kinds.iter().zip(shares(total, &kinds)) {
            writeln!(text, "\n  {}s: {} {code}", kind.kind.word(), shares::text(cents))?;
            let parts: Vec<Nanos> = kind.resources.iter().map(|one| one.observed).collect();
            let parts = shares(cents, &parts);
            let mut table =
                Table::new(["name", "id", "of", "observed", "list/h"]).right(&[3, 4]).below(&[2, 4, 3]);
            for (one, cents) in kind.resources.iter().zip(parts) {
                let list = one.list_per_hour.map_or_else(|| "-".to_owned(), range);
                let of = one.machine_name.as_deref().map_or_else(String::new, visible);
                let (name, id) = (visible(&one.name), visible(&one.resource));
                table.row([name.into(), id.into(), of.into(), shares::text(cents).into(), list.into()]);
            }
            text.push_str(&table.first(Limit::LIST, paper));
        }
        Ok(())
    }
}

fn month_shown(state: &State, month: Month, is_over: bool) -> MonthShown {
    let books = &state.ledger.books;
    let of_month = || books.iter().filter_map(|(kind, book)| Some((*kind, book.months.of(month)?)));
    let currencies: BTreeSet<Currency> =
        of_month().flat_map(|(_, costs)| costs.values().flat_map(BTreeMap::keys)).copied().collect();
    let shown = |currency| {
        let kinds: Vec<KindCosts> = of_month()
            .map(|(kind, costs)| kind_costs(state, kind, costs, currency))
            .filter(|kind| !kind.resources.is_empty())
            .collect();
        CurrencyCosts { currency, observed: sum(kinds.iter().map(|kind| kind.observed)), kinds }
    };
    MonthShown { month: month.name(), is_over, currencies: currencies.into_iter().map(shown).collect() }
}

fn kind_costs(state: &State, kind: BillKind, costs: &MonthCosts, currency: Currency) -> KindCosts {
    let prices = SnapshotPrices::of(state);
    let machines = Payer::new(state, BillKind::Instance);
    let resource_cost = |(resource, sums): (&String, &BTreeMap<Currency, Nanos>)| {
        let observed = *sums.get(&currency)?;
        let mut shown = ResourceCost {
            resource: resource.clone(),
            name: String::new(),
            machine: None,
            machine_name: None,
            observed,
            list_per_hour: None,
        };
        match kind {
            BillKind::Instance => {
                let id = MachineId::new(&**resource);
                shown.name = machine_name(state, &id);
                let hour = machine_hour(state, &id, &machines).filter(|(code, _)| *code == currency);
                shown.list_per_hour = hour.map(|(_, price)| Range { least: price, most: price });
            }
            BillKind::Snapshot => snapshot_cost(state, &prices, currency, &mut shown),
            BillKind::Volume => {}
        }
        Some(shown)
    };
    let mut resources: Vec<ResourceCost> = costs.iter().filter_map(resource_cost).collect();
    resources.sort_by(|a, b| b.observed.cmp(&a.observed).then_with(|| a.resource.cmp(&b.resource)));
    KindCosts { kind, observed: sum(resources.iter().map(|one| one.observed)), resources }
}

fn snapshot_cost(state: &State, prices: &SnapshotPrices, currency: Currency, shown: &mut ResourceCost) {
    let id = SnapshotId::new(&*shown.resource);
    let backup = state.owners.get(&id).and_then(|owner| state.backups.get(owner));
    let known = state.fleet.snapshots.get(&id).map(|known| &known.item);
    shown.name =
        known.map(|item| item.name.clone()).or(backup.map(|one| one.name.clone())).unwrap_or_default();
    shown.machine = backup.map(|one| one.machine.clone()).or_else(|| known?.machine.clone());
    shown.machine_name = shown.machine.as_ref().map(|machine| machine_name(state, machine));
    let hour = known.and_then(|item| prices.hour(id.as_str(), item.size_bytes));
    shown.list_per_hour = hour.filter(|(code, _)| *code == currency).map(|(_, range)| range);
}

fn sum(amounts: impl Iterator<Item = Nanos>) -> Nanos {
    Nanos(amounts.fold(0_i64, |sum, amount| sum.saturating_add(amount.0)))
}
