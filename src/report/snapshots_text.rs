//! The snapshots as text: a table, or one for each group, and one snapshot in full.

use std::collections::BTreeMap;

use super::foreign::visible;
use super::snapshots::{SnapshotShown, Snapshots, Whose, fate};
use super::table::{Cell, Paper, Table, Tone};
use super::words::{count, instant, size};
use crate::domain::time::Timestamp;

/// By what a list is parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    Region,
    Machine,
    Policy,
    State,
}

pub fn text(found: &Snapshots, group_by: Option<GroupBy>, paper: Paper) -> String {
    let totals = &found.totals;
    let mut text = String::new();
    match group_by {
        None => text.push_str(&table(&mut found.snapshots.iter(), paper)),
        Some(by) => {
            let mut groups: BTreeMap<String, Vec<&SnapshotShown>> = BTreeMap::new();
            for one in &found.snapshots {
                groups.entry(group(one, by)).or_default().push(one);
            }
            for (name, members) in groups {
                let bytes = members.iter().filter_map(|one| one.size_bytes).fold(0, i64::saturating_add);
                text.push_str(&paper.title(&format!("{name}: {}, {}", members.len(), size(bytes))));
                text.push_str(&table(&mut members.into_iter(), paper));
            }
        }
    }
    if found.matching == 0 {
        text.push_str("none\n");
    }
    if found.snapshots.len() < found.matching {
        text.push_str(&format!(
            "  … {} of {} are shown; --limit shows more\n",
            found.snapshots.len(),
            found.matching
        ));
    }
    if let Some(among) = found.among {
        text.push_str(&format!("\n{} of {among} match", found.matching));
    }
    text.push_str(&paper.wrap(&format!(
        "\n{}, {} in all; {} restorable; {} can be snapshotted now\n{} ours, {} suspect, {} of others\n",
        count(totals.snapshots, "snapshot", "snapshots"),
        size(totals.storage_bytes),
        totals.restorable,
        count(totals.eligible_machines, "machine", "machines"),
        totals.ours,
        totals.suspect,
        totals.foreign
    )));
    text
}

fn group(one: &SnapshotShown, by: GroupBy) -> String {
    let named =
        |name: &str, otherwise: &str| if name.is_empty() { otherwise.to_owned() } else { visible(name) };
    match by {
        GroupBy::Region => named(&one.region, "no region"),
        GroupBy::Machine => named(&one.machine_name, "no machine"),
        GroupBy::Policy => {
            one.policy.as_ref().map_or_else(|| "no policy".to_owned(), |name| visible(name.as_str()))
        }
        GroupBy::State => format!("{} ({})", visible(&one.state), one.whose.word()),
    }
}

fn table(rows: &mut dyn Iterator<Item = &SnapshotShown>, paper: Paper) -> String {
    let heads = ["taken (UTC)", "name", "snapshot", "machine", "region", "state", "size", "policy", "why"];
    let mut table = Table::new(heads).right(&[6]).below(&[8, 4, 7, 6, 3, 0, 5]);
    for one in rows {
        table.row([
            one.taken_at.map_or_else(|| "?".to_owned(), instant).into(),
            visible(&one.name).into(),
            one.snapshot.as_ref().map_or_else(String::new, |id| visible(id.as_str())).into(),
            visible(&one.machine_name).into(),
            visible(&one.region).into(),
            state_cell(one),
            one.size_bytes.map_or_else(String::new, size).into(),
            one.policy.as_ref().map_or_else(String::new, |name| visible(name.as_str())).into(),
            fate(one).into(),
        ]);
    }
    if table.is_empty() { String::new() } else { table.text(paper) }
}

fn state_cell(one: &SnapshotShown) -> Cell {
    let word = match one.whose {
        Whose::Ours => visible(&one.state),
        Whose::Suspect | Whose::Foreign | Whose::Disowned => one.whose.word().to_owned(),
    };
    let tone = match (one.whose, word.as_str()) {
        (Whose::Ours, "good") if one.doom.is_none() => Tone::Good,
        (Whose::Ours, "bad" | "failed" | "disputed" | "vanished" | "timed out") => Tone::Bad,
        (Whose::Suspect, _) | (Whose::Ours, _) if one.doom.is_some() || one.whose == Whose::Suspect => {
            Tone::Warning
        }
        _ => Tone::Plain,
    };
    Cell::toned(if one.doom.is_some() { format!("{word}, doomed") } else { word }, tone)
}

/// Everything about one.
pub fn in_full(one: &SnapshotShown, paper: Paper) -> String {
    let mut text = paper.toned(&visible(&one.name), Tone::Head);
    let mut line = |word: &str, said: Option<String>| {
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            text.push_str(&paper.wrap(&format!("\n  {word:<12} {said}")));
        }
    };
    line("snapshot", one.snapshot.as_ref().map(|id| visible(id.as_str())));
    line("backup", one.backup.as_ref().map(|id| visible(id.as_str())));
    line("whose", Some(one.whose.word().to_owned()));
    line("state", Some(visible(&one.state)));
    line("machine", Some(visible(&one.machine_name)));
    line("region", Some(visible(&one.region)));
    line("taken", one.taken_at.map(instant));
    line("size", one.size_bytes.map(size));
    line("policy", one.policy.as_ref().map(|name| visible(name.as_str())));
    line("slot", one.due.map(instant));
    line("kept by", Some(one.kept_by.join(", ")));
    line("expired", one.expired.clone());
    line("pinned", one.pinned.then(|| "yes".to_owned()));
    let because = one.held_because.as_deref().map_or_else(String::new, visible);
    line("held", one.held_until.map(|until| format!("until {}: {because}", instant(until))));
    line("ends", one.expires_at.map(instant));
    line("over", one.ended_at.map(|at| over(one, at)));
    if let Some(doom) = &one.doom {
        line(
            "doomed",
            Some(format!("{}, goes not before {}", instant(doom.doomed_at), instant(doom.goes_after))),
        );
        line("held back", doom.held.clone());
    }
    line("image", one.is_image.then(|| "yes".to_owned()));
    line("unreadable", Some(one.unreadable.join(", ")));
    line("missing", one.missing_since.map(|at| format!("since {}", instant(at))));
    line("says", Some(visible(&one.description.replace('\n', "; "))));
    text.push('\n');
    text
}

