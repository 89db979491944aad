//! What the daemon says in its log: one line for each event that an operator would want to know of.
//!
//! It says what was written down; errors are logged where they are handled.

use crate::domain::alert::event::AlertChanged;
use crate::domain::alert::matter::Level;
use crate::domain::backup::Judgement;
use crate::domain::billing::event::{Billed, FinalsDiffered};
use crate::domain::billing::record::BillKind;
use crate::domain::downtime::Downtime;
use crate::domain::effect::{Outcome, Verb};
use crate::domain::event::{BusyAnswered, DowntimeSeen, Event, Recorded, Reloaded};
use crate::domain::fleet::{LookResult, Scope};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::mail::letter;
use crate::report::foreign::visible;
use crate::report::{refused, words};

/// Tells events, and of failing looks only the first and the last of a row.
#[derive(Debug, Default)]
pub struct Teller {
    failing: Vec<Scope>,
    /// Of what the cloud does not offer it was told under this configuration.
    not_offered: Vec<&'static str>,
}

impl Teller {
    pub fn recorded(&mut self, state: &State, recorded: &Recorded) {
        match &recorded.event {
            Event::Started(_) | Event::Called(_) | Event::Observed(_) => {}
            Event::Stopped(stopped) => tracing::info!(why = %stopped.why, "stopped"),
            Event::ClockStepped(step) => {
                tracing::warn!(by_micros = step.by_micros, "the clock stepped: {}", step.noticed);
            }
            Event::PoliciesAdopted(set) => {
                tracing::info!(mode = set.mode.word(), policies = set.policies.len(), "policies adopted");
            }
            Event::Looked(look) => self.looked(state, &look.scope, &look.result),
            Event::Asked(asked) => tracing::info!(uid = asked.uid, ask = ?asked.ask, "a person asked"),
            Event::SlotDecided(decided) => {
                let (policy, machine) = (&decided.slot.policy, &decided.slot.machine);
                let why = words::decision(&decided.decision);
                tracing::info!(%policy, %machine, due = %decided.slot.due, %why, "a slot was not taken");
            }
            Event::Intended(intended) => {
                let verb = &intended.effect.verb;
                let word = if verb.is_create() { "create" } else { "delete" };
                let (backup, attempt) = (verb.backup(), intended.attempt);
                tracing::info!(%backup, machine = %verb.machine(), attempt, "asking the cloud to {word}");
            }
            Event::Settled(settled) => {
                if let Some(life) = state.effects.get(&settled.effect) {
                    tell_outcome(&life.effect.verb, &settled.outcome);
                }
            }
            Event::Judged(judged) => tell_judgement(judged.backup.as_str(), &judged.judgement),
            Event::Doomed(doomed) => tracing::info!(backup = %doomed.backup, "doomed: no rule keeps it"),
            Event::Spared(spared) => tracing::info!(backup = %spared.backup, why = %spared.why, "spared"),
            Event::Lapsed(lapsed) => tracing::warn!("{}", words::lapsed(lapsed)),
            Event::Reloaded(reloaded) => self.reloaded(reloaded),
            Event::BusyAnswered(answered) => tell_busy(answered),
            Event::DowntimeSeen(seen) => tell_downtime(seen),
            Event::KeyJudged(judged) => tell_key(judged.refused),
            Event::TotalDisbelieved(of) => {
                let (scope, excess) = (of.scope.word(), of.excess);
                tracing::warn!(scope, excess, "the cloud counts more than there are; its total is corrected");
            }
            Event::Postponed(of) => tracing::info!(backup = %of.backup, why = %of.why, "a deletion waits"),
            Event::Anomaly(anomaly) => {
                tracing::warn!(about = %visible(&anomaly.about), "anomaly: {}", visible(&anomaly.what));
            }
            Event::Billed(billed) => tell_odd(billed),
            Event::FinalsDiffered(differed) => {
                let FinalsDiffered { kind, day, currency, records, cost } = differed;
                let kind = kind.word();
                tracing::warn!(kind, %day, records, %cost, %currency, "final billing records changed; not counted");
            }
            Event::HourClosed(_) | Event::DayClosed(_) => {}
            Event::ToppedUp(topped) => {
                tracing::info!(amount = %topped.amount, currency = %topped.currency, "the balance rose");
            }
            Event::AlertChanged(changed) => tell_alert(state, changed, recorded.at),
            Event::LetterQueued(queued) => {
                tracing::info!(letter = %queued.id, "a letter is queued: {}", letter::subject(queued));
            }
            Event::LetterTried(tried) => match &tried.failed {
                None => tracing::info!(letter = %tried.letter, "the letter was sent"),
                Some(why) => {
                    tracing::warn!(letter = %tried.letter, why = %visible(why), "the letter was not sent")
                }
            },
        }
    }

