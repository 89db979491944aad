//! Performing: read again, audit, intent, call, outcome. It decides nothing.

use crate::daemon::engine::{Engine, Trouble};
use crate::daemon::room::Room;
use crate::domain::audit::{Objection, audit};
use crate::domain::effect::{Cause, Effect, Verb};
use crate::domain::event::{Anomaly, Event, Intended, Postponed, Settled, SlotDecided};
use crate::domain::fleet::Scope;
use crate::domain::id::BackupId;
use crate::domain::outlook::proposes;
use crate::domain::proof;
use crate::domain::slot::{Decision, Skip};
use crate::journal::append::AppendError;
use crate::planted::{Bug, is_planted};

/// Objections remembered so that each is written down once; a bound, not a hope.
const MOST_OBJECTIONS: usize = 256;

impl Engine {
    pub(super) async fn perform(&mut self, effect: Effect) -> Result<(), Trouble> {
        if self.room.as_mut().is_some_and(Room::is_low) {
            return Ok(());
        }
        if let Verb::DeleteSnapshot { snapshot, .. } = &effect.verb {
            self.look(&Scope::Snapshot(snapshot.clone())).await?;
            self.look(&Scope::Links(snapshot.clone())).await?;
            if self.stop.is_cancelled() {
                return Ok(());
            }
        }
        let about = effect.verb.backup().to_string();
        let (id, is_create) = (effect.id.clone(), effect.verb.is_create());
        // A machine that slept, or whose clock was set, in the middle of a pass wakes up here.
        self.check_clock().await?;
        let now = self.clock.now();
        let permit = match audit(&self.state, now, effect) {
            Ok(permit) => permit,
            // What was read since the plan was made can speak against it: only what would be planned again, of
            // what is known now, is a fault of the plan.
            Err(Objection::Forbidden(why)) if proposes(&self.state, now, &id) => {
                return self.note(about, why).await;
            }
            Err(Objection::Changed(why) | Objection::Forbidden(why)) if !is_create => {
                return self.postpone(about, why).await;
            }
            Err(why) => {
                tracing::debug!(%about, %why, "not performed");
                return Ok(());
            }
        };
        // Of this moment, not of the plan's: what went before it in this pass may have changed the shelf.
        let proof = proof::of(&self.state, now, permit.effect());
        let intended = Intended { effect: permit.effect().clone(), attempt: permit.attempt(), proof };
        let too_early = match is_planted(Bug::ActBeforeCommit) {
            true => Some(self.client.perform(&permit).await),
            false => None,
        };
        match self.record(vec![Event::Intended(intended)]).await {
            Err(Trouble::NotStored(AppendError::KeyTaken { .. })) => {
                return self.give_way(about, permit.effect()).await;
            }
            other => other?,
        }
        let (outcome, calls) = match too_early {
            Some(done) => done,
            None => self.client.perform(&permit).await,
        };
        let settled = Settled { effect: permit.effect().id.clone(), attempt: permit.attempt(), outcome };
        let calls = calls.into_iter().map(Event::Called);
        let news = [Some(Event::Settled(settled)), self.key_judged()].into_iter().flatten();
        self.record_or_keep(calls.chain(news).collect()).await
    }

    /// The journal has this intent from long ago, and the state forgot it: it is not done twice.
    async fn give_way(&mut self, about: String, effect: &Effect) -> Result<(), Trouble> {
        let what = "the journal has this intent already, and the state does not".to_owned();
        let mut events = vec![Event::Anomaly(Anomaly { about, what })];
        if let Cause::Slot(slot) = &effect.cause {
            let decision = Decision::Skipped(Skip::AlreadyTaken);
            events.push(Event::SlotDecided(SlotDecided { slot: slot.clone(), decision }));
        }
        self.record(events).await
    }

    /// Or the reads that the audit needs would be made again in each pass, whether or not it helps.
    async fn postpone(&mut self, about: String, why: &'static str) -> Result<(), Trouble> {
        let backup = BackupId::new(about);
        self.record(vec![Event::Postponed(Postponed { backup, why: why.to_owned() })]).await
    }

    /// An objection that the plan should have foreseen is written down, once in this process.
    async fn note(&mut self, about: String, why: &'static str) -> Result<(), Trouble> {
        let what = format!("the audit refused what the plan proposed: {why}");
        tracing::debug!(%about, why, "not performed");
        if self.objections.len() >= MOST_OBJECTIONS {
            self.objections.clear();
        }
        if self.objections.insert(format!("{about}: {what}")) {
            self.record(vec![Event::Anomaly(Anomaly { about, what })]).await?;
        }
        Ok(())
    }
}
