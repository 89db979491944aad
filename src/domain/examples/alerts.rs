//! Alerts: what a person is told, when, and how often; and what never ends an alert.

use std::collections::BTreeMap;

use super::world::{World, daily, machine_id};
use crate::domain::alert::event::{Content, LetterQueued, LetterTried, News, Step};
use crate::domain::alert::matter::{Fact, Level, Matter};
use crate::domain::alert::review::review;
use crate::domain::alert::{Sight, alert};
use crate::domain::ask::Ask;
use crate::domain::backup::Judgement;
use crate::domain::digest::Digest;
use crate::domain::event::{Event, Judged, KeyJudged, Observed, Reloaded};
use crate::domain::fleet::{Change, Item, Look, LookResult, Scope};
use crate::domain::id::LetterId;
use crate::domain::money::{Currency, Nanos};
use crate::domain::policy::Mode;
use crate::domain::state::State;
use crate::domain::time::Seconds;

pub const USD: Matter = Matter::Balance(Currency::Usd);

/// A world whose people get letters, with floors of 100, 50, 20 and 5 USD.
pub fn told() -> World {
    let mut world = World::new(2);
    world.adopt(|set| {
        set.alerts.told = true;
        set.alerts.digest = None;
        let floors = [100, 50, 20, 5].map(|usd| Nanos(usd * 1_000_000_000));
        set.alerts.floors.insert(Currency::Usd, floors.to_vec());
    });
    world
}

impl World {
    pub fn see_balance(&mut self, usd: i64) {
        let balance = BTreeMap::from([(Currency::Usd, Nanos(usd * 1_000_000_000))]);
        let change = Change::Seen(Item::Balance(balance));
        self.record(Event::Observed(Observed { change, raw: String::new() }));
        self.look(&Scope::Balance);
    }

    /// The step of a pass that tells; the letters stay where they are.
    pub fn tell(&mut self) -> Vec<LetterQueued> {
        let holds = self.conclude().holds;
        let sight = Sight { holds: &holds, head: "0123456789ab@7", is_room_low: false, is_thorough: true };
        let events = alert(&self.state, self.now, &sight);
        let letters = events.iter().filter_map(|event| match event {
            Event::LetterQueued(letter) => Some(letter.clone()),
            _ => None,
        });
        let letters: Vec<LetterQueued> = letters.collect();
        for event in events {
            self.record(event);
        }
        letters
    }

    pub fn send(&mut self, letter: &LetterId) {
        self.record(Event::LetterTried(LetterTried { letter: letter.clone(), failed: None, taken: false }));
    }

    /// As `tell`, and somebody takes each letter at once.
    pub fn tell_and_send(&mut self) -> Vec<(Matter, Step, Level)> {
        let letters = self.tell();
        letters.iter().for_each(|letter| self.send(&letter.id));
        letters.iter().filter_map(news).map(|news| (news.matter, news.step, news.level)).collect()
    }

    /// The same, of the balance alone.
    pub fn tell_of_money(&mut self) -> Vec<(Step, Level)> {
        let told = self.tell_and_send().into_iter().filter(|(matter, ..)| *matter == USD);
        told.map(|(_, step, level)| (step, level)).collect()
    }

    pub fn miss_the_balance(&mut self, times: u32) {
        (0..times).for_each(|_| self.miss(Scope::Balance));
    }

    pub fn miss(&mut self, scope: Scope) {
        let result = LookResult::Incomplete("no answer".to_owned());
        self.record(Event::Looked(Look {
            scope,
            began: self.now,
            result,
            digest: Digest::default(),
            items: 0,
            server_date: None,
            miscount: None,
        }));
    }

    pub fn level(&self, matter: Matter) -> Option<Level> {
        self.state.alerts.active.get(&matter).map(|active| active.level)
    }
}

pub fn news(letter: &LetterQueued) -> Option<&News> {
    match &letter.content {
        Content::Alert(news) => Some(news),
        Content::Digest(_) => None,
    }
}

