//! The cloud's API as a client sees it: looks at what is there, and performs what was permitted.
//!
//! It never journals, never decides, and never sends a change twice.

pub mod settings;
pub mod refusal;
pub mod client;
mod walk;
pub mod billing;
mod bill;
pub mod page;
mod single;
pub mod parse;
mod spelling;
mod pricing;
mod wire;
pub mod outcome;
mod line;
mod heard;
pub mod probe;
mod asking;
pub mod key;
pub mod gate;
pub mod transport;
pub mod unsent;
pub mod inquiry;

#[cfg(test)]
mod scripted;
