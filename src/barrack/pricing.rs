//! The printed prices from their JSON: every price that stands where it is expected, in a unit that we
//! know. What does not is left out; a price is never guessed.

use serde_json::value::RawValue;

use super::wire::{self, Fields};
use crate::domain::digest::Digest;
use crate::domain::money::{Currency, Nanos};
use crate::domain::price::{Amounts, Priced, Prices};

/// Levels below `gpus` and its like; three are printed.
const DEEPEST: usize = 6;
/// Lines of one list; what comes after them is left out.
const MOST_LINES: usize = 500;
const TIERS: [&str; 2] = ["legacy", "advanced"];

/// The words that a unit must have, where one is printed.
struct Unit(&'static [&'static str]);

const AN_HOUR: Unit = Unit(&["hour"]);
const A_TERABYTE_HOUR: Unit = Unit(&["tb", "hour"]);

pub fn prices(fields: &Fields, digest: Digest) -> Prices {
    let list = |names: &[&str], unit: &Unit| {
        let mut lines = Vec::new();
        if let Some(part) = wire::first(fields, names) {
            collect(part, unit, &mut Vec::new(), &mut lines);
        }
        lines.sort_by(|a: &Priced, b| (&a.tier, &a.model).cmp(&(&b.tier, &b.model)));
        lines
    };
    Prices {
        digest,
        gpus: list(&["gpus", "gpu"], &AN_HOUR),
        snapshots: list(&["snapshots", "snapshot"], &AN_HOUR),
        volumes: list(&["volumes", "volume"], &A_TERABYTE_HOUR),
    }
}

/// Walks down to each object that has `prices`; the names on the way are tier and model.
fn collect(raw: &RawValue, unit: &Unit, path: &mut Vec<String>, lines: &mut Vec<Priced>) {
    let Some(fields) = wire::object(raw).filter(|_| path.len() < DEEPEST && lines.len() < MOST_LINES) else {
        return;
    };
    if !unit.fits(&wire::shown(&fields, &["unit"])) {
        return;
    }
    if let Some(prices) = fields.get("prices").and_then(|raw| wire::object(raw)) {
        let prices = amounts(&prices);
        if !prices.is_empty() {
            let (tier, model) = named(path);
            lines.push(Priced { tier, model, prices });
        }
        return;
    }
    for (name, inner) in fields {
        if name == "pricing" {
            collect(inner, unit, path, lines);
            continue;
        }
        path.push(wire::bounded(name.into_owned()));
        collect(inner, unit, path, lines);
        path.pop();
    }
}

fn named(path: &[String]) -> (String, String) {
    match path.split_first() {
        Some((first, rest)) if TIERS.iter().any(|tier| tier.eq_ignore_ascii_case(first)) => {
            (first.to_ascii_lowercase(), rest.join("/"))
        }
        Some(_) | None => (String::new(), path.join("/")),
    }
}

/// Less than nothing is no price.
fn amounts(fields: &Fields) -> Amounts {
    let each = fields.iter().filter_map(|(name, raw)| {
        let price = wire::decimal(raw).filter(|price| *price >= Nanos::ZERO)?;
        Some((Currency::parse(name)?, price))
    });
    each.collect()
}

impl Unit {
    fn fits(&self, printed: &str) -> bool {
        let printed = printed.to_ascii_lowercase();
        printed.is_empty() || self.0.iter().all(|word| printed.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Prices {
        prices(&wire::inner_object(body.as_bytes(), &["pricing_data"]).unwrap(), Digest::default())
    }

    fn usd(text: &str) -> Amounts {
        Amounts::from([(Currency::Usd, Nanos::parse(text).unwrap())])
    }

    #[test]
    fn each_price_is_read_with_its_tier_model_and_currency() {
        let read = read(
            r#"{"pricing_data":{"gpus":{"pricing":{"legacy":{"L40":{"prices":{"USD":1.19,"INR":"119"}}},
                "advanced":{"H100":{"prices":{"USD":"2.49"},"new":[]}}}},
                "volumes":{"pricing":{"legacy":{"SSD":{"prices":{"USD":0.1},"unit":"per TB per hour"}}}},
                "snapshots":{"pricing":{"legacy":{"prices":{"USD":0.1},"unit":"per hour (fixed 100GB)"}}}}}"#,
        );
        let found: Vec<(&str, &str)> =
            read.gpus.iter().map(|line| (line.tier.as_str(), line.model.as_str())).collect();
        assert_eq!(found, [("advanced", "H100"), ("legacy", "L40")]);
        assert_eq!(read.gpus[0].prices, usd("2.49"));
        assert_eq!(read.gpus[1].prices[&Currency::Inr], Nanos(119_000_000_000));
        assert_eq!(read.snapshot_hour(), Some(&usd("0.1")));
        assert_eq!((read.volumes[0].tier.as_str(), read.volumes[0].model.as_str()), ("legacy", "SSD"));
    }

    #[test]
    fn what_cannot_be_read_is_absent_and_not_free() {
        for part in [
            r#""gpus":{"pricing":{"legacy":{"L40":{"prices":{"USD":"call us","GBP":1,"EUR":-1}}}}}"#,
            r#""gpus":{"pricing":{"legacy":{"L40":{"prices":{"USD":1},"unit":"per month"}}}}"#,
            r#""gpus":[{"model":"L40","prices":{"USD":1}}]"#,
            r#""snapshots":{"pricing":{"legacy":{"prices":{"USD":1},"unit":"per GB and month"}}}"#,
            r#""volumes":{"pricing":{"legacy":{"prices":{"USD":1},"unit":"per GB per hour"}}}"#,
            r#""gpus":{"a":{"b":{"c":{"d":{"e":{"f":{"g":{"prices":{"USD":1}}}}}}}}}"#,
        ] {
            assert_eq!(read(&format!("{{{part}}}")), Prices::default(), "{part}");
        }
    }
}
