//! What an account answers: every question that only reads, under every form and path it may have.
//!
//! It sends nothing but GET, and reads as a look does. What it found is a value, and so is what should
//! be set; the words are the report's.

use std::collections::BTreeSet;

use bytes::Bytes;
use secrecy::SecretString;

use super::asking::Asking;
use super::heard::Heard;
use super::key::KeyError;
use super::line::{Answered, Line};
use super::parse::{self, Listing};
use super::settings::Settings;
use super::transport::{Transport, TransportError};
use super::unsent::Unsent;
use super::{single, wire};
use crate::domain::event::{Answer, Call, Failure};
use crate::domain::fleet::Item;
use crate::domain::id::SnapshotId;
use crate::domain::time::Timestamp;
use form::{Forms, Verdict};
use question::{Kind, QUESTIONS, Question};
use shape::Shape;

pub mod form;
pub mod question;
pub mod shape;
pub mod parameter;
pub mod saved;
mod redact;
mod harmless;
mod words;
mod walked;

/// A status, or why there is none.
pub type Came = Result<u16, Failure>;
pub type Connect<'a> = dyn Fn(&Settings) -> Result<Transport, TransportError> + 'a;

#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// All that was found.
#[derive(Debug)]
pub struct Findings {
    pub forms: Forms,
    /// The base URL that was set answered nothing of use, and this one did.
    pub other_base: Option<String>,
    pub answers: Vec<Finding>,
    pub parameters: Vec<parameter::Finding>,
    /// As they should be set, as far as that was found.
    pub settings: Settings,
    /// The server's clock less ours, in microseconds.
    pub skew_micros: Option<i64>,
    pub heard: Vec<Heard>,
}

/// What one question came to.
#[derive(Debug)]
pub struct Finding {
    pub question: Question,
    /// The last that was asked.
    pub path: String,
    /// `None`: it was not asked, and `unasked` says why.
    pub came: Option<Came>,
    pub unasked: Option<Unasked>,
    /// Those before, and what came of each.
    pub tried: Vec<(String, Came)>,
    pub shape: Option<Shape>,
    /// Items, over all pages.
    pub count: Option<usize>,
    pub proof: Option<Proof>,
    pub trouble: Option<String>,
    /// Words for a state that nobody knows, and currencies.
    pub odd_words: BTreeSet<String>,
    pub currencies: BTreeSet<String>,
}

/// Why there was nothing to ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unasked {
    /// The list was read to its end, and none is in it.
    NoneListed(Listing),
    /// Nobody knows whether there is one.
    ListUnread(Listing),
}

/// What shows that a list is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Every page repeats how many there are in all.
    Total,
    /// Nothing does; two walks in a row must agree.
    TwoWalks,
}

/// One answer.
struct Reply {
    came: Came,
    unsent: Option<Unsent>,
    body: Bytes,
}

/// The line with what was learned on it so far.
struct Probe<'a> {
    connect: &'a Connect<'a>,
    key: &'a SecretString,
    settings: Settings,
    line: Line,
    heard: Vec<Heard>,
    total_lied: bool,
    machine: Option<String>,
    snapshot: Option<String>,
    /// Read to their ends.
    listed: BTreeSet<Listing>,
}

