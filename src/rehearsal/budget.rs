//! What one pass may do: ask for no more than its budget (I25), counted on the wire and in true time; and
//! after its first deletion delete nothing else before the list was read again.
//!
//! A rate limit that the daemon overran would cost its owner every other program on the same address.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Request;
use tower::ServiceExt;
use tower::util::BoxCloneSyncService;

use crate::barrack::settings::Settings;
use crate::clock::Clock;
use crate::domain::effect::Cause;
use crate::domain::event::{Event, Recorded};
use crate::domain::fleet::{LookResult, Scope};
use crate::domain::time::{Seconds, Timestamp};
use crate::rehearsal::watch::Observer;
use crate::sim::wire::LocalWire;

const MINUTE: Seconds = Seconds(60);
/// Walks of one listing in one pass, and in one that deletes.
const WALKS: u32 = 2;
const WALKS_TO_DELETE: u32 = 6;
/// Tries of one page or object in one walk.
const TRIES: u32 = 3;
/// Where nothing else is counted of one thing, it is asked for after each action too.
const AFTER_ACTIONS: u32 = 4;

#[derive(Clone)]
pub struct Budget(Arc<Mutex<Spent>>);

struct Spent {
    truth: Clock,
    observer: Observer,
    per_minute: usize,
    /// The requests of the last minute.
    sent: VecDeque<Timestamp>,
    /// Of this pass.
    walks: BTreeMap<Scope, u32>,
    reads: BTreeMap<String, u32>,
    actions: u32,
    deletes: bool,
    canary: Canary,
}

/// The first deletion of a pass by the rules: has the list been read again since?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Canary {
    Idle,
    Sent,
    Back,
}

impl Budget {
    pub fn new(observer: Observer, truth: Clock) -> Self {
        let per_minute = Settings::default().rate_per_minute as usize;
        let (sent, walks, reads) = (VecDeque::new(), BTreeMap::new(), BTreeMap::new());
        let spent = Spent {
            truth,
            observer,
            per_minute,
            sent,
            walks,
            reads,
            actions: 0,
            deletes: false,
            canary: Canary::Idle,
        };
        Self(Arc::new(Mutex::new(spent)))
    }

    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same wire, with each request counted before it is carried.
    pub fn count(&self, wire: &LocalWire) -> LocalWire {
        let (budget, wire) = (self.clone(), wire.clone());
        BoxCloneSyncService::new(tower::service_fn(move |request: Request<Bytes>| {
            budget.lock().send(&request);
            wire.clone().oneshot(request)
        }))
    }

