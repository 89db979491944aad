//! Happenings: one line for each event, in words that read alone.
//!
//! It knows no state: what an event says it says for ever.

use std::time::Duration;

use super::foreign::visible;
use super::words::{self, instant, span};
use crate::domain::alert::event::{Content, LetterQueued, LetterTried};
use crate::domain::alert::matter::Level;
use crate::domain::ask::{Ask, Halted};
use crate::domain::backup::{Judgement, Proof};
use crate::domain::effect::{Cause, Outcome, Verb};
use crate::domain::event::{Answer, Call, Event, Intended, Observed};
use crate::domain::fleet::{Change, Item, Look, LookResult, SnapshotStatus};
use crate::domain::id::BackupId;
use crate::domain::rail::Rail;
use crate::domain::state::State;
use crate::domain::time::Seconds;

/// What happened in one or two words, and the rest of the sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    pub what: &'static str,
    pub said: String,
}

pub fn happening(event: &Event) -> Happening {
    let (what, said) = match event {
        Event::Started(started) => ("daemon", format!("version {} starts", visible(&started.version))),
        Event::Stopped(stopped) => ("daemon", format!("stops: {}", visible(&stopped.why))),
        Event::ClockStepped(step) => ("clock", visible(&step.noticed)),
        Event::PoliciesAdopted(set) => {
            let names: Vec<&str> = set.policies.keys().map(|name| name.as_str()).collect();
            ("adopted", format!("mode {}, policies {}", set.mode.word(), visible(&names.join(", "))))
        }
        Event::Called(call) => ("called", called(call)),
        Event::Looked(look) => ("looked", looked(look)),
        Event::Observed(observed) => return observed_item(observed),
        Event::Asked(asked) => return ask(asked.uid, &asked.ask),
        Event::SlotDecided(decided) => {
            let slot = &decided.slot;
            let of = format!("{} of {} by {}", instant(slot.due), slot.machine, slot.policy);
            ("slot", format!("{}: {}", visible(&of), words::decision(&decided.decision)))
        }
        Event::Intended(intended) => return intent(intended),
        Event::Settled(settled) => return outcome(&settled.outcome),
        Event::Judged(judged) => return judgement(&judged.judgement),
        Event::Doomed(doomed) => ("doomed", proof(&doomed.proof)),
        Event::Spared(spared) => ("spared", visible(&spared.why)),
        Event::Lapsed(lapsed) => ("lapsed", words::lapsed(lapsed)),
        Event::Anomaly(anomaly) => {
            ("anomaly", format!("{}: {}", visible(&anomaly.about), visible(&anomaly.what)))
        }
        Event::Reloaded(reloaded) => {
            let file = visible(&reloaded.file);
            match reloaded.faults.len() {
                0 if !reloaded.restart.is_empty() => {
                    let settings = visible(&reloaded.restart.join(", "));
                    ("reloaded", format!("{file} was read again; a restart is needed for {settings}"))
                }
                0 => ("reloaded", format!("{file} was read again")),
                count => {
                    let faults = words::count(count, "fault", "faults");
                    ("refused", format!("{file} has {faults}; the one before goes on"))
                }
            }
        }
        Event::BusyAnswered(answered) => match &answered.busy {
            Some(why) => ("busy", visible(why)),
            None => ("not busy", "its machine may be snapshotted".to_owned()),
        },
        Event::DowntimeSeen(seen) => ("downtime", words::downtime(&seen.downtime)),
        Event::Billed(_)
        | Event::FinalsDiffered(_)
        | Event::HourClosed(_)
        | Event::DayClosed(_)
        | Event::ToppedUp(_) => return money(event),
        Event::KeyJudged(judged) => match judged.refused {
            Some(status) => ("key", format!("the cloud refuses it (HTTP {status})")),
            None => ("key", "the cloud takes it again".to_owned()),
        },
        Event::TotalDisbelieved(of) => {
            ("total", format!("of {} is {} too high, and corrected", of.scope.word(), of.excess))
        }
        Event::Postponed(postponed) => ("waits", format!("the audit objects: {}", visible(&postponed.why))),
        Event::AlertChanged(changed) => {
            let level = changed.level.map_or("over", Level::word);
            ("alert", format!("{}: {level}", String::from(changed.matter)))
        }
        Event::LetterQueued(letter) => ("letter", queued(letter)),
        Event::LetterTried(tried) => ("letter", tried_letter(tried)),
    };
    Happening { what, said }
}

