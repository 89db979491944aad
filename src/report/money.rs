//! Money as people want it: what is left, how fast it goes and on which basis, and what snapshots cost.
//!
//! Each currency is by itself; what is not known is absent. "For now" is meant everywhere: as if nothing
//! changed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::foreign::visible;
use super::words::{cents, count};
use crate::domain::backup::Backup;
use crate::domain::billing::record::BillKind;
use crate::domain::burn::{Basis, Burn, Outlook, Payer, RunOut, outlooks};
use crate::domain::fleet::SnapshotStatus;
use crate::domain::money::{Currency, Nanos};
use crate::domain::price::Amounts;
use crate::domain::snapshot_price::{self, PriceBasis, Range, SettledBy};
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};

/// A twelfth of a year of 365 days.
pub const HOURS_A_MONTH: i64 = 730;

/// From here on no date is told.
pub const FAR: Seconds = Seconds::days(36_525);

/// Amounts of several currencies, which nobody adds up.
pub type Ranges = BTreeMap<Currency, Range>;

#[derive(Clone, Debug, Serialize)]
pub struct Money {
    pub currencies: Vec<CurrencyShown>,
    /// The snapshots that are ready, whoever made them.
    pub snapshots: Vec<ShelfCost>,
    /// On what a snapshot is priced: `fixed_100gb` or `actual_size`. `None`: not known yet, and each cost
    /// of snapshots is a range.
    pub snapshot_price_basis: Option<PriceBasis>,
    /// What settled it, or what will.
    pub snapshot_price_settled_by: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct CurrencyShown {
    pub currency: Currency,
    pub balance: Option<Nanos>,
    pub balance_seen_at: Option<Timestamp>,
    /// By basis: `list`, `records`, `balance`. One that is not known is absent.
    pub burn: BTreeMap<Basis, BurnShown>,
    /// The basis that says the earliest, and counts.
    pub worst: Option<Basis>,
    pub hours_left: Option<u64>,
    pub runs_out_at: Option<Timestamp>,
    /// Nothing burns, as far as every known basis says.
    pub nothing_burns: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct BurnShown {
    #[serde(flatten)]
    pub burn: Burn,
    pub runs_out_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize)]
pub struct ShelfCost {
    pub currency: Currency,
    pub count: u32,
    /// The printed price of one for an hour.
    pub list_price_per_hour: Nanos,
    pub per_hour: Range,
    pub per_month: Range,
}

impl Money {
    pub fn of(state: &State, now: Timestamp) -> Self {
        let currencies = outlooks(state, now);
        Self {
            currencies: currencies.into_iter().map(|(currency, one)| shown(currency, &one, now)).collect(),
            snapshots: shelf(state),
            snapshot_price_basis: snapshot_price::basis(state).map(|(basis, _)| basis),
            snapshot_price_settled_by: settled_by(state),
        }
    }

