//! Hearing: what people ask is judged against the state, then written down; the next pass plans it.

use crate::daemon::engine::{Engine, Trouble};
use crate::daemon::inbox::{Answer, Inbox, Request};
use crate::daemon::tell::chain;
use crate::domain::ask::judge;
use crate::domain::event::{Asked, Event};

impl Engine {
    /// What is asked comes from here from now on.
    pub fn hear(&mut self, inbox: Inbox) {
        self.inbox = inbox;
    }

    /// Takes all that was asked since the last call. Between any two calls of a pass.
    pub(super) async fn take_asks(&mut self) -> Result<(), Trouble> {
        while let Ok(request) = self.inbox.try_recv() {
            self.take(request).await?;
        }
        self.take_tries().await
    }

    /// While nothing can be written down nobody waits for it in vain.
    pub(super) fn refuse_asks(&mut self, trouble: &Trouble) {
        while let Ok(request) = self.inbox.try_recv() {
            drop(request.answer.send(told(trouble)));
        }
    }

    async fn take(&mut self, Request { uid, ask, answer }: Request) -> Result<(), Trouble> {
        if answer.is_closed() {
            // They were told that nobody took it.
            return Ok(());
        }
        let now = self.clock.now();
        if let Err(refusal) = judge(&self.state, now, &ask) {
            // Whoever asked may be gone; then nobody needs the answer.
            drop(answer.send(Answer::Refused(refusal.to_string())));
            return Ok(());
        }
        let asked = Asked::new(uid, now, self.journal.head().seq.0, ask);
        let id = asked.id.clone();
        let taken = self.record(vec![Event::Asked(asked)]).await;
        let said = match &taken {
            Ok(()) => Answer::Taken { id, seq: self.journal.head().seq.0 },
            Err(trouble) => told(trouble),
        };
        drop(answer.send(said));
        taken
    }
}

/// Whoever asked must know whether to ask again.
fn told(trouble: &Trouble) -> Answer {
    match trouble {
        Trouble::NotStored(error) => Answer::NotTaken(format!(
            "the journal cannot be written ({}); nothing was written down: make room, and ask again",
            chain(error)
        )),
        Trouble::Fatal(error) => Answer::Unknown(error.to_string()),
    }
}