#[test]
fn a_backup_is_late_when_it_is_older_than_the_longest_gap_and_the_margin() {
    let mut world = told();
    world.take_all();
    world.wait(Seconds::hours(26));
    world.look_at_all();
    assert_eq!(world.tell_and_send(), []);
    world.wait(Seconds::hours(2));
    world.look_at_all();
    let letters = world.tell();
    let late = letters.iter().filter_map(news).find(|news| news.matter == Matter::BackupLate).unwrap();
    assert_eq!((late.facts.len(), late.level), (2, Level::Warning));
    let Fact::Late { expected, newest, .. } = &late.facts[0] else { panic!("{:?}", late.facts) };
    assert_eq!((*expected, newest.is_some()), (Seconds::hours(27), true));
    // A good one ends it at once.
    world.take_all();
    assert!(world.tell_and_send().contains(&(Matter::BackupLate, Step::Over, Level::Warning)));
}

#[test]
fn observing_raises_no_late_backup_and_says_loudly_that_nothing_is_backed_up() {
    let mut world = told();
    world.adopt(|set| set.mode = Mode::Observe);
    for _ in 0..3 {
        world.wait_for_slot();
        world.pass();
    }
    let letters = world.tell();
    assert_eq!(letters.len(), 1, "{letters:?}");
    let observing = news(&letters[0]).unwrap();
    assert_eq!((observing.matter, observing.level), (Matter::Observing, Level::Notice));
    let Fact::Observed { slots, .. } = observing.facts[0] else { panic!() };
    assert_eq!((slots, letters[0].observing), (6, Some(6)));
    world.adopt(|set| set.mode = Mode::Protect);
    assert_eq!(world.tell_and_send(), [(Matter::Observing, Step::Over, Level::Notice)]);
}

#[test]
fn a_machine_that_sleeps_is_told_once_and_one_that_runs_each_day() {
    let mut world = told();
    world.take_all();
    for machine in world.cloud.machines.values_mut() {
        machine.status = crate::domain::fleet::MachineStatus::Shutoff;
    }
    let mut told = Vec::new();
    for _ in 0..6 {
        world.wait(Seconds::hours(25));
        world.look_at_all();
        told.extend(world.tell_and_send().into_iter().filter(|(matter, ..)| *matter == Matter::BackupLate));
    }
    assert_eq!(told, [(Matter::BackupLate, Step::Began, Level::Notice)]);
}

#[test]
fn what_falls_ill_later_is_told_together_an_hour_after_the_last_letter() {
    let mut world = told();
    let vanish = |world: &mut World, number: u64| {
        let backup = crate::domain::id::BackupId::new(format!("qm-{number}"));
        let down = crate::domain::downtime::Downtime::StillDown { status: "SHUTOFF".to_owned() };
        let seen = crate::domain::event::DowntimeSeen {
            backup,
            machine: machine_id(u32::try_from(number).unwrap()),
            downtime: down,
        };
        world.record(Event::DowntimeSeen(seen));
    };
    vanish(&mut world, 1);
    assert_eq!(world.tell_and_send(), [(Matter::MachineDown, Step::Began, Level::Warning)]);
    for number in 2..50 {
        vanish(&mut world, number);
        world.wait(Seconds(60));
        assert_eq!(world.tell_and_send(), []);
    }
    world.wait(Seconds::hours(1));
    let letters = world.tell();
    let more = news(&letters[0]).unwrap();
    assert_eq!((more.step, more.facts.len(), more.more), (Step::More, 20, 29));
}

#[test]
fn a_freeze_is_told_again_a_day_before_its_end_and_at_its_end() {
    let mut world = told();
    let until = world.now + Seconds::days(7);
    world.ask(Ask::Freeze { until, reason: "moving".to_owned() });
    assert_eq!(world.tell_and_send(), [(Matter::Frozen, Step::Began, Level::Notice)]);
    world.wait(Seconds::hours(6 * 24 - 1));
    let frozen = |told: Vec<(Matter, Step, Level)>| -> Vec<_> {
        told.into_iter().filter(|(matter, ..)| *matter == Matter::Frozen).collect()
    };
    assert_eq!(frozen(world.tell_and_send()), []);
    world.wait(Seconds::hours(1));
    assert_eq!(frozen(world.tell_and_send()), [(Matter::Frozen, Step::Worse, Level::Warning)]);
    world.wait(Seconds::hours(24));
    assert_eq!(frozen(world.tell_and_send()), [(Matter::Frozen, Step::Over, Level::Warning)]);
}

