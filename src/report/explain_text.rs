//! An explanation as text: what it is, why it is so, what was proven, and what happened.

use super::asked::Requested;
use super::explain::{AskedShown, Explanation, Lived, ProofShown, SlotExplained};
use super::foreign::visible;
use super::snapshots_text;
use super::stops;
use super::table::{Cell, Limit, Paper, Table, Tone};
use super::words::{self, count, instant};

/// What is read at a glance; a policy may have years of events.
const GLANCE: Limit = Limit { rows: 10, all: "--all shows them" };
/// Of a machine or a policy: proofs of which each is a page.
const PROOFS: usize = 2;

pub fn text(explained: &Explanation, is_all: bool, paper: Paper) -> String {
    let limit = if is_all { Limit::NONE } else { GLANCE };
    let mut text = stops::text(&explained.stops, paper);
    if let Some(backup) = &explained.backup {
        text.push_str(&snapshots_text::in_full(backup, paper));
    }
    if let Some(machine) = &explained.machine {
        text.push_str(&machine.in_full(paper));
    }
    if let Some(policy) = &explained.policy {
        text.push_str(&policy.in_full(limit, paper));
    }
    if let Some(slot) = &explained.slot {
        text.push_str(&slot_text(slot, paper));
    }
    if let Some(request) = &explained.request {
        text.push_str(&request_text(request, explained.backup.is_some(), paper));
    }
    if explained.is_over() {
        text.push_str(&format!("a {} that is over: only its events are left\n", explained.subject));
    }
    text.push_str(&rules(explained, limit, paper));
    let older = if is_all { 0 } else { explained.proofs.len().saturating_sub(PROOFS) };
    for proof in explained.proofs.iter().skip(older) {
        text.push_str(&proof_text(proof, limit, paper));
    }
    if older > 0 {
        let count = count(older, "older proof", "older proofs");
        text.push_str(&paper.wrap(&format!("  … and {count}; {}\n", limit.all)));
    }
    text.push_str(&life(explained, limit, paper));
    text
}

/// Of what is there already only what is asked of it.
fn request_text(request: &Requested, is_there: bool, paper: Paper) -> String {
    let (backup, machine) = (visible(request.backup.as_str()), visible(request.machine.as_str()));
    let at = instant(request.asked_at);
    let title = match is_there {
        true => paper.title("asked for by hand"),
        false => format!("{}\n", paper.toned(&format!("{backup} of {machine}"), Tone::Head)),
    };
    let said = format!("  to {} it was asked for by hand at {at}\n  {}", request.verb, request.waits());
    format!("{title}{}\n", paper.wrap(&said))
}

fn slot_text(slot: &SlotExplained, paper: Paper) -> String {
    let (policy, machine) = (visible(slot.policy.as_str()), visible(&slot.machine_name));
    let title =
        paper.toned(&format!("the slot of {policy} on {machine}, due {}", instant(slot.due)), Tone::Head);
    format!("{title}\n{}\n", paper.wrap(&format!("  {}", slot.outcome)))
}

fn rules(explained: &Explanation, limit: Limit, paper: Paper) -> String {
    if explained.rules.is_empty() {
        return String::new();
    }
    let this = explained.backup.as_ref().and_then(|backup| backup.backup.as_ref());
    let mut table = Table::new(["", "taken", "backup", "verdict", "why"]).below(&[4, 3, 1]);
    for one in &explained.rules {
        let tone = if one.verdict == "expire" { Tone::Warning } else { Tone::Plain };
        table.row([
            if this == Some(&one.backup) { "→".into() } else { " ".into() },
            instant(one.taken_at).into(),
            visible(one.backup.as_str()).into(),
            Cell::toned(one.verdict, tone),
            one.why.join(", ").into(),
        ]);
    }
    let mut text = paper.title("what the rules make of its policy and machine") + &table.first(limit, paper);
    text.push_str(&paper.title("where these rules differ from restic's"));
    for difference in &explained.differences_from_restic {
        text.push_str(&paper.wrap(&format!("  {difference}\n")));
    }
    text
}

