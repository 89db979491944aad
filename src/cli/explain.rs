//! `explain`: one thing, with every event that is about it and what the rules make of it.
//!
//! It folds all events anew, from the first: a proof is derived again from what stood before it.

use clap::Args;

use crate::cli::ending::Ending;
use crate::cli::place::Place;
use crate::cli::progress::Progress;
use crate::cli::screen;
use crate::daemon::engine;
use crate::domain::state::State;
use crate::journal::entry::Seq;
use crate::journal::reader::Reader;
use crate::report::explain::Listener;
use crate::report::explain_text;
use crate::report::foreign::visible;
use crate::report::subject::Subject;

/// Rows read in one go, so that the writer beside us can tidy up in between.
const AT_ONCE: usize = 4_096;
/// A second time tells what a name learned in the first is about; there is nothing to learn in it.
const MOST_TIMES: usize = 2;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  quartermaster explain qm-trainer-1-n2v3xf4e7b
  quartermaster explain BRK-100001S
  quartermaster explain machine:trainer-1
  quartermaster explain daily/trainer-1/2026-03-01T02:00:00Z")]
pub struct ExplainArguments {
    /// A backup, snapshot, machine or policy by its id or name, or a slot as
    /// POLICY/MACHINE/INSTANT; `machine:`, `policy:` or `backup:` before it where it could be two
    #[arg(value_name = "ID|NAME|SLOT")]
    what: String,
    /// Every row of every list; without it the newest ten
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    place: Place,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

impl ExplainArguments {
    pub fn explain(&self) -> Result<(), Ending> {
        let found = self.place.find()?;
        let seen = found.read()?;
        let now = found.now(seen.simulated, seen.last);
        let subject = Subject::find(&seen.state, &self.what).map_err(Ending::usage)?;
        let reader = Reader::open(&found.directory).map_err(Ending::failed)?;
        let mut listener = Listener::new(subject);
        for _ in 0..MOST_TIMES {
            hear_all(&reader, seen.head.seq, &mut listener)?;
            let Some(again) = listener.again() else { break };
            listener = again;
        }
        let explained = listener.explain(&seen.state, now, &found.writer(&seen)).ok_or_else(|| {
            let what = visible(&self.what);
            Ending::Failed(format!("neither the state nor any event knows {what}; see the lists").into())
        })?;
        match self.json {
            true => screen::print_json(&explained),
            false => screen::print_read(explained.simulated, |paper| {
                explain_text::text(&explained, self.all, paper)
            }),
        }
    }
}

fn hear_all(reader: &Reader, end: Seq, listener: &mut Listener) -> Result<(), Ending> {
    let progress = Progress::start("reading events", end.0);
    let read = |after: Seq| {
        progress.reached(after.0);
        let mut rows = reader.read(after, AT_ONCE)?;
        // What came since the state was read is left for the next time.
        rows.retain(|row| row.seq <= end);
        Ok(rows)
    };
    let each = |before: &State, recorded: &_| listener.hear(before, recorded);
    let mut state = State::default();
    engine::fold_with(&mut state, Seq::START, &mut None, read, each).map_err(Ending::failed)
}
