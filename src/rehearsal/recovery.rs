//! I27: some time after the faults end, all is as if there had been none.
//!
//! What is there, and what should be gone, it takes from the cloud's truth; the daemon's state is
//! asked only for what it believes of that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::backup::{Backup, Life};
use crate::domain::id::SnapshotId;
use crate::domain::policy::Retention;
use crate::domain::selection::Selector;
use crate::domain::state::State;
use crate::domain::time::{Seconds, Timestamp};
use crate::domain::timing::CatchUp;
use crate::rehearsal::setup::Setup;
use crate::rehearsal::variety::DAILY;
use crate::rehearsal::watch::Observer;
use crate::sim::cloud::Cloud;
use crate::sim::dialect::Way;
use crate::sim::machine::MachineStatus;
use crate::sim::record::{Actor, Record};
use crate::sim::truth::Truth;

/// Within this all must be well again; two slots of a daily policy are the same.
const RECOVERY: Seconds = Seconds::hours(48);
/// Only a calm that lasts this much longer shows it.
const MARGIN: Seconds = Seconds::hours(12);
/// After its grace a replaced one goes within this, or another of its shelf does.
const DELETES_WITHIN: Seconds = Seconds::hours(30);
/// A request that is open for longer than this will never be settled.
const LONGEST_OPEN: Seconds = Seconds::hours(6);
/// Two looks at snapshots lie at most this far apart, and something else between them.
const LOOKED_WITHIN: Seconds = Seconds::minutes(30);

/// The end of a rehearsal, as the observer sees it.
struct Ending<'a> {
    setup: &'a Setup,
    state: &'a State,
    now: Timestamp,
}

pub fn judge(observer: &Observer, setup: &Setup, cloud: &Cloud, state: &State, now: Timestamp) {
    if now.since(setup.calm_begins()) < RECOVERY.duration() + MARGIN.duration() {
        return;
    }
    let ending = Ending { setup, state, now };
    let mut found = ending.open_requests();
    let there = machines(cloud);
    let machines: Vec<(String, String)> = cloud.with_world(|world| {
        let up = world.machines().filter(|machine| {
            machine.status == MachineStatus::Active
                && !machine.unsupported
                && ending.is_older(machine.since, RECOVERY)
        });
        up.map(|machine| (machine.id.clone(), machine.name.clone())).collect()
    });
    cloud.with_truth(|truth| {
        let mut records: Vec<&Record> = truth.snapshots().collect();
        found.extend(ending.machines_without_backup(truth, &machines, &records));
        // Of an id that was given out again only the last one's can be there.
        records.retain(|record| truth.snapshot(&record.id).is_some_and(|last| last.number == record.number));
        found.extend(ending.wrong_inventory(&records));
        // The backups of a lost machine are kept until a person decides.
        records.retain(|record| there.contains(&record.machine));
        found.extend(ending.deletions_overdue(truth, &records));
    });
    for line in found {
        observer.object(format!("I27: {line}"));
    }
}

fn machines(cloud: &Cloud) -> Vec<String> {
    cloud.with_world(|world| world.machines().map(|machine| machine.id.clone()).collect())
}

/// The longest that a machine went without a new backup that came to be ready, of those that exist at
/// the end; one that was made later counts from then.
pub fn worst_rpo(cloud: &Cloud, (from, until): (Timestamp, Timestamp)) -> Duration {
    let machines: Vec<(String, Timestamp)> = cloud
        .with_world(|world| world.machines().map(|one| (one.id.clone(), one.created_at.max(from))).collect());
    cloud.with_truth(|truth| {
        let gap_of = |(machine, since): &(String, Timestamp)| {
            let ours = |one: &&Record| one.machine == *machine && one.made_by == Actor::Daemon;
            let ready = truth.snapshots().filter(ours).filter(|one| one.ready_at.is_some());
            let mut times: Vec<Timestamp> = ready.map(|one| one.created_at).collect();
            times.extend([*since, until]);
            times.sort_unstable();
            times.windows(2).map(|pair| pair[1].since(pair[0])).max()
        };
        machines.iter().filter_map(gap_of).max().unwrap_or_default()
    })
}

