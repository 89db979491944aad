//! Laws of billing, over random histories of records, walks, waits and crashes; and examples of each rule.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::Index;
use proptest::test_runner::Config;
use proptest::{prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::close;
use super::event::{FinalsDiffered, Grown, HourClosed, Standing};
use super::judge::{SeenBill, finals_that_differ, revisions};
use super::ledger::Book;
use super::record::{Bill, BillKind, Reach};
use crate::domain::digest::Digest;
use crate::domain::event::{Event, Recorded, Started};
use crate::domain::fleet::{Look, LookResult, Scope};
use crate::domain::id::BillId;
use crate::domain::money::{Currency, Nanos};
use crate::domain::state::State;
use crate::domain::time::Timestamp;

const KIND: BillKind = BillKind::Snapshot;
const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const BEGIN: Timestamp = Timestamp::EPOCH;

/// A cloud's records, a journal of what was seen of them, and the state that it comes to.
struct World {
    now: Timestamp,
    bills: Vec<Bill>,
    journal: Vec<Recorded>,
    state: State,
}

#[derive(Clone, Debug)]
enum Step {
    Wait(i64),
    New(Currency),
    Grow(Index, u64),
    Correct(Index, i64),
    Close(Index),
    Walk { seen: Vec<Index>, whole: bool },
    Tell,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let currency = prop_oneof![Just(Currency::Usd), Just(Currency::Eur), Just(Currency::Inr)];
    let step = prop_oneof![
        3 => (1_i64..80).prop_map(Step::Wait),
        2 => currency.prop_map(Step::New),
        6 => (any::<Index>(), 1_u64..5_000).prop_map(|(index, minutes)| Step::Grow(index, minutes)),
        3 => (any::<Index>(), -900_000_000_i64..900_000_000).prop_map(|(index, by)| Step::Correct(index, by)),
        2 => any::<Index>().prop_map(Step::Close),
        6 => (vec(any::<Index>(), 0..6), any::<bool>()).prop_map(|(seen, whole)| Step::Walk { seen, whole }),
        3 => Just(Step::Tell),
        1 => Just(Step::Crash),
    ];
    vec(step, 1..80)
}

impl World {
    fn new() -> Self {
        let now = BEGIN.shifted(20_000 * 24 * HOUR + 17 * MINUTE);
        let mut world = Self { now, bills: Vec::new(), journal: Vec::new(), state: State::default() };
        world.record(vec![Event::Started(Started { version: String::new() })]);
        world
    }

    fn record(&mut self, events: Vec<Event>) {
        for event in events {
            let recorded = Recorded { seq: self.journal.len() as u64 + 1, at: self.now, event };
            self.state.apply(&recorded);
            self.journal.push(recorded);
        }
    }

    fn book(&self) -> Book {
        self.state.ledger.books.get(&KIND).cloned().unwrap_or_default()
    }

    fn new_bill(&mut self, currency: Currency) {
        let number = self.bills.len();
        self.bills.push(Bill {
            id: BillId::new(format!("B{number}")),
            resource: format!("S{}", number / 2),
            name: String::new(),
            start: self.now,
            end: None,
            minutes: 0,
            rate: String::new(),
            cost: Nanos::ZERO,
            currency,
            status: "active".to_owned(),
        });
    }

    /// A walk that saw these, in this order; a complete one ends the look as such.
    fn walk(&mut self, seen: &[Bill], result: LookResult, reach: Reach) {
        let book = self.book();
        let shown = seen.iter().map(|bill| SeenBill { bill, raw: "{}" });
        let mut events = revisions(KIND, &book, shown, self.now);
        if reach == Reach::Whole && result == LookResult::Complete {
            events.extend(finals_that_differ(KIND, &book, seen.iter(), self.now));
        }
        events.push(Event::Looked(Look {
            scope: Scope::Billing(KIND, reach),
            began: self.now,
            result,
            digest: Digest::default(),
            items: 0,
            server_date: None,
            miscount: None,
        }));
        self.record(events);
    }

    fn walk_all(&mut self) {
        self.walk(&self.bills.clone(), LookResult::Complete, Reach::Whole);
    }

    fn wait(&mut self, hours: i64) {
        self.now = self.now.shifted(hours * HOUR);
    }

    fn tell(&mut self) {
        self.record(close::due(&self.state.ledger, self.now));
    }

    fn replayed(&self) -> State {
        let mut state = State::default();
        self.journal.iter().for_each(|recorded| state.apply(recorded));
        state
    }

    /// What the journal's revisions of each record sum to, without asking the fold.
    fn sums(&self) -> BTreeMap<BillId, i64> {
        let mut sums = BTreeMap::new();
        for recorded in &self.journal {
            let Event::Billed(billed) = &recorded.event else { continue };
            let sights = billed.sights.iter().map(|sight| (&sight.bill.id, sight.delta));
            let grown = billed.grown.iter().map(|Grown(id, _, _, delta)| (id, *delta));
            for (id, delta) in sights.chain(grown) {
                *sums.entry(id.clone()).or_insert(0) += delta.0;
            }
        }
        sums
    }

    fn hours(&self) -> Vec<&HourClosed> {
        let hours = self.journal.iter().filter_map(|recorded| match &recorded.event {
            Event::HourClosed(closed) => Some(closed),
            _ => None,
        });
        hours.collect()
    }

    fn differed(&self) -> Vec<&FinalsDiffered> {
        let differed = self.journal.iter().filter_map(|recorded| match &recorded.event {
            Event::FinalsDiffered(differed) => Some(differed),
            _ => None,
        });
        differed.collect()
    }

    fn go(&mut self, step: &Step) {
        let count = self.bills.len();
        let of = |index: &Index| index.index(count.max(1));
        match step {
            Step::Wait(hours) => self.wait(*hours),
            Step::New(currency) => self.new_bill(*currency),
            Step::Grow(index, minutes) => {
                if let Some(bill) = self.bills.get_mut(of(index)).filter(|bill| bill.end.is_none()) {
                    bill.minutes += minutes;
                    bill.cost.0 += i64::try_from(*minutes).unwrap() * 1_666_667;
                }
            }
            Step::Correct(index, by) => {
                if let Some(bill) = self.bills.get_mut(of(index)) {
                    bill.cost.0 += by;
                }
            }
            Step::Close(index) => {
                let now = self.now;
                if let Some(bill) = self.bills.get_mut(of(index)) {
                    bill.end.get_or_insert(now);
                }
            }
            Step::Walk { whole: true, .. } => self.walk_all(),
            Step::Walk { seen, whole: false } => {
                let seen: Vec<Bill> =
                    seen.iter().filter_map(|index| self.bills.get(of(index)).cloned()).collect();
                self.walk(&seen, LookResult::Incomplete("page 2".to_owned()), Reach::Growing);
            }
            Step::Tell => self.tell(),
            Step::Crash => {
                self.state = State::restore(&self.state.to_bytes()).unwrap();
                self.record(vec![Event::Started(Started { version: String::new() })]);
            }
        }
    }
}

/// What every history must leave true; the law that the planted bugs break.
fn broken_law(steps: &[Step]) -> Result<(), String> {
    let mut world = World::new();
    let mut counters = BTreeMap::new();
    let check = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    for step in steps {
        world.go(step);
        let faults = world.state.ledger.faults();
        check(faults.is_empty(), &format!("{faults:?} after {step:?}"))?;
        let (book, sums) = (world.book(), world.sums());
        let living = book.records.iter().all(|(id, record)| sums[id] == record.cost.0);
        check(living, "a record's deltas do not sum to its cost")?;
        if let Step::Walk { whole: true, .. } = step {
            let is_right = |bill: &&Bill| book.records.get(&bill.id).is_none_or(|one| one.cost == bill.cost);
            check(world.bills.iter().all(|bill| is_right(&bill)), "a whole walk left a record behind")?;
        }
        for (currency, totals) in &book.totals {
            let now = (totals.charges, totals.refunds);
            let before: (Nanos, Nanos) = counters.insert(*currency, now).unwrap_or_default();
            check(now.0 >= before.0 && now.1 >= before.1, "a counter fell")?;
        }
    }
    check(world.replayed().to_bytes() == world.state.to_bytes(), "the replay differs")
}

proptest! {
    #![proptest_config(Config { cases: 256, max_shrink_iters: 2_000, ..Config::default() })]

    #[test]
    fn the_sum_of_deltas_is_the_cost_hours_and_days_sum_to_it_and_no_counter_falls(steps in steps()) {
        prop_assert_eq!(broken_law(&steps), Ok(()));
    }

    #[test]
    fn walking_again_finds_nothing_new(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.go(step));
        world.walk_all();
        let before = world.journal.len();
        world.walk_all();
        prop_assert_eq!(world.journal.len(), before + 1, "only the look itself is new");
    }

    #[test]
    fn all_hours_told_sum_to_the_charges_once_time_has_passed(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.go(step));
        // Minutes may run ahead of the clock here; they are told once it has come so far.
        world.wait(10_000);
        (0..10).for_each(|_| world.tell());
        for (currency, totals) in &world.book().totals {
            let told: i64 = world.hours().iter().filter(|hour| hour.currency == *currency).map(|hour| hour.amount.0).sum();
            prop_assert_eq!(told, totals.charges.0 - totals.refunds.0);
            prop_assert!(world.book().hours.is_empty());
        }
    }
}

