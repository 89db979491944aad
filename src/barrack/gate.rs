//! The two gates before every request: the rate that the cloud allows, and a key that it accepts.
//!
//! They only say how long to wait; nobody sleeps in here.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::planted::{Bug, is_planted};

/// The window of the cloud's own limit.
const WINDOW: Duration = Duration::from_secs(60);
/// Requests of each minute that only changes may use, so that long walks cannot starve them.
const KEPT_FOR_CHANGES: usize = 10;
/// What a `Retry-After` can make us wait; the cloud's word is taken only within these.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3_600);
/// After a 429 that does not say how long: the limit is by the minute.
const UNSAID: Duration = Duration::from_secs(60);
const FIRST_PROBE: Duration = Duration::from_secs(15 * 60);
const LAST_PROBE: Duration = Duration::from_secs(2 * 3_600);

/// One for the one host that is spoken to.
#[derive(Debug)]
pub struct RateGate {
    per_minute: usize,
    sent: VecDeque<Instant>,
    closed_until: Option<Instant>,
}

/// How long a request must wait, and for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    No,
    /// Our own budget of the minute; never longer than the minute.
    Budget(Duration),
    /// The cloud asked for it.
    Closed(Duration),
}

impl RateGate {
    pub fn new(per_minute: u32) -> Self {
        let per_minute = usize::try_from(per_minute).unwrap_or(usize::MAX).max(1);
        Self { per_minute, sent: VecDeque::new(), closed_until: None }
    }

    pub fn wait(&mut self, now: Instant, is_change: bool) -> Wait {
        if let Some(left) = self.closed_for(now) {
            return Wait::Closed(left);
        }
        while self.sent.front().is_some_and(|sent| now.duration_since(*sent) >= WINDOW) {
            self.sent.pop_front();
        }
        let kept = if is_change { 0 } else { KEPT_FOR_CHANGES.min(self.per_minute / 2) };
        let budget = self.per_minute - kept;
        match self.sent.len().checked_sub(budget).and_then(|over| self.sent.get(over)) {
            Some(sent) => Wait::Budget((*sent + WINDOW).duration_since(now)),
            None => Wait::No,
        }
    }

    pub fn note_sent(&mut self, now: Instant) {
        self.sent.push_back(now);
    }

    /// The gate of the same cloud after another one: what was sent counts, and what is closed stays so.
    pub fn go_on_from(&mut self, before: &Self) {
        self.sent.clone_from(&before.sent);
        self.closed_until = before.closed_until;
    }

    /// `asked`: what `Retry-After` came to, if it could be read.
    pub fn close(&mut self, now: Instant, asked: Option<Duration>) {
        if is_planted(Bug::RetryAfterIgnored) {
            return;
        }
        let until = now + asked.unwrap_or(UNSAID).clamp(SHORTEST, LONGEST);
        self.closed_until = self.closed_until.max(Some(until));
    }

    pub fn closed_for(&self, now: Instant) -> Option<Duration> {
        self.closed_until.filter(|until| *until > now).map(|until| until.duration_since(now))
    }
}

/// Shut by a 401, or a 403 where one cannot be; only a read that the cloud answers opens it.
#[derive(Debug, Default)]
pub struct KeyGate {
    refused: Option<Refused>,
    /// An answer showed that the cloud takes the key, and none since that it does not.
    is_accepted: bool,
}

#[derive(Debug)]
struct Refused {
    status: u16,
    pause: Duration,
    probe_at: Instant,
}

/// For alerts: the cloud does not accept the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRefused {
    pub status: u16,
    /// Until the next read is let through to try again.
    pub probe_in: Duration,
}

impl KeyGate {
    /// The pause doubles only if it was over: answers to calls already under way do not count.
    pub fn refuse(&mut self, now: Instant, status: u16) {
        let pause = match &self.refused {
            Some(refused) if now < refused.probe_at => return,
            Some(refused) => (refused.pause * 2).min(LAST_PROBE),
            None => FIRST_PROBE,
        };
        self.is_accepted = false;
        self.refused = Some(Refused { status, pause, probe_at: now + pause });
    }

