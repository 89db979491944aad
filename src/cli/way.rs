//! The two ways of a change into the journal: through the daemon that holds it, or written by ourselves.
//!
//! Either way it is judged against the present state first, and the person is told which way it went.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::ending::Ending;
use crate::cli::place::{Found, Place};
use crate::cli::screen;
use crate::daemon::admin::{Question, VERSION};
use crate::daemon::engine::{self, Folded, Replay, StartError};
use crate::daemon::inbox::Answer;
use crate::domain::ask::{Ask, judge};
use crate::domain::event::{Asked, Event};
use crate::domain::id::AskId;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::journal;
use crate::journal::lock;
use crate::journal::open::{Durability, OpenError};
use crate::journal::reader::Reader;
use crate::journal::record;

/// Longer than the daemon itself makes anybody wait.
const PATIENCE: Duration = Duration::from_secs(90);
const LONGEST_ANSWER: u64 = 1 << 16;

/// What was taken, and the event that it is.
pub struct Taken {
    pub ask: Ask,
    pub id: AskId,
    pub seq: u64,
    by_daemon: bool,
}

impl Taken {
    /// What came of it in words, and which way it went.
    pub fn tell(&self, sentence: &str) -> Result<(), Ending> {
        let way = match self.by_daemon {
            true => "the daemon took it",
            false => "no daemon runs: it was written into the journal itself",
        };
        screen::print(&format!("{sentence}\n({way})"))
    }
}

/// Who takes it.
enum Way {
    Daemon(Daemon),
    Journal { folded: Box<Folded>, now: Timestamp },
}

impl Place {
    /// A change of the journal alone: the daemon takes it, or without one we do.
    pub fn record(&self, ask: impl FnOnce(Timestamp) -> Ask) -> Result<Taken, Ending> {
        let found = self.find()?;
        match Way::find(&found)? {
            Way::Daemon(daemon) => daemon.take(ask(found.now_of_daemon())),
            Way::Journal { folded, now } => write(*folded, now, ask(now)),
        }
    }

    /// The same, for what depends on what is known now.
    pub fn record_seeing(
        &self,
        ask: impl FnOnce(&State, Timestamp) -> Result<Ask, Ending>,
    ) -> Result<Taken, Ending> {
        let found = self.find()?;
        match Way::find(&found)? {
            Way::Daemon(daemon) => {
                let seen = found.read()?;
                let now = found.now(seen.simulated, seen.last);
                daemon.take(ask(&seen.state, now)?)
            }
            Way::Journal { folded, now } => {
                let ask = ask(&folded.state, now)?;
                write(*folded, now, ask)
            }
        }
    }
}

impl Found {
    /// Whether a process is at work on this journal: it answers at its socket, or holds its lock. `None`:
    /// that cannot be told. Nothing is held meanwhile, but for the moment of one look.
    pub fn is_worked_on(&self) -> Option<bool> {
        match Daemon::reach(&self.socket) {
            Ok(Some(_)) => Some(true),
            Ok(None) => journal::is_held(&self.directory),
            // Somebody may answer there, and not to us.
            Err(_) => journal::is_held(&self.directory).filter(|is_held| *is_held),
        }
    }

    /// The same, where a daemon that is just being started anew shall not raise an alarm.
    pub fn is_worked_on_soon(&self) -> Option<bool> {
        let look = || match self.is_worked_on() {
            Some(false) => Err(()),
            told => Ok(told),
        };
        lock::patiently(look, |()| true).unwrap_or(Some(false))
    }

    /// Whether a daemon does.
    pub fn listens(&self) -> Result<(), Ending> {
        Daemon::reach(&self.socket)?.map(drop).ok_or_else(|| self.nobody())
    }

    fn nobody(&self) -> Ending {
        Ending::Unreachable(
            format!(
                "no daemon listens at {}, and only a daemon speaks with the cloud: start `quartermaster run`{}",
                self.socket.display(),
                self.unnamed
            )
            .into(),
        )
    }

    /// What only a daemon can do, since only a daemon speaks with the cloud.
    pub fn request(&self, ask: Ask) -> Result<Taken, Ending> {
        match Daemon::reach(&self.socket)? {
            Some(daemon) => daemon.take(ask),
            None => Err(self.nobody()),
        }
    }
}

