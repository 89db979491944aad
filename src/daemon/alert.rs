//! The last step of a pass: what a person should know by now is written down, and letters go their way.
//!
//! What to tell the domain says. Here a letter is handed over, and each try is written down.

use std::time::Duration;

use crate::daemon::engine::{Engine, Trouble};
use crate::daemon::post::Post;
use crate::daemon::room::Room;
use crate::domain::alert::event::LetterTried;
use crate::domain::alert::{Sight, alert};
use crate::domain::event::Event;

/// How often each backup is looked at for what a person should know.
const THOROUGH_EVERY: Duration = Duration::from_secs(600);

impl Engine {
    /// How letters leave from now on.
    pub fn post_by(&mut self, post: Post) {
        self.post = post;
    }

    /// After the holds of the plan that this pass was made by are kept.
    pub(super) async fn alert(&mut self) -> Result<(), Trouble> {
        self.take_tries().await?;
        let elapsed = self.clock.elapsed();
        let is_thorough = self.thorough_at.is_none_or(|at| elapsed >= at + THOROUGH_EVERY);
        if is_thorough {
            self.thorough_at = Some(elapsed);
        }
        let head = self.journal.head();
        let head = format!("{}@{}", head.hash.short(), head.seq);
        let is_room_low = self.room.as_mut().is_some_and(Room::is_low);
        let sight = Sight { holds: &self.holds, head: &head, is_room_low, is_thorough };
        let events = alert(&self.state, self.clock.now(), &sight);
        self.record(events).await?;
        self.hand_over().await
    }

    /// The tries that were made since the last call. Between any two calls of a pass.
    pub(super) async fn take_tries(&mut self) -> Result<(), Trouble> {
        let tries = self.post.tries();
        // Who sent them will not tell them again.
        self.record_or_keep(tries.into_iter().map(Event::LetterTried).collect()).await
    }

    /// Letters that wait go out, or whoever sends them is told of them.
    async fn hand_over(&mut self) -> Result<(), Trouble> {
        let mut tries: Vec<LetterTried> = Vec::new();
        if let Post::Memory(memory) = &mut self.post {
            let now = self.clock.now();
            tries.extend(self.state.alerts.waiting.values().filter_map(|waiting| memory.take(waiting, now)));
        }
        self.record(tries.into_iter().map(Event::LetterTried).collect()).await?;
        self.post.show(&self.state);
        Ok(())
    }
}
