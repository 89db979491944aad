//! When a pass reads the list again after its deletions.
//!
//! The plan puts the look behind the first deletion. Where the audit or a full disk lets that one wait, the look
//! is owed to the next: else nothing would stand between the second deletion and all that follow it.

#[derive(Default)]
pub(super) struct LookBack {
    /// A deletion went out and the list was not read since.
    is_unseen: bool,
    is_owed: bool,
}

impl LookBack {
    /// A deletion went out; whether the list is to be read now.
    pub(super) fn deleted(&mut self) -> bool {
        self.is_unseen = !self.is_owed;
        std::mem::take(&mut self.is_owed)
    }

    /// The plan wants the list to be read; whether it is to be read now.
    pub(super) fn wanted(&mut self) -> bool {
        self.is_owed = !self.is_unseen;
        std::mem::take(&mut self.is_unseen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `D` went out, `w` had to wait, `?` is the plan's wish; gives `!` for each time that the list is read.
    fn read(actions: &str) -> String {
        let mut back = LookBack::default();
        let step = |action| match action {
            'D' if back.deleted() => "D!".to_owned(),
            '?' => if back.wanted() { "!" } else { "" }.to_owned(),
            other => other.to_string(),
        };
        actions.chars().map(step).collect()
    }

    #[test]
    fn the_list_is_read_after_the_first_deletion_that_went_out_whichever_it_was() {
        assert_eq!(read("D?DD"), "D!DD");
        assert_eq!(read("w?DD"), "wD!D");
        assert_eq!(read("w?wD"), "wwD!");
        assert_eq!(read("w?"), "w");
    }

    #[test]
    fn those_by_hand_and_those_by_the_rules_each_have_their_first_look() {
        assert_eq!(read("D?DD?D"), "D!DD!D");
        assert_eq!(read("w?DD?D"), "wD!D!D");
    }
}
