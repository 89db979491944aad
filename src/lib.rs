//! Quartermaster looks after the backups and the credits of one Barrack AI account.
//!
//! The map, in reading order:
//!
//! - [`domain`]: what is true, what follows, what to do. Pure. `event` is the past, `state` its fold,
//!   `plan` proposes, `audit` judges, `evidence` says what became of an open request.
//! - [`journal`]: the append-only, chained store of events.
//! - [`config`]: the file, with every fault told at once; [`report`]: the state in words.
//! - [`mail`]: letters, in words and on their way.
//! - [`metrics`]: the state as series, at each scrape.
//! - [`http`]: the port, which shows what was published and changes nothing.
//! - [`barrack`]: the client of the cloud's API; answers are data.
//! - [`daemon`]: one thread that looks, records, plans, audits and performs; `daemon::pass` is all of it.
//! - [`sim`]: the cloud in a box, which lies, and the truth about what was done to it.
//! - [`rehearsal`]: the daemon in that box, in simulated time, judged by the truth.
//! - [`cli`]: the verbs.
//!
//! What must hold, numbered as in `docs/rules.md`:
//!
//! - deletion: I1 no automatic delete leaves fewer than `min_good` good backups; I2 nothing pinned, held,
//!   linked, pending, foreign, disputed or unknown is deleted; I3 an incomplete or stale look deletes
//!   nothing; I4 failing creation freezes retention; I10 caps hold across restarts and clock steps; I12 every
//!   kept and every deleted backup has a reason, each delete a proof that derives again.
//! - retention: I5 a keep rule, a hold or a check more never adds a victim; I6 a plan is a function of state
//!   and time; I7 what was kept is kept again; I8 a bad backup never changes the fate of a good one.
//! - slots: I9 one slot, at most one backup; I11 in any zone every fixed slot is finally decided once.
//! - the journal: I13 every change has its intent in it before; I14 acknowledged events survive; I15 replay
//!   equals live state; I16 the sum of a record's deltas is its last cost, currencies never mix, counters
//!   never fall.
//! - people: I18 the key appears nowhere; I19 it goes to the configured host only; I20 no alert level is left
//!   because data is missing; I21 each letter is sent at least once, under the same id each time.
//! - the whole: I22 memory is bounded by the fleet, not by age; I23 no input panics; I24 a stalled scheduler
//!   or mail server never stops a pass; I25 a pass asks for no more than its budget; I26 the same seed gives
//!   the same trace; I27 after faults end, all is well again. I17 is of the drills to come.

pub mod planted;
pub mod clock;
pub mod domain;
pub mod journal;
pub mod config;
pub mod report;
pub mod metrics;
pub mod http;
pub mod barrack;
pub mod mail;
pub mod daemon;
pub mod sim;
pub mod rehearsal;
pub mod cli;
