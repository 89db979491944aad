//! The integration tests: one binary, one module for each concern.

mod kill;
mod cli;
mod tidy;
mod restic;
mod preview;
mod campaign;
#[cfg(feature = "planted-bugs")]
mod planted;
mod rules;
