//! `test-email`: one letter now, over the way that the configuration names, and what the other side said.

use std::path::PathBuf;

use clap::Args;

use crate::cli::ending::Ending;
use crate::cli::screen;
use crate::clock::Clock;
use crate::config::{self, Email};
use crate::domain::digest::Digest;
use crate::domain::id::LetterId;
use crate::mail::form::Envelope;
use crate::mail::letter::Letter;
use crate::mail::mailer;
use crate::report::foreign::visible;

#[derive(Debug, Args)]
pub struct TestEmailArguments {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = config::FILE)]
    config: PathBuf,
}

pub fn send(arguments: &TestEmailArguments) -> Result<(), Ending> {
    let config = config::load(&arguments.config)?;
    let setting = match (&config.mail, &config.email) {
        (Some(setting), Email::Recipients(_)) => setting,
        (_, Email::Off) => return Err(refused("`email` is \"off\": nobody is to be written to")),
        (_, Email::Unset) => return Err(refused("`email` is not set: there is nobody to write to")),
        (None, Email::Recipients(_)) => return Err(refused("there is no [mail]: letters cannot leave")),
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Ending::failed)?;
    let at = Clock::system().now();
    let digest = Digest::of_fields(["test", &at.to_string()].map(str::as_bytes)).to_string();
    let id = LetterId::new(digest.get(..32).unwrap_or(&digest));
    let of = Envelope { id: &id, root: None, at };
    let letter = letter();
    let mut failed = None;
    for to in &setting.to {
        // Each is tried, whatever the others came to.
        match runtime.block_on(mailer::send(setting, &of, &letter, to)) {
            Ok(said) => screen::print(&format!("{}: {}", visible(to), visible(&said)))?,
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.map_or(Ok(()), |error| Err(Ending::failed(error)))
}

fn refused(said: &str) -> Ending {
    Ending::Failed(said.into())
}

fn letter() -> Letter {
    Letter {
        subject: "[Quartermaster] test: this is how a letter arrives".to_owned(),
        banner: None,
        happened: "Somebody ran `quartermaster test-email`.".to_owned(),
        items: Vec::new(),
        means: "Letters reach you: what goes wrong will be told to this address.".to_owned(),
        done: "Nothing else.".to_owned(),
        command: "quartermaster status".to_owned(),
        foot: "Quartermaster. A letter from the daemon says here where its journal stood.".to_owned(),
    }
}
