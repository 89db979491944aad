//! The state as bytes, for a checkpoint: written and read whole, never migrated.

use super::fold_policy::{digest, schedules};
use super::state::State;

impl State {
    /// The same state gives the same bytes: every collection in it is ordered.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Only a map with keys that are no text could fail, and there is none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `None` where the bytes are not a state of this version: then the events are replayed.
    pub fn restore(bytes: &[u8]) -> Option<Self> {
        let mut state: Self = serde_json::from_slice(bytes).ok()?;
        if let Some(adopted) = &mut state.adopted {
            adopted.schedules = schedules(&adopted.set);
            adopted.digest = digest(&adopted.set);
        }
        Some(state)
    }
}
