//! `costs` against the journal that it reads: the months are the sum of the journalled deltas.

use std::collections::BTreeMap;
use std::process::Command;

use quartermaster::domain::billing::event::Grown;
use quartermaster::domain::event::Event;
use quartermaster::domain::money::Nanos;
use quartermaster::journal::entry::Seq;
use quartermaster::journal::reader::Reader;
use quartermaster::journal::record::decode;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quartermaster");

fn run(arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn nanos(value: &Value) -> i64 {
    Nanos::parse(value.as_str().unwrap()).unwrap().0
}

/// By kind, currency and resource: what the revisions in the journal sum to, without the fold.
fn journalled(folder: &str) -> BTreeMap<(String, String, String), i64> {
    let reader = Reader::open(folder.as_ref()).unwrap();
    let (mut sums, mut bills, mut after) = (BTreeMap::new(), BTreeMap::new(), Seq::START);
    let mut begun = None;
    loop {
        let rows = reader.read(after, 4_096).unwrap();
        let Some(last) = rows.last() else { break };
        after = last.seq;
        for row in &rows {
            let recorded = decode(row).unwrap();
            begun = begun.or(Some(recorded.at));
            let Event::Billed(billed) = recorded.event else { continue };
            let kind = billed.kind.word().to_owned();
            for sight in billed.sights.into_iter().filter(|sight| sight.odd.is_none()) {
                let bill = sight.bill;
                let key = (kind.clone(), bill.currency.code().to_owned(), bill.resource);
                bills.insert(bill.id, key.clone());
                // What had run before the first start is an opening position.
                if sight.ordinal > 0 || begun.is_some_and(|begun| bill.start >= begun) {
                    *sums.entry(key).or_insert(0) += sight.delta.0;
                }
            }
            for Grown(id, _, _, delta) in billed.grown {
                *sums.entry(bills[&id].clone()).or_insert(0) += delta.0;
            }
        }
    }
    sums
}

#[test]
fn two_months_of_costs_are_the_sum_of_the_journalled_deltas() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().display().to_string();
    run(&["demo", "--for", "34d", "--machines", "2", "--json", "--data-dir", &folder]);
    let costs: Value = serde_json::from_str(&run(&["costs", "--data-dir", &folder, "--json"])).unwrap();
    assert_eq!((&costs["schema_version"], &costs["simulated"]), (&1.into(), &true.into()));
    let months = costs["months"].as_array().unwrap();
    let names: Vec<&str> = months.iter().map(|month| month["month"].as_str().unwrap()).collect();
    assert_eq!(names, ["2026-03", "2026-04"]);
    let mut shown: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    for currency in months.iter().flat_map(|month| month["currencies"].as_array().unwrap()) {
        let code = currency["currency"].as_str().unwrap();
        let mut of_currency = 0;
        for kind in currency["kinds"].as_array().unwrap() {
            let resources = kind["resources"].as_array().unwrap();
            let sum: i64 = resources.iter().map(|one| nanos(&one["observed"])).sum();
            assert_eq!(nanos(&kind["observed"]), sum);
            of_currency += sum;
            for one in resources {
                let (kind, id) = (kind["kind"].as_str().unwrap(), one["resource"].as_str().unwrap());
                let key = (kind.to_owned(), code.to_owned(), id.to_owned());
                *shown.entry(key).or_insert(0) += nanos(&one["observed"]);
            }
        }
        assert_eq!(nanos(&currency["observed"]), of_currency);
    }
    assert!(shown.len() > 10, "{shown:?}");
    assert_eq!(shown, journalled(&folder));
    let text = run(&["costs", "--data-dir", &folder]);
    for part in ["2026-04, so far", "instances: ", "snapshots: ", "trainer-1", "for a fixed 100 GB"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// What the list says of all that is there, and what it has of it beside each thing.
fn by_list(folder: &str) -> (Value, i64, i64, usize) {
    let read = |verb: &str| -> Value {
        serde_json::from_str(&run(&[verb, "--data-dir", folder, "--json"])).unwrap()
    };
    let (money, costs) = (read("status")["money"].clone(), read("costs"));
    let month = costs["months"].as_array().unwrap().last().unwrap().clone();
    let kinds = month["currencies"][0]["kinds"].as_array().unwrap().clone();
    let listed = |kind: &str, bound: &str| -> Vec<i64> {
        let of_kind = kinds.iter().filter(|one| one["kind"] == kind);
        let resources = of_kind.flat_map(|one| one["resources"].as_array().unwrap());
        resources.map(|one| &one["list_per_hour"][bound]).filter(|one| !one.is_null()).map(nanos).collect()
    };
    let machines: i64 = listed("instance", "most").iter().sum();
    let (least, most) = (listed("snapshot", "least"), listed("snapshot", "most"));
    (money, machines + most.iter().sum::<i64>(), least.iter().sum(), most.len())
}

#[test]
fn what_burns_is_told_on_three_bases_and_snapshots_cost_a_range_until_a_record_settles_it() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |name: &str, length: &str| {
        let folder = folder.path().join(name).display().to_string();
        run(&["demo", "--for", length, "--machines", "2", "--json", "--data-dir", &folder]);
        folder
    };
    // No snapshot was deleted yet: no record is closed.
    let early = demo("early", "30h");
    let (money, per_hour, least, count) = by_list(&early);
    let (usd, shelf) = (&money["currencies"][0], &money["snapshots"][0]);
    assert_eq!((nanos(&usd["burn"]["list"]["per_hour"]), usd["worst"].as_str()), (per_hour, Some("list")));
    assert_eq!((&money["snapshot_price_basis"], shelf["count"].as_u64()), (&Value::Null, Some(count as u64)));
    let range = (nanos(&shelf["per_hour"]["least"]), nanos(&shelf["per_hour"]["most"]));
    assert!(range == (least, count as i64 * 100_000_000) && range.0 < range.1, "{shelf}");
    let text = run(&["status", "--data-dir", &early]);
    for part in ["USD/h at list price", " to 292.00 USD a month at list price", "settles it"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // Some were: their records say what one costs, and what is listed is what is billed.
    let (money, per_hour, least, count) = by_list(&demo("late", "6d"));
    let (usd, shelf) = (&money["currencies"][0], &money["snapshots"][0]);
    assert_eq!(money["snapshot_price_basis"], "fixed_100gb");
    assert_eq!((nanos(&shelf["per_hour"]["least"]), least), (least, count as i64 * 100_000_000));
    for basis in ["list", "records"] {
        assert_eq!(nanos(&usd["burn"][basis]["per_hour"]), per_hour, "{basis}");
    }
    let fallen = nanos(&usd["burn"]["balance"]["per_hour"]);
    assert!((per_hour - fallen).abs() < per_hour / 100, "{fallen} against {per_hour}");
    let balance = i128::from(nanos(&usd["balance"]));
    let hours = usd["hours_left"].as_u64().unwrap();
    let until_told = i128::from(per_hour) * i128::from(hours);
    assert!(hours > 0 && until_told <= balance, "{hours} h at {per_hour} of {balance}");
}
