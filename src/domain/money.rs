//! Money: exact, in billionths of a unit, and never without its currency.
//!
//! No floating point anywhere; amounts of two currencies cannot be added.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The currencies that Barrack bills in. They are never mixed or converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Usd,
    Eur,
    Inr,
}

impl Currency {
    pub const ALL: [Self; 3] = [Self::Usd, Self::Eur, Self::Inr];

    pub fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Inr => "INR",
        }
    }

    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|currency| currency.code().eq_ignore_ascii_case(code.trim()))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount in nanos: billionths of one unit of a currency named beside it. Written as decimal text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub i64);

const NANOS: i128 = 1_000_000_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("{0:?} is not a decimal number")]
    NotANumber(String),
    #[error("{0:?} is too large for an amount of money (at most 9.2 thousand million)")]
    TooLarge(String),
}

impl Nanos {
    pub const ZERO: Self = Self(0);

    /// Reads a decimal number from its own text, rounding half-even past nine decimals.
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let wrong = || MoneyError::NotANumber(text.chars().take(40).collect());
        let large = || MoneyError::TooLarge(text.chars().take(40).collect());
        let trimmed = text.trim();
        let (negative, unsigned) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| wrong())?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.bytes().chain(fraction.bytes());
        let count = whole.len() + fraction.len();
        if !(1..=60).contains(&count) || !digits.clone().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        if exponent.unsigned_abs() > 60 {
            return Err(large());
        }
        let decimals = i32::try_from(fraction.len()).unwrap_or(60) - exponent;
        let nanos = scaled(digits, count, 9 - decimals).ok_or_else(large)?;
        let nanos = if negative { -nanos } else { nanos };
        i64::try_from(nanos).map(Self).map_err(|_| large())
    }

    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

/// The `count` digits × 10^`shift`, rounded half-even; `None` where it does not fit.
fn scaled(digits: impl Iterator<Item = u8>, count: usize, shift: i32) -> Option<i128> {
    // So many are before the point; those behind it decide how it is rounded.
    let before = i64::try_from(count).ok()? + i64::from(shift.min(0));
    let (mut value, mut first_behind, mut has_rest) = (0_i128, 0, false);
    for (place, digit) in (0..).zip(digits.map(|byte| byte - b'0')) {
        if place < before {
            value = value.checked_mul(10)?.checked_add(i128::from(digit))?;
        } else if place == before {
            first_behind = digit;
        } else {
            has_rest |= digit > 0;
        }
    }
    for _ in 0..shift {
        value = value.checked_mul(10)?;
    }
    let up = first_behind > 5 || (first_behind == 5 && (has_rest || value % 2 == 1));
    value.checked_add(i128::from(up))
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let amount = i128::from(self.0);
        let sign = if amount < 0 { "-" } else { "" };
        let (whole, fraction) = (amount.abs() / NANOS, amount.abs() % NANOS);
        let fraction = format!("{fraction:09}");
        let fraction = fraction.trim_end_matches('0');
        match fraction.len() {
            0 => write!(f, "{sign}{whole}"),
            1 => write!(f, "{sign}{whole}.{fraction}0"),
            _ => write!(f, "{sign}{whole}.{fraction}"),
        }
    }
}

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(input)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_from_their_text() {
        for (text, nanos) in [
            ("0.00417", 4_170_000),
            ("-12.5", -12_500_000_000),
            ("2.49e2", 249_000_000_000),
            ("1E-9", 1),
            ("0.0000000005", 0),
            ("0.0000000015", 2),
            ("0.00000000051", 1),
            ("7", 7_000_000_000),
        ] {
            assert_eq!(Nanos::parse(text), Ok(Nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "NaN", "1,5", "0x10", ".", "1e400", "99999999999999999999", "--1", "1.2.3", "1e-2147483648"]
        {
            assert!(Nanos::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_amount_survives_its_text() {
        for nanos in [0, 1, -1, 1_500_000_000, i64::MAX, i64::MIN + 1] {
            assert_eq!(Nanos::parse(&Nanos(nanos).to_string()), Ok(Nanos(nanos)));
        }
    }
}
