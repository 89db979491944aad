//! One fact of a letter as one line.

use crate::domain::alert::matter::{Fact, Purse, Refused};
use crate::domain::id::MachineId;
use crate::domain::money::Nanos;
use crate::domain::rail::Rail;
use crate::report::foreign::visible;
use crate::report::money::FAR;
use crate::report::words::{self, held, instant, span};

pub fn line(fact: &Fact) -> String {
    match fact {
        Fact::Late { .. } => late(fact),
        Fact::Failed { backup, machine, name, life, said } => {
            format!("{}: {} {life}{}", named(machine, name), visible(backup.as_str()), because(said))
        }
        Fact::Down { machine, name, status, backup, since } => format!(
            "{} is {} when looked at {}, after {}",
            named(machine, name),
            visible(status),
            instant(*since),
            visible(backup.as_str())
        ),
        Fact::Missing { backups, since } => {
            let backups = words::count(*backups as usize, "backup", "backups");
            format!("{backups}, in no complete list since {}", instant(*since))
        }
        Fact::Gone { backup, machine, name, at } => {
            format!("{} of {}, found gone {}", visible(backup.as_str()), named(machine, name), instant(*at))
        }
        Fact::Doom { backup, machine, name, since, hold } => format!(
            "{} of {}, due since {}: {}",
            visible(backup.as_str()),
            named(machine, name),
            instant(*since),
            hold_words(hold)
        ),
        Fact::Rival { backup, since } => {
            format!(
                "the name {} was taken before we used it, seen {}",
                visible(backup.as_str()),
                instant(*since)
            )
        }
        Fact::Refused { what, since, times, said } => {
            format!(
                "{} since {}, {}: {}",
                whom(what),
                instant(*since),
                words::count(*times as usize, "time", "times"),
                visible(said)
            )
        }
        Fact::Key { .. } | Fact::Unreachable { .. } | Fact::Blind { .. } | Fact::Unread { .. } => {
            unseen(fact)
        }
        Fact::DayCap { cap, due } => format!(
            "rules.day_cap = {cap}, and {} due in a day",
            words::count(*due as usize, "backup is", "backups are")
        ),
        Fact::Balance(purse) => balance(purse),
        Fact::File { file, at, faults, more } => {
            let faults: Vec<String> = faults.iter().map(|fault| visible(fault)).collect();
            let more = if *more > 0 { format!("; and {more} more") } else { String::new() };
            format!("{}, read {}: {}{more}", visible(file), instant(*at), faults.join("; "))
        }
        Fact::Until { until, reason, .. } => {
            format!("until {}{}", instant(*until), because(reason))
        }
        Fact::DiskLow => {
            "the disk of the journal has less room than journal.free_space_mib asks for".to_owned()
        }
        Fact::Observed { slots, since } => {
            let backups = words::count(*slots as usize, "backup", "backups");
            format!("{backups} would have been taken since {}", instant(*since))
        }
    }
}

/// Why something cannot be read; nothing of any other fact.
fn unseen(fact: &Fact) -> String {
    let looks = |misses: &u32| words::count(*misses as usize, "look", "looks");
    match fact {
        Fact::Key { status, since } => format!("HTTP {status} since {}", instant(*since)),
        Fact::Unreachable { since, why } => {
            let why = why.as_deref().unwrap_or_default();
            format!("no listing could be read to its end since {}{}", instant(*since), because(why))
        }
        Fact::Blind { misses } => format!("{} at the balance in a row failed", looks(misses)),
        Fact::Unread { listing, misses, said } => {
            let (listing, said) = (visible(listing), visible(said));
            format!("{listing}: {} in a row came to no end, the last: {said}", looks(misses))
        }
        _ => String::new(),
    }
}

/// Nothing of any other fact.
fn late(fact: &Fact) -> String {
    let Fact::Late { policy, machine, name, newest, since, expected, held: why } = fact else {
        return String::new();
    };
    let newest = match newest {
        Some(at) => format!("the newest good backup is of {}", instant(*at)),
        None => format!("no good backup since {}", instant(*since)),
    };
    let why = why.as_ref().map_or_else(String::new, |why| format!("; held: {}", held(why)));
    let expected = span(expected.duration());
    format!(
        "{}, policy {}: {newest}; it should never be older than {expected}{why}",
        named(machine, name),
        visible(policy.as_str())
    )
}

