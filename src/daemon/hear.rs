//! Hearing: what people ask is judged against the state, then written down; the next pass plans it.

use crate::daemon::engine::{Engine, Trouble};
use crate::daemon::inbox::Request;
use crate::domain::ask::judge;
use crate::domain::event::{Asked, Event};

impl Engine {
    /// Takes all that was asked since the last call. Between any two calls of a pass.
    pub(super) async fn take_asks(&mut self) -> Result<(), Trouble> {
        while let Ok(request) = self.inbox.try_recv() {
            self.take(request).await?;
        }
        self.take_tries().await
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
        let said = taken.as_ref().copied().map_err(told);
        drop(answer.send(said));
        taken
    }
}

/// Whoever asked must know whether to ask again.
fn told(trouble: &Trouble) -> String {
    match trouble {
        Trouble::NotStored(error) => format!("not taken: {error}"),
        Trouble::Fatal(error) => format!("unknown: {error}; look again after the daemon has restarted"),
    }
}
