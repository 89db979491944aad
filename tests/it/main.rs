//! The integration tests: one binary, one module for each concern.

mod machine;
mod kill;
mod cli;
mod costs;
mod by_hand;
mod log;
mod flips;
mod injection;
mod power;
mod golden;
mod letters;
mod degraded;
mod tidy;
mod dashboards;
mod real;
mod restic;
mod preview;
mod campaign;
mod clock;
mod bounds;
mod told;
mod losses;
#[cfg(feature = "planted-bugs")]
mod planted;
mod doctor;
mod port;
mod rules;
mod reads;
mod reference;
mod readme;
