//! Reports: state, holds and outcomes as text and as JSON for people and scripts.
//!
//! It reads and words; it decides nothing and asks no clock.

pub mod foreign;
pub mod command;
pub mod words;
pub mod stops;
pub mod alarm;
pub mod failing;
pub mod refused;
pub mod money;
pub mod shares;
pub mod costs;
pub mod status;
pub mod asked;
pub mod waste;
pub mod would_go;
pub mod retention;
pub mod status_text;
pub mod table;
pub mod finding;
pub mod machines;
pub mod sieve;
pub mod snapshots;
pub mod snapshots_text;
pub mod unnamed;
pub mod happening;
pub mod plan;
pub mod plan_text;
pub mod agenda;
pub mod policies;
pub mod subject;
pub mod explain;
pub mod explain_text;
pub mod doctor;
