//! Whether the keep rules let a backup go: restic's words once more, read from the one backup's side.
//!
//! It shares nothing with `retention`: periods are texts that a calendar prints, and no rule counts on.

use jiff::Span;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::{Changed, Forbidden, Verdict, require};
use crate::domain::backup::{Backup, Life};
use crate::domain::policy::{Keep, Retention};
use crate::domain::reach::Reach;
use crate::domain::time::Timestamp;

/// What surrounds one good backup on its shelf.
pub(super) struct Place<'a> {
    pub backup: &'a Backup,
    /// The other good ones of its policy and machine.
    pub others: Vec<&'a Backup>,
    pub zone: &'a TimeZone,
    pub now: Timestamp,
    /// What is dated after this counts for no rule.
    pub latest: Timestamp,
}

pub(super) fn is_expired(rules: &Retention, place: &Place<'_>) -> Verdict {
    let Place { backup, zone, .. } = place;
    if backup.life == Life::Failed {
        return Ok(());
    }
    require(backup.taken_at <= place.latest, Changed("it is dated later than now"))?;
    let limit = rules.delete_after.map(|limit| back(place.now, limit, zone));
    if limit.is_some_and(|limit| backup.taken_at <= limit) {
        return Ok(());
    }
    let Retention { keep_last, keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly, .. } = *rules;
    let Retention { keep_within, keep_within_hourly, keep_within_daily, keep_within_weekly, .. } = *rules;
    let Retention { keep_within_monthly, keep_within_yearly, .. } = *rules;
    let shelf = Shelf::around(place, limit);
    // A count, a reach, how the period of a backup is printed, and what is said of either.
    let table = [
        (keep_last, keep_within, None, ["keep_last keeps it", "keep_within keeps it"]),
        (
            keep_hourly,
            keep_within_hourly,
            Some("%F %H"),
            ["keep_hourly keeps it", "keep_within_hourly keeps it"],
        ),
        (keep_daily, keep_within_daily, Some("%F"), ["keep_daily keeps it", "keep_within_daily keeps it"]),
        (
            keep_weekly,
            keep_within_weekly,
            Some("%G-%V"),
            ["keep_weekly keeps it", "keep_within_weekly keeps it"],
        ),
        (
            keep_monthly,
            keep_within_monthly,
            Some("%Y-%m"),
            ["keep_monthly keeps it", "keep_within_monthly keeps it"],
        ),
        (
            keep_yearly,
            keep_within_yearly,
            Some("%Y"),
            ["keep_yearly keeps it", "keep_within_yearly keeps it"],
        ),
    ];
    let says_anything = table.iter().any(|(count, reach, ..)| count.is_some() || reach.is_some());
    require(says_anything, Forbidden("its policy keeps everything"))?;
    for (count, reach, form, [by_count, by_reach]) in table {
        if let Some(count) = count {
            require(!shelf.is_counted(count, form, zone), Forbidden(by_count))?;
        }
        if let Some(reach) = reach {
            require(!shelf.is_reached(reach, form, zone), Forbidden(by_reach))?;
        }
    }
    Ok(())
}

/// The instants that the rules see, in order, and where among them the backup is.
struct Shelf {
    taken_at: Timestamp,
    /// From the newest to the one just newer than the backup.
    newer: Vec<Timestamp>,
    is_oldest: bool,
}

impl Shelf {
    fn around(place: &Place<'_>, limit: Option<Timestamp>) -> Self {
        let taken_at = place.backup.taken_at;
        let counts = |other: &&&Backup| {
            other.taken_at <= place.latest && limit.is_none_or(|limit| other.taken_at > limit)
        };
        let others = || place.others.iter().filter(counts);
        let is_newer = |other: &&Backup| {
            other.taken_at > taken_at || (other.taken_at == taken_at && other.name < place.backup.name)
        };
        let mut newer: Vec<Timestamp> =
            others().filter(|other| is_newer(other)).map(|other| other.taken_at).collect();
        newer.sort_unstable_by(|one, other| other.cmp(one));
        let is_oldest = others().all(|other| is_newer(other));
        Self { taken_at, newer, is_oldest }
    }

    /// Whether a rule of so many periods keeps it; without a form every backup is a period.
    fn is_counted(&self, count: Keep, form: Option<&str>, zone: &TimeZone) -> bool {
        let mut filled: Vec<String> =
            self.newer.iter().enumerate().map(|(at, instant)| printed(*instant, form, zone, at)).collect();
        filled.dedup();
        let has_room = match count {
            Keep::All => true,
            Keep::Count(count) => filled.len() < count as usize,
        };
        let own = printed(self.taken_at, form, zone, self.newer.len());
        has_room && (self.is_oldest || filled.last() != Some(&own))
    }

