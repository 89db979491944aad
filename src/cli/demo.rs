//! `demo`: the daemon at work against a simulated cloud, watched line by line, or as fast as it can.

use std::cell::RefCell;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::cli::argument::{self, Dialects, Faults};
use crate::cli::ending::Ending;
use crate::cli::folder::Folder;
use crate::cli::progress::Progress;
use crate::cli::{interrupt, screen};
use crate::clock::Clock;
use crate::daemon::engine::Engine;
use crate::daemon::outside::Outside;
use crate::daemon::publish::{self, Publisher};
use crate::domain::event::Recorded;
use crate::domain::policy::Retention;
use crate::domain::state::State;
use crate::domain::time::Seconds;
use crate::rehearsal::narrate::{Line, Narrator};
use crate::rehearsal::pace::Pace;
use crate::rehearsal::run::{self, Onlooker};
use crate::rehearsal::setup::Setup;
use crate::rehearsal::summary::Summary;
use crate::report::command::Commands;
use crate::sim::dialect::Dialect;

/// What a watched day takes, in real time.
const DAY: Duration = Duration::from_secs(10);
/// A watched demo goes on for this long, if nobody ends it.
const WATCHED: Seconds = Seconds::days(365);

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Simulate this much time as fast as possible, instead of showing it until Ctrl-C
    #[arg(long = "for", value_name = "SPAN", value_parser = argument::span)]
    length: Option<Seconds>,
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    machines: u32,
    /// How many of the newest backups the policy keeps of each machine
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    keep_last: u32,
    /// The same seed gives the same run
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How badly the cloud behaves: none, typical, hostile or swarm, or one class of fault alone, by its
    /// code, such as F30b; the last fifth of the time, at least 3 and at most 14 days, is calm
    #[arg(long, value_name = "NAME", default_value = "none", value_parser = Faults)]
    faults: String,
    /// How the cloud differs from what is expected of it; some can be joined by +
    #[arg(long, value_name = "NAME", default_value = "plain", value_parser = Dialects::Untold)]
    dialect: String,
    /// Address of this machine for the page of the watched demo; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0", value_parser = loopback, conflicts_with = "length")]
    listen: SocketAddr,
    /// Wait for the disk with each commit, as `run` does
    #[arg(long)]
    durable: bool,
    /// Keep the journal here; the directory must not hold one yet
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// One JSON document at the end, and nothing else
    #[arg(long, requires = "length")]
    json: bool,
}

pub fn demo(arguments: &DemoArguments) -> Result<(), Ending> {
    let folder = Folder::choose(arguments.data_dir.as_deref())?;
    let stop = interrupt::listen()?;
    let setup = Setup {
        length: arguments.length.unwrap_or(WATCHED),
        machines: arguments.machines,
        keep_last: arguments.keep_last,
        also: Retention::default(),
        is_varied: false,
        seed: arguments.seed,
        faults: arguments.faults.clone(),
        dialect: Dialect::named(&arguments.dialect, arguments.seed).unwrap_or(Dialect::plain()),
        durable: arguments.durable,
        directory: folder.path().to_owned(),
        disturbances: Vec::new(),
    };
    if setup.faults != "none" && setup.calm_begins() <= setup.begins() {
        screen::warn(
            "warning: the last 3 days are calm, so no fault strikes within this time: take `--for 5d` or more",
        );
    }
    let summary = match arguments.length {
        Some(_) => {
            let progress = Progress::start("of the simulated time", setup.length.0);
            run::run(&setup, Rc::new(RefCell::new(Hurry { stop, progress }))).map_err(Ending::failed)?
        }
        None => watch(&setup, arguments.listen, stop)?,
    };
    if arguments.json {
        screen::print_json(&summary)?;
    } else {
        screen::print(&summary.in_words())?;
    }
    judge(&summary)
}

fn judge(summary: &Summary) -> Result<(), Ending> {
    if summary.is_clean() {
        return Ok(());
    }
    Err(Ending::Failed("the rehearsal was not clean; its summary says how".into()))
}

/// What the page shows is simulated, and still nobody else's business.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr = text.parse().map_err(|_| "an address with a port, such as 127.0.0.1:9477")?;
    if address.ip().is_loopback() { Ok(address) } else { Err("an address of this machine only".to_owned()) }
}

fn watch(setup: &Setup, address: SocketAddr, stop: CancellationToken) -> Result<Summary, Ending> {
    let failed = |error| Ending::Failed(format!("listen on {address}: {error}").into());
    let listener = TcpListener::bind(address).map_err(failed)?;
    screen::print(&introduction(setup, listener.local_addr().map_err(failed)?))?;
    // A runtime and a thread of its own: the engine's paused clock would jump while it waits for a socket.
    let (outside, _inbox) = Outside::open(stop.clone()).map_err(failed)?;
    let commands = Commands::with([("--data-dir", &*setup.directory)]);
    let publisher = publish::show(listener, &setup.directory, commands, &outside).map_err(failed)?;
    let show = Show { narrator: Narrator::default(), pace: Pace::new(DAY), publisher, stop, broken: None };
    let show = Rc::new(RefCell::new(show));
    let summary = run::run(setup, show.clone()).map_err(Ending::failed)?;
    match show.borrow_mut().broken.take() {
        Some(ending) => Err(ending),
        None => screen::print("").map(|()| summary),
    }
}

fn introduction(setup: &Setup, address: SocketAddr) -> String {
    format!(
        "This is a SIMULATED cloud inside this process: no network, no account, nothing real is touched.\n\
         The daemon is the real one, in enforce mode: {} machines, one policy, a backup of each daily at 02:00,\n\
         the newest {} kept. A scripted person approves what needs approval. A day takes 10 s. Ctrl-C ends it.\n\
         Its page: http://{address}/\n\n\
         {:<21}{:<10}{:<13}{:<29}detail",
        setup.machines, setup.keep_last, "simulated time (UTC)", "what", "machine", "backup"
    )
}

/// As fast as it can, until somebody ends it.
struct Hurry {
    stop: CancellationToken,
    progress: Progress,
}

impl Onlooker for Hurry {
    fn pausing(&mut self, _: &State, clock: &Clock, _: Duration) -> bool {
        self.progress.reached(clock.elapsed().as_secs());
        !self.stop.is_cancelled()
    }
}

/// One line for each happening, at a pace that can be followed.
struct Show {
    narrator: Narrator,
    pace: Pace,
    publisher: Publisher,
    stop: CancellationToken,
    /// Why no more lines can be written.
    broken: Option<Ending>,
}

impl Onlooker for Show {
    fn recorded(&mut self, state: &State, recorded: &Recorded) {
        let lines = self.narrator.recorded(state, recorded);
        self.tell(&lines);
    }

    fn passed(&mut self, engine: &Engine) {
        self.publisher.passed(engine);
    }

    fn pausing(&mut self, state: &State, clock: &Clock, pause: Duration) -> bool {
        let lines = self.narrator.paused(state, clock.now());
        self.tell(&lines);
        let is_over = || self.stop.is_cancelled();
        self.broken.is_none() && self.pace.wait(clock.elapsed() + pause, is_over)
    }
}

impl Show {
    fn tell(&mut self, lines: &[Line]) {
        for line in lines {
            if self.broken.is_none() {
                self.broken = screen::print(&line.to_string()).err();
            }
        }
    }
}
