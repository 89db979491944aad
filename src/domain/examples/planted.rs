//! Planted bugs that a story tells: the story passes without the bug, and fails with it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{credits, hands, holds, proofs};
use crate::planted::{Bug, plant};

/// What each of them breaks, people do too seldom in a rehearsal.
const STORIES: [(Bug, fn()); 5] = [
    (Bug::OverrideIgnoresHold, hands::no_override_reaches_a_hold),
    (Bug::GraceAfterEditIgnored, holds::a_doom_soon_after_an_edit_waits_longer),
    (Bug::EndOfFreezeForgetsTheBound, holds::after_a_freeze_that_ran_out_a_few_go_on_and_many_wait),
    (Bug::BlindnessEndsAlerts, credits::no_level_is_left_because_the_balance_cannot_be_read),
    (Bug::ProofOfAnotherShelf, proofs::each_proof_derives_again_from_the_journal),
];

#[test]
fn each_bug_of_a_story_is_told_by_it() {
    for (bug, story) in STORIES {
        story();
        plant(Some(bug));
        let told = catch_unwind(AssertUnwindSafe(story));
        plant(None);
        assert!(told.is_err(), "its story passes with {bug:?}");
    }
}
