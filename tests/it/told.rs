//! What a whole daemon under faults tells a person: not by the rules alone, but by the letters that it queues.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use quartermaster::domain::alert::event::AlertChanged;
use quartermaster::domain::alert::matter::Matter;
use quartermaster::domain::event::{Event, Recorded};
use quartermaster::domain::fleet::Scope;
use quartermaster::domain::policy::Retention;
use quartermaster::domain::state::State;
use quartermaster::domain::time::Seconds;
use quartermaster::rehearsal::run::{self, Onlooker};
use quartermaster::rehearsal::setup::Setup;
use quartermaster::sim::dialect::Dialect;

#[derive(Default)]
struct Told(BTreeSet<Matter>);

impl Onlooker for Told {
    fn recorded(&mut self, _: &State, recorded: &Recorded) {
        if let Event::AlertChanged(AlertChanged { matter, .. }) = &recorded.event {
            self.0.insert(*matter);
        }
    }
}

fn hostile(directory: &Path) -> Setup {
    Setup {
        length: Seconds::days(12),
        machines: 3,
        keep_last: 3,
        also: Retention::default(),
        seed: 5,
        faults: "hostile".to_owned(),
        dialect: Dialect::plain(),
        durable: false,
        directory: directory.to_owned(),
        disturbances: Vec::new(),
        is_varied: false,
    }
}

#[derive(Default)]
struct Purse {
    changes: u32,
    top_ups: u32,
    asked: u32,
    looked: u32,
}

impl Onlooker for Purse {
    fn recorded(&mut self, _: &State, recorded: &Recorded) {
        match &recorded.event {
            Event::AlertChanged(changed) => {
                self.changes += u32::from(matches!(changed.matter, Matter::Balance(_)));
            }
            Event::ToppedUp(_) => self.top_ups += 1,
            Event::Called(call) => self.asked += u32::from(call.endpoint == "/balance/" && call.attempt == 1),
            Event::Looked(look) => self.looked += u32::from(look.scope == Scope::Balance),
            _ => {}
        }
    }
}

#[test]
fn a_balance_that_is_misread_now_and_then_tells_of_no_ruin_and_of_no_top_up() {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup { faults: "F31".to_owned(), seed: 1, ..hostile(directory.path()) };
    let purse = Rc::new(RefCell::new(Purse::default()));
    let summary = run::run(&setup, purse.clone()).unwrap();
    assert!(summary.is_clean(), "{summary:?}");
    let Purse { changes, top_ups, asked, looked } = *purse.borrow();
    assert_eq!((changes, top_ups), (0, 0));
    // Each second reading has a row of its own, and there were some.
    assert!(asked > looked, "{asked} readings in {looked} looks");
}

#[test]
fn deletions_that_wait_and_backups_that_are_late_are_told_by_the_whole_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let setup = hostile(directory.path());
    let told = Rc::new(RefCell::new(Told::default()));
    let summary = run::run(&setup, told.clone()).unwrap();
    assert!(summary.is_clean(), "{summary:?}");
    for matter in [Matter::DeletionsHeld, Matter::BackupLate, Matter::BalanceBlind] {
        assert!(told.borrow().0.contains(&matter), "{matter:?} was never told: {:?}", told.borrow().0);
    }
}
