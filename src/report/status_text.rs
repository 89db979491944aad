//! The status as text for a terminal: the loud things first, then backups, then what waits.

use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::time::Duration;

use super::alarm::Alarm;
use super::asked::{Kept, Requested};
use super::failing;
use super::finding::UNTOLD;
use super::foreign::{harmless, visible};
use super::money::ranges;
use super::refused;
use super::status::{DoomStatus, OverdueStatus, ShelfStatus, Status, SuspectStatus};
use super::table::Paper;
use super::words::{SIMULATED, instant, span};
use crate::domain::cover::Lateness;
use crate::domain::time::Timestamp;

/// Rows of one list; the rest is counted, and `--json` has all.
const ROWS: usize = 40;

pub fn text(status: &Status, paper: Paper) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(status, &mut text);
    paper.wrap(&text)
}

fn write_all(status: &Status, text: &mut String) -> fmt::Result {
    if status.simulated {
        writeln!(text, "{SIMULATED}")?;
    }
    for stop in &status.stops {
        writeln!(text, "{}", stop.line())?;
    }
    for failing in status.failing_looks.iter().filter(|_| !failing::are_explained(&status.stops)) {
        writeln!(text, "LOOKS FAIL {}", failing.said())?;
    }
    if status.daemon_runs.is_none() {
        writeln!(text, "DAEMON     {UNTOLD}")?;
    }
    write_mode(status, text)?;
    if let Some(refused) = &status.refused_file {
        writeln!(text, "REFUSED    {}; {}", refused.said(), refused::until_mended(status.daemon_runs))?;
    }
    if !status.restart_needed.is_empty() {
        let settings = visible(&status.restart_needed.join(", "));
        writeln!(text, "RESTART    needed for {settings}: edited, and taken at the next start only")?;
    }
    writeln!(text, "as of      {} UTC", instant(status.now))?;
    let (hash, seq) = (status.head.hash.get(..12).unwrap_or(&status.head.hash), status.head.seq);
    writeln!(text, "journal    {hash}@{seq}")?;
    let seen = |at: Option<Timestamp>| {
        at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", span(status.now.since(at))))
    };
    let (machines, snapshots) = (seen(status.machines_seen_at), seen(status.snapshots_seen_at));
    writeln!(text, "last looks machines {machines}, snapshots {snapshots}")?;
    for (what, line) in status.money.lines(status.now) {
        writeln!(text, "{what:<11}{line}")?;
    }
    if status.images_said_absent {
        writeln!(text, "images     said to be none: that decides where the cloud does not tell")?;
    }
    if let Some(are) = &status.snapshots_are {
        writeln!(text, "snapshots  {are}")?;
    }
    // What stops everything stands at the top already.
    let stops: BTreeSet<&str> = status.stops.iter().map(|stop| stop.said.as_str()).collect();
    let others: Vec<&Alarm> =
        status.alarms.iter().filter(|alarm| !stops.contains(alarm.said.as_str())).collect();
    write_list(text, "alarms", &others, |alarm| {
        let since = alarm.since.map_or_else(String::new, |at| format!("since {}: ", instant(at)));
        // One line each: a message of the cloud's must not begin another.
        format!("{since}{}", harmless(&alarm.said).replace('\n', " "))
    })?;
    write_restarts(status, text)?;
    write_lists(status, text)
}

/// Backups first, then what is doomed, asked for, or not known.
fn write_lists(status: &Status, text: &mut String) -> fmt::Result {
    if status.mode.is_some() && status.shelves.is_empty() {
        writeln!(
            text,
            "\nbackups\n  none of a policy yet, and none was due: `check-config` shows when each runs next"
        )?;
    }
    write_list(text, "backups", &status.shelves, shelf_row)?;
    if status.good_of_no_policy > 0 {
        let title = if status.mode.is_none() && status.shelves.is_empty() { "\nbackups\n" } else { "" };
        let good = status.good_of_no_policy;
        writeln!(
            text,
            "{title}  {good} good of no policy, by hand or adopted: `snapshots list --policy none`"
        )?;
    }
    write_list(text, "doomed", &status.doomed, |doom| doom_row(doom, status.now))?;
    write_asked(status, text)?;
    write_list(text, "older than delete_after, and kept all the same", &status.overdue, overdue_row)?;
    write_list(text, "not known yet", &status.open_effects, |effect| {
        let since = span(status.now.since(effect.since));
        format!(
            "{} {} on {}, since {since}: {}",
            effect.verb,
            visible(effect.backup.as_str()),
            visible(effect.machine.as_str()),
            effect.why
        )
    })?;
    write_list(text, "looks like ours, and is not in the journal", &status.suspects, suspect_row)
}

