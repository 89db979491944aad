//! What will happen in the simulated cloud, and when.
//!
//! It only orders happenings: by time, and among equals by when they were written down.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::sim::fault::Fault;
use crate::sim::machine::{Machine, MachineStatus};
use crate::sim::quirk::Quirk;
use crate::sim::record::Actor;

/// Something that happens by itself at its time.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A snapshot that is being made is done.
    Ripen(u64),
    /// The cloud gives up on a snapshot that will be made for ever: its machine is free again.
    Release(u64),
    /// A good snapshot turns ERROR.
    Spoil(u64),
    /// A good snapshot is gone.
    Disappear(u64),
    /// A snapshot is shown oddly for this long.
    ShowOddly {
        number: u64,
        fault: Fault,
        quirk: Quirk,
        lasts: Duration,
    },
    ShowRightly(u64),
    /// A machine that has been in its status since then reaches this one.
    Reach {
        machine: u64,
        since: Timestamp,
        status: MachineStatus,
    },
    /// A machine is made again under its old name.
    Remake(Box<Machine>),
    /// A machine that was gone is there again, and up.
    Return(Box<Machine>),
    /// What a person restored is thrown away.
    Discard(u64),
    /// An image is thrown away, with or without what it was made from.
    EndImage {
        image: String,
        with_snapshot: bool,
    },
    /// A class of fault that strikes from time to time strikes.
    Strike(Fault),
    /// A deleted snapshot that was still listed is listed no more.
    Unlist(u64),
    /// A request takes effect long after its client gave up; lists learn of it `lag` later.
    Land {
        order: Order,
        by: Actor,
        lag: Duration,
    },
    /// A person makes a snapshot in the web console.
    PersonMakes,
    /// A person removes what a person had made.
    PersonTidies(u64),
}

/// A change that the API was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    Create(Wanted),
    Delete { id: String },
}

/// The snapshot that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub machine: String,
    pub name: String,
    pub description: String,
    pub is_image: bool,
}

#[derive(Default)]
pub struct Agenda {
    entries: BTreeMap<(Timestamp, u64), Happening>,
    written: u64,
}

impl Agenda {
    pub fn schedule(&mut self, at: Timestamp, happening: Happening) {
        self.entries.insert((at, self.written), happening);
        self.written += 1;
    }

    pub fn next(&self) -> Option<Timestamp> {
        self.entries.keys().next().map(|(at, _)| *at)
    }

    /// The earliest happening, if its time has come.
    pub fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Happening)> {
        let entry = self.entries.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((at, _), happening) = entry.remove_entry();
        Some((at, happening))
    }
}
