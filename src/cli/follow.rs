//! `--wait`: reads the journal until what was asked is done, refused or late, and tells the outcome.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::cli::argument;
use crate::cli::ending::Ending;
use crate::cli::interrupt;
use crate::cli::place::{Found, Seen};
use crate::cli::screen;
use crate::cli::way::Taken;
use crate::domain::backup::Life;
use crate::domain::effect::{Cause, Standing};
use crate::domain::event::{Event, Lapsed};
use crate::domain::id::AskId;
use crate::domain::plan::plan;
use crate::domain::state::EffectLife;
use crate::domain::time::Seconds;
use crate::journal::entry::Seq;
use crate::journal::reader::Reader;
use crate::journal::record;
use crate::report::asked;
use crate::report::foreign::visible;
use crate::report::words;

const POLL: Duration = Duration::from_secs(1);
/// How soon Ctrl-C is heard.
const GLANCE: Duration = Duration::from_millis(50);
const AT_ONCE: usize = 4_096;

#[derive(Debug, Args)]
pub struct Waiting {
    /// Wait until it is done or refused, and end with 0 or 1; with 77 where the cloud refuses the key
    #[arg(long)]
    wait: bool,
    /// With --wait: at most so long, in real time also where `[clock]` stretches it; then it ends with 1,
    /// and what was asked goes on
    #[arg(long, value_name = "SPAN", default_value = "2h", requires = "wait", value_parser = argument::span)]
    timeout: Seconds,
}

/// What is known of one ask at one time.
enum Sight {
    /// Not over: how far it is, and what stands in its way.
    Open(String, Option<String>),
    Done(String),
    Failed(String),
    KeyRefused(String),
}

impl Waiting {
    pub fn is_wanted(&self) -> bool {
        self.wait
    }

    /// The outcome in words.
    pub fn follow(&self, found: &Found, taken: &Taken) -> Result<String, Ending> {
        let mut shown = Line::default();
        let polls = u64::try_from(self.timeout.duration().as_millis() / POLL.as_millis()).unwrap_or(u64::MAX);
        let (mut last, mut told) = (String::new(), BTreeSet::new());
        let stop = interrupt::listen()?;
        for _ in 0..=polls {
            let seen = found.read().map_err(|ending| unseen(&ending))?;
            match sight(found, taken, &seen)? {
                Sight::Open(what, waits_for) => {
                    last = waits_for.as_ref().map_or(what.clone(), |why| format!("{what}: {why}"));
                    // Once for each reason, wherever it is read: a person may have to do something about it.
                    if waits_for.is_some_and(|why| told.insert(why)) {
                        shown.clear();
                        screen::warn(&last);
                    }
                    shown.show(&what);
                }
                Sight::Done(what) => return Ok(what),
                Sight::Failed(why) => return Err(Ending::Failed(why.into())),
                Sight::KeyRefused(why) => return Err(Ending::KeyRefused(why.into())),
            }
            for _ in 0..POLL.as_millis() / GLANCE.as_millis() {
                if stop.is_cancelled() {
                    let said = format!("no longer waited for: {last}; it goes on, and `status` shows it");
                    return Err(Ending::Failed(said.into()));
                }
                thread::sleep(GLANCE);
            }
        }
        let said = format!("not done within {}: {last}; it goes on, and `status` shows it", self.timeout);
        Err(Ending::Failed(said.into()))
    }
}

fn unseen(ending: &Ending) -> Ending {
    let why = ending.told().unwrap_or_default();
    let why = why.trim_start_matches("error: ").trim_end().to_owned();
    Ending::Failed(format!("it was asked for, and what becomes of it cannot be seen: {why}").into())
}

