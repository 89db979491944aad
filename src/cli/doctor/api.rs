//! What the cloud answered, as checks: what works, what to set, what stays unknown.

use std::fmt::Write;

use crate::barrack::parse::Listing;
use crate::barrack::probe::form::{Form, Verdict};
use crate::barrack::probe::question::Kind;
use crate::barrack::probe::{Came, Finding, Findings, Proof, Unasked, parameter};
use crate::barrack::settings::Settings;
use crate::config::Config;
use crate::config::cloud::spelled;
use crate::config::show::quoted;
use crate::domain::policy::Images;
use crate::domain::time::Seconds;
use crate::report::doctor::Checks;
use crate::report::foreign::visible;

/// In real time: from the cloud's date in an answer to our reading it.
const SLOWEST_ANSWER: Seconds = Seconds(10);

/// How the key came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Taken,
    Refused,
    Unknown,
}

pub fn check(findings: &Findings, config: &Config, checks: &mut Checks) -> Key {
    let key = check_key(findings, config, checks);
    if let Some(base_url) = &findings.other_base {
        let seen = format!("{} answers every key alike, and {base_url} does not", config.cloud.base_url);
        checks.warn("cloud.base_url", seen, format!("set base_url = {}", quoted(base_url)));
    }
    for finding in &findings.answers {
        check_one(finding, config, checks);
    }
    for finding in &findings.parameters {
        check_parameter(finding, checks);
    }
    if let Some(micros) = findings.skew_micros {
        let scale = config.clock.map_or(1, |set| set.scale);
        check_skew(micros, tolerance(config.rules.skew, scale), checks);
    }
    key
}

fn check_key(findings: &Findings, config: &Config, checks: &mut Checks) -> Key {
    let set = Form::of(&Settings::of(&config.cloud, 1));
    let tried = findings.forms.tried.len();
    match &findings.forms.verdict {
        Verdict::Taken(form) if *form == set => {
            checks.ok("cloud key", format!("it is taken as `{}`", shown(form)));
            Key::Taken
        }
        Verdict::Taken(form) => {
            let first = findings.forms.tried.first().map(|(_, came)| words(*came)).unwrap_or_default();
            let seen = format!("`{}` is answered with {first}, `{}` is taken", shown(&set), shown(form));
            let todo = format!(
                "set key_header = {} and key_scheme = {}",
                quoted(spelled(&form.header)),
                quoted(&form.scheme)
            );
            checks.warn("cloud key", seen, todo);
            Key::Taken
        }
        Verdict::Refused(status) => {
            let seen = format!("HTTP {status} to it under each of {tried} headers, as to a wrong key");
            checks.fail("cloud key", seen, "check that the key is the account's, whole and not revoked");
            Key::Refused
        }
        Verdict::Unclear(Err(failure)) => {
            let because = findings.forms.unsent.map(|unsent| format!(" ({})", unsent.words()));
            let (base_url, because) = (&config.cloud.base_url, because.unwrap_or_default());
            let seen = format!("no answer from {base_url}: {}{because}", failure.word());
            checks.fail("cloud", seen, "check cloud.base_url, the name server, the way out and the clock");
            Key::Unknown
        }
        Verdict::Unclear(Ok(status)) => {
            let seen = format!("HTTP {status} from {} whatever the key", config.cloud.base_url);
            let todo = match status {
                429 => "wait until the limit of calls is over, and ask again",
                500.. => "the cloud is in trouble: ask again later",
                _ => "check cloud.base_url: it is not where the API is",
            };
            checks.fail("cloud", seen, todo);
            Key::Unknown
        }
    }
}

/// The header as it is sent, without the key.
fn shown(form: &Form) -> String {
    let header = spelled(&form.header);
    match form.scheme.as_str() {
        "" => format!("{header}: KEY"),
        scheme => format!("{header}: {scheme} KEY"),
    }
}

fn words(came: Came) -> String {
    match came {
        Ok(status) => format!("HTTP {status}"),
        Err(failure) => failure.word().to_owned(),
    }
}

