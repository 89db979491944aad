//! The fold: what each event does to the state. The only place where the state changes.
//!
//! It is total: what cannot be was judged before it was written, so here nothing is refused.

use super::backup::{Backup, Happening, Judgement, Life};
use super::effect::Standing;
use super::event::{Event, Judged, Recorded};
use super::id::BackupId;
use super::state::State;
use super::time::{Seconds, Timestamp};

const DAY: Seconds = Seconds::hours(24);

impl State {
    pub fn apply(&mut self, row: &Recorded) {
        self.counters.events += 1;
        let at = row.at;
        match &row.event {
            Event::Started(_) => self.start(at),
            Event::Stopped(_) => self.counters.clean_stop = true,
            Event::ClockStepped(step) => self.step_clock(step.by_micros, at),
            Event::PoliciesAdopted(set) => {
                let before = self.mode();
                self.adopt_policies(row.seq, set, at);
                self.adopt_alerts(before, at);
            }
            Event::Called(call) => self.counters.call(call),
            Event::Looked(look) => {
                self.look(look, at);
                self.note_reach(look, at);
            }
            Event::Observed(observed) => self.observe(&observed.change, at),
            Event::Asked(asked) => self.ask(asked, at),
            Event::SlotDecided(decided) => {
                self.counters.decide_slot(decided);
                self.decide_slot(decided);
                self.note_decision(&decided.decision);
            }
            Event::Intended(intended) => {
                self.counters.intend(intended);
                self.intend(intended, at);
            }
            Event::Settled(settled) => self.settle(settled, at),
            Event::Judged(judged) => self.judge(judged, at),
            Event::Doomed(doomed) => self.doom(doomed, row.seq, at),
            Event::Spared(spared) => {
                if let Some(backup) = self.backups.get_mut(&spared.backup) {
                    backup.doom = None;
                }
                self.note_backup(&spared.backup);
            }
            Event::Lapsed(lapsed) => self.lapse(lapsed),
            Event::Anomaly(_) => self.counters.anomalies += 1,
            Event::Reloaded(reloaded) => self.reload(reloaded, at),
            Event::BusyAnswered(answered) => self.answer_busy(answered, at),
            Event::DowntimeSeen(seen) => self.see_downtime(seen, at),
            Event::KeyJudged(judged) => self.judge_key(judged, at),
            Event::TotalDisbelieved(of) => self.disbelieve_total(of),
            Event::Postponed(postponed) => self.postpone(postponed, at),
            Event::Billed(billed) => self.bill(billed, at),
            Event::FinalsDiffered(differed) => self.note_finals(differed),
            Event::HourClosed(closed) => self.ledger.close_hour(closed, at),
            Event::DayClosed(closed) => self.ledger.close_day(closed, at),
            Event::ToppedUp(topped) => self.top_up(topped),
            Event::AlertChanged(changed) => self.change_alert(changed, at),
            Event::LetterQueued(letter) => self.queue_letter(letter, row.seq, at),
            Event::LetterTried(tried) => self.try_letter(tried),
        }
    }

    /// What was under way when the process before this one ended is open; nothing seen is fresh.
    fn start(&mut self, at: Timestamp) {
        self.counters.clean_stop = false;
        self.awaits_restart.clear();
        // A file that is refused starts nothing.
        self.refused_file = None;
        self.wall.started(at);
        // Where the server tells no date, nobody notices a clock that was set while we were down.
        let unguarded = self.wall.offset_micros.is_none();
        for doom in self.backups.values_mut().filter_map(|backup| backup.doom.as_mut()) {
            doom.since = if unguarded { at } else { doom.since };
        }
        for life in self.effects.values_mut() {
            if let Standing::Unknown { since, .. } = &mut life.standing
                && unguarded
            {
                (*since, life.clear_looks) = (at, 0);
            }
            if let Standing::Intended { .. } = life.standing {
                life.standing = Standing::Unknown { since: at, answered: None };
                life.clear_looks = 0;
            }
        }
        let fleet = &mut self.fleet;
        for look in [
            &mut fleet.machine_look,
            &mut fleet.snapshot_look,
            &mut fleet.image_look,
            &mut fleet.balance_look,
            &mut fleet.price_look,
        ] {
            look.tried = None;
            look.complete = None;
            look.read_at = None;
        }
        fleet.details.clear();
        fleet.links = None;
        self.ledger.start(at);
    }

    fn judge(&mut self, judged: &Judged, at: Timestamp) {
        match &judged.judgement {
            Judgement::Good { .. } => self.happen(&judged.backup, Happening::Passed, at),
            Judgement::Bad { .. } => self.happen(&judged.backup, Happening::FailedCheck, at),
            Judgement::TimedOut => self.happen(&judged.backup, Happening::Overdue, at),
            Judgement::Vanished => self.vanish(&judged.backup, at),
        }
        if let Judgement::Vanished = judged.judgement {
            self.note_foreign_deletion(at);
            self.note_gone(&judged.backup, at);
        }
        if let Judgement::Good { .. } = judged.judgement {
            self.counters.backups_good += 1;
            // It has a young one again: what thawed it is over.
            let machine = self.backups.get(&judged.backup).map(|backup| backup.machine.clone());
            machine.and_then(|machine| self.thawed.remove(&machine));
            if let Some(shelf) = self.backups.get(&judged.backup).and_then(|backup| backup.shelf()) {
                let unspent = &mut self.shelf_mut(shelf).unspent;
                unspent.retain(|good| at.since(*good) < DAY.duration());
                unspent.push(at);
            }
        }
    }

    /// One step in a backup's life, and what follows from it.
    pub(super) fn happen(&mut self, id: &BackupId, happening: Happening, at: Timestamp) {
        let Some(backup) = self.backups.get_mut(id) else { return };
        let after = backup.life.after(happening);
        if after == backup.life {
            return;
        }
        if after == Life::Pending {
            backup.waiting_since = at;
        }
        if after == Life::DeleteIntended {
            backup.life_before = backup.life;
        }
        backup.ended_at = after.is_over().then_some(at);
        backup.life = after;
        if let Life::Deleted | Life::Vanished = after {
            // Nobody is asked to approve what is gone.
            backup.doom = None;
        }
        if after == Life::Deleted {
            self.counters.backups_deleted += 1;
            self.forget_snapshots_of(id);
        }
        self.note_backup(id);
    }

    /// Keeps [`State::watched`] true for one backup.
    pub(super) fn note_backup(&mut self, id: &BackupId) {
        let is_watched = |backup: &Backup| backup.doom.is_some() || backup.life.is_unsettled();
        if self.backups.get(id).is_some_and(is_watched) {
            self.watched.insert(id.clone());
        } else {
            self.watched.remove(id);
        }
    }

    fn forget_snapshots_of(&mut self, id: &BackupId) {
        for snapshot in self.backups.get(id).into_iter().flat_map(|backup| &backup.snapshots) {
            self.fleet.snapshots.remove(snapshot);
        }
    }
}
