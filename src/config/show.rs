//! A configuration as TOML again: what is in force, with every default written out.
//!
//! Reading it gives the same configuration. Nothing in it is secret: keys are in files.

use std::fmt::Write;
use std::path::Path;

use super::cloud::{Cloud, IMAGES, PRICE_BASES, spelled};
use super::mail::Way;
use super::policy::PolicySetting;
use super::refusal::RefusalSetting;
use super::rules::Lateness;
use super::{Config, Email};
use crate::domain::busy::Asks;
use crate::domain::policy::{Keep, Rules};
use crate::domain::time::Seconds;
use crate::domain::timing::{CatchUp, Timing};
use crate::domain::unseen::is_unseen;

/// Lines of TOML. A comment stands behind its value.
pub struct Lines {
    pub text: String,
}

pub fn toml(config: &Config) -> String {
    let mut lines = Lines { text: String::new() };
    lines.put("mode", &quoted(config.mode.word()));
    lines.put("data_dir", &quoted(&config.data_dir.display().to_string()));
    match &config.email {
        Email::Unset => {}
        Email::Off => lines.put("email", "\"off\""),
        Email::Recipients(recipients) => lines.put("email", &list(recipients)),
    }
    cloud(&mut lines, &config.cloud, &|_| None);
    if let Some(clock) = config.clock {
        lines.table("clock");
        lines.put("scale", &clock.scale.to_string());
        lines.put("epoch", &clock.epoch.to_string());
    }
    rules(&mut lines, &config.rules, config.lateness);
    lines.table("journal");
    if let Some(folder) = &config.journal.backup_dir {
        lines.put("backup_dir", &quoted(&folder.display().to_string()));
        lines.put("backup_every", &span(config.journal.backup_every));
        lines.put("backup_keep", &config.journal.backup_keep.to_string());
    }
    lines.put("free_space_mib", &config.journal.free_space_mib.to_string());
    lines.table("http");
    let listen = config.http.listen.map_or_else(|| "off".to_owned(), |address| address.to_string());
    lines.put("listen", &quoted(&listen));
    if let Some(path) = &config.http.token_file {
        lines.put("token_file", &quoted(&path.display().to_string()));
    }
    if let Some(path) = &config.socket.path {
        lines.table("socket");
        lines.put("path", &quoted(&path.display().to_string()));
    }
    mail(&mut lines, config);
    for setting in &config.policies {
        policy(&mut lines, setting);
    }
    lines.text
}

/// How letters leave, and when a person is told of what.
fn mail(lines: &mut Lines, config: &Config) {
    let (digest, alerts) = (config.alerts.digest.as_deref().unwrap_or("off"), &config.alerts);
    let path = |path: &Path| quoted(&path.display().to_string());
    if let Some(mail) = &config.mail {
        lines.table("mail");
        lines.put("digest", &quoted(digest));
        lines.put("from", &quoted(&mail.from));
        match &mail.way {
            Way::Folder(folder) => lines.put("folder", &path(folder)),
            Way::Server(server) => {
                lines.put("server", &quoted(&server.host));
                lines.put("security", &quoted(server.security.word()));
                lines.put("port", &server.port.to_string());
                if let Some((username, password_file)) = &server.login {
                    lines.put("username", &quoted(username));
                    lines.put("password_file", &path(password_file));
                }
                if let Some(ca_file) = &server.ca_file {
                    lines.put("ca_file", &path(ca_file));
                }
            }
        }
    }
    lines.table("alerts");
    lines.put("ladder", &list(&alerts.ladder.map(|rung| format!("{}s", rung.0))));
    let floors = alerts
        .floors
        .iter()
        .flat_map(|(currency, amounts)| amounts.iter().map(move |amount| format!("{amount} {currency}")));
    let floors: Vec<String> = floors.collect();
    if !floors.is_empty() {
        lines.put("floors", &list(&floors));
    }
    lines.put("late_margin", &span(alerts.late_margin));
    lines.put("deletions_held_after", &span(alerts.held_after));
    lines.put("unreachable_after", &span(alerts.unreachable_after));
}