fn check_one(finding: &Finding, config: &Config, checks: &mut Checks) {
    let subject = format!("cloud.paths.{}", finding.question.setting);
    let Some(came) = finding.came else {
        check_unasked(finding.unasked, &subject, checks);
        return;
    };
    if !finding.is_read() {
        check_unread(finding, came, &subject, config, checks);
        return;
    }
    let seen = format!("{} {}", finding.path, seen(finding));
    let set = finding.tried.first();
    if let Some((set, came)) = set {
        let todo = format!("set [cloud.paths] {} = {}", finding.question.setting, quoted(&finding.path));
        checks.warn(&subject, format!("{set} is answered with {}; {seen}", words(*came)), todo);
    } else if let Some(trouble) = &finding.trouble {
        let todo = "nothing is deleted while a list is not known to be whole: ask again later";
        checks.fail(&subject, format!("{seen}; but {}", visible(trouble)), todo);
    } else {
        checks.ok(&subject, seen);
    }
    check_fields(finding, &subject, checks);
    if !finding.odd_words.is_empty() {
        let (none, some): (Vec<_>, Vec<_>) =
            finding.odd_words.iter().partition(|word| word.trim().is_empty());
        let some: Vec<String> = some.into_iter().map(|word| visible(word)).collect();
        let unknown = (!some.is_empty()).then(|| format!("states that nobody knows: {}", some.join(", ")));
        let absent = (!none.is_empty()).then(|| "some have no state at all".to_owned());
        let seen = unknown.into_iter().chain(absent).collect::<Vec<_>>().join("; ");
        checks.warn(&subject, seen, "they count as neither good nor bad; tell us what that means");
    }
}

fn check_unasked(unasked: Option<Unasked>, subject: &str, checks: &mut Checks) {
    let words = |listing| match listing {
        Listing::Machines => ("machine", "machines"),
        Listing::Snapshots => ("snapshot", "snapshots"),
        Listing::Images => ("image", "images"),
    };
    let (why, todo) = match unasked {
        Some(Unasked::NoneListed(listing)) => {
            let why = format!("there is no {} yet to ask about", words(listing).0);
            (why, "run the doctor again after the first one")
        }
        Some(Unasked::ListUnread(listing)) => {
            let (one, many) = words(listing);
            let why =
                format!("no {one} is known to ask about, for the list of {many} could not be read whole");
            (why, "run the doctor again once it can be")
        }
        None => ("unknown why".to_owned(), "run the doctor again"),
    };
    checks.skip(subject, format!("not asked: {why}"), todo);
}

fn check_unread(finding: &Finding, came: Came, subject: &str, config: &Config, checks: &mut Checks) {
    let others: Vec<&str> = finding.tried.iter().map(|(path, _)| path.as_str()).collect();
    let beside = if others.is_empty() { String::new() } else { format!("; nor is it {}", others.join(", ")) };
    let trouble = finding.trouble.as_ref().map(|trouble| format!(", and {}", visible(trouble)));
    let seen = format!("{}: {}{}{beside}", finding.path, words(came), trouble.unwrap_or_default());
    let todo = match finding.question.kind {
        _ if finding.question.is_needed => {
            "nothing works without it: ask the provider for its path, and set it"
        }
        Kind::List(Listing::Images) | Kind::Links if config.cloud.images == Images::Absent => {
            checks.ok(subject, format!("{seen}; images = \"absent\" says that there are none"));
            return;
        }
        Kind::List(Listing::Images) | Kind::Links => {
            "if this account makes no images, say so: images = \"absent\"; else nothing is deleted by itself"
        }
        Kind::Balance => "without it nobody is warned before the credits end; ask the provider for its path",
        Kind::Prices => "costs are known from billing records only",
        Kind::Bills(_) => "costs are known from list prices only",
        Kind::List(_) | Kind::Machine | Kind::Snapshot | Kind::Other(_) => {
            checks.ok(subject, format!("{seen}; nothing rests on it"));
            return;
        }
    };
    match finding.question.is_needed {
        true => checks.fail(subject, seen, todo),
        false => checks.warn(subject, seen, todo),
    }
}

