//! When a policy's backups may start: allowed hours, jitter, catching up, busy checks.
//!
//! It judges each word by itself and together with the others; it never looks at a clock.

use super::section::{Found, Notes, Section};
use crate::domain::busy::{Asks, BusyCheck};
use crate::domain::time::Seconds;
use crate::domain::timing::{CatchUp, Timing, Window};

const CATCH_UP: [(&str, CatchUp); 2] = [("latest", CatchUp::Latest), ("none", CatchUp::None)];
/// There is one so far; it stands in the file so that nobody must guess.
const OVERLAP: [(&str, ()); 1] = [("skip", ())];
const CHECK_TIMEOUT: Seconds = Seconds(10);
/// A pass waits for the answer, and everything else waits for the pass.
const LONGEST_CHECK: Seconds = Seconds(60);

pub fn read(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<Timing> {
    let before = notes.faults.len();
    let window = section.text("window", notes).and_then(|found| window(&found, notes));
    let jitter = section.span_of("jitter", Seconds(0), notes);
    let catch_up = section.word("catch_up", &CATCH_UP, notes).map_or(CatchUp::Latest, |found| found.value);
    let catch_up_window = section.span_of("catch_up_window", Seconds(1), notes);
    if let (CatchUp::None, Some(found)) = (catch_up, &catch_up_window) {
        let written = found.clone().map(|_| ());
        notes.refuse(&written, "says nothing beside catch_up = \"none\"; leave one of them out");
    }
    section.word("overlap", &OVERLAP, notes);
    let busy_check = busy_check(section, notes);
    let timing = Timing {
        window,
        jitter: jitter.map_or(Seconds(0), |found| found.value),
        catch_up,
        catch_up_window: catch_up_window.map(|found| found.value),
        busy_check,
    };
    (notes.faults.len() == before).then_some(timing)
}

fn window(found: &Found<&str>, notes: &mut Notes<'_>) -> Option<Window> {
    match found.value.parse() {
        Ok(window) => Some(window),
        Err(rule) => {
            notes.refuse::<&str>(found, rule);
            None
        }
    }
}

fn busy_check(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<BusyCheck> {
    let mut inner = section.within("busy_check", notes);
    if !inner.is_present() {
        return None;
    }
    let command = inner.texts("command", notes);
    let url = inner.text("url", notes);
    let timeout = inner.span_of("timeout", Seconds(1), notes);
    let asks = match (command, &url) {
        (Some(words), None) => Some(Asks::Command(words.iter().map(|word| word.value.to_owned()).collect())),
        (None, Some(found)) if is_web_address(found.value) => Some(Asks::Url(found.value.to_owned())),
        (None, Some(found)) => {
            notes.refuse(found, "must begin with http:// or https:// and name a host");
            None
        }
        (Some(_), Some(found)) => {
            notes.refuse(found, "stands beside `command`; one of the two is asked, not both");
            None
        }
        (None, None) if inner.is_absent("command") && inner.is_absent("url") => {
            notes.missing(&inner, "command", "it must be a list of words, or `url` must be set");
            None
        }
        (None, None) => None,
    };
    if let Some(found) = timeout.as_ref().filter(|found| found.value > LONGEST_CHECK) {
        notes.refuse(found, format!("must be at most {LONGEST_CHECK}"));
    }
    inner.finish(notes);
    Some(BusyCheck { asks: asks?, timeout: timeout.map_or(CHECK_TIMEOUT, |found| found.value) })
}

fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(|b| b.is_ascii_graphic())
    })
}
