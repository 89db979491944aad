//! The line to the cloud: one request at a time, through the gates, with one `Call` for each.
//!
//! Reads may be tried again, a few times; a change never is.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, HeaderMap, HeaderValue, USER_AGENT};
use secrecy::SecretString;
use tokio::time::Instant;

use super::asking::Asking;
use super::gate::{KeyGate, KeyRefused, RateGate, Wait};
use super::heard::Heard;
use super::key::{Key, KeyError};
use super::settings::Settings;
use super::transport::{self, RawAnswer, Transport};
use super::unsent::Unsent;
use super::wire::{self, Words};
use crate::domain::event::{Answer, Call, Failure};
use crate::domain::time::{Seconds, Timestamp};

/// What a pass waits for the cloud's own limit; more than this, and it goes on without.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Before the second and any later try of a read.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// Bytes of a good answer to a read in which the key is looked for.
const LONGEST_SEARCHED: usize = 4 * 1024;

/// What was read from a good answer.
#[derive(Debug)]
pub struct Answered<T> {
    pub value: T,
    pub request_id: Option<String>,
}

/// A 2xx that is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    Unreadable,
    SaysNo,
}

/// Why a read came to nothing.
#[derive(Debug)]
pub enum ReadFailure {
    /// Nothing was sent, or nothing more.
    Gated(String),
    /// The cloud's no: a 4xx, or a 2xx that says so.
    Refused { status: u16, words: Words },
    /// Whatever went wrong, in every try.
    Failed(String),
}

/// What one answer to a read is worth.
enum Weighed<T> {
    Good(Answered<T>),
    No(Words),
    /// Worth another try; with the cloud's id of the request, if it gave one.
    Trouble(Option<String>, String),
}

pub struct Line {
    transport: Transport,
    base_url: String,
    headers: HeaderMap,
    key: Key,
    read_attempts: u8,
    rate: RateGate,
    key_gate: KeyGate,
    server_date: Option<HeaderValue>,
    /// What was asked since the look began, for whoever gives it up.
    made: Vec<Call>,
    /// The request that has no answer yet, and when it was sent.
    under_way: Option<(Call, Instant)>,
    /// The gates wait in the cloud's time, which passes `time_scale` times as fast from here on.
    origin: Instant,
    time_scale: u32,
    /// Why the last request never left, if it did not.
    unsent: Option<Unsent>,
    /// Kept only while somebody wants to know.
    heard: Option<Vec<Heard>>,
}