#[test]
fn whoever_ends_a_freeze_days_before_its_time_is_not_written_to() {
    let mut world = told();
    let until = world.now + Seconds::days(7);
    world.ask(Ask::Freeze { until, reason: "moving".to_owned() });
    world.tell_and_send();
    world.wait(Seconds::hours(1));
    world.ask(Ask::Thaw);
    let told = world.tell_and_send();
    assert!(told.iter().all(|(matter, ..)| *matter != Matter::Frozen), "{told:?}");
    assert_eq!(world.level(Matter::Frozen), None);
}

#[test]
fn what_begins_again_soon_after_its_end_is_told_once_it_has_lasted_an_hour() {
    let mut world = told();
    let freeze = |world: &mut World| {
        let until = world.now + Seconds::days(7);
        world.ask(Ask::Freeze { until, reason: "moving".to_owned() });
        world.tell_and_send()
    };
    let began = [(Matter::Frozen, Step::Began, Level::Notice)];
    assert_eq!(freeze(&mut world), began);
    for _ in 0..3 {
        world.wait(Seconds::minutes(50));
        world.ask(Ask::Thaw);
        assert_eq!(world.tell_and_send(), []);
        assert_eq!(freeze(&mut world), []);
    }
    world.wait(Seconds::minutes(60));
    assert_eq!(world.tell_and_send(), began);
    world.ask(Ask::Thaw);
    world.tell_and_send();
    world.wait(Seconds::hours(12));
    world.tell_and_send();
    assert_eq!(freeze(&mut world), began);
}

#[test]
fn a_key_that_comes_and_goes_within_half_an_hour_is_one_episode() {
    let mut world = told();
    let mut told = Vec::new();
    for refused in [Some(401), None, Some(401), None] {
        world.record(Event::KeyJudged(KeyJudged { refused }));
        told.extend(world.tell_and_send());
        world.wait(Seconds::minutes(10));
    }
    assert_eq!(told, [(Matter::KeyRefused, Step::Began, Level::Warning)]);
    world.wait(Seconds::minutes(30));
    assert_eq!(world.tell_and_send(), [(Matter::KeyRefused, Step::Over, Level::Warning)]);
}

#[test]
fn nobody_is_written_to_who_said_so_and_the_alerts_are_known_all_the_same() {
    let mut world = told();
    world.see_balance(4);
    world.tell();
    assert_eq!(world.state.alerts.waiting.len(), 1);
    world.adopt(|set| set.alerts.told = false);
    assert!(world.state.alerts.waiting.is_empty());
    world.see_balance(0);
    assert_eq!(world.tell(), []);
    assert_eq!(world.level(USD), Some(Level::Out));
    world.adopt(|set| set.alerts.told = true);
    assert_eq!(world.tell_and_send(), [(USD, Step::Worse, Level::Out)]);
}

#[test]
fn a_refused_configuration_and_deletions_that_wait_for_a_person_are_told() {
    let mut world = told();
    let faults = vec!["qm.toml:1:1: mode = \"obey\": must be one of …".to_owned()];
    world.record(Event::Reloaded(Reloaded { file: "/etc/qm.toml".to_owned(), faults, restart: Vec::new() }));
    assert_eq!(world.tell_and_send(), [(Matter::ConfigurationRefused, Step::Began, Level::Warning)]);
    world.record(Event::Reloaded(Reloaded {
        file: "/etc/qm.toml".to_owned(),
        faults: Vec::new(),
        restart: Vec::new(),
    }));
    assert_eq!(world.tell_and_send(), [(Matter::ConfigurationRefused, Step::Over, Level::Warning)]);
    for _ in 0..5 {
        world.take_all();
        world.tell_and_send();
    }
    let held = world.state.alerts.active.get(&Matter::DeletionsHeld).unwrap();
    assert!(!held.subjects.is_empty());
}

