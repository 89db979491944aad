//! What the domain promises, told as stories: a world is looked at, planned for and changed, and
//! the state comes from events alone.

pub mod world;
mod lives;
mod losses;
mod reuse;
mod ready;
mod deletes;
mod caps;
mod lists;
mod steps;
mod disowned;
mod holds;
mod hands;
mod lapses;
mod asked;
mod made;
mod runs;
mod missing;
mod money;
mod named;
mod proofs;
#[cfg(feature = "planted-bugs")]
mod planted;
mod sights;
mod shelves;
mod kept;
mod creates;
mod timings;
mod selections;
mod renames;
mod downtimes;
mod outcomes;
mod growth;
mod tolerance;
mod waits;
mod spans;
mod doubts;
mod refusals;
pub mod alerts;
mod digests;
mod credits;
mod history;
mod laws;
