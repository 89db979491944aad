//! `[clock]`: a faster clock, for a simulated cloud on this machine and for nothing else.
//!
//! Against the real cloud it would be a wrong clock, and is refused.

use super::cloud::Cloud;
use super::section::{Found, Notes, Section};
use crate::domain::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSetting {
    /// Seconds that pass for each real one.
    pub scale: u32,
    /// Where the stretching begins; shared with the simulated cloud, so that both live at one time.
    pub epoch: Timestamp,
}

pub fn read(mut section: Section<'_>, cloud: &Cloud, notes: &mut Notes<'_>) -> Option<ClockSetting> {
    let scale = section.number("scale", 1..=1_000_000, notes);
    let epoch = section.instant("epoch", notes);
    if section.is_present() {
        let is_loopback = cloud.is_loopback();
        for key in ["scale", "epoch"] {
            if section.is_absent(key) {
                notes.missing(&section, key, "[clock] needs both scale and epoch");
            } else if !is_loopback && let Some(found) = section.take(key) {
                let found: Found<_> = found;
                let rule =
                    "accepted only where cloud.base_url is on this machine (localhost, 127.0.0.1, [::1])";
                notes.refuse(&found, rule);
            }
        }
    }
    section.finish(notes);
    Some(ClockSetting { scale: scale?.value, epoch: epoch?.value })
}
