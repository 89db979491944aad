//! Where the journal is, and which clock its daemon lives by: from `--data-dir`, `--config`, or, where neither is
//! given, from the configuration in the usual place, if there is one.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::ending::Ending;
use crate::cli::screen;
use crate::clock::Clock;
use crate::config;
use crate::config::clock::ClockSetting;
use crate::config::fault::Faults;
use crate::config::socket::SocketSetting;
use crate::config::whereabouts::{self, Usual, Whereabouts};
use crate::daemon::engine::{self, FOLD_ID, StartError};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::journal::FILE;
use crate::journal::entry::{Head, Seq};
use crate::journal::fault::{Cause, Fault, Finding};
use crate::journal::reader::{ReadError, Reader};
use crate::report::command::Commands;
use crate::report::stops::Writer;
use crate::report::table::one_line;
use crate::report::words;

/// Rows read in one go, so that the writer beside us can tidy up in between.
const AT_ONCE: usize = 4_096;

#[derive(Debug, Args)]
pub struct Place {
    /// Where the journal is [default: that of the configuration, else /var/lib/quartermaster]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The daemon's configuration: for its `data_dir`, `[socket]` and `[clock]` [default without --data-dir:
    /// /etc/quartermaster/quartermaster.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What the configuration told, so that it is read and warned of once.
    #[arg(skip)]
    told: OnceCell<Whereabouts>,
}

/// A place that was found.
pub struct Found {
    pub directory: PathBuf,
    /// Where the daemon of this journal listens.
    pub socket: PathBuf,
    /// As they were typed: what is copied finds the same.
    pub commands: Commands,
    /// What could be named besides, where no daemon is found.
    pub unnamed: &'static str,
    clock: Option<ClockSetting>,
}

/// What a journal's events come to.
pub struct Seen {
    pub state: State,
    pub head: Head,
    pub simulated: bool,
    pub last: Option<Timestamp>,
}

impl Place {
    pub fn find(&self) -> Result<Found, Ending> {
        if self.told.get().is_none() {
            // Nobody else sets it meanwhile.
            drop(self.told.set(self.ask()?));
        }
        let told = self.told.get().cloned().unwrap_or_default();
        let directory = self.data_dir.clone().unwrap_or_else(|| told.data_dir.clone());
        // The configuration's daemon has the configuration's journal: it is not asked about another.
        let socket = match is_same(&directory, &told.data_dir) {
            true => told.socket.of(&directory),
            false => SocketSetting::default().of(&directory),
        };
        let unnamed = match (&self.data_dir, &self.config) {
            (None, None) => ", or name its journal or configuration",
            (Some(_), None) => ", or name its configuration if that sets a [socket] or a [clock]",
            (_, Some(_)) => "",
        };
        Ok(Found { directory, socket, commands: self.commands(), unnamed, clock: told.clock })
    }

    fn commands(&self) -> Commands {
        let named = [("--data-dir", &self.data_dir), ("--config", &self.config)];
        let named = named.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)));
        Commands::with(named).by(self.config.as_deref())
    }

    fn ask(&self) -> Result<Whereabouts, Ending> {
        match (&self.config, &self.data_dir) {
            (Some(file), directory) => named(file, whereabouts::load(file), directory.as_deref()),
            (None, Some(_)) => Ok(Whereabouts::default()),
            (None, None) => unnamed(Path::new(config::FILE)),
        }
    }
}

/// Reads the configuration for no more than where the journal is: a fault elsewhere in it stops nobody, and
/// is told.
fn named(
    file: &Path,
    loaded: Result<Whereabouts, Faults>,
    directory: Option<&Path>,
) -> Result<Whereabouts, Ending> {
    let name = file.display();
    match (loaded, directory) {
        (Ok(told), _) if told.faults > 0 => {
            let faults = words::count(told.faults, "fault", "faults");
            let used = directory.unwrap_or(&told.data_dir).display();
            let said = format!(
                "warning: {name} has {faults}, and is read only for where the journal is, which is {used}: see \
                 check-config"
            );
            screen::warn(&one_line(&said));
            Ok(told)
        }
        (Ok(told), _) => Ok(told),
        (Err(_), Some(directory)) => {
            let said = format!(
                "warning: {name} is refused, and --data-dir {} counts alone: see check-config",
                directory.display()
            );
            screen::warn(&one_line(&said));
            Ok(Whereabouts::default())
        }
        (Err(faults), None) => Err(Ending::Placeless(faults)),
    }
}

/// Whoever names nothing means the daemon that runs by the configuration in the usual place, `file`.
fn unnamed(file: &Path) -> Result<Whereabouts, Ending> {
    match Usual::at(file) {
        Usual::Absent => Ok(Whereabouts::default()),
        Usual::Closed => {
            let told = Whereabouts::default();
            let said = format!(
                "warning: {} may not be read by this user: the journal is taken to be in {}; name another with \
                 --data-dir DIR",
                file.display(),
                told.data_dir.display()
            );
            screen::warn(&one_line(&said));
            Ok(told)
        }
        Usual::Read(told) => named(file, Ok(told), None),
        Usual::Refused(faults) => named(file, Err(faults), None),
    }
}

