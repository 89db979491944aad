//! Quirks: for a while, one field of one object is not what it should be.
//!
//! The world behind it is sound; only what is shown of it is odd.

use std::time::Duration;

use fastrand::Rng;

use crate::sim::fault::Fault;
use crate::sim::render::{Fields, Value};

const HOUR: u64 = 3_600;

/// A field, and the JSON in its place; nothing: it is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirk {
    field: &'static str,
    json: Option<&'static str>,
}

const SIZES: [Option<&str>; 6] =
    [Some("0"), Some("-40"), Some("1e18"), Some("99999999999999999999999"), Some("\"huge\""), Some("null")];
const DATES: [Option<&str>; 6] = [
    None,
    Some("null"),
    Some("\"2099-01-01T00:00:00Z\""),
    Some("\"yesterday\""),
    Some("\"2026-03-01T02:00:00+14:00\""),
    Some("0"),
];
/// In the place of an id's JSON: the number that stands in the id.
const NUMBER: &str = "number";
const IDS: [Option<&str>; 5] = [None, Some("null"), Some("{}"), Some("-7"), Some(NUMBER)];
const ODD_FIELDS: [(&str, Option<&str>); 8] = [
    ("status", Some("null")),
    ("status", Some("\"ARCHIVED\"")),
    ("status", None),
    ("name", Some("null")),
    ("description", None),
    ("instance_id", Some("null")),
    ("region", Some("[]")),
    ("is_image", Some("\"\"")),
];

impl Quirk {
    /// A quirk of this class, how long after its birth it begins, and how long it lasts.
    pub fn drawn(fault: Fault, random: &mut Rng) -> Option<(Self, Duration, Duration)> {
        let (field, json, longest_hours) = match fault {
            Fault::OddSize => ("size_gb", SIZES[random.usize(..SIZES.len())], 48),
            Fault::OddDate => ("created_at", DATES[random.usize(..DATES.len())], 96),
            Fault::OddId => ("id", IDS[random.usize(..IDS.len())], 2),
            Fault::OddField => {
                let (field, json) = ODD_FIELDS[random.usize(..ODD_FIELDS.len())];
                (field, json, 24)
            }
            _ => return None,
        };
        // Half of them from the beginning, the others out of the blue.
        let after = if random.bool() { 0 } else { random.u64(..72 * HOUR) };
        let lasts = random.u64(HOUR / 4..=longest_hours * HOUR);
        Some((Self { field, json }, Duration::from_secs(after), Duration::from_secs(lasts)))
    }

    pub fn bend(&self, fields: &mut Fields) {
        match self.json {
            None => fields.retain(|(name, _)| *name != self.field),
            Some(json) => {
                for (_, value) in fields.iter_mut().filter(|(name, _)| *name == self.field) {
                    *value = match value {
                        Value::Text(id) if json == NUMBER => Value::Whole(bare(id).unwrap_or(-7)),
                        _ => Value::Json(json),
                    };
                }
            }
        }
    }
}

/// The number that stands in an id.
fn bare(id: &str) -> Option<i64> {
    id.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok()
}
