//! What is true, what follows from it, and what to do: pure, synchronous, total.
//!
//! Nothing in here knows a clock, a disk or a network; `now` is an argument.

pub mod money;
pub mod time;
