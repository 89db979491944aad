//! The truth, and the judge: what was really made and deleted, and what should not have been.
//!
//! It never sees an answer or a list; it is told of each effect at the moment it lands, and of what
//! could be read when somebody asked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::domain::time::Timestamp;
use crate::sim::record::{Actor, Record};
use crate::sim::rules::{Member, Rules};
use crate::sim::snapshot::in_full;

/// Lines of text kept per kind of verdict; the counters go on.
const LINES_KEPT: usize = 200;
/// No list hides a twin for longer.
const TWIN_KNOWN_WITHIN: Duration = Duration::from_secs(3_600);
/// An image is asked after just before a deletion; one that is younger could not be known of.
const LINK_KNOWN_WITHIN: Duration = Duration::from_secs(300);
/// What the cloud or a person took away is known to the daemon within this, if the cloud lets it look.
const KNOWN_WITHIN: Duration = Duration::from_secs(2 * 3_600);

/// One kind of verdict: how often, and the first lines.
#[derive(Clone, Debug, Default)]
pub struct Verdicts {
    pub count: u64,
    pub lines: Vec<String>,
}

impl Verdicts {
    fn note(&mut self, line: String) {
        self.count += 1;
        if self.lines.len() < LINES_KEPT {
            self.lines.push(line);
        }
    }
}

pub struct Truth {
    /// API creates for a slot or under a name that an earlier one had already served. One that was gone
    /// again, and not by the daemon, before anybody could read of it serves nothing: it cannot be told
    /// from one that was never made, and there are never two.
    pub duplicates: Verdicts,
    /// API deletes of what a person made and nobody adopted.
    pub unowned_deleted: Verdicts,
    /// Every wrong API delete, the unowned ones too, and every attempt on a pending one.
    pub violations: Verdicts,
    /// API creates that ripened.
    pub backups_taken: u64,
    /// API deletes that took effect.
    pub backups_deleted: u64,
    /// Requests that reached the server.
    pub api_calls: u64,
    rules: Rules,
    records: BTreeMap<u64, Record>,
    numbers: BTreeMap<String, u64>,
    /// The slots and names that API creates have served, and by what.
    served: BTreeMap<String, BTreeSet<u64>>,
    /// What API creates made and no list or detail could show yet, gone or not.
    unread: BTreeSet<u64>,
    /// Good snapshots per policy and machine; a higher number is newer. One that was lost, and not by
    /// the daemon, counts for a while more: nobody can know of it at once.
    good: BTreeMap<(String, String), BTreeMap<u64, Option<Timestamp>>>,
    /// The instant up to which everything has happened.
    pub(in crate::sim) now: Timestamp,
    /// The rules before the last change, and until when they excuse what they allowed.
    former: Option<(Rules, Timestamp)>,
    /// So much later everything is known of: in stretched time a slow moment of ours takes hours.
    pub later: Duration,
    /// Names that the daemon's journal had an intent for.
    announced: BTreeSet<String>,
    /// Other names of policies, and their first ones.
    names: BTreeMap<String, String>,
}

impl Truth {
    pub fn new(rules: Rules) -> Self {
        Self {
            duplicates: Verdicts::default(),
            unowned_deleted: Verdicts::default(),
            violations: Verdicts::default(),
            backups_taken: 0,
            backups_deleted: 0,
            api_calls: 0,
            rules,
            records: BTreeMap::new(),
            numbers: BTreeMap::new(),
            served: BTreeMap::new(),
            unread: BTreeSet::new(),
            good: BTreeMap::new(),
            now: Timestamp::EPOCH,
            former: None,
            later: Duration::ZERO,
            announced: BTreeSet::new(),
            names: BTreeMap::new(),
        }
    }

    /// Every snapshot that ever was, oldest first.
    pub fn snapshots(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.values()
    }

    pub fn snapshot(&self, id: &str) -> Option<&Record> {
        self.records.get(&self.number_of(id)?)
    }

    pub fn who_made(&self, id: &str) -> Option<Actor> {
        self.snapshot(id).map(|record| record.made_by)
    }

