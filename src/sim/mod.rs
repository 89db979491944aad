//! The simulated cloud: a complete, seeded, deterministic Barrack that speaks HTTP bytes.
//!
//! It shares no code with the client, so a misreading of the API by one of them shows up as a failing
//! test. It never sees the daemon or its journal.

pub mod cloud;
pub mod world;
pub mod machine;
pub mod scenario;
pub mod snapshot;
mod volume;
pub mod misbilling;
pub mod books;
pub mod agenda;
pub mod rules;
pub mod truth;
pub mod record;
pub mod dialect;
mod front;
mod render;
pub mod fault;
pub mod rates;
pub mod fault_plan;
pub mod fate;
pub mod wire;
pub mod socket;
pub mod replay;
mod server;
mod canned;
mod mischief;
mod outage;
mod quirk;
mod routes;
mod answer;
mod catalogue;
mod page;
mod person;
mod spite;
mod stream;
#[cfg(test)]
pub(crate) mod probe;
