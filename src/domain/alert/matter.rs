//! Matters: what a person can be told of, how grave it can be, and what is known of it.

use serde::{Deserialize, Serialize};

use crate::domain::id::{BackupId, MachineId, PolicyName};
use crate::domain::money::{Currency, Nanos};
use crate::domain::slot::Held;
use crate::domain::time::{Seconds, Timestamp};

/// One matter has at most one alert at a time, whatever number of machines it is about.
/// Written as one word, with the currency behind a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Matter {
    KeyRefused,
    ApiUnreachable,
    Balance(Currency),
    BalanceBlind,
    ListsBlind,
    BackupLate,
    BackupFailed,
    MachineDown,
    SecondDaemon,
    CreatesRefused,
    BackupsMissing,
    ForeignDeletion,
    DeletionsHeld,
    DayCapLow,
    DiskFull,
    ConfigurationRefused,
    Frozen,
    Paused,
    Observing,
}

/// How grave it is, and with that how often a person hears of it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Told once; the digest has it again.
    Notice,
    Warning,
    Urgent,
    Critical,
    /// The credits are used up.
    Out,
}

/// What a letter says of one thing that its matter is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    Late {
        policy: PolicyName,
        machine: MachineId,
        name: String,
        /// `None`: there never was a good one; then `since` is when the wait for it began.
        newest: Option<Timestamp>,
        since: Timestamp,
        expected: Seconds,
        held: Option<Held>,
    },
    Failed {
        backup: BackupId,
        machine: MachineId,
        name: String,
        /// The word for its life: failed, timed out, bad.
        life: String,
        said: String,
    },
    Down {
        machine: MachineId,
        name: String,
        status: String,
        backup: BackupId,
        since: Timestamp,
    },
    /// So many that the lists themselves are doubted.
    Missing {
        backups: u64,
        since: Timestamp,
    },
    Gone {
        backup: BackupId,
        machine: MachineId,
        name: String,
        at: Timestamp,
    },
    Doom {
        backup: BackupId,
        machine: MachineId,
        name: String,
        since: Timestamp,
        /// The word for what holds it.
        hold: String,
    },
    Rival {
        backup: BackupId,
        since: Timestamp,
    },
    Refused {
        what: Refused,
        since: Timestamp,
        times: u32,
        said: String,
    },
    Key {
        status: u16,
        since: Timestamp,
    },
    Unreachable {
        since: Timestamp,
        /// What the last look that broke off ended with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    Blind {
        misses: u32,
    },
    /// One listing that cannot be read to its end, while others can.
    Unread {
        listing: String,
        misses: u32,
        said: String,
    },
    /// A bound on a day's deletions that is too low for what is made in a day.
    DayCap {
        cap: u32,
        due: u64,
    },
    Balance(Purse),
    File {
        file: String,
        at: Timestamp,
        faults: Vec<String>,
        more: u32,
    },
    Until {
        until: Timestamp,
        reason: String,
        /// Nobody asked for it.
        #[serde(default, skip_serializing_if = "is_false")]
        by_itself: bool,
    },
    /// The disk of the journal has less room than the setting asks for.
    DiskLow,
    Observed {
        /// Slots that were due, and were not taken for the mode alone.
        slots: u64,
        since: Timestamp,
    },
}

/// Whom a refusal of the cloud's stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    Account,
    Credit,
    Policy(PolicyName),
    Machine(MachineId),
}

