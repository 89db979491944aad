//! A rehearsal in which all machines are gone at once, again and again: what the daemon makes of that.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use quartermaster::domain::event::Recorded;
use quartermaster::domain::policy::Retention;
use quartermaster::domain::state::State;
use quartermaster::domain::time::{Seconds, Timestamp};
use quartermaster::rehearsal::run::{self, Onlooker};
use quartermaster::rehearsal::setup::Setup;
use quartermaster::sim::dialect::Dialect;

/// Long enough for some losses, and for a freeze that nobody ends.
const DAYS: u64 = 32;

/// The freezes that nobody asked for: when each began, when it would end, and when it was last seen.
#[derive(Default)]
struct Freezes {
    began: BTreeSet<Timestamp>,
    ran_out: BTreeSet<Timestamp>,
    last: Option<(Timestamp, Timestamp)>,
}

impl Onlooker for Freezes {
    fn recorded(&mut self, state: &State, recorded: &Recorded) {
        let now = recorded.at;
        match state.frozen.as_ref().filter(|freeze| freeze.by_itself) {
            Some(freeze) => {
                self.began.insert(freeze.since);
                self.last = Some((freeze.since, freeze.until));
            }
            None => {
                let ended = self.last.take();
                self.ran_out.extend(ended.filter(|(_, until)| now >= *until).map(|(since, _)| since));
            }
        }
    }
}

#[test]
fn machines_that_are_all_gone_at_once_freeze_deletions_and_backups_and_deletions_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let setup = Setup {
        length: Seconds::days(DAYS),
        machines: 4,
        keep_last: 2,
        also: Retention::default(),
        is_varied: false,
        seed: 1,
        faults: "F30b".to_owned(),
        dialect: Dialect::parse("plain").unwrap(),
        durable: false,
        directory: directory.path().to_owned(),
        disturbances: Vec::new(),
    };
    let freezes = Rc::new(RefCell::new(Freezes::default()));
    let summary = run::run(&setup, freezes.clone()).unwrap();
    assert!(summary.is_clean(), "{:?}", summary.violations);
    let freezes = freezes.borrow();
    let losses = summary.faults_hit["F30b"];
    assert_eq!(freezes.began.len() as u64, losses, "{:?}", freezes.began);
    assert!(losses >= 2 && !freezes.ran_out.is_empty(), "{losses} losses, {:?} ran out", freezes.ran_out);
    assert!(summary.backups_deleted > 0);
}