/// A world with one record that ran for ten hours, seen, told and settled.
fn settled() -> World {
    let mut world = World::new();
    world.new_bill(Currency::Usd);
    world.wait(10);
    (world.bills[0].minutes, world.bills[0].cost) = (600, Nanos(1_000_000_000));
    world.walk_all();
    world.wait(3);
    world.tell();
    world
}

#[test]
fn a_record_shown_twice_in_one_walk_is_counted_once() {
    let mut world = settled();
    world.bills[0].cost = Nanos(1_500_000_000);
    let twice = [world.bills[0].clone(), world.bills[0].clone()];
    world.walk(&twice, LookResult::Complete, Reach::Growing);
    assert_eq!(world.sums()[&BillId::new("B0")], 1_500_000_000);
    assert_eq!(world.state.ledger.faults(), [""; 0]);
}

#[test]
fn a_correction_of_a_settled_hour_is_a_restatement_beside_it() {
    let mut world = settled();
    assert!(world.hours().iter().all(|hour| hour.standing == Standing::Settled));
    let told = world.hours().len();
    world.bills[0].cost = Nanos(400_000_000);
    world.walk_all();
    world.tell();
    let later: Vec<_> = world.hours()[told..].iter().map(|hour| (hour.standing, hour.amount.0 < 0)).collect();
    assert_eq!(later, vec![(Standing::Restated, true); told]);
    assert_eq!(world.state.ledger.faults(), [""; 0]);
}