fn proof_text(proof: &ProofShown, limit: Limit, paper: Paper) -> String {
    let (of, backup) = (proof.of, visible(proof.backup.as_str()));
    let mut text =
        paper.title(&format!("why {backup} was {of} (event {}, {})", proof.seq, instant(proof.at)));
    let mut line = |said: String| text.push_str(&paper.wrap(&format!("  {said}\n")));
    let by = match &proof.asked {
        Some(asked) => format!("{}; beside the policies", asked_text(asked)),
        None if proof.by_hand => "a person asked for it; beside the policies".to_owned(),
        None => "by the policies".to_owned(),
    };
    line(format!("{by} of event {}, and a complete listing {}", proof.policy_event, proof.inventory));
    match (&proof.objection, proof.derives_again) {
        (Some(objection), _) => line(format!("THE PROOF DOES NOT HOLD: {}", visible(objection))),
        (None, Some(_)) => line("the proof derives again from the events before it".to_owned()),
        (None, None) => {}
    }
    let mut table = Table::new(["that stayed", "kept by"]).below(&[1]);
    for one in proof.kept.iter() {
        table.row([visible(one.backup.as_str()).into(), one.reasons.join(", ").into()]);
    }
    if table.is_empty() { text } else { text + &table.first(limit, paper) }
}

/// Who took it on themselves, and past which rails.
fn asked_text(asked: &AskedShown) -> String {
    let past = match asked.overrides.join(", ") {
        none if none.is_empty() => String::new(),
        rails => format!(", past {rails}"),
    };
    let reason = match visible(&asked.reason) {
        none if none.is_empty() => String::new(),
        reason => format!(" ({reason})"),
    };
    format!("a person asked for it{past}{reason}")
}

