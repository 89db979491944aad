//! Rails: what holds a deletion that a person asks for, and can be taken away by name.

use serde::{Deserialize, Serialize};

/// The rails that a person may override, one by one and by name. What is not here holds everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rail {
    /// A rule keeps it, or none has doomed it yet.
    Kept,
    MinGood,
    Grace,
    SoftStart,
    Stale,
    Caps,
    PossiblyLinked,
    Approval,
}

impl Rail {
    pub const ALL: [Self; 8] = [
        Self::Kept,
        Self::MinGood,
        Self::Grace,
        Self::SoftStart,
        Self::Stale,
        Self::Caps,
        Self::PossiblyLinked,
        Self::Approval,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::MinGood => "min-good",
            Self::Grace => "grace",
            Self::SoftStart => "soft-start",
            Self::Stale => "stale",
            Self::Caps => "caps",
            Self::PossiblyLinked => "possibly-linked",
            Self::Approval => "approval",
        }
    }

    /// Why it holds.
    pub fn why(self) -> &'static str {
        match self {
            Self::Kept => "a rule keeps it, or none has doomed it yet",
            Self::MinGood => "too few good backups of its machine would be left",
            Self::Grace => "its grace, the time to object, is not over",
            Self::SoftStart => "the soft start of enforce is not over",
            Self::Stale => "beside it its machine has no fresh good backup",
            Self::Caps => "the cap of deletions is reached",
            Self::PossiblyLinked => "an image may have been made from it",
            Self::Approval => "it waits for a person's approval",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rail| rail.word() == word)
    }
}

/// Why all of these hold it; `rule`: the one that keeps it, if one does.
pub fn because(rails: &[Rail], rule: Option<&str>) -> String {
    let told = rails.iter().map(|rail| match (rail, rule) {
        (Rail::Kept, Some(rule)) => format!("the rule {rule} keeps it ({})", rail.word()),
        _ => format!("{} ({})", rail.why(), rail.word()),
    });
    told.collect::<Vec<_>>().join(", and ")
}

/// What takes them away, as it is typed.
pub fn overrides<'a>(rails: impl IntoIterator<Item = &'a Rail>) -> String {
    let named: Vec<String> = rails.into_iter().map(|rail| format!("--override {}", rail.word())).collect();
    named.join(" ")
}
