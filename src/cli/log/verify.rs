//! `log verify`: every row hashed again, every event read, and the end compared with a noted head.

use std::path::Path;
use std::str::FromStr;

use clap::Args;
use serde::Serialize;

use crate::cli::ending::{Ending, Reason};
use crate::cli::place::{Place, unfolded};
use crate::cli::progress::Progress;
use crate::cli::screen;
use crate::daemon::engine;
use crate::domain::event::{Event, Recorded};
use crate::domain::proof;
use crate::domain::state::State;
use crate::journal::FILE;
use crate::journal::entry::Seq;
use crate::journal::fault::{Fault, Finding};
use crate::journal::reader::{ReadError, Reader};
use crate::journal::verify::{self, Report};
use crate::report::words;

const SCHEMA_VERSION: u32 = 1;
const AT_ONCE: usize = 4_096;
/// Digits of a hash that are shown elsewhere, and enough to compare.
const FEWEST_DIGITS: usize = 12;

#[derive(Debug, Args)]
pub struct VerifyArguments {
    #[command(flatten)]
    place: Place,
    /// A head that was noted earlier, such as 0123456789ab@4711: the log must still contain it
    #[arg(long, value_name = "HEAD@SEQ")]
    head: Option<NotedHead>,
    /// Derive the proof of each deletion again, from the events before it alone
    #[arg(long)]
    proofs: bool,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

/// The beginning of a hash, or all of it, and the row it is of.
#[derive(Clone, Debug)]
struct NotedHead {
    digits: String,
    seq: Seq,
}

impl FromStr for NotedHead {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "must be 12 to 64 hexadecimal digits, @, and the number of the row";
        let (digits, seq) = text.trim().split_once('@').ok_or(RULE)?;
        let is_hash = (FEWEST_DIGITS..=64).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let seq = seq.parse().ok().filter(|_| is_hash).ok_or(RULE)?;
        Ok(Self { digits: digits.to_ascii_lowercase(), seq: Seq(seq) })
    }
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    ok: bool,
    events: Option<u64>,
    head: Option<String>,
    simulated: Option<bool>,
    /// Deletions whose proof was derived again; only where that was asked for.
    proofs: Option<u64>,
    finding: Option<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    place: &'a str,
    what: &'a str,
}

pub fn verify(arguments: &VerifyArguments) -> Result<(), Ending> {
    let directory = arguments.place.find()?.directory;
    match examine(&directory, arguments.head.as_ref(), arguments.proofs) {
        Ok((report, proven)) => show(arguments.json, &report, Some(proven).filter(|_| arguments.proofs)),
        Err(error) if error.is_finding() => {
            if arguments.json {
                let (place, what) = match &error {
                    ReadError::Damaged { source, .. } => (source.place.clone(), source.what.clone()),
                    other => (FILE.to_owned(), other.to_string()),
                };
                let told = Told { place: &place, what: &what };
                let document = Document {
                    schema_version: SCHEMA_VERSION,
                    ok: false,
                    events: None,
                    head: None,
                    simulated: None,
                    proofs: None,
                    finding: Some(told),
                };
                screen::print_json(&document)?;
            }
            // What is no journal at all is called so, as everywhere.
            let reason: Reason = match Reader::open(&directory) {
                Err(foreign @ ReadError::Foreign { .. }) => Box::new(foreign),
                Ok(_) | Err(_) => Box::new(error),
            };
            Err(Ending::Findings(reason))
        }
        Err(other) => Err(Ending::failed(other)),
    }
}

fn show(json: bool, report: &Report, proofs: Option<u64>) -> Result<(), Ending> {
    let Report { head, simulated, .. } = report;
    if json {
        return screen::print_json(&Document {
            schema_version: SCHEMA_VERSION,
            ok: true,
            events: Some(head.seq.0),
            head: Some(head.hash.to_string()),
            simulated: Some(*simulated),
            proofs,
            finding: None,
        });
    }
    let origin = if *simulated { "SIMULATED: these are the events of a simulated cloud.\n" } else { "" };
    let events = head.seq;
    let proofs = proofs.map_or_else(String::new, |count| {
        let deletions = words::count(count as usize, "deletion", "deletions");
        format!("\nok: the proofs of {deletions} derive again from the events before them")
    });
    screen::print(&format!(
        "{origin}ok: {events} events, the chain holds, and each can be read{proofs}\nhead {head}"
    ))
}

/// The second is how many deletions were proven again.
fn examine(
    directory: &Path,
    noted: Option<&NotedHead>,
    with_proofs: bool,
) -> Result<(Report, u64), ReadError> {
    let progress = |what| {
        let rows = Reader::open(directory).ok().and_then(|reader| reader.head().ok());
        Progress::start(what, rows.map_or(0, |head| head.seq.0))
    };
    let hashing = progress("hashing");
    let report = verify::verify_with(directory, &|seq| hashing.reached(seq.0))?;
    drop(hashing);
    let reader = Reader::open(directory)?;
    let reading = progress("reading");
    let path = directory.join(FILE);
    let read = |after: Seq| {
        reading.reached(after.0);
        reader.read(after, AT_ONCE)
    };
    let mut state = State::default();
    let (mut proven, mut unproven) = (0, None);
    let each = |before: &State, recorded: &Recorded| {
        let Event::Intended(intended) = &recorded.event else { return };
        if !with_proofs || intended.effect.verb.is_create() || unproven.is_some() {
            return;
        }
        match proof::objection(before, recorded.at, intended) {
            None => proven += 1,
            Some(what) => {
                let place = format!(
                    "row {}: the proof of the deletion of {}",
                    recorded.seq,
                    intended.effect.verb.backup()
                );
                unproven = Some(Finding { place, what });
            }
        }
    };
    engine::fold_with(&mut state, Seq::START, &mut None, read, each)
        .map_err(|error| unfolded(&path, error))?;
    if let Some(source) = unproven {
        return Err(ReadError::Damaged { path, source });
    }
    // What the revisions sum to was judged before each was written: a journal that contradicts itself
    // was not written by this program.
    if let Some(what) = state.ledger.faults().into_iter().next() {
        let source = Finding { place: "the billing ledger".to_owned(), what };
        return Err(ReadError::Damaged { path, source });
    }
    match noted.map(|noted| compare(&reader, noted)) {
        None | Some(Ok(())) => Ok((report, proven)),
        Some(Err(fault)) => Err(ReadError::from_fault(&path, fault)),
    }
}

/// Whether the log still has the row that a head was noted of.
fn compare(reader: &Reader, noted: &NotedHead) -> Result<(), Fault> {
    let before = Seq(noted.seq.0.saturating_sub(1));
    let rows = reader.read(before, 1)?;
    let what = match rows.first().filter(|row| row.seq == noted.seq) {
        None => "the log ends before it: what was noted has been cut off".to_owned(),
        Some(row) if row.hash.to_string().starts_with(&noted.digits) => return Ok(()),
        Some(row) => format!("the log has {} there, not {}…: it was rewritten", row.hash, noted.digits),
    };
    Err(Finding { place: format!("row {}: hash", noted.seq), what }.into())
}
