//! Findings: what is the case with each matter now, as far as the state tells.

use std::collections::BTreeSet;

use super::Sight;
use super::ladder::{self, Rungs, Stand};
use super::matter::{Fact, Level, Matter, Purse, Refused};
use super::shelves;
use crate::domain::fleet::Scope;
use crate::domain::halt::{Halt, REFUSALS_THAT_HOLD};
use crate::domain::id::MachineId;
use crate::domain::money::Currency;
use crate::domain::policy::Mode;
use crate::domain::state::{Freeze, State};
use crate::domain::time::{Seconds, Timestamp};

/// Looks at the balance in a row that failed before a person hears that nobody sees it.
const BLIND_AFTER: u32 = 3;
/// Lists that agree for so long are told, though not believed yet: one that lags is none.
const MISSING_FOR: Seconds = Seconds::minutes(15);
/// A freeze or a pause is told again when so little of it is left.
const ENDS_SOON: Seconds = Seconds::hours(24);
/// Faults of a refused file that a letter shows.
const FAULTS: usize = 5;

pub enum Finding {
    /// Not looked into this time.
    Unasked,
    /// Nobody can tell: what was the case is still the case.
    Unseen,
    Seen {
        level: Option<Level>,
        /// The level that it would have with a margin: it is left for nothing above that.
        eased: Option<Level>,
        facts: Vec<Fact>,
    },
}

impl Finding {
    /// The case if there is any fact.
    pub fn of(level: Level, facts: Vec<Fact>) -> Self {
        let level = (!facts.is_empty()).then_some(level);
        Self::Seen { level, eased: level, facts }
    }
}

pub fn finding(state: &State, now: Timestamp, sight: &Sight<'_>, matter: Matter) -> Finding {
    match matter {
        Matter::KeyRefused => {
            let key = state.key_refused.as_ref();
            let fact = key.map(|key| Fact::Key { status: key.status, since: key.since });
            Finding::of(Level::Warning, fact.into_iter().collect())
        }
        // It is asked nothing then, and so proves nothing.
        Matter::ApiUnreachable if state.key_refused.is_some() => Finding::Unseen,
        Matter::ApiUnreachable => {
            let after = state.alert_rules().unreachable_after;
            let since = state.alerts.unreached_since.filter(|since| now.since(*since) >= after.duration());
            let why = || state.fleet.broke_off().map(ToOwned::to_owned);
            let fact = since.map(|since| Fact::Unreachable { since, why: why() });
            Finding::of(Level::Warning, fact.into_iter().collect())
        }
        // Judged by `balance`, with all purses at once.
        Matter::Balance(_) => Finding::Unasked,
        Matter::BalanceBlind if state.key_refused.is_some() => Finding::Unseen,
        Matter::BalanceBlind => {
            let misses = state.fleet.balance_look.failures;
            let fact = (misses >= BLIND_AFTER).then_some(Fact::Blind { misses });
            Finding::of(Level::Warning, fact.into_iter().collect())
        }
        Matter::ListsBlind if state.key_refused.is_some() => Finding::Unseen,
        Matter::ListsBlind => Finding::of(Level::Warning, unread(state)),
        Matter::BackupLate | Matter::BackupFailed | Matter::DeletionsHeld | Matter::DayCapLow
            if !sight.is_thorough =>
        {
            Finding::Unasked
        }
        Matter::BackupLate => shelves::late(state, now),
        Matter::BackupFailed => shelves::failed(state),
        Matter::DeletionsHeld => shelves::held(state, now, sight),
        Matter::DayCapLow => {
            let fact = state.outrun_day_cap(now).map(|(cap, due)| Fact::DayCap { cap, due });
            Finding::of(Level::Notice, fact.into_iter().collect())
        }
        Matter::MachineDown => Finding::of(Level::Warning, machines_down(state)),
        Matter::SecondDaemon => {
            let rivals = state.halts.rivals.iter().filter(|(_, rival)| !rival.is_settled);
            let fact = rivals.map(|(id, rival)| Fact::Rival { backup: id.clone(), since: rival.since });
            Finding::of(Level::Warning, fact.collect())
        }
        Matter::CreatesRefused => Finding::of(Level::Warning, refusals(state)),
        Matter::BackupsMissing => Finding::of(Level::Urgent, missing(state)),
        Matter::ForeignDeletion => shelves::gone(state, now),
        Matter::DiskFull => {
            let fact = sight.is_room_low.then_some(Fact::DiskLow);
            Finding::of(Level::Urgent, fact.into_iter().collect())
        }
        Matter::ConfigurationRefused => Finding::of(Level::Warning, refused_file(state)),
        Matter::Frozen => {
            let freeze = state.frozen.as_ref().filter(|freeze| now < freeze.until);
            let fact = |freeze: &Freeze| Fact::Until {
                until: freeze.until,
                reason: freeze.reason.clone(),
                by_itself: freeze.by_itself,
            };
            until(now, freeze.map(|freeze| (freeze.until, fact(freeze))))
        }
        Matter::Paused => {
            let fact = |until| Fact::Until { until, reason: String::new(), by_itself: false };
            until(now, state.paused(now).map(|until| (until, fact(until))))
        }
        Matter::Observing => Finding::of(Level::Notice, observed(state)),
    }
}

