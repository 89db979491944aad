//! The words of a letter about one matter.

use super::letter::Letter;
use super::letter_fact::{cents, count, line, named, printed_price};
use crate::domain::alert::event::{News, Step};
use crate::domain::alert::matter::{Fact, Level, Matter, Purse, Refused};
use crate::domain::id::MachineId;
use crate::domain::money::Nanos;
use crate::domain::slot::Held;
use crate::report::command::Commands;
use crate::report::foreign::visible;
use crate::report::status::word;
use crate::report::words::{instant, span, would_be_taken};

pub fn subject(news: &News) -> String {
    let level = news.level.word();
    match news.step {
        Step::Began => format!("{level}: {}", happened(news)),
        Step::Worse => format!("{level}, worse: {}", happened(news)),
        Step::More => format!("{level}, more: {}", happened(news)),
        Step::Again => format!("{level}, still: {}", happened(news)),
        Step::Over => format!("over: {}", over(news.matter)),
    }
}

pub fn letter(news: &News, commands: &Commands) -> Letter {
    let since = instant(news.since);
    let (happened, means, done, command) = match news.step {
        // It ends in one of two ways, and a person must know which.
        Step::Over if news.matter == Matter::BackupsMissing => {
            let happened = format!("{}. The doubt had begun {since} UTC.", capital(over(news.matter)));
            let means = "Enough of them are listed again, or what was missing counts as gone after a day of such lists: then a letter of its own tells it.";
            let done = "Deletions go on where nothing else stops them.".to_owned();
            (happened, means.to_owned(), done, commands.of("snapshots list", "--state vanished"))
        }
        Step::Over => {
            let happened = format!("{}. What is over had begun {since} UTC.", capital(over(news.matter)));
            let means = "Nothing more is to be done about it.".to_owned();
            (happened, means, "Everything goes on as before.".to_owned(), commands.verb("status"))
        }
        Step::Began | Step::Worse | Step::More | Step::Again => {
            let said = match news.matter {
                // Its banner says the rest.
                Matter::Observing => "The mode is observe".to_owned(),
                _ => capital(&happened(news)),
            };
            let happened = format!("{said}. This began {since} UTC.");
            (happened, means(news), done(news).to_owned(), command(news, commands))
        }
    };
    let mut items: Vec<String> = news.facts.iter().map(line).collect();
    if news.more > 0 {
        items.push(format!("and {} more; `{}` has all", news.more, commands.verb("status")));
    }
    let (subject, foot) = (String::new(), String::new());
    Letter { subject, banner: None, happened, items, means, done, command, foot }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// One sentence without its end.
fn happened(news: &News) -> String {
    let number = news.facts.len() as u64 + news.more;
    match (news.matter, news.facts.first()) {
        (Matter::KeyRefused, _) => "the cloud refuses the key; nothing is backed up".to_owned(),
        (Matter::ApiUnreachable, _) => "the cloud cannot be reached".to_owned(),
        (Matter::Balance(_), Some(Fact::Balance(purse))) => credits(news, purse),
        (Matter::Balance(currency), _) => format!("the {currency} credits are low"),
        (Matter::BalanceBlind, _) => "the balance cannot be read".to_owned(),
        (Matter::ListsBlind, Some(Fact::Unread { listing, .. })) if number == 1 => {
            format!("the list of {} cannot be read", visible(listing))
        }
        (Matter::ListsBlind, _) => format!("{number} lists cannot be read"),
        (Matter::BackupLate, Some(Fact::Late { machine, name, .. })) if number == 1 => {
            format!("the backup of {} is late", brief(machine, name))
        }
        (Matter::BackupLate, _) => format!("{number} backups are late"),
        (Matter::BackupFailed, Some(Fact::Failed { machine, name, .. })) if number == 1 => {
            format!("the last backup of {} came to nothing", brief(machine, name))
        }
        (Matter::BackupFailed, _) => format!("{number} backups came to nothing"),
        (Matter::MachineDown, Some(Fact::Down { machine, name, .. })) if number == 1 => {
            format!("{} did not come back from its snapshot", brief(machine, name))
        }
        (Matter::MachineDown, _) => format!("{number} machines did not come back from their snapshots"),
        (Matter::SecondDaemon, _) => "a second daemon uses our names".to_owned(),
        (Matter::CreatesRefused, _) => "the cloud refuses snapshots".to_owned(),
        (Matter::BackupsMissing, Some(Fact::Missing { backups, .. })) => {
            format!(
                "{} in no list of the cloud's any more",
                count(*backups, "a backup of ours is", "backups of ours are")
            )
        }
        (Matter::BackupsMissing, _) => "backups of ours are in no list of the cloud's any more".to_owned(),
        (Matter::ForeignDeletion, _) => {
            format!(
                "{} deleted, and not by us",
                count(number, "a backup of ours was", "backups of ours were")
            )
        }
        (Matter::DeletionsHeld, _) if waits_for_a_person(news) => {
            format!("{} a person's approval", count(number, "a deletion waits for", "deletions wait for"))
        }
        (Matter::DeletionsHeld, _) => {
            format!(
                "{} held for long",
                count(number, "a deletion that is due is", "deletions that are due are")
            )
        }
        (Matter::DayCapLow, _) => "the bound on a day's deletions is low".to_owned(),
        (Matter::DiskFull, _) => "the disk of the journal is nearly full".to_owned(),
        (Matter::ConfigurationRefused, _) => {
            "the configuration was refused; the one before goes on".to_owned()
        }
        (Matter::Frozen, Some(Fact::Until { until, .. })) => match news.level {
            Level::Notice => format!("deletions are frozen until {} UTC", instant(*until)),
            _ => format!("the freeze of deletions ends {} UTC", instant(*until)),
        },
        (Matter::Frozen, _) => "deletions are frozen".to_owned(),
        (Matter::Paused, Some(Fact::Until { until, .. })) => match news.level {
            Level::Notice => format!("all policies are paused until {} UTC", instant(*until)),
            _ => format!("the pause of all policies ends {} UTC", instant(*until)),
        },
        (Matter::Paused, _) => "all policies are paused".to_owned(),
        (Matter::Observing, Some(Fact::Observed { slots, .. })) => {
            format!("OBSERVING: nothing is backed up; {}", would_be_taken(*slots))
        }
        (Matter::Observing, _) => "OBSERVING: nothing is backed up".to_owned(),
    }
}

/// As much of what it is called as leaves room in a subject for what happened; the whole stands below.
fn brief(machine: &MachineId, name: &str) -> String {
    const LONGEST: usize = 60;
    let whole = named(machine, name);
    let mut brief: String = whole.chars().take(LONGEST).collect();
    if brief.len() < whole.len() {
        brief.push('…');
    }
    brief
}

fn credits(news: &News, purse: &Purse) -> String {
    let Purse { currency, amount, runs_out, floor, .. } = purse;
    match (news.level, runs_out) {
        (Level::Out, _) => format!("the {currency} credits are used up"),
        _ if let Some(floor) = floor => {
            format!("{} {currency} are left, under the floor of {}", cents(*amount), cents(*floor))
        }
        (_, Some(at)) => format!("the {currency} credits last until {} UTC", instant(*at)),
        (_, None) => format!("only {} {currency} are left", cents(*amount)),
    }
}

/// Too much was lost at once: whoever thaws before it is understood loses the rest of it.
fn is_frozen_by_itself(news: &News) -> bool {
    news.facts.iter().any(|fact| matches!(fact, Fact::Until { by_itself: true, .. }))
}

fn waits_for_a_person(news: &News) -> bool {
    let waits = |fact: &Fact| matches!(fact, Fact::Doom { hold, .. } if hold == "awaits_approval");
    news.facts.iter().all(waits)
}

fn over(matter: Matter) -> &'static str {
    match matter {
        Matter::KeyRefused => "the cloud accepts the key again",
        Matter::ApiUnreachable => "the cloud can be reached again",
        Matter::Balance(_) => "the credits last long enough again",
        Matter::BalanceBlind => "the balance can be read again",
        Matter::ListsBlind => "every list can be read again",
        Matter::BackupLate => "every backup is as young as it should be",
        Matter::BackupFailed => "the last backups are good again",
        Matter::MachineDown => "every machine is back",
        Matter::SecondDaemon => "no other daemon uses our names any more",
        Matter::CreatesRefused => "the cloud takes snapshots again",
        Matter::BackupsMissing => "the lists of our backups are no longer in doubt",
        Matter::ForeignDeletion => "no backup of ours was deleted of late",
        Matter::DeletionsHeld => "no deletion is held for long any more",
        Matter::DayCapLow => "the bound on a day's deletions leaves room again",
        Matter::DiskFull => "there is room on the disk again",
        Matter::ConfigurationRefused => "the configuration was accepted",
        Matter::Frozen => "deletions are no longer frozen",
        Matter::Paused => "the policies go on",
        Matter::Observing => "it no longer only observes",
    }
}

