//! This machine, as checks: configuration, folder, disk, journal, mail, time zones.
//!
//! It opens the journal to read only, beside a daemon or without one, and makes nothing.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::mail::Way;
use crate::config::{Config, Email, key};
use crate::daemon::begin::never;
use crate::domain::schedule;
use crate::journal;
use crate::journal::reader::{Lack, ReadError, Reader};
use crate::journal::verify;
use crate::mail::mailer;
use crate::report::doctor::Checks;
use crate::report::words;

/// Rows at the end of the log whose hashes are computed again; `log verify` does it for all.
const TAIL: u64 = 10_000;
const TOKEN: &str = "http.token_file";
const MIB: u64 = 1024 * 1024;
/// A zone whose rules changed often: one that is known shows that the database is whole.
const TRIED_ZONE: &str = "Europe/Berlin";

pub fn check(config: &Config, checks: &mut Checks) {
    check_configuration(config, checks);
    check_folder(&config.data_dir, checks);
    check_disk(config, checks);
    check_journal(&config.data_dir, checks);
    check_token(config, checks);
    check_mail(config, checks);
    match journal::library() {
        Ok(version) => checks.ok("sqlite", format!("{version}, built in")),
        Err(cause) => checks.fail("sqlite", cause.to_string(), "install a build of ours that is whole"),
    }
    match schedule::zone(TRIED_ZONE) {
        Ok(_) => checks.ok("time zones", format!("{TRIED_ZONE} and those of all policies are known")),
        Err(error) => checks.fail("time zones", error.to_string(), "install the tzdata package"),
    }
}

fn check_configuration(config: &Config, checks: &mut Checks) {
    for warning in &config.warnings {
        checks.warn("configuration", warning.to_string(), "see config/example.toml for what it means");
    }
    if config.warnings.is_empty() {
        let count = words::count(config.policies.len(), "policy", "policies");
        checks.ok("configuration", format!("mode {}, {count}", config.mode.word()));
    }
}

/// Without it the daemon does not start. The password for the mail is read when the server is greeted.
fn check_token(config: &Config, checks: &mut Checks) {
    let Some(path) = &config.http.token_file else { return };
    match key::read_secret(TOKEN, path) {
        Ok(_) => checks.ok(TOKEN, format!("{} can be read", path.display())),
        Err(error) => {
            let todo = "it holds the token and nothing else, for the daemon's user alone (chmod 0400)";
            checks.fail(TOKEN, chain(&error), todo);
        }
    }
}

/// The server is greeted; no letter is sent.
fn check_mail(config: &Config, checks: &mut Checks) {
    let todo = "see [mail] in config/example.toml; `quartermaster test-email` sends a letter";
    let Some(mail) = &config.mail else {
        return match &config.email {
            Email::Off => checks.ok("mail", "email = \"off\": nobody is told"),
            Email::Unset | Email::Recipients(_) => checks.warn("mail", "nobody is told of anything", todo),
        };
    };
    match &mail.way {
        Way::Folder(folder) => match standing(folder).is_some_and(|folder| is_writable(&folder)) {
            true => checks.ok("mail", format!("letters go into {}", folder.display())),
            false => {
                checks.fail("mail", format!("{} cannot be written by this user", folder.display()), todo)
            }
        },
        Way::Server(server) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let said = runtime
                .map_err(|error| error.to_string())
                .and_then(|runtime| runtime.block_on(mailer::greet(server)).map_err(|error| chain(&error)));
            let address = format!("{}:{}", server.host, server.port);
            match said {
                Ok(true) => checks.ok("mail", format!("{address} greets us")),
                Ok(false) => checks.fail("mail", format!("{address} does not answer as a mail server"), todo),
                Err(why) => checks.fail("mail", why, todo),
            }
        }
    }
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