/// What is left, how fast it goes, and until when it lasts.
pub fn balance(purse: &Purse) -> String {
    let currency = purse.currency;
    let left = format!("{} {currency} left", cents(purse.amount));
    let burn = match purse.burn_per_hour {
        None => "; what burns is not known".to_owned(),
        Some(Nanos(..=0)) => "; nothing burns".to_owned(),
        Some(burn) => format!("; {} {currency} burn in an hour, for now", cents(burn)),
    };
    let far = i128::from(FAR.0 / 3_600);
    let is_far =
        purse.burn_per_hour.is_some_and(|burn| i128::from(burn.0) * far <= i128::from(purse.amount.0));
    let until = match purse.runs_out {
        None => String::new(),
        Some(_) if is_far => "; they last for over a hundred years".to_owned(),
        Some(at) => format!("; used up {}", instant(at)),
    };
    format!("{left}{burn}{until}")
}

/// What a machine is called, and its id where that is something else.
pub fn named(machine: &MachineId, name: &str) -> String {
    let id = visible(machine.as_str());
    if name.is_empty() || name == machine.as_str() { id } else { format!("{} ({id})", visible(name)) }
}

fn whom(what: &Refused) -> String {
    match what {
        Refused::Account => "the whole account".to_owned(),
        Refused::Credit => "not enough credit".to_owned(),
        Refused::Policy(policy) => format!("policy {}", visible(policy.as_str())),
        Refused::Machine(machine) => format!("machine {}", visible(machine.as_str())),
    }
}

/// The word that the fact holds, as `status` says it.
fn hold_words(word: &str) -> String {
    let said = match word {
        "awaits_approval" => "waits for a person's approval",
        "frozen" => "deletions are frozen",
        "clock_unsure" => "our clock and the cloud's differ",
        "last_good" => "too few good backups of its machine would be left",
        "stale" => Rail::Stale.why(),
        "unknown" => "what became of a request on its machine is not known yet",
        "suspect" => "a snapshot looks like ours and is not in the journal: adopt or disown it",
        "unreadable" => "a snapshot of its machine cannot be read",
        "shaken" => "something of ours was missing from a listing",
        "capped" => "the cap of deletions is reached",
        "refused" => "the cloud refused to delete it",
        "maybe_linked" => "an image may have been made from it: see cloud.images in the configuration",
        "postponed" => "the audit let it wait",
        other => return other.replace('_', " "),
    };
    said.to_owned()
}

/// To the cent, towards zero.
pub fn cents(sum: Nanos) -> String {
    let (sign, cents) = (if sum.0 < 0 { "-" } else { "" }, sum.0.unsigned_abs() / 10_000_000);
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// What one snapshot costs in a month at the price that the cloud prints, at most. In its currency.
const PRINTED_USD_A_MONTH: u64 = 73;

/// What so many snapshots cost at most. The cloud prints its price in USD, whatever an account pays in.
pub fn printed_price(snapshots: u64) -> String {
    let usd = snapshots.saturating_mul(PRINTED_USD_A_MONTH);
    format!("up to {usd} USD a month at the printed price")
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {}", visible(reason)) }
}

/// One thing or many, in words.
pub fn count(number: u64, one: &str, many: &str) -> String {
    if number == 1 { one.to_owned() } else { format!("{number} {many}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;
    use crate::domain::time::Timestamp;

    #[test]
    fn credits_for_more_than_a_hundred_years_have_no_date() {
        let purse = |amount| Purse {
            currency: Currency::Usd,
            amount: Nanos(amount),
            burn_per_hour: Some(Nanos(1_000_000_000)),
            runs_out: Some(Timestamp::from_seconds(1_772_330_400)),
            add_for_month: None,
            floor: None,
            by_hours: false,
        };
        assert!(balance(&purse(876_600_000_000_000)).ends_with("; they last for over a hundred years"));
        assert!(balance(&purse(876_599_000_000_000)).contains("; used up 2026-"));
    }
}