/// Asks everything. `now` is our own clock.
pub async fn ask_all(
    connect: &Connect<'_>,
    settings: &Settings,
    key: &SecretString,
    now: &dyn Fn() -> Timestamp,
) -> Result<Findings, Failed> {
    let mut settings = settings.clone();
    let mut forms = form::find(connect, &settings, key).await?;
    let mut other_base = None;
    if let Verdict::Unclear(Ok(_)) = forms.verdict {
        for base_url in bases(&settings.base_url) {
            let elsewhere = Settings { base_url, ..settings.clone() };
            let found = form::find(connect, &elsewhere, key).await?;
            if let Verdict::Taken(_) = found.verdict {
                other_base = Some(elsewhere.base_url.clone());
                (settings, forms) = (elsewhere, found);
                break;
            }
        }
    }
    if let Verdict::Taken(form) = &forms.verdict {
        form.put(&mut settings);
    }
    let mut findings = Findings {
        other_base,
        answers: Vec::new(),
        parameters: Vec::new(),
        settings: settings.clone(),
        skew_micros: None,
        heard: Vec::new(),
        forms,
    };
    if !matches!(findings.forms.verdict, Verdict::Taken(_)) {
        return Ok(findings);
    }
    let line = line(connect, &settings, key)?;
    let mut probe = Probe {
        connect,
        key,
        settings,
        line,
        heard: Vec::new(),
        total_lied: false,
        machine: None,
        snapshot: None,
        listed: BTreeSet::new(),
    };
    for question in QUESTIONS {
        let finding = probe.ask(question, now, &mut findings.parameters).await?;
        findings.answers.push(finding);
        if findings.skew_micros.is_none() {
            let date = probe.line.server_date();
            findings.skew_micros = date.map(|date| date.micros() - now().micros());
        }
    }
    probe.settle();
    (findings.settings, findings.heard) = (probe.settings, probe.heard);
    Ok(findings)
}

/// Other places on the same host: the key goes to no other.
fn bases(base_url: &str) -> Vec<String> {
    let host_ends = base_url.find("://").map_or(0, |at| at + 3);
    let host_ends = base_url[host_ends..].find('/').map_or(base_url.len(), |at| host_ends + at);
    let host = &base_url[..host_ends];
    let all = ["/api", "/api/v1", "/v1", ""].iter().map(|path| format!("{host}{path}"));
    all.filter(|other| other != base_url).collect()
}

/// Few tries: what is not there stays away.
fn line(connect: &Connect<'_>, settings: &Settings, key: &SecretString) -> Result<Line, Failed> {
    let settings = Settings { read_attempts: settings.read_attempts.min(2), ..settings.clone() };
    Ok(Line::new(connect(&settings)?, &settings, key.clone())?)
}

/// One GET, as it came.
async fn ask(line: &mut Line, path: &str, object: Option<&str>, query: String) -> Reply {
    let asking = Asking { query, ..Asking::get(path, object) };
    let mut calls: Vec<Call> = Vec::new();
    let whole = |body: &Bytes| Ok(Answered { value: body.clone(), request_id: None });
    let body = line.read(&asking, &mut calls, whole).await.unwrap_or_default();
    let came = match calls.pop().map(|call| call.answer) {
        Some(Answer::Status(status)) => Ok(status),
        Some(Answer::Failure(failure)) => Err(failure),
        None => Err(Failure::NeverSent),
    };
    Reply { came, unsent: line.unsent(), body }
}

