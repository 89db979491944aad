//! The daemon's own series: mode, passes, journal, and what stops it.

use super::families::{Families, flag, seconds};
use super::{Scrape, names};
use crate::domain::policy::Mode;

pub fn tell(scrape: &Scrape<'_>, families: &mut Families) {
    let Scrape { state, now, process, .. } = scrape;
    families.tell(&names::BUILD_INFO, [([env!("CARGO_PKG_VERSION")], 1.0)]);
    let mode = state.mode();
    let modes = [Mode::Observe, Mode::Protect, Mode::Enforce];
    families.tell(&names::MODE, modes.map(|one| ([one.word()], flag(one == mode))));
    families.tell_one(&names::PASSES, process.passes as f64);
    families.tell_one(&names::LAST_PASS, seconds(process.last_pass));
    families.tell_one(&names::JOURNAL_EVENTS, state.counters.events as f64);
    families.tell_one(&names::JOURNAL_SIZE, process.journal_bytes as f64);
    families.tell(&names::JOURNAL_HEAD, [([process.head.as_str()], 1.0)]);
    families.tell_one(&names::ANOMALIES, state.counters.anomalies as f64);
    families.tell_one(&names::OBJECTIONS, process.objections as f64);
    let is_frozen = state.frozen.as_ref().is_some_and(|freeze| *now < freeze.until);
    families.tell_one(&names::FROZEN, flag(is_frozen));
    families.tell_one(&names::PAUSED, flag(state.paused(*now).is_some()));
    families.tell_one(&names::KEY_REFUSED, flag(state.key_refused.is_some()));
    families.tell_one(&names::CONFIGURATION_REFUSED, flag(state.refused_file.is_some()));
}
