//! The machines: what each is, which policies are for it, and how old its newest good backup is.
//!
//! Whatever looks have shown is here, with those that are gone at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::foreign::visible;
use super::status::{NewestGood, machine_name};
use super::stops::{self, Stop, Writer};
use super::table::{Cell, Paper, Table, Tone};
use super::words::{self, instant, span};
use crate::domain::backup::{Backup, Life};
use crate::domain::billing::record::BillKind;
use crate::domain::burn::{Payer, machine_hour};
use crate::domain::cover::{Lateness, covers};
use crate::domain::fleet::{Machine, MachineStatus};
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::money::{Currency, Nanos};
use crate::domain::outlook::{Coming, coming};
use crate::domain::state::{Known, State};
use crate::domain::time::Timestamp;

/// Raised when a field changes its meaning or goes; new ones may come at any time.
const SCHEMA_VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize)]
pub struct Machines {
    pub schema_version: u32,
    /// The journal is of a simulated cloud: nothing in it is real.
    pub simulated: bool,
    /// The instant that ages are counted to.
    pub now: Timestamp,
    /// What keeps everything from being made now, the gravest first.
    pub stops: Vec<Stop>,
    /// When they were last looked at completely.
    pub seen_at: Option<Timestamp>,
    /// Those that are there, by name; then those that are gone.
    pub machines: Vec<MachineShown>,
}

#[derive(Clone, Debug, Serialize)]
pub struct MachineShown {
    pub machine: MachineId,
    pub name: String,
    /// The cloud's word.
    pub status: String,
    pub region: String,
    pub tier: String,
    pub labels: BTreeSet<String>,
    /// Model and number of its GPUs, such as `2 × H100`; `None`: they could not be read.
    pub gpus: Option<String>,
    /// As it stands now, at list price; `None`: no price is known.
    pub price_per_hour: Option<Nanos>,
    pub currency: Option<Currency>,
    pub created_at: Option<Timestamp>,
    pub first_seen: Timestamp,
    /// Since when a complete listing does not have it.
    pub missing_since: Option<Timestamp>,
    /// Two complete listings in a row did not have it.
    pub is_lost: bool,
    /// The policies in force that are for it. None: nothing backs it up.
    pub policies: Vec<Cover>,
    /// Good backups that are there, of any policy or of none.
    pub good: usize,
    pub newest_good: Option<NewestGood>,
    /// A policy is for it, and its newest good backup is older than it may be.
    pub is_late: bool,
    /// Snapshots of it that the cloud shows, whoever made them.
    pub snapshots: usize,
    /// What keeps it from being snapshotted now.
    pub cannot: Vec<String>,
}

/// One policy that is for a machine.
#[derive(Clone, Debug, Serialize)]
pub struct Cover {
    pub policy: PolicyName,
    pub good: usize,
    pub newest_good: Option<NewestGood>,
    /// When its next backup may start.
    pub next_start: Option<Timestamp>,
    /// What holds or skips that one, as far as it is known now.
    pub obstacle: Option<String>,
}

impl Machines {
    pub fn of(state: &State, now: Timestamp, writer: &Writer) -> Self {
        let simulated = writer.simulated;
        let mut stops = stops::stops(state, now, writer);
        stops.retain(|stop| stop.stops_creates);
        let mut surroundings = Surroundings::of(state, now);
        let known = state.fleet.machines.values();
        let mut machines: Vec<_> = known.map(|known| shown(state, now, known, &mut surroundings)).collect();
        let is_gone = |machine: &MachineShown| machine.missing_since.is_some();
        machines.sort_by(|one, other| {
            (is_gone(one), &one.name, &one.machine).cmp(&(is_gone(other), &other.name, &other.machine))
        });
        let seen_at = state.fleet.machine_look.complete;
        Self { schema_version: SCHEMA_VERSION, simulated, now, stops, seen_at, machines }
    }

    /// Those of this id or name only.
    pub fn only(mut self, named: &str) -> Self {
        let fits = |one: &MachineShown| one.machine.as_str() == named || one.name == named;
        self.machines.retain(fits);
        self
    }