/// The backup that an event is about, by the state just before it.
pub fn backup_of(before: &State, event: &Event) -> Option<BackupId> {
    match event {
        Event::Judged(judged) => Some(judged.backup.clone()),
        Event::Doomed(doomed) => Some(doomed.backup.clone()),
        Event::Spared(spared) => Some(spared.backup.clone()),
        Event::Postponed(postponed) => Some(postponed.backup.clone()),
        Event::DowntimeSeen(seen) => Some(seen.backup.clone()),
        Event::Intended(intended) => Some(intended.effect.verb.backup().clone()),
        Event::Settled(settled) => {
            before.effects.get(&settled.effect).map(|life| life.effect.verb.backup().clone())
        }
        Event::Observed(observed) => match &observed.change {
            Change::Seen(Item::Snapshot(snapshot)) => before.owners.get(&snapshot.id).cloned(),
            Change::SnapshotMissing(id) => before.owners.get(id).cloned(),
            _ => None,
        },
        _ => None,
    }
}

fn money(event: &Event) -> Happening {
    let (what, said) = match event {
        Event::Billed(billed) => {
            let count = billed.grown.len() + billed.sights.len();
            ("billed", format!("{count} changes of {} records", billed.kind.word()))
        }
        Event::FinalsDiffered(differed) => {
            let (kind, day) = (differed.kind.word(), instant(differed.day));
            ("billed", format!("{} final {kind} records of {day} have changed", differed.records))
        }
        Event::HourClosed(closed) => {
            let (kind, hour) = (closed.kind.word(), instant(closed.hour));
            ("hour", format!("{hour} of {kind}: {} {}", closed.amount, closed.currency))
        }
        Event::DayClosed(closed) => {
            let (kind, day) = (closed.kind.word(), instant(closed.day));
            ("day", format!("{day} of {kind}: {} resources", closed.costs.len()))
        }
        Event::ToppedUp(topped) => ("topped up", format!("{} {}", topped.amount, topped.currency)),
        _ => ("billed", String::new()),
    };
    Happening { what, said }
}

fn queued(letter: &LetterQueued) -> String {
    let about = match &letter.content {
        Content::Alert(news) => String::from(news.matter),
        Content::Digest(_) => "digest".to_owned(),
    };
    format!("{} about {about} waits to be sent", letter.id)
}

fn tried_letter(tried: &LetterTried) -> String {
    match &tried.failed {
        None => format!("{} was sent", tried.letter),
        Some(why) => format!("{} was not sent: {}", tried.letter, visible(why)),
    }
}

fn called(call: &Call) -> String {
    let answer = match &call.answer {
        Answer::Status(status) => format!("HTTP {status}"),
        Answer::Failure(failure) => failure.word().to_owned(),
    };
    let (method, endpoint) = (visible(&call.method), visible(&call.endpoint));
    let object = call.object.as_deref().map_or_else(String::new, |object| format!(" ({})", visible(object)));
    format!("{method} {endpoint}{object}: {answer} in {} ms", call.duration_ms)
}

fn looked(look: &Look) -> String {
    let result = match &look.result {
        LookResult::Complete => format!("complete, {} items", look.items),
        LookResult::Incomplete(why) => format!("not complete: {}", visible(why)),
        LookResult::NotFound => "the cloud does not know it".to_owned(),
        LookResult::Unavailable(why) => format!("not offered: {}", visible(why)),
    };
    format!("{}: {result}", look.scope.word())
}

