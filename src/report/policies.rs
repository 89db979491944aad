//! The policies in force: what each is for, when, what it keeps, and what holds it now.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::foreign::visible;
use super::machines::{newest_cell, newest_good};
use super::status::{NewestGood, machine_name};
use super::table::{Cell, Limit, Paper, Table, Tone};
use super::words::{self, instant};
use super::would_go::{self, WouldGo};
use crate::domain::backup::{Backup, Life};
use crate::domain::busy::Asks;
use crate::domain::halt::REFUSALS_THAT_HOLD;
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::outlook::{Coming, coming};
use crate::domain::policy::{Mode, Policy};
use crate::domain::schedule::Schedule;
use crate::domain::state::{Adopted, State};
use crate::domain::time::{Seconds, Timestamp};
use crate::domain::timing::{CatchUp, Timing};

/// Raised when a field changes its meaning or goes; new ones may come at any time.
const SCHEMA_VERSION: u32 = 1;
/// How many coming times show that a schedule means what its author thinks.
const NEXT: usize = 3;

#[derive(Clone, Debug, Serialize)]
pub struct Policies {
    pub schema_version: u32,
    /// The journal is of a simulated cloud: nothing in it is real.
    pub simulated: bool,
    pub now: Timestamp,
    /// That of the whole: no policy goes further. `None`: none were adopted yet.
    pub mode: Option<Mode>,
    /// The event that put them in force.
    pub adopted_by: Option<u64>,
    pub policies: Vec<PolicyShown>,
    /// No longer in force, and backups of them are still there.
    pub removed: Vec<Removed>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PolicyShown {
    pub policy: PolicyName,
    /// Names that it had before.
    pub was: BTreeSet<PolicyName>,
    /// Its own, or that of the whole where that is stricter.
    pub mode: Mode,
    /// Patterns over names of machines, and what narrows them.
    pub selection: String,
    pub may_restart: bool,
    /// As written, and its zone.
    pub schedule: String,
    pub timezone: String,
    pub schedule_in_words: String,
    /// Window, jitter, catching up and busy check, where they are set.
    pub timing: Vec<String>,
    pub next: Vec<NextTime>,
    /// The longest time between two slots.
    pub longest_gap: String,
    pub keeps: String,
    /// Since when its present schedule is in force.
    pub scheduled_since: Option<Timestamp>,
    /// When what it keeps was last edited.
    pub edited_at: Option<Timestamp>,
    /// The machines that it is for.
    pub machines: Vec<Chosen>,
    /// What no rule keeps and its mode does. `None`: its mode is `enforce`.
    pub would_go_under_enforce: Option<WouldGo>,
    /// What holds all of it.
    pub held: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct NextTime {
    pub at: Timestamp,
    /// In the policy's zone.
    pub local: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Chosen {
    pub machine: MachineId,
    pub name: String,
    pub status: String,
    pub good: usize,
    pub newest_good: Option<NewestGood>,
    pub next_start: Option<Timestamp>,
    /// What holds or skips its next backup, as far as it is known now.
    pub obstacle: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Removed {
    pub policy: PolicyName,
    /// Backups of it that are there.
    pub backups: usize,
    /// A person said that they may go.
    pub is_retired: bool,
}

impl Policies {
    pub fn of(state: &State, now: Timestamp, simulated: bool) -> Self {
        let adopted = state.adopted.as_ref();
        let policies = adopted.map_or_else(Vec::new, |adopted| shown(state, now, adopted));
        Self {
            schema_version: SCHEMA_VERSION,
            simulated,
            now,
            mode: adopted.map(|adopted| adopted.set.mode),
            adopted_by: adopted.map(|adopted| adopted.seq),
            policies,
            removed: removed(state),
        }
    }

    /// The one that is called so, or was.
    pub fn only(mut self, named: &str) -> Self {
        let is_it = |name: &PolicyName| name.as_str() == named;
        self.policies.retain(|one| is_it(&one.policy) || one.was.iter().any(is_it));
        self.removed.retain(|one| is_it(&one.policy));
        self
    }

    pub fn in_words(&self, paper: Paper) -> String {
        if self.mode.is_none() {
            return "no policies yet: the daemon has not run with a configuration\n".to_owned();
        }
        let heads = ["policy", "mode", "machines", "schedule", "zone", "next", "keeps", "note"];
        let mut table = Table::new(heads).right(&[2]).below(&[7, 6, 4, 1, 3, 2, 5]);
        for one in &self.policies {
            let count = one.machines.len().to_string();
            table.row([
                one.policy.as_str().into(),
                one.mode.word().into(),
                if one.machines.is_empty() { Cell::toned(count, Tone::Warning) } else { count.into() },
                one.schedule.as_str().into(),
                one.timezone.as_str().into(),
                one.next.first().map_or_else(String::new, |next| instant(next.at)).into(),
                one.keeps.as_str().into(),
                Cell::toned(one.note(), Tone::Warning),
            ]);
        }
        let mut text = table.text(paper);
        for one in &self.removed {
            let what = if one.is_retired { "retired, and these are the last" } else { "no longer in force" };
            let name = visible(one.policy.as_str());
            let backups = words::count(one.backups, "backup is", "backups are");
            text.push_str(&paper.wrap(&format!("  {name}: {what}; {backups} still there\n")));
        }
        text
    }

    pub fn in_full(&self, paper: Paper) -> String {
        self.policies.iter().map(|one| one.in_full(Limit::LIST, paper)).collect::<Vec<_>>().join("\n")
    }
}

impl PolicyShown {
    fn note(&self) -> String {
        let held = self.machines.iter().filter(|one| one.obstacle.is_some()).count();
        match (&self.held, held) {
            (Some(why), _) => why.clone(),
            (None, _) if self.machines.is_empty() => "no machine is chosen by it".to_owned(),
            (None, 0) => String::new(),
            (None, held) => format!("{held} of its machines would not be taken"),
        }
    }

    pub fn in_full(&self, machines: Limit, paper: Paper) -> String {
        let mut text = paper.toned(&visible(self.policy.as_str()), Tone::Head);
        let mut line = |word: &str, said: &str| {
            if !said.is_empty() {
                text.push_str(&paper.wrap(&format!("\n  {word:<11} {said}")));
            }
        };
        line("was", &self.was.iter().map(PolicyName::as_str).collect::<Vec<_>>().join(", "));
        line("mode", self.mode.word());
        line("for", &self.selection);
        let restart = "a snapshot may restart the machine";
        line("restart", if self.may_restart { restart } else { "the machine must not be restarted" });
        line("schedule", &format!("{} in {}", self.schedule, self.timezone));
        line("that is", &self.schedule_in_words);
        self.timing.iter().for_each(|said| line("timing", said));
        for next in &self.next {
            match next.local.ends_with(" UTC") {
                true => line("next", &next.local),
                false => line("next", &format!("{} = {} UTC", next.local, instant(next.at))),
            }
        }
        line("longest gap", &self.longest_gap);
        line("keeps", &self.keeps);
        line("enforce", &self.would_go_under_enforce.as_ref().map_or_else(String::new, WouldGo::line));
        line(
            "in force",
            &self.scheduled_since.map_or_else(String::new, |at| format!("since {}", instant(at))),
        );
        line("edited", &self.edited_at.map_or_else(String::new, instant));
        line("held", self.held.as_deref().unwrap_or(""));
        let mut table = Table::new(["machine", "id", "status", "good", "newest", "next", "note"])
            .right(&[3])
            .below(&[6, 5, 2, 3, 4]);
        for one in &self.machines {
            table.row([
                visible(&one.name).into(),
                visible(one.machine.as_str()).into(),
                visible(&one.status).into(),
                one.good.to_string().into(),
                newest_cell(one.newest_good.as_ref()),
                one.next_start.map_or_else(String::new, instant).into(),
                one.obstacle.clone().unwrap_or_default().into(),
            ]);
        }
        text.push('\n');
        if table.is_empty() {
            text + "  no machine is chosen by it\n"
        } else {
            text + "\n" + &table.first(machines, paper)
        }
    }
}

fn shown(state: &State, now: Timestamp, adopted: &Adopted) -> Vec<PolicyShown> {
    let mut by_policy: BTreeMap<PolicyName, BTreeMap<MachineId, Coming>> = BTreeMap::new();
    for one in coming(state, now) {
        by_policy.entry(one.slot.policy.clone()).or_default().insert(one.slot.machine.clone(), one);
    }
    let mut good: BTreeMap<(&PolicyName, &MachineId), Vec<(&BackupId, &Backup)>> = BTreeMap::new();
    for (id, backup) in state.backups.iter().filter(|(_, backup)| backup.life == Life::Good) {
        if let Some(slot) = &backup.slot {
            good.entry((&slot.policy, &slot.machine)).or_default().push((id, backup));
        }
    }
    let one = |(name, policy): (&PolicyName, &Policy)| {
        let schedule = adopted.schedules.get(name);
        let coming = by_policy.get(name);
        let there = state.machines_of(policy).filter(|known| !state.is_lost(&known.item.id));
        let machines = there.map(|known| {
            let id = &known.item.id;
            let of_it = good.get(&(name, id)).map_or(&[][..], Vec::as_slice);
            let next = coming.and_then(|coming| coming.get(id));
            Chosen {
                machine: id.clone(),
                name: machine_name(state, id),
                status: known.item.status.word().to_owned(),
                good: of_it.len(),
                newest_good: newest_good(of_it, now),
                next_start: next.map(|next| next.start),
                obstacle: next.and_then(|next| next.obstacle.as_ref()).map(words::decision),
            }
        });
        PolicyShown {
            policy: name.clone(),
            was: policy.was.clone(),
            mode: policy.mode.min(adopted.set.mode),
            selection: selection(policy),
            may_restart: policy.may_restart,
            schedule: policy.schedule.clone(),
            timezone: policy.timezone.clone(),
            schedule_in_words: schedule.map_or_else(String::new, Schedule::in_words),
            timing: timing(&policy.timing),
            next: schedule.map_or_else(Vec::new, |schedule| next_times(schedule, now)),
            longest_gap: policy.longest_gap.to_string(),
            keeps: policy.retention.to_string(),
            scheduled_since: adopted.scheduled_since.get(name).copied(),
            edited_at: adopted.edited_at.get(name).copied(),
            machines: machines.collect(),
            would_go_under_enforce: would_go::of(state, now, Some(name)),
            held: held(state, now, name, policy),
        }
    };
    adopted.set.policies.iter().map(one).collect()
}

/// What holds every machine of a policy, the broadest first.
fn held(state: &State, now: Timestamp, name: &PolicyName, policy: &Policy) -> Option<String> {
    if let Some(refused) = &state.key_refused {
        return Some(format!("the cloud refuses the key (HTTP {})", refused.status));
    }
    if policy.mode.min(state.mode()) == Mode::Observe {
        return Some("observing: nothing is taken".to_owned());
    }
    if let Some(until) = state.paused(now) {
        return Some(format!("paused by a person until {}", instant(until)));
    }
    if let Some(halt) = &state.halts.account {
        return Some(format!(
            "the cloud refuses all creates of this account: {}",
            visible(&halt.refusal.words())
        ));
    }
    let halt = state.halts.policies.get(name).filter(|halt| halt.refusals >= REFUSALS_THAT_HOLD);
    halt.map(|halt| {
        format!("the cloud refused {} of it in a row: {}", halt.refusals, visible(&halt.refusal.words()))
    })
}

fn selection(policy: &Policy) -> String {
    let selection = &policy.selection;
    let labels: Vec<String> = selection.labels.iter().cloned().collect();
    let mut said = vec![policy.machines.join(", ")];
    let lists = [
        ("not", &selection.exclude),
        ("in", &selection.regions),
        ("of tier", &selection.tiers),
        ("labelled", &labels),
    ];
    let narrowed = lists.into_iter().filter(|(_, list)| !list.is_empty());
    said.extend(narrowed.map(|(word, list)| format!("{word} {}", list.join(", "))));
    visible(&said.join("; "))
}

fn timing(timing: &Timing) -> Vec<String> {
    let window = timing.window.map(|window| format!("nothing starts outside {window}"));
    let jitter = (timing.jitter > Seconds(0)).then(|| format!("up to {} after each time", timing.jitter));
    let missed = match (timing.catch_up, timing.catch_up_window) {
        (CatchUp::None, _) => Some("missed slots are not caught up".to_owned()),
        (CatchUp::Latest, Some(late)) => {
            Some(format!("missed slots are caught up to {late} late, one for all"))
        }
        (CatchUp::Latest, None) => None,
    };
    let busy = timing.busy_check.as_ref().map(|check| match &check.asks {
        Asks::Command(words) => format!("asks {} whether a machine is busy", visible(&words.join(" "))),
        Asks::Url(url) => format!("asks {} whether a machine is busy", visible(url)),
    });
    [window, jitter, missed, busy].into_iter().flatten().collect()
}

fn next_times(schedule: &Schedule, now: Timestamp) -> Vec<NextTime> {
    let zoned = |at: Timestamp| at.zoned().to_zoned(schedule.zone().clone());
    let next = |at: &Timestamp| schedule.next_after(*at);
    let times = std::iter::successors(schedule.next_after(now), next).take(NEXT);
    times
        .map(|at| NextTime { at, local: zoned(at).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string() })
        .collect()
}

fn removed(state: &State) -> Vec<Removed> {
    let is_there = |backup: &&Backup| !backup.life.is_over();
    let slots = state.backups.values().filter(is_there).filter_map(|backup| backup.slot.as_ref());
    let mut counts: BTreeMap<&PolicyName, usize> = BTreeMap::new();
    for slot in slots.filter(|slot| state.policy(&slot.policy).is_none()) {
        *counts.entry(&slot.policy).or_default() += 1;
    }
    let removed = counts.into_iter().map(|(policy, backups)| Removed {
        policy: policy.clone(),
        backups,
        is_retired: state.retired.contains(policy),
    });
    removed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ask::Ask;
    use crate::domain::examples::world::World;

    #[test]
    fn a_policy_tells_its_machines_its_next_times_and_what_it_keeps() {
        let mut world = World::new(2);
        world.take_all();
        let shown = Policies::of(&world.state, world.now, true);
        let one = &shown.policies[0];
        assert_eq!((one.machines.len(), one.next.len(), one.keeps.as_str()), (2, 3, "last 2"));
        assert_eq!(one.next[0].local, "Tue 2026-03-03 02:00:00 UTC");
        assert_eq!((one.held.as_deref(), one.machines[0].good), (None, 1));
        let (list, full) = (shown.in_words(Paper::default()), shown.in_full(Paper::default()));
        assert!(list.contains("last 2") && full.contains("each time once a day"), "{list}{full}");
        assert!(full.contains("2026-03-03 02:00:00 UTC\n"), "one clock is told once: {full}");
        assert!(shown.only("nightly").policies.is_empty());
    }

    #[test]
    fn what_holds_a_policy_is_told_the_broadest_first() {
        let mut world = World::new(1);
        world.ask(Ask::Pause { until: world.now + Seconds::hours(2) });
        let shown = Policies::of(&world.state, world.now, true);
        assert!(shown.policies[0].held.as_ref().unwrap().starts_with("paused by a person until "));
        world.adopt(|set| set.mode = Mode::Observe);
        let shown = Policies::of(&world.state, world.now, true);
        assert_eq!(shown.policies[0].held.as_deref(), Some("observing: nothing is taken"));
    }

    #[test]
    fn what_a_removed_policy_left_is_counted() {
        let mut world = World::new(2);
        world.take_all();
        world.adopt(|set| set.policies.clear());
        let shown = Policies::of(&world.state, world.now, true);
        assert_eq!((shown.removed[0].backups, shown.removed[0].is_retired), (2, false));
        assert!(shown.in_words(Paper::default()).contains("no longer in force; 2 backups"));
    }
}
