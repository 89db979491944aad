//! The plan as text: what is done now, what comes next, what goes, and what is held.

use super::agenda::ToCome;
use super::foreign::visible;
use super::plan::{Planned, SlotShown};
use super::stops;
use super::table::{Cell, Limit, Paper, Table, Tone};
use super::words::instant;

pub fn text(planned: &Planned, paper: Paper) -> String {
    let mut text = stops::text(&planned.stops, paper);
    let mut say = |line: &str, tone: Tone| {
        text.push_str(&paper.toned(&paper.wrap(line), tone));
        text.push('\n');
    };
    match planned.mode {
        None => say("mode       none yet: the daemon has not run with a configuration", Tone::Plain),
        Some(mode) => say(&format!("mode       {}", mode.word()), Tone::Plain),
    }
    if let Some(would_go) = &planned.would_go_under_enforce {
        say(&format!("enforce    {}", would_go.line()), Tone::Plain);
    }
    say(&format!("as of      {} UTC", instant(planned.now)), Tone::Plain);
    if !planned.looks_first.is_empty() {
        let scopes = planned.looks_first.join(", ");
        say(&format!("the next pass looks at {scopes} first, and then may plan otherwise"), Tone::Plain);
    }
    text.push_str(&now(planned, paper));
    text.push_str(&slots("due, and waiting", planned.slots.iter().filter(|slot| slot.is_due), paper));
    text.push_str(&slots("next", planned.slots.iter().filter(|slot| !slot.is_due), paper));
    text.push_str(&goes(planned, paper));
    text.push_str(&requests(planned, paper));
    text.push_str(&agenda(&planned.agenda, paper));
    text
}

fn now(planned: &Planned, paper: Paper) -> String {
    let mut table = Table::new(["what", "machine", "backup", "why"]).below(&[3, 1]);
    let told = planned.conclusions.len() + planned.actions.len();
    for one in &planned.conclusions {
        table.row([one.what.into(), "".into(), one.about.as_str().into(), one.said.as_str().into()]);
    }
    for one in &planned.actions {
        let tone = if one.verb == "delete" { Tone::Bad } else { Tone::Good };
        table.row([
            Cell::toned(one.verb, tone),
            one.machine_name.as_deref().map_or_else(String::new, visible).into(),
            one.backup.as_ref().map_or_else(String::new, |id| visible(id.as_str())).into(),
            one.why.as_str().into(),
        ]);
    }
    match told {
        0 => format!("{}  nothing is due, and nothing goes\n", paper.title("now")),
        _ if planned.stops.iter().any(|stop| stop.kind.is_beyond_the_plan()) => {
            section("now, once nothing of the above stops it", &table, paper)
        }
        _ => section("now", &table, paper),
    }
}

fn slots<'a>(title: &str, slots: impl Iterator<Item = &'a SlotShown>, paper: Paper) -> String {
    let mut table = Table::new(["starts", "slot", "policy", "machine", "note"]).below(&[4, 1, 0]);
    for slot in slots {
        let of_slot = if slot.due == slot.start { String::new() } else { instant(slot.due) };
        let note = match (&slot.obstacle, slot.is_due) {
            (Some(why), _) => Cell::toned(why.as_str(), Tone::Warning),
            (None, true) => "asked for as soon as it may be".into(),
            (None, false) => "".into(),
        };
        table.row([
            instant(slot.start).into(),
            of_slot.into(),
            visible(slot.policy.as_str()).into(),
            visible(&slot.machine_name).into(),
            note,
        ]);
    }
    section(title, &table, paper)
}

fn goes(planned: &Planned, paper: Paper) -> String {
    let mut table = Table::new(["not before", "backup", "machine", "held by"]).below(&[3, 2, 0]);
    for doom in &planned.doomed {
        let held = match doom.holds.as_slice() {
            [] => "nothing: it goes when its time has come".to_owned(),
            holds => holds.join("; "),
        };
        table.row([
            instant(doom.goes_after).into(),
            visible(doom.backup.as_str()).into(),
            visible(&doom.machine_name).into(),
            held.into(),
        ]);
    }
    section("doomed", &table, paper)
}

fn requests(planned: &Planned, paper: Paper) -> String {
    let mut table = Table::new(["asked", "verb", "backup", "held by"]).below(&[3, 0]);
    for one in &planned.requests {
        table.row([
            instant(one.asked_at).into(),
            one.verb.into(),
            visible(one.backup.as_str()).into(),
            one.waits().into(),
        ]);
    }
    section("asked for by hand", &table, paper)
}

fn agenda(agenda: &[ToCome], paper: Paper) -> String {
    let mut table = Table::new(["when", "about", "what"]).below(&[2, 0]);
    for one in agenda {
        table.row(one.line().map(Cell::from));
    }
    section("then, by itself", &table, paper)
}

/// A title and its table, if anything stands in it.
fn section(title: &str, table: &Table, paper: Paper) -> String {
    if table.is_empty() { String::new() } else { paper.title(title) + &table.first(Limit::LIST, paper) }
}