fn observed_item(observed: &Observed) -> Happening {
    let (what, said) = match &observed.change {
        Change::Seen(Item::Machine(machine)) => {
            ("seen", format!("machine {} is {}", visible(&machine.name), visible(machine.status.word())))
        }
        Change::Seen(Item::Snapshot(snapshot)) => {
            let size = snapshot.size_bytes.map_or_else(|| "size unknown".to_owned(), words::size);
            (
                "seen",
                format!("snapshot {} is {}, {size}", visible(snapshot.id.as_str()), status(&snapshot.status)),
            )
        }
        Change::Seen(Item::Image(image)) => {
            ("seen", format!("image {} is {}", visible(&image.name), visible(&image.status)))
        }
        Change::Seen(Item::Balance(_)) => ("seen", "another balance".to_owned()),
        Change::Seen(Item::Prices(_)) => ("seen", "other prices".to_owned()),
        Change::Seen(Item::Links { snapshot, images }) => {
            ("seen", format!("{} images made from snapshot {}", images.len(), visible(snapshot.as_str())))
        }
        Change::MachineMissing(id) => ("missing", format!("machine {}", visible(id.as_str()))),
        Change::SnapshotMissing(id) => ("missing", format!("snapshot {}", visible(id.as_str()))),
        Change::ImageMissing(id) => ("missing", format!("image {}", visible(id.as_str()))),
    };
    Happening { what, said }
}

/// What the cloud calls a snapshot's state, in our word where we know it.
pub(super) fn status(status: &SnapshotStatus) -> String {
    match status {
        SnapshotStatus::Ready => "ready".to_owned(),
        SnapshotStatus::Pending => "pending".to_owned(),
        SnapshotStatus::Failed => "failed".to_owned(),
        SnapshotStatus::Unknown(word) => visible(word),
    }
}

/// Such as `of BRK-1D (try 2), because policy daily has a slot at 2026-03-01 02:00:00`.
fn intent(intended: &Intended) -> Happening {
    let again = if intended.attempt > 1 { format!(" (try {})", intended.attempt) } else { String::new() };
    let verb = &intended.effect.verb;
    let machine = visible(verb.machine().as_str());
    let because = cause(&intended.effect.cause);
    let what = match verb {
        Verb::CreateSnapshot { .. } => "asked",
        Verb::DeleteSnapshot { .. } => "deleting",
    };
    Happening { what, said: format!("of {machine}{again}, because {because}") }
}

/// Why an effect is wanted.
pub(super) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Slot(slot) => {
            format!("policy {} has a slot at {}", visible(slot.policy.as_str()), instant(slot.due))
        }
        Cause::Doom { policy, seq } => {
            format!("event {seq} doomed it under policy {}", visible(policy.as_str()))
        }
        Cause::Ask(ask) => format!("a person asked for it (request {ask})"),
    }
}

fn outcome(outcome: &Outcome) -> Happening {
    let (what, said) = match outcome {
        Outcome::Answered { snapshot: Some(id) } => {
            ("answered", format!("yes, with snapshot {}; a look must agree", visible(id.as_str())))
        }
        Outcome::Answered { snapshot: None } => ("answered", "yes; a look must agree".to_owned()),
        Outcome::Unclear { why } => ("unclear", format!("{}; looks must tell", visible(why))),
        Outcome::NotSent { why } => ("not sent", visible(why)),
        Outcome::Refused(refusal) => ("refused", words::refusal(refusal)),
        Outcome::Happened { snapshot: Some(id) } => {
            ("done", format!("a look proved it (snapshot {})", visible(id.as_str())))
        }
        Outcome::Happened { snapshot: None } => ("done", "a look proved it".to_owned()),
        Outcome::DidNotHappen => ("not done", "looks after the settle time proved that".to_owned()),
        Outcome::GaveUp { why } => ("given up", visible(why)),
    };
    Happening { what, said }
}

