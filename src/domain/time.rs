//! Instants and spans: UTC microseconds, as the journal stores them.
//!
//! Nothing here reads a clock; whoever needs the present is handed it.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant in UTC, in whole microseconds since 1970. Written as RFC 3339 everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// 9999-12-30, the latest instant that RFC 3339 can write with room for any zone.
const LATEST: i64 = 253_402_200_000_000_000;
/// -009999-01-02 is as far back as the calendar goes; the year 0 is early enough for us.
const EARLIEST: i64 = -62_167_000_000_000_000;

impl Timestamp {
    pub const EPOCH: Self = Self(0);

    /// Saturates at the years 0 and 9999.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(EARLIEST, LATEST))
    }

    pub fn from_seconds(seconds: i64) -> Self {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    pub fn micros(self) -> i64 {
        self.0
    }

    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// The distance to `other`, whichever comes first.
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }

    /// Moved by a signed number of microseconds.
    pub fn shifted(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    pub fn zoned(self) -> jiff::Timestamp {
        // The clamp in `from_micros` keeps every value inside jiff's range.
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(instant: jiff::Timestamp) -> Self {
        Self::from_micros(instant.as_microsecond())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        self.shifted(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, span: Duration) -> Self {
        self.shifted(-i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.zoned().fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<jiff::Timestamp>().map(Self::from)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Rfc3339;
        impl de::Visitor<'_> for Rfc3339 {
            type Value = Timestamp;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an instant as RFC 3339, such as 2026-03-01T02:00:00Z")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        input.deserialize_str(Rfc3339)
    }
}

/// A span in whole seconds, as settings and events carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u64);

impl Seconds {
    pub const fn minutes(count: u64) -> Self {
        Self(count * 60)
    }

    pub const fn hours(count: u64) -> Self {
        Self(count * 3600)
    }

    pub const fn days(count: u64) -> Self {
        Self(count * 86_400)
    }

    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// As a person would say it: `90 s`, `45 min`, `36 h`, `14 d`.
impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s < 120 => write!(f, "{s} s"),
            s if s < 7_200 => write!(f, "{} min", s / 60),
            s if s < 172_800 => write!(f, "{} h", s / 3600),
            s => write!(f, "{} d", s / 86_400),
        }
    }
}

impl Add<Seconds> for Timestamp {
    type Output = Self;
    fn add(self, span: Seconds) -> Self {
        self + span.duration()
    }
}

impl Sub<Seconds> for Timestamp {
    type Output = Self;
    fn sub(self, span: Seconds) -> Self {
        self - span.duration()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_survives_its_text() {
        for micros in [0, 1, -1, 1_772_330_400_123_456, EARLIEST, LATEST, i64::MAX] {
            let instant = Timestamp::from_micros(micros);
            assert_eq!(instant.to_string().parse::<Timestamp>().unwrap(), instant);
        }
    }
}
