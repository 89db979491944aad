//! What a snapshot costs: by the list for a fixed 100 GB, or for its actual size. The cloud's pages say
//! both, so until something settles it, each price is a range.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::billing::record::Bill;
use super::id::BillId;
use super::money::{Currency, Nanos};
use super::price::Amounts;
use super::state::State;

const BYTES_A_GB: i128 = 1_000_000_000;
/// The size that the printed price is for.
const FIXED_GB: i128 = 100;
/// A shorter record is rounded too much to tell prices apart.
const LEAST_MINUTES: u64 = 60;
/// How far a record may be off a price that it is said to follow, in hundredths.
const SAME_WITHIN: i128 = 2;
/// The two prices must be this far apart to be told from each other, in hundredths.
const APART: i128 = 5;

/// What a person says of it in the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceBasisSaid {
    /// The first closed record that tells decides.
    #[default]
    Auto,
    #[serde(rename = "fixed_100gb")]
    Fixed100Gb,
    ActualSize,
}

impl PriceBasisSaid {
    pub fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceBasis {
    #[serde(rename = "fixed_100gb")]
    Fixed100Gb,
    ActualSize,
}

impl PriceBasis {
    pub fn word(self) -> &'static str {
        match self {
            Self::Fixed100Gb => "for a fixed 100 GB",
            Self::ActualSize => "by actual size",
        }
    }
}

/// The closed record that follows one basis and not the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Implied {
    pub basis: PriceBasis,
    pub bill: BillId,
}

/// What settled the basis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettledBy {
    Configuration,
    Record(BillId),
}

/// An amount that lies between two, which are one where the basis is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Range {
    pub least: Nanos,
    pub most: Nanos,
}

impl Range {
    pub fn plus(self, other: Self) -> Self {
        let sum = |a: Nanos, b: Nanos| Nanos(a.0.saturating_add(b.0));
        Self { least: sum(self.least, other.least), most: sum(self.most, other.most) }
    }

    pub fn times(self, count: i64) -> Self {
        let product = |a: Nanos| Nanos(a.0.saturating_mul(count));
        Self { least: product(self.least), most: product(self.most) }
    }
}

/// The basis and what settled it; `None` while nothing has.
pub fn basis(state: &State) -> Option<(PriceBasis, SettledBy)> {
    let said = state.adopted.as_ref().map(|adopted| adopted.set.snapshot_price_basis).unwrap_or_default();
    match said {
        PriceBasisSaid::Fixed100Gb => Some((PriceBasis::Fixed100Gb, SettledBy::Configuration)),
        PriceBasisSaid::ActualSize => Some((PriceBasis::ActualSize, SettledBy::Configuration)),
        PriceBasisSaid::Auto => {
            let implied = state.ledger.snapshot_price.as_ref()?;
            Some((implied.basis, SettledBy::Record(implied.bill.clone())))
        }
    }
}

/// What a snapshot of this size costs for an hour, at a printed price. Without a size only the fixed
/// price can be told.
pub fn hour(list: Nanos, size_bytes: Option<i64>, basis: Option<PriceBasis>) -> Range {
    let actual = size_bytes.filter(|bytes| *bytes > 0).map_or(list, |bytes| by_size(list, bytes));
    match basis {
        Some(PriceBasis::Fixed100Gb) => Range { least: list, most: list },
        Some(PriceBasis::ActualSize) => Range { least: actual, most: actual },
        None => Range { least: list.min(actual), most: list.max(actual) },
    }
}