    /// One line for each currency, and one for the snapshots of each.
    pub fn lines(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let credits = self.currencies.iter().map(|one| ("credits", one.line(now)));
        let shelves = self.snapshots.iter().map(|one| {
            let (amount, settled) = (range(one.per_month), &self.snapshot_price_settled_by);
            let (number, currency) = (count(one.count as usize, "snapshot", "snapshots"), one.currency);
            ("shelf", format!("{number}, {amount} {currency} a month at list price ({settled})"))
        });
        let mut lines: Vec<(&str, String)> = credits.chain(shelves).collect();
        if self.currencies.is_empty() {
            lines.insert(0, ("credits", "not seen yet".to_owned()));
        }
        lines
    }
}

fn shown(currency: Currency, outlook: &Outlook, now: Timestamp) -> CurrencyShown {
    let at = |run_out| match run_out {
        RunOut::At(at) => Some(at),
        RunOut::Never | RunOut::Unknown => None,
    };
    let burn = |(basis, burn): (&Basis, &Burn)| {
        let runs_out_at = at(outlook.run_out_by(*basis));
        (*basis, BurnShown { burn: *burn, runs_out_at })
    };
    let run_out = outlook.run_out();
    CurrencyShown {
        currency,
        balance: outlook.balance,
        balance_seen_at: outlook.balance_seen.filter(|_| outlook.balance.is_some()),
        burn: outlook.burns.iter().map(burn).collect(),
        worst: outlook.worst(),
        hours_left: outlook.hours_left(now),
        runs_out_at: at(run_out),
        nothing_burns: run_out == RunOut::Never,
    }
}

impl CurrencyShown {
    /// `4999.19 USD; 3.74 USD/h at list price; about 55 days left (2026-05-01 14:00 UTC, if nothing changes)`
    pub fn line(&self, now: Timestamp) -> String {
        let code = self.currency;
        let Some(balance) = self.balance else {
            return format!("{code}: the balance is not known");
        };
        let balance = format!("{} {code}", cents(balance));
        // Without an end, whatever is known of the burn; the records say most.
        let known = [Basis::Records, Basis::Balance, Basis::List];
        let basis = self.worst.or_else(|| known.into_iter().find(|basis| self.burn.contains_key(basis)));
        let Some((basis, BurnShown { burn, .. })) = basis.and_then(|basis| self.burn.get_key_value(&basis))
        else {
            return format!("{balance}; what it burns is not known yet");
        };
        if self.nothing_burns {
            return format!("{balance}; nothing burns");
        }
        let unpriced = match burn.unpriced {
            0 => String::new(),
            count => format!(" and more, for {count} without a known price"),
        };
        let burns = format!("{} {code}/h {}{unpriced}", cents(burn.per_hour), by(*basis));
        match self.runs_out_at {
            Some(at) if at <= now => format!("{balance}; {burns}; NOTHING LEFT"),
            Some(at) if at.since(now) >= FAR.duration() => {
                format!("{balance}; {burns}; over a hundred years left, if nothing changes")
            }
            Some(at) => {
                let (left, at) = (about(at.since(now)), at.zoned().strftime("%Y-%m-%d %H:%M"));
                format!("{balance}; {burns}; {left} left ({at} UTC, if nothing changes)")
            }
            None => format!("{balance}; {burns}"),
        }
    }
}

/// How a figure of the burn was come by.
pub fn by(basis: Basis) -> &'static str {
    match basis {
        Basis::List => "at list price",
        Basis::Records => "by the billing records",
        Basis::Balance => "by how the balance falls",
    }
}

fn about(left: Duration) -> String {
    let hours = left.as_secs() / 3_600;
    match hours {
        0 => "less than an hour".to_owned(),
        1..48 => format!("about {hours} h"),
        _ => format!("about {} days", hours / 24),
    }
}

/// `73.00`, or `29.20 to 73.00` while the basis is open.
pub fn range(range: Range) -> String {
    let (least, most) = (cents(range.least), cents(range.most));
    if least == most { least } else { format!("{least} to {most}") }
}

/// `29.20 to 73.00 USD`; of several currencies each by itself.
pub fn ranges(ranges: &Ranges) -> String {
    let each: Vec<String> = ranges.iter().map(|(code, one)| format!("{} {code}", range(*one))).collect();
    if each.is_empty() { "nothing".to_owned() } else { each.join(" and ") }
}

/// Why a cost of snapshots is one figure, or what will make it one.
pub fn settled_by(state: &State) -> String {
    match snapshot_price::basis(state) {
        Some((basis, SettledBy::Configuration)) => {
            format!("{}, as cloud.snapshot_price_basis says", basis.word())
        }
        Some((basis, SettledBy::Record(bill))) => {
            format!("{}, as billing record {} shows", basis.word(), visible(bill.as_str()))
        }
        None => "by actual size or for a fixed 100 GB: the first closed billing record that tells them \
                 apart settles it"
            .to_owned(),
    }
}

/// What snapshots cost at list price.
pub struct SnapshotPrices<'a> {
    state: &'a State,
    payer: Payer<'a>,
    basis: Option<PriceBasis>,
    listed: Amounts,
}

impl<'a> SnapshotPrices<'a> {
    /// With the prices that the cloud's pages print, where its list was not read yet.
    pub fn of(state: &'a State) -> Self {
        let printed = |currency| match currency {
            Currency::Usd | Currency::Eur => Nanos(100_000_000),
            Currency::Inr => Nanos(10_000_000_000),
        };
        let listed = snapshot_price::listed(state);
        let printed = || Currency::ALL.map(|currency| (currency, printed(currency))).into();
        Self {
            state,
            payer: Payer::new(state, BillKind::Snapshot),
            basis: snapshot_price::basis(state).map(|(basis, _)| basis),
            listed: if listed.is_empty() { printed() } else { listed },
        }
    }