fn suspect_row(suspect: &SuspectStatus) -> String {
    let machine = suspect.machine.as_ref().map_or_else(|| "?".to_owned(), |id| visible(id.as_str()));
    let [adopt, disown] = &suspect.commands;
    let name = visible(&suspect.name);
    format!("{name} of {machine}\n    {}\n    {}", visible(adopt), visible(disown))
}

fn overdue_row(overdue: &OverdueStatus) -> String {
    let (backup, machine) = (visible(overdue.backup.as_str()), visible(&overdue.machine_name));
    let kept_by = overdue.kept_by.join(", ");
    format!("{backup:<30} {machine:<16} older than {}; kept: {kept_by}", overdue.delete_after)
}

fn write_restarts(status: &Status, text: &mut String) -> fmt::Result {
    write_list(text, "machines that did not come back from a snapshot", &status.machines_down, |down| {
        let (machine, since) = (visible(&down.machine_name), instant(down.since));
        format!(
            "{machine:<16} {} when looked at {since}, after {}",
            visible(&down.status),
            visible(down.backup.as_str())
        )
    })
}

/// What people said, and what waits for them.
fn write_asked(status: &Status, text: &mut String) -> fmt::Result {
    write_list(text, "asked for by hand", &status.requests, request_row)?;
    write_list(text, "kept by a person", &status.kept, kept_row)?;
    write_list(text, "thawed, though it has no young backup", &status.thawed, |thawed| {
        let (machine, reason) = (visible(thawed.machine.as_str()), visible(&thawed.reason));
        format!("{machine} down to the newest {}: {reason}", thawed.keep)
    })?;
    write_list(text, "waste: nothing deletes these by itself", &status.waste, |waste| {
        let (cost, count, why) = (ranges(&waste.a_month), waste.backups.len(), visible(&waste.why));
        format!("{count} because {why}: {cost} a month at list price\n    {}", visible(&waste.command))
    })
}

fn write_mode(status: &Status, text: &mut String) -> fmt::Result {
    let Some(mode) = status.mode else {
        return writeln!(text, "mode       none yet: the daemon has not run with a configuration");
    };
    let since = status.mode_since.map_or_else(String::new, |since| format!(" since {}", instant(since)));
    writeln!(text, "mode       {}{since}", mode.word())?;
    if let Some(until) = status.soft_start_until {
        writeln!(text, "soft start until {}: nothing is deleted before, but by hand", instant(until))?;
    }
    match &status.would_go_under_enforce {
        Some(would_go) => writeln!(text, "enforce    {}", would_go.line()),
        None => Ok(()),
    }
}

fn write_list<Row>(
    text: &mut String,
    title: &str,
    rows: &[Row],
    row: impl Fn(&Row) -> String,
) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n{title}")?;
    for one in rows.iter().take(ROWS) {
        writeln!(text, "  {}", row(one))?;
    }
    match rows.len().saturating_sub(ROWS) {
        0 => Ok(()),
        more => writeln!(text, "  … and {more} more; --json has all"),
    }
}

