//! Progress of long work: one line on standard error that is written over, on a terminal only.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};

use crate::cli::screen;

/// Steps of the bar, which is as wide as this.
const STEPS: u64 = 30;

pub struct Progress {
    what: &'static str,
    whole: u64,
    /// The step that is shown; `None`: nobody is there to see one.
    shown: Cell<Option<u64>>,
}

impl Progress {
    /// Nothing is shown before the first step is done: short work shows no bar at all.
    pub fn start(what: &'static str, whole: u64) -> Self {
        let is_seen = io::stderr().is_terminal() && !screen::is_dumb();
        Self { what, whole: whole.max(1), shown: Cell::new(is_seen.then_some(0)) }
    }

    pub fn reached(&self, done: u64) {
        let Some(shown) = self.shown.get() else { return };
        let step = done.min(self.whole).saturating_mul(STEPS) / self.whole;
        if step <= shown {
            return;
        }
        self.shown.set(Some(step));
        let bar = "█".repeat(usize::try_from(step).unwrap_or(0));
        let rest = "░".repeat(usize::try_from(STEPS - step).unwrap_or(0));
        let percent = done.min(self.whole).saturating_mul(100) / self.whole;
        // If nobody can read it, nothing is lost.
        drop(write!(io::stderr(), "\r{bar}{rest} {percent:>3} % {}", self.what));
        drop(io::stderr().flush());
    }
}

impl Drop for Progress {
    /// The line is free again for whatever comes after it.
    fn drop(&mut self) {
        if self.shown.get().is_some_and(|step| step > 0) {
            drop(write!(io::stderr(), "\r\u{1b}[K"));
            drop(io::stderr().flush());
        }
    }
}
