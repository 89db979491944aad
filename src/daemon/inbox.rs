//! The way into a running engine: what people ask, and who hears the answer.

use tokio::sync::{mpsc, oneshot};

use crate::domain::ask::Ask;

/// Asks waiting at one time; more are refused where they are made.
const WAITING: usize = 64;

/// One ask, and where to say whether it was taken.
#[derive(Debug)]
pub struct Request {
    pub uid: u32,
    pub ask: Ask,
    pub answer: oneshot::Sender<Result<(), String>>,
}

pub type Inbox = mpsc::Receiver<Request>;
pub type Outlet = mpsc::Sender<Request>;

pub fn channel() -> (Outlet, Inbox) {
    mpsc::channel(WAITING)
}