impl Line {
    pub fn new(transport: Transport, settings: &Settings, key: SecretString) -> Result<Self, KeyError> {
        let key = Key::new(key);
        let (name, value) = key.header(settings)?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("quartermaster/", env!("CARGO_PKG_VERSION"))),
        );
        headers.insert(name, value);
        Ok(Self {
            transport,
            base_url: settings.base_url.trim_end_matches('/').to_owned(),
            headers,
            key,
            read_attempts: settings.read_attempts.max(1),
            rate: RateGate::new(settings.rate_per_minute),
            key_gate: KeyGate::default(),
            server_date: None,
            made: Vec::new(),
            under_way: None,
            origin: Instant::now(),
            time_scale: settings.time_scale.max(1),
            unsent: None,
            heard: None,
        })
    }

    /// Asks until `parse` is content, but only so often.
    pub async fn read<T>(
        &mut self,
        asking: &Asking,
        calls: &mut Vec<Call>,
        parse: impl Fn(&Bytes) -> Result<Answered<T>, Unusable>,
    ) -> Result<T, ReadFailure> {
        let mut trouble = String::new();
        for attempt in 1..=self.read_attempts {
            if attempt > 1 {
                self.sleep(PAUSES[usize::from(attempt - 2).min(PAUSES.len() - 1)]).await;
            }
            self.pass_gates(false).await.map_err(ReadFailure::Gated)?;
            let (call, answer) = self.send(asking, attempt).await.map_err(ReadFailure::Failed)?;
            calls.push(call);
            trouble = match answer {
                Err(Failure::TooLarge) => {
                    return Err(ReadFailure::Failed(Failure::TooLarge.word().to_owned()));
                }
                Err(failure) => self.why(failure.word()),
                Ok(answer) => match self.weigh(asking, &answer, &parse) {
                    Weighed::Good(answered) => {
                        note_request_id(calls, answered.request_id);
                        return Ok(answered.value);
                    }
                    Weighed::No(words) => {
                        note_request_id(calls, words.request_id.clone());
                        return Err(ReadFailure::Refused { status: answer.status, words });
                    }
                    Weighed::Trouble(request_id, why) => {
                        note_request_id(calls, request_id);
                        why
                    }
                },
            };
        }
        Err(ReadFailure::Failed(format!("{trouble} at the last of {} tries", self.read_attempts)))
    }

    fn weigh<T>(
        &mut self,
        asking: &Asking,
        answer: &RawAnswer,
        parse: impl Fn(&Bytes) -> Result<Answered<T>, Unusable>,
    ) -> Weighed<T> {
        match answer.status {
            200..=299 => match parse(&answer.body) {
                Ok(answered) => Weighed::Good(answered),
                Err(Unusable::SaysNo) => Weighed::No(wire::words(&self.key.masked(answer.body.clone()))),
                Err(Unusable::Unreadable) => {
                    Weighed::Trouble(None, format!("an unreadable HTTP {}", answer.status))
                }
            },
            400..=407 | 409..=428 | 430..=499 => {
                if answer.status == 403 && asking.is_core {
                    self.refuse_key(answer.status);
                }
                Weighed::No(wire::words(&answer.body))
            }
            status => Weighed::Trouble(wire::words(&answer.body).request_id, format!("HTTP {status}")),
        }
    }

    /// Sends once, whatever comes back. `Err`: it was not sent, and why.
    pub async fn change(
        &mut self,
        asking: &Asking,
        calls: &mut Vec<Call>,
    ) -> Result<Result<RawAnswer, Failure>, String> {
        self.pass_gates(true).await?;
        let (call, answer) = self.send(asking, 1).await?;
        calls.push(call);
        if let Ok(answer) = &answer {
            note_request_id(calls, wire::words(&answer.body).request_id);
        }
        Ok(answer)
    }

    async fn pass_gates(&mut self, is_change: bool) -> Result<(), String> {
        loop {
            let now = self.now();
            if self.key_gate.is_shut(now, is_change) {
                return Err(self.key_words(now));
            }
            // Ends: nobody else uses the line, and every wait is until there is room.
            match self.rate.wait(now, is_change) {
                Wait::No => return Ok(()),
                Wait::Closed(left) if left > LONGEST_WAIT => return Err(rate_words(left)),
                Wait::Budget(left) if is_change && left > LONGEST_WAIT => return Err(rate_words(left)),
                Wait::Closed(left) | Wait::Budget(left) => self.sleep(left).await,
            }
        }
    }

    async fn send(
        &mut self,
        asking: &Asking,
        attempt: u8,
    ) -> Result<(Call, Result<RawAnswer, Failure>), String> {
        let request = asking.request(&self.base_url, &self.headers)?;
        let address = self.heard.as_ref().map(|_| request.uri().to_string());
        let began = Instant::now();
        self.rate.note_sent(self.now());
        let call = Call {
            method: asking.method.to_string(),
            endpoint: asking.endpoint.clone(),
            object: asking.object.clone(),
            answer: Answer::Failure(Failure::GivenUp),
            duration_ms: 0,
            request_id: None,
            attempt,
            bytes: 0,
        };
        self.under_way = Some((call.clone(), began));
        let answer = self.transport.send(request).await;
        let took = began.elapsed();
        self.unsent = answer.as_ref().err().and_then(|wrong| wrong.unsent);
        let answer = match answer {
            Ok(answer) => Ok(self.without_key(asking, answer)),
            Err(wrong) => Err(wrong.failure),
        };
        if let Ok(answer) = &answer {
            self.note_answer(asking, answer, self.now());
            self.note_heard(asking, address, answer);
        }
        let status = |answer: &RawAnswer| Answer::Status(answer.status);
        let call = Call {
            answer: answer.as_ref().map_or_else(|failure| Answer::Failure(*failure), status),
            duration_ms: milliseconds(took),
            bytes: answer.as_ref().map_or(0, |answer| answer.body.len() as u64),
            ..call
        };
        self.under_way = None;
        self.made.push(call.clone());
        Ok((call, answer))
    }

    /// Why the last request never left; `None`: it did, or nobody knows.
    pub fn unsent(&self) -> Option<Unsent> {
        self.unsent
    }

    /// A failure in words, with the reason where the last request never left.
    pub fn why(&self, failure: &str) -> String {
        let because = self.unsent.map(|unsent| format!(" ({})", unsent.words()));
        format!("{failure}{}", because.unwrap_or_default())
    }

    fn note_answer(&mut self, asking: &Asking, answer: &RawAnswer, now: Instant) {
        if answer.date.is_some() {
            self.server_date = answer.date.clone();
        }
        match answer.status {
            429 => self.rate.close(now, answer.retry_for()),
            503 if answer.retry_after.is_some() => self.rate.close(now, answer.retry_for()),
            401 => self.key_gate.refuse(now, 401),
            200..=299 if asking.is_core => self.key_gate.accept(),
            _ => {}
        }
    }

    /// From here on, every answer is kept until it is taken.
    pub fn listen(&mut self) {
        self.heard = Some(Vec::new());
    }

    pub fn take_heard(&mut self) -> Vec<Heard> {
        self.heard.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn note_heard(&mut self, asking: &Asking, address: Option<String>, answer: &RawAnswer) {
        if let (Some(heard), Some(address)) = (&mut self.heard, address) {
            let address = address.strip_prefix(&self.base_url).unwrap_or_default().to_owned();
            let (endpoint, body) = (asking.endpoint.clone(), answer.body.clone());
            heard.push(Heard { endpoint, address, status: answer.status, body });
        }
    }

    /// To a change, a 403 is judged by whoever knows the words for an account that is short of something.
    pub fn refuse_key(&mut self, status: u16) {
        self.key_gate.refuse(self.now(), status);
    }

    pub fn key_refused(&self) -> Option<KeyRefused> {
        self.key_gate.refused(self.now())
    }

    pub fn is_key_accepted(&self) -> bool {
        self.key_gate.is_accepted()
    }

    /// A line after another one, whose gate it takes over where it leads to the same cloud: not that of the key.
    pub fn go_on_from(&mut self, before: &Self) {
        if self.base_url == before.base_url {
            self.origin = before.origin;
            self.rate.go_on_from(&before.rate);
        }
    }

    /// How long nothing at all will be sent.
    pub fn gated_for(&self) -> Option<Duration> {
        let now = self.now();
        let key = self.key_gate.refused(now).map(|refused| refused.probe_in).filter(|left| !left.is_zero());
        key.max(self.rate.closed_for(now))
    }

    /// A look begins: only answers still to come tell the server's time, and only they are its own.
    pub fn begin(&mut self) {
        self.server_date = None;
        self.made.clear();
        self.under_way = None;
    }

    /// All that was asked since then, the request that nobody waits for any longer at the end.
    pub fn give_up(&mut self) -> Vec<Call> {
        let under_way = self.under_way.take();
        let under_way =
            under_way.map(|(call, began)| Call { duration_ms: milliseconds(began.elapsed()), ..call });
        self.made.drain(..).chain(under_way).collect()
    }

    /// The server's clock in the last answer that showed it.
    pub fn server_date(&self) -> Option<Timestamp> {
        transport::http_date(self.server_date.as_ref()?)
    }

    /// The present in the cloud's time.
    fn now(&self) -> Instant {
        self.origin + self.origin.elapsed() * self.time_scale
    }

    /// Sleeps for a span of the cloud's time.
    async fn sleep(&self, span: Duration) {
        tokio::time::sleep(span / self.time_scale).await;
    }

    fn key_words(&self, now: Instant) -> String {
        let refused = self.key_gate.refused(now);
        let (status, left) =
            refused.map_or((401, Duration::ZERO), |refused| (refused.status, refused.probe_in));
        format!("the key was refused (HTTP {status}); tried again in {}", Seconds(whole_seconds(left)))
    }

    /// Long good answers to reads are listings, which say nothing of keys; all else is searched.
    fn without_key(&self, asking: &Asking, mut answer: RawAnswer) -> RawAnswer {
        answer.body = wire::without_mark(answer.body);
        let is_good = (200..=299).contains(&answer.status) && asking.method == Method::GET;
        if !is_good || answer.body.len() <= LONGEST_SEARCHED {
            answer.body = self.key.masked(answer.body);
        }
        answer
    }
}

/// It says nothing: whatever it could say is an address or a key.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// Of the answer to the last call.
fn note_request_id(calls: &mut [Call], request_id: Option<String>) {
    if let Some(call) = calls.last_mut() {
        call.request_id = request_id;
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn rate_words(left: Duration) -> String {
    format!("rate limited for another {}", Seconds(whole_seconds(left)))
}

fn whole_seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}