    /// Why it would be wrong to delete this one now; nothing if it would be right.
    pub fn is_wrong_victim(&self, id: &str) -> Option<String> {
        let Some(record) = self.snapshot(id) else { return Some(format!("{id} never was")) };
        // What is gone is nobody's victim; the daemon may not know yet, even of what it did itself.
        if record.deleted.is_some() {
            return None;
        }
        let objections = self.objections(record, self.now);
        (!objections.is_empty()).then(|| objections.join("; "))
    }

    /// Of ids that were given out again the last one's; a cloud may write the number alone.
    fn number_of(&self, id: &str) -> Option<u64> {
        self.numbers.get(&in_full(id)).copied()
    }

    pub fn linked_since(&self, id: &str) -> Option<Timestamp> {
        self.snapshot(id).and_then(|record| record.linked_since)
    }

    pub fn pin(&mut self, id: &str) -> bool {
        self.change(id, |record| record.pinned = true)
    }

    pub fn unpin(&mut self, id: &str) -> bool {
        self.change(id, |record| record.pinned = false)
    }

    pub fn give_up(&mut self, id: &str) -> bool {
        self.change(id, |record| record.given_up = true)
    }

    pub fn is_given_up(&self, id: &str) -> bool {
        self.snapshot(id).is_some_and(|record| record.given_up)
    }

    pub fn adopt(&mut self, id: &str) -> bool {
        self.change(id, |record| (record.adopted, record.disowned) = (true, false))
    }

    pub fn disown(&mut self, id: &str) -> bool {
        self.change(id, |record| (record.adopted, record.disowned) = (false, true))
    }

    pub fn made(&mut self, mut record: Record) {
        if record.made_by == Actor::Daemon {
            self.judge_create(&record);
            self.unread.insert(record.number);
        }
        record.adopted = record.made_by == Actor::Rival && self.announced.contains(&record.name);
        self.numbers.insert(record.id.clone(), record.number);
        self.records.insert(record.number, record);
    }

    /// Snapshots were asked for and could be read: all that `shows` names are known from now on.
    pub fn read(&mut self, shows: impl Fn(u64) -> bool) {
        self.unread.retain(|number| !shows(*number));
    }

    pub fn ripened(&mut self, number: u64, at: Timestamp) {
        let Some(record) = self.records.get_mut(&number) else { return };
        record.ready_at = Some(at);
        self.backups_taken += u64::from(record.made_by == Actor::Daemon);
        self.count_good(number);
    }

    pub fn deleted(&mut self, number: u64, at: Timestamp, by: Actor) {
        if by == Actor::Daemon {
            self.judge_delete(number, at);
            self.backups_deleted += 1;
        }
        let lost = (by != Actor::Daemon).then_some(at);
        self.discount_good(number, lost);
        if let Some(record) = self.records.get_mut(&number) {
            record.deleted = Some((at, by));
        }
    }

    /// It was good, and the cloud has broken it.
    pub fn spoilt(&mut self, number: u64, at: Timestamp) {
        self.discount_good(number, Some(at));
        if let Some(record) = self.records.get_mut(&number) {
            (record.is_spoilt, record.is_odd) = (true, true);
        }
    }

    /// Something befell it that the cloud alone is to blame for.
    pub fn is_odd(&mut self, number: u64) {
        self.records.entry(number).and_modify(|record| record.is_odd = true);
    }

    /// Whether an image was made of it: then it stays, whatever the daemon believes of images.
    pub fn linked(&mut self, number: u64, is_linked: bool) {
        let now = self.now;
        if let Some(record) = self.records.get_mut(&number) {
            record.linked_since = is_linked.then(|| record.linked_since.unwrap_or(now));
        }
    }

    /// The daemon's journal has an intent for this name. What a rival makes, or has made, under it
    /// cannot be told from the daemon's own: the name and the line in it say whose slot it serves.
    pub fn announced(&mut self, name: &str) {
        self.announced.insert(name.to_owned());
        self.share(name, true);
    }

    /// The daemon was told at its first attempt that somebody else uses this name: nothing that bears
    /// it is its own.
    pub fn told_taken(&mut self, name: &str) {
        self.announced.remove(name);
        self.share(name, false);
    }