    /// Of one hour; in USD where nobody knows yet what the account is billed in.
    pub fn hour(&self, snapshot: &str, size_bytes: Option<i64>) -> Option<(Currency, Range)> {
        let currency = self.payer.currency(snapshot).unwrap_or(Currency::Usd);
        let list = self.listed.get(&currency)?;
        Some((currency, snapshot_price::hour(*list, size_bytes, self.basis)))
    }

    /// What these cost a month.
    pub fn month<'b>(&self, backups: impl Iterator<Item = &'b Backup>) -> Ranges {
        let mut sums = Ranges::new();
        for backup in backups {
            let id = backup.snapshots.first();
            let listed = id.and_then(|id| self.state.fleet.snapshots.get(id)?.item.size_bytes);
            let size = backup.sized.map(|sized| sized.bytes).or(listed);
            if let Some((currency, hour)) = self.hour(id.map_or("", |id| id.as_str()), size) {
                let sum = sums.entry(currency).or_default();
                *sum = sum.plus(hour.times(HOURS_A_MONTH));
            }
        }
        sums
    }
}

fn shelf(state: &State) -> Vec<ShelfCost> {
    let prices = SnapshotPrices::of(state);
    let mut sums: BTreeMap<Currency, (u32, Range)> = BTreeMap::new();
    for (id, known) in &state.fleet.snapshots {
        if known.item.status == SnapshotStatus::Ready
            && known.missing_since.is_none()
            && let Some((currency, hour)) = prices.hour(id.as_str(), known.item.size_bytes)
        {
            let (count, sum) = sums.entry(currency).or_default();
            (*count, *sum) = (*count + 1, sum.plus(hour));
        }
    }
    let cost = |(currency, (count, per_hour)): (Currency, (u32, Range))| ShelfCost {
        currency,
        count,
        list_price_per_hour: prices.listed.get(&currency).copied().unwrap_or_default(),
        per_hour,
        per_month: per_hour.times(HOURS_A_MONTH),
    };
    sums.into_iter().map(cost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlook(balance: i64, burns: &[(Basis, i64, u32)]) -> CurrencyShown {
        let now = Timestamp::from_seconds(1_772_330_400);
        let burn = |(basis, per_hour, unpriced): &(Basis, i64, u32)| {
            (*basis, Burn { per_hour: Nanos(*per_hour), unpriced: *unpriced })
        };
        let outlook = Outlook {
            balance: Some(Nanos(balance * 1_000_000_000)),
            balance_seen: Some(now),
            burns: burns.iter().map(burn).collect(),
        };
        shown(Currency::Usd, &outlook, now)
    }

    fn line(balance: i64, burns: &[(Basis, i64, u32)]) -> String {
        outlook(balance, burns).line(Timestamp::from_seconds(1_772_330_400))
    }

    #[test]
    fn one_line_says_what_is_left_how_fast_it_goes_and_until_when() {
        assert_eq!(
            line(5_000, &[(Basis::List, 3_740_000_000, 0), (Basis::Records, 3_000_000_000, 0)]),
            "5000.00 USD; 3.74 USD/h at list price; about 55 days left (2026-04-25 18:53 UTC, if nothing changes)"
        );
        assert_eq!(
            line(10, &[(Basis::List, 1_000_000_000, 2), (Basis::Balance, 2_000_000_000, 0)]),
            "10.00 USD; 2.00 USD/h by how the balance falls; about 5 h left (2026-03-01 07:00 UTC, if nothing changes)"
        );
    }

    #[test]
    fn what_is_not_known_is_said_to_be_so() {
        assert_eq!(line(5, &[]), "5.00 USD; what it burns is not known yet");
        assert_eq!(line(5, &[(Basis::List, 0, 0)]), "5.00 USD; nothing burns");
        assert_eq!(
            line(5, &[(Basis::List, 0, 3)]),
            "5.00 USD; 0.00 USD/h at list price and more, for 3 without a known price"
        );
        assert_eq!(
            line(0, &[(Basis::List, 1_000_000_000, 0)]),
            "0.00 USD; 1.00 USD/h at list price; NOTHING LEFT"
        );
    }
}
