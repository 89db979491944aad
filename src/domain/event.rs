//! Events: past-tense facts, for ever. Everything else can be computed again from them.

use serde::{Deserialize, Serialize};

use super::alert::event::{AlertChanged, LetterQueued, LetterTried};
use super::ask::Ask;
use super::backup::{Judgement, Proof};
use super::billing::event::{Billed, DayClosed, FinalsDiffered, HourClosed, ToppedUp};
use super::digest::Digest;
use super::downtime::Downtime;
use super::effect::{Effect, Outcome};
use super::fleet::{Change, Look, Scope};
use super::id::{AskId, BackupId, EffectId, MachineId};
use super::policy::PolicySet;
use super::slot::{Decision, Slot};
use super::time::Timestamp;

/// A stored event, read back; the fold sees nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub seq: u64,
    pub at: Timestamp,
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A process took the journal.
    Started(Started),
    /// It ended on purpose; a crash leaves none.
    Stopped(Stopped),
    /// The wall clock jumped: a new epoch of it begins with this event.
    ClockStepped(ClockStepped),
    /// The configuration as understood; plans read this.
    PoliciesAdopted(PolicySet),
    /// One request to the cloud and what came back, without its body.
    Called(Call),
    /// One look: a whole walk, or one object.
    Looked(Look),
    /// What a look found changed, with the cloud's own text of it.
    Observed(Observed),
    Asked(Asked),
    SlotDecided(SlotDecided),
    /// Committed before the call that it announces.
    Intended(Intended),
    Settled(Settled),
    Judged(Judged),
    Doomed(Doomed),
    /// A doomed one that a rule keeps again.
    Spared(Spared),
    /// What a person asked for ended by itself.
    Lapsed(Lapsed),
    /// What cannot be, and was seen all the same.
    Anomaly(Anomaly),
    /// The configuration file was read again while running.
    Reloaded(Reloaded),
    /// Somebody was asked whether a machine is busy.
    BusyAnswered(BusyAnswered),
    /// Whether a snapshot took its machine down, as looks around it showed.
    DowntimeSeen(DowntimeSeen),
    /// What a walk through a billing list found new.
    Billed(Billed),
    FinalsDiffered(FinalsDiffered),
    HourClosed(HourClosed),
    DayClosed(DayClosed),
    ToppedUp(ToppedUp),
    /// The cloud refused the key, or takes it again.
    KeyJudged(KeyJudged),
    /// The total of a listing was off by the same number for long, and is corrected by it from now on.
    TotalDisbelieved(TotalDisbelieved),
    /// The audit let a planned deletion wait.
    Postponed(Postponed),
    AlertChanged(AlertChanged),
    /// Stored together with the change that it tells.
    LetterQueued(LetterQueued),
    LetterTried(LetterTried),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    pub file: String,
    /// Each with place, value and rule. With any, the file was refused and the old one goes on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// Settings of an accepted file that are taken at the next start only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusyAnswered {
    pub slot: Slot,
    /// Why it counts as busy; `None`: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DowntimeSeen {
    pub backup: BackupId,
    pub machine: MachineId,
    pub downtime: Downtime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyJudged {
    /// The status of the refusal; `None`: accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalDisbelieved {
    pub scope: Scope,
    /// How many more it counts than there are.
    pub excess: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postponed {
    pub backup: BackupId,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    pub why: String,
}

/// How the step was noticed, and how far it went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStepped {
    /// Microseconds from what the clock should have shown to what it showed; zero where only the
    /// fact is known.
    pub by_micros: i64,
    pub noticed: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub method: String,
    /// The path's template, such as `/snapshots/{id}/`.
    pub endpoint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(flatten)]
    pub answer: Answer,
    pub duration_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// 1 for the first try of a read.
    pub attempt: u8,
    /// Of the body.
    pub bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Status(u16),
    /// No usable answer: the class of the failure.
    Failure(Failure),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Refused, no such host, no TLS: the request surely did not leave.
    NeverSent,
    Timeout,
    /// The connection broke while the request or the answer was under way.
    Reset,
    /// More bytes than we read.
    TooLarge,
    /// We ended it ourselves before an answer came: a person waited, or the daemon was told to stop.
    GivenUp,
}

impl Failure {
    pub fn word(self) -> &'static str {
        match self {
            Self::NeverSent => "never sent",
            Self::Timeout => "timeout",
            Self::Reset => "connection reset",
            Self::TooLarge => "answer too large",
            Self::GivenUp => "given up",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    pub change: Change,
    /// The item's own text, so that a better parser can read the past.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub raw: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub id: AskId,
    /// The user id of the person's process.
    pub uid: u32,
    pub ask: Ask,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotDecided {
    pub slot: Slot,
    pub decision: Decision,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intended {
    pub effect: Effect,
    /// From 1.
    pub attempt: u32,
    /// A delete carries why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub effect: EffectId,
    pub attempt: u32,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub backup: BackupId,
    pub judgement: Judgement,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doomed {
    pub backup: BackupId,
    pub proof: Proof,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spared {
    pub backup: BackupId,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lapsed {
    /// Nobody ended it before its time.
    Freeze { until: Timestamp },
    /// It could not be performed for as long as a request lives.
    Request { ask: AskId, why: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomaly {
    pub about: String,
    pub what: String,
}

impl Asked {
    /// The id tells two equal asks apart: it hashes who, when, and after which event.
    pub fn new(uid: u32, at: Timestamp, after_seq: u64, ask: Ask) -> Self {
        let text = serde_json::to_string(&ask).unwrap_or_default();
        let fields = [uid.to_string(), at.to_string(), after_seq.to_string(), text];
        let id = AskId::new(Digest::of_fields(fields.iter().map(String::as_bytes)).short());
        Self { id, uid, ask }
    }
}
