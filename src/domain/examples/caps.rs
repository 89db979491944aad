//! How many deletions a day, a pass and a machine bear, to the last one, as plan and audit each count.

use super::ready::{PROPOSED, Ready, ready};
use super::waits::but_a_second;
use super::world::{daily, machine_id};
use crate::domain::audit::Objection::Changed;
use crate::domain::backup::Life;
use crate::domain::draft::Hold;
use crate::domain::effect::Outcome;
use crate::domain::id::{BackupId, MachineId};
use crate::domain::state::Deletion;
use crate::domain::time::{Seconds, Timestamp};

const MOST: usize = 40;
const IN_A_DAY: &str = "as many were deleted in 24 hours as may be";
const IN_A_PASS: &str = "as many were deleted in one pass as may be";
const OF_A_MACHINE: &str = "as many of this machine were deleted as may be";

/// How many deletions of this machine so long ago stand in the way of one more, for plan and audit alike.
#[track_caller]
fn bound(change: impl Fn(&mut Ready), of: &MachineId, ago: Seconds, why: &'static str) -> usize {
    for count in 0..MOST {
        let mut ready = ready();
        change(&mut ready);
        let at = ready.world.now - ago;
        ready.world.state.deletions = vec![Deletion { at, machine: of.clone() }; count];
        let judged = ready.judged();
        if judged != (None, Some(PROPOSED)) {
            assert_eq!(judged, (Some(Changed(why)), Some(Hold::Capped)), "after {count}");
            return count;
        }
    }
    MOST
}

fn in_a_day(change: impl Fn(&mut Ready)) -> usize {
    bound(change, &machine_id(9), Seconds::hours(1), IN_A_DAY)
}

/// Good ones that were made by hand count among ours, and stand on no shelf.
fn have(ready: &mut Ready, ours: usize) {
    let more = ours - ready.world.state.backups.values().filter(|one| one.life == Life::Good).count();
    let mut backup = ready.world.backup(&ready.victim).clone();
    (backup.slot, backup.doom, backup.machine) = (None, None, machine_id(9));
    backup.snapshots.clear();
    for number in 0..more {
        ready.world.state.backups.insert(BackupId::new(format!("by-hand-{number}")), backup.clone());
    }
}

/// No slot of it falls into the day.
fn seldom(ready: &mut Ready) {
    ready.world.adopt(|set| {
        let policy = set.policies.get_mut(&daily()).expect("the world has this policy");
        policy.schedule = "0 2 1 1 *".to_owned();
    });
}

#[test]
fn a_day_bears_three_a_quarter_of_ours_or_twice_the_slots_whichever_is_most() {
    assert_eq!(in_a_day(seldom), 3);
    // Two machines, one night.
    assert_eq!(in_a_day(|_| {}), 4);
    assert_eq!(in_a_day(|ready| have(ready, 20)), 5);
    // A quarter is rounded up.
    assert_eq!(in_a_day(|ready| have(ready, 21)), 6);
    // What the file says is an upper bound, and never more.
    for (said, bears) in [(2, 2), (9, 4)] {
        assert_eq!(in_a_day(|ready| ready.world.adopt(|set| set.rules.day_cap = Some(said))), bears);
    }
}

#[test]
fn a_pass_bears_a_quarter_of_the_day_and_a_machine_two_or_twice_its_slots() {
    let now = Seconds(0);
    assert_eq!(bound(|_| {}, &machine_id(9), now, IN_A_PASS), 1);
    assert_eq!(bound(|ready| have(ready, 28), &machine_id(9), now, IN_A_PASS), 1);
    assert_eq!(bound(|ready| have(ready, 29), &machine_id(9), now, IN_A_PASS), 2);
    let hour = Seconds::hours(1);
    assert_eq!(bound(seldom, &machine_id(1), hour, OF_A_MACHINE), 2);
    let hourly = |ready: &mut Ready| {
        ready.world.adopt(|set| {
            let policy = set.policies.get_mut(&daily()).expect("the world has this policy");
            policy.schedule = "0 2,8 * * *".to_owned();
        });
    };
    assert_eq!(bound(hourly, &machine_id(1), hour, OF_A_MACHINE), 4);
}

#[test]
fn a_deletion_counts_for_a_day_and_for_a_pass_of_two_minutes_to_the_second() {
    assert_eq!(bound(|_| {}, &machine_id(9), but_a_second(Seconds::hours(24)), IN_A_DAY), 4);
    assert_eq!(bound(|_| {}, &machine_id(9), but_a_second(Seconds::minutes(2)), IN_A_PASS), 1);
    assert_eq!(bound(|_| {}, &machine_id(9), Seconds::minutes(2), IN_A_DAY), 4);
    let mut ready = ready();
    let at = ready.world.now - Seconds::hours(24);
    ready.world.state.deletions = vec![Deletion { at, machine: machine_id(1) }; MOST];
    assert!(ready.is_permitted(), "{:?}", ready.judged());
}

#[test]
fn a_slot_counts_for_a_bound_for_a_day_to_the_second() {
    let later = |span: Seconds| {
        move |ready: &mut Ready| {
            let slot = ready.world.now.seconds() / 86_400 * 86_400 + 2 * 3_600;
            ready.world.now = Timestamp::from_seconds(slot) + span;
        }
    };
    assert_eq!(in_a_day(later(but_a_second(Seconds::hours(24)))), 4);
    // Of a schedule that comes again only in a year.
    let then_seldom = |span| move |ready: &mut Ready| (later(span)(ready), seldom(ready)).1;
    assert_eq!(in_a_day(then_seldom(Seconds::hours(3))), 3);
}

#[test]
fn deletions_are_remembered_for_a_day_to_the_second() {
    for (after, count) in [(but_a_second(Seconds::hours(24)), 2), (Seconds::hours(24), 1)] {
        let mut ready = ready();
        for wait in [Seconds(0), after] {
            ready.world.wait(wait);
            ready.world.look_at_all();
            let outcome = Outcome::NotSent { why: "no route".to_owned() };
            ready.world.perform(&ready.delete.clone(), outcome);
        }
        assert_eq!(ready.world.state.deletions.len(), count);
    }
}
