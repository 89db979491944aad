//! The printed prices: what of `/pricing/` could be read exactly, and nothing else.
//!
//! A price that is not in here is unknown, and never zero. The digest is over all that the cloud
//! printed, so that a change is noticed of what nobody reads, too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::fleet::{Gpus, Machine};
use super::money::{Currency, Nanos};

/// One price in each currency that it is printed in.
pub type Amounts = BTreeMap<Currency, Nanos>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    pub digest: Digest,
    /// For one GPU and hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<Priced>,
    /// For one snapshot and hour, or, as another page has it, for each 100 GB of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<Priced>,
    /// For one terabyte and hour, as the list says; another page says it differently.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Priced>,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// `legacy` or `advanced`, as the list has it; empty where it stands under no tier.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tier: String,
    /// A model of GPU or a type of volume; empty where the tier has one price.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    pub prices: Amounts,
}

/// Snapshots exist in this tier alone.
const SNAPSHOT_TIER: &str = "legacy";

impl Prices {
    /// What a machine costs for an hour while it is billed in full. `None`: its GPUs, or their price,
    /// are not known.
    pub fn machine_hour(&self, machine: &Machine) -> Option<Amounts> {
        let Gpus { model, count } = machine.gpus.as_ref()?;
        let times = |(currency, price): (&Currency, &Nanos)| {
            let sum = price.0.checked_mul(i64::from(*count))?;
            Some((*currency, Nanos(sum)))
        };
        find(&self.gpus, &machine.tier, model)?.iter().map(times).collect()
    }

    pub fn snapshot_hour(&self) -> Option<&Amounts> {
        find(&self.snapshots, SNAPSHOT_TIER, "")
    }
}

/// The one price that can be meant: of this tier and model, or of the model where every tier that has
/// it prints the same.
fn find<'a>(list: &'a [Priced], tier: &str, model: &str) -> Option<&'a Amounts> {
    let mut of_model = list.iter().filter(|priced| is_same(&priced.model, model));
    if let Some(exact) = of_model.clone().find(|priced| is_same(&priced.tier, tier)) {
        return Some(&exact.prices);
    }
    let first = of_model.next()?;
    of_model.all(|other| other.prices == first.prices).then_some(&first.prices)
}

/// Whether two spellings are of one thing: `H100-SXM5-80GB` and `h100 sxm5 80gb`.
fn is_same(a: &str, b: &str) -> bool {
    letters(a).eq(letters(b))
}

fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|letter| letter.is_alphanumeric()).map(|letter| letter.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn priced(tier: &str, model: &str, dollars: i64) -> Priced {
        let prices = Amounts::from([(Currency::Usd, Nanos(dollars * 1_000_000_000))]);
        Priced { tier: tier.to_owned(), model: model.to_owned(), prices }
    }

    #[test]
    fn a_price_is_found_by_tier_and_model_in_any_spelling() {
        let list = [priced("legacy", "H100-SXM5-80GB", 2), priced("advanced", "h100 SXM5 80gb", 3)];
        assert_eq!(find(&list, "Legacy", "h100-sxm5-80gb"), Some(&list[0].prices));
        assert_eq!(find(&list, "ADVANCED", "H100-SXM5-80GB"), Some(&list[1].prices));
    }

    #[test]
    fn of_two_prices_that_could_be_meant_neither_is_taken() {
        let list = [priced("legacy", "L40", 2), priced("advanced", "L40", 3), priced("legacy", "A100", 1)];
        assert_eq!(find(&list, "", "L40"), None);
        assert_eq!(find(&list, "", "A100"), Some(&list[2].prices));
        assert_eq!(find(&list, "legacy", "H200"), None);
    }
}
