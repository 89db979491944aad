//! A post of no consequence, for simulated time: letters get their form, and nobody gets them.
//!
//! It can fail for a while, as servers do.

use super::form::{self, Envelope};
use super::letter;
use crate::config::mail::{MailSetting, Way};
use crate::domain::alert::event::LetterTried;
use crate::domain::alert::standing::Waiting;
use crate::domain::time::{Seconds, Timestamp};
use crate::report::command::Commands;

/// After a try that failed.
const REST: Seconds = Seconds::minutes(30);

#[derive(Clone, Debug)]
pub struct Memory {
    setting: MailSetting,
    /// Nothing is taken from the one instant to the other.
    outage: Option<(Timestamp, Timestamp)>,
    rests_until: Option<Timestamp>,
}

impl Memory {
    pub fn new(outage: Option<(Timestamp, Timestamp)>) -> Self {
        let address = |name: &str| format!("{name}@example.org");
        let way = Way::Folder("/nowhere".into());
        let setting = MailSetting { from: address("quartermaster"), to: vec![address("ops")], way };
        Self { setting, outage, rests_until: None }
    }

    /// One try with one letter; nothing while it rests after a failure.
    pub fn take(&mut self, waiting: &Waiting, now: Timestamp) -> Option<LetterTried> {
        if self.rests_until.is_some_and(|until| now < until) {
            return None;
        }
        let failed = self.failure(waiting, now);
        self.rests_until = failed.is_some().then(|| now + REST);
        Some(LetterTried { letter: waiting.letter.id.clone(), failed, taken: false })
    }

    fn failure(&self, waiting: &Waiting, now: Timestamp) -> Option<String> {
        if self.outage.is_some_and(|(from, until)| (from..until).contains(&now)) {
            return Some("the simulated server says nothing".to_owned());
        }
        let letter = letter::letter(&waiting.letter, &Commands::default());
        let root = waiting.letter.root.as_ref();
        let of = Envelope { id: &waiting.letter.id, root, at: waiting.queued_at };
        form::message(&self.setting, &of, &letter).err().map(|error| error.to_string())
    }
}
