//! I22: what the daemon holds in memory is as large as the fleet, and not as old.

use std::cell::RefCell;
use std::rc::Rc;

use quartermaster::daemon::engine::{self, Replay};
use quartermaster::domain::policy::Retention;
use quartermaster::domain::time::Seconds;
use quartermaster::journal::open::Durability;
use quartermaster::rehearsal::run::{self, Nobody};
use quartermaster::rehearsal::setup::Setup;
use quartermaster::sim::dialect::Dialect;

/// By then everything that is kept for a time (effects for 30 days, final bills for 62) is kept in full.
const GROWN: u64 = 70;

/// Bytes of the folded state after so many days of two machines under faults.
fn state_bytes(days: u64) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup {
        length: Seconds::days(days),
        machines: 2,
        keep_last: 3,
        also: Retention::default(),
        is_varied: false,
        seed: 11,
        faults: "typical".to_owned(),
        dialect: Dialect::plain(),
        durable: false,
        directory: directory.path().to_owned(),
        disturbances: Vec::new(),
    };
    run::run(&setup, Rc::new(RefCell::new(Nobody))).unwrap();
    let folded = engine::open(directory.path(), Durability::Simulated, Replay::Checkpoint).unwrap();
    folded.state.to_bytes().len()
}

#[test]
fn the_state_does_not_grow_with_the_years() {
    let (grown, twice) = (state_bytes(GROWN), state_bytes(2 * GROWN));
    println!("{grown} bytes after {GROWN} days, {twice} after twice that");
    assert!(twice < grown + grown / 4, "{grown} bytes became {twice}");
}
