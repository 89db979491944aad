//! Whether the user whose daemon this is can read the configuration, as a check.
//!
//! Who examines may be another: root can read a file that the service, started from it, cannot.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::config::{self, Config};
use crate::report::doctor::Checks;

const ROOT: u32 = 0;
const READ: u32 = 0o4;
const ENTER: u32 = 0o1;

/// Says nothing where nothing is known against it: that it was read by us is said elsewhere.
pub fn check(file: &Path, config: &Config, checks: &mut Checks) {
    let Ok(file) = file.canonicalize() else { return };
    let (who, (user, group)) = match fs::metadata(&config.data_dir) {
        Ok(owned) if owned.uid() == ROOT => return,
        Ok(owned) => (
            format!("user {}, who owns {}", owned.uid(), config.data_dir.display()),
            (owned.uid(), owned.gid()),
        ),
        // Before its first start, the service that we ship has a user that nobody knows.
        Err(_) if file == Path::new(config::FILE) => ("a service of a user of its own".to_owned(), NOBODY),
        Err(_) => return,
    };
    let may = |path: &Path, right: u32| fs::metadata(path).is_ok_and(|it| allows(&it, user, group, right));
    let barred = file.ancestors().skip(1).find(|folder| !may(folder, ENTER));
    let (barred, mode) = match barred {
        Some(folder) => (folder, "0755"),
        None if !may(&file, READ) => (&*file, "0644"),
        None => return,
    };
    let seen = format!(
        "{} cannot be read by {who}: as that user `run` is refused, and so is a reload",
        file.display()
    );
    checks.warn("configuration", seen, format!("it holds no secret: chmod {mode} {}", barred.display()));
}

/// Whom no owner and no group is.
const NOBODY: (u32, u32) = (u32::MAX, u32::MAX);

fn allows(it: &Metadata, user: u32, group: u32, right: u32) -> bool {
    let place = match (it.uid() == user, it.gid() == group) {
        (true, _) => 6,
        (false, true) => 3,
        (false, false) => 0,
    };
    it.mode() >> place & right == right
}