/// `said` is what to say behind a setting, such as `cloud.paths.machines`.
pub fn cloud(lines: &mut Lines, cloud: &Cloud, said: &dyn Fn(&str) -> Option<String>) {
    let key_file = cloud.key_file.as_ref().map(|path| quoted(&path.display().to_string()));
    let images = IMAGES.iter().find(|(_, images)| *images == cloud.images).map_or("ask", |(word, _)| word);
    let bases = PRICE_BASES.iter().find(|(_, basis)| *basis == cloud.snapshot_price_basis);
    let basis = bases.map_or("auto", |(word, _)| word);
    lines.table("cloud");
    for (key, value) in [
        ("base_url", Some(quoted(&cloud.base_url))),
        ("key_file", key_file),
        ("key_header", Some(quoted(spelled(cloud.key_header.as_str())))),
        ("key_scheme", Some(quoted(&cloud.key_scheme))),
        ("timeout", Some(span(cloud.timeout))),
        ("page_size", Some(cloud.page_size.to_string())),
        ("billing_page_size", Some(cloud.billing_page_size.to_string())),
        ("images", Some(quoted(images))),
        ("snapshot_price_basis", Some(quoted(basis))),
        ("rate_per_minute", Some(cloud.rate_per_minute.to_string())),
    ] {
        if let Some(value) = value {
            lines.put_with(key, &value, said(&format!("cloud.{key}")));
        }
    }
    lines.table("cloud.paths");
    for (key, path) in cloud.paths.clone().each() {
        lines.put_with(key, &quoted(path), said(&format!("cloud.paths.{key}")));
    }
    lines.table("cloud.parameters");
    for (key, name) in cloud.parameters.clone().each() {
        lines.put_with(key, &quoted(name), said(&format!("cloud.parameters.{key}")));
    }
    for RefusalSetting { status, code, message, class } in &cloud.refusals {
        lines.array("cloud.refusal");
        if let Some(status) = status {
            lines.put("status", &status.to_string());
        }
        for (key, text) in [("code", code), ("message", message)] {
            if !text.is_empty() {
                lines.put(key, &quoted(text));
            }
        }
        lines.put("class", &quoted(class.word()));
    }
}

fn rules(lines: &mut Lines, rules: &Rules, lateness: Lateness) {
    lines.table("rules");
    let spans = [
        ("grace", rules.grace),
        ("grace_after_edit", rules.grace_after_edit),
        ("soft_start", rules.soft_start),
        ("settle", rules.settle),
        ("late_effect", lateness.late_effect),
        ("list_lag", lateness.list_lag),
        ("pending_deadline", rules.pending_deadline),
        ("fresh", rules.fresh),
        ("skew", rules.skew),
        ("freeze_margin", rules.freeze_margin),
        ("approval_life", rules.approval_life),
        ("catch_up", rules.catch_up),
        ("machines_every", rules.machines_every),
        ("snapshots_every", rules.snapshots_every),
        ("balance_every", rules.balance_every),
        ("prices_every", rules.prices_every),
        ("billing_every", rules.billing_every),
        ("in_flight_every", rules.in_flight_every),
    ];
    for (key, value) in spans {
        lines.put(key, &span(value));
    }
    let counts = [
        ("min_good", Some(rules.min_good)),
        ("day_cap", rules.day_cap),
        ("approve_above", Some(rules.approve_above)),
        ("concurrent", Some(rules.concurrent)),
        ("create_attempts", Some(rules.create_attempts)),
    ];
    for (key, count) in counts {
        if let Some(count) = count {
            lines.put(key, &count.to_string());
        }
    }
}

fn policy(lines: &mut Lines, policy: &PolicySetting) {
    lines.array("policy");
    lines.put("name", &quoted(policy.name.as_str()));
    let was: Vec<String> = policy.was.iter().map(ToString::to_string).collect();
    let labels: Vec<String> = policy.selection.labels.iter().cloned().collect();
    for (key, texts) in [
        ("was", &was),
        ("machines", &policy.machines),
        ("exclude", &policy.selection.exclude),
        ("regions", &policy.selection.regions),
        ("tiers", &policy.selection.tiers),
        ("labels", &labels),
    ] {
        if !texts.is_empty() {
            lines.put(key, &list(texts));
        }
    }
    lines.put("schedule", &quoted(&policy.cron));
    lines.put("timezone", &quoted(&policy.timezone));
    timing(lines, &policy.timing);
    lines.put("may_restart", &policy.may_restart.to_string());
    lines.put("mode", &quoted(policy.mode.word()));
    if let Some(check) = &policy.timing.busy_check {
        lines.table("policy.busy_check");
        match &check.asks {
            Asks::Command(words) => lines.put("command", &list(words)),
            Asks::Url(url) => lines.put("url", &quoted(url)),
        }
        lines.put("timeout", &span(check.timeout));
    }
    lines.table("policy.retention");
    for (word, keep) in policy.retention.counts() {
        match keep {
            Some(Keep::All) => lines.put(&format!("keep_{word}"), "\"all\""),
            Some(Keep::Count(count)) => lines.put(&format!("keep_{word}"), &count.to_string()),
            None => {}
        }
    }
    let retention = &policy.retention;
    for (key, reach) in [
        ("keep_within", &retention.keep_within),
        ("keep_within_hourly", &retention.keep_within_hourly),
        ("keep_within_daily", &retention.keep_within_daily),
        ("keep_within_weekly", &retention.keep_within_weekly),
        ("keep_within_monthly", &retention.keep_within_monthly),
        ("keep_within_yearly", &retention.keep_within_yearly),
        ("delete_after", &retention.delete_after),
    ] {
        if let Some(reach) = reach {
            lines.put(key, &quoted(&reach.to_string()));
        }
    }
}

