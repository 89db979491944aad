//! A post of no consequence: letters are written and counted, and nobody gets them.

use super::letter;
use crate::domain::alert::event::LetterTried;
use crate::domain::alert::standing::Waiting;

#[derive(Clone, Debug, Default)]
pub struct Memory {
    pub taken: u64,
}

impl Memory {
    pub fn take(&mut self, waiting: &Waiting) -> LetterTried {
        let letter = letter::letter(&waiting.letter);
        let is_whole = !letter.subject.is_empty() && !letter.happened.is_empty();
        self.taken += u64::from(is_whole);
        let failed = (!is_whole).then(|| "it says nothing".to_owned());
        LetterTried { letter: waiting.letter.id.clone(), failed }
    }
}
