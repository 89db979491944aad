//! What people delete by hand: behind the same rails, but for those that they name.

use std::collections::BTreeSet;

use super::lapses::lapse;
use super::ready::{Ready, ready};
use super::world::{World, creates, daily, deletes, hold_of, machine_id};
use crate::domain::ask::{Ask, AskRefusal, judge};
use crate::domain::audit::Objection::{self, Changed, Forbidden};
use crate::domain::backup::Life;
use crate::domain::draft::Hold;
use crate::domain::effect::{Cause, Effect, Outcome, Verb};
use crate::domain::event::Event;
use crate::domain::fleet::{Image, MachineStatus, SnapshotStatus};
use crate::domain::id::{BackupId, ImageId};
use crate::domain::policy::{Keep, Mode};
use crate::domain::rail::Rail;
use crate::domain::time::Seconds;

/// The delete that a doom causes.
pub fn delete_of(world: &World, id: &BackupId) -> Effect {
    let backup = world.backup(id);
    let seq = backup.doom.as_ref().map_or(0, |doom| doom.seq);
    let (machine, snapshot) = (backup.machine.clone(), world.snapshot_of(id));
    let verb = Verb::DeleteSnapshot { backup: id.clone(), machine, snapshot };
    Effect::new(Cause::Doom { policy: daily(), seq }, verb)
}

pub fn every_rail() -> BTreeSet<Rail> {
    Rail::ALL.into()
}

/// Asks, and gives the effect that performs it.
fn ask_to_delete(world: &mut World, id: &BackupId, overrides: BTreeSet<Rail>) -> Effect {
    assert_eq!(judged_ask(world, id, &overrides), Ok(()));
    ask_unjudged(world, id, overrides)
}

/// What whoever asks is told at once.
pub fn judged_ask(world: &World, id: &BackupId, overrides: &BTreeSet<Rail>) -> Result<(), AskRefusal> {
    let (backup, overrides, reason) = (id.clone(), overrides.clone(), "too dear".to_owned());
    judge(&world.state, world.now, &Ask::Delete { backup, overrides, reason })
}

/// As if what is against it had come later.
fn ask_unjudged(world: &mut World, id: &BackupId, overrides: BTreeSet<Rail>) -> Effect {
    world.ask(Ask::Delete { backup: id.clone(), overrides, reason: "too dear".to_owned() });
    let found = world.state.requests.values().find(|request| request.effect.verb.backup() == id);
    found.unwrap().effect.clone()
}

/// What both sides make of a request: nothing said means that it is proposed, and permitted.
fn judged(world: &mut World, effect: &Effect) -> (Option<Objection>, Option<Hold>) {
    world.look_at_all();
    let objection = world.audit(effect).err();
    let plan = world.conclude();
    let hold = hold_of(&plan, effect.verb.backup());
    let is_proposed = deletes(&plan).contains(effect);
    assert!(is_proposed != hold.is_some(), "proposed: {is_proposed}, held: {hold:?}");
    (objection, hold)
}

/// Deleted for good, and seen to be gone.
fn delete(world: &mut World, effect: &Effect) {
    let snapshot = world.snapshot_of(effect.verb.backup());
    world.look_at_all();
    world.perform(effect, Outcome::Answered { snapshot: None });
    world.cloud.snapshots.remove(&snapshot);
    world.pass();
    world.pass();
}

/// Needs exactly this override: without it both sides refuse, and with all the others too.
#[track_caller]
fn needs(rail: Rail, change: impl Fn(&mut Ready) -> BackupId, objection: Objection, hold: Hold) {
    for is_named in [false, true] {
        let mut ready = ready();
        let id = change(&mut ready);
        let overrides = Rail::ALL.into_iter().filter(|other| is_named || *other != rail).collect();
        // A cap passes within a day, and a doom that an edit ends has not ended yet: such a request waits.
        let is_doomed = ready.world.backup(&id).doom.is_some();
        let is_taken = is_named || rail == Rail::Caps || (rail == Rail::Kept && is_doomed);
        ready.world.look_at_all();
        let told = match judged_ask(&ready.world, &id, &overrides) {
            Err(AskRefusal::Rails { rails, .. }) => rails,
            other => other.map(|()| Vec::new()).unwrap(),
        };
        assert_eq!(told, if is_taken { vec![] } else { vec![rail] });
        let effect = ask_unjudged(&mut ready.world, &id, overrides);
        let expected = if is_named { (None, None) } else { (Some(objection.clone()), Some(hold.clone())) };
        assert_eq!(judged(&mut ready.world, &effect), expected, "{} named: {is_named}", rail.word());
    }
}

