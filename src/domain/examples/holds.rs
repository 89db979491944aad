//! What people and time put between a doom and its deletion: holds, edits, freezes, pauses.

use std::collections::BTreeSet;

use super::ready::{PROPOSED, Ready, ready, stopped};
use super::world::{World, creates, daily, deletes, hold_of, machine_id};
use crate::domain::ask::{Ask, AskRefusal, judge};
use crate::domain::audit::Objection::{Changed, Forbidden};
use crate::domain::backup::Judgement;
use crate::domain::backup::Life;
use crate::domain::draft::Hold;
use crate::domain::event::{Event, Judged, Lapsed};
use crate::domain::fleet::{LookResult, MachineStatus};
use crate::domain::id::BackupId;
use crate::domain::policy::{Images, Keep};
use crate::domain::slot::Held;
use crate::domain::time::Seconds;

fn hold(ready: &mut Ready, length: Seconds) {
    let (backup, until) = (ready.victim.clone(), ready.world.now + length);
    ready.world.ask(Ask::Hold { backup, until, reason: "a lawsuit".to_owned() });
}

fn keep_last(world: &mut World, count: u32) {
    world.adopt(|set| {
        set.policies.get_mut(&daily()).unwrap().retention.keep_last = Some(Keep::Count(count));
    });
}

fn doomed(world: &World) -> BTreeSet<BackupId> {
    let of = world.state.backups.iter().filter(|(_, backup)| backup.doom.is_some());
    of.map(|(id, _)| id.clone()).collect()
}

/// Whatever is doomed is approved, as a person does who looks.
fn approve_all(world: &mut World) {
    world.ask(Ask::Approve { backups: doomed(world) });
}

#[test]
fn a_held_backup_is_not_deleted() {
    stopped(|ready| hold(ready, Seconds::days(400)), Changed("it is held"), None);
}

#[test]
fn a_hold_ends_with_its_date() {
    let mut ready = ready();
    ready.world.adopt(|set| set.rules.freeze_margin = Seconds::days(90));
    hold(&mut ready, Seconds::days(30));
    ready.world.pass();
    assert_eq!(ready.world.backup(&ready.victim).doom, None);
    ready.world.wait(Seconds::days(30));
    ready.world.pass();
    assert!(ready.world.backup(&ready.victim).doom.is_some());
}

#[test]
fn a_released_backup_is_doomed_again_and_waits_anew() {
    let mut ready = ready();
    hold(&mut ready, Seconds::days(400));
    ready.world.pass();
    ready.world.ask(Ask::Release { backup: ready.victim.clone(), reason: "settled".to_owned() });
    let plan = ready.world.pass();
    assert!(matches!(hold_of(&plan, &ready.victim), Some(Hold::Grace { .. })));
}

#[test]
fn a_hold_is_made_longer_and_never_shorter() {
    let mut ready = ready();
    hold(&mut ready, Seconds::days(30));
    let (state, now) = (&ready.world.state, ready.world.now);
    let judged = |days| {
        let (backup, until) = (ready.victim.clone(), now + Seconds::days(days));
        judge(state, now, &Ask::Hold { backup, until, reason: "a lawsuit".to_owned() })
    };
    assert_eq!(judged(31), Ok(()));
    let until = now + Seconds::days(30);
    assert_eq!(judged(29), Err(AskRefusal::HoldShorter(ready.victim.clone(), until)));
}

#[test]
pub fn a_doom_soon_after_an_edit_waits_longer() {
    let (mut world, victim) = edited();
    approve_all(&mut world);
    let since = world.backup(&victim).doom.as_ref().unwrap().since;
    world.wait(Seconds::hours(30));
    let plan = world.pass();
    let until = since + Seconds::hours(72);
    assert_eq!(hold_of(&plan, &victim), Some(Hold::Grace { until }));
    let effect = super::hands::delete_of(&world, &victim);
    let edited = "its policy was edited just before its doom";
    assert_eq!(world.audit(&effect).err(), Some(Forbidden(edited)));
    world.wait(Seconds::hours(42));
    world.adopt(|set| set.rules.freeze_margin = Seconds::days(9));
    world.look_at_all();
    assert!(world.audit(&effect).is_ok());
}

/// Four are kept, until an edit dooms two of them.
fn edited() -> (World, BackupId) {
    let mut world = World::new(1);
    keep_last(&mut world, 4);
    world.wait(Seconds::hours(96));
    let backups: Vec<BackupId> = (0..4).flat_map(|_| world.take_all()).collect();
    keep_last(&mut world, 2);
    world.pass();
    assert_eq!(doomed(&world).len(), 2);
    (world, backups[0].clone())
}

