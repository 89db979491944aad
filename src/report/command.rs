//! Commands that people copy: each says which journal it is about, unless that is in the usual place.
//!
//! Whoever reads or writes the journal knows where it is, and hands this to whatever is shown of it.

use std::fmt::Write;
use std::path::Path;

/// How a command finds the journal; the default is for the usual place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    place: String,
    /// For what reads the configuration, and not the journal.
    file: String,
}

impl Commands {
    /// Options with a path each, such as `--data-dir`.
    pub fn with<'a>(options: impl IntoIterator<Item = (&'static str, &'a Path)>) -> Self {
        let mut place = String::new();
        for (option, path) in options {
            // Writing to a String cannot fail.
            let _ = write!(place, " {option} {}", quoted(&path.to_string_lossy()));
        }
        Self { place, file: String::new() }
    }

    /// Of a daemon that runs by this file; `None` for the usual one.
    pub fn by(self, file: Option<&Path>) -> Self {
        let named = |file: &Path| format!(" --config {}", quoted(&file.to_string_lossy()));
        Self { file: file.map(named).unwrap_or_default(), ..self }
    }

    /// What the cloud answers, and how this machine stands.
    pub fn doctor(&self) -> String {
        format!("quartermaster doctor{}", self.file)
    }

    /// `verb` alone: `quartermaster status --data-dir /srv/qm`
    pub fn verb(&self, verb: &str) -> String {
        format!("quartermaster {verb}{}", self.place)
    }

    /// With what it is about. The place comes first: an id may stand behind a `--`.
    pub fn of(&self, verb: &str, what: &str) -> String {
        format!("{} {what}", self.verb(verb))
    }
}

/// A path as one word of a shell's, and never an option.
fn quoted(path: &str) -> String {
    let is_plain = |letter: char| {
        letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.' | ':' | '/' | '+' | ',' | '@' | '=')
    };
    let path = if path.starts_with('-') { format!("./{path}") } else { path.to_owned() };
    match !path.is_empty() && path.chars().all(is_plain) {
        true => path,
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_its_journal_before_what_it_is_about_and_the_usual_one_not_at_all() {
        let commands = Commands::with([("--data-dir", Path::new("/srv/qm"))]);
        assert_eq!(commands.of("adopt", "-- 'a b'"), "quartermaster adopt --data-dir /srv/qm -- 'a b'");
        assert_eq!(commands.verb("status"), "quartermaster status --data-dir /srv/qm");
        assert_eq!(Commands::default().verb("thaw"), "quartermaster thaw");
        assert_eq!(commands.doctor(), "quartermaster doctor");
        let named = commands.by(Some(Path::new("/srv/qm.toml")));
        assert_eq!(named.doctor(), "quartermaster doctor --config /srv/qm.toml");
        assert_eq!(named.by(None).doctor(), "quartermaster doctor");
    }

    #[test]
    fn a_path_is_one_word_and_no_option() {
        let typed = |path: &str| Commands::with([("--data-dir", Path::new(path))]).verb("status");
        assert_eq!(typed("/srv/a b"), "quartermaster status --data-dir '/srv/a b'");
        assert_eq!(typed("it's"), r"quartermaster status --data-dir 'it'\''s'");
        assert_eq!(typed("-x"), "quartermaster status --data-dir ./-x");
    }
}
