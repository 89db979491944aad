//! Planted bugs: known mistakes that a test build can switch on, to prove that something notices each.
//!
//! Without the feature `planted-bugs` the answer is a constant `false`, and the shipped program
//! holds none of them. With it, at most one is on in a thread: tests run side by side, and a
//! rehearsal keeps to the thread it was started on.

#[cfg(feature = "planted-bugs")]
use std::cell::Cell;

/// Each breaks one rule, at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A create without an answer is asked for again, without waiting for a look to tell.
    BlindRetry,
    /// The first listings after a create without an answer are believed if they lack it.
    NoSettleTime,
    /// A listing is its first page.
    PageTwoIgnored,
    /// A 404 on a listing is a complete listing of nothing.
    NotFoundListIsEmpty,
    /// The grace of the doomed is what the wall clock says, whatever steps it made.
    PruneByLocalClock,
    /// Every keep rule keeps one less.
    KeepCountOffByOne,
    /// Weeks begin on Sunday.
    WeeksFromSunday,
    /// A reach is counted from now, not from the newest backup.
    WithinFromNow,
    /// Which machine comes first depends on the random state of a hash map.
    HashMapOrder,
    /// What the cloud refused is asked for again, as if it had never been sent.
    RefusalRetried,
    /// A 429 closes nothing: the next call follows at once.
    RetryAfterIgnored,
    /// A snapshot whose date cannot be read was made when it was first seen.
    BadDateIsNow,
    /// The cloud is asked first, and the intent written down afterwards.
    ActBeforeCommit,
    /// A billing record that a walk shows twice is counted twice.
    BillWithoutKey,
    /// A correction of an hour that was told changes it in silence.
    CorrectionEdits,
    /// A person's override reaches a hold too.
    OverrideIgnoresHold,
    /// Dooms after an edit have the ordinary grace.
    GraceAfterEditIgnored,
    /// After a freeze that ran out, any number goes on without a person.
    EndOfFreezeForgetsTheBound,
    /// A proof leaves out a survivor.
    ProofOfAnotherShelf,
    /// Times that are spelled out follow the wall clock too: skipped in a gap, twice in an overlap.
    NaiveSummerTime,
    /// A slot that is caught up is put off like one that comes in time.
    JitterOnCatchUp,
    /// A backup that is caught up starts outside the allowed hours.
    CatchUpIgnoresWindow,
    /// A policy under a new name begins with empty shelves.
    RenameForgetsSlots,
    /// A commit does not wait for the disk: `synchronous = NORMAL`.
    CommitWithoutSync,
    /// An append is answered while its transaction is still open; the next one commits it.
    AnswerBeforeCommit,
    /// A balance that cannot be read ends the alert about it.
    BlindnessEndsAlerts,
    /// After the first deletion of a pass the others follow without a look at what it did.
    CanaryNotAwaited,
}

impl Bug {
    pub const ALL: [Self; 27] = [
        Self::BlindRetry,
        Self::NoSettleTime,
        Self::PageTwoIgnored,
        Self::NotFoundListIsEmpty,
        Self::PruneByLocalClock,
        Self::KeepCountOffByOne,
        Self::WeeksFromSunday,
        Self::WithinFromNow,
        Self::HashMapOrder,
        Self::RefusalRetried,
        Self::RetryAfterIgnored,
        Self::BadDateIsNow,
        Self::ActBeforeCommit,
        Self::BillWithoutKey,
        Self::CorrectionEdits,
        Self::OverrideIgnoresHold,
        Self::GraceAfterEditIgnored,
        Self::EndOfFreezeForgetsTheBound,
        Self::ProofOfAnotherShelf,
        Self::NaiveSummerTime,
        Self::JitterOnCatchUp,
        Self::CatchUpIgnoresWindow,
        Self::RenameForgetsSlots,
        Self::CommitWithoutSync,
        Self::AnswerBeforeCommit,
        Self::BlindnessEndsAlerts,
        Self::CanaryNotAwaited,
    ];
}

#[cfg(not(feature = "planted-bugs"))]
pub const fn is_planted(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
pub fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// From now on, in this thread.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

#[cfg(feature = "planted-bugs")]
thread_local! {
    static PLANTED: Cell<Option<Bug>> = Cell::new(chosen());
}

/// What the environment of the process names; a name that is none is a slip of whoever set it.
#[cfg(feature = "planted-bugs")]
fn chosen() -> Option<Bug> {
    let name = std::env::var("QUARTERMASTER_PLANTED_BUG").ok()?;
    let found = Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
    assert!(found.is_some(), "QUARTERMASTER_PLANTED_BUG={name}: one of {:?}", Bug::ALL);
    found
}
