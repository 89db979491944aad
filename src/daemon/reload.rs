//! Reloading: the configuration file is read again while the daemon runs.
//!
//! A file that is refused changes nothing: the policies, the key and the addresses of the one before
//! go on, and every fault is written down. What is accepted is adopted whole.

use std::path::{self, Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::barrack::client::Client;
use crate::barrack::settings::Settings;
use crate::barrack::transport::Transport;
use crate::config::{self, Config};
use crate::daemon::begin::read_key;
use crate::daemon::engine::{Engine, Trouble};
use crate::daemon::run::RunError;
use crate::daemon::tell::chain;
use crate::domain::event::{Event, Reloaded};
use crate::domain::fleet::Scope;

/// Who asks for it, and which file is read.
pub struct Reload {
    pub asked: Arc<Notify>,
    pub file: PathBuf,
}

impl Engine {
    /// Between two passes. `started` is what the process was started with: what only a start takes from
    /// the file is written down, and stays as it is until then.
    pub async fn reload(&mut self, file: &Path, started: &Config) -> Result<(), Trouble> {
        // Whoever reads of it stands elsewhere than the daemon.
        let name = path::absolute(file).unwrap_or_else(|_| file.to_owned()).display().to_string();
        let (config, client) = match read(file, started) {
            Ok(read) => read,
            Err(faults) => return self.refuse(name, faults).await,
        };
        for warning in &config.warnings {
            tracing::warn!(line = warning.line, "{}", warning.said);
        }
        let policies = config.policy_set(self.clock.now());
        let (faults, restart) = (Vec::new(), config.waits_for_restart(started));
        let mut events = vec![Event::Reloaded(Reloaded { file: name, faults, restart })];
        if self.state.adopted.as_ref().is_none_or(|adopted| adopted.set != policies) {
            events.push(Event::PoliciesAdopted(policies));
        }
        self.record(events).await?;
        let before = std::mem::replace(&mut self.client, client);
        self.client.go_on_from(&before);
        self.post.obey(config.mail);
        if self.state.key_refused.is_some() {
            // Whether the key is accepted now is asked at once: the next look may be many minutes away.
            self.look(&Scope::Machines).await?;
        }
        Ok(())
    }

    /// The policies of before go on.
    pub async fn refuse(&mut self, file: String, faults: Vec<String>) -> Result<(), Trouble> {
        self.record(vec![Event::Reloaded(Reloaded { file, faults, restart: Vec::new() })]).await
    }
}

/// The new configuration and a client made of it, or every fault, each on a line of its own.
fn read(file: &Path, started: &Config) -> Result<(Config, Client), Vec<String>> {
    let config = config::load(file).map_err(|faults| faults.lines())?;
    let client = client(&config, started).map_err(|error| vec![chain(&error)])?;
    Ok((config, client))
}

fn client(config: &Config, started: &Config) -> Result<Client, RunError> {
    let key = read_key(&config.cloud)?;
    let settings = Settings::of(&config.cloud, started.clock.map_or(1, |set| set.scale));
    Ok(Client::new(Transport::network(&settings)?, settings, key)?)
}
