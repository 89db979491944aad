//! Where a journal is, told by a file that may be at fault elsewhere: for verbs that need no more.
//!
//! A slip in a policy must not stand between a person and `freeze`. What runs a daemon never uses this.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::clock::{self, ClockSetting};
use super::cloud;
use super::fault::{Fault, FaultKind, Faults};
use super::nearest::nearest;
use super::section::{Notes, Section};
use super::socket::{self, SocketSetting};
use super::{Config, DATA_DIR, parse, text_of};

#[derive(Clone, Debug)]
pub struct Whereabouts {
    pub data_dir: PathBuf,
    pub socket: SocketSetting,
    pub clock: Option<ClockSetting>,
    /// How much of the file is at fault; where a journal is, is not.
    pub faults: usize,
}

impl Default for Whereabouts {
    /// As an empty file tells it.
    fn default() -> Self {
        let data_dir = PathBuf::from(DATA_DIR);
        Self { data_dir, socket: SocketSetting::default(), clock: None, faults: 0 }
    }
}

/// What a verb goes by that is told nothing.
#[derive(Debug)]
pub enum Usual {
    /// There is no configuration in the usual place.
    Absent,
    /// There is one, or a folder for it, that this user may not read.
    Closed,
    Read(Whereabouts),
    Refused(Faults),
}

impl Usual {
    /// `file` is `config::FILE`, but for a test.
    pub fn at(file: &Path) -> Self {
        match File::open(file).map_err(|error| error.kind()) {
            Err(ErrorKind::NotFound | ErrorKind::NotADirectory) => Self::Absent,
            Err(ErrorKind::PermissionDenied) => Self::Closed,
            _ => load(file).map_or_else(Self::Refused, Self::Read),
        }
    }

    /// `None`: a verb that is told nothing is refused.
    pub fn whereabouts(self) -> Option<Whereabouts> {
        match self {
            Self::Absent | Self::Closed => Some(Whereabouts::default()),
            Self::Read(told) => Some(told),
            Self::Refused(_) => None,
        }
    }
}

/// An error, with all faults, where the file is not TOML, or its `data_dir` or `[clock]` is at fault, or there is
/// no `data_dir` and a setting that nobody knows could be meant to be it: the journal that is there otherwise
/// may be another account's.
pub fn load(path: &Path) -> Result<Whereabouts, Faults> {
    let (name, text) = text_of(path)?;
    match parse(&name, &text) {
        Ok(config) => Ok(Whereabouts {
            data_dir: config.data_dir,
            socket: config.socket,
            clock: config.clock,
            faults: 0,
        }),
        Err(faults) => read(&name, &text, faults),
    }
}

fn read(name: &str, text: &str, faults: Faults) -> Result<Whereabouts, Faults> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // Where `data_dir` stands may be what is broken.
        return Err(faults);
    }
    let mut notes = Notes::of(text);
    let mut top = Section::top(table.get_ref());
    let data_dir = top.absolute_path("data_dir", &mut notes);
    if data_dir.is_none() {
        if !top.is_absent("data_dir") {
            return Err(faults);
        }
        if let Some(other) = faults.list().iter().find(|fault| may_be_data_dir(fault, table.get_ref())) {
            let rule = format!(
                "is not set, and `{}`, which is no setting, may be meant: correct it, or name the directory \
                 with --data-dir DIR",
                other.setting.as_deref().unwrap_or_default()
            );
            let unset = Fault { setting: Some("data_dir".to_owned()), value: None, rule, ..other.clone() };
            let all = faults.list().iter().cloned().chain([unset]).collect();
            return Err(Faults::new(name, text, all));
        }
    }
    let cloud = cloud::read(top.within("cloud", &mut notes), &mut notes);
    let section = top.within("clock", &mut notes);
    let has_clock = section.is_present() || !top.is_absent("clock");
    let clock = clock::read(section, &cloud, &mut notes);
    if has_clock && clock.is_none() {
        return Err(faults);
    }
    let socket = socket::read(top.within("socket", &mut notes), &mut notes);
    let data_dir = data_dir.map_or_else(|| PathBuf::from(DATA_DIR), |found| found.value);
    Ok(Whereabouts { data_dir, socket, clock, faults: faults.list().len() })
}

/// A setting that nobody knows, at the top or in `[journal]`, where a person would look for it; anywhere
/// else one that is spelt nearly so.
fn may_be_data_dir(fault: &Fault, top: &DeTable<'_>) -> bool {
    let setting = fault.setting.as_deref().unwrap_or_default();
    let is_at_the_top = top.keys().any(|key| key.span() == fault.span);
    let is_alike = || setting.rsplit('.').next().is_some_and(|name| nearest(name, &["data_dir"]).is_some());
    fault.kind == FaultKind::Unknown && (is_at_the_top || setting.starts_with("journal.") || is_alike())
}

