//! Billing: what the cloud charges, each observed change of it counted once.
//!
//! `record` is one answer of the cloud, `judge` says what of it is new, `ledger` folds that, `spread`
//! lays a cost over hours, `close` says which hours and days can be told, `recent` how fast money went
//! in the last of them.

pub mod record;
pub mod event;
pub mod spread;
pub mod recent;
pub mod months;
pub mod ledger;
mod sums;
pub mod judge;
pub mod close;
pub mod walks;
pub mod balance;
#[cfg(test)]
mod tests;
