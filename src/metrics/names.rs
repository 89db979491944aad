//! Names: every series that can be told, with its labels and what it means. The reference is made of this.
//!
//! A name once published stays: rules and dashboards of other people rest on it.

/// One family of series.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Never falls.
    Counter,
    Gauge,
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: Kind::Gauge, labels, help }
}

const fn counter(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Described {
    Described { name, kind: Kind::Counter, labels, help }
}

pub const BUILD_INFO: Described =
    gauge("quartermaster_build_info", &["version"], "The version that runs; always 1.");
pub const MODE: Described = gauge(
    "quartermaster_mode",
    &["mode"],
    "1 for the mode in force, 0 for the others; observe backs up nothing.",
);
pub const PASSES: Described = counter("quartermaster_passes_total", &[], "Passes since this process began.");
pub const LAST_PASS: Described =
    gauge("quartermaster_last_pass_timestamp_seconds", &[], "When the last pass ended; 0 before the first.");
pub const JOURNAL_EVENTS: Described =
    counter("quartermaster_journal_events_total", &[], "Events in the journal.");
pub const JOURNAL_SIZE: Described = gauge(
    "quartermaster_journal_size_bytes",
    &[],
    "Size of the journal's file, its write-ahead log included.",
);
pub const JOURNAL_HEAD: Described = gauge(
    "quartermaster_journal_head_info",
    &["head"],
    "The beginning of the newest event's hash, and its number; always 1.",
);
pub const ANOMALIES: Described =
    counter("quartermaster_anomalies_total", &[], "Things that cannot be and were seen all the same.");
pub const OBJECTIONS: Described = gauge(
    "quartermaster_audit_objections",
    &[],
    "Different objections of the audit to plans since this process began; any is a fault of ours.",
);
pub const FROZEN: Described = gauge("quartermaster_frozen", &[], "1 while all deletions are frozen.");
pub const PAUSED: Described = gauge(
    "quartermaster_paused",
    &[],
    "1 while policies create and delete nothing because a person paused them.",
);
pub const KEY_REFUSED: Described =
    gauge("quartermaster_key_refused", &[], "1 while the cloud refuses the key.");
pub const CONFIGURATION_REFUSED: Described = gauge(
    "quartermaster_configuration_refused",
    &[],
    "1 after a configuration was read again and refused; the one before goes on.",
);
pub const NEWEST_GOOD: Described = gauge(
    "quartermaster_backup_newest_good_timestamp_seconds",
    &["policy", "machine"],
    "When the newest good backup was taken, none from the future; 0 where there is none yet.",
);
pub const EXPECTED_AGE: Described = gauge(
    "quartermaster_backup_expected_age_seconds",
    &["policy", "machine"],
    "How old the newest good backup may become before it is late; +Inf while its machine is off since before that, or its policy observes.",
);
pub const AWAITED_SINCE: Described = gauge(
    "quartermaster_backup_awaited_since_timestamp_seconds",
    &["policy", "machine"],
    "Since when a first good backup is awaited; absent where there is one.",
);
pub const GOOD: Described =
    gauge("quartermaster_backups_good", &["policy", "machine"], "Good backups that are there.");
pub const SHELVES_LEFT_OUT: Described = gauge(
    "quartermaster_backups_left_out",
    &[],
    "Pairs of policy and machine beyond the bound, which have no series of their own.",
);
pub const BACKUPS: Described = gauge("quartermaster_backups", &["state"], "Backups by state.");
pub const DOOMED: Described =
    gauge("quartermaster_backups_doomed", &[], "Backups that no rule keeps and that are not deleted yet.");
pub const HOLDS: Described = gauge(
    "quartermaster_holds",
    &["reason"],
    "What waits, by reason: deletions, and with slot_ before it backups that are due.",
);
pub const SLOTS: Described = counter(
    "quartermaster_slots_decided_total",
    &["decision"],
    "Slots finally decided, by what became of them.",
);
pub const MADE_GOOD: Described =
    counter("quartermaster_backups_made_good_total", &[], "Backups that became good.");
pub const DELETED: Described =
    counter("quartermaster_backups_deleted_total", &[], "Backups that were deleted.");
pub const BALANCE: Described = gauge(
    "quartermaster_balance_credits",
    &["currency"],
    "The balance as last seen. Never add two currencies.",
);
pub const BURN: Described = gauge(
    "quartermaster_burn_credits_per_hour",
    &["currency", "basis"],
    "How fast credits go now, on each basis that is known; at least so much where a price is not known.",
);
pub const RUN_OUT: Described = gauge(
    "quartermaster_runout_timestamp_seconds",
    &["currency"],
    "When the balance is gone by the worst basis, if nothing changes; +Inf where nothing burns, absent where it is not known.",
);
pub const LETTERS_QUEUED: Described =
    counter("quartermaster_letters_queued_total", &[], "Letters that were written.");
pub const LETTERS_SENT: Described =
    counter("quartermaster_letters_sent_total", &[], "Letters that were handed over.");
pub const LETTERS_FAILED: Described =
    counter("quartermaster_letters_failed_tries_total", &[], "Tries to hand a letter over that failed.");
pub const LETTERS_WAITING: Described =
    gauge("quartermaster_letters_waiting", &[], "Letters that nobody has taken yet.");
pub const ALERTS: Described = gauge(
    "quartermaster_alerts",
    &["alert"],
    "Things that each alert is about now; 0 where it is not active.",
);
pub const CHARGED: Described = counter(
    "quartermaster_charged_credits_total",
    &["kind", "currency"],
    "What billing records grew by, since the first start.",
);
pub const REFUNDED: Described = counter(
    "quartermaster_refunded_credits_total",
    &["kind", "currency"],
    "What billing records were corrected down by, since the first start.",
);
pub const TOPPED_UP: Described = counter(
    "quartermaster_topped_up_credits_total",
    &["currency"],
    "What was paid in, as far as the balance showed it.",
);
pub const CALLS: Described =
    counter("quartermaster_api_calls_total", &["method", "endpoint"], "Calls to the cloud.");
pub const FAILED_CALLS: Described = counter(
    "quartermaster_api_failed_calls_total",
    &["method", "endpoint", "class"],
    "Calls without a usable answer, by class.",
);
pub const LAST_LOOK: Described = gauge(
    "quartermaster_last_complete_look_timestamp_seconds",
    &["kind"],
    "When the last complete look of this process began; 0 before the first.",
);
pub const MACHINE_INFO: Described = gauge(
    "quartermaster_machine_info",
    &["machine", "name", "region", "status"],
    "A machine as last seen; always 1.",
);
pub const MACHINES: Described = gauge("quartermaster_machines", &[], "Machines as last seen.");
pub const MACHINES_DOWN: Described =
    gauge("quartermaster_machines_down", &[], "Machines that did not come back from a snapshot.");
pub const MACHINES_LEFT_OUT: Described = gauge(
    "quartermaster_machines_left_out",
    &[],
    "Machines beyond the bound, which have no series of their own.",
);
pub const MACHINES_STOPPED: Described = gauge(
    "quartermaster_machines_stopped",
    &[],
    "Machines that are stopped, and billed in full all the same.",
);
pub const LISTING_DOUBTED: Described = gauge(
    "quartermaster_listing_doubted",
    &[],
    "1 while so much of ours is missing that the listing itself is doubted.",
);

/// In the order in which they are told; beside them stand the `process_` series.
pub const ALL: [Described; 44] = [
    BUILD_INFO,
    MODE,
    PASSES,
    LAST_PASS,
    JOURNAL_EVENTS,
    JOURNAL_SIZE,
    JOURNAL_HEAD,
    ANOMALIES,
    OBJECTIONS,
    FROZEN,
    PAUSED,
    KEY_REFUSED,
    CONFIGURATION_REFUSED,
    NEWEST_GOOD,
    AWAITED_SINCE,
    EXPECTED_AGE,
    GOOD,
    SHELVES_LEFT_OUT,
    BACKUPS,
    DOOMED,
    HOLDS,
    SLOTS,
    MADE_GOOD,
    DELETED,
    BALANCE,
    BURN,
    RUN_OUT,
    CHARGED,
    REFUNDED,
    TOPPED_UP,
    LETTERS_QUEUED,
    LETTERS_SENT,
    LETTERS_FAILED,
    LETTERS_WAITING,
    ALERTS,
    CALLS,
    FAILED_CALLS,
    LAST_LOOK,
    MACHINE_INFO,
    MACHINES,
    MACHINES_DOWN,
    MACHINES_LEFT_OUT,
    MACHINES_STOPPED,
    LISTING_DOUBTED,
];

/// Why something waits.
pub const HOLD_REASONS: [&str; 36] = [
    "mode",
    "soft_start",
    "grace",
    "awaits_approval",
    "paused",
    "frozen",
    "clock_unsure",
    "protected",
    "kept",
    "linked",
    "last_good",
    "stale",
    "unknown",
    "suspect",
    "unreadable",
    "shaken",
    "capped",
    "refused",
    "maybe_linked",
    "postponed",
    "look_first",
    "slot_not_active",
    "slot_may_restart",
    "slot_concurrent",
    "slot_unknown",
    "slot_unseen",
    "slot_name_in_use",
    "slot_clock_unsure",
    "slot_paused",
    "slot_outside_window",
    "slot_busy",
    "slot_busy_unchecked",
    "slot_asked",
    "slot_account_refused",
    "slot_policy_refused",
    "slot_impossible",
];
