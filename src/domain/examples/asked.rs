//! What is refused at once when somebody asks for a deletion: a request that could only lapse tells nobody anything.

use std::collections::BTreeSet;

use super::hands::{add_image, every_rail, judged_ask};
use super::ready::{Ready, ready};
use super::shelves::nights;
use super::world::World;
use crate::domain::ask::{Ask, AskRefusal, judge};
use crate::domain::backup::Life;
use crate::domain::id::BackupId;
use crate::domain::rail::Rail;
use crate::domain::time::Seconds;

#[test]
fn what_nobody_may_delete_is_not_even_asked_for() {
    let mut ready = ready();
    let ask = |backup: &BackupId| Ask::Delete {
        backup: backup.clone(),
        overrides: every_rail(),
        reason: "too dear".to_owned(),
    };
    let judged = |ready: &Ready, id: &BackupId| judge(&ready.world.state, ready.world.now, &ask(id));
    let (victim, stranger) = (ready.victim.clone(), BackupId::new("before upgrade"));
    assert_eq!(judged(&ready, &stranger), Err(AskRefusal::NoSuchBackup(stranger.clone())));
    ready.world.ask(Ask::Pin { backup: victim.clone() });
    assert_eq!(judged(&ready, &victim), Err(AskRefusal::Pinned(victim.clone())));
    ready.world.ask(Ask::Unpin { backup: victim.clone() });
    assert_eq!(judged(&ready, &victim), Ok(()));
    ready.world.ask(ask(&victim));
    assert_eq!(judged(&ready, &victim), Err(AskRefusal::AskedAlready(victim)));
}

#[test]
fn nobody_approves_the_deletion_of_what_is_pinned_or_held() {
    let (mut world, backups) = nights(4);
    let (victim, now) = (backups[0].clone(), world.now);
    let approve = Ask::Approve { backups: [victim.clone()].into() };
    world.state.backups.get_mut(&victim).unwrap().doom.as_mut().unwrap().needs_approval = true;
    world.state.backups.get_mut(&victim).unwrap().doom.as_mut().unwrap().approved_at = None;
    let waits = |world: &World| world.state.awaiting_approval(now).any(|(id, _)| *id == victim);
    assert!(judge(&world.state, now, &approve).is_ok() && waits(&world));
    let until = now + Seconds::days(2);
    let release = Ask::Release { backup: victim.clone(), reason: "it is over".to_owned() };
    for asks in [
        vec![Ask::Hold { backup: victim.clone(), until, reason: "a trial".to_owned() }],
        vec![release, Ask::Pin { backup: victim.clone() }],
    ] {
        asks.into_iter().for_each(|ask| world.ask(ask));
        assert_eq!(judge(&world.state, now, &approve), Err(AskRefusal::KeptByAPerson(victim.clone())));
        assert!(!waits(&world), "nor does it wait for a person");
    }
}

fn rails_of(refusal: &AskRefusal) -> &[Rail] {
    match refusal {
        AskRefusal::Rails { rails, .. } => rails,
        other => panic!("{other}"),
    }
}

#[test]
fn all_rails_against_a_deletion_are_named_at_once_with_what_takes_them_away() {
    let mut ready = ready();
    let kept = ready.backups[2].clone();
    ready.world.adopt(|set| (set.rules.min_good, set.rules.soft_start) = (4, Seconds::days(30)));
    let refusal = judged_ask(&ready.world, &kept, &BTreeSet::new()).unwrap_err();
    let rails = vec![Rail::Kept, Rail::SoftStart, Rail::MinGood];
    assert_eq!(rails_of(&refusal), rails);
    let said = refusal.to_string();
    assert!(said.contains("the rule last 2 of 2 keeps it (kept)"), "{said}");
    assert!(said.contains("too few good backups"), "{said}");
    let typed = "with --name BACKUP --override kept --override soft-start --override min-good --reason WHY";
    assert!(said.ends_with(typed), "{said}");
    assert_eq!(judged_ask(&ready.world, &kept, &rails.into_iter().collect()), Ok(()));
    let fewer = BTreeSet::from([Rail::Kept]);
    let said = judged_ask(&ready.world, &kept, &fewer).unwrap_err().to_string();
    assert!(said.contains("(min-good)") && !said.contains("(kept)"), "{said}");
    assert!(said.ends_with(typed), "typed as it stands, it is enough: {said}");
}

#[test]
fn the_last_good_one_of_a_machine_is_both_one_of_too_few_and_without_a_fresh_one_beside_it() {
    let mut ready = ready();
    let last = ready.backups[2].clone();
    for other in ready.backups.iter().filter(|other| **other != last) {
        ready.world.state.backups.get_mut(other).unwrap().life = Life::Bad;
    }
    let refusal = judged_ask(&ready.world, &last, &BTreeSet::new()).unwrap_err();
    let rails = vec![Rail::Kept, Rail::MinGood, Rail::Stale];
    assert_eq!(rails_of(&refusal), rails);
    let all: BTreeSet<Rail> = rails.into_iter().collect();
    assert_eq!(judged_ask(&ready.world, &last, &all), Ok(()));
    for missing in &all {
        let fewer = all.iter().copied().filter(|rail| rail != missing).collect();
        assert!(judged_ask(&ready.world, &last, &fewer).is_err(), "without {missing:?}");
    }
}

#[test]
fn an_image_that_was_made_from_it_is_told_at_once_whatever_is_overridden() {
    let mut ready = ready();
    let victim = ready.victim.clone();
    add_image(&mut ready.world, Some(&victim));
    ready.world.look_at_all();
    assert_eq!(judged_ask(&ready.world, &victim, &every_rail()), Err(AskRefusal::Linked(victim)));
}

#[test]
fn more_overrides_change_a_deletion_that_waits_and_a_pin_withdraws_it() {
    let mut ready = ready();
    let victim = ready.victim.clone();
    let ask = |overrides: &[Rail]| Ask::Delete {
        backup: victim.clone(),
        overrides: overrides.iter().copied().collect(),
        reason: "too dear".to_owned(),
    };
    let judged =
        |ready: &Ready, overrides: &[Rail]| judge(&ready.world.state, ready.world.now, &ask(overrides));
    ready.world.ask(ask(&[Rail::Grace]));
    let already = Err(AskRefusal::AskedAlready(victim.clone()));
    assert_eq!(judged(&ready, &[Rail::Grace]), already, "the same again");
    assert_eq!(judged(&ready, &[Rail::Caps]), already, "others, and not more");
    assert_eq!(judged(&ready, &[Rail::Grace, Rail::Caps]), Ok(()));
    ready.world.ask(ask(&[Rail::Grace, Rail::Caps]));
    let overrides: Vec<_> =
        ready.world.state.requests.values().map(|request| request.overrides.len()).collect();
    assert_eq!(overrides, [2], "one takes the place of the other");
    ready.world.ask(Ask::Pin { backup: victim.clone() });
    assert!(ready.world.state.requests.is_empty());
    // What the cloud was asked for is neither changed nor withdrawn.
    ready.world.ask(Ask::Unpin { backup: victim.clone() });
    ready.world.ask(ask(&[Rail::Caps]));
    let effect = ready.world.state.requests.values().next().unwrap().effect.clone();
    ready.world.intend(&effect);
    assert!(judged(&ready, &[Rail::Caps, Rail::Grace]).is_err());
    ready.world.state.backups.get_mut(&victim).unwrap().life = Life::Good;
    ready.world.ask(Ask::Pin { backup: victim.clone() });
    assert_eq!(ready.world.state.requests.len(), 1);
}
