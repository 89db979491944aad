//! What `check-config` prints of an accepted configuration: each policy and its next three times.
//!
//! It decides nothing; it is text for people.

use std::fmt::Write;

use super::policy::PolicySetting;
use super::{Config, Email};
use crate::domain::time::Timestamp;

/// How many coming slots show that a schedule means what its author thinks.
const SHOWN: usize = 3;

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
    writeln!(text, "  machines   {}", policy.machines.join(", "))?;
    let restart = if policy.may_restart {
        "a snapshot may restart the machine"
    } else {
        "the machine must not be restarted"
    };
    writeln!(text, "  restart    {restart}")?;
    writeln!(text, "  keeps      {}", policy.retention)?;
    writeln!(text, "  schedule   {} in {}", policy.cron, policy.timezone)?;
    let mut slot = now;
    for _ in 0..SHOWN {
        let Some(next) = policy.schedule.next_after(slot) else { break };
        let local = next.zoned().to_zoned(policy.schedule.zone().clone());
        let utc = next.zoned().strftime("%Y-%m-%d %H:%M:%S UTC");
        writeln!(text, "  next       {} = {utc}", local.strftime("%a %Y-%m-%d %H:%M:%S %Z"))?;
        slot = next;
    }
    let gap = policy.schedule.longest_gap(now);
    writeln!(text, "  longest    {gap} between two in the coming year")
}