    fn share(&mut self, name: &str, is_shared: bool) {
        let of_rival = |record: &&Record| record.made_by == Actor::Rival && record.name == name;
        let ids: Vec<u64> = self.records.values().filter(of_rival).map(|record| record.number).collect();
        for number in ids {
            self.change_numbered(number, |record| record.adopted = is_shared);
        }
    }

    /// Other rules are in force from now on; what the old ones allowed may still be on its way.
    pub fn adopt_rules(&mut self, rules: Rules) {
        if rules != self.rules {
            let before = std::mem::replace(&mut self.rules, rules);
            self.former = Some((before, self.now + (KNOWN_WITHIN + self.later)));
        }
    }

    /// The API was asked to delete one that is still being made; it refuses, but asking was wrong.
    pub fn pending_delete_asked(&mut self, number: u64, at: Timestamp) {
        self.judge_delete(number, at);
    }

    fn change(&mut self, id: &str, change: impl FnOnce(&mut Record)) -> bool {
        let Some(number) = self.number_of(id) else { return false };
        self.change_numbered(number, change);
        true
    }

    fn change_numbered(&mut self, number: u64, change: impl FnOnce(&mut Record)) {
        self.discount_good(number, None);
        if let Some(record) = self.records.get_mut(&number) {
            change(record);
        }
        self.count_good(number);
    }

    fn count_good(&mut self, number: u64) {
        let Some(record) = self.records.get(&number).filter(|record| record.is_good()) else { return };
        if let Some(group) = self.group(record) {
            self.good.entry(group).or_default().insert(number, None);
        }
    }

    fn discount_good(&mut self, number: u64, lost: Option<Timestamp>) {
        let Some(group) = self.records.get(&number).and_then(|record| self.group(record)) else { return };
        if let Some(members) = self.good.get_mut(&group) {
            match members.get_mut(&number) {
                Some(known) if lost.is_some() => *known = lost,
                _ => _ = members.remove(&number),
            }
        }
    }

    fn judge_create(&mut self, record: &Record) {
        let slot = record.slot.as_ref();
        let slot =
            slot.map(|slot| format!("slot {} {} {}", self.policy(&slot.policy), slot.machine, slot.at));
        let name = format!("name {}", record.name);
        let keys = || slot.iter().chain([&name]);
        if !record.is_twin && keys().any(|key| self.is_served(key)) {
            let served = slot.as_ref().unwrap_or(&name);
            self.duplicates.note(format!("{}: {} was made again for {served}", record.created_at, record.id));
        }
        for key in keys() {
            self.served.entry(key.clone()).or_default().insert(record.number);
        }
    }

    fn is_served(&self, key: &str) -> bool {
        self.served.get(key).is_some_and(|by| by.iter().any(|number| !self.was_lost_unread(*number)))
    }

    /// Whether somebody else took it away before the daemon could read of it.
    fn was_lost_unread(&self, number: u64) -> bool {
        let deleted = self.records.get(&number).and_then(|record| record.deleted);
        deleted.is_some_and(|(_, by)| by != Actor::Daemon) && self.unread.contains(&number)
    }

    fn judge_delete(&mut self, number: u64, at: Timestamp) {
        let Some(record) = self.records.get(&number) else { return };
        let unowned = !record.is_owned();
        let lines: Vec<String> =
            self.objections(record, at).into_iter().map(|objection| format!("{at}: {objection}")).collect();
        for line in lines {
            if unowned {
                self.unowned_deleted.note(line.clone());
            }
            self.violations.note(line);
        }
    }

    /// Whether another of its name was made in the same stroke, lives, and could be known of, and no person
    /// has said whose it is.
    fn has_living_twin(&self, record: &Record) -> bool {
        let neighbours = record.number.saturating_sub(1)..=record.number + 1;
        self.records.range(neighbours).any(|(number, other)| {
            let is_other = *number != record.number && (other.is_twin || record.is_twin);
            let is_known = self.now.since(other.created_at) > TWIN_KNOWN_WITHIN + self.later;
            let is_decided = [record, other].iter().any(|one| one.adopted || one.disowned);
            is_other && other.name == record.name && other.deleted.is_none() && is_known && !is_decided
        })
    }