    fn looked(&mut self, state: &State, scope: &Scope, result: &LookResult) {
        if matches!(result, LookResult::NotFound | LookResult::Unavailable(_)) {
            self.tell_not_offered(state, scope);
        }
        // Single objects come and go; their looks say so in what they lead to.
        if matches!(scope, Scope::Snapshot(_) | Scope::Links(_)) {
            return;
        }
        let was_failing = self.failing.contains(scope);
        match result {
            LookResult::Incomplete(why) if !was_failing => {
                tracing::warn!(scope = scope.word(), why = %visible(why), "a look was not complete");
                self.failing.push(scope.clone());
            }
            LookResult::Complete if was_failing => {
                tracing::info!(scope = scope.word(), "looks are complete again");
                self.failing.retain(|failing| failing != scope);
            }
            LookResult::Incomplete(_)
            | LookResult::Complete
            | LookResult::NotFound
            | LookResult::Unavailable(_) => {}
        }
    }
}

impl Teller {
    fn reloaded(&mut self, reloaded: &Reloaded) {
        // The paths may be others now.
        self.not_offered.clear();
        tell_reload(reloaded);
    }

    /// Nothing fails by it, so that a path which is set wrong would show nowhere else.
    fn tell_not_offered(&mut self, state: &State, scope: &Scope) {
        let is_gone = |id| state.fleet.details.get(id).is_some_and(|one| one.result == LookResult::NotFound);
        let (path, what) = match scope {
            // Of a snapshot that is gone there is nothing to tell under any path.
            Scope::Links(id) if is_gone(id) => return,
            Scope::Links(_) => {
                ("links", "which images were made of a snapshot; the list of images tells alone")
            }
            Scope::Images => ("images", "images"),
            Scope::Balance => ("balance", "the balance"),
            Scope::Prices => ("prices", "prices"),
            Scope::Billing(BillKind::Instance, _) => ("machine_billing", "the bills of machines"),
            Scope::Billing(BillKind::Snapshot, _) => ("snapshot_billing", "the bills of snapshots"),
            Scope::Billing(BillKind::Volume, _) => ("volume_billing", "the bills of volumes"),
            // A snapshot that is gone is no wrong path, and the lists of these two fail where theirs is.
            Scope::Snapshot(_) | Scope::Machines | Scope::Snapshots => return,
        };
        let is_said = state.says_no_images() && matches!(scope, Scope::Links(_) | Scope::Images);
        if !is_said && !self.not_offered.contains(&path) {
            self.not_offered.push(path);
            tracing::warn!(
                setting = format_args!("cloud.paths.{path}"),
                "the cloud does not tell {what}: if it does under another path, set that; `doctor --api` tries some"
            );
        }
    }
}

/// Each beginning and end; what only comes and goes inside an episode is for `status`.
fn tell_alert(state: &State, changed: &AlertChanged, at: Timestamp) {
    let (matter, level) = (changed.matter.word(), changed.level.map(Level::word));
    let is_new = state.alerts.active.get(&changed.matter).is_some_and(|active| active.since == at);
    match level {
        Some(level) if is_new => tracing::warn!(matter, level, "an alert began"),
        Some(_) => tracing::debug!(matter, level, "an alert changed"),
        None => tracing::info!(matter, "an alert is over"),
    }
}

/// An error with its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

fn tell_odd(billed: &Billed) {
    for sight in &billed.sights {
        if let Some(why) = &sight.odd {
            tracing::warn!(record = %visible(sight.bill.id.as_str()), "a billing record is odd: {}", visible(why));
        }
    }
}

fn tell_key(refused: Option<u16>) {
    match refused {
        Some(status) => tracing::error!(
            status,
            "the cloud refuses the key, or the header that it goes in: `doctor --api` tells which"
        ),
        None => tracing::info!("the cloud accepts the key again"),
    }
}

fn tell_reload(Reloaded { file, faults, restart }: &Reloaded) {
    if faults.is_empty() {
        tracing::info!(%file, "the configuration was read again");
    }
    if !restart.is_empty() {
        tracing::warn!(%file, "a restart is needed for {}: edited, and taken at the next start only", restart.join(", "));
    }
    if !faults.is_empty() {
        let said = refused::in_short(file, faults);
        tracing::error!(%file, "configuration refused, the old one goes on: {said}");
    }
}

