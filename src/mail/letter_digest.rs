//! The words of the weekly digest, which comes even when all is well.

use super::letter::Letter;
use super::letter_fact::{balance, count, printed_price};
use crate::domain::alert::review::Review;
use crate::domain::policy::Mode;
use crate::report::command::Commands;
use crate::report::words::instant;

pub fn subject(review: &Review) -> String {
    format!("digest: {}", summary(review))
}

pub fn letter(review: &Review, commands: &Commands) -> Letter {
    let happened = format!(
        "Since {} UTC, {} made and found good, and {} deleted. In short: {}.",
        instant(review.since),
        count(review.made_good, "1 backup was", "backups were"),
        review.deleted,
        summary(review)
    );
    let goes_on = "What goes on has its own letters, and stands in `status`.";
    let means = match (review.alerts.is_empty(), decisions(review).is_empty()) {
        (true, true) => "Nothing needs a person now.".to_owned(),
        (false, true) => goes_on.to_owned(),
        (true, false) => format!("Only a person decides of {}.", decisions(review)),
        (false, false) => format!("{goes_on} Only a person decides of {}.", decisions(review)),
    };
    let done = format!("The mode is {}.", review.mode.word());
    let (subject, foot) = (String::new(), String::new());
    let command = commands.verb("status");
    Letter { subject, banner: None, happened, items: items(review, commands), means, done, command, foot }
}

fn summary(review: &Review) -> String {
    let mut said = vec![match review.shelves {
        0 if review.mode == Mode::Observe => "no policy backs anything up".to_owned(),
        of_all => format!("{} of {of_all} backups are fresh", review.fresh),
    }];
    let mut tell = |number: u64, one: &str, many: &str| {
        if number > 0 {
            said.push(count(number, one, many));
        }
    };
    tell(review.late, "1 is late", "are late");
    tell(review.asleep, "1 waits for a machine that is off", "wait for machines that are off");
    tell(review.awaited, "1 is a first one and not late", "are first ones and not late");
    tell(review.alerts.len() as u64, "1 alert goes on", "alerts go on");
    tell(review.awaiting_approval, "1 deletion waits for a person", "deletions wait for a person");
    tell(review.suspect, "1 snapshot only looks like ours", "snapshots only look like ours");
    match said.split_last() {
        Some((last, before @ [_, ..])) => format!("{}, and {last}", before.join(", ")),
        Some(_) | None => format!("{}, and all is well", said.concat()),
    }
}

/// What waits for a person, though it may be no alert; nothing if nothing does.
fn decisions(review: &Review) -> String {
    let deletions = (review.awaiting_approval > 0)
        .then(|| count(review.awaiting_approval, "the deletion that waits", "deletions that wait"));
    let suspects = (review.suspect > 0)
        .then(|| count(review.suspect, "the snapshot that looks like ours", "snapshots that look like ours"));
    deletions.into_iter().chain(suspects).collect::<Vec<_>>().join(" and of ")
}

fn items(review: &Review, commands: &Commands) -> Vec<String> {
    let mut items = vec![format!(
        "{} good, {}",
        count(review.good, "1 backup is", "backups are"),
        printed_price(review.good)
    )];
    items.extend(review.purses.iter().map(balance));
    let mut tell = |number: u64, what: &str, command: String| {
        if number > 0 {
            items.push(format!("{number} {what}, {}: {command}", printed_price(number)));
        }
    };
    tell(review.doomed, "doomed, which go when their time comes", commands.verb("status"));
    tell(review.awaiting_approval, "of these wait for a person", commands.of("plan approve", "--all"));
    let or_release = commands.of("release", "--reason WHY BACKUP");
    let unpin = format!("{}, or {or_release}", commands.of("unpin", "BACKUP"));
    tell(review.pinned, "pinned or held by a person", unpin);
    tell(
        review.bad,
        "bad or timed out, which only a person removes",
        commands.of("snapshots delete", "BACKUP"),
    );
    tell(
        review.orphaned,
        "of machines that are gone",
        commands.of("retention thaw", "MACHINE --keep 1 --reason \"it is gone\""),
    );
    tell(review.removed, "of policies no longer in force", commands.of("policies retire", "POLICY"));
    tell(review.suspect, "that look like ours and are not in the journal", commands.of("adopt", "SNAPSHOT"));
    tell(review.foreign, "made by people, which are never touched", commands.verb("snapshots list"));
    items.extend(
        review
            .alerts
            .iter()
            .map(|(matter, level)| format!("{}: {}", level.word(), matter.word().replace('_', " "))),
    );
    items
}
