//! Which machines a policy takes: patterns, exclusions, regions, tiers, labels; and machines that
//! come, go, and change their names.

use super::world::{World, creates, daily, machine_id};
use crate::domain::audit::Objection::{Changed, Forbidden};
use crate::domain::effect::{Cause, Effect, Outcome, Verb};
use crate::domain::fleet::{Machine, Scope, SnapshotStatus};
use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::policy::Policy;
use crate::domain::slot::{Shelf, Slot};
use crate::domain::time::Seconds;

/// What is planned on the first night once the policy was narrowed, by machine.
fn taken(narrow: impl FnOnce(&mut Policy)) -> Vec<MachineId> {
    let mut world = World::new(3);
    let second = world.cloud.machines.get_mut(&machine_id(2)).unwrap();
    second.region = "NORWAY-1".to_owned();
    second.tier = "Advanced".to_owned();
    second.labels = ["env=prod".to_owned(), "critical".to_owned()].into();
    world.adopt(|set| {
        set.rules.concurrent = 9;
        narrow(set.policies.get_mut(&daily()).unwrap());
    });
    world.wait_for_slot();
    let planned = creates(&world.pass());
    for effect in &planned {
        assert!(world.audit(effect).is_ok());
    }
    let mut machines: Vec<_> = planned.iter().map(|effect| effect.verb.machine().clone()).collect();
    machines.sort();
    machines
}

fn ids(numbers: &[u32]) -> Vec<MachineId> {
    numbers.iter().map(|number| machine_id(*number)).collect()
}