/// What an answer that can be read looks like.
fn seen(finding: &Finding) -> String {
    let mut text = finding.came.map(words).unwrap_or_default();
    let Some(shape) = &finding.shape else { return text };
    let place = match shape.under.as_slice() {
        [] if shape.items.is_some() => "as a bare list".to_owned(),
        [] => "without a name around it".to_owned(),
        names => format!("under `{}`", visible(&names.join("."))),
    };
    // Writing to a string cannot fail.
    _ = match finding.count.or(shape.items) {
        Some(count) => write!(text, ", {count} {place}"),
        None => write!(text, ", {place}"),
    };
    if let Some(id) = shape.fields.first().and_then(|field| field.spelt).filter(|spelt| *spelt != "id") {
        _ = write!(text, ", ids in `{id}`");
    }
    if !finding.currencies.is_empty() {
        let currencies: Vec<&str> = finding.currencies.iter().map(String::as_str).collect();
        _ = write!(text, ", in {}", currencies.join(" and "));
    }
    match finding.proof {
        Some(Proof::Total) => text.push_str(", whole by the total on each page"),
        Some(Proof::TwoWalks) => text.push_str(", whole if two walks agree: no total can be trusted"),
        None => {}
    }
    text
}

fn check_fields(finding: &Finding, subject: &str, checks: &mut Checks) {
    let Some(shape) = &finding.shape else { return };
    let of = shape.items.unwrap_or(1);
    // A running record has no end, and whoever made a snapshot may have said nothing of it.
    let matters = |what: &str| !matches!(what, "end" | "description" | "snapshot");
    let missing: Vec<String> = shape
        .fields
        .iter()
        .filter(|field| field.missing > 0 && matters(field.what))
        .map(|field| match field.missing {
            all if all == of => field.what.to_owned(),
            some => format!("{} in {some} of {of}", field.what),
        })
        .collect();
    if !missing.is_empty() {
        let seen = format!("missing on the first page: {}", missing.join(", "));
        checks.warn(subject, seen, "what is missing is shown as unknown");
    }
}

fn check_parameter(finding: &parameter::Finding, checks: &mut Checks) {
    let subject = format!("cloud.parameters.{}", finding.setting);
    match &finding.heeded {
        Some(heeded) if *heeded == finding.was_set => {
            checks.ok(&subject, format!("`{heeded}` is heeded"));
        }
        Some(heeded) => {
            let seen = format!("`{}` is not heeded, `{heeded}` is", finding.was_set);
            let todo = format!("set [cloud.parameters] {} = {}", finding.setting, quoted(heeded));
            checks.warn(&subject, seen, todo);
        }
        None => {
            let seen = format!("none is heeded of `{}`, {}", finding.was_set, finding.tried.join(", "));
            checks.warn(&subject, seen, "where lists come whole this is no harm");
        }
    }
}

/// An answer's way takes a while, which a clock of our own makes longer.
fn tolerance(skew: Seconds, scale: u32) -> Seconds {
    let is_real = scale <= 1;
    if is_real { skew } else { skew.max(Seconds(SLOWEST_ANSWER.0.saturating_mul(u64::from(scale)))) }
}

fn check_skew(micros: i64, bound: Seconds, checks: &mut Checks) {
    let seconds = Seconds(micros.unsigned_abs() / 1_000_000);
    let way = if micros < 0 { "behind" } else { "ahead of" };
    let seen = format!("the cloud's clock is {seconds} {way} ours");
    if seconds > bound {
        checks.fail("clock", seen, "set this machine's clock (such as by chrony): deletions wait for it");
    } else {
        checks.ok("clock", seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_takes_on_its_way_is_no_wrong_clock_however_fast_it_runs() {
        let verdict = |seconds: i64, scale| {
            let mut checks = Checks::default();
            check_skew(-seconds * 1_000_000, tolerance(Seconds::minutes(2), scale), &mut checks);
            checks.has_failed()
        };
        assert!(!verdict(120, 1) && verdict(121, 1));
        assert!(!verdict(3_600, 3_600) && !verdict(36_000, 3_600), "ten seconds of ours");
        assert!(verdict(36_001, 3_600));
    }
}