/// In hours and money.
fn means(news: &News) -> String {
    let number = news.facts.len() as u64 + news.more;
    match news.matter {
        Matter::KeyRefused | Matter::ApiUnreachable => {
            "While this lasts no backup is made or deleted, machines and snapshots are billed as before, and nobody sees how long the credits last."
                .to_owned()
        }
        Matter::Balance(_) => balance_means(news),
        Matter::BalanceBlind => "Nobody sees how long the credits last; the last level stands.".to_owned(),
        Matter::ListsBlind => "What needs such a list waits: backups, and above all deletions.".to_owned(),
        Matter::BackupLate => {
            let oldest = news.facts.iter().filter_map(|fact| match fact {
                Fact::Late { since, expected, .. } => Some((since, expected)),
                _ => None,
            });
            let least = oldest.map(|(_, expected)| expected.duration()).max().unwrap_or_default();
            format!("If such a machine is lost now, more than {} of its work are lost with it.", span(least))
        }
        Matter::BackupFailed => {
            "The newest good backup is an older one: what was done since then is in none.".to_owned()
        }
        Matter::MachineDown => {
            "A machine that is not ACTIVE does no work, and is billed in full all the same.".to_owned()
        }
        Matter::SecondDaemon => {
            "Two daemons on one account pay for each backup twice, and prune each other's.".to_owned()
        }
        Matter::CreatesRefused => "What is refused is not backed up; its newest backup grows old.".to_owned(),
        Matter::BackupsMissing => {
            "If they are gone, nothing can be restored from them; if only the list is wrong, they are there, and billed.".to_owned()
        }
        Matter::ForeignDeletion => {
            "They are gone for good. Three within an hour freeze every deletion of ours.".to_owned()
        }
        Matter::DeletionsHeld => {
            format!("Each is billed as long as it stays: together {}.", printed_price(number))
        }
        Matter::DayCapLow => {
            format!("Where fewer go than are made, the shelf grows; each backup on it is billed {}.", printed_price(1))
        }
        Matter::DiskFull => "Without room nothing can be written down, and so nothing is asked.".to_owned(),
        Matter::ConfigurationRefused => "What was edited is not in force.".to_owned(),
        Matter::Frozen => {
            format!("What no rule keeps stays, and is billed: each {}.", printed_price(1))
        }
        Matter::Paused => {
            "Policies make no backups and delete none; machines change all the same.".to_owned()
        }
        Matter::Observing => "No policy makes a backup, whatever is due; what is asked for by hand is made all the same.".to_owned(),
    }
}

