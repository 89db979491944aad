//! What befalls one request: drawn before it travels, from the plan's own streams.
//!
//! A fate is a value. The wire and the server carry it out; nothing here touches them.

use std::time::Duration;

use fastrand::Rng;

use crate::domain::time::Timestamp;
use crate::sim::canned;
use crate::sim::canned::{Canned, CannedBody, Mangling, RETRY_AFTER};
use crate::sim::fault::Fault;
use crate::sim::fault_plan::FaultPlan;

/// What kind of request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads one list; only such a request can meet a 404 as a server error or a bent page.
    ReadList,
    ReadBalance,
    Read,
    Create,
    Delete,
    /// Changes something that is no snapshot.
    Change,
}

impl Verb {
    /// Creates and deletes of snapshots: what is announced, and may be late or done in secret.
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
    NeverSends(Fault),
    LosesRequest(Fault, Silence),
    LosesAnswer(Fault, Silence),
    /// Answers in the server's place; the request goes nowhere.
    Answers(Canned),
    /// Delivers, and puts this in place of a success.
    Misreports(Canned),
    /// Delivers, and does this to the body of a success.
    Mangles(Fault, Mangling),
    /// Delivers, and takes its time.
    Dawdles,
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

/// What the server does with a request that reaches it; carried in the request's extensions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    pub effect: EffectTime,
    /// How long lists do not know of the effect.
    pub lag: Duration,
    pub bend: Option<Bend>,
    /// Whose list is shown, if not ours.
    pub account: Option<Account>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EffectTime {
    #[default]
    Now,
    After(Duration),
    /// The answer claims it happened.
    Never,
}

/// Somebody else's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    Empty,
    Strange,
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

const BENDS: [BendKind; 5] =
    [BendKind::Misses, BendKind::Repeats, BendKind::Reorders, BendKind::Shifts, BendKind::WrongTotal];

impl FaultPlan {
    pub fn fate(&mut self, verb: Verb, now: Timestamp) -> Fate {
        self.requests += 1;
        let mut fate = Fate {
            before: Duration::from_millis(self.latency.u64(20..=200)),
            after: Duration::from_millis(self.latency.u64(20..=200)),
            transport: Transport::Delivers,
            instructions: Instructions::default(),
        };
        // An outage can be ordered for the calm, too.
        if let Some(transport) = self.outage(now) {
            fate.transport = transport;
            return fate;
        }
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
        let minutes = |most: u64| Duration::from_secs(60 * most);
        match fault {
            Fault::NeverSent | Fault::NoSession => fate.transport = Transport::NeverSends(fault),
            Fault::LostRequest => fate.transport = Transport::LosesRequest(fault, silence),
            Fault::StaleConnection => fate.transport = Transport::LosesRequest(fault, Silence::Reset),
            Fault::LostAnswer => fate.transport = Transport::LosesAnswer(fault, silence),
            Fault::ResetInBody => fate.transport = Transport::LosesAnswer(fault, Silence::Reset),
            Fault::SlowAnswer => {
                fate.after = Duration::from_secs(random.u64(5..=120));
                fate.transport = Transport::Dawdles;
            }
            Fault::HugeBody | Fault::MangledBody | Fault::OddBalance => {
                fate.transport = Transport::Mangles(fault, Mangling::drawn(fault, &mut random));
            }
            Fault::Redirected => fate.transport = Transport::Answers(canned::redirect(&mut random)),
            Fault::CaptivePortal => fate.transport = Transport::Answers(canned::portal(&mut random)),
            Fault::LateEffect => {
                fate.transport = Transport::Delays(silence);
                fate.instructions.effect = EffectTime::After(Duration::from_secs(random.u64(60..=30 * 60)));
            }
            Fault::ServerError => {
                self.maybe_burst(fault, &mut random, now, minutes(3));
                fate.transport =
                    Transport::Answers(canned::server_error(verb == Verb::ReadList, &mut random));
            }
            Fault::RateLimited => {
                self.maybe_burst(fault, &mut random, now, minutes(3));
                let retry_after = RETRY_AFTER[random.usize(..RETRY_AFTER.len())];
                let header = retry_after.map(|value| ("retry-after", value));
                fate.transport =
                    Transport::Answers(Canned { header, ..Canned::new(fault, 429, CannedBody::Json) });
            }
            Fault::KeyRefused => {
                self.maybe_burst(fault, &mut random, now, minutes(20));
                let status = if random.bool() { 401 } else { 403 };
                fate.transport = Transport::Answers(Canned::new(fault, status, CannedBody::Json));
            }
            Fault::Refused => {
                self.maybe_burst(fault, &mut random, now, minutes(90));
                fate.transport = Transport::Answers(canned::refusal(&mut random));
            }
            Fault::CreatedNothing | Fault::DeletedNothing => fate.instructions.effect = EffectTime::Never,
            Fault::ErrorButDone => {
                // A 400 that lies is met on creates only.
                let status = if verb == Verb::Create && random.bool() { 400 } else { 500 };
                fate.transport = Transport::Misreports(Canned::new(fault, status, CannedBody::Json));
            }
            Fault::BentPage => {
                let kind = BENDS[random.usize(..BENDS.len())];
                fate.instructions.bend = Some(Bend { kind, at: random.usize(..1_000) });
            }
            Fault::WrongAccount => {
                self.maybe_burst(fault, &mut random, now, minutes(180));
                let account = if random.bool() { Account::Empty } else { Account::Strange };
                fate.instructions.account = Some(account);
            }
            _ => {}
        }
    }

    /// One in four is the first of many, for up to `most`.
    fn maybe_burst(&mut self, fault: Fault, random: &mut Rng, now: Timestamp, most: Duration) {
        let in_burst = self.bursts.get(&fault).is_some_and(|until| now < *until);
        if random.u8(..4) == 0 && !in_burst {
            self.bursts.insert(fault, now + Duration::from_secs(random.u64(10..=most.as_secs())));
        }
    }
}

/// Whether this class can befall such a request at all.
fn concerns(fault: Fault, verb: Verb) -> bool {
    match fault {
        Fault::LostRequest | Fault::LostAnswer | Fault::NeverSent | Fault::NoSession => true,
        Fault::ResetInBody | Fault::SlowAnswer | Fault::StaleConnection | Fault::Redirected => true,
        Fault::HugeBody | Fault::MangledBody | Fault::CaptivePortal => true,
        Fault::ServerError | Fault::RateLimited | Fault::KeyRefused => true,
        Fault::LateEffect | Fault::ErrorButDone | Fault::ListLag => verb.is_change(),
        Fault::CreatedNothing | Fault::Refused => verb == Verb::Create,
        Fault::DeletedNothing => verb == Verb::Delete,
        Fault::BentPage | Fault::WrongAccount => verb == Verb::ReadList,
        Fault::OddBalance => verb == Verb::ReadBalance,
        _ => false,
    }
}
