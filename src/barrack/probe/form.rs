//! How the key is shown: the forms seen in the field are tried, and judged beside a key that is wrong.
//!
//! A path that answers everybody alike proves nothing about a key; then another one is asked.

use secrecy::SecretString;

use super::{Came, Connect, Failed, Reply, ask};
use crate::barrack::settings::Settings;
use crate::barrack::unsent::Unsent;
use crate::domain::event::Failure;

/// A header, and the word before the key in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    pub header: String,
    pub scheme: String,
}

const KNOWN: [(&str, &str); 4] =
    [("Authorization", "Bearer"), ("X-API-Key", ""), ("api_key", ""), ("Authorization", "Api-Key")];

/// No key of anybody.
const WRONG: &str = "quartermaster-doctor-asks-with-a-wrong-key";

#[derive(Debug)]
pub struct Forms {
    /// Each with what came back.
    pub tried: Vec<(Form, Came)>,
    pub verdict: Verdict,
    /// Why not even the last question left, if it did not.
    pub unsent: Option<Unsent>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Taken(Form),
    /// Every form was answered as a wrong key is.
    Refused(u16),
    /// Nothing can be said: no answer, or the same one whatever the key.
    Unclear(Came),
}

impl Form {
    pub fn of(settings: &Settings) -> Self {
        Self { header: settings.key_header.clone(), scheme: settings.key_scheme.clone() }
    }

    pub fn put(&self, settings: &mut Settings) {
        settings.key_header = self.header.clone();
        settings.key_scheme = self.scheme.clone();
    }

    fn is(&self, header: &str, scheme: &str) -> bool {
        self.header.eq_ignore_ascii_case(header) && self.scheme == scheme
    }
}

/// The one that is set first, then the others.
fn forms(settings: &Settings) -> Vec<Form> {
    let set = Form::of(settings);
    let others = KNOWN.iter().filter(|(header, scheme)| !set.is(header, scheme));
    let others: Vec<Form> = others
        .map(|(header, scheme)| Form { header: (*header).to_owned(), scheme: (*scheme).to_owned() })
        .collect();
    [set].into_iter().chain(others).collect()
}

pub async fn find(connect: &Connect<'_>, settings: &Settings, key: &SecretString) -> Result<Forms, Failed> {
    let mut all = Vec::new();
    let (mut last, mut unsent) = (None, None);
    // The second tells nobody anything without a key, where the first may.
    for path in [&settings.paths.prices, &settings.paths.machines] {
        let wrong = answer(connect, settings, &Form::of(settings), &WRONG.to_owned().into(), path).await?;
        unsent = wrong.unsent;
        let wrong = wrong.came;
        let mut tried = Vec::new();
        for form in forms(settings) {
            let answer = answer(connect, settings, &form, key, path).await?.came;
            let is_taken = is_heard(answer) && answer != wrong;
            tried.push((form.clone(), answer));
            if is_taken {
                return Ok(Forms { tried, verdict: Verdict::Taken(form), unsent: None });
            }
            // Without any answer there is none to a better form.
            if wrong.is_err() && answer.is_err() {
                break;
            }
        }
        all = tried;
        last = Some(wrong);
        if !matches!(wrong, Ok(200..=299 | 404)) {
            break;
        }
    }
    let wrong = last.unwrap_or(Err(Failure::NeverSent));
    let verdict = match wrong {
        Ok(status @ (401 | 403)) => Verdict::Refused(status),
        other => Verdict::Unclear(other),
    };
    Ok(Forms { tried: all, verdict, unsent })
}

fn is_heard(answer: Came) -> bool {
    matches!(answer, Ok(status) if !matches!(status, 401 | 403 | 429 | 500..))
}

async fn answer(
    connect: &Connect<'_>,
    settings: &Settings,
    form: &Form,
    key: &SecretString,
    path: &str,
) -> Result<Reply, Failed> {
    let mut settings = Settings { read_attempts: 1, ..settings.clone() };
    form.put(&mut settings);
    let mut line = super::line(connect, &settings, key)?;
    Ok(ask(&mut line, path, None, String::new()).await)
}