#[test]
fn what_a_rule_keeps_needs_an_override() {
    needs(Rail::Kept, |ready| ready.backups[2].clone(), Forbidden("it is not doomed"), Hold::Kept);
}

#[test]
fn what_an_edited_rule_keeps_again_needs_an_override_under_every_mode() {
    for mode in [Mode::Enforce, Mode::Protect] {
        let change = move |ready: &mut Ready| {
            ready.world.adopt(|set| {
                set.mode = mode;
                set.policies.get_mut(&daily()).unwrap().retention.keep_last = Some(Keep::Count(4));
            });
            ready.victim.clone()
        };
        needs(Rail::Kept, change, Forbidden("keep_last keeps it"), Hold::Kept);
    }
}

#[test]
fn the_least_number_needs_an_override() {
    let change = |ready: &mut Ready| {
        ready.world.adopt(|set| set.rules.min_good = 4);
        ready.victim.clone()
    };
    needs(Rail::MinGood, change, Forbidden("too few good backups would be left"), Hold::LastGood);
}

#[test]
fn the_grace_needs_an_override() {
    let change = |ready: &mut Ready| ready.backups[1].clone();
    let until = {
        let ready = ready();
        ready.world.backup(&ready.backups[1]).doom.as_ref().unwrap().since + Seconds::hours(24)
    };
    needs(Rail::Grace, change, Forbidden("its grace has not passed"), Hold::Grace { until });
}

#[test]
fn a_missing_approval_needs_an_override() {
    let change = |ready: &mut Ready| {
        ready.world.adopt(|set| set.rules.approval_life = Seconds(60));
        ready.world.wait(Seconds(90));
        ready.victim.clone()
    };
    needs(Rail::Approval, change, Forbidden("no person approved it"), Hold::AwaitsApproval);
}

#[test]
fn the_soft_start_needs_an_override() {
    let change = |ready: &mut Ready| {
        ready.world.adopt(|set| set.rules.soft_start = Seconds::days(30));
        ready.victim.clone()
    };
    let until = ready().world.state.adopted.as_ref().unwrap().mode_since + Seconds::days(30);
    let objection = Forbidden("enforce began less than the soft start ago");
    needs(Rail::SoftStart, change, objection, Hold::SoftStart { until });
}

#[test]
fn a_stale_machine_needs_an_override() {
    let change = |ready: &mut Ready| {
        for machine in ready.world.cloud.machines.values_mut() {
            machine.status = MachineStatus::Shutoff;
        }
        ready.world.wait(Seconds::hours(2 * 24 + 6));
        ready.victim.clone()
    };
    needs(Rail::Stale, change, Changed("no good backup of this machine is young enough"), Hold::Stale);
}

#[test]
fn a_spent_cap_needs_an_override() {
    let change = |ready: &mut Ready| {
        ready.world.adopt(|set| set.rules.day_cap = Some(1));
        ready.world.look_at_all();
        let outcome = Outcome::NotSent { why: "no route".to_owned() };
        ready.world.perform(&ready.delete.clone(), outcome);
        ready.victim.clone()
    };
    needs(Rail::Caps, change, Changed("as many were deleted in 24 hours as may be"), Hold::Capped);
}

pub fn add_image(world: &mut World, id: Option<&BackupId>) {
    let snapshot = id.map(|id| world.snapshot_of(id));
    let id = ImageId::new("BRK-1I");
    let image = Image { id: id.clone(), name: "golden".to_owned(), status: "active".to_owned(), snapshot };
    world.cloud.images.insert(id, image);
}

#[test]
fn a_possible_link_needs_an_override() {
    let change = |ready: &mut Ready| {
        add_image(&mut ready.world, None);
        ready.victim.clone()
    };
    needs(
        Rail::PossiblyLinked,
        change,
        Changed("an image was made from something unnamed"),
        Hold::MaybeLinked,
    );
}

