//! `sim serve`: the simulated cloud on a socket, and what its truth has to say about its clients.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use secrecy::ExposeSecret;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cli::argument::{self, Dialects, Faults};
use crate::cli::ending::Ending;
use crate::cli::{interrupt, scenario, screen};
use crate::clock::Clock;
use crate::config::clock::ClockSetting;
use crate::config::{key, starter};
use crate::domain::money::Nanos;
use crate::domain::policy::Mode;
use crate::domain::time::{Seconds, Timestamp};
use crate::sim::cloud::{Cloud, Start};
use crate::sim::dialect::Dialect;
use crate::sim::fault_plan::FaultPlan;
use crate::sim::replay::Replay;
use crate::sim::rules::Rules;
use crate::sim::socket;
use crate::sim::truth::{Truth, Verdicts};

const SCHEMA_VERSION: u32 = 1;
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Enough for years of the largest fleet.
const BALANCE: Nanos = Nanos(5_000_000_000_000_000);
/// Chaos without an end.
const FOR_EVER: Seconds = Seconds::days(365_000);
const KEY_DIGITS: usize = 40;

#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Address and port; port 0 takes a free one. Anything but this machine must be said here
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Simulated seconds in each real one
    #[arg(long, value_name = "FACTOR", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    speed: u32,
    /// The real instant from which time is stretched [default: now]
    #[arg(long, value_name = "RFC3339", value_parser = argument::instant)]
    epoch: Option<Timestamp>,
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    machines: u32,
    /// How the cloud differs from what is expected of it; some can be joined by +
    #[arg(long, value_name = "NAME", default_value = "plain", value_parser = Dialects::Any)]
    dialect: String,
    /// How badly the cloud behaves: none, typical, hostile or swarm, or one class of fault alone, by its
    /// code, such as F30b
    #[arg(long, value_name = "NAME", default_value = "none", value_parser = Faults)]
    faults: String,
    /// Faults end after this much simulated time [default: never]
    #[arg(long, value_name = "SPAN", value_parser = argument::span)]
    chaos_for: Option<Seconds>,
    /// Play back what `doctor --save` kept in this folder, in place of a simulation; nothing can be changed
    #[arg(long, value_name = "DIR", conflicts_with_all = ["dialect", "faults", "chaos_for", "scenario", "report", "json"])]
    replay: Option<PathBuf>,
    /// What happens to the cloud, and when: a file of steps
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The file with the key that is accepted; made, with a new key, where it is missing
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// For the judge: a delete must leave this many good backups of a policy and machine
    #[arg(long, value_name = "COUNT", default_value_t = 2)]
    min_good: usize,
    /// For the judge: this many of the newest are never deleted
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    keep_last: usize,
    /// Keep the judgement in this file, written anew each second and with each change asked for
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the judgement at the end as one JSON document; all else goes to standard error
    #[arg(long)]
    json: bool,
}

/// What the truth says of all requests so far.
#[derive(Serialize)]
struct Judged {
    schema_version: u32,
    simulated_now: Timestamp,
    duplicates: u64,
    unowned_deleted: u64,
    violations: u64,
    /// The first of each sort, in words.
    lines: Vec<String>,
    backups_taken: u64,
    backups_deleted: u64,
    /// Requests to create or delete that reached the server.
    changes_asked: u64,
    api_calls: u64,
    faults_hit: BTreeMap<&'static str, u64>,
}

pub fn serve(arguments: &ServeArguments) -> Result<(), Ending> {
    let key_file = KeyFile::choose(arguments.key_file.as_deref())?;
    let key = key::read_key(&key_file.path).map_err(|error| Ending::Configuration(Box::new(error)))?;
    let stop = interrupt::listen()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Ending::failed)?;
    let judged = runtime.block_on(async {
        let listener = TcpListener::bind(arguments.listen)
            .await
            .map_err(|error| Ending::Failed(format!("listen on {}: {error}", arguments.listen).into()))?;
        let address = listener.local_addr().map_err(Ending::failed)?;
        let epoch = arguments.epoch.unwrap_or_else(|| whole_seconds(Clock::system().now()));
        let clock = Clock::scaled(epoch, arguments.speed);
        if let Some(folder) = &arguments.replay {
            let replay = Replay::load(folder, key.expose_secret(), clock.clone());
            let replay = replay
                .map_err(|error| Ending::Failed(format!("play back {}: {error}", folder.display()).into()))?;
            arguments.announce(address, epoch, &key_file.path)?;
            tokio::select! {
                () = socket::serve(listener, replay.wire()) => {}
                () = stop.cancelled() => {}
            }
            return Ok(None);
        }
        let cloud = Cloud::new(arguments.start(clock.clone(), key.expose_secret().to_owned()));
        if let Some(path) = &arguments.scenario {
            scenario::play(path, &cloud, clock.now())?;
        }
        let changes = Changes::of(&cloud);
        arguments.announce(address, epoch, &key_file.path)?;
        tokio::select! {
            () = socket::serve(listener, cloud.local()) => {}
            () = report(&cloud, &clock, &changes, arguments.report.as_deref(), &stop) => {}
        }
        Ok::<Option<Judged>, Ending>(Some(judge(&cloud, &clock, &changes)))
    })?;
    let Some(judged) = judged else { return Ok(()) };
    if let Some(path) = &arguments.report {
        replace(path, &judged).map_err(|error| unwritten(path, &error))?;
    }
    if arguments.json { screen::print_json(&judged) } else { Ok(()) }
}