fn shelf_row(shelf: &ShelfStatus) -> String {
    let newest = match &shelf.newest_good {
        Some(newest) => {
            let age = span(Duration::from_secs(newest.age_seconds));
            let missing = match shelf.missing {
                0 => String::new(),
                missing => format!(" ({missing} IN NO LIST any more)"),
            };
            let (good, newest) = (shelf.good, visible(newest.backup.as_str()));
            format!("{good} good{missing}, the newest {age} old ({newest})")
        }
        None if shelf.lateness == Lateness::Awaited => {
            match shelf.next_due.filter(|_| shelf.held.is_none()) {
                Some(due) => format!("none yet, due {}", instant(due)),
                None => "none yet".to_owned(),
            }
        }
        None => "NO GOOD BACKUP".to_owned(),
    };
    let held = shelf
        .held
        .as_ref()
        .map_or_else(String::new, |held| format!("; due {} and held: {}", instant(held.due), held.why));
    // A word, and no colour: whoever reads it in a file sees it too.
    let late = if shelf.lateness == Lateness::Late { "; LATE: older than it may be" } else { "" };
    let orphaned = if shelf.orphaned { "; ORPHANED: its machine is gone" } else { "" };
    format!(
        "{:<14} {:<16} {newest}{late}{held}{orphaned}",
        visible(shelf.policy.as_str()),
        visible(&shelf.machine_name)
    )
}

fn request_row(request: &Requested) -> String {
    let (backup, machine) = (visible(request.backup.as_str()), visible(request.machine.as_str()));
    let (at, waits) = (instant(request.asked_at), request.waits());
    format!("{} {backup} of {machine}, asked at {at}\n    {waits}", request.verb)
}

fn kept_row(kept: &Kept) -> String {
    let held = kept.held_until.map(|until| {
        let reason = kept.reason.as_deref().map_or_else(String::new, visible);
        format!("held until {}: {reason}", instant(until))
    });
    let pinned = kept.pinned.then(|| "pinned".to_owned());
    let why: Vec<String> = pinned.into_iter().chain(held).collect();
    format!("{:<30} {:<16} {}", visible(kept.backup.as_str()), visible(&kept.machine_name), why.join("; "))
}

