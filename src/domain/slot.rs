//! A slot: one backup that is due, of one machine, by one policy, at one instant; and its name.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::effect::Verb;
use super::fleet::MachineStatus;
use super::id::{AskId, BackupId, MachineId, PolicyName};
use super::time::Timestamp;

/// At most one backup exists for each, under any crash, timeout or restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot {
    pub policy: PolicyName,
    pub machine: MachineId,
    pub due: Timestamp,
}

/// One (policy, machine): the shelf on which its backups stand. Written `policy/machine`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Shelf {
    pub policy: PolicyName,
    pub machine: MachineId,
}

impl From<Shelf> for String {
    fn from(shelf: Shelf) -> Self {
        format!("{}/{}", shelf.policy, shelf.machine)
    }
}

impl TryFrom<String> for Shelf {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        // A policy's name has no slash, so the first one ends it.
        match text.split_once('/') {
            Some((policy, machine)) => {
                Ok(Self { policy: PolicyName::new(policy), machine: MachineId::new(machine) })
            }
            None => Err(format!("{text:?} is not policy/machine")),
        }
    }
}

/// What became of a slot that was not taken, or why nothing happened yet. The intent of its create
/// is what takes a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Missed ones, served by the newer slot `by`; `first` is the oldest of `count`.
    Superseded {
        first: Timestamp,
        count: u32,
        by: Timestamp,
    },
    /// Missed ones up to this slot that nothing makes up for; `first` is the oldest of `count`.
    Missed {
        first: Timestamp,
        count: u32,
    },
    Skipped(Skip),
    /// Its time to be caught up has passed.
    Expired,
    /// Not final: it stays due, and this is why nothing happens.
    Held(Held),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skip {
    /// The mode is `observe`: it would have been taken.
    Observe,
    /// The one before it was still running.
    Overlap,
    /// The journal has an intent for it already: the clock went back.
    AlreadyTaken,
    /// The allowed hours passed, and open again too late for it.
    WindowPassed,
    /// Its machine was busy for as long as it could have started.
    Busy,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Only an ACTIVE machine can be snapshotted; this is what it is.
    NotActive(String),
    /// `may_restart = false`, and this account was not seen to snapshot without a restart.
    MayRestart,
    /// As many snapshots run as may run at one time.
    Concurrent,
    /// What became of an earlier request on this machine is not known yet.
    Unknown,
    /// Machines or snapshots were not looked at completely of late.
    Unseen,
    /// A snapshot that the journal does not own bears this name.
    NameInUse(String),
    ClockUnsure,
    /// A person paused all policies.
    Paused,
    /// Nothing starts outside the allowed hours; they open at this instant.
    OutsideWindow(Timestamp),
    /// The busy check's words.
    Busy(String),
    /// The busy check has not answered yet.
    BusyUnchecked,
    /// A person's run of the same policy waits; once it is intended, it serves this one too.
    Asked,
    /// The cloud refuses creates of the whole account; asked again once a day. Its words.
    Account(String),
    /// The cloud refused three of this policy in a row; asked again once a day. Its words.
    PolicyRefused(String),
    /// The cloud cannot snapshot this machine; not asked again before it changes. Its words.
    Impossible(String),
}

impl Held {
    /// `None`: the machine is ACTIVE.
    pub(super) fn not_active(status: &MachineStatus) -> Option<Self> {
        match status {
            MachineStatus::Active => None,
            MachineStatus::Shutoff
            | MachineStatus::Hibernated
            | MachineStatus::Deleted
            | MachineStatus::Error
            | MachineStatus::Changing(_)
            | MachineStatus::Unknown(_) => Some(Self::NotActive(status.word().to_owned())),
        }
    }
}

/// How many characters of a name people can read; the rest is a hash.
const READABLE: usize = 16;
const PREFIX: &str = "qm-";

impl Slot {
    pub fn shelf(&self) -> Shelf {
        Shelf { policy: self.policy.clone(), machine: self.machine.clone() }
    }

    /// `qm-`, a readable part, `-`, and ten base32 digits over kind, policy, machine id and instant.
    ///
    /// At most 30 of `[a-z0-9-]`: volume clones allow no more, and `{name}-restored` must fit in 50.
    pub fn snapshot_name(&self, machine_name: &str) -> String {
        format!("{PREFIX}{}-{}", readable(machine_name), self.digest().short())
    }

    /// What takes it.
    pub fn create(&self, machine_name: &str) -> Verb {
        let name = self.snapshot_name(machine_name);
        let description = format!(
            "{}\nBackup by policy {:?}, due {}. Made by Quartermaster.",
            self.line(),
            self.policy.as_str(),
            self.due
        );
        let (backup, machine) = (BackupId::new(&*name), self.machine.clone());
        Verb::CreateSnapshot { backup, machine, name, description }
    }

