//! The fold of freezes that nobody asked for: too much was lost at once, and not through us.
//!
//! Such a freeze ends like any other: by a person who thaws, or by its time.

use super::state::{Freeze, State};
use super::time::{Seconds, Timestamp};

/// So many backups of ours deleted by somebody else within an hour freeze every deletion of ours.
const FOREIGN_DELETIONS: usize = 3;
const HOUR: Seconds = Seconds::hours(1);
/// More than one machine in five lost in one look, and at least three, do so too.
const LOST_SHARE: usize = 5;
const LOST_LEAST: usize = 3;
/// How long a freeze lasts that nobody asked for.
const OWN_FREEZE: Seconds = Seconds::days(7);

impl State {
    /// One of ours is gone, and not by us; a few at once may be the beginning of more.
    pub(super) fn note_foreign_deletion(&mut self, at: Timestamp) {
        self.foreign_deletions.retain(|gone| at.since(*gone) < HOUR.duration());
        self.foreign_deletions.push(at);
        if self.foreign_deletions.len() >= FOREIGN_DELETIONS {
            self.freeze_by_itself(
                format!("{FOREIGN_DELETIONS} of our backups were deleted within an hour, and not by us"),
                at,
            );
        }
    }

    /// A complete listing of the machines, read to its end at `at`: what this one look found missing.
    /// No machine is ever deleted through us, so each of them is a loss.
    pub(super) fn weigh_machines(&mut self, at: Timestamp) {
        let known = self.fleet.machines.values();
        let (mut lost, mut there) = (0, 0);
        for machine in known {
            match machine.missing_since {
                Some(since) if since == at => lost += 1,
                Some(_) => {}
                None => there += 1,
            }
        }
        if lost >= LOST_LEAST && lost * LOST_SHARE > lost + there {
            self.freeze_by_itself(format!("{lost} of {} machines were gone at once", lost + there), at);
        }
    }

    /// What a person froze for longer stays as it is.
    fn freeze_by_itself(&mut self, reason: String, at: Timestamp) {
        let until = at + OWN_FREEZE;
        if self.frozen.as_ref().is_none_or(|freeze| !freeze.by_itself && freeze.until < until) {
            self.frozen = Some(Freeze { until, since: at, reason, by_itself: true });
        }
    }
}