fn doom_row(doom: &DoomStatus, now: Timestamp) -> String {
    let (backup, machine) = (visible(doom.backup.as_str()), visible(&doom.machine_name));
    let unheld = if now < doom.goes_after { "its time has not come" } else { "goes with the next pass" };
    let held = doom.held.as_deref().unwrap_or(unheld);
    let approved = match (doom.needs_approval, doom.approved_at) {
        (true, None) => "; needs approval",
        (true, Some(_)) => "; approved",
        (false, _) => "",
    };
    format!("{backup:<30} {machine:<16} not before {}{approved}\n    {held}", instant(doom.goes_after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::cover::covers;
    use crate::domain::event::{Event, KeyJudged, Recorded};
    use crate::domain::examples::world::World;
    use crate::domain::policy::Mode;
    use crate::domain::state::{RefusedFile, State};
    use crate::domain::time::Seconds;
    use crate::report::command::Commands;
    use crate::report::status::Source;

    #[test]
    fn an_account_that_was_never_looked_at_says_so() {
        let source = Source {
            simulated: false,
            seq: 0,
            hash: String::new(),
            last_event_at: None,
            daemon_runs: Some(true),
            commands: Commands::default(),
        };
        let mut status = Status::of(&State::default(), Timestamp::from_seconds(1_800), source);
        assert!(text(&status, Paper::default()).contains("last looks machines never, snapshots never\n"));
        status.machines_seen_at = Some(Timestamp::from_seconds(600));
        assert!(
            text(&status, Paper::default()).contains("last looks machines 20 min ago, snapshots never\n")
        );
    }

    #[test]
    fn a_key_that_the_cloud_refuses_is_told_with_its_beginning() {
        let mut state = State::default();
        let source = || Source {
            simulated: false,
            seq: 0,
            hash: String::new(),
            last_event_at: None,
            daemon_runs: Some(true),
            commands: Commands::default(),
        };
        let now = Timestamp::from_seconds(1_800);
        for (seq, status) in [(1, 401), (2, 403)] {
            let event = Event::KeyJudged(KeyJudged { refused: Some(status) });
            state.apply(&Recorded { seq, at: Timestamp::from_seconds(60 * seq as i64), event });
        }
        let told = text(&Status::of(&state, now, source()), Paper::default());
        let expected =
            "since 1970-01-01 00:01:00: the cloud refuses the key (HTTP 403); nothing is backed up";
        assert!(told.contains(expected), "{told}");
        assert!(told.contains("tells `quartermaster doctor --api`"), "a wrong header looks the same: {told}");
        state.fleet.machine_look.tried = Some(now);
        state.fleet.machine_look.broke_off = Some("the key was refused (HTTP 403)".to_owned());
        let told = text(&Status::of(&state, now, source()), Paper::default());
        assert!(!told.contains("LOOKS FAIL"), "it follows from the refused key: {told}");
        let event = Event::KeyJudged(KeyJudged { refused: None });
        state.apply(&Recorded { seq: 3, at: now, event });
        let told = text(&Status::of(&state, now, source()), Paper::default());
        assert!(!told.contains("refuses the key") && told.contains("LOOKS FAIL"), "{told}");
    }

    fn said(world: &World) -> String {
        let source = Source { simulated: true, daemon_runs: Some(true), ..Source::default() };
        text(&Status::of(&world.state, world.now, source), Paper::default())
    }

    #[test]
    fn what_is_late_is_a_word_and_no_colour() {
        let mut world = World::new(1);
        world.take_all();
        assert!(!said(&world).contains("; LATE"), "{}", said(&world));
        world.wait(Seconds::days(3));
        assert!(said(&world).contains("; LATE: older than it may be"), "{}", said(&world));
    }

    #[test]
    fn a_machine_of_a_policy_has_its_line_before_its_first_backup() {
        let mut world = World::new(1);
        let due = covers(&world.state, world.now).values().next().unwrap().expected.unwrap().next_due;
        let line = format!("none yet, due {}", instant(due.unwrap()));
        assert!(said(&world).contains(&line), "{}", said(&world));
        world.wait(Seconds::days(3));
        let told = said(&world);
        assert!(told.contains("NO GOOD BACKUP; LATE") && !told.contains("none yet"), "{told}");
        world.adopt(|set| set.mode = Mode::Observe);
        assert!(said(&world).contains("none of a policy yet"), "{}", said(&world));
    }

    #[test]
    fn where_no_daemon_is_at_work_nothing_goes_on_beside_a_refused_file() {
        let mut state = State::default();
        let faults = vec!["read the key: it is empty".to_owned()];
        let at = Timestamp::from_seconds(60);
        state.refused_file = Some(RefusedFile { file: "/etc/qm.toml".to_owned(), at, faults });
        for (runs, said) in [
            (Some(true), "it is empty; the one before goes on\n"),
            (Some(false), "it is empty; the next start is refused as long as it is so\n"),
        ] {
            let source = Source { daemon_runs: runs, ..Source::default() };
            let told = text(&Status::of(&state, at, source), Paper::default());
            assert!(told.contains(said), "{told}");
        }
    }

    #[test]
    fn the_soft_start_of_enforce_is_told_until_it_is_over() {
        let mut world = World::new(1);
        let ends = world.state.soft_start_ends().unwrap();
        world.now = ends.shifted(-1_000_000);
        assert!(
            said(&world).contains(&format!("\nsoft start until {}: ", instant(ends))),
            "{}",
            said(&world)
        );
        world.now = ends;
        assert!(!said(&world).contains("soft start"), "{}", said(&world));
    }

    #[test]
    fn what_is_in_no_list_any_more_is_said_of_each_shelf() {
        let mut world = World::new(1);
        world.take_all();
        world.take_all();
        world.cloud.snapshots.pop_first();
        world.look_at_all();
        assert!(said(&world).contains("2 good (1 IN NO LIST any more), the newest"), "{}", said(&world));
    }

    #[test]
    fn backups_of_no_policy_are_backups_too() {
        let mut world = World::new(1);
        world.take_all();
        world.state.backups.values_mut().for_each(|backup| backup.slot = None);
        assert!(said(&world).contains("\n  1 good of no policy, by hand or adopted: "), "{}", said(&world));
        world.state.shelves.clear();
        world.adopt(|set| set.mode = Mode::Observe);
        let said = said(&world);
        assert!(
            said.contains("\nbackups\n  none of a policy yet") && said.contains("1 good of no policy"),
            "{said}"
        );
    }
}