/// How it came to its end.
fn over(one: &SnapshotShown, at: Timestamp) -> String {
    let at = instant(at);
    match one.state.as_str() {
        "vanished" => format!(
            "found gone {at}, and not through us: somebody deleted it, or the cloud lost it; its own console \
             may tell which"
        ),
        "deleted" => format!("deleted through us, and seen to be gone {at}"),
        _ => format!("since {at}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::backup::Life;
    use crate::domain::examples::world::World;
    use crate::domain::fleet::SnapshotStatus;
    use crate::domain::time::Seconds;
    use crate::report::command::Commands;
    use crate::report::sieve::Sieve;
    use crate::report::stops::Writer;

    /// Three nights of one machine under `keep_last 2`, and one snapshot of somebody else.
    fn world() -> World {
        let mut world = World::new(1);
        world.make("before the upgrade", 1, SnapshotStatus::Ready);
        for _ in 0..4 {
            world.take_all();
        }
        world.wait(Seconds::minutes(1));
        world.look_at_all();
        world.conclude();
        world
    }

    fn found(sieve: Sieve) -> Snapshots {
        let world = world();
        let writer = Writer { simulated: true, runs: Some(true), commands: Commands::default() };
        Snapshots::of(&world.state, world.now, &writer, &sieve)
    }

    #[test]
    fn all_are_listed_newest_first_with_what_keeps_or_dooms_them() {
        let all = found(Sieve::default());
        assert_eq!((all.totals.snapshots, all.totals.ours, all.totals.foreign), (5, 4, 1));
        assert_eq!((all.totals.restorable, all.totals.eligible_machines), (5, 1));
        assert_eq!(all.totals.storage_bytes, 200_000_000_000);
        assert!(all.snapshots.is_sorted_by(|one, other| one.taken_at >= other.taken_at));
        assert_eq!(all.snapshots[0].kept_by, ["last 1 of 2"]);
        let doomed: Vec<_> = all.snapshots.iter().filter(|one| one.doom.is_some()).collect();
        assert_eq!(doomed.len(), 2);
        assert_eq!(doomed[0].expired.as_deref(), Some("no rule keeps it"));
        assert_eq!(all.snapshots[4].whose, Whose::Foreign);
    }

    #[test]
    fn what_is_gone_says_whether_that_was_through_us() {
        let mut world = world();
        let id = world.state.backups.keys().next().unwrap().clone();
        let writer = Writer { simulated: true, runs: Some(true), commands: Commands::default() };
        for (life, said) in [
            (Life::Vanished, "and not through us"),
            (Life::Deleted, "deleted through us, and seen to be gone"),
        ] {
            let backup = world.state.backups.get_mut(&id).unwrap();
            (backup.life, backup.ended_at) = (life, Some(world.now));
            let found = Snapshots::named(&world.state, world.now, &writer, id.as_str());
            let text = in_full(&found.snapshots[0], Paper::default());
            assert!(text.contains(said) && text.contains(&instant(world.now)), "{text}");
        }
        // The id that the cloud gave it is what somebody has from a bill or an old list.
        let snapshot = world.state.backups[&id].snapshots.first().unwrap().clone();
        world.state.fleet.snapshots.remove(&snapshot);
        let found = Snapshots::named(&world.state, world.now, &writer, snapshot.as_str());
        assert_eq!(found.snapshots.iter().map(|one| one.backup.as_ref()).collect::<Vec<_>>(), [Some(&id)]);
    }

    #[test]
    fn a_sieve_lets_through_what_was_asked_for_and_totals_are_of_the_account() {
        let state = |word: &str| Sieve { state: Some(word.to_owned()), ..Sieve::default() };
        assert_eq!(found(state("doomed")).matching, 2);
        assert_eq!(found(state("foreign")).matching, 1);
        assert_eq!(found(state("restorable")).matching, 5);
        assert_eq!(found(state("pending")).totals.snapshots, 5);
        assert_eq!(found(Sieve { policy: Some("none".to_owned()), ..Sieve::default() }).matching, 1);
        assert_eq!(found(Sieve { machine: Some("trainer-1".to_owned()), ..Sieve::default() }).matching, 5);
        assert_eq!(found(Sieve { region: Some("canada-1".to_owned()), ..Sieve::default() }).matching, 5);
        let some = found(Sieve { search: Some("UPGRADE".to_owned()), ..Sieve::default() });
        assert_eq!(some.snapshots[0].name, "before the upgrade");
        let cut = found(Sieve { limit: Some(2), ..Sieve::default() });
        assert_eq!((cut.snapshots.len(), cut.matching), (2, 5));
    }

    #[test]
    fn groups_have_a_count_and_a_size_each() {
        let told = text(&found(Sieve::default()), Some(GroupBy::Policy), Paper::default());
        assert!(
            told.contains("\ndaily: 4, 160.0 GB\n") && told.contains("\nno policy: 1, 40.0 GB\n"),
            "{told}"
        );
        let shown = in_full(&found(Sieve::default()).snapshots[3], Paper::default());
        assert!(shown.contains("expired      no rule keeps it"), "{shown}");
    }
}