    pub fn in_words(&self, paper: Paper) -> String {
        let stops = stops::text(&self.stops, paper);
        if self.machines.is_empty() {
            return format!("{stops}no machines were seen yet\n");
        }
        let heads = [
            "name", "machine", "status", "region", "gpu", "an hour", "policies", "good", "newest", "next",
            "note",
        ];
        let mut table = Table::new(heads).right(&[7]).below(&[10, 3, 4, 5, 9, 6, 2, 7, 8]);
        for one in &self.machines {
            let policies: Vec<&str> = one.policies.iter().map(|cover| cover.policy.as_str()).collect();
            let next = one.policies.iter().filter_map(|cover| cover.next_start).min();
            table.row([
                visible(&one.name).into(),
                visible(one.machine.as_str()).into(),
                status_cell(one),
                visible(&one.region).into(),
                one.gpus.as_deref().map_or_else(String::new, visible).into(),
                one.price().into(),
                match policies.join(", ") {
                    none if none.is_empty() && !one.is_lost => Cell::toned("none", Tone::Warning),
                    policies => policies.into(),
                },
                one.good.to_string().into(),
                if one.is_lost && one.good == 0 { "".into() } else { newest_cell(one.newest_good.as_ref()) },
                next.map_or_else(String::new, instant).into(),
                one.note().into(),
            ]);
        }
        let covered = self.machines.iter().filter(|one| !one.policies.is_empty()).count();
        let count = words::count(self.machines.len(), "machine", "machines");
        format!("{stops}{}\n{count}, {covered} of them under a policy\n", table.text(paper))
    }

    /// Everything about each, for `machines show`.
    pub fn in_full(&self, paper: Paper) -> String {
        self.machines.iter().map(|one| one.in_full(paper)).collect::<Vec<_>>().join("\n")
    }
}

impl MachineShown {
    fn price(&self) -> String {
        let price = self.price_per_hour.zip(self.currency);
        price.map_or_else(String::new, |(amount, currency)| format!("{amount} {currency}"))
    }

    /// The one thing that a person should know first.
    fn note(&self) -> String {
        if self.is_lost {
            return self.missing_since.map_or_else(String::new, |at| format!("since {}", instant(at)));
        }
        let late = self.is_late.then(|| "its newest good backup is older than it may be".to_owned());
        self.cannot.first().cloned().or(late).unwrap_or_default()
    }

    pub fn in_full(&self, paper: Paper) -> String {
        let mut text = paper.toned(&visible(&self.name), Tone::Head);
        let mut line = |word: &str, said: String| {
            if !said.is_empty() {
                text.push_str(&paper.wrap(&format!("\n  {word:<12} {said}")));
            }
        };
        line("machine", visible(self.machine.as_str()));
        let status = visible(&self.status);
        line("status", if self.is_lost { format!("gone; {status} when it was last seen") } else { status });
        line("region", visible(&self.region));
        line("tier", visible(&self.tier));
        line("labels", self.labels.iter().map(|label| visible(label)).collect::<Vec<_>>().join(", "));
        line("gpu", self.gpus.as_deref().map_or_else(String::new, visible));
        line("an hour", self.price());
        line("created", self.created_at.map_or_else(String::new, instant));
        line("first seen", instant(self.first_seen));
        line("missing", self.missing_since.map_or_else(String::new, |at| format!("since {}", instant(at))));
        line("snapshots", format!("{} in the cloud, {} good backups", self.snapshots, self.good));
        for why in &self.cannot {
            line("cannot be", format!("snapshotted now: {why}"));
        }
        text.push('\n');
        if self.policies.is_empty() && self.is_lost {
            return text + "  it is gone, and what there is of it is kept\n";
        }
        if self.policies.is_empty() {
            return text + "  NO POLICY is for it: nothing backs it up\n";
        }
        let mut table =
            Table::new(["policy", "good", "newest", "next", "note"]).right(&[1]).below(&[4, 3, 2]);
        for cover in &self.policies {
            table.row([
                cover.policy.as_str().into(),
                cover.good.to_string().into(),
                newest_cell(cover.newest_good.as_ref()),
                cover.next_start.map_or_else(String::new, instant).into(),
                cover.obstacle.clone().unwrap_or_default().into(),
            ]);
        }
        text + "\n" + &table.text(paper)
    }
}

fn status_cell(one: &MachineShown) -> Cell {
    // What the cloud said of it last is true no more.
    if one.is_lost {
        return Cell::toned("gone", Tone::Warning);
    }
    let is_active = one.status == MachineStatus::Active.word();
    Cell::toned(visible(&one.status), if is_active { Tone::Good } else { Tone::Warning })
}