/// The credits in one currency, and how long they last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse {
    pub currency: Currency,
    pub amount: Nanos,
    /// `None`: not known.
    pub burn_per_hour: Option<Nanos>,
    /// `None`: nothing burns, or not known what does.
    pub runs_out: Option<Timestamp>,
    /// What must be added to last for thirty days.
    pub add_for_month: Option<Nanos>,
    /// The floor that it is under, where the hours alone would tell of nothing so grave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Nanos>,
    /// Its level comes of the hours, not of an amount alone.
    #[serde(default, skip_serializing_if = "is_false")]
    pub by_hours: bool,
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl Matter {
    /// One word for a script, a metric's label and a file of its own; currencies aside.
    pub fn word(self) -> &'static str {
        match self {
            Self::KeyRefused => "key_refused",
            Self::ApiUnreachable => "api_unreachable",
            Self::Balance(_) => "balance_low",
            Self::BalanceBlind => "balance_blind",
            Self::ListsBlind => "lists_blind",
            Self::BackupLate => "backup_late",
            Self::BackupFailed => "backup_failed",
            Self::MachineDown => "machine_down",
            Self::SecondDaemon => "second_daemon",
            Self::CreatesRefused => "creates_refused",
            Self::BackupsMissing => "backups_missing",
            Self::ForeignDeletion => "foreign_deletion",
            Self::DeletionsHeld => "deletions_held",
            Self::DayCapLow => "day_cap_low",
            Self::DiskFull => "disk_full",
            Self::ConfigurationRefused => "configuration_refused",
            Self::Frozen => "frozen",
            Self::Paused => "paused",
            Self::Observing => "observing",
        }
    }

    /// Every one that has no currency.
    pub const PLAIN: [Self; 18] = [
        Self::KeyRefused,
        Self::ApiUnreachable,
        Self::BalanceBlind,
        Self::ListsBlind,
        Self::BackupLate,
        Self::BackupFailed,
        Self::MachineDown,
        Self::SecondDaemon,
        Self::CreatesRefused,
        Self::BackupsMissing,
        Self::ForeignDeletion,
        Self::DeletionsHeld,
        Self::DayCapLow,
        Self::DiskFull,
        Self::ConfigurationRefused,
        Self::Frozen,
        Self::Paused,
        Self::Observing,
    ];

    /// How long it must be better before it counts as better: what comes and goes is one episode.
    pub fn calm(self) -> Seconds {
        match self {
            Self::KeyRefused
            | Self::ApiUnreachable
            | Self::Balance(_)
            | Self::BalanceBlind
            | Self::ListsBlind
            | Self::MachineDown
            | Self::SecondDaemon
            | Self::CreatesRefused
            | Self::BackupsMissing
            | Self::DeletionsHeld
            | Self::DayCapLow
            | Self::DiskFull => Seconds::minutes(30),
            // A good backup, a person's word and the end of a span are not doubted.
            Self::BackupLate
            | Self::BackupFailed
            | Self::ForeignDeletion
            | Self::ConfigurationRefused
            | Self::Frozen
            | Self::Paused
            | Self::Observing => Seconds(0),
        }
    }

    /// How long it must last before a letter tells it: a few looks fail now and then.
    pub fn quiet(self) -> Seconds {
        match self {
            // By then it is told if nothing else can be read either.
            Self::BalanceBlind => Seconds::hours(1),
            // A path that is wrong lasts; what is late or held meanwhile has its own letters.
            Self::ListsBlind => Seconds::hours(6),
            Self::KeyRefused
            | Self::ApiUnreachable
            | Self::Balance(_)
            | Self::BackupLate
            | Self::BackupFailed
            | Self::MachineDown
            | Self::SecondDaemon
            | Self::CreatesRefused
            | Self::BackupsMissing
            | Self::ForeignDeletion
            | Self::DeletionsHeld
            | Self::DayCapLow
            | Self::DiskFull
            | Self::ConfigurationRefused
            | Self::Frozen
            | Self::Paused
            | Self::Observing => Seconds(0),
        }
    }

    /// Whether more of it is news.
    pub fn has_parts(self) -> bool {
        !matches!(self, Self::Balance(_) | Self::ListsBlind)
    }

    /// Whether its end is told, where it was so grave. What happened once has no end that anybody waits for
    /// (a failed backup that left its machine without a young one is late too), and whoever ends a freeze or a
    /// pause long before its time knows it.
    pub fn has_end(self, level: Level) -> bool {
        match self {
            Self::ForeignDeletion | Self::BackupFailed | Self::DayCapLow => false,
            Self::Frozen | Self::Paused => level > Level::Notice,
            Self::KeyRefused
            | Self::ApiUnreachable
            | Self::Balance(_)
            | Self::BalanceBlind
            | Self::ListsBlind
            | Self::BackupLate
            | Self::MachineDown
            | Self::SecondDaemon
            | Self::CreatesRefused
            | Self::BackupsMissing
            | Self::DeletionsHeld
            | Self::DiskFull
            | Self::ConfigurationRefused
            | Self::Observing => true,
        }
    }
}

impl From<Matter> for String {
    fn from(matter: Matter) -> Self {
        match matter {
            Matter::Balance(currency) => format!("{}:{}", matter.word(), currency.code()),
            plain => plain.word().to_owned(),
        }
    }
}

impl TryFrom<String> for Matter {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let of_currency = text.strip_prefix("balance_low:").and_then(Currency::parse).map(Self::Balance);
        let plain = || Self::PLAIN.into_iter().find(|matter| matter.word() == text);
        of_currency.or_else(plain).ok_or_else(|| format!("{text:?} is no matter"))
    }
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Urgent => "urgent",
            Self::Critical => "critical",
            Self::Out => "out",
        }
    }

    /// How long after a letter of this level the next one comes, `count` of them having been written.
    pub fn repeats_after(self, count: u32) -> Option<Seconds> {
        match self {
            Self::Notice => None,
            Self::Warning => Some(Seconds::hours(24)),
            Self::Urgent => Some(Seconds::hours(6)),
            Self::Critical => Some(Seconds::hours(1)),
            Self::Out if count <= OUT_HOURLY => Some(Seconds::hours(1)),
            Self::Out => Some(Seconds::hours(24)),
        }
    }
}

/// The subject of a balance whose level comes of the hours that it lasts.
pub const BY_HOURS: &str = "hours";
/// How often a person is told hourly that nothing is left; from then on daily.
const OUT_HOURLY: u32 = 3;

impl Fact {
    /// What tells two of one matter apart.
    pub fn subject(&self) -> String {
        match self {
            Self::Late { policy, machine, .. } => format!("{policy}/{machine}"),
            Self::Failed { backup, .. }
            | Self::Gone { backup, .. }
            | Self::Doom { backup, .. }
            | Self::Rival { backup, .. } => backup.to_string(),
            Self::Down { machine, .. } => machine.to_string(),
            Self::Refused { what, .. } => match what {
                Refused::Account => "account".to_owned(),
                Refused::Credit => "credit".to_owned(),
                Refused::Policy(policy) => format!("policy {policy}"),
                Refused::Machine(machine) => format!("machine {machine}"),
            },
            Self::Balance(purse) if purse.by_hours => BY_HOURS.to_owned(),
            Self::Unread { listing, .. } => listing.clone(),
            Self::File { at, .. } => at.to_string(),
            Self::Until { until, .. } => until.to_string(),
            Self::Key { .. }
            | Self::Unreachable { .. }
            | Self::Blind { .. }
            | Self::Balance(_)
            | Self::DayCap { .. }
            | Self::Missing { .. }
            | Self::DiskLow
            | Self::Observed { .. } => String::new(),
        }
    }
}
