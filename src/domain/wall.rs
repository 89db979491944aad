//! The wall clock, as far as it can be believed.
//!
//! It is sane when it agreed with the server's `Date` in two looks running or, where the cloud gives
//! none, when two looks passed without a step. Only sane clocks delete.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::{Seconds, Timestamp};

/// What is late is not told for at most this long: a proxy's wrong date may never be mended.
const DOUBT_HOLDS_AGES: Seconds = Seconds::hours(2);
/// Creates wait at most this long for a step to be confirmed.
const STEP_HOLDS_CREATES: Seconds = Seconds::minutes(30);
const LOOKS_THAT_CONVINCE: u8 = 2;
/// After so many answers without a date the cloud is one that gives none.
const SILENCE_THAT_COUNTS: u8 = 10;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallCheck {
    /// Steps so far.
    pub epoch: u32,
    /// Looks in a row that agreed.
    agreeing: u8,
    /// Complete looks in a row that gave no date, after one that did.
    silent: u8,
    /// Our clock less the server's at the last look that gave a date, in microseconds.
    pub offset_micros: Option<i64>,
    /// An unconfirmed step: when it was noticed.
    stepped_at: Option<Timestamp>,
    /// Since when it is not sane, across restarts and steps.
    unsure_since: Option<Timestamp>,
    /// The offset that the process before this one knew, until this one has its own.
    offset_before: Option<i64>,
    /// By how many microseconds the offset changed across the restart, if by more than clocks may
    /// differ.
    pub unseen_step: Option<i64>,
}

impl WallCheck {
    pub fn looked(&mut self, at: Timestamp, server_date: Option<Timestamp>, skew: Seconds) {
        match server_date {
            Some(date) => {
                self.silent = 0;
                let offset = at.micros() - date.micros();
                let bound = skew.duration().as_micros();
                let changed = |before: i64| u128::from(offset.abs_diff(before)) > bound;
                let before = self.offset_before.take().filter(|before| changed(*before));
                if let Some(before) = before {
                    self.unseen_step = Some(offset.saturating_sub(before));
                }
                self.offset_micros = Some(offset);
                // A date has whole seconds, and was written a little before it was read.
                let agrees = at.distance(date) <= skew.duration();
                self.agreeing = if agrees { (self.agreeing + 1).min(LOOKS_THAT_CONVINCE) } else { 0 };
            }
            None if self.offset_micros.is_none() => {
                self.agreeing = (self.agreeing + 1).min(LOOKS_THAT_CONVINCE);
            }
            None => {
                self.silent = self.silent.saturating_add(1);
                if self.silent >= SILENCE_THAT_COUNTS {
                    (self.offset_micros, self.offset_before, self.silent) = (None, None, 0);
                }
            }
        }
        if self.is_sane() {
            (self.stepped_at, self.unsure_since) = (None, None);
        } else {
            self.unsure_since.get_or_insert(at);
        }
    }

    pub fn stepped(&mut self, by_micros: i64, at: Timestamp) {
        self.epoch += 1;
        self.agreeing = 0;
        // A step seen by comparing offsets is in them already.
        if self.unseen_step.take().is_none() {
            let moved = |offset: i64| offset.saturating_add(by_micros);
            self.offset_micros = self.offset_micros.map(moved);
            self.offset_before = self.offset_before.map(moved);
            self.unsure_since = self.unsure_since.map(|since| since.shifted(by_micros));
        }
        self.unsure_since = Some(self.unsure_since.map_or(at, |since| since.min(at)));
        self.stepped_at = Some(at);
    }

    /// Nothing is believed across a restart until the looks agree again.
    pub fn started(&mut self, at: Timestamp) {
        self.agreeing = 0;
        self.unsure_since.get_or_insert(at);
        self.offset_before = self.offset_micros;
    }

    pub fn is_sane(&self) -> bool {
        self.agreeing == LOOKS_THAT_CONVINCE
    }

    pub fn lets_judge_ages(&self, now: Timestamp) -> bool {
        self.is_sane()
            || self.unsure_since.is_some_and(|since| now.since(since) >= DOUBT_HOLDS_AGES.duration())
    }

    /// By how much the cloud's clock contradicts ours, and since when ours is not sure.
    pub fn disagreement(&self, skew: Seconds) -> Option<(Duration, Option<Timestamp>)> {
        let apart = Duration::from_micros(self.offset_micros?.unsigned_abs());
        (!self.is_sane() && apart > skew.duration()).then_some((apart, self.unsure_since))
    }

    pub fn lets_create(&self, now: Timestamp) -> bool {
        self.stepped_at.is_none_or(|at| now.since(at) >= STEP_HOLDS_CREATES.duration())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SKEW: Seconds = Seconds::minutes(2);

    fn minute(count: i64) -> Timestamp {
        Timestamp::from_seconds(1_772_330_400 + 60 * count)
    }

    #[test]
    fn one_look_that_agrees_convinces_nobody_and_two_in_a_row_do() {
        let mut wall = WallCheck::default();
        let mut looked = |at: i64, off_by: i64| {
            wall.looked(minute(at), Some(minute(at + off_by)), SKEW);
            wall.is_sane()
        };
        assert_eq!([looked(0, 0), looked(1, 2)], [false, true]);
        assert_eq!([looked(2, 3), looked(3, 0), looked(4, -2)], [false, false, true]);
        wall.stepped(3_600_000_000, minute(70));
        assert!(!wall.is_sane());
        wall.looked(minute(71), Some(minute(71)), SKEW);
        assert!(!wall.is_sane());
        wall.looked(minute(72), Some(minute(72)), SKEW);
        assert!(wall.is_sane());
    }

    #[test]
    fn a_cloud_that_gives_no_date_any_more_is_taken_for_one_that_gives_none_after_ten_looks() {
        let mut wall = WallCheck::default();
        wall.looked(minute(0), Some(minute(9)), SKEW);
        for at in 1..=9 {
            wall.looked(minute(at), None, SKEW);
        }
        assert!(wall.offset_micros.is_some() && !wall.is_sane());
        for at in 10..=12 {
            wall.looked(minute(at), None, SKEW);
        }
        assert!(wall.offset_micros.is_none() && wall.is_sane());
    }

    #[test]
    fn a_step_holds_creates_for_half_an_hour_and_a_doubt_holds_ages_for_two_to_the_second() {
        let mut wall = WallCheck::default();
        wall.stepped(0, minute(0));
        let at = |seconds: u64| minute(0) + Seconds(seconds);
        assert_eq!([1_799, 1_800].map(|after| wall.lets_create(at(after))), [false, true]);
        assert_eq!([7_199, 7_200].map(|after| wall.lets_judge_ages(at(after))), [false, true]);
    }
}