#[test]
fn a_doom_long_after_an_edit_has_the_ordinary_grace() {
    let mut world = World::new(1);
    keep_last(&mut world, 2);
    world.wait(Seconds::hours(96));
    let backups: Vec<BackupId> = (0..3).flat_map(|_| world.take_all()).collect();
    approve_all(&mut world);
    world.wait(Seconds::hours(24));
    let plan = world.pass();
    assert!(deletes(&plan).iter().any(|effect| effect.verb.backup() == &backups[0]), "{:?}", plan.holds);
}

#[test]
fn an_edit_that_changes_nothing_kept_is_none() {
    let mut ready = ready();
    ready.world.adopt(|set| set.policies.get_mut(&daily()).unwrap().longest_gap = Seconds::hours(25));
    assert!(ready.world.state.adopted.as_ref().unwrap().edited_at.is_empty());
    ready.world.adopt(|set| set.rules.min_good = 1);
    assert_eq!(ready.world.state.adopted.as_ref().unwrap().edited_at.len(), 1);
}

/// Six are doomed and approved, and then a freeze is forgotten until it runs out.
fn forgotten_freeze(nights: u32) -> (World, Vec<BackupId>) {
    let mut world = World::new(1);
    world.adopt(|set| set.rules.freeze_margin = Seconds::days(30));
    let backups: Vec<BackupId> = (0..nights).flat_map(|_| world.take_all()).collect();
    // The first list of this mode was approved once; since then only a multitude needs a person.
    world.ask(Ask::Approve { backups: BTreeSet::new() });
    for backup in world.state.backups.values_mut() {
        backup.doom.iter_mut().for_each(|doom| doom.needs_approval = false);
    }
    let until = world.now + Seconds::days(7);
    world.ask(Ask::Freeze { until, reason: "a holiday".to_owned() });
    world.wait(Seconds::days(7));
    world.look_at_all();
    (world, backups)
}

#[test]
pub fn after_a_freeze_that_ran_out_a_few_go_on_and_many_wait() {
    for (nights, expected) in [(5, None), (6, Some(Hold::AwaitsApproval))] {
        let (mut world, backups) = forgotten_freeze(nights);
        let frozen = super::hands::delete_of(&world, &backups[0]);
        assert_eq!(world.audit(&frozen).err(), Some(Changed("deletions are frozen")));
        let plan = world.conclude();
        assert!(world.rows.iter().any(|row| matches!(row.event, Event::Lapsed(Lapsed::Freeze { .. }))));
        assert_eq!(hold_of(&plan, &backups[0]), expected, "{nights} nights");
        let objection = world.audit(&frozen).err();
        assert_eq!(objection.is_some(), expected.is_some(), "{nights} nights: {objection:?}");
    }
}

#[test]
fn a_pause_holds_creates_and_deletes_of_policies_until_it_ends() {
    let mut ready = ready();
    let until = ready.world.now + Seconds::hours(8);
    ready.world.ask(Ask::Pause { until });
    let expected = (Some(Changed("policies are paused")), Some(Hold::Paused { until }));
    assert_eq!(ready.judged(), expected);
    ready.world.ask(Ask::Resume);
    assert!(ready.is_permitted());
    ready.world.wait_for_slot();
    let create = creates(&ready.world.pass()).pop().unwrap();
    ready.world.ask(Ask::Pause { until: ready.world.now + Seconds::hours(8) });
    assert_eq!(ready.world.audit(&create).err(), Some(Changed("policies are paused")));
    assert_eq!(creates(&ready.world.pass()), []);
    let open = ready.world.state.shelves.values().filter_map(|shelf| shelf.open.as_ref());
    assert!(open.map(|(_, held)| held).all(|held| *held == Held::Paused));
    ready.world.wait(Seconds::hours(8));
    assert!(!creates(&ready.world.pass()).is_empty());
}

#[test]
fn neither_pause_nor_freeze_is_longer_than_a_month() {
    let world = World::new(1);
    let judged = |until| {
        let pause = judge(&world.state, world.now, &Ask::Pause { until });
        (pause, judge(&world.state, world.now, &Ask::Freeze { until, reason: "long".to_owned() }))
    };
    let until = world.now + Seconds::days(30);
    assert_eq!(judged(until), (Ok(()), Ok(())));
    let until = until + Seconds(1);
    assert_eq!(judged(until), (Err(AskRefusal::PauseEnd(until)), Err(AskRefusal::FreezeEnd(until))));
}

