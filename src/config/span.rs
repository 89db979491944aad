//! Spans of time as people write them, in the configuration and on the command line.
//!
//! Nothing is rounded: what is not a whole number of seconds is refused.

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;

use crate::domain::time::Seconds;

/// Reads a span such as `24h`, `90s`, `7d` or `1h 30m`. An error is the rule that it breaks.
pub fn seconds(text: &str) -> Result<Seconds, &'static str> {
    const RULE: &str = "must be a span of time, such as \"24h\", \"90s\", \"7d\" or \"1h 30m\"";
    const PARSER: SpanParser = SpanParser::new();
    let span = PARSER.parse_span(text).map_err(|_| RULE)?;
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err("must be in weeks, days, hours, minutes and seconds: months and years differ in length");
    }
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| RULE)?;
    if duration.subsec_nanos() != 0 {
        return Err("must be in whole seconds");
    }
    u64::try_from(duration.as_secs()).map(Seconds).map_err(|_| "must not be negative")
}
