//! The fold of alerts and letters, and of what they rest on.

use std::collections::BTreeMap;

use super::alert::event::{AlertChanged, Content, LetterQueued, LetterTried};
use super::alert::standing::{Active, Alerts, GONE_FOR, Waiting};
use super::fleet::{Look, LookResult, Scope};
use super::id::BackupId;
use super::policy::Mode;
use super::slot::{Decision, Skip};
use super::state::State;
use super::time::Timestamp;

impl State {
    pub(super) fn change_alert(&mut self, changed: &AlertChanged, at: Timestamp) {
        match changed.level {
            Some(level) => {
                let active = &mut self.alerts.active;
                let one = active.entry(changed.matter).or_insert_with(|| Active::new(at, level));
                one.change(level, changed);
            }
            None => self.alerts.end(changed.matter, at),
        }
    }

    pub(super) fn queue_letter(&mut self, letter: &LetterQueued, seq: u64, at: Timestamp) {
        let alerts = &mut self.alerts;
        alerts.queued += 1;
        match &letter.content {
            Content::Alert(news) => {
                if let Some(active) = alerts.active.get_mut(&news.matter) {
                    active.tell(letter, at);
                }
            }
            Content::Digest(_) => {
                alerts.digested_until = Some(at);
                alerts.made_then = self.counters.backups_good;
                alerts.deleted_then = self.counters.backups_deleted;
            }
        }
        let waiting =
            Waiting { seq, queued_at: at, letter: letter.clone(), tries: 0, failed: None, taken: false };
        alerts.waiting.insert(letter.id.clone(), waiting);
    }

    pub(super) fn try_letter(&mut self, tried: &LetterTried) {
        let alerts = &mut self.alerts;
        match &tried.failed {
            None => {
                // A letter that was sent twice is one letter.
                alerts.sent += u64::from(alerts.waiting.remove(&tried.letter).is_some());
            }
            Some(why) => {
                alerts.failed_tries += 1;
                if let Some(waiting) = alerts.waiting.get_mut(&tried.letter) {
                    waiting.tries = waiting.tries.saturating_add(1);
                    waiting.failed = Some(why.clone());
                    waiting.taken |= tried.taken;
                }
            }
        }
    }

    /// After other policies were adopted; `before` is the mode until then.
    pub(super) fn adopt_alerts(&mut self, before: Mode, at: Timestamp) {
        let (mode, told) = (self.mode(), self.alert_rules().told);
        self.alerts.digested_until.get_or_insert(at);
        if mode != before {
            self.alerts.observed_slots = 0;
        }
        if !told {
            // A person said that nobody is to be told.
            self.alerts.waiting.clear();
        }
    }

    /// Any listing that was read to its end shows that the cloud can be reached.
    pub(super) fn note_reach(&mut self, look: &Look, at: Timestamp) {
        match (&look.scope, &look.result) {
            (Scope::Snapshot(_) | Scope::Links(_) | Scope::Billing(..), _) => {}
            (_, LookResult::Incomplete(_)) => _ = self.alerts.unreached_since.get_or_insert(at),
            (_, LookResult::Complete) => self.alerts.unreached_since = None,
            (_, LookResult::NotFound | LookResult::Unavailable(_)) => {}
        }
    }

    pub(super) fn note_decision(&mut self, decision: &Decision) {
        let observed = matches!(decision, Decision::Skipped(Skip::Observe));
        self.alerts.observed_slots += u64::from(observed && self.mode() == Mode::Observe);
    }

    pub(super) fn note_gone(&mut self, backup: &BackupId, at: Timestamp) {
        self.alerts.gone.retain(|_, since| at.since(*since) < GONE_FOR.duration());
        self.alerts.gone.insert(backup.clone(), at);
    }
}

impl Alerts {
    /// A wait for better times begins anew; what was told is not told again for a step.
    pub(super) fn move_waits(&mut self, moved: impl Fn(Timestamp) -> Timestamp, at: Timestamp) {
        for active in self.active.values_mut() {
            active.since = moved(active.since);
            active.easing = active.easing.map(|_| at);
            if let Some(told) = &mut active.told {
                told.at = moved(told.at);
            }
        }
        self.unreached_since = self.unreached_since.map(|_| at);
        self.digested_until = self.digested_until.map(|until| until.min(at));
        let ended = self.ended.values_mut().flat_map(BTreeMap::values_mut).map(|past| &mut past.at);
        self.gone.values_mut().chain(ended).for_each(|since| *since = moved(*since));
    }
}
