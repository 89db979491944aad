//! The narration: one line for each thing that happens, for somebody who watches a rehearsal.
//!
//! Pure: it sees events and states, and tells changes only. It knows neither clock nor terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::ask::Ask;
use crate::domain::backup::{Judgement, Life};
use crate::domain::downtime::Downtime;
use crate::domain::draft::Hold;
use crate::domain::effect::{Outcome, Verb};
use crate::domain::event::{Event, Recorded};
use crate::domain::id::{BackupId, PolicyName, SnapshotId};
use crate::domain::plan::plan;
use crate::domain::policy::{Keep, Policy, PolicySet, Retention};
use crate::domain::slot::Decision;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::mail::letter;
use crate::report::command::Commands;
use crate::report::foreign::visible;
use crate::report::status::machine_name;
use crate::report::words;

/// More backups than this that are held alike become one line.
const TOLD_APART: usize = 4;

/// One happening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: Timestamp,
    pub what: &'static str,
    pub machine: String,
    pub backup: String,
    pub detail: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, what, machine, backup, detail } = self;
        let line = format!(
            "{}  {what:<9} {:<12} {:<28} {detail}",
            words::instant(*at),
            visible(machine),
            visible(backup)
        );
        f.write_str(line.trim_end())
    }
}

/// What was told so far.
#[derive(Debug, Default)]
pub struct Narrator {
    lives: BTreeMap<BackupId, Life>,
    holds: BTreeMap<BackupId, Hold>,
    suspects: BTreeSet<SnapshotId>,
}

impl Narrator {
    /// After each event, with the state that it led to.
    pub fn recorded(&mut self, state: &State, recorded: &Recorded) -> Vec<Line> {
        let mut lines = event_lines(state, recorded);
        if matches!(recorded.event, Event::Observed(_) | Event::Settled(_) | Event::Looked(_)) {
            self.tell_lives(state, recorded.at, &mut lines);
            self.tell_suspects(state, recorded.at, &mut lines);
        }
        if let Event::Doomed(doomed) = &recorded.event
            && let Some(doom) = state.backups.get(&doomed.backup).and_then(|backup| backup.doom.as_ref())
        {
            // Its line has told the grace.
            let until = state.grace_end(doom);
            self.holds.insert(doomed.backup.clone(), Hold::Grace { until });
        }
        lines
    }

    /// Between two passes: what is held, and why, where that changed.
    pub fn paused(&mut self, state: &State, now: Timestamp) -> Vec<Line> {
        let plan = plan(state, now);
        if !plan.events.is_empty() {
            // It has conclusions to write down first, and says nothing of holds before.
            return Vec::new();
        }
        let holds = plan.holds.into_iter().filter(|(_, hold)| *hold != Hold::LookFirst);
        let holds: BTreeMap<BackupId, Hold> = holds.collect();
        let mut alike: BTreeMap<String, Vec<&BackupId>> = BTreeMap::new();
        for (id, hold) in holds.iter().filter(|(id, hold)| self.holds.get(*id) != Some(*hold)) {
            alike.entry(words::hold(hold, &Commands::default())).or_default().push(id);
        }
        let mut lines = Vec::new();
        for (why, ids) in alike {
            if ids.len() > TOLD_APART {
                lines.push(line(now, "held", "", &format!("{} backups", ids.len()), why));
                continue;
            }
            lines.extend(ids.into_iter().map(|id| backup_line(state, now, "held", id, why.clone())));
        }
        self.holds = holds;
        lines
    }

    fn tell_lives(&mut self, state: &State, at: Timestamp, lines: &mut Vec<Line>) {
        for (id, backup) in &state.backups {
            let known = self.lives.get(id).copied();
            if known == Some(backup.life) {
                continue;
            }
            let size = backup.sized.map_or_else(String::new, |sized| words::size(sized.bytes));
            let told = match backup.life {
                Life::Pending => Some(("started", "the cloud is making it".to_owned())),
                Life::Ready if known != Some(Life::Good) => Some(("ready", format!("{size}, to be checked"))),
                Life::Failed => Some(("failed", String::new())),
                Life::Deleted => Some(("deleted", "a look no longer shows it".to_owned())),
                Life::Disputed => Some(("disputed", "it is protected until a person looks".to_owned())),
                Life::Intended
                | Life::Requested
                | Life::Ready
                | Life::Good
                | Life::TimedOut
                | Life::Bad
                | Life::Vanished
                | Life::DeleteIntended => None,
            };
            lines.extend(told.map(|(what, detail)| backup_line(state, at, what, id, detail)));
            self.lives.insert(id.clone(), backup.life);
        }
        self.lives.retain(|id, _| state.backups.contains_key(id));
    }

