//! One billing record from its JSON: the ids, the span and the cost must be readable, the rest need not.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire;
use crate::domain::billing::record::{Bill, BillKind};
use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};

/// More than nineteen hundred years are no duration.
const MOST_MINUTES: i64 = 1_000_000_000;

/// The fields by name. What is not listed is skipped, unread.
#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Wire<'a> {
    #[serde(borrow)]
    billing_id: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    instance_id: Option<&'a RawValue>,
    #[serde(borrow)]
    vm_id: Option<&'a RawValue>,
    #[serde(borrow)]
    vm_name: Option<&'a RawValue>,
    #[serde(borrow)]
    snapshot_id: Option<&'a RawValue>,
    #[serde(borrow)]
    snapshot_name: Option<&'a RawValue>,
    #[serde(borrow)]
    volume_id: Option<&'a RawValue>,
    #[serde(borrow)]
    volume_name: Option<&'a RawValue>,
    #[serde(borrow)]
    start_time: Option<&'a RawValue>,
    #[serde(borrow)]
    end_time: Option<&'a RawValue>,
    #[serde(borrow)]
    total_duration_minutes: Option<&'a RawValue>,
    #[serde(borrow)]
    per_minute_rate: Option<&'a RawValue>,
    #[serde(borrow)]
    total_cost: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    size_gb: Option<&'a RawValue>,
}

/// `None`: it cannot be told what was billed, since when, or how much.
pub fn bill(raw: &str, kind: BillKind) -> Option<Bill> {
    let wire: Wire<'_> = serde_json::from_str(raw).ok()?;
    let (resource, name) = match kind {
        BillKind::Instance => (wire.instance_id.or(wire.vm_id), wire.vm_name),
        BillKind::Snapshot => (wire.snapshot_id, wire.snapshot_name),
        BillKind::Volume => (wire.volume_id, wire.volume_name),
    };
    let end = match wire.end_time {
        // An end that is there and cannot be read is no running record.
        Some(raw) if raw.get() != "null" => Some(wire::instant(raw)?),
        Some(_) | None => None,
    };
    Some(Bill {
        id: BillId::new(wire::id(wire.billing_id.or(wire.id)?)?),
        resource: wire::id(resource?)?,
        name: shown(name),
        start: wire::instant(wire.start_time?)?,
        end,
        minutes: minutes(wire.total_duration_minutes)?,
        rate: shown(wire.per_minute_rate),
        cost: wire::decimal(wire.total_cost?)?,
        currency: Currency::parse(&wire.currency?)?,
        status: shown(wire.status),
        // Gigabytes in billionths are bytes.
        size_bytes: wire.size_gb.and_then(wire::decimal).map(|size| size.0).filter(|bytes| *bytes > 0),
    })
}

fn shown(raw: Option<&RawValue>) -> String {
    raw.and_then(wire::text).map(wire::bounded).unwrap_or_default()
}

/// Whole minutes; a started one is not over. None of them is no figure that could be wrong.
fn minutes(raw: Option<&RawValue>) -> Option<u64> {
    let Some(raw) = raw.filter(|raw| raw.get() != "null") else { return Some(0) };
    let Nanos(nanos) = wire::decimal(raw)?;
    let minutes = nanos / 1_000_000_000;
    u64::try_from(minutes).ok().filter(|_| minutes <= MOST_MINUTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    #[test]
    fn a_volume_record_without_zones_is_read_as_utc_and_its_cost_from_its_text() {
        let json = r#"{"billing_id":"VBILL_7","volume_id":"BRK-1V","volume_name":"data","size_gb":100,
            "start_time":"2026-03-01T02:00:07","end_time":null,"total_duration_minutes":"480",
            "per_minute_rate":0.00417,"total_cost":2.10000000000000001,"currency":"usd","status":"available"}"#;
        let bill = bill(json, BillKind::Volume).unwrap();
        assert_eq!((bill.start, bill.end), (Timestamp::from_seconds(1_772_330_407), None));
        assert_eq!((bill.minutes, bill.cost, bill.rate.as_str()), (480, Nanos(2_100_000_000), "0.00417"));
        assert_eq!((bill.currency, bill.status.as_str()), (Currency::Usd, "available"));
    }

    #[test]
    fn a_record_without_id_cost_or_currency_is_unreadable_and_not_free() {
        let whole = r#"{"billing_id":"B","snapshot_id":"S","start_time":"2026-03-01T02:00:07Z","total_cost":1,"currency":"EUR"}"#;
        assert!(bill(whole, BillKind::Snapshot).is_some());
        for (part, other) in [
            (r#""B""#, "null"),
            (r#""S""#, "{}"),
            (r#""2026-03-01T02:00:07Z""#, r#""soon""#),
            (r#""total_cost":1"#, r#""total_cost":"NaN""#),
            (r#""EUR""#, r#""GBP""#),
            (r#""currency""#, r#""total_duration_minutes":-5,"currency""#),
            (r#""currency""#, r#""end_time":"later","currency""#),
        ] {
            assert_eq!(bill(&whole.replace(part, other), BillKind::Snapshot), None, "{other}");
        }
    }
}
