//! What tests use to talk to the simulated cloud.
//!
//! It sends bytes and reads JSON; it judges nothing.

use std::io;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::clock::Clock;
use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::cloud::{Cloud, Start};
use crate::sim::dialect::Dialect;
use crate::sim::fault::Fault;
use crate::sim::fault_plan::FaultPlan;
use crate::sim::machine::machine_id;
use crate::sim::rules::Rules;

pub const KEY: &str = "key-of-the-tests";

pub fn epoch() -> Timestamp {
    Timestamp::from_seconds(1_772_330_400)
}

pub fn far() -> Timestamp {
    epoch().shifted(1_000_000_000_000_000)
}

pub fn cloud(dialect: &str, faults: FaultPlan) -> Cloud {
    Cloud::new(Start {
        seed: 7,
        clock: Clock::simulated(epoch()),
        machines: 3,
        dialect: Dialect::parse(dialect).unwrap(),
        faults,
        key: KEY.to_owned(),
        rules: Rules { min_good: 1, keep_last: 1, in_force: None },
        initial_balance: Nanos(1_000_000_000_000_000),
    })
}

/// A cloud in which every request that can meets this fault.
pub fn cursed(fault: Fault) -> Cloud {
    cloud("plain", FaultPlan::only(7, far(), fault, 10_000))
}

pub async fn send(cloud: &Cloud, method: &str, path: &str, body: &str) -> io::Result<Response<Bytes>> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {KEY}"))
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    cloud.local().oneshot(request).await
}

pub async fn read(cloud: &Cloud, path: &str) -> Value {
    let response = send(cloud, "GET", path, "").await.unwrap();
    serde_json::from_slice(response.body()).unwrap()
}

pub async fn create(cloud: &Cloud, machine: u64, name: &str, slot: &str) -> io::Result<Response<Bytes>> {
    let machine = machine_id(machine);
    let description = if slot.is_empty() {
        String::new()
    } else {
        format!("qm1 kind=slot policy=p machine={machine} at={slot}")
    };
    let body = json!({"instance_id": machine, "name": name, "description": description}).to_string();
    send(cloud, "POST", "/api/snapshots/", &body).await
}

/// Creates and waits until it is ready; its id.
pub async fn ready(cloud: &Cloud, name: &str, slot: &str) -> String {
    let response = create(cloud, 1, name, slot).await.unwrap();
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    minutes(25).await;
    body["snapshot"]["id"].as_str().unwrap().to_owned()
}

pub async fn delete(cloud: &Cloud, id: &str) -> io::Result<Response<Bytes>> {
    send(cloud, "DELETE", &format!("/snapshots/{id}/"), "").await
}

pub async fn minutes(count: u64) {
    tokio::time::sleep(std::time::Duration::from_secs(count * 60)).await;
}