fn words<Out: FromIterator<String>>(texts: &[&str]) -> Out {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn patterns_and_exclusions_choose_by_name() {
    assert_eq!(taken(|_| {}), ids(&[1, 2, 3]));
    assert_eq!(taken(|policy| policy.machines = words(&["trainer-?", "nothing"])), ids(&[1, 2, 3]));
    assert_eq!(taken(|policy| policy.machines = words(&["*-1", "trainer-3"])), ids(&[1, 3]));
    assert_eq!(taken(|policy| policy.selection.exclude = words(&["*-2", "*-3"])), ids(&[1]));
}

#[test]
fn regions_tiers_and_labels_must_all_agree() {
    assert_eq!(taken(|policy| policy.selection.regions = words(&["norway-1", "US-1"])), ids(&[2]));
    assert_eq!(taken(|policy| policy.selection.tiers = words(&["advanced"])), ids(&[2]));
    assert_eq!(taken(|policy| policy.selection.tiers = words(&["legacy"])), ids(&[1, 3]));
    assert_eq!(taken(|policy| policy.selection.labels = words(&["env=prod", "critical"])), ids(&[2]));
    assert_eq!(taken(|policy| policy.selection.labels = words(&["env=prod", "spare"])), ids(&[]));
    assert_eq!(taken(|policy| policy.selection.labels = words(&["env"])), ids(&[]));
    let both = |policy: &mut Policy| {
        policy.selection.regions = words(&["CANADA-1"]);
        policy.selection.labels = words(&["critical"]);
    };
    assert_eq!(taken(both), ids(&[]));
}

/// The first slot of one machine is due.
fn due() -> (World, Effect) {
    let mut world = World::new(1);
    world.wait_for_slot();
    let create = creates(&world.pass()).pop().unwrap();
    assert!(world.audit(&create).is_ok());
    (world, create)
}

#[test]
fn a_machine_that_the_policy_is_not_for_is_not_snapshotted() {
    let narrow: [fn(&mut Policy); 5] = [
        |policy| policy.machines = words(&["render-*"]),
        |policy| policy.selection.exclude = words(&["trainer-*"]),
        |policy| policy.selection.regions = words(&["US-1"]),
        |policy| policy.selection.tiers = words(&["advanced"]),
        |policy| policy.selection.labels = words(&["critical"]),
    ];
    for change in narrow {
        let (mut world, create) = due();
        world.adopt(|set| change(set.policies.get_mut(&daily()).unwrap()));
        assert_eq!(world.audit(&create).err(), Some(Forbidden("its policy is not for this machine")));
        assert!(creates(&world.pass()).is_empty());
    }
}

#[test]
fn a_create_that_would_be_asked_for_again_is_given_up_once_its_policy_is_for_other_machines() {
    let (mut world, create) = due();
    world.perform(&create, Outcome::NotSent { why: "no route".to_owned() });
    world.adopt(|set| set.policies.get_mut(&daily()).unwrap().machines = words(&["render-*"]));
    world.wait(Seconds::minutes(2));
    assert!(creates(&world.pass()).is_empty());
    assert_eq!(world.state.unfinished().count(), 0);
}

#[test]
fn both_policies_of_a_machine_take_it_one_after_the_other() {
    let (mut world, _) = due();
    world.adopt(|set| {
        set.rules.concurrent = 9;
        let second = set.policies[&daily()].clone();
        set.policies.insert(PolicyName::new("second"), second);
    });
    world.wait_for_slot();
    let first = creates(&world.pass());
    assert_eq!(first.len(), 1, "one snapshot of a machine at a time: {first:?}");
    let snapshot = world.appear(&first[0], SnapshotStatus::Pending);
    world.perform(&first[0], Outcome::Answered { snapshot: Some(snapshot.clone()) });
    assert!(creates(&world.pass()).is_empty());
    world.cloud.snapshots.get_mut(&snapshot).unwrap().status = SnapshotStatus::Ready;
    let second = creates(&world.pass());
    assert_eq!(second.len(), 1);
    assert!(world.audit(&second[0]).is_ok() && second[0].id != first[0].id);
}

#[test]
fn while_a_snapshot_of_a_machine_is_under_way_the_audit_lets_no_other_begin() {
    let (mut world, _) = due();
    world.adopt(|set| {
        set.rules.concurrent = 9;
        let second = set.policies[&daily()].clone();
        set.policies.insert(PolicyName::new("second"), second);
    });
    world.wait_for_slot();
    let first = creates(&world.pass()).pop().unwrap();
    let Cause::Slot(slot) = first.cause.clone() else { unreachable!() };
    let of = if slot.policy == daily() { PolicyName::new("second") } else { daily() };
    let slot = Slot { policy: of, ..slot };
    let name = slot.snapshot_name("trainer-1");
    let (backup, machine) = (BackupId::new(&*name), slot.machine.clone());
    let verb = Verb::CreateSnapshot { backup, machine, name, description: slot.line() };
    let other = Effect::new(Cause::Slot(slot), verb);
    assert!(world.audit(&other).is_ok());
    let snapshot = world.appear(&first, SnapshotStatus::Pending);
    world.perform(&first, Outcome::Answered { snapshot: Some(snapshot) });
    world.pass();
    assert_eq!(world.audit(&other).err(), Some(Changed("a snapshot of this machine is under way")));
}

#[test]
fn a_new_machine_owes_nothing_from_before_it_was_seen() {
    let (mut world, _) = due();
    world.wait(Seconds::hours(1));
    let mut newcomer = world.cloud.machines[&machine_id(1)].clone();
    (newcomer.id, newcomer.name) = (machine_id(7), "trainer-7".to_owned());
    world.cloud.machines.insert(machine_id(7), newcomer);
    world.adopt(|set| set.rules.concurrent = 9);
    let is_newcomer = |effect: &Effect| *effect.verb.machine() == machine_id(7);
    assert!(!creates(&world.pass()).iter().any(is_newcomer));
    world.wait_for_slot();
    assert!(creates(&world.pass()).iter().any(is_newcomer));
}

#[test]
fn a_machine_that_was_renamed_keeps_its_shelf() {
    let mut world = World::new(1);
    world.take_all();
    world.cloud.machines.get_mut(&machine_id(1)).unwrap().name = "renamed".to_owned();
    world.take_all();
    let shelves: Vec<_> = world.state.shelves.keys().cloned().collect();
    assert_eq!(shelves, [Shelf { policy: daily(), machine: machine_id(1) }]);
}

#[test]
fn a_machine_made_again_under_the_same_name_has_a_shelf_of_its_own() {
    let mut world = World::new(1);
    let old = world.take_all().pop().unwrap();
    let machine = world.cloud.machines.remove(&machine_id(1)).unwrap();
    let again = Machine { id: machine_id(2), ..machine };
    world.cloud.machines.insert(machine_id(2), again);
    world.pass();
    let new = world.take_all().pop().unwrap();
    assert_ne!(old, new);
    assert_eq!(world.backup(&new).machine, machine_id(2));
    assert_eq!(world.state.shelves.len(), 2);
    assert!(world.backup(&old).doom.is_none());
}

#[test]
fn a_machine_is_lost_after_two_complete_looks_without_it() {
    let mut world = World::new(1);
    let kept = world.take_all().pop().unwrap();
    world.cloud.machines.clear();
    world.look(&Scope::Machines);
    assert!(!world.state.is_lost(&machine_id(1)));
    world.wait(Seconds(60));
    world.look_in_part(&Scope::Machines);
    assert!(!world.state.is_lost(&machine_id(1)));
    world.look(&Scope::Machines);
    assert!(world.state.is_lost(&machine_id(1)));
    world.wait(Seconds::days(20));
    world.pass();
    assert!(world.backup(&kept).doom.is_none());
}