fn timing(lines: &mut Lines, timing: &Timing) {
    if let Some(window) = timing.window {
        lines.put("window", &quoted(&window.to_string()));
    }
    lines.put("jitter", &span(timing.jitter));
    match timing.catch_up {
        CatchUp::Latest => lines.put("catch_up", "\"latest\""),
        CatchUp::None => lines.put("catch_up", "\"none\""),
    }
    if let Some(window) = timing.catch_up_window {
        lines.put("catch_up_window", &span(window));
    }
    lines.put("overlap", "\"skip\"");
}

impl Lines {
    pub fn put(&mut self, key: &str, value: &str) {
        self.put_with(key, value, None);
    }

    pub fn put_with(&mut self, key: &str, value: &str, comment: Option<String>) {
        let line = format!("{key} = {value}");
        // Writing to a string cannot fail.
        _ = match comment {
            Some(comment) => writeln!(self.text, "{line:<48} # {comment}"),
            None => writeln!(self.text, "{line}"),
        };
    }

    pub fn table(&mut self, name: &str) {
        _ = writeln!(self.text, "\n[{name}]");
    }

    pub fn array(&mut self, name: &str) {
        _ = writeln!(self.text, "\n[[{name}]]");
    }
}

/// Text in quotes, with what nobody sees as `\UXXXXXXXX`: a terminal that shows the file is left alone.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        // Writing to a String cannot fail.
        _ = match character {
            '"' | '\\' => write!(quoted, "\\{character}"),
            unseen if is_unseen(unseen) => write!(quoted, "\\U{:08x}", u32::from(unseen)),
            seen => write!(quoted, "{seen}"),
        };
    }
    quoted + "\""
}

fn list(texts: &[String]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", quoted.join(", "))
}

/// In the largest unit that loses nothing.
fn span(Seconds(seconds): Seconds) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let whole = units.iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit));
    whole.map_or_else(|| format!("\"{seconds}s\""), |(unit, word)| format!("\"{}{word}\"", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const EXAMPLE: &str = include_str!("../../config/example.toml");

    #[test]
    fn what_is_shown_is_the_same_configuration_again() {
        let refusals = "[[cloud.refusal]]\nstatus = 403\ncode = \"A \\\"b\\\\\"\nclass = \"account\"\n";
        let clock = "[cloud]\nsnapshot_price_basis = \"actual_size\"\nimages = \"absent\"\nbase_url = \"http://localhost/api\"\n[clock]\nscale = 60\nepoch = 2026-03-01T00:00:00Z\n";
        let example =
            EXAMPLE.replace("[[policy]]\nname = \"weekly", &format!("{refusals}[[policy]]\nname = \"weekly"));
        let busy = example.replace("command = [", "url = \"http://a/b\"\n#");
        let policy = "[[policy]]\nname = \"a\"\nschedule = \"@daily\"\nmay_restart = true\n";
        let unseen = format!("{policy}machines = [\"a\\u202E\\U000E0041\"]\n");
        for text in [EXAMPLE, &example, &busy, "", clock, "email = \"off\"\n", &unseen] {
            let config = parse("a", text).unwrap_or_else(|faults| panic!("{faults}"));
            let shown = toml(&config);
            let again = parse("shown", &shown).unwrap_or_else(|faults| panic!("{faults}\n{shown}"));
            let same = |config: Config| format!("{:?}", Config { warnings: Vec::new(), ..config });
            assert_eq!(same(again), same(config), "{shown}");
            assert!(!shown.chars().any(|one| one != '\n' && is_unseen(one)), "{shown}");
        }
    }
}
