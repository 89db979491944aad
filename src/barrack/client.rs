//! The client: looks at one scope, or performs one permitted change.
//!
//! It is asked for one thing at a time and remembers only what spares it parsing the same twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use secrecy::SecretString;

use super::asking::Asking;
use super::billing::{self, Habit};
use super::gate::KeyRefused;
use super::key::KeyError;
use super::line::{Answered, Line, ReadFailure, Unusable};
use super::outcome::{self, Class};
use super::page::Seen;
use super::parse::Listing;
use super::settings::Settings;
use super::single;
use super::transport::Transport;
use super::walk::{self, Gap, Memo, Route};
use crate::domain::audit::Permit;
use crate::domain::billing::ledger::Book;
use crate::domain::billing::record::{BillKind, Reach};
use crate::domain::digest::Digest;
use crate::domain::effect::{Outcome, Verb};
use crate::domain::event::Call;
use crate::domain::fleet::{LookResult, Miscount, Scope};
use crate::domain::time::Timestamp;

#[derive(Debug)]
pub struct Client {
    line: Line,
    settings: Settings,
    memos: BTreeMap<Listing, Option<Memo>>,
    /// A total was contradicted once; from then on, none is believed.
    total_lied: bool,
    excess: BTreeMap<Listing, u64>,
    habits: BTreeMap<BillKind, Habit>,
}

/// What a look brought home.
#[derive(Debug)]
pub struct Walked {
    /// In order of id. What an incomplete walk saw is in here, too.
    pub items: Arc<[Seen]>,
    /// Complete, and byte for byte what the last complete one was.
    pub unchanged: bool,
    pub result: LookResult,
    pub digest: Digest,
    /// The pages show less than they count, and nothing else is odd about them.
    pub miscount: Option<Miscount>,
    pub server_date: Option<Timestamp>,
    /// Every request that was sent, in order; none if the gates were closed.
    pub calls: Vec<Call>,
}