/// Whatever is overridden, both sides keep their hands off.
#[track_caller]
fn nobody_deletes(change: impl Fn(&mut Ready), objection: Objection, hold: Hold) {
    let mut ready = ready();
    let victim = ready.victim.clone();
    let effect = ask_to_delete(&mut ready.world, &victim, every_rail());
    assert_eq!(judged(&mut ready.world, &effect), (None, None), "the control is not permitted");
    change(&mut ready);
    assert_eq!(judged(&mut ready.world, &effect), (Some(objection), Some(hold)));
}

#[test]
pub fn no_override_reaches_a_hold() {
    let hold = |ready: &mut Ready| {
        let (backup, until) = (ready.victim.clone(), ready.world.now + Seconds::days(9));
        ready.world.ask(Ask::Hold { backup, until, reason: "a lawsuit".to_owned() });
    };
    nobody_deletes(hold, Changed("it is held"), Hold::Protected);
}

#[test]
fn no_override_reaches_a_pin() {
    // An ask to pin it would withdraw the deletion.
    let pin = |ready: &mut Ready| {
        let victim = ready.victim.clone();
        ready.world.state.backups.get_mut(&victim).unwrap().pinned = true;
    };
    nobody_deletes(pin, Changed("it is pinned"), Hold::Protected);
}

#[test]
fn no_override_reaches_a_proven_link() {
    let link = |ready: &mut Ready| {
        let victim = ready.victim.clone();
        add_image(&mut ready.world, Some(&victim));
    };
    nobody_deletes(link, Changed("an image was made from it"), Hold::Linked);
}

#[test]
fn no_override_reaches_what_is_pending_or_disputed() {
    let pend = |ready: &mut Ready| {
        let victim = ready.victim.clone();
        ready.world.in_cloud(&victim).status = SnapshotStatus::Pending;
    };
    nobody_deletes(pend, Changed("its status changed"), Hold::Protected);
    let double = |ready: &mut Ready| {
        let name = ready.world.backup(&ready.victim).name.clone();
        ready.world.make(&name, 1, SnapshotStatus::Ready);
    };
    nobody_deletes(double, Forbidden("two snapshots share its name"), Hold::Protected);
}

#[test]
fn no_override_reaches_a_freeze_a_doubt_or_an_unsure_clock() {
    let freeze = |ready: &mut Ready| {
        let until = ready.world.now + Seconds::hours(2);
        ready.world.ask(Ask::Freeze { until, reason: "audit".to_owned() });
    };
    let until = ready().world.now + Seconds::hours(2);
    nobody_deletes(freeze, Changed("deletions are frozen"), Hold::Frozen { until });
    let doubt = |ready: &mut Ready| {
        let lost = ready.world.snapshot_of(&ready.backups[1]);
        ready.world.cloud.snapshots.remove(&lost);
    };
    nobody_deletes(doubt, Changed("something of ours is missing"), Hold::Shaken);
    let skew = |ready: &mut Ready| ready.world.cloud.date = Some(180_000_000);
    nobody_deletes(skew, Changed("the clock is not sure"), Hold::ClockUnsure);
    let suspect = |ready: &mut Ready| {
        ready.world.make("qm-trainer-1-aaaaaaaaaa", 1, SnapshotStatus::Ready);
    };
    nobody_deletes(suspect, Changed("a snapshot of this machine looks like ours"), Hold::Suspect);
}

#[test]
fn a_request_is_performed_in_every_mode_and_once() {
    for mode in [Mode::Observe, Mode::Protect, Mode::Enforce] {
        let mut ready = ready();
        ready.world.adopt(|set| (set.mode, set.rules.soft_start) = (mode, Seconds(0)));
        let victim = ready.victim.clone();
        let effect = ask_to_delete(&mut ready.world, &victim, BTreeSet::new());
        assert_eq!(judged(&mut ready.world, &effect), (None, None), "{mode:?}");
        delete(&mut ready.world, &effect);
        assert_eq!(ready.world.backup(&victim).life, Life::Deleted);
        assert!(ready.world.state.requests.is_empty());
        assert_eq!(ready.world.audit(&effect).err(), Some(Forbidden("it is done already")));
    }
}

