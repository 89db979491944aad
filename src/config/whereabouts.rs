//! Where a journal is, told by a file that may be at fault elsewhere: for verbs that need no more.
//!
//! A slip in a policy must not stand between a person and `freeze`. What runs a daemon never uses this.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::clock::{self, ClockSetting};
use super::cloud;
use super::fault::{Fault, FaultKind, Faults};
use super::nearest::nearest;
use super::schema::Learned;
use super::section::{Notes, Section};
use super::socket::{self, SocketSetting};
use super::{DATA_DIR, parse, text_of};

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

/// An error, with all faults, where the file is not TOML or its `data_dir` or `[clock]` is at fault.
pub fn load(path: &Path) -> Result<Whereabouts, Faults> {
    let (name, text) = text_of(path)?;
    match parse(&name, &text) {
        Ok(config) => Ok(Whereabouts {
            data_dir: config.data_dir,
            socket: config.socket,
            clock: config.clock,
            faults: 0,
        }),
        Err(faults) => read(&text, &faults).ok_or(faults),
    }
}

fn read(text: &str, faults: &Faults) -> Option<Whereabouts> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // Where `data_dir` stands may be what is broken.
        return None;
    }
    let mut notes = Notes {
        text,
        faults: Vec::new(),
        warnings: Vec::new(),
        learned: Learned::new(),
        places: BTreeMap::new(),
    };
    let mut top = Section::top(table.get_ref());
    let data_dir = top.absolute_path("data_dir", &mut notes);
    let is_meant = !top.is_absent("data_dir") || faults.list().iter().any(is_misspelt_data_dir);
    if data_dir.is_none() && is_meant {
        return None;
    }
    let cloud = cloud::read(top.within("cloud", &mut notes), &mut notes);
    let section = top.within("clock", &mut notes);
    let has_clock = section.is_present() || !top.is_absent("clock");
    let clock = clock::read(section, &cloud, &mut notes);
    if has_clock && clock.is_none() {
        return None;
    }
    let socket = socket::read(top.within("socket", &mut notes), &mut notes);
    let data_dir = data_dir.map_or_else(|| PathBuf::from(DATA_DIR), |found| found.value);
    Some(Whereabouts { data_dir, socket, clock, faults: faults.list().len() })
}

/// An unknown setting that was to be `data_dir`, or stands in the wrong table.
fn is_misspelt_data_dir(fault: &Fault) -> bool {
    let name = fault.setting.as_deref().and_then(|setting| setting.rsplit('.').next());
    fault.kind == FaultKind::Unknown && name.is_some_and(|name| nearest(name, &["data_dir"]).is_some())
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
        assert_eq!(found("mood = 1\n").unwrap(), (PathBuf::from(DATA_DIR), 1));
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
    fn a_faulty_address_of_the_cloud_does_not_change_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("qm.toml");
        let text = "[cloud]\nbase_url = \"nowhere\"\n[clock]\nscale = 60\nepoch = 2026-03-01T00:00:00Z\n";
        std::fs::write(&path, text).unwrap();
        assert_eq!(load(&path).unwrap().clock.map(|clock| clock.scale), Some(60));
    }
}
