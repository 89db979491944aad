//! Opaque names of things: they compare and print, and that is all.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

/// The name of one thing of a sort; two sorts cannot be mistaken for each other.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id<Of>(String, #[serde(skip)] PhantomData<Of>);

impl<Of> Id<Of> {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into(), PhantomData)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<Of> fmt::Display for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<Of> fmt::Debug for Id<Of> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an [`Id`] can be of. The variants of these enums do not exist; only their types do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfMachine {}
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfSnapshot {}
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfImage {}
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfPolicy {}
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfBackup {}
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfEffect {}
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfAsk {}
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfBill {}
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OfLetter {}

/// The cloud's id of a machine, such as `BRK-100001D`.
pub type MachineId = Id<OfMachine>;
/// The cloud's id of a snapshot, such as `BRK-100001S`.
pub type SnapshotId = Id<OfSnapshot>;
pub type ImageId = Id<OfImage>;
pub type PolicyName = Id<OfPolicy>;
/// Ours: the name under which a backup was asked for, or `id:` and the cloud's id of an adopted one.
pub type BackupId = Id<OfBackup>;
/// Ours: a hash of cause, verb and object.
pub type EffectId = Id<OfEffect>;
/// Ours: what a person asked for, once.
pub type AskId = Id<OfAsk>;
/// The cloud's id of a billing record, such as `BRK-100001SB`; each kind has a list of its own.
pub type BillId = Id<OfBill>;
/// Ours: what its `Message-ID` is made of.
pub type LetterId = Id<OfLetter>;