impl Client {
    pub fn new(transport: Transport, settings: Settings, key: SecretString) -> Result<Self, KeyError> {
        let line = Line::new(transport, &settings, key)?;
        let (memos, excess, habits) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { line, settings, memos, total_lied: false, excess, habits })
    }

    pub async fn look(&mut self, scope: &Scope) -> Walked {
        self.line.begin();
        let paths = &self.settings.paths;
        match scope {
            Scope::Machines => self.list(Listing::Machines).await,
            Scope::Snapshots => self.list(Listing::Snapshots).await,
            Scope::Images => self.list(Listing::Images).await,
            Scope::Balance => {
                let asking = Asking::get(&paths.balance, None);
                self.read(scope, asking, single::balance).await
            }
            Scope::Prices => {
                let asking = Asking::get(&paths.prices, None);
                self.read(scope, asking, single::prices).await
            }
            Scope::Snapshot(id) => {
                let asking = Asking { is_core: true, ..Asking::get(&paths.snapshot, Some(id.as_str())) };
                self.read(scope, asking, |body| single::snapshot(body, id)).await
            }
            Scope::Links(id) => {
                let asking = Asking::get(&paths.links, Some(id.as_str()));
                self.read(scope, asking, |body| single::links(body, id)).await
            }
            Scope::Billing(..) => {
                let result = LookResult::Incomplete("billing lists are walked beside a book".to_owned());
                let digest = Digest::default();
                let (miscount, server_date, calls) = (None, None, Vec::new());
                Walked { items: [].into(), unchanged: true, result, digest, miscount, server_date, calls }
            }
        }
    }

    /// A walk through a billing list, as far as this book has questions; and what was asked on the way.
    pub async fn bills(
        &mut self,
        kind: BillKind,
        reach: Reach,
        book: &Book,
        now: Timestamp,
    ) -> (billing::Walked, Vec<Call>, Option<Timestamp>) {
        self.line.begin();
        let paths = &self.settings.paths;
        let endpoint = match kind {
            BillKind::Instance => &paths.machine_billing,
            BillKind::Snapshot => &paths.snapshot_billing,
            BillKind::Volume => &paths.volume_billing,
        };
        let (parameters, page_size) = (&self.settings.parameters, self.settings.billing_page_size);
        let route = billing::Route { kind, endpoint, parameters, page_size };
        let habit = self.habits.entry(kind).or_default();
        let mut calls = Vec::new();
        let walked = billing::walk(&mut self.line, &route, habit, reach, (book, now), &mut calls).await;
        (walked, calls, self.line.server_date())
    }

    /// Sends the one request that was permitted, at most once.
    pub async fn perform(&mut self, permit: &Permit) -> (Outcome, Vec<Call>) {
        self.change(&permit.effect().verb).await
    }

    /// After another client: where the cloud is the same, its budget and what it said of it go on.
    pub fn go_on_from(&mut self, before: &Self) {
        self.line.go_on_from(&before.line);
    }

    /// The next walks give all that they see: what the last ones saw came to nothing.
    pub fn forget_listings(&mut self) {
        self.memos.clear();
    }

    /// A look that was under way is over before its end: what it had asked of the cloud so far.
    pub fn give_up(&mut self) -> Vec<Call> {
        self.forget_listings();
        self.line.give_up()
    }

    /// How long nothing will be sent: the cloud asked for it, or refuses the key.
    pub fn gated_for(&self) -> Option<Duration> {
        self.line.gated_for()
    }

    pub fn key_refused(&self) -> Option<KeyRefused> {
        self.line.key_refused()
    }

    /// Whether this process has seen that the cloud takes the key, and nothing else since.
    pub fn is_key_accepted(&self) -> bool {
        self.line.is_key_accepted()
    }

    /// By how much the total of a listing is known to be too high.
    pub fn expect_excess(&mut self, scope: &Scope, excess: Option<u64>) {
        let listing = match scope {
            Scope::Machines => Listing::Machines,
            Scope::Snapshots => Listing::Snapshots,
            Scope::Images => Listing::Images,
            Scope::Balance | Scope::Prices | Scope::Snapshot(_) | Scope::Links(_) | Scope::Billing(..) => {
                return;
            }
        };
        match excess {
            Some(excess) => self.excess.insert(listing, excess),
            None => self.excess.remove(&listing),
        };
    }

    async fn change(&mut self, verb: &Verb) -> (Outcome, Vec<Call>) {
        let asking = self.asking(verb);
        let mut calls = Vec::new();
        let answer = match self.line.change(&asking, &mut calls).await {
            Ok(answer) => answer,
            Err(why) => return (Outcome::NotSent { why }, calls),
        };
        let (class, outcome) = outcome::judge(verb, &answer, &self.settings.refusals);
        if let (Class::KeyRefused, Ok(answer)) = (class, &answer) {
            self.line.refuse_key(answer.status);
        }
        let outcome = match outcome {
            Outcome::NotSent { why } => Outcome::NotSent { why: self.line.why(&why) },
            told => told,
        };
        (outcome, calls)
    }

    fn asking(&self, verb: &Verb) -> Asking {
        let paths = &self.settings.paths;
        match verb {
            Verb::CreateSnapshot { machine, name, description, .. } => {
                let fields = serde_json::json!({
                    "instance_id": machine.as_str(), "name": name, "description": description, "is_image": false,
                });
                let (endpoint, object) = (paths.snapshots.clone(), Some(machine.to_string()));
                let (query, body) = (String::new(), fields.to_string().into());
                Asking { method: Method::POST, endpoint, object, query, body, is_core: true }
            }
            Verb::DeleteSnapshot { snapshot, .. } => {
                let asking = Asking::get(&paths.snapshot, Some(snapshot.as_str()));
                Asking { method: Method::DELETE, is_core: true, ..asking }
            }
        }
    }

    async fn list(&mut self, listing: Listing) -> Walked {
        let paths = &self.settings.paths;
        let (endpoint, is_core) = match listing {
            Listing::Machines => (&paths.machines, true),
            Listing::Snapshots => (&paths.snapshots, true),
            Listing::Images => (&paths.images, false),
        };
        let (parameters, page_size) = (&self.settings.parameters, self.settings.page_size);
        let excess = self.excess.get(&listing).copied();
        let route = Route { listing, endpoint, parameters, page_size, is_core, excess };
        let mut calls = Vec::new();
        let memo = self.memos.entry(listing).or_default();
        let listed = walk::list(&mut self.line, &route, memo, &mut self.total_lied, &mut calls).await;
        let result = match listed.gap {
            None => LookResult::Complete,
            Some(Gap::Refused(403 | 404, why)) if !is_core => LookResult::Unavailable(why),
            Some(Gap::Refused(_, why) | Gap::Other(why)) => LookResult::Incomplete(why),
        };
        let server_date = self.line.server_date();
        Walked {
            items: listed.items,
            unchanged: listed.unchanged,
            result,
            digest: listed.digest,
            miscount: listed.miscount,
            server_date,
            calls,
        }
    }

    async fn read(
        &mut self,
        scope: &Scope,
        asking: Asking,
        parse: impl Fn(&Bytes) -> Result<Answered<Seen>, Unusable>,
    ) -> Walked {
        let mut calls = Vec::new();
        let (items, result) = match self.line.read(&asking, &mut calls, parse).await {
            Ok(seen) => (vec![seen], LookResult::Complete),
            Err(failure) => (Vec::new(), self.failed(scope, failure)),
        };
        let (digest, server_date) = (walk::digest(&items), self.line.server_date());
        Walked { items: items.into(), unchanged: false, result, digest, miscount: None, server_date, calls }
    }

    fn failed(&self, scope: &Scope, failure: ReadFailure) -> LookResult {
        let (status, words) = match failure {
            ReadFailure::Gated(why) | ReadFailure::Failed(why) => return LookResult::Incomplete(why),
            ReadFailure::Refused { status, words } => (status, words),
        };
        let why = format!("HTTP {status} {} {}", words.code, words.message).trim_end().to_owned();
        let missing = outcome::is_missing(status, &words, &self.settings.refusals);
        match (scope, status) {
            (Scope::Snapshot(_), _) if missing => LookResult::NotFound,
            (Scope::Links(_), 404) => LookResult::NotFound,
            (Scope::Links(_), 403) | (Scope::Balance | Scope::Prices, 403 | 404) => {
                LookResult::Unavailable(why)
            }
            _ => LookResult::Incomplete(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::barrack::scripted::{self, Asked, answer, json};
    use crate::barrack::transport::Local;
    use crate::domain::event::{Answer, Failure};
    use crate::domain::id::{BackupId, MachineId, SnapshotId};
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const MINUTE: Duration = Duration::from_secs(60);

    fn create() -> Verb {
        Verb::CreateSnapshot {
            backup: BackupId::new("qm-a"),
            machine: MachineId::new("BRK-1D"),
            name: "qm-a".to_owned(),
            description: "a \"quoted\" one".to_owned(),
        }
    }

    fn delete(id: &str) -> Verb {
        let (backup, machine) = (BackupId::new("qm-a"), MachineId::new("BRK-1D"));
        Verb::DeleteSnapshot { backup, machine, snapshot: SnapshotId::new(id) }
    }

    #[tokio::test]
    async fn a_create_is_one_post_with_the_key_and_its_fields() {
        let mut client = scripted::client(|asked| {
            assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/snapshots/"));
            assert_eq!(asked.key, "Bearer s3cret-key");
            let fields: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
            let expected =
                r#"{"instance_id":"BRK-1D","name":"qm-a","description":"a \"quoted\" one","is_image":false}"#;
            assert_eq!(fields, serde_json::from_str::<serde_json::Value>(expected).unwrap());
            json(r#"{"success":true,"snapshot":{"id":"BRK-9S","name":"qm-a"},"request_id":"abcd"}"#)
        });
        let (outcome, calls) = client.change(&create()).await;
        assert_eq!(outcome, Outcome::Answered { snapshot: Some(SnapshotId::new("BRK-9S")) });
        assert_eq!(
            (calls.len(), calls[0].endpoint.as_str(), calls[0].object.as_deref()),
            (1, "/snapshots/", Some("BRK-1D"))
        );
        assert_eq!(calls[0].request_id.as_deref(), Some("abcd"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_given_up_leaves_each_call_that_it_made() {
        let service = tower::service_fn(|request: http::Request<Bytes>| async move {
            if request.uri().query().is_some_and(|query| query.starts_with("page=2")) {
                std::future::pending::<()>().await;
            }
            let page = format!(r#"{{"snapshots":{},"total":120}}"#, scripted::items(0..50));
            Ok::<_, io::Error>(answer(200, &page))
        });
        let settings = Settings::default();
        let transport = Transport::local(Local::new(service), &settings);
        let mut client = Client::new(transport, settings, "s3cret-key".to_owned().into()).unwrap();
        for _ in 0..2 {
            let patience = Duration::from_secs(7);
            assert!(tokio::time::timeout(patience, client.look(&Scope::Snapshots)).await.is_err());
            let calls = client.give_up();
            let answers: Vec<_> = calls.iter().map(|call| (call.answer.clone(), call.duration_ms)).collect();
            let given_up = Answer::Failure(Failure::GivenUp);
            assert_eq!(answers, [(Answer::Status(200), 0), (given_up, 7_000)]);
            assert!(client.give_up().is_empty(), "each call once");
        }
    }

    #[tokio::test]
    async fn every_request_goes_where_the_configuration_says() {
        let queries = Arc::new(std::sync::Mutex::new(Vec::new()));
        let heard = queries.clone();
        let mut client = scripted::client(move |asked| {
            heard.lock().unwrap().push(format!("{} {}?{}", asked.method, asked.path, asked.query));
            json(r#"{"snapshots":[],"records":[],"total":0}"#)
        });
        client.settings.paths.snapshots = "/v2/shots/".to_owned();
        client.settings.paths.snapshot = "/v2/shot/{id}/now/".to_owned();
        client.settings.paths.machine_billing = "/bills/".to_owned();
        client.settings.parameters.page_size = "per_page".to_owned();
        client.settings.parameters.billing_page_size = "rows".to_owned();
        client.list(Listing::Snapshots).await;
        let now = Timestamp::from_seconds(0);
        client.bills(BillKind::Instance, Reach::Whole, &Book::default(), now).await;
        client.change(&create()).await;
        client.change(&delete("BRK-1S")).await;
        let mut heard = queries.lock().unwrap().clone();
        heard.dedup();
        let expected = [
            "GET /api/v2/shots/?page=1&per_page=50",
            "GET /api/bills/?page=1&rows=100",
            "POST /api/v2/shots/?",
            "DELETE /api/v2/shot/BRK-1S/now/?",
        ];
        assert_eq!(heard, expected);
    }

    #[tokio::test]
    async fn a_delete_names_one_object_and_an_odd_id_is_never_sent() {
        let mut client = scripted::client(|asked| {
            assert_eq!((asked.method.as_str(), asked.path.as_str()), ("DELETE", "/api/snapshots/BRK%201S/"));
            json(r#"{"success":true}"#)
        });
        let (outcome, calls) = client.change(&delete("BRK 1S")).await;
        assert_eq!(
            (outcome, calls[0].endpoint.as_str()),
            (Outcome::Answered { snapshot: Some(SnapshotId::new("BRK 1S")) }, "/snapshots/{id}/")
        );
        for odd in ["", "..", "1/../2"] {
            let (outcome, calls) = client.change(&delete(odd)).await;
            assert!(matches!(outcome, Outcome::NotSent { .. }) && calls.is_empty(), "{odd}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_sent_once_whatever_comes_back() {
        let answers: [fn() -> scripted::Answered; 5] = [
            || Err(io::ErrorKind::ConnectionReset.into()),
            || Err(io::ErrorKind::ConnectionRefused.into()),
            || Ok(answer(500, "")),
            || Ok(answer(429, "")),
            || Ok(answer(200, "<html>")),
        ];
        for given in answers {
            let sent = Arc::new(AtomicUsize::new(0));
            let counter = sent.clone();
            let mut client = scripted::client(move |_| {
                counter.fetch_add(1, Ordering::Relaxed);
                given()
            });
            let (outcome, calls) = client.change(&create()).await;
            assert!(matches!(outcome, Outcome::Unclear { .. } | Outcome::NotSent { .. }));
            assert_eq!((sent.load(Ordering::Relaxed), calls.len()), (1, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_closes_the_line_for_as_long_as_it_says() {
        let mut client = scripted::client(|asked| match asked.number {
            1 => Ok(scripted::with_header(answer(429, "{}"), "retry-after", "90")),
            _ => json(r#"{"snapshots":[],"total":0}"#),
        });
        let walked = client.look(&Scope::Snapshots).await;
        assert_eq!(
            (walked.calls.len(), client.gated_for().map(|left| left.as_secs() >= 89)),
            (1, Some(true))
        );
        assert!(
            matches!(walked.result, LookResult::Incomplete(why) if why.starts_with("rate limited for another"))
        );
        let (outcome, calls) = client.change(&create()).await;
        assert!(matches!(outcome, Outcome::NotSent { .. }) && calls.is_empty());
        tokio::time::advance(MINUTE * 2).await;
        assert_eq!(
            (client.look(&Scope::Snapshots).await.result, client.gated_for()),
            (LookResult::Complete, None)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_follows_another_waits_as_long_as_that_one_was_told() {
        let mut before =
            scripted::client(|_| Ok(scripted::with_header(answer(429, "{}"), "retry-after", "90")));
        before.look(&Scope::Snapshots).await;
        let mut after = scripted::client(|_| json(r#"{"snapshots":[],"total":0}"#));
        after.go_on_from(&before);
        assert_eq!(after.gated_for(), before.gated_for());
        let result = after.look(&Scope::Snapshots).await.result;
        assert!(matches!(result, LookResult::Incomplete(why) if why.starts_with("rate limited")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_opens_within_five_seconds_is_waited_for_and_no_longer() {
        for (millis, is_borne) in [(5_000, true), (5_001, false)] {
            let mut client = scripted::client(|asked| match asked.number {
                1 => Ok(scripted::with_header(answer(429, "{}"), "retry-after", "90")),
                _ => json(r#"{"snapshots":[],"total":0}"#),
            });
            client.look(&Scope::Snapshots).await;
            let left = client.gated_for().unwrap();
            tokio::time::advance(left - Duration::from_millis(millis)).await;
            let result = client.look(&Scope::Snapshots).await.result;
            assert_eq!(result == LookResult::Complete, is_borne, "{millis} ms: {result:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_key_stops_every_call_until_a_probe_succeeds() {
        for (status, path) in [(401, "/api/balance/"), (403, "/api/instances/")] {
            let mut client = scripted::client(move |asked| match asked.number {
                1 => Ok(answer(status, "")),
                _ => json(r#"{"instances":[],"total":0}"#),
            });
            let scope = if path.contains("balance") { Scope::Balance } else { Scope::Machines };
            assert_eq!(client.look(&scope).await.calls.len(), 1);
            assert_eq!(client.key_refused().unwrap().status, status);
            let walked = client.look(&Scope::Machines).await;
            assert!(
                matches!(walked.result, LookResult::Incomplete(why) if why.starts_with("the key was refused"))
            );
            assert!(walked.calls.is_empty());
            tokio::time::advance(MINUTE * 15).await;
            let (outcome, _) = client.change(&create()).await;
            assert!(matches!(outcome, Outcome::NotSent { .. }));
            assert!(!client.is_key_accepted());
            assert_eq!(client.look(&Scope::Machines).await.result, LookResult::Complete);
            assert_eq!((client.key_refused(), client.is_key_accepted()), (None, true));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_403_to_a_change_shuts_the_gate_unless_it_is_about_the_account() {
        let mut client = scripted::client(|_| Ok(answer(403, r#"{"error_code":"QUOTA_EXCEEDED"}"#)));
        assert!(matches!(client.change(&create()).await.0, Outcome::Refused(_)));
        assert_eq!(client.key_refused(), None);
        let mut client = scripted::client(|_| Ok(answer(403, r#"{"error_code":"PERMISSION_DENIED"}"#)));
        assert!(matches!(client.change(&create()).await.0, Outcome::Unclear { .. }));
        assert!(client.key_refused().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_object_is_found_or_unknown_or_open() {
        let id = SnapshotId::new("BRK-1S");
        type Expected = fn(&LookResult) -> bool;
        let answers: [(scripted::Answered, Expected); 6] = [
            (json(r#"{"snapshot":{"id":"BRK-1S"}}"#), |result| *result == LookResult::Complete),
            (json(r#"{"snapshot":{"id":"BRK-2S"}}"#), |result| matches!(result, LookResult::Incomplete(_))),
            (Ok(answer(404, "")), |result| *result == LookResult::NotFound),
            (Ok(answer(400, r#"{"message":"snapshot does not exist"}"#)), |result| {
                *result == LookResult::NotFound
            }),
            (Ok(answer(400, "{}")), |result| matches!(result, LookResult::Incomplete(_))),
            (Ok(answer(500, "snapshot does not exist")), |result| {
                matches!(result, LookResult::Incomplete(_))
            }),
        ];
        for (given, expected) in answers {
            let given = given.unwrap();
            let mut client = scripted::client(move |_| Ok(given.clone()));
            let result = client.look(&Scope::Snapshot(id.clone())).await.result;
            assert!(expected(&result), "{result:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_key_is_in_no_text_even_if_the_cloud_repeats_it() {
        let said = r#"{"message":"bad key Bearer s3cret-key"}"#;
        let mut client = scripted::client(move |_: &Asked| Ok(answer(422, said)));
        let (outcome, calls) = client.change(&create()).await;
        let walked = client.look(&Scope::Machines).await;
        let text = format!("{outcome:?} {calls:?} {walked:?} {client:?}");
        assert!(text.contains("bad key Bearer **********") && !text.contains("s3cret"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_tried_again_and_each_try_is_a_call() {
        let mut client = scripted::client(|asked| match asked.number {
            1 => Err(io::ErrorKind::ConnectionReset.into()),
            2 => Ok(answer(200, r#"{"balance":"1.00","curr"#)),
            _ => json(r#"{"balance":"1.00","currency":"USD"}"#),
        });
        let walked = client.look(&Scope::Balance).await;
        assert_eq!((walked.result, walked.calls.len()), (LookResult::Complete, 3));
        assert_eq!(walked.calls[0].answer, Answer::Failure(Failure::Reset));
    }
}
