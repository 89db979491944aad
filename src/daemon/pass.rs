//! The pass: look, write down, plan, audit, perform, tell. Every wake-up does this, and nothing else.
//!
//! It never waits for the cloud to finish anything, and never retries a change.

use std::time::Duration;

use crate::daemon::engine::{Engine, Trouble};
use crate::daemon::look_back::LookBack;
use crate::daemon::tell::chain;
use crate::domain::draft::Action;
use crate::domain::event::Event;
use crate::domain::fleet::Scope;
use crate::domain::id::EffectId;
use crate::domain::looks;
use crate::domain::plan::plan;
use crate::domain::time::Timestamp;
use crate::planted::{Bug, is_planted};

/// Rounds of conclusions in one pass: each can only follow from the one before it, a few deep.
const MOST_ROUNDS: usize = 16;
/// After a pass that could not write: when to try again.
const RETRY: Duration = Duration::from_secs(60);
/// Two passes are at least this far apart, so that a slip cannot spin.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

impl Engine {
    /// One pass; gives the time at which the next is due.
    pub async fn pass(&mut self) -> Result<Timestamp, Trouble> {
        if self.is_starved {
            // A disk that is still full shows here, before anything is asked of the cloud.
            self.save_checkpoint().map_err(Trouble::from)?;
            self.is_starved = false;
        }
        let unsaved = self.unsaved.clone();
        self.record(unsaved).await?;
        self.unsaved.clear();
        self.check_clock().await?;
        self.take_asks().await?;
        for scope in looks::due(&self.state, self.clock.now()) {
            if self.stop.is_cancelled() {
                return Ok(self.clock.now());
            }
            self.look(&scope).await?;
            self.take_asks().await?;
        }
        self.ask_busy().await?;
        let mut drafted = plan(&self.state, self.clock.now());
        for _ in 0..MOST_ROUNDS {
            if drafted.events.is_empty() {
                break;
            }
            self.record(std::mem::take(&mut drafted.events)).await?;
            drafted = plan(&self.state, self.clock.now());
        }
        self.holds = std::mem::take(&mut drafted.holds);
        self.act(std::mem::take(&mut drafted.actions)).await?;
        self.alert().await?;
        let now = self.clock.now();
        Ok(looks::next_due(&self.state, now).max(now + LEAST_PAUSE))
    }

    async fn act(&mut self, actions: Vec<Action>) -> Result<(), Trouble> {
        let mut back = LookBack::default();
        for action in actions {
            if self.stop.is_cancelled() {
                break;
            }
            self.take_asks().await?;
            let is_due = match action {
                Action::Look => back.wanted(),
                Action::Perform { effect } => {
                    let (id, is_create) = (effect.id.clone(), effect.verb.is_create());
                    let before = self.attempts_at(&id);
                    self.perform(effect).await?;
                    let is_asked = self.attempts_at(&id) != before;
                    is_asked && !is_create && back.deleted()
                }
            };
            // What else went with the deletion must be known before anything goes after it.
            if is_due && !is_planted(Bug::CanaryNotAwaited) && !self.sees_the_list().await? {
                break;
            }
        }
        Ok(())
    }

    async fn sees_the_list(&mut self) -> Result<bool, Trouble> {
        let before = self.state.fleet.snapshot_look.complete;
        self.look(&Scope::Snapshots).await?;
        Ok(self.state.fleet.snapshot_look.complete != before)
    }

    /// Passes until `wake`, which waits for the next one, says no, or with trouble that only a new
    /// start can mend.
    pub async fn run(&mut self, mut wake: impl AsyncFnMut(&Self, Duration) -> bool) -> Result<(), Trouble> {
        loop {
            let pause = match self.pass().await {
                Ok(wake_at) => {
                    self.given_up = None;
                    wake_at.since(self.clock.now())
                }
                Err(trouble @ Trouble::Fatal(_)) => return Err(trouble),
                Err(trouble) => {
                    tracing::error!(error = &trouble as &dyn std::error::Error, "a pass was given up");
                    self.given_up = Some(chain(&trouble));
                    self.is_starved = true;
                    self.refuse_asks(&trouble);
                    RETRY
                }
            };
            if !wake(self, pause).await {
                return Ok(());
            }
        }
    }

    fn attempts_at(&self, effect: &EffectId) -> u32 {
        self.state.effects.get(effect).map_or(0, |life| life.attempt)
    }

    /// Keeps what a call came to when the journal could not take it; the next pass stores it first.
    pub(super) async fn record_or_keep(&mut self, events: Vec<Event>) -> Result<(), Trouble> {
        match self.record(events.clone()).await {
            Err(trouble @ Trouble::NotStored(_)) => {
                self.unsaved.extend(events);
                Err(trouble)
            }
            other => other,
        }
    }
}
