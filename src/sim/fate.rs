//! What befalls one request: drawn before it travels, from the plan's own streams.
//!
//! A fate is a value. The wire and the server carry it out; nothing here touches them.

use std::time::Duration;

use fastrand::Rng;

use crate::domain::time::Timestamp;
use crate::sim::fault::Fault;
use crate::sim::fault_plan::FaultPlan;

/// What kind of request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads one list; only such a request can meet a 404 as a server error or a bent page.
    ReadList,
    Read,
    Create,
    Delete,
}

impl Verb {
    pub fn is_change(self) -> bool {
        matches!(self, Self::Create | Self::Delete)
    }
}

#[derive(Clone, Debug)]
pub struct Fate {
    /// Time on the way there and on the way back.
    pub before: Duration,
    pub after: Duration,
    pub transport: Transport,
    pub instructions: Instructions,
}

/// What the wire does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    Delivers,
    NeverSends,
    LosesRequest(Silence),
    LosesAnswer(Silence),
    /// Answers in the server's place; the request goes nowhere.
    Answers(Canned),
    /// Delivers, and puts this in place of a success.
    Misreports(Canned),
    /// The server will act later; the client hears nothing.
    Delays(Silence),
}

/// How a client learns that no answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    Reset,
    /// Longer than any client waits.
    Stall,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canned {
    pub fault: Fault,
    pub status: u16,
    pub body: CannedBody,
    pub retry_after: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannedBody {
    Json,
    Html,
    Empty,
}

/// What the server does with a request that reaches it; carried in the request's extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    pub effect: EffectTime,
    /// How long lists do not know of the effect.
    pub lag: Duration,
    pub bend: Option<Bend>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EffectTime {
    #[default]
    Now,
    After(Duration),
    /// The answer claims it happened.
    Never,
}

/// How a page is bent, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bend {
    pub kind: BendKind,
    pub at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BendKind {
    Misses,
    Repeats,
    Reorders,
    Shifts,
    WrongTotal,
}

const RETRY_AFTER: [Option<&str>; 8] = [
    None,
    None,
    Some("5"),
    Some("60"),
    Some("86400000"),
    Some("-5"),
    Some("soon"),
    Some("Fri, 31 Dec 2099 23:59:59 GMT"),
];

impl FaultPlan {
    pub fn fate(&mut self, verb: Verb, now: Timestamp) -> Fate {
        self.requests += 1;
        let mut fate = Fate {
            before: Duration::from_millis(self.latency.u64(20..=200)),
            after: Duration::from_millis(self.latency.u64(20..=200)),
            transport: Transport::Delivers,
            instructions: Instructions::default(),
        };
        if now >= self.chaos_until {
            return fate;
        }
        let mut struck = self.struck(verb, now);
        if let Some(position) = struck.iter().position(|(fault, _)| *fault == Fault::ListLag) {
            let (_, mut random) = struck.remove(position);
            fate.instructions.lag = Duration::from_secs(random.u64(1..=15 * 60));
        }
        if !struck.is_empty() {
            // Not the first: early classes would hide the later ones.
            let turn = usize::try_from(self.requests).unwrap_or(0) % struck.len();
            let (fault, random) = struck.swap_remove(turn);
            self.befall(&mut fate, fault, random, verb, now);
        }
        fate
    }

    /// The classes whose chance came up. Every class draws for every request, so that none shifts another.
    fn struck(&mut self, verb: Verb, now: Timestamp) -> Vec<(Fault, Rng)> {
        let mut struck = Vec::new();
        for (fault, random) in &mut self.streams {
            let mut random = random.fork();
            let rate = self
                .rates
                .get(fault)
                .map_or(0, |rate| if verb.is_change() { rate.changes } else { rate.reads });
            let in_burst = self.bursts.get(fault).is_some_and(|until| now < *until);
            if (random.u32(..10_000) < rate || in_burst) && concerns(*fault, verb) {
                struck.push((*fault, random));
            }
        }
        struck
    }

    fn befall(&mut self, fate: &mut Fate, fault: Fault, mut random: Rng, verb: Verb, now: Timestamp) {
        let silence = if random.bool() { Silence::Reset } else { Silence::Stall };
        match fault {
            Fault::NeverSent => fate.transport = Transport::NeverSends,
            Fault::LostRequest => fate.transport = Transport::LosesRequest(silence),
            Fault::LostAnswer => fate.transport = Transport::LosesAnswer(silence),
            Fault::LateEffect => {
                fate.transport = Transport::Delays(silence);
                fate.instructions.effect = EffectTime::After(Duration::from_secs(random.u64(60..=30 * 60)));
            }
            Fault::ServerError => {
                self.maybe_burst(fault, &mut random, now);
                fate.transport = Transport::Answers(server_error(verb, &mut random));
            }
            Fault::RateLimited => {
                self.maybe_burst(fault, &mut random, now);
                let retry_after = RETRY_AFTER[random.usize(..RETRY_AFTER.len())];
                let canned = Canned { fault, status: 429, body: CannedBody::Json, retry_after };
                fate.transport = Transport::Answers(canned);
            }
            Fault::CreatedNothing => fate.instructions.effect = EffectTime::Never,
            Fault::ErrorButDone => {
                // A 400 that lies is met on creates only.
                let status = if verb == Verb::Create && random.bool() { 400 } else { 500 };
                let canned = Canned { fault, status, body: CannedBody::Json, retry_after: None };
                fate.transport = Transport::Misreports(canned);
            }
            Fault::BentPage => {
                const KINDS: [BendKind; 5] = [
                    BendKind::Misses,
                    BendKind::Repeats,
                    BendKind::Reorders,
                    BendKind::Shifts,
                    BendKind::WrongTotal,
                ];
                let kind = KINDS[random.usize(..KINDS.len())];
                fate.instructions.bend = Some(Bend { kind, at: random.usize(..1_000) });
            }
            Fault::ListLag
            | Fault::Misbilled
            | Fault::DateSkew
            | Fault::ClockSkew
            | Fault::HandMade
            | Fault::Crash => {}
        }
    }

    /// One in four errors is the first of many: up to three minutes of them.
    fn maybe_burst(&mut self, fault: Fault, random: &mut Rng, now: Timestamp) {
        let in_burst = self.bursts.get(&fault).is_some_and(|until| now < *until);
        if random.u8(..4) == 0 && !in_burst {
            self.bursts.insert(fault, now + Duration::from_secs(random.u64(10..=180)));
        }
    }
}

/// Whether this class can befall such a request at all.
fn concerns(fault: Fault, verb: Verb) -> bool {
    match fault {
        Fault::LostRequest | Fault::LostAnswer | Fault::NeverSent => true,
        Fault::ServerError | Fault::RateLimited => true,
        Fault::LateEffect | Fault::ErrorButDone | Fault::ListLag => verb.is_change(),
        Fault::CreatedNothing => verb == Verb::Create,
        Fault::BentPage => verb == Verb::ReadList,
        Fault::Misbilled | Fault::DateSkew | Fault::ClockSkew | Fault::HandMade | Fault::Crash => false,
    }
}

fn server_error(verb: Verb, random: &mut Rng) -> Canned {
    let choices = if verb == Verb::ReadList { 5 } else { 4 };
    let status = [500, 502, 503, 504, 404][random.usize(..choices)];
    let body = [CannedBody::Json, CannedBody::Html, CannedBody::Empty][random.usize(..3)];
    Canned { fault: Fault::ServerError, status, body, retry_after: None }
}