    pub fn recorded(&self, recorded: &Recorded) {
        let mut spent = self.lock();
        match &recorded.event {
            Event::Intended(intended) => {
                spent.actions += 1;
                spent.deletes |= !intended.effect.verb.is_create();
                if matches!(intended.effect.cause, Cause::Doom { .. }) {
                    spent.weigh_delete(recorded.at);
                }
            }
            Event::Looked(look) if look.scope == Scope::Snapshots && look.result == LookResult::Complete => {
                if spent.canary == Canary::Sent {
                    spent.canary = Canary::Back;
                }
                *spent.walks.entry(Scope::Snapshots).or_default() += 1;
            }
            Event::Looked(look)
                if matches!(look.scope, Scope::Machines | Scope::Snapshots | Scope::Images) =>
            {
                *spent.walks.entry(look.scope.clone()).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Judges the pass that ends, and begins to count anew.
    pub fn pass_ended(&self) {
        self.lock().judge();
    }

    /// A process that crashed ended no pass.
    pub fn begin_anew(&self) {
        let mut spent = self.lock();
        (spent.actions, spent.deletes, spent.canary) = (0, false, Canary::Idle);
        spent.walks.clear();
        spent.reads.clear();
    }
}

impl Spent {
    fn send(&mut self, request: &Request<Bytes>) {
        let now = self.truth.now();
        self.sent.push_back(now);
        while self.sent.front().is_some_and(|at| now.since(*at) >= MINUTE.duration()) {
            self.sent.pop_front();
        }
        if self.sent.len() > self.per_minute {
            let (sent, most) = (self.sent.len(), self.per_minute);
            self.observer.object(format!("I25: {now}: {sent} requests in a minute, and {most} are allowed"));
        }
        if request.method() == http::Method::GET {
            *self.reads.entry(request.uri().to_string()).or_default() += 1;
        }
    }

    fn weigh_delete(&mut self, at: Timestamp) {
        match self.canary {
            Canary::Idle => self.canary = Canary::Sent,
            Canary::Sent => {
                let line =
                    format!("canary: a second delete in a pass at {at}, and the list was not read again");
                self.observer.object(line);
            }
            Canary::Back => {}
        }
    }

    fn judge(&mut self) {
        let now = self.truth.now();
        let walks = if self.deletes { WALKS_TO_DELETE } else { WALKS };
        for (scope, count) in std::mem::take(&mut self.walks).into_iter().filter(|(_, count)| *count > walks)
        {
            let word = scope.word();
            self.observer
                .object(format!("I25: {now}: {word} looked at {count} times in a pass; at most {walks}"));
        }
        // Two walks prove one look where totals are missing.
        let reads = 2 * walks * TRIES + AFTER_ACTIONS * self.actions;
        for (uri, count) in std::mem::take(&mut self.reads).into_iter().filter(|(_, count)| *count > reads) {
            self.observer.object(format!("I25: {now}: {uri} read {count} times in a pass; at most {reads}"));
        }
        (self.actions, self.deletes, self.canary) = (0, false, Canary::Idle);
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::effect::{Effect, Verb};
    use crate::domain::event::Intended;
    use crate::domain::fleet::Look;
    use crate::domain::id::{BackupId, EffectId, MachineId, PolicyName, SnapshotId};
    use crate::domain::policy::Retention;
    use crate::rehearsal::setup::Setup;
    use crate::sim::dialect::Dialect;
    use crate::sim::fault_plan::FaultPlan;
    use crate::sim::probe::{cloud, epoch};

    fn setup() -> Setup {
        Setup {
            length: Seconds::days(1),
            machines: 1,
            keep_last: 1,
            also: Retention::default(),
            is_varied: false,
            seed: 1,
            faults: "none".to_owned(),
            dialect: Dialect::plain(),
            durable: false,
            directory: PathBuf::new(),
            disturbances: Vec::new(),
        }
    }

    fn budget() -> (Budget, Observer) {
        let clock = Clock::simulated(epoch());
        let observer = Observer::new(cloud("plain", FaultPlan::none(1)), clock.clone(), &setup());
        (Budget::new(observer.clone(), clock), observer)
    }

    #[tokio::test(start_paused = true)]
    async fn the_three_hundred_and_first_request_of_a_minute_is_noticed() {
        let (budget, observer) = budget();
        let wire = budget.count(&cloud("plain", FaultPlan::none(1)).local());
        for page in 0..300 {
            let request = Request::get(format!("/snapshots/?page={page}")).body(Bytes::new()).unwrap();
            budget.lock().send(&request);
        }
        assert_eq!(observer.objections().0, 0);
        drop(wire.oneshot(Request::get("/balance/").body(Bytes::new()).unwrap()).await);
        assert_eq!(observer.objections().0, 1, "{:?}", observer.objections().1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_delete_before_the_list_is_read_again_is_noticed() {
        let (budget, observer) = budget();
        let tell = |event| budget.recorded(&Recorded { seq: 1, at: epoch(), event });
        let delete = || {
            let verb = Verb::DeleteSnapshot {
                backup: BackupId::new("b"),
                machine: MachineId::new("m"),
                snapshot: SnapshotId::new("s"),
            };
            let cause = Cause::Doom { policy: PolicyName::new("daily"), seq: 1 };
            let effect = Effect { id: EffectId::new("e"), cause, verb };
            Event::Intended(Intended { effect, attempt: 1, proof: None })
        };
        let look = |result| {
            let (scope, began, digest) = (Scope::Snapshots, epoch(), Digest::default());
            Event::Looked(Look { scope, began, result, digest, items: 1, server_date: None, miscount: None })
        };
        tell(delete());
        tell(look(LookResult::Complete));
        tell(delete());
        tell(delete());
        budget.pass_ended();
        tell(delete());
        assert_eq!(observer.objections().0, 0, "{:?}", observer.objections().1);
        tell(look(LookResult::Incomplete("reset".to_owned())));
        tell(delete());
        assert_eq!(observer.objections().0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_page_read_without_end_in_a_pass_is_noticed() {
        let (budget, observer) = budget();
        let read = |times: u32| {
            for _ in 0..times {
                budget.lock().send(&Request::get("/snapshots/?page=1").body(Bytes::new()).unwrap());
            }
        };
        read(2 * WALKS * TRIES);
        budget.pass_ended();
        assert_eq!(observer.objections().0, 0);
        read(2 * WALKS * TRIES + 1);
        budget.pass_ended();
        assert_eq!(observer.objections().0, 1, "{:?}", observer.objections().1);
    }
}