#[test]
fn a_crash_after_the_intent_leaves_a_request_that_is_looked_for_and_not_repeated() {
    let mut ready = ready();
    let victim = ready.victim.clone();
    let effect = ask_to_delete(&mut ready.world, &victim, BTreeSet::new());
    ready.world.look_at_all();
    ready.world.intend(&effect);
    ready.world.restart();
    let plan = ready.world.pass();
    assert_eq!(deletes(&plan), []);
    // It never arrived: a look after the settle time shows that, and it is asked again.
    ready.world.wait(Seconds::minutes(61));
    ready.world.pass();
    let plan = ready.world.pass();
    assert_eq!(deletes(&plan), [effect]);
}

#[test]
fn a_refused_request_is_over() {
    let mut ready = ready();
    let victim = ready.victim.clone();
    let effect = ask_to_delete(&mut ready.world, &victim, BTreeSet::new());
    ready.world.look_at_all();
    ready.world.perform(&effect, super::outcomes::refused());
    assert!(ready.world.state.requests.is_empty());
    assert_eq!(ready.world.backup(&victim).life, Life::Good);
}

#[test]
fn a_request_that_waits_for_a_day_lapses() {
    let mut ready = ready();
    let kept = ready.backups[2].clone();
    ask_unjudged(&mut ready.world, &kept, BTreeSet::new());
    ready.world.wait(Seconds::hours(23));
    ready.world.pass();
    assert_eq!(ready.world.state.requests.len(), 1);
    ready.world.wait(Seconds::hours(1));
    ready.world.pass();
    assert!(ready.world.state.requests.is_empty());
    assert_eq!(lapse(&ready.world), "it could not be done within 24 h: a rule kept it");
}

#[test]
fn a_request_that_the_journal_does_not_know_is_not_performed() {
    let mut ready = ready();
    let victim = ready.victim.clone();
    let effect = ask_to_delete(&mut ready.world, &victim, every_rail());
    let kept = ready.backups[3].clone();
    let snapshot = ready.world.snapshot_of(&kept);
    let verb = Verb::DeleteSnapshot { backup: kept, machine: machine_id(1), snapshot };
    let forged = Effect::new(effect.cause.clone(), verb);
    ready.world.look_at_all();
    assert_eq!(ready.world.audit(&forged).err(), Some(Forbidden("something else was asked for")));
}

/// One that stays pending for ever, and newer ones.
fn overdue() -> (World, BackupId) {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    let snapshot = world.appear(&create, SnapshotStatus::Pending);
    world.perform(&create, Outcome::Answered { snapshot: Some(snapshot) });
    for _ in 0..2 {
        world.take_all();
    }
    (world, create.verb.backup().clone())
}

#[test]
fn a_timed_out_backup_is_deleted_by_hand_and_by_nobody_else() {
    let (mut world, id) = overdue();
    assert_eq!((world.backup(&id).life, &world.backup(&id).doom), (Life::TimedOut, &None));
    let effect = ask_to_delete(&mut world, &id, BTreeSet::new());
    assert_eq!(judged(&mut world, &effect), (None, None));
    delete(&mut world, &effect);
    assert_eq!(world.backup(&id).life, Life::Deleted);
}

#[test]
fn a_deletion_that_did_not_happen_leaves_what_was_there() {
    for (status, life) in [(SnapshotStatus::Pending, Life::TimedOut), (SnapshotStatus::Failed, Life::Failed)]
    {
        let (mut world, id) = overdue();
        let effect = ask_to_delete(&mut world, &id, BTreeSet::new());
        world.look_at_all();
        world.intend(&effect);
        world.in_cloud(&id).status = status;
        world.look_at_all();
        let attempt = 1;
        let outcome = super::outcomes::refused();
        let settled = crate::domain::event::Settled { effect: effect.id.clone(), attempt, outcome };
        world.record(Event::Settled(settled));
        assert_eq!(world.backup(&id).life, life);
    }
}

#[test]
fn a_bad_backup_goes_by_hand_and_stays_bad_if_it_does_not() {
    let mut ready = ready();
    let id = ready.backups[2].clone();
    ready.world.in_cloud(&id).status = SnapshotStatus::Failed;
    ready.world.look_at_all();
    assert_eq!(ready.world.backup(&id).life, Life::Bad);
    let effect = ask_to_delete(&mut ready.world, &id, BTreeSet::new());
    assert_eq!(judged(&mut ready.world, &effect), (None, None));
    ready.world.perform(&effect, super::outcomes::refused());
    assert_eq!(ready.world.backup(&id).life, Life::Bad);
}
