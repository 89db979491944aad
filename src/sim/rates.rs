//! How often each class of fault happens, as a table.
//!
//! Rates are drawn from the seed once; nothing here looks at a request.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::sim::fault::Fault;
use crate::sim::stream::stream;

/// Chances per ten thousand: for a request that reads, and for one that changes something.
///
/// For wrong bills `changes` is per record, for wrong clocks per window of six hours; for what people do and for the trouble of
/// machines per hour; for outages per day; for what befalls snapshots per snapshot; for crashes,
/// edits and second daemons per occasion that the harness offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub reads: u32,
    pub changes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    None,
    Typical,
    Hostile,
    Swarm,
}

/// One row of the table: a typical rate, and the range that a hostile one is drawn from.
struct Row {
    fault: Fault,
    typical: Rate,
    reads: (u32, u32),
    changes: (u32, u32),
}

const fn row(fault: Fault, typical: (u32, u32), reads: (u32, u32), changes: (u32, u32)) -> Row {
    Row { fault, typical: Rate { reads: typical.0, changes: typical.1 }, reads, changes }
}

/// All read faults together stay near 5 %, so that most walks over several pages succeed.
const TABLE: [Row; Fault::ALL.len()] = [
    row(Fault::LostRequest, (8, 100), (20, 60), (300, 1_500)),
    row(Fault::LostAnswer, (8, 100), (20, 60), (500, 2_500)),
    row(Fault::LateEffect, (0, 60), (0, 0), (500, 2_500)),
    row(Fault::NeverSent, (8, 100), (20, 60), (300, 1_500)),
    row(Fault::NoSession, (1, 10), (2, 8), (100, 500)),
    row(Fault::ResetInBody, (1, 10), (2, 8), (100, 500)),
    row(Fault::SlowAnswer, (2, 20), (3, 12), (100, 500)),
    row(Fault::StaleConnection, (2, 20), (3, 12), (100, 500)),
    row(Fault::Redirected, (0, 5), (2, 8), (100, 400)),
    row(Fault::HugeBody, (0, 5), (1, 5), (50, 300)),
    row(Fault::MangledBody, (1, 10), (4, 15), (100, 500)),
    row(Fault::CaptivePortal, (0, 5), (2, 8), (100, 400)),
    row(Fault::ServerError, (15, 150), (30, 90), (500, 2_500)),
    row(Fault::Outage, (0, 200), (0, 0), (700, 2_000)),
    row(Fault::RateLimited, (5, 50), (30, 90), (500, 2_000)),
    row(Fault::KeyRefused, (0, 0), (1, 4), (0, 100)),
    row(Fault::CreatedNothing, (0, 30), (0, 0), (500, 2_500)),
    row(Fault::ErrorButDone, (0, 60), (0, 0), (500, 2_500)),
    row(Fault::Twins, (0, 10), (0, 0), (200, 800)),
    row(Fault::ListLag, (0, 500), (0, 0), (2_000, 6_000)),
    row(Fault::BentPage, (10, 0), (50, 200), (0, 0)),
    row(Fault::WrongAccount, (0, 0), (3, 8), (0, 0)),
    row(Fault::StuckCreating, (0, 20), (0, 0), (100, 400)),
    row(Fault::TurnsError, (0, 20), (0, 0), (100, 400)),
    row(Fault::Disappears, (0, 5), (0, 0), (100, 300)),
    row(Fault::OddSize, (0, 50), (0, 0), (200, 600)),
    row(Fault::OddDate, (0, 50), (0, 0), (300, 1_000)),
    row(Fault::OddId, (0, 5), (0, 0), (100, 300)),
    row(Fault::ReusedId, (0, 5), (0, 0), (300, 1_200)),
    row(Fault::OddField, (0, 50), (0, 0), (300, 1_000)),
    row(Fault::MachineTrouble, (0, 10), (0, 0), (30, 120)),
    row(Fault::MachinesLost, (0, 2), (0, 0), (20, 60)),
    row(Fault::OddBalance, (10, 0), (30, 120), (0, 0)),
    row(Fault::Misbilled, (0, 300), (0, 0), (1_000, 5_000)),
    row(Fault::DateSkew, (0, 100), (0, 0), (500, 1_500)),
    row(Fault::ClockSkew, (0, 50), (0, 0), (200, 800)),
    row(Fault::DeletedNothing, (0, 30), (0, 0), (300, 1_500)),
    row(Fault::TakesImage, (0, 5), (0, 0), (30, 90)),
    row(Fault::HandMade, (0, 20), (0, 0), (50, 200)),
    row(Fault::HandDeleted, (0, 5), (0, 0), (20, 60)),
    row(Fault::HandRestored, (0, 5), (0, 0), (20, 60)),
    row(Fault::Edited, (0, 50), (0, 0), (500, 2_000)),
    row(Fault::SecondDaemon, (0, 0), (0, 0), (200, 800)),
    row(Fault::OldJournal, (0, 0), (0, 0), (200, 800)),
    row(Fault::Crash, (0, 5), (0, 0), (20, 200)),
    row(Fault::StaysShutOff, (0, 100), (0, 0), (200, 800)),
    row(Fault::Refused, (0, 50), (0, 0), (200, 1_000)),
];

/// The classes that are on, with their rates.
pub fn rates(seed: u64, strength: Strength) -> BTreeMap<Fault, Rate> {
    TABLE.iter().filter_map(|row| Some((row.fault, row.drawn(seed, strength)?))).collect()
}

/// The highest rate that this class has in any run.
pub fn worst(fault: Fault) -> Rate {
    let of = |row: &Row| Rate { reads: row.reads.1, changes: row.changes.1 };
    TABLE.iter().find(|row| row.fault == fault).map_or(Rate { reads: 0, changes: 0 }, of)
}

impl Row {
    fn drawn(&self, seed: u64, strength: Strength) -> Option<Rate> {
        let mut random = stream(seed, &format!("rate of {}", self.fault.code()));
        match strength {
            Strength::None => None,
            Strength::Typical => Some(self.typical),
            Strength::Hostile => Some(self.hostile(&mut random)),
            Strength::Swarm => {
                let on = random.bool();
                let part = random.u32(1..=100);
                let most = self.hostile(&mut random);
                let share = |rate: u32| (rate * part).div_ceil(100);
                on.then(|| Rate { reads: share(most.reads), changes: share(most.changes) })
            }
        }
    }

    /// The lesser of two draws, so that the worst rates are rare and something still gets through.
    fn hostile(&self, random: &mut Rng) -> Rate {
        let mut draw = |(least, most): (u32, u32)| random.u32(least..=most).min(random.u32(least..=most));
        Rate { reads: draw(self.reads), changes: draw(self.changes) }
    }
}