impl Probe<'_> {
    async fn ask(
        &mut self,
        question: Question,
        now: &dyn Fn() -> Timestamp,
        parameters: &mut Vec<parameter::Finding>,
    ) -> Result<Finding, Failed> {
        self.renew()?;
        let mut finding = Finding::new(question);
        let about = match question.kind {
            Kind::Machine => Some((Listing::Machines, self.machine.clone())),
            Kind::Snapshot | Kind::Links => Some((Listing::Snapshots, self.snapshot.clone())),
            Kind::List(_) | Kind::Bills(_) | Kind::Balance | Kind::Prices | Kind::Other(_) => None,
        };
        if let Some((listing, None)) = about {
            let is_listed = self.listed.contains(&listing);
            let why = if is_listed { Unasked::NoneListed } else { Unasked::ListUnread };
            finding.unasked = Some(why(listing));
            return Ok(finding);
        }
        let object = about.and_then(|(_, object)| object);
        let Some(body) = self.seek(&mut finding, object.as_deref()).await else { return Ok(finding) };
        finding.shape = shape::of(&question, &body);
        self.read_one(&mut finding, &body);
        if parameter::is_worth_asking(&finding, parameters) {
            parameters.extend(parameter::find(&mut self.line, &mut self.settings, &finding).await);
        }
        match question.kind {
            Kind::List(listing) => self.walk(listing, &mut finding).await,
            Kind::Bills(kind) => self.walk_bills(kind, now(), &mut finding).await,
            Kind::Other(_) => finding.count = finding.shape.as_ref().and_then(|shape| shape.items),
            Kind::Machine | Kind::Snapshot | Kind::Links | Kind::Balance | Kind::Prices => {}
        }
        Ok(finding)
    }

    /// The first path under which the answer can be read; it is set from then on.
    async fn seek(&mut self, finding: &mut Finding, object: Option<&str>) -> Option<Bytes> {
        let question = finding.question;
        let mut tops = Vec::new();
        for path in question.paths(&mut self.settings.paths) {
            let query = self.query(&question);
            let reply = ask(&mut self.line, &path, object, query).await;
            let is_read = is_good(reply.came) && is_understood(&question, &reply.body, object);
            if is_read {
                let place =
                    self.settings.paths.each().into_iter().find(|(name, _)| *name == question.setting);
                if let Some((_, place)) = place {
                    place.clone_from(&path);
                }
                (finding.path, finding.came) = (path, Some(reply.came));
                return Some(reply.body);
            }
            finding.tried.push((path, reply.came));
            tops.push(shape::top(&reply.body));
            let may_be_elsewhere = matches!(reply.came, Ok(200..=399 | 400 | 404 | 405 | 410));
            if !may_be_elsewhere {
                break;
            }
        }
        // What the path that is set answers tells most.
        let (path, came) = finding.tried.remove(0);
        let what = tops.swap_remove(0);
        finding.trouble = is_good(came).then(|| format!("it cannot be read: it is {what}"));
        (finding.path, finding.came) = (path, Some(came));
        None
    }

    fn query(&self, question: &Question) -> String {
        let parameters = &self.settings.parameters;
        match question.kind {
            Kind::Bills(_) => {
                let size = self.settings.billing_page_size;
                format!("?{}=1&{}={size}", parameters.billing_page, parameters.billing_page_size)
            }
            Kind::List(_) => {
                format!("?{}=1&{}={}", parameters.page, parameters.page_size, self.settings.page_size)
            }
            Kind::Machine | Kind::Snapshot | Kind::Links | Kind::Balance | Kind::Prices | Kind::Other(_) => {
                String::new()
            }
        }
    }

    fn read_one(&self, finding: &mut Finding, body: &Bytes) {
        if let (Kind::Balance, Ok(answered)) = (finding.question.kind, single::balance(body))
            && let Item::Balance(amounts) = &*answered.value.item
        {
            finding.currencies = amounts.keys().map(ToString::to_string).collect();
        }
    }

    /// What was heard so far is kept apart from what comes.
    fn settle(&mut self) {
        self.heard.extend(self.line.take_heard());
        self.line.listen();
    }

    /// A refusal of one thing does not keep the others from being asked.
    fn renew(&mut self) -> Result<(), Failed> {
        self.settle();
        if self.line.key_refused().is_some() {
            self.line = line(self.connect, &self.settings, self.key)?;
            self.line.listen();
        }
        Ok(())
    }
}

impl Finding {
    fn new(question: Question) -> Self {
        Self {
            question,
            path: String::new(),
            came: None,
            unasked: None,
            tried: Vec::new(),
            shape: None,
            count: None,
            proof: None,
            trouble: None,
            odd_words: BTreeSet::new(),
            currencies: BTreeSet::new(),
        }
    }

    pub fn is_read(&self) -> bool {
        self.came.is_some_and(is_good) && self.shape.is_some()
    }
}

fn is_good(came: Came) -> bool {
    matches!(came, Ok(200..=299))
}

/// Whether a look would find in it what was asked for.
fn is_understood(question: &Question, body: &Bytes, object: Option<&str>) -> bool {
    let id = SnapshotId::new(object.unwrap_or_default());
    match question.kind {
        Kind::List(_) | Kind::Bills(_) | Kind::Other(_) => shape::of(question, body).is_some(),
        Kind::Machine => {
            let machine = wire::inner_object(body, &question.names()).as_ref().and_then(parse::machine);
            machine.is_some_and(|machine| Some(machine.id.as_str()) == object)
        }
        Kind::Snapshot => single::snapshot(body, &id).is_ok(),
        Kind::Links => single::links(body, &id).is_ok(),
        Kind::Balance => single::balance(body).is_ok(),
        Kind::Prices => single::prices(body).is_ok(),
    }
}
