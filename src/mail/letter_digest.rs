//! The words of the weekly digest, which comes even when all is well.

use super::letter::Letter;
use super::letter_fact::{balance, count};
use crate::domain::alert::review::Review;
use crate::report::words::instant;

/// What one snapshot costs in a month at the printed price, at most.
const SNAPSHOT_USD_A_MONTH: u64 = 73;

pub fn subject(review: &Review) -> String {
    format!("digest: {}", summary(review))
}

pub fn letter(review: &Review) -> Letter {
    let happened = format!(
        "Since {} UTC, {} made and found good, and {} deleted. In short: {}.",
        instant(review.since),
        count(review.made_good, "1 backup was", "backups were"),
        review.deleted,
        summary(review)
    );
    let means = match review.alerts.is_empty() {
        true => "Nothing needs a person now.".to_owned(),
        false => "What goes on has its own letters, and stands in `status`.".to_owned(),
    };
    let done = format!("The mode is {}.", review.mode.word());
    let (subject, foot) = (String::new(), String::new());
    let command = "quartermaster status".to_owned();
    Letter { subject, banner: None, happened, items: items(review), means, done, command, foot }
}

fn summary(review: &Review) -> String {
    let fresh = format!("{} of {} backups are fresh", review.fresh, review.shelves);
    match review.alerts.len() as u64 {
        0 => format!("{fresh}, and all is well"),
        number => format!("{fresh}, and {}", count(number, "1 alert goes on", "alerts go on")),
    }
}

fn items(review: &Review) -> Vec<String> {
    let mut items = vec![format!(
        "{} good: at list price up to {} USD a month",
        count(review.good, "1 backup is", "backups are"),
        usd(review.good)
    )];
    items.extend(review.purses.iter().map(balance));
    let mut tell = |number: u64, what: &str, command: &str| {
        if number > 0 {
            items.push(format!("{number} {what}, up to {} USD a month: {command}", usd(number)));
        }
    };
    tell(review.doomed, "doomed, which go when their time comes", "quartermaster status");
    tell(review.awaiting_approval, "of these wait for a person", "quartermaster plan approve");
    tell(review.pinned, "pinned or held by a person", "quartermaster unpin BACKUP");
    tell(
        review.bad,
        "bad or timed out, which only a person removes",
        "quartermaster snapshots delete BACKUP",
    );
    tell(review.orphaned, "of machines that are gone", "quartermaster retention thaw MACHINE --keep 1");
    tell(review.removed, "of policies no longer in force", "quartermaster policies retire POLICY");
    tell(review.suspect, "that look like ours and are not in the journal", "quartermaster adopt SNAPSHOT");
    tell(review.foreign, "made by people, which are never touched", "quartermaster snapshots list");
    items.extend(
        review
            .alerts
            .iter()
            .map(|(matter, level)| format!("{}: {}", level.word(), matter.word().replace('_', " "))),
    );
    items
}

fn usd(snapshots: u64) -> u64 {
    snapshots.saturating_mul(SNAPSHOT_USD_A_MONTH)
}