#[test]
fn an_hour_is_provisional_for_two_hours() {
    let mut world = World::new();
    world.new_bill(Currency::Eur);
    world.wait(1);
    (world.bills[0].minutes, world.bills[0].cost) = (60, Nanos(600));
    world.walk_all();
    world.tell();
    world.wait(2);
    world.tell();
    world.wait(1);
    world.tell();
    let standings: Vec<_> = world.hours().iter().map(|hour| (hour.standing, hour.amount.0)).collect();
    // 43 of the 60 minutes lie in the hour in which it began.
    let expected = [(Standing::Provisional, 430), (Standing::Settled, 0), (Standing::Settled, 170)];
    assert_eq!(standings, expected);
}

#[test]
fn what_ran_before_the_first_start_is_an_opening_position() {
    let mut world = World::new();
    world.new_bill(Currency::Usd);
    world.bills[0].start = world.now.shifted(-90 * 24 * HOUR);
    (world.bills[0].minutes, world.bills[0].cost) = (90 * 24 * 60, Nanos(70_000_000_000));
    world.walk_all();
    let totals = world.book().totals[&Currency::Usd].clone();
    assert_eq!((totals.opening, totals.charges), (Nanos(70_000_000_000), Nanos::ZERO));
    world.bills[0].cost = Nanos(71_000_000_000);
    world.walk_all();
    assert_eq!(world.book().totals[&Currency::Usd].charges, Nanos(1_000_000_000));
}

