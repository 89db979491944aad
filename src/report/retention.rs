//! What a preview of the keep rules shows: of a list of instants, and of the live fleet with its cost.
//!
//! Text and JSON show the same; nothing is decided here.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::foreign::visible;
use super::money::{HOURS_A_MONTH, Ranges, SnapshotPrices, ranges, settled_by};
use super::status::machine_name;
use super::words::instant;
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::policy::Retention;
use crate::domain::preview::ShelfPreview;
use crate::domain::retention::{Candidate, Verdict};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// Raised when a field changes its meaning or goes; new ones may come at any time.
const SCHEMA_VERSION: u32 = 1;

/// A list of instants, judged; both lists from new to old. The form of its JSON is fixed.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    pub schema_version: u32,
    pub keep: Vec<JudgedKeep>,
    pub remove: Vec<JudgedRemove>,
}

#[derive(Clone, Debug, Serialize)]
pub struct JudgedKeep {
    pub id: BackupId,
    pub reasons: Vec<String>,
    #[serde(skip)]
    pub taken_at: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
pub struct JudgedRemove {
    pub id: BackupId,
    #[serde(skip)]
    pub taken_at: Timestamp,
    #[serde(skip)]
    pub why: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    pub id: BackupId,
    pub taken_at: Timestamp,
    pub reasons: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Removed {
    pub id: BackupId,
    pub taken_at: Timestamp,
    pub why: String,
}

impl Judged {
    pub fn of(candidates: &[Candidate<'_>], verdicts: &BTreeMap<&BackupId, Verdict>) -> Self {
        let mut order: Vec<&Candidate> = candidates.iter().collect();
        order.sort_by(|a, b| b.taken_at.cmp(&a.taken_at).then_with(|| a.id.cmp(b.id)));
        let mut judged = Self { schema_version: SCHEMA_VERSION, keep: Vec::new(), remove: Vec::new() };
        for Candidate { id, taken_at } in order {
            let (id, taken_at) = ((*id).clone(), *taken_at);
            match verdicts.get(&id) {
                Some(Verdict::Expire(why)) => {
                    judged.remove.push(JudgedRemove { id, taken_at, why: why.to_string() });
                }
                Some(Verdict::Keep { reasons }) => {
                    let reasons = reasons.iter().map(ToString::to_string).collect();
                    judged.keep.push(JudgedKeep { id, taken_at, reasons });
                }
                // Each candidate has its verdict; without one it would be kept.
                None => judged.keep.push(JudgedKeep { id, taken_at, reasons: Vec::new() }),
            }
        }
        judged
    }

    pub fn in_words(&self, rules: &Retention, zone: &TimeZone) -> String {
        let mut text = format!("keeps {rules}; times are those of {}\n", zone.iana_name().unwrap_or("UTC"));
        let local = |at: Timestamp| at.zoned().to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S");
        let row = |at: Timestamp, word: &str, id: &BackupId, why: &str| {
            (at, format!("{word:<7} {}  {:<30} {why}", local(at), visible(id.as_str())))
        };
        let kept = self.keep.iter().map(|one| row(one.taken_at, "keep", &one.id, &one.reasons.join(", ")));
        let removed = self.remove.iter().map(|one| row(one.taken_at, "remove", &one.id, &one.why));
        let mut rows: Vec<(Timestamp, String)> = kept.chain(removed).collect();
        rows.sort_by_key(|(taken_at, _)| Reverse(*taken_at));
        for (_, row) in rows {
            text.push_str(row.trim_end());
            text.push('\n');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{} kept, {} removed", self.keep.len(), self.remove.len());
        text
    }
}

/// The live fleet under the rules in force, or under others.
#[derive(Clone, Debug, Serialize)]
pub struct FleetPreview {
    pub schema_version: u32,
    /// The journal is of a simulated cloud: nothing in it is real.
    pub simulated: bool,
    pub now: Timestamp,
    /// The rules that were asked about; `None`: those in force.
    pub proposal: Option<String>,
    pub hours_per_month: i64,
    /// What settled how snapshots are priced, or what will; until then costs are ranges.
    pub price_settled_by: String,
    pub shelves: Vec<ShelfShown>,
    /// At list price.
    pub cost_before_per_month: Ranges,
    pub cost_after_per_month: Ranges,
}

/// One (policy, machine).
#[derive(Clone, Debug, Serialize)]
pub struct ShelfShown {
    pub policy: PolicyName,
    pub machine: MachineId,
    pub machine_name: String,
    pub keep: Vec<Kept>,
    pub remove: Vec<Removed>,
    /// What is billed and no rule counts: not yet found good, bad, timed out, disputed.
    pub unjudged: Vec<Unjudged>,
    pub cost_before_per_month: Ranges,
    pub cost_after_per_month: Ranges,
}

#[derive(Clone, Debug, Serialize)]
pub struct Unjudged {
    pub id: BackupId,
    pub life: &'static str,
}

impl FleetPreview {
    pub fn of(
        state: &State,
        now: Timestamp,
        simulated: bool,
        shelves: &[ShelfPreview<'_>],
        proposal: Option<String>,
    ) -> Self {
        let prices = SnapshotPrices::of(state);
        let shelves: Vec<ShelfShown> =
            shelves.iter().map(|shelf| ShelfShown::of(state, shelf, &prices)).collect();
        let sum = |cost: fn(&ShelfShown) -> &Ranges| {
            let mut sums = Ranges::new();
            for (currency, range) in shelves.iter().flat_map(cost) {
                let sum = sums.entry(*currency).or_default();
                *sum = sum.plus(*range);
            }
            sums
        };
        Self {
            schema_version: SCHEMA_VERSION,
            simulated,
            now,
            proposal,
            hours_per_month: HOURS_A_MONTH,
            price_settled_by: settled_by(state),
            cost_before_per_month: sum(|shelf| &shelf.cost_before_per_month),
            cost_after_per_month: sum(|shelf| &shelf.cost_after_per_month),
            shelves,
        }
    }

    pub fn in_words(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> fmt::Result {
        let rules = self
            .proposal
            .as_ref()
            .map_or("the rules in force".to_owned(), |rules| format!("if the rules were: {rules}"));
        writeln!(text, "as of {} UTC, {rules}", instant(self.now))?;
        if self.shelves.is_empty() {
            writeln!(text, "\nno backups of a policy in force")?;
        }
        for shelf in &self.shelves {
            let machine = visible(&shelf.machine_name);
            writeln!(text, "\n{} on {machine}", visible(shelf.policy.as_str()))?;
            for one in &shelf.keep {
                let (at, id) = (instant(one.taken_at), visible(one.id.as_str()));
                writeln!(text, "  keep    {at}  {id:<30} {}", one.reasons.join(", "))?;
            }
            for one in &shelf.remove {
                let (at, id) = (instant(one.taken_at), visible(one.id.as_str()));
                writeln!(text, "  remove  {at}  {id:<30} {}", one.why)?;
            }
            for one in &shelf.unjudged {
                writeln!(
                    text,
                    "  stays   {:<21}{:<30} {}: no rule counts it",
                    "",
                    visible(one.id.as_str()),
                    one.life
                )?;
            }
            let (before, after) = (ranges(&shelf.cost_before_per_month), ranges(&shelf.cost_after_per_month));
            writeln!(text, "  a month {before} now, {after} after")?;
        }
        writeln!(
            text,
            "\nin all, a month: {} now, {} after; at list price, {}.\n\
             What goes also waits for its grace, the caps and every other rail.",
            ranges(&self.cost_before_per_month),
            ranges(&self.cost_after_per_month),
            self.price_settled_by
        )
    }
}

impl ShelfShown {
    fn of(state: &State, shelf: &ShelfPreview<'_>, prices: &SnapshotPrices) -> Self {
        let kept = shelf.kept.iter().map(|(id, backup, reasons)| Kept {
            id: (*id).clone(),
            taken_at: backup.taken_at,
            reasons: reasons.clone(),
        });
        let removed = shelf.expired.iter().map(|(id, backup, fate)| Removed {
            id: (*id).clone(),
            taken_at: backup.taken_at,
            why: fate.to_string(),
        });
        let unjudged = shelf
            .unjudged
            .iter()
            .map(|(id, backup)| Unjudged { id: (*id).clone(), life: backup.life.word() });
        let stay = || {
            let kept = shelf.kept.iter().map(|(_, backup, _)| *backup);
            kept.chain(shelf.unjudged.iter().map(|(_, backup)| *backup))
        };
        let go = shelf.expired.iter().map(|(_, backup, _)| *backup);
        Self {
            policy: shelf.policy.clone(),
            machine: shelf.machine.clone(),
            machine_name: machine_name(state, shelf.machine),
            keep: kept.collect(),
            remove: removed.collect(),
            unjudged: unjudged.collect(),
            cost_before_per_month: prices.month(stay().chain(go)),
            cost_after_per_month: prices.month(stay()),
        }
    }
}
