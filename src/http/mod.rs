//! The port: the page, the same values as JSON, metrics and health, all of it read-only.
//!
//! It shows what the engine published last and can ask it nothing; what goes on here never holds up a
//! pass.

pub mod present;
pub mod guard;
pub mod listen;
mod routes;
mod answers;
mod banner;
mod fresh;
mod credits;
pub mod shelf;
pub mod page;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod agreement;
