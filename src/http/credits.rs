//! How long credits last, and what burns them: each currency by itself, and every figure with its basis.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::alert::matter::Matter;
use crate::domain::billing::record::BillKind;
use crate::domain::burn::{Payer, machine_hour};
use crate::domain::fleet::{Machine, MachineStatus};
use crate::domain::money::{Currency, Nanos};
use crate::domain::snapshot_price::Range;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::report::foreign::visible;
use crate::report::money::{CurrencyShown, FAR, Money, by};
use crate::report::words::{instant, span};

/// Machines that are open to the eye, the dearest first, and those on the page; the rest is counted.
const OPEN_ROWS: usize = 8;
const ROWS: usize = 300;
/// Hours left below which it is urgent, and below which it is soon.
const URGENT_HOURS: u64 = 72;
const SOON_HOURS: u64 = 7 * 24;

pub struct Credits {
    pub accounts: Vec<Account>,
    pub burners: Vec<Burner>,
    /// Behind a fold: each costs no more than those above.
    pub folded: Vec<Burner>,
    pub more: usize,
    /// What a price of snapshots rests on, or waits for.
    pub settled_by: String,
}

/// One currency.
pub struct Account {
    pub currency: &'static str,
    pub tone: &'static str,
    pub verdict: String,
    /// When it is gone, if nothing changes.
    pub until: Option<String>,
    pub balance: Option<String>,
    pub seen: Option<String>,
    pub bases: Vec<Base>,
}

pub struct Base {
    pub word: &'static str,
    pub per_hour: String,
    pub until: Option<String>,
    /// Things without a known price: it is at least so much.
    pub unpriced: u32,
    pub counts: bool,
}

pub struct Burner {
    pub name: String,
    pub what: String,
    pub per_hour: Option<String>,
    /// Of the dearest in its currency, in hundredths.
    pub fill: i64,
    pub note: Option<&'static str>,
}

pub fn credits(state: &State, now: Timestamp, money: &Money) -> Credits {
    let is_blind = state.alerts.active.contains_key(&Matter::BalanceBlind);
    let accounts = money.currencies.iter().map(|one| account(one, now, is_blind)).collect();
    let payer = Payer::new(state, BillKind::Instance);
    let is_billed =
        |machine: &Machine| machine.status != MachineStatus::Deleted && !state.is_lost(&machine.id);
    let machines = state.fleet.machines.values().map(|known| &known.item);
    let mut rows: Vec<(&Machine, Option<(Currency, Nanos)>)> = machines
        .filter(|machine| is_billed(machine))
        .map(|machine| (machine, machine_hour(state, &machine.id, &payer)))
        .collect();
    rows.sort_by(|one, other| {
        let price = |hour: &Option<(Currency, Nanos)>| hour.map(|(currency, price)| (currency, price));
        price(&other.1).cmp(&price(&one.1)).then_with(|| one.0.name.cmp(&other.0.name))
    });
    let mut most: BTreeMap<Currency, i64> = BTreeMap::new();
    let machines = rows.iter().filter_map(|(_, hour)| *hour);
    let shelves = money.snapshots.iter().map(|one| (one.currency, one.per_hour.most));
    for (currency, price) in machines.chain(shelves) {
        let known = most.entry(currency).or_default();
        *known = (*known).max(price.0);
    }
    let fill = |currency: Currency, price: Nanos| {
        let most = i128::from(most.get(&currency).copied().unwrap_or(0).max(1));
        i64::try_from(i128::from(price.0.max(0)) * 100 / most).unwrap_or(100)
    };
    let mut burners: Vec<Burner> = money
        .snapshots
        .iter()
        .filter(|one| one.count > 0)
        .map(|one| Burner {
            name: if one.count == 1 { "1 snapshot".to_owned() } else { format!("{} snapshots", one.count) },
            what: "all that are ready, whoever made them".to_owned(),
            per_hour: Some(format!("{} {}", spread(one.per_hour), one.currency)),
            fill: fill(one.currency, one.per_hour.most),
            note: None,
        })
        .collect();
    let more = rows.len().saturating_sub(ROWS);
    for (machine, hour) in rows.into_iter().take(ROWS) {
        burners.push(Burner {
            name: visible(&machine.name),
            what: what(machine),
            per_hour: hour.map(|(currency, sum)| format!("{} {currency}", price(sum))),
            fill: hour.map_or(0, |(currency, sum)| fill(currency, sum)),
            note: note(&machine.status),
        });
    }
    let folded = burners.split_off(burners.len().min(OPEN_ROWS));
    Credits { accounts, burners, folded, more, settled_by: money.snapshot_price_settled_by.clone() }
}

