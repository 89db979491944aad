//! What a rehearsal's people are told: never a storm, each worsening of a balance at once, and in the
//! end every letter.

use std::cell::RefCell;
use std::rc::Rc;

use crate::clock::Clock;
use crate::domain::alert::event::{AlertChanged, Content};
use crate::domain::alert::matter::Matter;
use crate::domain::event::{Event, Recorded};
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::rehearsal::watch::Observer;

const DAY: Seconds = Seconds::hours(24);
/// More than one in half an hour, day and night, is a storm.
const MOST_A_DAY: usize = 48;
/// What was queued so shortly before the end may still wait.
const LAST: Seconds = Seconds::hours(1);

#[derive(Clone)]
pub struct ToldWatch(Rc<RefCell<Told>>);

struct Told {
    observer: Observer,
    /// The true time.
    truth: Clock,
    letters: Vec<Timestamp>,
    is_storm_told: bool,
    /// A balance that became worse: the next event must be its letter.
    worse: Option<Matter>,
}

impl ToldWatch {
    pub fn new(observer: &Observer, truth: &Clock) -> Self {
        let (observer, truth) = (observer.clone(), truth.clone());
        let told = Told { observer, truth, letters: Vec::new(), is_storm_told: false, worse: None };
        Self(Rc::new(RefCell::new(told)))
    }

    pub fn recorded(&self, state: &State, recorded: &Recorded) {
        let mut told = self.0.borrow_mut();
        if let Some(matter) = told.worse.take() {
            let is_told = matches!(&recorded.event, Event::LetterQueued(letter)
                if matches!(&letter.content, Content::Alert(news) if news.matter == matter));
            if !is_told {
                told.observer.object(format!("letters: {} became worse, and nobody was told", matter.word()));
            }
        }
        match &recorded.event {
            Event::AlertChanged(changed) if is_worse(state, changed) => told.worse = Some(changed.matter),
            Event::LetterQueued(_) => told.count(),
            _ => {}
        }
    }

    /// At the end of the calm.
    pub fn judge(&self, state: &State, now: Timestamp) {
        let told = self.0.borrow();
        let alerts = &state.alerts;
        let waiting = alerts.waiting.len() as u64;
        let old = alerts.waiting.values().filter(|one| now.since(one.queued_at) > LAST.duration()).count();
        if old > 0 || alerts.queued != alerts.sent + waiting {
            let (queued, sent) = (alerts.queued, alerts.sent);
            told.observer
                .object(format!("I21: of {queued} letters {sent} were sent and {old} wait for long"));
        }
    }
}

impl Told {
    fn count(&mut self) {
        let now = self.truth.now();
        self.letters.retain(|at| now.since(*at) < DAY.duration());
        self.letters.push(now);
        if self.letters.len() > MOST_A_DAY && !self.is_storm_told {
            self.is_storm_told = true;
            self.observer.object(format!("letters: more than {MOST_A_DAY} within a day, at {now}"));
        }
    }
}

fn is_worse(state: &State, changed: &AlertChanged) -> bool {
    let Some(active) = state.alerts.active.get(&changed.matter) else { return false };
    let is_balance = matches!(changed.matter, Matter::Balance(_));
    is_balance && active.told.as_ref().is_none_or(|told| told.level < active.level)
}
