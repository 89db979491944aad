//! A rehearsal: the real daemon against the simulated cloud, in simulated time, judged by the truth.
//!
//! It is what `demo` runs and what the tests campaign with. The daemon in it is the one that ships.

pub mod setup;
mod variety;
pub mod disturb;
pub mod summary;
pub mod run;
pub mod narrate;
pub mod pace;
mod crash;
mod edits;
mod rival;
mod person;
mod watch;
mod bookkeeper;
mod budget;
mod recovery;
mod replayed;
mod told;
