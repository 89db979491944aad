//! The one letter that no journal knows: a start that cannot write tells it, once a day.
//!
//! It cannot be queued, for what cannot be written is the journal itself; it is sent at once, beside
//! everything else, and lost if it is not taken.

use std::time::Duration;

use crate::clock::Clock;
use crate::config::mail::MailSetting;
use crate::daemon::outside::Outside;
use crate::daemon::tell::chain;
use crate::domain::digest::Digest;
use crate::domain::id::LetterId;
use crate::mail::form::Envelope;
use crate::mail::letter;
use crate::mail::mailer;
use crate::report::foreign::visible;

const AGAIN_AFTER: Duration = Duration::from_secs(86_400);

pub struct Direct {
    setting: Option<MailSetting>,
    clock: Clock,
    /// In elapsed time.
    told_at: Option<Duration>,
}

impl Direct {
    pub fn new(setting: Option<MailSetting>, clock: &Clock) -> Self {
        Self { setting, clock: clock.clone(), told_at: None }
    }

    /// The start failed once more, for this.
    pub fn tell(&mut self, outside: &Outside, why: &str) {
        let elapsed = self.clock.elapsed();
        let is_due = self.told_at.is_none_or(|at| elapsed >= at + AGAIN_AFTER);
        let Some(setting) = self.setting.clone().filter(|setting| is_due && !setting.to.is_empty()) else {
            return;
        };
        self.told_at = Some(elapsed);
        let (at, letter) = (self.clock.now(), letter::degraded(why));
        outside.spawn(async move {
            let digest = Digest::of_fields(["degraded", &at.to_string()].map(str::as_bytes)).to_string();
            let id = LetterId::new(digest.get(..32).unwrap_or(&digest));
            let of = Envelope { id: &id, root: None, at };
            for to in &setting.to {
                if let Err(error) = mailer::send(&setting, &of, &letter, to).await {
                    let why = visible(&chain(&error));
                    tracing::error!(%why, "the letter about the degraded start was not taken");
                }
            }
        });
    }
}
