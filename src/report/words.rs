//! Words for what is held, decided and refused: one sentence each, the same in every place.

use std::time::Duration;

use super::command::Commands;
use super::foreign::visible;
use crate::domain::downtime::Downtime;
use crate::domain::draft::Hold;
use crate::domain::effect::Refusal;
use crate::domain::event::Lapsed;
use crate::domain::money::Nanos;
use crate::domain::rail::Rail;
use crate::domain::slot::{Decision, Held, Skip};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

/// Stands over everything that is made of a simulated journal.
pub const SIMULATED: &str = "SIMULATED: this journal is of a simulated cloud; nothing in it is real.";

/// To the second, in UTC, without what everybody knows: `2026-03-01 02:00:07`.
pub fn instant(at: Timestamp) -> String {
    at.zoned().strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// How long something is, in the two units that matter: `3 d 4 h`, `26 min`, `12 s`.
pub fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// `1 backup`, `2 backups`: a number with the word that fits it.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// To the cent, towards zero: JSON has every digit.
pub fn cents(sum: Nanos) -> String {
    let (sign, cents) = (if sum.0 < 0 { "-" } else { "" }, sum.0.unsigned_abs() / 10_000_000);
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

/// What observing comes to: slots that were due, and were not taken for the mode alone.
pub fn would_be_taken(slots: u64) -> String {
    match slots {
        0 => "none was due so far".to_owned(),
        1 => "1 backup would have been taken".to_owned(),
        many => format!("{many} backups would have been taken"),
    }
}

/// Why a doomed backup stays.
pub fn hold(hold: &Hold, commands: &Commands) -> String {
    match hold {
        Hold::Mode => "the mode deletes nothing".to_owned(),
        Hold::NoPolicy => {
            "its policy is not in force: name it under `was` of the one that replaced it, or `policies retire` it".to_owned()
        }
        Hold::SoftStart { until } => {
            format!("soft start: enforce deletes nothing before {}", instant(*until))
        }
        Hold::Grace { until } => format!("grace: time to object until {}", instant(*until)),
        Hold::AwaitsApproval => format!("waits for a person: {}", commands.of("plan approve", "BACKUP")),
        Hold::Paused { until } => format!("policies are paused until {}", instant(*until)),
        Hold::Kept => "asked for by hand, and a rule keeps it: --override kept".to_owned(),
        Hold::Linked => "an image was made from it".to_owned(),
        Hold::Frozen { until } => format!("deletions are frozen until {}", instant(*until)),
        Hold::ClockUnsure => "our clock and the cloud's differ".to_owned(),
        Hold::Protected => "it is pinned, held, or no longer under one policy".to_owned(),
        Hold::LastGood => "too few good backups of its machine would be left".to_owned(),
        Hold::Stale => Rail::Stale.why().to_owned(),
        Hold::Unknown => "what became of a request on its machine is not known yet".to_owned(),
        Hold::Suspect => {
            "a snapshot looks like ours and is not in the journal: adopt or disown it".to_owned()
        }
        Hold::Unreadable => "a snapshot of its machine cannot be read; `status` names it".to_owned(),
        Hold::Shaken => "something of ours was missing from a listing".to_owned(),
        Hold::Capped => "the cap of deletions is reached, and frees within a day; asked for by hand, `--override caps` passes it".to_owned(),
        Hold::Refused => "the cloud refused to delete it; asked again a day later".to_owned(),
        Hold::MaybeLinked => "an image may have been made from it".to_owned(),
        Hold::Postponed { until, why } => format!("not before {}: {}", instant(*until), visible(why)),
        Hold::LookFirst => "the listing is looked at anew first".to_owned(),
    }
}

/// Why a backup that is due is not taken.
pub fn held(held: &Held) -> String {
    match held {
        Held::NotActive(status) => format!("its machine is {}, not active", visible(status)),
        Held::MayRestart => {
            "may_restart is false, and a snapshot without a restart was not seen yet".to_owned()
        }
        Held::Concurrent => {
            "as many snapshots run, or are not known to have ended, as may at one time".to_owned()
        }
        Held::Unknown => "what became of an earlier request is not known yet".to_owned(),
        Held::Unseen => "machines and snapshots were not looked at completely of late".to_owned(),
        Held::NameInUse(id) => format!("snapshot {} bears its name and is not in the journal", visible(id)),
        Held::Paused => "a person paused all policies".to_owned(),
        Held::ClockUnsure => "our clock and the cloud's differ".to_owned(),
        Held::OutsideWindow(opens) => format!("outside its allowed hours, which begin {}", instant(*opens)),
        Held::Busy(why) => format!("its machine is busy: {}", visible(why)),
        Held::BusyUnchecked => "its busy check has not answered yet".to_owned(),
        Held::Asked => "a run by hand of its policy comes first, and would serve it too".to_owned(),
        Held::Account(said) => {
            format!("the cloud refuses all creates of this account, asked once a day: {}", visible(said))
        }
        Held::PolicyRefused(said) => {
            format!("the cloud refused three of this policy in a row, asked once a day: {}", visible(said))
        }
        Held::Impossible(said) => {
            format!("the cloud cannot snapshot this machine, not asked again: {}", visible(said))
        }
    }
}

pub fn decision(decision: &Decision) -> String {
    match decision {
        Decision::Superseded { first, count, by } => {
            format!("{count} missed from {} on, served by {}", instant(*first), instant(*by))
        }
        Decision::Missed { first, count } => {
            format!("{count} missed from {} on, and not caught up", instant(*first))
        }
        Decision::Skipped(Skip::WindowPassed) => "window passed: its allowed hours ended".to_owned(),
        Decision::Skipped(Skip::Busy) => "its machine was busy all the time".to_owned(),
        Decision::Skipped(Skip::Observe) => "observing: it would have been taken".to_owned(),
        Decision::Skipped(Skip::Overlap) => "the one before it was still running".to_owned(),
        Decision::Skipped(Skip::AlreadyTaken) => "it was taken already: the clock went back".to_owned(),
        Decision::Expired => "too late to be caught up".to_owned(),
        Decision::Held(why) => held(why),
    }
}

/// What ended by itself.
pub fn lapsed(lapsed: &Lapsed) -> String {
    match lapsed {
        Lapsed::Freeze { until } => format!("the freeze ran out at {}", instant(*until)),
        Lapsed::Request { ask, why } => format!("request {ask} ended: {}", visible(why)),
    }
}

/// What a snapshot did to its machine.
pub fn downtime(downtime: &Downtime) -> String {
    match downtime {
        Downtime::Live { looks } => format!("live: ACTIVE in {looks} looks"),
        Downtime::Down { seconds } => format!("not ACTIVE for about {}", span(Duration::from_secs(*seconds))),
        Downtime::Unwatched => "too few looks to tell".to_owned(),
        Downtime::StillDown { status } => {
            format!("not ACTIVE again 30 min after its backup: {}", visible(status))
        }
    }
}

/// Whether snapshots restart machines, as far as it was seen.
pub fn snapshots_are(state: &State) -> Option<String> {
    if state.snapshots_live() {
        return Some("live".to_owned());
    }
    if let Some(median) = state.median_downtime() {
        return Some(format!("restarts, median {}", span(median.duration())));
    }
    let times = state.downtimes.len();
    (times > 0).then(|| format!("live so far, seen {}", count(times, "time", "times")))
}

/// The cloud's no, in its own words.
pub fn refusal(refusal: &Refusal) -> String {
    let Refusal { status, code, message, .. } = refusal;
    let said: Vec<String> =
        [code, message].into_iter().filter(|text| !text.is_empty()).map(|text| visible(text)).collect();
    format!("HTTP {status} {}", said.join(": ")).trim_end().to_owned()
}

/// Bytes as the cloud counts them, in thousands of millions.
pub fn size(bytes: i64) -> String {
    let (unit, word) = match bytes {
        ..1_000 => return format!("{bytes} bytes"),
        1_000..1_000_000 => (1_000, "KB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        1_000_000_000.. => (1_000_000_000, "GB"),
    };
    let tenths = bytes / (unit / 10);
    format!("{}.{} {word}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_the_unit_in_which_it_says_something() {
        let said = [0, 999, 4_096, 3_250_000, 40_000_000_000].map(size);
        assert_eq!(said, ["0 bytes", "999 bytes", "4.0 KB", "3.2 MB", "40.0 GB"]);
    }

    #[test]
    fn one_is_not_many() {
        let said = |number| count(number, "finding", "findings");
        assert_eq!(
            (said(0), said(1), said(2)),
            ("0 findings".into(), "1 finding".into(), "2 findings".into())
        );
    }

    #[test]
    fn money_is_shown_to_the_cent() {
        assert_eq!(cents(Nanos(4_999_194_569_000_006)), "4999194.56");
        assert_eq!(cents(Nanos(-70_000_000)), "-0.07");
    }
}
