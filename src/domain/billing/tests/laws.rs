//! What every history of records, walks and crashes leaves true (I16), and that the law can be broken.

use super::world::{Step, World, steps};
use crate::domain::billing::record::Bill;
use crate::domain::event::Event;
use crate::domain::money::Nanos;
use proptest::test_runner::Config;
use proptest::{prop_assert, prop_assert_eq, proptest};
use std::collections::BTreeMap;

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
        check(world.months_told() == world.months_kept(), "a month is not what its hours come to")?;
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
    fn walking_again_finds_nothing_new_to_count(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.go(step));
        world.walk_all();
        // A correction of what was final may still be told; nothing is counted.
        let counted = |world: &World| {
            world.journal.iter().filter(|recorded| matches!(recorded.event, Event::Billed(_))).count()
        };
        let before = counted(&world);
        world.walk_all();
        prop_assert_eq!(counted(&world), before);
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

/// Both bugs break the law in a few random histories.
#[cfg(feature = "planted-bugs")]
#[test]
fn the_law_notices_a_second_count_and_an_edit() {
    use crate::planted::{Bug, plant};
    use proptest::strategy::{Strategy, ValueTree};
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
