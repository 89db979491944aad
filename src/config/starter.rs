//! Whole files to begin with: what `config init` writes for an account, and what `sim serve` prints for its cloud.

use super::clock::ClockSetting;
use super::show::quoted;
use crate::domain::policy::Mode;

/// `key_file` is where the key will be; nothing has to be there yet.
pub fn text(key_file: &str, data_dir: &str) -> String {
    let (key_file, data_dir) = (quoted(key_file), quoted(data_dir));
    format!(
        r#"# Quartermaster: a configuration to begin with. It observes: nothing is made and nothing deleted.
#
# No secret belongs in here: keys and passwords are files that it names. So everybody may read it, and the
# daemon's user, whoever that is, must be able to.
#
# 1. Put the account's key, and nothing else, into the key file, for its owner alone (chmod 0400).
# 2. `quartermaster doctor --config FILE` tries what the account answers, and what to set.
# 3. `quartermaster run --config FILE` observes; `quartermaster status` says what it would have done.
# 4. After a look at that: mode = "protect" for 14 days, and then "enforce".
#
# `quartermaster check-config FILE` judges this file; `quartermaster config schema` lists all that can
# be set, and config/example.toml explains it.

# "observe" looks and tells, "protect" also takes backups, "enforce" also deletes what no rule keeps.
mode = "observe"

# The journal's place; the daemon's user alone should be able to read it.
data_dir = {data_dir}

# Who is told: a list of addresses, with [mail] for the way there, or "off". "protect" and "enforce" need
# one of the two.
# email = ["ops@example.org"]

[cloud]
base_url = "https://barrack.ai/api"
key_file = {key_file}

# One for each purpose; a machine can be in several.
[[policy]]
name = "nightly"
# Names of machines: `*` stands for any text.
machines = ["*"]
schedule = "30 2 * * *"
timezone = "UTC"
# A snapshot may restart its machine. Under false, nothing is taken until three snapshots of this
# account were seen to leave their machines running.
may_restart = true

[policy.retention]
# At most 4 backups a machine: the last one, 3 days, 1 week. At the printed price of 73 USD a month each
# that is up to 292 USD a month and machine.
preset = "daily"
"#
    )
}

/// In real time, what a busy machine may take: from a look to what rests on it, and on an answer's way.
const LOOK_SECONDS: u64 = 60;
const ANSWER_SECONDS: u64 = 20;
/// What `pending_deadline` is where time runs as it does.
const PENDING_SECONDS: u64 = 21_600;

/// For a cloud that lives by `clock`, and a daemon that has nothing else to do. Nothing in it is a comment's
/// to switch on: it runs as it stands.
pub fn simulated(base_url: &str, key_file: &str, data_dir: &str, mode: Mode, clock: ClockSetting) -> String {
    let (base_url, key_file, data_dir) = (quoted(base_url), quoted(key_file), quoted(data_dir));
    let ClockSetting { scale, epoch } = clock;
    let rules = match u64::from(scale) {
        0 | 1 => String::new(),
        scale => format!(
            "\n# What a real moment takes comes to much on such a clock.\n[rules]\nfresh = \"{}s\"\nskew = \"{}s\"\n\
             pending_deadline = \"{}s\"\n",
            scale * LOOK_SECONDS,
            scale * ANSWER_SECONDS,
            PENDING_SECONDS.max(scale * LOOK_SECONDS),
        ),
    };
    format!(
        r#"mode = "{}"
email = "off"
data_dir = {data_dir}

[cloud]
base_url = {base_url}
key_file = {key_file}

[clock]
scale = {scale}
epoch = {epoch}
{rules}
[[policy]]
name = "daily"
machines = ["*"]
schedule = "0 2 * * *"
timezone = "UTC"
may_restart = true

[policy.retention]
keep_last = 3
"#,
        mode.word()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::domain::time::Timestamp;

    #[test]
    fn the_starter_is_accepted_as_it_is_and_observes() {
        let config =
            parse("starter", &text("/etc/quartermaster/a \"b\"/key", "/var/lib/quartermaster")).unwrap();
        assert_eq!((config.mode, config.policies.len()), (Mode::Observe, 1));
        assert_eq!(config.warnings, []);
    }

    #[test]
    fn the_file_of_a_simulated_cloud_is_accepted_as_it_is_however_fast_its_time_runs() {
        let epoch = Timestamp::from_seconds(1_772_323_200);
        for scale in [1, 2, 600, 3_600, 1_000_000] {
            let clock = ClockSetting { scale, epoch };
            let text = simulated("http://127.0.0.1:1/api", "/tmp/a \"b\"", "/tmp/c", Mode::Enforce, clock);
            let config = parse("simulated", &text).unwrap();
            assert_eq!((config.mode, config.policies.len()), (Mode::Enforce, 1));
            assert_eq!((config.clock.map(|set| set.scale), config.warnings), (Some(scale), vec![]));
        }
    }
}
