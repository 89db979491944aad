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
    /// F13: 500, 502, 503 or 504, and 404 on a list.
    ServerError,
    /// F15: 429 with a sane, an absurd or no `Retry-After`.
    RateLimited,
    /// F17: 201, but nothing was made.
    CreatedNothing,
    /// F18: an error, but the effect happened.
    ErrorButDone,
    /// F20: a create or delete stays invisible to lists for up to 15 minutes.
    ListLag,
    /// F21: a page misses, repeats or reorders items, shifts, or states a wrong total.
    BentPage,
    /// F32: billing records late, corrected, repeated, overlapping, and in any order.
    Misbilled,
    /// F33: the server's `Date` is wrong for some hours.
    DateSkew,
    /// F33c: the daemon's own clock is wrong for some hours; the harness makes it so.
    ClockSkew,
    /// F35: a person makes snapshots by hand.
    HandMade,
    /// F40: the daemon is killed; the harness does it.
    Crash,
}

impl Fault {
    pub const ALL: [Self; 15] = [
        Self::LostRequest,
        Self::LostAnswer,
        Self::LateEffect,
        Self::NeverSent,
        Self::ServerError,
        Self::RateLimited,
        Self::CreatedNothing,
        Self::ErrorButDone,
        Self::ListLag,
        Self::BentPage,
        Self::Misbilled,
        Self::DateSkew,
        Self::ClockSkew,
        Self::HandMade,
        Self::Crash,
    ];

    pub fn code(self) -> &'static str {
        match self {
            Self::LostRequest => "F1",
            Self::LostAnswer => "F2",
            Self::LateEffect => "F3",
            Self::NeverSent => "F4",
            Self::ServerError => "F13",
            Self::RateLimited => "F15",
            Self::CreatedNothing => "F17",
            Self::ErrorButDone => "F18",
            Self::ListLag => "F20",
            Self::BentPage => "F21",
            Self::Misbilled => "F32",
            Self::DateSkew => "F33",
            Self::ClockSkew => "F33c",
            Self::HandMade => "F35",
            Self::Crash => "F40",
        }
    }
}
