//! One simulated cloud: its world, its faults and its clock behind one handle.
//!
//! Clones share everything. Whoever enters finds the world advanced to the present; nobody stays
//! inside across an await.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use http::HeaderMap;

use crate::clock::Clock;
use crate::domain::money::Nanos;
use crate::domain::time::Timestamp;
use crate::sim::agenda::Wanted;
use crate::sim::dialect::Dialect;
use crate::sim::fate::{Fate, Verb};
use crate::sim::fault::Fault;
use crate::sim::fault_plan::FaultPlan;
use crate::sim::front;
use crate::sim::machine::MachineStatus;
use crate::sim::record::Actor;
use crate::sim::rules::Rules;
use crate::sim::scenario::{Scenario, Step};
use crate::sim::stream::stream;
use crate::sim::truth::Truth;
use crate::sim::world::{Origin, Refusal, World};

/// A daemon in stretched time may stand still for so long between a look and what rests on it.
const SLOW_FOR: std::time::Duration = std::time::Duration::from_secs(5);

/// What a cloud is made from. Its epoch is what the clock shows at that moment.
pub struct Start {
    pub seed: u64,
    pub clock: Clock,
    pub machines: u32,
    pub dialect: Dialect,
    pub faults: FaultPlan,
    /// The API key that it accepts.
    pub key: String,
    pub rules: Rules,
    pub initial_balance: Nanos,
}

/// A request to change something has reached the server; its effect is still to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub at: Timestamp,
    /// Whose key it showed.
    pub by: Actor,
    pub method: String,
    pub path: String,
    /// The name in a create's body.
    pub name: Option<String>,
    /// The id in a delete's path.
    pub id: Option<String>,
}

/// What a second daemon's key has at its end.
const RIVAL: &str = "-of-the-rival";

type Listener = Box<dyn FnMut(&Change) + Send>;

#[derive(Clone)]
pub struct Cloud {
    inside: Arc<Mutex<Inside>>,
    listener: Arc<Mutex<Option<Listener>>>,
    pub(in crate::sim) clock: Clock,
    pub(in crate::sim) dialect: Dialect,
    pub(in crate::sim) key: Arc<str>,
}

/// What the lock guards.
pub(in crate::sim) struct Inside {
    pub world: World,
    pub faults: FaultPlan,
    request_ids: Rng,
    /// The minute that requests are being counted in, and how many it has seen.
    counted: (i64, u32),
    /// When a list last showed another account.
    pub lied_at: Option<Timestamp>,
    scenario: Scenario,
}

impl Cloud {
    pub fn new(start: Start) -> Self {
        let mut world = World::new(Origin {
            seed: start.seed,
            epoch: start.clock.now(),
            machines: start.machines,
            dialect: start.dialect,
            initial_balance: start.initial_balance,
            rules: start.rules,
            person: start.faults.person(),
            mischief: start.faults.mischief(),
            misbilling: start.faults.misbilling(),
        });
        world.truth.later = start.clock.stretched(SLOW_FOR);
        let request_ids = stream(start.seed, "request ids");
        let inside = Inside {
            world,
            faults: start.faults,
            request_ids,
            counted: (0, 0),
            lied_at: None,
            scenario: Scenario::default(),
        };
        Self {
            inside: Arc::new(Mutex::new(inside)),
            listener: Arc::new(Mutex::new(None)),
            clock: start.clock,
            dialect: start.dialect,
            key: start.key.into(),
        }
    }

