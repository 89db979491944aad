//! What must be known before anything else on the page is read, the gravest first.

use super::present::Present;
use crate::domain::policy::Mode;
use crate::report::failing;
use crate::report::foreign::{harmless, visible};
use crate::report::status::Status;
use crate::report::words::{instant, would_be_taken};

/// Alarms on the page; the rest is counted.
const ALARMS: usize = 12;

pub struct Banner {
    pub tone: &'static str,
    pub word: String,
    pub said: String,
}

impl Banner {
    /// What is said, in pieces: commands stand between backticks.
    pub fn pieces(&self) -> impl Iterator<Item = (bool, &str)> {
        self.said.split('`').enumerate().map(|(at, piece)| (at % 2 == 1, piece))
    }
}

pub fn banners(present: &Present, status: Option<&Status>) -> Vec<Banner> {
    let mut banners = Vec::new();
    let mut tell =
        |tone, word: &str, said: String| banners.push(Banner { tone, word: word.to_owned(), said });
    match present {
        Present::Replaying => {
            tell("warn", "STARTING", "The journal is being read; this takes seconds.".to_owned())
        }
        Present::Degraded { why } => tell(
            "bad",
            "DEGRADED",
            format!(
                "The journal cannot be written, so the cloud is not called and nothing is backed up. Tried again \
                 each minute. {}",
                harmless(why)
            ),
        ),
        Present::Live(live) => {
            if let Some(why) = &live.trouble {
                let said = format!(
                    "The last pass was given up, and nothing is done until it works: {}",
                    harmless(why)
                );
                tell("bad", "NOT WORKING", said);
            }
        }
    }
    let Some(status) = status else { return banners };
    if status.simulated {
        tell("info", "SIMULATED", "This is a simulated cloud; nothing here is real.".to_owned());
    }
    match status.mode {
        Some(Mode::Observe) => tell("warn", "OBSERVING", observing(present)),
        Some(Mode::Protect | Mode::Enforce) => {}
        None => tell("warn", "NO POLICIES", "No configuration was adopted yet.".to_owned()),
    }
    if let Some(said) = frozen(status) {
        tell("warn", "FROZEN", said);
    }
    if let Some(until) = status.paused_until {
        tell("warn", "PAUSED", format!("Policies create and delete nothing until {} UTC.", instant(until)));
    }
    for failing in status.failing_looks.iter().filter(|_| !failing::are_explained(&status.stops)) {
        tell("warn", "LOOKS FAIL", format!("{}.", failing.said()));
    }
    for (tone, word, said) in of_the_file(status) {
        tell(tone, word, said);
    }
    for down in &status.machines_down {
        let (name, word) = (visible(&down.machine_name), visible(&down.status));
        tell("bad", "NOT BACK", format!("{name} did not come back from its snapshot: it was {word}."));
    }
    for alarm in status.alarms.iter().take(ALARMS) {
        let said = harmless(&alarm.said).replace('\n', " ");
        let since = alarm.since.map(|at| format!(" Since {} UTC.", instant(at))).unwrap_or_default();
        tell(tone(alarm.kind), &alarm.kind.replace('_', " ").to_uppercase(), format!("{said}.{since}"));
    }
    let more = status.alarms.len().saturating_sub(ALARMS);
    if more > 0 {
        tell(
            "warn",
            "AND MORE",
            format!("{more} more; `{}` tells them all.", status.commands.verb("status")),
        );
    }
    banners
}

/// Until when a person froze deletions; a freeze that began by itself is an alarm.
fn frozen(status: &Status) -> Option<String> {
    let is_alarm = status.alarms.iter().any(|alarm| alarm.kind == "frozen_by_itself");
    let frozen = status.frozen.as_ref().filter(|_| !is_alarm)?;
    Some(format!("No deletions until {} UTC: {}", instant(frozen.until), visible(&frozen.reason)))
}

/// What became of a configuration that was edited.
fn of_the_file(status: &Status) -> Vec<(&'static str, &'static str, String)> {
    let mut told = Vec::new();
    if let Some(refused) = &status.refused_file {
        let said = format!("{}; the configuration before it goes on.", refused.said());
        told.push(("bad", "CONFIGURATION REFUSED", said));
    }
    if !status.restart_needed.is_empty() {
        let settings = visible(&status.restart_needed.join(", "));
        let said = format!("{settings}: edited in the file, and taken at the next start only.");
        told.push(("warn", "RESTART NEEDED", said));
    }
    told
}

fn observing(present: &Present) -> String {
    let slots = match present {
        Present::Live(live) => live.state.observed_slots(),
        Present::Replaying | Present::Degraded { .. } => 0,
    };
    format!("Nothing is backed up and nothing is deleted; {}.", would_be_taken(slots))
}

fn tone(kind: &str) -> &'static str {
    match kind {
        "key_refused" | "cloud_unreachable" | "disk_full" | "second_daemon" | "account_refused"
        | "no_credit" | "bad_backup" | "backups_missing" | "frozen_by_itself" => "bad",
        "not_offered" => "info",
        _ => "warn",
    }
}