#[test]
fn a_reason_is_of_a_thousand_characters_at_most_and_there_are_few_requests() {
    let mut world = World::new(1);
    let until = world.now + Seconds::days(1);
    let judged = |length| judge(&world.state, world.now, &Ask::Freeze { until, reason: "ü".repeat(length) });
    assert_eq!([1, 1_000, 1_001, 0].map(|length| judged(length).is_ok()), [true, true, false, false]);
    let create = || Ask::Create { machine: machine_id(1), expire: None };
    for _ in 0..256 {
        assert_eq!(judge(&world.state, world.now, &create()), Ok(()));
        world.ask(create());
    }
    assert_eq!(judge(&world.state, world.now, &create()), Err(AskRefusal::TooMany));
}

#[test]
fn three_of_ours_deleted_by_somebody_else_within_an_hour_freeze_all_deletions() {
    let (mut ready, mut gone) = (ready(), Vec::new());
    for id in ready.world.state.backups.keys().filter(|id| !ready.backups.contains(id)).take(3) {
        gone.push(id.clone());
    }
    for (count, id) in gone.into_iter().enumerate() {
        assert_eq!(ready.world.state.frozen, None, "after {count}");
        ready.world.record(Event::Judged(Judged { backup: id, judgement: Judgement::Vanished }));
    }
    let until = ready.world.now + Seconds::days(7);
    let expected = (Some(Changed("deletions are frozen")), Some(Hold::Frozen { until }));
    assert_eq!(ready.judged(), expected);
}

/// The machine sleeps for good, and its shelf is frozen with three more than its rule keeps.
fn asleep(nights: u32) -> (World, Vec<BackupId>) {
    let mut world = World::new(1);
    let backups: Vec<BackupId> = (0..nights).flat_map(|_| world.take_all()).collect();
    for machine in world.cloud.machines.values_mut() {
        machine.status = MachineStatus::Shutoff;
    }
    approve_all(&mut world);
    world.wait(Seconds::days(4));
    (world, backups)
}

fn thaw(world: &mut World, keep: u32) {
    let reason = "it is broken for good".to_owned();
    world.ask(Ask::ThawMachine { machine: machine_id(1), keep, reason });
}

#[test]
fn a_machine_that_cannot_be_snapshotted_any_more_lets_its_expired_ones_go_once_thawed() {
    let (mut world, backups) = asleep(4);
    assert_eq!(hold_of(&world.pass(), &backups[0]), Some(Hold::Stale));
    thaw(&mut world, 2);
    // A new list, which a person looks at.
    assert_eq!(hold_of(&world.pass(), &backups[0]), Some(Hold::AwaitsApproval));
    approve_all(&mut world);
    let plan = world.pass();
    let delete = deletes(&plan).pop().unwrap();
    assert_eq!(delete.verb.backup(), &backups[0]);
    assert!(world.audit(&delete).is_ok());
}

#[test]
fn a_thawed_machine_keeps_as_many_as_the_person_said() {
    for keep in 1..=3 {
        let (mut world, _) = asleep(4);
        world.adopt(|set| set.rules.grace_after_edit = Seconds(0));
        keep_last(&mut world, 1);
        thaw(&mut world, keep);
        for _ in 0..6 {
            world.pass();
            approve_all(&mut world);
            world.wait(Seconds::hours(25));
            if let Some(delete) = deletes(&world.pass()).pop() {
                let snapshot = world.snapshot_of(delete.verb.backup());
                world.perform(&delete, crate::domain::effect::Outcome::Answered { snapshot: None });
                world.cloud.snapshots.remove(&snapshot);
                world.pass();
            }
        }
        let good = world.state.backups.values().filter(|backup| backup.life == Life::Good).count();
        assert_eq!(good, keep as usize);
    }
}

#[test]
fn a_fresh_backup_ends_the_thaw_of_its_machine() {
    let (mut world, _) = asleep(4);
    thaw(&mut world, 1);
    for machine in world.cloud.machines.values_mut() {
        machine.status = MachineStatus::Active;
    }
    world.take_all();
    assert!(world.state.thawed.is_empty());
}

#[test]
fn a_person_who_says_that_there_are_no_images_decides_where_nobody_tells() {
    let mut ready = ready();
    ready.world.wait(Seconds::hours(1));
    ready.world.cloud.relation = LookResult::Unavailable("404".to_owned());
    ready.world.cloud.image_list = LookResult::Unavailable("404".to_owned());
    let objection = Changed("neither its images nor the image list could be read");
    assert_eq!(ready.judged(), (Some(objection), Some(Hold::MaybeLinked)));
    ready.world.adopt(|set| set.images = Images::Absent);
    assert_eq!(ready.judged(), (None, Some(PROPOSED)));
}

