//! `log list`, `log show` and `log export`: events as they are stored.
//!
//! They read in short batches, so that the writer beside them can tidy up in between, and end where
//! the log ended when they began.

use std::collections::VecDeque;
use std::io::{self, BufWriter, IsTerminal, Write};

use clap::Args;
use serde::Serialize;

use crate::cli::ending::Ending;
use crate::cli::place::{Found, Place};
use crate::cli::progress::Progress;
use crate::cli::{argument, screen};
use crate::domain::time::{Seconds, Timestamp};
use crate::journal::entry::{Row, Seq};
use crate::journal::reader::Reader;
use crate::journal::record::KINDS;
use crate::journal::shown;
use crate::report::foreign::{harmless, harmless_json, visible};

const AT_ONCE: usize = 4_096;
/// More than this are for `export`, which holds none of them.
const MOST_LISTED: u32 = 100_000;
/// How much of a body stands on a line of the list.
const BODY_SHOWN: usize = 100;

#[derive(Debug, Args)]
pub struct ListArguments {
    #[command(flatten)]
    place: Place,
    /// Only events of this kind
    #[arg(long, value_name = "KIND", value_parser = KINDS)]
    kind: Option<String>,
    /// Only events recorded since: an instant as RFC 3339, or so long ago as a span such as 24h
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Since>,
    /// Only events after this number
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// At most so many: the newest, or with --after or --since the first from there
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_LISTED)))]
    limit: u32,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug)]
enum Since {
    Instant(Timestamp),
    Ago(Seconds),
}

fn since(text: &str) -> Result<Since, String> {
    let rule = "must be an instant as RFC 3339, or a span such as \"24h\"";
    let instant = argument::instant(text).map(Since::Instant);
    instant.or_else(|_| argument::span(text).map(Since::Ago)).map_err(|_| rule.to_owned())
}

#[derive(Debug, Args)]
pub struct ShowArguments {
    /// The number of the event
    seq: u64,
    #[command(flatten)]
    place: Place,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct ExportArguments {
    #[command(flatten)]
    place: Place,
    /// The first event
    #[arg(long, value_name = "SEQ", default_value_t = 1)]
    from: u64,
    /// The last event [default: the last there is]
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
}

/// Raised when a field changes its meaning or goes.
const SCHEMA_VERSION: u32 = 1;

/// One event as `log show` prints it.
#[derive(Serialize)]
struct OneStored<'a> {
    schema_version: u32,
    #[serde(flatten)]
    event: Stored<'a>,
}

/// Every column as it is stored: instants in microseconds, bytes in hexadecimal digits, the body as
/// the text that its hash is of.
#[derive(Serialize)]
struct Stored<'a> {
    seq: u64,
    recorded_at: i64,
    occurred_at: Option<i64>,
    kind: &'a str,
    version: u16,
    subject: &'a str,
    key: Option<String>,
    body: &'a str,
    body_hash: String,
    prev_hash: String,
    hash: String,
}

impl ListArguments {
    pub fn list(&self) -> Result<(), Ending> {
        let found = self.place.find()?;
        let reader = Reader::open(&found.directory).map_err(Ending::failed)?;
        let rows = self.select(&found, &reader)?;
        if self.json {
            return screen::print_json(&shown::document(reader.is_simulated(), &rows));
        }
        if rows.is_empty() {
            return screen::print_read(reader.is_simulated(), |_| "no event".to_owned());
        }
        let lines: Vec<String> = rows.iter().map(line).collect();
        screen::print_read(reader.is_simulated(), |_| lines.join("\n"))
    }

    /// The first that fit, or the newest.
    fn select(&self, found: &Found, reader: &Reader) -> Result<VecDeque<Row>, Ending> {
        let limit = self.limit as usize;
        let is_from_somewhere = self.after.is_some() || self.since.is_some();
        let head = reader.head().map_err(Ending::failed)?;
        let since = self.begin(found, reader, head.seq)?;
        let fits = |row: &Row| {
            self.kind.as_ref().is_none_or(|kind| row.entry.kind == *kind)
                && since.is_none_or(|since| row.recorded_at >= since)
        };
        let newest = if self.kind.is_none() { head.seq.0.saturating_sub(u64::from(self.limit)) } else { 0 };
        let begin = if is_from_somewhere { self.after.unwrap_or(0) } else { newest };
        let mut rows = VecDeque::new();
        each(reader, Seq(begin), head.seq, |row| {
            if fits(&row) {
                if rows.len() == limit {
                    rows.pop_front();
                }
                rows.push_back(row);
            }
            Ok(!is_from_somewhere || rows.len() < limit)
        })?;
        Ok(rows)
    }

