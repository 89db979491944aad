//! The classes of fault and their published codes. What strikes when is in `fault_plan`.

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// F1: the request is lost on its way; nothing happens.
    LostRequest,
    /// F2: the answer is lost; the effect happened.
    LostAnswer,
    /// F3: the client gives up, and the effect happens 1 to 30 minutes later.
    LateEffect,
    /// F4: no connection; the request is never sent.
    NeverSent,
    /// F5: no TLS session; the request is never sent.
    NoSession,
    /// F6: the connection breaks in the middle of the answer's body.
    ResetInBody,
    /// F7: the answer comes byte by byte, for up to two minutes.
    SlowAnswer,
    /// F8: a connection that was kept open is dead; nothing happens.
    StaleConnection,
    /// F9: a redirect, to the same host, another, without TLS, or in a loop; nothing happens.
    Redirected,
    /// F10: a body beyond all bounds, or nested beyond them.
    HugeBody,
    /// F11: a success in HTML, empty, cut off, with a key twice, with a byte order mark or with NaN.
    MangledBody,
    /// F12: somebody else's log-in page answers; nothing happens.
    CaptivePortal,
    /// F13: 500, 502, 503 or 504, and 404 on a list.
    ServerError,
    /// F14: nothing answers for a minute to seven days.
    Outage,
    /// F15: 429 with a sane, an absurd or no `Retry-After`.
    RateLimited,
    /// F16: the key is refused for some minutes.
    KeyRefused,
    /// F17: 201, but nothing was made.
    CreatedNothing,
    /// F18: an error, but the effect happened.
    ErrorButDone,
    /// F19: one create makes two, where names need not be unique.
    Twins,
    /// F20: a create or delete stays invisible to lists for up to 15 minutes.
    ListLag,
    /// F21: a page misses, repeats or reorders items, shifts, or states a wrong total.
    BentPage,
    /// F22: an empty list, or another account's, for up to three hours.
    WrongAccount,
    /// F23: a snapshot is being made for ever.
    StuckCreating,
    /// F24: a good snapshot turns ERROR.
    TurnsError,
    /// F25: a good snapshot disappears.
    Disappears,
    /// F26: a size of zero, below it, or beyond reason.
    OddSize,
    /// F27: `created_at` is missing, in the future, in another zone, or no date.
    OddDate,
    /// F28: an id is a number, null or an object for a while.
    OddId,
    /// F28b: a new snapshot gets the id of one that was deleted hours ago.
    ReusedId,
    /// F29: a field is null or gone, or a status is a new word.
    OddField,
    /// F30: a machine is renamed, hibernated, in ERROR, or deleted and made again under its name.
    MachineTrouble,
    /// F30b: every machine that is idle is gone at once, at least three; later each is there again, or made
    /// again under its name.
    MachinesLost,
    /// F31: the balance is negative, NaN, a text, in another currency, or stale.
    OddBalance,
    /// F32: billing records late, corrected, repeated, overlapping, and in any order.
    Misbilled,
    /// F33: the server's `Date` is wrong for some hours.
    DateSkew,
    /// F33c: the daemon's own clock is wrong for some hours; the harness makes it so.
    ClockSkew,
    /// F34: a delete answers 200 and does nothing.
    DeletedNothing,
    /// F34b: an image that was made of a snapshot goes with it; people make images now and then.
    TakesImage,
    /// F35: a person makes snapshots by hand.
    HandMade,
    /// F36: a person deletes one of ours.
    HandDeleted,
    /// F37: a person restores from the oldest of ours.
    HandRestored,
    /// F38: the configuration is edited; the harness does it.
    Edited,
    /// F39: a second daemon with a journal of its own looks after the account too; the harness runs it.
    SecondDaemon,
    /// F39b: a second daemon runs on an old copy of the journal; the harness does it.
    OldJournal,
    /// F40: the daemon is killed; the harness does it.
    Crash,
    /// F59: a machine stays SHUTOFF after its snapshot.
    StaysShutOff,
    /// F60: a create is refused: profile, quota, permission, flavour, busy.
    Refused,
}

const CODES: [(Fault, &str); 47] = [
    (Fault::LostRequest, "F1"),
    (Fault::LostAnswer, "F2"),
    (Fault::LateEffect, "F3"),
    (Fault::NeverSent, "F4"),
    (Fault::NoSession, "F5"),
    (Fault::ResetInBody, "F6"),
    (Fault::SlowAnswer, "F7"),
    (Fault::StaleConnection, "F8"),
    (Fault::Redirected, "F9"),
    (Fault::HugeBody, "F10"),
    (Fault::MangledBody, "F11"),
    (Fault::CaptivePortal, "F12"),
    (Fault::ServerError, "F13"),
    (Fault::Outage, "F14"),
    (Fault::RateLimited, "F15"),
    (Fault::KeyRefused, "F16"),
    (Fault::CreatedNothing, "F17"),
    (Fault::ErrorButDone, "F18"),
    (Fault::Twins, "F19"),
    (Fault::ListLag, "F20"),
    (Fault::BentPage, "F21"),
    (Fault::WrongAccount, "F22"),
    (Fault::StuckCreating, "F23"),
    (Fault::TurnsError, "F24"),
    (Fault::Disappears, "F25"),
    (Fault::OddSize, "F26"),
    (Fault::OddDate, "F27"),
    (Fault::OddId, "F28"),
    (Fault::ReusedId, "F28b"),
    (Fault::OddField, "F29"),
    (Fault::MachineTrouble, "F30"),
    (Fault::MachinesLost, "F30b"),
    (Fault::OddBalance, "F31"),
    (Fault::Misbilled, "F32"),
    (Fault::DateSkew, "F33"),
    (Fault::ClockSkew, "F33c"),
    (Fault::DeletedNothing, "F34"),
    (Fault::TakesImage, "F34b"),
    (Fault::HandMade, "F35"),
    (Fault::HandDeleted, "F36"),
    (Fault::HandRestored, "F37"),
    (Fault::Edited, "F38"),
    (Fault::SecondDaemon, "F39"),
    (Fault::OldJournal, "F39b"),
    (Fault::Crash, "F40"),
    (Fault::StaysShutOff, "F59"),
    (Fault::Refused, "F60"),
];

impl Fault {
    pub const ALL: [Self; CODES.len()] = {
        let mut all = [Self::LostRequest; CODES.len()];
        let mut at = 0;
        while at < CODES.len() {
            all[at] = CODES[at].0;
            at += 1;
        }
        all
    };

    pub fn code(self) -> &'static str {
        CODES[self as usize].1
    }

    pub fn parse(code: &str) -> Option<Self> {
        CODES.iter().find(|(_, known)| *known == code).map(|(fault, _)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_follows_the_order_of_the_classes() {
        for (at, (fault, code)) in CODES.into_iter().enumerate() {
            assert_eq!((fault as usize, Fault::parse(code)), (at, Some(fault)));
        }
    }
}