/// How grave one balance is. A purse that is not there cannot be read.
pub fn balance(state: &State, now: Timestamp, currency: Currency, purse: Option<Purse>) -> Finding {
    let Some(purse) = purse else { return Finding::Unseen };
    let held = Stand::of(state, currency);
    let Rungs { level, eased, by_hours } = ladder::rungs(&purse, state.alert_rules(), now, held);
    Finding::Seen { level, eased, facts: vec![Fact::Balance(Purse { by_hours, ..purse })] }
}

/// What ends by itself, and is graver shortly before it does.
fn until(now: Timestamp, of: Option<(Timestamp, Fact)>) -> Finding {
    let ends_soon = of.as_ref().is_some_and(|(until, _)| until.since(now) <= ENDS_SOON.duration());
    let level = if ends_soon { Level::Warning } else { Level::Notice };
    Finding::of(level, of.into_iter().map(|(_, fact)| fact).collect())
}

/// Listings that the passes need; the balance has its own matter.
fn unread(state: &State) -> Vec<Fact> {
    let scopes = [Scope::Machines, Scope::Snapshots, Scope::Images].into_iter();
    let fact = |scope: Scope| {
        let look = state.fleet.freshness(&scope)?;
        let said = look.broke_off.as_ref().filter(|_| look.failures >= BLIND_AFTER)?.clone();
        Some(Fact::Unread { listing: scope.word().to_owned(), misses: look.failures, said })
    };
    scopes.filter_map(fact).collect()
}

/// So much of ours is in no list that the lists are doubted; what was not looked at again proves nothing more.
fn missing(state: &State) -> Vec<Fact> {
    let looked = state.fleet.snapshot_look.complete;
    let stays = |since: &Timestamp| looked.is_some_and(|began| began >= *since + MISSING_FOR);
    let Some(since) = state.fleet.doubtful_since.filter(stays) else { return Vec::new() };
    let backups = state.missing().map(|(_, backup, _)| backup).collect::<BTreeSet<_>>().len() as u64;
    // Between the judgement that they are gone and the next list none is missing any more.
    (backups > 0).then_some(Fact::Missing { backups, since }).into_iter().collect()
}

fn machines_down(state: &State) -> Vec<Fact> {
    let down = state.machines_down.iter().map(|(machine, down)| Fact::Down {
        machine: machine.clone(),
        name: name_of(state, machine),
        status: down.status.clone(),
        backup: down.backup.clone(),
        since: down.since,
    });
    down.collect()
}

fn refusals(state: &State) -> Vec<Fact> {
    let halts = &state.halts;
    let fact = |what: Refused, halt: &Halt| Fact::Refused {
        what,
        since: halt.since,
        times: halt.refusals,
        said: halt.refusal.words(),
    };
    let account = halts.account.iter().map(|halt| fact(Refused::Account, halt));
    let credit = halts.credit.iter().map(|halt| fact(Refused::Credit, halt));
    let held = halts.policies.iter().filter(|(_, halt)| halt.refusals >= REFUSALS_THAT_HOLD);
    let policies = held.map(|(policy, halt)| fact(Refused::Policy(policy.clone()), halt));
    let machines = halts.impossible.iter().map(|(machine, known)| Fact::Refused {
        what: Refused::Machine(machine.clone()),
        since: known.since,
        times: 1,
        said: known.refusal.words(),
    });
    account.chain(credit).chain(policies).chain(machines).collect()
}

fn refused_file(state: &State) -> Vec<Fact> {
    let fact = state.refused_file.iter().map(|refused| Fact::File {
        file: refused.file.clone(),
        at: refused.at,
        faults: refused.faults.iter().take(FAULTS).cloned().collect(),
        more: u32::try_from(refused.faults.len().saturating_sub(FAULTS)).unwrap_or(u32::MAX),
    });
    fact.collect()
}

fn observed(state: &State) -> Vec<Fact> {
    let slots = state.observed_slots();
    let adopted = state.adopted.iter().filter(|adopted| adopted.set.mode == Mode::Observe && slots > 0);
    adopted.map(|adopted| Fact::Observed { slots, since: adopted.mode_since }).collect()
}

/// What the cloud calls a machine; empty where no look has shown it.
pub fn name_of(state: &State, machine: &MachineId) -> String {
    state.fleet.machines.get(machine).map_or_else(String::new, |known| known.item.name.clone())
}
