//! F32: how a billing list can be wrong for a while. What is owed never is; only what the list says.

use std::time::Duration;

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::stream::{numbered, stream};

const HOUR: Duration = Duration::from_secs(3_600);
/// A record appears, and grows, up to three days late.
const LATEST_HOURS: u64 = 72;
/// A wrong cost is corrected while the record runs, or within five days of its end.
const CORRECTED_HOURS: u64 = 120;
/// By up to a fifth, in millionths.
const WORST_PPM: i64 = 200_000;
/// A record is listed twice for this long.
const REPEATED_FOR: Duration = Duration::from_secs(20 * 3_600);
/// How long an overlapping record lasts.
pub const OVERLAP: Duration = Duration::from_secs(600);

/// How badly a cloud bills: drawn for each record from its number alone.
#[derive(Clone, Copy, Debug)]
pub struct Misbilling {
    pub seed: u64,
    pub per_ten_thousand: u32,
    /// Records that begin later are billed well.
    pub until: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quirk {
    /// The list shows it as it was so long ago.
    Late(Duration),
    /// Off by so many millionths, until so long after its start.
    WrongWhileOpen {
        ppm: i64,
        lasts: Duration,
    },
    /// Off by so many millionths, until so long after its end.
    WrongAfterEnd {
        ppm: i64,
        lasts: Duration,
    },
    Repeated,
    /// A second record bills the same resource for the same minutes.
    Overlapped,
}

/// In which order a list shows its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListOrder {
    NewestFirst,
    OldestFirst,
    Scrambled,
}

impl Misbilling {
    pub fn quirk(&self, purpose: &str, number: u64, start: Timestamp) -> Option<Quirk> {
        let mut random = numbered(self.seed, purpose, number);
        if start >= self.until || random.u32(..10_000) >= self.per_ten_thousand {
            return None;
        }
        let ppm = random.i64(1..=WORST_PPM) * if random.bool() { 1 } else { -1 };
        let lasts = HOUR * u32::try_from(random.u64(1..=CORRECTED_HOURS)).unwrap_or(1);
        Some(match random.u32(..6) {
            0 | 1 => Quirk::Late(HOUR * u32::try_from(random.u64(1..=LATEST_HOURS)).unwrap_or(1)),
            2 => Quirk::WrongWhileOpen { ppm, lasts },
            3 => Quirk::WrongAfterEnd { ppm, lasts },
            4 => Quirk::Repeated,
            _ => Quirk::Overlapped,
        })
    }

    pub fn order(&self, purpose: &str) -> ListOrder {
        match stream(self.seed, purpose).u32(..4) {
            0 => ListOrder::OldestFirst,
            1 => ListOrder::Scrambled,
            _ => ListOrder::NewestFirst,
        }
    }
}

impl Quirk {
    /// As which instant the list shows a record, of the books at `now`.
    pub fn shown_at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Late(by) => now - by,
            Self::WrongWhileOpen { .. } | Self::WrongAfterEnd { .. } | Self::Repeated | Self::Overlapped => {
                now
            }
        }
    }

    pub fn shown_cost(self, cost: Nanos, start: Timestamp, end: Option<Timestamp>, now: Timestamp) -> Nanos {
        let ppm = match self {
            Self::WrongWhileOpen { ppm, lasts } if now < start + lasts => ppm,
            Self::WrongAfterEnd { ppm, lasts } if end.is_none_or(|end| now < end + lasts) => ppm,
            Self::WrongWhileOpen { .. }
            | Self::WrongAfterEnd { .. }
            | Self::Late(_)
            | Self::Repeated
            | Self::Overlapped => return cost,
        };
        let wrong = i128::from(cost.0) * i128::from(1_000_000 + ppm) / 1_000_000;
        Nanos(i64::try_from(wrong).unwrap_or(i64::MAX))
    }

    pub fn is_repeated(self, start: Timestamp, now: Timestamp) -> bool {
        self == Self::Repeated && now < start + REPEATED_FOR
    }

    /// Whether the list tells something else than the books, for a record that costs something.
    pub fn strikes(self, start: Timestamp, end: Option<Timestamp>, now: Timestamp) -> bool {
        let one = Nanos(1_000_000_000);
        match self {
            Self::Late(by) => end.is_none_or(|end| now < end + by),
            Self::WrongWhileOpen { .. } | Self::WrongAfterEnd { .. } => {
                self.shown_cost(one, start, end, now) != one
            }
            Self::Repeated => self.is_repeated(start, now),
            Self::Overlapped => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_says_wrong_is_right_within_five_days_of_the_end() {
        let start = Timestamp::from_seconds(1_772_330_400);
        let end = start + HOUR * 48;
        let misbilling = Misbilling { seed: 7, per_ten_thousand: 10_000, until: end };
        for number in 0..500 {
            let quirk = misbilling.quirk("a", number, start).unwrap();
            let later = end + HOUR * 120;
            assert_eq!(quirk.shown_cost(Nanos(77), start, Some(end), later), Nanos(77));
            assert!(quirk.shown_at(later) >= end);
            assert_eq!(misbilling.quirk("a", number, end), None);
        }
    }
}