pub(super) fn newest_cell(newest: Option<&NewestGood>) -> Cell {
    match newest {
        Some(newest) => format!("{} old", span(Duration::from_secs(newest.age_seconds))).into(),
        None => Cell::toned("NO GOOD BACKUP", Tone::Bad),
    }
}

/// What is looked up once for all machines.
struct Surroundings<'a> {
    good: BTreeMap<&'a MachineId, Vec<(&'a BackupId, &'a Backup)>>,
    snapshots: BTreeMap<&'a MachineId, usize>,
    coming: BTreeMap<MachineId, Vec<Coming<'a>>>,
    late: BTreeSet<&'a MachineId>,
    payer: Payer<'a>,
}

impl<'a> Surroundings<'a> {
    fn of(state: &'a State, now: Timestamp) -> Self {
        let mut good: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (id, backup) in state.backups.iter().filter(|(_, backup)| backup.life == Life::Good) {
            good.entry(&backup.machine).or_default().push((id, backup));
        }
        let mut snapshots = BTreeMap::new();
        for known in state.fleet.snapshots.values().filter(|known| known.missing_since.is_none()) {
            *snapshots.entry(known.item.machine.as_ref()).or_default() += 1;
        }
        let snapshots =
            snapshots.into_iter().filter_map(|(machine, count)| Some((machine?, count))).collect();
        let mut by_machine: BTreeMap<MachineId, Vec<Coming>> = BTreeMap::new();
        for one in coming(state, now) {
            by_machine.entry(one.slot.machine.clone()).or_default().push(one);
        }
        let late = covers(state, now).into_iter().filter(|(_, cover)| cover.lateness(now) == Lateness::Late);
        let late = late.map(|((_, machine), _)| machine).collect();
        Self { good, snapshots, coming: by_machine, late, payer: Payer::new(state, BillKind::Instance) }
    }
}

fn shown(state: &State, now: Timestamp, known: &Known<Machine>, around: &mut Surroundings) -> MachineShown {
    let Machine { id, status, region, tier, labels, gpus, created_at, .. } = &known.item;
    let good = around.good.remove(id).unwrap_or_default();
    let mut coming = around.coming.remove(id).unwrap_or_default();
    let covers = state.policies_of(&known.item).filter(|_| known.missing_since.is_none());
    let policies = covers.map(|(policy, _)| {
        let is_of = |backup: &Backup| backup.slot.as_ref().is_some_and(|slot| slot.policy == *policy);
        let of_it: Vec<_> = good.iter().copied().filter(|(_, backup)| is_of(backup)).collect();
        let next = coming.iter().position(|one| one.slot.policy == *policy).map(|at| coming.swap_remove(at));
        Cover {
            policy: policy.clone(),
            good: of_it.len(),
            newest_good: newest_good(&of_it, now),
            next_start: next.as_ref().map(|next| next.start),
            obstacle: next.and_then(|next| next.obstacle).map(|decision| words::decision(&decision)),
        }
    });
    let price = machine_hour(state, id, &around.payer);
    MachineShown {
        machine: id.clone(),
        name: machine_name(state, id),
        status: status.word().to_owned(),
        region: region.clone(),
        tier: tier.clone(),
        labels: labels.clone(),
        gpus: gpus.as_ref().map(|gpus| format!("{} × {}", gpus.count, gpus.model)),
        price_per_hour: price.map(|(_, amount)| amount),
        currency: price.map(|(currency, _)| currency),
        created_at: *created_at,
        first_seen: known.first_seen,
        missing_since: known.missing_since,
        is_lost: state.is_lost(id),
        policies: policies.collect(),
        good: good.len(),
        newest_good: newest_good(&good, now),
        is_late: around.late.contains(id),
        snapshots: around.snapshots.get(id).copied().unwrap_or(0),
        cannot: cannot(state, known),
    }
}

pub(super) fn newest_good(good: &[(&BackupId, &Backup)], now: Timestamp) -> Option<NewestGood> {
    let (id, backup) = good.iter().max_by_key(|(id, backup)| (backup.taken_at, *id))?;
    Some(NewestGood {
        backup: (*id).clone(),
        taken_at: backup.taken_at,
        age_seconds: now.since(backup.taken_at).as_secs(),
    })
}

