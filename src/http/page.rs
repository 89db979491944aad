//! The page: five questions, answered in the order in which people ask them, without a script.
//!
//! Whatever the cloud chose is made visible before it gets here, and escaped when it is written.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use sha2::{Digest, Sha256};

use super::answers::plain;
use super::banner::{Banner, banners};
use super::credits::{Credits, credits};
use super::fresh::{Fresh, fresh};
use super::listen::Shown;
use super::present::{Live, Present};
use super::shelf::{ShelfPage, Wanted, shelf};
use crate::domain::time::Timestamp;
use crate::report::agenda::ToCome;
use crate::report::foreign::{harmless, visible};
use crate::report::plan::Planned;
use crate::report::status::Status;
use crate::report::words::{instant, size, span};

/// What comes next, on the page; the JSON has all.
const STEPS: usize = 12;
/// Reasons, and names under each.
const REASONS: usize = 20;
const NAMES: usize = 4;

const STYLE: &str = include_str!("../../templates/page.css");

/// Nothing but the style above, by its hash, and the picture in the page itself.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = BASE64.encode(&Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    // Base64 is plain ASCII; a header takes all of it.
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    style: &'static str,
    version: &'static str,
    banners: Vec<Banner>,
    content: Option<Content<'a>>,
}

/// What there is to show once events were folded.
struct Content<'a> {
    as_of: String,
    mode: &'static str,
    mode_since: Option<String>,
    fresh: Fresh,
    credits: Credits,
    steps: Vec<Step>,
    more_steps: usize,
    held: Vec<Reason>,
    more_held: usize,
    shelf: ShelfPage,
    looks: [(&'static str, String); 2],
    head: &'a str,
    events: u64,
    journal: String,
}

struct Step {
    wait: String,
    at: String,
    what: &'static str,
    about: String,
}

/// Why something waits, and what does.
struct Reason {
    what: &'static str,
    why: String,
    count: usize,
    names: String,
    /// What a person could type.
    commands: Vec<String>,
}

impl Reason {
    fn needs_person(&self) -> bool {
        !self.commands.is_empty() || self.why.contains("a person") || self.why.contains("`quartermaster")
    }
}

pub async fn page(State(shown): State<Shown>, wanted: Result<Query<Wanted>, QueryRejection>) -> Response {
    let present = shown.present.borrow().clone();
    let wanted = wanted.map(|Query(wanted)| wanted).unwrap_or_default();
    // A large fleet takes a while: not on the thread that answers everybody.
    let written = tokio::task::spawn_blocking(move || html(&present, &wanted)).await;
    let Ok(Ok(html)) = written else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "the page cannot be written");
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
    ];
    (headers, html).into_response()
}

/// The whole page as text.
pub fn html(present: &Present, wanted: &Wanted) -> Result<String, askama::Error> {
    let (status, content) = match present {
        Present::Replaying | Present::Degraded { .. } => (None, None),
        Present::Live(live) => {
            let status = Status::of(&live.state, live.now, live.source());
            let content = content(live, &status, wanted);
            (Some(status), Some(content))
        }
    };
    let banners = banners(present, status.as_ref());
    Page { style: STYLE, version: env!("CARGO_PKG_VERSION"), banners, content }.render()
}

fn content<'a>(live: &'a Live, status: &Status, wanted: &Wanted) -> Content<'a> {
    let (state, now) = (&*live.state, live.now);
    let writer = live.writer();
    let planned = Planned::of(state, now, &writer);
    let seen =
        |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| format!("{} ago", span(now.since(at))));
    let mut steps = steps(&planned);
    let more_steps = steps.len().saturating_sub(STEPS);
    steps.truncate(STEPS);
    let mut held = held(status, &planned);
    let more_held = held.len().saturating_sub(REASONS);
    held.truncate(REASONS);
    Content {
        as_of: instant(now),
        mode: status.mode.map_or("no mode yet", |mode| mode.word()),
        mode_since: status.mode_since.map(instant),
        fresh: fresh(state, now),
        credits: credits(state, now, &status.money),
        steps,
        more_steps,
        held,
        more_held,
        shelf: shelf(state, now, &writer, wanted),
        looks: [("machines", seen(status.machines_seen_at)), ("snapshots", seen(status.snapshots_seen_at))],
        head: &live.process.head,
        events: live.seq,
        journal: size(i64::try_from(live.process.journal_bytes).unwrap_or(i64::MAX)),
    }
}

/// What comes next; what befalls many at one time is one step.
fn steps(planned: &Planned) -> Vec<Step> {
    let now = planned.now;
    let together = planned.agenda.chunk_by(|one, other| (one.at, one.what) == (other.at, other.what));
    let step = |these: &[ToCome]| {
        let first = these.first()?;
        let names = these.iter().map(|one| visible(&one.about)).filter(|name| !name.is_empty());
        Some(Step {
            wait: span(first.at.since(now)),
            at: instant(first.at),
            what: first.what,
            about: few(names.collect()),
        })
    };
    together.filter_map(step).collect()
}

/// The first names, and how many more.
fn few(names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMES);
    let shown = names.into_iter().take(NAMES).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// What waits, put together by why it does: first what waits for a person.
fn held(status: &Status, planned: &Planned) -> Vec<Reason> {
    let mut together: BTreeMap<(&'static str, String), Vec<String>> = BTreeMap::new();
    for shelf in &status.shelves {
        if let Some(held) = &shelf.held {
            let name = format!("{} of {}", visible(shelf.policy.as_str()), visible(&shelf.machine_name));
            together.entry(("backup due", held.why.clone())).or_default().push(name);
        }
    }
    let by_hand: Vec<&str> = planned.requests.iter().map(|request| request.backup.as_str()).collect();
    for held in planned.held.iter().filter(|held| !by_hand.contains(&held.backup.as_str())) {
        let name = visible(held.backup.as_str());
        // Each grace has its own end; what comes next tells when.
        let why = held.why.split_once(" until ").map_or(&*held.why, |(why, _)| why);
        let why = if why.starts_with("grace") { why } else { &*held.why };
        together.entry(("deletion", why.to_owned())).or_default().push(name);
    }
    for request in &planned.requests {
        let why = request.held.clone().unwrap_or_else(|| "goes with the next pass that may".to_owned());
        together.entry(("asked by hand", why)).or_default().push(visible(request.backup.as_str()));
    }
    for effect in &status.open_effects {
        let name = format!("{} {}", effect.verb, visible(effect.backup.as_str()));
        together.entry(("not known yet", effect.why.to_owned())).or_default().push(name);
    }
    let reason = |((what, why), names): ((&'static str, String), Vec<String>)| Reason {
        what,
        why: harmless(&why),
        count: names.len(),
        names: few(names),
        commands: Vec::new(),
    };
    let mut reasons: Vec<Reason> = Vec::new();
    reasons.extend(status.suspects.iter().map(|suspect| Reason {
        what: "looks like ours",
        why: "it is not in the journal, and holds the deletions of its machine".to_owned(),
        count: 1,
        names: visible(&suspect.name),
        commands: suspect.commands.iter().map(|command| visible(command)).collect(),
    }));
    reasons.extend(together.into_iter().map(reason));
    reasons.sort_by_key(|reason| !reason.needs_person());
    reasons
}
