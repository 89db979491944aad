//! What the service manager is told and gives: ready, alive, ending; a socket and a key that it holds.
//!
//! Without one, all of this does nothing. Alive is who passes: a bell that rings feeds no watchdog.

use std::cell::Cell;
use std::env;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, MissedTickBehavior};

use crate::daemon::engine::Engine;
use crate::domain::backup::Life;
use crate::report::words;

/// Nothing of a pass takes so long: each page is read at most three times, and each read has its limit.
const LONGEST_STILL: Duration = Duration::from_secs(3_600);
/// The watchdog is fed so many times in each of its spans.
const MEALS: u32 = 3;
/// A start that waits for its disk says so each minute, and gets as much time again.
const MORE_TIME: Duration = Duration::from_secs(180);
/// The name under which the unit loads the key.
const CREDENTIAL: &str = "key";

/// Tells that something was done. What nobody hears is no error.
fn tell(states: &[NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(error = &error as &dyn std::error::Error, "the service manager was not told");
    }
}

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("ending")]);
}

pub(super) fn reloading() {
    let now = NotifyState::monotonic_usec_now();
    let states = [Some(NotifyState::Reloading), now.ok()];
    tell(&states.into_iter().flatten().collect::<Vec<_>>());
}

pub(super) fn degraded() {
    let said = "degraded: the journal cannot be written, so the cloud is not called";
    let micros = u32::try_from(MORE_TIME.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Status(said), NotifyState::ExtendTimeoutUsec(micros)]);
}

/// One line of how things are, after each pass.
pub(super) fn tell_status(engine: &Engine) {
    let state = engine.state();
    let good = state.backups.values().filter(|backup| backup.life == Life::Good).count();
    let head = engine.head();
    let said = format!(
        "{}: {} of {}; passed at {} UTC; head {}@{}",
        state.mode().word(),
        words::count(good, "good backup", "good backups"),
        words::count(state.fleet.machines.len(), "machine", "machines"),
        words::instant(engine.now()),
        head.hash.short(),
        head.seq
    );
    tell(&[NotifyState::Status(&said)]);
}

/// When the engine last did something: passed, or wrote an event.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Rc<Cell<Instant>>);

impl Pulse {
    pub fn new() -> Self {
        Self(Rc::new(Cell::new(Instant::now())))
    }

    pub fn felt(&self) {
        self.0.set(Instant::now());
    }

    /// Feeds the watchdog, if there is one, from the engine's own thread, for as long as it works.
    pub async fn feed(&self) {
        match sd_notify::watchdog_enabled() {
            Some(span) => self.feed_each(span / MEALS, || tell(&[NotifyState::Watchdog])).await,
            None => std::future::pending().await,
        }
    }

    async fn feed_each(&self, span: Duration, mut feed: impl FnMut()) {
        let mut interval = tokio::time::interval(span.max(Duration::from_millis(1)));
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            if self.0.get().elapsed() < LONGEST_STILL {
                feed();
            }
        }
    }
}

/// The key that the unit loaded for us, if it did.
pub(super) fn credential() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("CREDENTIALS_DIRECTORY")?).join(CREDENTIAL);
    path.exists().then_some(path)
}

/// The socket that was opened for us, if one was.
pub(super) fn inherited_socket() -> io::Result<Option<UnixListener>> {
    let Some(number) = sd_notify::listen_fds()?.next() else { return Ok(None) };
    #[expect(
        unsafe_code,
        reason = "the service manager gave this descriptor to us, and nobody else takes it"
    )]
    // SAFETY: it is open, by the protocol of LISTEN_FDS, and this is called once.
    let socket = UnixListener::from(unsafe { OwnedFd::from_raw_fd(number) });
    socket.set_nonblocking(true)?;
    Ok(Some(socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often it is fed in a span of simulated time.
    async fn meals(pulse: &Pulse, span: Duration) -> u32 {
        let meals = Cell::new(0);
        let feed = pulse.feed_each(Duration::from_secs(100), || meals.set(meals.get() + 1));
        assert!(tokio::time::timeout(span, feed).await.is_err());
        meals.get()
    }

    #[test]
    fn a_watchdog_is_fed_while_the_engine_works_and_starves_when_it_stands_still() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let pulse = Pulse::new();
            assert_eq!(meals(&pulse, Duration::from_secs(1_001)).await, 11);
            tokio::time::sleep(LONGEST_STILL).await;
            assert_eq!(meals(&pulse, Duration::from_secs(1_001)).await, 0);
            pulse.felt();
            assert_eq!(meals(&pulse, Duration::from_secs(1_001)).await, 11);
        });
    }
}
