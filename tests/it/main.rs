//! The integration tests: one binary, one module for each concern.

mod kill;
mod cli;
mod by_hand;
mod log;
mod degraded;
mod tidy;
mod campaign;
mod clock;
#[cfg(feature = "planted-bugs")]
mod planted;
mod rules;
