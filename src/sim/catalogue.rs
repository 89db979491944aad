//! What the cloud offers and at what price: documents that never change.
//!
//! Prices come from the same table that the books use.

use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::answer::json_text;
use crate::sim::books::SNAPSHOT_HOURLY;
use crate::sim::dialect::Dialect;
use crate::sim::fate::Account;
use crate::sim::machine::{GPU_MODELS, REGIONS};
use crate::sim::render::{self, Kind, Value};

/// A rupee price is the dollar price times this; nothing here converts money.
const INR_FACTOR: i64 = 100;

pub fn pricing(dialect: Dialect, now: Timestamp) -> String {
    let models: Vec<String> = GPU_MODELS
        .iter()
        .map(|(model, hourly)| {
            let model = render::place(dialect, model);
            format!(r#"{}:{{"prices":{}}}"#, json_text(&model), prices(*hourly))
        })
        .collect();
    let gpus = format!(r#"{{"pricing":{{"legacy":{{{}}},"advanced":{{}}}}}}"#, models.join(","));
    let snapshots = format!(
        r#"{{"pricing":{{"legacy":{{"prices":{},"unit":"per hour (fixed 100GB)"}}}}}}"#,
        prices(SNAPSHOT_HOURLY)
    );
    let metadata = format!(
        r#"{{"authenticated_user":true,"authentication_type":"api_key","timestamp":{}}}"#,
        now.seconds()
    );
    format!(r#""pricing_data":{{"gpus":{gpus},"snapshots":{snapshots}}},"metadata":{metadata}"#)
}

pub fn regions() -> String {
    let regions: Vec<String> = REGIONS
        .iter()
        .map(|region| format!(r#"{{"name":"{region}","tier":"legacy","status":"up"}}"#))
        .collect();
    format!(r#""regions":[{}]"#, regions.join(","))
}

pub fn gpu_stocks(available: u32) -> String {
    let stocks: Vec<String> = REGIONS
        .iter()
        .flat_map(|region| GPU_MODELS.iter().map(move |(model, _)| (region, model)))
        .map(|(region, model)| {
            format!(r#"{{"region":"{region}","gpu_type":"{model}","available":{available}}}"#)
        })
        .collect();
    format!(r#""stocks":[{}]"#, stocks.join(","))
}

/// What another account's list shows.
pub fn strangers(dialect: Dialect, word: &str, account: Account) -> Vec<String> {
    let (kind, mark) = match word {
        "snapshots" => (Kind::Snapshot, 'S'),
        "instances" => (Kind::Machine, 'D'),
        _ => return Vec::new(),
    };
    let numbers = if account == Account::Empty { 0..0 } else { 900_001..900_004 };
    let stranger = |number: u64| {
        let (id, name) = (format!("BRK-{number}{mark}"), format!("somebody-else-{number}"));
        let status = if kind == Kind::Machine { "ACTIVE" } else { "SUCCESS" };
        let fields = vec![
            ("id", Value::Text(&id)),
            ("name", Value::Text(&name)),
            ("status", Value::State(status)),
            ("region", Value::Text(REGIONS[0])),
            ("size_gb", Value::Whole(80)),
            ("created_at", Value::Text("2026-01-05T08:00:00Z")),
        ];
        render::object(dialect, kind, number, &fields)
    };
    numbers.map(stranger).collect()
}

fn prices(hourly: Nanos) -> String {
    format!(r#"{{"USD":{hourly},"EUR":{hourly},"INR":{}}}"#, Nanos(hourly.0 * INR_FACTOR))
}