    /// What the rules say of the deletion of one that counts, those in force and those that were until
    /// just now: either may allow it.
    fn objections_of_rules(&self, record: &Record, at: Timestamp) -> Vec<String> {
        // What the cloud itself has broken counts for no rule, whichever was in force when it still did.
        if record.is_spoilt {
            return Vec::new();
        }
        let Some((policy, machine)) = self.group(record) else { return Vec::new() };
        let members = self.good.get(&(policy.clone(), machine.clone()));
        let Some(members) = members.filter(|members| members.contains_key(&record.number)) else {
            return Vec::new();
        };
        let counts =
            |lost: &Option<Timestamp>| lost.is_none_or(|lost| at < lost + (KNOWN_WITHIN + self.later));
        let counted = members.iter().filter(|(number, lost)| **number == record.number || counts(lost));
        let member = |(number, _): (&u64, _)| {
            let of = self.records.get(number)?;
            let due = of.slot.as_ref().and_then(|slot| slot.at.parse().ok());
            Some(Member { number: *number, made_at: of.created_at, is_odd: of.is_odd, due })
        };
        let shelf: Vec<Member> = counted.filter_map(member).collect();
        let former = self.former.as_ref().filter(|(_, until)| at < *until).map(|(former, _)| former);
        let judged = [Some(&self.rules), former].into_iter().flatten();
        let judged = judged.map(|rules| rules.objections(&policy, record.number, &shelf, at));
        let objections = judged.min_by_key(Vec::len).unwrap_or_default();
        let (id, machine) = (&record.id, &machine);
        objections.into_iter().map(|why| format!("{id} of {machine}: {why}")).collect()
    }

    /// From now on, and for all that was, a policy of this name is the one that is called otherwise.
    pub fn is_same_policy(&mut self, name: &str, as_this: &str) {
        self.names.insert(name.to_owned(), as_this.to_owned());
    }

    /// The first name of a policy.
    pub fn policy<'a>(&'a self, name: &'a str) -> &'a str {
        self.names.get(name).map_or(name, String::as_str)
    }

    /// The shelf that it counts for, under the policy's first name.
    pub fn group(&self, record: &Record) -> Option<(String, String)> {
        let (policy, machine) = record.group()?;
        Some((self.policy(&policy).to_owned(), machine))
    }