fn sight(found: &Found, taken: &Taken, seen: &Seen) -> Result<Sight, Ending> {
    let state = &seen.state;
    let request = state.requests.get(&taken.id);
    let life = state.effects.values().find(|life| life.effect.cause == Cause::Ask(taken.id.clone()));
    let verb = request.map(|request| &request.effect.verb).or(life.map(|life| &life.effect.verb));
    let Some(verb) = verb else {
        return Ok(match lapse(found, &taken.id, taken.seq)? {
            Some(why) => Sight::Failed(why),
            None => Sight::Failed("it was withdrawn, or another ask took its place".to_owned()),
        });
    };
    let backup = state.backups.get(verb.backup());
    let name = visible(verb.backup().as_str());
    if let Some(over) = backup.and_then(|backup| over(backup.life, verb.is_create(), &name)) {
        return Ok(over);
    }
    if let Some(no) = life.and_then(refused) {
        return Ok(Sight::Failed(no));
    }
    if let Some(refusal) = &state.key_refused {
        let said =
            format!("the cloud refuses the key (HTTP {}); what was asked waits for it", refusal.status);
        return Ok(Sight::KeyRefused(said));
    }
    if request.is_none() && !verb.is_create() {
        let why = lapse(found, &taken.id, taken.seq)?;
        return Ok(Sight::Failed(why.unwrap_or_else(|| format!("{name} was not deleted"))));
    }
    let what = match (backup.map(|backup| backup.life), verb.is_create()) {
        (Some(life), true) => format!("{name} is {}", life.word()),
        (None, true) => format!("{name} is not asked for yet"),
        (_, false) => format!("{name} is not deleted yet"),
    };
    let now = found.now(seen.simulated, seen.last);
    let hold = || plan(state, now).holds.into_iter().find(|(id, _)| id == verb.backup());
    let waits_for = request.and_then(|request| {
        let hold = if verb.is_create() { None } else { hold() };
        asked::waits_for(state, now, request, hold.as_ref().map(|(_, hold)| hold), &found.commands)
    });
    Ok(Sight::Open(what, waits_for))
}

/// What the life of a backup says of whoever made or deleted it.
fn over(life: Life, is_create: bool, name: &str) -> Option<Sight> {
    match (life, is_create) {
        (Life::Good, true) => Some(Sight::Done(format!("{name} is a good backup"))),
        (Life::Failed | Life::TimedOut | Life::Bad | Life::Vanished | Life::Deleted, true) => {
            Some(Sight::Failed(format!("{name} is {}; `status` tells more", life.word())))
        }
        (Life::Deleted | Life::Vanished, false) => Some(Sight::Done(format!("{name} is {}", life.word()))),
        (
            Life::Intended
            | Life::Requested
            | Life::Pending
            | Life::Ready
            | Life::Disputed
            | Life::DeleteIntended,
            _,
        )
        | (Life::Good | Life::Failed | Life::TimedOut | Life::Bad, false) => None,
    }
}

fn refused(life: &EffectLife) -> Option<String> {
    match &life.standing {
        Standing::Refused(refusal) => Some(format!("the cloud refused it: {}", words::refusal(refusal))),
        Standing::Failed(why) => Some(format!("it was given up: {}", visible(why))),
        Standing::Intended { .. }
        | Standing::NotSent { .. }
        | Standing::Unknown { .. }
        | Standing::Absent { .. }
        | Standing::Done => None,
    }
}

/// Why the request ended that nobody performed.
fn lapse(found: &Found, ask: &AskId, seq: u64) -> Result<Option<String>, Ending> {
    let reader = Reader::open(&found.directory).map_err(Ending::failed)?;
    let mut after = Seq(seq);
    loop {
        let rows = reader.read(after, AT_ONCE).map_err(Ending::failed)?;
        let Some(last) = rows.last() else { return Ok(None) };
        after = last.seq;
        for row in &rows {
            match record::decode(row).map_err(Ending::failed)?.event {
                Event::Lapsed(Lapsed::Request { ask: of, why }) if of == *ask => {
                    return Ok(Some(format!("it was given up: {}", visible(&why))));
                }
                _ => {}
            }
        }
    }
}

/// One line on a terminal that is written over and over.
#[derive(Default)]
struct Line {
    width: usize,
}

impl Line {
    fn show(&mut self, text: &str) {
        if io::stderr().is_terminal() {
            drop(write!(io::stderr(), "\r{text:width$}", width = self.width));
            self.width = text.chars().count();
        }
    }

    fn clear(&mut self) {
        if self.width > 0 {
            drop(write!(io::stderr(), "\r{:width$}\r", "", width = self.width));
            self.width = 0;
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.clear();
    }
}
