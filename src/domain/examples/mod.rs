//! What the domain promises, told as stories: a world is looked at, planned for and changed, and
//! the state comes from events alone.

mod world;
mod lives;
mod deletes;
mod shelves;
mod creates;
mod outcomes;
mod growth;
mod laws;