#[test]
fn a_removed_policys_backups_stay_until_a_person_retires_it() {
    let mut ready = ready();
    ready.world.adopt(|set| set.policies.clear());
    let not_in_force = Forbidden("its policy is not in force");
    assert_eq!(ready.judged(), (Some(not_in_force), Some(Hold::NoPolicy)));
    ready.world.ask(Ask::Retire { policy: daily() });
    ready.world.pass();
    approve_all(&mut ready.world);
    ready.world.wait(Seconds::hours(24));
    let plan = ready.world.pass();
    assert!(deletes(&plan).iter().any(|effect| effect.verb.backup() == &ready.victim), "{:?}", plan.holds);
    let left = ready.world.state.backups.values().filter(|b| b.machine == machine_id(1) && b.doom.is_none());
    assert_eq!(left.count(), 2, "the least number of good ones stays");
}

#[test]
fn a_pass_deletes_a_quarter_of_the_days_cap() {
    let mut ready = ready();
    ready.world.adopt(|set| set.rules.day_cap = Some(3));
    let other = doomed(&ready.world).into_iter().find(|id| ready.world.backup(id).machine == machine_id(2));
    let other = other.unwrap();
    approve_all(&mut ready.world);
    ready.world.adopt(|set| set.rules.grace = Seconds(0));
    let plan = ready.world.pass();
    assert_eq!(deletes(&plan).len(), 1);
    let effect = super::hands::delete_of(&ready.world, &other);
    assert!(ready.world.audit(&effect).is_ok());
    ready.world.perform(&ready.delete.clone(), crate::domain::effect::Outcome::Answered { snapshot: None });
    assert_eq!(ready.world.audit(&effect).err(), Some(Changed("as many were deleted in one pass as may be")));
    ready.world.wait(Seconds::minutes(2));
    ready.world.look_at_all();
    assert!(ready.world.audit(&effect).is_ok());
}

#[test]
fn what_ends_at_this_very_second_has_ended() {
    let mut ready = ready();
    let (now, victim) = (ready.world.now, ready.victim.clone());
    let reason = || "a lawsuit".to_owned();
    let asks = [
        Ask::Pause { until: now },
        Ask::Freeze { until: now, reason: reason() },
        Ask::Hold { backup: victim.clone(), until: now, reason: reason() },
    ];
    for ask in asks {
        assert!(judge(&ready.world.state, now, &ask).is_err(), "{ask:?}");
    }
    hold(&mut ready, Seconds::hours(1));
    ready.world.wait(Seconds(3_599));
    assert_eq!(ready.judged().0, Some(Changed("it is held")));
    // Whoever lets it lapse finds it doomed as before, for no plan was made meanwhile.
    let mut ready = super::ready::ready();
    hold(&mut ready, Seconds::hours(1));
    ready.world.wait(Seconds::hours(1));
    assert!(ready.is_permitted(), "{:?}", ready.judged());
    let delete = Ask::Delete { backup: victim, overrides: BTreeSet::new(), reason: reason() };
    assert_eq!(judge(&ready.world.state, ready.world.now, &delete), Ok(()));
}

#[test]
fn nothing_is_kept_that_is_gone_or_going() {
    let mut ready = ready();
    let (victim, until) = (ready.victim.clone(), ready.world.now + Seconds::days(1));
    for life in [Life::Vanished, Life::Deleted, Life::DeleteIntended] {
        ready.world.state.backups.get_mut(&victim).expect("it is known").life = life;
        let pin = Ask::Pin { backup: victim.clone() };
        let hold = Ask::Hold { backup: victim.clone(), until, reason: "a lawsuit".to_owned() };
        for ask in [pin, hold] {
            let refused = judge(&ready.world.state, ready.world.now, &ask);
            assert!(matches!(refused, Err(AskRefusal::Gone(..))), "{ask:?}: {refused:?}");
        }
        let unpin = |ready: &Ready| {
            judge(&ready.world.state, ready.world.now, &Ask::Unpin { backup: ready.victim.clone() })
        };
        assert_eq!(unpin(&ready), Err(AskRefusal::NotPinned(victim.clone())));
        ready.world.state.backups.get_mut(&victim).expect("it is known").pinned = true;
        assert_eq!(unpin(&ready), Ok(()));
        ready.world.state.backups.get_mut(&victim).expect("it is known").pinned = false;
    }
}
