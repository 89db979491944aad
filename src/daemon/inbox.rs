//! The way into a running engine: what people ask, and who hears the answer.

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::domain::ask::Ask;
use crate::domain::id::AskId;

/// Asks waiting at one time; more are refused where they are made.
const WAITING: usize = 64;

/// One ask, and where to say whether it was taken. Whose asker has left is not taken.
#[derive(Debug)]
pub struct Request {
    pub uid: u32,
    pub ask: Ask,
    pub answer: oneshot::Sender<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It is the event with this number.
    Taken { id: AskId, seq: u64 },
    /// It makes no sense as things are; nothing was written.
    Refused(String),
    /// It could not be written; the same may work later.
    NotTaken(String),
    /// Nobody knows whether it was written.
    Unknown(String),
}

pub type Inbox = mpsc::Receiver<Request>;
pub type Outlet = mpsc::Sender<Request>;

pub fn channel() -> (Outlet, Inbox) {
    mpsc::channel(WAITING)
}
