//! What is true, what follows from it, and what to do: pure, synchronous, total.
//!
//! Nothing in here knows a clock, a disk or a network; `now` is an argument.

pub mod time;
pub mod money;
pub mod digest;
pub mod id;
pub mod fleet;
pub mod price;
pub mod reach;
pub mod selection;
pub mod busy;
pub mod timing;
pub mod policy;
pub mod schedule;
pub mod retention;
pub mod slot;
pub mod effect;
pub mod backup;
pub mod ask;
pub mod billing;
pub mod event;
pub mod wall;
pub mod halt;
pub mod counters;
pub mod state;
pub mod fold;
mod fold_policy;
mod fold_ask;
mod fold_downtime;
mod fold_effect;
mod fold_freeze;
mod fold_seen;
mod fold_time;
mod fold_doubt;
mod fold_halt;
mod fold_billing;
pub mod snapshot_price;
pub mod burn;
pub mod restore;
pub mod evidence;
pub mod draft;
pub mod downtime;
pub mod looks;
pub mod due;
mod take;
pub mod doom;
pub mod preview;
pub mod cover;
mod prune;
mod hand;
pub mod proof;
mod sane;
pub mod plan;
pub mod outlook;
pub mod audit;
#[cfg(test)]
pub mod examples;
