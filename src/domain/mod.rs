//! What is true, what follows from it, and what to do: pure, synchronous, total.
//!
//! Nothing in here knows a clock, a disk or a network; `now` is an argument.

pub mod time;
pub mod money;
pub mod digest;
pub mod id;
pub mod fleet;
pub mod policy;
pub mod schedule;
pub mod retention;
pub mod slot;
pub mod effect;
pub mod backup;
pub mod ask;
pub mod event;
pub mod audit;