    /// A number that looks drawn and is always the same for this slot.
    pub fn draw(&self) -> u64 {
        let due = self.due.to_string();
        let fields = ["jitter", self.policy.as_str(), self.machine.as_str(), due.as_str()];
        let half = Digest::of_fields(fields.map(str::as_bytes)).half();
        half.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn digest(&self) -> Digest {
        let due = self.due.to_string();
        let fields = ["slot", self.policy.as_str(), self.machine.as_str(), due.as_str()];
        Digest::of_fields(fields.map(str::as_bytes))
    }

    /// The fixed line of a snapshot's description, from which its name can be computed again.
    pub fn line(&self) -> String {
        format!("qm1 kind=slot policy={} machine={} at={}", self.policy, self.machine, self.due)
    }

    fn from_line(line: &str) -> Option<Self> {
        let rest = line.trim().strip_prefix("qm1 kind=slot policy=")?;
        let (policy, rest) = rest.split_once(" machine=")?;
        let (machine, due) = rest.split_once(" at=")?;
        Some(Self {
            policy: PolicyName::new(policy),
            machine: MachineId::new(machine),
            due: due.parse().ok()?,
        })
    }
}

/// The name of a backup that a person asked for: of the same form, over the ask instead of a slot.
pub fn hand_name(ask: &AskId, machine: &MachineId, machine_name: &str) -> String {
    let digest = Digest::of_fields(["hand", ask.as_str(), machine.as_str()].map(str::as_bytes));
    format!("{PREFIX}{}-{}", readable(machine_name), digest.short())
}

/// The fixed line of its description.
pub fn hand_line(ask: &AskId, machine: &MachineId) -> String {
    format!("qm1 kind=hand ask={ask} machine={machine}")
}

/// What a snapshot that the journal does not own says of its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resemblance {
    /// Its name is not of our form, or its line gives another name: somebody else's.
    Foreign,
    /// It could be ours: from a lost journal, or from a second daemon.
    Suspect,
}

pub fn resemblance(name: &str, description: &str) -> Resemblance {
    let Some(hash) = name_hash(name) else { return Resemblance::Foreign };
    let line = description.lines().find(|line| line.trim_start().starts_with("qm1 "));
    match line.and_then(Slot::from_line) {
        Some(slot) if slot.digest().short() != hash => Resemblance::Foreign,
        Some(_) | None => Resemblance::Suspect,
    }
}

/// The ten digits at the end of a name of our form.
fn name_hash(name: &str) -> Option<&str> {
    let (_, hash) = name.strip_prefix(PREFIX)?.rsplit_once('-')?;
    let is_base32 = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
    (hash.len() == 10 && hash.bytes().all(is_base32)).then_some(hash)
}

fn readable(machine_name: &str) -> String {
    let mut text = String::new();
    for character in machine_name.chars() {
        match character.to_ascii_lowercase() {
            kept @ ('a'..='z' | '0'..='9') => text.push(kept),
            _ if text.ends_with('-') || text.is_empty() => {}
            _ => text.push('-'),
        }
        if text.len() == READABLE {
            break;
        }
    }
    let text = text.trim_end_matches('-');
    if text.is_empty() { "machine".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot {
            policy: PolicyName::new("daily"),
            machine: MachineId::new("BRK-100001D"),
            due: Timestamp::from_seconds(1_772_330_400),
        }
    }

    #[test]
    fn a_name_fits_thirty_characters_whatever_the_machine_is_called() {
        for machine in ["trainer-1", "", "Ünïcödé / very long name that never ends", "---", "a b_c.d"] {
            let name = slot().snapshot_name(machine);
            assert!(name.len() <= 30, "{name}");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
        }
        assert_eq!(slot().snapshot_name("trainer-1"), "qm-trainer-1-n2v3xf4e7b");
        assert_eq!(slot().snapshot_name("abcdefghijklmnopqrst"), "qm-abcdefghijklmnop-n2v3xf4e7b");
    }

    #[test]
    fn a_lost_journals_backup_is_suspect_and_a_misfit_is_foreign() {
        let name = slot().snapshot_name("trainer-1");
        assert_eq!(resemblance(&name, &slot().line()), Resemblance::Suspect);
        assert_eq!(resemblance(&name, ""), Resemblance::Suspect);
        assert_eq!(resemblance(&name, "qm1 kind=slot poli"), Resemblance::Suspect);
        assert_eq!(resemblance("qm-trainer-1-aaaaaaaaaa", &slot().line()), Resemblance::Foreign);
        assert_eq!(resemblance("before upgrade", &slot().line()), Resemblance::Foreign);
    }
}
