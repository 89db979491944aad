//! Planted bugs: each known mistake is caught, and it is told by which layer.
//!
//! The same seeds without any are clean, so that what is caught is the bug and not the seed.

use quartermaster::domain::policy::{Keep, Retention};
use quartermaster::planted::{Bug, plant};
use quartermaster::rehearsal::summary::Summary;

use crate::campaign::{self, DAYS, rehearse, rehearse_fleet, rehearse_keeping};

/// A rehearsal has one policy, daily in UTC, and a disk that keeps its power: it cannot show these. Each
/// has a test of its own that plants it.
const SHOWN_ELSEWHERE: [Bug; 13] = [
    Bug::CanaryNotAwaited,
    Bug::OverrideIgnoresHold,
    Bug::BlindnessEndsAlerts,
    Bug::GraceAfterEditIgnored,
    Bug::EndOfFreezeForgetsTheBound,
    Bug::RetryAfterIgnored,
    Bug::BadDateIsNow,
    Bug::NaiveSummerTime,
    Bug::JitterOnCatchUp,
    Bug::CatchUpIgnoresWindow,
    Bug::RenameForgetsSlots,
    Bug::CommitWithoutSync,
    Bug::AnswerBeforeCommit,
];

/// A bug that hides from so many seeds is not caught.
const MOST_SEEDS: u64 = 24;

/// What tells each layer's lines from those of the others; whatever is left is a wrong delete.
const LAYERS: [(&str, &str); 11] = [
    ("the audit refused", "audit"),
    ("I3:", "observer I3"),
    ("I12:", "replay I12"),
    ("I13:", "observer I13"),
    ("grace:", "observer grace"),
    ("I15:", "replay I15"),
    ("I27:", "recovery I27"),
    ("I16:", "bookkeeper I16"),
    ("a list to approve names", "truth: list to approve"),
    ("was made again for", "truth: duplicates"),
    ("", "truth: wrong delete"),
];

/// Each layer that noticed, with the first thing that it said.
fn noticed(summary: &Summary) -> Vec<(&'static str, &String)> {
    let mut noticed: Vec<(&str, &String)> = Vec::new();
    for line in &summary.violations {
        let (_, layer) = LAYERS.iter().find(|(mark, _)| line.contains(mark)).unwrap();
        if noticed.iter().all(|(known, _)| known != layer) {
            noticed.push((layer, line));
        }
    }
    noticed
}

/// How many days under which further rules show the bug; the rest of each rehearsal is the same.
fn circumstances(bug: Bug) -> (u64, Retention) {
    let none = Retention::default();
    match bug {
        // The second Sunday must be three days past.
        Bug::WeeksFromSunday => (14, Retention { keep_weekly: Some(Keep::Count(2)), ..none }),
        // A machine must have missed a night, which half a day of the reach then shows.
        Bug::WithinFromNow => (14, Retention { keep_within: "3d12h".parse().ok(), ..none }),
        _ => (DAYS, none),
    }
}

/// What this seed shows of the bug: the layers that caught it, and what the first of them said.
fn caught(bug: Bug, seed: u64) -> Option<(String, String)> {
    let (days, also) = circumstances(bug);
    let rehearse_with = || {
        plant(Some(bug));
        let outcome = rehearse_keeping(seed, days, also.clone());
        plant(None);
        outcome
    };
    let summary = match rehearse_with() {
        Ok(summary) => summary,
        Err(error) => return Some(("the run itself".to_owned(), error)),
    };
    let noticed = noticed(&summary);
    if let Some((_, line)) = noticed.first() {
        let layers: Vec<_> = noticed.iter().map(|(layer, _)| *layer).collect();
        return Some((layers.join(" and "), (*line).clone()));
    }
    let again = rehearse_with().map_or_else(|error| error, |again| again.head);
    let line = || format!("two runs of one seed ended at {:.12} and {again:.12}", summary.head);
    (again != summary.head).then(|| ("trace".to_owned(), line()))
}

#[test]
fn each_planted_bug_is_caught() {
    let mut hidden = Vec::new();
    let mut longest = 0;
    let mut controls = Vec::new();
    for bug in Bug::ALL.into_iter().filter(|bug| !SHOWN_ELSEWHERE.contains(bug)) {
        let found = (0..MOST_SEEDS).find_map(|seed| Some((seed, caught(bug, seed)?)));
        match found {
            Some((seed, (layers, line))) => {
                let dialect = campaign::dialect(seed).name();
                println!("planted bug {bug:?}: caught by {layers}: {line} (seed {seed}, {dialect})");
                longest = longest.max(seed);
                if circumstances(bug) != (DAYS, Retention::default()) {
                    controls.push((bug, seed));
                }
            }
            None => {
                println!("planted bug {bug:?}: NOT CAUGHT in {MOST_SEEDS} seeds");
                hidden.push(bug);
            }
        }
    }
    assert!(hidden.is_empty(), "not caught in seeds 0 to {}: {hidden:?}", MOST_SEEDS - 1);
    for seed in 0..=longest {
        let control = rehearse(seed, DAYS).unwrap();
        assert!(control.is_clean(), "seed {seed} is not clean without a bug: {:?}", control.violations);
    }
    for (bug, seed) in controls {
        let (days, also) = circumstances(bug);
        let control = rehearse_keeping(seed, days, also).unwrap();
        assert!(control.is_clean(), "seed {seed} is not clean without {bug:?}: {:?}", control.violations);
    }
    println!("without a bug, seeds 0 to {longest} are clean");
}

/// In a small fleet a pass deletes one thing at most; of twenty machines it deletes many.
#[test]
fn after_the_first_deletion_of_a_pass_the_list_is_read_again_in_a_large_fleet() {
    let sound = rehearse_fleet(20, 5).unwrap();
    assert!(sound.is_clean() && sound.backups_deleted >= 40, "{sound:?}");
    plant(Some(Bug::CanaryNotAwaited));
    let planted = rehearse_fleet(20, 5).unwrap();
    plant(None);
    let line = planted.violations.iter().find(|line| line.starts_with("canary:"));
    println!("planted bug CanaryNotAwaited: caught by budget: {}", line.expect("nobody noticed"));
}

#[test]
fn each_bug_that_no_rehearsal_can_show_is_planted_by_a_test_of_the_library() {
    let sources = crate::rules::all_tests();
    for bug in SHOWN_ELSEWHERE {
        let planted = [format!("plant(Some(Bug::{bug:?}))"), format!("(Bug::{bug:?}, ")];
        assert!(planted.iter().any(|text| sources.contains(text)), "nobody plants {bug:?}");
    }
}