fn tell_busy(answered: &BusyAnswered) {
    let (machine, due) = (&answered.slot.machine, answered.slot.due);
    let busy = answered.busy.as_deref().map_or_else(|| "no".to_owned(), visible);
    tracing::info!(%machine, %due, %busy, "asked whether it is busy");
}

fn tell_downtime(seen: &DowntimeSeen) {
    let (machine, backup, what) = (&seen.machine, &seen.backup, words::downtime(&seen.downtime));
    match seen.downtime {
        Downtime::StillDown { .. } => tracing::warn!(%machine, %backup, "{what}"),
        Downtime::Live { .. } | Downtime::Down { .. } | Downtime::Unwatched => {
            tracing::info!(%machine, %backup, "{what}");
        }
    }
}

fn tell_outcome(verb: &Verb, outcome: &Outcome) {
    let (backup, word) = (verb.backup(), if verb.is_create() { "create" } else { "delete" });
    match outcome {
        Outcome::Answered { .. } => {}
        Outcome::Happened { .. } => tracing::info!(%backup, "a look shows that the {word} happened"),
        Outcome::DidNotHappen => tracing::info!(%backup, "a look proves that the {word} did not happen"),
        Outcome::Unclear { why } => {
            tracing::warn!(%backup, why = %visible(why), "no clear answer to the {word}");
        }
        Outcome::NotSent { why } => tracing::warn!(%backup, why = %visible(why), "the {word} was not sent"),
        Outcome::Refused(no) => {
            tracing::warn!(%backup, why = %words::refusal(no), "the cloud refused the {word}");
        }
        Outcome::GaveUp { why } => tracing::warn!(%backup, why = %visible(why), "the {word} was given up"),
    }
}

fn tell_judgement(backup: &str, judgement: &Judgement) {
    match judgement {
        Judgement::Good { size_bytes } => tracing::info!(backup, size_bytes, "a good backup"),
        Judgement::Bad { why } => tracing::warn!(backup, why = %visible(why), "a bad backup"),
        Judgement::TimedOut => tracing::warn!(backup, "pending for too long"),
        Judgement::Vanished => tracing::warn!(backup, "vanished, and not by us"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::fleet::Look;
    use crate::domain::id::SnapshotId;

    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_path_that_the_cloud_does_not_have_is_told_once_with_its_setting() {
        let told = Told::default();
        let writer = told.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let mut teller = Teller::default();
        let mut record = |event| {
            teller.recorded(&State::default(), &Recorded { seq: 1, at: Timestamp::EPOCH, event });
        };
        let looked = |scope, result| {
            let (began, digest, server_date, miscount) = (Timestamp::EPOCH, Digest::default(), None, None);
            Event::Looked(Look { scope, began, result, digest, items: 0, server_date, miscount })
        };
        let links = || Scope::Links(SnapshotId::new("BRK-1S"));
        let gone = Scope::Snapshot(SnapshotId::new("BRK-1S"));
        tracing::subscriber::with_default(subscriber, || {
            record(looked(gone, LookResult::NotFound));
            record(looked(links(), LookResult::NotFound));
            record(looked(links(), LookResult::NotFound));
            record(looked(Scope::Images, LookResult::Unavailable("HTTP 404".to_owned())));
        });
        let text = String::from_utf8(told.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        for setting in ["cloud.paths.links", "cloud.paths.images"] {
            assert_eq!(text.matches(setting).count(), 1, "{text}");
        }
    }

    #[test]
    fn a_snapshot_that_somebody_just_deleted_is_no_wrong_path_and_hides_none() {
        let told = Told::default();
        let writer = told.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let (mut teller, mut state, mut seq) = (Teller::default(), State::default(), 0);
        let mut looked = |scope, result| {
            seq += 1;
            let (began, digest, server_date, miscount) = (Timestamp::EPOCH, Digest::default(), None, None);
            let look = Look { scope, began, result, digest, items: 0, server_date, miscount };
            let recorded = Recorded { seq, at: Timestamp::EPOCH, event: Event::Looked(look) };
            state.apply(&recorded);
            teller.recorded(&state, &recorded);
            String::from_utf8(told.0.lock().unwrap().clone()).unwrap().matches("cloud.paths.links").count()
        };
        let (gone, there) = (SnapshotId::new("BRK-1S"), SnapshotId::new("BRK-2S"));
        tracing::subscriber::with_default(subscriber, || {
            looked(Scope::Snapshot(gone.clone()), LookResult::NotFound);
            assert_eq!(looked(Scope::Links(gone), LookResult::NotFound), 0);
            looked(Scope::Snapshot(there.clone()), LookResult::Complete);
            assert_eq!(looked(Scope::Links(there), LookResult::NotFound), 1);
        });
    }
}
