//! How a command ends otherwise than well: each kind is an exit code that scripts may rely on.

use std::error::Error;
use std::fmt::Write;

use crate::config::fault::Faults;
use crate::report::foreign::harmless;

/// What went wrong, with its causes.
pub type Reason = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Ending {
    #[error(transparent)]
    Failed(Reason),
    #[error(transparent)]
    Usage(Reason),
    /// What was checked is not as it should be.
    #[error(transparent)]
    Findings(Reason),
    /// The same where nothing is broken, and it was said already.
    #[error("something was found to look at")]
    Warned,
    /// No daemon listens, or it does not answer.
    #[error(transparent)]
    Unreachable(Reason),
    /// Somebody else holds the journal.
    #[error(transparent)]
    Busy(Reason),
    /// The cloud does not accept the key.
    #[error(transparent)]
    KeyRefused(Reason),
    #[error(transparent)]
    Configuration(Reason),
    /// Its text names file, line and column, and stands for itself.
    #[error(transparent)]
    Refused(#[from] Faults),
    /// The same, of a file that was to tell where a journal is.
    #[error(transparent)]
    Placeless(Faults),
    /// Whoever read our output has stopped: nothing is wrong, and nobody is left to be told.
    #[error("nobody reads the output any more")]
    Unread,
}

/// Every exit code, for those who read and those who script; a test holds it against [`Ending::code`].
pub const CODES: [(u8, &str); 8] = [
    (0, "Done; also where whoever read the output stopped reading."),
    (1, "Failed: the last lines on standard error say at what, and why."),
    (2, "Usage: the command line is not right; nothing was done."),
    (
        3,
        "Findings: what was checked is not as it should be (`log verify`, `log rebuild`, `status --check`, `doctor`). \
         To `log verify` and `status --check`, a journal that is missing, empty, damaged or not ours is a finding; other \
         verbs fail at it.",
    ),
    (4, "No daemon answers, and what was asked needs one."),
    (75, "Busy: another process holds the journal."),
    (77, "The cloud does not accept the key."),
    (78, "The configuration or the key file is refused; nothing was started."),
];

impl Ending {
    pub fn failed(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Failed(Box::new(error))
    }

    pub fn usage(said: impl Into<Reason>) -> Self {
        Self::Usage(said.into())
    }

    pub fn code(&self) -> u8 {
        match self {
            Self::Unread => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Findings(_) | Self::Warned => 3,
            Self::Unreachable(_) => 4,
            Self::Busy(_) => 75,
            Self::KeyRefused(_) => 77,
            Self::Configuration(_) | Self::Refused(_) | Self::Placeless(_) => 78,
        }
    }

    /// What the last lines on standard error say, causes and all.
    pub fn told(&self) -> Option<String> {
        match self {
            Self::Unread | Self::Warned => None,
            Self::Refused(faults) => Some(harmless(&faults.to_string())),
            Self::Placeless(faults) => Some(harmless(&format!(
                "{faults}\nthe journal that it is about is found all the same with --data-dir DIR, where DIR is its \
                 directory"
            ))),
            Self::Failed(reason)
            | Self::Usage(reason)
            | Self::Findings(reason)
            | Self::Unreachable(reason)
            | Self::Busy(reason)
            | Self::KeyRefused(reason)
            | Self::Configuration(reason) => Some(chain(reason.as_ref())),
        }
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  because {error}");
        cause = error.source();
    }
    harmless(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_published() {
        let reason = || Reason::from("x");
        let endings = [
            Ending::Unread,
            Ending::Failed(reason()),
            Ending::Usage(reason()),
            Ending::Findings(reason()),
            Ending::Unreachable(reason()),
            Ending::Busy(reason()),
            Ending::KeyRefused(reason()),
            Ending::Configuration(reason()),
        ];
        let codes: Vec<u8> = endings.iter().map(Ending::code).collect();
        assert_eq!(codes, CODES.map(|(code, _)| code));
    }
}