fn by_size(list: Nanos, bytes: i64) -> Nanos {
    let nanos = i128::from(list.0) * i128::from(bytes) / (FIXED_GB * BYTES_A_GB);
    Nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// Which basis a closed record follows; `None` where it could be both, or neither.
pub fn implied(bill: &Bill, size_bytes: Option<i64>, prices: &Amounts) -> Option<PriceBasis> {
    let (list, bytes) = (prices.get(&bill.currency)?, size_bytes.filter(|bytes| *bytes > 0)?);
    if bill.end.is_none() || bill.minutes < LEAST_MINUTES {
        return None;
    }
    let hour = i128::from(bill.cost.0) * 60 / i128::from(bill.minutes);
    let (fixed, actual) = (i128::from(list.0), i128::from(by_size(*list, bytes).0));
    let differ = |a: i128, b: i128, hundredths: i128| (a - b).abs() * 100 > b.abs() * hundredths;
    if !differ(actual, fixed, APART) {
        return None;
    }
    match (!differ(hour, fixed, SAME_WITHIN), !differ(hour, actual, SAME_WITHIN)) {
        (true, false) => Some(PriceBasis::Fixed100Gb),
        (false, true) => Some(PriceBasis::ActualSize),
        (true, true) | (false, false) => None,
    }
}

/// The printed price of a snapshot for an hour; empty where none was read yet.
pub fn listed(state: &State) -> BTreeMap<Currency, Nanos> {
    state.fleet.prices.as_ref().and_then(|prices| prices.snapshot_hour()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{Seconds, Timestamp};

    const LIST: Nanos = Nanos(100_000_000);
    const GB: i64 = 1_000_000_000;

    fn bill(minutes: u64, cost: i64) -> Bill {
        let start = Timestamp::from_seconds(1_772_330_400);
        Bill {
            id: BillId::new("BRK-1SB"),
            resource: "BRK-1S".to_owned(),
            name: String::new(),
            start,
            end: Some(start + Seconds(minutes * 60).duration()),
            minutes,
            rate: String::new(),
            cost: Nanos(cost),
            currency: Currency::Usd,
            status: String::new(),
            size_bytes: None,
        }
    }

    fn told(minutes: u64, cost: i64, gigabytes: i64) -> Option<PriceBasis> {
        let prices = Amounts::from([(Currency::Usd, LIST)]);
        implied(&bill(minutes, cost), Some(gigabytes * GB), &prices)
    }

    #[test]
    fn a_closed_record_tells_which_price_it_follows() {
        assert_eq!(told(600, 1_000_000_000, 40), Some(PriceBasis::Fixed100Gb));
        assert_eq!(told(600, 400_000_000, 40), Some(PriceBasis::ActualSize));
        assert_eq!(told(600, 2_500_000_000, 250), Some(PriceBasis::ActualSize));
        // Rounded to the cent by the cloud.
        assert_eq!(told(600, 1_010_000_000, 40), Some(PriceBasis::Fixed100Gb));
    }

    #[test]
    fn a_record_that_fits_both_prices_or_neither_tells_nothing() {
        assert_eq!(told(600, 1_000_000_000, 100), None);
        assert_eq!(told(600, 700_000_000, 40), None);
        assert_eq!(told(59, 98_333_333, 40), None);
        let running = Bill { end: None, ..bill(600, 1_000_000_000) };
        let prices = Amounts::from([(Currency::Usd, LIST)]);
        assert_eq!(implied(&running, Some(40 * GB), &prices), None);
        assert_eq!(implied(&bill(600, 1_000_000_000), None, &prices), None);
        assert_eq!(implied(&bill(600, 1_000_000_000), Some(40 * GB), &Amounts::new()), None);
    }

    #[test]
    fn a_price_is_a_range_until_its_basis_is_settled() {
        let by = |basis| hour(LIST, Some(40 * GB), basis);
        assert_eq!(by(None), Range { least: Nanos(40_000_000), most: LIST });
        assert_eq!(by(Some(PriceBasis::Fixed100Gb)), Range { least: LIST, most: LIST });
        assert_eq!(by(Some(PriceBasis::ActualSize)).most, Nanos(40_000_000));
        assert_eq!(hour(LIST, Some(250 * GB), None), Range { least: LIST, most: Nanos(250_000_000) });
        assert_eq!(hour(LIST, None, None), Range { least: LIST, most: LIST });
    }

    #[test]
    fn a_record_follows_a_price_that_it_is_off_by_two_hundredths_and_no_more() {
        let exact = [98_000_000, 102_000_000].map(|cost| told(60, cost, 40));
        assert_eq!(exact, [Some(PriceBasis::Fixed100Gb); 2]);
        assert_eq!([97_999_999, 102_000_001].map(|cost| told(60, cost, 40)), [None; 2]);
        assert_eq!(
            [40_800_000, 40_800_001].map(|cost| told(60, cost, 40)),
            [Some(PriceBasis::ActualSize), None]
        );
    }

    #[test]
    fn prices_are_told_apart_beyond_five_hundredths_and_by_records_of_an_hour() {
        assert_eq!([105, 95].map(|gigabytes| told(60, 100_000_000, gigabytes)), [None; 2]);
        assert_eq!(told(60, 106_000_000, 106), Some(PriceBasis::ActualSize));
        assert_eq!(told(60, 94_000_000, 94), Some(PriceBasis::ActualSize));
        assert_eq!(told(59, 59 * 40_000_000 / 60, 40), None);
        assert_eq!(told(60, 40_000_000, 40), Some(PriceBasis::ActualSize));
    }
}