impl Way {
    fn find(found: &Found) -> Result<Self, Ending> {
        // A daemon that starts or ends, or another verb, holds the journal for a moment without listening.
        lock::patiently(|| Self::try_to_find(found), |ending| matches!(ending, Ending::Busy(_)))
    }

    fn try_to_find(found: &Found) -> Result<Self, Ending> {
        if let Some(daemon) = Daemon::reach(&found.socket)? {
            return Ok(Self::Daemon(daemon));
        }
        let simulated = Reader::open(&found.directory).map_err(Ending::failed)?.is_simulated();
        let durability = if simulated { Durability::SimulatedFull } else { Durability::Full };
        let folded = engine::open(&found.directory, durability, Replay::Checkpoint);
        let folded = folded.map_err(|error| held(error, &found.directory, &found.socket))?;
        let now = found.now(simulated, folded.last);
        Ok(Self::Journal { folded: Box::new(folded), now })
    }
}

fn write(mut folded: Folded, now: Timestamp, ask: Ask) -> Result<Taken, Ending> {
    judge(&folded.state, now, &ask).map_err(Ending::failed)?;
    let head = folded.journal.head();
    let asked = Asked::new(caller()?, now, head.seq.0, ask.clone());
    let id = asked.id.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Ending::failed)?;
    runtime
        .block_on(folded.journal.append(&head, now, vec![record::encode(&Event::Asked(asked))]))
        .map_err(Ending::failed)?;
    let seq = folded.journal.head().seq.0;
    folded.journal.close().map_err(Ending::failed)?;
    Ok(Taken { ask, id, seq, by_daemon: false })
}

/// A daemon that listens.
struct Daemon {
    stream: UnixStream,
    path: PathBuf,
}

impl Daemon {
    /// Nothing where nobody listens. An error: somebody does, and not to us.
    fn reach(path: &Path) -> Result<Option<Self>, Ending> {
        match UnixStream::connect(path) {
            Ok(stream) => Ok(Some(Self { stream, path: path.to_owned() })),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                    Ok(None)
                }
                io::ErrorKind::PermissionDenied => Err(Ending::Unreachable(
                    format!(
                        "the daemon's socket {} is not open to this user: do this as root, as the daemon's \
                         user, or as one of its group ([socket], named with --config): {error}",
                        path.display()
                    )
                    .into(),
                )),
                _ => Err(Ending::Unreachable(
                    format!("reach the daemon at {}: {error}", path.display()).into(),
                )),
            },
        }
    }

    fn take(self, ask: Ask) -> Result<Taken, Ending> {
        let path = self.path.display().to_string();
        let answer = self.answer(&Question { version: VERSION, ask: ask.clone() }).map_err(|error| {
            let said = format!(
                "the daemon at {path} did not answer: {error}; `status` shows whether it took what was asked"
            );
            Ending::Unreachable(said.into())
        })?;
        match answer {
            Answer::Taken { id, seq } => Ok(Taken { ask, id, seq, by_daemon: true }),
            Answer::Refused(why) => Err(Ending::Failed(why.into())),
            Answer::NotTaken(why) => Err(Ending::Failed(format!("the daemon did not take it: {why}").into())),
            Answer::Unknown(why) => {
                Err(Ending::Unreachable(format!("not known whether the daemon took it: {why}").into()))
            }
        }
    }

    fn answer(mut self, question: &Question) -> io::Result<Answer> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.set_write_timeout(Some(PATIENCE))?;
        let mut line = serde_json::to_vec(question)?;
        line.push(b'\n');
        self.stream.write_all(&line)?;
        let mut said = Vec::new();
        BufReader::new(io::Read::take(self.stream, LONGEST_ANSWER)).read_until(b'\n', &mut said)?;
        Ok(serde_json::from_slice(&said)?)
    }
}

/// Why the journal could not be opened for writing.
fn held(error: StartError, directory: &Path, socket: &Path) -> Ending {
    let directory = directory.display();
    match error {
        StartError::Open(OpenError::Locked { .. }) => Ending::Busy(
            format!(
                "somebody holds the journal in {directory}, and no daemon listens at {}: it may be starting or \
                 ending; try again",
                socket.display()
            )
            .into(),
        ),
        other => Ending::failed(other),
    }
}

/// The user whose process this is.
pub fn caller() -> Result<u32, Ending> {
    let process = std::fs::metadata("/proc/self");
    process
        .map(|process| process.uid())
        .map_err(|error| Ending::Failed(format!("find out who asks, from /proc/self: {error}").into()))
}
