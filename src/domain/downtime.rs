//! Downtime: whether snapshots restart machines, as looks around each of them show.
//!
//! The provider's pages do not say; so it is watched, and policies that forbid a restart wait for it.

use serde::{Deserialize, Serialize};

use super::draft::Plan;
use super::event::{DowntimeSeen, Event};
use super::fleet::MachineStatus;
use super::id::{BackupId, MachineId};
use super::policy::Rules;
use super::state::State;
use super::time::{Seconds, Timestamp};

/// What the looks around one snapshot came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Downtime {
    /// ACTIVE in each of so many looks while the snapshot was made.
    Live { looks: u32 },
    /// Not ACTIVE for about so long, to the span between two looks.
    Down { seconds: u64 },
    /// Too few looks fell into it to tell.
    Unwatched,
    /// Not ACTIVE again long after its backup ended; this is what it is instead.
    StillDown { status: String },
}

/// One snapshot that is watched, from its intent until its machine was seen afterwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    pub machine: MachineId,
    /// Looks that showed it ACTIVE while the snapshot was made.
    pub looks: u32,
    pub down_since: Option<Timestamp>,
    pub down: Seconds,
    /// When the snapshot was no longer under way.
    pub ended: Option<Timestamp>,
    /// It was written down that its machine did not come back.
    pub told: bool,
}

/// A machine that did not come back from a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotBack {
    pub backup: BackupId,
    pub since: Timestamp,
    pub status: String,
}

/// Looks that must fall into one snapshot before it counts as live.
const LOOKS_THAT_TELL: u32 = 2;
/// So many in a row must have been live: a restart may hide between two looks once, hardly thrice.
const LIVE_IN_A_ROW: usize = 3;
/// Downtimes that are remembered, of the whole account.
pub const REMEMBERED: usize = 32;
/// So many live ones in a row are a habit of the cloud's.
const HABIT: usize = 10;
/// By so much it is watched more seldom then.
const HABIT_SPARES: u64 = 3;
/// How long after the end of a backup its machine has to be ACTIVE again.
const BACK_WITHIN: Seconds = Seconds::minutes(30);

/// How often machines are looked at while a snapshot may restart one. A restart is over within minutes;
/// once so many snapshots in a row were seen to be live, only a change of that habit is watched for,
/// unless a policy is in force whose machines must not restart.
pub(super) fn watch_every(state: &State, rules: &Rules) -> Option<Seconds> {
    let mut watched = state.watches.values().filter(|watch| !watch.told).peekable();
    watched.peek()?;
    let is_down = watched.any(|watch| watch.down_since.is_some());
    let close = rules.in_flight_every;
    let mut policies = state.adopted.iter().flat_map(|adopted| adopted.set.policies.values());
    let must_run = policies.any(|policy| !policy.may_restart);
    Some(if is_down || must_run || !state.has_snapshot_habit() {
        close
    } else {
        Seconds(close.0 * HABIT_SPARES)
    })
}

/// Writes down what the looks around each ended snapshot came to.
pub(super) fn plan_downtimes(state: &State, now: Timestamp, plan: &mut Plan) {
    let looked = state.fleet.machine_look.complete;
    for (backup, watch) in &state.watches {
        let Some(ended) = watch.ended.filter(|ended| looked.is_some_and(|began| began > *ended)) else {
            continue;
        };
        let is_overdue = now.since(ended) >= BACK_WITHIN.duration();
        let downtime = match watch.down_since {
            None if watch.down > Seconds(0) => Downtime::Down { seconds: watch.down.0 },
            None if watch.looks >= LOOKS_THAT_TELL => Downtime::Live { looks: watch.looks },
            None => Downtime::Unwatched,
            Some(_) if is_overdue && !watch.told => {
                let known = state.fleet.machines.get(&watch.machine);
                let status =
                    known.map_or_else(|| "gone".to_owned(), |known| known.item.status.word().to_owned());
                Downtime::StillDown { status }
            }
            Some(_) => continue,
        };
        let seen = DowntimeSeen { backup: backup.clone(), machine: watch.machine.clone(), downtime };
        plan.events.push(Event::DowntimeSeen(seen));
    }
}

impl State {
    /// Whether this account was seen to take snapshots without a restart.
    pub fn snapshots_live(&self) -> bool {
        let last = self.downtimes.iter().rev().take(LIVE_IN_A_ROW);
        let live = last.filter(|downtime| matches!(downtime, Downtime::Live { .. })).count();
        live == LIVE_IN_A_ROW
    }

    /// Whether the last snapshots were all live, so that one more look each minute would tell nothing new.
    fn has_snapshot_habit(&self) -> bool {
        let last = self.downtimes.iter().rev().take(HABIT);
        last.filter(|downtime| matches!(downtime, Downtime::Live { .. })).count() == HABIT
    }

    /// The middle one of the downtimes that were seen; `None`: none was.
    pub fn median_downtime(&self) -> Option<Seconds> {
        let down = self.downtimes.iter().filter_map(|downtime| match downtime {
            Downtime::Down { seconds } => Some(*seconds),
            Downtime::Live { .. } | Downtime::Unwatched | Downtime::StillDown { .. } => None,
        });
        let mut down: Vec<u64> = down.collect();
        down.sort_unstable();
        down.get(down.len() / 2).map(|seconds| Seconds(*seconds))
    }
}

impl MachineStatus {
    /// The cloud's word for it.
    pub fn word(&self) -> &str {
        match self {
            Self::Active => "ACTIVE",
            Self::Shutoff => "SHUTOFF",
            Self::Hibernated => "HIBERNATED",
            Self::Deleted => "DELETED",
            Self::Error => "ERROR",
            Self::Changing(word) | Self::Unknown(word) => word,
        }
    }
}