    /// Calls `listener` whenever a mutating request reaches the server, before its effect.
    pub fn on_change(&self, listener: Box<dyn FnMut(&Change) + Send>) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
    }

    pub fn with_truth<T>(&self, ask: impl FnOnce(&Truth) -> T) -> T {
        self.enter(|inside| ask(&inside.world.truth))
    }

    pub fn with_world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.enter(|inside| act(&mut inside.world))
    }

    /// A person makes a snapshot in the web console; the new id.
    pub fn hand_make(&self, machine: &str, name: &str, description: &str) -> Result<String, Refusal> {
        let (machine, name, description) = (machine.to_owned(), name.to_owned(), description.to_owned());
        let wanted = Wanted { machine, name, description, is_image: false };
        self.with_world(|world| {
            world.create(wanted, Actor::Person, Duration::ZERO).map(|snapshot| snapshot.id.clone())
        })
    }

    /// From now on it is wrong to delete it. False if there is no such snapshot; so for the next three.
    pub fn pin(&self, id: &str) -> bool {
        self.with_world(|world| world.truth.pin(id))
    }

    pub fn unpin(&self, id: &str) -> bool {
        self.with_world(|world| world.truth.unpin(id))
    }

    /// A person asks to have it deleted, whatever keeps it.
    pub fn give_up(&self, id: &str) -> bool {
        self.with_world(|world| world.truth.give_up(id))
    }

    pub fn adopt(&self, id: &str) -> bool {
        self.with_world(|world| world.truth.adopt(id))
    }

    pub fn disown(&self, id: &str) -> bool {
        self.with_world(|world| world.truth.disown(id))
    }

    pub fn set_status(&self, machine: &str, status: MachineStatus) {
        self.with_world(|world| world.set_status(machine, status));
    }

    pub fn top_up(&self, amount: Nanos) {
        self.with_world(|world| world.top_up(amount));
    }

    pub fn balance(&self) -> Nanos {
        self.with_world(|world| world.balance())
    }

    /// When the world changes next by itself.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.with_world(|world| world.next_event())
    }

    /// Lets this happen then.
    pub fn play(&self, at: Timestamp, step: Step) {
        self.enter(|inside| inside.scenario.add(at, step));
    }

    /// Hits by published code, for every class that is on in this run.
    pub fn hits(&self) -> BTreeMap<&'static str, u64> {
        self.enter(|inside| inside.faults.hits())
    }

    /// Counts a fault that the harness carried out itself.
    pub fn note_hit(&self, fault: Fault) {
        self.enter(|inside| inside.faults.hit(fault));
    }

    /// When a list last showed another account: what is concluded from it is nobody's mistake.
    pub fn lied_at(&self) -> Option<Timestamp> {
        self.enter(|inside| inside.lied_at)
    }

    /// The chance per ten thousand of a class that the harness carries out; zero in the calm.
    pub fn fault_rate(&self, fault: Fault) -> u32 {
        self.enter(|inside| inside.faults.rate(fault, inside.world.now()))
    }

    /// By how many microseconds the daemon's own clock should be wrong now.
    pub fn wished_clock_skew(&self) -> i64 {
        self.enter(|inside| inside.faults.clock_skew(inside.world.now()))
    }

    /// The key that a second daemon shows.
    pub fn rival_key(&self) -> String {
        format!("{}{RIVAL}", self.key)
    }

    /// Whose key a request shows, if it is any that this cloud accepts.
    pub(in crate::sim) fn actor(&self, headers: &HeaderMap) -> Option<Actor> {
        match front::shown_key(self.dialect, headers)?.strip_prefix(&*self.key)? {
            "" => Some(Actor::Daemon),
            RIVAL => Some(Actor::Rival),
            _ => None,
        }
    }

    pub(in crate::sim) fn enter<T>(&self, act: impl FnOnce(&mut Inside) -> T) -> T {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.advance(self.clock.now());
        let done = act(&mut inside);
        inside.count_mischief();
        done
    }

    pub(in crate::sim) fn draw_fate(&self, verb: Verb) -> Fate {
        self.enter(|inside| inside.faults.fate(verb, inside.world.now()))
    }

    pub(in crate::sim) fn tell(&self, change: &Change) {
        if let Some(listener) = self.listener.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            listener(change);
        }
    }
}

impl Inside {
    /// Eight hexadecimal digits, the next of their stream.
    pub fn request_id(&mut self) -> String {
        format!("{:08x}", self.request_ids.u32(..))
    }

    /// How many requests this minute has seen, this one included.
    pub fn count_request(&mut self, by: Option<Actor>) -> u32 {
        self.world.truth.api_calls += u64::from(by == Some(Actor::Daemon));
        let minute = self.world.now().seconds().div_euclid(60);
        if self.counted.0 != minute {
            self.counted = (minute, 0);
        }
        self.counted.1 += 1;
        self.counted.1
    }

    fn advance(&mut self, now: Timestamp) {
        while let Some((at, step)) = self.scenario.take_due(now) {
            self.world.advance(at);
            step.play(&mut self.world, &mut self.faults);
        }
        let before = self.world.hand_made();
        self.world.advance(now);
        for _ in before..self.world.hand_made() {
            self.faults.hit(Fault::HandMade);
        }
    }

    fn count_mischief(&mut self) {
        for fault in self.world.take_hits() {
            self.faults.hit(fault);
        }
    }
}