#[test]
fn a_final_record_is_forgotten_and_its_late_correction_told_and_not_counted() {
    let mut world = settled();
    world.bills[0].end = Some(world.now);
    for _ in 0..11 {
        world.wait(24);
        world.new_bill(Currency::Usd);
        let now = world.now;
        world.bills.last_mut().unwrap().end = Some(now);
        world.walk_all();
    }
    assert!(!world.book().records.contains_key(&BillId::new("B0")));
    let charges = world.book().totals[&Currency::Usd].charges;
    world.bills[0].cost = Nanos(9_000_000_000);
    world.walk_all();
    world.walk_all();
    let told: Vec<_> = world.differed().iter().map(|one| (one.records, one.cost)).collect();
    assert_eq!(told, [(1, Nanos(9_000_000_000))], "told once");
    assert_eq!(world.book().totals[&Currency::Usd].charges, charges);
    assert_eq!(world.state.counters.anomalies, 1);
}

#[test]
fn a_record_that_changes_its_currency_is_odd_and_its_figures_are_not_taken() {
    let mut world = settled();
    let before = world.book().records[&BillId::new("B0")].cost;
    (world.bills[0].currency, world.bills[0].cost) = (Currency::Inr, Nanos(99));
    world.walk_all();
    world.walk_all();
    assert_eq!(world.book().records[&BillId::new("B0")].cost, before);
    assert_eq!(world.state.counters.anomalies, 1, "told once");
    assert_eq!(world.state.ledger.faults(), [""; 0]);
}

#[test]
fn a_stored_revision_that_does_not_follow_is_a_contradiction_and_not_counted() {
    let mut world = settled();
    let stored =
        world.journal.iter().find(|one| matches!(one.event, Event::Billed(_))).unwrap().event.clone();
    let charges = world.book().totals[&Currency::Usd].charges;
    world.record(vec![stored]);
    assert_eq!(world.book().totals[&Currency::Usd].charges, charges);
    assert_eq!(world.state.ledger.faults().len(), 1);
}

#[test]
fn a_clock_that_ran_ahead_neither_forgets_nor_counts_a_record_again() {
    let mut world = settled();
    world.bills[0].end = Some(world.now);
    world.walk_all();
    let (now, charges) = (world.now, world.book().totals[&Currency::Usd].charges);
    world.wait(24 * 3_650);
    world.walk_all();
    world.now = now.shifted(HOUR);
    world.walk_all();
    assert_eq!(world.book().totals[&Currency::Usd].charges, charges);
    assert_eq!(world.state.ledger.faults(), [""; 0]);
}

/// Both bugs break the law in a few random histories.
#[cfg(feature = "planted-bugs")]
#[test]
fn the_law_notices_a_second_count_and_an_edit() {
    use crate::planted::{Bug, plant};
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    for bug in [Bug::BillWithoutKey, Bug::CorrectionEdits] {
        let mut runner = TestRunner::deterministic();
        let mut is_broken = || {
            let history = steps().new_tree(&mut runner).unwrap().current();
            plant(Some(bug));
            let law = broken_law(&history);
            plant(None);
            law.is_err()
        };
        assert!((0..256).any(|_| is_broken()), "{bug:?}");
    }
}
