//! What has happened so far, counted from events: it never falls, and no restart forgets it.
//!
//! Every word that is surely counted under is here from the first event on, at zero: a series that is
//! born with its first happening hides it from whoever asks for the increase. Words are few and fixed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::effect::Cause;
use super::event::{Answer, Call, Failure, Intended, SlotDecided};
use super::slot::{Decision, Skip};

/// Addresses that a configuration may name beside the usual ones; further ones count as [`OTHER`].
const MOST_ENDPOINTS: usize = 48;
/// Under this is counted what has no word of its own.
pub const OTHER: &str = "other";

/// What we call, as the templates of the usual paths.
const CALLED: [(&str, &str); 13] = [
    ("GET", "/instances/"),
    ("GET", "/snapshots/"),
    ("GET", "/snapshots/{id}/"),
    ("GET", "/images/"),
    ("GET", "/images/snapshot-relationship/{id}/"),
    ("GET", "/balance/"),
    ("GET", "/pricing/"),
    ("GET", "/instances/billing/"),
    ("GET", "/snapshots/billing/"),
    ("GET", "/volumes/billing/"),
    ("POST", "/snapshots/"),
    ("DELETE", "/snapshots/{id}/"),
    (OTHER, OTHER),
];

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    pub events: u64,
    pub calls: u64,
    pub failed_calls: u64,
    /// By endpoint, then by method.
    pub called: BTreeMap<String, BTreeMap<String, Calls>>,
    pub slots: BTreeMap<Decided, u64>,
    pub backups_good: u64,
    pub backups_deleted: u64,
    pub anomalies: u64,
    pub clean_stop: bool,
}

/// The calls of one endpoint by one method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    pub made: u64,
    pub failed: BTreeMap<CallFailure, u64>,
}

/// What a call without a usable answer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallFailure {
    NeverSent,
    Timeout,
    Reset,
    TooLarge,
    GivenUp,
    /// 3xx, and 1xx.
    Redirected,
    /// 401 and 403.
    KeyRefused,
    /// 429.
    RateLimited,
    /// Every other 4xx.
    Refused,
    /// 5xx, and what is no status of HTTP.
    ServerError,
}

/// What became of a slot in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    Taken,
    Superseded,
    Missed,
    Observed,
    Overlapped,
    AlreadyTaken,
    WindowPassed,
    Busy,
    Expired,
}

impl CallFailure {
    pub const ALL: [Self; 10] = [
        Self::NeverSent,
        Self::Timeout,
        Self::Reset,
        Self::TooLarge,
        Self::GivenUp,
        Self::Redirected,
        Self::KeyRefused,
        Self::RateLimited,
        Self::Refused,
        Self::ServerError,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::NeverSent => "never_sent",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::TooLarge => "too_large",
            Self::GivenUp => "given_up",
            Self::Redirected => "redirected",
            Self::KeyRefused => "key_refused",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
            Self::ServerError => "server_error",
        }
    }

    /// `None`: the answer was a good one.
    fn of(answer: &Answer) -> Option<Self> {
        Some(match answer {
            Answer::Failure(Failure::NeverSent) => Self::NeverSent,
            Answer::Failure(Failure::Timeout) => Self::Timeout,
            Answer::Failure(Failure::Reset) => Self::Reset,
            Answer::Failure(Failure::TooLarge) => Self::TooLarge,
            Answer::Failure(Failure::GivenUp) => Self::GivenUp,
            Answer::Status(200..=299) => return None,
            Answer::Status(401 | 403) => Self::KeyRefused,
            Answer::Status(429) => Self::RateLimited,
            Answer::Status(400..=499) => Self::Refused,
            Answer::Status(100..=399) => Self::Redirected,
            Answer::Status(_) => Self::ServerError,
        })
    }
}

impl Decided {
    pub const ALL: [Self; 9] = [
        Self::Taken,
        Self::Superseded,
        Self::Missed,
        Self::Observed,
        Self::Overlapped,
        Self::AlreadyTaken,
        Self::WindowPassed,
        Self::Busy,
        Self::Expired,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Superseded => "superseded",
            Self::Missed => "missed",
            Self::Observed => "skipped_observe",
            Self::Overlapped => "skipped_overlap",
            Self::AlreadyTaken => "skipped_already_taken",
            Self::WindowPassed => "skipped_window_passed",
            Self::Busy => "skipped_busy",
            Self::Expired => "expired",
        }
    }
}

impl Default for Calls {
    fn default() -> Self {
        Self { made: 0, failed: CallFailure::ALL.map(|class| (class, 0)).into() }
    }
}

impl Default for Counters {
    fn default() -> Self {
        let mut called: BTreeMap<String, BTreeMap<String, Calls>> = BTreeMap::new();
        for (method, endpoint) in CALLED {
            called.entry(endpoint.to_owned()).or_default().insert(method.to_owned(), Calls::default());
        }
        Self {
            events: 0,
            calls: 0,
            failed_calls: 0,
            called,
            slots: Decided::ALL.map(|decided| (decided, 0)).into(),
            backups_good: 0,
            backups_deleted: 0,
            anomalies: 0,
            clean_stop: false,
        }
    }
}

impl Counters {
    pub(super) fn call(&mut self, call: &Call) {
        let failure = CallFailure::of(&call.answer);
        self.calls += 1;
        self.failed_calls += u64::from(failure.is_some());
        let calls = self.calls_of(&call.method, &call.endpoint);
        calls.made += 1;
        if let Some(class) = failure {
            *calls.failed.entry(class).or_default() += 1;
        }
    }

    fn calls_of(&mut self, method: &str, endpoint: &str) -> &mut Calls {
        let is_known = self.called.get(endpoint).is_some_and(|methods| methods.contains_key(method));
        let count: usize = self.called.values().map(BTreeMap::len).sum();
        let (method, endpoint) =
            if is_known || count < MOST_ENDPOINTS { (method, endpoint) } else { (OTHER, OTHER) };
        self.called.entry(endpoint.to_owned()).or_default().entry(method.to_owned()).or_default()
    }

    /// The intent of its first create is what takes a slot.
    pub(super) fn intend(&mut self, intended: &Intended) {
        match intended.effect.cause {
            Cause::Slot(_) if intended.attempt <= 1 => self.decide(Decided::Taken, 1),
            Cause::Slot(_) | Cause::Doom { .. } | Cause::Ask(_) => {}
        }
    }

    pub(super) fn decide_slot(&mut self, decided: &SlotDecided) {
        match &decided.decision {
            Decision::Superseded { count, .. } => self.decide(Decided::Superseded, *count),
            Decision::Missed { count, .. } => self.decide(Decided::Missed, *count),
            Decision::Skipped(Skip::Observe) => self.decide(Decided::Observed, 1),
            Decision::Skipped(Skip::Overlap) => self.decide(Decided::Overlapped, 1),
            Decision::Skipped(Skip::AlreadyTaken) => self.decide(Decided::AlreadyTaken, 1),
            Decision::Skipped(Skip::WindowPassed) => self.decide(Decided::WindowPassed, 1),
            Decision::Skipped(Skip::Busy) => self.decide(Decided::Busy, 1),
            Decision::Expired => self.decide(Decided::Expired, 1),
            // Not final.
            Decision::Held(_) => {}
        }
    }

    fn decide(&mut self, decided: Decided, count: u32) {
        *self.slots.entry(decided).or_default() += u64::from(count);
    }
}
