//! Busy checks: asks a command or an address whether a machine may be snapshotted, and writes it down.
//!
//! The domain says which slots are to be asked about and reads the answers; nothing is decided here.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::barrack::inquiry;
use crate::daemon::engine::{Engine, Trouble};
use crate::domain::busy::{Asks, BusyCheck};
use crate::domain::due;
use crate::domain::event::{BusyAnswered, Event};
use crate::domain::slot::Slot;
use crate::domain::time::Timestamp;

/// Who answers.
#[derive(Clone, Debug)]
pub enum Answers {
    /// A function, in simulated time, where nothing outside may be waited for. `None`: not busy.
    Scripted(fn(&Slot, Timestamp) -> Option<String>),
    /// What the configuration names.
    Asked,
}

/// Each may take a minute, and everything else waits; the others are asked in the next pass.
const MOST_IN_A_PASS: usize = 4;
/// How often a command is looked at until it ends.
const POLL: Duration = Duration::from_millis(20);

impl Engine {
    /// Asks about the slots that only wait for an answer.
    pub(super) async fn ask_busy(&mut self) -> Result<(), Trouble> {
        for slot in due::busy_checks(&self.state, self.clock.now()).into_iter().take(MOST_IN_A_PASS) {
            let check = self.state.policy(&slot.policy).and_then(|policy| policy.timing.busy_check.clone());
            let Some(check) = check else { continue };
            let known = self.state.fleet.machines.get(&slot.machine);
            let name = known.map(|known| known.item.name.clone()).unwrap_or_default();
            let answers = self.answers.clone();
            let busy = tokio::select! {
                busy = ask(&answers, &check, &slot, (&name, self.clock.now())) => busy,
                () = self.stop.cancelled() => return Ok(()),
            };
            self.record(vec![Event::BusyAnswered(BusyAnswered { slot, busy })]).await?;
        }
        Ok(())
    }
}

/// Why it counts as busy; `None`: it is not.
async fn ask(
    answers: &Answers,
    check: &BusyCheck,
    slot: &Slot,
    (machine_name, now): (&str, Timestamp),
) -> Option<String> {
    let timeout = check.timeout.duration();
    match (answers, &check.asks) {
        (Answers::Scripted(busy), _) => busy(slot, now),
        (Answers::Asked, Asks::Command(words)) => run(words, slot, machine_name, timeout).await,
        (Answers::Asked, Asks::Url(url)) => {
            match inquiry::status_of(url, slot.machine.as_str(), timeout).await {
                Ok(200..=299) => None,
                Ok(status) => Some(format!("HTTP {status}")),
                Err(why) => Some(why),
            }
        }
    }
}

async fn run(words: &[String], slot: &Slot, machine_name: &str, timeout: Duration) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("QUARTERMASTER_MACHINE", slot.machine.as_str());
    command.env("QUARTERMASTER_MACHINE_NAME", machine_name);
    match command.spawn() {
        Ok(child) => ended(&mut Guard(child), timeout).await,
        Err(error) => Some(format!("its command could not be started: {error}")),
    }
}

/// Ends the process with whoever waits for it.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end, and its exit was read.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn ended(guard: &mut Guard, timeout: Duration) -> Option<String> {
    let polls = timeout.as_millis() / POLL.as_millis();
    for _ in 0..=polls {
        match guard.0.try_wait() {
            Ok(Some(status)) if status.success() => return None,
            Ok(Some(status)) => return Some(status.to_string()),
            Ok(None) => tokio::time::sleep(POLL).await,
            Err(error) => return Some(format!("its command could not be waited for: {error}")),
        }
    }
    Some(format!("no answer within {} s", timeout.as_secs()))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::domain::id::{MachineId, PolicyName};
    use crate::domain::time::Seconds;

    fn asked(asks: Asks, timeout: Seconds) -> Option<String> {
        let (policy, machine) = (PolicyName::new("p"), MachineId::new("BRK-1D"));
        let slot = Slot { policy, machine, due: Timestamp::EPOCH };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let check = BusyCheck { asks, timeout };
        runtime.block_on(ask(&Answers::Asked, &check, &slot, ("trainer-1", Timestamp::EPOCH)))
    }

    /// A slow machine is not busy.
    fn command(words: &[&str]) -> Option<String> {
        command_within(words, Seconds(120))
    }

    fn command_within(words: &[&str], timeout: Seconds) -> Option<String> {
        asked(Asks::Command(words.iter().map(|word| (*word).to_owned()).collect()), timeout)
    }

    #[test]
    fn a_command_that_ends_well_says_idle_and_any_other_end_says_busy() {
        assert_eq!(command(&["true"]), None);
        assert_eq!(command(&["false"]), Some("exit status: 1".to_owned()));
        assert!(command(&["/nowhere/idle"]).unwrap().starts_with("its command could not be started"));
    }

    #[test]
    fn a_command_that_does_not_end_is_ended_and_counts_as_busy() {
        assert_eq!(command_within(&["sleep", "3600"], Seconds(1)), Some("no answer within 1 s".to_owned()));
    }

    #[test]
    fn no_shell_reads_the_words_and_the_machine_is_in_the_environment() {
        assert_eq!(command(&["test", "$HOME; true", "=", "$HOME; true"]), None);
        let script = "test \"$QUARTERMASTER_MACHINE $QUARTERMASTER_MACHINE_NAME\" = \"BRK-1D trainer-1\"";
        assert_eq!(command(&["sh", "-c", script]), None);
    }

    /// One answer on a free port, and what it was asked.
    fn web(answer: &'static str) -> (Option<String>, String) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/idle?a=b", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 2048];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let busy = asked(Asks::Url(url), Seconds(120));
        (busy, server.join().unwrap())
    }

    #[test]
    fn an_address_that_answers_with_success_says_idle_and_no_redirect_is_followed() {
        let (busy, request) = web("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(busy, None);
        assert!(request.starts_with("GET /idle?a=b&machine=BRK-1D HTTP/1.1"), "{request}");
        let (busy, _) = web("HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(busy, Some("HTTP 302".to_owned()));
        let (busy, _) = web("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(busy, Some("HTTP 503".to_owned()));
    }
}