/// What keeps a machine from being snapshotted, whoever asks.
pub(super) fn cannot(state: &State, known: &Known<Machine>) -> Vec<String> {
    let machine = &known.item;
    let mut why = Vec::new();
    if known.missing_since.is_some() {
        why.push("the last complete listing did not have it".to_owned());
    } else if machine.status != MachineStatus::Active {
        let word = visible(machine.status.word());
        why.push(match state.is_being_snapshotted(&machine.id) {
            true => format!("it is {word} while its snapshot is being made"),
            false => format!("it is {word}, and only an ACTIVE machine can be"),
        });
    }
    if let Some(impossible) = state.halts.impossible.get(&machine.id) {
        why.push(format!("the cloud cannot snapshot it: {}", visible(&impossible.refusal.words())));
    }
    if let Some(halt) = &state.halts.account {
        why.push(format!(
            "the cloud refuses all creates of this account: {}",
            visible(&halt.refusal.words())
        ));
    }
    if let Some(refused) = &state.key_refused {
        why.push(format!("the cloud refuses the key (HTTP {})", refused.status));
    }
    why
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::examples::world::World;
    use crate::domain::policy::Mode;
    use crate::report::command::Commands;

    fn writer() -> Writer {
        Writer { simulated: true, runs: Some(true), commands: Commands::default() }
    }

    #[test]
    fn a_machine_that_is_gone_is_called_so_and_counts_for_no_policy() {
        let mut world = World::new(2);
        world.look_at_all();
        world.cloud.machines.pop_first();
        for _ in 0..2 {
            world.wait(crate::domain::time::Seconds::minutes(5));
            world.look_at_all();
        }
        let shown = Machines::of(&world.state, world.now, &writer());
        let text = shown.in_words(Paper::default());
        assert!(text.contains("  gone") && !text.contains("NO GOOD BACKUP  gone"), "{text}");
        let full = shown.only("trainer-1").in_full(Paper::default());
        assert!(full.contains("gone; ACTIVE when it was last seen"), "{full}");
        let policies = crate::report::policies::Policies::of(&world.state, world.now, true);
        assert_eq!(policies.policies[0].machines.len(), 1);
    }

    #[test]
    fn a_machine_tells_its_policies_its_newest_good_backup_and_its_next_slot() {
        let mut world = World::new(2);
        world.take_all();
        let shown = Machines::of(&world.state, world.now, &writer());
        assert_eq!(shown.machines.len(), 2);
        let one = &shown.machines[0];
        assert_eq!((one.name.as_str(), one.good, one.snapshots), ("trainer-1", 1, 1));
        assert_eq!(one.policies[0].next_start.unwrap().to_string(), "2026-03-03T02:00:00Z");
        assert!(one.cannot.is_empty());
        let text = shown.in_words(Paper::default());
        assert!(text.contains("trainer-1") && text.contains("2 of them under a policy"), "{text}");
        assert_eq!(shown.only("trainer-2").machines.len(), 1);
    }

    #[test]
    fn while_observing_the_list_says_first_that_nothing_is_backed_up() {
        let mut world = World::new(1);
        world.adopt(|set| set.mode = Mode::Observe);
        world.look_at_all();
        let text = Machines::of(&world.state, world.now, &writer()).in_words(Paper::default());
        assert!(text.starts_with("OBSERVING: nothing is backed up"), "{text}");
    }

    #[test]
    fn a_machine_that_cannot_be_snapshotted_or_that_no_policy_is_for_says_so() {
        let mut world = World::new(2);
        let mut machines = world.cloud.machines.values_mut();
        machines.next().unwrap().status = MachineStatus::Shutoff;
        machines.next().unwrap().name = "spare\x1b[2J".to_owned();
        drop(machines);
        world.look_at_all();
        world.adopt(|set| {
            set.policies.values_mut().for_each(|policy| policy.machines = vec!["trainer-*".to_owned()])
        });
        let shown = Machines::of(&world.state, world.now, &writer());
        let [spare, off] = &shown.machines[..] else { panic!("{shown:?}") };
        assert!(spare.policies.is_empty());
        assert_eq!(off.cannot, ["it is SHUTOFF, and only an ACTIVE machine can be"]);
        let text = shown.in_words(Paper::default());
        assert!(text.contains("none") && text.contains(r"spare\u{1b}[2J"), "{text}");
        assert!(shown.only("spare\x1b[2J").in_full(Paper::default()).contains("NO POLICY is for it"));
    }
}