    pub fn accept(&mut self) {
        self.refused = None;
        self.is_accepted = true;
    }

    pub fn is_accepted(&self) -> bool {
        self.is_accepted
    }

    pub fn refused(&self, now: Instant) -> Option<KeyRefused> {
        let refused = self.refused.as_ref()?;
        Some(KeyRefused { status: refused.status, probe_in: refused.probe_at.saturating_duration_since(now) })
    }

    /// A change is never the probe.
    pub fn is_shut(&self, now: Instant, is_change: bool) -> bool {
        self.refused(now).is_some_and(|refused| is_change || !refused.probe_in.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_budget_leaves_in_any_minute_and_changes_have_some_left() {
        let (mut gate, start) = (RateGate::new(30), Instant::now());
        for second in 0..20 {
            assert_eq!(gate.wait(start + Duration::from_secs(second), false), Wait::No);
            gate.note_sent(start + Duration::from_secs(second));
        }
        let now = start + Duration::from_secs(20);
        assert_eq!(gate.wait(now, false), Wait::Budget(Duration::from_secs(40)));
        assert_eq!(gate.wait(now, true), Wait::No);
        (0..10).for_each(|_| gate.note_sent(now));
        assert_eq!(gate.wait(now, true), Wait::Budget(Duration::from_secs(40)));
        let last = start + WINDOW - Duration::from_nanos(1);
        assert_eq!(gate.wait(last, true), Wait::Budget(Duration::from_nanos(1)));
        assert_eq!(gate.wait(start + WINDOW, true), Wait::No);
    }

    #[test]
    fn a_gate_that_follows_another_goes_on_where_that_one_stood() {
        let (mut before, now) = (RateGate::new(30), Instant::now());
        (0..30).for_each(|_| before.note_sent(now));
        let mut after = RateGate::new(40);
        after.go_on_from(&before);
        assert_eq!(after.wait(now, false), Wait::Budget(WINDOW));
        assert_eq!(after.wait(now, true), Wait::No, "ten more are allowed now");
        before.close(now, Some(Duration::from_secs(90)));
        after.go_on_from(&before);
        assert_eq!(after.wait(now, true), Wait::Closed(Duration::from_secs(90)));
    }

    #[test]
    fn the_cloud_is_believed_between_a_second_and_an_hour() {
        let now = Instant::now();
        for (asked, waits) in [(Some(0), 1), (Some(7), 7), (Some(999_999), 3_600), (None, 60)] {
            let mut gate = RateGate::new(300);
            gate.close(now, asked.map(Duration::from_secs));
            assert_eq!(gate.wait(now, true), Wait::Closed(Duration::from_secs(waits)));
            assert_eq!(gate.wait(now + Duration::from_secs(waits), true), Wait::No);
        }
    }

    #[cfg(feature = "planted-bugs")]
    #[test]
    fn a_retry_after_that_closes_nothing_is_noticed() {
        use crate::planted::plant;
        let (mut gate, now) = (RateGate::new(300), Instant::now());
        plant(Some(Bug::RetryAfterIgnored));
        gate.close(now, Some(Duration::from_secs(90)));
        plant(None);
        assert_eq!(gate.wait(now, true), Wait::No);
    }

    #[test]
    fn a_refused_key_is_tried_again_after_pauses_that_double_up_to_two_hours() {
        let (mut gate, mut now, mut minutes) = (KeyGate::default(), Instant::now(), Vec::new());
        for _ in 0..5 {
            gate.refuse(now, 401);
            let pause = gate.refused(now).unwrap().probe_in;
            assert!(gate.is_shut(now, false));
            minutes.push(pause.as_secs() / 60);
            now += pause;
            assert!(!gate.is_shut(now, false) && gate.is_shut(now, true));
        }
        assert_eq!(minutes, [15, 30, 60, 120, 120]);
        gate.accept();
        assert!(!gate.is_shut(now, true));
    }
}