fn balance_means(news: &News) -> String {
    let Some(Fact::Balance(purse)) = news.facts.first() else { return String::new() };
    let ends = "At zero machines are hibernated or lost, and backups stop; what becomes of snapshots then is not known.";
    // To the next cent, so that it is enough.
    let add = |sum: Nanos| {
        format!("add at least {} {}", cents(Nanos(sum.0.saturating_add(9_999_999))), purse.currency)
    };
    // It is left by a quarter more than it is.
    let over = |floor: Nanos| Nanos(floor.0.saturating_add(floor.0 / 4).saturating_sub(purse.amount.0));
    let month = purse.add_for_month.map(|sum| format!(" To last for 30 days from now, {}.", add(sum)));
    let floor = purse.floor.map(|floor| format!(" To be well over the floor again, {}.", add(over(floor))));
    format!("{ends}{}{}", month.unwrap_or_default(), floor.unwrap_or_default())
}

fn done(news: &News) -> &'static str {
    match news.matter {
        Matter::KeyRefused => {
            "All calls have stopped. The key is tried again after 15 minutes, then ever less often, at least every 2 hours."
        }
        Matter::ApiUnreachable => {
            "It goes on trying. What becomes of slots that pass meanwhile, each policy's `catch_up` says."
        }
        Matter::Balance(_) => "Nothing was stopped: what to give up is for a person to say.",
        Matter::BalanceBlind => "It goes on looking.",
        Matter::ListsBlind => "It goes on looking, and infers nothing from what it cannot read.",
        Matter::BackupLate => {
            "Retention goes on until the newest good backup is older than twice the longest gap and a margin (6 h unless set); from then on nothing good of that policy and machine is deleted."
        }
        Matter::BackupFailed => "The next slot takes a new one; nothing was deleted for it.",
        Matter::MachineDown => "Nothing was done to the machine: only a person starts one.",
        Matter::SecondDaemon => {
            "Nothing under such a name was adopted, and deletions of its machine are held."
        }
        Matter::CreatesRefused => "It is asked for again once a day.",
        Matter::BackupsMissing => {
            "Nothing is deleted while this lasts. After a day of such lists it is believed that they are gone; until then they count. Look with the command below and in the cloud's own console."
        }
        Matter::ForeignDeletion => "They count no longer; nothing else was deleted for it.",
        Matter::DeletionsHeld => "They stay until what holds them is over.",
        Matter::DayCapLow => {
            "The bound of the configuration is kept: raise `rules.day_cap`, leave it out, or back up less often."
        }
        Matter::DiskFull => "Nothing new is asked of the cloud until there is room.",
        Matter::ConfigurationRefused => "The configuration of before stays in force.",
        Matter::Frozen if is_frozen_by_itself(news) => {
            "Nothing is deleted until then: it froze by itself. Look first at what is gone, with the command below and in the cloud's own console. A `thaw` is for when that is understood, and was meant."
        }
        Matter::Frozen => "Nothing is deleted until then.",
        Matter::Paused => "Policies do nothing until then; what a person asks for is done.",
        Matter::Observing => "It looks and plans, and changes nothing.",
    }
}

