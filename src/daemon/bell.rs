//! The bell: rings the engine every few seconds, so that no timer that went wrong can keep it asleep.
//!
//! It carries no information: what is due, the pass finds out by itself. It runs on a thread of its
//! own, and the engine goes on without it.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// The one job that the scheduler has; in UTC.
const CRON: &str = "*/15 * * * * *";
/// Beside it: a scheduler that has stalled never fires again.
const INTERVAL: Duration = Duration::from_secs(60);

/// Rings `bell` until the process ends.
pub fn start(bell: Arc<Notify>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ring = move || runtime.block_on(ring(bell));
    thread::Builder::new().name("bell".to_owned()).spawn(ring).map(drop)
}

async fn ring(bell: Arc<Notify>) {
    let scheduler = schedule(bell.clone()).await;
    if let Err(error) = &scheduler {
        tracing::warn!(error = error as &dyn std::error::Error, "no cron bell; the interval rings alone");
    }
    let mut interval = tokio::time::interval(INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        bell.notify_one();
    }
}

/// The scheduler runs for as long as what this gives lives.
async fn schedule(bell: Arc<Notify>) -> Result<JobScheduler, JobSchedulerError> {
    let scheduler = JobScheduler::new().await?;
    let job = Job::new_async(CRON, move |_, _| {
        let bell = bell.clone();
        Box::pin(async move { bell.notify_one() })
    })?;
    scheduler.add(job).await?;
    scheduler.start().await?;
    Ok(scheduler)
}
