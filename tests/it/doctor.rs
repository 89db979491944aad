//! The doctor at the bedside of every dialect: what it finds, and that it only looks.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use quartermaster::barrack::probe::form::Verdict;
use quartermaster::barrack::probe::{self, Findings, Proof};
use quartermaster::barrack::settings::Settings;
use quartermaster::barrack::transport::{Local, Transport};
use quartermaster::clock::Clock;
use quartermaster::domain::money::Nanos;
use quartermaster::domain::time::Timestamp;
use quartermaster::sim::cloud::{Cloud, Start};
use quartermaster::sim::dialect::Dialect;
use quartermaster::sim::fault_plan::FaultPlan;
use quartermaster::sim::rules::Rules;
use tower::Service;

const KEY: &str = "s3cret-of-the-tests";
const MACHINES: u32 = 7;

/// Requests as they arrived: method and address.
type Arrived = Arc<Mutex<Vec<String>>>;

fn cloud(dialect: Dialect) -> (Cloud, Clock) {
    let clock = Clock::simulated(Timestamp::from_seconds(1_772_330_400));
    let cloud = Cloud::new(Start {
        seed: 7,
        clock: clock.clone(),
        machines: MACHINES,
        dialect,
        faults: FaultPlan::none(7),
        key: KEY.to_owned(),
        rules: Rules { min_good: 1, keep_last: 1, in_force: None },
        initial_balance: Nanos(1_000_000_000_000_000),
    });
    (cloud, clock)
}

/// A cloud with some snapshots, asked by a doctor who was told nothing of its dialect.
async fn examined(dialect: Dialect) -> (Findings, Vec<String>) {
    let (cloud, clock) = cloud(dialect);
    for machine in 1..=3 {
        let made = cloud.hand_make(&format!("BRK-10000{machine}D"), &format!("by-hand-{machine}"), "");
        made.unwrap_or_else(|refusal| panic!("{refusal:?}"));
    }
    tokio::time::sleep(std::time::Duration::from_secs(3_600 * 3)).await;
    let arrived = Arrived::default();
    let connect = |settings: &Settings| {
        let (mut wire, arrived) = (cloud.local(), arrived.clone());
        let recording = tower::service_fn(move |request: Request<Bytes>| {
            arrived.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
            wire.call(request)
        });
        Ok(Transport::local(Local::new(recording), settings))
    };
    let settings = Settings { base_url: "http://127.0.0.1/api".to_owned(), ..Settings::default() };
    let now = || clock.now();
    let findings = probe::ask_all(&connect, &settings, &KEY.to_owned().into(), &now).await.unwrap();
    let arrived = arrived.lock().unwrap().clone();
    (findings, arrived)
}

fn all_dialects() -> Vec<Dialect> {
    let names = [Dialect::names(), Dialect::told_names()].concat();
    let named = names.into_iter().filter_map(Dialect::parse);
    let seeded = (0..20).map(Dialect::seeded);
    let together = ["x-api-key+other-paths+other-parameters+renamed-fields+data-wrapped+no-totals"];
    named.chain(seeded).chain(together.into_iter().filter_map(Dialect::parse)).collect()
}

#[tokio::test(start_paused = true)]
async fn the_doctor_finds_what_to_set_in_every_dialect_and_sends_nothing_but_get() {
    for dialect in all_dialects() {
        let name = dialect.name();
        let (findings, arrived) = examined(dialect).await;
        let changes: Vec<&String> = arrived.iter().filter(|one| !one.starts_with("GET ")).collect();
        assert!(changes.is_empty(), "{name}: {changes:?}");
        assert!(arrived.len() < 250, "{name}: {} calls are near the limit of a minute", arrived.len());
        assert!(matches!(findings.forms.verdict, Verdict::Taken(_)), "{name}: {:?}", findings.forms);
        for finding in &findings.answers {
            let setting = finding.question.setting;
            let may_be_absent = name.contains("no-images") && matches!(setting, "images" | "links");
            assert!(finding.is_read() || may_be_absent, "{name}: {finding:?}");
            assert!(finding.trouble.is_none() || may_be_absent, "{name}: {finding:?}");
        }
        let of = |setting: &str| findings.answers.iter().find(|one| one.question.setting == setting).unwrap();
        assert_eq!((of("machines").count, of("snapshots").count), (Some(7), Some(3)), "{name}");
        let untold = ["no-totals", "page-count", "bare-arrays"].iter().any(|way| name.contains(way));
        let expected = if untold { Proof::TwoWalks } else { Proof::Total };
        assert_eq!(of("machines").proof, Some(expected), "{name}");
        assert!(findings.heard.iter().all(|heard| !heard.address.contains(KEY)), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn with_what_the_doctor_found_nothing_is_left_to_find() {
    for dialect in all_dialects().into_iter().filter(|dialect| dialect.must_be_told()) {
        let (found, _) = examined(dialect).await;
        let (cloud, clock) = cloud(dialect);
        let connect = |settings: &Settings| Ok(Transport::local(cloud.local(), settings));
        let now = || clock.now();
        let again = probe::ask_all(&connect, &found.settings, &KEY.to_owned().into(), &now).await.unwrap();
        assert_eq!(again.forms.tried.len(), 1, "{}", dialect.name());
        assert!(again.answers.iter().all(|finding| finding.tried.is_empty()), "{}", dialect.name());
        let parameters = again.parameters.iter().all(|found| found.heeded.as_ref() == Some(&found.was_set));
        assert!(parameters, "{}: {:?}", dialect.name(), again.parameters);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_key_is_told_from_a_wrong_address_and_from_silence() {
    let (cloud, clock) = cloud(Dialect::plain());
    let now = || clock.now();
    let connect = |settings: &Settings| Ok(Transport::local(cloud.local(), settings));
    let at =
        |base_url: &str| Settings { base_url: format!("http://127.0.0.1{base_url}"), ..Settings::default() };
    let ask = async |settings: Settings, key: &str| {
        probe::ask_all(&connect, &settings, &key.to_owned().into(), &now).await.unwrap()
    };
    assert_eq!(ask(at("/api"), "another").await.forms.verdict, Verdict::Refused(401));
    let silent = |settings: &Settings| {
        let refused = tower::service_fn(async |_: Request<Bytes>| {
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused))
        });
        Ok(Transport::local(Local::new(refused), settings))
    };
    let found = probe::ask_all(&silent, &at("/api"), &KEY.to_owned().into(), &now).await.unwrap();
    assert!(matches!(found.forms.verdict, Verdict::Unclear(Err(_))), "{:?}", found.forms);
    assert!(found.answers.is_empty());
}
