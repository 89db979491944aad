//! Standard output and error: each text is out at once; a closed pipe is an end, not a panic.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::cli::ending::Ending;
use crate::report::foreign::harmless_json;
use crate::report::table::{Paper, Tone};
use crate::report::words;

/// Of a terminal that does not tell its own.
const USUAL_WIDTH: usize = 80;

/// Writes the text and the end of its last line.
pub fn print(text: &str) -> Result<(), Ending> {
    write(text).map_err(unwritten)
}

/// What a failed write to standard output means.
pub fn unwritten(error: io::Error) -> Ending {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ending::Unread,
        _ => Ending::Failed(format!("write to standard output: {error}").into()),
    }
}

/// Writes one JSON document.
pub fn print_json(value: &impl Serialize) -> Result<(), Ending> {
    print(&harmless_json(&serde_json::to_string_pretty(value).map_err(Ending::failed)?))
}

/// Says something on standard error; if nobody can read it, nothing is lost.
pub fn warn(text: &str) {
    drop(writeln!(io::stderr(), "{}", text.trim_end_matches('\n')));
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.trim_end_matches('\n').as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

/// A terminal gives its width, and takes colour unless somebody said otherwise.
pub fn paper() -> Paper {
    let out = io::stdout();
    if !out.is_terminal() {
        return Paper::default();
    }
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let size = rustix::termios::tcgetwinsize(&out).ok();
    let width = size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0);
    Paper { width: Some(width.unwrap_or(USUAL_WIDTH)), colour: !is_set("NO_COLOR") && !is_dumb() }
}

/// A terminal that can only write one line after another.
pub fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Writes what was read of a journal; a simulated one says so first.
pub fn print_read(is_simulated: bool, text: impl FnOnce(Paper) -> String) -> Result<(), Ending> {
    let paper = paper();
    if is_simulated {
        print(&paper.toned(&paper.wrap(words::SIMULATED), Tone::Warning))?;
    }
    print(&text(paper))
}
