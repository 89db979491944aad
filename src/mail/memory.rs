//! A post of no consequence, for simulated time: letters get their form, and nobody gets them.

use super::form::{self, Envelope};
use super::letter;
use crate::config::mail::{MailSetting, Way};
use crate::domain::alert::event::LetterTried;
use crate::domain::alert::standing::Waiting;

#[derive(Clone, Debug)]
pub struct Memory {
    setting: MailSetting,
}

impl Default for Memory {
    fn default() -> Self {
        let address = |name: &str| format!("{name}@example.org");
        let way = Way::Folder("/nowhere".into());
        Self { setting: MailSetting { from: address("quartermaster"), to: vec![address("ops")], way } }
    }
}

impl Memory {
    pub fn take(&mut self, waiting: &Waiting) -> LetterTried {
        let letter = letter::letter(&waiting.letter);
        let root = waiting.letter.root.as_ref();
        let of = Envelope { id: &waiting.letter.id, root, at: waiting.queued_at };
        let failed = form::message(&self.setting, &of, &letter).err().map(|error| error.to_string());
        LetterTried { letter: waiting.letter.id.clone(), failed }
    }
}
