//! What a preview of the keep rules shows: of a list of instants, and of the live fleet with its cost.
//!
//! Text and JSON show the same; nothing is decided here.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::foreign::visible;
use super::status::machine_name;
use super::words::instant;
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::money::Nanos;
use crate::domain::policy::Retention;
use crate::domain::preview::ShelfPreview;
use crate::domain::retention::{Candidate, Verdict};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// Raised when a field changes its meaning or goes; new ones may come at any time.
const SCHEMA_VERSION: u32 = 1;

/// What one snapshot costs by the provider's price list: 0.10 USD for each hour.
const LIST_PRICE_PER_HOUR: Nanos = Nanos(100_000_000);
/// A twelfth of a year of 365 days.
const HOURS_PER_MONTH: u32 = 730;

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
        rows.sort_by(|one, other| other.0.cmp(&one.0));
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
    pub now: Timestamp,
    /// The rules that were asked about; `None`: those in force.
    pub proposal: Option<String>,
    pub list_price_usd_per_hour: Nanos,
    pub hours_per_month: u32,
    pub shelves: Vec<ShelfShown>,
    pub cost_before_usd_per_month: Nanos,
    pub cost_after_usd_per_month: Nanos,
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
    pub cost_before_usd_per_month: Nanos,
    pub cost_after_usd_per_month: Nanos,
}

#[derive(Clone, Debug, Serialize)]
pub struct Unjudged {
    pub id: BackupId,
    pub life: &'static str,
}

/// By list price; what an account is really billed stands in its billing.
fn per_month(snapshots: usize) -> Nanos {
    let count = i64::try_from(snapshots).unwrap_or(i64::MAX);
    Nanos(LIST_PRICE_PER_HOUR.0.saturating_mul(i64::from(HOURS_PER_MONTH)).saturating_mul(count))
}

impl FleetPreview {
    pub fn of(state: &State, now: Timestamp, shelves: &[ShelfPreview<'_>], proposal: Option<String>) -> Self {
        let shelves: Vec<ShelfShown> = shelves.iter().map(|shelf| ShelfShown::of(state, shelf)).collect();
        let sum = |cost: fn(&ShelfShown) -> Nanos| {
            Nanos(shelves.iter().map(cost).fold(0i64, |sum, one| sum.saturating_add(one.0)))
        };
        Self {
            schema_version: SCHEMA_VERSION,
            now,
            proposal,
            list_price_usd_per_hour: LIST_PRICE_PER_HOUR,
            hours_per_month: HOURS_PER_MONTH,
            cost_before_usd_per_month: sum(|shelf| shelf.cost_before_usd_per_month),
            cost_after_usd_per_month: sum(|shelf| shelf.cost_after_usd_per_month),
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
            let (before, after) = (shelf.cost_before_usd_per_month, shelf.cost_after_usd_per_month);
            writeln!(text, "  a month {} USD now, {} USD after", dollars(before), dollars(after))?;
        }
        writeln!(
            text,
            "\nin all, a month: {} USD now, {} USD after; at list price, {} USD an hour for each snapshot.\n\
             What goes also waits for its grace, the caps and every other rail.",
            dollars(self.cost_before_usd_per_month),
            dollars(self.cost_after_usd_per_month),
            dollars(self.list_price_usd_per_hour)
        )
    }
}

/// To the cent; list prices have no more digits.
fn dollars(sum: Nanos) -> String {
    let cents = sum.0 / 10_000_000;
    format!("{}.{:02}", cents / 100, cents % 100)
}

impl ShelfShown {
    fn of(state: &State, shelf: &ShelfPreview<'_>) -> Self {
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
        let stay = shelf.kept.len() + shelf.unjudged.len();
        Self {
            policy: shelf.policy.clone(),
            machine: shelf.machine.clone(),
            machine_name: machine_name(state, shelf.machine),
            keep: kept.collect(),
            remove: removed.collect(),
            unjudged: unjudged.collect(),
            cost_before_usd_per_month: per_month(stay + shelf.expired.len()),
            cost_after_usd_per_month: per_month(stay),
        }
    }
}