    /// Whether it lies within the reach, and no newer one of its period does.
    fn is_reached(&self, reach: Reach, form: Option<&str>, zone: &TimeZone) -> bool {
        let newest = self.newer.first().copied().unwrap_or(self.taken_at);
        let own = printed(self.taken_at, form, zone, self.newer.len());
        let before = self.newer.last().map(|next| printed(*next, form, zone, self.newer.len() - 1));
        self.taken_at > back(newest, reach, zone) && before != Some(own)
    }
}

fn printed(instant: Timestamp, form: Option<&str>, zone: &TimeZone, position: usize) -> String {
    let local = || instant.zoned().to_zoned(zone.clone());
    form.map_or_else(|| position.to_string(), |form| local().strftime(form).to_string())
}

/// So far before an instant: years and months from the first of the month, then its days, then hours.
fn back(from: Timestamp, reach: Reach, zone: &TimeZone) -> Timestamp {
    let Reach { years, months, days, hours } = reach;
    let began = Timestamp::from_micros(i64::MIN);
    let hours = std::time::Duration::from_secs(u64::from(hours) * 3_600);
    if years == 0 && months == 0 && days == 0 {
        return from - hours;
    }
    let wall = from.zoned().to_zoned(zone.clone()).datetime();
    let first = wall.first_of_month();
    let day = i64::from(wall.day()) - 1 - i64::from(days);
    let first = Span::new()
        .try_months(12 * i64::from(years) + i64::from(months))
        .and_then(|span| first.checked_sub(span));
    let moved = first.and_then(|first| first.checked_add(Span::new().try_days(day)?));
    moved.map_or(began, |wall| on_the_wall(wall, zone)) - hours
}

/// A wall that skips the time, or shows it twice, is read as restic does: by whether the zone's clock
/// had changed when it was that time in UTC.
fn on_the_wall(wall: DateTime, zone: &TimeZone) -> Timestamp {
    let at = |offset: Offset| offset.to_timestamp(wall).map_or(Timestamp::EPOCH, Timestamp::from);
    let changed = |after: Offset| zone.to_offset(at(Offset::UTC).zoned()) == after;
    match zone.to_ambiguous_timestamp(wall).offset() {
        AmbiguousOffset::Unambiguous { offset } => at(offset),
        AmbiguousOffset::Gap { before, after } => at(if changed(after) { before } else { after }),
        AmbiguousOffset::Fold { before, after } => at(if changed(after) { after } else { before }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::id::MachineId;
    use crate::domain::retention;
    use crate::domain::retention::tests::laws::{a_retention, a_shelf, a_zone};
    use crate::domain::retention::tests::{NOW, Taken, judged};
    use crate::domain::time::Seconds;

    fn good((id, taken_at): &Taken) -> Backup {
        Backup {
            machine: MachineId::new("m"),
            name: id.to_string(),
            slot: None,
            requested_at: *taken_at,
            waiting_since: *taken_at,
            offset_micros: None,
            life: Life::Good,
            snapshots: BTreeSet::new(),
            taken_at: *taken_at,
            sized: None,
            pinned: false,
            held: None,
            doom: None,
            ended_at: None,
            expires_at: None,
            life_before: Life::Good,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        /// Two readings of one text: neither lets go of what the other keeps.
        #[test]
        fn the_audit_and_the_plan_read_every_word_alike(
            shelf in a_shelf(), retention in a_retention(), zone in a_zone(), limit in 0..900u32,
        ) {
            let delete_after = (limit > 300).then_some(Reach { years: 0, months: 0, days: limit, hours: 0 });
            let retention = Retention { delete_after, ..retention };
            let now = Timestamp::from_seconds(NOW);
            let backups: Vec<Backup> = shelf.iter().map(good).collect();
            let verdicts = judged(&shelf, &retention, &zone);
            for (at, backup) in backups.iter().enumerate() {
                let others = backups.iter().enumerate().filter(|(other, _)| *other != at);
                let others = others.map(|(_, other)| other).collect();
                let place = Place { backup, others, zone: &zone, now, latest: now + Seconds::minutes(2) };
                let expires = matches!(verdicts[&shelf[at].0], retention::Verdict::Expire(_));
                prop_assert_eq!(is_expired(&retention, &place).is_ok(), expires, "{} {}", backup.name, retention);
            }
        }
    }
}
