//! The true story of one snapshot: who made it, for what slot, and who deleted it.
//!
//! It is written by effects only, never by what an answer said.

use crate::domain::time::Timestamp;

/// Who stands behind an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Whoever uses the API: the daemon under test.
    Daemon,
    /// A person in the web console.
    Person,
    /// The cloud itself, by its own fault.
    Cloud,
    /// A second daemon on the same account, with a key of its own.
    Rival,
}

/// What a description's fixed line says a backup is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    pub policy: String,
    pub machine: String,
    pub at: String,
}

impl Slot {
    /// Reads `qm1 kind=slot policy=<p> machine=<id> at=<instant>` wherever it stands in the text.
    pub fn parse(description: &str) -> Option<Self> {
        description.lines().find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let begin = words.iter().position(|word| *word == "qm1")?;
            let value = |key: &str| {
                let found = words[begin..].iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
                found.filter(|value| !value.is_empty()).map(str::to_owned)
            };
            Some(Self { policy: value("policy")?, machine: value("machine")?, at: value("at")? })
        })
    }
}

#[derive(Clone, Debug)]
pub struct Record {
    pub number: u64,
    pub id: String,
    pub name: String,
    /// The machine it was made of.
    pub machine: String,
    pub made_by: Actor,
    pub slot: Option<Slot>,
    pub created_at: Timestamp,
    pub ready_at: Option<Timestamp>,
    pub deleted: Option<(Timestamp, Actor)>,
    pub pinned: bool,
    /// A person asked by name to have it deleted, whatever keeps it.
    pub given_up: bool,
    /// A person says that it is the daemon's; or it bears, made by a rival, a name that the daemon had
    /// announced, and nothing tells the two apart.
    pub adopted: bool,
    pub disowned: bool,
    /// Made in one stroke with another of its name: nobody asked for it.
    pub is_twin: bool,
    /// Something befell it that the cloud alone is to blame for.
    pub is_odd: bool,
    /// Since when an image of it is there.
    pub linked_since: Option<Timestamp>,
    /// It was ready, and is an ERROR now.
    pub is_spoilt: bool,
}

impl Record {
    /// Whether the daemon may look after it.
    pub fn is_owned(&self) -> bool {
        !self.disowned && (self.made_by == Actor::Daemon || self.adopted)
    }

    /// Whether it could be restored from now.
    pub fn is_good(&self) -> bool {
        self.ready_at.is_some() && self.deleted.is_none() && !self.is_spoilt
    }

    /// The policy and machine that it counts for.
    pub fn group(&self) -> Option<(String, String)> {
        let slot = self.slot.as_ref().filter(|_| self.is_owned())?;
        Some((slot.policy.clone(), slot.machine.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_read_from_the_fixed_line_only() {
        let line = "Nightly.\nqm1 kind=slot policy=nightly machine=BRK-100001D at=2026-03-01T02:00:00Z";
        let slot = Slot::parse(line).unwrap();
        assert_eq!((slot.policy.as_str(), slot.machine.as_str()), ("nightly", "BRK-100001D"));
        for cut in ["", "nightly backup", "policy=a machine=b at=c", "qm1 kind=slot policy=nightly machi"] {
            assert_eq!(Slot::parse(cut), None, "{cut}");
        }
    }
}
