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
use crate::domain::time::{Seconds, Timestamp};
use crate::mail::form::Envelope;
use crate::mail::letter;
use crate::mail::mailer;
use crate::mail::memory::Memory;
use crate::report::foreign::harmless;

/// Tries that the engine did not take yet; the one who sends waits for it.
const UNTAKEN: usize = 16;
/// After a try that failed: the shortest wait, and the longest after many.
const SHORTEST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(1_800);
const MOST_DOUBLINGS: u32 = 6;
/// How long one who did not take a letter is asked again, once somebody has it. Bounds those that wait.
const ASKED_AGAIN_FOR: Seconds = Seconds::days(1);
/// What a server says is kept for ever with each try: so many characters of it.
const LONGEST_WHY: usize = 400;

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
    fn has_untried(&self, shown: &Shown) -> bool {
        let known = |id: &LetterId| self.sent.contains(id) || self.tries.contains_key(id);
        shown.waiting.iter().any(|one| !known(&one.letter.id))
    }

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
        let failed = attempt(&setting, &waiting, taken, clock.now()).await.err();
        let has_failed = failed.is_some();
        let tried = LetterTried { letter: id.clone(), failed, taken: has_failed && !taken.is_empty() };
        if tries.send(tried).await.is_err() {
            return;
        }
        // Or it would be written down with the next pass only.
        bell.notify_one();
        if has_failed {
            *memo.tries.entry(id).or_default() += 1;
            failures += 1;
            rest(&mut seen, &clock, failures, &setting, &memo).await;
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
    now: Timestamp,
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
            Err(error) if error.is_final() => refused = Some(brief(&chain(&error))),
            Err(error) => again = again.or_else(|| Some(brief(&chain(&error)))),
        }
    }
    let is_old = now.since(*queued_at) >= ASKED_AGAIN_FOR.duration();
    match (again, refused) {
        (None, None) => Ok(()),
        (Some(why), _) if taken.is_empty() || !is_old => Err(why),
        (None, Some(why)) if taken.is_empty() => Err(why),
        (Some(why), _) | (None, Some(why)) => {
            tracing::warn!(letter = %queued.id, %why, "one of the recipients did not take it");
            Ok(())
        }
    }
}

/// What a server said, on one line and not without end.
fn brief(why: &str) -> String {
    let line = harmless(why).replace('\n', " ");
    let mut cut: String = line.chars().take(LONGEST_WHY).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}

/// After a failure. Another way of sending ends the wait at once, and so does a letter never tried.
async fn rest(
    seen: &mut watch::Receiver<Shown>,
    clock: &Clock,
    failures: u32,
    setting: &Arc<MailSetting>,
    memo: &Memo,
) {
    let wait = SHORTEST_WAIT * 2_u32.pow((failures - 1).min(MOST_DOUBLINGS));
    tokio::select! {
        () = clock.sleep(wait.min(LONGEST_WAIT)) => {}
        // Once nobody shows anything any more, the next look ends it.
        _ = seen.wait_for(|shown| shown.setting.as_ref() != Some(setting) || memo.has_untried(shown)) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::path::PathBuf;

    use super::*;
    use crate::config::mail::{Security, Server, Way};
    use crate::domain::alert::event::{Content, LetterQueued, News, Step};
    use crate::domain::alert::matter::{Level, Matter};

    fn setting(to: &[&str], way: Way) -> MailSetting {
        let to = to.iter().map(|one| (*one).to_owned()).collect();
        MailSetting { from: "qm@example.org".to_owned(), to, way }
    }

    fn waiting(id: &str) -> Arc<Waiting> {
        let (matter, step, level) = (Matter::DiskFull, Step::Began, Level::Warning);
        let news = News { matter, step, level, since: Timestamp::EPOCH, facts: Vec::new(), more: 0 };
        let letter = LetterQueued {
            id: LetterId::new(id),
            root: None,
            head: "0123456789ab@7".to_owned(),
            observing: None,
            content: Content::Alert(news),
        };
        let queued_at = Timestamp::EPOCH;
        Arc::new(Waiting { seq: 1, queued_at, letter, tries: 0, failed: None, taken: false })
    }

    /// Takes letters for everybody but the boss, whom it refuses for now in very many words.
    fn server() -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut writer = stream.unwrap();
                let lines = BufReader::new(writer.try_clone().unwrap()).lines();
                let many = format!("450-{}\r\n", "x".repeat(100)).repeat(50);
                let refusal = format!("450-not now\u{202e}\r\n{many}450 bye");
                let mut is_data = false;
                let mut say = |text: &str| writer.write_all(format!("{text}\r\n").as_bytes());
                let _ = say("220 test ESMTP");
                for line in lines.map_while(Result::ok) {
                    let said = match line.get(..4).unwrap_or_default() {
                        _ if is_data && line != "." => continue,
                        "EHLO" => "250-test\r\n250 8BITMIME",
                        "RCPT" if line.contains("boss") => &refusal,
                        "DATA" => "354 go on",
                        _ => "250 ok",
                    };
                    is_data = said.starts_with("354");
                    let _ = say(said);
                }
            }
        });
        let host = "127.0.0.1".to_owned();
        Way::Server(Server { host, port, security: Security::None, login: None, ca_file: None })
    }

    #[tokio::test]
    async fn what_a_server_says_is_kept_on_one_line_visible_and_cut() {
        let setting = setting(&["ops@example.org", "boss@example.org"], server());
        let mut taken = BTreeSet::new();
        let why = attempt(&setting, &waiting("a"), &mut taken, Timestamp::EPOCH).await.unwrap_err();
        assert!(why.contains("not now") && why.chars().count() <= LONGEST_WHY + 1, "{why}");
        assert!(!why.contains(['\n', '\u{202e}']), "{why}");
        assert_eq!(taken, BTreeSet::from(["ops@example.org".to_owned()]));
        // A day later those who have it are enough; while nobody has it, it is never given up.
        let later = Timestamp::EPOCH + ASKED_AGAIN_FOR;
        assert_eq!(attempt(&setting, &waiting("a"), &mut taken, later).await, Ok(()));
        let only = MailSetting { to: vec!["boss@example.org".to_owned()], ..setting };
        assert!(attempt(&only, &waiting("a"), &mut BTreeSet::new(), later).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_letter_that_was_never_tried_ends_the_wait_after_one_that_failed() {
        let folder = Arc::new(setting(&["ops@example.org"], Way::Folder(PathBuf::from("/nowhere"))));
        let shown = Shown { setting: Some(folder.clone()), waiting: vec![waiting("a")] };
        let (show, mut seen) = watch::channel(shown);
        let mut memo = Memo::default();
        memo.tries.insert(LetterId::new("a"), 1);
        let clock = Clock::system();
        let limit = Duration::from_millis(300);
        let rests = rest(&mut seen, &clock, 1, &folder, &memo);
        assert!(tokio::time::timeout(limit, rests).await.is_err(), "it rests");
        show.send_modify(|shown| shown.waiting.push(waiting("b")));
        let rests = rest(&mut seen, &clock, 1, &folder, &memo);
        assert!(tokio::time::timeout(limit, rests).await.is_ok(), "another letter waits");
    }
}
