//! `[mail]`: how letters leave: over a server, or into a folder from which something else takes them.

use std::net::IpAddr;
use std::path::PathBuf;

use super::section::{Found, Notes, Section};
use super::{Email, is_address};
use crate::domain::schedule::Schedule;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailSetting {
    pub from: String,
    /// From `email`, which may be empty while only observing.
    pub to: Vec<String>,
    pub way: Way,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Server(Server),
    /// Each letter becomes a file of its own there.
    Folder(PathBuf),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub security: Security,
    /// The name, and the file that the password is in.
    pub login: Option<(String, PathBuf)>,
    /// Who signed its certificate, where no public authority did.
    pub ca_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Begins in the clear, and goes no further where the server offers no encryption.
    StartTls,
    Tls,
    /// On this machine only.
    None,
}

const SECURITIES: [(&str, Security); 3] =
    [("starttls", Security::StartTls), ("tls", Security::Tls), ("none", Security::None)];
const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

impl Security {
    pub fn word(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Tls => "tls",
            Self::None => "none",
        }
    }

    /// Where such a server listens.
    pub fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// What was read, and the cron expression of the digest; `None` there: no digest.
pub struct Read {
    pub mail: Option<MailSetting>,
    pub digest: Option<String>,
}

/// `email` is who gets the letters, and where that stands in the file.
pub fn read(mut section: Section<'_>, email: &Found<Email>, notes: &mut Notes<'_>) -> Read {
    let digest = digest(&mut section, notes);
    let to = match &email.value {
        Email::Recipients(recipients) => recipients.clone(),
        Email::Unset | Email::Off => Vec::new(),
    };
    if !section.is_present() && !to.is_empty() {
        notes.refuse(
            email,
            "needs [mail], which says how letters leave: `from`, and a `server` or a `folder`",
        );
    }
    let from = from(&mut section, notes);
    let folder = section.absolute_path("folder", notes);
    let server = server(&mut section, notes);
    if section.is_present() {
        match (&folder, &server) {
            (Some(folder), Some(_)) => notes.refuse(folder, "stands beside `server`: letters leave one way"),
            (None, None) if section.is_absent("folder") && section.is_absent("server") => {
                notes.missing(&section, "server", "letters leave over a `server` or into a `folder`");
            }
            (Some(_) | None, _) => {}
        }
    }
    section.finish(notes);
    let way = server.map(Way::Server).or(folder.map(|found| Way::Folder(found.value)));
    let mail = from.zip(way).map(|(from, way)| MailSetting { from, to, way });
    Read { mail, digest }
}

fn from(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<String> {
    if !section.is_present() {
        return None;
    }
    let found = section.required_text("from", notes)?;
    if !is_address(&found) {
        notes.refuse(&found, "must be an address, such as \"quartermaster@example.org\"");
        return None;
    }
    Some(found.value.to_owned())
}

fn server(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<Server> {
    let host = section.text("server", notes);
    let security = section.word("security", &SECURITIES, notes);
    let port = section.number("port", 1..=u16::MAX, notes);
    let login = login(section, notes);
    let ca_file = section.absolute_path("ca_file", notes);
    let is_folder = !section.is_absent("folder") && section.is_absent("server");
    for key in ["security", "port", "username", "password_file", "ca_file"] {
        if is_folder && let Some(found) = section.take(key) {
            // Whoever misreads `password_file` writes the password there.
            notes.refuse_unseen(&found, "is for a server, and there is none");
        }
    }
    let host = host?;
    if !is_host(host.value) {
        let rule =
            "must be the name or the address of a server, such as \"smtp.example.org\"; its port is `port`";
        notes.refuse(&host, rule);
    }
    if let Some(found) = security.as_ref().filter(|found| found.value == Security::None)
        && !is_loopback(host.value)
    {
        notes.refuse(
            found,
            "is accepted only where mail.server is on this machine (localhost, 127.0.0.1, ::1)",
        );
    }
    let security = security.map_or(Security::StartTls, |found| found.value);
    Some(Server {
        host: host.value.to_owned(),
        port: port.map_or(security.port(), |found| found.value),
        security,
        login,
        ca_file: ca_file.map(|found| found.value),
    })
}

fn login(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<(String, PathBuf)> {
    let username = section.text("username", notes);
    let password_file = section.absolute_path("password_file", notes);
    for (key, other) in [("username", "password_file"), ("password_file", "username")] {
        if section.is_absent(key) && !section.is_absent(other) {
            notes.missing(section, key, &format!("`{other}` is set, and needs it"));
        }
    }
    Some((username?.value.to_owned(), password_file?.value))
}

/// A weekday, a cron expression, or "off".
fn digest(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<String> {
    let Some(found) = section.text("digest", notes) else { return Some(at_eight(1)) };
    if found.value == "off" {
        return None;
    }
    if let Some(day) = WEEKDAYS.iter().position(|day| *day == found.value) {
        return Some(at_eight(day));
    }
    if Schedule::parse(found.value, "UTC").is_err() {
        let rule =
            "must be a weekday such as \"monday\", a cron expression such as \"0 8 * * 1\", or \"off\"";
        notes.refuse(&found, rule);
    }
    Some(found.value.to_owned())
}

fn at_eight(day: usize) -> String {
    format!("0 8 * * {day}")
}

fn is_host(host: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    host.parse::<IpAddr>().is_ok() || (!host.is_empty() && host.len() <= 253 && host.bytes().all(is_plain))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