fn life(explained: &Explanation, limit: Limit, paper: Paper) -> String {
    let newest = explained.life.len().saturating_sub(limit.rows);
    // That it was asked for, and that it came to nothing, is never among what is left out.
    let asked = explained.life.iter().position(|one| one.what == "asked");
    let is_told = |(at, one): &(usize, &Lived)| {
        *at >= newest || (explained.subject == "backup" && (Some(*at) == asked || one.what == "lapsed"))
    };
    let shown: Vec<&Lived> = explained.life.iter().enumerate().filter(is_told).map(|(_, one)| one).collect();
    let older = explained.life.len() - shown.len();
    let mut table = Table::new(["event", "when (UTC)", "what", "backup", "said"]).right(&[0]).below(&[4, 3]);
    for one in shown {
        // Of one backup every line is about the same.
        let backup = one.backup.as_ref().filter(|_| explained.subject != "backup");
        table.row([
            one.seq.to_string().into(),
            instant(one.at).into(),
            one.what.into(),
            backup.map_or_else(String::new, |id| visible(id.as_str())).into(),
            one.said.as_str().into(),
        ]);
    }
    if table.is_empty() {
        return paper.title("life") + "  no event is about it\n";
    }
    let left_out = usize::try_from(explained.left_out).unwrap_or(usize::MAX);
    let older = match (older, left_out) {
        (0, 0) => String::new(),
        (0, count) => {
            let events = words::count(count, "event is", "events are");
            paper.wrap(&format!("  … {events} left out, which `log list` has\n"))
        }
        (older, left_out) => {
            let events = words::count(older.saturating_add(left_out), "event is", "events are");
            paper.wrap(&format!("  … {events} left out; {}\n", limit.all))
        }
    };
    paper.title("life") + &older + &table.text(paper)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::ask::Ask;
    use crate::domain::examples::world::{World, deletes};
    use crate::domain::fleet::MachineStatus;
    use crate::domain::id::BackupId;
    use crate::domain::rail::Rail;
    use crate::domain::state::State;
    use crate::domain::time::Seconds;
    use crate::report::command::Commands;
    use crate::report::explain::Listener;
    use crate::report::stops::Writer;
    use crate::report::subject::Subject;

    fn explain(world: &World, asked: &str) -> Result<Explanation, String> {
        let mut listener = Listener::new(Subject::find(&world.state, asked)?);
        for _ in 0..2 {
            let mut before = State::default();
            for row in &world.rows {
                listener.hear(&before, row);
                before.apply(row);
            }
            let Some(again) = listener.again() else { break };
            listener = again;
        }
        listener
            .explain(
                &world.state,
                world.now,
                &Writer { simulated: true, runs: Some(true), commands: Commands::default() },
            )
            .ok_or_else(|| "unknown".to_owned())
    }

    /// One machine under `keep_last 2`; the oldest of four is being deleted.
    fn world() -> (World, String) {
        let mut world = World::new(1);
        let oldest = world.take_all().remove(0);
        for _ in 0..5 {
            world.take_all();
        }
        world.wait(Seconds::hours(1));
        let doomed = world.state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
        let backups = doomed.map(|(id, _)| id.clone()).collect();
        world.ask(Ask::Approve { backups });
        let plan = world.pass();
        for effect in deletes(&plan) {
            world.intend(&effect);
        }
        (world, oldest.to_string())
    }

    #[test]
    fn a_backup_is_explained_from_its_slot_to_the_proof_of_its_deletion() {
        let (world, oldest) = world();
        let explained = explain(&world, &oldest).unwrap();
        let whats: Vec<&str> = explained.life.iter().map(|one| one.what).collect();
        for expected in ["asked", "good", "doomed", "deleting"] {
            assert!(whats.contains(&expected), "{expected}: {whats:?}");
        }
        assert!(explained.life.is_sorted_by_key(|one| one.seq));
        let proof = explained.proofs.iter().find(|proof| proof.of == "deleted").unwrap();
        assert_eq!((proof.derives_again, proof.objection.as_deref()), (Some(true), None));
        assert!(proof.kept.iter().all(|one| !one.reasons.is_empty()) && !proof.kept.is_empty());
        let text = text(&explained, true, Paper::default());
        assert!(text.contains("the proof derives again") && text.contains("differ from restic's"), "{text}");
        // By the cloud's id it is the same.
        let id = explained.backup.unwrap().snapshot.unwrap();
        assert_eq!(explain(&world, id.as_str()).unwrap().life.len(), whats.len());
    }

    #[test]
    fn the_trace_names_every_backup_of_the_shelf_with_its_verdict() {
        let (world, oldest) = world();
        let explained = explain(&world, &oldest).unwrap();
        let kept: Vec<_> = explained.rules.iter().filter(|one| one.verdict == "keep").collect();
        assert_eq!(kept.len(), 2);
        assert_eq!(kept[0].why, ["last 1 of 2"]);
        assert!(explained.rules.iter().any(|one| one.verdict == "expire"));
    }

    #[test]
    fn a_slot_a_machine_and_a_policy_are_explained_and_what_nobody_knows_is_said() {
        let (world, _) = world();
        let slot = explain(&world, "daily/trainer-1/2026-03-02T02:00:00Z").unwrap();
        assert!(slot.slot.unwrap().outcome.contains("was asked for, and is "));
        let never = explain(&world, "daily/trainer-1/2026-03-02T03:00:00Z").unwrap();
        assert_eq!(never.slot.unwrap().outcome, "its policy has no slot at that instant");
        assert!(explain(&world, "trainer-1").unwrap().life.len() > 10);
        assert!(explain(&world, "daily").unwrap().life.iter().any(|one| one.what == "adopted"));
        assert_eq!(explain(&world, "nobody").unwrap_err(), "unknown");
        assert!(explain(&world, "daily/trainer-1/soon").unwrap_err().contains("not an instant"));
    }

    #[test]
    fn what_the_state_forgot_is_found_by_its_events() {
        let (mut world, oldest) = world();
        let id = world.state.backups[&crate::domain::id::BackupId::new(oldest.as_str())]
            .snapshots
            .first()
            .cloned();
        world.state.backups.remove(&crate::domain::id::BackupId::new(oldest.as_str()));
        let id = id.unwrap();
        world.state.owners.remove(&id);
        world.state.fleet.snapshots.remove(&id);
        let by_name = explain(&world, &oldest).unwrap();
        assert!(by_name.backup.is_none() && by_name.life.iter().any(|one| one.what == "asked"));
        let by_id = explain(&world, id.as_str()).unwrap();
        assert_eq!(by_id.life.len(), by_name.life.len());
    }

    #[test]
    fn a_backup_by_hand_is_known_by_its_name_before_the_cloud_is_asked_and_after_it_came_to_nothing() {
        let mut world = World::new(1);
        world.look_at_all();
        let machine = world.state.fleet.machines.keys().next().unwrap().clone();
        world.ask(Ask::Create { machine, expire: None });
        let request = world.state.requests.values().next().unwrap();
        let name = request.effect.verb.backup().to_string();
        let asked = explain(&world, &name).unwrap();
        assert_eq!(asked.life.iter().map(|one| one.what).collect::<Vec<_>>(), ["asked"]);
        let said = text(&asked, false, Paper::default());
        assert!(
            said.contains("to create it was asked for by hand at") && said.contains("; given up "),
            "{said}"
        );
        world.cloud.machines.values_mut().for_each(|machine| machine.status = MachineStatus::Shutoff);
        world.look_at_all();
        let said = text(&explain(&world, &name).unwrap(), false, Paper::default());
        assert!(said.contains("its machine is SHUTOFF, not active; given up "), "{said}");
        world.wait(Seconds::hours(25));
        world.pass();
        let over = text(&explain(&world, &name).unwrap(), false, Paper::default());
        assert!(over.contains("lapsed") && over.contains("it could not be done within"), "{over}");
    }

    #[test]
    fn a_deletion_by_hand_is_the_persons_and_names_the_rule_that_keeps_it() {
        let mut world = World::new(1);
        let newest = (0..3).map(|_| world.take_all().remove(0)).last().unwrap();
        let ask = |world: &mut World, overrides: &[Rail]| {
            let (backup, overrides) = (newest.clone(), overrides.iter().copied().collect());
            world.ask(Ask::Delete { backup, overrides, reason: "moved".to_owned() });
            world.pass()
        };
        ask(&mut world, &[]);
        let held = text(&explain(&world, newest.as_str()).unwrap(), true, Paper::default());
        assert!(held.contains("a rule keeps it (last 1 of 2): --override kept"), "{held}");
        world.wait(Seconds::hours(25));
        world.pass();
        let plan = ask(&mut world, &Rail::ALL);
        world.intend(&deletes(&plan)[0]);
        let explained = explain(&world, newest.as_str()).unwrap();
        assert!(explained.proofs.iter().any(|proof| proof.by_hand && proof.of == "deleted"));
        let said = text(&explained, true, Paper::default());
        assert!(said.contains("a person asked for it, past kept, min-good, grace, "), "{said}");
        assert!(said.contains(" (moved); beside the policies of event "), "{said}");
        let (_, stayed) = said.split_once("that stayed").unwrap();
        let (stayed, _) = stayed.split_once("\n\nlife").unwrap();
        assert!(!stayed.contains(newest.as_str()), "{stayed}");
        assert!(!said.contains(": (uid") && !said.contains("  by the policies"), "{said}");
    }

    #[test]
    fn that_a_request_lapsed_is_told_however_much_happened_since() {
        let (world, oldest) = world();
        let mut explained = explain(&world, &oldest).unwrap();
        let lapsed =
            Lived { what: "lapsed", said: "request x ended".to_owned(), ..explained.life[0].clone() };
        explained.life.insert(0, lapsed);
        let others = explained.life[1..].to_vec();
        explained.life.extend(others.into_iter().cycle().filter(|one| one.what != "asked").take(20));
        let said = text(&explained, false, Paper::default());
        assert!(said.contains("request x ended") && said.contains("events are left out; --all"), "{said}");
    }

    #[test]
    fn an_id_that_was_given_out_again_is_told_of_the_later_one() {
        let (mut world, first) = world();
        let mut others = world.state.backups.keys().filter(|id| id.as_str() != first);
        let other = others.next().unwrap().clone();
        let id = world.snapshot_of(&other);
        let backup = world.state.backups.get_mut(&BackupId::new(&first)).unwrap();
        backup.snapshots = BTreeSet::from([id.clone()]);
        let of = |asked: &str| match Subject::find(&world.state, asked) {
            Ok(Subject::Backup { backups, snapshots }) => (backups, snapshots),
            found => panic!("{found:?}"),
        };
        assert_eq!(of(&first), (BTreeSet::from([BackupId::new(&first)]), BTreeSet::new()));
        assert_eq!(of(other.as_str()), (BTreeSet::from([other.clone()]), BTreeSet::from([id.clone()])));
        assert_eq!(of(id.as_str()).0, BTreeSet::from([other.clone()]));
    }
}