    fn objections(&self, record: &Record, at: Timestamp) -> Vec<String> {
        let id = &record.id;
        if let Some((at, _)) = record.deleted {
            return vec![format!("{id} was already deleted at {at}")];
        }
        if !record.is_owned() {
            return vec![format!("{id} ({}) was not the daemon's to delete", record.name)];
        }
        let mut objections = Vec::new();
        if record.pinned {
            objections.push(format!("{id} is pinned"));
        }
        if record.given_up {
            return objections;
        }
        if record.ready_at.is_none() {
            objections.push(format!("{id} is pending"));
        }
        if record.linked_since.is_some_and(|since| at.since(since) > LINK_KNOWN_WITHIN + self.later) {
            objections.push(format!("{id} is linked to an image"));
        }
        if self.has_living_twin(record) {
            objections.push(format!("{id} shares its name with another"));
        }
        objections.extend(self.objections_of_rules(record, at));
        objections
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::sim::agenda::Wanted;
    use crate::sim::cloud::Cloud;
    use crate::sim::fault::Fault;
    use crate::sim::fault_plan::FaultPlan;
    use crate::sim::probe::{cloud, create, delete, far, minutes, read, ready};
    use crate::sim::record::Actor;
    use crate::sim::world::World;

    fn calm() -> Cloud {
        cloud("no-unique-names", FaultPlan::none(1))
    }

    fn verdict(cloud: &Cloud) -> (u64, u64, u64) {
        cloud
            .with_truth(|truth| (truth.duplicates.count, truth.unowned_deleted.count, truth.violations.count))
    }

    #[tokio::test(start_paused = true)]
    async fn serving_a_slot_twice_is_a_duplicate_even_after_a_delete() {
        let cloud = calm();
        let first = ready(&cloud, "qm-a", "2026-03-01T02:00:00Z").await;
        ready(&cloud, "qm-b", "2026-03-02T02:00:00Z").await;
        ready(&cloud, "qm-c", "2026-03-03T02:00:00Z").await;
        assert_eq!(verdict(&cloud), (0, 0, 0));
        assert_eq!(cloud.with_truth(|truth| truth.is_wrong_victim(&first)), None);
        delete(&cloud, &first).await.unwrap();
        assert_eq!(verdict(&cloud), (0, 0, 0));
        ready(&cloud, "qm-other", "2026-03-01T02:00:00Z").await;
        assert_eq!(verdict(&cloud), (1, 0, 0));
        let counts = cloud.with_truth(|truth| (truth.backups_taken, truth.backups_deleted));
        assert_eq!(counts, (4, 1));
    }

    /// One is made, read of if so wished, and lost; then its slot is served again.
    async fn served_again_after(is_read: bool, lost: impl AsyncFnOnce(&Cloud, &str)) -> u64 {
        let cloud = calm();
        let first = ready(&cloud, "qm-a", "2026-03-01T02:00:00Z").await;
        if is_read {
            read(&cloud, "/snapshots/").await;
        }
        lost(&cloud, &first).await;
        ready(&cloud, "qm-a", "2026-03-01T02:00:00Z").await;
        verdict(&cloud).0
    }

    async fn by(cloud: &Cloud, id: &str, actor: Actor) {
        cloud.with_world(|world| world.delete(id, actor, Duration::ZERO)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_others_took_away_before_anybody_could_read_of_it_may_be_made_again() {
        for actor in [Actor::Cloud, Actor::Person] {
            assert_eq!(served_again_after(false, async |cloud, id| by(cloud, id, actor).await).await, 0);
            assert_eq!(served_again_after(true, async |cloud, id| by(cloud, id, actor).await).await, 1);
        }
        assert_eq!(served_again_after(false, async |cloud, id| by(cloud, id, Actor::Daemon).await).await, 1);
        assert_eq!(served_again_after(false, async |_, _| {}).await, 1);
        let read_itself = async |cloud: &Cloud, id: &str| {
            read(cloud, &format!("/snapshots/{id}/")).await;
            by(cloud, id, Actor::Cloud).await;
        };
        assert_eq!(served_again_after(false, read_itself).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_lost_unread_excuses_no_other() {
        let cloud = calm();
        let slot = "2026-03-01T02:00:00Z";
        let first = ready(&cloud, "qm-a", slot).await;
        by(&cloud, &first, Actor::Cloud).await;
        ready(&cloud, "qm-a", slot).await;
        assert_eq!(verdict(&cloud).0, 0);
        ready(&cloud, "qm-a", slot).await;
        assert_eq!(verdict(&cloud).0, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn deleting_what_a_person_made_is_wrong_until_it_is_adopted() {
        let cloud = calm();
        let id = cloud.hand_make("BRK-100001D", "mine", "").unwrap();
        let other = cloud.hand_make("BRK-100002D", "mine", "").unwrap();
        minutes(25).await;
        assert!(cloud.adopt(&other));
        delete(&cloud, &other).await.unwrap();
        assert_eq!(verdict(&cloud), (0, 0, 0));
        delete(&cloud, &id).await.unwrap();
        assert_eq!(verdict(&cloud), (0, 1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_cloud_broke_may_go_though_it_was_among_the_newest() {
        let cloud = calm();
        let older = ready(&cloud, "qm-a", "2026-03-01T02:00:00Z").await;
        let newer = ready(&cloud, "qm-b", "2026-03-02T02:00:00Z").await;
        let wrong = |id: &str| cloud.with_truth(|truth| truth.is_wrong_victim(id));
        assert!(wrong(&newer).is_some());
        cloud.with_world(|world| world.truth.spoilt(2, world.truth.now));
        assert_eq!(wrong(&newer), None);
        minutes(180).await;
        assert!(wrong(&older).is_some(), "it is the last good one now");
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_two_made_in_one_stroke_may_go_only_after_a_person_told_them_apart() {
        for is_adopted in [false, true] {
            let faults = FaultPlan::only(7, far(), Fault::Twins, 10_000);
            let cloud = cloud("no-unique-names", faults);
            let id = ready(&cloud, "qm-a", "2026-03-01T02:00:00Z").await;
            ready(&cloud, "qm-b", "2026-03-02T02:00:00Z").await;
            minutes(120).await;
            let twin = read(&cloud, "/snapshots/").await["snapshots"]
                .as_array()
                .unwrap()
                .iter()
                .find(|one| one["name"] == "qm-a" && one["id"] != *id)
                .and_then(|one| one["id"].as_str().map(str::to_owned))
                .unwrap();
            assert!(!is_adopted || cloud.adopt(&twin));
            let wrong = cloud.with_truth(|truth| truth.is_wrong_victim(&id)).unwrap_or_default();
            assert_eq!(wrong.contains("shares its name"), !is_adopted, "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn deleting_what_was_disowned_is_wrong() {
        let cloud = calm();
        let id = ready(&cloud, "qm-a", "").await;
        assert!(cloud.disown(&id));
        delete(&cloud, &id).await.unwrap();
        assert_eq!(verdict(&cloud), (0, 1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_person_gave_up_may_go_unless_it_is_pinned() {
        let cloud = calm();
        let only = ready(&cloud, "qm-a", "2026-03-01T02:00:00Z").await;
        assert!(cloud.give_up(&only) && cloud.pin(&only));
        assert!(cloud.with_truth(|truth| truth.is_wrong_victim(&only)).unwrap().contains("is pinned"));
        assert!(cloud.unpin(&only));
        delete(&cloud, &only).await.unwrap();
        assert_eq!(verdict(&cloud), (0, 0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn deleting_a_pinned_or_a_pending_one_is_wrong() {
        let cloud = calm();
        let id = ready(&cloud, "qm-a", "").await;
        assert!(cloud.pin(&id));
        delete(&cloud, &id).await.unwrap();
        assert_eq!(verdict(&cloud), (0, 0, 1));
        create(&cloud, 1, "qm-b", "").await.unwrap();
        assert_eq!(delete(&cloud, "BRK-100002S").await.unwrap().status(), 409);
        assert_eq!(verdict(&cloud), (0, 0, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn deleting_the_newest_or_the_last_good_one_is_wrong() {
        let cloud = calm();
        let older = ready(&cloud, "qm-a", "2026-03-01T02:00:00Z").await;
        let newer = ready(&cloud, "qm-b", "2026-03-02T02:00:00Z").await;
        delete(&cloud, &newer).await.unwrap();
        let lines = cloud.with_truth(|truth| truth.violations.lines.clone());
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("BRK-100001D: it is among the 1 newest of p"), "{lines:?}");
        delete(&cloud, &older).await.unwrap();
        let lines = cloud.with_truth(|truth| truth.violations.lines.clone());
        assert_eq!(lines.len(), 3);
        assert!(lines[1].contains("BRK-100001D: it leaves p with 0 good"), "{lines:?}");
    }

    /// A second daemon makes one of this name on the first machine.
    fn by_rival(cloud: &Cloud, name: &str) -> String {
        let (machine, description) = ("BRK-100001D".to_owned(), String::new());
        let wanted = Wanted { machine, name: name.to_owned(), description, is_image: false };
        let made = |world: &mut World| {
            world.create(wanted, Actor::Rival, Duration::ZERO).map(|one| one.id.clone()).unwrap()
        };
        cloud.with_world(made)
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_second_daemon_made_is_ours_only_under_a_name_that_we_announced() {
        for (announced, taken, wrong) in [(false, false, 1), (true, false, 0), (true, true, 1)] {
            let cloud = calm();
            let announce = |cloud: &Cloud| {
                cloud.with_world(|world| {
                    if announced {
                        world.truth.announced("qm-a");
                    }
                    if taken {
                        world.truth.told_taken("qm-a");
                    }
                });
            };
            announce(&cloud);
            let id = by_rival(&cloud, "qm-a");
            // Or just after it was made: a lost answer hides which of the two came first.
            announce(&cloud);
            minutes(25).await;
            delete(&cloud, &id).await.unwrap();
            assert_eq!(verdict(&cloud).1, wrong, "{announced} {taken}");
        }
    }
}
