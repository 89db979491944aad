//! Post: how letters leave the daemon, and how it hears what became of them.
//!
//! Letters are sent one at a time beside the engine, which never waits for it: it shows what waits
//! and takes the tries when it comes by.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use crate::clock::Clock;
use crate::config::mail::MailSetting;
use crate::daemon::outside::Outside;
use crate::daemon::tell::chain;
use crate::domain::alert::event::LetterTried;
use crate::domain::alert::standing::Waiting;
use crate::domain::id::LetterId;
use crate::domain::state::State;
use crate::mail::form::Envelope;
use crate::mail::letter;
use crate::mail::mailer;
use crate::mail::memory::Memory;
use crate::report::foreign::visible;

/// Tries that the engine did not take yet; the one who sends waits for it.
const UNTAKEN: usize = 16;
/// After a try that failed: the shortest wait, and the longest after many.
const SHORTEST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(1_800);
const MOST_DOUBLINGS: u32 = 6;

/// Closed: one way for each place where a daemon runs.
pub enum Post {
    /// Letters stay where they are: in the journal.
    Nobody,
    /// In simulated time, where nothing outside may be waited for.
    Memory(Memory),
    /// Beside the engine.
    Outside(Postbox),
}

/// The engine's end of it.
pub struct Postbox {
    shown: watch::Sender<Shown>,
    tries: mpsc::Receiver<LetterTried>,
}

/// What the sender sees: the letters that wait, and how they leave.
#[derive(Clone, Default)]
struct Shown {
    setting: Option<Arc<MailSetting>>,
    waiting: Vec<Arc<Waiting>>,
}

/// Begins to send; until something is shown, there is nothing to send.
pub fn open(setting: Option<MailSetting>, outside: &Outside, clock: &Clock) -> Postbox {
    let (shown, seen) = watch::channel(Shown { setting: setting.map(Arc::new), waiting: Vec::new() });
    let (sender, tries) = mpsc::channel(UNTAKEN);
    outside.spawn(deliver(seen, sender, outside.bell.clone(), clock.clone()));
    Postbox { shown, tries }
}

impl Post {
    /// What became of letters since the last call.
    pub(super) fn tries(&mut self) -> Vec<LetterTried> {
        match self {
            Self::Nobody | Self::Memory(_) => Vec::new(),
            Self::Outside(postbox) => std::iter::from_fn(|| postbox.tries.try_recv().ok()).collect(),
        }
    }

    /// Which letters wait now.
    pub(super) fn show(&mut self, state: &State) {
        let Self::Outside(postbox) = self else { return };
        let waiting = &state.alerts.waiting;
        let is_same = |shown: &Shown| {
            shown.waiting.len() == waiting.len()
                && shown.waiting.iter().all(|one| waiting.contains_key(&one.letter.id))
        };
        if !is_same(&postbox.shown.borrow()) {
            let waiting = waiting.values().cloned().map(Arc::new).collect();
            postbox.shown.send_modify(|shown| shown.waiting = waiting);
        }
    }

    /// From now on letters leave like this.
    pub(super) fn obey(&mut self, setting: Option<MailSetting>) {
        let Self::Outside(postbox) = self else { return };
        let is_same = postbox.shown.borrow().setting.as_deref() == setting.as_ref();
        if !is_same {
            postbox.shown.send_modify(|shown| shown.setting = setting.map(Arc::new));
        }
    }
}

/// What the sender remembers of the letters that wait.
#[derive(Default)]
struct Memo {
    /// Handed over, and not yet written down.
    sent: BTreeSet<LetterId>,
    tries: BTreeMap<LetterId, u32>,
    /// Who has taken a letter that others have not.
    taken: BTreeMap<LetterId, BTreeSet<String>>,
}

impl Memo {
    /// The letter that was tried least, and of those the oldest.
    fn next(&mut self, shown: &Shown) -> Option<(Arc<Waiting>, Arc<MailSetting>)> {
        let setting = shown.setting.clone().filter(|setting| !setting.to.is_empty())?;
        let waits = |id: &LetterId| shown.waiting.iter().any(|one| one.letter.id == *id);
        self.sent.retain(|id| waits(id));
        self.tries.retain(|id, _| waits(id));
        self.taken.retain(|id, _| waits(id));
        let unsent = shown.waiting.iter().filter(|one| !self.sent.contains(&one.letter.id));
        let order = |one: &&Arc<Waiting>| (self.tries.get(&one.letter.id).copied().unwrap_or(0), one.seq);
        let next = unsent.min_by_key(order)?;
        Some((next.clone(), setting))
    }
}

/// Sends, one letter at a time, for as long as the daemon lives.
async fn deliver(
    mut seen: watch::Receiver<Shown>,
    tries: mpsc::Sender<LetterTried>,
    bell: Arc<Notify>,
    clock: Clock,
) {
    let mut memo = Memo::default();
    let mut failures = 0;
    loop {
        let shown = seen.borrow_and_update().clone();
        let Some((waiting, setting)) = memo.next(&shown) else {
            if seen.changed().await.is_err() {
                return;
            }
            continue;
        };
        let id = waiting.letter.id.clone();
        let taken = memo.taken.entry(id.clone()).or_default();
        let failed = attempt(&setting, &waiting, taken).await.err();
        let has_failed = failed.is_some();
        if tries.send(LetterTried { letter: id.clone(), failed }).await.is_err() {
            return;
        }
        // Or it would be written down with the next pass only.
        bell.notify_one();
        if has_failed {
            *memo.tries.entry(id).or_default() += 1;
            failures += 1;
            rest(&mut seen, &clock, failures, &setting).await;
        } else {
            memo.sent.insert(id);
            failures = 0;
        }
    }
}

/// To each recipient that has not taken it yet. It is sent once somebody has it, and nobody else would
/// take it by asking again; else the error says why.
async fn attempt(
    setting: &MailSetting,
    waiting: &Waiting,
    taken: &mut BTreeSet<String>,
) -> Result<(), String> {
    let Waiting { letter: queued, queued_at, .. } = waiting;
    let of = Envelope { id: &queued.id, root: queued.root.as_ref(), at: *queued_at };
    let letter = letter::letter(queued);
    let mut again = None;
    let mut refused = None;
    for to in &setting.to {
        if taken.contains(to) {
            continue;
        }
        match mailer::send(setting, &of, &letter, to).await {
            Ok(_) => _ = taken.insert(to.clone()),
            Err(error) if error.is_final() => refused = Some(chain(&error)),
            Err(error) => again = again.or(Some(chain(&error))),
        }
    }
    match (again, refused) {
        (Some(why), _) => Err(why),
        (None, Some(why)) if taken.is_empty() => Err(why),
        (None, Some(why)) => {
            tracing::warn!(letter = %queued.id, why = %visible(&why), "one of the recipients was refused");
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// After a failure. Another way of sending ends the wait at once.
async fn rest(seen: &mut watch::Receiver<Shown>, clock: &Clock, failures: u32, setting: &Arc<MailSetting>) {
    let wait = SHORTEST_WAIT * 2_u32.pow((failures - 1).min(MOST_DOUBLINGS));
    tokio::select! {
        () = clock.sleep(wait.min(LONGEST_WAIT)) => {}
        // Once nobody shows anything any more, the next look ends it.
        _ = seen.wait_for(|shown| shown.setting.as_ref() != Some(setting)) => {}
    }
}
