//! What the daemon says on standard error: one line each, in the form that whoever reads it shows best.
//!
//! A terminal gets times and colours. The system's journal keeps time and service itself, and is told the
//! weight of each line by a number before it.

use std::env;
use std::fmt;
use std::io::{self, IsTerminal};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Without `RUST_LOG`; the scheduler announces its parts, which is of use to nobody.
const LOGGED: &str = "info,tokio_cron_scheduler=warn";
const ERROR: u8 = 3;

/// From now on; `RUST_LOG` chooses more or less of it.
pub fn begin() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second one is never set.
    if is_journal() {
        drop(subscriber.with_ansi(false).event_format(Weighed).try_init());
    } else {
        drop(subscriber.with_ansi(io::stderr().is_terminal()).with_target(false).try_init());
    }
}

/// The last words of a process that ends badly, so that the journal shows them as what they are.
pub fn last_words(told: &str) -> String {
    if !is_journal() {
        return told.to_owned();
    }
    told.lines().map(|line| format!("<{ERROR}>{line}\n")).collect()
}

/// Whether standard error is read by the system's journal.
fn is_journal() -> bool {
    env::var_os("JOURNAL_STREAM").is_some() && !io::stderr().is_terminal()
}

struct Weighed;

impl<S, N> FormatEvent<S, N> for Weighed
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "<{}>", weight(*event.metadata().level()))?;
        format::format()
            .without_time()
            .with_level(false)
            .with_target(false)
            .with_ansi(false)
            .format_event(context, writer, event)
    }
}

/// As syslog numbers them.
fn weight(level: Level) -> u8 {
    match level {
        Level::ERROR => ERROR,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}