    fn begin(&self, found: &Found, reader: &Reader, end: Seq) -> Result<Option<Timestamp>, Ending> {
        let Some(since) = self.since else { return Ok(None) };
        let last = reader.read(Seq(end.0.saturating_sub(1)), 1).map_err(Ending::failed)?;
        let now = found.now(reader.is_simulated(), last.first().map(|row| row.recorded_at));
        Ok(Some(match since {
            Since::Instant(instant) => instant,
            Since::Ago(span) => now - span.duration(),
        }))
    }
}

impl ShowArguments {
    pub fn show(&self) -> Result<(), Ending> {
        let reader = Reader::open(&self.place.find()?.directory).map_err(Ending::failed)?;
        let head = reader.head().map_err(Ending::failed)?;
        if self.seq == 0 || self.seq > head.seq.0 {
            let said = format!("there is no event {}: the journal has 1 to {}", self.seq, head.seq);
            return Err(Ending::Failed(said.into()));
        }
        let rows = reader.read(Seq(self.seq - 1), 1).map_err(Ending::failed)?;
        let Some(row) = rows.first().filter(|row| row.seq.0 == self.seq) else {
            return Err(Ending::Failed(format!("event {} is missing: see log verify", self.seq).into()));
        };
        match self.json {
            true => screen::print_json(&OneStored { schema_version: SCHEMA_VERSION, event: stored(row) }),
            false => screen::print_read(reader.is_simulated(), |_| in_full(row)),
        }
    }
}

impl ExportArguments {
    pub fn export(&self) -> Result<(), Ending> {
        let reader = Reader::open(&self.place.find()?.directory).map_err(Ending::failed)?;
        let head = reader.head().map_err(Ending::failed)?;
        if self.from == 0 || self.to.is_some_and(|to| to < self.from) {
            return Err(Ending::usage("events are numbered from 1, and --to is not before --from"));
        }
        let end = Seq(self.to.map_or(head.seq.0, |to| to.min(head.seq.0)));
        let progress = Progress::start("exporting", end.0);
        let mut out = BufWriter::new(io::stdout().lock());
        each(&reader, Seq(self.from - 1), end, |row| {
            let line = harmless_json(&serde_json::to_string(&stored(&row)).map_err(Ending::failed)?);
            writeln!(out, "{line}").map_err(screen::unwritten)?;
            // On a terminal the events themselves show how far it is.
            if !io::stdout().is_terminal() {
                progress.reached(row.seq.0);
            }
            Ok(true)
        })?;
        out.flush().map_err(screen::unwritten)
    }
}

/// Hands over each row after `after` up to `end`, for as long as it is asked to.
fn each(
    reader: &Reader,
    mut after: Seq,
    end: Seq,
    mut take: impl FnMut(Row) -> Result<bool, Ending>,
) -> Result<(), Ending> {
    while after < end {
        let rows = reader.read(after, AT_ONCE).map_err(Ending::failed)?;
        let Some(last) = rows.last().map(|row| row.seq) else { return Ok(()) };
        for row in rows.into_iter().take_while(|row| row.seq <= end) {
            if !take(row)? {
                return Ok(());
            }
        }
        after = last;
    }
    Ok(())
}

fn stored(row: &Row) -> Stored<'_> {
    Stored {
        seq: row.seq.0,
        recorded_at: row.recorded_at.micros(),
        occurred_at: row.entry.occurred_at.map(Timestamp::micros),
        kind: &row.entry.kind,
        version: row.entry.version,
        subject: &row.entry.subject,
        key: row.entry.key.map(|key| key.to_string()),
        body: &row.entry.body,
        body_hash: row.body_hash.to_string(),
        prev_hash: row.prev_hash.to_string(),
        hash: row.hash.to_string(),
    }
}

fn line(row: &Row) -> String {
    let body = visible(&row.entry.body);
    let cut: String = body.chars().take(BODY_SHOWN).collect();
    let more = if cut.len() < body.len() { "…" } else { "" };
    let (seq, subject) = (row.seq, visible(&row.entry.subject));
    // Of one width; `log show` has it to the last digit.
    let at = row.recorded_at.zoned().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    format!("{seq:>8}  {at}  {:<16} {subject:<24} {cut}{more}", row.entry.kind)
}

fn in_full(row: &Row) -> String {
    let body = serde_json::from_str::<serde_json::Value>(&row.entry.body)
        .and_then(|body| serde_json::to_string_pretty(&body))
        .unwrap_or_else(|_| row.entry.body.clone());
    let optional = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    harmless(&format!(
        "seq          {}\nrecorded at  {}\noccurred at  {}\nkind         {}, version {}\nsubject      {}\n\
         key          {}\nbody hash    {}\nprev hash    {}\nhash         {}\n{body}",
        row.seq,
        row.recorded_at,
        optional(row.entry.occurred_at.map(|at| at.to_string())),
        row.entry.kind,
        row.entry.version,
        row.entry.subject,
        optional(row.entry.key.map(|key| key.to_string())),
        row.body_hash,
        row.prev_hash,
        row.hash,
    ))
}
