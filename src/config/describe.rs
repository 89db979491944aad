//! What `check-config` prints of an accepted configuration: each policy and its next three times.
//!
//! It decides nothing; it is text for people.

use std::fmt::Write;

use super::mail::Way;
use super::policy::PolicySetting;
use super::{Config, Email};
use crate::domain::busy::Asks;
use crate::domain::selection::Selection;
use crate::domain::time::{Seconds, Timestamp};
use crate::domain::timing::{CatchUp, Timing};

/// How many coming slots show that a schedule means what its author thinks.
pub const SHOWN: usize = 3;

pub fn describe(config: &Config, now: Timestamp) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(config, now, &mut text);
    text
}

fn write_all(config: &Config, now: Timestamp, text: &mut String) -> std::fmt::Result {
    writeln!(text, "mode       {}", config.mode.word())?;
    writeln!(text, "data_dir   {}", config.data_dir.display())?;
    writeln!(text, "cloud      {}", config.cloud.base_url)?;
    let email = match &config.email {
        Email::Unset => "not set".to_owned(),
        Email::Off => "off".to_owned(),
        Email::Recipients(recipients) => recipients.join(", "),
    };
    writeln!(text, "email      {email}")?;
    if let Some(mail) = &config.mail {
        match &mail.way {
            Way::Folder(folder) => writeln!(text, "letters    into {}", folder.display())?,
            Way::Server(server) => {
                let (host, port, security) = (&server.host, server.port, server.security.word());
                writeln!(text, "letters    over {host}, port {port}, security {security}")?;
            }
        }
    }
    for policy in &config.policies {
        write_policy(policy, now, text)?;
    }
    for warning in &config.warnings {
        writeln!(text, "\nwarning: {warning}")?;
    }
    Ok(())
}

fn write_policy(policy: &PolicySetting, now: Timestamp, text: &mut String) -> std::fmt::Result {
    writeln!(text, "\npolicy {}", policy.name)?;
    writeln!(text, "  mode       {}", policy.mode.word())?;
    if !policy.was.is_empty() {
        let names: Vec<_> = policy.was.iter().map(ToString::to_string).collect();
        writeln!(text, "  was        {}", names.join(", "))?;
    }
    writeln!(text, "  machines   {}", policy.machines.join(", "))?;
    write_selection(&policy.selection, text)?;
    let restart = if policy.may_restart {
        "a snapshot may restart the machine"
    } else {
        "the machine must not be restarted"
    };
    writeln!(text, "  restart    {restart}")?;
    writeln!(text, "  keeps      {}", policy.retention)?;
    writeln!(text, "  schedule   {} in {}", policy.cron, policy.timezone)?;
    writeln!(text, "  that is    {}", policy.schedule.in_words())?;
    write_timing(&policy.timing, text)?;
    let mut slot = now;
    for _ in 0..SHOWN {
        let Some(next) = policy.schedule.next_after(slot) else { break };
        let local = next.zoned().to_zoned(policy.schedule.zone().clone());
        let local = local.strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string();
        match local.ends_with(" UTC") {
            true => writeln!(text, "  next       {local}")?,
            false => {
                writeln!(text, "  next       {local} = {}", next.zoned().strftime("%Y-%m-%d %H:%M:%S UTC"))?;
            }
        }
        slot = next;
    }
    let gap = policy.schedule.longest_gap(now);
    writeln!(text, "  longest    {gap} between two in the coming year")
}

fn write_selection(selection: &Selection, text: &mut String) -> std::fmt::Result {
    let labels: Vec<String> = selection.labels.iter().cloned().collect();
    let lists = [
        ("not       ", &selection.exclude),
        ("in        ", &selection.regions),
        ("of tier   ", &selection.tiers),
        ("labelled  ", &labels),
    ];
    for (word, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        writeln!(text, "  {word} {}", list.join(", "))?;
    }
    Ok(())
}

fn write_timing(timing: &Timing, text: &mut String) -> std::fmt::Result {
    if let Some(window) = timing.window {
        writeln!(text, "  window     {window}; nothing starts outside it")?;
    }
    if timing.jitter > Seconds(0) {
        writeln!(text, "  jitter     up to {} after each time", timing.jitter)?;
    }
    match (timing.catch_up, timing.catch_up_window) {
        (CatchUp::None, _) => writeln!(text, "  missed     not caught up")?,
        (CatchUp::Latest, Some(late)) => {
            writeln!(text, "  missed     caught up to {late} late, one for all")?
        }
        (CatchUp::Latest, None) => {}
    }
    match timing.busy_check.as_ref().map(|check| &check.asks) {
        Some(Asks::Command(words)) => writeln!(text, "  busy       asks {}", words.join(" ")),
        Some(Asks::Url(url)) => writeln!(text, "  busy       asks {url}"),
        None => Ok(()),
    }
}