fn account(one: &CurrencyShown, now: Timestamp, is_blind: bool) -> Account {
    let left = one.runs_out_at.map(|at| at.since(now));
    let (verdict, tone) = match (one.balance, one.nothing_burns, left) {
        (None, _, _) => ("The balance is not known.".to_owned(), "warn"),
        (Some(_), true, _) => ("For ever: nothing burns.".to_owned(), "good"),
        (Some(_), false, None) => ("What it burns is not known yet.".to_owned(), "warn"),
        (Some(_), false, Some(left)) if left.is_zero() => ("Nothing is left.".to_owned(), "bad"),
        (Some(_), false, Some(left)) if left >= FAR.duration() => {
            ("Over a hundred years.".to_owned(), "good")
        }
        (Some(_), false, Some(left)) => {
            let hours = left.as_secs() / 3_600;
            let tone = if hours < URGENT_HOURS {
                "bad"
            } else if hours < SOON_HOURS {
                "warn"
            } else {
                "good"
            };
            (format!("About {}.", long(left)), tone)
        }
    };
    // What was last seen may be long gone.
    let (verdict, tone) = match is_blind && one.balance.is_some() {
        true => {
            (format!("Not known now: the balance cannot be read. By the last one seen: {verdict}"), "warn")
        }
        false => (verdict, tone),
    };
    let is_ahead = |at: &Timestamp| *at > now && at.since(now) < FAR.duration();
    let bases = one.burn.iter().map(|(basis, shown)| Base {
        word: by(*basis),
        per_hour: price(shown.burn.per_hour),
        until: shown.runs_out_at.filter(is_ahead).map(day),
        unpriced: shown.burn.unpriced,
        counts: one.worst == Some(*basis),
    });
    Account {
        currency: one.currency.code(),
        tone,
        verdict,
        until: one.runs_out_at.filter(is_ahead).map(day),
        balance: one.balance.map(cents),
        seen: one.balance_seen_at.map(|at| span(now.since(at))),
        bases: bases.collect(),
    }
}

/// In the one unit that a person would say.
fn long(left: Duration) -> String {
    let days = left.as_secs() / 86_400;
    match days {
        0..2 => span(left),
        2..730 => format!("{days} days"),
        _ => format!("{} years", days / 365),
    }
}

fn day(at: Timestamp) -> String {
    let text = instant(at);
    text.get(..16).unwrap_or(&text).to_owned()
}

fn what(machine: &Machine) -> String {
    let status = match &machine.status {
        MachineStatus::Active => "active",
        MachineStatus::Shutoff => "stopped",
        MachineStatus::Hibernated => "hibernated",
        MachineStatus::Deleted => "deleted",
        MachineStatus::Error => "error",
        MachineStatus::Changing(word) | MachineStatus::Unknown(word) => word,
    };
    let gpus = machine.gpus.as_ref().map(|gpus| format!(", {} × {}", gpus.count, visible(&gpus.model)));
    format!("{}{}", visible(status), gpus.unwrap_or_default())
}

/// What a person may not know of how it is billed.
fn note(status: &MachineStatus) -> Option<&'static str> {
    match status {
        MachineStatus::Shutoff => Some("stopped, and billed in full"),
        MachineStatus::Error | MachineStatus::Changing(_) | MachineStatus::Unknown(_) => {
            Some("not surely free: counted in full")
        }
        MachineStatus::Active | MachineStatus::Hibernated | MachineStatus::Deleted => None,
    }
}

fn spread(range: Range) -> String {
    if range.least == range.most {
        price(range.most)
    } else {
        format!("{} to {}", price(range.least), price(range.most))
    }
}

/// A price of an hour: to the cent, or to a hundredth of it where it is small.
fn price(sum: Nanos) -> String {
    if sum.0.abs() >= 1_000_000_000 {
        return cents(sum);
    }
    grouped(&Nanos(sum.0 / 100_000 * 100_000).to_string())
}

fn cents(sum: Nanos) -> String {
    let (sign, cents) = (if sum.0 < 0 { "-" } else { "" }, sum.0.unsigned_abs() / 10_000_000);
    grouped(&format!("{sign}{}.{:02}", cents / 100, cents % 100))
}

/// Thousands apart, by a space that does not break.
fn grouped(number: &str) -> String {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let digits = whole.trim_start_matches('-');
    let mut text = whole[..whole.len() - digits.len()].to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_read_at_a_glance() {
        assert_eq!(cents(Nanos(4_999_194_569_000_006)), "4\u{202f}999\u{202f}194.56");
        assert_eq!(cents(Nanos(-70_000_000)), "-0.07");
        assert_eq!(price(Nanos(44_812_345)), "0.0448");
        assert_eq!(price(Nanos(1_234_000_000_000)), "1\u{202f}234.00");
    }
}