fn judgement(judgement: &Judgement) -> Happening {
    let (what, said) = match judgement {
        Judgement::Good { size_bytes } => {
            ("good", format!("ready, of its machine, and of a stable size: {}", words::size(*size_bytes)))
        }
        Judgement::Bad { why } => ("bad", visible(why)),
        Judgement::TimedOut => ("timed out", "pending for longer than the deadline".to_owned()),
        Judgement::Vanished => {
            ("vanished", "complete looks no longer show it, and we did not delete it".to_owned())
        }
    };
    Happening { what, said }
}

fn proof(proof: &Proof) -> String {
    match proof.kept.len() {
        0 => "no rule keeps it".to_owned(),
        1 => "no rule keeps it; 1 other of its machine and policy stays".to_owned(),
        count => format!("no rule keeps it; {count} others of its machine and policy stay"),
    }
}

fn ask(uid: u32, ask: &Ask) -> Happening {
    let name = |text: &str| visible(text);
    let (what, said) = match ask {
        Ask::Approve { backups } => {
            ("approved", format!("the deletion of {}", words::count(backups.len(), "backup", "backups")))
        }
        Ask::Freeze { until, reason } => ("frozen", format!("until {}: {}", instant(*until), name(reason))),
        Ask::Thaw => ("thawed", "deletions go on".to_owned()),
        Ask::Pause { until } => ("paused", format!("until {}", instant(*until))),
        Ask::Resume => ("resumed", "policies go on".to_owned()),
        Ask::Adopt { snapshot } => ("adopted", format!("snapshot {}", name(snapshot.as_str()))),
        Ask::Disown { snapshot, reason } => {
            ("disowned", format!("snapshot {}: {}", name(snapshot.as_str()), name(reason)))
        }
        Ask::Pin { backup } => ("pinned", name(backup.as_str())),
        Ask::Unpin { backup } => ("unpinned", name(backup.as_str())),
        Ask::Hold { backup, until, reason } => {
            ("held", format!("{} until {}: {}", name(backup.as_str()), instant(*until), name(reason)))
        }
        Ask::Release { backup, reason } => {
            ("released", format!("{}: {}", name(backup.as_str()), name(reason)))
        }
        Ask::ThawMachine { machine, keep, reason } => {
            ("thawed", format!("{} down to the newest {keep}: {}", name(machine.as_str()), name(reason)))
        }
        Ask::Retire { policy } => ("retired", format!("policy {}", name(policy.as_str()))),
        Ask::Delete { backup, overrides, reason } => {
            let rails: Vec<&str> = overrides.iter().copied().map(Rail::word).collect();
            let rails =
                if rails.is_empty() { String::new() } else { format!(", overriding {}", rails.join(", ")) };
            let reason = if reason.is_empty() { String::new() } else { format!(": {}", name(reason)) };
            ("asked", format!("to delete {}{rails}{reason}", name(backup.as_str())))
        }
        Ask::Create { machine, expire } => {
            let end = expire.map_or_else(|| "until a person deletes it".to_owned(), kept_for);
            ("asked", format!("for a backup of {}, kept {end}", name(machine.as_str())))
        }
        Ask::Run { policy, machine } => {
            let (policy, machine) = (name(policy.as_str()), name(machine.as_str()));
            ("asked", format!("for a backup of {machine} under policy {policy} now"))
        }
        Ask::Retry { halted } => {
            let of = match halted {
                Halted::Account => "the account".to_owned(),
                Halted::Policy(policy) => format!("policy {}", name(policy.as_str())),
                Halted::Machine(machine) => format!("machine {}", name(machine.as_str())),
            };
            ("retry", format!("what the cloud refused of {of}"))
        }
    };
    Happening { what, said: format!("{said} (uid {uid})") }
}

fn kept_for(span_of: Seconds) -> String {
    format!("for {}", span(Duration::from_secs(span_of.0)))
}