    fn tell_suspects(&mut self, state: &State, at: Timestamp, lines: &mut Vec<Line>) {
        let suspects: BTreeMap<&SnapshotId, _> =
            state.suspects().map(|snapshot| (&snapshot.id, snapshot)).collect();
        for (id, snapshot) in &suspects {
            if !self.suspects.contains(*id) {
                let machine = snapshot.machine.as_ref();
                let machine = machine.map_or_else(String::new, |machine| machine_name(state, machine));
                let detail = "looks like ours and is not in the journal".to_owned();
                lines.push(line(at, "suspect", &machine, &snapshot.name, detail));
            }
        }
        self.suspects = suspects.into_keys().cloned().collect();
    }
}

fn event_lines(state: &State, recorded: &Recorded) -> Vec<Line> {
    let at = recorded.at;
    let about = |what, id: &BackupId, detail| vec![backup_line(state, at, what, id, detail)];
    match &recorded.event {
        Event::Started(started) => {
            vec![line(at, "daemon", "", "", format!("version {} starts", started.version))]
        }
        Event::Stopped(stopped) => vec![line(at, "daemon", "", "", format!("stops: {}", stopped.why))],
        Event::ClockStepped(stepped) => vec![line(at, "clock", "", "", stepped.noticed.clone())],
        Event::PoliciesAdopted(set) => policy_lines(at, set),
        Event::Asked(asked) => ask_lines(state, at, &asked.ask),
        Event::SlotDecided(decided) => {
            let what = if matches!(decided.decision, Decision::Held(_)) { "held" } else { "skipped" };
            let machine = machine_name(state, &decided.slot.machine);
            let due = format!("due {}", words::instant(decided.slot.due));
            vec![line(at, what, &machine, &due, words::decision(&decided.decision))]
        }
        Event::Intended(intended) => {
            let again =
                if intended.attempt > 1 { format!(", try {}", intended.attempt) } else { String::new() };
            match &intended.effect.verb {
                Verb::CreateSnapshot { backup, .. } => about("asked", backup, format!("a snapshot{again}")),
                Verb::DeleteSnapshot { backup, snapshot, .. } => {
                    about("deleting", backup, format!("snapshot {}{again}", visible(snapshot.as_str())))
                }
            }
        }
        Event::Settled(settled) => {
            let life = state.effects.get(&settled.effect);
            let told = outcome(&settled.outcome).zip(life);
            told.map_or_else(Vec::new, |((what, detail), life)| {
                about(what, life.effect.verb.backup(), detail)
            })
        }
        Event::Judged(judged) => {
            let (what, detail) = judgement(&judged.judgement);
            about(what, &judged.backup, detail)
        }
        Event::Doomed(doomed) => about("doomed", &doomed.backup, doom(state, &doomed.backup)),
        Event::Spared(spared) => about("spared", &spared.backup, spared.why.clone()),
        Event::Lapsed(lapsed) => vec![line(at, "lapsed", "", "", words::lapsed(lapsed))],
        Event::KeyJudged(_) | Event::TotalDisbelieved(_) | Event::Postponed(_) => Vec::new(),
        Event::Anomaly(anomaly) => vec![line(at, "anomaly", "", &anomaly.about, visible(&anomaly.what))],
        Event::DowntimeSeen(seen) => match seen.downtime {
            Downtime::StillDown { .. } => about("not back", &seen.backup, words::downtime(&seen.downtime)),
            Downtime::Live { .. } | Downtime::Down { .. } | Downtime::Unwatched => Vec::new(),
        },
        Event::Called(_)
        | Event::Reloaded(_)
        | Event::BusyAnswered(_)
        | Event::Looked(_)
        | Event::Observed(_)
        | Event::Billed(_)
        | Event::FinalsDiffered(_)
        | Event::HourClosed(_)
        | Event::DayClosed(_)
        | Event::ToppedUp(_)
        | Event::AlertChanged(_)
        | Event::LetterTried(_) => Vec::new(),
        Event::LetterQueued(queued) => vec![line(at, "letter", "", "", letter::subject(queued))],
    }
}

fn newest(count: u32) -> Retention {
    Retention { keep_last: Some(Keep::Count(count)), ..Retention::default() }
}