impl Config {
    /// What a verb must be told to find the daemon that runs by `file` with its journal in `directory`:
    /// the file where only that says so, the directory where that is enough, or nothing where what is `usual`
    /// here leads to the same.
    pub fn options<'a>(
        &self,
        file: &'a Path,
        directory: &'a Path,
        usual: Option<&Whereabouts>,
    ) -> Vec<(&'static str, &'a Path)> {
        let is_ours = directory == self.data_dir;
        let socket = if is_ours { self.socket.of(directory) } else { SocketSetting::default().of(directory) };
        let is_found = |usual: &Whereabouts| {
            let leads_to = (&*usual.data_dir, usual.socket.of(&usual.data_dir), usual.clock);
            leads_to == (directory, socket, self.clock)
        };
        if usual.is_some_and(is_found) {
            return Vec::new();
        }
        let needs_file = self.socket.path.is_some() || self.clock.is_some();
        let file = needs_file.then_some(("--config", file));
        let is_told = needs_file && is_ours;
        file.into_iter().chain((!is_told).then_some(("--data-dir", directory))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<(PathBuf, usize), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qm.toml");
        std::fs::write(&path, text).unwrap();
        let found = load(&path).map_err(|faults| faults.to_string())?;
        Ok((found.data_dir, found.faults))
    }

    #[test]
    fn a_fault_elsewhere_does_not_hide_where_the_journal_is() {
        let here = PathBuf::from("/srv/qm");
        let faulty = "data_dir = \"/srv/qm\"\nmode = \"enforce\"\nmood = 1\n[[policy]]\nschedule = \"x\"\n";
        let (directory, faults) = found(faulty).unwrap();
        assert!(directory == here && faults > 3, "{directory:?} {faults}");
        assert_eq!(found("data_dir = \"/srv/qm\"\n").unwrap(), (here, 0));
        assert_eq!(found("mode = \"enforce\"\n").unwrap(), (PathBuf::from(DATA_DIR), 1));
        assert_eq!(found("[rules]\nmood = 1\n").unwrap(), (PathBuf::from(DATA_DIR), 1));
    }

    #[test]
    fn where_the_journal_is_must_not_be_at_fault_itself() {
        for text in [
            "data_dir = \"/srv/qm\"\nmode = enforce\n",
            "data_dir = \"srv\"\n",
            "data_dri = \"/srv/qm\"\n",
            "data_dir = 7\n",
            "[cloud]\ndata_dir = \"/srv/qm\"\n",
            "[clock]\nscale = 60\n",
        ] {
            let refused = found(text).unwrap_err();
            assert!(refused.ends_with("the configuration is refused"), "{text}: {refused}");
        }
    }

    #[test]
    fn without_a_data_dir_what_nobody_knows_may_be_it_and_the_default_is_not_taken() {
        for (text, name) in [
            ("data_directory = \"/srv/b\"\n", "data_directory"),
            ("journal_dir = \"/srv/b\"\n", "journal_dir"),
            ("\"data.dir\" = \"/srv/b\"\n", "data.dir"),
            ("storage.path = \"/srv/b\"\n", "storage"),
            ("[journal]\nplace = \"/srv/b\"\n", "journal.place"),
            ("[storage]\npath = \"/srv/b\"\n", "storage"),
        ] {
            let refused = found(text).unwrap_err();
            let said = format!("data_dir: is not set, and `{name}`, which is no setting, may be meant");
            assert!(refused.contains(&said) && refused.contains("--data-dir DIR"), "{text}: {refused}");
        }
    }

    #[test]
    fn a_verb_is_told_no_more_than_it_needs_to_find_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qm.toml");
        let found = |text: &str, directory: &str| {
            std::fs::write(&path, text).unwrap();
            let config = crate::config::load(&path).unwrap();
            let usual = Usual::at(&folder.path().join("usual.toml")).whereabouts();
            let options = config.options(&path, Path::new(directory), usual.as_ref());
            options.into_iter().map(|(option, _)| option).collect::<Vec<_>>()
        };
        let policy = "email = \"off\"\n[[policy]]\nname = \"a\"\nmachines = [\"*\"]\nschedule = \"@daily\"\n\
                      may_restart = true\n";
        let socket = format!("{policy}[socket]\npath = \"/run/quartermaster.sock\"\n");
        assert!(found(policy, DATA_DIR).is_empty());
        assert_eq!(found(policy, "/srv/qm"), ["--data-dir"]);
        assert_eq!(found(&socket, DATA_DIR), ["--config"]);
        assert_eq!(found(&socket, "/srv/qm"), ["--config", "--data-dir"]);
        // What is in the usual place counts for whoever names nothing.
        std::fs::write(folder.path().join("usual.toml"), "[socket]\npath = \"/run/quartermaster.sock\"\n")
            .unwrap();
        assert!(found(&socket, DATA_DIR).is_empty());
        assert_eq!(found(policy, DATA_DIR), ["--data-dir"]);
        std::fs::write(folder.path().join("usual.toml"), "data_dir = \"/srv/qm\"\n").unwrap();
        assert!(found("data_dir = \"/srv/qm\"\n", "/srv/qm").is_empty());
        assert_eq!(found(policy, DATA_DIR), ["--data-dir"]);
        assert_eq!(found(&socket, DATA_DIR), ["--config"]);
        std::fs::write(folder.path().join("usual.toml"), "data_dir = 7\n").unwrap();
        assert_eq!(found(policy, DATA_DIR), ["--data-dir"]);
    }

    #[test]
    fn a_faulty_address_of_the_cloud_does_not_change_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qm.toml");
        let text = "[cloud]\nbase_url = \"nowhere\"\n[clock]\nscale = 60\nepoch = 2026-03-01T00:00:00Z\n";
        std::fs::write(&path, text).unwrap();
        assert_eq!(load(&path).unwrap().clock.map(|clock| clock.scale), Some(60));
    }
}
