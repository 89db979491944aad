//! The file that `config init` writes: enough to observe an account, with the words to go on.

use super::show::quoted;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use crate::domain::policy::Mode;

    #[test]
    fn the_starter_is_accepted_as_it_is_and_observes() {
        let config =
            parse("starter", &text("/etc/quartermaster/a \"b\"/key", "/var/lib/quartermaster")).unwrap();
        assert_eq!((config.mode, config.policies.len()), (Mode::Observe, 1));
        assert_eq!(config.warnings, []);
    }
}
