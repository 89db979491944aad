//! The events of alerts and letters, and what a letter is made of: facts, never words.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::matter::{Fact, Level, Matter};
use super::review::Review;
use crate::domain::id::LetterId;
use crate::domain::time::Timestamp;

/// The alert of one matter began, became worse or better, or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertChanged {
    pub matter: Matter,
    /// `None`: it is over.
    pub level: Option<Level>,
    /// What it is about as well from now on, and what no longer.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub added: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub removed: BTreeSet<String>,
    /// Since when it would be better, and has not been for long enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub easing: Option<Timestamp>,
}

/// A letter, with all that its words are made from: each time it is sent it is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterQueued {
    pub id: LetterId,
    /// The first letter of the same episode, where this is not that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<LetterId>,
    /// Where the journal stood when it was queued: twelve characters of the head's hash, `@`, its number.
    pub head: String,
    /// While observing: how many backups would have been taken since that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observing: Option<u64>,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Alert(News),
    Digest(Review),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    pub matter: Matter,
    pub step: Step,
    /// Of an end: the level that it had.
    pub level: Level,
    /// When the episode began.
    pub since: Timestamp,
    /// Of an end: nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<Fact>,
    /// How many facts more there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: u64,
}

/// Why a letter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Began,
    Worse,
    /// It is about more than the last letter told.
    More,
    /// Nothing changed, and that is told again.
    Again,
    Over,
}

/// One try to hand a letter over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterTried {
    pub letter: LetterId,
    /// Why it was not taken; `None`: it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Somebody has it, though not everybody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken: bool,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