impl Ending<'_> {
    fn is_older(&self, at: Timestamp, than: Seconds) -> bool {
        self.now.since(at) > than.duration()
    }

    /// Of all that the cloud has, by each policy that is for it: a daemon that sees none of them has not
    /// recovered.
    fn machines_without_backup(
        &self,
        truth: &Truth,
        machines: &[(String, String)],
        records: &[&Record],
    ) -> Vec<String> {
        let mut found = Vec::new();
        for (name, policy) in self.setup.policies().policies {
            // A slot that nothing makes up for may rightly be missed.
            let slots = if policy.timing.catch_up == CatchUp::None { 4 } else { 2 };
            let within = Seconds((slots * policy.longest_gap.0).max(RECOVERY.0));
            if self.now.since(self.setup.calm_begins()) < within.duration() + MARGIN.duration() {
                continue;
            }
            let selector = Selector::of(&policy);
            let is_fresh = |machine: &str| {
                records.iter().any(|record| {
                    let of = record.slot.as_ref().map(|slot| truth.policy(&slot.policy));
                    record.machine == machine
                        && of == Some(name.as_str())
                        && record.is_owned()
                        && record.is_good()
                        && !self.is_older(record.created_at, within)
                })
            };
            let covered = machines.iter().filter(|(_, called)| selector.selects_name(called));
            let late = covered.filter(|(id, _)| !is_fresh(id));
            let hours = within.0 / 3_600;
            found.extend(late.map(|(id, _)| format!("{id} has no good {name} backup of {hours} h")));
        }
        found
    }

    fn open_requests(&self) -> Vec<String> {
        let open = self.state.unresolved().filter(|life| self.is_older(life.changed_at, LONGEST_OPEN));
        open.map(|life| format!("{} is still open: {:?}", life.effect.verb.backup(), life.standing)).collect()
    }

    /// The daemon knows every snapshot that is there, and believes in none that is not.
    fn wrong_inventory(&self, records: &[&Record]) -> Vec<String> {
        let settled = |record: &&&Record| {
            self.is_older(record.created_at, LOOKED_WITHIN)
                && record.deleted.is_none_or(|(at, _)| self.is_older(at, LOOKED_WITHIN))
        };
        let believed: BTreeSet<&str> = self
            .state
            .fleet
            .snapshots
            .iter()
            .filter(|(_, known)| known.missing_since.is_none())
            .map(|(id, _)| id.as_str())
            .collect();
        let differs = |record: &&&Record| record.deleted.is_none() != believed.contains(record.id.as_str());
        let told = |record: &&Record| match record.deleted {
            None => format!("{} ({}) is there, and is not known", record.id, record.name),
            Some((at, _)) => format!("{} ({}) is believed in, and gone since {at}", record.id, record.name),
        };
        records.iter().filter(settled).filter(differs).map(told).collect()
    }

    /// Good ones that enough newer ones replaced long ago, and that only the daemon could hold.
    fn deletions_overdue(&self, truth: &Truth, records: &[&Record]) -> Vec<String> {
        // How many other words keep is not counted here.
        if self.setup.also != Retention::default() {
            return Vec::new();
        }
        let mut shelves: BTreeMap<(String, String), Vec<&Record>> = BTreeMap::new();
        // What was odd once may have been disputed or judged bad, and waits for a person.
        for record in records.iter().filter(|record| record.is_good() && !record.is_odd) {
            // How many other words keep is not counted here.
            if let Some(group) = truth.group(record).filter(|(policy, _)| policy == DAILY) {
                shelves.entry(group).or_default().push(record);
            }
        }
        let grace = self.state.rules().grace;
        let kept = self.setup.keep_last.max(self.state.rules().min_good) as usize;
        // A cap may leave the last of many for later, but not a shelf alone for a day.
        let goes_on = |of: &Record| {
            records.iter().filter(|record| truth.group(record) == truth.group(of)).any(|record| {
                record
                    .deleted
                    .is_some_and(|(at, by)| by == Actor::Daemon && !self.is_older(at, DELETES_WITHIN))
            })
        };
        let overdue = |(at, record): (usize, &&Record), shelf: &[&Record]| {
            let replaced = shelf.get(at + kept).and_then(|newer| newer.ready_at);
            let due = replaced.map(|replaced| replaced.max(self.setup.calm_begins()) + grace);
            !record.pinned
                && due.is_some_and(|due| self.is_older(due, DELETES_WITHIN))
                && self.may_delete(&record.id)
                && !goes_on(record)
        };
        let mut found = Vec::new();
        // What images there are nobody knows, unless a person says that there are none.
        if self.setup.dialect.has(Way::NoImages) && !self.setup.says_no_images() {
            return found;
        }
        for shelf in shelves.values() {
            let late = shelf.iter().enumerate().filter(|one| overdue(*one, shelf)).map(|(_, record)| record);
            found.extend(late.map(|record| format!("{} is replaced for long, and still there", record.id)));
        }
        found
    }

    /// What is disputed, timed out or bad waits for a person; what was never judged waits for nobody.
    fn may_delete(&self, id: &str) -> bool {
        let owner = self.state.owners.get(&SnapshotId::new(id));
        let waits = |backup: &Backup| {
            backup.is_protected(self.now)
                || matches!(backup.life, Life::Disputed | Life::TimedOut | Life::Bad)
        };
        owner.and_then(|owner| self.state.backups.get(owner)).is_none_or(|backup| !waits(backup))
    }
}