/// What is late could not be taken because the listings cannot be read.
fn is_unseen(news: &News) -> bool {
    news.facts.iter().any(|fact| matches!(fact, Fact::Late { held: Some(Held::Unseen), .. }))
}

fn command(news: &News, commands: &Commands) -> String {
    let status = || commands.verb("status");
    match (news.matter, news.facts.first()) {
        (Matter::KeyRefused, _) => {
            "systemctl reload quartermaster    # after the new key is in the key file".to_owned()
        }
        (Matter::CreatesRefused, Some(Fact::Refused { what, .. })) => match what {
            Refused::Account => commands.of("retry", "--account"),
            Refused::Policy(policy) => {
                commands.of("retry", &format!("--policy {}", visible(&word(policy.as_str()))))
            }
            Refused::Machine(machine) => {
                commands.of("retry", &format!("--machine {}", visible(&word(machine.as_str()))))
            }
            Refused::Credit => status(),
        },
        (Matter::DeletionsHeld, Some(Fact::Doom { .. })) if waits_for_a_person(news) => {
            let ids = news.facts.iter().filter_map(|fact| match fact {
                Fact::Doom { backup, .. } => Some(visible(&word(backup.as_str()))),
                _ => None,
            });
            commands.of("plan approve", &ids.collect::<Vec<_>>().join(" "))
        }
        (Matter::ConfigurationRefused, Some(Fact::File { file, .. })) => {
            format!("quartermaster check-config {}", visible(&word(file)))
        }
        (Matter::Frozen, _) if is_frozen_by_itself(news) => {
            let then = commands.of("snapshots list", "--state vanished");
            format!("{}    # then: {then}", commands.verb("machines list"))
        }
        (Matter::Frozen, _) => commands.verb("thaw"),
        (Matter::Paused, _) => commands.verb("resume"),
        (Matter::Observing, _) => {
            "systemctl reload quartermaster    # after mode = \"protect\" is in its configuration".to_owned()
        }
        (Matter::BackupsMissing, _) => commands.verb("snapshots list"),
        (Matter::ForeignDeletion, _) => commands.of("snapshots list", "--state vanished"),
        // A path that is wrong looks like a cloud in trouble: the doctor tells them apart.
        (Matter::ApiUnreachable | Matter::ListsBlind, _) => commands.doctor(),
        (Matter::BackupLate, _) if is_unseen(news) => commands.doctor(),
        (
            Matter::Balance(_)
            | Matter::BalanceBlind
            | Matter::BackupLate
            | Matter::BackupFailed
            | Matter::MachineDown
            | Matter::SecondDaemon
            | Matter::CreatesRefused
            | Matter::DeletionsHeld
            | Matter::DayCapLow
            | Matter::DiskFull
            | Matter::ConfigurationRefused,
            _,
        ) => status(),
    }
}
