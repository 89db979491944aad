//! What people ask of a running engine: judged against the state, then written down, then planned.

use tokio::sync::{mpsc, oneshot};

use crate::daemon::engine::{Engine, Trouble};
use crate::domain::ask::{Ask, judge};
use crate::domain::event::{Asked, Event};

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

impl Engine {
    /// Takes all that was asked since the last call. Between any two calls of a pass.
    pub(super) async fn take_asks(&mut self) -> Result<(), Trouble> {
        while let Ok(request) = self.inbox.try_recv() {
            self.take(request).await?;
        }
        Ok(())
    }

    async fn take(&mut self, Request { uid, ask, answer }: Request) -> Result<(), Trouble> {
        let now = self.clock.now();
        let verdict = judge(&self.state, now, &ask).map_err(|refusal| refusal.to_string());
        let taken = match verdict {
            Ok(()) => {
                let asked = Asked::new(uid, now, self.journal.head().seq.0, ask);
                self.record(vec![Event::Asked(asked)]).await
            }
            Err(refusal) => {
                // Whoever asked may be gone; then nobody needs the answer.
                drop(answer.send(Err(refusal)));
                return Ok(());
            }
        };
        let said = taken.as_ref().copied().map_err(|trouble| trouble.to_string());
        drop(answer.send(said));
        taken
    }
}