impl ServeArguments {
    fn start(&self, clock: Clock, key: String) -> Start {
        let chaos_until = clock.now() + self.chaos_for.unwrap_or(FOR_EVER);
        let faults = FaultPlan::named(&self.faults, self.seed, chaos_until);
        Start {
            seed: self.seed,
            clock,
            machines: self.machines,
            dialect: Dialect::named(&self.dialect, self.seed).unwrap_or(Dialect::plain()),
            faults: faults.unwrap_or_else(|| FaultPlan::none(self.seed)),
            key,
            rules: Rules { min_good: self.min_good, keep_last: self.keep_last, in_force: None },
            initial_balance: BALANCE,
        }
    }

    /// Where it is and how its time runs: all of what is printed is a configuration for its daemon.
    fn announce(&self, address: SocketAddr, epoch: Timestamp, key_file: &Path) -> Result<(), Ending> {
        let key_file = std::path::absolute(key_file).unwrap_or_else(|_| key_file.to_owned());
        // A journal of another simulation is not this one's past.
        let data_dir = std::env::temp_dir().join(format!("quartermaster-sim-{:08x}", fastrand::u32(..)));
        let clock = ClockSetting { scale: self.speed, epoch };
        let mode = if self.replay.is_some() { Mode::Observe } else { Mode::Enforce };
        let configuration = starter::simulated(
            &format!("http://{}/api", called(address)),
            &key_file.display().to_string(),
            &data_dir.display().to_string(),
            mode,
            clock,
        );
        let text = format!(
            "# A simulated cloud listens on {address}. This is a whole configuration for it: in a file of its own,\n\
             # such as sim.toml, it is run by `quartermaster run --config sim.toml`.\n{configuration}"
        );
        if self.json {
            screen::warn(&text);
            return Ok(());
        }
        if !io::stdout().is_terminal() {
            screen::warn(&format!(
                "a simulated cloud listens on {address}; what to run with it is on standard output"
            ));
        }
        screen::print(&text)
    }
}

/// What listens on every address is called on this machine's own: a faster clock is for no other.
fn called(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(ip) if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

/// The requests to change something so far; whoever waits hears of each.
#[derive(Default)]
struct Changes {
    asked: AtomicU64,
    heard: Notify,
}

impl Changes {
    fn of(cloud: &Cloud) -> Arc<Self> {
        let changes = Arc::new(Self::default());
        let told = changes.clone();
        cloud.on_change(Box::new(move |_| {
            told.asked.fetch_add(1, Ordering::Relaxed);
            told.heard.notify_one();
        }));
        changes
    }
}

/// Until it is told to stop.
async fn report(
    cloud: &Cloud,
    clock: &Clock,
    changes: &Changes,
    path: Option<&Path>,
    stop: &CancellationToken,
) {
    let Some(path) = path else { return stop.cancelled().await };
    loop {
        if let Err(error) = replace(path, &judge(cloud, clock, changes)) {
            screen::warn(&format!("warning: {}", unwritten(path, &error)));
        }
        tokio::select! {
            () = tokio::time::sleep(REPORT_EVERY) => {}
            () = changes.heard.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}

fn judge(cloud: &Cloud, clock: &Clock, changes: &Changes) -> Judged {
    let faults_hit = cloud.hits();
    cloud.with_truth(|truth: &Truth| {
        let Truth { duplicates, unowned_deleted, violations, .. } = truth;
        let lines = |verdicts: &Verdicts| verdicts.lines.clone();
        Judged {
            schema_version: SCHEMA_VERSION,
            simulated_now: clock.now(),
            duplicates: duplicates.count,
            unowned_deleted: unowned_deleted.count,
            violations: violations.count,
            lines: [lines(duplicates), lines(violations)].concat(),
            backups_taken: truth.backups_taken,
            backups_deleted: truth.backups_deleted,
            changes_asked: changes.asked.load(Ordering::Relaxed),
            api_calls: truth.api_calls,
            faults_hit,
        }
    })
}

/// Whoever reads it sees the old one or the new one, and nothing in between.
fn replace(path: &Path, judged: &Judged) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, serde_json::to_vec_pretty(judged)?)?;
    fs::rename(&beside, path)
}

fn unwritten(path: &Path, error: &io::Error) -> Ending {
    Ending::Failed(format!("write the report {}: {error}", path.display()).into())
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds(at.seconds())
}

/// The file with the key; one that nobody named goes when this is dropped.
struct KeyFile {
    path: PathBuf,
    is_temporary: bool,
}

impl KeyFile {
    fn choose(named: Option<&Path>) -> Result<Self, Ending> {
        let path = named.map_or_else(
            || std::env::temp_dir().join(format!("quartermaster-sim-{:08x}.key", fastrand::u32(..))),
            Path::to_owned,
        );
        let made = File::options().write(true).create_new(true).mode(0o600).open(&path);
        let written = made.and_then(|mut file| {
            let key: String = std::iter::repeat_with(fastrand::alphanumeric).take(KEY_DIGITS).collect();
            file.write_all(format!("{key}\n").as_bytes())
        });
        match written {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && named.is_some() => {}
            Err(error) => {
                let said = format!("make the key file {}: {error}", path.display());
                return Err(Ending::Failed(said.into()));
            }
            Ok(()) => {}
        }
        Ok(Self { path, is_temporary: named.is_none() })
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if self.is_temporary {
            // What cannot be removed opens nothing but a simulation.
            drop(fs::remove_file(&self.path));
        }
    }
}
