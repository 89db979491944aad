//! The client: looks at one scope, or performs one permitted change.
//!
//! It is asked for one thing at a time and remembers only what spares it parsing the same twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use secrecy::SecretString;

use super::gate::KeyRefused;
use super::key::KeyError;
use super::line::{Answered, Asking, Line, ReadFailure, Unusable};
use super::outcome::{self, Class};
use super::page::Seen;
use super::parse::Listing;
use super::settings::Settings;
use super::single;
use super::transport::Transport;
use super::walk::{self, Gap, Memo, Route};
use crate::domain::audit::Permit;
use crate::domain::digest::Digest;
use crate::domain::effect::{Outcome, Verb};
use crate::domain::event::Call;
use crate::domain::fleet::{LookResult, Scope};
use crate::domain::time::Timestamp;

#[derive(Debug)]
pub struct Client {
    line: Line,
    settings: Settings,
    memos: BTreeMap<Listing, Option<Memo>>,
    /// A total was contradicted once; from then on, none is believed.
    total_lied: bool,
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
    pub server_date: Option<Timestamp>,
    /// Every request that was sent, in order; none if the gates were closed.
    pub calls: Vec<Call>,
}

impl Client {
    pub fn new(transport: Transport, settings: Settings, key: SecretString) -> Result<Self, KeyError> {
        let line = Line::new(transport, &settings, key)?;
        Ok(Self { line, settings, memos: BTreeMap::new(), total_lied: false })
    }

    pub async fn look(&mut self, scope: &Scope) -> Walked {
        let paths = &self.settings.paths;
        match scope {
            Scope::Machines => self.list(Listing::Machines).await,
            Scope::Snapshots => self.list(Listing::Snapshots).await,
            Scope::Images => self.list(Listing::Images).await,
            Scope::Balance => {
                let asking = get(&paths.balance, None);
                self.read(scope, asking, single::balance).await
            }
            Scope::Prices => {
                let asking = get(&paths.prices, None);
                self.read(scope, asking, single::prices).await
            }
            Scope::Snapshot(id) => {
                let asking = Asking { is_core: true, ..get(&paths.snapshot, Some(id.as_str())) };
                self.read(scope, asking, |body| single::snapshot(body, id)).await
            }
            Scope::Links(id) => {
                let asking = get(&paths.links, Some(id.as_str()));
                self.read(scope, asking, |body| single::links(body, id)).await
            }
        }
    }

    /// Sends the one request that was permitted, at most once.
    pub async fn perform(&mut self, permit: &Permit) -> (Outcome, Vec<Call>) {
        self.change(&permit.effect().verb).await
    }

    /// How long nothing will be sent: the cloud asked for it, or refuses the key.
    pub fn gated_for(&self) -> Option<Duration> {
        self.line.gated_for()
    }

    pub fn key_refused(&self) -> Option<KeyRefused> {
        self.line.key_refused()
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
                let asking = get(&paths.snapshot, Some(snapshot.as_str()));
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
        let route = Route { listing, endpoint, page_size: self.settings.page_size, is_core };
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
        Walked { items: items.into(), unchanged: false, result, digest, server_date, calls }
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

fn get(endpoint: &str, object: Option<&str>) -> Asking {
    Asking {
        method: Method::GET,
        endpoint: endpoint.to_owned(),
        object: object.map(str::to_owned),
        query: String::new(),
        body: Bytes::new(),
        is_core: false,
    }
}
