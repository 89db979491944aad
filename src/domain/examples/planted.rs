//! Planted bugs that a story tells: the story passes without the bug, and fails with it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{hands, holds, proofs};
use crate::planted::{Bug, plant};

/// The story that each of them breaks.
fn story(bug: Bug) -> Option<(&'static str, fn())> {
    match bug {
        Bug::OverrideIgnoresHold => {
            Some(("no_override_reaches_a_hold", hands::no_override_reaches_a_hold as fn()))
        }
        Bug::GraceAfterEditIgnored => {
            Some(("a_doom_soon_after_an_edit_waits_longer", holds::a_doom_soon_after_an_edit_waits_longer))
        }
        Bug::EndOfFreezeForgetsTheBound => Some((
            "after_a_freeze_that_ran_out_a_few_go_on_and_many_wait",
            holds::after_a_freeze_that_ran_out_a_few_go_on_and_many_wait,
        )),
        Bug::ProofOfAnotherShelf => Some((
            "each_proof_derives_again_from_the_journal",
            proofs::each_proof_derives_again_from_the_journal,
        )),
        _ => None,
    }
}

#[test]
fn each_bug_of_a_story_is_told_by_it() {
    for bug in Bug::ALL.into_iter().filter(|bug| bug.is_told_by_a_story()) {
        let (name, story) = story(bug).unwrap_or_else(|| panic!("{bug:?} has no story"));
        story();
        plant(Some(bug));
        let told = catch_unwind(AssertUnwindSafe(story));
        plant(None);
        assert!(told.is_err(), "{bug:?}: {name} passes with it");
    }
}