#[test]
fn what_was_told_is_known_after_a_replay_and_after_a_restart() {
    let mut world = told();
    world.see_balance(4);
    world.tell();
    world.take_all();
    world.miss_the_balance(3);
    world.tell();
    let mut replayed = State::default();
    world.rows.iter().for_each(|row| replayed.apply(row));
    assert_eq!(replayed.to_bytes(), world.state.to_bytes());
    assert_eq!(State::restore(&replayed.to_bytes()).as_ref(), Some(&world.state));
    assert!(world.state.adopted.as_ref().unwrap().set.policies.contains_key(&daily()));
}

#[test]
fn one_listing_without_a_machine_ends_no_late_alert_and_two_do() {
    let mut world = told();
    world.take_all();
    world.wait(Seconds::hours(28));
    world.look_at_all();
    world.tell_and_send();
    assert_eq!(world.level(Matter::BackupLate), Some(Level::Warning));
    world.cloud.machines.clear();
    world.look(&Scope::Machines);
    assert_eq!(world.tell_and_send(), []);
    assert_eq!(world.level(Matter::BackupLate), Some(Level::Warning));
    world.wait(Seconds(60));
    world.look(&Scope::Machines);
    world.tell_and_send();
    assert_eq!(world.level(Matter::BackupLate), None);
}

#[test]
fn a_letter_that_somebody_has_holds_up_no_other_and_one_that_nobody_has_does() {
    for taken in [true, false] {
        let mut world = told();
        world.take_all();
        world.wait(Seconds::hours(28));
        world.look_at_all();
        let late = |letters: &[LetterQueued]| {
            letters.iter().filter_map(news).filter(|news| news.matter == Matter::BackupLate).count()
        };
        let letters = world.tell();
        assert_eq!(late(&letters), 1);
        for letter in letters {
            let failed = Some("the other server says nothing".to_owned());
            world.record(Event::LetterTried(LetterTried { letter: letter.id, failed, taken }));
        }
        world.wait(Seconds::days(8));
        world.look_at_all();
        assert_eq!(late(&world.tell()), usize::from(taken));
    }
}

#[test]
fn an_approval_that_is_too_old_waits_for_a_person_again_wherever_it_is_counted() {
    let mut world = told();
    for _ in 0..5 {
        world.take_all();
    }
    let count = |world: &World| {
        let review = review(&world.state, world.now, world.now);
        let waits = world.state.awaiting_approval(world.now).count();
        assert_eq!(review.awaiting_approval, waits as u64);
        waits
    };
    let all = count(&world);
    assert!(all > 0);
    let backups = world.state.awaiting_approval(world.now).map(|(id, _)| id.clone()).collect();
    world.ask(Ask::Approve { backups });
    assert_eq!(count(&world), 0);
    world.wait(Seconds(world.state.rules().approval_life.0 + 1));
    assert_eq!(count(&world), all);
    let one = world.state.awaiting_approval(world.now).map(|(id, _)| id.clone()).next().unwrap();
    let snapshot = world.snapshot_of(&one);
    world.cloud.snapshots.remove(&snapshot);
    world.look_at_all();
    world.record(Event::Judged(Judged { backup: one, judgement: Judgement::Vanished }));
    assert_eq!(count(&world), all - 1, "nobody approves what is gone");
}

#[test]
fn two_backups_deleted_by_somebody_are_a_notice_and_three_within_a_day_are_urgent() {
    let mut world = told();
    for _ in 0..2 {
        world.take_all();
        world.wait_for_slot();
    }
    let ours: Vec<_> = world.state.backups.keys().cloned().collect();
    for (backup, level) in ours.iter().zip([Level::Notice, Level::Notice, Level::Urgent]) {
        world.state.note_gone(backup, world.now);
        world.tell();
        assert_eq!(world.level(Matter::ForeignDeletion), Some(level));
    }
}