fn policy_lines(at: Timestamp, set: &PolicySet) -> Vec<Line> {
    let policy = |(name, policy): (&PolicyName, &Policy)| {
        let kept = match policy.retention.keep_last {
            Some(Keep::Count(count)) if policy.retention == newest(count) => {
                format!("keeps the newest {count}")
            }
            Some(_) | None => format!("keeps {}", policy.retention),
        };
        let schedule = format!("{} in {}", policy.schedule, policy.timezone);
        line(at, "policy", "", name.as_str(), format!("{schedule}, {kept}, mode {}", policy.mode.word()))
    };
    set.policies.iter().map(policy).collect()
}

fn ask_lines(state: &State, at: Timestamp, ask: &Ask) -> Vec<Line> {
    let by = || "by the person".to_owned();
    let about = |what, id| vec![backup_line(state, at, what, id, by())];
    match ask {
        Ask::Approve { backups } => {
            let one = |id| backup_line(state, at, "approved", id, "its deletion, by the person".to_owned());
            backups.iter().map(one).collect()
        }
        Ask::Freeze { until, reason } => {
            let detail = format!("until {}: {}", words::instant(*until), visible(reason));
            vec![line(at, "frozen", "", "", detail)]
        }
        Ask::Thaw => vec![line(at, "thawed", "", "", by())],
        Ask::Adopt { snapshot } => vec![line(at, "adopted", "", snapshot.as_str(), by())],
        Ask::Disown { snapshot, reason } => {
            vec![line(at, "disowned", "", snapshot.as_str(), format!("by the person: {}", visible(reason)))]
        }
        Ask::Retry { halted } => vec![line(at, "retried", "", &format!("{halted:?}"), by())],
        Ask::Pin { backup } => about("pinned", backup),
        Ask::Unpin { backup } => about("unpinned", backup),
        Ask::Hold { backup, until, reason } => {
            let detail = format!("until {}: {}", words::instant(*until), visible(reason));
            vec![backup_line(state, at, "held", backup, detail)]
        }
        Ask::Release { backup, .. } => about("released", backup),
        Ask::Delete { backup, .. } => about("to delete", backup),
        Ask::Run { machine, .. } => vec![line(at, "to take", &machine_name(state, machine), "", by())],
        Ask::Create { machine, .. } => vec![line(at, "to make", &machine_name(state, machine), "", by())],
        Ask::ThawMachine { machine, keep, .. } => {
            let detail = format!("down to the newest {keep}, by the person");
            vec![line(at, "thawed", &machine_name(state, machine), "", detail)]
        }
        Ask::Retire { policy } => vec![line(at, "retired", "", policy.as_str(), by())],
        Ask::Pause { until } => {
            vec![line(at, "paused", "", "", format!("until {}", words::instant(*until)))]
        }
        Ask::Resume => vec![line(at, "resumed", "", "", by())],
    }
}

/// What is worth a line; that the cloud did as it was asked shows in what becomes of the backup.
fn outcome(outcome: &Outcome) -> Option<(&'static str, String)> {
    match outcome {
        Outcome::Answered { .. } | Outcome::Happened { .. } => None,
        Outcome::Unclear { why } => Some(("unclear", format!("{}; a look will tell", visible(why)))),
        Outcome::NotSent { why } => Some(("not sent", visible(why))),
        Outcome::Refused(refusal) => Some(("refused", words::refusal(refusal))),
        Outcome::DidNotHappen => Some(("absent", "a look proved that nothing came of it".to_owned())),
        Outcome::GaveUp { why } => Some(("given up", visible(why))),
    }
}

fn judgement(judgement: &Judgement) -> (&'static str, String) {
    match judgement {
        Judgement::Good { size_bytes } => ("good", format!("checked, {}", words::size(*size_bytes))),
        Judgement::Bad { why } => ("bad", visible(why)),
        Judgement::TimedOut => ("timed out", "pending for too long".to_owned()),
        Judgement::Vanished => ("vanished", "gone, and not by us".to_owned()),
    }
}

fn doom(state: &State, id: &BackupId) -> String {
    let Some(doom) = state.backups.get(id).and_then(|backup| backup.doom.as_ref()) else {
        return String::new();
    };
    let goes = words::instant(doom.since + state.rules().grace);
    let approval = if doom.needs_approval { ", and a person must approve" } else { "" };
    format!("no rule keeps it; stays until {goes}{approval}")
}

fn backup_line(state: &State, at: Timestamp, what: &'static str, id: &BackupId, detail: String) -> Line {
    let machine = state.backups.get(id).map(|backup| machine_name(state, &backup.machine));
    line(at, what, &machine.unwrap_or_default(), id.as_str(), detail)
}

fn line(at: Timestamp, what: &'static str, machine: &str, backup: &str, detail: String) -> Line {
    Line { at, what, machine: machine.to_owned(), backup: backup.to_owned(), detail }
}