fn check_folder(folder: &Path, checks: &mut Checks) {
    let shown = folder.display();
    if let Some(why) = never(folder) {
        let seen = format!("{shown} can never hold a journal: {why}");
        return checks.fail("data_dir", seen, "name another, or move what is there");
    }
    let metadata = match fs::metadata(folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return match standing(folder).is_some_and(|parent| is_writable(&parent)) {
                true => checks.ok("data_dir", format!("{shown} is not there yet: `run` makes it")),
                false => {
                    let todo = "make it, owned by the daemon's user, with mode 0700";
                    checks.fail(
                        "data_dir",
                        format!("{shown} is not there, and cannot be made by this user"),
                        todo,
                    )
                }
            };
        }
        Err(error) => {
            return checks.fail(
                "data_dir",
                format!("{shown}: {error}"),
                "run the doctor as the daemon's user",
            );
        }
    };
    let mode = metadata.mode() & 0o7777;
    if !is_writable(folder) {
        let seen =
            format!("{shown} (mode {mode:04o}, user {}) cannot be written by this user", metadata.uid());
        checks.fail("data_dir", seen, "run the doctor as the daemon's user, or give the folder to it");
    } else if mode & 0o007 != 0 {
        let seen = format!("{shown} has mode {mode:04o}: everybody on this machine can look into it");
        checks.warn("data_dir", seen, format!("chmod 0700 {shown}"));
    } else {
        checks.ok("data_dir", format!("{shown} (mode {mode:04o}) can be written"));
    }
}

/// The nearest folder on the way that is there.
fn standing(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|folder| folder.is_dir()).map(Path::to_path_buf)
}

fn is_writable(folder: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

fn check_disk(config: &Config, checks: &mut Checks) {
    let folders =
        [("data_dir", Some(&config.data_dir)), ("journal.backup_dir", config.journal.backup_dir.as_ref())];
    for (name, folder) in folders {
        let Some(standing) = folder.and_then(|folder| standing(folder)) else { continue };
        let subject = format!("disk of {name}");
        let Ok(disk) = rustix::fs::statvfs(&standing) else {
            checks.warn(&subject, "its free space cannot be found out", "look at it by `df`");
            continue;
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize) / MIB;
        let least = u64::from(config.journal.free_space_mib);
        let seen = format!("{free} MiB free");
        if free < least {
            let todo = format!("make room: below journal.free_space_mib ({least}) nothing new is asked for");
            checks.fail(&subject, seen, todo);
        } else if free < least.saturating_mul(4) {
            checks.warn(&subject, seen, format!("make room before it falls below {least} MiB"));
        } else {
            checks.ok(&subject, seen);
        }
    }
}

fn check_journal(folder: &Path, checks: &mut Checks) {
    let beside = match journal::is_held(folder) {
        Some(true) => "a daemon holds it",
        Some(false) => "no daemon holds it",
        None => "whether a daemon holds it cannot be told",
    };
    let found = Reader::open(folder).and_then(|reader| {
        let tail = verify::tail(&reader, TAIL).map_err(|fault| ReadError::from_fault(folder, fault))?;
        Ok((reader.is_simulated(), tail))
    });
    match found {
        Ok((is_simulated, (head, rows))) => {
            let seen = format!(
                "format {}, {} events, head {}; the last {rows} follow each other; {beside}",
                journal::format(),
                head.seq,
                head.hash.short()
            );
            if is_simulated {
                let todo = "`run` refuses it: name another data_dir for a real account";
                checks.fail("journal", format!("{seen}; its events are SIMULATED"), todo);
            } else {
                checks.ok("journal", seen);
            }
        }
        Err(ReadError::Missing { lack: Lack::Nothing, .. }) => checks.ok("journal", "there is none yet"),
        Err(ReadError::Missing { path, lack: Lack::Empty }) => {
            let seen = format!("{} is empty: `run` begins a new one in it; {beside}", path.display());
            checks.warn(
                "journal",
                seen,
                "if it was the journal once, put a copy back first with `log restore`",
            );
        }
        Err(error) => {
            let todo = match error {
                ReadError::Damaged { .. } => "`log verify` names the place; `log restore` takes a backup",
                ReadError::Newer { .. } | ReadError::Older { .. } => "until then nothing is changed in it",
                ReadError::Closed { .. } | ReadError::NoRights { .. } => {
                    "run the doctor as the daemon's user"
                }
                ReadError::Missing { .. } | ReadError::Foreign { .. } | ReadError::Failed { .. } => {
                    "see what stands there before a daemon is started"
                }
            };
            checks.fail("journal", format!("{}; {beside}", chain(&error)), todo);
        }
    }
}
