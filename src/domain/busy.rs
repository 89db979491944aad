//! Busy checks: who is asked whether a machine may be snapshotted just now, and what was answered.
//!
//! The asking is done outside; here are the question and the answer as the plan reads it.

use serde::{Deserialize, Serialize};

use super::time::Seconds;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusyCheck {
    pub asks: Asks,
    /// Without an answer by then the machine counts as busy.
    pub timeout: Seconds,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// A program and its arguments, started without a shell. Its exit code 0 means "not busy".
    Command(Vec<String>),
    /// A status of 200 to 299 means "not busy".
    Url(String),
}