/// However they are spelt; what is not there has only its spelling.
fn is_same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

impl Found {
    /// Reads beside a running daemon, or without one.
    pub fn read(&self) -> Result<Seen, Ending> {
        read(&self.directory).map_err(Ending::failed)
    }

    /// The same for whoever checks: a journal that is missing, damaged or not ours is what was looked for.
    pub fn examine(&self) -> Result<Seen, Ending> {
        read(&self.directory).map_err(examined)
    }

    /// Whether something goes on with what was seen.
    pub fn writer(&self, seen: &Seen) -> Writer {
        Writer { simulated: seen.simulated, runs: self.is_worked_on(), commands: self.commands.clone() }
    }

    /// The present as the journal's daemon has it; the time of a simulation stands still after it.
    pub fn now(&self, simulated: bool, last: Option<Timestamp>) -> Timestamp {
        let clock = self.clock.map_or_else(Clock::system, |set| Clock::scaled(set.epoch, set.scale));
        match last {
            Some(last) if simulated => last,
            last => last.into_iter().fold(clock.now(), Timestamp::max),
        }
    }

    /// The same beside a daemon whose `[clock]` nobody named: its newest event is no later than its present.
    pub fn now_of_daemon(&self) -> Timestamp {
        let newest = || {
            let reader = Reader::open(&self.directory).ok()?;
            recorded_before(&reader, reader.head().ok()?.seq).ok().flatten()
        };
        self.now(false, newest())
    }
}

/// When the event just before `after` was recorded.
fn recorded_before(reader: &Reader, after: Seq) -> Result<Option<Timestamp>, Fault> {
    let Some(last) = after.0.checked_sub(1) else { return Ok(None) };
    Ok(reader.read(Seq(last), 1)?.first().map(|row| row.recorded_at))
}

/// How a check ends that meets this.
fn examined(error: ReadError) -> Ending {
    if error.is_finding() { Ending::Findings(Box::new(error)) } else { Ending::failed(error) }
}

fn read(directory: &Path) -> Result<Seen, ReadError> {
    let reader = Reader::open(directory)?;
    let path = directory.join(FILE);
    let unread = |fault| ReadError::from_fault(&path, fault);
    let checkpoint = reader.load_checkpoint(FOLD_ID).ok().flatten();
    let restored = checkpoint.and_then(|saved| Some((State::restore(&saved.bytes)?, saved.head)));
    let (mut state, start) = restored.unwrap_or((State::default(), Head::START));
    let head = Cell::new(start);
    let mut last = recorded_before(&reader, start.seq).map_err(unread)?;
    let read = |after| {
        let rows = reader.read(after, AT_ONCE)?;
        head.set(rows.last().map_or(head.get(), |row| row.head()));
        Ok(rows)
    };
    engine::fold(&mut state, start.seq, &mut last, read).map_err(|error| unfolded(&path, error))?;
    Ok(Seen { state, head: head.get(), simulated: reader.is_simulated(), last })
}

/// What is wrong with a journal whose events could not be folded.
pub fn unfolded(path: &Path, error: StartError) -> ReadError {
    match error {
        StartError::Decode(unreadable) => {
            let cause = unreadable.source.as_ref().map_or_else(String::new, |error| format!(": {error}"));
            let place = format!("row {}: body", unreadable.seq);
            let source = Finding { place, what: format!("{unreadable}{cause}") };
            ReadError::Damaged { path: path.to_owned(), source }
        }
        StartError::Read(fault) => ReadError::from_fault(path, fault),
        // Folding opens nothing.
        StartError::Open(error) => {
            ReadError::Failed { tried: "fold the journal", path: path.to_owned(), source: Cause::new(error) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_nothing_goes_by_the_configuration_in_the_usual_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("quartermaster.toml");
        let found = || unnamed(&file).map(|told| (told.data_dir, told.socket.path));
        let usual = Whereabouts::default().data_dir;
        assert_eq!(found().unwrap(), (usual.clone(), None));
        let (data, socket) = (PathBuf::from("/srv/qm"), PathBuf::from("/run/qm.sock"));
        std::fs::write(&file, "data_dir = \"/srv/qm\"\n[socket]\npath = \"/run/qm.sock\"\n").unwrap();
        assert_eq!(found().unwrap(), (data.clone(), Some(socket.clone())));
        // A fault elsewhere stops nobody; one at the journal's own place does.
        std::fs::write(&file, "data_dir = \"/srv/qm\"\nmood = 1\n").unwrap();
        assert_eq!(found().unwrap(), (data, None));
        std::fs::write(&file, "[socket]\npath = \"/run/qm.sock\"\n").unwrap();
        assert_eq!(found().unwrap(), (usual, Some(socket)));
        std::fs::write(&file, "data_dir = 7\n").unwrap();
        assert!(matches!(found(), Err(Ending::Placeless(_))));
    }
}
